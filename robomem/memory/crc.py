"""zlib's CRC-32 of many rows at once: eight bytes a step and four rows side by side, as each step waits for the one before."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

POLYNOMIAL = 0xEDB88320  # of zlib, the lowest bit first
LANES = 4
BYTE = np.uint64(255)


def _tables() -> NDArray[np.uint32]:
    """UInt32[8, 256]: [k, b] is what the byte b does to the sum when k bytes of zero follow it (Kounavis and Berry 2005)."""
    out = np.empty((8, 256), np.uint32)
    for b in range(256):
        c = b
        for _ in range(8):
            c = (c >> 1) ^ (POLYNOMIAL if c & 1 else 0)
        out[0, b] = c
    for k in range(1, 8):
        out[k] = (out[k - 1] >> 8) ^ out[0, out[k - 1] & 255]
    return out


T = _tables()


@njit(inline="always")
def _word(c: np.uint32, word: np.uint64) -> np.uint32:
    a = np.uint64(c) ^ word
    low = T[7, a & BYTE] ^ T[6, (a >> np.uint64(8)) & BYTE] ^ T[5, (a >> np.uint64(16)) & BYTE] ^ T[4, (a >> np.uint64(24)) & BYTE]
    a = a >> np.uint64(32)
    return low ^ T[3, a & BYTE] ^ T[2, (a >> np.uint64(8)) & BYTE] ^ T[1, (a >> np.uint64(16)) & BYTE] ^ T[0, a >> np.uint64(24)]


@njit(inline="always")
def _rest(c: np.uint32, data: NDArray[np.uint8]) -> np.uint32:
    for b in data:
        c = T[0, (c ^ b) & np.uint32(255)] ^ (c >> np.uint32(8))
    return c


@njit(cache=True)
def crc32_rows(
    data: NDArray[np.uint8], texts: NDArray[np.uint8], bounds: NDArray[np.int64], which: NDArray[np.int64], start: np.uint32
) -> NDArray[np.uint32]:
    """`zlib.crc32(text, zlib.crc32(row, start))` of each row of UInt8[n, w], UInt32[n].

    Args:
        texts: what may follow a row, one after the other: text k is texts[bounds[k]:bounds[k + 1]].
        which: Int64[n], the text of each row.
    """
    n, whole = len(data), data.shape[1] // 8 * 8
    sums = np.full(n, ~start, np.uint32)
    for r in range(0, n // LANES * LANES, LANES):
        p, q = data[r, :whole].view(np.uint64), data[r + 1, :whole].view(np.uint64)
        s, t = data[r + 2, :whole].view(np.uint64), data[r + 3, :whole].view(np.uint64)
        a, b, c, d = sums[r], sums[r + 1], sums[r + 2], sums[r + 3]
        for i in range(whole // 8):
            a, b, c, d = _word(a, p[i]), _word(b, q[i]), _word(c, s[i]), _word(d, t[i])
        sums[r], sums[r + 1], sums[r + 2], sums[r + 3] = a, b, c, d
    for r in range(n // LANES * LANES, n):
        words, a = data[r, :whole].view(np.uint64), sums[r]
        for i in range(whole // 8):
            a = _word(a, words[i])
        sums[r] = a
    for r in range(n):
        sums[r] = ~_rest(_rest(sums[r], data[r, whole:]), texts[bounds[which[r]] : bounds[which[r] + 1]])
    return sums
