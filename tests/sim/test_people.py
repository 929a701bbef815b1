"""People: they walk, carry, open and close, keep off the robot, and leave."""

import numpy as np
import pytest

from robomem.clock import NS_PER_S, ManualClock
from robomem.errors import InvalidInputError
from robomem.geometry import look_at
from robomem_sim.camera import head_intrinsics, render
from robomem_sim.home import Spot
from robomem_sim.household import generate_home
from robomem_sim.people import Person
from robomem_sim.robot import SimRobot
from robomem_sim.world import World

FAR = np.array([100.0, 100.0])


def live(world: World, seconds: float, robot=FAR, start_s: float = 0.0, step_s: float = 0.5) -> list[tuple[float, np.ndarray]]:
    """Let people act; returns (time s, where person 1 was) while there."""
    track = []
    for k in range(int(seconds / step_s) + 1):
        now = start_s + k * step_s
        world.advance_people(round(now * NS_PER_S), robot)
        if "person 1" in world.persons():
            track.append((now, world.persons()["person 1"][0]))
    return track


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_person_carries_the_mug_to_its_new_place_and_leaves(seed):
    world = World(generate_home(seed))
    person, spot = Person(world), world.home.habits["mug 1"][1]
    person.schedule_move("mug 1", spot, 5 * NS_PER_S)
    before = world.box("mug 1")[0]
    track = live(world, 120)
    assert track[0][0] == pytest.approx(5, abs=0.6) and track[-1][0] < 110 and not world.persons() and not person.busy
    steps = np.linalg.norm(np.diff([xy for _, xy in track], axis=0), axis=1)
    assert steps.max() <= 0.8 * 0.5 + 0.05  # walks, never jumps
    assert min(world.floor.clearance[world.floor.cell(xy)] for _, xy in track) > 0.2
    after = world.box("mug 1")[0]
    assert world.support("mug 1")[0] == spot.furniture and world.holder("mug 1") is None and np.hypot(*(after - before)[:2]) > 0.5
    world.close()


def test_the_object_rides_in_the_hand():
    world = World(generate_home(0))
    Person(world).schedule_move("mug 1", world.home.habits["mug 1"][1], 0)
    carried = []
    for k in range(200):
        world.advance_people(k * NS_PER_S // 4, FAR)
        if world.holder("mug 1") == "person 1":
            carried.append(float(np.hypot(*(world.box("mug 1")[0][:2] - world.persons()["person 1"][0]))))
    assert len(carried) > 10 and max(carried) < 0.35
    world.close()


def test_a_person_is_seen_and_named_only_while_there():
    world, k = World(generate_home(0)), head_intrinsics()
    Person(world)
    x, y, yaw = world.home.start
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    T = look_at([x, y, 1.35], [*(np.array([x, y]) + 2 * ahead), 0.9])
    for there in (True, False):
        world.place_person("person 1", np.array([x, y]) + 1.5 * ahead if there else None)
        seen = (render(world, T, k).entity == world.names.index("person 1")).sum()
        assert (seen > 3000) == there
    assert world.label("person 1") == "person"
    world.close()


def test_a_person_keeps_off_the_robot():
    world = World(generate_home(0))
    person, spot = Person(world), world.home.habits["mug 1"][1]
    person.schedule_move("mug 1", spot, 0)
    way = world.floor.path(world.box("mug 1")[0][:2], world.home.piece(spot.furniture).xy, 0.28)
    robot = max(way[20:-20], key=lambda p: world.floor.clearance[world.floor.cell(p)])  # in the middle of the widest room it must cross
    track = live(world, 150, robot=robot)
    assert min(np.hypot(*(xy - robot)) for _, xy in track) > 0.55
    world.close()


def test_a_shut_cabinet_is_opened_and_shut_again():
    world = World(generate_home(0))
    inside = next(o["name"] for o in world.truth()["objects"] if o["relation"] == "inside" and o["furniture"].startswith("fridge"))
    Person(world).schedule_move(inside, world.home.habits["mug 1"][1], 0)
    states = []
    for k in range(300):
        world.advance_people(k * NS_PER_S // 4, FAR)
        states.append(world.open_fraction("fridge 1"))
    assert max(states) == 1.0 and states[-1] == 0.0 and world.support(inside)[1] == "on"
    world.close()


def test_an_object_that_is_gone_is_given_up():
    world = World(generate_home(0))
    person = Person(world)
    person.schedule_move("mug 1", world.home.habits["mug 1"][1], 0)
    live(world, 1.0)
    world.carry("mug 1", "robot", (1, 1, 0.7), 0.0)
    live(world, 90, start_s=1.5)
    assert not person.busy and not world.persons() and world.holder("mug 1") == "robot"
    world.close()


@pytest.mark.parametrize(
    "name, spot, text",
    [
        ("anvil", Spot("sofa 1", (0.13, 0, 0.43)), "no object 'anvil'"),
        ("mug 1", Spot("sofa 1", (0, 0, 3.0)), "no surface at"),
        ("mug 1", Spot("piano", (0, 0, 1)), "no furniture 'piano'"),
    ],
)
def test_impossible_errands_are_refused(name, spot, text):
    world = World(generate_home(0))
    with pytest.raises(InvalidInputError, match=text):
        Person(world).schedule_move(name, spot, 0)
    world.close()


def test_face_to_face_in_a_doorway_the_person_steps_back():
    home = generate_home(0)
    world = World(home)
    robot = SimRobot(world, 0, lambda frame, detections: None, ManualClock(NS_PER_S), frame_hz=0)
    Person(world).schedule_move("mug 1", home.habits["mug 1"][1], 2 * NS_PER_S)
    robot.wait(8.8)
    blocked = [robot.follow(world.floor.path(robot.pose()[:2], door.xy, 0.31), None).reason for door in (*home.doorways, *home.doorways)]
    assert blocked.count("blocked") <= 1
    world.close()
