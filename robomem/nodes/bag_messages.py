"""The standard sensor messages serialised without ROS, for bags that are made from recordings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import Float, quaternion_from_matrix
from robomem.nodes.bag import need_bags
from robomem.nodes.wire import NS
from robomem.perception.frame import RgbdFrame

SENSOR_TOPICS = {
    "/tf_static": "tf2_msgs/msg/TFMessage",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/depth/image": "sensor_msgs/msg/Image",
    "/rgb/image": "sensor_msgs/msg/Image",
}


class SensorMessages:
    """CDR bytes of a camera's messages.

    Args:
        optical: frame of the images.
    """

    def __init__(self, optical: str) -> None:
        need_bags()
        from rosbags.typesys import Stores, get_typestore

        self._optical = optical
        self._store: Any = get_typestore(Stores.ROS2_KILTED)

    def definition(self, msgtype: str) -> str:
        """Its .msg text and those of all types in it."""
        return self._store.generate_msgdef(msgtype, ros_version=2)[0]

    def _make(self, name: str, **fields: Any) -> Any:
        return self._store.types[name](**fields)

    def _header(self, stamp_ns: int, frame: str) -> Any:
        sec, nanosec = divmod(stamp_ns, NS)
        return self._make("std_msgs/msg/Header", stamp=self._make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec), frame_id=frame)

    def _bytes(self, msg: Any, name: str) -> bytes:
        return bytes(self._store.serialize_cdr(msg, name, little_endian=True))

    def tf(self, stamp_ns: int, *links: tuple[str, str, Float]) -> bytes:
        """tf2_msgs/TFMessage of links (parent, child, Float64[4, 4] of the child in the parent)."""
        transforms = [self._link(stamp_ns, *link) for link in links]
        return self._bytes(self._make("tf2_msgs/msg/TFMessage", transforms=transforms), "tf2_msgs/msg/TFMessage")

    def _link(self, stamp_ns: int, parent: str, child: str, T: Float) -> Any:
        w, x, y, z = (float(v) for v in quaternion_from_matrix(T[:3, :3]))
        transform = self._make(
            "geometry_msgs/msg/Transform",
            translation=self._make("geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, T[:3, 3]), strict=True))),
            rotation=self._make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )
        header = self._header(stamp_ns, parent)
        return self._make("geometry_msgs/msg/TransformStamped", header=header, child_frame_id=child, transform=transform)

    def camera_info(self, frame: RgbdFrame) -> bytes:
        """sensor_msgs/CameraInfo of a frame."""
        k = frame.intrinsics
        none = self._make("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        msg = self._make(
            "sensor_msgs/msg/CameraInfo",
            header=self._header(frame.stamp_ns, self._optical),
            height=k.height,
            width=k.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=np.array([k.fx, 0.0, k.cx, 0.0, k.fy, k.cy, 0.0, 0.0, 1.0]),
            r=np.eye(3).ravel(),
            p=np.array([k.fx, 0.0, k.cx, 0.0, 0.0, k.fy, k.cy, 0.0, 0.0, 0.0, 1.0, 0.0]),
            binning_x=0,
            binning_y=0,
            roi=none,
        )
        return self._bytes(msg, "sensor_msgs/msg/CameraInfo")

    def image(self, stamp_ns: int, array: NDArray[Any], encoding: str) -> bytes:
        """sensor_msgs/Image of an array."""
        array = np.ascontiguousarray(array)
        msg = self._make(
            "sensor_msgs/msg/Image",
            header=self._header(stamp_ns, self._optical),
            height=array.shape[0],
            width=array.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=array.strides[0],
            data=array.view(np.uint8).ravel(),
        )
        return self._bytes(msg, "sensor_msgs/msg/Image")

    def compressed(self, stamp_ns: int, picture: bytes, format: str) -> bytes:
        """sensor_msgs/CompressedImage of an encoded picture ("jpeg", "png", "16UC1; compressedDepth png")."""
        header = self._header(stamp_ns, self._optical)
        msg = self._make("sensor_msgs/msg/CompressedImage", header=header, format=format, data=np.frombuffer(picture, np.uint8))
        return self._bytes(msg, "sensor_msgs/msg/CompressedImage")
