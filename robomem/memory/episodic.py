"""Episodic memory: tasks from their sentence to their end, found again by words and recency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from robomem.memory.store import Store
from robomem.types import Episode

RECENCY_HALF_NS = 7 * 24 * 3_600_000_000_000  # a week-old episode weighs half of one from now
OVERFETCH = 8  # word matches looked at per answer: recency may lift one that words alone rank lower


class EpisodicMemory:
    """Episodes in a store, at most `limit` of them."""

    def __init__(self, store: Store, new_id: Callable[[], int], limit: int = 10_000) -> None:
        self._store, self._new_id, self._limit = store, new_id, limit

    def add(self, episode: Episode) -> int:
        """Remember an episode and return its id (a new one if it has 0); beyond the limit the oldest is dropped."""
        kept = episode if episode.id else replace(episode, id=self._new_id())
        self._store.put_episode(kept, self._limit)
        return kept.id

    def find(self, query: str | None, k: int, now_ns: int) -> list[Episode]:
        """The `k` best episodes by words (BM25) times recency; without a query the newest."""
        if not query:
            return self._store.episodes(newest=k)
        ranks = dict(self._store.search_words(query, "episode", k * OVERFETCH))
        best = max(ranks.values(), default=0.0) or 1.0
        found = self._store.episodes(ids=list(ranks))

        def score(e: Episode) -> float:
            # BM25 can be 0 for a word that every episode holds: it still is a match.
            return (0.1 + ranks[e.id] / best) * 0.5 ** (max(0, now_ns - e.end_ns) / RECENCY_HALF_NS)

        return sorted(found, key=lambda e: (-score(e), -e.end_ns))[:k]
