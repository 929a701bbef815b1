"""config/robots: every key is a parameter of its node, every value one that the node takes, every remapped topic one that it uses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing
from robomem.nodes.supervisor import NodeSpec, read_config
from tests.fakes import robot_interfaces

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem.nodes import bodies, detector, memory, planner, world_model  # noqa: E402
from robomem.nodes.base import Parameter  # noqa: E402
from robomem.nodes.heads import Gaze  # noqa: E402
from robomem.nodes.lifecycle_client import LifecycleClient  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {
    "xy_goal_tolerance",
    "robot_radius",
    "bt_navigator",
    "navigate_to_pose",
    "camera_info",
    "joint_states",
    "robomem_msgs",
    "tf2_ros",
    "nav2_msgs",
}
NOT_OURS |= {"control_msgs", "manipulate_object", "rgb_without_partner"}
FILES = sorted((ROOT / "config" / "robots").glob("*.yaml"))
TABLES: dict[str, tuple[Parameter, ...]] = {
    "memory": memory.PARAMETERS,
    "world_model": world_model.PARAMETERS,
    "detector": detector.PARAMETERS,
    "planner": (*planner.PARAMETERS, *bodies.PARAMETERS),
}


def wrong(spec: NodeSpec) -> list[str]:
    """What a node would not take."""
    table = {p.name: p for p in TABLES[spec.name]}
    out = [f"{spec.name}: no parameter {key}" for key in spec.parameters if key not in table]
    for key, value in spec.parameters.items():
        p = table.get(key)
        if p is not None and (type(value) is not type(p.default) or not inside(value, p)):
            out.append(f"{spec.name}: {key} = {value!r} is no {type(p.default).__name__} in {p.low}..{p.high}")
    source = (ROOT / "robomem" / "nodes" / f"{spec.name}.py").read_text()
    return out + [f"{spec.name}: no topic {topic}" for topic in spec.remap if f'"{topic}"' not in source]


def inside(value: Any, p: Parameter) -> bool:
    return p.low is None or p.high is None or p.low <= value <= p.high


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_robots_file_is_what_the_nodes_take(path: Path) -> None:
    specs = {s.name: s for s in read_config(path)}
    assert list(specs) == ["memory", "world_model", "detector", "planner"]
    assert [line for s in specs.values() for line in wrong(s)] == []
    assert all(s.module == f"robomem.nodes.{name}" for name, s in specs.items())
    images = {specs[n].remap["rgb/image"] for n in ("world_model", "detector")}
    assert len(images) == 1 and set(specs["world_model"].remap) == {"rgb/image", "depth/image", "camera_info"}
    assert specs["memory"].parameters["frame"] == specs["world_model"].parameters["map_frame"] == specs["planner"].parameters["map_frame"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_robots_body_makes_sense(path: Path) -> None:
    body = {p.name: p.default for p in TABLES["planner"]} | dict(next(s for s in read_config(path) if s.name == "planner").parameters)
    assert body["base"] == "nav2" and body["hand"] in ("none", "gripper") and 0.1 < body["radius_m"] < 0.4
    if body["head"] == "trajectory":
        Gaze.of(body["head_joints"], body["camera_frame"], body["head_signs"], body["head_limits_rad"], body["look_s"])
    text = path.read_text()
    assert ("not tried on hardware" in text and "docs/your_robot.md" in text) or path.stem != "generic_nav2"
    assert "not tried on hardware" in text


@pytest.mark.parametrize(
    ("parameters", "remap", "words"),
    [
        ({"radius": 0.3}, {}, "no parameter radius"),
        ({"radius_m": 3}, {}, "radius_m = 3 is no float"),
        ({"radius_m": 9.0}, {}, "is no float in 0.05..2.0"),
        ({"base": True}, {}, "is no str"),
        ({}, {"rgb": "/rgb"}, "no topic rgb"),
    ],
)
def test_the_check_sees_what_is_wrong(parameters: dict[str, Any], remap: dict[str, str], words: str) -> None:
    assert words in wrong(NodeSpec("planner", "robomem.nodes.planner", parameters, remap))[0]


def test_the_files_are_those_that_are_promised_and_are_shipped() -> None:
    assert [p.stem for p in FILES] == ["fetch", "generic_nav2", "stretch", "tiago"]
    assert 'Path("config/robots").glob("*.yaml")' in (ROOT / "setup.py").read_text()


def test_what_the_page_on_robots_names_is_there() -> None:
    page = (ROOT / "docs" / "your_robot.md").read_text()
    for path in re.findall(r"`?((?:config|launch|docs)/[\w/]+\.(?:yaml|launch\.py|md))", page):
        assert (ROOT / path).is_file(), path
    known = {p.name for table in TABLES.values() for p in table}
    sources = "".join(p.read_text() for p in (ROOT / "robomem" / "nodes").glob("*.py"))
    for name in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)(?:: [^`]*)?`", page):  # parameters, counters, topics, actions
        assert name in known or f'"{name}"' in sources or name in NOT_OURS, name


def planner_of(path: Path) -> NodeSpec:
    return next(s for s in read_config(path) if s.name == "planner")


def run(spec: NodeSpec, folder: Path, env: dict[str, str], words: str = "") -> tuple[bool, str]:
    """Whether a node becomes active before it says some words, and its log; a busy machine gets its time."""
    path = folder / "log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            spec.command(), stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **env}, cwd=folder, start_new_session=True
        )
    client = LifecycleClient()
    try:
        up = client.bring_up(spec.name, 60.0, lambda: process.poll() is None and not (words and words in path.read_text()))
    finally:
        client.close()
        process.send_signal(signal.SIGINT)
        process.wait(20)
    return up, path.read_text()


@pytest.mark.skipif(bool(robot_interfaces.missing()), reason=robot_interfaces.missing())
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_planner_of_the_file_becomes_active(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    up, log = run(planner_of(path), tmp_path, robot_interfaces.environment())
    assert up, log


@pytest.mark.skipif(robot_interfaces.REAL, reason="nav2_msgs is installed here")
def test_without_nav2_the_planner_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    words = "planner: base = 'nav2' needs nav2_msgs/action/NavigateToPose, and nav2_msgs is not installed; sudo apt install"
    up, log = run(planner_of(ROOT / "config" / "robots" / "generic_nav2.yaml"), tmp_path, {}, words)
    assert not up and words in log
