"""The world model node: RGB-D, camera_info, tf and detections in; belief and graph kept; deltas, objects, markers and news out."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import numpy as np

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from robomem_msgs.msg import DetectionMasks, GraphDelta, GraphSnapshot, TrackedObjects
from robomem_msgs.srv import GetGraph, ReadWorld, WriteBatch, WriteWorld
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import MarkerArray

from robomem.config import RobomemConfig
from robomem.errors import InvalidInputError
from robomem.ids import IdAllocator
from robomem.nodes import qos
from robomem.nodes.conversions import objects_to_msg
from robomem.nodes.graph_wire import GraphDiff
from robomem.nodes.image_door import ImageDoor
from robomem.nodes.markers import markers
from robomem.nodes.object_board import ObjectBoard
from robomem.nodes.object_rows import rows_to_msg
from robomem.nodes.outbox import Outbox, OutOfIds
from robomem.nodes.tf_listener import listen
from robomem.nodes.wire import NS, pack
from robomem.nodes.world_services import WorldServices
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.warm_up import warm_up
from robomem.scene_graph.world_model import WorldModel
from robomem.viewer.recording import Recording

PARAMETERS = (
    Parameter("map_frame", "map", "frame of every position"),
    Parameter("camera_frame", "", "optical frame; empty: the image header's"),
    Parameter("seed", 0, "of the particle filter", 0, 2**31 - 1),
    Parameter("slop_s", 0.02, "most time between colour and depth of a pair, s", 0.0, 0.5),
    Parameter("wait_for_detections", True, "fold in only images that a detector has looked at"),
    Parameter("tf_patience_s", 0.5, "how long an image waits for its transform, s", 0.0, 5.0),
    Parameter("snapshot_s", 1.0, "period of the whole graph on graph/snapshot, s", 0.1, 60.0),
    Parameter("recording", "", "a rerun file (.rrd) to write everything to; empty: none"),
    Parameter("odom_frame", "odom", "odometry's frame below the map: a jump of it is a correction of the map; empty: never look"),
    Parameter("jump_m", 0.15, "a larger step of map -> odom, where the robot is, moves what is remembered, m", 0.02, 10.0),
    Parameter("jump_deg", 5.0, "the same for its turn, degrees", 0.5, 180.0),
    Parameter("anchor_s", 600.0, "what was last seen within this time before a jump moves, s; 0: all since the start", 0.0, 86400.0),
    Parameter("keep_s", 5.0, "period of the world's own state to the memory, s", 1.0, 600.0),
)


class WorldModelNode(RobomemNode):
    """Runs the in-process pipeline on topics: rgb/image, depth/image, camera_info, detections, /tf, /tf_static."""

    busy = True

    def __init__(self) -> None:
        super().__init__("world_model", PARAMETERS)
        self.world: WorldModel | None = None
        self._tf: Any = None
        self._held: list[Any] = []
        self._kept_ns = 0
        self._told_of: set[int] = set()
        self._served: WorldServices | None = None
        self._recording: Any = None

    def open(self) -> None:
        """Subscribe, offer, and ask the memory what was. The first frame compiles and loads for seconds: it is had here, not in service."""
        warm_up()
        self._door = ImageDoor(self.param, self.counts, self.reject)
        self._session = time.time_ns()
        self._diff = GraphDiff(self.param("map_frame"), self._session)
        make = self.create_subscription
        self._held = [
            make(Image, "rgb/image", lambda m: self._take("rgb", m), qos.SENSOR),
            make(Image, "depth/image", lambda m: self._take("depth", m), qos.SENSOR),
            make(DetectionMasks, "detections", lambda m: self._take("detections", m), qos.OBJECTS),
            make(CameraInfo, "camera_info", self._door.info, qos.SENSOR),
        ]
        self._tf = listen(self, self.reject, self._heard_map)
        self._delta = self.create_publisher(GraphDelta, "graph/delta", qos.DELTA)
        self._whole = self.create_publisher(GraphSnapshot, "graph/snapshot", qos.SNAPSHOT)
        self._objects = self.create_publisher(TrackedObjects, "objects", qos.OBJECTS)
        self._markers = self.create_publisher(MarkerArray, "markers", qos.OBJECTS)
        self._offered = [self.create_service(GetGraph, "~/get_graph", self._get_graph)]
        self._served = WorldServices(self, lambda: self.world, self._told_of.add, self.reject)
        self._asks = {n: self.create_client(t, f"memory/{n}") for n, t in (("write_world", WriteWorld), ("read_world", ReadWorld))}
        self._asks["write_batch"] = self.create_client(WriteBatch, "memory/write_batch")
        self._outbox = Outbox(self._asks["write_batch"], self._session, self._everything, self._forget, self.reject)
        self._asking: Any = None
        if self.param("recording"):
            self._recording = Recording(self.param("recording"))
        self._beats = [self.every(0.1, self._tick), self.every(self.param("snapshot_s"), self._publish_whole)]

    def close(self) -> None:
        """Let go of everything."""
        for s in self._held:
            self.destroy_subscription(s)
        for t in getattr(self, "_beats", []):
            self.destroy_timer(t)
        for s in getattr(self, "_offered", []):
            self.destroy_service(s)
        for part in (self._served, self._tf):
            if part is not None:
                part.close()
        if self._recording is not None:
            self._recording.close()
        for c in getattr(self, "_asks", {}).values():
            self.destroy_client(c)
        for p in (getattr(self, n, None) for n in ("_delta", "_whole", "_objects", "_markers")):
            if p is not None:
                self.destroy_publisher(p)
        self._held, self._beats, self._offered, self._asks, self.world = [], [], [], {}, None
        self._served = self._recording = self._tf = None

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """active -> inactive: images are no longer folded in; the world's state goes to the memory."""
        self._keep_world()
        return super().on_deactivate(state)

    # -- what comes in -----------------------------------------------------------------------------------------------

    def _take(self, stream: str, msg: Any) -> None:
        if not self._active() or self.world is None:
            self.counts["not_ready"] += 1
            return
        self._door.take(stream, msg, time.monotonic())
        self._work()

    def _heard_map(self) -> None:
        """After every transform: first what it says of the map, then the images that waited for it."""
        correction = self._door.correction(self._tf)
        if correction is not None and self.world is not None and self.world.stamp_ns:
            self.world.correct_map(correction)
            self._kept_ns = 0  # what the memory restarts from should be of this map soon
            turn = np.degrees(correction.yaw_rad)
            self.get_logger().warning(
                f"world_model: the map jumped by {correction.shift_m:.2f} m and {turn:.0f} degrees; what it holds moves"
            )
        self._work()

    def _active(self) -> bool:
        return self._state_machine.current_state[1] == "active"

    def _tick(self) -> None:
        """Ask for the past until it is known; then retry what waits for its transform or its answer."""
        if self.world is None:
            if self._asking is None and self._asks["read_world"].service_is_ready():
                self._asking = self._asks["read_world"].call_async(ReadWorld.Request())
                self._asking.add_done_callback(self._resume)
            return
        self._heard_map()
        self._outbox.pump()
        self.notice(self._door.trouble(time.monotonic()) if self._active() else "")

    def _resume(self, future: Any) -> None:
        answer, self._asking = future.result(), None
        if answer is None or not answer.ok:
            self.reject("no_past", f"world_model: the memory did not say what was: {answer.reason if answer else 'no answer'}")
            return
        self._outbox.grant(int(answer.leased))
        world = WorldModel(RobomemConfig(), IdAllocator(self._outbox.lease, 4096), np.random.default_rng(self.param("seed")))
        if len(answer.npz):
            with np.load(io.BytesIO(answer.npz.tobytes()), allow_pickle=False) as archive:
                world.restore({name: archive[name] for name in archive.files})
        self.world, self._board = world, ObjectBoard()
        self.get_logger().info(f"world_model: goes on with {len(world.tracker.tracks)} objects")

    # -- one image ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Fold in the newest image whose transform is known."""
        while self.world is not None and self._active():
            got = self._door.next(self._tf, time.monotonic())
            if got is None:
                return
            try:
                self._fold(*got)
            except InvalidInputError as error:
                self.reject("invalid_input", str(error))
            except OutOfIds as error:
                self.reject("out_of_ids", str(error))

    def _fold(self, frame: RgbdFrame, found: Any) -> None:
        assert self.world is not None
        world = self.world
        if frame.stamp_ns < world.stamp_ns:  # the door lets this in only when the clock was set back
            world.set_clock(frame.stamp_ns)
        result = world.step(frame, found)
        ids = dict.fromkeys((*result.changed, *sorted(self._told_of), *(e.object_id for e in result.events)))
        self._told_of.clear()
        self._board.update(world, ids)
        delta = self._diff.delta(world.graph, frame.stamp_ns)
        if delta is not None:
            self._delta.publish(delta)
        everything = self._board.rows()
        self._objects.publish(rows_to_msg(everything, frame.stamp_ns, self.param("map_frame"), self._diff.seq))
        self._outbox.put(result, self._board.rows_of(dict.fromkeys(map(world.tracker.resolve, ids))), delta)
        if self._recording is not None:
            self._recording.frame(frame, found, result, world)
        self.told = {"objects": str(len(everything)), "unacknowledged": str(self._outbox.pending)}
        if abs(frame.stamp_ns - self._kept_ns) > self.param("keep_s") * NS:
            self._keep_world()

    def _everything(self) -> tuple[GraphDelta, list[Any]]:
        assert self.world is not None
        return self._diff.whole(self.world.graph, self.world.stamp_ns), self.world.objects()

    def _publish_whole(self) -> None:
        if self.world is not None and self.world.stamp_ns and self._active():
            self._whole.publish(self._snapshot())
            if self._markers.get_subscription_count():
                self._markers.publish(markers(self.world.objects(), self.param("map_frame"), self.world.stamp_ns))

    def _snapshot(self) -> GraphSnapshot:
        delta, views = self._everything()
        assert self.world is not None
        return GraphSnapshot(graph=delta, objects=objects_to_msg(views, self.world.stamp_ns, self.param("map_frame"), self._diff.seq))

    def _get_graph(self, request: Any, response: Any) -> Any:
        if self.world is not None:
            response.snapshot, response.unacknowledged = self._snapshot(), self._outbox.pending
        return response

    def _forget(self, ids: list[int]) -> None:
        if self.world is not None:
            self.world.forget(ids)

    def _keep_world(self) -> None:
        client = self._asks.get("write_world")
        if self.world is None or not self.world.stamp_ns or client is None or not client.service_is_ready():
            return
        self._kept_ns = self.world.stamp_ns
        out = io.BytesIO()
        np.savez(out, **self.world.snapshot())  # type: ignore[arg-type]
        rates = json.dumps(self.world.tracker.rates.to_json())
        npz = pack(np.frombuffer(out.getvalue(), np.uint8), "u1")
        client.call_async(WriteWorld.Request(stamp_ns=self.world.stamp_ns, npz=npz, move_rates=rates))


def main() -> int:
    """Entry point of the node."""
    return spin(WorldModelNode)


if __name__ == "__main__":
    raise SystemExit(main())
