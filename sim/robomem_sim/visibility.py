"""Which bodies a camera could see at all: rays in the ground plane against the walls, so that the renderer skips the rest.

Walls are all of one height, above the camera: seen from it, whatever stands behind a wall (and is no higher) is hidden by it, so a
test in the ground plane is exact up to its safety margins, and the image stays the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import wrap_angle

_STEP = np.radians(0.5)
_MARGIN = np.radians(3.0)


class Culler:
    """Tells which bodies may appear in an image.

    Args:
        walls: Float64[n, 4] centre x, y and half extents of axis-aligned walls, m.
    """

    def __init__(self, walls: NDArray[np.float64]) -> None:
        self._low, self._high = walls[:, :2] - walls[:, 2:], walls[:, :2] + walls[:, 2:]

    def visible(self, eye: NDArray[np.float64], heading_rad: float, half_fov_rad: float, far_m: float,
                centers: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Bool[n] for bodies given by bounding spheres (Float64[n, 3], Float64[n]).

        Args:
            half_fov_rad: half the angle seen in the ground plane; pi keeps everything within range.
        """
        if half_fov_rad >= np.pi:
            return np.ones(len(radii), bool)
        away = centers[:, :2] - eye[:2]
        distance = np.hypot(away[:, 0], away[:, 1])
        nearest = np.maximum(distance - radii, 0.0)
        bearing = wrap_angle(np.arctan2(away[:, 1], away[:, 0]) - heading_rad)
        width = np.where(distance > radii, np.arcsin(np.minimum(1.0, radii / np.maximum(distance, 1e-9))), np.pi)
        limit = half_fov_rad + _MARGIN
        inside = (np.abs(bearing) - width <= limit) & (nearest < 1.35 * far_m)  # depth is measured along the axis, distance is not
        turns = np.arange(-limit - _STEP, limit + 2 * _STEP, _STEP)
        free = self._ranges(eye[:2], heading_rad + turns)
        first = np.clip(np.floor((bearing - width - turns[0]) / _STEP).astype(int) - 1, 0, len(turns) - 1)
        last = np.clip(np.ceil((bearing + width - turns[0]) / _STEP).astype(int) + 1, 0, len(turns) - 1)
        open_ = np.array([free[a:b + 1].max() for a, b in zip(first, np.maximum(first, last), strict=True)])
        return inside & ((nearest <= open_ + 0.15) | (nearest < 1.5))

    def _ranges(self, eye: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64[k] distance along each ray to the far side of the first wall it meets."""
        ray = np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None, :]
        ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
        a, b = (self._low - eye) / ray, (self._high - eye) / ray
        enter, leave = np.minimum(a, b).max(axis=2), np.maximum(a, b).min(axis=2)
        hit = (leave >= np.maximum(enter, 0.0))
        return np.where(hit, np.maximum(enter, 0.0), np.inf).min(axis=1)
