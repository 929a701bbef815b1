"""Vectors in half precision compared as they lie: NumPy widens halves one by one, which costs more than the comparison."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

SCALE = np.float32(2.0**112)  # moves a half's exponent to where a float's is


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def cosines(halves: NDArray[np.uint16], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine Float32[n] of each row of UInt16[n, d], the bits of finite float16, with Float32[d] of unit length; 0 for a row of zeros."""
    n, d = halves.shape
    out = np.empty(n, np.float32)
    wide = np.empty(d, np.uint32)
    values = wide.view(np.float32)
    for i in range(n):
        for j in range(d):
            bits = np.uint32(halves[i, j])
            wide[j] = ((bits & np.uint32(0x8000)) << np.uint32(16)) | ((bits & np.uint32(0x7FFF)) << np.uint32(13))
        dot = squares = np.float32(0)
        for j in range(d):
            x = values[j] * SCALE
            dot += x * v[j]
            squares += x * x
        out[i] = dot / np.sqrt(squares) if squares > 0 else np.float32(0)
    return out
