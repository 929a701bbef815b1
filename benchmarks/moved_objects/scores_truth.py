"""What could be known: the truth a memory is held to at each image, the same for every memory.

A thing is *known* at its place once it was in clear view there in three images. A place it left is *known to be empty* once it was in
clear view, empty, in three images, or once the thing itself is known somewhere else. Between the two nothing can be asked of anyone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.interface import Step, TrueThing

CHANCE = 3  # images in clear view that make a place, or its emptiness, knowable
STILL_M = 0.05  # a thing further than this from where its stay began has begun another


@dataclass
class Stay:
    """One uninterrupted time of one thing at one place.

    Attributes:
        position: Float64[3] m, map frame.  height_m: of the thing.
        nth: 0 for the first stay of the thing.  clear: images in clear view so far.
        known_ns: when the place became known, None before.  last_clear_ns: last image in clear view.
        left_ns: when the thing left, None while it is there.  empty: images since in which the place was seen empty.
        absent_ns: when it became known that the thing is not here any more.
        why: the kind of the event with which it left.
    """

    thing: str
    label: str
    kind: str
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    yaw: float
    nth: int
    from_ns: int
    parent: str = ""
    relation: str = "on"
    clear: int = 0
    known_ns: int | None = None
    last_clear_ns: int = -1
    left_ns: int | None = None
    empty: int = 0
    absent_ns: int | None = None
    why: str = ""
    color: str = ""

    @property
    def looks(self) -> tuple[str, str]:
        """Label and colour: things that share both cannot be told apart."""
        return self.label, self.color

    @property
    def height_m(self) -> float:
        """How high the thing stands, m."""
        return float(self.size[2])


@dataclass
class Spot:
    """A place about which nothing is asked: an estimate of the label there is neither right nor wrong."""

    label: str
    position: NDArray[np.float64]


@dataclass
class Knowledge:
    """Follows the true things of one stream, image by image.

    Attributes:
        stays: every stay ever, by thing, in time order.
        current: the open stay of each thing that is at rest in the home.
        adrift: things that are present but in nobody's place (carried).
    """

    stays: dict[str, list[Stay]] = field(default_factory=dict)
    current: dict[str, Stay] = field(default_factory=dict)
    adrift: dict[str, Spot] = field(default_factory=dict)
    stamp_ns: int = 0

    def update(self, step: Step) -> None:
        """Fold one image in."""
        self.stamp_ns = step.frame.stamp_ns
        causes = {e.name: e.kind for e in step.events}
        self.adrift = {}
        for thing in step.truth:
            if thing.kind != "agent":
                self._follow(thing, causes.get(thing.name, ""))
        for name, seen_empty in step.empty_view.items():
            if seen_empty:
                self._empty(name)

    def _follow(self, thing: TrueThing, cause: str) -> None:
        now = self.current.get(thing.name)
        resting = thing.present and thing.relation != "held_by"
        if now is not None and (not resting or float(np.linalg.norm(thing.position - now.position)) > STILL_M):
            now.left_ns, now.why = self.stamp_ns, cause
            del self.current[thing.name]
            now = None
        if not resting:
            if thing.present:
                self.adrift[thing.name] = Spot(thing.label, thing.position)
            return
        if now is None:
            before = self.stays.setdefault(thing.name, [])
            now = Stay(
                thing.name, thing.label, thing.kind, np.array(thing.position, float), np.array(thing.size, float), thing.yaw,
                len(before), self.stamp_ns, color=thing.color,
            )  # fmt: skip
            before.append(now)
            self.current[thing.name] = now
        now.parent, now.relation = thing.parent, thing.relation
        if thing.clear:
            now.clear += 1
            now.last_clear_ns = self.stamp_ns
            if now.clear == CHANCE:
                now.known_ns = self.stamp_ns
                for old in self.left(thing.name):
                    old.absent_ns = old.absent_ns if old.absent_ns is not None else self.stamp_ns

    def _empty(self, name: str) -> None:
        """The place this thing was last seen at is in clear view, and empty."""
        old = self.last_left(name)
        if old is None:
            return
        old.empty += 1
        if old.empty == CHANCE and old.absent_ns is None:
            old.absent_ns = self.stamp_ns

    # -- questions ---------------------------------------------------------------------------------------------------

    def left(self, name: str) -> list[Stay]:
        """Stays of a thing that are over."""
        return [s for s in self.stays.get(name, ()) if s.left_ns is not None]

    def last_left(self, name: str) -> Stay | None:
        """The last place that a thing was seen at and left."""
        return next((s for s in reversed(self.left(name)) if s.clear), None)

    def scored(self, kind: str = "object") -> list[Stay]:
        """Stays that any memory can be asked for now."""
        return [s for s in self.current.values() if s.known_ns is not None and s.kind == kind]

    def unasked(self, kind: str = "object") -> list[Spot]:
        """Places about which nothing is asked now: present but not known yet, left but not known to be empty."""
        return [*self._unknown(kind), *(self.adrift.values() if kind == "object" else ())]

    def _unknown(self, kind: str) -> Iterator[Spot]:
        for stays in self.stays.values():
            for s in stays:
                if s.kind == kind and ((s.left_ns is None and s.known_ns is None) or (s.left_ns is not None and s.absent_ns is None)):
                    yield Spot(s.label, s.position)

    def present(self, kind: str = "object") -> list[Spot]:
        """What truly is there now, known or not."""
        return [*(Spot(s.label, s.position) for s in self.current.values() if s.kind == kind), *self.adrift.values()]

    def state_at(self, stay: Stay, at_ns: int) -> bool | None:
        """Was the thing at this place at `at_ns`, by what could be known by now? None: cannot be said."""
        if stay.known_ns is not None and stay.from_ns <= at_ns and self._seen_from(stay) <= at_ns <= self._until(stay):
            return True
        if stay.absent_ns is not None and at_ns >= stay.absent_ns:
            return False
        earlier = self.stays[stay.thing][: stay.nth]
        if any(s.known_ns is not None and self._seen_from(s) <= at_ns <= s.last_clear_ns for s in earlier):
            return False  # it was known to be elsewhere
        if any(s.absent_ns is not None and s.absent_ns <= at_ns < stay.from_ns for s in earlier) and at_ns < stay.from_ns:
            return False  # it was known to be gone
        return None

    @staticmethod
    def _seen_from(stay: Stay) -> int:
        return stay.known_ns if stay.known_ns is not None else stay.from_ns

    def _until(self, stay: Stay) -> int:
        """A thing that is still there is known to be; one that left is known only up to its last sighting."""
        return self.stamp_ns if stay.left_ns is None else stay.last_clear_ns
