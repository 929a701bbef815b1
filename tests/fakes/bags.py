"""Bags for tests, written without ROS: a camera that moves round a table, with a fault of the test's choice."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from robomem.geometry import look_at
from robomem.nodes.bag import BagWriter
from robomem.nodes.bag_messages import SENSOR_TOPICS, SensorMessages
from tests.fakes.plane_world import SMALL, PlaneWorld
from tests.fakes.table_scene import item, kitchen

S = 1_000_000_000
OPTICAL = "head_optical"
Change = Callable[[str, int, bytes], bytes | None]  # topic, number of the frame, message -> what is written instead, None for nothing


def pictures(world: PlaneWorld | None = None, n: int = 6) -> list:
    """`n` frames of 160x120, a tenth of a second apart."""
    world = world or kitchen(item("mug", 1.9, 0.2))
    eyes = [(0.8, 0.9 - 1.2 * i / n, 1.35) for i in range(n)]
    return [world.render(look_at(eye, (2.0, 0.0, 0.75)), (10 + i) * S // 10, SMALL) for i, eye in enumerate(eyes)]


def png(array: np.ndarray) -> bytes:
    """An array as PNG."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def write(
    path: Path, frames: list, change: Change = lambda _t, _i, m: m, leave_out: tuple[str, ...] = (), compressed: bool = False
) -> Path:
    """A bag of frames; topics in `leave_out` are not in it at all."""
    make = SensorMessages(OPTICAL)
    types = {t: k for t, k in SENSOR_TOPICS.items() if t not in leave_out}
    if compressed:
        types |= dict.fromkeys(("/depth/image", "/rgb/image"), "sensor_msgs/msg/CompressedImage")
    with BagWriter(path) as out:
        for topic, kind in types.items():
            out.add_topic(topic, kind, make.definition(kind), latched=topic == "/tf_static")
        for i, f in enumerate(frames):
            mm = np.rint(f.depth_m * 1000).astype(np.uint16)
            messages = {
                "/tf": make.tf(f.stamp_ns, ("map", OPTICAL, f.T_map_camera)),
                "/camera_info": make.camera_info(f),
                "/depth/image": make.compressed(f.stamp_ns, png(mm), "png") if compressed else make.image(f.stamp_ns, mm, "16UC1"),
                "/rgb/image": make.compressed(f.stamp_ns, png(f.rgb), "png") if compressed else make.image(f.stamp_ns, f.rgb, "rgb8"),
            }
            for topic, message in messages.items():
                data = change(topic, i, message) if topic in types else None
                if data is not None:
                    out.write(topic, f.stamp_ns, data)
    return path
