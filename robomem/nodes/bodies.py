"""Which parts a robot is made of, from the planner's parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robomem.errors import ConfigError
from robomem.nodes.ros_body import ActionBase, ActionHand, ActionHead, RosBody


def make_body(node: Any, param: Callable[[str], Any], tf: Any, seen: Callable[[int, float], bool]) -> RosBody:
    """The body of the node's parameters.

    Raises:
        ConfigError: a part that does not exist, or whose interface package is not installed.
    """
    base = _choose("base", param("base"), {"action": lambda: ActionBase(node, param("drive_action"))})
    head = _choose("head", param("head"), {"action": lambda: ActionHead(node)})
    hand = _choose("hand", param("hand"), {"action": lambda: ActionHand(node)})
    frames = (param("map_frame"), param("base_frame"))
    sizes = {k: float(param(k)) for k in ("radius_m", "reach_m", "camera_height_m")}
    return RosBody((base, head, hand), tf, lambda: node.get_clock().now().nanoseconds, seen, frames, **sizes)


def _choose(part: str, name: str, makers: dict[str, Callable[[], Any]]) -> Any:
    if name not in makers:
        raise ConfigError(f"planner: {part} = {name!r} is none of {', '.join(sorted(makers))}")
    return makers[name]()
