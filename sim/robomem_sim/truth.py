"""Truth as JSON: what the evaluator compares belief with. Never goes to a topic, a frame, a name or an id that the pipeline sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from robomem_sim.world import World


def describe(world: World) -> dict[str, Any]:
    """The state of a world.

    Returns:
        {"seed", "rooms": [{name, x0, y0, x1, y1}], "doorways": [{rooms, xy, width_m}], and under "furniture", "objects" and "persons"
        [{name, label, color, position, size, yaw_rad, room, ...}]}. Positions are box centres in the map frame, m; sizes lie along the
        box's own x, y and up. Objects also carry furniture, relation, shut_in and holder; furniture carries open (0..1 or None).
    """
    home = world.home
    colors = {o.name: o.color for o in home.objects}
    objects = []
    for name in world.object_names:
        support = world.support(name)
        objects.append(
            _row(world, name)
            | {
                "color": colors[name],
                "furniture": support[0] if support else None,
                "relation": support[1] if support else None,
                "shut_in": not world.reachable_inside(name),
                "holder": world.holder(name),
            }
        )
    return {
        "seed": home.seed,
        "rooms": [{"name": r.name, "x0": r.x0, "y0": r.y0, "x1": r.x1, "y1": r.y1} for r in home.rooms],
        "doorways": [{"rooms": list(d.rooms), "xy": list(d.xy), "width_m": d.width_m} for d in home.doorways],
        "furniture": [_row(world, name) | {"color": "", "open": world.open_fraction(name)} for name in world.furniture_names],
        "objects": objects,
        "persons": [_row(world, name) | {"color": ""} for name in world.persons()],
    }


def _row(world: World, name: str) -> dict[str, Any]:
    center, size, yaw = world.box(name)
    return {
        "name": name,
        "label": world.label(name),
        "position": _plain(center),
        "size": _plain(size),
        "yaw_rad": float(yaw),
        "room": world.home.room_at(float(center[0]), float(center[1])),
    }


def _plain(values: NDArray[np.float64]) -> list[float]:
    return [float(v) for v in values]
