"""Visibility: what one depth image can and does say about each track, seen or not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from robomem.belief.particles import look_through
from robomem.belief.track import SAMPLES, TrackTable
from robomem.config import BeliefConfig
from robomem.geometry import inverse
from robomem.perception.frame import RgbdFrame

HEALTHY_SHARE = 0.25  # absence counts as evidence only on frames with at least this share of valid depth
MAX_SORTED = 96  # points of one surface that its samples are chosen from: four times as many as are kept
POSE_SIGMA_M = 0.012  # localisation error that a depth comparison has to forgive


@dataclass(frozen=True)
class Glimpse:
    """One track against one depth image.

    Attributes:
        empty, supported, occluded: Float32[P] share of surface samples per particle.
        pixels: own pixels it would cover if unoccluded.
        distance_m: from the camera.
        margin_m: depth difference that counted as "beyond".
        decisive: True if the thing is thick enough for depth alone to tell presence from absence.
    """

    empty: NDArray[np.float32]
    supported: NDArray[np.float32]
    occluded: NDArray[np.float32]
    pixels: float
    distance_m: float
    margin_m: float
    decisive: bool


class Viewer:
    """The camera of one frame, ready to be asked about many tracks."""

    def __init__(self, frame: RgbdFrame, config: BeliefConfig, sigma_z_at_1m: float) -> None:
        T = inverse(frame.T_map_camera)
        self._R, self._t = T[:3, :3], T[:3, 3]
        self._R32, self._t32 = self._R.astype(np.float32), self._t.astype(np.float32)
        k = frame.intrinsics
        self._k = k
        self._k32 = np.array([k.fx, k.fy, k.cx, k.cy], np.float32)
        self._depth = np.ascontiguousarray(frame.depth_m)
        self._config, self._sigma = config, sigma_z_at_1m
        self.camera = frame.T_map_camera[:3, 3]
        self.healthy = frame.valid_share >= HEALTHY_SHARE

    def in_view(self, means: NDArray[np.float64], radii: NDArray[np.float64], range_m: float) -> NDArray[np.bool_]:
        """Bool[n]: could any part of spheres Float64[n, 3] with radii Float64[n] (m) be in the image within `range_m`?"""
        p = means @ self._R.T + self._t
        z = np.maximum(p[:, 2], 0.05)
        k = self._k
        u, v = k.fx * p[:, 0] / z + k.cx, k.fy * p[:, 1] / z + k.cy
        pad = k.fx * radii / z
        inside = (u > -pad) & (u < k.width + pad) & (v > -pad) & (v < k.height + pad)
        return (p[:, 2] > 0.1) & (p[:, 2] - radii < range_m) & inside

    def look(self, table: TrackTable, row: int, spread: bool) -> Glimpse:
        """Compare one track with the depth image; `spread` uses every particle with few samples, else few with every sample."""
        mean, size = table.mean[row], table.size[row]
        distance = float(np.linalg.norm(mean - self.camera))
        # The margin comes from the sensor at that range and the thing's own height above what is behind it: a fixed one is
        # blind to a book on a table, and too tight for noise at four metres.
        need = 3 * self._sigma * distance**2 + POSE_SIGMA_M
        thin = float(min(size[2], max(size[0], size[1])))
        margin = min(self._config.depth_margin_m, max(need, 0.4 * thin)) if thin < 0.5 else max(need, self._config.depth_margin_m)
        stride = 4 if spread else 1
        shares = look_through(
            table.positions[row],
            table.shape[row],
            self._R32,
            self._t32,
            self._k32,
            self._depth,
            margin,
            float(min(size[0], size[1])),
            stride,
        )
        z = max(distance, 0.3)
        pixels = self._k.fx * self._k.fy * float(np.max(size[:2])) * float(size[2] + 0.3 * np.min(size[:2])) / (z * z)
        # With the thing gone, the ray to its upper half goes on to what it stood on: its height over the sine of the view's slope.
        slope = max(abs(float(mean[2] - self.camera[2])) / max(distance, 1e-6), 0.1)
        further = min(float(size[2]) / slope, float(max(size[0], size[1])) + float(size[2]))
        return Glimpse(shares[:, 0], shares[:, 1], shares[:, 2], pixels, distance, margin, further > 1.2 * margin)


def surface_samples(points: NDArray[np.floating], center: NDArray[np.floating], size: NDArray[np.floating]) -> NDArray[np.float32]:
    """Float32[SAMPLES, 3] points of a surface relative to its box centre (m), taken evenly and kept off the box's rim and foot.

    The rim flickers with the mask's edge and the foot touches the support, which is there whether the thing is or not.
    """
    out = np.zeros((1, SAMPLES, 3), np.float32)
    cloud = np.asarray(points, np.float32).reshape(-1, 3)
    sample_surfaces(
        cloud, np.array([0, len(cloud)]), np.asarray(center, float)[None], np.asarray(size, float)[None], np.zeros(1, np.int64), out
    )
    return out[0]


@njit(cache=True)
def sample_surfaces(
    points: NDArray[np.float32],
    bounds: NDArray[np.int64],
    centers: NDArray[np.float64],
    sizes: NDArray[np.float64],
    rows: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """`surface_samples` of n clouds that lie one behind the other, written to `out` at `rows`.

    Args:
        points: Float32[sum k_i, 3] map frame, m.  bounds: Int64[n + 1] where each cloud begins and the last ends.
        centers, sizes: Float64[n, 3], m.  rows: Int64[n].  out: Float32[N, SAMPLES, 3], m.
    """
    pick = np.empty(MAX_SORTED, np.int64)
    heights = np.empty(MAX_SORTED, np.float32)
    for i in range(rows.shape[0]):
        half_z = max(sizes[i, 2] / 2, 1e-3)
        reach = 0.9 * math.hypot(max(sizes[i, 0] / 2, 1e-3), max(sizes[i, 1] / 2, 1e-3))
        first, last = bounds[i], bounds[i + 1]
        core = 0
        for p in range(first, last):
            core += _in_core(points[p], centers[i], reach, half_z)
        everything = core < 6
        total = last - first if everything else core
        if total == 0:
            out[rows[i]] = 0.0
            continue
        step = (total + MAX_SORTED - 1) // MAX_SORTED
        n, passed = 0, 0
        for p in range(first, last):
            if everything or _in_core(points[p], centers[i], reach, half_z):
                if passed % step == 0:
                    pick[n], heights[n] = p, points[p, 2]
                    n += 1
                passed += 1
        order = np.argsort(heights[:n], kind="mergesort")
        for k in range(SAMPLES):
            p = pick[order[int(k * (n - 1) / (SAMPLES - 1))]]
            for a in range(3):
                out[rows[i], k, a] = points[p, a] - centers[i, a]


@njit(cache=True)
def _in_core(point: NDArray[np.float32], center: NDArray[np.float64], reach: float, half_z: float) -> bool:  # pragma: no cover - compiled
    return abs(point[0] - center[0]) < reach and abs(point[1] - center[1]) < reach and point[2] - center[2] > -0.5 * half_z
