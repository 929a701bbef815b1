"""Where the robot's frames are now, for parts that move them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from robomem.geometry import Float, inverse, transform, yaw_of
from robomem.nodes.tf import TransformError

POLL_S, PATIENCE_S = 0.01, 2.0


class Where:
    """The newest of tf.

    Args:
        tf: a buffer that is filled elsewhere.
        frames: names of the map and of the base.
    """

    def __init__(self, tf: Any, frames: tuple[str, str]) -> None:
        self._tf, (self.map_frame, self.base_frame) = tf, frames

    def base(self, after_ns: int = 0) -> tuple[float, float, float]:
        """x, y (m) and yaw (rad) of the base in the map; waits a while for one newer than `after_ns`, then takes what was said last.

        Raises:
            TransformError: the frames are not connected.
        """
        T = self._newer(self.map_frame, self.base_frame, after_ns)[1]
        return float(T[0, 3]), float(T[1, 3]), yaw_of(T)

    def to_base(self, p_map: Float) -> Float:
        """Float64[3] in the base's frame of a point Float64[3] in the map.  Raises: TransformError."""
        return transform(inverse(self._newer(self.map_frame, self.base_frame, 0)[1]), np.asarray(p_map, float))

    def in_base(self, frame: str, after_ns: int = 0) -> Float:
        """T_base_frame Float64[4, 4], not older than `after_ns`: a joint is not moved by what tf said before its last motion.

        Raises:
            TransformError: the frames are not connected, or nothing newer comes.
        """
        stamp_ns, T = self._newer(self.base_frame, frame, after_ns)
        if 0 < stamp_ns < after_ns:
            late = (after_ns - stamp_ns) / 1e9
            raise TransformError("stale", f"tf: {self.base_frame} -> {frame} is {late:.1f} s old; do the joints' states still come?")
        return T

    def _newer(self, target: str, source: str, after_ns: int) -> tuple[int, Float]:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                stamp_ns, T = self._tf.latest(target, source)
                if not 0 < stamp_ns < after_ns or time.monotonic() > end:
                    return stamp_ns, T
            except TransformError:
                if time.monotonic() > end:
                    raise
            time.sleep(POLL_S)
