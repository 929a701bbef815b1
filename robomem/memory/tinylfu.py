"""W-TinyLFU (Einziger, Friedman, Manes 2017): a small window for what is new, a main part that only the more frequent may enter."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np

from robomem.memory.eviction import NOWHERE, Context, K, Usage

_SALTS = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)
_CAP = 15  # counters of four bits, as the paper has them


class CountingSketch:
    """How often keys were asked for lately, in fixed room: a count-min sketch whose counters are halved every `period` additions."""

    def __init__(self, width: int = 1024, period: int = 320) -> None:
        self._mask = (1 << max(4, (width - 1).bit_length())) - 1
        self._counts = np.zeros((len(_SALTS), self._mask + 1), np.uint8)
        self.period, self._added = period, 0

    def add(self, key: Hashable) -> None:
        """Count one use."""
        rows, columns = self._cells(key)
        low = self._counts[rows, columns]
        # Conservative update: only the smallest counters of a key grow, so that collisions overcount less.
        self._counts[rows, columns] = np.where((low == low.min()) & (low < _CAP), low + 1, low)
        self._added += 1
        if self._added >= self.period:
            self._counts >>= 1
            self._added //= 2

    def count(self, key: Hashable) -> int:
        """Uses lately, never too few by collisions, at most 15."""
        return int(self._counts[self._cells(key)].min())

    def _cells(self, key: Hashable) -> tuple[list[int], list[int]]:
        h = zlib.crc32(repr(key).encode())  # not hash(): that differs from run to run for strings
        return [0, 1, 2, 3], [(((h ^ salt) * salt) >> 13) & self._mask for salt in _SALTS]


class WTinyLfu:
    """Window and main (probation + protected) segments, each least-recently-used inside; frequency decides who enters main.

    The candidate is the window's oldest. It goes to main if it was asked for more often than main's oldest on probation, which then is the
    victim; else the candidate is. A hit on probation promotes to protected. KARMA's best split for its ten units is a window of nine, which
    leaves a main part of one and behaves nearly like LRU; the paper's own split for large caches is a window of 1 %.

    Args:
        window: share of the keys in the window, at least one key.
        protected: share of main that is protected.
        width: counters per row of the sketch.
        period: additions after which counters are halved, in multiples of the keys held.
    """

    def __init__(self, window: float = 0.2, protected: float = 0.8, width: int = 1024, period: int = 10) -> None:
        self.window, self.protected, self._period = window, protected, period
        self.sketch = CountingSketch(width)
        self._window: dict[Any, None] = {}  # dicts as queues: the oldest first
        self._probation: dict[Any, None] = {}
        self._protected: dict[Any, None] = {}

    def noted(self, key: Hashable, store: Mapping[Any, Usage], context: Context) -> None:
        """Count it, and move it within its segment or up."""
        if context.note in ("asked", "written"):
            self.sketch.period = self._period * max(len(store), 8)
            self.sketch.add(key)
        if key not in store or context.note == "still":
            return
        if key in self._protected:
            _to_end(self._protected, key)
        elif key in self._probation:
            del self._probation[key]
            self._protected[key] = None
            while len(self._protected) > max(1, int(self.protected * (len(store) - self._room(store)))):
                demoted = next(iter(self._protected))
                del self._protected[demoted]
                self._probation[demoted] = None
        else:
            _to_end(self._window, key)

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        """The loser of the window's oldest and main's oldest. O(n)."""
        self._follow(store)
        while len(self._window) > self._room(store) and len(self._probation) + len(self._protected) < len(store) - self._room(store):
            self._enter_main()
        candidate, main = _oldest(self._window, context.pinned), self._main_victim(context.pinned)
        if candidate is None or main is None:
            return main if candidate is None else candidate
        if len(self._window) < self._room(store):
            return main
        if self.sketch.count(candidate) > self.sketch.count(main):
            del self._window[candidate]
            self._probation[candidate] = None
            return main
        return candidate

    def _room(self, store: Mapping[Any, Usage]) -> int:
        return max(1, round(self.window * len(store)))

    def _enter_main(self) -> None:
        first = next(iter(self._window))
        del self._window[first]
        self._probation[first] = None

    def _main_victim(self, pinned: Collection[Any]) -> Any:
        first = _oldest(self._probation, pinned)
        return first if first is not None else _oldest(self._protected, pinned)

    def _follow(self, store: Mapping[Any, Usage]) -> None:
        """Keys come and go without this policy being asked (dropped, forgotten, evicted by another): follow the store."""
        for segment in (self._window, self._probation, self._protected):
            for key in [k for k in segment if k not in store]:
                del segment[key]
        for key in store:
            if key not in self._protected and key not in self._probation:
                self._window.setdefault(key)


def _oldest(segment: Mapping[Any, None], pinned: Collection[Any]) -> Any:
    return next((k for k in segment if k not in pinned), None)


def _to_end(segment: dict[Any, None], key: Any) -> None:
    segment.pop(key, None)
    segment[key] = None
