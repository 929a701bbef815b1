"""Which bodies a camera could see at all: rays in the ground plane against the walls, so that the renderer skips the rest.

Walls are all of one height, above the camera: seen from it, whatever stands behind a wall (and is no higher) is hidden by it, so a
test in the ground plane is exact up to its safety margins, and the image stays the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = np.radians(0.5)
_MARGIN = np.radians(2.0)
_GROW_M = 0.08  # wider than the gap between two rays at the far plane, so that nothing slips between them
_BEHIND_M = 0.15  # a body may lean this far into the wall that stops a ray


class Culler:
    """Tells which bodies may appear in an image.

    Args:
        walls: Float64[n, 4] centre x, y and half extents of axis-aligned walls, m.
    """

    def __init__(self, walls: NDArray[np.float64]) -> None:
        self._low, self._high = walls[:, :2] - walls[:, 2:], walls[:, :2] + walls[:, 2:]

    def visible(
        self,
        eye: NDArray[np.float64],
        heading_rad: float,
        half_azimuth_rad: float,
        far_m: float,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Bool[n] for bodies whose footprints lie in the rectangles Float64[n, 2] `low` to `high` (m).

        Args:
            half_azimuth_rad: half the angle the image covers in the ground plane; pi keeps everything.
        """
        if half_azimuth_rad >= np.pi:
            return np.ones(len(low), bool)
        limit = half_azimuth_rad + _MARGIN
        angles = heading_rad + np.arange(-limit, limit + _STEP, _STEP)
        ray = np.stack([np.cos(angles), np.sin(angles)])
        ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
        near = _first_hit(eye[:2], ray, self._low, self._high).min(axis=1)
        near[1:-1] = np.maximum(near[1:-1], np.maximum(near[:-2], near[2:]))
        # Depth is measured along the axis, distance is not: a body at 1.35 far may still be within far.
        reach = np.minimum(near + _BEHIND_M, 1.35 * far_m)
        return (_first_hit(eye[:2], ray, low - _GROW_M, high + _GROW_M) <= reach[:, None]).any(axis=0)


def _first_hit(
    eye: NDArray[np.float64], ray: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Float64[k, n] distance (m) along rays Float64[2, k] at which each rectangle is entered; 0 from inside, inf if missed."""
    ax, bx = (low[:, 0] - eye[0]) / ray[0][:, None], (high[:, 0] - eye[0]) / ray[0][:, None]
    ay, by = (low[:, 1] - eye[1]) / ray[1][:, None], (high[:, 1] - eye[1]) / ray[1][:, None]
    enter = np.maximum(np.maximum(np.minimum(ax, bx), np.minimum(ay, by)), 0.0)
    leave = np.minimum(np.maximum(ax, bx), np.maximum(ay, by))
    return np.where(leave >= enter, enter, np.inf)
