"""The world's true state: moving, opening, carrying, putting down, and what truth() says of it."""

import json

import numpy as np
import pytest

from robomem.errors import InvalidInputError
from robomem_sim.fast_stage import FastStage
from robomem_sim.household import generate_home
from robomem_sim.people import teleport_move
from robomem_sim.world import World


@pytest.fixture
def world():
    w = World(generate_home(0))
    yield w
    w.close()


def row(world: World, name: str) -> dict:
    """The truth about one object."""
    return next(o for o in world.truth()["objects"] if o["name"] == name)


def test_truth_is_json_and_complete(world):
    truth = json.loads(json.dumps(world.truth()))
    assert truth["seed"] == 0 and len(truth["objects"]) == len(world.home.objects) and truth["persons"] == []
    rooms = {r["name"] for r in truth["rooms"]}
    for entry in truth["objects"] + truth["furniture"]:
        assert entry["room"] in rooms and len(entry["position"]) == len(entry["size"]) == 3 and min(entry["size"]) > 0
    for entry in truth["objects"]:
        piece = world.home.piece(entry["furniture"])
        local = piece.to_local(np.array(entry["position"]))
        assert (np.abs(local[:2]) <= np.array(piece.model.size[:2]) / 2).all(), entry["name"]
        assert entry["relation"] in ("on", "inside") and entry["holder"] is None
        assert entry["shut_in"] == (entry["relation"] == "inside")


def test_move_object_goes_to_the_spot_and_keeps_its_shape(world):
    spot = world.home.habits["mug 1"][1]
    center = teleport_move(world, "mug 1", spot)
    piece = world.home.piece(spot.furniture)
    assert np.allclose(center[:2], piece.to_map(spot.local)[:2]) and np.allclose(center, row(world, "mug 1")["position"])
    assert center[2] == pytest.approx(spot.local[2] + world.model("mug 1").size[2] / 2 + 0.001)
    assert row(world, "mug 1")["furniture"] == spot.furniture and row(world, "mug 1")["room"] == piece.room


def test_a_taken_spot_gives_the_nearest_free_one(world):
    taken = next(o for o in world.home.objects if o.name == "book 1").spot
    center = world.move_object("mug 1", taken.furniture, taken.local)
    aim = world.home.piece(taken.furniture).to_map(taken.local)
    assert 0.02 < np.hypot(*(center - aim)[:2]) < 0.4
    assert world.collision("mug 1", center) is None


def test_every_habit_has_room(world):
    for name, spots in world.home.habits.items():
        for spot in spots[1:]:
            center = teleport_move(world, name, spot)
            assert np.hypot(*(center - world.home.piece(spot.furniture).to_map(spot.local))[:2]) < 0.05, (name, spot)


def test_a_drawer_takes_its_content_along(world):
    rows = [o for o in world.truth()["objects"] if (o["furniture"] or "").startswith("dresser") and o["relation"] == "inside"]
    inside, dresser = rows[0]["name"], rows[0]["furniture"]
    before = world.box(inside)[0]
    assert not world.reachable_inside(inside)
    world.set_open(dresser, 1.0)
    moved = world.box(inside)[0] - before
    front = np.array([np.cos(world.home.piece(dresser).yaw_rad), np.sin(world.home.piece(dresser).yaw_rad), 0])
    assert np.allclose(moved, 0.30 * front) and world.reachable_inside(inside)
    world.set_open(dresser, 0.0)
    assert np.allclose(world.box(inside)[0], before)


def test_doors_give_access(world):
    inside = next(o["name"] for o in world.truth()["objects"] if o["furniture"] == "fridge 1")
    p = world.box(inside)[0]
    assert world.surface_below(p) is None and not world.reachable_inside(inside)
    world.set_open("fridge 1", 1.0)
    assert world.surface_below(p)[0] == "fridge 1" and world.reachable_inside(inside)
    assert next(f for f in world.truth()["furniture"] if f["name"] == "fridge 1")["open"] == 1.0


def test_carrying_and_putting_down(world):
    spot = world.home.habits["mug 1"][0]
    world.carry("mug 1", "robot", (3.0, 3.0, 0.7), 0.3)
    assert row(world, "mug 1")["holder"] == "robot" and row(world, "mug 1")["furniture"] is None
    assert world.put_down("mug 1", spot.furniture, spot.local, 0.0) is None
    assert row(world, "mug 1")["holder"] is None and row(world, "mug 1")["furniture"] == spot.furniture


def test_put_down_refuses_a_taken_place(world):
    book = next(o for o in world.home.objects if o.name == "book 1").spot
    world.carry("mug 1", "robot", (3.0, 3.0, 0.7), 0.3)
    assert world.put_down("mug 1", book.furniture, book.local, 0.0) == "book 1"
    assert world.holder("mug 1") == "robot"


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda w: w.move_object("anvil", "sofa 1", (0, 0, 0.43)), "no object 'anvil'"),
        (lambda w: w.move_object("mug 1", "piano", (0, 0, 1)), "no furniture 'piano'"),
        (lambda w: w.move_object("mug 1", "sofa 1", (0, 0, 2.0)), "has no surface at"),
        (lambda w: w.set_open("sofa 1", 1.0), "has no door or drawer; openable are"),
        (lambda w: w.move_object("tv 1", "chair 1", (0.02, 0, 0.46)), "no room for tv 1"),
    ],
)
def test_bad_requests_say_what_would_do(world, call, text):
    with pytest.raises(InvalidInputError, match=text):
        call(world)


def test_whether_a_thing_fits_depends_on_how_it_will_be_turned():
    """`move_object` used to check the fit with the old yaw and turn the thing afterwards."""
    world = World(generate_home(0), stage=FastStage)
    shelf = next(f for f in world.home.furniture if f.label == "shelf")
    surface = shelf.model.surfaces[1]
    for name in world.object_names:  # an empty shelf
        if (world.support(name) or ("",))[0] == shelf.name:
            world.take_out(name)
    world.take_out("keyboard 1")  # 0.43 m wide; the board is 0.27 m deep
    along = shelf.yaw_rad
    world.move_object("keyboard 1", shelf.name, surface.center, along)
    assert world.box("keyboard 1")[2] == along
    with pytest.raises(InvalidInputError, match="no room for keyboard 1"):
        world.move_object("keyboard 1", shelf.name, surface.center, along + np.pi / 2)
    assert world.box("keyboard 1")[2] == along
