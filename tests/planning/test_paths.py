"""Paths, frontiers, points of view and standing points on the map of an explored home."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.planning import paths
from robomem.scene_graph.occupancy import OccupancyGrid, clearance
from tests.fakes.explored_home import RADIUS_M, START, explored_home
from tests.fakes.plane_world import PlaneRobot, PlaneWorld, block, home_2x2, wall

FREE_SPOTS = [(1.3, 3.0), (4.2, 3.2), (6.5, 3.2), (9.0, 1.0), (6.0, 7.0), (9.0, 6.4), (3.0, 5.0), (4.3, 7.3)]
TARGETS = {
    "mug at the back of the counter": (0.3, 2.9, 0.95),
    "bowl in the middle of the table": (2.2, 1.7, 0.8),
    "remote on the tv stand": (9.7, 2.2, 0.55),
    "lamp on the nightstand": (0.35, 5.7, 0.7),
    "laptop on the desk": (8.0, 7.4, 0.8),
    "book in the shelf": (9.75, 5.5, 1.0),
    "vase on the dresser": (3.6, 7.75, 1.0),
}
ROOM_OF = {"mug": (0, 0), "bowl": (0, 0), "remote": (1, 0), "lamp": (0, 1), "laptop": (1, 1), "book": (1, 1), "vase": (0, 1)}


def samples(path: np.ndarray, step_m: float = 0.02) -> np.ndarray:
    """Points along a polyline."""
    along = [np.linspace(0, 1, max(2, int(np.linalg.norm(b - a) / step_m)))[:, None] for a, b in pairwise(path)]
    return np.concatenate([a + (b - a) * t for (a, b), t in zip(pairwise(path), along, strict=True)])


@pytest.mark.parametrize("start", FREE_SPOTS)
@pytest.mark.parametrize("goal", FREE_SPOTS)
def test_paths_join_all_rooms_safely_and_directly(start: tuple[float, float], goal: tuple[float, float]) -> None:
    home = explored_home()
    path = paths.plan_path(home.grid, start, goal, RADIUS_M)
    assert path is not None and np.allclose(path[0], start) and np.linalg.norm(path[-1] - goal) < 0.15
    cells = home.grid.to_cell(samples(path))
    assert clearance(home.grid)[cells[:, 0], cells[:, 1]].min() >= RADIUS_M - 0.05
    assert home.world.clearance(samples(path)).min() > RADIUS_M - 0.08, "the map is off by the drift of the pose, 6 cm at most"
    field = paths.travel_distances(home.grid, start, RADIUS_M)
    assert paths.path_length(path) <= 1.25 * field[tuple(home.grid.to_cell(path[-1]))] + 0.3


def test_a_path_takes_the_middle_of_a_doorway() -> None:
    path = paths.plan_path(explored_home().grid, (4.0, 2.4), (6.0, 2.4), RADIUS_M)
    assert path is not None
    crossing = samples(path)
    assert abs(crossing[np.argmin(np.abs(crossing[:, 0] - 5.0)), 1] - 2.0) < 0.12


@pytest.mark.parametrize(
    ("goal", "tolerance", "ends"),
    [((2.2, 1.7), 0.15, False), ((2.2, 1.7), 1.2, True), ((-3.0, 2.0), 0.5, False), ((60.0, 60.0), 0.5, False)],
    ids=["on the table", "near the table will do", "outside", "off the grid"],
)
def test_goals_that_cannot_be_stood_on(goal: tuple[float, float], tolerance: float, ends: bool) -> None:
    path = paths.plan_path(explored_home().grid, START, goal, RADIUS_M, goal_tolerance_m=tolerance)
    assert (path is not None) == ends
    if path is not None:
        assert np.linalg.norm(path[-1] - goal) <= tolerance


def test_a_robot_that_stands_too_near_a_wall_gets_out() -> None:
    grid = explored_home().grid
    path = paths.plan_path(grid, (4.75, 3.2), (3.0, 3.0), RADIUS_M)
    assert path is not None and np.allclose(path[0], (4.75, 3.2)) and np.allclose(path[-1], (3.0, 3.0))


def test_a_robot_outside_the_map_has_no_path() -> None:
    assert paths.plan_path(explored_home().grid, (30.0, 30.0), START, RADIUS_M) is None
    assert not np.isfinite(paths.travel_distances(explored_home().grid, (30.0, 30.0), RADIUS_M)).any()
    assert paths.path_length(None) == np.inf


def test_a_closed_door_separates() -> None:
    world = home_2x2(furnished=False)
    world.boxes += [wall(5, 1, 5, 3), wall(2, 4, 3, 4)]  # both ways out of the first room
    grid = OccupancyGrid()
    for k, spot in enumerate([(2.5, 2.0), (4.0, 2.0), (6.0, 2.0), (2.5, 6.0)]):
        PlaneRobot(world, grid, *spot, stamp_ns=k * 10**10).look_around()
    assert paths.plan_path(grid, (2.5, 2.0), (6.0, 2.0), RADIUS_M) is None
    assert paths.plan_path(grid, (2.5, 2.0), (4.0, 3.0), RADIUS_M) is not None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 7), st.integers(0, 7), st.floats(0.2, 12.0))
def test_the_head_of_a_path(i: int, j: int, length: float) -> None:
    path = paths.plan_path(explored_home().grid, FREE_SPOTS[i], FREE_SPOTS[j], RADIUS_M)
    assert path is not None
    head = paths.head(path, length)
    assert paths.path_length(head) == pytest.approx(min(length, paths.path_length(path)), abs=1e-6)
    assert np.allclose(head[0], path[0]) and len(head) <= len(path)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 7), st.integers(0, 7))
def test_travel_is_symmetric_and_no_shorter_than_the_crow_flies(i: int, j: int) -> None:
    grid = explored_home().grid
    there = paths.travel_distances(grid, FREE_SPOTS[i], RADIUS_M)[tuple(grid.to_cell(FREE_SPOTS[j]))]
    back = paths.travel_distances(grid, FREE_SPOTS[j], RADIUS_M)[tuple(grid.to_cell(FREE_SPOTS[i]))]
    assert there == pytest.approx(back, abs=0.12)
    assert there >= np.hypot(*np.subtract(FREE_SPOTS[i], FREE_SPOTS[j])) - 0.1


def test_frontiers_after_one_look_lie_at_the_doors_and_none_is_left_in_the_end() -> None:
    world, grid = home_2x2(furnished=False), OccupancyGrid()
    grid.mark_free((2.5, 2.0), 0.3)
    PlaneRobot(world, grid, 2.5, 2.0).look_around()
    found = paths.frontiers(grid, (2.5, 2.0))
    assert found and all(f.size >= 6 and f.unknown_m2 > 0 and grid.state(*f.xy) == "free" for f in found)
    assert any(f.xy[1] > 3.9 for f in found) and any(f.xy[0] > 4.9 for f in found)
    assert all(np.linalg.norm(f.toward) == pytest.approx(1.0) for f in found)
    inside = [f for f in paths.frontiers(explored_home().grid, START) if (f.xy > 0.1).all()]
    assert all(f.unknown_m2 < 0.7 for f in inside), "only pockets behind furniture are left"
    assert paths.frontiers(OccupancyGrid()) == []


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("start", [FREE_SPOTS[0], FREE_SPOTS[4]])
def test_viewpoints_see_their_target(name: str, start: tuple[float, float]) -> None:
    home, target = explored_home(), np.array(TARGETS[name])
    pose = paths.viewpoint(home.grid, target, from_xy=start)
    assert pose is not None
    x, y, yaw = pose
    away = target[:2] - (x, y)
    assert 0.6 <= np.linalg.norm(away) <= 2.2 and yaw == pytest.approx(np.arctan2(away[1], away[0]))
    assert home.world.clearance(np.array([x, y])) > RADIUS_M - 0.03
    assert ((x > 5), (y > 4)) == tuple(bool(v) for v in ROOM_OF[name.split()[0]]), "in the target's own room, not behind a wall"
    assert paths.plan_path(home.grid, start, (x, y), RADIUS_M) is not None


def test_a_viewpoint_is_near_the_way_there_and_another_one_can_be_asked_for() -> None:
    grid, target = explored_home().grid, (2.2, 1.7, 0.8)
    first = paths.viewpoint(grid, target, from_xy=(1.3, 3.0))
    assert first is not None and np.hypot(first[0] - 1.3, first[1] - 3.0) < 1.0
    other = paths.viewpoint(grid, target, from_xy=(1.3, 3.0), avoid_xy=[first[:2]])
    assert other is not None and np.hypot(other[0] - first[0], other[1] - first[1]) > 0.5


def test_a_wall_between_hides_the_target() -> None:
    outer = [wall(0, 0, 4, 0), wall(0, 3, 4, 3), wall(0, 0, 0, 3), wall(4, 0, 4, 3), wall(2, 0, 2, 3)]
    world, grid = PlaneWorld([*outer, block(2.7, 1.5, 0.5, 1.0, 0.8, "counter")]), OccupancyGrid()
    PlaneRobot(world, grid, 1.0, 1.5).look_around()
    assert paths.viewpoint(grid, (2.7, 1.5, 0.85), from_xy=(1.0, 1.5)) is None
    assert paths.standing_point(grid, (2.6, 1.5, 0.85), 1.2, from_xy=(1.0, 1.5)) is None


@pytest.mark.parametrize("name", TARGETS)
def test_standing_points_are_within_reach_on_the_right_side(name: str) -> None:
    home, target = explored_home(), np.array(TARGETS[name])
    pose = paths.standing_point(home.grid, target, 0.85, RADIUS_M, from_xy=FREE_SPOTS[5])
    assert pose is not None
    assert np.hypot(*(target[:2] - pose[:2])) <= 0.85
    assert home.world.clearance(np.array(pose[:2])) > RADIUS_M - 0.06
    assert ((pose[0] > 5), (pose[1] > 4)) == tuple(bool(v) for v in ROOM_OF[name.split()[0]])


def test_out_of_reach_is_said() -> None:
    assert paths.standing_point(explored_home().grid, (0.5, 6.9, 0.6), 0.3, from_xy=START) is None
    assert paths.viewpoint(explored_home().grid, (40.0, 40.0, 1.0), from_xy=START) is None
