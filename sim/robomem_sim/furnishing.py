"""Furnishing a plan: groups of furniture that belong together are set against walls, with room left to reach and to walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robomem_sim import furniture as make
from robomem_sim.furniture import FurnitureModel
from robomem_sim.home import Doorway, FurnitureItem, Room
from robomem_sim.layout import Plan

Rect = tuple[float, float, float, float]  # x0, y0, x1, y1
_ACCESS = 0.80  # m of free floor wanted in front of what people use
_TRIES = 60
_WALL_GAP = 0.03


@dataclass(frozen=True)
class Group:
    """Furniture that is placed together. Frame: the back lies on the wall (x = 0), +x points into the room, y along the wall.

    Attributes:
        pieces: (model, x, y, yaw in quarter turns) of each piece's footprint centre.
        bodies: rectangles that nothing else may enter.
        zones: rectangles that must stay free floor.
    """

    pieces: tuple[tuple[FurnitureModel, float, float, int], ...]
    bodies: tuple[Rect, ...]
    zones: tuple[Rect, ...]


def _single(model: FurnitureModel, access: float = _ACCESS) -> Group:
    depth, width, _ = model.size
    return Group(((model, depth / 2, 0.0, 0),), ((0, -width / 2, depth, width / 2),), ((depth, -width / 2, depth + access, width / 2),))


def _kitchen_line(rng: np.random.Generator) -> Group:
    counter = make.solid("counter", 0.60, float(rng.uniform(1.7, 2.1)), 0.90, make.FRONT, make.STONE)
    side = int(rng.choice((-1, 1)))
    fridge = make.fridge(hinge=side)  # the door swings away from the counter
    half, wide = counter.size[1] / 2, fridge.size[1]
    y = side * (half + 0.02 + wide / 2)
    low, high = min(-half, y - wide / 2), max(half, y + wide / 2)
    return Group(((counter, 0.30, 0.0, 0), (fridge, 0.31, y, 0)), ((0, low, 0.62, high),), ((0.62, low, 0.62 + 0.95, high),))


def _dining(rng: np.random.Generator) -> Group:
    top = make.table("dining table", 0.85, float(rng.uniform(1.35, 1.6)), 0.75)
    half = top.size[1] / 2
    seat = make.chair(make.DARK_WOOD)
    chairs = [(seat, 0.24, s * half * 0.48, 0) for s in (-1, 1)]  # tucked in from the wall side, facing the table
    x = 0.24 + 0.10 + 0.425  # the seats reach 0.11 m under the table top
    return Group(((top, x, 0.0, 0), *chairs), ((0, -half, x + 0.425, half),), ((x + 0.425, -half, x + 0.425 + 0.85, half),))


def _sofa_corner(rng: np.random.Generator) -> Group:
    sofa = make.sofa(float(rng.uniform(1.7, 1.95)), ((0.45, 0.20, 0.22), (0.25, 0.38, 0.45), (0.55, 0.50, 0.40))[int(rng.integers(3))])
    low = make.table("coffee table", 0.50, float(rng.uniform(0.85, 1.05)), 0.42, make.DARK_WOOD)
    half, x = sofa.size[1] / 2, 0.85 + 0.72 + 0.25
    return Group(
        ((sofa, 0.425, 0.0, 0), (low, x, 0.0, 0)),
        ((0, -half, 0.85, half), (x - 0.25, -low.size[1] / 2, x + 0.25, low.size[1] / 2)),
        ((0.85, -half, x - 0.25, half), (x + 0.25, -0.4, x + 0.25 + _ACCESS, 0.4)),
    )


def _bed_corner(rng: np.random.Generator) -> Group:
    model = make.bed(
        float(rng.uniform(1.35, 1.55)), 2.0, ((0.85, 0.86, 0.90), (0.55, 0.65, 0.80), (0.80, 0.72, 0.60))[int(rng.integers(3))]
    )
    stand = make.solid("nightstand", 0.40, 0.45, 0.52, make.WOOD, make.PALE_WOOD)
    side = int(rng.choice((-1, 1)))
    half = model.size[1] / 2
    y = side * (half + 0.30 + 0.225)
    edge = y + side * 0.225
    zone = (0.40, min(side * half, edge), 2.0, max(side * half, edge))
    bodies = ((0, -half, 2.0, half), (0, min(side * half, edge), 0.40, max(side * half, edge)))
    return Group(((model, 1.0, 0.0, 0), (stand, 0.20, y, 0)), bodies, (zone, (2.0, -half, 2.0 + 0.7, half)))


def _desk_corner(rng: np.random.Generator) -> Group:
    desk = make.table("desk", 0.65, float(rng.uniform(1.3, 1.5)), 0.74, make.PALE_WOOD)
    half, side = desk.size[1] / 2, int(rng.choice((-1, 1)))
    y = side * (half - 0.28)
    bodies = ((0, -half, 0.65, half), (0.65, y - 0.22, 1.05, y + 0.22))
    zone = (0.65, -half, 1.45, half - 0.55) if side > 0 else (0.65, -half + 0.55, 1.45, half)
    return Group(((desk, 0.325, 0.0, 0), (make.chair(make.STONE), 0.80, y, 2)), bodies, (zone,))


def _tv(rng: np.random.Generator) -> Group:
    return _single(make.solid("tv stand", 0.42, float(rng.uniform(1.3, 1.6)), 0.50, make.DARK_WOOD, make.WOOD))


def _shelf(rng: np.random.Generator) -> Group:
    return _single(make.shelf(0.32, float(rng.uniform(0.8, 1.0)), (0.36, 0.72, 1.08, 1.42)))


def _cabinet(rng: np.random.Generator) -> Group:
    return _single(make.cabinet(float(rng.uniform(0.8, 0.95))), 0.95)


def _dresser(rng: np.random.Generator) -> Group:
    return _single(make.dresser(float(rng.uniform(0.9, 1.1))), 0.95)


def _sink(rng: np.random.Generator) -> Group:
    return _single(make.solid("sink", 0.45, float(rng.uniform(0.55, 0.7)), 0.85, make.CREAM, make.CREAM))


Maker = Callable[[np.random.Generator], Group]
_WANTED: dict[str, tuple[tuple[Maker, bool], ...]] = {  # (group, must it fit)
    "kitchen": ((_kitchen_line, True), (_cabinet, True), (_sink, False)),
    "dining room": ((_dining, True), (_dresser, False)),
    "living room": ((_sofa_corner, True), (_tv, True), (_shelf, False)),
    "bedroom": ((_bed_corner, True), (_dresser, True)),
    "study": ((_desk_corner, True), (_shelf, True), (_shelf, False), (_cabinet, False)),
    "children's room": ((_bed_corner, True), (_shelf, False)),
}


def furnish(plan: Plan, rng: np.random.Generator) -> tuple[FurnitureItem, ...] | None:
    """Furniture for every room of a plan, or None if something that must fit does not."""
    counts: dict[str, int] = {}
    out: list[FurnitureItem] = []
    for room in plan.rooms:
        bodies: list[Rect] = []
        zones = [zone for door in plan.doorways if room.name in door.rooms for zone in (_door_zone(door),)]
        for maker, needed in _WANTED[room.name]:
            placed = _place(maker(rng), room, bodies, zones, rng)
            if placed is None and needed:
                return None
            for model, x, y, yaw in placed or ():
                counts[model.label] = counts.get(model.label, 0) + 1
                out.append(FurnitureItem(f"{model.label} {counts[model.label]}", model, (x, y), yaw, room.name))
    return tuple(out)


def _door_zone(door: Doorway) -> Rect:
    half, deep = door.width_m / 2 + 0.05, 0.95
    hx, hy = (half, deep) if door.along == "x" else (deep, half)
    return door.xy[0] - hx, door.xy[1] - hy, door.xy[0] + hx, door.xy[1] + hy


def _overlap(a: Rect, b: Rect, pad: float) -> bool:
    return a[0] < b[2] + pad and b[0] < a[2] + pad and a[1] < b[3] + pad and b[1] < a[3] + pad


def _place(
    group: Group, room: Room, bodies: list[Rect], zones: list[Rect], rng: np.random.Generator
) -> list[tuple[FurnitureModel, float, float, float]] | None:
    """Try walls and positions along them; on success the group's rectangles join `bodies` and `zones`."""
    low = min(r[1] for r in (*group.bodies, *group.zones))
    high = max(r[3] for r in (*group.bodies, *group.zones))
    for _ in range(_TRIES):
        quarter = int(rng.integers(4))
        length = room.y1 - room.y0 if quarter % 2 == 0 else room.x1 - room.x0
        slack = length - (high - low) - 2 * _WALL_GAP
        if slack < 0:
            continue
        along = slack * float(rng.choice((0.0, 1.0, rng.random())))  # corners are popular
        start = _WALL_GAP + along - low
        corner = {
            0: (room.x0 + _WALL_GAP, room.y0 + start),
            1: (room.x1 - start, room.y0 + _WALL_GAP),
            2: (room.x1 - _WALL_GAP, room.y1 - start),
            3: (room.x0 + start, room.y1 - _WALL_GAP),
        }[quarter]
        new_bodies = [_turned(r, corner, quarter) for r in group.bodies]
        new_zones = [_turned(r, corner, quarter) for r in group.zones]
        inside = all(r[0] >= room.x0 and r[1] >= room.y0 and r[2] <= room.x1 and r[3] <= room.y1 for r in (*new_bodies, *new_zones))
        clash = (
            any(_overlap(a, b, 0.06) for a in new_bodies for b in bodies)
            or any(_overlap(a, b, 0.0) for a in new_bodies for b in zones)
            or any(_overlap(a, b, 0.0) for a in new_zones for b in bodies)
        )
        if inside and not clash:
            bodies += new_bodies
            zones += new_zones
            return [(model, *_point((x, y), corner, quarter), (quarter + turn) % 4 * np.pi / 2) for model, x, y, turn in group.pieces]
    return None


def _point(xy: tuple[float, float], origin: tuple[float, float], quarter: int) -> tuple[float, float]:
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
    return origin[0] + c * xy[0] - s * xy[1], origin[1] + s * xy[0] + c * xy[1]


def _turned(rect: Rect, origin: tuple[float, float], quarter: int) -> Rect:
    (ax, ay), (bx, by) = (_point(p, origin, quarter) for p in (rect[:2], rect[2:]))
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
