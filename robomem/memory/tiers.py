"""The tiers behind one protocol, asked at the same time: each has a time budget, and one that is stuck is skipped and reported."""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError, RobomemError

MomentKind = Literal["seen", "step", "subgoal_began", "subgoal_done", "episode", "edit", "forget"]
BACKLOG = 256  # updates waiting for a slow tier; more are dropped and counted
# What a tier may fail with without taking the others along; anything else is a bug and ends its thread with a traceback.
FAILURES = (RobomemError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Moment:
    """Something that tiers are told; each takes the kinds it knows and lets the others pass.

    Attributes:
        kind: "seen" an object; "step" one action and what came of it; "subgoal_began", "subgoal_done"; "episode" a task ended;
            "edit" a change to the spatial knowledge graph; "forget" everything that mentions the label `text` or the object `id`.
        text: in words: the action, the sub-goal, the label.
        outcome: what came of it: the observation of a step, the summary of a sub-goal.
        place: id of the room or piece of furniture, None if unknown.
        id: of the object, episode or plan step it is about, 0 for none.
        vector: Float32[d] appearance, or None.
        data: plain values for one tier only (edits of the knowledge graph).
    """

    kind: MomentKind
    stamp_ns: int
    text: str = ""
    outcome: str = ""
    place: int | None = None
    id: int = 0
    vector: NDArray[np.float32] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """What tiers are asked: words, a place (node id), an appearance vector Float32[d], or any of them; `k` items a tier at most."""

    text: str = ""
    place: int | None = None
    vector: NDArray[np.float32] | None = None
    k: int = 5


@dataclass(frozen=True)
class Item:
    """One thing a tier knows: in words, how well it fits (comparable within a tier only), ids behind it, its time."""

    text: str
    score: float = 1.0
    ids: tuple[int, ...] = ()
    stamp_ns: int = 0


@dataclass(frozen=True)
class TierAnswers:
    """What came back.

    Attributes:
        items: by tier, best first.
        skipped: by tier, why it has no answer here: late, stuck since when, or what it failed with.
        seconds: by tier that answered, wall time from the question to its answer.
    """

    items: Mapping[str, tuple[Item, ...]]
    skipped: Mapping[str, str]
    seconds: Mapping[str, float]

    def lines(self) -> list[str]:
        """Everything as "tier: text" lines, tiers in their order."""
        return [f"{tier}: {item.text}" for tier, items in self.items.items() for item in items]


class Tier(Protocol):
    """One tier. It is called by one thread at a time, so it needs no lock of its own."""

    name: str
    budget_s: float

    def update(self, event: Moment) -> None:
        """Take in what concerns it."""
        ...

    def retrieve(self, query: Ask) -> Sequence[Item]:
        """The best items for a question, at most `query.k` (0 of them is an answer too)."""
        ...


class Tiers:
    """Runs tiers side by side. Calls to one tier keep their order; a tier that overstays blocks nobody but itself.

    Attributes:
        dropped: updates a tier never got because its backlog was full.
        failed: updates a tier failed at, by "tier: error".

    Raises:
        InvalidInputError: two tiers of one name, or a budget that is none.
    """

    def __init__(self, tiers: Iterable[Tier], clock: Callable[[], float] = monotonic) -> None:
        kept = list(tiers)
        self._tiers = {tier.name: tier for tier in kept}
        if len(self._tiers) != len(kept) or any(not tier.budget_s > 0 for tier in kept):
            raise InvalidInputError("tiers: every tier needs a name of its own and a budget above 0 s")
        self._clock = clock
        self._lanes = {name: _Lane(name) for name in self._tiers}
        self.dropped: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    @property
    def names(self) -> tuple[str, ...]:
        """Tiers in their order."""
        return tuple(self._tiers)

    def update(self, event: Moment) -> None:
        """Tell every tier; returns at once, a later `retrieve` sees it."""
        for name, tier in self._tiers.items():
            lane = self._lanes[name]
            if lane.waiting >= BACKLOG:
                self.dropped[name] += 1
            else:
                lane.submit(lambda tier=tier: tier.update(event)).add_done_callback(lambda done, name=name: self._updated(name, done))

    def retrieve(self, query: Ask, only: Sequence[str] = ()) -> TierAnswers:
        """Ask all tiers (or `only` these) at once. Takes as long as the slowest, at most the largest budget.

        Raises:
            InvalidInputError: no tier of such a name.
        """
        unknown = [name for name in only if name not in self._tiers]
        if unknown:
            raise InvalidInputError(f"tiers: no tier '{unknown[0]}'; there are {', '.join(self._tiers)}")
        start = self._clock()
        asked: dict[str, Future[tuple[Sequence[Item], float]]] = {}
        skipped: dict[str, str] = {}
        for name in only or self._tiers:
            tier, lane = self._tiers[name], self._lanes[name]
            if lane.overdue_since is not None:  # do not wait a second time for what is already known to be stuck
                skipped[name] = f"stuck for {start - lane.overdue_since:.2f} s"
            else:
                asked[name] = lane.submit(lambda tier=tier: (tuple(tier.retrieve(query))[: query.k], self._clock()))
        items: dict[str, tuple[Item, ...]] = {}
        seconds: dict[str, float] = {}
        for name, future in asked.items():
            budget = self._tiers[name].budget_s
            try:
                found, done = future.result(max(0.0, start + budget - self._clock()))
            except FutureTimeout:
                if not future.cancel():  # it runs already: until it ends this tier is not asked again
                    self._lanes[name].overdue(future, start)
                skipped[name] = f"no answer within {budget:g} s"
            except FAILURES as error:
                skipped[name] = f"failed: {type(error).__name__}: {error}"
            else:
                items[name], seconds[name] = tuple(found), done - start
        return TierAnswers(items, skipped, seconds)

    def settle(self, timeout_s: float = 5.0) -> bool:
        """Wait until all updates are taken in; False if a tier is not through by then."""
        end = self._clock() + timeout_s
        waits = [lane.submit(lambda: None) for lane in self._lanes.values() if lane.overdue_since is None]
        try:
            for wait in waits:
                wait.result(max(0.0, end - self._clock()))
        except FutureTimeout:
            return False
        return len(waits) == len(self._lanes)

    def _updated(self, name: str, done: Future[None]) -> None:
        error = done.exception()
        if error is not None:
            self.failed[f"{name}: {type(error).__name__}: {error}"] += 1


class _Lane:
    """The calls to one tier, in order, on a thread that lives while there are any.

    Not a ThreadPoolExecutor: that joins its threads at exit, so a stuck tier would keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name, self._lock = name, threading.Lock()
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = False
        self.overdue_since: float | None = None

    @property
    def waiting(self) -> int:
        return len(self._calls)

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            self._calls.append((future, call))
            start, self._running = not self._running, True
        if start:
            threading.Thread(target=self._run, name=f"tier {self._name}", daemon=True).start()
        return future

    def overdue(self, future: Future[Any], since: float) -> None:
        self.overdue_since = since
        future.add_done_callback(lambda _: self._recovered())

    def _recovered(self) -> None:
        self.overdue_since = None

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._running = False
                    return
                future, call = self._calls.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except FAILURES as error:
                future.set_exception(error)
            else:
                future.set_result(result)


def tokens(text: str) -> frozenset[str]:
    """Words of a text, lower case, a plural "s" cut: enough to match a question with a remembered line."""
    words = re.findall(r"[^\W_]+", text.lower())
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words)


def mentions(text: str, forgotten: Moment) -> bool:
    """True if a text has every word of the label that is to be forgotten, or names the object by its id ("#12")."""
    words = tokens(forgotten.text)
    return (bool(words) and words <= tokens(text)) or (forgotten.id > 0 and re.search(rf"#{forgotten.id}(?!\d)", text) is not None)


def overlap(query: str, text: str) -> float:
    """Share of the query's words (of three letters and more) that are in the text; 0 without such words."""
    asked = {w for w in tokens(query) if len(w) >= 3}
    return len(asked & tokens(text)) / len(asked) if asked else 0.0
