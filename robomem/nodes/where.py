"""Where the robot's frames are now, for parts that move them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from robomem.geometry import Float, inverse, transform, yaw_of
from robomem.nodes.tf import TransformError

POLL_S, PATIENCE_S = 0.01, 1.0


class Where:
    """The newest of tf.

    Args:
        tf: a buffer that is filled elsewhere.
        frames: names of the map and of the base.
    """

    def __init__(self, tf: Any, frames: tuple[str, str]) -> None:
        self._tf, (self.map_frame, self.base_frame) = tf, frames

    def base(self, after_ns: int = 0) -> tuple[float, float, float]:
        """x, y (m) and yaw (rad) of the base in the map; `after_ns` and errors as for `in_base`."""
        T = self._newer(self.map_frame, self.base_frame, after_ns)
        return float(T[0, 3]), float(T[1, 3]), yaw_of(T)

    def to_base(self, p_map: Float) -> Float:
        """Float64[3] in the base's frame of a point Float64[3] in the map.  Raises: TransformError."""
        return transform(inverse(self._newer(self.map_frame, self.base_frame, 0)), np.asarray(p_map, float))

    def in_base(self, frame: str, after_ns: int = 0) -> Float:
        """T_base_frame Float64[4, 4]; if tf is older than `after_ns`, wait for newer for a while, then take what there is.

        Raises:
            TransformError: the frames are not connected.
        """
        return self._newer(self.base_frame, frame, after_ns)

    def _newer(self, target: str, source: str, after_ns: int) -> Float:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                stamp_ns, T = self._tf.latest(target, source)
                if not 0 < stamp_ns < after_ns or time.monotonic() > end:
                    return T
            except TransformError:
                if time.monotonic() > end:
                    raise
            time.sleep(POLL_S)
