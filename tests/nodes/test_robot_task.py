"""A whole robot over standard actions: it drives by Nav2, looks by its head's joints, and finds; every part a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing
from tests.fakes import robot_interfaces

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
if robot_interfaces.missing():
    pytest.skip(robot_interfaces.missing(), allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem.nodes.director import Director  # noqa: E402
from robomem.nodes.supervisor import NodeSpec, Supervisor  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BODY = {
    "base": "nav2",
    "drive_action": "good/navigate_to_pose",
    "head": "trajectory",
    "head_joints": ["pan", "tilt"],
    "head_action": "good/head",
    "head_signs": [1.0, -1.0],
    "head_limits_rad": [-1.6, 1.6, -0.8, 0.8],
    "head_speed_radps": 4.0,
    "camera_frame": "head_optical",
    "look_s": 0.4,
    "hand": "none",
    "radius_m": 0.25,
    "camera_height_m": 1.35,
}


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    folder = tmp_path_factory.mktemp("robot")
    domain, old = str(1 + os.getpid() % 100), dict(os.environ)
    os.environ.update({"ROS_DOMAIN_ID": domain, **robot_interfaces.environment()})
    specs = [
        NodeSpec("memory", "robomem.nodes.memory", {"database": str(folder / "m.db")}),
        NodeSpec("world_model", "robomem.nodes.world_model"),
        NodeSpec("planner", "robomem.nodes.planner", BODY),
    ]
    with (folder / "robot.log").open("wb") as log:
        body = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.seeing_robot"], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    supervisor = Supervisor(specs, folder / "logs")
    try:
        supervisor.start()
        with Director() as director:
            yield director
    finally:
        supervisor.stop()
        os.killpg(body.pid, signal.SIGKILL)
        body.wait(5)
        os.environ.clear()
        os.environ.update(old)


def test_it_finds_what_stands_behind_it(robot: Director) -> None:
    said: list[str] = []
    began = time.monotonic()
    report = robot.do("find the bottle", said.append)
    assert report.ok, (report.reason, said)
    found = robot.memory.find("bottle")
    assert found.found and abs(found.position[0] + 2.75) < 0.1 and abs(found.position[1] + 0.7) < 0.1
    assert found.id in report.object_ids
    assert report.glances >= 1 and time.monotonic() - began < 240


def test_it_drives_where_it_is_sent_and_says_that_it_has_no_hand(robot: Director) -> None:
    reports = []
    while len(reports) < 3 and not any("this robot has no hand to pick with" in note for r in reports for note in r.notes):
        reports.append(robot.do("bring the bottle to the dining table"))  # it may have to see more of the floor before it gets near
    assert not any(r.ok for r in reports)
    assert any("this robot has no hand to pick with" in note for note in reports[-1].notes), [r.notes for r in reports]
    assert sum(r.distance_m for r in reports) > 0.5  # it went there by Nav2 before it had to say so


def test_a_task_is_cancelled_while_nav2_drives(robot: Director) -> None:
    start = robot.base_xy()

    def stop_once_it_drives() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and np.hypot(*(robot.base_xy() - start)) < 0.3:
            time.sleep(0.02)
        robot.cancel()

    threading.Thread(target=stop_once_it_drives, daemon=True).start()
    report = robot.do("explore the home")
    assert not report.ok and report.reason == "cancelled"
    here = robot.base_xy()
    assert 0.2 < np.hypot(*(here - start)) < 3.0
    time.sleep(1.0)
    assert robot.base_xy() == pytest.approx(here, abs=0.05)  # and it stands
