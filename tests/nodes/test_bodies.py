"""Which parts a robot is made of: what is missing or makes no sense is said in words, before anything moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import ConfigError
from robomem.geometry import look_at, pose2d
from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem.nodes import bodies, planner  # noqa: E402
from robomem.nodes.hands import ArmPoses, NoHand  # noqa: E402
from robomem.nodes.heads import Gaze, error_angles  # noqa: E402
from robomem.nodes.interfaces import interface  # noqa: E402
from robomem.nodes.nav2_base import Odometer  # noqa: E402
from robomem.nodes.tf import TransformBuffer, TransformError  # noqa: E402
from robomem.nodes.where import Where  # noqa: E402

PAN_TILT, SIGNS, LIMITS = ["pan", "tilt"], [1.0, -1.0], [-1.5, 1.5, -1.0, 0.5]


@pytest.mark.parametrize(
    ("joints", "frame", "signs", "limits", "words"),
    [
        (["pan"], "cam", SIGNS, LIMITS, "head_joints"),
        (["pan", "pan"], "cam", SIGNS, LIMITS, "head_joints"),
        (["pan", ""], "cam", SIGNS, LIMITS, "head_joints"),
        (PAN_TILT, "", SIGNS, LIMITS, "camera_frame"),
        (PAN_TILT, "cam", [1.0], LIMITS, "head_signs"),
        (PAN_TILT, "cam", [1.0, 0.5], LIMITS, "head_signs"),
        (PAN_TILT, "cam", SIGNS, LIMITS[:3], "head_limits_rad"),
        (PAN_TILT, "cam", SIGNS, [1.5, -1.5, -1.0, 0.5], "head_limits_rad"),
        (PAN_TILT, "cam", SIGNS, [float("nan"), 1.5, -1.0, 0.5], "head_limits_rad"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(joints, frame, signs, limits, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Gaze.of(joints, frame, signs, limits, 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "joints: [a, b]",
        "{joints: [a, b], action: x, poses: []}",
        "{joints: [], action: x, poses: [{joints: [], fingers: [1, 2, 3]}]}",
        "{joints: [a, b], action: x, poses: [{joints: [1.0], fingers: [1, 2, 3]}]}",
        "{joints: [a, b], action: x, poses: [{joints: [1, 2], fingers: [1, 2]}]}",
        "{joints: [a, b], action: x, poses: [{joints: [1, .nan], fingers: [1, 2, 3]}]}",
        "{joints: [a, b], action: x, poses: [{joints: [1, 2], fingers: [1, 2, 3]}], carry: [1]}",
    ],
)
def test_a_file_that_teaches_no_pose_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "arm.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"arm\.yaml: expected"):
        ArmPoses.read(str(path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_msgs/action/Fly", r"no_such_msgs is not installed; sudo apt install ros-\$ROS_DISTRO-no-such-msgs"),
        ("std_msgs/action/Fly", "has no such interface"),
        ("std_msgs/msg/Fly", "has no such interface"),
    ],
)
def test_an_interface_that_is_not_there_is_said_with_the_cure(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"a wing needs .*{words}"):
        interface(name, "a wing")


@pytest.mark.parametrize(
    ("part", "value"), [("base", "hovercraft"), ("head", "owl"), ("hand", "hook"), ("base", ""), ("head", "none"), ("hand", "turn")]
)
def test_a_part_that_does_not_exist_is_refused(part: str, value: str) -> None:
    import rclpy
    from rclpy.node import Node

    from tests.fakes.ros_camera import ros_up

    ros_up()
    node = Node("test_bodies")
    values = {p.name: p.default for p in (*planner.PARAMETERS, *bodies.PARAMETERS)} | {"hand": "none", part: value}
    try:
        with pytest.raises(ConfigError, match=f"{part} = '{value}' is none of "):
            bodies.make_body(node, values.__getitem__, None, lambda _ns, _s: True)
    finally:
        node.destroy_node()
    assert rclpy.ok()


def test_a_joint_is_not_moved_by_what_tf_said_before_its_last_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robomem.nodes.where.PATIENCE_S", 0.05)
    tf = TransformBuffer()
    where = Where(tf, ("map", "base"))
    tf.put("map", "base", 5, pose2d(1.0, 2.0, 0.5))
    tf.put("base", "camera", 5, pose2d(0.1, 0.0, 0.0))
    tf.put("base", "bumper", 0, pose2d(0.3, 0.0, 0.0), static=True)
    assert where.in_base("camera", 5)[0, 3] == 0.1 and where.in_base("bumper", 9)[0, 3] == 0.3  # what never moves is never old
    with pytest.raises(TransformError, match="old") as caught:
        where.in_base("camera", 6)
    assert caught.value.reason == "stale"
    assert where.base(6) == pytest.approx((1.0, 2.0, 0.5))  # a slow localiser's last word stands
    with pytest.raises(TransformError, match="nothing was ever said"):
        where.in_base("moon")


def test_no_hand_refuses_every_act_and_holds_nothing() -> None:
    hand = NoHand()
    for act in ("pick", "place", "open", "close"):
        result = hand.act(act, np.zeros(3), None)
        assert not result.ok and f"no hand to {act} with" in result.reason
    assert not hand.holding()


coordinate = st.floats(-3, 3, allow_nan=False)


@given(st.tuples(coordinate, coordinate, coordinate), st.tuples(coordinate, coordinate, coordinate))
def test_what_looks_at_a_point_has_no_error_and_what_is_left_and_up_is_positive(eye, target) -> None:
    flat = float(np.hypot(target[0] - eye[0], target[1] - eye[1]))
    if flat < 0.2:
        return  # straight up or down there is no left
    T = look_at(eye, target)
    assert error_angles(T, np.array(target)) == pytest.approx((0, 0), abs=1e-6)
    aside = np.array(target) - eye
    aside = np.array([-aside[1], aside[0], 0.0]) / flat * 0.1
    left, up = error_angles(T, np.array(target) + aside)
    assert left > 0
    left, up = error_angles(T, np.array(target) + np.array((0, 0, 0.1)))
    assert up > 0 and left == pytest.approx(0, abs=1e-6)


class Feedback:
    """Nav2's, as far as the odometer reads it."""

    def __init__(self, x: float, y: float, yaw: float) -> None:
        from geometry_msgs.msg import PoseStamped

        self.current_pose = PoseStamped()
        p, q = self.current_pose.pose.position, self.current_pose.pose.orientation
        p.x, p.y, q.z, q.w = x, y, float(np.sin(yaw / 2)), float(np.cos(yaw / 2))


@pytest.mark.parametrize(
    ("poses", "moves", "metres"),
    [
        ([(0.1, 0, 0), (0.2, 0, 0)], [True, True], 0.2),
        ([(0.0, 0, 0), (0.01, 0, 0)], [False, False], 0.01),
        ([(0.02, 0, 0), (0.04, 0, 0), (0.06, 0, 0)], [False, False, True], 0.06),  # slow is not still
        ([(0, 0, 0.2), (0, 0, 0.25), (0, 0, 3.1), (0, 0, -3.1)], [True, False, True, False], 0.0),
        ([(0.1, 0, 0), (5.0, 0, 0), (5.1, 0, 0)], [True, True, True], 0.2),  # the localiser jumped
        ([(float("nan"), 0, 0), (0.1, 0, 0)], [False, True], 0.1),
    ],
)
def test_the_odometer_sums_motion_and_knows_standing_still(poses, moves: list[bool], metres: float) -> None:
    odometer = Odometer((0.0, 0.0, 0.0))
    assert [odometer.take(Feedback(*map(float, p))) for p in poses] == moves
    assert odometer.distance_m == pytest.approx(metres, abs=1e-9)
