"""generate_home: a seed becomes a whole home, checked so that everything can be reached and nothing overlaps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem_sim.freespace import FreeSpace, obstacles
from robomem_sim.furnishing import furnish
from robomem_sim.home import FurnitureItem, Home, Room
from robomem_sim.layout import connected, draw_plan
from robomem_sim.stocking import Stock

WALK_RADIUS_M = 0.33  # the robot's 0.28 m and 0.05 m to spare: the free floor must hang together for it
STAND_RADIUS_M = 0.36  # where it may stand to reach something
MIN_OBJECTS, MIN_CLASSES = 30, 16
_ATTEMPTS = 200


@lru_cache(maxsize=32)
def generate_home(seed: int) -> Home:
    """A home of four or more rooms with at least 30 objects of 16 classes; the same seed gives the same home.

    Exactly one mug (red), always a book, never a hammer. Cost: about 0.2 s.

    Raises:
        InvalidInputError: no valid home was found for this seed (does not happen for the seeds tested).
    """
    rng = np.random.default_rng([0x0B0, seed])
    for _ in range(_ATTEMPTS):
        home = _attempt(seed, rng)
        if home is not None:
            return home
    raise InvalidInputError(f"generate_home: no valid home in {_ATTEMPTS} attempts for seed {seed}; take another seed")


def _attempt(seed: int, rng: np.random.Generator) -> Home | None:
    plan = draw_plan(rng)
    furniture = furnish(plan, rng) if connected(plan) else None
    if furniture is None:
        return None
    floor = FreeSpace(plan.size, obstacles(plan.walls, furniture))
    walk, stand = floor.main_part(WALK_RADIUS_M), floor.main_part(STAND_RADIUS_M)
    loose = (floor.clearance > WALK_RADIUS_M) & ~walk
    if loose.sum() > 20:  # a closed-off pocket bigger than 0.05 m^2
        return None
    standing = {room.name: _inside(floor.centers(stand), room) for room in plan.rooms}
    if any(len(centers) < 40 for centers in standing.values()):
        return None
    stock = Stock(furniture, standing, rng)
    objects = stock.fill()
    if len(objects) < MIN_OBJECTS or len({o.label for o in objects}) < MIN_CLASSES or not {"mug", "book"} <= {o.label for o in objects}:
        return None
    habits = stock.habits(objects)
    if len(habits.get("mug 1", ())) < 3:
        return None
    return Home(
        seed,
        plan.size,
        plan.rooms,
        plan.walls,
        plan.doorways,
        furniture,
        objects,
        habits,
        _start(floor, plan.rooms, furniture),
        _entrance(floor, plan.rooms),
    )


def _inside(centers: NDArray[np.float64], room: Room) -> NDArray[np.float64]:
    keep = (centers[:, 0] > room.x0) & (centers[:, 0] < room.x1) & (centers[:, 1] > room.y0) & (centers[:, 1] < room.y1)
    return centers[keep]


def _room(rooms: tuple[Room, ...], name: str) -> Room:
    return next(room for room in rooms if room.name == name)


def _start(floor: FreeSpace, rooms: tuple[Room, ...], furniture: tuple[FurnitureItem, ...]) -> tuple[float, float, float]:
    """The widest free place of the living room, facing its largest piece of furniture."""
    room = _room(rooms, "living room")
    centers = _inside(floor.centers(floor.main_part(STAND_RADIUS_M)), room)
    widest = centers[int(np.argmax([floor.clearance[floor.cell(c)] for c in centers]))]
    sofa = next(f for f in furniture if f.label == "sofa")
    yaw = float(np.arctan2(sofa.xy[1] - widest[1], sofa.xy[0] - widest[0]))
    return float(widest[0]), float(widest[1]), yaw


def _entrance(floor: FreeSpace, rooms: tuple[Room, ...]) -> tuple[float, float]:
    """The free spot of the living room nearest to the outer corner of the house."""
    room = _room(rooms, "living room")
    corner = (room.x0 if room.x0 < 0.5 else room.x1, room.y0 if room.y0 < 0.5 else room.y1)
    centers = _inside(floor.centers(floor.main_part(WALK_RADIUS_M)), room)
    x, y = centers[int(np.argmin(((centers - corner) ** 2).sum(axis=1)))]
    return float(x), float(y)
