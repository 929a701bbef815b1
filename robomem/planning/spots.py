"""Free spots on furniture: where a thing can be set down, from the believed boxes of what already stands there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import footprint, overlap_area, yaw_matrix
from robomem.types import ObjectView

EDGE_M = 0.04  # kept between a thing and the edge
GAP_M = 0.03  # kept between things
STEP_M = 0.06
FROM_EDGE_M = 0.22  # a hand reaches over about this much table with ease


def surface_height(furniture: ObjectView, resting: Sequence[ObjectView]) -> float:
    """Height (m) of the surface: the undersides of what stands on it if there are any near the top, else the believed top of its box.

    A box can be higher than the surface (a sofa's back, a counter with a kettle seen as one), never lower than what stands on it.
    """
    top = float(furniture.position[2] + furniture.size[2] / 2)
    undersides = [float(v.position[2] - v.size[2] / 2) for v in resting]
    near = [u for u in undersides if 0.15 < u < top + 0.1]
    return float(np.median(near)) if len(near) >= 2 else top


def free_spots(
    furniture: ObjectView,
    resting: Sequence[ObjectView],
    size_m: NDArray[np.float64],
    from_xy: NDArray[np.float64],
    refused: Sequence[NDArray[np.float64]] = (),
) -> list[NDArray[np.float64]]:
    """Points Float64[3] (m, map; on the surface) where a thing of `size_m` fits, best first.

    Args:
        resting: what is believed to stand there.
        from_xy: where the hand comes from; spots near it and a hand's breadth from the edge are liked best.
        refused: spots that turned out to be taken; their neighbourhood is left out.
    """
    half = furniture.size[:2] / 2 - float(max(size_m[0], size_m[1])) / 2 - EDGE_M
    half = np.maximum(half, 0.0)
    axes = [np.linspace(-h, h, max(1, int(2 * h / STEP_M) + 1)) if h > 0 else np.zeros(1) for h in half]
    local = np.array([[x, y] for x in axes[0] for y in axes[1]])
    xy = furniture.position[:2] + local @ yaw_matrix(furniture.yaw_rad)[:2, :2].T
    height = surface_height(furniture, resting)
    keep = [i for i in range(len(xy)) if _fits(xy[i], size_m, resting) and all(np.hypot(*(xy[i] - r[:2])) > 0.12 for r in refused)]
    edge = (furniture.size[:2] / 2 - np.abs(local)).min(axis=1)
    score = np.linalg.norm(xy - np.asarray(from_xy, float)[:2], axis=1) + 1.5 * np.abs(edge - FROM_EDGE_M)
    return [np.array([*xy[i], height]) for i in sorted(keep, key=lambda i: (round(float(score[i]), 3), i))]


def _fits(xy: NDArray[np.float64], size_m: NDArray[np.float64], resting: Sequence[ObjectView]) -> bool:
    side = float(max(size_m[0], size_m[1])) + 2 * GAP_M
    mine = footprint(np.array([*xy, 0.0]), (side, side, 0.1), 0.0)
    # a believed box may be off by its spread: grow it by that, but not so far that one vague thing fills the table
    return all(overlap_area(mine, footprint(v.position, v.size + min(v.spread_m, 0.05), v.yaw_rad)) <= 1e-6 for v in resting)


def inside_spots(
    furniture: ObjectView,
    resting: Sequence[ObjectView],
    size_m: NDArray[np.float64],
    from_xy: NDArray[np.float64],
    refused: Sequence[NDArray[np.float64]] = (),
) -> list[NDArray[np.float64]]:
    """Points Float64[3] inside a container: on the boards where remembered things stand, else at some usual heights; best first.

    Nobody sees a board under nothing, so this is a guess that `place` may refuse; then the next one is tried.
    """
    bottom, height = float(furniture.position[2] - furniture.size[2] / 2), float(furniture.size[2])
    inside = [v for v in resting if v.position[2] < bottom + 0.95 * height]
    boards = sorted({round(float(v.position[2] - v.size[2] / 2), 2) for v in inside})
    heights = boards + [bottom + s * height for s in (0.45, 0.25, 0.65, 0.1)]
    out = []
    for z in (h for h in heights if 0.1 <= h <= 1.5):
        level = [v for v in inside if abs(v.position[2] - v.size[2] / 2 - z) < 0.15]
        flat = [
            s
            for s in free_spots(furniture, level, size_m, from_xy)
            if all(np.linalg.norm(s[:2] - r[:2]) > 0.12 or abs(z - r[2]) > 0.1 for r in refused)
        ]
        out += [np.array([s[0], s[1], z]) for s in flat[:6]]
    return out
