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
EMPTY_SHARE = 0.7  # share of the samples that can tell that must be seen through before a particle counts as refuted
JUDGED_SHARE = 0.1  # share of all samples that must be able to tell before depth says anything: the rim of a tray is enough
REFUTE_WITHIN_M = 4.2  # depth further away is too noisy to refute a thing
SPREAD_STRIDE = 4  # of a wide cloud every fourth surface sample is enough
PLATE_SHARE = 0.3  # thinner than this share of its width and height is a plate: a door, the front of a cupboard, a picture
SIDEWAYS_SIGMAS = 2.0
MOST_OBLIQUE_M = 0.10
POSE_SIGMA_M = 0.012  # localisation error that a depth comparison has to forgive


@dataclass(frozen=True)
class Glimpses:
    """n tracks against one depth image; shares are weighted over each track's particles.

    Attributes:
        visible, occluded: Float64[n] share of surface samples that are in plain sight, that something hides.
        supported: Float64[n] share of samples that depth shows as they should be, of those with which it could tell presence from absence.
        empty: Float64[n] weight of the particles that the image refutes: nearly all that could tell is seen through.
        refuted: Bool[n, P] which those are.
        pixels: Float64[n] own pixels each would cover if unoccluded.
        distance_m: Float64[n] from the camera.
        decisive: Bool[n] True if the thing is thick enough for depth alone to tell presence from absence.
    """

    visible: NDArray[np.float64]
    supported: NDArray[np.float64]
    occluded: NDArray[np.float64]
    empty: NDArray[np.float64]
    refuted: NDArray[np.bool_]
    pixels: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    decisive: NDArray[np.bool_]


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

    def in_view(self, mean: NDArray[np.float64], size: NDArray[np.float64], slack_m: float, range_m: float) -> NDArray[np.int64]:
        """Int64[k]: which of the boxes Float64[n, 3], Float64[n, 3] (m), by `slack_m` larger all round, could be in the image.

        Cost: 0.1 ms for 10,000 of them.
        """
        k = self._k
        pinhole = np.array([k.fx, k.fy, k.cx, k.cy, k.width, k.height], np.float64)
        return rows_in_view(mean, size, self._R, self._t, pinhole, slack_m, range_m)

    def beyond(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64[n]: by how much (m) the depth lies behind points Float64[n, 3] (map frame, m); inf where nothing was measured."""
        p = points @ self._R.T + self._t
        z = np.maximum(p[:, 2], 0.05)
        u = np.floor(self._k.fx * p[:, 0] / z + self._k.cx).astype(int)
        v = np.floor(self._k.fy * p[:, 1] / z + self._k.cy).astype(int)
        h, w = self._depth.shape
        inside = (u >= 0) & (u < w) & (v >= 0) & (v < h) & (p[:, 2] > 0.15)
        depth = self._depth[np.where(inside, v, 0), np.where(inside, u, 0)]
        return np.where(inside & (depth > 0), depth - p[:, 2], np.inf)

    def look(self, table: TrackTable, rows: NDArray[np.int64], spread: NDArray[np.bool_]) -> Glimpses:
        """Compare tracks (Int64[n] rows) with the depth image.

        Args:
            spread: Bool[n] wide clouds: few samples of the surface are enough, and particles may be at any height. In a narrow one
                none counts lower than the mean: a thing does not sink into what it stands on, and a cloud that may do so hides a thin
                thing's absence in the table top.
        """
        mean, size = table.mean[rows], table.size[rows]
        distance = np.linalg.norm(mean - self.camera, axis=1)
        margin = self.margins(size, distance) + self._oblique(mean, size, table.yaw[rows])
        reach = np.maximum(size[:, 0], size[:, 1])
        sums = np.zeros((len(rows), 5))
        refuted = np.zeros((len(rows), table.particles), np.bool_)
        look_at_tracks(
            table.positions,
            table.log_weights,
            table.shape,
            rows,
            self._R32,
            self._t32,
            self._k32,
            self._depth,
            margin,
            np.minimum(size[:, 0], size[:, 1]),
            np.where(spread, SPREAD_STRIDE, 1),
            np.where(spread, -np.inf, mean[:, 2]),
            size[:, 2] / 2,
            distance < REFUTE_WITHIN_M,
            sums,
            refuted,
        )
        z = np.maximum(distance, 0.3)
        pixels = self._k.fx * self._k.fy * reach * (size[:, 2] + 0.3 * np.minimum(size[:, 0], size[:, 1])) / (z * z)
        judged = sums[:, 4]
        supported = sums[:, 1] / np.maximum(judged, 1e-9)
        return Glimpses(sums[:, 0], supported, sums[:, 2], sums[:, 3], refuted, pixels, distance, judged > JUDGED_SHARE)

    def _oblique(self, means: NDArray[np.float64], sizes: NDArray[np.float64], yaws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64[n]: margin (m) that upright plates need when seen from the side, 0 for all else.

        An error of the pose across the line of sight moves the point where a ray meets the plate by its tangent along the ray.
        """
        along = np.where(sizes[:, 0] < sizes[:, 1], yaws, yaws + math.pi / 2)  # direction of the plate's normal
        ray = (means - self.camera)[:, :2]
        ray /= np.maximum(np.linalg.norm(ray, axis=1), 1e-6)[:, None]
        cosine = np.abs(ray[:, 0] * np.cos(along) + ray[:, 1] * np.sin(along))
        tangent = np.sqrt(np.maximum(1.0 - cosine**2, 0.0)) / np.maximum(cosine, 0.1)
        thickness, width = np.minimum(sizes[:, 0], sizes[:, 1]), np.maximum(sizes[:, 0], sizes[:, 1])
        plate = (thickness < PLATE_SHARE * np.minimum(width, sizes[:, 2])) & (sizes[:, 2] > 0.06)
        return np.where(plate, np.minimum(SIDEWAYS_SIGMAS * POSE_SIGMA_M * tangent, MOST_OBLIQUE_M), 0.0)

    def margins(self, sizes: NDArray[np.float64], distances_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64[n]: by how much (m) depth must lie beyond a surface sample for the sample to count as seen through.

        It comes from the sensor at that range and the thing's own height above what is behind it: a fixed one is blind to a book on a
        table, and too tight for noise at four metres.
        """
        need = 3 * self._sigma * distances_m**2 + POSE_SIGMA_M
        thin = np.minimum(sizes[:, 2], np.maximum(sizes[:, 0], sizes[:, 1]))
        most = self._config.depth_margin_m
        return np.where(thin < 0.5, np.minimum(most, np.maximum(need, 0.4 * thin)), np.maximum(need, most))


@njit(cache=True)
def rows_in_view(
    mean: NDArray[np.float64],
    size: NDArray[np.float64],
    R: NDArray[np.floating],
    t: NDArray[np.floating],
    pinhole: NDArray[np.float64],
    slack_m: float,
    range_m: float,
) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """Int64[k]: which of the spheres around boxes of centre and size Float64[N, 3] (m) reach into the image; NaN is nowhere."""
    out, n = np.empty(mean.shape[0], np.int64), 0
    fx, fy, cx, cy, width, height = pinhole
    for i in range(mean.shape[0]):
        x, y, z = mean[i, 0], mean[i, 1], mean[i, 2]
        radius = math.sqrt(size[i, 0] ** 2 + size[i, 1] ** 2 + size[i, 2] ** 2) / 2 + slack_m
        ahead = R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2]
        if not (ahead > 0.1 and ahead - radius < range_m):
            continue
        far = max(ahead, 0.05)
        u = fx * (R[0, 0] * x + R[0, 1] * y + R[0, 2] * z + t[0]) / far + cx
        v = fy * (R[1, 0] * x + R[1, 1] * y + R[1, 2] * z + t[1]) / far + cy
        pad = fx * radius / far
        if u > -pad and u < width + pad and v > -pad and v < height + pad:
            out[n] = i
            n += 1
    return out[:n]


@njit(cache=True)
def look_at_tracks(
    positions: NDArray[np.float32],
    log_weights: NDArray[np.float32],
    shapes: NDArray[np.float32],
    rows: NDArray[np.int64],
    R: NDArray[np.float32],
    t: NDArray[np.float32],
    intrinsics: NDArray[np.float32],
    depth: NDArray[np.float32],
    margins: NDArray[np.float64],
    thickness: NDArray[np.float64],
    strides: NDArray[np.int64],
    lowest: NDArray[np.float64],
    half_heights: NDArray[np.float64],
    may_refute: NDArray[np.bool_],
    sums: NDArray[np.float64],
    refuted: NDArray[np.bool_],
) -> None:  # pragma: no cover - compiled
    """`look_through` for n tracks, summed over particles into `sums` Float64[n, 5] and `refuted` Bool[n, P]; see `Glimpses`."""
    for i in range(rows.shape[0]):
        r = rows[i]
        cloud = positions[r].copy()
        cloud[:, 2] = np.maximum(cloud[:, 2], np.float32(lowest[i]))
        above = np.maximum(shapes[r, :, 2] + np.float32(half_heights[i]), np.float32(0.0))
        shares = look_through(cloud, shapes[r], above, R, t, intrinsics, depth, margins[i], thickness[i], strides[i])
        for p in range(shares.shape[0]):
            w = math.exp(log_weights[r, p])
            empty, supported = shares[p, 0], shares[p, 1]
            judged = empty + supported
            visible = judged + shares[p, 3] + shares[p, 4]
            sums[i, 0] += w * visible
            sums[i, 1] += w * supported
            sums[i, 2] += w * shares[p, 2]
            sums[i, 4] += w * judged
            missed = judged > JUDGED_SHARE and empty > EMPTY_SHARE * judged
            if may_refute[i] and visible > 0.3 and (missed or empty + shares[p, 4] > EMPTY_SHARE * visible):
                refuted[i, p] = True
                sums[i, 3] += w


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
    inside = np.empty(points.shape[0], np.int64)
    for i in range(rows.shape[0]):
        half_z = max(sizes[i, 2] / 2, 1e-3)
        reach = 0.9 * math.hypot(max(sizes[i, 0] / 2, 1e-3), max(sizes[i, 1] / 2, 1e-3))
        first, last = bounds[i], bounds[i + 1]
        x, y, foot = centers[i, 0], centers[i, 1], centers[i, 2] - 0.5 * half_z
        core = 0
        for p in range(first, last):
            inside[core] = p  # written over by the next one if it is not
            core += abs(points[p, 0] - x) < reach and abs(points[p, 1] - y) < reach and points[p, 2] > foot
        everything = core < 6
        total = last - first if everything else core
        if total == 0:
            out[rows[i]] = 0.0
            continue
        step = (total + MAX_SORTED - 1) // MAX_SORTED
        n = 0
        for q in range(0, total, step):
            p = first + q if everything else inside[q]
            pick[n], heights[n] = p, points[p, 2]
            n += 1
        order = _by_height(heights[:n])
        for k in range(SAMPLES):
            p = pick[order[int(k * (n - 1) / (SAMPLES - 1))]]
            for a in range(3):
                out[rows[i], k, a] = points[p, a] - centers[i, a]


@njit(cache=True)
def _by_height(heights: NDArray[np.float32]) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """Indices from low to high, to a hundred-and-twentieth of the range: counting costs a tenth of sorting."""
    n, bins = heights.shape[0], 120
    low, high = heights.min(), heights.max()
    scale = (bins - 1) / max(high - low, np.float32(1e-6))
    starts = np.zeros(bins + 1, np.int64)
    for h in heights:
        starts[int((h - low) * scale) + 1] += 1
    starts = np.cumsum(starts)
    order = np.empty(n, np.int64)
    for i in range(n):
        b = int((heights[i] - low) * scale)
        order[starts[b]] = i
        starts[b] += 1
    return order
