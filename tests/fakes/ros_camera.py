"""A camera on the wire for node tests: renders a plane world, publishes RGB-D, camera_info, detections and tf, and asks services."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robomem_msgs.msg import DetectionMasks
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from robomem.geometry import look_at
from robomem.nodes import qos
from robomem.nodes.conversions import detections_to_msg
from robomem.nodes.environment import SUPERVISED, child_environment
from robomem.nodes.tf_listener import transform_msg
from robomem.nodes.wire import pack, set_stamp
from robomem.perception.frame import RgbdFrame
from robomem.types import Detections
from tests.fakes.plane_world import MEDIUM, PlaneWorld

S = 1_000_000_000
OPTICAL = "head_optical"
EYES = [(0.8, 0.9, 1.35), (0.7, 0.2, 1.35), (0.8, -0.7, 1.35), (0.7, -0.2, 1.35)]


def image(array: np.ndarray, encoding: str, stamp_ns: int) -> Image:
    """An array as sensor_msgs/Image."""
    msg = Image(height=array.shape[0], width=array.shape[1], encoding=encoding, step=array.strides[0])
    msg.data = pack(np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8), "u1")
    msg.header.frame_id = OPTICAL
    set_stamp(msg.header.stamp, stamp_ns)
    return msg


def seen(world: PlaneWorld, frame: RgbdFrame, min_pixels: int = 30) -> Detections:
    """What a perfect detector says: the pixels of every box, as masks."""
    k, depth = frame.intrinsics, frame.depth_m
    v, u = np.mgrid[: k.height, : k.width]
    rays = np.stack([(u - k.cx) / k.fx * depth, (v - k.cy) / k.fy * depth, depth], -1)
    cloud = rays @ frame.T_map_camera[:3, :3].T + frame.T_map_camera[:3, 3]
    labels, boxes, masks = [], [], []
    for box in world.boxes:
        own = ((cloud > np.array(box.low) - (0.02, 0.02, -0.015)) & (cloud < np.array(box.high) + 0.02)).all(-1) & (depth > 0)
        if np.count_nonzero(own) < min_pixels:
            continue
        y, x = np.nonzero(own)
        labels.append(box.label)
        boxes.append((x.min(), y.min(), x.max() + 1, y.max() + 1))
        masks.append(own)
    n = len(labels)
    return Detections(
        tuple(labels), np.full(n, 0.9), np.array(boxes, float).reshape(n, 4), np.array(masks, bool).reshape(n, k.height, k.width)
    )


class Camera:
    """Publishes a world, moving from eye to eye round a table at (2, 0)."""

    def __init__(self, world: PlaneWorld) -> None:
        self.world, self.node, self.k = world, Node("test_camera"), 0
        self.T_map_odom: np.ndarray | None = None  # a localiser above odometry; None: the camera's pose is in the map at once
        self.stamp_ns = 1000 * S
        make = self.node.create_publisher
        self.rgb, self.depth = make(Image, "rgb/image", qos.SENSOR), make(Image, "depth/image", qos.SENSOR)
        self.info, self.found = make(CameraInfo, "camera_info", qos.SENSOR), make(DetectionMasks, "detections", qos.OBJECTS)
        self.tf = make(TFMessage, "/tf", qos.TF)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)

    def shoot(self, period_s: float = 0.1, listen_s: float = 0.03, tf: bool = True) -> None:
        """One image with everything that belongs to it."""
        self.stamp_ns += round(period_s * S)
        eye = EYES[(self.k // 3) % len(EYES)]
        self.k += 1
        frame = self.world.render(look_at(eye, (2.0, 0.0, 0.75)), self.stamp_ns, MEDIUM)
        if tf:
            self.say_pose(frame.T_map_camera)
        k = MEDIUM
        info = CameraInfo(height=k.height, width=k.width, k=[k.fx, 0.0, k.cx, 0.0, k.fy, k.cy, 0.0, 0.0, 1.0])
        set_stamp(info.header.stamp, self.stamp_ns)
        info.header.frame_id = OPTICAL
        self.info.publish(info)
        found = detections_to_msg(seen(self.world, frame), k.width, k.height)
        set_stamp(found.header.stamp, self.stamp_ns)
        self.found.publish(found)
        self.depth.publish(image(frame.depth_m, "32FC1", self.stamp_ns))
        self.rgb.publish(image(frame.rgb, "rgb8", self.stamp_ns))
        self.spin(listen_s)

    def say_pose(self, T_odom_camera: np.ndarray) -> None:
        """The transforms of an image."""
        chain = [("map", OPTICAL, T_odom_camera)]
        if self.T_map_odom is not None:
            chain = [("map", "odom", self.T_map_odom), ("odom", OPTICAL, T_odom_camera)]
        self.tf.publish(TFMessage(transforms=[transform_msg(parent, child, self.stamp_ns, T) for parent, child, T in chain]))

    def newest(self) -> Any:
        """Stamp of the newest image, as a message's."""
        stamp = Time()
        set_stamp(stamp, self.stamp_ns)
        return stamp

    def spin(self, seconds: float) -> None:
        """Let callbacks run."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=max(0.0, min(0.05, end - time.monotonic())))

    def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Let callbacks run until something holds; False if it did not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return True
            self.spin(0.05)
        return true()

    def call(self, kind: Any, name: str, request: Any, seconds: float = 10.0) -> Any:
        """A service's answer."""
        client = self.node.create_client(kind, name)
        try:
            assert self.until(client.service_is_ready, seconds), f"{name} is not there"
            for _ in range(int(seconds // 2)):  # a server that was killed looks ready for a moment longer: ask again
                future = client.call_async(request)
                if self.until(future.done, 2.0):
                    return future.result()
            raise AssertionError(f"{name} did not answer")
        finally:
            self.node.destroy_client(client)

    def close(self) -> None:
        """Take the node down."""
        self.executor.shutdown()
        self.node.destroy_node()


def start(module: str, folder: Path, **parameters: Any) -> subprocess.Popen[bytes]:
    """One of our nodes as a process; its output goes to a file in `folder`."""
    arguments = [w for k, v in {"autostart": "true", **parameters}.items() for w in ("-p", f"{k}:={v}")]
    log = (folder / f"{module}.log").open("ab")
    command = [sys.executable, "-m", f"robomem.nodes.{module}", "--ros-args", *arguments]
    env = child_environment({SUPERVISED: str(os.getpid())})  # a test that is killed takes its nodes with it
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=env, start_new_session=True)


def ros_up() -> None:
    """rclpy with a domain of this process's own."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
    if not rclpy.ok():
        rclpy.init()
