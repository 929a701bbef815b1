"""Near: a probability from pairs of particles, with an interval, renewed for what moved, gone with what left."""

from __future__ import annotations

import time

import numpy as np
import pytest

from robomem.belief.labels import LabelBelief
from robomem.belief.track import Track
from robomem.belief.tracker import Tracker
from robomem.config import RobomemConfig
from robomem.ids import IdAllocator
from robomem.ontology import default_ontology
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.nearness import AT_ONCE, NEAR_M, Nearness, neighbours
from tests.fakes.small_home import COUNTER, SmallHome, thing


class Shelf:
    """Tracks at given positions with a given spread, and their nearness."""

    def __init__(self, places: list[tuple[float, float, float]], spread: float = 0.005, size: float = 0.1) -> None:
        config, ids = RobomemConfig(), IdAllocator()
        self.rng = np.random.default_rng(0)
        self.tracker = Tracker(config.belief, config.perception, ids.next, self.rng, default_ontology())
        self.graph = SceneGraph()
        self.ids = [self._add(ids.next(), p, spread, size) for p in places]
        self.near = Nearness(self.graph, self.tracker)
        self.t = 0

    def _add(self, i: int, place: tuple[float, float, float], spread: float, size: float) -> int:
        table = self.tracker.table
        row = table.claim()
        told = {"first_seen_ns": 0, "last_seen_ns": 0, "last_evidence_ns": 0}
        self.tracker.tracks[i] = Track(i, row, "object", LabelBelief(default_ontology()), status="confirmed", **told)
        table.size[row], table.yaw[row] = size, 0.0
        self.place(i, place, spread)
        self.graph.put(Node(i, "object", "cup", np.array(place), np.full(3, size)))
        return i

    def place(self, i: int, place: tuple[float, float, float], spread: float = 0.005) -> None:
        table, row = self.tracker.table, self.tracker.tracks[i].row
        table.positions[row] = np.array(place) + self.rng.normal(0, spread, table.positions[row].shape)
        table.mean[row] = table.positions[row].mean(axis=0)

    def step(self, frames: int = 1) -> None:
        for _ in range(frames):
            self.t += 1
            self.near.update(self.t, self.ids)

    def p(self, a: int, b: int) -> float:
        return dict(neighbours(self.graph, self.ids[a])).get(self.ids[b], 0.0)


@pytest.mark.parametrize(
    ("gap", "spread", "low", "high"),
    [(0.2, 0.005, 0.99, 1.0), (NEAR_M - 0.02, 0.03, 0.6, 0.85), (NEAR_M, 0.03, 0.0, 0.65), (0.45, 0.005, 0.0, 0.0), (0.1, 1e-9, 1.0, 1.0)],
)
def test_the_probability_is_the_share_of_pairs(gap: float, spread: float, low: float, high: float) -> None:
    shelf = Shelf([(0, 0, 1), (0.1 + gap, 0, 1)], spread)
    shelf.step(2)
    assert low <= shelf.p(0, 1) <= high and shelf.p(0, 1) == shelf.p(1, 0)


def test_the_share_agrees_with_all_pairs() -> None:
    shelf = Shelf([(0, 0, 1), (0.36, 0, 1)], 0.04)
    table, rows = shelf.tracker.table, [shelf.tracker.tracks[i].row for i in shelf.ids]
    shelf.step(2)
    offset = np.abs(table.positions[rows[0]][:, None] - table.positions[rows[1]][None]) - 0.1
    every = float((np.linalg.norm(np.maximum(offset, 0), axis=-1) < NEAR_M).mean())
    assert shelf.p(0, 1) == pytest.approx(every, abs=0.15)  # 100 of 10,000 pairs


def test_it_holds_from_when_they_met_until_one_left() -> None:
    shelf = Shelf([(0, 0, 1), (2, 0, 1)])
    shelf.step(3)
    assert not shelf.graph.all_relations()
    shelf.place(shelf.ids[1], (0.3, 0, 1))
    shelf.step()
    met = shelf.t
    shelf.step(5)
    shelf.place(shelf.ids[0], (0, 3, 1))
    shelf.step()
    (row,) = shelf.graph.all_relations()
    assert (row.subject, row.object, row.from_ns, row.to_ns) == (*shelf.ids, met, shelf.t)
    assert neighbours(shelf.graph, shelf.ids[0], at_ns=met)[0][0] == shelf.ids[1]


@pytest.mark.parametrize("status", ["missing", "removed", "held"])
def test_what_is_gone_or_held_is_near_nothing(status: str) -> None:
    shelf = Shelf([(0, 0, 1), (0.17, 0, 1), (0.34, 0, 1)])
    shelf.step(3)
    assert shelf.p(0, 1) > 0.9 and shelf.p(1, 2) > 0.9
    shelf.tracker.tracks[shelf.ids[1]].status = status  # type: ignore[assignment]
    shelf.step()
    assert shelf.p(0, 1) == shelf.p(1, 2) == 0.0 and shelf.p(0, 2) > 0.5  # the other two still are


def test_what_stands_on_another_is_not_near_it() -> None:
    shelf = Shelf([(0, 0, 1), (0, 0, 1.1)])
    shelf.graph.relate(shelf.ids[1], "on", shelf.ids[0], 1.0, 0)
    shelf.step(2)
    assert shelf.p(0, 1) == 0.0


def test_a_doubt_at_the_border_does_not_flicker() -> None:
    shelf = Shelf([(0, 0, 1), (0.38, 0, 1)], 0.03)
    shelf.step(2)
    for k in range(30):
        shelf.place(shelf.ids[1], (0.36 + 0.06 * (k % 2), 0, 1), 0.03)
        shelf.step()
    assert len(shelf.graph.all_relations()) <= 3


def test_it_is_told_by_the_builder() -> None:
    home = SmallHome(thing("mug", 2.7, 0.55, 0.9), thing("bowl", 2.95, 0.55, 0.9, height=0.08, width=0.14))
    home.tour()
    home.around(COUNTER)
    mug, bowl = home.one("mug"), home.one("bowl")
    found = dict(neighbours(home.world.graph, mug))
    assert found[bowl] > 0.9 and home.world.graph.parent(mug)[0] not in found  # type: ignore[index]


def test_merging_neighbours_leaves_no_thing_near_itself() -> None:
    shelf = Shelf([(0, 0, 1), (0.2, 0, 1), (0.3, 0, 1)])
    shelf.step(3)
    a, b, c = shelf.ids
    shelf.graph.alias(b, a, 9)
    assert all(r.subject != r.object for r in shelf.graph.relations()) and dict(neighbours(shelf.graph, a))[c] > 0.5


def test_it_costs_little_at_forty_objects() -> None:
    shelf = Shelf([(0.25 * (k % 8), 0.25 * (k // 8), 1.0) for k in range(40)])
    shelf.step(40 // AT_ONCE + 2)  # everything is new: a bounded number at a time
    steady, busy = [], []
    for k in range(40):
        start = time.process_time()
        shelf.step()
        steady.append(time.process_time() - start)
        shelf.place(shelf.ids[k], (0.25 * (k % 8) + 0.06, 0.25 * (k // 8), 1.0))
        start = time.process_time()
        shelf.step()
        busy.append(time.process_time() - start)
    assert min(steady) < 0.15e-3 and min(busy) < 0.5e-3  # the least: the machine may be busy with other tests
