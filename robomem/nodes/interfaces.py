"""Interfaces of a robot's own packages, imported only where they are wanted and there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from robomem.errors import ConfigError


def interface(name: str, wanted_by: str) -> Any:
    """A message, service or action class by its ROS name ("nav2_msgs/action/NavigateToPose").

    Raises:
        ConfigError: its package is not installed, or has no such interface; says what asked for it and how to get it.
    """
    package, kind, cls = name.split("/")
    try:
        return getattr(import_module(f"{package}.{kind}"), cls)
    except ModuleNotFoundError as error:
        if error.name == package:
            cure = f"{package} is not installed; sudo apt install ros-$ROS_DISTRO-{package.replace('_', '-')}, or choose another"
        elif error.name == f"{package}.{kind}":
            cure = f"the installed {package} has no such interface; choose another"
        else:
            raise
    except AttributeError:
        cure = f"the installed {package} has no such interface; choose another"
    raise ConfigError(f"{wanted_by} needs {name}, and {cure}")
