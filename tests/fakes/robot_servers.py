"""A robot for tests, as a process: Nav2, a head, a gripper and an arm behind actions of every temper, with tf and /joint_states.

Each action is offered once per temper, at `TEMPER/navigate_to_pose`, `TEMPER/head`, `TEMPER/gripper` and `TEMPER/arm`.
Run it: `python -m tests.fakes.robot_servers`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from robomem.nodes.environment import prepare_ros_environment
from tests.fakes import robot_interfaces

prepare_ros_environment(local_only=True)
robot_interfaces.use()

import rclpy  # noqa: E402
from action_msgs.msg import GoalInfo  # noqa: E402
from action_msgs.srv import CancelGoal  # noqa: E402
from control_msgs.action import FollowJointTrajectory, GripperCommand  # noqa: E402
from nav2_msgs.action import NavigateToPose  # noqa: E402
from rclpy.action import ActionServer, CancelResponse, GoalResponse  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Float64MultiArray  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from robomem.geometry import pose2d  # noqa: E402
from robomem.nodes import qos  # noqa: E402
from robomem.nodes.tf_listener import transform_msg  # noqa: E402

TEMPERS = (
    "good",
    "rejects",
    "aborts",  # goes half the way; the way is blocked
    "fails",  # aborts with a code that is no obstacle
    "stalls",  # tells feedback for ever and does not move
    "silent",  # accepts and says nothing, and does not stop when told
    "accepts_late",
    "ends_late",  # done, but tells only when nobody waits any more
    "loses",  # aborts with no reason: what Nav2 does when another client's goal takes its place
    "cancelled_by_other",  # what ros2_control does then
    "lies",  # says done where it stood
    "dies",
)
LATE_S = 3.0
HEAD_AT, LIMITS = (0.05, 0.0, 1.3), ((-1.6, 1.6), (-0.8, 0.8))
SPEED_MPS = 1.5
HOME_ARM = (0.0, 0.0)
ACTIONS = {NavigateToPose.Goal: "navigate_to_pose", FollowJointTrajectory.Goal: "head", GripperCommand.Goal: "gripper"}


def optical(pan: float, tilt: float) -> np.ndarray:
    """T_base_camera of a head that stands `pan` to the left and `tilt` down; the lens is beside the joints, as on real heads."""
    turn = pose2d(*HEAD_AT[:2], pan, HEAD_AT[2])
    c, s = np.cos(tilt), np.sin(tilt)
    nod = np.eye(4)
    nod[:3, :3], nod[:3, 3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]], (0.1, 0.0, 0.05)
    lens = np.eye(4)
    lens[:3, :3], lens[:3, 3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (0.05, 0.03, 0.02)
    return turn @ nod @ lens


class Robot(Node):
    """The body: a base, two head joints, two arm joints, a gripper, and perhaps a thing of some width before it."""

    def __init__(self, tempers: tuple[str, ...] = TEMPERS) -> None:
        super().__init__("test_robot")
        self.pose, self.head, self.arm, self.gap = np.zeros(3), np.zeros(2), np.array(HOME_ARM), 0.08
        self.thing_m, self.staged = 0.0, 0.0
        self.lock, group = threading.RLock(), ReentrantCallbackGroup()
        self.group = group
        self.tf, self.joints = self.create_publisher(TFMessage, "/tf", qos.TF), self.create_publisher(JointState, "joint_states", 10)
        self.create_subscription(Float64MultiArray, "test/thing", self.put_thing, 10, callback_group=group)
        self.create_timer(0.04, self.tell, callback_group=group)
        kinds: tuple[tuple[Any, str, Callable[[Any, str], Any]], ...] = (
            (NavigateToPose, "navigate_to_pose", self.drive),
            (FollowJointTrajectory, "head", lambda h, t: self.follow(h, t, "head")),
            (FollowJointTrajectory, "arm", lambda h, t: self.follow(h, t, "arm")),
            (GripperCommand, "gripper", self.grip),
        )
        self.servers = [
            ActionServer(
                self,
                kind,
                f"{temper}/{name}",
                lambda h, act=act, temper=temper: act(h, temper),
                callback_group=group,
                goal_callback=lambda _g, temper=temper: self.may(temper),
                cancel_callback=lambda _h, temper=temper: CancelResponse.REJECT if temper == "silent" else CancelResponse.ACCEPT,
            )
            for kind, name, act in kinds
            for temper in tempers
        ]

    def put_thing(self, msg: Any) -> None:
        """Stage: the width of what lies before the fingers, and where the robot stands."""
        with self.lock:
            if msg.data[4] == self.staged:
                return  # said again
            self.staged = msg.data[4]
            self.thing_m, self.pose, self.gap = msg.data[0], np.array(msg.data[1:4]), 0.08

    def tell(self) -> int:
        """tf and joint states of now, and that time (ns)."""
        with self.lock:
            now = self.get_clock().now().nanoseconds
            links = [
                transform_msg("map", "base_link", now, pose2d(*self.pose)),
                transform_msg("base_link", "head_optical", now, optical(*self.head)),
                transform_msg("base_link", "fingers", now, pose2d(0.5 + self.arm[0], 0.0, 0.0, 0.8 + self.arm[1])),
            ]
            state = JointState(name=["pan", "tilt", "reach", "lift"], position=[*self.head.tolist(), *self.arm.tolist()])
        self.tf.publish(TFMessage(transforms=links))
        self.joints.publish(state)
        return now

    def may(self, temper: str) -> GoalResponse:
        """What a server says to a goal."""
        if temper == "accepts_late":
            time.sleep(LATE_S)
        return GoalResponse.REJECT if temper == "rejects" else GoalResponse.ACCEPT

    def end(self, handle: Any, temper: str, result: Any) -> Any:
        """How a goal that was carried out ends."""
        if temper == "ends_late":
            time.sleep(LATE_S)
        if temper in ("aborts", "fails", "loses"):
            handle.abort()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.succeed()
        return result

    def waits(self, handle: Any, temper: str, feedback: Any) -> bool:
        """The tempers that never begin; True once they were told to stop."""
        if temper == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if temper == "cancelled_by_other":
            client = self.create_client(
                CancelGoal, f"{temper}/{ACTIONS[type(handle.request)]}/_action/cancel_goal", callback_group=self.group
            )
            client.wait_for_service(2.0)
            client.call_async(CancelGoal.Request(goal_info=GoalInfo(goal_id=handle.goal_id)))
        end = time.monotonic() + 20
        while temper in ("stalls", "silent", "cancelled_by_other") and time.monotonic() < end:
            if temper == "stalls":
                handle.publish_feedback(feedback())
                if handle.is_cancel_requested:
                    return True
            time.sleep(0.05)
            if temper == "cancelled_by_other" and handle.is_cancel_requested:
                return True
        return temper in ("stalls", "silent")

    def nav_feedback(self) -> Any:
        """Where the base is, as Nav2 tells it."""
        out = NavigateToPose.Feedback()
        pose = out.current_pose.pose
        pose.position.x, pose.position.y = float(self.pose[0]), float(self.pose[1])
        pose.orientation.z, pose.orientation.w = float(np.sin(self.pose[2] / 2)), float(np.cos(self.pose[2] / 2))
        return out

    def drive(self, handle: Any, temper: str) -> Any:
        """Nav2: straight to the goal, then round."""
        result, goal = NavigateToPose.Result(), handle.request.pose
        if self.waits(handle, temper, self.nav_feedback) or temper == "lies":
            return self.end(handle, temper, result)
        target = np.array([goal.pose.position.x, goal.pose.position.y])
        start = self.pose[:2].copy()
        share = 0.5 if temper in ("aborts", "loses") else 1.0
        steps = max(1, round(share * float(np.linalg.norm(target - start)) / SPEED_MPS / 0.05))
        for k in range(1, steps + 1):
            if handle.is_cancel_requested:
                return self.end(handle, temper, result)
            with self.lock:
                self.pose[:2] = start + share * (target - start) * k / steps
            handle.publish_feedback(self.nav_feedback())
            time.sleep(0.05)
        with self.lock:
            self.pose[2] = 2 * np.arctan2(goal.pose.orientation.z, goal.pose.orientation.w)
        self.tell()
        result.error_code = {"aborts": 105, "fails": 202}.get(temper, 0)
        result.error_msg = {"aborts": "stuck", "fails": "no transform"}.get(temper, "")
        return self.end(handle, temper, result)

    def follow(self, handle: Any, temper: str, part: str) -> Any:
        """A trajectory controller: to the last point, in its time; beyond the limits is a broken tolerance."""
        result = FollowJointTrajectory.Result()
        if self.waits(handle, temper, FollowJointTrajectory.Feedback) or temper == "lies":
            return self.end(handle, temper, result)
        point = handle.request.trajectory.points[-1]
        start, target = getattr(self, part).copy(), np.array(point.positions)
        seconds = point.time_from_start.sec + point.time_from_start.nanosec / 1e9
        if temper in ("aborts", "fails"):
            result.error_code, result.error_string = FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED, "pan left its tolerance"
            return self.end(handle, temper, result)
        for k in range(1, 11):
            if handle.is_cancel_requested:
                return self.end(handle, temper, result)
            time.sleep(seconds / 10)
            with self.lock:
                setattr(self, part, start + (target - start) * k / 10)
        self.tell()
        return self.end(handle, temper, result)

    def grip(self, handle: Any, temper: str) -> Any:
        """Fingers: to the commanded gap, or to what lies between; like ros2_control's they abort when they stall ("aborts")."""
        if self.waits(handle, temper, GripperCommand.Feedback):
            return self.end(handle, temper, GripperCommand.Result())
        time.sleep(0.2)
        wanted = handle.request.command.position
        with self.lock:
            self.gap = max(wanted, self.thing_m) if wanted < self.gap else wanted
        stalled = self.gap > wanted + 0.001
        result = GripperCommand.Result(position=self.gap, stalled=stalled, reached_goal=not stalled)
        return self.end(handle, temper if temper != "aborts" or stalled else "good", result)


def run(make: Callable[[], Node]) -> None:
    """A node until told to stop."""
    rclpy.init()
    node, executor = make(), MultiThreadedExecutor(8)
    executor.add_node(node)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()


if __name__ == "__main__":
    run(Robot)
