"""Follows the world model's graph over the topics: deltas, the snapshot for who joins late, and a question after a gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robomem_msgs.msg import GraphDelta, GraphSnapshot
from robomem_msgs.srv import GetGraph

from robomem.nodes import qos
from robomem.nodes.graph_wire import GraphMirror
from robomem.nodes.wire import WireError
from robomem.scene_graph.graph import SceneGraph


class GraphFollower:
    """A graph that is kept as the world model has it.

    Args:
        node: subscribes and asks.
        reject: told (reason, message); "gap" for every time that deltas were missed.

    Attributes:
        objects: the newest snapshot's TrackedObjects, None before the first.
    """

    def __init__(self, node: Any, reject: Callable[[str, str], None]) -> None:
        self._node, self._reject, self._mirror = node, reject, GraphMirror()
        self.objects: Any = None
        self._asking: Any = None
        self._held = [
            node.create_subscription(GraphSnapshot, "graph/snapshot", self.take_snapshot, qos.SNAPSHOT),
            node.create_subscription(GraphDelta, "graph/delta", self.take_delta, qos.DELTA),
        ]
        self._client = node.create_client(GetGraph, "world_model/get_graph")

    @property
    def graph(self) -> SceneGraph:
        """The graph as of `seq`."""
        return self._mirror.graph

    @property
    def seq(self) -> int:
        """Number of the newest message that is in the graph, -1 before the first."""
        return self._mirror.seq

    def close(self) -> None:
        """Stop following."""
        for s in self._held:
            self._node.destroy_subscription(s)
        self._node.destroy_client(self._client)
        self._held = []

    def take_delta(self, msg: Any) -> None:
        """Follow; before the first snapshot there is nothing to follow, after a gap a whole graph is asked for."""
        if self._mirror.seq < 0:
            self._ask()
            return
        try:
            self._mirror.apply(msg)
        except WireError as error:
            self._reject(error.reason, str(error))
            self._ask()

    def take_snapshot(self, msg: Any) -> None:
        """Begin anew, unless the mirror is as far already."""
        self.objects = msg.objects
        if msg.graph.session == self._mirror.session and msg.graph.to_seq <= self._mirror.seq:
            return
        try:
            self._mirror.reset(msg.graph)
        except WireError as error:
            self._reject(error.reason, str(error))

    def _ask(self) -> None:
        if self._asking is None and self._client.service_is_ready():
            self._asking = self._client.call_async(GetGraph.Request())
            self._asking.add_done_callback(self._take_answer)

    def _take_answer(self, future: Any) -> None:
        answer, self._asking = future.result(), None
        if answer is not None and answer.snapshot.graph.session:
            self.take_snapshot(answer.snapshot)
