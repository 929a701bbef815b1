"""From the seen side of a thing to its whole: centre, size and yaw, with the hidden half made up for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robomem.geometry import Float
from robomem.perception import kernels

COMPLETED_M = 0.60  # largest extent of things whose hidden side is made up for
ROUND_M = 0.40  # width below which things are taken for round if their front bulges
FRONT_M = 0.45  # furniture larger than this may have shown its front alone
UPRIGHT_M = 0.15  # below this no yaw is estimated: noise would decide it
FURNITURE_DEPTH_M = 0.45  # of furniture whose front alone was seen (fridge, cabinet, shelf: 0.3 to 0.7)
TRIMMED = np.array([0.0175, 0.985])  # quantiles taken as the ends of a noisy extent
MAX_EDGE_POINTS = 300  # that decide the yaw
ANGLES = np.radians(np.arange(0.0, 90.0, 3.0))
FINE_ANGLES = np.radians(np.arange(-2.25, 2.5, 0.75))


@dataclass(frozen=True)
class View:
    """How a thing was seen.

    Attributes:
        camera: Float64[3] position of the camera, map frame, m.
        pixel_m: width of a pixel at the thing, m.
        grid_m: distance between the pixels that were read there, m (large things are read on a coarser grid).
        sigma_m: depth noise at the thing, m.
        trimmed_px: pixels taken off each side of its outline.
        furniture: True if what was named is a piece of furniture.
        support_m: height of the surface beneath it, where that was seen, m.
    """

    camera: Float
    pixel_m: float
    grid_m: float
    sigma_m: float
    trimmed_px: float
    furniture: bool
    support_m: float | None = None


@dataclass(frozen=True)
class Shape:
    """A yaw box and how far it is guesswork.

    Attributes:
        center: Float64[3] map frame, m.  size: Float64[3] along its own x, y and up, m.
        hidden_m: how much of the depth behind the seen surface is guesswork, m.
        width_m: extent across the line of sight, m.
    """

    center: Float
    size: Float
    yaw_rad: float
    hidden_m: float
    width_m: float


def fit(points: Float, view: View) -> Shape:
    """Box of a thing from the cleaned points of one view.

    Args:
        points: Float64[n, 3] map frame, m; n >= 1.

    Returns:
        Shape with yaw in [-pi/4, pi/4) so that size[0] and size[1] keep their meaning from frame to frame.
    """
    middle = points.mean(axis=0)
    sight = middle[:2] - view.camera[:2]
    distance = float(np.linalg.norm(sight))
    ahead = sight / distance if distance > 0.05 else np.array([1.0, 0.0])
    side = np.array([-ahead[1], ahead[0]])
    along, across = (points[:, :2] - middle[:2]) @ ahead, (points[:, :2] - middle[:2]) @ side
    low, high, near, far, left, right = _extents(points[:, 2], along, across, view)
    trim = (view.trimmed_px + 0.3) * view.pixel_m  # percentiles and eroded edges both cut the outline
    steep = float(np.arctan2(view.camera[2] - high, max(distance, 1e-6)))
    low, high = (low - trim, high) if steep > 0.03 else (low - trim / 2, high + trim / 2)  # from above the top is a surface, not an edge
    if view.support_m is not None and abs(low - view.support_m) < 0.03 + 3 * view.sigma_m:
        low = min(view.support_m, high - 0.01)  # its foot went with the surface it stands on
    width, height = right - left + 2 * trim, high - low
    seen = _top_seen(width, height, steep, view)
    # The far edge of a top seen at a slant: one pixel there is many millimetres.
    lost = seen * float(min((view.trimmed_px + 0.5) * view.pixel_m / max(np.sin(steep), 0.03), 0.06, 0.5 * (far - near)))
    depth = max(far + lost - near, 0.0)
    whole, guessed = depth, 0.0
    if max(width, height, depth) < COMPLETED_M and distance > 0.05:
        k = roundness(along, across, points[:, 2], width, view.sigma_m) if width < ROUND_M else 0.0
        whole, guessed = _whole_depth(depth, width, height, seen, k)
    center = middle[:2] + ahead * (near + whole / 2) + side * (left + right) / 2
    footprint = points[:, :2]
    if lost:
        footprint = np.concatenate([footprint, footprint[along > kernels.quantile(along, 0.9)] + lost * ahead])
    if whole > depth + 1e-3:
        footprint = np.concatenate([footprint, 2 * center - footprint])  # the far side mirrors the near one
    if max(width, height, whole) < UPRIGHT_M:
        size_xy, yaw = np.ptp(footprint, axis=0), 0.0
        size_xy = np.minimum(size_xy + 2 * trim, max(width, whole))
    else:
        center, size_xy, yaw = rectangle(footprint)
        if max(size_xy[0], size_xy[1], height) >= FRONT_M and view.furniture:
            center, size_xy = _behind_the_front(center, size_xy, yaw, ahead, steep, view)
        size_xy = size_xy + trim
    size = np.maximum(np.array([size_xy[0], size_xy[1], height]), 0.01)
    return Shape(np.array([center[0], center[1], (low + high) / 2]), size, yaw, guessed, float(width))


def _extents(z: Float, along: Float, across: Float, view: View) -> tuple[float, float, float, float, float, float]:
    """Low, high, near, far, left, right (m) of the points, without strays, and without what depth noise adds along the line of sight."""
    low, high = kernels.quantiles(z, TRIMMED)
    near, far = kernels.quantiles(along, TRIMMED)
    left, right = kernels.quantiles(across, TRIMMED)
    swell = min(1.5 * view.sigma_m, 0.25 * (far - near))
    return float(low), float(high), float(near + swell), float(far - swell), float(left), float(right)


def _top_seen(width: float, height: float, steep: float, view: View) -> float:
    """How surely the camera saw the top of a thing, if it has one, 0..1.

    Counted in the pixel rows that a top as deep as wide would cover: a few thin rows are lost to edges and cleaning, eight are sure to be
    seen. Flat things (book, phone, plate) are little else than top.
    """
    if steep <= 0:
        return 0.0
    rows = width * np.sin(steep) / view.grid_m
    return 1.0 if height < 0.4 * width else float(np.clip((rows - 2) / 6, 0, 1))


def _whole_depth(depth: float, width: float, height: float, seen: float, k: float) -> tuple[float, float]:
    """Depth (m) along the line of sight of a small thing of which only the front was seen, and how much of it is guesswork (m).

    Two readings, mixed by how round the front is (`k`): a round thing is as deep as it is wide; of a boxy one the top (as far as it was
    `seen`) already showed the true depth, and if it did not, half the width is a fair guess.
    """
    boxy = seen * depth + (1 - seen) * max(depth, 0.5 * width)
    whole = max(depth, (1 - k) * boxy + k * min(width, max(height * 2.0, depth)))
    return float(whole), float(max(0.4 * (whole - depth), (1 - seen) * (1 - k) * 0.5 * width))


def roundness(along: Float, across: Float, z: Float, width: float, sigma_m: float, prior: float = 0.6) -> float:
    """How far the front bulges like a disc of diameter `width`: 0 flat, 1 round; noise pulls it to `prior`."""
    radius = max(width / 2, 1e-3)
    return float(np.clip(kernels.bulge(along, across, z, radius, sigma_m + 0.1 * radius, prior, 0.35), 0.0, 1.0))


def rectangle(xy: Float) -> tuple[Float, Float, float]:
    """Small-area rectangle around points Float64[n, 2] whose edges the points lie along, by turning in 3 then 0.75 degree steps.

    Area alone cannot decide: two seen faces make a right triangle, around which the rectangle along the long side is exactly as large as
    the true one. Among nearly smallest ones the points' mean distance to the nearest edge decides (Zhang et al. 2017, "closeness").

    Returns:
        Centre Float64[2] m, size Float64[2] m along its own axes, yaw rad in [-pi/4, pi/4).
    """
    middle = xy.mean(axis=0)
    local = xy - middle
    few = np.ascontiguousarray(local[:: max(1, len(local) // MAX_EDGE_POINTS)])  # one kind of array: a kernel is compiled for each
    coarse = kernels.best_yaw(few, ANGLES, 1.15)
    best = kernels.best_yaw(few, coarse + FINE_ANGLES, 1.15)
    yaw = float((best + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    turned = local @ axes.T
    low, high = np.stack([kernels.quantiles(turned[:, i], np.array([0.008, 0.992])) for i in range(2)], axis=1)
    return middle + (low + high) / 2 @ axes, high - low, yaw


def _behind_the_front(center: Float, size: Float, yaw: float, ahead: Float, steep: float, view: View) -> tuple[Float, Float]:
    """Give furniture its depth when only its front can have been seen: no top (camera below it) and no side (looking straight on)."""
    axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    facing = axes @ ahead
    i = int(np.argmax(np.abs(facing)))
    side_px = FURNITURE_DEPTH_M * abs(facing[1 - i]) / view.grid_m
    top_px = FURNITURE_DEPTH_M * np.sin(max(steep, 0.0)) / view.grid_m
    missing = FURNITURE_DEPTH_M - size[i]
    if missing <= 0 or side_px >= 6 or top_px >= 6:
        return center, size
    size = size.copy()
    size[i] += missing
    return center + axes[i] * np.sign(facing[i]) * missing / 2, size


def covariance(shape: Shape, view: View, truncated: bool) -> Float:
    """Covariance Float64[3, 3] (m^2, map frame) of the centre.

    Depth noise acts along the ray (averaging many pixels does not help: its error is shared), pixels and mask edges across it;
    what was made up behind the surface adds to the ray, and what was cut off adds everywhere.
    """
    ray = shape.center - view.camera
    ray = ray / max(float(np.linalg.norm(ray)), 1e-6)
    along = view.sigma_m**2 + (0.5 * shape.hidden_m) ** 2 + 0.006**2
    across = (0.5 * view.pixel_m) ** 2 + (0.5 * view.trimmed_px * view.pixel_m) ** 2 + (0.03 * min(shape.width_m, 1.0)) ** 2 + 0.004**2
    out = across * np.eye(3) + (along - across) * np.outer(ray, ray)
    if truncated:
        out += np.eye(3) * min(0.2 * float(shape.size.max()), 0.25) ** 2
    return out
