"""The tracker as stories: seen, hidden, moved, taken, put back."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.geometry import pose2d
from tests.fakes import table_scene
from tests.fakes.table_scene import Watcher, item, kitchen

TABLE, DESK = (2.0, 0.0, 0.8), (2.0, 3.0, 0.8)


def test_a_thing_seen_from_several_views_is_confirmed_where_it_is() -> None:
    w = Watcher()
    w.around(kitchen(item("mug", 1.8, 0.2), item("apple", 1.9, -0.3, height=0.08, width=0.08)), TABLE)
    mug = w.tracker.view(w.one("mug"))
    assert mug is not None and mug.status == "confirmed" and mug.existence > 0.95 and mug.color == "red"
    assert np.linalg.norm(mug.position - (1.8, 0.2, 0.80)) < 0.03
    assert w.one("apple") != mug.id


@pytest.mark.parametrize("height", [0.03, 0.08, 0.20], ids=["book", "mug", "bottle"])
def test_what_was_taken_from_a_table_is_found_missing(height: float) -> None:
    w = Watcher()
    label = {0.03: "book", 0.08: "mug", 0.20: "bottle"}[height]
    w.around(kitchen(item(label, 1.8, 0.2, height=height, width=0.16 if height < 0.05 else 0.09)), TABLE)
    thing = w.one(label)
    w.around(kitchen(), TABLE, frames=10)
    view = w.tracker.view(thing)
    assert view is not None and view.status in ("missing", "removed") and view.existence < 0.5


def test_ten_misses_from_one_viewpoint_do_not_delete_what_depth_still_shows() -> None:
    w = Watcher()
    world = kitchen(item("mug", 1.8, 0.2))
    w.around(world, TABLE)
    mug = w.one("mug")
    for _ in range(12):
        w.look(world, (0.6, -0.5, 1.35), TABLE, skip=("mug",))
    view = w.tracker.view(mug)
    assert view is not None and view.status == "confirmed" and view.existence > 0.7


def test_hidden_things_keep_their_existence() -> None:
    w = Watcher()
    mug_box = item("mug", 1.8, 0.2)
    w.around(kitchen(mug_box), TABLE)
    mug = w.one("mug")
    before = w.tracker.view(mug)
    screen = item("bottle", 1.45, 0.2, bottom=0.0, height=1.5, width=0.6)
    for _ in range(10):
        w.look(kitchen(mug_box, screen), (0.5, 0.2, 1.2), TABLE, skip=("bottle",))
    after = w.tracker.view(mug)
    assert before is not None and after is not None and after.existence > before.existence - 0.02
    assert after.status == "occluded"


def test_a_moved_thing_keeps_its_id_and_leaves_no_twin() -> None:
    w = Watcher()
    w.around(kitchen(item("mug", 1.8, 0.2)), TABLE)
    mug = w.one("mug")
    moved = kitchen(item("mug", 1.9, 3.1))
    w.around(moved, TABLE)
    assert w.tracker.view(mug).status in ("missing", "removed")  # type: ignore[union-attr]
    w.around(moved, DESK)
    view = w.tracker.view(mug)
    assert view is not None and view.status == "confirmed"
    assert np.linalg.norm(view.position - (1.9, 3.1, 0.80)) < 0.04  # not the mean of both places
    assert w.one("mug") == mug
    assert any(i == mug for c in w.log for i, _, _ in c.moved)


def test_found_at_the_new_place_first_the_old_id_wins_once_the_old_place_is_seen_empty() -> None:
    w = Watcher()
    w.around(kitchen(item("mug", 1.8, 0.2)), TABLE)
    mug = w.one("mug")
    moved = kitchen(item("mug", 1.9, 3.1))
    w.around(moved, DESK)
    newcomer = next(v.id for v in w.tracker.views() if v.label == "mug" and v.id != mug)
    w.around(moved, TABLE)
    assert w.one("mug") == mug and w.tracker.resolve(newcomer) == mug


def test_two_equal_things_stay_two() -> None:
    w = Watcher()
    w.around(kitchen(item("cup", 1.8, 0.15), item("cup", 1.8, -0.10)), TABLE, frames=12, recall=0.8)
    cups = [v for v in w.tracker.views() if v.label == "cup" and v.status == "confirmed"]
    assert len(cups) == 2


@pytest.mark.parametrize(("color", "same"), [("red", True), ("blue", False)], ids=["same colour", "another colour"])
def test_a_lost_mug_on_its_old_spot_is_known_again_under_a_related_name(monkeypatch: pytest.MonkeyPatch, color: str, same: bool) -> None:
    """A detector that calls the mug a cup from every view must not make a second thing where the mug always stands."""
    monkeypatch.setitem(table_scene.COLORS, "cup", color)
    w = Watcher()
    w.around(kitchen(item("mug", 1.8, 0.2)), TABLE)
    mug = w.one("mug")
    w.around(kitchen(), TABLE, frames=12)
    assert w.tracker.view(mug).status in ("missing", "removed")  # type: ignore[union-attr]
    w.around(kitchen(item("cup", 1.8, 0.2)), TABLE, frames=12)
    back = [v.id for v in w.tracker.views() if v.status == "confirmed" and np.linalg.norm(v.position - (1.8, 0.2, 0.80)) < 0.05]
    assert len(back) == 1 and (back[0] == mug) is same


def test_clutter_dies() -> None:
    w = Watcher()
    w.look(kitchen(item("mug", 1.8, 0.2)), (0.5, 0.0, 1.35), TABLE)
    w.around(kitchen(), TABLE, frames=8)
    assert not [v for v in w.tracker.views() if v.label == "mug"]


def test_without_a_detector_depth_alone_still_speaks() -> None:
    w = Watcher()
    w.around(kitchen(item("bottle", 1.8, 0.2, height=0.25)), TABLE)
    bottle = w.one("bottle")
    for a in np.linspace(-0.7, 0.7, 8):
        w.look(kitchen(), (2 - 1.5 * float(np.cos(a)), 1.5 * float(np.sin(a)), 1.35), TABLE, detector=False)
    assert w.tracker.view(bottle).existence < 0.5  # type: ignore[union-attr]


def test_a_held_thing_rides_on_the_gripper_and_cannot_go_missing() -> None:
    w = Watcher()
    w.around(kitchen(item("mug", 1.8, 0.2)), TABLE)
    mug = w.one("mug")
    w.tracker.set_held(mug, pose2d(0.4, 1.0, 0.0, 0.9))
    w.around(kitchen(), TABLE)
    held = w.tracker.view(mug)
    assert held is not None and held.status == "held" and np.allclose(held.position, (0.4, 1.0, 0.9))
    w.tracker.set_held(mug, pose2d(1.9, 3.1, 0.0, 0.8))
    w.tracker.set_held(mug, None)
    w.around(kitchen(item("mug", 1.9, 3.1)), DESK)
    assert w.one("mug") == mug
    assert np.linalg.norm(w.tracker.view(mug).position - (1.9, 3.1, 0.80)) < 0.05  # type: ignore[union-attr]


def test_same_seed_same_belief() -> None:
    def story() -> np.ndarray:
        w = Watcher(seed=5)
        w.around(kitchen(item("mug", 1.8, 0.2), item("apple", 1.9, -0.3)), TABLE, recall=0.8)
        return np.concatenate([w.tracker.particles(v.id).ravel() for v in w.tracker.views()])

    assert np.array_equal(story(), story())


def test_weights_stay_normalised_and_finite_through_everything() -> None:
    w = Watcher()
    w.around(kitchen(item("mug", 1.8, 0.2)), TABLE, recall=0.5)
    w.around(kitchen(item("mug", 1.8, 0.5)), TABLE, recall=0.5)
    rows = [t.row for t in w.tracker.tracks.values()]
    weights = np.exp(w.tracker.table.log_weights[rows].astype(float)).sum(axis=1)
    assert np.allclose(weights, 1.0, atol=1e-3) and np.isfinite(w.tracker.table.positions[rows]).all()
