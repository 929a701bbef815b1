"""Rooms and places of the graph, renewed now and then from the free-space grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.config import GraphConfig
from robomem.ids import IdAllocator
from robomem.ontology import Ontology
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.places import place_graph
from robomem.scene_graph.rooms import RoomMap, name_room, segment_rooms

SLACK_M = 1.0  # furniture against a wall lies outside the free floor that was cut into rooms: its nearest room is taken


class RoomLayer:
    """Room nodes with stable ids, their names from the furniture in them, and the places between them."""

    def __init__(
        self, graph: SceneGraph, grid: OccupancyGrid, ids: IdAllocator, config: GraphConfig, ontology: Ontology, building: int
    ) -> None:
        self.graph, self.grid, self.config, self.ontology = graph, grid, config, ontology
        self._ids, self._building = ids, building
        self.map: RoomMap | None = None
        self.node_of: dict[int, int] = {}  # label in the room map -> graph node
        self._places: list[int] = []

    def update(self, stamp_ns: int) -> None:
        """Segment the free space anew, keep the ids of rooms that are still there, name them, attach what stands in them."""
        if not self.grid.free.any():
            return
        fresh = segment_rooms(self.grid, self.config.room_door_m)
        if self.map is not None:
            fresh = fresh.match(self.map)
        self.map = fresh
        for label in fresh.ids:
            self._room(label, stamp_ns)
        for label in [known for known in self.node_of if known not in fresh.ids]:
            self.graph.gone(self.node_of.pop(label), stamp_ns)
        self._attach(stamp_ns)
        self._name(stamp_ns)
        self._connect(stamp_ns)

    def adopt_nodes(self) -> None:
        """After a restore: segment the restored grid and hand each room the node that stood there before."""
        rooms = self.graph.nodes("room")
        self._places = [n.id for n in self.graph.nodes("place")]
        self.node_of = {}
        if not rooms or not self.grid.free.any():
            return
        self.map = segment_rooms(self.grid, self.config.room_door_m)
        for label in self.map.ids:
            center = self.map.extent(label).mean(axis=0)
            near = min(rooms, key=lambda n: float(np.linalg.norm(n.position[:2] - center)), default=None)
            if near is not None and float(np.linalg.norm(near.position[:2] - center)) < 1.0:
                self.node_of[label] = near.id
                rooms.remove(near)

    def room_at(self, position: NDArray[np.floating]) -> int | None:
        """Graph id of the room at (or nearest to) a position (m), None before the first segmentation."""
        if self.map is None:
            return None
        return self.node_of.get(self.map.room_at(position[:2], SLACK_M))

    def attach(self, node_id: int, position: NDArray[np.floating], stamp_ns: int) -> None:
        """Say which room a node is part of."""
        room = self.room_at(position)
        if room is None or room == node_id:
            return
        self.graph.end(node_id, stamp_ns, ("part_of",), keep=room)
        self.graph.relate(node_id, "part_of", room, 1.0, stamp_ns)

    def _room(self, label: int, stamp_ns: int) -> None:
        assert self.map is not None
        low, high = self.map.extent(label)
        node_id = self.node_of.get(label)
        old = self.graph.node(node_id) if node_id is not None else None
        if node_id is None:
            node_id = self.node_of[label] = self._ids.next()
        center = np.array([*(low + high) / 2, 0.0])
        self.graph.put(
            Node(
                node_id,
                "room",
                old.label if old else "room",
                center,
                np.array([*(high - low), 2.4]),
                0.0,
                {"area_m2": round(self.map.area_m2(label), 2)},
                old.from_ns if old else stamp_ns,
            )
        )
        self.graph.relate(node_id, "part_of", self._building, 1.0, old.from_ns if old else stamp_ns)

    def _attach(self, stamp_ns: int) -> None:
        for layer in ("furniture", "object"):
            for n in self.graph.nodes(layer):
                self.attach(n.id, n.position, stamp_ns)

    def _name(self, stamp_ns: int) -> None:
        for node_id in self.node_of.values():
            labels = [n.label for n in self.graph.nodes("furniture") if self.graph.room_of(n.id) == node_id]
            labels += [
                n.label for n in self.graph.nodes("object") if n.label in ("tv", "microwave") and self.graph.room_of(n.id) == node_id
            ]
            name, probability = name_room(labels, self.ontology)
            old = self.graph.node(node_id)
            if old is not None and name and name != old.label:
                self.graph.put(
                    Node(
                        old.id, "room", name, old.position, old.size, 0.0, {**old.attributes, "p_name": round(probability, 3)}, old.from_ns
                    )
                )

    def _connect(self, stamp_ns: int) -> None:
        assert self.map is not None
        for a, b, _xy in self.map.doors:
            if a in self.node_of and b in self.node_of:
                self.graph.relate(self.node_of[a], "connects", self.node_of[b], 1.0, stamp_ns)

    def update_places(self, stamp_ns: int) -> None:
        """Rebuild the topological places of free space (places carry no history: they are where one can stand now)."""
        if self.map is None:
            return
        self.graph.forget(set(self._places))
        found = place_graph(self.grid, self.map)
        self._places = self._ids.take(len(found.nodes))
        for node_id, xy in zip(self._places, found.nodes, strict=True):
            position = np.array([xy[0], xy[1], 0.0])
            self.graph.put(Node(node_id, "place", "place", position, np.zeros(3), 0.0, {}, stamp_ns))
            self.attach(node_id, position, stamp_ns)
        for a, b in found.edges:
            self.graph.relate(self._places[int(a)], "connects", self._places[int(b)], 1.0, stamp_ns)
