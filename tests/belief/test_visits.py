"""A robot that comes by again and again sees a thing from the same viewpoint each time, hours apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.table_scene import Watcher, item, kitchen

MUG = item("mug", 1.9, 0.2)
AT = (1.9, 0.2, 0.8)
LOOK = np.eye(64, dtype=np.float32)[0]


@pytest.mark.parametrize("label", ["mug", "book"])
def test_what_is_seen_on_every_visit_stays_believed(label: str) -> None:
    """What one viewpoint may add was used up on the first visits; ageing between the visits then wore the belief down to nothing."""
    watcher, world = Watcher(), kitchen(item(label, 1.9, 0.2))
    watcher.around(world, AT, frames=6)
    thing = watcher.one(label)
    for visit in range(16):
        watcher.t += 4 * 3600.0
        for _ in range(4):
            watcher.look(world, (0.5, 0.2, 1.35), AT)
        view = watcher.tracker.view(thing)
        assert view is not None and view.existence > 0.95 and view.status == "confirmed", visit


def test_silences_of_a_viewpoint_stay_used_up_over_visits() -> None:
    """A thing that one viewpoint never names, though depth shows its shape, is not removed by coming back often."""
    watcher, world = Watcher(), kitchen(MUG)
    watcher.around(world, AT, frames=8)
    thing = watcher.one("mug")
    for _ in range(6):
        watcher.t += 600.0
        for _ in range(4):
            watcher.look(world, (0.5, 0.2, 1.35), AT, skip=("mug",))
    view = watcher.tracker.view(thing)
    assert view is not None and view.existence > 0.7


def test_age_and_one_silence_are_no_removal() -> None:
    """After two days away a mug is doubtful by time alone; one image in which the detector does not name once reported it gone."""
    watcher, world = Watcher(), kitchen(MUG)
    watcher.around(world, AT, frames=8)
    thing = watcher.one("mug")
    watcher.t += 120 * 3600.0
    watcher.look(world, (0.5, 0.2, 1.35), AT, skip=("mug",))
    view = watcher.tracker.view(thing)
    assert view is not None and view.existence < 0.4 and view.status == "confirmed"
    for _ in range(2):  # gone indeed: a look through its place is evidence
        watcher.look(kitchen(), (0.5, 0.2, 1.35), AT)
    view = watcher.tracker.view(thing)
    assert view is not None and view.status in ("missing", "removed")


def test_what_is_seen_through_does_not_sink_into_what_it_stood_on() -> None:
    """A tray goes and the pose is a centimetre off: the particles left over lay lower and lower, till the table top was the tray."""
    watcher, tray = Watcher(2), item("tray", 1.9, 0.2, height=0.04, width=0.32)
    watcher.around(kitchen(tray), AT, frames=12)
    thing = watcher.one("tray")
    height = float(watcher.tracker.view(thing).position[2])
    watcher.pose_error = np.array([0.0, 0.0, 0.01])
    for _ in range(12):
        watcher.look(kitchen(), (0.9, -0.4, 1.35), AT)
    assert watcher.tracker.view(thing).position[2] > height - 0.004


def away_with_a_look_alike(hours: float) -> tuple[Watcher, int, float]:
    """A mug on the table; `hours` later one just like it on the desk, while nobody looks at the table. Its id, its existence before."""
    watcher, second = Watcher(), item("mug", 1.9, 3.1)
    watcher.looks = {MUG: LOOK, second: LOOK}
    watcher.around(kitchen(MUG), AT, frames=8)
    thing = watcher.one("mug")
    watcher.t += hours * 3600.0
    before = _existence(watcher, thing)
    for a in (-0.5, 0.0, 0.5, 0.8):
        watcher.look(kitchen(MUG, second), (0.6, 3.0 + a, 1.35), (1.9, 3.1, 0.8))
    return watcher, thing, before


def _existence(watcher: Watcher, thing: int) -> float:
    view = watcher.tracker.view(thing)
    assert view is not None
    return view.existence


def test_a_look_alike_elsewhere_casts_doubt_on_what_was_long_out_of_sight_until_it_is_seen_again() -> None:
    watcher, thing, before = away_with_a_look_alike(hours=20.0)
    assert _existence(watcher, thing) < 0.5 < before
    watcher.look(kitchen(MUG, item("mug", 1.9, 3.1)), (0.5, 0.2, 1.35), AT)
    assert _existence(watcher, thing) > 0.9  # there are two


def test_a_look_alike_a_moment_later_is_another_one() -> None:
    watcher, thing, before = away_with_a_look_alike(hours=0.0)
    assert _existence(watcher, thing) > 0.9 * before
