"""Crowd: who is in the home. One person runs errands that the robot may watch; another strolls through what it looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.interface import TrueEvent
from benchmarks.moved_objects.stock import Place, put_on
from robomem.clock import NS_PER_S
from robomem_sim.home import Spot
from robomem_sim.people import WALK_MPS, Person
from robomem_sim.world import World

_RADIUS_M, _KEEP_OFF_M = 0.28, 0.7
_ERRAND, _STROLLER = "person 1", "person 2"
_PATIENCE_S = 120.0  # an errand that takes longer than this to begin is not waited for


class Crowd:
    """The people of a home.

    Args:
        rng: where people stroll.
    """

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world, self._rng = world, rng
        self._carrier = Person(world, _ERRAND)
        world.add_person(_STROLLER)
        self._errand: tuple[str, NDArray[np.float64], int] | None = None  # thing, where it was, when it began
        self._held = False
        self._way: NDArray[np.float64] | None = None
        self._since_s = 0.0
        self._now_ns = 0

    @property
    def busy(self) -> bool:
        """True while somebody runs an errand."""
        return self._carrier.busy

    def send(self, name: str, places: Sequence[Place], now_ns: int) -> NDArray[np.float64] | None:
        """Have a thing carried to the first place that has room; Float64[3] where it will stand (m), None if there is none."""
        before = self._world.box(name)[0]
        found = self._room_for(name, places)
        if found is None:
            return None
        spot, yaw, there = found
        self._carrier.schedule_move(name, spot, now_ns, yaw)
        self._errand, self._held = (name, before, now_ns), False
        return there

    def _room_for(self, name: str, places: Sequence[Place]) -> tuple[Spot, float, NDArray[np.float64]] | None:
        """A free spot, the yaw and the place in the map, found by standing the thing there for a moment."""
        world = self._world
        center, _, yaw = world.box(name)
        here = world.surface_below(center)
        if here is None or not put_on(world, name, places, self._rng):
            return None
        there, _, turned = world.box(name)
        spot = world.surface_below(there)
        world.put_down(name, here[0], here[2], yaw)
        return None if spot is None else (Spot(spot[0], spot[2]), turned, there)

    def beside(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64[2] where a person stands to reach a point, m."""
        free = self._world.floor.centers(self._world.floor.main_part(_RADIUS_M))
        room = next(r for r in self._world.home.rooms if r.contains(float(p[0]), float(p[1])))
        free = free[(free[:, 0] > room.x0) & (free[:, 0] < room.x1) & (free[:, 1] > room.y0) & (free[:, 1] < room.y1)]
        return free[int(np.argmin(np.hypot(*(free - p[:2]).T)))]

    def coming(self, p: NDArray[np.float64], distance_m: float, carrying: bool) -> bool:
        """True until whoever was sent is this near to a point (with the thing in hand, if `carrying`), or is done, or is late."""
        if self._errand is None or not self.busy or self._now_ns - self._errand[2] > _PATIENCE_S * NS_PER_S:
            return False
        return self._held != carrying if self.within(p, distance_m) else self._held <= carrying

    def within(self, p: NDArray[np.float64], distance_m: float) -> bool:
        """True while whoever was sent is this near to a point."""
        who = self._world.persons().get(_ERRAND)
        return who is not None and float(np.hypot(*(who[0] - p[:2]))) < distance_m

    @property
    def carried(self) -> NDArray[np.float64] | None:
        """Float64[3] where the thing in somebody's hand is, m, or None."""
        return self._world.box(self._errand[0])[0] if self._errand is not None and self._held else None

    def stroll(self, robot_xy: NDArray[np.float64], target: NDArray[np.float64], now_s: float) -> None:
        """Somebody starts to walk across what the robot looks at."""
        world = self._world
        room = next((r for r in world.home.rooms if r.contains(float(target[0]), float(target[1]))), None)
        if room is None:
            return
        free = world.floor.centers(world.floor.main_part(_RADIUS_M))
        ahead = (target[:2] - robot_xy) / np.linalg.norm(target[:2] - robot_xy)
        gap = free - robot_xy
        forward, aside = gap @ ahead, np.abs(gap[:, 0] * ahead[1] - gap[:, 1] * ahead[0])
        inside = (free[:, 0] > room.x0) & (free[:, 0] < room.x1) & (free[:, 1] > room.y0) & (free[:, 1] < room.y1)
        view = free[inside & (forward > 1.0) & (aside < 0.6 * forward)]
        if len(view) < 2:
            return
        a, b = view[self._rng.integers(len(view))], view[self._rng.integers(len(view))]
        way = world.floor.path(a, b, _RADIUS_M, np.array([*robot_xy, _KEEP_OFF_M]))
        if way is not None and len(way) > 1:
            self._way, self._since_s = way, now_s
            self._show(now_s)

    def leave(self) -> None:
        """Whoever strolls is gone."""
        if self._way is not None:
            self._way = None
            self._world.place_person(_STROLLER, None)

    def advance(self, now_ns: int, robot_xy: NDArray[np.float64]) -> list[TrueEvent]:
        """Let everybody walk on up to `now_ns`; returns what was set down meanwhile."""
        self._now_ns = now_ns
        if self._way is not None:
            self._show((now_ns // 1_000_000) / 1000.0)
        self._world.advance_people(now_ns, robot_xy)
        if self._errand is None:
            return []
        name, before, _ = self._errand
        carried = self._world.holder(name) == _ERRAND
        self._held |= carried
        if carried or (self.busy and not self._held):
            return []
        moved = self._held or float(np.linalg.norm(self._world.box(name)[0] - before)) > 1e-6
        self._errand = None if not self.busy or moved else self._errand
        self._held = False
        return [TrueEvent(now_ns, "moved", name, before, self._world.box(name)[0])] if moved else []

    def _show(self, now_s: float) -> None:
        assert self._way is not None
        legs = np.linalg.norm(np.diff(self._way, axis=0), axis=1)
        walked = min(float(legs.sum()), max(0.0, now_s - self._since_s) * WALK_MPS)
        at = np.concatenate([[0.0], np.cumsum(legs)])
        k = min(int(np.searchsorted(at, walked, side="right")) - 1, len(legs) - 1)
        share = (walked - at[k]) / max(legs[k], 1e-9)
        step = self._way[k + 1] - self._way[k]
        self._world.place_person(_STROLLER, self._way[k] + share * step, float(np.arctan2(step[1], step[0])))
