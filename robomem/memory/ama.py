"""AMA, the adaptive memory allocator (Spatially-Aware Transformer): learns online which eviction policy serves which class of task."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from robomem.errors import InvalidInputError
from robomem.memory.eviction import NOWHERE, Context, Eviction, ExpectedUtility, Fifo, K, Lfu, Lifo, Lru, Usage, VisitedPlace
from robomem.memory.shelf import Shelf
from robomem.memory.tinylfu import WTinyLfu

Maker = Callable[[], Eviction]

POLICIES: Mapping[str, Maker] = {
    "FIFO, keep position": Fifo,
    "FIFO, re-queue": lambda: Fifo(requeue=True),
    "LRU": Lru,
    "LFU": Lfu,
    "W-TinyLFU": WTinyLfu,
    "MVFO": lambda: VisitedPlace(most=True),
    "LVFO": lambda: VisitedPlace(most=False),
    "expected utility": ExpectedUtility,
}
FOUR_STRATEGIES: Mapping[str, Maker] = {"FIFO": Fifo, "LIFO": Lifo, "MVFO": POLICIES["MVFO"], "LVFO": POLICIES["LVFO"]}


@dataclass
class _Score:
    """Discounted outcomes of one policy at one class of tasks."""

    total: float = 0.0
    weight: float = 0.0

    def add(self, reward: float, keep: float) -> None:
        self.total, self.weight = self.total * keep + reward, self.weight * keep + 1.0

    @property
    def mean(self) -> float:
        return self.total / self.weight if self.weight else 0.0


class Ama:
    """A policy over policies. Per task class it keeps the mean outcome of each and uses the best, exploring as `rule` says.

    Outcomes come in two ways. `outcome(reward)` ends an episode (task success, say) and credits the policy in use: a bandit, as in the
    paper (which learns it by Q-learning with a network; a table serves where classes have names). With `shadow_rows` the outcome of *every*
    policy is known at every request, hit or miss: each runs beside the tier on a shelf of keys without values, so nothing need be tried on
    the robot to be learned, and the tier drifts towards what the best one's shelf holds.

    Args:
        arms: the policies by name, as functions that make one.
        rule: "ucb" (UCB1 on discounted outcomes) or "epsilon" (greedy but for a share `explore`).
        explore: the share of "epsilon", or the width of the "ucb" bonus; not used with shadows.
        half_life: outcomes after which an old one weighs half (needs drift).
        shadow_rows: rows of each shadow shelf, the tier's own rows; 0: none.

    Raises:
        InvalidInputError: no arm.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        arms: Mapping[str, Maker] = POLICIES,
        rule: Literal["ucb", "epsilon"] = "ucb",
        explore: float = 0.5,
        half_life: float = 500.0,
        shadow_rows: int = 0,
    ) -> None:
        if not arms:
            raise InvalidInputError("AMA: needs at least one policy to choose from, got none")
        self.arms: dict[str, Eviction] = {name: make() for name, make in arms.items()}
        self._rng, self._rule, self._explore, self._keep = rng, rule, explore, 0.5 ** (1.0 / half_life)
        self._scores: dict[Hashable, dict[str, _Score]] = {}
        self._current: dict[Hashable, str] = {}
        self._shadows = {name: Shelf[Any, None](shadow_rows, make()) for name, make in arms.items()} if shadow_rows else {}

    @property
    def has_shadows(self) -> bool:
        """True if every policy runs beside the tier; else outcomes must be told by `outcome`."""
        return bool(self._shadows)

    def arm(self, task: Hashable = None) -> str:
        """The policy in use for a class of tasks; it stays until the episode's outcome is told."""
        if task not in self._current:
            self._current[task] = self.best(task) if self._shadows else self._choose(task)
        return self._current[task]

    def best(self, task: Hashable = None) -> str:
        """The policy with the best mean outcome so far; of equals the first."""
        scores = self._of(task)
        return max(scores, key=lambda name: scores[name].mean)

    def outcome(self, reward: float, task: Hashable = None) -> None:
        """How the episode went (0 to 1): credits the policy in use; the next eviction chooses anew."""
        used = self.arm(task)
        for name, score in self._of(task).items():
            if name == used:
                score.add(reward, self._keep)
            else:
                score.total, score.weight = score.total * self._keep, score.weight * self._keep
        del self._current[task]

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        """The victim of the policy in use; with shadows, first of what that policy would not hold by now."""
        policy = self.arms[name := self.arm(context.task)]
        if self._shadows:
            wanted = [k for k in store if k in self._shadows[name]]
            out = policy.victim(store, replace(context, pinned={*context.pinned, *wanted}))
            if out is not None:
                return out
        return policy.victim(store, context)

    def noted(self, key: Hashable, store: Mapping[Any, Usage], context: Context) -> None:
        """Tell every policy, and every shadow."""
        for policy in self.arms.values():
            policy.noted(key, store, context)
        if context.note == "asked" and self._shadows:
            for name, score in self._of(context.task).items():
                score.add(float(key in self._shadows[name]), self._keep)
            self._current[context.task] = self.best(context.task)
        for shadow in self._shadows.values():
            _follow(shadow, key, context)

    def to_json(self) -> list[dict[str, Any]]:
        """What was learned, as plain values, for the next start."""
        return [
            {"task": task, "policy": name, "total": s.total, "weight": s.weight}
            for task, scores in self._scores.items()
            for name, s in scores.items()
        ]

    def load_json(self, rows: list[dict[str, Any]]) -> None:
        """Take up what was learned before; policies that are no longer offered are left out."""
        for row in rows:
            scores = self._of(row["task"])
            if row["policy"] in scores:
                scores[row["policy"]] = _Score(float(row["total"]), float(row["weight"]))

    def _of(self, task: Hashable) -> dict[str, _Score]:
        return self._scores.setdefault(task, {name: _Score() for name in self.arms})

    def _choose(self, task: Hashable) -> str:
        scores = self._of(task)
        untried = [name for name, s in scores.items() if s.weight < 1e-9]
        if untried:
            return untried[int(self._rng.integers(len(untried)))]
        if self._rule == "epsilon":
            names = list(scores)
            return names[int(self._rng.integers(len(names)))] if self._rng.random() < self._explore else self.best(task)
        told = math.log(max(math.e, sum(s.weight for s in scores.values())))
        return max(scores, key=lambda name: scores[name].mean + self._explore * math.sqrt(told / scores[name].weight))


def _follow(shadow: Shelf[Any, None], key: Hashable, context: Context) -> None:
    """Do with a shadow what is done with the tier: a miss is answered by a write, as soon as its description is known."""
    shadow.task, shadow.next_use = context.task, context.next_use
    usage = context.usage
    if context.note == "asked":
        missed = key not in shadow
        shadow.get(key)
        if missed and usage is not None:
            shadow.put(key, None, 0, usage.place, usage.cost)
    elif context.note == "still" and usage is not None and key in shadow:
        shadow.put(key, None, 0, usage.place, usage.cost, still=True)
    elif usage is not None and context.note != "still" and (context.note == "written" or key not in shadow):
        shadow.put(key, None, 0, usage.place, usage.cost)
