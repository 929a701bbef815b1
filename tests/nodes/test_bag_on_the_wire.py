"""A bag made without ROS, played into the running nodes: they fold in what `robomem replay` folds in, and come to the same objects."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

pytest.importorskip("onnxruntime", reason="the packaged detector needs onnxruntime: pip install 'robomem[perception]'")
if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem_msgs.msg import TrackedObjects  # noqa: E402

from robomem.cli import main  # noqa: E402
from robomem.memory.robot_memory import RobotMemory  # noqa: E402
from robomem.nodes import qos  # noqa: E402
from robomem.nodes.bag import BagReader  # noqa: E402
from robomem.nodes.bag_sequence import BagSequence  # noqa: E402
from robomem.nodes.conversions import objects_from_msg  # noqa: E402
from robomem.nodes.msgdef import message_class  # noqa: E402
from robomem.nodes.wire import to_ns  # noqa: E402
from tests.fakes.plane_world import PlaneWorld  # noqa: E402
from tests.fakes.ros_camera import Camera, ros_up, start  # noqa: E402

QOS = {"/tf": qos.TF, "/tf_static": qos.TF_STATIC, "/detections": qos.OBJECTS}


def play(path: Path, camera: Camera, got: list[TrackedObjects]) -> int:
    """Publish the bag's bytes as they are, each image once the one before is folded in. Returns how many were."""
    folded, reader = 0, BagReader(path)
    out = {t: camera.node.create_publisher(message_class(k), t, QOS.get(t, qos.SENSOR)) for t, k in reader.topics.items()}
    assert camera.until(lambda: all(p.get_subscription_count() for p in out.values()), 30)
    for m in reader:
        out[m.topic].publish(m.data)
        if m.topic == "/camera_info" and not folded:
            camera.spin(0.3)  # topics have no order among each other, and without camera_info the first image would be turned away
        if m.topic == "/rgb/image":
            assert camera.until(lambda ns=m.log_ns: bool(got) and to_ns(got[-1].header.stamp) == ns, 10), folded
            folded += 1
    return folded


def test_the_kitchens_bag_played_into_the_nodes(kitchen: Path, tmp_path: Path) -> None:
    path = tmp_path / "k.mcap"
    assert main(["convert", str(kitchen), str(path), "--limit", "16", "--detect"]) == 0
    bag = BagSequence(path)
    assert bag.has_detections
    with RobotMemory.open(":memory:") as memory:
        for frame, found in bag:
            memory.observe(frame, found)
        read = {v.id: v for v in memory.objects() if v.status == "confirmed"}
    ros_up()
    camera = Camera(PlaneWorld([]))  # only its node: the pictures are the bag's
    got: list[TrackedObjects] = []
    camera.node.create_subscription(TrackedObjects, "objects", got.append, qos.OBJECTS)
    processes = [start("memory", tmp_path, database=str(tmp_path / "m.db"), backup_folder=str(tmp_path)), start("world_model", tmp_path)]
    try:
        assert camera.until(lambda: "goes on with" in (tmp_path / "world_model.log").read_text(), 40)
        assert play(path, camera, got) == 16
    finally:
        for p in processes:
            p.send_signal(signal.SIGINT)
        for p in processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        camera.close()
    live = [v for v in objects_from_msg(got[-1]) if v.status == "confirmed"]
    assert len(read) >= 2 and sorted(v.label for v in live) == sorted(v.label for v in read.values())
    for v in live:
        assert min(float(np.linalg.norm(v.position - r.position)) for r in read.values() if r.label == v.label) < 0.01
