"""Which pixels are the thing's own: out of a mask, or out of a bare box by depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from robomem.perception.kernels import quantile
from robomem.perception.kernels_image import erode

Bool = NDArray[np.bool_]
Float = NDArray[np.floating]

MAX_PIXELS = 1200  # of one thing that are deprojected; larger things are read on a coarser grid
RING_SHARE = 0.2  # how much a box is widened to look at what the thing stands on


@dataclass(frozen=True)
class Window:
    """A rectangle of an image read every `stride` pixels.

    Attributes:
        rows, cols: slices into the image.
        depth: Float32[h, w] m.
        height: Float32[h, w] above the map's floor, m (only meaningful where depth > 0).
        stride: pixels between neighbours.
    """

    rows: slice
    cols: slice
    depth: NDArray[np.float32]
    height: NDArray[np.float32]
    stride: int


def mask_bounds(mask: Bool) -> tuple[int, int, int, int] | None:
    """Top, left, bottom, right (exclusive) of a mask Bool[h, w]; None when it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    cols = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1


def stride_for(pixels: int) -> int:
    """Grid step at which about MAX_PIXELS of `pixels` are read."""
    return max(1, int(np.ceil(np.sqrt(pixels / MAX_PIXELS))))


def depth_mode(depths: Float, weights: Float, gap_m: float, min_share: float) -> tuple[float, float]:
    """Near and far end (m) of the nearest cluster that holds at least `min_share` of the heaviest cluster's weight.

    Clusters are runs of sorted depths without a gap of `gap_m`; a thing in front of a wall is the nearer run.
    """
    order = np.argsort(depths)
    z, w = depths[order], weights[order]
    cuts = np.flatnonzero(np.diff(z) > gap_m) + 1
    starts, ends = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(z)]])
    mass = np.add.reduceat(w, starts)
    chosen = int(np.flatnonzero(mass >= min_share * mass.max())[0])
    return float(z[starts[chosen]]), float(z[ends[chosen] - 1])


def from_mask(mask: Bool, depth: NDArray[np.float32], sigma_z_at_1m: float) -> Bool:
    """Own pixels of a detector's mask: its edge off (flying pixels), and what shines through from far behind off.

    Args:
        mask: Bool[h, w].  depth: Float32[h, w] m, of the same window; 0 = no measurement.

    Returns:
        Bool[h, w], a subset of `mask` with valid depth.
    """
    inner = erode(mask)
    valid = (inner if np.count_nonzero(inner) >= 0.4 * np.count_nonzero(mask) else mask) & (depth > 0)
    if not valid.any():
        return mask & (depth > 0)
    z = depth[valid]
    middle = float(quantile(z, 0.5))
    gap = max(0.10, 4 * sigma_z_at_1m * middle * middle)
    order = np.sort(z)
    cuts = np.flatnonzero(np.diff(order) > gap) + 1
    if cuts.size == 0:
        return valid
    starts, ends = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(order)]])
    # A mask is trusted: legs and slats may be far apart in depth, only crumbs (a leak at the rim) go.
    out = np.zeros_like(valid)
    for start, end in zip(starts, ends, strict=True):
        if end - start >= 0.12 * len(order):
            out |= valid & (depth >= order[start]) & (depth <= order[end - 1])
    return out if out.any() else valid


def support_heights(height: Float, weights_shape: Bool, bin_m: float = 0.015, min_share: float = 0.18) -> list[float]:
    """Heights (m) of level surfaces among the ring pixels around a box: peaks of their histogram, sharpest first, at most two."""
    h = height[weights_shape]
    if h.size < 30:
        return []
    low = float(h.min())
    counts = np.bincount(((h - low) / bin_m).astype(np.intp))
    pairs = counts[:-1] + counts[1:] if len(counts) > 1 else counts  # two bins: a surface may lie on the border of one
    found: list[float] = []
    for i in np.argsort(-pairs, kind="stable")[:6]:
        level = low + (i + 1) * bin_m
        if pairs[i] >= min_share * h.size and all(abs(level - other) > 0.06 for other in found):
            inside = h[np.abs(h - level) <= bin_m]
            found.append(float(quantile(inside, 0.5)) if inside.size else level)
    return found[:2]


def from_box(window: Window, inner: tuple[int, int, int, int], metres_per_pixel: float, sigma_z_at_1m: float) -> tuple[Bool, float | None]:
    """Own pixels inside a bare box: the near depth mode around its centre, without the level surface it stands on.

    Args:
        window: the box widened by RING_SHARE.
        inner: top, left, bottom, right of the box itself, in window pixels.
        metres_per_pixel: of a window pixel at 1 m distance.

    Returns:
        Bool of the window's shape, and the height (m) of the level surface that was taken away beneath it, if any.
    """
    top, left, bottom, right = inner
    z = window.depth
    box = np.zeros(z.shape, bool)
    box[top:bottom, left:right] = True
    valid = z > 0
    rows, cols = np.ogrid[: z.shape[0], : z.shape[1]]
    # Detectors centre their boxes well: the middle is the thing, corners mostly are not.
    weight = np.exp(
        -2.5
        * (((rows - (top + bottom - 1) / 2) / max(bottom - top, 1)) ** 2 + ((cols - (left + right - 1) / 2) / max(right - left, 1)) ** 2)
        * 2
    )
    own = box & valid
    if np.count_nonzero(own) < 8:
        return own, None
    own, level = _without_support(window, own, ~box & valid, weight, sigma_z_at_1m)
    near, far = depth_mode(z[own], weight[own], _gap(z[own], sigma_z_at_1m), 0.35)
    # Nothing common is much deeper than it is wide or tall; this cuts the floor and walls that run on behind it.
    widest = max(bottom - top, right - left) * metres_per_pixel * near
    reach = float(np.clip(1.1 * widest, 0.10, 1.5)) + 3 * sigma_z_at_1m * near * near
    own &= (z >= near) & (z <= min(far, _low(z, own, near, far) + reach))
    return largest_parts(own, weight), level


def _gap(depths: Float, sigma_z_at_1m: float) -> float:
    middle = float(quantile(depths, 0.5))
    return max(0.05, 4 * sigma_z_at_1m * middle * middle)


def _low(z: Float, own: Bool, near: float, far: float) -> float:
    """Fifth percentile of the mode's depths, m: its near side without stray pixels."""
    inside = z[own & (z >= near) & (z <= far)]
    return float(np.partition(inside, inside.size // 20)[inside.size // 20])


def _without_support(window: Window, own: Bool, ring: Bool, weight: Float, sigma_z_at_1m: float) -> tuple[Bool, float | None]:
    """`own` without the slabs at the heights of level surfaces seen around the box, unless the thing itself is such a slab.

    Also returns the height (m) of the surface beneath what is left.
    """
    z = window.depth
    middle = float(quantile(z[own], 0.5))
    near_ring = ring & (np.abs(z - middle) < 0.6)
    total = float(weight[own].sum())
    beneath: list[float] = []
    for level in support_heights(window.height, near_ring):
        slab = np.abs(window.height - level) < max(0.012, 2 * sigma_z_at_1m * middle * middle)
        rest = own & ~slab
        # A table top, a book lying flat: most of the middle is at that height, so that is what was named.
        if weight[rest].sum() >= 0.35 * total and np.count_nonzero(rest) >= 8:
            own = rest
            beneath.append(level)
    middle = float(quantile(window.height[own], 0.5))
    return own, max((level for level in beneath if level < middle), default=None)


def largest_parts(own: Bool, weight: Float, keep_share: float = 0.2) -> Bool:
    """The connected parts (8-neighbours) of `own` that hold at least `keep_share` of the heaviest part's weight."""
    from scipy import ndimage

    parts, n = cast("tuple[NDArray[np.int32], int]", ndimage.label(own, structure=np.ones((3, 3), bool)))
    if n <= 1:
        return own
    mass = np.bincount(parts.ravel(), (weight * own).ravel(), n + 1)
    mass[0] = 0.0
    return (mass >= keep_share * mass.max())[parts] & own
