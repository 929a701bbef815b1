"""What the world model tells: graph deltas and snapshots, objects, markers, news for the one writer, a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from robomem_msgs.msg import GraphDelta, GraphSnapshot, TrackedObjects
from visualization_msgs.msg import MarkerArray

from robomem.nodes import qos
from robomem.nodes.graph_wire import GraphDiff
from robomem.nodes.markers import markers
from robomem.nodes.object_board import ObjectBoard
from robomem.nodes.object_rows import object_row, rows_to_msg
from robomem.nodes.outbox import Outbox
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import Detections, ObjectView
from robomem.viewer.recording import Recording


class WorldNews:
    """The outgoing side of one world model.

    Args:
        node: publishes, and counts what is lost.
        client: of the memory's write_batch service.
        session: of this process.
        world: the world model, None while it is not known yet.
        forget: called with ids that a person asked to forget.
    """

    def __init__(
        self, node: Any, client: Any, session: int, world: Callable[[], WorldModel | None], forget: Callable[[list[int]], None]
    ) -> None:
        self._node, self._world, self._frame = node, world, node.param("map_frame")
        self._delta = node.create_publisher(GraphDelta, "graph/delta", qos.DELTA)
        self._whole = node.create_publisher(GraphSnapshot, "graph/snapshot", qos.SNAPSHOT)
        self._objects = node.create_publisher(TrackedObjects, "objects", qos.OBJECTS)
        self._markers = node.create_publisher(MarkerArray, "markers", qos.OBJECTS)
        self._diff, self._board = GraphDiff(self._frame, session), ObjectBoard()
        self.outbox = Outbox(client, session, self._everything, forget, node.reject)
        self._recording = Recording(node.param("recording")) if node.param("recording") else None
        self._told_of: set[int] = set()
        self._beat = node.every(node.param("snapshot_s"), self.publish_whole)

    def close(self) -> None:
        """Let go of everything."""
        self._node.destroy_timer(self._beat)
        if self._recording is not None:
            self._recording.close()
        for p in (self._delta, self._whole, self._objects, self._markers):
            self._node.destroy_publisher(p)

    def note(self, object_id: int) -> None:
        """Something was said of an object between images: it goes out with the next."""
        self._told_of.add(object_id)

    def tell(self, frame: RgbdFrame, found: Detections | None, result: FrameResult, world: WorldModel) -> None:
        """One image was folded in."""
        ids = dict.fromkeys((*result.changed, *sorted(self._told_of), *(e.object_id for e in result.events)))
        self._told_of.clear()
        self._board.update(world, ids)
        delta = self._diff.delta(world.graph, frame.stamp_ns)
        if delta is not None:
            self._delta.publish(delta)
        rows = self._board.rows()
        self._objects.publish(rows_to_msg(rows, frame.stamp_ns, self._frame, self._diff.seq))
        self.outbox.put(result, self._board.rows_of(dict.fromkeys(map(world.tracker.resolve, ids))), delta)
        if self._recording is not None:
            self._recording.frame(frame, found, result, world)
        self._node.told = {"objects": str(len(rows)), "unacknowledged": str(self.outbox.pending)}

    def publish_whole(self) -> None:
        """The whole graph for who joins late, and markers where somebody looks."""
        world = self._world()
        if world is None or not world.stamp_ns or not self._node.active:
            return
        self._whole.publish(self.snapshot())
        if self._markers.get_subscription_count():
            self._markers.publish(markers(world.objects(), self._frame, world.stamp_ns))

    def snapshot(self) -> GraphSnapshot:
        """The whole graph and all objects now."""
        delta, views = self._everything()
        world = self._world()
        assert world is not None
        return GraphSnapshot(graph=delta, objects=rows_to_msg([object_row(v) for v in views], world.stamp_ns, self._frame, self._diff.seq))

    def _everything(self) -> tuple[GraphDelta, Sequence[ObjectView]]:
        world = self._world()
        assert world is not None
        return self._diff.whole(world.graph, world.stamp_ns), world.objects()
