"""What people do in a home while nobody looks: a seeded deck of changes, dealt out over the days."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.hiding import hide_behind
from benchmarks.moved_objects.interface import TrueEvent
from benchmarks.moved_objects.patrol import Stop
from benchmarks.moved_objects.stock import Place, Stocked, band, put_on
from robomem_sim.world import World

# How often each change is in the deck of a home.
DECK = {
    "move": 7,
    "move aside": 2,
    "hide in": 2,
    "hide behind": 2,
    "fetch": 2,
    "swap colours": 2,
    "swap twins": 1,
    "remove": 5,
    "bring back": 4,
    "open": 3,
}
_ASIDE_M = 0.3  # a thing moved on its own surface goes at least this far


class Script:
    """Carries out changes on a world.

    Args:
        stops: of the hubs; hiding behind something means hidden from these.
    """

    def __init__(self, world: World, stocked: Stocked, stops: Sequence[Stop], rng: np.random.Generator) -> None:
        self._world, self._stocked, self._stops, self._rng = world, stocked, stops, rng
        self._turn = int(rng.integers(3))  # heights take turns, so that thin, low and tall things change alike
        self._acts: dict[str, Callable[[int], list[TrueEvent]]] = {
            "move": self._move,
            "move aside": self._move_aside,
            "hide in": self._hide_in,
            "hide behind": self._hide_behind,
            "fetch": self._fetch,
            "swap colours": lambda t: self._swap(t, same=False),
            "swap twins": lambda t: self._swap(t, same=True),
            "remove": self._remove,
            "bring back": self._bring_back,
            "open": self._open,
        }

    def deck(self) -> list[str]:
        """The changes of a home in a random order in which things are removed and hidden before they come back."""
        rng, cards = self._rng, []
        returns = {"remove": "bring back", "hide in": "fetch"}
        for kind, count in DECK.items():
            if kind in returns.values():
                continue
            times = rng.random(count)
            cards += [(float(t), kind) for t in times]
            if kind in returns:  # what went away stays away for a while
                back = times + (1.0 - times) * rng.uniform(0.3, 0.9, count)
                cards += [(float(t), returns[kind]) for t in rng.permutation(back)[: DECK[returns[kind]]]]
        return [kind for _, kind in sorted(cards)]

    def act(self, kind: str, stamp_ns: int) -> list[TrueEvent]:
        """Do one change; when it cannot be done, something is moved instead. [] if not even that can be done."""
        return self._acts[kind](stamp_ns) or self._move(stamp_ns)

    def on_surfaces(self) -> list[str]:
        """Names of the things that stand in the open."""
        world = self._world
        return [n for n in world.object_names if (world.support(n) or ("", ""))[1] == "on"]

    def pick(self, names: Sequence[str]) -> str | None:
        """One of them, the heights taking turns; None if there is none."""
        world = self._world
        for step in range(3):
            of_height = [n for n in names if band(float(world.model(n).size[2])) == (self._turn + step) % 3]
            if of_height:
                self._turn = (self._turn + step + 1) % 3
                return str(self._rng.choice(of_height))
        return None

    def elsewhere(self, name: str) -> list[Place]:
        """Places for a thing on other furniture than where it is, hubs mostly."""
        at = (self._world.support(name) or ("", ""))[0]
        hubs = [p for p in self._stocked.hubs if p.piece.name != at]
        others = [p for p in self._stocked.others if p.piece.name != at]
        hubs, others = ([pool[int(i)] for i in self._rng.permutation(len(pool))] for pool in (hubs, others))
        return [*others[:1], *hubs] if self._rng.random() < 0.15 else [*hubs, *others]

    def _move(self, stamp_ns: int) -> list[TrueEvent]:
        name = self.pick(self.on_surfaces())
        return [] if name is None else self._carry(name, self.elsewhere(name), "moved", stamp_ns)

    def _carry(self, name: str, places: Sequence[Place], kind: str, stamp_ns: int) -> list[TrueEvent]:
        before = None if self._world.is_out(name) else self._world.box(name)[0]
        if not put_on(self._world, name, places, self._rng):
            return []
        return [TrueEvent(stamp_ns, kind, name, before, self._world.box(name)[0])]

    def _move_aside(self, stamp_ns: int) -> list[TrueEvent]:
        world = self._world
        name = self.pick([n for n in self.on_surfaces() if any(p.piece.name == world.support(n)[0] for p in self._stocked.hubs)])  # type: ignore[index]
        if name is None:
            return []
        here = [p for p in self._stocked.hubs if p.piece.name == world.support(name)[0]]  # type: ignore[index]
        old = self._stance(name)
        for _ in range(12):
            if put_on(world, name, here, self._rng) and np.linalg.norm(world.box(name)[0] - old[0]) >= _ASIDE_M:
                return [TrueEvent(stamp_ns, "moved", name, old[0], world.box(name)[0])]
        self._put_back(name, old)
        return []

    def _hide_in(self, stamp_ns: int) -> list[TrueEvent]:
        containers = [self._stocked.containers[int(i)] for i in self._rng.permutation(len(self._stocked.containers))]
        name = self.pick([n for n in self.on_surfaces() if self._world.model(n).size.max() < 0.3])
        events = [] if name is None else self._carry(name, containers, "hidden", stamp_ns)
        if events:
            inside = self._world.support(str(name))
            if inside is not None and self._world.open_fraction(inside[0]):  # whoever puts things away shuts the door
                events += self._set_open(inside[0], 0.0, stamp_ns)
        return events

    def _hide_behind(self, stamp_ns: int) -> list[TrueEvent]:
        names = self.on_surfaces()
        for _ in range(6):
            name = self.pick([n for n in names if self._world.model(n).size.max() < 0.2])
            if name is None:
                return []
            before, old = self._world.box(name)[0], self._stance(name)
            if hide_behind(self._world, name, self._stops, self._rng):
                return [TrueEvent(stamp_ns, "hidden", name, before, self._world.box(name)[0])]
            self._put_back(name, old)
        return []

    def _fetch(self, stamp_ns: int) -> list[TrueEvent]:
        world = self._world
        name = self.pick([n for n in world.object_names if (world.support(n) or ("", ""))[1] == "inside"])
        return [] if name is None else self._carry(name, self.elsewhere(name), "moved", stamp_ns)

    def _swap(self, stamp_ns: int, same: bool) -> list[TrueEvent]:
        in_open = set(self.on_surfaces())
        for i in self._rng.permutation(len(self._stocked.pairs)):
            a, b, alike = self._stocked.pairs[int(i)]
            if alike == same and {a, b} <= in_open and np.linalg.norm(self._world.box(a)[0] - self._world.box(b)[0]) > _ASIDE_M:
                old_a, old_b = self._stance(a), self._stance(b)
                self._world.take_out(a)
                self._put_back(b, old_a)
                self._put_back(a, old_b)
                return [TrueEvent(stamp_ns, "swapped", a, old_a[0], old_b[0]), TrueEvent(stamp_ns, "swapped", b, old_b[0], old_a[0])]
        return []

    def _remove(self, stamp_ns: int) -> list[TrueEvent]:
        name = self.pick(self.on_surfaces())
        if name is None:
            return []
        before = self._world.box(name)[0]
        self._world.take_out(name)
        return [TrueEvent(stamp_ns, "removed", name, before, None)]

    def _bring_back(self, stamp_ns: int) -> list[TrueEvent]:
        name = self.pick([n for n in self._world.object_names if self._world.is_out(n)])
        return [] if name is None else self._carry(name, self.elsewhere(name), "brought_back", stamp_ns)

    def _open(self, stamp_ns: int) -> list[TrueEvent]:
        pieces = sorted({p.piece.name for p in self._stocked.containers})
        opened = [n for n in pieces if self._world.open_fraction(n)]
        if opened and self._rng.random() < 0.7:
            return self._set_open(opened[0], 0.0, stamp_ns)
        holding = [n for n in pieces if any(self._world.support(o) == (n, "inside") for o in self._world.object_names)]
        return self._set_open(str(self._rng.choice(holding or pieces)), 1.0, stamp_ns) if pieces else []

    def _set_open(self, name: str, fraction: float, stamp_ns: int) -> list[TrueEvent]:
        self._world.set_open(name, fraction)
        return [TrueEvent(stamp_ns, "opened" if fraction else "shut", name)]

    def _stance(self, name: str) -> tuple[NDArray[np.float64], float, str, tuple[float, float, float]]:
        """Where a thing stands in the open: centre, yaw, furniture and spot there."""
        center, _, yaw = self._world.box(name)
        found = self._world.surface_below(center)
        assert found is not None, name
        return center, yaw, found[0], found[2]

    def _put_back(self, name: str, stance: tuple[NDArray[np.float64], float, str, tuple[float, float, float]]) -> None:
        self._world.put_down(name, stance[2], stance[3], stance[1])
