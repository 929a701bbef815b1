"""The explorer: it sees the whole home on a reasonable way, sticks to its goals, and gives up what cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.planning.exploration import Explorer
from robomem.scene_graph.occupancy import OccupancyGrid
from tests.fakes.explored_home import RADIUS_M, START, cell_centres, explore, explored_home
from tests.fakes.plane_world import PlaneRobot, home_2x2


def coverage(home: object) -> float:
    """Share of the truly reachable floor that is known free."""
    grid, world = home.grid, home.world  # type: ignore[attr-defined]
    return float(grid.free[world.reachable(cell_centres(grid), START, RADIUS_M)].mean())


def test_it_explores_the_whole_home_without_touching_anything() -> None:
    home = explored_home()
    assert coverage(home) >= 0.97
    assert home.robot.travelled_m < 45.0 and home.goals < 60
    assert home.robot.least_clearance_m > RADIUS_M - 0.06


def test_inspection_brings_it_near_every_surface() -> None:
    home = explore(home_2x2(), (7.0, 3.0), inspect_m=2.2)
    assert coverage(home) >= 0.97 and home.robot.travelled_m < 70.0
    xy, near = cell_centres(home.grid), home.grid.nearest_view_m
    tops = home.grid.occupied & ~home.grid.tall & (xy > 0.2).all(axis=-1) & (xy[..., 0] < 9.8) & (xy[..., 1] < 7.8)
    assert (near[tops] <= 2.3).mean() > 0.93


def test_the_same_home_gives_the_same_tour() -> None:
    a, b = (explore(home_2x2(), (7.0, 3.0), limit=6) for _ in range(2))
    assert a.robot.pose == b.robot.pose and np.array_equal(a.grid.slabs, b.grid.slabs)


def fresh() -> tuple[OccupancyGrid, PlaneRobot]:
    """A robot that has looked around once."""
    grid = OccupancyGrid()
    robot = PlaneRobot(home_2x2(), grid, *START)
    grid.mark_free(START, 0.3)
    robot.look_around()
    return grid, robot


def test_it_keeps_its_goal_while_nothing_changes() -> None:
    grid, robot = fresh()
    explorer = Explorer()
    first = explorer.next_goal(grid, robot.pose)
    assert first is not None
    moved = (robot.x + 0.3, robot.y, robot.yaw)
    again = explorer.next_goal(grid, moved)
    assert again is not None and np.linalg.norm(again.about - first.about) < 0.6


def test_a_failed_goal_is_not_offered_again_and_it_ends() -> None:
    grid, robot = fresh()
    explorer, offered = Explorer(), []
    while (goal := explorer.next_goal(grid, robot.pose)) is not None:
        assert all(np.linalg.norm(goal.about - g.about) > 0.5 for g in offered)
        offered.append(goal)
        explorer.failed()
    assert 1 <= len(offered) < 60 and explorer.goal is None


def test_a_goal_reached_in_vain_is_given_up() -> None:
    grid, robot = fresh()
    explorer = Explorer()
    first = explorer.next_goal(grid, robot.pose)
    assert first is not None
    second = explorer.next_goal(grid, first.pose)  # it stands there and the map is the same: nothing was to be seen
    assert second is None or np.linalg.norm(second.about - first.about) > 0.5


@pytest.mark.parametrize("pose", [(50.0, 50.0, 0.0), (2.2, 1.7, 0.0)], ids=["off the map", "in a table"])
def test_a_lost_robot_gets_no_goal(pose: tuple[float, float, float]) -> None:
    assert Explorer().next_goal(explored_home().grid, pose) is None
