"""The world model node: RGB-D, camera_info, tf and detections in; belief and graph kept; deltas, objects, markers and news out."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from robomem_msgs.msg import DetectionMasks
from robomem_msgs.srv import GetGraph, WriteBatch
from sensor_msgs.msg import CameraInfo, Image

from robomem.errors import InvalidInputError
from robomem.nodes import qos
from robomem.nodes.image_door import ImageDoor
from robomem.nodes.outbox import OutOfIds
from robomem.nodes.tf_listener import listen
from robomem.nodes.world_news import WorldNews
from robomem.nodes.world_past import WorldPast
from robomem.nodes.world_services import WorldServices
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.warm_up import warm_up
from robomem.scene_graph.world_model import WorldModel

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
        self._open = False

    def open(self) -> None:
        """Subscribe, offer, and ask the memory what was. The first frame compiles and loads for seconds: it is had here, not in service."""
        warm_up()
        self._door = ImageDoor(self.param, self.counts, self.reject)
        make = self.create_subscription
        self._heard = [
            make(Image, "rgb/image", lambda m: self._take("rgb", m), qos.SENSOR),
            make(Image, "depth/image", lambda m: self._take("depth", m), qos.SENSOR),
            make(DetectionMasks, "detections", lambda m: self._take("detections", m), qos.OBJECTS),
            make(CameraInfo, "camera_info", self._door.info, qos.SENSOR),
        ]
        self._tf = listen(self, self.reject, self._heard_map)
        self._writer = self.create_client(WriteBatch, "memory/write_batch")
        self._news = WorldNews(self, self._writer, time.time_ns(), lambda: self.world, self._forget)
        self._past = WorldPast(self, self._news.outbox, self._resume)
        self._graph = self.create_service(GetGraph, "~/get_graph", self._get_graph)
        self._served = WorldServices(self, lambda: self.world, self._news.note, self.reject)
        self._beat_timer = self.every(0.1, self._tick)
        self._open = True

    def close(self) -> None:
        """Let go of everything."""
        if not self._open:
            return
        self._open, self.world = False, None
        self.destroy_timer(self._beat_timer)
        for s in self._heard:
            self.destroy_subscription(s)
        self.destroy_service(self._graph)
        for part in (self._served, self._tf, self._news, self._past):
            part.close()
        self.destroy_client(self._writer)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """active -> inactive: images are no longer folded in; the world's state goes to the memory."""
        self._past.keep(self.world)
        return super().on_deactivate(state)

    @property
    def active(self) -> bool:
        """True while images are folded in."""
        return self._state_machine.current_state[1] == "active"

    # -- what comes in -----------------------------------------------------------------------------------------------

    def _take(self, stream: str, msg: Any) -> None:
        if not self.active or self.world is None:
            self.counts["not_ready"] += 1
            return
        self._door.take(stream, msg, time.monotonic())
        self._work()

    def _heard_map(self) -> None:
        """After every transform: first what it says of the map, then the images that waited for it."""
        correction = self._door.correction(self._tf)
        if correction is not None and self.world is not None and self.world.stamp_ns:
            self.world.correct_map(correction)
            self._past.soon()  # what the memory restarts from should be of this map
            turn = np.degrees(correction.yaw_rad)
            self.get_logger().warning(
                f"world_model: the map jumped by {correction.shift_m:.2f} m and {turn:.0f} degrees; what it holds moves"
            )
        self._work()

    def _tick(self) -> None:
        """Ask for the past until it is known; then retry what waits for its transform or its answer."""
        if self.world is None:
            self._past.ask()
            return
        self._heard_map()
        self._news.outbox.pump()
        self.notice(self._door.trouble(time.monotonic()) if self.active else "")

    def _resume(self, world: WorldModel) -> None:
        self.world = world
        self.get_logger().info(f"world_model: goes on with {len(world.tracker.tracks)} objects")

    # -- one image ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Fold in the newest image whose transform is known."""
        while self.world is not None and self.active:
            got = self._door.next(self._tf, time.monotonic())
            if got is None:
                return
            try:
                self._fold(self.world, *got)
            except InvalidInputError as error:
                self.reject("invalid_input", str(error))
            except OutOfIds as error:
                self.reject("out_of_ids", str(error))

    def _fold(self, world: WorldModel, frame: RgbdFrame, found: Any) -> None:
        if frame.stamp_ns < world.stamp_ns:  # the door lets this in only when the clock was set back
            world.set_clock(frame.stamp_ns)
        self._news.tell(frame, found, world.step(frame, found), world)
        self._past.keep_when_due(world)

    def _get_graph(self, request: Any, response: Any) -> Any:
        if self.world is not None:
            response.snapshot, response.unacknowledged = self._news.snapshot(), self._news.outbox.pending
        return response

    def _forget(self, ids: list[int]) -> None:
        if self.world is not None:
            self.world.forget(ids)


def main() -> int:
    """Entry point of the node."""
    return spin(WorldModelNode)


if __name__ == "__main__":
    raise SystemExit(main())
