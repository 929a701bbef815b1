"""Playing a trace through a tier under one policy; and the four-strategy task, in which each class of episodes has its own best policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks._eviction_traces import Trace
from robomem.memory.ama import FOUR_STRATEGIES, Ama
from robomem.memory.eviction import Eviction, ExpectedUtility, Usage
from robomem.memory.shelf import Shelf

FRAMES, ROWS = (14, 9, 8, 6, 3), 12  # frames of the five places of an episode; rows of the tier
EPISODE = 50  # requests after which the bandit form of AMA is told its hit rate


class AllAlike(ExpectedUtility):
    """Expected utility that is not told what finding a thing again would cost."""

    def _worth(self, key: Any, usage: Usage) -> float:
        return self._now(key)


@dataclass(frozen=True)
class Played:
    """Of each request: whether it hit, the places looked into until the thing was found, the operation, and the unit it belongs to."""

    hit: np.ndarray
    looks: np.ndarray
    at: np.ndarray
    unit: np.ndarray


def play(trace: Trace, policy: Eviction, rows: int) -> Played:
    """One policy on one trace. A held thing is looked for where it was last seen first; a thing found is written."""
    shelf: Shelf[int, int] = Shelf(rows, policy)
    ahead: dict[int, float] = {}
    shelf.next_use = ahead.__getitem__
    told = policy.outcome if isinstance(policy, Ama) and not policy.has_shadows else None
    hits, looks, at, units, room = [], [], [], [], -1
    for t, op in enumerate(trace.ops):
        ahead[op.key] = trace.later[t]
        shelf.task = op.task
        if op.place != room:
            shelf.visit(room := op.place)
        if op.ask:
            where = shelf.get(op.key)
            hits.append(where is not None)
            in_vain = where is not None and where not in trace.first[t]  # a look the plain search would not have made
            looks.append(1.0 if where == op.place else trace.looks[t] + in_vain)
            at.append(t)
            units.append(op.unit)
            if told is not None and len(hits) % EPISODE == 0:
                told(float(np.mean(hits[-EPISODE:])), op.task)
        if not op.ask or where is None or where != op.place:
            shelf.put(op.key, op.place, place=op.place, cost=trace.cost[t])
    return Played(np.array(hits, float), np.array(looks), np.array(at), np.array(units))


def episode(rng: np.random.Generator, task: str, policy: Eviction) -> float:
    """A walk through five places with a tier that holds 12 of 40 frames, then one question about a frame: 1 if it is held.

    The class says what is asked about: what came last (FIFO serves it best), what came first (LIFO), a frame of the two least visited
    places (MVFO), of the most visited place (LVFO). The policy is not told what: it is told the class's name.
    """
    names = rng.permutation(len(FRAMES))
    order = rng.permutation(np.repeat(names, FRAMES))
    shelf: Shelf[int, int] = Shelf(ROWS, policy)
    shelf.task = task
    for frame, place in enumerate(order.tolist()):
        shelf.visit(place)
        shelf.put(frame, place, place=place)
    asked = {
        "FIFO": np.arange(len(order) - ROWS, len(order)),
        "LIFO": np.arange(ROWS),
        "MVFO": np.flatnonzero(np.isin(order, names[-2:])),
        "LVFO": np.flatnonzero(order == names[0]),
    }[task]
    return float(int(rng.choice(asked)) in shelf)


def outcome_matrix(rng: np.random.Generator, n: int) -> dict[str, dict[str, float]]:
    """task class -> policy -> share of episodes solved: the truth AMA has to find."""
    return {
        task: {name: float(np.mean([episode(rng, task, make()) for _ in range(n)])) for name, make in FOUR_STRATEGIES.items()}
        for task in FOUR_STRATEGIES
    }


def learn_map(seed: int, steps: int) -> tuple[dict[str, str], float]:
    """`steps` episodes of mixed classes with AMA: (class -> policy it settled on, its outcome over the last half)."""
    rng = np.random.default_rng((seed, 5))
    ama = Ama(np.random.default_rng((seed, 6)), FOUR_STRATEGIES, "ucb", explore=0.3)
    names, got = list(FOUR_STRATEGIES), []
    for _ in range(steps):
        task = names[int(rng.integers(len(names)))]
        reward = episode(rng, task, ama)
        ama.outcome(reward, task)
        got.append(reward)
    return {task: ama.best(task) for task in names}, float(np.mean(got[steps // 2 :]))


def identity_share(maps: list[Mapping[str, str]]) -> float:
    """Share of (seed, class) pairs for which AMA settled on the class's own policy."""
    return float(np.mean([policy == task for found in maps for task, policy in found.items()]))
