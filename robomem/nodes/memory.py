"""The memory node: the one writer of the database, and every verb of memory as a service."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from robomem_msgs import srv

from robomem.errors import RobomemError
from robomem.memory.hub import MemoryHub
from robomem.nodes import asked
from robomem.nodes.answers import places_to_msg, put_episodes, recall_to_msg
from robomem.nodes.conversions import events_from_msg, events_to_msg, objects_from_msg, objects_to_msg, observations_from_msg
from robomem.nodes.graph_wire import GraphMirror
from robomem.nodes.wire import FAR_M, WireError, pack, unpack, words
from robomem.scene_graph.world_model import FrameResult
from robomem.types import Episode

BLOCK = 4096
PARAMETERS = (
    Parameter("database", "robomem.db", "file of the memory"),
    Parameter("backup_folder", "backups", "where the backup service may write"),
    Parameter("frame", "map", "frame of every position"),
    Parameter("seed", 0, "of the random generator", 0, 2**31 - 1),
)
VERBS = ("Find", "WhereWas", "WhatIsIn", "Changes", "Predict", "Episodes", "AddEpisode", "Forget", "Correct", "Backup", "WriteBatch")
INNER = ("WriteWorld", "ReadWorld")


class MemoryNode(RobomemNode):
    """Serves `~/find`, `~/where_was`, ... (see msgs/robomem_msgs/srv) from one SQLite file."""

    busy = True

    def __init__(self) -> None:
        super().__init__("memory", PARAMETERS)
        self.hub: MemoryHub | None = None
        self._offered: list[Any] = []
        self._mirror = GraphMirror()
        self._forgotten: list[int] = []
        self._told_seq = -1
        self._erased: set[int] = set()  # ids are never used again, so what still comes of them is dropped for good

    def open(self) -> None:
        """Open the database and offer the services."""
        path = Path(self.param("database"))
        path.parent.mkdir(parents=True, exist_ok=True)
        hub = MemoryHub.open(path, seed=self.param("seed"))
        assert isinstance(hub, MemoryHub)
        self.hub = hub
        self._warming = self.every(1.0, self._warm_up)  # soon, but not before a restarted node answers
        self._mirror = GraphMirror()
        for name in (*VERBS, *INNER):
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
            self._offered.append(self.create_service(getattr(srv, name), f"~/{snake}", self._guarded(getattr(self, snake))))

    def close(self) -> None:
        """Flush and let the next writer in."""
        for service in self._offered:
            self.destroy_service(service)
        self._offered = []
        if self.hub is not None:
            self.hub.close()
            self.hub = None

    def _warm_up(self) -> None:
        self.destroy_timer(self._warming)
        if self.hub is not None:
            self.hub.warm_up()

    def _guarded(self, verb: Callable[[MemoryHub, Any, Any], None]) -> Callable[[Any, Any], Any]:
        """An asker's mistake becomes ok = false with the reason."""

        def answer(request: Any, response: Any) -> Any:
            try:
                if self.hub is None:
                    raise RobomemError("memory: is not open")
                if hasattr(response, "ok"):
                    response.ok = True
                verb(self.hub, request, response)
            except RobomemError as error:
                response.ok, response.reason = False, error.reason if isinstance(error, WireError) else str(error)
                self.reject(getattr(error, "reason", "bad_request"), str(error))
            return response

        return answer

    # -- asking ------------------------------------------------------------------------------------------------------

    def find(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Where something is."""
        response.answer = recall_to_msg(
            hub.find(asked.query(request.query), asked.time_ns(request.at_ns, "find.at_ns") or None, int(request.k) or 5)
        )

    def where_was(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Where something was."""
        response.answer = recall_to_msg(
            hub.where_was(asked.query(request.query), asked.time_ns(request.at_ns, "where_was.at_ns"), int(request.k) or 5)
        )

    def what_is_in(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """What is on or in a place."""
        views = hub.what_is_in(asked.query(request.place, "place"), asked.time_ns(request.at_ns, "what_is_in.at_ns") or None)
        response.objects = objects_to_msg(views, hub.now_ns(), self.param("frame"), max(self._mirror.seq, 0))

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
        put_episodes(hub.episodes(request.query or None, int(request.k) or 5), response)

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
        recall = hub.find(asked.query(request.query))
        if recall.id is None:
            raise RobomemError(f"forget: nothing here is {request.query!r}; {recall.needs}")
        if recall.verdict == "ambiguous" and not request.all_matching:
            raise RobomemError(f"forget: {request.query!r} fits several; give an id, or all_matching: true")
        done = hub.forget(label=recall.label) if request.all_matching else hub.forget(id=recall.id)
        response.ids = pack(done.ids, "i8")
        self._forgotten += list(done.ids)
        self._erased |= set(done.ids)
        self._told_seq = -1

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

    # -- the world model's own ---------------------------------------------------------------------------------------

    def write_batch(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """One image's news; a repeated batch is acknowledged and not written again."""
        session, seq = int(request.session), int(request.seq)
        last_session, _, last_seq = hub.last_batch.partition(":")
        if last_session != str(session) or seq > int(last_seq):
            self._absorb(hub, request, f"{session}:{seq}")
        if self._forgotten and 0 <= self._told_seq < seq:
            self._forgotten = []  # the sender has asked again, so it has read the answer that told it
        response.seq, response.forgotten = seq, pack(self._forgotten, "i8")
        self._told_seq = seq if self._forgotten else -1
        response.leased = hub.lease_ids(BLOCK) if request.lease else -1

    def _absorb(self, hub: MemoryHub, request: Any, name: str) -> None:
        asked.time_ns(request.stamp_ns, "write_batch.stamp_ns")
        found, ids, object_ids = observations_from_msg(request.observations)
        told, happened = objects_from_msg(request.objects), events_from_msg(request.events)
        delta = request.graph  # after all else was found to be sound: a refused batch leaves the mirror as it was
        if delta.to_seq:
            if delta.from_seq == delta.to_seq:
                self._mirror.reset(delta)
            else:
                self._mirror.apply(delta)
        elif self._mirror.session != int(request.session):
            raise WireError("gap", "write_batch: the graph of this session was never sent")
        views = [v for v in told if v.id not in self._erased]
        events = tuple(e for e in happened if e.object_id not in self._erased)
        if self._erased:
            self._mirror.graph.forget(self._erased)
            object_ids = np.where(np.isin(object_ids, list(self._erased)), -1, object_ids)
        result = FrameResult(int(request.stamp_ns), events, found, ids, object_ids, tuple(v.id for v in views), {})
        hub.absorb(result, views, self._mirror.graph, name)

    def write_world(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Keep the world model's state, unless something in it is to be forgotten first."""
        if self._forgotten:
            raise WireError("forget_first", "write_world: the sender has not dropped yet what was forgotten")
        arrays = asked.archive(request.npz, "write_world")
        asked.rates(request.move_rates)
        if not hub.knows_map(arrays):
            raise WireError("correction_first", "write_world: its map was corrected, and the batch that says so is still on the way")
        hub.keep_world(arrays, request.move_rates, int(request.stamp_ns), self._mirror.graph)

    def read_world(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """What the world model resumes from."""
        arrays, _ = hub.resume()
        response.leased = hub.lease_ids(BLOCK)
        if arrays:
            out = io.BytesIO()
            np.savez(out, **arrays)  # type: ignore[arg-type]
            response.npz = pack(np.frombuffer(out.getvalue(), np.uint8), "u1")
        self._mirror = GraphMirror()


def main() -> int:
    """Entry point of the node."""
    return spin(MemoryNode)


if __name__ == "__main__":
    raise SystemExit(main())
