"""Who goes when a tier is full: one interface, three policies."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass
class Usage:
    """How one key was used, counted in operations of its tier (not in time: a paused robot forgets nothing)."""

    added: int
    last_used: int
    uses: int = 1


class Eviction(Protocol):
    """A policy: which key to give up."""

    def victim(self, usage: Mapping[K, Usage], pinned: Collection[K] = ()) -> K | None:
        """The key to evict, never a pinned one; None if every key is pinned. O(n)."""
        ...


class Fifo:
    """First in, first out."""

    def victim(self, usage: Mapping[K, Usage], pinned: Collection[K] = ()) -> K | None:
        """The key added longest ago."""
        return min((k for k in usage if k not in pinned), key=lambda k: usage[k].added, default=None)


class Lru:
    """Least recently used."""

    def victim(self, usage: Mapping[K, Usage], pinned: Collection[K] = ()) -> K | None:
        """The key whose last use is longest ago."""
        return min((k for k in usage if k not in pinned), key=lambda k: (usage[k].last_used, usage[k].added), default=None)


class Lfu:
    """Least frequently used; of equals the least recently used."""

    def victim(self, usage: Mapping[K, Usage], pinned: Collection[K] = ()) -> K | None:
        """The key with the fewest uses."""
        return min((k for k in usage if k not in pinned), key=lambda k: (usage[k].uses, usage[k].last_used, usage[k].added), default=None)
