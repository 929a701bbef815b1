"""HomeWeek: the stream of a simulated week. A robot surveys a home, patrols it several times a day, brings things, is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.eye import Eye
from benchmarks.moved_objects.interface import Step, TrueEvent
from benchmarks.moved_objects.patrol import Stop, find_stop, sweep
from benchmarks.moved_objects.people import Crowd
from benchmarks.moved_objects.stock import Place, put_on
from benchmarks.week.routine_home import DAYS, Door, Move, Plan, called, make_plan
from robomem.clock import NS_PER_S
from robomem.geometry import wrap_angle
from robomem.types import Episode
from robomem_sim.detector_model import load_detector_model
from robomem_sim.drift import Drift
from robomem_sim.fast_stage import FastStage
from robomem_sim.world import World

EPOCH_NS = 1_767_571_200 * NS_PER_S  # Monday 2026-01-05 00:00 UTC
HOUR_S, DAY_S = 3600.0, 86400.0
SURVEY_H = 5.0  # the robot's first hour in the home
PATROL_H = tuple(6.6 + 0.65 * k for k in range(25))  # every 39 minutes from when the people get up to when they go to bed
ERRAND_H = (9.3, 16.0)
ASKED_H = (14.4, 21.7)  # about when the robot is asked; half an hour sooner or later by chance
_ROBOT_M = 0.36


@dataclass(frozen=True)
class Settings:
    """How long the week is and how much of it is seen.

    Attributes:
        patrols, errands: hours of the day.  images: per viewpoint.  viewpoints: per stop.
        headings: directions looked to from each survey point.
    """

    days: int = DAYS
    patrols: tuple[float, ...] = PATROL_H
    errands: tuple[float, ...] = ERRAND_H
    asked: tuple[float, ...] = ASKED_H
    images: int = 3
    viewpoints: int = 2
    headings: int = 10


QUICK = Settings(days=2, patrols=(8.0, 20.0), errands=(18.8,), asked=(21.7,), images=3, viewpoints=1, headings=6)


@dataclass(frozen=True)
class Ask:
    """Somebody has questions now.

    Attributes:
        stamp_ns: when.
    """

    stamp_ns: int


class HomeWeek:
    """The stream of one home: images, what the robot did, and moments at which it is asked.

    Args:
        seed: of the home, its people, the camera and the detector (the pinned default model).
        routines: folder of recorded routines, or None.
    """

    def __init__(self, seed: int, routines: Path | None = None, settings: Settings | None = None) -> None:
        self.seed, self.settings = seed, settings or Settings()
        self.plan: Plan = make_plan(seed, routines, self.settings.days)

    def stream(self) -> Iterator[Step | Episode | Ask]:
        """Everything in time order; the same bytes again when called again."""
        return _Life(self.seed, self.plan, self.settings).stream()


class _Life:
    def __init__(self, seed: int, plan: Plan, settings: Settings) -> None:
        self._plan, self._settings = plan, settings
        self._rng, stock_rng, crowd_rng = (np.random.default_rng([0x3EEC, seed, i]) for i in range(3))
        self._world = world = World(plan.home, stage=FastStage)
        for name in world.object_names:
            world.take_out(name)
        for name, places in plan.start.items():
            put_on(world, name, places, stock_rng)
        self._crowd = Crowd(world, crowd_rng)
        self._eye = Eye(world, load_detector_model(), seed)
        k = self._eye.intrinsics
        self._stops = [s for s in (find_stop(world, p, k) for p in plan.surfaces) if s is not None]
        self._fronts = [s for s in (find_stop(world, p, k, front=True) for p in plan.containers) if s is not None]
        self._drift = Drift(np.random.default_rng([0xD81F7, seed]))
        self._deeds = list(plan.deeds)
        self._now_s = 0.0
        self._base = np.array([*self._stops[0].stands[0], 0.0])
        self._events: list[TrueEvent] = []

    def stream(self) -> Iterator[Step | Episode | Ask]:
        s = self._settings
        yield from self._survey()
        for day in range(s.days):
            hours = [(h, "patrol") for h in s.patrols] + [(h, "ask") for h in s.asked] + [(h, "bring") for h in s.errands]
            for hour, what in sorted(hours):
                at_s = DAY_S * day + HOUR_S * (hour + float(self._rng.uniform(-0.3, 0.3)))
                self._live_until(max(at_s, self._now_s + 60.0))
                if what == "ask":
                    yield Ask(self._stamp())
                else:
                    yield from self._patrol() if what == "patrol" else self._bring()

    # -- what the robot does -----------------------------------------------------------------------------------------

    def _survey(self) -> Iterator[Step | Episode]:
        """The first hour: from a few points of every room once around."""
        self._live_until(HOUR_S * SURVEY_H)
        start = self._stamp()
        floor = self._world.floor.centers(self._world.floor.main_part(_ROBOT_M))
        for room in self._plan.home.rooms:
            inside = floor[(floor[:, 0] > room.x0) & (floor[:, 0] < room.x1) & (floor[:, 1] > room.y0) & (floor[:, 1] < room.y1)]
            middle = inside[int(np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1)))]
            far = inside[int(np.argmax(((inside - middle) ** 2).sum(axis=1)))]
            for xy in (middle, far):
                self._live_until(self._now_s + 10.0)
                for turn in np.arange(self._settings.headings) * 2 * np.pi / self._settings.headings:
                    target = np.array([*(xy + 2.0 * np.array([np.cos(turn), np.sin(turn)])), 0.5])
                    self._stand(xy, target)
                    yield self._image(target)
                    self._live_until(self._now_s + 0.5)
        for stop in [*self._stops, *self._fronts]:
            yield from self._look_over(stop)
        yield self._done("survey the home", start, "looked at every room and surface")

    def _patrol(self) -> Iterator[Step | Episode]:
        start = self._stamp()
        stops = [*self._stops, *self._fronts]
        for i in self._rng.permutation(len(stops)):
            yield from self._look_over(stops[int(i)])
        yield self._done("patrol the home", start, f"looked at {len(stops)} places")

    def _look_over(self, stop: Stop) -> Iterator[Step]:
        self._live_until(self._now_s + float(self._rng.uniform(8.0, 25.0)))  # the way there
        views = 1 if stop.place.surface.closed else self._settings.viewpoints
        for v in self._rng.permutation(len(stop.stands))[:views]:
            self._stand(stop.stands[v], stop.target)
            if self._rng.random() < 0.1:
                self._crowd.stroll(self._base[:2], stop.target, self._now_s)
            for target in sweep(stop, self._settings.images, self._rng):
                yield self._image(target)
                self._live_until(self._now_s + 0.3)
            self._crowd.leave()
            self._live_until(self._now_s + float(self._rng.uniform(3.0, 6.0)))

    def _bring(self) -> Iterator[Step | Episode]:
        """Somebody wants a thing brought to a place: the robot takes it where it stands in the open, or does not find it."""
        names = [n for n in self._world.object_names if self._plan.home.objects]
        open_now = [n for n in names if (self._world.support(n) or ("", ""))[1] == "on" and self._stop_of(n) is not None]
        name = str(self._rng.choice(open_now if self._rng.random() < 0.8 or len(open_now) == len(names) else names))
        aims = [
            p for p in self._plan.surfaces if called(p.piece, self._plan.home) and p.piece.name != (self._world.support(name) or ("",))[0]
        ]
        aim = aims[int(self._rng.integers(len(aims)))]
        item, start = next(o for o in self._plan.home.objects if o.name == name), self._stamp()
        twin = sum(o.label == item.label for o in self._plan.home.objects) > 1
        order = f"bring the {item.color + ' ' if twin else ''}{item.label} to the {called(aim.piece, self._plan.home)}"
        stop, goal = self._stop_of(name), self._stop_at(aim)
        if stop is None or goal is None:
            yield self._done(order, start, f"the {item.label} was not found", "failed")
            return
        yield from self._look_over(stop)
        before = self._world.box(name)[0]
        if put_on(self._world, name, [aim], self._rng):
            self._events.append(TrueEvent(self._stamp(), "moved", name, before, self._world.box(name)[0]))
            yield from self._look_over(stop)  # it looks back at where the thing was, then at where it put it
            yield from self._look_over(goal)
            yield self._done(order, start, f"the {item.label} is on the {aim.piece.label}")
        else:
            yield self._done(order, start, f"there was no room on the {aim.piece.label}", "failed")

    def _done(self, instruction: str, start_ns: int, summary: str, outcome: str = "done") -> Episode:
        return Episode(0, instruction, start_ns, self._stamp(), outcome, summary)

    def _stop_of(self, name: str) -> Stop | None:
        held = self._world.support(name)
        return None if held is None or held[1] != "on" else next((s for s in self._stops if s.place.piece.name == held[0]), None)

    def _stop_at(self, place: Place) -> Stop | None:
        return next((s for s in self._stops if s.place.piece.name == place.piece.name), None)

    # -- time and the people -------------------------------------------------------------------------------------------

    def _live_until(self, when_s: float) -> None:
        before_s, self._now_s = self._now_s, when_s
        while self._deeds and self._deeds[0].at_s <= when_s:
            self._do(self._deeds.pop(0))
        self._drift.step(when_s - before_s)
        self._crowd.advance(self._stamp(), self._base[:2] if when_s - before_s < 2.0 else np.full(2, np.inf))

    def _do(self, deed: Move | Door) -> None:
        world, stamp = self._world, EPOCH_NS + round(deed.at_s * 1000) * (NS_PER_S // 1000)
        if isinstance(deed, Door):
            world.set_open(deed.piece, 1.0 if deed.open else 0.0)
            return
        before = None if world.is_out(deed.name) else world.box(deed.name)[0]
        if not deed.places:
            world.take_out(deed.name)
            self._events.append(TrueEvent(stamp, "removed", deed.name, before, None))
        elif deed.places[0].piece.name != (world.support(deed.name) or ("", ""))[0] and put_on(world, deed.name, deed.places, self._rng):
            kind = "brought_back" if before is None else "moved"
            self._events.append(TrueEvent(stamp, kind, deed.name, before, world.box(deed.name)[0]))

    def _stand(self, xy: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        here = xy + self._rng.normal(0.0, 0.03, 2)
        heading = np.arctan2(target[1] - here[1], target[0] - here[0]) + self._rng.normal(0.0, 0.1)
        self._base = np.array([*here, float(wrap_angle(heading))])

    def _image(self, target: NDArray[np.float64]) -> Step:
        events, self._events = tuple(self._events), []
        return self._eye.look(self._base, self._drift.believed(self._base), target, self._stamp(), events)

    def _stamp(self) -> int:
        return EPOCH_NS + round(self._now_s * 1000) * (NS_PER_S // 1000)
