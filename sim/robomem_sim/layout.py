"""Floor plans: two rows of rooms, doorways that connect all of them, and the walls that are left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robomem_sim.home import WALL_THICKNESS_M, Doorway, Room, Wall

_HALF = WALL_THICKNESS_M / 2
_NEEDED = 1.9  # m of shared wall that a doorway needs


@dataclass(frozen=True)
class Plan:
    """Rooms, doorways and walls of one floor."""

    size: tuple[float, float]
    rooms: tuple[Room, ...]
    doorways: tuple[Doorway, ...]
    walls: tuple[Wall, ...]


@dataclass(frozen=True)
class _Border:
    """A wall line shared by two rooms: along "x" at y = `at`, from `low` to `high`."""

    a: str
    b: str
    along: str
    at: float
    low: float
    high: float


def draw_plan(rng: np.random.Generator) -> Plan:
    """A random plan of six rooms in two rows: kitchen, dining room, living room, bedroom, children's room, study."""
    width, depth = float(rng.uniform(13.2, 14.6)), float(rng.uniform(8.8, 9.8))
    middle = depth * float(rng.uniform(0.48, 0.52))
    names = [str(n) for n in rng.permutation(["kitchen", "dining room", "living room", "bedroom", "children's room", "study"])]
    rows = [names[:3], names[3:]]
    cuts = [[0.0, width * float(rng.uniform(0.31, 0.35)), width * float(rng.uniform(0.65, 0.69)), width] for _ in rows]
    heights = [(0.0, middle), (middle, depth)]
    rooms = tuple(
        Room(name, cut[i] + _HALF, low + _HALF, cut[i + 1] - _HALF, high - _HALF)
        for row, cut, (low, high) in zip(rows, cuts, heights, strict=True)
        for i, name in enumerate(row)
    )
    doorways = _doorways(_borders(rooms), rng)
    return Plan((width, depth), rooms, doorways, _walls((width, depth), rooms, middle, cuts, doorways))


def _borders(rooms: tuple[Room, ...]) -> list[_Border]:
    out = []
    for i, a in enumerate(rooms):
        for b in rooms[i + 1 :]:
            if abs(a.x1 + WALL_THICKNESS_M - b.x0) < 1e-6 and abs(a.y0 - b.y0) < 1e-6:
                out.append(_Border(a.name, b.name, "y", a.x1 + _HALF, a.y0, a.y1))
            elif abs(a.y1 + WALL_THICKNESS_M - b.y0) < 1e-6 and min(a.x1, b.x1) - max(a.x0, b.x0) > _NEEDED:
                out.append(_Border(a.name, b.name, "x", a.y1 + _HALF, max(a.x0, b.x0), min(a.x1, b.x1)))
    return out


def _doorways(borders: list[_Border], rng: np.random.Generator) -> tuple[Doorway, ...]:
    """A random spanning tree of the rooms plus some of the other borders."""
    group = {name: name for border in borders for name in (border.a, border.b)}
    doors = []
    for k in rng.permutation(len(borders)):
        border = borders[int(k)]
        extra = rng.random() < 0.35
        if group[border.a] == group[border.b] and not extra:
            continue
        old, new = group[border.a], group[border.b]
        group = {name: new if g == old else g for name, g in group.items()}
        place = float(rng.uniform(border.low + 0.8, border.high - 0.8))
        xy = (place, border.at) if border.along == "x" else (border.at, place)
        doors.append(Doorway((border.a, border.b), xy, float(rng.uniform(0.92, 1.0)), border.along))
    return tuple(doors)


def connected(plan: Plan) -> bool:
    """True if doorways lead from any room to any other."""
    reached, before = {plan.rooms[0].name}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {name for door in plan.doorways if set(door.rooms) & reached for name in door.rooms}
    return len(reached) == len(plan.rooms)


def _walls(
    size: tuple[float, float], rooms: tuple[Room, ...], middle: float, cuts: list[list[float]], doors: tuple[Doorway, ...]
) -> tuple[Wall, ...]:
    width, depth = size
    lines = [
        ("x", 0.0, -_HALF, width + _HALF),
        ("x", depth, -_HALF, width + _HALF),
        ("x", middle, _HALF, width - _HALF),
        ("y", 0.0, _HALF, depth - _HALF),
        ("y", width, _HALF, depth - _HALF),
    ]
    for row, cut in enumerate(cuts):
        low, high = ((0.0, middle), (middle, depth))[row]
        lines += [("y", x, low + _HALF, high - _HALF) for x in cut[1:-1]]
    walls: list[Wall] = []
    for along, at, low, high in lines:
        axis = 0 if along == "x" else 1
        gaps = sorted(
            (d.xy[axis] - d.width_m / 2, d.xy[axis] + d.width_m / 2)
            for d in doors
            if d.along == along and abs(d.xy[1 - axis] - at) < 1e-6 and low < d.xy[axis] < high
        )
        edges = [low, *(edge for gap in gaps for edge in gap), high]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            mid, long = (start + end) / 2, end - start
            walls.append(Wall((mid, at), (long, WALL_THICKNESS_M)) if axis == 0 else Wall((at, mid), (WALL_THICKNESS_M, long)))
    return tuple(walls)
