"""Compiling ahead of time what a planner asks of the map at its first task; it is cached from then on."""

from __future__ import annotations

from robomem.planning import paths
from robomem.scene_graph.warm_up import small_grid

RADIUS_M = 0.2


def warm_up() -> None:
    """Plan a few ways on a small map that nobody keeps. Cost: about a second, half a minute in a fresh checkout.

    Without it the first task of a fresh checkout stands still for seconds before the robot moves.
    """
    grid = small_grid()
    here, there = (2.2, 0.4), (2.2, 0.6)
    travel = paths.travel_distances(grid, here, RADIUS_M)
    paths.plan_path(grid, here, there, RADIUS_M, allow_unknown=True)
    paths.frontiers(grid, None, RADIUS_M, min_cells=1, min_unknown_m2=0.0)
    paths.viewpoint(grid, (2.45, 0.0, 0.6), (0.0, 3.0), here, RADIUS_M, travel=travel)
    paths.least_along(grid, travel, here, there)


if __name__ == "__main__":
    warm_up()
