"""The launch files, read without running them: `launch` has no wheel, so only a robot runs them; here their names must agree with ours."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))


def node_calls(tree: ast.Module) -> list[dict[str, ast.expr]]:
    """Keyword arguments of every LifecycleNode(...) and Node(...)."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("LifecycleNode", "Node")]
    return [{k.arg: k.value for k in call.keywords if k.arg} for call in calls]


def declared(module: str) -> set[str]:
    """Names in the parameter table of a node's source."""
    return set(re.findall(r'^    Parameter\("(\w+)"', (ROOT / "robomem" / "nodes" / f"{module}.py").read_text(), re.M)) | {"autostart"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_executables_parameters_and_arguments_agree(path: Path) -> None:
    tree = ast.parse(path.read_text())
    arguments = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "ARGUMENTS")
    used = set(re.findall(r'(?:value|text|given)\["(\w+)"\]', path.read_text()))
    assert used == {name for name, _, _ in arguments} and all(about for _, _, about in arguments)
    entry = (ROOT / "setup.py").read_text()
    calls = node_calls(tree)
    assert calls
    for call in calls:
        module = call["name"].value
        assert f"{call['executable'].value} = robomem.nodes.{module}:main" in entry
        table = call["parameters"].elts[0]
        assert {key.value for key in table.keys} <= declared(module)
        for pair in getattr(call.get("remappings"), "elts", []):
            assert f'"{pair.elts[0].value}"' in (ROOT / "robomem" / "nodes" / f"{module}.py").read_text()


def test_there_are_launch_files() -> None:
    assert [p.name for p in FILES] == ["robomem.launch.py"]
