"""Where the robot stands on its tours and where it looks from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.stock import Place
from robomem.geometry import distance_to_box, look_at, wrap_angle
from robomem.perception.frame import Intrinsics
from robomem_sim.camera import render
from robomem_sim.robot import CAMERA_HEIGHT_M
from robomem_sim.world import World

_STAND_RADIUS_M = 0.36
_BEST_M = 1.05  # to the middle of the surface, on the floor
_PIXELS = 3000  # of its furniture that a viewpoint must show
_LOOKED_AT = 40  # candidates that are tried


@dataclass(frozen=True)
class Stop:
    """A surface and up to three viewpoints Float64[k, 2] (m) from which it is seen well."""

    place: Place
    stands: NDArray[np.float64]

    @property
    def target(self) -> NDArray[np.float64]:
        """The middle of the surface, map frame, m."""
        return self.place.piece.to_map(self.place.surface.center)


def find_stop(world: World, place: Place, intrinsics: Intrinsics, front: bool = False) -> Stop | None:
    """The viewpoints of a surface, or None if it cannot be seen from the free floor.

    Args:
        front: stand in front of the piece (to look into it).
    """
    piece, target = place.piece, place.piece.to_map(place.surface.center)
    room = next(r for r in world.home.rooms if r.name == piece.room)
    floor = world.floor.centers(world.floor.main_part(_STAND_RADIUS_M))
    inside = (floor[:, 0] > room.x0) & (floor[:, 0] < room.x1) & (floor[:, 1] > room.y0) & (floor[:, 1] < room.y1)
    floor = floor[inside]
    flat = np.column_stack([floor, np.full(len(floor), target[2])])
    edge = distance_to_box(flat, target, (*place.surface.size, 0.1), piece.yaw_rad)
    away = np.hypot(*(floor - target[:2]).T)
    keep = (edge < 0.95) & (away < 1.8)
    if front:
        ahead = np.array([np.cos(piece.yaw_rad), np.sin(piece.yaw_rad)])
        keep &= ((floor - target[:2]) @ ahead) > 0.85 * away
    floor, away = floor[keep], away[keep]
    index, chosen = world.names.index(piece.name), []
    for k in np.argsort(np.abs(away - (_BEST_M + 0.25 * front)), kind="stable")[:: max(1, len(away) // _LOOKED_AT)]:
        xy = floor[k]
        bearing = np.arctan2(*(xy - target[:2])[::-1])
        if any(abs(float(wrap_angle(bearing - b))) < np.radians(30) for _, b in chosen):
            continue
        image = render(world, look_at([*xy, CAMERA_HEIGHT_M], target), intrinsics)
        if (image.entity == index).sum() >= _PIXELS:
            chosen.append((xy, bearing))
        if len(chosen) == 3:
            break
    return Stop(place, np.array([xy for xy, _ in chosen])) if chosen else None


def sweep(stop: Stop, images: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points Float64[images, 3] (m) to look at one after the other: along the surface and back towards its middle."""
    half = 0.45 * max(stop.place.surface.size) / 2
    axis = int(np.argmax(stop.place.surface.size))
    along = np.linspace(-half, half, images) * rng.choice([-1, 1]) + rng.normal(0, 0.03, images)
    out = []
    for a in along:
        local = list(stop.place.surface.center)
        local[axis] += float(a)
        out.append(stop.place.piece.to_map((local[0], local[1], local[2])))
    return np.array(out)
