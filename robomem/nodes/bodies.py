"""Which parts a robot is made of, from the planner's parameters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from robomem.errors import ConfigError
from robomem.nodes.base import Parameter
from robomem.nodes.hands import ArmPoses, Fingers, GripperHand, NoHand
from robomem.nodes.heads import Gaze, JointHead, TurningHead
from robomem.nodes.joints import JointMover
from robomem.nodes.nav2_base import Nav2Base
from robomem.nodes.ros_body import ActionBase, ActionHand, ActionHead, RosBody
from robomem.nodes.where import Where

PARAMETERS = (
    Parameter(
        "drive_stall_s", 60.0, "base: nav2: without motion for this long a drive is given up, s; longer than Nav2's recoveries", 1.0, 600.0
    ),
    Parameter("goal_tolerance_m", 0.5, "base: nav2: a drive called done further from its goal than this has failed, m", 0.01, 5.0),
    Parameter("look_s", 1.0, "head: trajectory, turn: how long a glance keeps still, for several images, s", 0.0, 10.0),
    Parameter("head_joints", ["head_pan_joint", "head_tilt_joint"], "head: trajectory: pan and tilt"),
    Parameter("head_action", "head_controller/follow_joint_trajectory", "head: trajectory: the controller's action"),
    Parameter("head_signs", [1.0, 1.0], "head: trajectory: 1.0 where positive is left (pan) or up (tilt), else -1.0"),
    Parameter("head_limits_rad", [-1.5, 1.5, -1.0, 0.5], "head: trajectory: pan low, pan high, tilt low, tilt high, rad"),
    Parameter("head_speed_radps", 1.0, "head: trajectory: of the faster joint, rad/s", 0.05, 5.0),
    Parameter("camera_frame", "", "head: trajectory: optical frame of the camera on the head"),
    Parameter("gripper_action", "gripper_controller/gripper_cmd", "hand: gripper: control_msgs/GripperCommand"),
    Parameter("gripper_frame", "gripper_link", "hand: gripper: frame between the fingertips"),
    Parameter("gripper_open_m", 0.08, "hand: gripper: gap when open, m", 0.0, 0.5),
    Parameter("gripper_shut_m", 0.0, "hand: gripper: gap when shut on nothing, m", -0.5, 0.5),
    Parameter("gripper_effort_n", 20.0, "hand: gripper: most force, N", 0.0, 200.0),
    Parameter("grasp_tolerance_m", 0.05, "hand: gripper: how far from the fingers a thing may be, m", 0.005, 0.5),
    Parameter("arm_file", "", "hand: gripper: YAML of the poses the arm was taught; empty: the arm stays as it is"),
)


def make_body(node: Any, param: Callable[[str], Any], tf: Any, seen: Callable[[int, float], bool]) -> RosBody:
    """The body of the node's parameters.

    Raises:
        ConfigError: a part that does not exist, a parameter that makes no sense, or an interface package that is not installed.
    """
    frames = (param("map_frame"), param("base_frame"))
    where, halt = Where(tf, frames), threading.Event()

    def now_ns() -> int:
        return node.get_clock().now().nanoseconds

    base = _choose(
        "base",
        param("base"),
        {
            "action": lambda: ActionBase(node, param("drive_action"), halt),
            "nav2": lambda: Nav2Base(node, where, param("drive_action"), param("drive_stall_s"), param("goal_tolerance_m"), halt),
        },
    )
    head = _choose(
        "head",
        param("head"),
        {
            "action": lambda: ActionHead(node, halt=halt),
            "turn": lambda: TurningHead(base, where, now_ns, param("look_s")),
            "trajectory": lambda: _joint_head(node, param, base, where, now_ns, halt),
        },
    )
    hand = _choose(
        "hand",
        param("hand"),
        {"action": lambda: ActionHand(node, halt=halt), "none": NoHand, "gripper": lambda: _gripper_hand(node, param, where, halt)},
    )
    sizes = {k: float(param(k)) for k in ("radius_m", "reach_m", "camera_height_m")}
    return RosBody((base, head, hand), tf, now_ns, seen, frames, **sizes, halt=halt)


def _choose(part: str, name: str, makers: dict[str, Callable[[], Any]]) -> Any:
    if name not in makers:
        raise ConfigError(f"planner: {part} = {name!r} is none of {', '.join(sorted(makers))}")
    return makers[name]()


def _joint_head(
    node: Any, param: Callable[[str], Any], base: Any, where: Where, now_ns: Callable[[], int], halt: threading.Event
) -> JointHead:
    gaze = Gaze.of(param("head_joints"), param("camera_frame"), param("head_signs"), param("head_limits_rad"), param("look_s"))
    mover = JointMover(node, gaze.joints, param("head_action"), param("head_speed_radps"), "planner: head = 'trajectory'", halt)
    return JointHead(mover, gaze, base, where, now_ns)


def _gripper_hand(node: Any, param: Callable[[str], Any], where: Where, halt: threading.Event) -> GripperHand:
    fingers = Fingers(
        param("gripper_frame"), param("gripper_open_m"), param("gripper_shut_m"), param("gripper_effort_n"), param("grasp_tolerance_m")
    )
    arm = ArmPoses.read(param("arm_file")) if param("arm_file") else None
    return GripperHand(node, param("gripper_action"), fingers, where, arm, halt=halt)
