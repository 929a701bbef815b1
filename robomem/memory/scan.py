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
    starts: NDArray[np.int64],
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
        data: the packs, wherever they lie.  starts: Int64[packs] where each begins, a multiple of 8.
        rows: Int64[packs] how many entries each has.
        square: squared radius, m^2.
        v: Float32[dim] of unit length; or Float32[0]: the cosines are then 0.
    """
    n = rows.sum()
    ids, squares = np.empty(n, np.int64), np.empty(n, np.float64)
    likes, bounds = np.empty(n, np.float32), np.empty(n, np.float32)
    m = 0
    for k in range(len(rows)):
        at, count = starts[k], rows[k]
        whole = data[at : at + 16 * count].view(np.int64)
        p = data[at + 16 * count : at + 40 * count].view(np.float64)
        head = data[at + 40 * count : at + 48 * count].view(np.float32)
        codes = data[at + 48 * count : at + (48 + dim) * count].view(np.int8)
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


@njit(cache=True)
def _mixed(h: np.uint64, word: np.uint64) -> np.uint64:
    """One to one in each of the two, so that no change of one word is ever lost."""
    x = h ^ word
    return ((x << np.uint64(29)) | (x >> np.uint64(35))) * np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def checksum(words: NDArray[np.uint64], block: int, dim: int) -> np.uint64:
    """64 bits over the words of a pack, its block and the length of its vectors; any change of one word changes them.

    Four lanes, as in the xxHash family: as fast as memory, where zlib's CRC-32 took as long as the scan itself.
    """
    a, b, c, d = np.uint64(block), np.uint64(dim), np.uint64(1), np.uint64(2)
    n = len(words) // 4 * 4
    for i in range(0, n, 4):
        a, b = _mixed(a, words[i]), _mixed(b, words[i + 1])
        c, d = _mixed(c, words[i + 2]), _mixed(d, words[i + 3])
    for i in range(n, len(words)):
        a = _mixed(a, words[i])
    return _mixed(_mixed(_mixed(_mixed(a, b), c), d), np.uint64(len(words)))


@njit(cache=True)
def sound(
    data: NDArray[np.uint8], starts: NDArray[np.int64], sizes: NDArray[np.int64], blocks: NDArray[np.int64], dims: NDArray[np.int64]
) -> bool:
    """True if each of some packs, kept with its `checksum` in the last 8 bytes, is as it was written; see `scan` for where they lie."""
    for k in range(len(starts)):
        words = data[starts[k] : starts[k] + sizes[k]].view(np.uint64)
        if checksum(words[: len(words) - 1], blocks[k], dims[k]) != words[len(words) - 1]:
            return False
    return True
