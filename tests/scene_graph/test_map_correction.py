"""The localiser was wrong and says so: what was placed under the wrong poses moves, nothing is seen twice, ids and rooms stay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from robomem.belief.correction import MapCorrection
from robomem.config import RobomemConfig
from robomem.errors import InvalidInputError
from robomem.geometry import inverse, pose2d, transform
from robomem.ids import IdAllocator
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Detections
from tests.fakes.small_home import COUNTER, DESK, S, SmallHome, thing

MUG, BOOK = (2.8, 0.6, 0.96), (6.3, 3.3, 0.765)
WRONG = pose2d(0.4, -0.3, np.deg2rad(20.0))  # half a metre and twenty degrees: T_wrong_right


class LostHome(SmallHome):
    """A robot that believes to be where it is not: every pose it gives is `error @ pose`."""

    def __init__(self, error: np.ndarray) -> None:
        super().__init__(thing("mug", 2.8, 0.6, 0.9), thing("book", 6.3, 3.3, 0.74, height=0.05, width=0.18))
        self.error = error

    def frame(self, eye: tuple[float, float, float], at: tuple[float, float, float]) -> tuple[RgbdFrame, Detections]:
        frame, found = super().frame(eye, at)
        return dataclasses.replace(frame, T_map_camera=self.error @ frame.T_map_camera), found

    def errors(self) -> dict[str, float]:
        """How far off the two small things are believed to be, m."""
        return {n: float(np.linalg.norm(self.world.object(self.one(n)).position - p)) for n, p in (("mug", MUG), ("book", BOOK))}


@pytest.fixture(scope="module")
def corrected() -> LostHome:
    """Both rooms seen under a wrong pose; then the correction, and one look at the counter under the right one."""
    home = LostHome(WRONG)
    home.tour()
    home.around(COUNTER)
    home.around(DESK)
    home.world.refresh_rooms()
    home.before = {v.id: v for v in home.world.objects()}
    home.stays = {i: [s.position for s in rows] for i, rows in home.world.graph.stays.items()}
    home.rooms = {n.id: n.label for n in home.world.graph.nodes("room")}
    home.wrong_by = home.errors()
    home.grid = {p: home.world.grid.state(*transform(WRONG, (*p, 0.0))[:2]) for p in ((1.5, 2.0), (5.0, 2.2), (2.9, 0.5), (6.4, 3.0))}
    home.told = home.world.correct_map(MapCorrection(inverse(WRONG)))
    home.error = np.eye(4)
    return home


def test_errors_are_back_within_no_frame_at_all(corrected: LostHome) -> None:
    assert min(corrected.wrong_by.values()) > 0.5
    assert max(corrected.errors().values()) < 0.05
    for i, view in corrected.before.items():
        now = corrected.world.object(i)
        assert np.allclose(now.position, transform(inverse(WRONG), view.position), atol=1e-9)
        assert np.allclose(np.linalg.eigvalsh(now.covariance), np.linalg.eigvalsh(view.covariance), atol=1e-12)
        cloud = corrected.world.tracker.particles(i).astype(float)
        assert np.linalg.norm(cloud.mean(0) - now.position) < 0.2 + np.sqrt(np.trace(now.covariance))


def test_history_floor_and_rooms_move_along(corrected: LostHome) -> None:
    for i, stays in corrected.stays.items():
        if i in corrected.before:
            assert np.allclose([s.position for s in corrected.world.graph.stays[i]], transform(inverse(WRONG), np.array(stays)))
    assert {p: corrected.world.grid.state(*p) for p in corrected.grid} == corrected.grid
    assert set(corrected.grid.values()) == {"free", "occupied"}
    kitchen = corrected.world.rooms.room_at(np.array([1.5, 2.0, 0.0]))
    other = corrected.world.rooms.room_at(np.array([5.0, 2.2, 0.0]))
    assert {kitchen, other} == set(corrected.rooms)


def test_it_is_one_event_that_says_how_far(corrected: LostHome) -> None:
    (event,) = corrected.told
    assert event.kind == "map_corrected" and event.after["shift_m"] == pytest.approx(0.5, abs=0.05) and event.after["turn_deg"] == -20.0
    assert np.array_equal(MapCorrection.from_json(event.after).T_new_old, inverse(WRONG))


def test_the_snapshot_goes_on_in_the_corrected_map(corrected: LostHome) -> None:
    twin = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(1))
    twin.restore(corrected.world.snapshot())
    assert twin.corrected == corrected.told[0].id
    for i, track in corrected.world.tracker.tracks.items():
        if track.body is not None and len(track.body.keys):
            assert np.allclose(twin.tracker.tracks[i].body.points(), track.body.points())


def test_what_is_seen_next_is_what_was_seen_before(corrected: LostHome) -> None:
    known = {v.id for v in corrected.before.values() if v.status != "tentative"}
    labels = sorted(v.label for v in corrected.before.values() if v.status in ("confirmed", "occluded"))
    first = corrected.look((2.0, 2.0, 1.35), COUNTER)
    assert corrected.told[0] in first.events and known <= set(first.changed)
    corrected.around(COUNTER)
    corrected.around(DESK)
    corrected.tour()
    corrected.world.refresh_rooms()
    after = [v for v in corrected.world.objects() if v.status in ("confirmed", "occluded")]
    assert sorted(v.label for v in after) == labels and {v.id for v in after} <= known  # no twin, no stranger
    assert max(corrected.errors().values()) < 0.05
    events = [e for r in corrected.results[corrected.results.index(first) :] for e in r.events]
    assert not [e for e in events if e.kind in ("removed", "moved", "appeared", "merged")]
    assert {n.id for n in corrected.world.graph.nodes("room")} == set(corrected.rooms)


def test_what_was_last_seen_before_the_error_stays() -> None:
    home = LostHome(np.eye(4))
    home.tour()
    home.around(COUNTER)
    since = round((home.t + 0.1) * S)
    home.error = WRONG
    wall = home.world.grid.state(0.0, 2.0)
    home.around(DESK)
    mug, book = (home.world.object(home.one(n)).position for n in ("mug", "book"))
    home.world.correct_map(MapCorrection(inverse(WRONG), since))
    assert np.array_equal(home.world.object(home.one("mug")).position, mug)
    assert np.allclose(home.world.object(home.one("book")).position, transform(inverse(WRONG), book))
    assert home.world.grid.state(0.0, 2.0) == wall and home.world.grid.state(1.5, 2.0) == "free"


@pytest.mark.parametrize(("seen", "share"), [(0, 0.0), (99, 0.0), (100, 0.0), (150, 0.5), (175, 0.75), (200, 1.0), (999, 1.0)])
def test_a_growing_error_is_taken_back_by_its_share(seen: int, share: float) -> None:
    T = pose2d(1.0, 0.0, 0.8)
    got = MapCorrection(T, 100, 200).at(seen)
    if share == 0.0:
        assert got is None
    else:
        assert np.allclose(got, pose2d(share, 0.0, 0.8 * share), atol=1e-9)


@pytest.mark.parametrize("T", [np.full((4, 4), np.nan), np.eye(3), np.diag([1.0, 1.0, -1.0, 1.0]), 2 * np.eye(4), pose2d(5000.0, 0.0, 0.0)])
def test_what_is_no_correction_is_refused(T: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="map correction"):
        MapCorrection(T)


def test_there_and_back_is_where_it_was() -> None:
    home = LostHome(np.eye(4))
    home.around(COUNTER)
    before = home.world.snapshot()
    for T in (WRONG, inverse(WRONG)):
        home.world.correct_map(MapCorrection(T))
    for a, b in zip(home.world.objects(), WorldView(before).objects(), strict=True):
        assert np.allclose(a.position, b.position, atol=1e-9) and a.id == b.id
        assert np.allclose(a.yaw_rad, b.yaw_rad)


def WorldView(arrays: dict) -> WorldModel:
    """A world restored from a snapshot."""
    world = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(2))
    world.restore(arrays)
    return world


def test_parts_that_do_not_fit_into_one_map_make_it_start_over() -> None:
    home = LostHome(np.eye(4))
    home.around(COUNTER)
    since = round((home.t + 0.1) * S)
    home.around(DESK)
    home.world.correct_map(MapCorrection(pose2d(900.0, 0.0, 0.0), since))
    assert home.world.grid.shape == (0, 0) and home.world.grid.refused == {"torn_apart": 1}
    home.around(COUNTER)
    assert home.world.grid.free.any()
