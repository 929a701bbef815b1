"""Who goes when a tier is full: one interface, `victim(store, context) -> key`, and the policies that rank keys by how they were used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
Note = Literal["asked", "written", "fetched", "still"]


@dataclass
class Usage:
    """How one key was used, counted in operations of its tier (not in time: a paused robot forgets nothing).

    Attributes:
        added, last_used, merged: operation in which it came, was last read or written, was last written over (0: never).
        place: where the record is of (a room, a piece of furniture), None if unknown.
        size: bytes.
        cost: what finding it again would cost, in any unit that is the same for all keys of a tier.
    """

    added: int
    last_used: int
    uses: int = 1
    merged: int = 0
    place: Hashable = None
    size: int = 0
    cost: float = 1.0


@dataclass(frozen=True)
class Context:
    """What a policy may know beside the usage of the keys.

    Attributes:
        now: operations so far.
        pinned: keys that must stay (held object, current goal).
        task: class of the task at hand, None if there is none.
        visits: how often each place was visited; empty: the records of each place are counted instead.
        note: what just happened to the key that `noted` is told: asked for, written, written because it was asked for and missing, or
            written again while it still is in view (which is no further use).
        usage: how the key that `noted` is told is, or will be, described.
        next_use: operation in which a key is next asked for (inf: never). Only Belady's bound reads it.
    """

    now: int = 0
    pinned: Collection[Any] = frozenset()
    task: Hashable = None
    visits: Mapping[Any, int] = field(default_factory=dict)
    note: Note = "written"
    usage: Usage | None = None
    next_use: Callable[[Any], float] | None = None


NOWHERE = Context()


class Eviction(Protocol):
    """A policy: which key to give up."""

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        """The key to evict, never a pinned one; None if every key is pinned. O(n)."""
        ...

    def noted(self, key: Hashable, store: Mapping[Any, Usage], context: Context) -> None:
        """Told of every request and every write, also of keys that are not held (frequency sketches count those)."""
        ...


class Ranking:
    """A policy without a state: the key that `rank` puts lowest goes."""

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        """The unpinned key of the lowest rank. O(n)."""
        return min((k for k in store if k not in context.pinned), key=lambda k: self.rank(k, store[k], context), default=None)

    def noted(self, key: Hashable, store: Mapping[Any, Usage], context: Context) -> None:
        """Nothing to learn: what a ranking knows is in the usage."""

    def rank(self, key: Hashable, usage: Usage, context: Context) -> tuple[float, ...]:
        """The lowest goes first."""
        raise TypeError(f"{type(self).__name__} has no order of its own; use Fifo, Lru, ...")


class Fifo(Ranking):
    """First in, first out.

    Args:
        requeue: what happens when a held key is written again: False keeps its position in the queue, True puts it at the end. KARMA does
            not say which; both are measured in `robomem bench eviction`.
    """

    def __init__(self, requeue: bool = False) -> None:
        self.requeue = requeue

    def rank(self, key: Hashable, usage: Usage, context: Context) -> tuple[float, ...]:
        """By arrival."""
        return (max(usage.added, usage.merged) if self.requeue else usage.added, usage.added)


class Lifo(Ranking):
    """Last in, first out: the oldest memories stay."""

    def rank(self, key: Hashable, usage: Usage, context: Context) -> tuple[float, ...]:
        """By arrival, backwards."""
        return (-usage.added,)


class Lru(Ranking):
    """Least recently used."""

    def rank(self, key: Hashable, usage: Usage, context: Context) -> tuple[float, ...]:
        """By last use."""
        return (usage.last_used, usage.added)


class Lfu(Ranking):
    """Least frequently used; of equals the least recently used."""

    def rank(self, key: Hashable, usage: Usage, context: Context) -> tuple[float, ...]:
        """By uses while held."""
        return (usage.uses, usage.last_used, usage.added)


class VisitedPlace(Ranking):
    """Most-visited-place-first-out (MVFO) or least-visited (LVFO): the oldest record of that place goes (Spatially-Aware Transformer).

    Args:
        most: True evicts from the most visited place (rarely seen places are kept), False from the least visited.
    """

    def __init__(self, most: bool = True) -> None:
        self.most = most

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        """The oldest unpinned record of the place visited most (or least) that has one."""
        visits = context.visits or Counter(u.place for u in store.values())
        sign = -1 if self.most else 1
        free = (k for k in store if k not in context.pinned)
        return min(free, key=lambda k: (sign * visits.get(store[k].place, 0), store[k].added), default=None)


class Belady(Ranking):
    """Clairvoyant: the key that is asked for furthest in the future goes. No policy of equal sizes hits more; it needs `next_use`."""

    def rank(self, key: Hashable, usage: Usage, context: Context) -> tuple[float, ...]:
        """By next use, backwards."""
        if context.next_use is None:
            raise TypeError("Belady's bound needs context.next_use: it is for traces whose future is known")
        return (-context.next_use(key), usage.added)


class ExpectedUtility:
    """Keeps what is worth most: probability of need x cost of finding it again.

    The probability of need is a rate: uses, each worth half after `half_life` further uses of anything, also of keys that are not held now
    (LRFU's combined recency and frequency, Lee et al. 2001, with a memory of keys that went). `need` replaces it where something knows
    better (a plan, habits). The half-life was chosen on simulated homes (seeds 100 and 101): longer is better there and where the same
    things are wanted every day, shorter is better for bursts.
    """

    GHOSTS = 8  # keys remembered per key held: bounded, the coldest are dropped

    def __init__(self, half_life: float = 200.0, need: Callable[[Any], float] | None = None) -> None:
        self.half_life, self._need = half_life, need
        self._heat: dict[Any, tuple[float, int]] = {}  # key -> (decayed uses, the use of anything that they are as of)
        self._uses = 0

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        """The unpinned key whose loss would cost least. O(n)."""
        free = (k for k in store if k not in context.pinned)
        return min(free, key=lambda k: (self._worth(k, store[k]), store[k].last_used, store[k].added), default=None)

    def noted(self, key: Hashable, store: Mapping[Any, Usage], context: Context) -> None:
        """Count a request, or a write that no request made."""
        if context.note == "still" and key in self._heat:
            self._heat[key] = (self._heat[key][0], self._uses)  # what stays in view does not fade
        if context.note in ("fetched", "still"):
            return
        self._uses += 1
        self._heat[key] = (1.0 + self._now(key), self._uses)
        if len(self._heat) > self.GHOSTS * max(len(store), 8):
            warm = sorted(self._heat, key=self._now)
            for cold in warm[: len(warm) // 4]:
                del self._heat[cold]

    def _now(self, key: Any) -> float:
        heat, then = self._heat.get(key, (0.0, self._uses))
        return heat * 0.5 ** ((self._uses - then) / self.half_life)

    def _worth(self, key: Any, usage: Usage) -> float:
        return (self._now(key) if self._need is None else self._need(key)) * usage.cost
