"""The 2x2 home as a robot with a drifting pose has explored it: made once per test run, shared by the tests of map, rooms and paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from robomem.planning import paths
from robomem.planning.exploration import Explorer
from robomem.scene_graph.occupancy import OccupancyGrid
from tests.fakes.plane_world import PlaneRobot, PlaneWorld, home_2x2

RADIUS_M = 0.28
START = (1.3, 3.0)


@dataclass(frozen=True)
class Explored:
    """A run's outcome; treat the grid as read only (copy it by snapshot and restore)."""

    world: PlaneWorld
    grid: OccupancyGrid
    robot: PlaneRobot
    goals: int

    def copy(self) -> OccupancyGrid:
        """A grid of one's own."""
        return OccupancyGrid.restore(self.grid.snapshot())


def explore(world: PlaneWorld, start: tuple[float, float], drift: bool = True, inspect_m: float = 0.0, limit: int = 120) -> Explored:
    """Explore a world until nothing is left, in pieces of 1.5 m."""
    world.noise = 0.002
    grid = OccupancyGrid()
    robot = PlaneRobot(world, grid, *start, drift_m=0.03 if drift else 0.0, drift_rad=0.01 if drift else 0.0)
    grid.mark_free(start, 0.3)
    robot.look_around()
    explorer, goals = Explorer(RADIUS_M, inspect_m=inspect_m), 0
    while goals < limit and (goal := explorer.next_goal(grid, robot.pose)) is not None:
        goals += 1
        path = paths.plan_path(grid, robot.pose[:2], goal.xy, RADIUS_M)
        if path is None:
            explorer.failed(goal)
            continue
        piece = paths.head(path, 1.5)
        robot.follow(piece, goal.yaw if piece is path else None)
    return Explored(world, grid, robot, goals)


@lru_cache(maxsize=1)
def explored_home() -> Explored:
    """The furnished home with doorways of 0.9 m."""
    return explore(home_2x2(), START)


def cell_centres(grid: OccupancyGrid) -> np.ndarray:
    """Float64[rows, cols, 2] centres of all cells, m."""
    return grid.to_xy(np.stack(np.mgrid[: grid.shape[0], : grid.shape[1]], axis=-1))
