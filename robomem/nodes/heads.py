"""Heads of a robot: pan and tilt joints behind control_msgs/FollowJointTrajectory, or a fixed camera that the base turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.errors import ConfigError
from robomem.geometry import Float, wrap_angle
from robomem.nodes.joints import JointMover
from robomem.nodes.ros_body import Base
from robomem.nodes.tf import TransformError
from robomem.nodes.where import Where
from robomem.skills.skill import SkillResult

CLOSE_RAD = 0.05  # nearer than this to the middle of the image is looking at it
IN_VIEW_RAD = 0.35  # further than this from the middle it may not be in the image
TRIES = 3  # the camera moves with the head: what is left after one motion, the next takes away
OUTSIDE = "outside the head's view"


@dataclass(frozen=True)
class Gaze:
    """Two joints that point a camera.

    Attributes:
        joints: pan and tilt.
        camera_frame: optical frame of the camera on the head.
        signs: +1 where a joint's positive direction is left (pan) or up (tilt), -1 where it is right or down.
        limits_rad: pan low, pan high, tilt low, tilt high.
        look_s: how long it keeps looking, for several images.
    """

    joints: tuple[str, str]
    camera_frame: str
    signs: tuple[float, float] = (1.0, 1.0)
    limits_rad: tuple[float, float, float, float] = (-1.5, 1.5, -1.0, 0.5)
    look_s: float = 1.0

    @staticmethod
    def of(joints: Sequence[str], camera_frame: str, signs: Sequence[float], limits_rad: Sequence[float], look_s: float) -> Gaze:
        """A gaze of parameters.  Raises: ConfigError naming the one that is wrong."""
        if len(joints) != 2 or not all(joints) or joints[0] == joints[1]:
            raise ConfigError(f"planner: head_joints: expected two different joints, pan and tilt, got {list(joints)}")
        if not camera_frame:
            raise ConfigError("planner: head = 'trajectory' needs camera_frame, the optical frame of the camera on the head")
        if len(signs) != 2 or any(abs(s) != 1.0 for s in signs):
            raise ConfigError(f"planner: head_signs: expected [pan, tilt], each 1.0 or -1.0, got {list(signs)}")
        lim = tuple(float(v) for v in limits_rad)
        if len(lim) != 4 or not np.isfinite(lim).all() or lim[0] >= lim[1] or lim[2] >= lim[3]:
            raise ConfigError(f"planner: head_limits_rad: expected [pan low, pan high, tilt low, tilt high], got {list(limits_rad)}")
        return Gaze((joints[0], joints[1]), camera_frame, (float(signs[0]), float(signs[1])), lim, look_s)  # type: ignore[arg-type]


def error_angles(T_base_camera: Float, p_base: Float) -> tuple[float, float]:
    """How far left and up (rad) a camera must turn so that its optical axis goes through a point.

    Args:
        T_base_camera: Float64[4, 4], optical axes.
        p_base: Float64[3] in the base's frame, m.
    """
    axis, ray = T_base_camera[:3, 2], p_base - T_base_camera[:3, 3]
    level = np.hypot(axis[0], axis[1])
    left = (
        float(wrap_angle(np.arctan2(ray[1], ray[0]) - np.arctan2(axis[1], axis[0]))) if level > 0.05 else 0.0
    )  # straight down: no heading
    up = np.arctan2(ray[2], np.hypot(ray[0], ray[1])) - np.arctan2(axis[2], level)
    return left, float(up)


class TurningHead:
    """A camera that is fixed to the base: the base turns until it looks at a point.

    Args:
        base: what drives.  where: its pose.  clock_ns: the node's clock.
        look_s: how long it keeps looking, for several images.
    """

    def __init__(self, base: Base, where: Where, clock_ns: Callable[[], int], look_s: float = 1.0) -> None:
        self._base, self._where, self._clock_ns, self._look_s = base, where, clock_ns, look_s
        self._stop = threading.Event()

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        """One glance at Float64[3] (m, map): only its direction counts."""
        self._stop.clear()
        try:
            off, wanted = self._off(p_map, 0)
            if off > IN_VIEW_RAD / 2:
                turned = self._base.follow(np.empty((0, 2)), wanted)
                if not turned.ok:
                    return turned
                off, _ = self._off(p_map, self._clock_ns())
        except TransformError as error:
            return SkillResult(False, str(error))
        if off > IN_VIEW_RAD:
            return SkillResult(False, OUTSIDE, data={"left_rad": off})
        return linger(self._stop, self._clock_ns, self._look_s)

    def _off(self, p_map: NDArray[np.float64], after_ns: int) -> tuple[float, float]:
        """By how much (rad) the base looks past a point, and the yaw at which it would not."""
        x, y, yaw = self._where.base(after_ns)
        wanted = float(np.arctan2(p_map[1] - y, p_map[0] - x))
        return abs(float(wrap_angle(wanted - yaw))), wanted

    def stop(self) -> None:
        """Look no further."""
        self._stop.set()
        self._base.stop()

    def close(self) -> None:
        """The base is given back by who made it."""


class JointHead:
    """Points a camera with a pan and a tilt joint, and turns the base where they do not reach.

    It needs no model of the robot: tf tells where the camera looks, /joint_states how the joints stand, and the difference is driven away.

    Args:
        mover: moves the two joints and knows how they stand.  gaze: which joints, and how they point.
        base: turns the robot.  where: frames.  clock_ns: the node's clock.
    """

    def __init__(self, mover: JointMover, gaze: Gaze, base: Base, where: Where, clock_ns: Callable[[], int]) -> None:
        self._mover, self._gaze, self._base, self._where, self._clock_ns = mover, gaze, base, where, clock_ns
        self._stop = threading.Event()

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        """One glance at Float64[3] (m, map)."""
        self._stop.clear()
        try:
            return self._look_at(np.asarray(p_map, float))
        except TransformError as error:
            return SkillResult(False, str(error))

    def _look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        moved_ns = 0
        for k in range(TRIES):
            left, up = self._off(p_map, moved_ns)
            if max(abs(left), abs(up)) < CLOSE_RAD or self._stop.is_set():
                break
            stands = self._mover.positions(self._gaze.joints)
            if stands is None:
                return SkillResult(False, f"nothing on /joint_states tells how {' and '.join(self._gaze.joints)} stand")
            target, beyond = self._aim(stands, left, up)
            if beyond > IN_VIEW_RAD and k == 0:
                x, y, _ = self._where.base()
                turned = self._base.follow(np.empty((0, 2)), float(np.arctan2(p_map[1] - y, p_map[0] - x)))
                if not turned.ok:
                    return turned
                moved_ns = self._clock_ns()
                continue
            moved = self._mover.move(target)
            if not moved.ok:
                return moved
            moved_ns = self._clock_ns()
        if self._stop.is_set():
            return SkillResult(False, "cancelled")
        left, up = self._off(p_map, moved_ns)
        if max(abs(left), abs(up)) > IN_VIEW_RAD:
            return SkillResult(False, OUTSIDE, data={"left_rad": left, "up_rad": up})
        return linger(self._stop, self._clock_ns, self._gaze.look_s)

    def _off(self, p_map: NDArray[np.float64], after_ns: int) -> tuple[float, float]:
        T_base_camera = self._where.in_base(self._gaze.camera_frame, after_ns)
        return error_angles(T_base_camera, self._where.to_base(p_map))

    def _aim(self, stands: NDArray[np.float64], left: float, up: float) -> tuple[NDArray[np.float64], float]:
        """Joint targets within the limits, and by how much (rad) the pan falls short."""
        low, high = self._gaze.limits_rad[::2], self._gaze.limits_rad[1::2]
        wanted = stands + np.array(self._gaze.signs) * (left, up)
        turns = wanted[0] + 2 * np.pi * np.array([-1, 0, 1])  # the same way to look, another way round
        wanted[0] = turns[np.argmin(np.abs(turns - np.clip(turns, low[0], high[0])) + 1e-3 * np.abs(turns - stands[0]))]
        target = np.clip(wanted, low, high)
        return target, float(abs(wanted[0] - target[0]))

    def stop(self) -> None:
        """Look no further."""
        self._stop.set()
        self._mover.stop()
        self._base.stop()

    def close(self) -> None:
        """Give the client back."""
        self._mover.close()


def linger(stop: threading.Event, clock_ns: Callable[[], int], seconds: float) -> SkillResult:
    """Keep still for some images; the picture that counts is the last of them."""
    if stop.wait(seconds):
        return SkillResult(False, "cancelled")
    now = clock_ns()
    return SkillResult(True, data={"stamp_ns": now, "frame_ns": now})
