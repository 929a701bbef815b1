"""The verbs of a robot's memory that span its tiers: `context` asks all at once, `tell` tells them, `consolidate` works it over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import RLock
from typing import TYPE_CHECKING

from robomem.config import RobomemConfig
from robomem.errors import StoreError
from robomem.ids import IdAllocator
from robomem.memory.consolidation import Consolidated, Consolidator
from robomem.memory.episodic import EpisodicMemory
from robomem.memory.keeping import Keeping
from robomem.memory.knowledge import Map, SpatialTier, map_of
from robomem.memory.place_memory import PlaceTier
from robomem.memory.semantic import SemanticMemory
from robomem.memory.temporal import TemporalMemory
from robomem.memory.tiers import Ask, Item, Moment, Tier, TierAnswers, Tiers, overlap
from robomem.memory.timewords import zone
from robomem.memory.working import WorkingMemory

if TYPE_CHECKING:
    from robomem.scene_graph.graph import SceneGraph

RAM_S, STORE_S = 0.25, 0.5  # budgets of tiers in RAM and of those that read the store: ten times what they take on a busy small computer


class Behind:
    """A tier that the memory itself feeds: it is asked under the memory's lock, and told only what `update` is given for."""

    def __init__(
        self,
        name: str,
        budget_s: float,
        guard: RLock,
        retrieve: Callable[[Ask], Sequence[Item]],
        update: Callable[[Moment], None] | None = None,
    ) -> None:
        self.name, self.budget_s = name, budget_s
        self._guard, self._retrieve, self._update = guard, retrieve, update

    def update(self, event: Moment) -> None:
        """Pass it on, where anybody takes it."""
        if self._update is not None:
            with self._guard:
                self._update(event)

    def retrieve(self, query: Ask) -> Sequence[Item]:
        """Ask under the lock."""
        with self._guard:
            return self._retrieve(query)


class TierVerbs(Keeping):
    """What RobotMemory adds to its own verbs. The tiers start with the first question or word to them."""

    if TYPE_CHECKING:
        config: RobomemConfig
        episodic: EpisodicMemory
        semantic: SemanticMemory
        _ids: IdAllocator

        def now_ns(self) -> int: ...
        def graph(self, at_ns: int | None = None) -> SceneGraph: ...

    _tiers: Tiers | None = None

    def context(self, query: str | Ask, k: int = 5, only: Sequence[str] = ()) -> TierAnswers:
        """What every tier knows that fits, asked at once; a tier that does not answer in time is skipped and named.

        Args:
            query: words, or an Ask with a place or an appearance.
            k: items a tier at most.
            only: names of tiers (short-term, working, temporal, spatial, episodic, semantic, place); all of them without.

        Raises:
            InvalidInputError: no tier of such a name.
        """
        return self.tiers.retrieve(Ask(query, k=k) if isinstance(query, str) else query, only)

    def tell(self, event: Moment) -> None:
        """Tell the tiers what was done or decided (steps, sub-goals, edits of the knowledge graph); what is observed they know already."""
        self.tiers.update(event)

    def consolidate(self) -> Consolidated:
        """Episodes, facts and day summaries from what happened: at task end or at night, from a thread of its own (see consolidation.py).

        Reading holds nobody up for longer than one query, and each of the three writes is one short transaction.

        Raises:
            StoreError: read-only, or the store cannot be written.
        """
        return Consolidator(self.store, self._take_ids, zone(self.config.memory.timezone)).run(self.now_ns())

    def _take_ids(self, n: int) -> list[int]:
        with self._guard:
            return self._ids.take(n)

    @property
    def tiers(self) -> Tiers:
        """All tiers behind their one protocol."""
        with self._guard:
            if self._tiers is None:
                self._tiers = Tiers(self._make_tiers())
            return self._tiers

    def _make_tiers(self) -> list[Tier]:
        place = PlaceTier(self._recorder.place_memory)
        return [
            Behind("short-term", RAM_S, self._guard, self._lately),
            WorkingMemory(),
            TemporalMemory(),
            SpatialTier(self._read_map),
            Behind("episodic", STORE_S, self._guard, self._past_tasks),
            Behind("semantic", STORE_S, self._guard, self._lessons_of),
            Behind("place", RAM_S, self._guard, place.retrieve),  # fed by observe(), which writes it with the frame
        ]

    def _read_map(self) -> Map:
        with self._guard:
            return map_of(self.graph())

    def _lately(self, query: Ask) -> list[Item]:
        units = reversed(self.short_term.units())
        fits = [(overlap(query.text, u.label), u) for u in units]
        found = sorted((f for f in fits if f[0] > 0 or not query.text), key=lambda f: -f[0])[: query.k]
        return [Item(f"{u.label} #{u.id}{_states(u.states)}", score, (u.id,), u.stamp_ns) for score, u in found]

    def _past_tasks(self, query: Ask) -> list[Item]:
        found = self.episodic.find(query.text or None, query.k, self.now_ns())
        return [Item(f"{e.instruction}: {e.outcome}. {e.summary}", 1.0 / (1 + i), (e.id,), e.end_ns) for i, e in enumerate(found)]

    def _lessons_of(self, query: Ask) -> list[Item]:
        found = self.semantic.find(query.text or None, query.k)
        return [Item(f"{x.text} ({x.source}, {x.support}x)", 1.0 / (1 + i), (x.id,), x.stamp_ns) for i, x in enumerate(found)]

    def _forget_in_tiers(self, ids: Iterable[int], label: str | None) -> None:
        """Take what was forgotten out of the tiers that only RAM holds; the others read the store.

        Raises:
            StoreError: a tier is stuck, so that what it holds cannot be taken out.
        """
        if self._tiers is None:
            return
        for i in [*ids] or [0]:
            self._tiers.update(Moment("forget", 0, label or "", id=i))
        if not self._tiers.settle():
            raise StoreError("forget: a tier of the memory is stuck and may still hold what was to go; restart this process to drop it")


def _states(states: dict[str, str]) -> str:
    return f" ({', '.join(f'{k} {v}' for k, v in sorted(states.items()))})" if states else ""
