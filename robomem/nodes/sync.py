"""Pairs colour, depth and detections of one camera by stamp; bounded, the newest wins."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from robomem.clock import ClockWatch
from robomem.geometry import Float
from robomem.nodes.tf import TransformError


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
        dropped: where they are counted, by reason.
    """

    def __init__(self, slop_ns: int, wait_for_detections: bool, capacity: int = 8, dropped: Counter[str] | None = None) -> None:
        self._slop, self._wait, self._capacity = slop_ns, wait_for_detections, capacity
        self._clock = ClockWatch()
        self._held: dict[str, OrderedDict[int, Any]] = {name: OrderedDict() for name in ("rgb", "depth", "detections")}
        self.newest_ns = -1
        self.overtaken = 0  # messages that never found a partner before a newer pair was whole
        self.dropped: Counter[str] = Counter() if dropped is None else dropped

    def clear(self) -> None:
        """The clock was set back: forget everything."""
        self.newest_ns = -1
        self.overtaken += self.held
        for held in self._held.values():
            held.clear()

    @property
    def held(self) -> int:
        """Messages without a partner so far."""
        return sum(len(held) for held in self._held.values())

    def add(self, stream: str, stamp_ns: int, msg: Any) -> Pair | None:
        """Take one message of "rgb", "depth" or "detections"; the pair it completes, if it does.

        A clock that was set back begins anew; what comes late is dropped and counted.
        """
        if stream == "rgb" and self._clock.judge(stamp_ns) == "set_back":
            self.dropped["clock_set_back"] += 1
            self.clear()
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
            for name, part in (("rgb", stamp), ("depth", depth), ("detections", found)):
                held = self._held[name]
                for old in [s for s in held if s <= stamp or s == part]:
                    del held[old]
                    self.overtaken += old != part
            return pair
        return None

    def _near(self, stream: str, stamp_ns: int) -> int | None:
        best = min(self._held[stream], key=lambda s: abs(s - stamp_ns), default=None)
        return best if best is not None and abs(best - stamp_ns) <= self._slop else None


class Waiting:
    """Pairs that wait for their transform: the newest that has one is taken, and what is older is dropped.

    One pair alone would not do: where transforms come later than the next image, each image would be replaced before its own came.

    Args:
        patience_s: how long a pair may wait; then it is rejected with the reason of its transform.
        counts: where what a newer one overtook is counted.
    """

    def __init__(self, patience_s: float, counts: Counter[str], capacity: int = 8) -> None:
        self._patience_s, self._counts, self._capacity = patience_s, counts, capacity
        self._pairs: deque[tuple[Pair, float]] = deque()

    def __len__(self) -> int:
        return len(self._pairs)

    def put(self, pair: Pair, now_s: float) -> None:
        """A pair waits from now on; beyond the capacity the oldest is dropped."""
        self._pairs.append((pair, now_s))
        if len(self._pairs) > self._capacity:
            self._pairs.popleft()
            self._counts["newer_image_won"] += 1

    def clear(self) -> None:
        """Forget them."""
        self._pairs.clear()

    def take(self, now_s: float, lookup: Callable[[Pair], Float], reject: Callable[[str, str], None]) -> tuple[Pair, Float] | None:
        """The newest pair whose transform is known, and the transform; None while there is none."""
        why: dict[int, TransformError] = {}
        for k in range(len(self._pairs) - 1, -1, -1):
            try:
                T = lookup(self._pairs[k][0])
            except TransformError as error:
                why[k] = error
                continue
            pair = self._pairs[k][0]
            if k:
                self._counts["newer_image_won"] += k
            for _ in range(k + 1):
                self._pairs.popleft()
            return pair, T
        for k in range(len(self._pairs)):
            if now_s - self._pairs[0][1] <= self._patience_s:
                break
            self._pairs.popleft()
            reject(why[k].reason, str(why[k]))
        return None


class Freshness:
    """Whether images still come: stale before the second period without one is over.

    Args:
        now_s: when the watch begins, on a steady clock.
        period_s: time between two images; it is learned from what comes (never less than 0.1 s), until then this holds.
    """

    def __init__(self, now_s: float, period_s: float = 0.5) -> None:
        self._last_s, self._period_s = now_s, period_s
        self._gaps: deque[float] = deque(maxlen=9)
        self.any = False

    def heard(self, now_s: float) -> None:
        """An image came."""
        if self.any:
            self._gaps.append(now_s - self._last_s)
            self._period_s = min(max(median(self._gaps), 0.1), 2.0)
        self._last_s, self.any = now_s, True

    def trouble(self, now_s: float) -> str:
        """What is wrong, in words without numbers that change; "" while all is well."""
        if now_s - self._last_s <= 1.5 * self._period_s:
            return ""
        return "stale: no new image" if self.any else "no image yet: is the camera running, and are its topics remapped?"
