"""What the world model was before this process: asked of the memory at the start, given to it every few seconds."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from robomem_msgs.srv import ReadWorld, WriteWorld

from robomem.config import of_environment
from robomem.ids import IdAllocator
from robomem.nodes.outbox import Outbox
from robomem.nodes.wire import NS, pack
from robomem.scene_graph.world_model import WorldModel

BLOCK = 4096


class WorldPast:
    """Resumes one world model and keeps it.

    Args:
        node: has the clients, and counts what fails.
        outbox: leases ids.
        resumed: called once with the world model.
    """

    def __init__(self, node: Any, outbox: Outbox, resumed: Callable[[WorldModel], None]) -> None:
        self._node, self._outbox, self._resumed = node, outbox, resumed
        self._read = node.create_client(ReadWorld, "memory/read_world")
        self._write = node.create_client(WriteWorld, "memory/write_world")
        self._asking: Any = None
        self._kept_ns = 0

    def close(self) -> None:
        """Let go of the clients."""
        for client in (self._read, self._write):
            self._node.destroy_client(client)

    def ask(self) -> None:
        """Ask what was, if that is not under way."""
        if self._asking is None and self._read.service_is_ready():
            self._asking = self._read.call_async(ReadWorld.Request())
            self._asking.add_done_callback(self._resume)

    def _resume(self, future: Any) -> None:
        answer, self._asking = future.result(), None
        if answer is None or not answer.ok:
            reason = answer.reason if answer else "no answer"
            self._node.reject("no_past", f"world_model: the memory did not say what was: {reason}")
            return
        self._outbox.grant(int(answer.leased))
        world = WorldModel(of_environment(), IdAllocator(self._outbox.lease, BLOCK), np.random.default_rng(self._node.param("seed")))
        if len(answer.npz):
            with np.load(io.BytesIO(answer.npz.tobytes()), allow_pickle=False) as archive:
                world.restore({name: archive[name] for name in archive.files})
        self._resumed(world)

    def soon(self) -> None:
        """Keep the next image's state without waiting for the period."""
        self._kept_ns = 0

    def keep_when_due(self, world: WorldModel) -> None:
        """Keep it if the last time is a period ago."""
        if abs(world.stamp_ns - self._kept_ns) > self._node.param("keep_s") * NS:
            self.keep(world)

    def keep(self, world: WorldModel | None) -> None:
        """Send the whole state to the memory; without one that listens, later."""
        if world is None or not world.stamp_ns or not self._write.service_is_ready():
            return
        self._kept_ns = world.stamp_ns
        out = io.BytesIO()
        np.savez(out, **world.snapshot())  # type: ignore[arg-type]
        npz = pack(np.frombuffer(out.getvalue(), np.uint8), "u1")
        rates = json.dumps(world.tracker.rates.to_json())
        self._write.call_async(WriteWorld.Request(stamp_ns=world.stamp_ns, npz=npz, move_rates=rates))
