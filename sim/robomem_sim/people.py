"""Person: walks through the home by script, carries things from one place to another, and leaves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.clock import NS_PER_S
from robomem.errors import InvalidInputError
from robomem_sim.home import Spot, surface_under
from robomem_sim.world import World

WALK_MPS = 0.8
_RADIUS_M = 0.28
_TICK_S = 0.1
_HANDLING_S = 2.0
_KEEP_OFF_M = 0.62  # nearer than this to the robot it stops
_PATIENCE_S = 1.5  # shorter than the robot's: people give way first
_ASIDE_S = 5.0  # how long a person who stepped aside waits
_CARRY = (0.30, 1.15)  # ahead and up, m


@dataclass(frozen=True)
class Errand:
    """Carry `object_name` to `destination`, starting at `start_ns`; set it down turned by `yaw_rad` (None: as it was carried)."""

    object_name: str
    destination: Spot
    start_ns: int
    yaw_rad: float | None = None


class Person:
    """A scripted person. Comes in at the home's entrance, runs an errand, goes out again; visible while inside.

    Creating one adds it to `world.people`, so that whoever moves the clock moves the person.
    """

    def __init__(self, world: World, name: str = "person 1") -> None:
        self._world, self._name = world, name
        self._errands: list[Errand] = []
        self._todo: deque[Callable[[], bool]] = deque()
        self._way: deque[NDArray[np.float64]] = deque()
        self._xy, self._yaw = np.array(world.home.entrance), 0.0
        self._now_ns: int | None = None
        self._waited_s, self._handled_s = 0.0, 0.0
        self._robot = np.full(2, np.inf)
        self._pause_s = 0.0
        self._floors: dict[str, NDArray[np.float64]] = {}
        world.add_person(name)
        world.people.append(self)

    @property
    def busy(self) -> bool:
        """True while an errand is waiting or under way."""
        return bool(self._errands or self._todo)

    def schedule_move(self, object_name: str, destination: Spot, start_ns: int, yaw_rad: float | None = None) -> None:
        """Carry an object to a spot, from `start_ns` on (simulated time), and set it down turned by `yaw_rad` (None: as it was carried).

        Raises:
            InvalidInputError: no such object, or the spot is on no surface.
        """
        if object_name not in self._world.object_names:
            raise InvalidInputError(f"Person.schedule_move: no object {object_name!r}; have {', '.join(self._world.object_names)}")
        if surface_under(self._world.home.piece(destination.furniture), destination.local) is None:
            raise InvalidInputError(
                f"Person.schedule_move: {destination.furniture} has no surface at {destination.local}; take a spot of Home.habits"
            )
        self._errands.append(Errand(object_name, destination, int(start_ns), yaw_rad))
        self._errands.sort(key=lambda e: e.start_ns)

    def advance_to(self, now_ns: int, robot_xy: NDArray[np.float64]) -> None:
        """Act until `now_ns`; the robot stands at `robot_xy` (m)."""
        self._robot = np.asarray(robot_xy, float)
        at = self._now_ns if self._now_ns is not None else now_ns
        while at < now_ns:
            if not self._todo and not (self._errands and self._errands[0].start_ns <= now_ns):
                break
            at = min(now_ns, at + round(_TICK_S * NS_PER_S))
            self._tick(at)
        self._now_ns = now_ns

    def _tick(self, at_ns: int) -> None:
        if not self._todo and self._errands and self._errands[0].start_ns <= at_ns:
            self._begin(self._errands.pop(0))
        if self._todo and self._todo[0]():
            self._todo.popleft()

    def _begin(self, errand: Errand) -> None:
        world, name = self._world, errand.object_name
        if world.holder(name) is not None:
            return  # somebody else has it
        if not world.persons().get(self._name):
            self._xy = np.array(world.home.entrance)
            world.place_person(self._name, self._xy)
        target = world.home.piece(errand.destination.furniture)
        drop = target.to_map(errand.destination.local)
        origin = world.support(name)
        shut = origin[0] if origin and not world.reachable_inside(name) else None
        surface = surface_under(target, errand.destination.local)
        into = target.name if surface is not None and surface.closed else None
        self._todo.extend(
            [
                lambda: self._walk(self._beside(world.box(name)[0], origin[0] if origin else None)),
                lambda: self._handle(lambda: self._grab(name), world.box(name)[0], shut),
                lambda: self._walk(self._beside(drop, target.name)),
                lambda: self._handle(lambda: self._drop(name, errand.destination, errand.yaw_rad), drop, into),
                lambda: self._walk(np.array(world.home.entrance)),
                self._leave,
            ]
        )

    def _beside(self, p: NDArray[np.float64], furniture: str | None) -> NDArray[np.float64]:
        """The free floor nearest to a point, in the room of that furniture."""
        room = self._world.home.piece(furniture).room if furniture else self._world.home.room_at(float(p[0]), float(p[1]))
        if room not in self._floors:  # asked at every step of a walk
            floor = self._world.floor
            centers = floor.centers(floor.main_part(_RADIUS_M))
            box = next(r for r in self._world.home.rooms if r.name == room)
            inside = (centers[:, 0] > box.x0) & (centers[:, 0] < box.x1) & (centers[:, 1] > box.y0) & (centers[:, 1] < box.y1)
            self._floors[room] = centers[inside]
        keep = self._floors[room]
        return keep[int(np.argmin(((keep - p[:2]) ** 2).sum(axis=1)))]

    def _walk(self, goal: NDArray[np.float64]) -> bool:
        """One tick towards a goal; True on arrival. Waits for the robot, then walks around it."""
        if np.hypot(*(goal - self._xy)) < 0.03:
            self._way.clear()
            return True
        if not self._way and self._pause_s > 0:
            self._pause_s -= _TICK_S
            return False
        if not self._way:
            self._plan(goal, None)
        left = WALK_MPS * _TICK_S
        while self._way and left > 1e-9:
            gap = self._way[0] - self._xy
            length = float(np.hypot(*gap))
            if length < 1e-9:
                self._way.popleft()
                continue
            step = gap / length * min(left, length)
            if self._robot_ahead(step):
                self._waited_s += _TICK_S
                if self._waited_s > _PATIENCE_S:
                    self._waited_s = 0.0
                    self._plan(goal, np.array([*self._robot, _KEEP_OFF_M + 0.05]))
                break
            self._xy, self._yaw = self._xy + step, float(np.arctan2(step[1], step[0]))
            left -= float(np.hypot(*step))
        self._show()
        return False

    def _robot_ahead(self, step: NDArray[np.float64]) -> bool:
        away = self._robot - self._xy
        return bool(np.isfinite(away).all() and np.hypot(*(away - step)) < _KEEP_OFF_M and away @ step > 0)

    def _plan(self, goal: NDArray[np.float64], keep_away: NDArray[np.float64] | None) -> None:
        """A way to the goal; where the robot leaves none, a way aside, to wait there and try again."""
        path = self._world.floor.path(self._xy, goal, _RADIUS_M, keep_away)
        if path is None:
            self._way = deque(self._aside())
            self._pause_s = _ASIDE_S
        else:
            self._way = deque([*path, goal] if keep_away is None else path)

    def _aside(self) -> NDArray[np.float64]:
        """A way to the free floor within 3 m that is furthest from the robot, Float64[k, 2]."""
        floor = self._world.floor
        centers = floor.centers(floor.main_part(_RADIUS_M))
        near = centers[np.hypot(*(centers - self._xy).T) < 3.0]
        best = near[int(np.argmax(np.hypot(*(near - self._robot).T)))] if len(near) else self._xy
        path = floor.path(self._xy, best, _RADIUS_M, np.array([*self._robot, 0.5]))
        return np.zeros((0, 2)) if path is None else path

    def _handle(self, act: Callable[[], None], toward: NDArray[np.float64], door: str | None) -> bool:
        """Stand for two seconds facing a point, then act; `door` is opened before and shut after."""
        gap = toward[:2] - self._xy
        self._yaw = float(np.arctan2(gap[1], gap[0]))
        self._show()
        if door is not None and self._handled_s == 0.0:
            self._world.set_open(door, 1.0)
        self._handled_s += _TICK_S
        if self._handled_s < _HANDLING_S:
            return False
        self._handled_s = 0.0
        act()
        if door is not None:
            self._world.set_open(door, 0.0)
        return True

    def _grab(self, name: str) -> None:
        world, origin = self._world, self._world.support(name)
        if world.holder(name) is not None or origin is None:
            self._todo = deque([lambda: True, lambda: self._walk(np.array(world.home.entrance)), self._leave])
            return  # it is gone: give up and leave
        world.carry(name, self._name, *self._carry_pose())

    def _drop(self, name: str, spot: Spot, yaw_rad: float | None) -> None:
        self._world.move_object(name, spot.furniture, spot.local, yaw_rad)

    def _leave(self) -> bool:
        self._world.place_person(self._name, None)
        return True

    def _carry_pose(self) -> tuple[NDArray[np.float64], float]:
        ahead, up = _CARRY
        return np.array([self._xy[0] + ahead * np.cos(self._yaw), self._xy[1] + ahead * np.sin(self._yaw), up]), self._yaw

    def _show(self) -> None:
        self._world.place_person(self._name, self._xy, self._yaw)
        for name in self._world.object_names:
            if self._world.holder(name) == self._name:
                self._world.carry(name, self._name, *self._carry_pose())


def teleport_move(world: World, object_name: str, destination: Spot) -> NDArray[np.float64]:
    """Move an object while nobody watches (between days); returns its new box centre Float64[3], map frame, m."""
    return world.move_object(object_name, destination.furniture, destination.local)
