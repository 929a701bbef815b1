"""A robot's action interfaces for tests: the real packages where they are installed, else the small ones that `make setup` builds aside."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(sys.prefix) / "test_interfaces"
PACKAGES = ("nav2_msgs", "control_msgs")
THERE = [p for p in PACKAGES if find_spec(p) is not None]  # asked before `use` puts ours on the path
REAL = len(THERE) == len(PACKAGES)
# in the order in which one needs the other; a library that is loaded already is found by its name
LIBRARIES = (
    "generator_c",
    "typesupport_fastrtps_cpp",
    "typesupport_fastrtps_c",
    "typesupport_introspection_c",
    "typesupport_c",
    "generator_py",
)


def missing() -> str:
    """Why a robot's interfaces cannot be used here; "" if they can."""
    if THERE and not REAL:
        return f"only {THERE[0]} is installed here, and ours are never mixed with a real one; install the other of {PACKAGES}"
    if REAL or (FOLDER / "lib").is_dir():
        return ""
    return "a robot's interfaces are not built for the tests; `make setup` builds them where there is a C++ compiler"


def use() -> None:
    """Let this process import nav2_msgs and control_msgs; call it before rclpy is used."""
    if REAL or any(str(FOLDER) in p for p in sys.path):
        return
    os.environ["AMENT_PREFIX_PATH"] = f"{FOLDER}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', sys.prefix)}"
    sys.path.append(str(next((FOLDER / "lib").glob("python3*")) / "site-packages"))
    for package in PACKAGES:
        for part in LIBRARIES:
            library = FOLDER / "lib" / f"lib{package}__rosidl_{part}.so"
            if library.exists():
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def environment() -> dict[str, str]:
    """What a child process that is no test needs in its environment to import them."""
    if REAL:
        return {}
    packages = next((FOLDER / "lib").glob("python3*")) / "site-packages"
    added = {"PYTHONPATH": packages, "LD_LIBRARY_PATH": FOLDER / "lib", "AMENT_PREFIX_PATH": FOLDER}
    old = {"AMENT_PREFIX_PATH": sys.prefix} | {k: v for k in added if (v := os.environ.get(k))}
    return {k: os.pathsep.join([*([old[k]] if k in old else []), str(v)]) for k, v in added.items()}
