"""The viewer node: who joins late sees everything, a gap in the deltas is closed by asking, and a viewer that is gone hurts nobody."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

pytest.importorskip("rerun", reason="pip install 'robomem[viewer]'")
if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem_msgs.msg import GraphDelta, GraphSnapshot, TrackedObjects  # noqa: E402
from robomem_msgs.srv import GetGraph  # noqa: E402

from robomem.errors import InvalidInputError  # noqa: E402
from robomem.nodes import qos  # noqa: E402
from robomem.nodes.conversions import objects_from_msg  # noqa: E402
from robomem.nodes.graph_follower import GraphFollower  # noqa: E402
from robomem.nodes.graph_wire import GraphDiff  # noqa: E402
from robomem.scene_graph.graph import Node, SceneGraph  # noqa: E402
from robomem.viewer.recording import Recording  # noqa: E402
from tests.fakes.ros_camera import Camera, ros_up, start  # noqa: E402
from tests.fakes.table_scene import item  # noqa: E402
from tests.fakes.table_scene import kitchen as table_kitchen  # noqa: E402
from tests.viewer.scene import DETECTIONS, frame  # noqa: E402


def rows(path: Path) -> dict[str, int]:
    """Entity path -> rows of a recording."""
    from rerun.chunk import RrdReader

    out: dict[str, int] = {}
    for chunk in RrdReader(path).stream():
        out[str(chunk.entity_path)] = out.get(str(chunk.entity_path), 0) + chunk.num_rows
    return out


def texts(path: Path, entity: str) -> str:
    """Everything that is said in a recording's entity."""
    from rerun.chunk import RrdReader

    batches = [c.to_record_batch() for c in RrdReader(path).stream() if str(c.entity_path) == entity]
    columns = [
        col for b in batches for name, col in zip(b.schema.names, b.columns, strict=True) if name.lower().endswith(("text", "labels"))
    ]
    return " ".join(str(col.to_pylist()) for col in columns)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[Camera, list[subprocess.Popen[bytes]]]]:
    ros_up()
    camera = Camera(table_kitchen(item("mug", 1.9, 0.2), item("bottle", 2.1, -0.2, height=0.25)))
    processes: list[subprocess.Popen[bytes]] = []
    yield camera, processes
    for p in processes:
        if p.poll() is None:
            p.send_signal(signal.SIGINT)
    for p in processes:
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
    camera.close()


def test_who_joins_late_sees_everything(scene: Any, tmp_path: Path) -> None:
    camera, processes = scene
    got: list[TrackedObjects] = []
    camera.node.create_subscription(TrackedObjects, "objects", got.append, qos.OBJECTS)
    processes += [start("memory", tmp_path, database=str(tmp_path / "m.db"), backup_folder=str(tmp_path)), start("world_model", tmp_path)]
    end = time.monotonic() + 40
    known: set[str] = set()
    while not {"mug", "bottle", "dining table"} <= known and time.monotonic() < end:
        camera.shoot()
        known = {v.label for v in objects_from_msg(got[-1]) if v.status == "confirmed"} if got else set()
    late, after = tmp_path / "late.rrd", tmp_path / "after.rrd"
    processes.append(start("viewer", tmp_path, save=str(late)))
    assert camera.until(lambda: camera.rgb.get_subscription_count() == 2, 20), (tmp_path / "viewer.log").read_text()[-1500:]
    for _ in range(30):  # on a busy machine a viewer that is still loading misses most of the first ones
        camera.shoot(0.3)
    camera.spin(2.0)
    processes.append(start("viewer", tmp_path, save=str(after)))  # from here on no image comes any more: only the snapshot can tell
    assert camera.until(lambda: camera.rgb.get_subscription_count() == 3, 20)
    camera.spin(4.0)
    for p in processes[2:]:
        p.send_signal(signal.SIGINT)
        assert p.wait(15) == 0
    seen = rows(late)
    for entity in (
        "camera",
        "camera/image/rgb",
        "camera/image/depth",
        "camera/image/detections",
        "object",
        "furniture",
        "spread",
        "graph/nodes",
    ):
        assert seen.get(f"/map/{entity}"), (entity, seen)
    assert seen["/map/camera/image/rgb"] >= 3
    assert re.search(r"mug #\d+ appeared", texts(late, "/events"))
    assert {"/map/object", "/map/graph/relations"} <= rows(after).keys() and "/map/camera/image/rgb" not in rows(after)
    for path in (late, after):
        assert "mug #" in texts(path, "/map/object") and "bottle #" in texts(path, "/map/object")


def node(i: int) -> Node:
    return Node(i, "object", f"thing {i}", np.zeros(3), np.ones(3), 0.0, {}, 0, None)


def test_a_gap_is_closed_by_asking(scene: Any) -> None:
    camera, _ = scene
    graph, diff, rejected = SceneGraph(), GraphDiff("map", session=7), []
    deltas = camera.node.create_publisher(GraphDelta, "graph/delta", qos.DELTA)
    asked: list[Any] = []

    def answer(_request: Any, response: Any) -> Any:
        asked.append(1)
        response.snapshot = GraphSnapshot(graph=diff.whole(graph, 1))
        return response

    service = camera.node.create_service(GetGraph, "world_model/get_graph", answer)
    follower = GraphFollower(camera.node, lambda reason, _text: rejected.append(reason))
    assert camera.until(lambda: deltas.get_subscription_count() == 1 and follower._client.service_is_ready(), 10)
    for i in range(1, 13):
        graph.put(node(i))
        delta = diff.delta(graph, i)
        if i not in (5, 6, 9):  # lost on the way
            deltas.publish(delta)
        camera.spin(0.1)
    assert camera.until(lambda: follower.seq == diff.seq == 12, 5)
    assert {n.id for n in follower.graph.all_nodes()} == set(range(1, 13))
    assert rejected == ["gap", "gap"] and len(asked) == 3  # the first was for the beginning
    follower.close()
    camera.node.destroy_service(service)


def test_an_old_snapshot_does_not_turn_time_back_and_a_new_session_does(scene: Any) -> None:
    camera, _ = scene
    graph, diff = SceneGraph(), GraphDiff("map", session=7)
    follower = GraphFollower(camera.node, lambda reason, _text: None)
    graph.put(node(1))
    diff.delta(graph, 1)
    old = GraphSnapshot(graph=diff.whole(graph, 1))
    follower.take_snapshot(old)
    graph.put(node(2))
    follower.take_delta(diff.delta(graph, 2))
    follower.take_snapshot(old)
    assert {n.id for n in follower.graph.all_nodes()} == {1, 2} and follower.seq == 2
    fresh = SceneGraph()
    fresh.put(node(3))
    restarted = GraphDiff("map", session=8)
    follower.take_snapshot(GraphSnapshot(graph=restarted.whole(fresh, 3)))
    assert {n.id for n in follower.graph.all_nodes()} == {3} and follower.seq == 0
    follower.close()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_a_viewer_elsewhere_gets_what_the_file_gets(tmp_path: Path) -> None:
    port, served, own = free_port(), tmp_path / "served.rrd", tmp_path / "own.rrd"
    command = [sys.executable, "-m", "rerun", "--port", str(port), "--save", str(served)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end and socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        with Recording(own, viewer=f"rerun+http://127.0.0.1:{port}/proxy") as recording:
            recording.camera(frame(), DETECTIONS)
        end = time.monotonic() + 10
        while time.monotonic() < end and not (served.exists() and served.stat().st_size > 5000):
            time.sleep(0.1)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(15)
    assert rows(served).keys() >= {"/map/camera", "/map/camera/image/rgb", "/map/camera/image/detections"}
    assert rows(own).keys() >= rows(served).keys() - {"/__properties"}


def test_a_viewer_that_is_gone_costs_neither_file_nor_error(tmp_path: Path) -> None:
    with Recording(tmp_path / "own.rrd", viewer=f"rerun+http://127.0.0.1:{free_port()}/proxy") as recording:
        recording.camera(frame(), DETECTIONS)
    assert "/map/camera/image/rgb" in rows(tmp_path / "own.rrd")


@pytest.mark.parametrize(("path", "viewer", "words"), [(None, "", "neither a file"), (None, "nonsense", "'nonsense' is no address")])
def test_a_recording_to_nowhere(path: None, viewer: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        Recording(path, viewer=viewer)


def test_without_a_display_the_command_says_what_to_type() -> None:
    import os

    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run([sys.executable, "-m", "robomem.cli", "view"], capture_output=True, text=True, timeout=60, env=env, check=False)
    assert done.returncode == 2 and "--save FILE.rrd" in done.stderr and "Traceback" not in done.stderr
