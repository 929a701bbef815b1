"""Objects as RViz markers: a box each, its name over it, and where it may be; colour says the status, opacity the existence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from visualization_msgs.msg import Marker, MarkerArray

from robomem.nodes.wire import set_stamp
from robomem.types import ObjectView
from robomem.viewer.colors import STATUS, rgb
from robomem.viewer.shapes import spread

NAMES, SPREAD, LAST_PLACE = "names", "spread", "last_place"  # namespaces, each with a switch of its own in RViz; boxes: the object's kind
SHOWN = ("confirmed", "occluded", "held", "missing", "tentative")
LEAST_SPREAD_M = 0.05  # a smaller ellipsoid hides in the box
AGES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def markers(views: Sequence[ObjectView], frame: str, stamp_ns: int) -> MarkerArray:
    """What is believed, and of what is missed its last place; everything drawn before is cleared.

    Args:
        views: all objects; removed ones are not drawn.
        frame: of their positions.
        stamp_ns: of the belief; ages are counted from it.
    """
    drawn = [Marker(action=Marker.DELETEALL)]
    for v in views:
        if v.status not in SHOWN:
            continue
        drawn.append(_box(v, frame, stamp_ns))
        if v.status != "tentative":
            drawn.append(_name(v, frame, stamp_ns))
        half, q = spread(v.covariance)
        if v.kind == "object" and half.max() > LEAST_SPREAD_M:
            drawn.append(_ellipsoid(v, frame, stamp_ns, half, q))
    return MarkerArray(markers=drawn)


def age(seconds: float) -> str:
    """A duration in the largest unit that it fills ("40 s", "3 min", "2 h", "5 d")."""
    for unit_s, name in AGES:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{max(seconds, 0.0):.0f} s"


def label(v: ObjectView, stamp_ns: int) -> str:
    """What stands over an object: colour, label, id, how sure it is there; how long it was not seen, if it is not where it was."""
    text = f"{v.color} {v.label} #{v.id} {v.existence:.0%}".strip()
    return f"{text}, last seen {age((stamp_ns - v.last_seen_ns) / 1e9)} ago" if v.status in ("missing", "occluded") else text


def _marker(v: ObjectView, frame: str, stamp_ns: int, ns: str, kind: int, alpha: float) -> Any:
    m = Marker(type=kind, action=Marker.ADD, id=int(v.id % 2**31), ns=ns)
    m.header.frame_id = frame
    set_stamp(m.header.stamp, stamp_ns)
    m.pose.position.x, m.pose.position.y, m.pose.position.z = (float(x) for x in v.position)
    m.color.r, m.color.g, m.color.b = (c / 255 for c in rgb(STATUS[v.status]))
    m.color.a = alpha
    return m


def _box(v: ObjectView, frame: str, stamp_ns: int) -> Any:
    missing = v.status == "missing"
    # What is missing is drawn faintly where it was last: nobody says that it still is there.
    m = _marker(v, frame, stamp_ns, LAST_PLACE if missing else v.kind, Marker.CUBE, 0.15 if missing else 0.15 + 0.6 * float(v.existence))
    m.pose.orientation.z, m.pose.orientation.w = float(np.sin(v.yaw_rad / 2)), float(np.cos(v.yaw_rad / 2))
    m.scale.x, m.scale.y, m.scale.z = (float(max(s, 0.01)) for s in v.size)
    return m


def _name(v: ObjectView, frame: str, stamp_ns: int) -> Any:
    m = _marker(v, frame, stamp_ns, NAMES, Marker.TEXT_VIEW_FACING, 1.0)
    m.pose.position.z += float(v.size[2]) / 2 + 0.06
    m.text, m.scale.z = label(v, stamp_ns), 0.08
    return m


def _ellipsoid(v: ObjectView, frame: str, stamp_ns: int, half: Any, q: Any) -> Any:
    m = _marker(v, frame, stamp_ns, SPREAD, Marker.SPHERE, 0.12)
    w, x, y, z = (float(c) for c in q)
    m.pose.orientation.w, m.pose.orientation.x, m.pose.orientation.y, m.pose.orientation.z = w, x, y, z
    m.scale.x, m.scale.y, m.scale.z = (float(max(2 * h, 0.01)) for h in half)
    return m
