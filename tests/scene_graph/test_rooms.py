"""Rooms: cut at doorways and nowhere else, the same ids after the map grew, names from furniture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robomem.ontology import default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.rooms import _islands, name_room, segment_rooms
from tests.fakes.explored_home import explore, explored_home
from tests.fakes.plane_world import PlaneRobot, PlaneWorld, block, home_2x2, table, wall

CENTRES = {"kitchen": (2.5, 3.2), "living room": (6.2, 2.8), "bedroom": (3.5, 6.0), "study": (7.0, 5.0)}


def walked(world: PlaneWorld, spots: list[tuple[float, float]]) -> OccupancyGrid:
    """A grid after looking around from a few spots."""
    grid = OccupancyGrid()
    for k, (x, y) in enumerate(spots):
        PlaneRobot(world, grid, x, y, stamp_ns=k * 10**10).look_around()
    return grid


def test_a_home_of_four_rooms_has_four() -> None:
    rooms = segment_rooms(explored_home().grid)
    assert len(rooms.ids) == 4 == len({rooms.room_at(xy) for xy in CENTRES.values()})
    assert all(17.0 < rooms.area_m2(i) < 20.5 for i in rooms.ids)


def test_its_doors_are_where_they_are() -> None:
    rooms = segment_rooms(explored_home().grid)
    assert [(a, b) for a, b, _ in rooms.doors] == sorted({(a, b) for a, b, _ in rooms.doors}) and len(rooms.doors) == 4
    for true in ((5, 2), (5, 6), (2.5, 4), (7.5, 4)):
        assert min(np.linalg.norm(xy - true) for _, _, xy in rooms.doors) < 0.25


@pytest.mark.parametrize("door_m", [0.9, 1.0])
def test_empty_rooms_too(door_m: float) -> None:
    grid = explore(home_2x2(door_m, furnished=False), (2.0, 2.0), drift=False).grid
    assert len(segment_rooms(grid).ids) == 4


@pytest.mark.parametrize(("opening_m", "count"), [(0.9, 2), (2.2, 1), (3.0, 1)])
def test_a_wide_opening_is_no_doorway(opening_m: float, count: int) -> None:
    o = opening_m / 2
    outer = [wall(0, 0, 8, 0), wall(0, 4, 8, 4), wall(0, 0, 0, 4), wall(8, 0, 8, 4)]
    inner = [wall(4, 0, 4, 2 - o), wall(4, 2 + o, 4, 4)]
    grid = walked(PlaneWorld(outer + inner), [(2, 2), (1, 1), (4, 2), (6, 2), (7, 3)])
    assert len(segment_rooms(grid).ids) == count


def test_furniture_does_not_split_a_room() -> None:
    outer = [wall(0, 0, 7, 0), wall(0, 4, 7, 4), wall(0, 0, 0, 4), wall(7, 0, 7, 4)]
    things = [block(3.5, 0.9, 0.8, 1.7, 0.9, "counter"), *table(3.5, 3.3, 0.8, 1.3)]  # 0.9 m of floor between them
    grid = walked(PlaneWorld(outer + things), [(2, 2), (3.5, 2.2), (5, 2), (1, 3), (6, 3)])
    rooms = segment_rooms(grid)
    assert len(rooms.ids) == 1
    assert rooms.room_at((3.5, 0.9)) == rooms.room_at((2, 2)), "what stands in a room is in it"


def test_ids_stay_while_the_home_is_explored() -> None:
    world, grid = home_2x2(), OccupancyGrid()
    rooms, kept, visited = None, {}, set()
    tour = [(2.5, 3.2), (3.4, 2.6), (4.4, 2.0), (6.0, 2.2), (7.0, 2.8), (7.5, 4.6), (6.8, 5.6), (4.4, 6.0), (3.0, 5.5), (2.6, 6.6)]
    for k, (x, y) in enumerate(tour):
        PlaneRobot(world, grid, x, y, stamp_ns=k * 10**10).look_around()
        rooms = segment_rooms(grid).match(rooms)
        here = rooms.room_at((x, y))
        assert here > 0
        visited |= {("kitchen", "living room", "bedroom", "study")[(x > 5) + 2 * (y > 4)]}
        for name, centre in CENTRES.items():
            if name in visited:  # a room so far only glimpsed through its door may still be one with the next
                assert kept.setdefault(name, rooms.room_at(centre)) == rooms.room_at(centre), f"{name} changed its id at step {k}"
    assert len(kept) == 4 == len(set(kept.values()))


def test_match_keeps_ids_and_never_reuses_one() -> None:
    rooms = segment_rooms(explored_home().grid)
    shuffled = rooms.match(None)
    object.__setattr__(shuffled, "labels", np.array([0, 9, 7, 3, 5])[rooms.labels].astype(np.int32))
    object.__setattr__(shuffled, "next_id", 12)
    again = segment_rooms(explored_home().grid).match(shuffled)
    assert set(again.ids) == {9, 7, 3, 5} and again.next_id == 12
    assert np.array_equal(again.labels, shuffled.labels)
    assert all(a < b and {a, b} <= set(again.ids) for a, b, _ in again.doors)


def test_a_spot_in_a_wall_belongs_to_the_room_beside_it_and_one_outside_to_none() -> None:
    rooms = segment_rooms(explored_home().grid)
    assert rooms.room_at((9.98, 3.0)) == rooms.room_at(CENTRES["living room"])
    assert rooms.room_at((20.0, 3.0)) == 0 == rooms.room_at((-9.0, -9.0))
    with pytest.raises(KeyError, match="room 77 is not on the map"):
        rooms.center(77)


def test_nothing_seen_no_rooms() -> None:
    rooms = segment_rooms(OccupancyGrid())
    assert rooms.ids == [] and rooms.doors == [] and rooms.room_at((0, 0)) == 0


@pytest.mark.parametrize(
    ("furniture", "name"),
    [
        (["fridge", "counter", "cabinet"], "kitchen"),
        (["couch", "coffee table"], "living room"),
        (["bed", "nightstand", "desk"], "bedroom"),
        (["desk", "shelf"], "study"),
        (["refrigerator"], "kitchen"),
        ([], "room"),
        (["chair", "chair"], "room"),
        (["dining table"], "dining room"),
        (["lamp"], "room"),
    ],
)
def test_names(furniture: list[str], name: str) -> None:
    said, probability = name_room(furniture, default_ontology())
    assert said == name and 0.0 < probability <= 1.0


def test_more_evidence_is_surer() -> None:
    sure = [name_room(f, default_ontology())[1] for f in (["counter"], ["counter", "fridge"], ["counter", "fridge", "oven"])]
    assert sure == sorted(sure) and sure[0] < 0.75 < sure[-1]


def test_what_a_lost_robot_saw_far_off_changes_nothing_and_costs_little() -> None:
    """Islands of known floor are cut each on its own: the home as without them, and nothing is asked of the emptiness between."""
    home = explored_home().grid
    alone = segment_rooms(home)
    grid = OccupancyGrid.restore(home.snapshot())

    class Astray:
        def update(self, frame: RgbdFrame) -> None:
            pose = frame.T_map_camera.copy()
            pose[:2, 3] += (40.0, 33.0)
            grid.update(replace(frame, T_map_camera=pose))

    for k in range(3):
        PlaneRobot(home_2x2(), Astray(), 2.0, 2.0, yaw=2.0 * k, stamp_ns=10**13 + k * 10**10).look_around()
    assert grid.shape[0] > 2 * home.shape[0]
    both = segment_rooms(grid)
    assert len(both.ids) > 4 and [both.area_m2(i) for i in both.ids] == sorted((both.area_m2(i) for i in both.ids), reverse=True)
    matched = both.match(alone)
    for i in alone.ids:  # but for what the grid itself forgets in between
        assert matched.area_m2(i) == pytest.approx(alone.area_m2(i), abs=0.1)
        assert matched.extent(i) == pytest.approx(alone.extent(i), abs=0.11) and matched.center(i) == pytest.approx(
            alone.center(i), abs=0.02
        )
    assert matched.next_id == len(both.ids) + 1
    for _, _, xy in alone.doors:
        assert min(np.linalg.norm(there - xy) for _, _, there in both.doors) < 0.1
    windows = _islands(grid.free | grid.occupied | grid.tall, 22)
    assert len(windows) == 2 and sum((a.stop - a.start) * (b.stop - b.start) for a, b in windows) < 0.5 * grid.free.size


def test_islands_have_nothing_in_common_and_miss_nothing() -> None:
    """A scrap inside a ring belongs to the ring: its windows would overlap."""
    rng = np.random.default_rng(4)
    for _ in range(30):
        known = rng.random((90, 130)) < 0.002
        known[10:60, 20] = known[10:60, 70] = known[10, 20:70] = known[59, 20:70] = True
        count = np.zeros(known.shape, int)
        for window in _islands(known, 4):
            count[window] += 1
        assert count.max() == 1 and (count[known] == 1).all() and (count[10:60, 20:71] == 1).all()
    assert _islands(np.zeros((9, 9), bool), 4) == []
