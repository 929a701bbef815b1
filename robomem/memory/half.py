"""Vectors in half precision made and compared as they lie: NumPy converts halves one by one, which costs more than the comparison."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

SCALE = np.float32(2.0**112)  # moves a half's exponent to where a float's is
LEVELS = 127.0  # of a byte, on either side
UNIT_ROUNDOFF = 2.0**-24


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


@njit(cache=True)
def widen(halves: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The numbers Float32[n] of bits of float16 UInt16[n]."""
    wide = np.empty(len(halves), np.uint32)
    values = wide.view(np.float32)
    for j in range(len(halves)):
        bits = np.uint32(halves[j])
        wide[j] = ((bits & np.uint32(0x8000)) << np.uint32(16)) | ((bits & np.uint32(0x7FFF)) << np.uint32(13))
    for j in range(len(halves)):
        values[j] *= SCALE
    for j in range(len(halves)):
        if halves[j] & np.uint16(0x7C00) == np.uint16(0x7C00):  # infinite, or no number
            bits = np.uint32(halves[j])
            wide[j] = ((bits & np.uint32(0x8000)) << np.uint32(16)) | np.uint32(0x7F800000) | ((bits & np.uint32(0x3FF)) << np.uint32(13))
    return values


@njit(cache=True)
def halve(x: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bits of each of Float32[n, d] as float16, UInt16[n, d]: rounded to the nearest, ties to even, beyond 65504 infinite.

    Without a branch and by steps of 32 bits, so that the compiler makes several at once.
    """
    bits, (n, d) = x.view(np.uint32), x.shape
    out = np.empty(x.shape, np.uint16)
    shifted, rounded = np.empty(d, np.float32), np.empty(d, np.uint32)
    fine = shifted.view(np.uint32)
    for i in range(n):
        for j in range(d):
            shifted[j] = np.abs(x[i, j]) + np.float32(0.5)  # the last bit of 0.5 is 2^-24: what is below 2^-14 comes in such steps
        for j in range(d):
            a = bits[i, j] & np.uint32(0x7FFFFFFF)
            rounded[j] = a + np.uint32(0x0FFF) + ((a >> np.uint32(13)) & np.uint32(1))  # a half of full precision: 13 bits go
        for j in range(d):
            b = bits[i, j]
            a = b & np.uint32(0x7FFFFFFF)
            h = (rounded[j] >> np.uint32(13)) - np.uint32(0x1C000)  # its exponent begins at -14, not at -126
            h = h if a >= np.uint32(0x38800000) else fine[j] - np.uint32(0x3F000000)
            h = h if a < np.uint32(0x47800000) else np.uint32(0x7C00)
            h = h if a <= np.uint32(0x7F800000) else np.uint32(0x7E00)
            out[i, j] = np.uint32(h | ((b >> np.uint32(16)) & np.uint32(0x8000)))
    return out


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def quantise(halves: NDArray[np.uint16], scales: NDArray[np.float32], bounds: NDArray[np.float32], codes: NDArray[np.int8]) -> None:
    """Fill Float32[n], Float32[n] and Int8[n, d] from the bits of float16 UInt16[n, d]: see `robomem.memory.pack.approximate`.

    The bound holds the rounding of what is compared in single precision too.
    """
    n, d = halves.shape
    wide = np.empty(d, np.uint32)
    values = wide.view(np.float32)
    for i in range(n):
        largest = np.uint32(0)
        for j in range(d):
            bits = np.uint32(halves[i, j])
            wide[j] = ((bits & np.uint32(0x8000)) << np.uint32(16)) | ((bits & np.uint32(0x7FFF)) << np.uint32(13))
            largest = max(largest, bits & np.uint32(0x7FFF))
        if largest >= np.uint32(0x7C00):  # infinite, or no number: nothing is known of it, it is always looked at whole
            scales[i], bounds[i], codes[i] = 0.0, np.inf, 0
            continue
        top, squares = 0.0, 0.0
        for j in range(d):
            x = np.float64(values[j] * SCALE)
            top = max(top, abs(x))
            squares += x * x
        length = np.sqrt(squares) if squares > 0 else 1.0
        step = top / LEVELS
        scales[i] = step / length
        rest, inverse, unit = 0.0, (1.0 / step if step > 0 else 0.0), np.float64(scales[i])
        for j in range(d):
            x = np.float64(values[j] * SCALE)
            code = np.floor(x * inverse + 0.5)
            codes[i, j] = np.int8(code)
            off = x / length - unit * code
            rest += off * off
        bounds[i] = np.sqrt(rest) + 4.0 * d * UNIT_ROUNDOFF
