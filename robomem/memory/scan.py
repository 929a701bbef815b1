"""Packs (robomem/memory/pack.py) scanned as they lie: what is within a ball and a span of time, and about how like a vector it is."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _dot(codes: NDArray[np.int8], v: NDArray[np.float32]) -> np.float32:
    total = np.float32(0)
    for j in range(len(v)):
        total += np.float32(codes[j]) * v[j]
    return total


@njit(cache=True)
def scan(
    data: NDArray[np.uint8],
    rows: NDArray[np.int64],
    dim: int,
    center: NDArray[np.float64],
    square: float,
    from_ns: int,
    to_ns: int,
    v: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """(ids, squared distances, cosines about, bounds) of the entries of some packs within a ball and a span of time.

    Args:
        data: the packs, one after the other.  rows: Int64[packs] how many entries each has.
        square: squared radius, m^2.
        v: Float32[dim] of unit length; or Float32[0]: the cosines are then 0.
    """
    n = rows.sum()
    ids, squares = np.empty(n, np.int64), np.empty(n, np.float64)
    likes, bounds = np.empty(n, np.float32), np.empty(n, np.float32)
    m, at, width = 0, 0, 48 + (dim + 7) // 8 * 8
    for k in range(len(rows)):
        count = rows[k]
        whole = data[at : at + 16 * count].view(np.int64)
        p = data[at + 16 * count : at + 40 * count].view(np.float64)
        head = data[at + 40 * count : at + 48 * count].view(np.float32)
        codes = data[at + 48 * count : at + (48 + dim) * count].view(np.int8)
        at += count * width
        for i in range(count):
            stamp = whole[count + i]
            if stamp < from_ns or stamp > to_ns:
                continue
            dx, dy, dz = p[3 * i] - center[0], p[3 * i + 1] - center[1], p[3 * i + 2] - center[2]
            distance = dx * dx + dy * dy + dz * dz
            if distance > square:
                continue
            ids[m], squares[m], bounds[m] = whole[i], distance, head[2 * i + 1]
            likes[m] = _dot(codes[i * dim : i * dim + len(v)], v) * head[2 * i]
            m += 1
    return ids[:m], squares[:m], likes[:m], bounds[:m]
