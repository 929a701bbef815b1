"""Carried: what someone takes along is with them, softly; what moves in a hand has no place until it lies still."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from robomem.belief.carried import REACH_M, TAKEN
from robomem.types import Observations
from tests.fakes.table_scene import S, Watcher, item, kitchen, observe, view

TABLE, DESK = (2.0, 0.0, 0.8), (2.0, 3.0, 0.8)
MUG = item("mug", 1.8, 0.2)


def with_person(obs: Observations, xy: tuple[float, float]) -> Observations:
    """The same frame with a person in it."""
    n = len(obs) + 1
    values = {f.name: getattr(obs, f.name) for f in dataclasses.fields(obs)}
    row = {
        "labels": "person", "scores": 0.9, "positions": (*xy, 0.85), "covariances": np.eye(3) * 25e-4, "sizes": (0.5, 0.5, 1.7),
        "yaws": 0.0, "embeddings": np.zeros(obs.embeddings.shape[1]), "colors": "", "pixels": 900,
        "truncated": False, "boxes_xyxy": np.zeros(4),
        "points": np.zeros((0, 3), np.float32), "states": {},
    }  # fmt: skip
    joined = {
        k: (*v, row[k]) if isinstance(v, tuple) else np.concatenate([v, np.asarray(row[k], v.dtype)[None]])
        for k, v in values.items()
        if k != "stamp_ns"
    }
    assert len(joined["labels"]) == n
    return Observations(obs.stamp_ns, **joined)


class Visited(Watcher):
    """A kitchen corner in which somebody walks about."""

    def see(self, world, at, person: tuple[float, float] | None, frames: int = 8, dt: float = 0.5, eye=None) -> None:
        for a in np.linspace(-0.7, 0.7, frames):
            self.t += dt
            where = eye or (at[0] - 1.5 * float(np.cos(a)), at[1] + 1.5 * float(np.sin(a)), 1.35)
            frame = view(world, where, at, self.t)
            obs = observe(world, frame, self.rng)
            self.log.append(self.tracker.step(frame, with_person(obs, person) if person else obs))

    def person(self) -> int:
        return next(t.id for t in self.tracker.tracks.values() if t.kind == "agent" and t.confirmed_once and t.status != "removed")


def test_a_thing_gone_from_where_someone_stood_is_with_them_until_they_leave() -> None:
    w = Visited()
    w.see(kitchen(MUG), TABLE, (2.0, 0.7))
    mug, person = w.one("mug"), w.person()
    w.see(kitchen(), TABLE, (2.0, 0.8))
    w.see(kitchen(), TABLE, (2.0, 1.6))
    assert [c for log in w.log for c in log.carried] == [(mug, person)] and w.tracker.carried == {mug: person}
    here = w.tracker.particles(mug)
    with_them = np.linalg.norm(here[:, :2] - (2.0, 1.6), axis=1) < 1.0
    assert abs(np.mean(with_them) - TAKEN) < 0.1
    gone = w.tracker.view(mug)
    assert gone is not None and gone.status == "missing" and gone.existence > 0.3  # softly: an empty table does not wear it down
    w.see(kitchen(), TABLE, None, frames=16)
    assert w.tracker.carried == {} and [i for log in w.log for i in log.released] == [mug]


def test_what_they_put_down_elsewhere_has_its_old_id() -> None:
    w = Visited()
    w.see(kitchen(MUG), TABLE, (2.0, 0.7))
    mug = w.one("mug")
    w.see(kitchen(), TABLE, (2.0, 0.8))
    w.see(kitchen(item("mug", 1.9, 3.1)), DESK, (2.4, 2.2), frames=10)
    assert w.one("mug") == mug and w.tracker.carried == {}


@pytest.mark.parametrize("xy", [(2.0, 0.2 + 2 * REACH_M), None])
def test_without_anyone_near_it_is_just_gone(xy: tuple[float, float] | None) -> None:
    w = Visited()
    w.see(kitchen(MUG), TABLE, xy)
    mug = w.one("mug")
    w.see(kitchen(), TABLE, xy, frames=10)
    assert w.tracker.view(mug).status in ("missing", "removed") and w.tracker.carried == {}  # type: ignore[union-attr]


def test_a_thing_in_a_hand_is_followed_and_moves_once_it_lies() -> None:
    w = Visited()
    w.see(kitchen(MUG), TABLE, (2.0, 0.7))
    mug, person = w.one("mug"), w.person()
    for k in range(12):  # along the table, ten frames a second, 0.5 m/s
        y = 0.2 + 0.05 * k
        w.see(kitchen(item("mug", 1.8, y, bottom=0.95)), TABLE, (2.0, y + 0.5), frames=1, dt=0.1, eye=(0.4, 0.3, 1.4))
    assert w.tracker.carried == {mug: person}
    assert w.tracker.view(mug).status == "confirmed"  # type: ignore[union-attr]
    w.see(kitchen(item("mug", 1.8, 0.55, bottom=0.75)), TABLE, (2.0, 1.25), frames=20, dt=0.2, eye=(0.4, 0.3, 1.4))
    assert w.tracker.carried == {} and w.one("mug") == mug
    assert abs(float(w.tracker.view(mug).position[1]) - 0.55) < 0.05  # type: ignore[union-attr]


def test_a_newcomer_in_a_hand_is_nowhere() -> None:
    """Seen in mid-air beside somebody it is not taken for a thing of that place; standing on the table beside them, it is."""
    w = Visited()
    w.see(kitchen(), TABLE, (2.0, 0.7))
    w.see(kitchen(item("mug", 1.2, 0.6, bottom=1.0)), TABLE, (1.3, 1.0), frames=12, dt=0.2, eye=(0.2, -0.6, 1.4))
    assert not [v for v in w.tracker.views() if v.label == "mug" and v.status != "tentative"]
    w.see(kitchen(), TABLE, (2.0, 1.6), frames=12, dt=0.2)
    assert not [v for v in w.tracker.views() if v.label == "mug"]
    w.see(kitchen(item("mug", 1.8, 0.5)), TABLE, (2.0, 1.1), frames=12, dt=0.2, eye=(0.4, 0.3, 1.4))
    assert w.tracker.view(w.one("mug")).status == "confirmed"  # type: ignore[union-attr]


def test_the_robots_hand_wins() -> None:
    w = Visited()
    w.see(kitchen(MUG), TABLE, (2.0, 0.7))
    mug = w.one("mug")
    w.see(kitchen(), TABLE, (2.0, 0.8))
    assert mug in w.tracker.carried
    T = np.eye(4)
    T[:3, 3] = 1.0, 1.0, 1.0
    w.tracker.set_held(mug, T)
    assert w.tracker.carried == {} and w.t * S > 0
