"""Hiding a thing behind another one: out of sight of every place from which the robot looks there, checked by looking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.moved_objects.patrol import Stop
from robomem.geometry import look_at
from robomem_sim.camera import head_intrinsics, render
from robomem_sim.detector import sights
from robomem_sim.robot import CAMERA_HEIGHT_M
from robomem_sim.world import World

HIDDEN_SHARE = 0.35  # at most this share of it is seen from the side it is hidden from
CLEAR_SHARE = 0.6  # and less than this from anywhere else the robot looks there from
_TRIES = 80


def hide_behind(world: World, name: str, stops: Sequence[Stop], rng: np.random.Generator) -> bool:
    """Put a thing behind a larger one on some surface; False if nothing was found, and the thing may then stand anywhere: put it back."""
    mine = world.model(name).size
    places = []
    for stop in stops:
        for cover in world.object_names:
            center, size, _ = world.box(cover)
            if cover == name or world.support(cover) != (stop.place.piece.name, "on") or min(size[2], size[:2].max()) < 0.8 * mine[2]:
                continue
            for side, stand in enumerate(stop.stands):
                away = (center[:2] - stand) / np.linalg.norm(center[:2] - stand)
                for gap in (0.0, 0.03, 0.06):
                    p = center.copy()
                    p[:2] += away * (gap + (mine[:2].max() + size[:2].mean()) / 2)
                    places.append((float(np.prod(size[1:]) * rng.uniform(0.5, 1.0)), stop, side, p))
    places.sort(key=lambda place: -place[0])  # the larger the cover the better
    return any(_stand(world, name, stop, p) and hidden(world, name, stop, side) for _, stop, side, p in places[:_TRIES])


def _stand(world: World, name: str, stop: Stop, p: np.ndarray) -> bool:
    """Stand a thing upright at a map point (x, y) of the stop's surface, if it fits."""
    piece, surface = stop.place.piece, stop.place.surface
    local = piece.to_local(p)
    half, mine = np.array(surface.size) / 2, world.model(name).size[:2].max() / 2
    if (np.abs(local[:2] - surface.center[:2]) > half - 0.7 * mine).any():
        return False
    return world.put_down(name, piece.name, (float(local[0]), float(local[1]), surface.center[2]), world.box(name)[2]) is None


def hidden(world: World, name: str, stop: Stop, side: int) -> bool:
    """True if hardly anything of it is seen from one viewpoint of a stop, and it is in clear view from none."""
    k, center = head_intrinsics(), world.box(name)[0]
    for i in [side, *(i for i in range(len(stop.stands)) if i != side)]:
        T = look_at([*stop.stands[i], CAMERA_HEIGHT_M], center)
        limit = HIDDEN_SHARE if i == side else CLEAR_SHARE
        if any(s.name == name and s.visible > limit for s, _ in sights(world, render(world, T, k), T, k)):
            return False
    return True
