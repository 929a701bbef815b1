"""A camera as a process of its own: publishes what was rendered before, in real time, with its transforms and what a detector said."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robomem.nodes.environment import prepare_ros_environment

prepare_ros_environment()

import rclpy  # noqa: E402  the environment comes first
from rclpy.node import Node  # noqa: E402
from robomem_msgs.msg import DetectionMasks  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from benchmarks._ros_sequence import Sequence  # noqa: E402
from robomem.geometry import inverse, pose2d  # noqa: E402
from robomem.nodes import qos  # noqa: E402
from robomem.nodes.conversions import image_to_msg, info_to_msg  # noqa: E402
from robomem.nodes.tf_listener import transform_msg  # noqa: E402
from robomem.nodes.wire import set_stamp  # noqa: E402

OPTICAL = "head_optical"
HEARD_S, SETTLE_S = 20.0, 0.5  # the longest wait for a subscriber; and for its side to know of us too


class Camera:
    """Publishers of everything that belongs to an image."""

    def __init__(self) -> None:
        self.node = Node("bench_camera")
        make = self.node.create_publisher
        self.rgb, self.depth = make(Image, "rgb/image", qos.SENSOR), make(Image, "depth/image", qos.SENSOR)
        self.info, self.found = make(CameraInfo, "camera_info", qos.SENSOR), make(DetectionMasks, "detections", qos.OBJECTS)
        self.tf = make(TFMessage, "/tf", qos.TF)

    def wait(self, go: Path | None) -> bool:
        """Until somebody listens, and says so with a file if one is given; False if nobody came."""
        end = time.monotonic() + HEARD_S
        while not (self.rgb.get_subscription_count() and self.depth.get_subscription_count() and (go is None or go.exists())):
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        time.sleep(SETTLE_S)
        return True

    def pair(self, rgb: np.ndarray, depth: np.ndarray, stamp_ns: int) -> None:
        """One RGB-D pair, packed now, as a driver does."""
        for publisher, array, encoding in ((self.depth, depth, "32FC1"), (self.rgb, rgb, "rgb8")):
            msg = image_to_msg(array, encoding)
            self._publish(publisher, msg, stamp_ns)

    def _publish(self, publisher: Any, msg: Any, stamp_ns: int) -> None:
        msg.header.frame_id = OPTICAL
        set_stamp(msg.header.stamp, stamp_ns)
        publisher.publish(msg)

    def links(self, T_map_camera: np.ndarray, stamp_ns: int) -> None:
        """map -> odom -> base_link -> camera, as a localiser, an odometry and a neck would say it."""
        ahead = T_map_camera[:2, 2]
        T_odom_base = pose2d(T_map_camera[0, 3], T_map_camera[1, 3], float(np.arctan2(ahead[1], ahead[0])))
        links = (
            ("map", "odom", np.eye(4)),
            ("odom", "base_link", T_odom_base),
            ("base_link", OPTICAL, inverse(T_odom_base) @ T_map_camera),
        )
        self.tf.publish(TFMessage(transforms=[transform_msg(a, b, stamp_ns, T) for a, b, T in links]))


def paced(count: int, hz: float, shoot: Callable[[int, int], None]) -> list[int]:
    """Call `shoot(k, stamp_ns)` at a steady rate; the stamps, which are the wall clock's at each image."""
    stamps, start = [], time.monotonic()
    for k in range(count):
        time.sleep(max(0.0, start + k / hz - time.monotonic()))
        stamps.append(time.time_ns())
        shoot(k, stamps[-1])
    return stamps


def noise(camera: Camera, count: int, hz: float) -> list[int]:
    """RGB-D of 640x480 that no layer can make smaller."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (480, 640, 3), np.uint8)
    depth = rng.uniform(0.5, 5.0, (480, 640)).astype(np.float32)
    return paced(count, hz, lambda _k, stamp_ns: camera.pair(rgb, depth, stamp_ns))


def play(camera: Camera, folder: Path, count: int, hz: float) -> list[int]:
    """A recorded sequence, again from its first image when it is over; what the detector said comes with the image."""
    seq = Sequence.load(folder)
    rgb, depth = np.array(seq.rgb), np.array(seq.depth)
    said, info = [seq.message(k) for k in range(len(seq))], info_to_msg(seq.intrinsics)

    def shoot(k: int, stamp_ns: int) -> None:
        i = k % len(seq)
        camera.links(seq.poses[i], stamp_ns)
        camera._publish(camera.info, info, stamp_ns)
        camera._publish(camera.found, said[i], stamp_ns)
        camera.pair(rgb[i], depth[i], stamp_ns)

    return paced(count, hz, shoot)


def main() -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=None, help="a recorded sequence; none: noise of 640x480")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--hz", type=float, required=True)
    parser.add_argument("--after", type=Path, default=None, help="begin when this file is there; none: when somebody listens")
    parser.add_argument("--report", type=Path, required=True, help="file for the stamps of what was published")
    args = parser.parse_args()
    rclpy.init()
    camera = Camera()
    try:
        stamps: list[int] = []
        if camera.wait(args.after):
            stamps = noise(camera, args.count, args.hz) if args.folder is None else play(camera, args.folder, args.count, args.hz)
            time.sleep(SETTLE_S)  # the last image leaves before its writer does
        args.report.write_text(json.dumps({"stamps": stamps}))
    finally:
        camera.node.destroy_node()
        rclpy.try_shutdown()
    return 0 if stamps else 1


if __name__ == "__main__":
    raise SystemExit(main())
