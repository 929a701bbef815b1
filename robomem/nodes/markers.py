"""Objects as RViz markers: a box each, its name over it; colours say the status."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from visualization_msgs.msg import Marker, MarkerArray

from robomem.nodes.wire import set_stamp
from robomem.types import ObjectView

COLORS = {
    "confirmed": (0.2, 0.7, 0.3),
    "occluded": (0.3, 0.5, 0.8),
    "held": (0.9, 0.6, 0.1),
    "missing": (0.8, 0.2, 0.2),
    "tentative": (0.6, 0.6, 0.6),
}


def markers(views: Sequence[ObjectView], frame: str, stamp_ns: int) -> MarkerArray:
    """Boxes and names of what is believed or missed; everything drawn before is cleared."""
    drawn = [Marker(action=Marker.DELETEALL)]
    for v in views:
        if v.status not in COLORS:
            continue
        drawn.append(_marker(v, frame, stamp_ns, Marker.CUBE))
        if v.status != "tentative":
            drawn.append(_marker(v, frame, stamp_ns, Marker.TEXT_VIEW_FACING))
    return MarkerArray(markers=drawn)


def _marker(v: ObjectView, frame: str, stamp_ns: int, kind: int) -> Marker:
    text = kind == Marker.TEXT_VIEW_FACING
    m = Marker(type=kind, action=Marker.ADD, id=int(v.id % 2**31), ns="names" if text else v.kind)
    m.header.frame_id = frame
    set_stamp(m.header.stamp, stamp_ns)
    p = m.pose.position
    p.x, p.y, p.z = (float(x) for x in v.position)
    m.pose.orientation.z, m.pose.orientation.w = float(np.sin(v.yaw_rad / 2)), float(np.cos(v.yaw_rad / 2))
    m.color.r, m.color.g, m.color.b = COLORS[v.status]
    if text:
        p.z += float(v.size[2]) / 2 + 0.06
        m.text, m.scale.z, m.color.a = f"{v.color} {v.label} {v.existence:.2f}".strip(), 0.08, 1.0
    else:
        m.scale.x, m.scale.y, m.scale.z = (float(max(s, 0.01)) for s in v.size)
        m.color.a = 0.15 + 0.45 * float(v.existence)
    return m
