"""Rooms and places of the graph, renewed now and then from the free-space grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robomem.config import GraphConfig
from robomem.ids import IdAllocator
from robomem.ontology import Ontology
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.places import PlaceGraph, place_graph
from robomem.scene_graph.rooms import RoomMap, name_room, segment_rooms

SAME_PLACE_M = 0.1  # a place this near to an earlier one is that one (cells may have shifted under it)
SLACK_M = 1.0  # furniture against a wall lies outside the free floor that was cut into rooms: its nearest room is taken


Cloud = tuple[NDArray[np.float32], NDArray[np.float64]]  # position particles Float32[P, 3] (m), their weights Float64[P]


class RoomLayer:
    """Room nodes with stable ids, their names from the furniture in them, and the places between them.

    Args:
        cloud: particles of a thing, None for what has none: P(part_of room) is the share of them in the room.
    """

    def __init__(
        self,
        graph: SceneGraph,
        grid: OccupancyGrid,
        ids: IdAllocator,
        config: GraphConfig,
        ontology: Ontology,
        building: int,
        cloud: Callable[[int], Cloud | None] = lambda _: None,
    ) -> None:
        self.graph, self.grid, self.config, self.ontology = graph, grid, config, ontology
        self._ids, self._building, self._cloud = ids, building, cloud
        self.map: RoomMap | None = None
        self.node_of: dict[int, int] = {}  # label in the room map -> graph node
        self._places: list[int] = []
        self._cut_of: tuple[OccupancyGrid, int] | None = None  # what the rooms, and what the places, were made of
        self._placed_of: tuple[OccupancyGrid, int] | None = None

    def update(self, stamp_ns: int) -> None:
        """Segment the free space anew, keep the ids of rooms that are still there, name them, attach what stands in them."""
        if not self.grid.free.any():
            return
        fresh = self.map
        if fresh is None or not self._is_of(self._cut_of):
            fresh = segment_rooms(self.grid, self.config.room_door_m)
            if self.map is not None:
                fresh = fresh.match(self.map)
        self.map, self._cut_of = fresh, (self.grid, self.grid.version)
        for label in fresh.ids:
            self._room(label, stamp_ns)
        for label in [known for known in self.node_of if known not in fresh.ids]:
            self.graph.gone(self.node_of.pop(label), stamp_ns)
        self._attach(stamp_ns)
        self._name(stamp_ns)
        self._connect(stamp_ns)

    def _is_of(self, made: tuple[OccupancyGrid, int] | None) -> bool:
        """True if nothing was written to the grid since: whoever asks again and again does not make the cut again and again."""
        return made is not None and made[0] is self.grid and made[1] == self.grid.version

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
        self._attach_to(self.room_at(position), node_id, stamp_ns)

    def _attach_to(self, room: int | None, node_id: int, stamp_ns: int) -> None:
        if room is None or room == node_id:
            return
        self.graph.end(node_id, stamp_ns, ("part_of",), keep=room)
        self.graph.relate(node_id, "part_of", room, self._share(node_id, room), stamp_ns)

    def _share(self, node_id: int, room: int) -> float:
        """P(part_of) = share of particles in no other room (what stands in a wall's shadow is on no room's floor)."""
        cloud = self._cloud(node_id)
        if cloud is None or self.map is None:
            return 1.0
        label = next(k for k, i in self.node_of.items() if i == room)
        found = self.map.labels_at(cloud[0])
        return round(float(cloud[1] @ ((found == label) | (found == 0))), 3)

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
        assert self.map is not None
        nodes = [n for layer in ("furniture", "object") for n in self.graph.nodes(layer)]
        labels = self.map.labels_at(np.array([n.position for n in nodes]).reshape(-1, 3)).tolist()
        # What is on the floor of a room is in it; only of the others the nearest is searched.
        for n, label in zip(nodes, labels, strict=True):
            self._attach_to(self.node_of.get(label) if label else self.room_at(n.position), n.id, stamp_ns)

    def _name(self, stamp_ns: int) -> None:
        telling = self.graph.nodes("furniture") + [n for n in self.graph.nodes("object") if n.label in ("tv", "microwave")]
        labels_of: dict[int | None, list[str]] = defaultdict(list)
        for n in telling:
            labels_of[self.graph.room_of(n.id)].append(n.label)
        for node_id in self.node_of.values():
            labels = labels_of[node_id]
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
        pairs = {(self.node_of[a], self.node_of[b]) for a, b, _xy in self.map.doors if a in self.node_of and b in self.node_of}
        self._connected(list(self.node_of.values()), {p if p[0] < p[1] else (p[1], p[0]) for p in pairs}, stamp_ns)

    def _connected(self, nodes: list[int], pairs: set[tuple[int, int]], stamp_ns: int) -> None:
        """These pairs of nodes connect, and no others of them: what is new opens, what is walled up or blocked ends."""
        held = {(r.subject, r.object) for i in nodes for r in self.graph.relations(i, "connects")}
        for a, b in sorted(held - pairs):
            self.graph.end(a, stamp_ns, ("connects",), only=b)
        for a, b in sorted(pairs - held):
            self.graph.relate(a, "connects", b, 1.0, stamp_ns)

    def update_places(self, stamp_ns: int) -> None:
        """Bring the topological places of free space up to date: one that is still there keeps its id, the others are forgotten.

        Places carry no history: they are where one can stand now. Their number is bounded by the map's area.
        """
        if self.map is None or self._is_of(self._placed_of):
            return
        was = [n for i in self._places if (n := self.graph.node(i)) is not None]
        before = np.array([n.position[:2] for n in was], float).reshape(-1, 2)
        none = np.zeros(len(was))
        previous = PlaceGraph(before, np.empty((0, 2), np.int64), none.astype(np.int32), none.astype(np.float32)) if was else None
        found = place_graph(self.grid, self.map, previous=previous)
        ids = self._same(found.nodes, before, [n.id for n in was])
        self.graph.forget({n.id for n in was} - set(ids))
        started = {n.id: n.from_ns for n in was}
        self._places = ids
        for node_id, xy, clear in zip(ids, found.nodes, found.clearance_m, strict=True):
            position = np.array([xy[0], xy[1], 0.0])
            told = {"clearance_m": round(float(clear), 2)}
            self.graph.put(Node(node_id, "place", "place", position, np.zeros(3), 0.0, told, started.get(node_id, stamp_ns)))
            self.attach(node_id, position, stamp_ns)
        pairs = {(ids[int(a)], ids[int(b)]) for a, b in found.edges}
        self._connected(ids, {(min(p), max(p)) for p in pairs}, stamp_ns)
        self._placed_of = self._cut_of

    def _same(self, nodes: NDArray[np.float64], before: NDArray[np.float64], ids: list[int]) -> list[int]:
        """An id for each place: that of the earlier one in (nearly) the same spot, else a new one."""
        out: list[int] = []
        x, y = before[:, 0].copy(), before[:, 1]
        for xy in nodes:
            apart = np.hypot(x - xy[0], y - xy[1])
            k = int(np.argmin(apart)) if len(apart) else -1
            if k >= 0 and apart[k] <= SAME_PLACE_M:
                x[k] = np.inf  # taken
                out.append(ids[k])
            else:
                out.append(self._ids.next())
        return out
