"""The environment a ROS 2 process needs, made right before rclpy is imported."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

PROFILE = Path(__file__).parent / "data" / "fastdds_shm.xml"
BOOTSTRAP = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"  # the ROS wheels leave it behind once they have set LD_LIBRARY_PATH and begun anew
SUPERVISED = "ROBOMEM_SUPERVISED"  # set by `robomem up`: the process id of the supervisor
PR_SET_PDEATHSIG = 1


def ros_missing() -> list[str]:
    """What of ROS 2 cannot be imported here: "rclpy", "robomem_msgs", neither, or both (nothing is imported by asking)."""
    return [name for name in ("rclpy", "robomem_msgs") if find_spec(name) is None]


def prepare_ros_environment(local_only: bool = False) -> None:
    """Set what is unset: the ament prefix (this Python's, for the wheels) and the shared-memory profile for images.

    Args:
        local_only: discovery on this machine only, for tests and the demo.
    """
    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(PROFILE))
    if local_only:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def child_environment(changes: Mapping[str, str] | None = None, other_python: bool = False) -> dict[str, str]:
    """The environment for a child process.

    Args:
        changes: variables to set on top.
        other_python: the child runs in another environment, which must find its own libraries.
    """
    out = dict(os.environ)
    if other_python:
        for name in (BOOTSTRAP, "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH"):
            out.pop(name, None)
    return out | dict(changes or {})


def die_with_supervisor() -> None:
    """In a node started by `robomem up`: the kernel ends it when the supervisor is killed, so that nothing is left behind (Linux)."""
    parent = os.environ.get(SUPERVISED, "")
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != parent:  # it was killed before we asked
        os.kill(os.getpid(), signal.SIGTERM)
