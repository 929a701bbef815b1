"""Randomised simulator ids change nothing that leaves the simulator."""

import json

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem_sim.household import generate_home
from robomem_sim.people import Person
from robomem_sim.robot import SimRobot
from robomem_sim.world import World


def run(seed: int, id_salt: int) -> tuple[list, World, list]:
    """A little life: look around, drive, open, grasp, while a person carries the mug away."""
    home = generate_home(seed)
    world = World(home, id_salt)
    out: list = []
    robot = SimRobot(world, seed, lambda frame, detections: out.append((frame, detections)), ManualClock(1_000_000_000), frame_hz=1.5)
    Person(world).schedule_move("mug 1", home.habits["mug 1"][1], 2_000_000_000)
    results = [robot.look_around(4)]
    fridge = home.piece("fridge 1")
    goal = world.floor.nearest(fridge.to_map((0.31 + 0.4, 0, 0))[:2], world.floor.main_part(0.33))
    way = world.floor.path(robot.pose()[:2], goal, 0.31)
    robot._true[:2] = way[-60]  # three metres of driving are enough
    results.append(robot.follow(way[-60:], None))
    results += [robot.open(fridge.center), robot.look_at(fridge.center)]
    results.append(robot.pick(world.box("bottle 2")[0]))
    robot.shut_down()
    return out, world, results


@pytest.fixture(scope="module")
def runs():
    out = [run(0, salt) for salt in (0, 1)]
    yield out
    for _, world, _ in out:
        world.close()


def test_simulator_ids_change_nothing(runs):
    (plain, world_a, results_a), (salted, world_b, results_b) = runs
    assert world_a.stage.simulator_ids != world_b.stage.simulator_ids
    assert len(plain) == len(salted) >= 20
    for (frame_a, found_a), (frame_b, found_b) in zip(plain, salted, strict=True):
        assert frame_a.rgb.tobytes() == frame_b.rgb.tobytes()
        assert frame_a.depth_m.tobytes() == frame_b.depth_m.tobytes()
        assert frame_a.T_map_camera.tobytes() == frame_b.T_map_camera.tobytes() and frame_a.stamp_ns == frame_b.stamp_ns
        assert found_a.labels == found_b.labels and found_a.states == found_b.states
        assert found_a.scores.tobytes() == found_b.scores.tobytes() and found_a.boxes_xyxy.tobytes() == found_b.boxes_xyxy.tobytes()
        assert (found_a.masks is None) == (found_b.masks is None)
        assert found_a.masks is None or found_a.masks.tobytes() == found_b.masks.tobytes()
    assert results_a == results_b
    assert json.dumps(world_a.truth()) == json.dumps(world_b.truth())


def test_frames_carry_no_names(runs):
    frames, world, results = runs[0]
    for frame, detections in frames:
        assert frame.camera == "head"
        assert not set(world.names) & set(detections.labels), "instance names such as 'mug 1' are truth"
    assert not any(name in json.dumps([dict(r.data), r.reason]) for r in results for name in world.names)
    assert all(np.isfinite(f.depth_m).all() for f, _ in frames)


def test_the_short_life_was_a_real_one(runs):
    frames, world, results = runs[0]
    assert [r.reason for r in results[1:4]] == ["", "", ""], results  # drove there, opened, looked
    assert world.open_fraction("fridge 1") == 1.0
    assert world.holder("mug 1") == "person 1" or world.support("mug 1")[0] == world.home.habits["mug 1"][1].furniture
    assert len({label for _, found in frames for label in found.labels}) >= 5
