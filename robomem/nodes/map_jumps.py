"""Jumps of `map -> odom`: the localiser found out that it was wrong. Odometry itself never jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from robomem.belief.correction import MapCorrection
from robomem.geometry import Float, inverse, transform
from robomem.nodes.tf import TransformError

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
        if old is None or (stamp_ns >= before and (old is T_map_odom or np.array_equal(old, T_map_odom))):
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


@dataclass(frozen=True)
class Frames:
    """Names: of every position's frame, of odometry's below it ("": never look for jumps), of the camera ("": the image header's)."""

    map: str
    odom: str
    camera: str


class MapWatch:
    """Poses of a camera in the map as it is now, and what a jump of the map moves.

    Args:
        frames: their names.
        jumps: what counts as one.
        anchor_ns: what was last seen within this time before a jump moves; 0: all since the first image.
    """

    def __init__(self, frames: Frames, jumps: MapJumps, anchor_ns: int) -> None:
        self._frames, self._jumps, self._anchor_ns = frames, jumps, anchor_ns
        self._p_odom, self._first_ns = np.zeros(3), -1
        self.count = 0

    def saw(self, stamp_ns: int) -> None:
        """An image of that time was let in: from now on there is something that a jump would move."""
        self._first_ns = stamp_ns if self._first_ns < 0 else min(self._first_ns, stamp_ns)

    def correction(self, tf: Any) -> MapCorrection | None:
        """What the newest `map -> odom` says, if it jumped: to be asked after every transform; jumps are counted."""
        newest = tf.newest(self._frames.odom) if self._frames.odom else None
        if newest is None or newest[0] != self._frames.map:
            return None
        _, stamp_ns, T = newest
        jump = self._jumps.hear(stamp_ns, T, self._p_odom)
        if jump is None:
            return None
        self.count += 1
        if self._first_ns < 0:
            return None  # nothing was placed under the old one yet
        # What was last seen before this robot was switched on was placed by another odometry, under another error.
        since = max(self._first_ns, stamp_ns - self._anchor_ns) if self._anchor_ns else self._first_ns
        return MapCorrection(jump, since, since)

    def pose(self, tf: Any, header: Any, stamp_ns: int) -> Float:
        """T_map_camera Float64[4, 4] of an image.

        Raises:
            TransformError: its transform is not known.
        """
        frame_id = self._frames.camera or header.frame_id
        T_map_camera = tf.lookup(self._frames.map, frame_id, stamp_ns)
        T_odom_camera = None
        if self._frames.odom:
            try:
                T_odom_camera = tf.lookup(self._frames.odom, frame_id, stamp_ns)
                self._p_odom = T_odom_camera[:3, 3]
            except TransformError:
                pass  # a robot without odometry: the map cannot jump against it
        return self._jumps.pose(stamp_ns, T_map_camera, T_odom_camera)
