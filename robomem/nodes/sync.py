"""Pairs colour, depth and detections of one camera by stamp; bounded, the newest wins."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pair:
    """Messages of one moment; `detections` is None where none came."""

    stamp_ns: int
    rgb: Any
    depth: Any
    detections: Any = None


class PairSync:
    """Holds what has not found its partner yet.

    Args:
        slop_ns: how far the stamps of a pair may be apart.
        wait_for_detections: pair only with the detections of the same stamp; else they are taken if they are there.
        capacity: messages kept per stream; older ones are dropped and counted.
    """

    def __init__(self, slop_ns: int, wait_for_detections: bool, capacity: int = 8) -> None:
        self._slop, self._wait, self._capacity = slop_ns, wait_for_detections, capacity
        self._held: dict[str, OrderedDict[int, Any]] = {name: OrderedDict() for name in ("rgb", "depth", "detections")}
        self.newest_ns = -1
        self.dropped: Counter[str] = Counter()

    def clear(self) -> None:
        """The clock was set back: forget everything."""
        self.newest_ns = -1
        for held in self._held.values():
            held.clear()

    def add(self, stream: str, stamp_ns: int, msg: Any) -> Pair | None:
        """Take one message of "rgb", "depth" or "detections"; the pair it completes, if it does."""
        if stamp_ns <= self.newest_ns:
            self.dropped["stamp_goes_back" if stamp_ns < self.newest_ns else "stamp_repeats"] += 1
            return None
        held = self._held[stream]
        if stamp_ns in held:
            self.dropped["stamp_repeats"] += 1
            return None
        held[stamp_ns] = msg
        while len(held) > self._capacity:
            held.popitem(last=False)
            self.dropped[f"{stream}_without_partner"] += 1
        return self._match()

    def _match(self) -> Pair | None:
        """The newest complete pair; everything older is of no use any more."""
        for stamp in sorted(self._held["rgb"], reverse=True):
            depth = self._near("depth", stamp)
            found = self._near("detections", stamp)
            if depth is None or (self._wait and found is None):
                continue
            said = None if found is None else self._held["detections"][found]
            pair = Pair(stamp, self._held["rgb"][stamp], self._held["depth"][depth], said)
            self.newest_ns = stamp
            for held in self._held.values():
                for old in [s for s in held if s <= stamp]:
                    del held[old]
            return pair
        return None

    def _near(self, stream: str, stamp_ns: int) -> int | None:
        best = min(self._held[stream], key=lambda s: abs(s - stamp_ns), default=None)
        return best if best is not None and abs(best - stamp_ns) <= self._slop else None
