"""The recorder node on a live camera: what it recorded replays, without ROS, to the objects that the live node had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem_msgs.msg import TrackedObjects  # noqa: E402

from robomem.memory.robot_memory import RobotMemory  # noqa: E402
from robomem.nodes import qos  # noqa: E402
from robomem.nodes.bag import BagReader  # noqa: E402
from robomem.nodes.bag_sequence import BagSequence  # noqa: E402
from robomem.nodes.conversions import info_to_msg, objects_from_msg  # noqa: E402
from tests.fakes.plane_world import MEDIUM  # noqa: E402
from tests.fakes.ros_camera import Camera, ros_up, start  # noqa: E402
from tests.fakes.table_scene import item  # noqa: E402
from tests.fakes.table_scene import kitchen as table_kitchen  # noqa: E402


class Scene:
    """A camera before a table, recorders and nodes as processes."""

    def __init__(self, folder: Path) -> None:
        ros_up()
        self.folder, self.processes = folder, []
        self.camera = Camera(table_kitchen(item("mug", 1.9, 0.2), item("bottle", 2.1, -0.2, height=0.25)))

    def up(self, module: str, **parameters: Any) -> subprocess.Popen[bytes]:
        self.processes.append(start(module, self.folder, **parameters))
        return self.processes[-1]

    def record(self, name: str) -> tuple[subprocess.Popen[bytes], Path]:
        """A recorder that has begun: its file exists and it listens to every topic of the camera."""
        path, topics = self.folder / name, (self.camera.rgb, self.camera.depth, self.camera.info, self.camera.found, self.camera.tf)
        before = [t.get_subscription_count() for t in topics]
        process = self.up("recorder", path=str(path))
        listens = self.camera.until(lambda: all(t.get_subscription_count() > n for t, n in zip(topics, before, strict=True)), 20)
        assert listens, (self.folder / "recorder.log").read_text()[-1500:]
        return process, path

    def close(self) -> None:
        for p in self.processes:
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
        for p in self.processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        self.camera.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def test_a_recording_replays_to_what_the_live_node_had(scene: Scene) -> None:
    live: list[TrackedObjects] = []
    scene.camera.node.create_subscription(TrackedObjects, "objects", live.append, qos.OBJECTS)
    scene.up("memory", database=str(scene.folder / "m.db"), backup_folder=str(scene.folder))
    scene.up("world_model")
    camera, log = scene.camera, scene.folder / "world_model.log"
    recorder, path = scene.record("live.mcap")
    assert camera.until(lambda: "goes on with" in log.read_text() and camera.rgb.get_subscription_count() == 2, 40)
    for _ in range(5):  # both know the camera before its first image, so that neither turns it away
        camera.info.publish(info_to_msg(MEDIUM))
        camera.spin(0.1)
    for _ in range(24):
        camera.shoot()
        assert camera.until(lambda: bool(live) and live[-1].header.stamp == camera.newest(), 5)
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(10) == 0
    bag = BagSequence(path)
    assert len(bag) == 24 and bag.has_detections
    with RobotMemory.open(":memory:") as memory:
        for frame, found in bag:
            memory.observe(frame, found)
        replayed = {v.label: v for v in memory.objects() if v.status == "confirmed"}
    assert not bag.rejected
    known = {v.label: v for v in objects_from_msg(live[-1]) if v.status == "confirmed"}
    assert {"mug", "bottle", "dining table"} <= known.keys() == replayed.keys()
    for label in ("mug", "bottle"):
        assert np.linalg.norm(replayed[label].position - known[label].position) < 1e-3, label
        assert abs(replayed[label].existence - known[label].existence) < 1e-3


def test_messages_are_stored_as_received_and_explain_themselves(scene: Scene) -> None:
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    recorder, path = scene.record("r.mcap")
    for _ in range(5):
        scene.camera.shoot()
    time.sleep(1.0)  # on a busy machine the last images are still on their way when the signal is there
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(10) == 0
    with AnyReader([path], default_typestore=get_typestore(Stores.EMPTY)) as reader:  # nothing is known but what the file says
        assert {c.topic: c.msgcount for c in reader.connections} == dict.fromkeys(
            ("/rgb/image", "/depth/image", "/camera_info", "/detections", "/tf"), 5
        )
        found = [c for c in reader.connections if c.topic == "/detections"]
        assert found[0].msgtype == "robomem_msgs/msg/DetectionMasks" and found[0].ext.offered_qos_profiles[0].reliability.name == "RELIABLE"
        said = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages(connections=found)]
    assert set(said[-1].labels) >= {"mug", "bottle"} and len(said[-1].boxes) == 4 * len(said[-1].labels)
    log = (scene.folder / "recorder.log").read_text()
    assert "25 messages of 5 topics" in log and "0 dropped" in log and "nobody publishes /tf_static, /clock" in log


def test_a_killed_recorder_leaves_a_bag_that_replays(scene: Scene) -> None:
    recorder, path = scene.record("killed.mcap")
    for _ in range(40):  # 320x240: 0.5 MB an image pair, so some chunks of 4 MiB
        scene.camera.shoot()
    os.kill(recorder.pid, signal.SIGKILL)
    recorder.wait()
    bag = BagSequence(path)
    assert 20 <= len(list(bag)) <= 40 and bag.rejected["truncated_bag"] == 1


def test_the_command_refuses_to_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "old.mcap"
    path.write_text("precious")
    command = [sys.executable, "-m", "robomem.cli", "record", "--out", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "exists" in done.stderr and path.read_text() == "precious"


def test_a_folder_that_cannot_be_written_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    command = [sys.executable, "-m", "robomem.cli", "record", "--out", str(tmp_path / "file" / "x.mcap")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_the_command_records_what_it_is_told(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "with space.mcap"
    command = [
        sys.executable,
        "-m",
        "robomem.cli",
        "record",
        "--out",
        str(path),
        "--topics",
        "/tf",
        "/camera_info",
        "--compression",
        "zstd",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    scene.processes.append(process)
    assert scene.camera.until(lambda: scene.camera.tf.get_subscription_count() and scene.camera.info.get_subscription_count(), 20)
    for _ in range(3):
        scene.camera.shoot()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert BagReader(path).counts == {"/tf": 3, "/camera_info": 3}
