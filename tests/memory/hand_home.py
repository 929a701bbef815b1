"""A home written by hand: real graph, views, events and observations, fed through the very path that observe() uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from robomem.memory.robot_memory import RobotMemory
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.world_model import FrameResult
from robomem.types import Event, ObjectView, Observations

S = 1_000_000_000
H = 3600 * S
SPOTS = {"counter": (1.0, 1.0, 0.9), "dining table": (3.0, 1.0, 0.8), "desk": (7.0, 1.0, 0.8), "shelf": (8.0, 3.0, 1.2)}
ROOM_OF = {"counter": "kitchen", "dining table": "kitchen", "desk": "study", "shelf": "study"}


def view(ident: int, label: str, position: Sequence[float], at_ns: int = 0, **changes: Any) -> ObjectView:
    """A confirmed object seen five times, last at `at_ns`."""
    base = ObjectView(ident, label, {label: 0.95}, np.array(position, float), np.full(3, 0.1), 0.0, 0.98, "confirmed", {}, at_ns, at_ns, 5)
    return replace(base, **changes)


class HandHome:
    """Kitchen (counter, dining table) and study (desk, shelf); objects are put, moved and lost by hand."""

    def __init__(self, memory: RobotMemory, began_ns: int = 0) -> None:
        self.memory, self.graph = memory, SceneGraph()
        self.views: dict[int, ObjectView] = {}
        self.observations: dict[int, list[int]] = {}
        self._next = 100_000
        self.ids: dict[str, int] = {}
        size = np.array([1.0, 0.6, 0.8])
        for number, room in enumerate(("kitchen", "study"), 10_001):
            self.ids[room] = number
            self.graph.put(Node(number, "room", room, np.array([4.0 * (number - 10_001), 2.0, 0.0]), np.array([4.0, 4.0, 2.4])))
        for number, (name, spot) in enumerate(SPOTS.items(), 10_011):
            self.ids[name] = number
            self.graph.put(Node(number, "furniture", name, np.array(spot), size))
            self.graph.relate(number, "part_of", self.ids[ROOM_OF[name]], 1.0, 0)
            self.views[number] = view(number, name, spot, began_ns, size=size, kind="furniture", place=self.ids[ROOM_OF[name]])
        self._tell(began_ns, tuple(self.views), ())

    def _id(self) -> int:
        self._next += 1
        return self._next

    def put(self, ident: int, label: str, on: str, t_ns: int, moved: bool = False, offset: float = 0.0, **changes: Any) -> ObjectView:
        """Object `ident` is seen on a piece of furniture at `t_ns`; the first time it appears, with `moved` an event says that it moved."""
        x, y, z = SPOTS[on]
        old = self.views.get(ident)
        new = view(ident, label, (x + offset, y, z + 0.05), t_ns, place=self.ids[on], **changes)
        if old is not None:
            new = replace(new, first_seen_ns=old.first_seen_ns)
        event = None
        if old is None or moved:
            self.graph.end(ident, t_ns)
            before = {} if old is None else {"position": old.position.tolist(), "place": self.graph.describe(ident), "place_id": old.place}
            event = ("appeared" if old is None else "moved", before)
        self.graph.put(Node(ident, "object", label, new.position, new.size, 0.0, {"status": "confirmed"}, new.first_seen_ns))
        self.graph.relate(ident, "on", self.ids[on], 0.97, t_ns)
        self.views[ident] = new
        events = ()
        if event:
            after = {"position": new.position.tolist(), "place": self.graph.describe(ident), "place_id": self.ids[on]}
            events = (Event(self._id(), t_ns, event[0], ident, event[1], after, (), 0.98, label),)
        self._tell(t_ns, (ident,), events, seen=(ident,))
        return new

    def lose(self, ident: int, t_ns: int, status: str = "missing") -> None:
        """The place of object `ident` is seen empty at `t_ns`."""
        old = self.views[ident]
        before = {"position": old.position.tolist(), "place": self.graph.describe(ident), "place_id": old.place}
        self.graph.gone(ident, t_ns)
        self.views[ident] = replace(old, status=status, existence=0.1)
        self._tell(t_ns, (ident,), (Event(self._id(), t_ns, "removed", ident, before, {}, (), 0.1, old.label),))

    def see_again(self, ident: int, t_ns: int, **changes: Any) -> None:
        """Object `ident` is seen where it was."""
        self.views[ident] = replace(self.views[ident], last_seen_ns=t_ns, status="confirmed", existence=0.98, **changes)
        self._tell(t_ns, (ident,), (), seen=(ident,))

    def tell(self, t_ns: int, ids: tuple[int, ...], events: tuple[Event, ...] = ()) -> None:
        """Commit views as they are, with events."""
        self._tell(t_ns, ids, events)

    def _tell(self, t_ns: int, ids: tuple[int, ...], events: tuple[Event, ...], seen: tuple[int, ...] = ()) -> None:
        n = len(seen)
        views = [self.views[i] for i in seen]
        width = max((v.embedding.size for v in views), default=0) or 4
        numbers = [self._id() for _ in seen]
        for i, number in zip(seen, numbers, strict=True):
            self.observations.setdefault(i, []).append(number)
        obs = Observations(
            t_ns,
            tuple(v.label for v in views),
            np.full(n, 0.9),
            np.array([v.position for v in views]).reshape(n, 3),
            np.tile(np.eye(3) * 1e-4, (n, 1, 1)),
            np.array([v.size for v in views]).reshape(n, 3),
            np.zeros(n),
            np.array([v.embedding if v.embedding.size else np.zeros(width) for v in views]).reshape(n, width),
            tuple(v.color for v in views),
            np.full(n, 300),
            np.zeros(n, bool),
            np.zeros((n, 4)),
            tuple(np.zeros((0, 3), np.float32) for _ in views),
            tuple({} for _ in views),
        )
        result = FrameResult(t_ns, events, obs, np.array(numbers, np.int64), np.array(seen, np.int64), ids, {})
        self.memory._commit(result, [self.views[i] for i in ids], self.graph)
