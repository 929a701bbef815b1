"""Extended things (furniture): one view shows a side, so the box grows from voxels that several frames agree on."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from robomem.geometry import inverse, transform

VOXEL_M = 0.05
MAX_VOXELS = 6000
PATCH = 4  # voxels of a 15 cm neighbourhood that make a surface
_ANGLES = np.deg2rad(np.arange(0.0, 90.0, 3.0))
_OFFSET = 1 << 20
_UNMOVED = np.eye(4)  # the voxels of a body that no correction of the map has moved lie in the map frame
_UNMOVED.flags.writeable = False


def _pack(points: NDArray[np.floating]) -> NDArray[np.int64]:
    """One int64 per occupied voxel of Float[k, 3] points (m), ascending."""
    keys = _voxels(points, VOXEL_M)
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]  # neighbours on a surface share a voxel: less is left to sort
    keys.sort()
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])]


@njit(cache=True)
def _voxels(points: NDArray[np.floating], side_m: float) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """The cube Int64[k] of this side in which each of Float[k, 3] points (m) lies."""
    out = np.empty(points.shape[0], np.int64)
    for k in range(points.shape[0]):
        key = np.int64(0)
        for a in range(3):
            key = (key << 21) | (np.int64(np.floor(np.float64(points[k, a]) / side_m)) + _OFFSET)
        out[k] = key
    return out


def _unpack(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Voxel centres Float64[k, 3], m."""
    mask = (1 << 21) - 1
    ijk = np.stack([keys >> 42, (keys >> 21) & mask, keys & mask], axis=1) - _OFFSET
    return np.asarray((ijk + 0.5) * VOXEL_M, np.float64)


SNAP_COST = 1.25  # furniture stands along the walls: the home's direction is taken if it costs no more area than this


def best_yaw(xy: NDArray[np.float64], home_yaw: float | None = None) -> float:
    """Yaw in [0, pi/2) of the tightest rectangle around Float64[k, 2] points, by percentiles (a stray point turns nothing).

    Args:
        home_yaw: the direction most furniture of this home stands in (rad), preferred unless the points clearly disagree.
    """
    if len(xy) > 600:
        xy = xy[:: len(xy) // 600 + 1]
    c, s = np.cos(_ANGLES), np.sin(_ANGLES)
    x, y = np.ascontiguousarray(xy.T)
    u = c[:, None] * x + s[:, None] * y  # one row for each angle: sorting runs along memory
    v = c[:, None] * y - s[:, None] * x
    spread = [np.subtract(*np.percentile(a, (98, 2), axis=1)) for a in (u, v)]
    area = (spread[0] + VOXEL_M) * (spread[1] + VOXEL_M)
    # An upright box seen on one side only is a line: any rectangle along it has no area, so the sum of sides breaks the tie.
    cost = area + 0.02 * (spread[0] + spread[1])
    best = int(np.argmin(cost))
    if home_yaw is not None:
        off = np.abs((_ANGLES - home_yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4)
        if cost[int(np.argmin(off))] <= SNAP_COST * cost[best]:
            return float(home_yaw % (np.pi / 2))
    return float(_ANGLES[best])


def common_yaw(yaws: NDArray[np.float64], weights: NDArray[np.float64]) -> float | None:
    """The direction in [0, pi/2) that boxes share up to quarter turns, None if they do not: mean of four times the angle."""
    if len(yaws) < 4:
        return None
    z = np.sum(weights * np.exp(4j * yaws)) / max(float(np.sum(weights)), 1e-9)
    return float(np.angle(z) / 4 % (np.pi / 2)) if abs(z) > 0.6 else None


class VoxelBody:
    """Voxels of one extended object with the number of frames that saw each.

    Attributes:
        T_map_voxels: Float64[4, 4]; the voxels' own frame, so that a corrected map moves the body without cutting it into voxels anew.
    """

    def __init__(self) -> None:
        self.keys = np.zeros(0, np.int64)
        self.counts = np.zeros(0, np.int32)
        self.frames = 0
        self.T_map_voxels = _UNMOVED
        self._fitted = 0

    def add(self, points: NDArray[np.floating]) -> None:
        """Count one frame's surface points Float[k, 3] (map frame, m)."""
        if len(points) == 0:
            return
        here = self.T_map_voxels is _UNMOVED
        seen = _pack(points if here else transform(inverse(self.T_map_voxels), points))
        self._count(seen, np.ones(len(seen), np.int32))
        self.frames += 1

    def merge(self, other: VoxelBody) -> None:
        """Take over what the frames of another body saw: they were frames of the same thing."""
        keys, counts = other.keys, other.counts
        if len(keys) and not np.array_equal(self.T_map_voxels, other.T_map_voxels):
            centres = transform(inverse(self.T_map_voxels) @ other.T_map_voxels, _unpack(keys))
            keys, back = np.unique(_voxels(centres, VOXEL_M), return_inverse=True)
            counts = np.zeros(len(keys), np.int32)
            np.maximum.at(counts, back.ravel(), other.counts)
        self._count(keys, counts)
        self.frames += other.frames

    def _count(self, seen: NDArray[np.int64], times: NDArray[np.int32]) -> None:
        """Add to the counts of voxels, Int64[k] sorted and each once."""
        place = np.searchsorted(self.keys, seen)
        known = self.keys[np.minimum(place, len(self.keys) - 1)] == seen if len(self.keys) else np.zeros(len(seen), np.bool_)
        counts = self.counts.copy()
        counts[place[known]] += times[known]
        if known.all():  # nothing new to see of it: what most frames of a known piece say
            self.counts = counts
            return
        keys = np.insert(self.keys, place[~known], seen[~known])
        counts = np.insert(counts, place[~known], times[~known])
        if len(keys) > MAX_VOXELS:
            keep = np.sort(np.argsort(-counts, kind="stable")[:MAX_VOXELS])
            keys, counts = keys[keep], counts[keep]
        self.keys, self.counts = keys, counts

    def grown(self) -> bool:
        """True if enough was added since the last `box` that it is worth fitting again."""
        return self.frames <= 6 or self.frames >= 1.15 * self._fitted

    def points(self) -> NDArray[np.float64]:
        """Centres Float64[k, 3] (m) of voxels that enough frames agree on."""
        least = 1 if self.frames < 4 else max(2, round(0.04 * self.frames))
        often = self.counts >= min(least, int(self.counts.max(initial=1)))
        # A top seen at a grazing angle gives a few points a frame, each in another voxel: what no voxel shows twice, a
        # neighbourhood of 15 cm shows as a patch. A stray point has no neighbours.
        points = _unpack(self.keys)
        _, patch, size = np.unique(_voxels(points, 3 * VOXEL_M), return_inverse=True, return_counts=True)
        return np.asarray(transform(self.T_map_voxels, points[often | (size[patch.ravel()] >= PATCH)]), np.float64)

    def box(
        self, on_floor: bool, home_yaw: float | None = None, points: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Centre Float64[3] (m), size Float64[3] (m), yaw (rad) of the body; `on_floor` extends it down to z = 0.

        Args:
            points: `points()`, for whoever has them already.
        """
        self._fitted = self.frames
        p = self.points() if points is None else points
        yaw = best_yaw(p[:, :2], home_yaw)
        c, s = np.cos(yaw), np.sin(yaw)
        local = np.stack([p[:, 0] * c + p[:, 1] * s, -p[:, 0] * s + p[:, 1] * c, p[:, 2]], axis=1)
        low, high = np.percentile(local, (1, 99), axis=0)
        low, high = low - VOXEL_M / 4, high + VOXEL_M / 4
        if on_floor and low[2] < 1.0:
            low[2] = 0.0
        mid = (low + high) / 2
        center = np.array([mid[0] * c - mid[1] * s, mid[0] * s + mid[1] * c, mid[2]])
        return center, np.maximum(high - low, 0.02), yaw
