"""A base that Nav2 drives: nav2_msgs/NavigateToPose behind the body's protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import wrap_angle
from robomem.nodes.actions import ActionCaller, Outcome
from robomem.nodes.interfaces import interface
from robomem.nodes.tf import TransformError
from robomem.nodes.where import Where
from robomem.skills.skill import BLOCKED, SkillResult

MOVED_M, TURNED_RAD = 0.05, 0.1  # less than this is standing still
JUMP_M = 1.0  # between two feedbacks nobody drives this far: the localiser has thought better of it
NEVER_S = 3600.0  # a drive may take as long as it makes progress
# nav2_msgs error codes (Iron and later) that mean: the world is in the way, so look and plan again.
IN_THE_WAY = {
    104: "patience exceeded",
    105: "failed to make progress",
    106: "no valid control",
    205: "start occupied",
    206: "goal occupied",
    208: "no valid path",
}


class Odometer:
    """Sums the way of a drive from Nav2's feedback, and tells whether it goes on; `pose` is x, y (m) and yaw (rad) at the start."""

    def __init__(self, pose: tuple[float, float, float]) -> None:
        self.distance_m = 0.0
        self._last = self._moved = np.array(pose)

    def take(self, feedback: Any) -> bool:
        """One feedback; False if the robot has not moved since the last one that told of motion, or since the start."""
        p, q = feedback.current_pose.pose.position, feedback.current_pose.pose.orientation
        pose = np.array([p.x, p.y, np.arctan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z))])
        if not np.isfinite(pose).all():
            return False
        self.add(pose)
        far, turned = np.hypot(*(pose - self._moved)[:2]), abs(float(wrap_angle(pose[2] - self._moved[2])))
        if far < MOVED_M and turned < TURNED_RAD:
            return False
        self._moved = pose
        return True

    def add(self, pose: NDArray[np.float64]) -> None:
        """The next pose, Float64[3], on the way."""
        step = float(np.hypot(*(pose - self._last)[:2]))
        self.distance_m += step if step < JUMP_M else 0.0
        self._last = pose


class Nav2Base:
    """Drives to the end of a path; the way there is Nav2's own, on its own costmaps.

    Args:
        node: whose executor spins in another thread.
        where: the robot's pose.
        name: of the action.
        stall_s: without motion for this long the drive is given up; longer than Nav2's own recoveries take.
        halt: see ActionCaller.
        tolerance_m: a drive that Nav2 calls done further from its goal than this has failed.

    Raises:
        ConfigError: nav2_msgs is not installed.
    """

    def __init__(
        self, node: Any, where: Where, name: str, stall_s: float = 60.0, tolerance_m: float = 0.5, halt: threading.Event | None = None
    ) -> None:
        self._action = interface("nav2_msgs/action/NavigateToPose", "planner: base = 'nav2'")
        self._caller = ActionCaller(node, self._action, name, stall_s, halt=halt)
        self._clock: Callable[[], int] = lambda: node.get_clock().now().nanoseconds
        self._where, self._name, self._tolerance_m = where, name, tolerance_m

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None) -> SkillResult:
        """Drive to the end of Float64[k, 2] (m, map); no points: turn on the spot. Without a yaw it arrives looking along the path."""
        path = np.asarray(path_xy, float).reshape(-1, 2)
        try:
            x, y, yaw = self._where.base()
        except TransformError as error:
            return SkillResult(False, str(error))
        path = np.vstack([(x, y), path])
        if final_yaw is None:
            steps = np.diff(path, axis=0)
            steps = steps[np.hypot(*steps.T) > 1e-3]
            final_yaw = float(np.arctan2(steps[-1, 1], steps[-1, 0])) if len(steps) else yaw
        odometer = Odometer((x, y, yaw))
        outcome = self._caller.run(self._goal(path[-1], final_yaw), NEVER_S, odometer.take)
        return self._result(outcome, path[-1], odometer)

    def _goal(self, xy: NDArray[np.float64], yaw: float) -> Any:
        goal = self._action.Goal()
        goal.pose.header.frame_id = self._where.map_frame  # stamp zero: by the newest transform
        goal.pose.pose.position.x, goal.pose.pose.position.y = float(xy[0]), float(xy[1])
        goal.pose.pose.orientation.z, goal.pose.pose.orientation.w = float(np.sin(yaw / 2)), float(np.cos(yaw / 2))
        return goal

    def _result(self, outcome: Outcome, goal_xy: NDArray[np.float64], odometer: Odometer) -> SkillResult:
        now = self._clock()
        data: dict[str, Any] = {"stamp_ns": now, "frame_ns": now}  # the picture that counts is one taken from here
        reason = "" if outcome.ok else self._why(outcome, data)
        try:
            pose = np.array(self._where.base(now))
            odometer.add(pose)
            data["off_m"] = float(np.hypot(*(pose[:2] - goal_xy)))
        except TransformError as error:
            reason = reason or str(error)
        if not reason and data["off_m"] > self._tolerance_m:
            reason = f"{self._name} says done {data['off_m']:.2f} m from the goal"
        return SkillResult(not reason, reason, distance_m=odometer.distance_m, data=data)

    def _why(self, outcome: Outcome, data: dict[str, Any]) -> str:
        if outcome.status != "aborted":
            return f"{self._name}: {outcome.status}" if outcome.status != "cancelled" else "cancelled"
        code = getattr(outcome.result, "error_code", None)  # Humble has none
        if code is None or code in IN_THE_WAY:
            data["why"] = "aborted" if code is None else IN_THE_WAY[code]
            return BLOCKED
        if code == 0:
            return f"{self._name}: aborted without a reason; another client may have taken the base"
        return f"{self._name}: aborted with code {code} {getattr(outcome.result, 'error_msg', '')}".strip()

    def stop(self) -> None:
        """Stand still."""
        self._caller.stop()

    def close(self) -> None:
        """Give the client back."""
        self._caller.close()
