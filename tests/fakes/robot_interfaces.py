"""A robot's action interfaces for tests: the real packages where they are installed, else the small ones that `make setup` builds aside."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(sys.prefix) / "test_interfaces"
PACKAGES = ("nav2_msgs", "control_msgs")
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
    if all(find_spec(p) is not None for p in PACKAGES):
        return ""
    if any(find_spec(p) is not None for p in PACKAGES):
        return "only one of nav2_msgs and control_msgs is installed here; install the other"
    if not (FOLDER / "lib").is_dir():
        return "a robot's interfaces are not built for the tests; `make setup` builds them where there is a C++ compiler"
    return ""


def use() -> None:
    """Let this process import nav2_msgs and control_msgs; call it before rclpy is used."""
    if all(find_spec(p) is not None for p in PACKAGES):
        return
    os.environ["AMENT_PREFIX_PATH"] = f"{FOLDER}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', sys.prefix)}"
    sys.path.append(str(next((FOLDER / "lib").glob("python3*")) / "site-packages"))
    for package in PACKAGES:
        for part in LIBRARIES:
            library = FOLDER / "lib" / f"lib{package}__rosidl_{part}.so"
            if library.exists():
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
