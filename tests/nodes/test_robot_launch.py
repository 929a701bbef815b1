"""robomem.launch.py with a robot's file, executed against small stand-ins of `launch` (it has no wheel): who wins over whom."""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROBOT = """
nodes:
  - {name: memory, module: robomem.nodes.memory, parameters: {database: home.db, timezone: Europe/Rome}}
  - name: world_model
    module: robomem.nodes.world_model
    parameters: {wait_for_detections: false, slop_s: 0.05}
    remap: {rgb/image: /head/rgb}
  - {name: detector, module: robomem.nodes.detector, parameters: {threshold: 0.4}}
  - {name: planner, module: robomem.nodes.planner, parameters: {base: nav2, head: trajectory, radius_m: 0.3}}
"""


class Declare:
    def __init__(self, name: str, default_value: str, description: str) -> None:
        self.name, self.default = name, default_value


class Opaque:
    def __init__(self, function: Any, args: list[Any]) -> None:
        self.function, self.args = function, args


def launch(monkeypatch: pytest.MonkeyPatch, **given: str) -> dict[str, types.SimpleNamespace]:
    """What the launch file starts for arguments of a command line, by node name, with values as the node would get them."""
    context = types.SimpleNamespace(launch_configurations=dict(given))

    class Value:  # LaunchConfiguration, ParameterValue and IfCondition: read late
        def __init__(self, of: Any, value_type: type | None = None) -> None:
            self.of = of

        def get(self) -> str:
            return self.of.get() if isinstance(self.of, Value) else context.launch_configurations[self.of]

    parts = {
        "launch": {"LaunchDescription": list},
        "launch.actions": {"DeclareLaunchArgument": Declare, "OpaqueFunction": Opaque},
        "launch.conditions": {"IfCondition": Value},
        "launch.substitutions": {"LaunchConfiguration": Value},
        "launch_ros": {},
        "launch_ros.actions": {"LifecycleNode": types.SimpleNamespace},
        "launch_ros.parameter_descriptions": {"ParameterValue": Value},
    }
    for name, content in parts.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    started = {}
    for action in runpy.run_path(str(ROOT / "launch" / "robomem.launch.py"))["generate_launch_description"]():
        if isinstance(action, Declare):
            context.launch_configurations.setdefault(action.name, action.default)
            continue
        for node in action.function(context, *action.args) or ():
            if "condition" not in vars(node) or node.condition.get() == "true":
                merged = {k: v for table in node.parameters for k, v in table.items()}
                node.parameters = {k: v.get() if isinstance(v, Value) else v for k, v in merged.items()}
                node.remappings = {k: v.get() for k, v in vars(node).get("remappings", ())}
                started[node.name] = node
    return started


@pytest.fixture
def robot(tmp_path: Path) -> str:
    (tmp_path / "robot.yaml").write_text(ROBOT)
    return str(tmp_path / "robot.yaml")


def test_without_a_robot_it_is_memory_and_world_model(monkeypatch: pytest.MonkeyPatch) -> None:
    started = launch(monkeypatch, rgb="/camera/rgb")
    assert set(started) == {"memory", "world_model"}
    assert started["world_model"].remappings["rgb/image"] == "/camera/rgb"
    assert started["memory"].parameters["database"] == "robomem.db" and started["memory"].parameters["frame"] == "map"


def test_a_robots_file_fills_in_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch, robot: str) -> None:
    started = launch(monkeypatch, robot=robot, rgb="/other/rgb", head="turn")
    assert set(started) == {"memory", "world_model", "detector", "planner"}
    assert started["detector"].parameters["threshold"] == 0.4 and started["detector"].remappings["rgb/image"] == "/other/rgb"
    assert started["memory"].parameters == {
        "database": "home.db", "backup_folder": "backups", "frame": "map", "timezone": "Europe/Rome", "autostart": True
    }  # fmt: skip
    world = started["world_model"]
    assert world.parameters["wait_for_detections"] == "false" and world.parameters["slop_s"] == 0.05
    assert world.remappings["rgb/image"] == "/other/rgb" and world.remappings["depth/image"] == "depth/image"
    planner = started["planner"].parameters
    assert (planner["base"], planner["head"], planner["radius_m"]) == ("nav2", "turn", 0.3)


def test_the_planner_can_be_left_out(monkeypatch: pytest.MonkeyPatch, robot: str) -> None:
    assert set(launch(monkeypatch, robot=robot, planner="false", detector="false")) == {"memory", "world_model"}
