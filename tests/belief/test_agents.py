"""People walk: a Kalman filter that follows, coasts and doubts; who is out of sight is gone, and no look is kept unless asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from robomem.belief.agents import WIDEST_M, Walker
from robomem.belief.tracker import Tracker
from robomem.config import BeliefConfig, PerceptionConfig
from robomem.geometry import look_at
from robomem.ids import IdAllocator
from robomem.ontology import default_ontology
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.types import ObjectView, Observations

S = 1_000_000_000
K = Intrinsics(60.0, 60.0, 40.0, 30.0, 80, 60)
RGB, DEPTH = np.zeros((60, 80, 3), np.uint8), np.full((60, 80), 6.0, np.float32)
RED, BLUE = np.eye(4, dtype=np.float32)[:2]


class Hall:
    """People in a large empty room, seen by a camera in the corner of it."""

    def __init__(self, seed: int = 0, **config: object) -> None:
        self.tracker = Tracker(
            BeliefConfig(**config), PerceptionConfig(), IdAllocator().next, np.random.default_rng(seed), default_ontology()
        )  # type: ignore[arg-type]
        self.rng, self.t = np.random.default_rng(seed + 1), 100.0

    def look(self, *people: tuple[float, float, np.ndarray], dt: float = 0.2) -> list[ObjectView]:
        """One frame `dt` seconds later; people as (x, y, look). Returns those who are tracked."""
        self.t += dt
        n = len(people)
        positions = np.array([(x + self.rng.normal(0, 0.05), y + self.rng.normal(0, 0.05), 0.85) for x, y, _ in people]).reshape(n, 3)
        obs = Observations(
            round(self.t * S), ("person",) * n, np.full(n, 0.9), positions, np.tile(np.eye(3) * 25e-4, (n, 1, 1)),
            np.tile([0.5, 0.5, 1.7], (n, 1)), np.zeros(n), np.array([p[2] for p in people], np.float32).reshape(n, 4), ("",) * n,
            np.full(n, 900), np.zeros(n, bool), np.zeros((n, 4)), tuple(np.zeros((0, 3), np.float32) for _ in people), ({},) * n,
        )  # fmt: skip
        self.tracker.step(RgbdFrame(round(self.t * S), RGB, DEPTH, K, look_at((0.0, 0.0, 1.4), (3.0, 0.0, 0.9))), obs)
        return self.seen()

    def seen(self) -> list[ObjectView]:
        return [v for v in self.tracker.views() if v.kind == "agent" and v.status == "confirmed"]

    def walk(self, seconds: float, look: np.ndarray = RED, y0: float = -1.0, speed: float = 0.8, dt: float = 0.2) -> list[float]:
        """Someone crosses the hall. Returns the errors (m) once tracked."""
        errors = []
        for k in range(round(seconds / dt)):
            y = y0 + speed * k * dt
            seen = self.look((3.0, y, look), dt=dt)
            if seen:
                errors.append(float(np.linalg.norm(seen[0].position[:2] - (3.0, y))))
        return errors


@pytest.mark.parametrize(("speed", "dt"), [(0.8, 0.2), (1.4, 0.2), (0.8, 0.5), (1.2, 1.0)])
def test_who_walks_is_followed_under_one_id(speed: float, dt: float) -> None:
    hall = Hall()
    errors = hall.walk(8.0, y0=-4.0, speed=speed, dt=dt)
    assert len([t for t in hall.tracker.tracks.values() if t.confirmed_once]) == 1
    assert len(errors) > 3 and np.median(errors) < 0.12
    track = next(t for t in hall.tracker.tracks.values() if t.confirmed_once)
    assert abs(track.velocity[1] - speed) < 0.3 and abs(track.velocity[0]) < 0.3


def test_two_who_cross_keep_their_ids() -> None:
    hall = Hall()
    for k in range(30):
        hall.look((3.0, -1.8 + 0.12 * k, RED), (3.3, 1.8 - 0.12 * k, BLUE))
        if k == 10:
            before = [v.id for v in sorted(hall.seen(), key=lambda v: v.position[1])]
    blue, red = sorted(hall.seen(), key=lambda v: v.position[1])
    assert before == [red.id, blue.id]
    assert len([t for t in hall.tracker.tracks.values() if t.confirmed_once]) == 2
    assert red.position[1] > 1.3 and blue.position[1] < -1.3


def test_out_of_sight_for_a_moment_is_the_same_person_for_long_someone_new() -> None:
    for away_s, same in ((2.0, True), (30.0, False)):
        hall = Hall()
        hall.walk(3.0)
        first = hall.seen()[0].id
        hall.t += away_s
        for _ in range(12):
            hall.look((3.0, 1.8, RED))
        now = hall.seen()
        assert len(now) == 1 and (now[0].id == first) is same


@pytest.mark.parametrize("keep", [False, True])
def test_looks_outlive_the_sight_only_if_configured(keep: bool) -> None:
    hall = Hall(keep_people=keep)
    hall.walk(3.0)
    first = hall.seen()[0].id
    hall.t += 30.0
    hall.look()
    ended = hall.tracker.tracks[first]
    assert ended.status == "removed" and (ended.embedding.size > 0) is keep
    for look in (BLUE, RED):
        hall.t += 30.0
        for _ in range(12):
            hall.look((3.0, 0.0, look))
        assert (hall.seen()[-1].id == first) is (keep and look is RED)


def test_who_left_long_ago_takes_no_room() -> None:
    hall = Hall()
    for _ in range(8):
        hall.walk(3.0)
        hall.t += 120.0
    hall.look()
    assert len(hall.tracker.tracks) <= 1 and hall.tracker.table.capacity == 128


def test_while_unseen_doubt_grows_to_a_bound_and_the_pace_is_forgotten() -> None:
    walker = Walker(np.zeros(2), np.zeros(2), np.eye(2) * 0.01)
    for k in range(1, 20):
        walker.predict(0.2, 0.0)
        walker.update(np.array([0.2 * k, 0.0]), np.eye(2) * 0.01)
    assert abs(walker.velocity[0] - 1.0) < 0.1
    spread, at = [], []
    for k in range(300):
        walker.predict(0.2, 0.2 * (k + 1))
        spread.append(float(np.trace(walker.covariance)))
        at.append(walker.position[0])
        assert (np.linalg.eigvalsh(walker.covariance) > 0).all()
    assert all(b >= a - 1e-9 for a, b in pairwise(spread)) and spread[-1] <= 2 * WIDEST_M**2 + 1e-6
    assert at[-1] == at[20] and at[20] - 3.8 < 1.8


def test_a_long_gap_is_the_same_in_one_step_as_in_many() -> None:
    one, many = (Walker(np.zeros(2), np.array([0.5, 0.0]), np.eye(2) * 0.01) for _ in range(2))
    one.predict(1.0, 1.0)
    for k in range(2):
        many.predict(0.5, 0.5 * (k + 1))
    assert np.allclose(one.position, many.position) and np.allclose(one.covariance, many.covariance)
    one.predict(1e6, 1e6)
    assert np.isfinite(one.covariance).all() and np.sqrt(one.covariance[0, 0]) <= WIDEST_M + 1e-6
