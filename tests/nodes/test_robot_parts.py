"""Nav2, head and gripper behind the body's protocol, against action servers in another process that do all that servers do."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing
from tests.fakes import robot_interfaces

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
if robot_interfaces.missing():
    pytest.skip(robot_interfaces.missing(), allow_module_level=True)
prepare_ros_environment(local_only=True)
robot_interfaces.use()

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from std_msgs.msg import Float64MultiArray  # noqa: E402

from robomem.nodes import actions, heads  # noqa: E402
from robomem.nodes.hands import NEEDS_ARM, ArmPoses, Fingers, GripperHand  # noqa: E402
from robomem.nodes.joints import JointMover  # noqa: E402
from robomem.nodes.nav2_base import Nav2Base  # noqa: E402
from robomem.nodes.ros_body import RosBody  # noqa: E402
from robomem.nodes.steady_executor import SteadyExecutor  # noqa: E402
from robomem.nodes.tf import TransformError  # noqa: E402
from robomem.nodes.tf_listener import TfListener  # noqa: E402
from robomem.nodes.where import Where  # noqa: E402
from robomem.skills.skill import BLOCKED, NOTHING_GRASPED, OUT_OF_REACH, SkillResult  # noqa: E402
from tests.fakes.ros_camera import ros_up  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
STALL_S = 1.5
GAZE = heads.Gaze(("pan", "tilt"), "head_optical", (1.0, -1.0), (-1.6, 1.6, -0.8, 0.8), 0.2)


def patience(temper: str) -> float:
    """Little for servers that never answer in time, plenty for those that do on a busy machine."""
    return STALL_S if temper in ("stalls", "silent", "accepts_late", "ends_late") else 15.0


class Rig:
    """A node with tf, and a robot in another process."""

    def __init__(self) -> None:
        ros_up()
        self.node = Node("test_parts")
        self.executor = SteadyExecutor(6)
        self.executor.add_node(self.node)
        self.tf = TfListener(self.node, lambda *_: None, lambda: None)
        self.where = Where(self.tf, ("map", "base_link"))
        self.thing = self.node.create_publisher(Float64MultiArray, "test/thing", 10)
        self.scene, self.parts = 0, []
        self.thread = threading.Thread(target=self.spin, daemon=True)
        self.thread.start()
        self.up()

    def spin(self) -> None:
        with contextlib.suppress(rclpy.executors.ExternalShutdownException):
            self.executor.spin()

    def up(self) -> None:
        self.server = subprocess.Popen([sys.executable, "-m", "tests.fakes.robot_servers"], cwd=ROOT, start_new_session=True)
        end = time.monotonic() + 30
        while time.monotonic() < end and not self.node.count_publishers("joint_states"):
            time.sleep(0.05)
        self.stage()

    def stage(self, thing_m: float = 0.0, x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> None:
        """Stand here, with a thing of this width before the fingers."""
        end, began_ns = time.monotonic() + 20, self.now_ns()
        self.scene += 1
        while time.monotonic() < end:
            self.thing.publish(Float64MultiArray(data=[thing_m, x, y, yaw, float(self.scene)]))
            time.sleep(0.1)
            with contextlib.suppress(TransformError):
                fresh = self.tf.latest("map", "base_link")[0] > began_ns  # not what a robot said that is gone
                if fresh and np.allclose(self.where.base(), (x, y, yaw), atol=1e-3):
                    return
        raise AssertionError(f"the robot did not come up: its exit status {self.server.poll()}, listening {self.thread.is_alive()}")

    def base(self, temper: str, stall_s: float | None = None) -> Nav2Base:
        self.parts.append(Nav2Base(self.node, self.where, f"{temper}/navigate_to_pose", stall_s or patience(temper)))
        return self.parts[-1]

    def now_ns(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def close(self) -> None:
        if self.server.poll() is None:
            self.server.terminate()
            self.server.wait(10)
        self.executor.shutdown(timeout_sec=2.0)
        self.node.destroy_node()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> Iterator[None]:
    """Nobody waits longer than these tests need, and nobody listens on when its test is over."""
    monkeypatch.setattr(actions, "CANCEL_S", 1.0)
    yield
    for part in rig.parts:
        part.close()
    rig.parts.clear()


# -- the base ----------------------------------------------------------------------------------------------------------


def test_a_drive_ends_at_the_end_of_the_path_and_tells_its_length(rig: Rig) -> None:
    rig.stage()
    result = rig.base("good").follow(np.array([(0.5, 0.0), (1.2, 0.9)]), None)
    assert result.ok and result.reason == ""
    x, y, yaw = rig.where.base(rig.now_ns())
    assert np.hypot(x - 1.2, y - 0.9) < 0.01 and yaw == pytest.approx(np.arctan2(0.9, 0.7), abs=1e-3)  # along the path's last piece
    assert result.distance_m == pytest.approx(1.5, abs=0.1)  # Nav2 drove its own way: straight
    assert result.data["off_m"] < 0.01 and 0 < result.data["stamp_ns"] <= rig.now_ns()


def test_no_path_is_a_turn_on_the_spot(rig: Rig) -> None:
    rig.stage(x=0.3, y=-0.2)
    result = rig.base("good").follow(np.empty((0, 2)), 2.0)
    assert result.ok and result.distance_m < 0.01
    assert rig.where.base() == pytest.approx((0.3, -0.2, 2.0), abs=1e-3)


@pytest.mark.parametrize(
    ("temper", "reason", "least_s", "most_s"),
    [
        ("rejects", "rejected", 0.0, 4.0),
        ("aborts", BLOCKED, 0.0, 6.0),
        ("fails", "code 202 no transform", 0.0, 6.0),
        ("stalls", "stalled", STALL_S, STALL_S + 5.0),
        ("silent", "stalled", STALL_S, STALL_S + 5.0),
        ("accepts_late", "stalled", STALL_S, STALL_S + 5.0),
        ("ends_late", "stalled", STALL_S, STALL_S + 6.0),
        ("loses", "another client", 0.0, 6.0),
        ("cancelled_by_other", "preempted", 0.0, 6.0),
        ("lies", "says done 1.00 m from the goal", 0.0, 4.0),
    ],
)
def test_every_way_a_drive_can_fail_is_a_reason_in_time(rig: Rig, temper: str, reason: str, least_s: float, most_s: float) -> None:
    rig.stage()
    began = time.monotonic()
    result = rig.base(temper).follow(np.array([(1.0, 0.0)]), None)
    took = time.monotonic() - began
    assert not result.ok and reason in result.reason
    assert least_s <= took < most_s
    if temper == "aborts":
        assert result.distance_m == pytest.approx(0.5, abs=0.05) and result.data["why"] == "failed to make progress"
    after = rig.base("good").follow(np.array([(0.0, 0.5)]), None)  # and the next drive is not confused by what comes late
    assert after.ok


def test_a_base_that_is_not_there_is_said(rig: Rig) -> None:
    base = Nav2Base(rig.node, rig.where, "nobody/navigate_to_pose")
    base._caller._find_s = 0.5
    assert "no server" in base.follow(np.array([(1.0, 0.0)]), None).reason


@pytest.mark.parametrize("temper", ["good", "stalls", "silent"])
def test_stop_ends_a_drive_at_once(rig: Rig, temper: str) -> None:
    rig.stage()
    base = rig.base(temper, 30.0)
    threading.Timer(0.5, base.stop).start()
    began = time.monotonic()
    result = base.follow(np.array([(6.0, 0.0)]), None)
    assert not result.ok and result.reason == "cancelled" and time.monotonic() - began < 4.0
    if temper == "good":
        there = rig.where.base()[0]
        assert 0.2 < there < 2.0 and result.distance_m == pytest.approx(there, abs=0.15)
        time.sleep(0.3)
        assert rig.where.base()[0] == pytest.approx(there, abs=0.1)  # it stands


# -- the head ----------------------------------------------------------------------------------------------------------


def joint_head(rig: Rig, temper: str, base: str = "good") -> heads.JointHead:
    mover = JointMover(rig.node, GAZE.joints, f"{temper}/head", 4.0, "test")
    mover._caller._stall_s = patience(temper)
    rig.parts.append(heads.JointHead(mover, GAZE, rig.base(base), rig.where, rig.now_ns))
    return rig.parts[-1]


def off(rig: Rig, p_map: tuple[float, float, float]) -> float:
    """Angle (rad) between the optical axis and a point."""
    return max(map(abs, heads.error_angles(rig.where.in_base("head_optical", rig.now_ns()), rig.where.to_base(np.array(p_map)))))


@pytest.mark.parametrize("p_map", [(2.0, 0.5, 0.8), (1.0, -1.0, 1.2), (1.5, 1.5, 0.3), (3.0, 0.0, 1.5)])
def test_a_head_looks_at_a_point_without_a_model_of_the_robot(rig: Rig, p_map: tuple[float, float, float]) -> None:
    rig.stage()
    result = joint_head(rig, "good").look_at(np.array(p_map))
    assert result.ok, result.reason
    assert off(rig, p_map) < heads.CLOSE_RAD
    assert rig.where.base() == pytest.approx((0, 0, 0), abs=1e-3)  # the head alone did it


def test_behind_it_the_base_turns(rig: Rig) -> None:
    rig.stage()
    result = joint_head(rig, "good").look_at(np.array((-2.0, 0.3, 0.9)))
    assert result.ok, result.reason
    assert off(rig, (-2.0, 0.3, 0.9)) < heads.CLOSE_RAD and abs(rig.where.base()[2]) > 2.0


def test_what_the_head_cannot_see_is_said(rig: Rig) -> None:
    rig.stage()
    result = joint_head(rig, "good").look_at(np.array((0.2, 0.0, 3.0)))  # the ceiling above it
    assert not result.ok and result.reason == heads.OUTSIDE


@pytest.mark.parametrize(
    ("temper", "reason"),
    [
        ("rejects", "rejected"),
        ("aborts", "code -4 pan left its tolerance"),
        ("silent", "stalled"),
        ("accepts_late", "stalled"),
        ("cancelled_by_other", "preempted"),
        ("lies", heads.OUTSIDE),
    ],
)
def test_every_way_a_head_can_fail_is_a_reason(rig: Rig, temper: str, reason: str) -> None:
    rig.stage()
    good = joint_head(rig, "good")
    assert good.look_at(np.array((2.0, 0.0, 1.3))).ok
    result = joint_head(rig, temper).look_at(np.array((1.0, 1.5, 1.3)))
    assert not result.ok and reason in result.reason


def test_a_fixed_camera_is_turned_by_the_base(rig: Rig) -> None:
    rig.stage()
    head = heads.TurningHead(rig.base("good"), rig.where, rig.now_ns, 0.2)
    assert head.look_at(np.array((0.0, 2.0, 0.5))).ok
    assert rig.where.base()[2] == pytest.approx(np.pi / 2, abs=1e-3)
    began = time.monotonic()
    assert head.look_at(np.array((0.05, 2.0, 0.5))).ok  # it looks there already: no motion, only the glance
    assert time.monotonic() - began < 0.5
    for temper, reason in (("rejects", "rejected"), ("lies", heads.OUTSIDE)):  # a turn on the spot that did not happen is seen in tf
        assert reason in heads.TurningHead(rig.base(temper), rig.where, rig.now_ns).look_at(np.array((2.0, 0.0, 0.5))).reason


# -- the hand ----------------------------------------------------------------------------------------------------------

SMALL = np.array((0.04, 0.04, 0.1))


def gripper(rig: Rig, temper: str, arm: ArmPoses | None = None) -> GripperHand:
    hand = GripperHand(rig.node, f"{temper}/gripper", Fingers("fingers"), rig.where, arm, 4.0)
    hand._caller._stall_s = patience(temper)
    rig.parts.append(hand)
    return hand


@pytest.mark.parametrize("temper", ["good", "aborts"])  # ros2_control's gripper aborts when it stalls on a thing
def test_fingers_feel_what_lies_between_them(rig: Rig, temper: str) -> None:
    rig.stage(0.04)
    hand = gripper(rig, temper)
    assert hand.act("pick", np.array((0.5, 0.0, 0.8)), SMALL) == SkillResult(True) and hand.holding()
    rig.stage(0.0)
    assert hand.act("place", np.array((0.5, 0.0, 0.75)), None).ok and not hand.holding()  # its underside, half its height lower
    empty = hand.act("pick", np.array((0.5, 0.0, 0.8)), SMALL)
    assert not empty.ok and empty.reason == NOTHING_GRASPED and not hand.holding()


@pytest.mark.parametrize(
    ("act", "p_map", "size", "reason"),
    [
        ("pick", (0.9, 0.0, 0.8), SMALL, OUT_OF_REACH),
        ("pick", (0.5, 0.0, 0.8), np.array((0.2, 0.3, 0.1)), "wider than the fingers open"),
        ("open", (0.5, 0.0, 0.8), None, NEEDS_ARM),
        ("close", (0.5, 0.0, 0.8), None, NEEDS_ARM),
    ],
)
def test_a_gripper_says_what_it_cannot(rig: Rig, act: str, p_map: tuple[float, ...], size: np.ndarray | None, reason: str) -> None:
    rig.stage()
    result = gripper(rig, "good").act(act, np.array(p_map), size)
    assert not result.ok and result.reason == reason


@pytest.mark.parametrize(
    ("temper", "reason"), [("rejects", "rejected"), ("silent", "stalled"), ("accepts_late", "stalled"), ("loses", "aborted")]
)
def test_every_way_a_gripper_can_fail_is_a_reason(rig: Rig, temper: str, reason: str) -> None:
    rig.stage(0.0)
    result = gripper(rig, temper).act("pick", np.array((0.5, 0.0, 0.8)), SMALL)
    assert not result.ok and reason in result.reason


def test_an_arm_goes_to_the_taught_pose_that_fits(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "arm.yaml").write_text(
        "joints: [reach, lift]\naction: good/arm\ncarry: [0.0, 0.1]\n"
        "poses:\n  - {joints: [0.2, 0.0], fingers: [0.7, 0.0, 0.8]}\n  - {joints: [0.3, 0.2], fingers: [0.8, 0.0, 1.0]}\n"
    )
    rig.stage(0.04)
    hand = gripper(rig, "good", ArmPoses.read(str(tmp_path / "arm.yaml")))
    assert hand.act("pick", np.array((0.79, 0.01, 1.0)), SMALL).ok and hand.holding()
    assert rig.where.in_base("fingers", rig.now_ns())[:3, 3] == pytest.approx((0.5, 0.0, 0.9), abs=1e-3)  # carried
    assert hand.act("pick", np.array((1.2, 0.0, 1.0)), SMALL).reason == OUT_OF_REACH


# -- the body, and the end of everything -----------------------------------------------------------------------------


def test_a_body_waits_until_the_world_has_seen_where_it_stopped(rig: Rig) -> None:
    rig.stage()
    asked: list[int] = []
    body = RosBody(
        (rig.base("good"), joint_head(rig, "good"), gripper(rig, "good")), rig.tf, rig.now_ns, lambda ns, _s: not asked.append(ns)
    )
    driven = body.follow(np.array([(0.6, 0.0)]), 0.0)
    assert driven.ok and driven.distance_m == pytest.approx(0.6, abs=0.05) and "stamp_ns" not in driven.data
    assert asked and asked[-1] <= body.now_ns() and body.pose() == pytest.approx((0.6, 0.0, 0.0), abs=1e-3)
    body.stop()
    rig.stage()
    for act in (lambda: body.follow(np.array([(1.0, 0.0)]), None), lambda: body.look_at(np.array((0.0, 2.0, 1.0)))):
        assert act().reason == "cancelled"
    assert rig.where.base(rig.now_ns()) == pytest.approx((0, 0, 0), abs=1e-6)  # nothing moves before it may again
    body.go()
    assert body.look_at(np.array((2.0, 0.0, 1.0))).ok


def test_a_halt_that_comes_before_the_goal_is_not_forgotten(rig: Rig) -> None:
    rig.stage()
    halt = threading.Event()
    base = Nav2Base(rig.node, rig.where, "good/navigate_to_pose", halt=halt)
    halt.set()  # between the decision to drive and the goal
    assert base.follow(np.array([(1.0, 0.0)]), None).reason == "cancelled"
    halt.clear()
    threading.Timer(0.3, halt.set).start()
    assert base.follow(np.array([(6.0, 0.0)]), None).reason == "cancelled"
    assert 0.0 < rig.where.base(rig.now_ns())[0] < 3.0


def test_a_server_that_is_killed_is_noticed_and_its_successor_used(rig: Rig) -> None:
    rig.stage()
    base = rig.base("dies", 30.0)
    began = time.monotonic()
    result = base.follow(np.array([(1.0, 0.0)]), None)
    assert not result.ok and "server died" in result.reason and time.monotonic() - began < 12.0
    assert rig.server.wait(5) == -9
    rig.up()
    base, results = rig.base("good", 5.0), []
    while len(results) < 3 and not (results and results[-1].ok):  # a server that is not yet matched loses its first answer (Fast DDS)
        results.append(base.follow(np.array([(0.5 + 0.2 * len(results), 0.0)]), None))
    assert results[-1].ok, results
