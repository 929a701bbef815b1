"""Which way is up, and where the floor is, in a recording whose world axes are somebody else's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import Float, transform

AXES: dict[str, tuple[float, float, float]] = {
    "x": (1, 0, 0),
    "-x": (-1, 0, 0),
    "y": (0, 1, 0),
    "-y": (0, -1, 0),
    "z": (0, 0, 1),
    "-z": (0, 0, -1),
}


def held_up(poses: Sequence[Float]) -> Float:
    """Unit vector Float64[3]: mean of the cameras' -y axes in their world (people hold cameras the right way up, image y points down)."""
    mean = -np.mean([T[:3, 1] for T in poses], axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def nearest_axis(up: Float) -> Float:
    """The signed coordinate axis Float64[3] nearest to a direction."""
    return np.array(max(AXES.values(), key=lambda axis: float(np.dot(axis, up))), float)


def rotation_to_z(up: Float) -> Float:
    """Float64[4, 4] without translation that takes the unit vector `up` to +z; map x is the world axis after the vertical one, levelled.

    A fixed rule for x, so that two recordings of one world agree.
    """
    ahead = np.roll(np.eye(3)[int(np.argmax(np.abs(up)))], 1)
    x = ahead - (ahead @ up) * up
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3] = np.stack([x, np.cross(up, x), up])
    return T


def cloud(depth: NDArray[np.float32], K: Float, block: int = 4, far_m: float = 4.0) -> Float:
    """Float64[rows, cols, 3] camera frame, m: means over blocks of `block` pixels; NaN where less than half of a block was measured."""
    rows, cols = depth.shape[0] // block, depth.shape[1] // block
    z = depth[: rows * block, : cols * block].reshape(rows, block, cols, block).astype(np.float64)
    good = (z > 0.3) & (z < far_m)
    count = good.sum(axis=(1, 3))
    mean = np.where(count * 2 > block * block, (z * good).sum(axis=(1, 3)) / np.maximum(count, 1), np.nan)
    v, u = np.indices(mean.shape) * block + (block - 1) / 2
    return np.stack([(u - K[0, 2]) / K[0, 0] * mean, (v - K[1, 2]) / K[1, 1] * mean, mean], axis=-1)


def normals(points: Float, reach: int = 2) -> Float:
    """Unit surface normals Float64[n, 3] towards the camera, from Float64[rows, cols, 3], by differences over 2 * `reach` cells."""
    middle = points[reach:-reach, reach:-reach]
    across = points[reach:-reach, 2 * reach :] - points[reach:-reach, : -2 * reach]
    down = points[2 * reach :, reach:-reach] - points[: -2 * reach, reach:-reach]
    n = np.cross(down, across)
    length = np.linalg.norm(n, axis=-1)
    # A step in depth is an edge, not a surface.
    ok = (length > 1e-9) & (np.abs(across[..., 2]) < 0.15 * middle[..., 2]) & (np.abs(down[..., 2]) < 0.15 * middle[..., 2])
    n = n[ok] / length[ok][:, None]
    return n * -np.sign(np.einsum("ij,ij->i", n, middle[ok]))[:, None]


def level(up: Float, world_normals: Float, cone_deg: float = 40.0, min_share: float = 0.03) -> Float:
    """The direction near `up` in which most floors, tables and counters face: mean shift on the sphere, to about half a degree.

    Returns `up` unchanged where fewer than `min_share` of the normals agree.
    """
    if len(world_normals) == 0:
        return up
    # Start where normals are densest: the cameras' mean tilt may be far off, and a half-seen slope must not capture the start.
    near = world_normals[world_normals @ up > np.cos(np.radians(cone_deg))]
    if len(near) < max(200, min_share * len(world_normals)):
        return up
    seeds = near[:: max(1, len(near) // 400)]
    best = seeds[int(np.argmax(((seeds @ near.T) > np.cos(np.radians(8.0))).sum(axis=1)))]
    for bandwidth in (12.0, 8.0, 5.0, 5.0, 5.0):
        mean = near[near @ best > np.cos(np.radians(bandwidth))].mean(axis=0)
        best = mean / np.linalg.norm(mean)
    agree = near @ best > np.cos(np.radians(8.0))
    return best if agree.sum() >= min_share * len(world_normals) else up


def heights_of(T_map_camera: Float, points: Float) -> Float:
    """Heights Float64[n], m, of the measured points Float64[rows, cols, 3] (camera frame) above the map's origin."""
    return transform(T_map_camera, points[np.isfinite(points[..., 2])])[:, 2]


def lowest_level(heights: Float, bin_m: float = 0.04, min_share: float = 0.01) -> float | None:
    """Height (m) of the lowest horizontal level that holds at least `min_share` of the points, as a peak; None if there is none."""
    if heights.size < 200:
        return None
    low = float(np.percentile(heights, 0.2)) - bin_m
    window = heights[(heights > low) & (heights < low + 2.0)]
    counts, edges = np.histogram(window, np.arange(low, low + 2.0, bin_m))
    padded = np.concatenate([[0], counts, [0]])
    peak = (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]) & (counts >= min_share * heights.size)
    if not peak.any():
        return None
    centre = edges[int(np.flatnonzero(peak)[0])] + bin_m / 2
    return float(np.median(window[np.abs(window - centre) < bin_m]))
