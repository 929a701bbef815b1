"""Split: two things taken for one become two when they are seen apart, and a second thing put beside the first is no split."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.belief.track import Track
from tests.fakes.plane_world import Box
from tests.fakes.table_scene import Watcher, item, kitchen

TABLE = (2.0, 0.0, 0.8)
LEFT, RIGHT = item("cup", 1.8, 0.14), item("cup", 1.8, 0.02)
BOTH = Box((1.755, -0.025, 0.75), (1.845, 0.185, 0.85), "cup")


def cups(w: Watcher) -> list[Track]:
    return [t for t in w.tracker.tracks.values() if t.labels.best() == "cup" and t.status in ("confirmed", "occluded")]


@pytest.mark.parametrize("seed", range(4))
def test_two_cups_taken_for_one_become_two(seed: int) -> None:
    w = Watcher(seed)
    w.around(kitchen(BOTH), TABLE)  # the detector gives one box for both
    one = w.one("cup")
    w.around(kitchen(LEFT, RIGHT), TABLE, frames=12)
    assert len(cups(w)) == 2 and one in {t.id for t in cups(w)}
    assert [s for c in w.log for s in c.split] == [(one, next(t.id for t in cups(w) if t.id != one))]
    ys = sorted(float(w.tracker.table.mean[t.row][1]) for t in cups(w))
    assert np.allclose(ys, (0.02, 0.14), atol=0.03)
    assert all(float(w.tracker.table.size[t.row].max()) < 0.14 for t in cups(w))
    w.around(kitchen(LEFT, RIGHT), TABLE, frames=20)
    assert len(cups(w)) == 2 and not any(c.merged for c in w.log)  # and they stay two


def test_a_second_cup_put_down_beside_the_first_is_no_split() -> None:
    w = Watcher()
    w.around(kitchen(LEFT), TABLE)
    w.around(kitchen(LEFT, item("cup", 1.8, -0.15)), TABLE, frames=12)
    assert len(cups(w)) == 2 and not any(c.split for c in w.log)


def test_a_box_cut_in_two_for_a_few_frames_stays_one() -> None:
    w = Watcher()
    w.around(kitchen(BOTH), TABLE)
    one = w.one("cup")
    w.around(kitchen(LEFT, RIGHT), TABLE, frames=2)
    w.around(kitchen(BOTH), TABLE, frames=16)
    assert [t.id for t in cups(w)] == [one] and not any(c.split for c in w.log)
