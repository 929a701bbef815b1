"""Places: spread evenly, connected where one can drive, each in its room, and where they were after the map grew."""

from __future__ import annotations

import networkx as nx
import numpy as np

from robomem.planning import paths
from robomem.scene_graph.occupancy import OccupancyGrid, clearance
from robomem.scene_graph.places import PlaceGraph, place_graph
from robomem.scene_graph.rooms import segment_rooms
from tests.fakes.explored_home import RADIUS_M, START, explored_home


def network(places: PlaceGraph) -> nx.Graph:
    """The places as a NetworkX graph."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(places.nodes)))
    graph.add_edges_from(places.edges.tolist())
    return graph


def test_every_reachable_spot_is_near_a_place() -> None:
    grid = explored_home().grid
    places = place_graph(grid, segment_rooms(grid))
    spots = grid.to_xy(np.argwhere(np.isfinite(paths.travel_distances(grid, START, RADIUS_M))))
    gap = np.linalg.norm(spots[:, None] - places.nodes[None], axis=-1).min(axis=1)
    assert gap.max() < 1.05 and 25 <= len(places.nodes) <= 90


def test_places_that_can_be_driven_between_are_connected() -> None:
    grid = explored_home().grid
    places = place_graph(grid, segment_rooms(grid))
    reach = np.isfinite(paths.travel_distances(grid, START, RADIUS_M))
    cells = grid.to_cell(places.nodes)
    here = np.flatnonzero(reach[cells[:, 0], cells[:, 1]])
    assert len(here) > 0.9 * len(places.nodes)
    assert nx.is_connected(network(places).subgraph(here))


def test_edges_can_be_driven() -> None:
    grid = explored_home().grid
    places = place_graph(grid)
    room = np.where(grid.free, clearance(grid), np.float32(0))
    for a, b in places.edges:
        assert a < b
        assert paths.least_along(grid, room, places.nodes[a], places.nodes[b]) >= RADIUS_M
        assert np.linalg.norm(places.nodes[a] - places.nodes[b]) < 2.6


def test_each_place_has_its_room_and_doors_join_rooms() -> None:
    grid = explored_home().grid
    rooms = segment_rooms(grid)
    places = place_graph(grid, rooms)
    assert set(places.rooms.tolist()) == set(rooms.ids)
    crossing = {tuple(sorted((int(places.rooms[a]), int(places.rooms[b])))) for a, b in places.edges if places.rooms[a] != places.rooms[b]}
    assert crossing == {(a, b) for a, b, _ in rooms.doors}


def test_places_stay_when_the_map_is_built_again() -> None:
    grid = explored_home().copy()
    first = place_graph(grid, segment_rooms(grid))
    grid.mark_free((12.0, 4.0), 0.5)  # the map grew elsewhere
    second = place_graph(grid, segment_rooms(grid), previous=first)
    stayed = [np.linalg.norm(second.nodes - p, axis=1).min() < 1e-6 for p in first.nodes]
    assert np.mean(stayed) > 0.85
    assert second.nearest((12.0, 4.0)) >= 0


def test_nothing_seen_no_places() -> None:
    places = place_graph(OccupancyGrid())
    assert len(places.nodes) == 0 == len(places.edges) and places.nearest((0, 0)) == -1
