"""Short-term memory: a hard-bounded set of what the robot saw or asked about lately (KARMA's short-term units)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.memory.eviction import Eviction, Lru, Usage
from robomem.types import ObjectView


@dataclass(frozen=True)
class Unit:
    """One object as last seen: position Float64[3] m (map frame), most likely states, appearance vector."""

    id: int
    label: str
    position: NDArray[np.float64]
    states: dict[str, str]
    embedding: NDArray[np.float32]
    stamp_ns: int


class ShortTermMemory:
    """At most `capacity` units; the same object merges into its unit; a pinned one is never evicted.

    Raises:
        InvalidInputError: a capacity below one.
    """

    def __init__(self, capacity: int = 32, eviction: Eviction | None = None) -> None:
        if capacity < 1:
            raise InvalidInputError(f"short-term memory: capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self._eviction = eviction or Lru()
        self._units: dict[int, Unit] = {}
        self._usage: dict[int, Usage] = {}
        self._pinned: set[int] = set()
        self._tick = 0

    def __len__(self) -> int:
        return len(self._units)

    def update(self, view: ObjectView) -> bool:
        """Take in one object; False if there was no room because everything else is pinned."""
        self._tick += 1
        states = {name: value for name, (value, _) in view.states.items()}
        unit = Unit(view.id, view.label, view.position, states, view.embedding, view.last_seen_ns)
        if view.id in self._units:
            self._units[view.id] = unit
            self._touch(view.id)
            return True
        if len(self._units) >= self.capacity:
            out = self._eviction.victim(self._usage, self._pinned)
            if out is None:
                return False
            self.discard(out)
        self._units[view.id] = unit
        self._usage[view.id] = Usage(self._tick, self._tick)
        return True

    def get(self, object_id: int) -> Unit | None:
        """One unit; reading it counts as a use."""
        if object_id in self._units:
            self._tick += 1
            self._touch(object_id)
        return self._units.get(object_id)

    def units(self) -> list[Unit]:
        """All units, the most recently used last (reading them all counts as no use)."""
        return sorted(self._units.values(), key=lambda unit: self._usage[unit.id].last_used)

    def move(self, object_id: int, position: NDArray[np.float64]) -> None:
        """The map was corrected: a unit is at Float64[3] m of it (this counts as no use)."""
        if object_id in self._units:
            self._units[object_id] = replace(self._units[object_id], position=position)

    def pin(self, object_id: int, pinned: bool = True) -> None:
        """Protect an object (held, current goal) from eviction, or stop protecting it."""
        (self._pinned.add if pinned else self._pinned.discard)(object_id)

    def discard(self, object_id: int) -> None:
        """Drop one unit, pinned or not."""
        self._units.pop(object_id, None)
        self._usage.pop(object_id, None)

    def _touch(self, object_id: int) -> None:
        self._usage[object_id].last_used = self._tick
        self._usage[object_id].uses += 1
