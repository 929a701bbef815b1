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

HIDDEN_SHARE = 0.35  # at most this share of it is seen from anywhere
_TRIES = 30


def hide_behind(world: World, name: str, stops: Sequence[Stop], rng: np.random.Generator) -> bool:
    """Put a thing behind a larger one on some surface; False if nothing was found, and the thing may then stand anywhere: put it back."""
    mine = world.model(name).size
    tried = 0
    for i in rng.permutation(len(stops)):
        stop = stops[int(i)]
        covers = [
            o
            for o in world.object_names
            if o != name and world.support(o) == (stop.place.piece.name, "on") and world.model(o).size[2] > 0.8 * mine[2]
        ]
        covers.sort(key=lambda o: -float(np.prod(world.model(o).size[[1, 2]])))
        for cover in covers[:3]:
            center, size, _ = world.box(cover)
            away = center[:2] - stop.stands.mean(axis=0)
            away /= np.linalg.norm(away)
            for gap in (0.01, 0.03, 0.06):
                for share in (0.5, 0.8):
                    tried += 1
                    if tried > _TRIES:
                        return False
                    p = center.copy()
                    p[:2] += away * (gap + mine[:2].max() / 2 + size[:2].max() * share / 1.0)
                    if _stand(world, name, stop, p) and hidden(world, name, stop):
                        return True
    return False


def _stand(world: World, name: str, stop: Stop, p: np.ndarray) -> bool:
    """Stand a thing upright at a map point (x, y) of the stop's surface, if it fits."""
    piece, surface = stop.place.piece, stop.place.surface
    local = piece.to_local(p)
    half, mine = np.array(surface.size) / 2, world.model(name).size[:2].max() / 2
    if (np.abs(local[:2] - surface.center[:2]) > half - 0.7 * mine).any():
        return False
    return world.put_down(name, piece.name, (float(local[0]), float(local[1]), surface.center[2]), world.box(name)[2]) is None


def hidden(world: World, name: str, stop: Stop) -> bool:
    """True if hardly anything of it is seen from any viewpoint of a stop."""
    k, center = head_intrinsics(), world.box(name)[0]
    for xy in stop.stands:
        T = look_at([*xy, CAMERA_HEIGHT_M], center)
        if any(s.name == name and s.visible > HIDDEN_SHARE for s, _ in sights(world, render(world, T, k), T, k)):
            return False
    return True
