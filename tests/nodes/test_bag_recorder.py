"""The recorder's queue and disk: bounded, counted, and an end of the disk is no end of the process. And definitions made from classes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcap", reason="pip install 'robomem[ros]'")
pytest.importorskip("rosbags", reason="pip install 'robomem[ros]'")

from robomem.nodes.bag import BagReader
from robomem.nodes.bag_recorder import BagRecorder
from robomem.nodes.environment import ros_missing
from tests.source import ROOT


def recorder(path: Path, queue_bytes: int) -> BagRecorder:
    out = BagRecorder(path, "none", queue_bytes)
    for topic in ("/image", "/tf"):
        out.add_topic(topic, "std_msgs/msg/String", "string data\n", False, True)
    return out


def test_what_does_not_fit_is_dropped_and_small_messages_still_fit(tmp_path: Path) -> None:
    out = recorder(tmp_path / "r.mcap", 10_000)
    with out._file:  # the disk does not answer
        took = [out.put("/image", i, i, bytes(4000)) for i in range(4)]
        small = [out.put("/tf", i, i, bytes(100)) for i in range(10)]
    out.close()
    assert took == [True, True, False, False] and all(small)
    assert out.dropped == {"/image": 2} and not out.error
    assert BagReader(tmp_path / "r.mcap").counts == {"/image": 2, "/tf": 10}
    assert not out.put("/tf", 99, 99, b"late") and out.messages == 12
    out.close()


FULL = """
import resource, sys, time
from robomem.nodes.bag_recorder import BagRecorder
resource.setrlimit(resource.RLIMIT_FSIZE, (12_000_000, 12_000_000))
out = BagRecorder(sys.argv[1], "none")
out.add_topic("/image", "std_msgs/msg/String", "string data\\n", False, True)
n = 0
for i in range(40):
    n += out.put("/image", i, i, bytes(1_000_000))
    time.sleep(0.01)
out.close()
print(out.messages, sum(out.dropped.values()), n, bool(out.error))
"""


def test_a_full_disk_ends_the_recording_and_not_the_process(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    written, dropped, taken, failed = done.stdout.split()
    assert failed == "True" and int(written) + int(dropped) == 40 and int(taken) < 40
    reader = BagReader(path)
    assert 5 <= len(list(reader)) <= 12 and reader.damage  # the chunks of 4 MiB that fitted


@pytest.mark.skipif(bool(ros_missing()), reason="rclpy or robomem_msgs is not installed; `make setup` builds and installs them")
def test_definitions_from_classes_are_those_of_the_msg_files() -> None:
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from robomem.nodes.msgdef import definition, message_class

    known = get_typestore(Stores.ROS2_KILTED)
    for path in sorted((ROOT / "msgs/robomem_msgs/msg").glob("*.msg")):
        known.register(get_types_from_msg(path.read_text(), f"robomem_msgs/msg/{path.stem}"))
    names = [n for n in known.fielddefs if n.split("/")[0] in ("robomem_msgs", "sensor_msgs", "geometry_msgs", "rosgraph_msgs")]
    names.append("tf2_msgs/msg/TFMessage")
    assert len(names) > 60
    for name in names:
        fresh = get_typestore(Stores.EMPTY)
        fresh.register(get_types_from_msg(definition(message_class(name)), name))
        assert fresh.hash_rihs01(name) == known.hash_rihs01(name), name
