"""Getting to where a thing can be seen or reached: paths on the remembered grid, in legs so that what turns up on the way is noticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.planning import paths
from robomem.planning.session import Session
from robomem.skills.skill import BLOCKED, SkillResult

NO_WAY = "no way there on the map"
TRIES = 3
AROUND = 6
Until = Callable[[], bool]


def never() -> bool:
    """For drives that nothing interrupts."""
    return False


class Navigator:
    """Drives of one task, on the grid as memory has it at that moment."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def _here(self) -> NDArray[np.float64]:
        return np.array(self.session.body.pose()[:2])

    def orient(self) -> None:
        """Make sure the robot knows the floor it stands on; in an unknown place it looks around first."""
        grid, body = self.session.beliefs.world.grid, self.session.body
        x, y, yaw = body.pose()
        grid.mark_free((x, y), body.radius_m + 0.05)
        if np.isfinite(paths.travel_distances(grid, (x, y), body.radius_m)).sum() * grid.cell_m**2 > 1.0:
            return
        for k in range(AROUND):
            a = yaw + 2 * np.pi * k / AROUND
            self.session.glance(np.array([x + 1.6 * np.cos(a), y + 1.6 * np.sin(a), 0.4]))
        grid.mark_free((x, y), body.camera_height_m)  # the camera sees no floor nearer than about its own height; it stands there unharmed

    def drive(self, xy: ArrayLike, yaw: float | None = None, until: Until = never, tolerance_m: float = 0.15) -> SkillResult:
        """Drive to a point (m, map), replanning when something is in the way.

        Args:
            until: asked between legs; True ends the drive early (ok, reason "noticed").
            tolerance_m: how far from the point the drive may end.
        """
        goal, body = np.asarray(xy, float)[:2], self.session.body
        reason = NO_WAY
        for attempt in range(TRIES):
            path = paths.plan_path(self.session.beliefs.world.grid, self._here, goal, body.radius_m, tolerance_m)
            if path is None:
                return SkillResult(False, reason)
            result = self._legs(path, yaw, until)
            if result.ok:
                return result
            reason = result.reason
            # look at what stopped us, so that the next plan knows it
            ahead = path[min(1, len(path) - 1)] - self._here if attempt == 0 else goal - self._here
            ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
            self.session.glance(np.array([*(self._here + 0.9 * ahead), 0.3]))
            if reason != BLOCKED:
                break
        return SkillResult(False, reason)

    def _legs(self, path: NDArray[np.float64], yaw: float | None, until: Until) -> SkillResult:
        legs = cut(path, self.session.config.leg_m)
        for k, leg in enumerate(legs):
            result = self.session.call("follow", path_xy=leg, final_yaw=yaw if k == len(legs) - 1 else None)
            if not result.ok:
                return result
            if until():
                return SkillResult(True, "noticed")
        return SkillResult(True)

    def view(
        self,
        target: ArrayLike,
        until: Until = never,
        reach_m: tuple[float, float] = (0.6, 1.9),
        avoid: Sequence[ArrayLike] = (),
        target_radius_m: float = 0.4,
    ) -> SkillResult:
        """Drive to where a point (m, map) can be seen; no drive if it can be seen from here."""
        pose = self.viewpoint(target, reach_m, avoid, target_radius_m)
        if pose is None:
            return SkillResult(False, NO_WAY)
        if np.hypot(*(self._here - pose[:2])) < 0.15:
            return SkillResult(True)
        return self.drive(pose[:2], pose[2], until)

    def viewpoint(
        self,
        target: ArrayLike,
        reach_m: tuple[float, float] = (0.6, 1.9),
        avoid: Sequence[ArrayLike] = (),
        target_radius_m: float = 0.4,
        travel: NDArray[np.float32] | None = None,
        facing: NDArray[np.float64] | None = None,
    ) -> tuple[float, float, float] | None:
        """A pose that sees a point, at small travel; None if there is none on the map. `facing`: see `paths.viewpoint`."""
        body = self.session.body
        for reach in (reach_m, (0.35, 2.6)):
            pose = paths.viewpoint(
                self.session.beliefs.world.grid,
                target,
                reach,
                self._here,
                body.radius_m,
                target_radius_m,
                body.camera_height_m,
                avoid_xy=avoid,
                travel=travel,
                facing=facing,
            )
            if pose is not None:
                return pose
        return None

    def reach(
        self, target: ArrayLike, reach_m: float | None = None, avoid: Sequence[ArrayLike] = (), target_radius_m: float = 0.4
    ) -> SkillResult:
        """Drive to where the hand reaches a point (m, map). `data["stood"]` is where."""
        body = self.session.body
        pose = paths.standing_point(
            self.session.beliefs.world.grid,
            target,
            reach_m or body.reach_m - 0.05,
            body.radius_m,
            self._here,
            target_radius_m,
            avoid_xy=avoid,
        )
        if pose is None:
            return SkillResult(False, "no place to stand within reach")
        result = self.drive(pose[:2], pose[2], tolerance_m=0.1)
        return SkillResult(result.ok, result.reason, data={"stood": pose[:2]})

    def field(self, xy: ArrayLike | None = None) -> NDArray[np.float32]:
        """Float32[rows, cols] drive (m) from a point (default: here) to every cell."""
        return paths.travel_distances(self.session.beliefs.world.grid, self._here if xy is None else xy, self.session.body.radius_m)

    def metres(self, field: NDArray[np.float32], xy: ArrayLike) -> float:
        """Drive (m) to a point by a field; infinite off the grid or where one cannot stand."""
        grid = self.session.beliefs.world.grid
        cell = grid.to_cell(xy)
        if field.shape != grid.shape:  # the map has grown since the field was made
            field = self.field()
        known = grid.contains(cell) and cell[0] < field.shape[0] and cell[1] < field.shape[1]
        return float(field[cell[0], cell[1]]) if known else float("inf")


def cut(path: NDArray[np.float64], leg_m: float) -> list[NDArray[np.float64]]:
    """A polyline Float64[k, 2] as consecutive polylines of about `leg_m` each (the last one shorter, but never a mere rest)."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    total = float(lengths.sum())
    n = max(1, round(total / max(leg_m, 0.1)))
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    out = []
    for k in range(n):
        a, b = total * k / n, total * (k + 1) / n
        inner = path[(along > a + 1e-9) & (along < b - 1e-9)]
        ends = [np.array([np.interp(s, along, path[:, 0]), np.interp(s, along, path[:, 1])]) for s in (a, b)]
        out.append(np.array([ends[0], *inner, ends[1]]))
    return out
