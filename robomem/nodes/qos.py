"""Quality of service of every topic, by name, so that both ends agree."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(depth: int, reliable: bool, keeps: bool = False) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if keeps else DurabilityPolicy.VOLATILE,
    )


SENSOR = _profile(5, False)  # images, camera_info, detections: the newest wins
NEWEST = _profile(1, False)  # images for who is slower than the camera
CLOCK = _profile(1, False)
TF = _profile(100, True)
TF_STATIC = _profile(100, True, keeps=True)
OBJECTS = _profile(5, True)
DELTA = _profile(50, True)
SNAPSHOT = _profile(1, True, keeps=True)  # who joins late gets the newest at once
EVENTS = _profile(1000, True)
