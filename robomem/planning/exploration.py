"""Explorer: where to drive next so that the whole home gets seen, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.planning import paths
from robomem.scene_graph import grid_ops as ops
from robomem.scene_graph.occupancy import OccupancyGrid


@dataclass(frozen=True)
class ExploreGoal:
    """A pose to drive to and why.

    Attributes:
        x, y, yaw: m, m, rad, map frame; `xy` and `pose` give them together.
        kind: "frontier" (unknown floor beyond) or "inspect" (surfaces so far only seen from afar).
        about: Float64[2] the point of interest, m.
        gain: expected new area, m^2.
        travel_m: drive to the pose.
    """

    x: float
    y: float
    yaw: float
    kind: str
    about: NDArray[np.float64]
    gain: float
    travel_m: float

    @property
    def xy(self) -> NDArray[np.float64]:
        """Float64[2], m."""
        return np.array([self.x, self.y])

    @property
    def pose(self) -> tuple[float, float, float]:
        """x, y (m), yaw (rad)."""
        return self.x, self.y, self.yaw


class Explorer:
    """Chooses goals by gain over travel, sticks to one until it is seen or clearly beaten, gives up what stays unknown after a visit.

    Args:
        radius_m: of the robot.
        inspect_m: every surface should have been seen from at least this near; 0 = only floor counts.
        keep_ratio: another goal must be this much better to replace the current one.
        patience_m: things within this distance of a goal that was visited in vain are not tried again.
        reserve_m: added to every travel, so that nearness does not drown gain.
        gain_power: 1 = gain per metre; less listens more to distance, which leaves fewer corners behind to come back for.
        min_worth: m^2 of new area per metre below which a drive is not worth it.
    """

    def __init__(
        self,
        radius_m: float = 0.28,
        inspect_m: float = 0.0,
        keep_ratio: float = 1.5,
        patience_m: float = 0.5,
        reserve_m: float = 0.7,
        gain_power: float = 0.25,
        min_worth: float = 0.03,
    ) -> None:
        self.radius_m = radius_m
        self.inspect_m = inspect_m
        self.keep_ratio = keep_ratio
        self.patience_m = patience_m
        self.reserve_m = reserve_m
        self.gain_power = gain_power
        self.min_worth = min_worth
        self.goal: ExploreGoal | None = None
        self._given_up: list[NDArray[np.float64]] = []

    def next_goal(self, grid: OccupancyGrid, pose: tuple[float, float, float]) -> ExploreGoal | None:
        """The pose to drive to now, or None when nothing reachable is left to see.

        Call it again after each drive, or while driving as often as you like. A goal that was reached and whose matter is still open
        is given up. Cost: about 30 ms for a home.
        """
        here = np.asarray(pose[:2], float)
        if self.goal is not None and np.linalg.norm(self.goal.xy - here) < 0.25:
            self._given_up.append(self.goal.about)
            self.goal = None
        travel = paths.travel_distances(grid, here, self.radius_m)
        goals = [g for g in (*self._frontier_goals(grid, travel, here), *self._inspection_goals(grid, travel, here)) if self._open(g)]
        if not goals:
            self.goal = None
            return None
        best = max(goals, key=lambda g: (self._worth(g), g.x, g.y))
        if self.goal is not None:
            same = [g for g in goals if g.kind == self.goal.kind and np.linalg.norm(g.about - self.goal.about) < 0.6]
            current = max(same, key=lambda g: (self._worth(g), g.x, g.y), default=None)
            if current is not None and self._worth(best) < self.keep_ratio * self._worth(current):
                best = current
        self.goal = best
        return best

    def failed(self, goal: ExploreGoal | None = None) -> None:
        """Tell that a goal (default the current) could not be driven to: what it was about is not tried again."""
        goal = goal or self.goal
        if goal is not None:
            self._given_up.append(goal.about)
        self.goal = None

    def _worth(self, goal: ExploreGoal) -> float:
        """Gain per metre."""
        return goal.gain**self.gain_power / (goal.travel_m + self.reserve_m)

    def _open(self, goal: ExploreGoal) -> bool:
        """False for what was given up or is not worth its way."""
        worth = goal.gain >= self.min_worth * (goal.travel_m + self.reserve_m)
        return worth and all(np.linalg.norm(goal.about - p) > self.patience_m for p in self._given_up)

    def _frontier_goals(self, grid: OccupancyGrid, travel: NDArray[np.float32], here: NDArray[np.float64]) -> list[ExploreGoal]:
        """One goal per frontier: the standing point from which it lies about half a metre ahead."""
        out = []
        unseen = paths.unknown_distance(grid)
        safe = np.where(unseen >= self.radius_m, travel, np.inf).astype(np.float32)
        for frontier in paths.frontiers(grid, here, self.radius_m, travel=travel):
            wish = frontier.xy - 0.4 * frontier.toward  # preferably where no wall can hide within the robot's own disc
            stand = self._stand(grid, safe, wish, frontier.xy, 1.2)
            stand = self._stand(grid, travel, wish, frontier.xy, 1.2) if stand is None else stand
            if stand is not None:
                yaw = float(np.arctan2(*(frontier.xy + 0.5 * frontier.toward - grid.to_xy(stand))[::-1]))
                out.append(self._goal(grid, stand, yaw, "frontier", frontier.xy, frontier.unknown_m2, travel))
        return out

    def _inspection_goals(self, grid: OccupancyGrid, travel: NDArray[np.float32], here: NDArray[np.float64]) -> list[ExploreGoal]:
        """One goal per cluster of surfaces never seen from nearer than inspect_m."""
        if self.inspect_m <= 0:
            return []
        far = grid.occupied & (grid.nearest_view_m > self.inspect_m) & (ops.distance(np.isfinite(travel), grid.cell_m) < 1.2)
        blocks, n = ops.parts(ops.grow(far, 2))
        reach = (0.5, self.inspect_m - 0.2)
        out = []
        for k in range(1, n + 1):
            cells = np.argwhere((blocks == k) & far)
            middle = grid.to_xy(cells[int(np.argmin(np.linalg.norm(cells - cells.mean(axis=0), axis=1)))])
            view = paths.viewpoint(grid, (*middle, 0.8), reach, here, self.radius_m, travel=travel) if len(cells) >= 12 else None
            if view is not None:
                out.append(self._goal(grid, grid.to_cell(view[:2]), view[2], "inspect", middle, 0.5 * len(cells) * grid.cell_m**2, travel))
        return out

    def _goal(
        self,
        grid: OccupancyGrid,
        cell: NDArray[np.int64],
        yaw: float,
        kind: str,
        about: NDArray[np.float64],
        gain: float,
        travel: NDArray[np.float32],
    ) -> ExploreGoal:
        """A goal at the centre of a cell."""
        x, y = grid.to_xy(cell)
        return ExploreGoal(float(x), float(y), yaw, kind, about, gain, float(travel[tuple(cell)]))

    def _stand(
        self, grid: OccupancyGrid, travel: NDArray[np.float32], wish_xy: NDArray[np.float64], seen_xy: NDArray[np.float64], reach_m: float
    ) -> NDArray[np.int64] | None:
        """The reachable cell nearest to a wish with free floor between it and what is to be seen."""
        reach = int(reach_m / grid.cell_m)
        low = np.maximum(grid.to_cell(wish_xy) - reach, 0)
        cells = np.argwhere(np.isfinite(travel[low[0] : low[0] + 2 * reach + 1, low[1] : low[1] + 2 * reach + 1])) + low
        order = np.argsort(np.linalg.norm(grid.to_xy(cells) - wish_xy, axis=1), kind="stable")
        field = np.where(grid.occupied, np.float32(0), np.float32(1))
        for cell in cells[order[:200]]:
            if paths.least_along(grid, field, grid.to_xy(cell), seen_xy) > 0:
                return cell
        return None
