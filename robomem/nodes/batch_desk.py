"""Where the world model's news reach the database: each batch once, in order, and nothing of what was forgotten."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from robomem.memory.hub import MemoryHub
from robomem.nodes import asked
from robomem.nodes.conversions import events_from_msg, objects_from_msg, observations_from_msg
from robomem.nodes.graph_wire import GraphMirror
from robomem.nodes.wire import WireError, pack
from robomem.scene_graph.world_model import FrameResult

BLOCK = 4096  # ids leased at a time


class BatchDesk:
    """Takes what one world model sends, and tells it what was forgotten.

    Attributes:
        mirror: the world model's graph.
    """

    def __init__(self) -> None:
        self.mirror = GraphMirror()
        self._forgotten: list[int] = []
        self._told_seq = -1
        self._erased: set[int] = set()  # ids are never used again, so what still comes of them is dropped for good

    @property
    def seq(self) -> int:
        """Of the newest graph message, 0 before one."""
        return max(self.mirror.seq, 0)

    def forgotten(self, ids: list[int]) -> None:
        """A person had these forgotten: the sender is told with its next batch."""
        self._forgotten += ids
        self._erased |= set(ids)
        self._told_seq = -1

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
                self.mirror.reset(delta)
            else:
                self.mirror.apply(delta)
        elif self.mirror.session != int(request.session):
            raise WireError("gap", "write_batch: the graph of this session was never sent")
        views = [v for v in told if v.id not in self._erased]
        events = tuple(e for e in happened if e.object_id not in self._erased)
        if self._erased:
            self.mirror.graph.forget(self._erased)
            object_ids = np.where(np.isin(object_ids, list(self._erased)), -1, object_ids)
        merged = tuple((kept, absorbed) for absorbed, kept in _merged(delta) if not {kept, absorbed} & self._erased)
        result = FrameResult(int(request.stamp_ns), events, found, ids, object_ids, tuple(v.id for v in views), {}, merged)
        hub.absorb(result, views, self.mirror.graph, name)

    def write_world(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """Keep the world model's state, unless something in it is to be forgotten first."""
        if self._forgotten:
            raise WireError("forget_first", "write_world: the sender has not dropped yet what was forgotten")
        arrays = asked.archive(request.npz, "write_world")
        asked.rates(request.move_rates)
        if not hub.knows_map(arrays):
            raise WireError("correction_first", "write_world: its map was corrected, and the batch that says so is still on the way")
        hub.keep_world(arrays, request.move_rates, int(request.stamp_ns), self.mirror.graph)

    def read_world(self, hub: MemoryHub, request: Any, response: Any) -> None:
        """What the world model resumes from."""
        arrays, _ = hub.resume()
        response.leased = hub.lease_ids(BLOCK)
        if arrays:
            out = io.BytesIO()
            np.savez(out, **arrays)  # type: ignore[arg-type]
            response.npz = pack(np.frombuffer(out.getvalue(), np.uint8), "u1")
        self.mirror = GraphMirror()


def _merged(delta: Any) -> Iterator[tuple[int, int]]:
    """(absorbed id, kept id) of a graph's delta, which holds those too of which no event tells: what was never confirmed."""
    return zip(map(int, delta.merged_from), map(int, delta.merged_into), strict=False)  # a delta that is followed has as many
