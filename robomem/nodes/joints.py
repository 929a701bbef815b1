"""Joints behind control_msgs/FollowJointTrajectory: how they stand, and moving them to where they should."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import JointState

from robomem.nodes import qos
from robomem.nodes.actions import ActionCaller
from robomem.nodes.interfaces import interface
from robomem.skills.skill import SkillResult

LEAST_S = 0.5  # no motion is shorter
GRACE_S = 10.0  # a trajectory may end this much later than it should
HEARD_S = 2.0  # how long to wait for a first /joint_states


class JointMover:
    """One trajectory controller.

    Args:
        node: whose executor spins in another thread.
        joints: in the controller's order.  name: of its action.
        speed_radps: of the joint that has the furthest way (m/s for a prismatic one).
        wanted_by: for the message when control_msgs is not there.  halt: see ActionCaller.

    Raises:
        ConfigError: control_msgs or trajectory_msgs is not installed.
    """

    def __init__(
        self, node: Any, joints: Sequence[str], name: str, speed_radps: float, wanted_by: str, halt: threading.Event | None = None
    ) -> None:
        self._action = interface("control_msgs/action/FollowJointTrajectory", wanted_by)
        self._point = interface("trajectory_msgs/msg/JointTrajectoryPoint", wanted_by)
        self.joints, self._name, self._speed = tuple(joints), name, speed_radps
        self._caller = ActionCaller(node, self._action, name, halt=halt)
        self._stands: dict[str, float] = {}
        self._news = threading.Condition()
        group = MutuallyExclusiveCallbackGroup()
        self._node = node
        self._heard = node.create_subscription(JointState, "joint_states", self._hear, qos.SENSOR, callback_group=group)

    def _hear(self, msg: Any) -> None:
        """Several publishers may each know some joints; numbers that are none are left out."""
        if len(msg.position) != len(msg.name):
            return
        with self._news:
            self._stands.update({n: float(v) for n, v in zip(msg.name, msg.position) if np.isfinite(v)})
            self._news.notify_all()

    def positions(self, joints: Sequence[str]) -> NDArray[np.float64] | None:
        """Float64[n], rad or m; None if /joint_states does not tell within a moment."""
        with self._news:
            if not self._news.wait_for(lambda: all(j in self._stands for j in joints), HEARD_S):
                return None
            return np.array([self._stands[j] for j in joints])

    def move(self, targets: ArrayLike) -> SkillResult:
        """Move to Float64[n] and wait for the end."""
        target = np.asarray(targets, float)
        stands = self.positions(self.joints)
        if stands is None:
            return SkillResult(False, f"nothing on /joint_states tells how {', '.join(self.joints)} stand")
        seconds = max(LEAST_S, float(np.abs(target - stands).max()) / self._speed)
        point = self._point(positions=target.tolist(), velocities=[0.0] * len(target))
        point.time_from_start.sec, point.time_from_start.nanosec = int(seconds), int(seconds % 1 * 1e9)
        goal = self._action.Goal()
        goal.trajectory.joint_names, goal.trajectory.points = list(self.joints), [point]  # stamp zero: start now
        outcome = self._caller.run(goal, seconds + GRACE_S)
        code = int(getattr(outcome.result, "error_code", 0))
        if outcome.ok and code == 0:
            return SkillResult(True)
        if outcome.status == "cancelled":
            return SkillResult(False, "cancelled")
        said = getattr(outcome.result, "error_string", "")
        return SkillResult(False, f"{self._name}: {outcome.status}" + (f" with code {code} {said}".rstrip() if code or said else ""))

    def stop(self) -> None:
        """Stand still."""
        self._caller.stop()

    def close(self) -> None:
        """Give the client back."""
        self._node.destroy_subscription(self._heard)
        self._caller.close()
