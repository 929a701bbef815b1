"""Made-up request traces of `robomem bench eviction`: uniform, Zipf, drifting bursts, composite chains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

KEYS, PLACES = 40, 8
HOT, BURST, P_HOT = 5, 150, 0.8


class Op(NamedTuple):
    """One operation on a tier: `ask` for a thing (which is at `place` then), or the robot sees it there and writes it."""

    ask: bool
    key: int
    place: int
    task: str | None = None
    unit: int = 0


@dataclass
class Trace:
    """Operations in order, and what every policy is scored with.

    Attributes:
        places: how many places there are to look into.
        searched: False where places are only names (made-up traces): then finding anything again costs the same.
        later: of each operation, the next one that asks for its key (inf: none).
        looks: of each operation, places to look into until the thing is found without the tier: those it was seen at, most often first.
        first: of each operation, the places that those looks go through before the right one.
        cost: of each operation, the looks a robot expects then for this thing.
    """

    ops: Sequence[Op]
    places: int = PLACES
    searched: bool = True
    later: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    first: list[tuple[int, ...]] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        ahead: dict[int, float] = {}
        self.later = [0.0] * len(self.ops)
        for t in range(len(self.ops) - 1, -1, -1):
            op = self.ops[t]
            self.later[t] = ahead.get(op.key, float("inf"))
            if op.ask:
                ahead[op.key] = float(t)
        seen: dict[int, Counter[int]] = defaultdict(Counter)
        for op in self.ops:
            known = seen[op.key]
            order = sorted(known, key=lambda p: (-known[p], p))
            unknown = len(known) + (1 + self.places - len(known)) / 2.0  # then it may be at any of the others
            self.looks.append(1.0 + order.index(op.place) if op.place in known else unknown)
            self.first.append(tuple(order[: order.index(op.place)] if op.place in known else order) if op.ask else ())
            total = sum(known.values())
            expected = sum((i + 1) * known[p] for i, p in enumerate(order)) / total if total else unknown
            self.cost.append(expected if self.searched else 1.0)
            known[op.place] += 1


def uniform(rng: np.random.Generator, n: int) -> Trace:
    """Every thing is as likely as any other: nothing can be learned."""
    return _asked(rng.integers(KEYS, size=n))


def zipf(rng: np.random.Generator, n: int) -> Trace:
    """A few things are asked for most, always the same ones: p proportional to 1 / rank."""
    p = 1.0 / np.arange(1, KEYS + 1)
    return _asked(rng.permutation(KEYS)[rng.choice(KEYS, size=n, p=p / p.sum())])


def drifting_bursts(rng: np.random.Generator, n: int) -> Trace:
    """Five things make four of five requests, and every 150 requests they are five others."""
    keys = rng.integers(KEYS, size=n)
    for start in range(0, n, BURST):
        hot = rng.choice(KEYS, HOT, replace=False)
        span = slice(start, min(start + BURST, n))
        m = span.stop - start
        keys[span] = np.where(rng.random(m) < P_HOT, hot[rng.integers(HOT, size=m)], keys[span])
    return _asked(keys)


def composite_chains(rng: np.random.Generator, n: int) -> Trace:
    """Household tasks of three to five things, each asked for one to three times; it shares things with the one before (KARMA)."""
    keys: list[int] = []
    tasks: list[str] = []
    before = rng.choice(KEYS, 4, replace=False)
    while len(keys) < n:
        size = int(rng.integers(3, 6))
        kept = before[rng.random(len(before)) < 0.5][:size]
        new = rng.choice(KEYS, size - len(kept), replace=False)
        chain = np.concatenate([kept, new])
        steps = rng.permutation(np.repeat(chain, rng.integers(1, 4, size=size)))
        keys += steps.tolist()
        tasks += [f"{size} things"] * len(steps)
        before = chain
    return _asked(np.array(keys[:n]), tasks[:n])


MADE_UP: Mapping[str, Callable[[np.random.Generator, int], Trace]] = {
    "uniform": uniform,
    "Zipf": zipf,
    "drifting bursts": drifting_bursts,
    "composite chains": composite_chains,
}


def _asked(keys: np.ndarray, tasks: Sequence[str] | None = None) -> Trace:
    return Trace([Op(True, int(k), int(k) % PLACES, tasks[i] if tasks else None) for i, k in enumerate(keys)], searched=False)
