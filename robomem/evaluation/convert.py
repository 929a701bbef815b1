"""`robomem convert FOLDER BAG.mcap`: a recorded RGB-D folder as a bag, so that ROS tools play it and the nodes can be tried on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robomem.geometry import inverse
from robomem.nodes.bag import BagWriter, need_bags
from robomem.nodes.bag_messages import SENSOR_TOPICS, SensorMessages
from robomem.nodes.wire import NS, set_stamp
from robomem.perception.detectors import CocoDetector
from robomem.perception.frame import RgbdFrame
from robomem.perception.sequence import RgbdSequence

OPTICAL, WORLD, MAP = "camera_optical", "world", "map"
BEGIN_NS = NS
DETECTIONS = "robomem_msgs/msg/DetectionMasks"


def folder_to_bag(folder: Path, bag: Path, limit: int, detect: bool, say: Callable[[str], None]) -> int:
    """Write every readable frame: rgb8, 16UC1 mm on the colour pixels, camera_info, map -> world (static) -> camera_optical.

    Stamps are the folder's (index / 30 Hz) plus a second, since ROS takes 0 for no stamp; the bag's graph is the folder's, ids and all.

    Args:
        folder: frame-*.color.jpg|png, .depth.png, .pose.txt, camera-intrinsics.txt.
        bag: file to write; must not exist.
        limit: only the first so many frames, 0 = all.
        detect: run the packaged detector and write what it says to /detections; needs robomem_msgs.

    Raises:
        InvalidInputError: no recording there, or the bag exists.
    """
    need_bags()
    sequence = RgbdSequence(folder)
    messages = SensorMessages(OPTICAL)
    detector = CocoDetector() if detect else None
    with BagWriter(bag) as out:
        for topic, msgtype in SENSOR_TOPICS.items():
            out.add_topic(topic, msgtype, messages.definition(msgtype), latched=topic == "/tf_static")
        if detector is not None:
            _add_detections(out)
        frames = 0
        for original in sequence:
            frame = replace(original, stamp_ns=original.stamp_ns + BEGIN_NS)
            if frames == 0:
                out.write("/tf_static", frame.stamp_ns, messages.tf(frame.stamp_ns, (MAP, WORLD, sequence.T_map_world)))
            T_world_camera = inverse(sequence.T_map_world) @ frame.T_map_camera
            out.write("/tf", frame.stamp_ns, messages.tf(frame.stamp_ns, (WORLD, OPTICAL, T_world_camera)))
            out.write("/camera_info", frame.stamp_ns, messages.camera_info(frame))
            if detector is not None:
                out.write("/detections", frame.stamp_ns, _detections(detector, frame))
            millimetres = np.rint(frame.depth_m * 1000.0).astype(np.uint16)
            out.write("/depth/image", frame.stamp_ns, messages.image(frame.stamp_ns, millimetres, "16UC1"))
            out.write("/rgb/image", frame.stamp_ns, messages.image(frame.stamp_ns, frame.rgb, "rgb8"))
            frames += 1
            if frames == limit:
                break
    rejected = f"; left out: {dict(sequence.rejected)}" if sequence.rejected else ""
    say(f"{frames} frames of {folder} in {bag}: {bag.stat().st_size / 1e6:.1f} MB{rejected}")
    return 0


def _add_detections(out: BagWriter) -> None:
    from robomem.nodes.msgdef import definition, message_class

    out.add_topic("/detections", DETECTIONS, definition(message_class(DETECTIONS)))


def _detections(detector: Any, frame: RgbdFrame) -> bytes:
    from robomem.nodes.conversions import detections_to_msg
    from robomem.nodes.msgdef import serialized

    msg = detections_to_msg(detector.detect(frame.rgb), frame.intrinsics.width, frame.intrinsics.height)
    msg.header.frame_id = OPTICAL
    set_stamp(msg.header.stamp, frame.stamp_ns)
    return serialized(msg)
