"""The inner loops of lifting, compiled: they run on a few hundred points ten times a frame, where NumPy's call overhead is the cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.floating]


@njit(cache=True)
def quantile(values: NDArray[Any], share: float) -> float:
    """Linear-interpolated quantile of Float[n] (n >= 1), `share` in 0..1."""
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@njit(cache=True)
def quantiles(values: NDArray[Any], shares: Float) -> Float:
    """Several quantiles of Float[n] (n >= 1) at once."""
    ordered = np.sort(values)
    out = np.empty(len(shares))
    for i in range(len(shares)):
        place = shares[i] * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        out[i] = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    return out


@njit(cache=True)
def turned_span(xy: Float, angle: float) -> tuple[float, float, float, float]:
    """Least and greatest coordinate of points Float64[n, 2] along and across a direction."""
    c, s = np.cos(angle), np.sin(angle)
    u0 = v0 = np.inf
    u1 = v1 = -np.inf
    for i in range(len(xy)):
        u, v = xy[i, 0] * c + xy[i, 1] * s, xy[i, 1] * c - xy[i, 0] * s
        u0, u1, v0, v1 = min(u0, u), max(u1, u), min(v0, v), max(v1, v)
    return u0, u1, v0, v1


@njit(cache=True)
def best_yaw(xy: Float, angles: Float, slack: float) -> float:
    """Of the rectangles around Float64[n, 2] at most `slack` times the smallest, the direction whose edges the points lie nearest to."""
    areas = np.empty(len(angles))
    for k in range(len(angles)):
        u0, u1, v0, v1 = turned_span(xy, angles[k])
        areas[k] = (u1 - u0 + 0.01) * (v1 - v0 + 0.01)  # the centimetre keeps thin sheets from being decided by noise
    best, least = angles[0], np.inf
    for k in range(len(angles)):
        if areas[k] > slack * areas.min():
            continue
        c, s = np.cos(angles[k]), np.sin(angles[k])
        u0, u1, v0, v1 = turned_span(xy, angles[k])
        inset = 0.0
        for i in range(len(xy)):
            u, v = xy[i, 0] * c + xy[i, 1] * s, xy[i, 1] * c - xy[i, 0] * s
            inset += min(u - u0, u1 - u, v - v0, v1 - v)
        if inset * areas[k] < least:
            best, least = angles[k], inset * areas[k]
    return best


@njit(cache=True)
def bulge(along: Float, across: Float, z: Float, radius: float, noise: float, prior: float, prior_sigma: float) -> float:
    """Slope k of the front of a thing against that of a disc: along = a + b s + k c(s), c = -radius sqrt(1 - s^2), by ridge regression.

    Args:
        along, across, z: Float64[n] coordinates on the line of sight, across it, and up, m.
        radius: half the thing's width, m.
        noise: of `along`, m.
        prior, prior_sigma: k expected before looking, and how firmly.

    Returns:
        k; `prior` where fewer than 8 points are usable.
    """
    low, high = quantile(z, 0.2), quantile(z, 0.8)
    middle = (quantile(across, 0.015) + quantile(across, 0.985)) / 2
    inside = np.zeros(len(z), np.bool_)
    for i in range(len(z)):
        inside[i] = low <= z[i] <= high and abs(across[i] - middle) < 0.92 * radius
    if inside.sum() < 8:
        return prior
    limit = quantile(along[inside], 0.5) + 0.75 * radius  # not the far inside of an open cup
    n = s1 = s2 = c1 = c2 = sc = a1 = as1 = ac = 0.0
    for i in range(len(z)):
        if inside[i] and along[i] < limit:
            s = (across[i] - middle) / radius
            c = -radius * np.sqrt(1 - s * s)
            n, s1, s2, c1, c2, sc = n + 1, s1 + s, s2 + s * s, c1 + c, c2 + c * c, sc + s * c
            a1, as1, ac = a1 + along[i], as1 + along[i] * s, ac + along[i] * c
    if n < 8:
        return prior
    # Centre everything, project the slope term out of c and along, and what is left is one unknown.
    vs, vc, cov_sc = s2 - s1 * s1 / n, c2 - c1 * c1 / n, sc - s1 * c1 / n
    cov_as, cov_ac = as1 - a1 * s1 / n, ac - a1 * c1 / n
    if vs < 1e-9:
        return prior
    information, moment = vc - cov_sc * cov_sc / vs, cov_ac - cov_as * cov_sc / vs
    weight = 1.0 / (4.0 * noise * noise)  # neighbouring depth pixels err together: count them as a quarter
    ridge = 1.0 / (prior_sigma * prior_sigma)
    return (weight * moment + ridge * prior) / (weight * information + ridge)


@njit(cache=True)
def color_statistics(lab: NDArray[np.float32], hue_bins: int, grey_bins: int, full_chroma: float) -> Float:
    """Soft hue histogram, soft lightness histogram of what has no hue, mean and spread of CIELAB pixels Float32[n, 3] (n >= 1).

    Returns:
        Float64[hue_bins + grey_bins + 6]; the histograms sum to one.
    """
    out = np.zeros(hue_bins + grey_bins + 6)
    n = len(lab)
    tail = hue_bins + grey_bins
    for i in range(n):
        lightness, a, b = lab[i, 0], lab[i, 1], lab[i, 2]
        colored = min(np.hypot(a, b) / full_chroma, 1.0) ** 2
        place = (np.arctan2(b, a) / (2 * np.pi)) % 1.0 * hue_bins
        low = int(place) % hue_bins
        part = place - int(place)
        out[low] += colored * (1 - part) / n  # soft bins: a hue on a border must not jump from one bin to the next
        out[(low + 1) % hue_bins] += colored * part / n
        level = min(max(lightness / 100 * (grey_bins - 1), 0.0), grey_bins - 1.001)
        low = int(level)
        out[hue_bins + low] += (1 - colored) * (1 - level + low) / n
        out[hue_bins + low + 1] += (1 - colored) * (level - low) / n
        for j in range(3):
            out[tail + j] += lab[i, j] / n
            out[tail + 3 + j] += lab[i, j] * lab[i, j] / n
    for j in range(3):
        out[tail + 3 + j] = np.sqrt(max(out[tail + 3 + j] - out[tail + j] ** 2, 0.0))
    return out


@njit(cache=True)
def edge_statistics(grey: NDArray[np.uint8], mask: NDArray[np.bool_], bins: int, strong: float) -> Float:
    """Strength of brightness edges by direction (mod 180 degrees) inside Bool[h, w], and the share of pixels that are a strong edge.

    Returns:
        Float64[bins + 1]; the directions sum to one where there is any edge.
    """
    out = np.zeros(bins + 1)
    count, total = 0, 0.0
    for i in range(1, grey.shape[0] - 1):
        for j in range(1, grey.shape[1] - 1):
            if mask[i, j] and mask[i, j + 1] and mask[i, j - 1] and mask[i + 1, j] and mask[i - 1, j]:
                gx, gy = float(grey[i, j + 1]) - float(grey[i, j - 1]), float(grey[i + 1, j]) - float(grey[i - 1, j])
                strength = np.hypot(gx, gy)
                out[int((np.arctan2(gy, gx) % np.pi) * bins / np.pi) % bins] += strength
                total += strength
                count += 1
                out[bins] += strength > strong
    if total > 0:
        out[:bins] /= total
    if count > 0:
        out[bins] /= count
    return out
