"""The robot: drives, looks, grasps, and fails as promised; same seed, same life."""

import numpy as np
import pytest

from robomem.clock import NS_PER_S, ManualClock
from robomem.geometry import inverse, transform
from robomem.skills.skill import RobotBody
from robomem_sim.arm import Arm
from robomem_sim.faults import Faults
from robomem_sim.household import generate_home
from robomem_sim.robot import SimRobot
from robomem_sim.world import World


class Stage:
    """A home with a robot in it and everything it showed."""

    def __init__(self, seed: int = 0, **options):
        self.world, self.clock, self.frames, self.truth = World(generate_home(seed)), ManualClock(NS_PER_S), [], []
        self.robot = SimRobot(
            self.world,
            seed,
            lambda f, d: self.frames.append((f, d)),
            self.clock,
            options.pop("frame_hz", 0.0),
            on_truth=lambda stamp, sights: self.truth.append((stamp, sights)),
            **options,
        )

    def stand_at(self, p, away: float = 0.0) -> None:
        """Put the robot on the free floor nearest to a point (at least `away` from it), without driving."""
        floor = self.world.floor.centers(self.world.floor.main_part(0.33))
        gap = np.hypot(*(floor - np.asarray(p)[:2]).T)
        self.robot._true[:2] = floor[np.argmin(np.where(gap >= away, gap, np.inf))]

    def beside(self, name: str) -> np.ndarray:
        """Put the robot beside an object; returns the object's true box centre."""
        p = self.world.box(name)[0]
        self.stand_at(p)
        return p


@pytest.fixture
def stage():
    s = Stage()
    yield s
    s.robot.shut_down()
    s.world.close()


def test_it_is_a_robot_body(stage):
    body: RobotBody = stage.robot
    assert (body.reach_m, body.radius_m, body.camera_height_m) == (0.85, 0.28, 1.35)
    assert body.now_ns() == NS_PER_S and not body.holding() and len(body.pose()) == 3


def test_follow_arrives_at_walking_pace_and_shows_frames():
    stage = Stage(frame_hz=1.0)
    goal = stage.world.floor.nearest(stage.world.home.doorways[0].xy, stage.world.floor.main_part(0.33))
    path = stage.world.floor.path(stage.robot.pose()[:2], goal, 0.31)
    result = stage.robot.follow(path, 1.0)
    assert result.ok and result.reason == ""
    assert np.hypot(*(np.array(stage.robot.pose()[:2]) - path[-1])) < 0.05 and stage.robot.pose()[2] == pytest.approx(1.0, abs=0.05)
    assert result.distance_m == pytest.approx(np.linalg.norm(np.diff(path, axis=0), axis=1).sum(), rel=0.2)
    assert result.distance_m / 0.5 <= result.duration_s <= result.distance_m / 0.5 + 12
    assert len(stage.frames) == pytest.approx(result.duration_s, abs=2)
    stamps = [f.stamp_ns for f, _ in stage.frames]
    assert stamps == sorted(set(stamps)) and len(stage.truth) >= len(stage.frames)


def test_follow_is_blocked_by_furniture_and_says_where(stage):
    sofa = stage.world.box("sofa 1")[0]
    result = stage.robot.follow(np.array([sofa[:2]]), None)
    assert not result.ok and result.reason == "blocked"
    at, here = np.array(result.data["at"]), np.array(stage.robot.pose()[:2])
    assert np.hypot(*(at - here)) == pytest.approx(0.26, abs=0.05)
    assert stage.world.distances_to_obstacles([stage.robot.true_pose()[:2]]).min() > 0.2
    back = stage.robot.follow(np.array([stage.world.home.start[:2]]), None)
    assert back.ok, "it can leave where it was blocked"


def test_a_person_in_the_way_blocks(stage):
    x, y, yaw = stage.robot.true_pose()
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    stage.world.add_person("visitor")
    stage.world.place_person("visitor", np.array([x, y]) + 0.7 * ahead)
    result = stage.robot.follow(np.array([np.array([x, y]) + 1.4 * ahead]), None)
    assert (result.ok, result.reason) == (False, "blocked") and result.duration_s > 3.0


def test_look_at_points_the_camera_there(stage):
    rows = stage.world.truth()["objects"]  # something on a low table in the open: nothing hides it
    name = next(o["name"] for o in rows if (o["furniture"] or "").startswith(("coffee table", "dining table")))
    mug = stage.world.box(name)[0]
    stage.stand_at(mug, away=1.2)
    result = stage.robot.look_at(mug)
    assert result.ok and len(stage.frames) == 3 and 1.0 <= result.duration_s <= 4.5
    frame, _ = stage.frames[-1]
    p = transform(inverse(frame.T_map_camera), mug)
    k = frame.intrinsics
    assert p[0] / p[2] * k.fx + k.cx == pytest.approx(k.cx, abs=8) and p[1] / p[2] * k.fy + k.cy == pytest.approx(k.cy, abs=8)
    assert name in {sight.name for _, sights in stage.truth[-3:] for sight in sights}


def test_look_around_sees_every_side(stage):
    result = stage.robot.look_around()
    headings = sorted(np.arctan2(f.T_map_camera[1, 2], f.T_map_camera[0, 2]) for f, _ in stage.frames)
    assert result.ok and len(headings) >= 6  # a frame without depth in range is not published
    assert len(stage.truth) == 8 and np.diff(headings).max() < np.radians(140)


def test_drift_is_slow_bounded_and_not_zero(stage):
    errors = []
    for _ in range(60):
        stage.robot.wait(2.0)
        errors.append(np.array(stage.robot.pose()) - stage.robot.true_pose())
    errors = np.array(errors)
    assert np.abs(errors[:, :2]).max() <= 0.03 and np.abs(errors[:, 2]).max() <= np.radians(0.61)
    assert np.abs(errors[:, :2]).max() > 0.005 and np.abs(np.diff(errors[:, :2], axis=0)).max() < 0.03


def test_pick_and_place(stage):
    mug = stage.beside("mug 1")
    assert stage.robot.pick(mug).ok and stage.robot.holding() and stage.world.holder("mug 1") == "robot"
    assert stage.robot.pick(mug).reason == "hand is full"
    before = stage.world.box("mug 1")[0]
    stage.robot.wait(0.5)
    assert np.allclose(stage.world.box("mug 1")[0], before, atol=1e-6) and before[2] == pytest.approx(0.70)
    assert stage.robot.place(mug + np.array([0, 0, 0.05])).ok and not stage.robot.holding()
    assert np.hypot(*(stage.world.box("mug 1")[0] - mug)[:2]) < 0.06
    assert stage.world.support("mug 1")[1] == "on"


@pytest.mark.parametrize("offset, ok", [((0.0, 0.0, 0.0), True), ((0.0, 0.0, 0.2), False), ((0.12, 0.0, 0.0), False)])
def test_a_grasp_needs_the_object_between_the_fingers(stage, offset, ok):
    mug = stage.beside("mug 1")
    result = stage.robot.pick(mug + np.array(offset))
    assert result.ok == ok and result.reason == ("" if ok else "nothing between the fingers")
    assert result.duration_s >= 6.0 and stage.robot.holding() == ok


def test_out_of_reach(stage):
    mug = stage.world.box("mug 1")[0]
    stage.stand_at(mug, away=1.1)
    assert stage.robot.pick(mug).reason == "out of reach"


def test_place_fails_where_it_must(stage):
    mug = stage.beside("mug 1")
    assert stage.robot.place(mug).reason == "nothing in the hand"
    stage.robot.pick(mug)
    x, y, _ = stage.robot.pose()
    assert stage.robot.place(np.array([x, y, 0.3])).reason == "no surface"
    book = stage.world.home.habits["book 1"][0]
    stage.stand_at(stage.world.box("book 1")[0])
    assert stage.robot.place(stage.world.box("book 1")[0]).reason == "surface is taken", book
    assert stage.robot.holding()


def test_doors_open_and_close(stage):
    fridge = stage.world.home.piece("fridge 1")
    front = fridge.to_map((0.31 + 0.6, 0, 0))
    stage.stand_at(front)
    inside = next(o["name"] for o in stage.world.truth()["objects"] if o["furniture"] == "fridge 1")
    p = stage.world.box(inside)[0]
    assert stage.robot.pick(p).reason in ("nothing between the fingers", "out of reach")
    assert stage.robot.open(fridge.center).ok and stage.world.open_fraction("fridge 1") == 1.0
    assert stage.robot.close(fridge.center).ok and stage.world.open_fraction("fridge 1") == 0.0
    assert stage.robot.open(fridge.center + np.array([0, 0, 3.0])).reason == "nothing to open"
    stage.stand_at(stage.world.box("bed 1")[0])
    assert stage.robot.close(stage.world.box("bed 1")[0]).reason == "nothing to close"
    assert stage.robot.open(fridge.center).reason == "out of reach"


def test_a_tv_is_too_big(stage):
    tv = stage.beside("tv 1")
    assert stage.robot.pick(tv).reason in ("too big for the gripper", "out of reach")


def test_faults_make_grasps_slip():
    stage = Stage(faults=Faults(grasp_failure=1.0, open_failure=1.0))
    assert stage.robot.pick(stage.beside("mug 1")).reason == "slipped" and not stage.robot.holding()
    fridge = stage.world.home.piece("fridge 1")
    stage.stand_at(fridge.to_map((0.9, 0, 0)))
    assert stage.robot.open(fridge.center).reason == "stuck"


@pytest.mark.parametrize(
    "p, ok",
    [
        ((0.5, 0, 0.8), True),
        ((0.75, 0, 0.45), True),
        ((0.0, 0.6, 1.4), True),
        ((-0.5, 0.3, 0.9), True),
        ((0.9, 0, 0.8), False),
        ((0.5, 0, 2.3), False),
    ],
)
def test_arm_reach(p, ok):
    arm = Arm()
    assert arm.reaches(p) == ok
    arm.close()


def test_every_object_in_the_open_can_be_grasped_from_somewhere(stage):
    arm, floor = Arm(), stage.world.floor.centers(stage.world.floor.main_part(0.33))
    for name in stage.world.object_names:
        if stage.world.reachable_inside(name) and stage.world.label(name) != "tv":
            p = stage.world.box(name)[0]
            away = float(np.hypot(*(floor - p[:2]).T).min())
            assert arm.reaches((away, 0.0, p[2])), (name, away, p[2])
    arm.close()


def test_same_seed_same_life():
    lives = []
    for _ in range(2):
        stage = Stage(seed=2, frame_hz=1.0)
        stage.robot.look_at(stage.world.box("mug 1")[0])
        stage.robot.wait(3.0)
        lives.append(
            [
                (f.stamp_ns, f.rgb.tobytes(), f.depth_m.tobytes(), f.T_map_camera.tobytes(), d.labels, d.scores.tobytes())
                for f, d in stage.frames
            ]
        )
        stage.world.close()
    assert lives[0] == lives[1] and len(lives[0]) >= 5
