"""robomem: a robot's memory of the world. What is where, how sure, since when, what changed, what was tried."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robomem.config import RobomemConfig
    from robomem.errors import RobomemError
    from robomem.memory.answer import ask
    from robomem.memory.robot_memory import RobotMemory
    from robomem.perception.frame import Intrinsics, RgbdFrame
    from robomem.types import Detections, Episode, Event, ObjectView, PlaceProbability, Recall

__version__ = "0.1.0"

# Where each public name lives; a module is imported when one of its names is first used, so that `import robomem` stays light.
_HOME = {
    "RobotMemory": "robomem.memory.robot_memory",
    "RgbdFrame": "robomem.perception.frame",
    "Intrinsics": "robomem.perception.frame",
    "Detections": "robomem.types",
    "Recall": "robomem.types",
    "ObjectView": "robomem.types",
    "Event": "robomem.types",
    "Episode": "robomem.types",
    "PlaceProbability": "robomem.types",
    "RobomemConfig": "robomem.config",
    "RobomemError": "robomem.errors",
    "ask": "robomem.memory.answer",
}

__all__ = [
    "Detections",
    "Episode",
    "Event",
    "Intrinsics",
    "ObjectView",
    "PlaceProbability",
    "Recall",
    "RgbdFrame",
    "RobomemConfig",
    "RobomemError",
    "RobotMemory",
    "ask",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'robomem' has no attribute '{name}'; it offers {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
