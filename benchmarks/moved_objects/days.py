"""HomeDays: seeded days in a home in which people move things while a robot patrols with gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.eye import Eye
from benchmarks.moved_objects.interface import Step, TrueEvent
from benchmarks.moved_objects.patrol import Stop, find_stop, sweep
from benchmarks.moved_objects.people import Crowd
from benchmarks.moved_objects.script import Script
from benchmarks.moved_objects.settings import detector_model
from benchmarks.moved_objects.stock import open_world, stock_home
from robomem.clock import NS_PER_S
from robomem.geometry import wrap_angle
from robomem_sim.drift import Drift

EPOCH_NS = 1_767_571_200 * NS_PER_S  # Monday 2026-01-05 00:00 UTC
_HOUR_S, _DAY_S = 3600.0, 86400.0
_FRAME_S = 0.2
_ROOM_M = 0.9  # between the robot and a person at work
_FIRST = 2  # tours before anything changes


@dataclass(frozen=True)
class Settings:
    """How long the days are and how much is in them.

    Attributes:
        days: days per home.  hours: when a tour begins, hours of the day (half an hour sooner or later by chance).
        tours: at most this many over all days.
        images: per viewpoint.  viewpoints: per surface and tour.
        objects: small things.
        changes: share of the deck of changes that is dealt out, 0..1.
    """

    days: int = 3
    hours: tuple[float, ...] = (8.0, 11.5, 16.0, 20.0)
    tours: int = 11
    images: int = 6
    viewpoints: int = 2
    objects: int = 24
    changes: float = 1.0


QUICK = Settings(days=1, changes=0.4)


class HomeDays:
    """The stream of one home. `steps` may be called again and gives the same steps, byte for byte.

    Args:
        seed: of the home, its things, its people, the camera and the detector.
    """

    def __init__(self, seed: int, settings: Settings | None = None) -> None:
        self.seed = seed
        self.settings = settings or Settings()

    def steps(self) -> Iterator[Step]:
        """The days, image by image."""
        yield from _Life(self.seed, self.settings).steps()


class _Life:
    """One run through the days."""

    def __init__(self, seed: int, settings: Settings) -> None:
        self._settings = settings
        stock_rng, self._rng, script_rng, crowd_rng = (np.random.default_rng([0xDA75, seed, i]) for i in range(4))
        stocked = stock_home(seed, settings.objects, stock_rng)
        world = self._world = open_world(stocked, stock_rng)
        self._crowd = Crowd(world, crowd_rng)
        self._eye = Eye(world, detector_model(seed), seed)
        k = self._eye.intrinsics
        self._hubs = [s for s in (find_stop(world, place, k) for place in stocked.hubs) if s is not None]
        self._others = [s for s in (find_stop(world, place, k) for place in stocked.others) if s is not None]
        fronts = {p.piece.name: p for p in stocked.containers}
        self._fronts = [s for s in (find_stop(world, place, k, front=True) for place in fronts.values()) if s is not None]
        self._script = Script(world, stocked, self._hubs, script_rng)
        self._drift = Drift(np.random.default_rng([0xD81F7, seed]))
        self._now_s = 0.0
        self._base = np.array([*self._hubs[0].stands[0], 0.0])
        self._events: list[TrueEvent] = []

    def steps(self) -> Iterator[Step]:
        starts = self._starts()
        deck = self._script.deck()
        deck = deck[: round(len(deck) * self._settings.changes)]
        hands = [list(hand) for hand in np.array_split(np.array(deck), max(1, len(starts) - _FIRST))]
        for k, start in enumerate(starts):
            hand = [str(c) for c in hands[k - _FIRST]] if k >= _FIRST else []
            late = [c for c in hand if self._rng.random() < 0.25]  # these happen while the robot is on its way
            for card in hand[: len(hand) - len(late)]:
                self._wait_until(self._now_s + float(self._rng.uniform(0.05, 0.4)) * max(0.0, start - self._now_s))
                self._events += self._script.act(card, self._stamp())
            self._wait_until(max(start, self._now_s + 30.0))
            yield from self._tour(k, hand[len(hand) - len(late) :])

    def _starts(self) -> list[float]:
        s = self._settings
        starts = [_DAY_S * d + _HOUR_S * (h + float(self._rng.uniform(-0.5, 0.5))) for d in range(s.days) for h in s.hours]
        return starts[: s.tours]

    def _tour(self, number: int, late: list[str]) -> Iterator[Step]:
        """All hubs, one container's front and one other surface, in a random order."""
        stops = [self._hubs[int(i)] for i in self._rng.permutation(len(self._hubs))]
        for pool in (self._fronts, self._others):
            if pool:
                stops.insert(int(self._rng.integers(len(stops) + 1)), pool[int(self._rng.integers(len(pool)))])
        watched = next(s for s in stops if any(s is h for h in self._hubs)) if number >= _FIRST and number % 3 != 1 else None
        for i, stop in enumerate(stops):
            self._wait_until(self._now_s + float(self._rng.uniform(8.0, 25.0)))  # the way there
            if late and i and not self._crowd.busy:
                self._events += self._script.act(late.pop(), self._stamp())
            hub = any(stop is h for h in self._hubs)
            if hub and stop is watched:
                yield from self._watch(stop, arrival=number % 3 == 0)
            yield from self._look_over(stop, hub)
        self._crowd.leave()

    def _look_over(self, stop: Stop, hub: bool) -> Iterator[Step]:
        order = self._rng.permutation(len(stop.stands))[: self._settings.viewpoints if hub else 1]
        images = self._settings.images if hub else 2
        for v in order:
            self._stand(stop.stands[v], stop.target)
            if hub and self._rng.random() < 0.3 and not self._crowd.busy:
                self._crowd.stroll(self._base[:2], stop.target, self._now_s)
            for target in sweep(stop, images, self._rng):
                yield self._image(target)
                self._wait_until(self._now_s + _FRAME_S)
            self._crowd.leave()
            self._wait_until(self._now_s + float(self._rng.uniform(3.0, 6.0)))

    def _watch(self, stop: Stop, arrival: bool) -> Iterator[Step]:
        """Somebody takes a thing of this surface and carries it off, or brings one (`arrival`), in view of the robot."""
        script, crowd, here = self._script, self._crowd, stop.place.piece.name
        name = script.pick([n for n in script.on_surfaces() if (self._world.support(n) == (here, "on")) != arrival])
        place = self._world.box(name)[0] if name and not arrival else stop.target
        away = np.hypot(*(stop.stands - crowd.beside(place)).T)
        if name is None or away.max() < _ROOM_M:
            return  # nothing to take, or the robot would stand where the person has to
        self._stand(stop.stands[int(np.argmax(away))], stop.target)
        drop = crowd.send(name, [stop.place] if arrival else script.elsewhere(name), self._stamp())
        if drop is None:
            return
        place = drop if arrival else place
        while crowd.coming(place, 2.2 if arrival else 1.4, carrying=arrival):
            self._wait_until(self._now_s + 0.5)
        after = 3
        for _ in range(15):
            # Before it is taken the robot looks at the surface, then after the thing, as one does.
            held = crowd.carried
            yield self._image(stop.target if held is None or arrival else held)
            self._wait_until(self._now_s + 2 * _FRAME_S)
            after -= crowd.carried is None if arrival else not crowd.within(place, 2.6)
            if after < 0 or not crowd.busy:
                break

    def _stand(self, xy: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        here = xy + self._rng.normal(0.0, 0.03, 2)
        heading = np.arctan2(target[1] - here[1], target[0] - here[0]) + self._rng.normal(0.0, 0.1)
        self._base = np.array([*here, float(wrap_angle(heading))])

    def _wait_until(self, when_s: float) -> None:
        """Let time pass: people walk, the localiser drifts."""
        before_s, self._now_s = self._now_s, when_s
        self._drift.step(when_s - before_s)
        near = when_s - before_s < 2.0  # in longer waits the robot is on its way and in nobody's
        self._events += self._crowd.advance(self._stamp(), self._base[:2] if near else np.full(2, np.inf))

    def _image(self, target: NDArray[np.float64]) -> Step:
        events, self._events = tuple(self._events), []
        return self._eye.look(self._base, self._drift.believed(self._base), target, self._stamp(), events)

    def _stamp(self) -> int:
        return EPOCH_NS + round(self._now_s * 1000) * (NS_PER_S // 1000)
