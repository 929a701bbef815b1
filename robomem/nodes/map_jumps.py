"""Jumps of `map -> odom`: the localiser found out that it was wrong. Odometry itself never jumps."""

from __future__ import annotations

import numpy as np

from robomem.geometry import Float, inverse, transform

ALL_AT_ONCE = 1.0  # however long nothing was heard, drift explains no more than the threshold once again


def turn_rad(R: Float) -> float:
    """Angle (rad) of a rotation Float64[3, 3]."""
    return float(np.arccos(np.clip((np.trace(R) - 1.0) / 2.0, -1.0, 1.0)))


class MapJumps:
    """Watches one link and says by how much the map moved.

    Args:
        jump_m, jump_rad: a step larger than this is a jump; a localiser's everyday corrections are smaller.
        drift_mps: what drift may add to that per second between two transforms, m; at most `jump_m` once more.

    Attributes:
        jumped_ns: stamp of the first transform after the newest jump, -1 before one.
        T_map_odom: Float64[4, 4] of the newest transform heard.
    """

    def __init__(self, jump_m: float, jump_rad: float, drift_mps: float = 0.02) -> None:
        self._jump_m, self._jump_rad, self._drift_mps = jump_m, jump_rad, drift_mps
        self._stamp_ns = self.jumped_ns = -1
        self.T_map_odom: Float | None = None

    def hear(self, stamp_ns: int, T_map_odom: Float, p_odom: Float) -> Float | None:
        """The newest transform.

        Args:
            p_odom: Float64[3] where the robot is by odometry, m: a turn of the map about its origin is a step of where the robot is.

        Returns:
            T_new_old Float64[4, 4] if the map jumped, else None.
        """
        old, before = self.T_map_odom, self._stamp_ns
        self.T_map_odom, self._stamp_ns = T_map_odom, stamp_ns
        if old is None or (stamp_ns == before and np.array_equal(old, T_map_odom)):
            return None
        if stamp_ns < before:
            self.jumped_ns = -1  # another clock: what was before says nothing of now
        passed_s = abs(stamp_ns - before) / 1e9
        slack = min(self._drift_mps * passed_s / self._jump_m, ALL_AT_ONCE)
        step_m = float(np.linalg.norm(transform(T_map_odom, p_odom) - transform(old, p_odom)))
        turn = turn_rad(T_map_odom[:3, :3] @ old[:3, :3].T)
        if step_m <= self._jump_m * (1 + slack) and turn <= self._jump_rad * (1 + slack):
            return None
        self.jumped_ns = stamp_ns
        return np.asarray(T_map_odom @ inverse(old))

    def pose(self, stamp_ns: int, T_map_camera: Float, T_odom_camera: Float | None) -> Float:
        """The camera's pose in the map as it is now: an image from before the jump hangs on odometry and on the new map.

        Also right for an image between the last transform before a jump and the first one after: there is nothing half-way to interpolate.
        """
        if stamp_ns >= self.jumped_ns or T_odom_camera is None or self.T_map_odom is None:
            return T_map_camera
        return np.asarray(self.T_map_odom @ T_odom_camera)
