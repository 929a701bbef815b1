"""Two live processes under faults of sensors, clock, localiser and of whoever sends nonsense: R6 and R7 as far as they are of the wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from robomem_msgs.srv import Find, WhereWas  # noqa: E402

from robomem.geometry import pose2d, transform  # noqa: E402
from robomem.nodes.answers import recall_from_msg  # noqa: E402
from robomem.nodes.conversions import detections_to_msg, objects_from_msg  # noqa: E402
from robomem.nodes.wire import set_stamp, to_ns  # noqa: E402
from robomem.types import Detections  # noqa: E402
from tests.fakes.ros_camera import S, image  # noqa: E402
from tests.nodes.fuzz import Fuzzer  # noqa: E402
from tests.nodes.test_on_the_wire import Robot  # noqa: E402

WRONG = pose2d(0.4, -0.3, np.deg2rad(20.0))  # half a metre and twenty degrees
MUG = (1.9, 0.2, 0.80)


class Watched(Robot):
    """The robot, with an eye on /diagnostics of its world model."""

    def __init__(self, folder, T_map_odom: np.ndarray) -> None:
        self.health: list[tuple[float, DiagnosticStatus]] = []
        super().__init__(folder, T_map_odom)
        self.camera.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 50)

    def _hear(self, msg: DiagnosticArray) -> None:
        self.health += [(time.monotonic(), s) for s in msg.status if s.name.endswith("world_model")]

    def count(self, reason: str) -> int:
        """How often something was rejected, by the newest diagnostics."""
        return int(next((v.value for v in self.health[-1][1].values if v.key == reason), "0")) if self.health else 0

    def view(self, label: str):
        """The one confirmed thing of a label in the newest message."""
        found = [v for v in objects_from_msg(self.objects[-1]) if v.label == label and v.status in ("confirmed", "occluded")]
        assert len(found) == 1, [(v.id, v.label, v.status) for v in objects_from_msg(self.objects[-1])]
        return found[0]

    def ids(self) -> dict[str, int]:
        return {label: self.view(label).id for label in ("mug", "bottle", "dining table")}

    def folded(self) -> bool:
        """True once the newest image is in the belief."""
        return bool(self.objects) and to_ns(self.objects[-1].header.stamp) >= self.camera.stamp_ns

    def again_within(self, seconds: float) -> float:
        """Seconds until an image is folded in at once again; images come at 10 Hz."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            self.camera.shoot(listen_s=0.1)
            if self.folded():
                return time.monotonic() - start
        raise AssertionError(f"nothing folded in for {seconds} s; {self.health[-1][1] if self.health else ''}")


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    robot = Watched(tmp_path_factory.mktemp("faults"), WRONG)
    robot.see_until(lambda: robot.find("mug").found, 20)
    yield robot
    robot.close()


def test_a_jump_of_map_to_odom_moves_everything_and_makes_no_twin(robot: Watched) -> None:
    ids, asked_ns = robot.ids(), robot.camera.stamp_ns
    assert np.linalg.norm(robot.view("mug").position - transform(WRONG, MUG)) < 0.06
    robot.camera.T_map_odom = np.eye(4)
    robot.objects.clear()
    robot.see_until(robot.folded, 10)
    assert np.linalg.norm(robot.view("mug").position - MUG) < 0.06  # back within the first image
    for _ in range(15):
        robot.camera.shoot()
    assert robot.ids() == ids and robot.count("map_jumps") <= 1
    robot.see_until(lambda: np.linalg.norm(np.array(robot.find("mug").position) - MUG) < 0.06, 10)
    was = recall_from_msg(robot.camera.call(WhereWas, "memory/where_was", WhereWas.Request(query="mug", at_ns=asked_ns)).answer)
    assert was.id == ids["mug"] and np.linalg.norm(np.array(was.position) - MUG) < 0.06  # the past too
    assert [e.kind for e in robot.changes() if e.kind in ("moved", "removed", "map_corrected")] == ["map_corrected"]


def test_no_image_is_told_within_two_periods_and_over_with_the_next(robot: Watched) -> None:
    for _ in range(12):
        robot.camera.shoot(listen_s=0.1)
    robot.health.clear()
    last = time.monotonic()
    assert robot.camera.until(lambda: any(s.level == DiagnosticStatus.STALE for _, s in robot.health), 3.0)
    period = 0.13  # what shoot takes with its own work, on a busy machine
    assert robot.health[-1][0] - last < 2 * period + 0.1
    assert robot.again_within(2.0) < 2.0
    assert robot.camera.until(lambda: robot.health[-1][1].level != DiagnosticStatus.STALE, 1.5)


@pytest.mark.parametrize("jump_s", [-10.0, 3600.0])
def test_a_clock_jump_is_over_in_two_seconds(robot: Watched, jump_s: float) -> None:
    robot.see_until(robot.folded, 10)
    ids = robot.ids()
    robot.camera.stamp_ns += round(jump_s * S)
    robot.objects.clear()
    assert robot.again_within(2.0) < 2.0 and to_ns(robot.objects[-1].header.stamp) == robot.camera.stamp_ns
    assert robot.ids() == ids
    assert robot.camera.call(Find, "memory/find", Find.Request(query="mug")).ok


def test_a_gap_in_the_transforms_is_counted_and_over_with_it(robot: Watched) -> None:
    robot.see_until(robot.folded, 10)
    before = robot.count("no_extrapolation")
    for _ in range(12):
        robot.camera.shoot(listen_s=0.1, tf=False)
    assert robot.again_within(2.0) < 2.0
    assert robot.camera.until(lambda: robot.count("no_extrapolation") > before, 3.0)


def test_after_a_burst_the_newest_image_is_what_counts(robot: Watched) -> None:
    robot.see_until(robot.folded, 10)
    ids, before = robot.ids(), sum(robot.count(r) for r in ("newer_image_won", "without_partner"))
    for _ in range(60):
        robot.camera.shoot(period_s=0.01, listen_s=0.0)
    start = time.monotonic()
    assert robot.camera.until(robot.folded, 2.0)
    assert time.monotonic() - start < 1.0
    assert robot.ids() == ids
    robot.camera.spin(1.2)
    assert len(robot.objects) > 0 and sum(robot.count(r) for r in ("newer_image_won", "without_partner")) >= before


def _bad(robot: Watched) -> dict[str, Callable[[Fuzzer], None]]:
    c = robot.camera
    pixels = np.ones((24, 32, 3), np.uint8)
    found = detections_to_msg(Detections(("mug",), np.ones(1), np.array([[1, 1, 5, 5.0]]), np.ones((1, 24, 32), bool)), 32, 24)

    def stamped(msg):
        set_stamp(msg.header.stamp, c.stamp_ns)
        return msg

    return {
        "rgb": lambda f: c.rgb.publish(f.broken(image(pixels, "rgb8", c.stamp_ns))),
        "depth": lambda f: c.depth.publish(f.broken(image(np.ones((24, 32), np.float32), "32FC1", c.stamp_ns))),
        "detections": lambda f: c.found.publish(f.broken(stamped(found))),
    }


def test_nonsense_on_every_topic_and_service_leaves_both_nodes_well(robot: Watched) -> None:
    robot.see_until(robot.folded, 10)
    ids = robot.ids()
    for case in range(60):
        for send in _bad(robot).values():
            send(Fuzzer(case))
        robot.camera.spin(0.01)
    for case in range(40):
        answer = robot.camera.call(Find, "memory/find", Fuzzer(case).broken(Find.Request(query="mug", k=3)))
        assert answer.ok or answer.reason
    robot.objects.clear()
    assert robot.again_within(3.0) < 3.0  # a broken stamp may look like a clock that was set
    for _ in range(5):
        robot.camera.shoot()
    assert robot.ids() == ids
    assert all(p.poll() is None for p in robot.processes.values())
