"""The arms of `bench place`: the same reader on place-pure chunks and on time chunks, and what needs no training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks._place_walk import KINDS, LOOK, PLACE, SPOT, TASKS, Asked, Walk, ask, walk
from robomem.memory.place_memory import Chunks, Glimpse, PlaceMemory, Split
from robomem.policy.place_reading import PlaceReader

FRAMES, CHUNK, K = 384, 16, 4  # frames of a walk, records of a chunk at most, chunks that are read
BATCH, QUESTIONS = 8, 24  # walks of a training step, questions on each
Arm = Literal["place", "time"]
Chunked = list[NDArray[np.int64]]


@dataclass(frozen=True)
class Scored:
    """Of each question: its kind, whether it was answered right, and whether it was about long ago."""

    kind: NDArray[np.int64]
    right: NDArray[np.bool_]
    long_ago: NDArray[np.bool_]

    def share(self, tasks: Iterable[str], long_ago: bool | None = None) -> float:
        """Share of right answers of some tasks."""
        kinds = [KINDS.index(k) for task in tasks for k in TASKS[task]]
        chosen = np.isin(self.kind, kinds) & (True if long_ago is None else self.long_ago == long_ago)
        return float(self.right[chosen].mean()) if chosen.any() else float("nan")


@lru_cache(maxsize=256)
def remember(w: Walk, rows: int = FRAMES, split: Split = "borrow") -> PlaceMemory:
    """The walk in robomem's own place memory; a record's id is its frame, its vector what needs no training to compare."""
    memory = PlaceMemory(rows, split, "FIFO", CHUNK)
    plain = raw(w.frames())
    for t in range(len(w.room)):
        memory.add(Glimpse(t, str(w.label[t]), int(w.believed[t]), t, plain[t]))
    return memory


def chunks_of(memory: PlaceMemory, kind: Chunks) -> Chunked:
    """Frames of each chunk."""
    return [np.array([g.id for g in chunk]) for chunk in memory.chunks(kind) if chunk]


def raw(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Float32[n, LOOK + place + spot] of length one: what a read without training compares."""
    return _equal_parts(frames[:, :LOOK], frames[:, LOOK : LOOK + PLACE.shape[1]], frames[:, LOOK + PLACE.shape[1] : -8])


def _equal_parts(*parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each part with length one (or zero), then the whole."""
    whole = np.concatenate([p / np.maximum(np.linalg.norm(p, axis=1, keepdims=True), 1e-9) for p in parts], axis=1)
    return whole / np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-9)


@dataclass
class School:
    """Walks with questions, chunked both ways: what a reader is trained on."""

    walks: Sequence[Walk]
    asked: Sequence[Asked]
    chunked: dict[str, list[Chunked]]

    @classmethod
    def make(cls, rng: np.random.Generator, count: int, dwell: int, wrong: Sequence[float] = (0.0,)) -> School:
        """`count` walks, the shares of wrong places in turn."""
        walks = [walk(rng, FRAMES, dwell, wrong[i % len(wrong)]) for i in range(count)]
        memories = [remember(w) for w in walks]
        chunked = {arm: [chunks_of(m, arm) for m in memories] for arm in ("place", "time")}
        return cls(walks, [ask(rng, w, 2 * QUESTIONS) for w in walks], chunked)

    def train(self, arm: Arm, steps: int, seed: int) -> PlaceReader:
        """A reader for one kind of chunks."""
        from robomem.policy.place_reader import Lesson, train

        rng = np.random.default_rng((seed, 21))
        frames = [w.frames() for w in self.walks]
        padded = [_padded(c, max(map(len, self.chunked[arm]))) for c in self.chunked[arm]]
        right = [a.keys == a.answer[:, None] for a in self.asked]

        def lesson(_step: int) -> Lesson:
            ids = rng.integers(0, len(self.walks), BATCH)
            some = [rng.permutation(len(self.asked[i].answer))[:QUESTIONS] for i in ids]
            pairs = list(zip(ids, some, strict=True))
            questions = np.stack([self.asked[i].vectors[q] for i, q in pairs])
            return Lesson(
                np.stack([frames[i] for i in ids]), questions, np.stack([padded[i] for i in ids]), np.stack([right[i][q] for i, q in pairs])
            )

        return PlaceReader(train(lesson, steps, K, seed)[0])


def _padded(chunks: Chunked, count: int) -> NDArray[np.int64]:
    out = np.full((count, CHUNK), -1, np.int64)
    for row, chunk in zip(out, chunks, strict=False):
        row[: len(chunk)] = chunk
    return out


def score(weights: NDArray[np.float32], asked: Asked) -> NDArray[np.bool_]:
    """Bool[Q]: the answer that most weight speaks for is right. Weights that are all zero say nothing, which is wrong here."""
    votes = [np.bincount(keys, w) for keys, w in zip(asked.keys, weights, strict=True)]
    return np.array([v.max() > 0 and v.argmax() == a for v, a in zip(votes, asked.answer, strict=True)])


def examine(reader: PlaceReader, arm: Arm, walks: Sequence[Walk], asked: Sequence[Asked], k: int = K, **memory: object) -> Scored:
    """A trained reader on walks it has not seen, through the place memory."""
    found = []
    for w, a in zip(walks, asked, strict=True):
        held = remember(w, **memory)  # pyright: ignore[reportArgumentType]
        found.append(score(reader.read(w.frames(), chunks_of(held, arm), a.vectors, k), a))
    return _scored(asked, found)


def untrained(arm: Arm, walks: Sequence[Walk], asked: Sequence[Asked]) -> Scored:
    """PlaceMemory.read as it is: all projections the identity. It cannot do relations, and is not asked them."""
    found = []
    for w, a in zip(walks, asked, strict=True):
        memory = remember(w)
        look, room, _, spot, _ = np.split(a.vectors, np.cumsum([LOOK, PLACE.shape[1], PLACE.shape[1], SPOT.shape[1]]), axis=1)
        asking = _equal_parts(look, room, spot)
        weights = np.zeros((len(asking), len(w.room)), np.float32)
        for row, vector in zip(weights, asking, strict=True):
            reading = memory.read(vector, K, arm)
            row[[g.id for g in reading.glimpses]] = reading.weights
        found.append(score(weights, a))
    return _scored(asked, found)


def plain_filter(walks: Sequence[Walk], asked: Sequence[Asked], smooth: bool = False, **memory: object) -> Scored:
    """No attention: the newest record whose believed place and spot are those meant; for a look, the newest of the likest kind.

    Args:
        smooth: a record's place is first set to what most of the 5 records around it say.
    """
    found = []
    for w, a in zip(walks, asked, strict=True):
        if smooth:
            w, a = _smoothed(w, a)
        held = np.sort([g.id for g in remember(w, **memory)])  # pyright: ignore[reportArgumentType]
        weights = np.zeros((len(a.kind), len(w.room)), np.float32)
        for row, vector, room, spot in zip(weights, a.vectors, a.room, a.spot, strict=True):
            if room < 0:
                likest = held[(w.looks[held] @ vector[:LOOK]).argmax()]
                fits = held[w.label[held] == w.label[likest]]  # a record knows its label
            else:
                fits = held[(w.believed[held] == room) & ((w.spot[held] == spot) | (spot < 0))]
            row[fits[-1:]] = 1.0
        found.append(score(weights, a))
    return _scored(asked, found)


def _smoothed(w: Walk, a: Asked) -> tuple[Walk, Asked]:
    around = np.lib.stride_tricks.sliding_window_view(np.pad(w.believed, 2, mode="edge"), 5)  # [T, 5]
    votes = (around[:, :, None] == around[:, None, :]).sum(2)
    votes[:, 2] += 1  # of equals, its own
    believed = np.take_along_axis(around, votes.argmax(1)[:, None], 1)[:, 0]
    asks_where = (a.kind == KINDS.index("look"))[:, None]
    return replace(w, believed=believed), replace(a, keys=np.where(asks_where, believed, a.keys))


def _scored(asked: Sequence[Asked], found: Sequence[NDArray[np.bool_]]) -> Scored:
    return Scored(*(np.concatenate(v) for v in ([a.kind for a in asked], list(found), [a.long_ago for a in asked])))
