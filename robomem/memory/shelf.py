"""A shelf: records by key under a hard budget of rows and bytes, with an eviction policy. Tiers that must not grow are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from robomem.errors import InvalidInputError
from robomem.memory.eviction import Context, Eviction, K, Lru, Note, Usage

V = TypeVar("V")


class Shelf(Generic[K, V]):
    """At most `rows` records of together at most `max_bytes` bytes; a pinned record is never evicted.

    Attributes:
        task: class of the task at hand; policies that learn keep one answer for each.
        next_use: what Belady's bound reads, on traces whose future is known.
        evicted: records given up so far.

    Raises:
        InvalidInputError: a budget below one.
    """

    def __init__(self, rows: int, eviction: Eviction | None = None, max_bytes: int | None = None) -> None:
        if rows < 1 or (max_bytes is not None and max_bytes < 1):
            raise InvalidInputError(f"shelf: budgets must be at least 1, got {rows} rows and {max_bytes} bytes")
        self.rows, self.max_bytes = rows, max_bytes
        self.eviction: Eviction = eviction or Lru()
        self.task: Hashable = None
        self.next_use: Callable[[Any], float] | None = None
        self.evicted = 0
        self._values: dict[K, V] = {}
        self._usage: dict[K, Usage] = {}
        self._pinned: set[K] = set()
        self._visits: Counter[Hashable] = Counter()
        self._tick = self._bytes = 0
        self._missed: K | None = None  # a miss and the write that answers it are one access, not two

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    @property
    def bytes(self) -> int:
        """Bytes held, by the sizes given."""
        return self._bytes

    @property
    def usage(self) -> Mapping[K, Usage]:
        """How each key was used."""
        return self._usage

    def peek(self, key: K) -> V | None:
        """A value; looking counts as no use."""
        return self._values.get(key)

    def get(self, key: K) -> V | None:
        """A value; asking counts as a use, and a miss is told to the policy."""
        self._tick += 1
        self._missed = None if key in self._values else key
        self.eviction.noted(key, self._usage, self._context("asked", self._usage.get(key)))
        if key in self._usage:
            self._touch(key)
        return self._values.get(key)

    def put(self, key: K, value: V, size: int = 0, place: Hashable = None, cost: float = 1.0, still: bool = False) -> bool:
        """Take in a record, or write over the one with its key; False if pinned records leave no room (then nothing changes).

        Args:
            size: bytes.  place, cost: see `Usage`.
            still: the record is of something that never left the view: it is the newest again, but this is no further use.
        """
        self._tick += 1
        old = self._usage.get(key)
        if not self._could_fit(key, size):
            return False
        new = Usage(self._tick, self._tick, 1, 0, place, size, cost)
        note: Note = "fetched" if key == self._missed else "still" if still and old is not None else "written"
        self.eviction.noted(key, self._usage, self._context(note, new))
        self._missed = None
        while (old is None and len(self._values) >= self.rows) or self._too_big(size - (old.size if old else 0)):
            context = self._context("written", new)
            out = self.eviction.victim(self._usage, replace(context, pinned=self._pinned | {key}))
            if out is None:
                raise RuntimeError(f"{type(self.eviction).__name__} named no victim although one is free")
            self.discard(out)
            self.evicted += 1
        self._bytes += size - (old.size if old else 0)
        self._values[key] = value
        if old is None:
            self._usage[key] = new
        else:
            old.place, old.size, old.cost, old.merged = place, size, cost, self._tick
            self._touch(key, uses=note != "still")
        return True

    def change(self, key: K, value: V) -> None:
        """Replace a held value without this being a use (its size stays)."""
        if key in self._values:
            self._values[key] = value

    def pin(self, key: K, pinned: bool = True) -> None:
        """Protect a key from eviction, held now or later, or stop protecting it."""
        (self._pinned.add if pinned else self._pinned.discard)(key)

    def discard(self, key: K) -> None:
        """Drop one record, pinned or not."""
        if key in self._values:
            del self._values[key]
            self._bytes -= self._usage.pop(key).size

    def visit(self, place: Hashable) -> None:
        """The robot came to a place."""
        self._visits[place] += 1

    def _touch(self, key: K, uses: int = 1) -> None:
        self._usage[key].last_used = self._tick
        self._usage[key].uses += uses

    def _too_big(self, more: int) -> bool:
        return self.max_bytes is not None and self._bytes + more > self.max_bytes

    def _could_fit(self, key: K, size: int) -> bool:
        stay = [u.size for k, u in self._usage.items() if k in self._pinned and k != key]
        return len(stay) < self.rows and (self.max_bytes is None or sum(stay) + size <= self.max_bytes)

    def _context(self, note: Note, usage: Usage | None) -> Context:
        return Context(self._tick, self._pinned, self.task, self._visits, note, usage, self.next_use)
