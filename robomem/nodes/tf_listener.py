"""Transforms from /tf and /tf_static: tf2_ros where a robot's ROS 2 has it, else our own small buffer."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from tf2_msgs.msg import TFMessage

from robomem.geometry import Float
from robomem.nodes import qos
from robomem.nodes.conversions import rigid
from robomem.nodes.tf import TransformBuffer, TransformError
from robomem.nodes.wire import WireError, set_stamp, stamp_of, to_ns


def listen(
    node: Any, reject: Callable[[str, str], None], on_news: Callable[[], None] = lambda: None, group: Any = None
) -> TfListener | Tf2Buffer:
    """A buffer that follows the robot's transforms: `lookup(target, source, stamp_ns)`, `latest(target, source)`, `newest(child)`."""
    if find_spec("tf2_ros") is not None:
        return Tf2Buffer(node)
    return TfListener(node, reject, on_news, group)


class TfListener(TransformBuffer):
    """Our buffer, fed from the topics; what is no transform is rejected and counted.

    Args:
        node: subscribes.
        reject: told (reason, message).
        on_news: called after every message.
        group: callback group.
    """

    def __init__(self, node: Any, reject: Callable[[str, str], None], on_news: Callable[[], None], group: Any = None) -> None:
        super().__init__()
        self._node, self._reject, self._on_news = node, reject, on_news
        make = node.create_subscription
        self._held = [
            make(TFMessage, "/tf", lambda m: self._take(m, False), qos.TF, callback_group=group),
            make(TFMessage, "/tf_static", lambda m: self._take(m, True), qos.TF_STATIC, callback_group=group),
        ]

    def _take(self, msg: Any, static: bool) -> None:
        for t in msg.transforms:
            try:
                T = rigid(t.transform.translation, t.transform.rotation, f"tf {t.header.frame_id} -> {t.child_frame_id}")
                stamp_ns = to_ns(t.header.stamp) if static else stamp_of(t.header, f"tf {t.child_frame_id[:80]}")
                self.put(t.header.frame_id, t.child_frame_id, stamp_ns, T, static)
            except (WireError, TransformError) as error:
                self._reject(error.reason, str(error))
        self._on_news()

    def close(self) -> None:
        """Stop listening."""
        for s in self._held:
            self._node.destroy_subscription(s)
        self._held = []


class Tf2Buffer:
    """tf2_ros behind the same methods."""

    def __init__(self, node: Any) -> None:
        import tf2_ros  # type: ignore[import-not-found]  # not in the wheels; on a robot it is there

        self._tf2, self._node = tf2_ros, node
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Float:
        """T_target_source Float64[4, 4].  Raises: TransformError, with tf2's own words."""
        return self._ask(target, source, stamp_ns)[1]

    def latest(self, target: str, source: str) -> tuple[int, Float]:
        """The newest time (ns) at which two frames are connected, and T_target_source then.  Raises: TransformError."""
        return self._ask(target, source, 0)

    def _ask(self, target: str, source: str, stamp_ns: int) -> tuple[int, Float]:
        from rclpy.time import Time

        try:
            stamped = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))
        except self._tf2.ExtrapolationException as error:
            raise TransformError("no_extrapolation", f"tf: {error}") from None
        except self._tf2.ConnectivityException as error:
            raise TransformError("not_connected", f"tf: {error}") from None
        except self._tf2.TransformException as error:
            raise TransformError("unknown_frame", f"tf: {error}") from None
        found = stamped.transform
        return to_ns(stamped.header.stamp), rigid(found.translation, found.rotation, f"tf {target} -> {source}")

    def newest(self, child: str) -> tuple[str, int, Float] | None:
        """(parent, stamp ns, pose) of the newest transform of a frame in its parent; None if there is none."""
        import yaml

        frames = yaml.safe_load(self._buffer.all_frames_as_yaml()) or {}
        row = frames.get(child) if isinstance(frames, dict) else None
        if row is None:
            return None
        stamp_ns = round(float(row["most_recent_transform"]) * 1e9)
        try:
            return str(row["parent"]), stamp_ns, np.asarray(self.lookup(str(row["parent"]), child, 0))
        except TransformError:
            return None

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()


def transform_msg(parent: str, child: str, stamp_ns: int, T: Float) -> Any:
    """geometry_msgs/TransformStamped."""
    from geometry_msgs.msg import TransformStamped

    from robomem.nodes.conversions import put_rigid

    msg = TransformStamped(child_frame_id=child)
    msg.header.frame_id = parent
    set_stamp(msg.header.stamp, stamp_ns)
    put_rigid(T, msg.transform.translation, msg.transform.rotation)
    return msg
