"""The room layer: places keep their ids, connections end when a door is walled up, a thing in a doorway is partly in each room."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.config import RobomemConfig
from robomem.ids import IdAllocator
from robomem.ontology import default_ontology
from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph import room_layer
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.room_layer import Cloud, RoomLayer
from robomem.scene_graph.rooms import segment_rooms
from tests.fakes.explored_home import explored_home

THING = 900


class Home:
    """A room layer over the explored home's grid; one thing whose particles are given."""

    def __init__(self, grid: OccupancyGrid) -> None:
        self.graph, self.particles = SceneGraph(), np.zeros((0, 3), np.float32)
        ids = IdAllocator()
        self.graph.put(Node(ids.next(), "building", "home", np.zeros(3), np.zeros(3)))
        self.grid = grid
        self.layer = RoomLayer(self.graph, grid, ids, RobomemConfig().graph, default_ontology(), 1, self.cloud)

    def cloud(self, node_id: int) -> Cloud | None:
        return (self.particles, np.full(len(self.particles), 1 / len(self.particles))) if node_id == THING else None

    def update(self, t: int) -> None:
        self.layer.update(t)
        self.layer.update_places(t)


@pytest.fixture
def home() -> Home:
    out = Home(explored_home().copy())
    out.update(1)
    return out


def test_places_keep_ids_and_edges_when_nothing_changed(home: Home) -> None:
    before = {n.id: n.position.tolist() for n in home.graph.nodes("place")}
    edges = [(r.subject, r.object, r.from_ns) for r in home.graph.relations(predicate="connects")]
    for t in (2, 3, 4):
        home.update(t)
    assert {n.id: n.position.tolist() for n in home.graph.nodes("place")} == before and len(before) > 20
    kept = {(r.subject, r.object, r.from_ns) for r in home.graph.relations(predicate="connects")}
    assert len(kept & set(edges)) > 0.9 * len(edges) and all(r.from_ns <= 4 for r in home.graph.relations())
    assert all(n.attributes["clearance_m"] >= 0.28 for n in home.graph.nodes("place"))


def test_places_do_not_pile_up(home: Home) -> None:
    n = len(home.graph.nodes("place"))
    for t in range(2, 12):
        home.grid.mark_free((11.0 + 0.1 * t, 4.0), 0.4)  # the map grows a little each time
        home.update(t)
    places = home.graph.nodes("place")
    assert len(places) <= n + 4 and len([i for i in home.graph.all_nodes() if i.layer == "place"]) == len(places)
    assert all(home.graph.node(r.object) for r in home.graph.relations(predicate="connects"))


def test_a_door_that_is_walled_up_connects_no_longer(home: Home) -> None:
    rooms = home.layer.map
    assert rooms is not None
    a, b, xy = rooms.doors[0]
    pair = {home.layer.node_of[a], home.layer.node_of[b]}
    held = [r for r in home.graph.relations(predicate="connects") if {r.subject, r.object} == pair]
    assert len(held) == 1
    i, j = home.grid.to_cell(xy)
    layers = home.grid._layers
    layers["log"][:, i - 14 : i + 15, j - 14 : j + 15] = kernels.LOG_MAX
    layers["state"][i - 14 : i + 15, j - 14 : j + 15] = kernels.OCCUPIED
    home.grid.version += 1
    home.update(7)
    (row,) = [r for r in home.graph.all_relations() if {r.subject, r.object} == pair and r.predicate == "connects"]
    assert row.to_ns == 7 and row.holds_at(3) and not row.holds_at(8)


def test_a_thing_between_two_rooms_is_part_of_one_by_its_share(home: Home) -> None:
    rooms = home.layer.map
    assert rooms is not None
    a, b, _ = rooms.doors[0]
    rng = np.random.default_rng(0)
    middle = [rooms.center(a), rooms.center(b)]
    which = rng.random(400) < 0.75
    spots = np.where(which[:, None], middle[0], middle[1])
    home.particles = np.column_stack([spots + rng.normal(0, 0.05, (400, 2)), np.ones(400)]).astype(np.float32)
    home.graph.put(Node(THING, "object", "mug", np.array([*middle[0], 1.0]), np.full(3, 0.1)))
    home.update(9)
    (row,) = home.graph.relations(THING, "part_of")
    assert row.object == home.layer.node_of[a] and row.probability == pytest.approx(which.mean(), abs=0.02)


def test_who_asks_again_of_an_unchanged_map_costs_no_new_cut(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[int] = []
    monkeypatch.setattr(room_layer, "segment_rooms", lambda *args: cuts.append(1) or segment_rooms(*args))
    home.update(20)
    cuts.clear()
    before = home.layer.map
    home.update(21)
    home.layer.update_places(21)
    assert not cuts and home.layer.map is before
    home.grid.mark_free(before.center(before.ids[0]), 0.3)  # type: ignore[union-attr]
    home.update(22)
    assert cuts == [1] and home.layer.map is not before
