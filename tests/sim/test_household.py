"""Homes: counts, clearance, reachability, no interpenetration, determinism."""

from collections import Counter

import numpy as np
import pytest

from robomem.errors import InvalidInputError
from robomem.geometry import footprint, overlap_area
from robomem.ontology import default_ontology
from robomem_sim.assets import OBJECT_LABELS, object_model
from robomem_sim.freespace import FreeSpace, obstacles
from robomem_sim.home import STANDING_GAP_M, Home, surface_under
from robomem_sim.household import MIN_CLASSES, MIN_OBJECTS, generate_home

SEEDS = range(10)


def boxes_of(home: Home) -> list[tuple[str, np.ndarray, np.ndarray, float]]:
    """(owner, centre, size, yaw) of every furniture block and object, map frame, doors shut."""
    out = []
    for piece in home.furniture:
        out += [(piece.name, piece.to_map(b.center), np.array(b.size), piece.yaw_rad) for b in piece.model.blocks]
    for item in home.objects:
        size = object_model(item.label).size
        center = home.piece(item.spot.furniture).to_map(item.spot.local) + np.array([0, 0, size[2] / 2 + STANDING_GAP_M])
        out.append((item.name, center, size, item.yaw_rad))
    return out


@pytest.mark.parametrize("seed", SEEDS)
def test_counts(seed):
    home = generate_home(seed)
    labels = Counter(o.label for o in home.objects)
    assert len(home.rooms) >= 4 and {"kitchen", "living room", "bedroom", "study"} <= {r.name for r in home.rooms}
    assert 13 <= home.size[0] <= 15 and 8.5 <= home.size[1] <= 10
    assert sum(labels.values()) >= MIN_OBJECTS and len(labels) >= MIN_CLASSES
    assert labels["mug"] == 1 and labels["book"] >= 1 and labels["hammer"] == 0
    assert next(o for o in home.objects if o.label == "mug").color == "red"
    assert sum(n > 1 for n in labels.values()) >= 3
    furniture = Counter(f.label for f in home.furniture)
    assert {
        "dining table",
        "counter",
        "shelf",
        "sofa",
        "bed",
        "desk",
        "coffee table",
        "nightstand",
        "tv stand",
        "chair",
        "fridge",
        "cabinet",
        "dresser",
    } <= set(furniture)
    assert len({o.name for o in home.objects} | {f.name for f in home.furniture}) == len(home.objects) + len(home.furniture)


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_and_sizes_belong_to_the_ontology(seed):
    home, ontology = generate_home(seed), default_ontology()
    for label in {o.label for o in home.objects} | {f.label for f in home.furniture}:
        assert ontology.canonical(label) == label and ontology.known(label), label


@pytest.mark.parametrize("seed", SEEDS)
def test_most_things_stand_in_the_open_and_a_few_are_shut_in(seed):
    home = generate_home(seed)
    shut = [o for o in home.objects if surface_under(home.piece(o.spot.furniture), o.spot.local).closed]
    assert 2 <= len(shut) <= 0.3 * len(home.objects)
    assert {home.piece(o.spot.furniture).label for o in shut} & {"fridge", "cabinet"}


@pytest.mark.parametrize("seed", SEEDS)
def test_free_floor_is_one_piece_and_reaches_every_room(seed):
    home = generate_home(seed)
    floor = FreeSpace(home.size, obstacles(home.walls, home.furniture))
    walk = floor.main_part(0.33)
    loose = (floor.clearance > 0.33) & ~walk
    assert loose.sum() <= 20
    rooms = {home.room_at(x, y) for x, y in floor.centers(walk)[::7]}
    assert rooms >= {r.name for r in home.rooms}
    for xy in (home.start[:2], home.entrance):
        assert walk[floor.cell(xy)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_object_and_habit_is_within_reach_of_free_floor(seed):
    home = generate_home(seed)
    floor = FreeSpace(home.size, obstacles(home.walls, home.furniture))
    stand = floor.centers(floor.main_part(0.33))
    room_of = np.array([home.room_at(x, y) for x, y in stand])
    for spot in [o.spot for o in home.objects] + [s for spots in home.habits.values() for s in spots]:
        piece = home.piece(spot.furniture)
        p = piece.to_map(spot.local)
        assert np.hypot(*(stand[room_of == piece.room] - p[:2]).T).min() <= 0.85, spot


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_interpenetrates(seed):
    boxes = boxes_of(generate_home(seed))
    center, size = (np.array([box[k] for box in boxes]) for k in (1, 2))
    reach = np.hypot(size[:, 0], size[:, 1]) / 2
    gap = np.linalg.norm(center[:, None, :2] - center[None, :, :2], axis=-1) - reach[:, None] - reach[None]
    level = np.abs(center[:, None, 2] - center[None, :, 2]) < (size[:, None, 2] + size[None, :, 2]) / 2 - 1e-6
    for i, k in np.argwhere(np.triu((gap < 0) & level, 1)):
        (a, ca, sa, ya), (b, cb, sb, yb) = boxes[i], boxes[k]
        if a != b:
            assert overlap_area(footprint(ca, sa, ya), footprint(cb, sb, yb)) < 1e-6, (a, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_furniture_stays_in_its_room_and_out_of_doorways(seed):
    home = generate_home(seed)
    rooms = {r.name: r for r in home.rooms}
    for piece in home.furniture:
        corners = footprint(piece.center, piece.model.size, piece.yaw_rad)
        room = rooms[piece.room]
        assert (corners >= (room.x0, room.y0)).all() and (corners <= (room.x1, room.y1)).all(), piece.name
        for door in home.doorways:
            assert np.hypot(*(corners - door.xy).T).min() > 0.45


@pytest.mark.parametrize("seed", SEEDS)
def test_habits_lie_in_different_rooms_and_weigh_one(seed):
    home = generate_home(seed)
    assert len(home.habits["mug 1"]) >= 3 and len(home.habits) >= 6
    for name, spots in home.habits.items():
        assert sum(s.weight for s in spots) == pytest.approx(1.0)
        assert spots[0].local == next(o for o in home.objects if o.name == name).spot.local
        assert len({home.piece(s.furniture).room for s in spots}) == len(spots)
        assert all(surface_under(home.piece(s.furniture), s.local) is not None for s in spots)


def test_same_seed_same_home_and_other_seed_other_home():
    again = generate_home.__wrapped__(3)
    assert [(o.name, o.spot, o.yaw_rad) for o in again.objects] == [(o.name, o.spot, o.yaw_rad) for o in generate_home(3).objects]
    assert again.walls == generate_home(3).walls
    assert generate_home(4).size != generate_home(3).size


def test_shapes_are_small_and_closed():
    for label in OBJECT_LABELS:
        model = object_model(label)
        assert sum(len(mesh.triangles) for mesh, _ in model.parts) <= 320, label
        assert np.allclose(model.outline.min(axis=0), -model.size / 2) and np.allclose(model.outline.max(axis=0), model.size / 2)
        prior = default_ontology().prior(label).size_m
        assert 0.5 * prior <= model.size.max() <= 1.5 * prior, label


def test_unknown_names_say_what_exists():
    with pytest.raises(InvalidInputError, match=r"no furniture 'piano 1'; have .*sofa 1"):
        generate_home(0).piece("piano 1")
    with pytest.raises(InvalidInputError, match="no shape for 'anvil'"):
        object_model("anvil")
