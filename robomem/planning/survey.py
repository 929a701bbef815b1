"""Survey: drive through a home until its floor is known, then until every surface has been looked at closely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.clock import NS_PER_S
from robomem.planning.beliefs import WorldLike
from robomem.planning.exploration import Explorer
from robomem.planning.paths import plan_path, travel_distances, viewpoint
from robomem.planning.report import TaskReport
from robomem.planning.seek import into
from robomem.skills.skill import RobotBody
from robomem.types import Episode

GLANCE_REACH_M = (0.55, 1.7)  # from nearer a camera at head height looks over the edge, from further small things blur
ENOUGH_SEEN = 0.75  # share of a surface's spots that must have been seen
DOUBTFUL = 0.4  # existence from which a tentative thing is worth another look
PATROL_S = 600.0
TRIES = 2  # glances at one surface that may add nothing before it is given up

Progress = Callable[[str], None]


@dataclass
class SurveyReport:
    """What a survey cost.

    Attributes:
        complete: False if the time ran out first.
    """

    duration_s: float
    distance_m: float
    glances: int
    complete: bool


class Surveyor:
    """Explores and re-inspects with one robot and its world model.

    Args:
        world: kept current by the frames that the body sends to memory.
        body: the robot.
        on_progress: called with a line of text now and then.
        stop: asked after every drive; True ends the survey (something more urgent was found).
    """

    def __init__(
        self, world: WorldLike, body: RobotBody, on_progress: Progress | None = None, stop: Callable[[], bool] | None = None
    ) -> None:
        self.world, self.body = world, body
        self._say = on_progress or (lambda _text: None)
        self._stop = stop or (lambda: False)
        self.distance_m = 0.0
        self.glances = 0

    def explore(self, max_s: float = 900.0) -> SurveyReport:
        """Drive to frontiers until no reachable floor is unknown, `max_s` (simulated or real seconds) are over, or told to stop."""
        start = self.body.now_ns()
        explorer = Explorer(self.body.radius_m)
        self._look_around()
        complete = False
        while not self._over(start, max_s):
            goal = explorer.next_goal(self.world.grid, self.body.pose())
            if goal is None:
                complete = True
                break
            if not self._drive(goal.xy, goal.yaw):
                explorer.failed(goal)
                continue
            self._glance(np.array([goal.about[0], goal.about[1], 0.4]))
            self._say(f"explored {self.world.grid.free.sum() * self.world.grid.cell_m**2:.0f} m2 of floor")
        self.world.refresh_rooms()
        return self._report(start, complete)

    def inspect(self, since_ns: int = 0, max_s: float = 900.0) -> SurveyReport:
        """Look at every known surface that was not seen since `since_ns`, nearest first."""
        start = self.body.now_ns()
        idle: dict[int, int] = {}
        complete = False
        while not self._over(start, max_s):
            choice = self._next_surface(since_ns, idle)
            if choice is None:
                complete = True
                break
            surface_id, target, pose = choice
            before = self._unseen(surface_id, since_ns)
            if self._drive(np.array(pose[:2]), pose[2]):
                self._glance(target)
            gained = before - self._unseen(surface_id, since_ns)
            idle[surface_id] = idle.get(surface_id, 0) + (gained < 2)
            view = self.world.object(surface_id)
            if view is not None:
                self._say(f"looked at the {view.label}, {sum(v.status == 'confirmed' for v in self.world.objects())} things known")
        complete = self._settle(start, max_s) and complete
        self.world.refresh_rooms()
        return self._report(start, complete)

    def _settle(self, start: int, max_s: float) -> bool:
        """Look once more, from elsewhere, at things that were seen but not often enough to be sure of."""
        tried: set[int] = set()
        while not self._over(start, max_s):
            here = self.body.pose()
            doubtful = [
                v
                for v in self.world.objects()
                if v.status == "tentative"
                and v.kind == "object"
                and v.id not in tried
                and v.last_seen_ns >= start
                and v.existence > DOUBTFUL
            ]
            if not doubtful:
                return True
            view = min(doubtful, key=lambda v: (float(np.linalg.norm(v.position[:2] - here[:2])), v.id))
            tried.add(view.id)
            pose = viewpoint(
                self.world.grid,
                view.position,
                GLANCE_REACH_M,
                here[:2],
                self.body.radius_m,
                avoid_xy=(here[:2],),
                camera_height_m=self.body.camera_height_m,
            )
            if pose is not None and self._drive(np.array(pose[:2]), pose[2]):
                self._glance(view.position)
        return False

    # -- choosing ----------------------------------------------------------------------------------------------------

    def _unseen(self, surface_id: int, since_ns: int) -> int:
        surface = self.world.surfaces.get(surface_id)
        return int(np.count_nonzero(surface.seen_ns < max(since_ns, 0))) if surface is not None else 0

    def _next_surface(self, since_ns: int, idle: dict[int, int]) -> tuple[int, NDArray[np.float64], tuple[float, float, float]] | None:
        """(furniture id, point to look at, pose to look from) of the cheapest surface still to be seen."""
        here = self.body.pose()
        travel = travel_distances(self.world.grid, here[:2], self.body.radius_m)
        todo = []
        for f in self.world.furniture():
            surface = self.world.surfaces.get(f.id)
            if surface is None or idle.get(f.id, 0) >= TRIES:
                continue
            stale = surface.seen_ns < max(since_ns, 0)
            if np.count_nonzero(stale) <= (1 - ENOUGH_SEEN) * len(stale):
                continue
            todo.append((float(np.linalg.norm(f.position[:2] - here[:2])), f.id, surface.spots[stale].mean(axis=0)))
        best: tuple[float, int, NDArray[np.float64], tuple[float, float, float]] | None = None
        for _, surface_id, target in sorted(todo, key=lambda row: row[:2])[:6]:
            pose = viewpoint(
                self.world.grid,
                target,
                GLANCE_REACH_M,
                here[:2],
                self.body.radius_m,
                travel=travel,
                camera_height_m=self.body.camera_height_m,
                facing=into(view) if (view := self.world.object(surface_id)) is not None else None,
            )
            if pose is None:
                idle[surface_id] = TRIES
                continue
            cell = self.world.grid.to_cell(np.array(pose[:2]))
            cost = float(travel[tuple(cell)])
            if best is None or cost < best[0]:
                best = (cost, surface_id, target, pose)
        if best is None:
            return self._next_surface(since_ns, idle) if len(todo) > 6 else None
        return best[1:]

    # -- acting ------------------------------------------------------------------------------------------------------

    def _over(self, start_ns: int, max_s: float) -> bool:
        return self.body.now_ns() - start_ns > max_s * NS_PER_S or self._stop()

    def _drive(self, xy: NDArray[np.float64], yaw: float | None) -> bool:
        for _ in range(2):
            path = plan_path(self.world.grid, self.body.pose()[:2], xy, self.body.radius_m)
            if path is None:
                return False
            result = self.body.follow(path, yaw)
            self.distance_m += result.distance_m
            if result.ok:
                return True
        return False

    def _glance(self, target: NDArray[np.float64]) -> None:
        self.glances += 1
        self.body.look_at(target)

    def _look_around(self) -> None:
        x, y, yaw = self.body.pose()
        for k in range(6):
            a = yaw + k * np.pi / 3
            self._glance(np.array([x + 2 * np.cos(a), y + 2 * np.sin(a), 0.5]))

    def _report(self, start_ns: int, complete: bool) -> SurveyReport:
        return SurveyReport((self.body.now_ns() - start_ns) / NS_PER_S, self.distance_m, self.glances, complete)


def survey_order(text: str) -> str | None:
    """ "explore" or "patrol" if that is all a sentence asks for ("explore the home", "look around everywhere"), else None."""
    words = [
        w
        for w in text.lower().strip(" .!").split()
        if w not in ("please", "the", "my", "whole", "entire", "home", "house", "flat", "apartment")
    ]
    first = " ".join(words)
    if first in ("explore", "map"):
        return "explore"
    return "patrol" if first in ("patrol", "look around", "look around everywhere", "look everywhere", "inspect everything") else None


def carry_out(
    order: str,
    world: WorldLike,
    body: RobotBody,
    on_progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    remember: Callable[[Episode], object] | None = None,
) -> TaskReport:
    """Do what `survey_order` says; the report has no goals, "done" means that nothing reachable is left to see.

    Args:
        remember: takes the survey as an episode, as of any task.
    """
    surveyor, start = Surveyor(world, body, on_progress, stop), body.now_ns()
    if order == "explore":
        first, second = surveyor.explore(), surveyor.inspect(since_ns=0)
        complete = first.complete and second.complete
    else:
        complete = surveyor.inspect(since_ns=start, max_s=PATROL_S).complete
    ended = "cancelled" if stop is not None and stop() else "the time was up before everything was seen"
    report = TaskReport(
        complete, "" if complete else ended, f"{order} the home", start, body.now_ns(), surveyor.distance_m, surveyor.glances
    )
    if remember is not None:
        remember(as_episode(report))
    return report


def as_episode(report: TaskReport) -> Episode:
    """A survey as memory keeps it: what was not seen to its end because the time was up is done as far as it went."""
    outcome = "abandoned" if report.reason == "cancelled" else "done"
    cost = {"duration_s": report.duration_s, "distance_m": report.distance_m, "glances": float(report.glances)}
    return Episode(0, report.instruction, report.start_ns, report.end_ns, outcome, report.summary(), (), cost)
