"""The pixel loops of lifting, compiled: mask and depth to points, outlines, colours."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


@njit(cache=True)
def measured(depth: Float32) -> tuple[Float32, int]:
    """A copy of Float32[n] that keeps what lies between zero and infinity, 0 for the rest; and how many it kept."""
    out = np.empty(depth.size, np.float32)
    kept = 0
    for i in range(depth.size):
        z = depth[i]
        ok = (z > np.float32(0)) & (z < np.float32(np.inf))  # without a branch the loop runs on eight pixels at a time; false for NaN
        out[i] = z if ok else np.float32(0)
        kept += ok
    return out, kept


@njit(cache=True)
def deproject(mask: Bool, depth: Float32, x: Float32, y: Float32, T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points Float64[n, 3], in the frame `T` leads to, of the pixels under Bool[h, w].

    Args:
        depth: Float32[h, w] m.  x: Float32[w] and y: Float32[h], ray slopes of columns and rows.  T: Float64[4, 4] of the camera.
    """
    out = np.empty((int(mask.sum()), 3))
    n = 0
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            if mask[i, j]:
                z = depth[i, j]
                for k in range(3):
                    out[n, k] = (T[k, 0] * x[j] + T[k, 1] * y[i] + T[k, 2]) * z + T[k, 3]
                n += 1
    return out


@njit(cache=True)
def erode(mask: Bool) -> Bool:
    """`mask` without its outermost pixels (4-neighbours); beyond the array counts as inside, so image borders do not erode."""
    rows, cols = mask.shape
    out = np.zeros((rows, cols), np.bool_)
    for i in range(rows):
        for j in range(cols):
            out[i, j] = (
                mask[i, j]
                and (i == 0 or mask[i - 1, j])
                and (i == rows - 1 or mask[i + 1, j])
                and (j == 0 or mask[i, j - 1])
                and (j == cols - 1 or mask[i, j + 1])
            )
    return out


@njit(cache=True)
def occluded_share(mask: Bool, depth: Float32, margin_m: float) -> float:
    """Share of a thing's outline behind which something nearer continues: how much of it another thing hides, 0..1."""
    rows, cols = mask.shape
    nearer = edge = 0
    for i in range(rows):
        for j in range(cols):
            if not mask[i, j] or depth[i, j] <= 0:
                continue
            for di, dj in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                a, b = i + di, j + dj
                if 0 <= a < rows and 0 <= b < cols and not mask[a, b] and depth[a, b] > 0:
                    edge += 1
                    nearer += depth[a, b] < depth[i, j] - margin_m
    return nearer / edge if edge else 0.0


@njit(cache=True)
def _cube_root(t: float) -> float:
    """The nonlinearity of CIELAB."""
    return np.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116


@njit(cache=True)
def lab_from_rgb(rgb: NDArray[np.uint8], linear: Float32, xyz: Float32) -> Float32:
    """CIELAB Float32[n, 3] of sRGB UInt8[n, 3].

    Args:
        linear: Float32[256] light of each byte.  xyz: Float32[3, 3] linear sRGB to XYZ over the white point.
    """
    out = np.empty((len(rgb), 3), np.float32)
    for i in range(len(rgb)):
        r, g, b = linear[rgb[i, 0]], linear[rgb[i, 1]], linear[rgb[i, 2]]
        fx = _cube_root(xyz[0, 0] * r + xyz[0, 1] * g + xyz[0, 2] * b)
        fy = _cube_root(xyz[1, 0] * r + xyz[1, 1] * g + xyz[1, 2] * b)
        fz = _cube_root(xyz[2, 0] * r + xyz[2, 1] * g + xyz[2, 2] * b)
        out[i] = 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
    return out


@njit(cache=True)
def color_indices(
    lab: Float32, hue_limits: Float32, hue_names: NDArray[np.intp], red: int, pink: int, brown: int, black: int, white: int, grey: int
) -> NDArray[np.intp]:
    """A colour index for each pixel Float32[n, 3] CIELAB: by hue (upper limits, degrees, and names), with the exceptions people make."""
    out = np.empty(len(lab), np.intp)
    for i in range(len(lab)):
        lightness, a, b = lab[i, 0], lab[i, 1], lab[i, 2]
        chroma = np.hypot(a, b)
        hue = np.degrees(np.arctan2(b, a)) % 360.0
        if chroma < 7 + 0.07 * lightness:  # shadows keep their hue but lose chroma with the light, so the limit falls with lightness
            out[i] = white if lightness > 78 else black if lightness < 24 else grey
        elif lightness < 10:
            out[i] = black
        elif 30 < hue < 92 and lightness < 56 and chroma < (62 - 0.25 * lightness if hue > 50 else 32):
            out[i] = brown  # a dark orange; a dark red stays red
        elif 45 < hue < 100 and chroma < 36:
            out[i] = brown if lightness < 78 else white  # wood in the light; cream
        else:
            k = 0
            while k < len(hue_limits) - 1 and hue >= hue_limits[k]:
                k += 1
            out[i] = hue_names[k]
            if out[i] == red and lightness > 62 and chroma < 50:
                out[i] = pink  # a pale red
    return out
