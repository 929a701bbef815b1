"""The capacity task of `bench place`: a sixth of the walk fits, each class of questions is served by another strategy, AMA finds which."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks._place_arms import CHUNK, FRAMES, Chunked, K, score
from benchmarks._place_walk import Walk, ask_about, walk
from robomem.memory.ama import FOUR_STRATEGIES, Ama
from robomem.memory.eviction import Eviction
from robomem.memory.shelf import Shelf
from robomem.policy.place_reading import PlaceReader

ROWS, DWELL, QUESTIONS = 64, 6, 8


def kept(w: Walk, policy: Eviction, task: str) -> list[int]:
    """Frames that the tier holds at the end of a walk."""
    shelf: Shelf[int, None] = Shelf(ROWS, policy)
    shelf.task, here = task, -1
    for t, room in enumerate(w.believed.tolist()):
        if room != here:
            shelf.visit(here := room)
        shelf.put(t, None, place=room)
    return list(shelf)


def wanted(w: Walk, task: str) -> NDArray[np.int64]:
    """Frames a class of questions is about: what came last, or first; rooms seldom visited, or the one visited most."""
    if task == "FIFO":
        return np.arange(FRAMES - ROWS, FRAMES)
    if task == "LIFO":
        return np.arange(ROWS)
    visits = np.array([len(np.unique(w.visit[w.room == r])) for r in np.unique(w.room)])
    order = np.unique(w.room)[np.argsort(visits, kind="stable")]
    return np.flatnonzero(np.isin(w.room, order[:4] if task == "MVFO" else order[-1:]))


def solve(reader: PlaceReader, rng: np.random.Generator, task: str, policy: Eviction) -> float:
    """Share of right answers of a trained reader of place-pure chunks after one walk in which nothing changes."""
    w = walk(rng, FRAMES, DWELL, changes=0.0)
    held = np.sort(np.array(kept(w, policy, task)))
    asked = ask_about(w, rng.choice(wanted(w, task), QUESTIONS))
    rooms = w.believed[held]
    chunks: Chunked = [part for r in dict.fromkeys(rooms.tolist()) for part in _cut(held[rooms == r])]
    return float(score(reader.read(w.frames(), chunks, asked.vectors, K), asked).mean())


def _cut(rows: NDArray[np.int64]) -> Chunked:
    return [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]


def matrix(reader: PlaceReader, seed: int, n: int) -> dict[str, dict[str, float]]:
    """class -> strategy -> share of right answers; every strategy sees the same walks and questions."""
    return {
        task: {
            name: float(np.mean([solve(reader, np.random.default_rng((seed, 31, i)), task, make()) for i in range(n)]))
            for name, make in FOUR_STRATEGIES.items()
        }
        for task in FOUR_STRATEGIES
    }


def learn(reader: PlaceReader, seed: int, walks: int) -> Mapping[str, str]:
    """class -> strategy that AMA settled on after some walks of mixed classes, told only the share of right answers."""
    rng = np.random.default_rng((seed, 32))
    ama, names = Ama(np.random.default_rng((seed, 33)), FOUR_STRATEGIES, "ucb", explore=0.3), list(FOUR_STRATEGIES)
    for i in range(walks):
        task = names[i % len(names)]
        ama.outcome(solve(reader, rng, task, ama), task)
    return {task: ama.best(task) for task in names}
