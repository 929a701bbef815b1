"""The memory node: the one writer of the database, and every verb of memory as a service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from robomem_msgs import srv

from robomem.errors import RobomemError, StoreError, StoreLockedError
from robomem.memory.background import Background
from robomem.memory.hub import MemoryHub
from robomem.memory.tools import what_to_forget
from robomem.memory.warm_up import warm_up
from robomem.nodes import asked
from robomem.nodes.answers import places_to_msg, put_episodes, recall_to_msg
from robomem.nodes.batch_desk import BatchDesk
from robomem.nodes.conversions import events_to_msg, objects_to_msg
from robomem.nodes.graph_wire import GraphMirror
from robomem.nodes.wire import FAR_M, WireError, pack, unpack, words
from robomem.types import Episode

PARAMETERS = (
    Parameter("database", "robomem.db", "file of the memory"),
    Parameter("backup_folder", "backups", "where the backup service may write"),
    Parameter("frame", "map", "frame of every position"),
    Parameter("seed", 0, "of the random generator", 0, 2**31 - 1),
    Parameter("consolidate_every_s", 3600.0, "what happened becomes episodes, facts and day summaries so often, s; 0: never", 0.0, 86400.0),
)
VERBS = ("Find", "WhereWas", "WhatIsIn", "Changes", "Predict", "Episodes", "AddEpisode", "Forget", "Correct", "Backup", "WriteBatch")
INNER = ("WriteWorld", "ReadWorld")
DESK = ("WriteBatch", *INNER)  # the world model's own
WRITING = ("write_batch", "write_world", "add_episode", "correct", "forget")  # one that succeeds shows that the disk takes writes again


class MemoryNode(RobomemNode):
    """Serves `~/find`, `~/where_was`, ... (see msgs/robomem_msgs/srv) from one SQLite file."""

    busy = True

    def __init__(self) -> None:
        super().__init__("memory", PARAMETERS)
        self.hub: MemoryHub | None = None
        self._offered: list[Any] = []
        self._desk = BatchDesk()
        self._nights: tuple[Any, Background] | None = None  # what consolidates, and the timer that asks it to

    def open(self) -> None:
        """Open the database and offer the services. What a store compiles is compiled here, not in service."""
        warm_up()
        path = Path(self.param("database"))
        path.parent.mkdir(parents=True, exist_ok=True)
        hub = MemoryHub.open(path, seed=self.param("seed"))
        assert isinstance(hub, MemoryHub)
        self.hub = hub
        self._warming = self.every(1.0, self._warm_up)  # soon, but not before a restarted node answers
        self._desk.mirror = GraphMirror()
        if every_s := self.param("consolidate_every_s"):
            work = Background(hub.consolidate, self._not_consolidated)
            self._nights = self.every(every_s, work.run), work
        for name in (*VERBS, *INNER):
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
            self._offered.append(
                self.create_service(getattr(srv, name), f"~/{snake}", self._guarded(getattr(self._desk if name in DESK else self, snake)))
            )

    def close(self) -> None:
        """Flush and let the next writer in."""
        for service in self._offered:
            self.destroy_service(service)
        self._offered = []
        nights, hub, self._nights, self.hub = self._nights, self.hub, None, None
        try:
            if nights is not None:
                self.destroy_timer(nights[0])
                nights[1].close()
        finally:
            if hub is not None:
                hub.close()

    def _warm_up(self) -> None:
        self.destroy_timer(self._warming)
        if self.hub is not None:
            self.hub.warm_up()

    def _not_consolidated(self, error: Exception) -> None:
        """From its thread. A fault of the disk that this meets first is told as one that a service meets."""
        self.reject("not_consolidated", f"memory: consolidation: {error!r}")
        if isinstance(error, StoreError) and not isinstance(error, StoreLockedError) and self.hub is not None:
            self.notice(f"DEGRADED: {error}")

    def _guarded(self, verb: Callable[[MemoryHub, Any, Any], None]) -> Callable[[Any, Any], Any]:
        """An asker's mistake becomes ok = false with the reason."""

        def answer(request: Any, response: Any) -> Any:
            try:
                if self.hub is None:
                    raise RobomemError("memory: is not open")
                if hasattr(response, "ok"):
                    response.ok = True
                verb(self.hub, request, response)
                if verb.__name__ in WRITING:
                    if verb.__name__ != "write_batch":  # it says itself what must be on the disk; the others are acknowledged once they are
                        self.hub.store.flush()
                    self.notice("")
            except RobomemError as error:
                if isinstance(error, StoreError) and not isinstance(error, StoreLockedError):
                    self.notice(f"DEGRADED: {error}")  # memory in RAM goes on; askers send again what was refused
                response.ok, response.reason = False, error.reason if isinstance(error, WireError) else str(error)
                self.reject(getattr(error, "reason", "bad_request"), str(error))
            return response

        return answer

    # -- asking ------------------------------------------------------------------------------------------------------

    def find(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Where something is."""
        response.answer = recall_to_msg(
            hub.find(asked.query(request.query), asked.time_ns(request.at_ns, "find.at_ns") or None, asked.count(request.k, "find.k"))
        )

    def where_was(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Where something was."""
        response.answer = recall_to_msg(
            hub.where_was(
                asked.query(request.query), asked.time_ns(request.at_ns, "where_was.at_ns"), asked.count(request.k, "where_was.k")
            )
        )

    def what_is_in(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """What is on or in a place."""
        views = hub.what_is_in(asked.query(request.place, "place"), asked.time_ns(request.at_ns, "what_is_in.at_ns") or None)
        response.objects = objects_to_msg(views, hub.now_ns(), self.param("frame"), self._desk.seq)

    def changes(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Events in time order."""
        words("changes", (request.room, request.label))
        found = hub.changes(int(request.since_ns), int(request.until_ns) or None, request.room or None, request.label or None)
        response.events = events_to_msg(found)

    def predict(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Where something may be, from the record."""
        response.places = places_to_msg(hub.predict(asked.query(request.query), asked.time_ns(request.at_ns, "predict.at_ns") or None))

    def episodes(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Past tasks."""
        asked.query(request.query)
        put_episodes(hub.episodes(request.query or None, asked.count(request.k, "episodes.k")), response)

    # -- telling -----------------------------------------------------------------------------------------------------

    def add_episode(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Remember a task."""
        steps, cost = asked.steps_and_cost(request.steps, request.cost)
        asked.prose("add_episode", request.instruction, request.summary)
        start, end = asked.time_ns(request.start_ns, "add_episode.start_ns"), asked.time_ns(request.end_ns, "add_episode.end_ns")
        response.id = hub.add_episode(
            Episode(0, request.instruction, start, end, asked.outcome(request.outcome), request.summary, steps, cost)
        )

    def forget(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Remove something from every row, and have the world model drop it too."""
        label, ident = what_to_forget(hub, asked.query(request.query), bool(request.all_matching))
        done = hub.forget(label=label, id=ident)
        response.ids = pack(done.ids, "i8")
        self._desk.forgotten(list(done.ids))

    def correct(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """A person says what or where something is."""
        position = unpack(request.position, "f8", (3,), "correct.position", FAR_M) if len(request.position) else None
        words("correct.label", (request.label,))
        hub.correct(int(request.id), request.label or None, position)

    def backup(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """A consistent copy, beside the others."""
        name = asked.file_name(request.name)
        folder = Path(self.param("backup_folder"))
        folder.mkdir(parents=True, exist_ok=True)
        hub.backup(folder / name)
        response.path = str(folder / name)


def main() -> int:
    """Entry point of the node."""
    return spin(MemoryNode)


if __name__ == "__main__":
    raise SystemExit(main())
