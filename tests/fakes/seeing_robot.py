"""The robot of `robot_servers` with a camera on its head, in a room of boxes: everything a robot brings, in one process.

Nav2 goes straight to its goal here; what stands at the goal it refuses as Nav2 does. Run it: `python -m tests.fakes.seeing_robot`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fakes.robot_servers import Robot, optical, run  # isort: skip  sets the ROS environment before the messages load
from nav2_msgs.action import NavigateToPose
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from robomem_msgs.msg import DetectionMasks
from sensor_msgs.msg import CameraInfo, Image

from robomem.geometry import pose2d
from robomem.nodes import qos
from robomem.nodes.conversions import detections_to_msg, info_to_msg
from robomem.nodes.wire import set_stamp
from tests.fakes.plane_world import SMALL, PlaneWorld, block, wall
from tests.fakes.ros_camera import image, seen
from tests.fakes.table_scene import item

HALF = (3.5, 2.5)
PERIOD_S = 0.12


def room() -> PlaneWorld:
    """7 by 5 m: a table with a mug before the robot, a desk with a bottle far behind it."""
    x, y = HALF
    walls = [wall(-x, -y, x, -y), wall(-x, y, x, y), wall(-x, -y, -x, y), wall(x, -y, x, y)]
    furniture = [block(2.4, 0.3, 0.8, 1.4, 0.75, "dining table"), block(-2.9, -0.8, 0.7, 1.2, 0.75, "desk")]
    return PlaneWorld([*walls, *furniture, item("mug", 2.2, 0.2), item("bottle", -2.75, -0.7, height=0.25)], noise=0.0025)


class SeeingRobot(Robot):
    """Looks several times a second, and knows what it sees by name."""

    def __init__(self) -> None:
        super().__init__(("good",))
        self.world, make = room(), self.create_publisher
        self.rgb, self.depth = make(Image, "rgb/image", qos.SENSOR), make(Image, "depth/image", qos.SENSOR)
        self.info, self.found = make(CameraInfo, "camera_info", qos.SENSOR), make(DetectionMasks, "detections", qos.OBJECTS)
        self.create_timer(PERIOD_S, self.shoot, callback_group=MutuallyExclusiveCallbackGroup())

    def shoot(self) -> None:
        """One image with everything that belongs to it."""
        with self.lock:
            pose, head = self.pose.copy(), self.head.copy()
            stamp_ns = self.tell()
        frame = self.world.render(pose2d(*pose) @ optical(*head), stamp_ns, SMALL)
        info, said = info_to_msg(SMALL), detections_to_msg(seen(self.world, frame, 12), SMALL.width, SMALL.height)
        for msg in (info, said):
            msg.header.frame_id = "head_optical"
            set_stamp(msg.header.stamp, stamp_ns)
        self.info.publish(info)
        self.found.publish(said)
        self.depth.publish(image(frame.depth_m, "32FC1", stamp_ns))
        self.rgb.publish(image(frame.rgb, "rgb8", stamp_ns))

    def drive(self, handle: Any, temper: str) -> Any:
        """Refuse a goal where something stands; else as every robot."""
        p = handle.request.pose.pose.position
        if self.world.clearance(np.array([p.x, p.y])) < 0.15:
            handle.abort()
            return NavigateToPose.Result(error_code=206, error_msg="goal occupied")
        return super().drive(handle, temper)


if __name__ == "__main__":
    run(SeeingRobot)
