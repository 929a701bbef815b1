"""Images between two processes: how many of 300 RGB-D pairs of 640x480 arrive, and how late."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._ros_process import Ear, finish, start, until

from robomem.nodes import qos  # isort: skip  after the module that sets the ROS environment
from sensor_msgs.msg import Image

from robomem.evaluation.report import bootstrap_ci, wilson_ci
from robomem.nodes.conversions import image_depth, image_rgb, image_to_msg
from robomem.nodes.wire import to_ns

HZ = 30.0
KNOWN_S = 20.0  # the longest wait for the camera to be known on this side


def measure(folder: Path, pairs: int) -> dict[str, Any]:
    """Share of pairs of which both images arrived, and the time from the stamp to both as arrays in the other process, ms."""
    image_depth(image_to_msg(np.ones((4, 4), np.float32), "32FC1"))  # compiles now, as a node does before it listens
    arrived: dict[str, dict[int, int]] = {"rgb": {}, "depth": {}}

    def take(stream: str, msg: Any) -> None:
        image_rgb(msg) if stream == "rgb" else image_depth(msg)
        arrived[stream].setdefault(to_ns(msg.header.stamp), time.time_ns())

    with Ear() as ear:
        ears = [ear.hear(Image, f"{stream}/image", qos.SENSOR, lambda m, s=stream: take(s, m)) for stream in arrived]
        log, report, go = folder / "camera.log", folder / "pairs.json", folder / "go"
        camera = start("benchmarks._ros_camera", log, count=pairs, hz=HZ, report=report, after=go)
        until(lambda: all(e.get_publisher_count() for e in ears), KNOWN_S)  # a best-effort image to who does not know its writer is lost
        go.touch()
        finish(camera, pairs / HZ + 40.0, log)
        time.sleep(0.2)
    sent = json.loads(report.read_text())["stamps"]
    late = [(max(arrived["rgb"][s], arrived["depth"][s]) - s) / 1e6 for s in sent if s in arrived["rgb"] and s in arrived["depth"]]
    return {
        "pairs": len(sent),
        "pairs_share": len(late) / len(sent),
        "pairs_share_ci": wilson_ci(len(late), len(sent)),
        "image_p50_ms": round(float(np.median(late)), 2),
        "image_p95_ms": round(float(np.percentile(late, 95)), 2),
        "image_p95_ms_ci": bootstrap_ci(late, lambda v: float(np.percentile(v, 95))),
        "series": {"image to the other process": late},
    }
