"""Whole-grid operations on Bool[rows, cols] masks: distance, connected parts, growing. Typed fronts of scipy.ndimage."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
EIGHT = np.ones((3, 3), bool)
FAR_M = 10.0  # what counts as the distance to nothing


def distance(targets: Mask, cell_m: float) -> NDArray[np.float32]:
    """Float32[rows, cols]: distance (m) from each cell's centre to that of the nearest target cell; `FAR_M` where there is none."""
    if not targets.any():
        return np.full(targets.shape, FAR_M, np.float32)
    return (cast(NDArray[Any], ndimage.distance_transform_edt(~targets)) * cell_m).astype(np.float32)


def parts(mask: Mask, diagonal: bool = False) -> tuple[NDArray[np.int32], int]:
    """Connected parts: Int32[rows, cols] labels from 1 (0 = not in the mask) and their number; cells touch by sides, or by corners too."""
    labels, n = cast(tuple[NDArray[np.int32], int], ndimage.label(mask, EIGHT if diagonal else None))
    return labels, int(n)


def grow(mask: Mask, steps: int = 1) -> Mask:
    """The mask and its side neighbours, `steps` times."""
    return cast(Mask, ndimage.binary_dilation(mask, iterations=steps))


def filled(mask: Mask) -> Mask:
    """The mask with its enclosed holes."""
    return cast(Mask, ndimage.binary_fill_holes(mask))
