"""Run-length masks over a detection's box: what crosses the wire instead of whole images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def extent(mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """The smallest box (left, top, right, bottom, px) that holds every pixel of a mask; zeros for an empty one."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([cols[0], rows[0], cols[-1] + 1, rows[-1] + 1] if len(rows) else [0, 0, 0, 0], np.uint32)


def window(box: NDArray[Any], width: int, height: int) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom, px) rounded outwards to whole pixels inside the image: x0, y0, x1, y1."""
    left, top, right, bottom = (float(v) for v in box)  # plain numbers: NumPy costs ten times as much on four of them
    x0, y0 = min(max(math.floor(left), 0), width), min(max(math.floor(top), 0), height)
    return x0, y0, min(max(math.ceil(right), x0), max(width, x0)), min(max(math.ceil(bottom), y0), max(height, y0))


def encode(mask: NDArray[np.bool_], box: NDArray[Any]) -> NDArray[np.uint32]:
    """Run lengths (UInt32[k]) of a mask Bool[h, w] over its box, row by row, beginning with zeros; pixels outside the box are dropped."""
    height, width = mask.shape
    x0, y0, x1, y1 = window(box, width, height)
    flat = mask[y0:y1, x0:x1].ravel()
    if not flat.size:
        return np.zeros(0, np.uint32)
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    runs = np.diff(bounds).astype(np.uint32)
    return np.concatenate([[0], runs]).astype(np.uint32) if flat[0] else runs


def decode(runs: NDArray[np.uint32], box: NDArray[Any], width: int, height: int, out: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The mask Bool[h, w] of run lengths.

    Args:
        out: where to put it, all zeros so far; None: a new array.

    Raises:
        ValueError: the runs do not fill the box.
    """
    if out is None:
        out = np.zeros((height, width), bool)
    x0, y0, x1, y1 = window(box, width, height)
    size = (x1 - x0) * (y1 - y0)
    total = int(runs.sum(dtype=np.uint64))
    if total != size:
        raise ValueError(f"run lengths sum to {total}, the box holds {size} pixels")
    values = np.arange(len(runs)) % 2 == 1
    out[y0:y1, x0:x1] = np.repeat(values, runs).reshape(y1 - y0, x1 - x0)
    return out
