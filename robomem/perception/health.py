"""Frame health: faults that a single image does not show."""

from __future__ import annotations

import zlib

import numpy as np

from robomem.geometry import Float, inverse
from robomem.perception.frame import RgbdFrame

MOVED_M, MOVED_RAD = 0.03, 0.035
EVERY = 4  # pixels compared: every fourth of every fourth row


class FrozenWatch:
    """Notices a camera that repeats one image under new stamps while it is being moved.

    A camera at rest in front of a still scene may well send the same image twice: that is no fault, and does no harm.
    """

    def __init__(self) -> None:
        self._sum: int | None = None
        self._T: Float = np.eye(4)

    def frozen(self, frame: RgbdFrame) -> bool:
        """True if this image is pixel for pixel the one before, though the camera has moved since that one was new."""
        depth, rgb = (np.ascontiguousarray(a[::EVERY, ::EVERY]) for a in (frame.depth_m, frame.rgb))
        total = zlib.crc32(rgb, zlib.crc32(depth))
        if total != self._sum:
            self._sum, self._T = total, frame.T_map_camera
            return False
        step = inverse(self._T) @ frame.T_map_camera
        turn = float(np.arccos(np.clip((np.trace(step[:3, :3]) - 1) / 2, -1.0, 1.0)))
        return bool(np.linalg.norm(step[:3, 3]) > MOVED_M or turn > MOVED_RAD)
