"""The launch files, read without running them: `launch` has no wheel, so only a robot runs them; here their names must agree with ours."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from robomem.nodes.supervisor import read_config

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))


def node_calls(tree: ast.Module) -> list[dict[str, ast.expr]]:
    """Keyword arguments of every LifecycleNode(...) and Node(...)."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("LifecycleNode", "Node")]
    return [{k.arg: k.value for k in call.keywords if k.arg} for call in calls]


SIM = "robomem_sim.sim_node"


def source(module: str) -> str:
    """Text of a node's module."""
    base = ROOT / "sim" if module == SIM else ROOT
    return (base / f"{module.replace('.', '/')}.py").read_text()


def declared(module: str) -> set[str]:
    """Names in the parameter table of a node's source."""
    return set(re.findall(r'^    Parameter\("(\w+)"', source(module), re.M)) | {"autostart"}


def arguments_of(tree: ast.Module) -> tuple[tuple[str, str, str], ...]:
    """Name, default, description of every argument."""
    return next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "ARGUMENTS")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_executables_parameters_and_arguments_agree(path: Path) -> None:
    tree = ast.parse(path.read_text())
    arguments = arguments_of(tree)
    used = set(re.findall(r'(?:value|text|given)\["(\w+)"\]', path.read_text()))
    assert used == {name for name, _, _ in arguments} and all(about for _, _, about in arguments)
    entry = (ROOT / "setup.py").read_text()
    calls = node_calls(tree)
    assert calls
    for call in calls:
        if getattr(call.get("package"), "value", "robomem") != "robomem":
            continue  # rviz2
        module = SIM if call["name"].value == "sim" else f"robomem.nodes.{call['name'].value}"
        assert f"{call['executable'].value} = {module}:main" in entry
        table = call["parameters"].elts[0]
        assert {key.value for key in table.keys} <= declared(module)
        for pair in getattr(call.get("remappings"), "elts", []):
            assert f'"{pair.elts[0].value}"' in source(module)


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "robots").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_robot_s_file_says_the_same_to_launch_as_to_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head's `camera_frame` became the world model's, and the planner had none."""
    for name in (
        "launch",
        "launch.actions",
        "launch.conditions",
        "launch.substitutions",
        "launch_ros.actions",
        "launch_ros.parameter_descriptions",
    ):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    module = runpy.run_path(str(ROOT / "launch" / "robomem.launch.py"), run_name="robomem_launch")
    context, more = SimpleNamespace(launch_configurations={"robot": str(path)}), {}
    module["take_robot"](context, more)
    for spec in read_config(str(path)):
        got = {**context.launch_configurations, **more.get(spec.name, {})}
        for key, value in spec.parameters.items():
            assert got[key] in (value, str(value).lower() if isinstance(value, bool) else str(value)), (spec.name, key)
    own = {s.name: s.parameters.get("camera_frame") for s in read_config(str(path))}
    assert context.launch_configurations.get("camera_frame") == own["world_model"]


@pytest.mark.parametrize("name", ["sim", "replay"])
def test_what_is_included_is_given_arguments_that_it_has(name: str) -> None:
    tree = ast.parse((ROOT / "launch" / f"{name}.launch.py").read_text())
    has = {a for a, _, _ in arguments_of(ast.parse((ROOT / "launch" / "robomem.launch.py").read_text()))}
    given = next(k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "launch_arguments")
    assert isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and isinstance(given.func.value, ast.Dict)
    names = {key.value for key in given.func.value.keys}
    assert names and names <= has
    literals = {
        k.value: v.value for k, v in zip(given.func.value.keys, given.func.value.values, strict=True) if isinstance(v, ast.Constant)
    }
    known = set(re.findall(r'"(\w+)": lambda', (ROOT / "robomem/nodes/bodies.py").read_text()))
    assert {literals[part] for part in ("base", "head", "hand") if part in literals} <= known


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_files_of_ours_that_are_named_are_installed(path: Path) -> None:
    for folder, file in re.findall(r'PathJoinSubstitution\(\[share, "(\w+)", "([\w.]+)"\]\)', path.read_text()):
        assert (ROOT / folder / file).is_file(), file
        assert f'Path("{folder}").glob("*.{file.split(".", 1)[1]}")' in (ROOT / "setup.py").read_text()


def test_there_are_launch_files() -> None:
    assert [p.name for p in FILES] == ["replay.launch.py", "robomem.launch.py", "sim.launch.py"]
