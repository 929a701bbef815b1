"""World model and memory as two processes: images in, answers out; either may be killed and nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem_msgs.msg import GraphSnapshot, TrackedObjects  # noqa: E402
from robomem_msgs.srv import Changes, Correct, Find, Forget, GetGraph, WhatIsIn, WhereWas  # noqa: E402

from robomem.nodes import qos  # noqa: E402
from robomem.nodes.answers import recall_from_msg  # noqa: E402
from robomem.nodes.conversions import events_from_msg, objects_from_msg  # noqa: E402
from tests.fakes.ros_camera import Camera, ros_up, start  # noqa: E402
from tests.fakes.table_scene import item  # noqa: E402
from tests.fakes.table_scene import kitchen as table_kitchen  # noqa: E402


class Robot:
    """The two nodes and a camera in front of a table with a mug and a bottle."""

    def __init__(self, folder: Path, T_map_odom: np.ndarray | None = None) -> None:
        ros_up()
        self.folder = folder
        self.processes = {}
        self.up("memory")
        self.up("world_model")
        self.camera = Camera(table_kitchen(item("mug", 1.9, 0.2), item("bottle", 2.1, -0.2, height=0.25)))
        self.camera.T_map_odom = T_map_odom
        self.objects: list[TrackedObjects] = []
        self.camera.node.create_subscription(TrackedObjects, "objects", self.objects.append, qos.OBJECTS)
        try:
            self.see_until(lambda: self.sees("mug", "bottle", "dining table"), 40)
        except AssertionError:
            self.close()  # a fixture that does not come up leaves no process behind
            raise

    def up(self, module: str) -> None:
        parameters = {"database": str(self.folder / "m.db"), "backup_folder": str(self.folder / "backups")} if module == "memory" else {}
        if module == "world_model":
            parameters["keep_s"] = "1.0"
        self.processes[module] = start(module, self.folder, **parameters)

    def kill(self, module: str) -> None:
        os.kill(self.processes[module].pid, signal.SIGKILL)
        self.processes[module].wait()

    def sees(self, *labels: str) -> bool:
        if not self.objects:
            return False
        sure = {v.label for v in objects_from_msg(self.objects[-1]) if v.status == "confirmed"}
        return set(labels) <= sure

    def see_until(self, true, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.camera.shoot()
            if true():
                return
        logs = "".join((self.folder / f"{n}.log").read_text()[-1500:] for n in ("memory", "world_model"))
        raise AssertionError(f"not in {seconds:g} s; {len(self.objects)} answers\n{logs}")

    def find(self, query: str):
        answer = self.camera.call(Find, "memory/find", Find.Request(query=query))
        assert answer.ok, answer.reason
        return recall_from_msg(answer.answer)

    def changes(self) -> list:
        return events_from_msg(self.camera.call(Changes, "memory/changes", Changes.Request()).events)

    def close(self) -> None:
        for p in self.processes.values():
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
        for p in self.processes.values():
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        self.camera.close()


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    robot = Robot(tmp_path_factory.mktemp("robot"))
    yield robot
    robot.close()


def test_what_was_seen_is_answered_over_services(robot: Robot) -> None:
    robot.see_until(lambda: robot.find("mug").found, 20)
    mug = robot.find("mug")
    assert np.linalg.norm(np.array(mug.position) - (1.9, 0.2, 0.80)) < 0.05
    assert "dining table" in mug.place
    assert robot.find("hammer").verdict == "unknown"
    held = robot.camera.call(WhatIsIn, "memory/what_is_in", WhatIsIn.Request(place="dining table"))
    assert held.ok and {"mug", "bottle"} <= {v.label for v in objects_from_msg(held.objects)}
    was = robot.camera.call(WhereWas, "memory/where_was", WhereWas.Request(query="mug", at_ns=robot.camera.stamp_ns))
    assert was.ok and recall_from_msg(was.answer).id == mug.id


def test_a_late_joiner_gets_the_whole_graph(robot: Robot) -> None:
    got: list[GraphSnapshot] = []
    robot.camera.node.create_subscription(GraphSnapshot, "graph/snapshot", got.append, qos.SNAPSHOT)
    robot.see_until(lambda: bool(got) and {"mug", "bottle"} <= set(got[-1].graph.node_labels), 5.0)
    assert got[-1].graph.from_seq == got[-1].graph.to_seq
    asked = robot.camera.call(GetGraph, "world_model/get_graph", GetGraph.Request())
    assert set(got[-1].graph.node_ids) <= set(asked.snapshot.graph.node_ids)


@pytest.mark.parametrize(
    ("kind", "name", "request_", "words"),
    [
        (Find, "find", Find.Request(query="  "), "asked"),
        (Correct, "correct", Correct.Request(id=999999, label="cup"), "no object"),
        (Forget, "forget", Forget.Request(query="hammer"), "hammer"),
    ],
)
def test_an_askers_mistake_is_a_reason_in_words(robot: Robot, kind, name: str, request_, words: str) -> None:
    answer = robot.camera.call(kind, f"memory/{name}", request_)
    assert not answer.ok and answer.reason


@pytest.mark.parametrize("victim", ["memory", "world_model"])
def test_a_killed_process_comes_back_with_the_same_ids(robot: Robot, victim: str) -> None:
    robot.see_until(lambda: robot.find("mug").found and robot.find("bottle").found, 20)
    for _ in range(15):
        robot.camera.shoot()  # long enough for the world's own state to be kept once more
    ids = {label: robot.find(label).id for label in ("mug", "bottle")}
    before = {e.id for e in robot.changes()}
    robot.kill(victim)
    for _ in range(5):
        robot.camera.shoot()
    robot.objects.clear()
    robot.up(victim)
    robot.see_until(lambda: robot.sees("mug", "bottle"), 40)
    robot.see_until(lambda: robot.find("mug").found, 20)
    assert {label: robot.find(label).id for label in ids} == ids
    assert before <= {e.id for e in robot.changes()}


def test_what_is_forgotten_is_gone_on_both_sides(robot: Robot) -> None:
    robot.see_until(lambda: robot.find("bottle").found, 20)
    bottle = robot.find("bottle").id
    robot.camera.world.boxes[:] = [b for b in robot.camera.world.boxes if b.label != "bottle"]
    done = robot.camera.call(Forget, "memory/forget", Forget.Request(query="bottle"))
    assert done.ok and list(done.ids) == [bottle], done.reason
    robot.see_until(lambda: bool(robot.objects) and bottle not in robot.objects[-1].ids, 20)
    assert robot.find("bottle").id != bottle
