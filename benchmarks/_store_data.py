"""The rows and questions of `bench store`: a robot's days as observations with vectors, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIM = 384
EPOCH_NS = 1_767_600_000_000_000_000
DAY_S = 86_400.0
PER_DAY = 100_000  # records: a robot that patrols all day
HOME_M = np.array([20.0, 15.0, 2.0])
KINDS = 60  # looks that things have; each record is one of them, seen with noise
NOISE = 0.6
RADIUS_M, WINDOW_S, K = 3.0, 3600.0, 10
CHUNK = 10_000


@dataclass(frozen=True)
class Rows:
    """Some records in time order.

    Attributes:
        ids: Int64[n] from 1.  seconds: Float64[n] since EPOCH_NS.  positions: Float64[n, 3] m.  vectors: Float32[n, DIM], unit length.
    """

    ids: NDArray[np.int64]
    seconds: NDArray[np.float64]
    positions: NDArray[np.float64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Question:
    """The K likest of a vector within RADIUS_M of a point and the WINDOW_S before a time."""

    vector: NDArray[np.float32]
    center: NDArray[np.float64]
    from_s: float
    to_s: float


def _unit(v: NDArray[np.float64]) -> NDArray[np.float32]:
    return (v / np.linalg.norm(v, axis=-1, keepdims=True)).astype(np.float32)


def rows(n: int, seed: int) -> Iterator[Rows]:
    """All `n` records, CHUNK at a time; a larger n begins with the same ones."""
    looks = np.random.default_rng(seed).standard_normal((KINDS, DIM))
    for k, start in enumerate(range(0, n, CHUNK)):
        rng, m = np.random.default_rng((seed, k)), min(CHUNK, n - start)
        ids = np.arange(start + 1, start + m + 1, dtype=np.int64)
        vectors = _unit(looks[rng.integers(0, KINDS, m)] + NOISE * rng.standard_normal((m, DIM)))
        # Millimetres and microseconds: every engine holds them exactly.
        positions = np.round(rng.uniform(0, 1, (m, 3)) * HOME_M, 3)
        yield Rows(ids, np.round((ids - 1) * (DAY_S / PER_DAY), 6), positions, vectors)


def questions(n: int, count: int, seed: int) -> list[Question]:
    """Asked at places and times of the home's whole past."""
    rng = np.random.default_rng((seed, 1 << 20))
    looks = np.random.default_rng(seed).standard_normal((KINDS, DIM))
    last = n * (DAY_S / PER_DAY)
    out = []
    for _ in range(count):
        end = float(np.round(rng.uniform(min(WINDOW_S, last), last), 6))
        vector = _unit(looks[rng.integers(KINDS)] + NOISE * rng.standard_normal(DIM))
        out.append(Question(vector, np.round(rng.uniform(0, 1, 3) * HOME_M, 3), max(0.0, end - WINDOW_S), end))
    return out


def truth(n: int, asked: list[Question], seed: int) -> list[list[int]]:
    """The right ids of each question, likest first, by float32 vectors and no index."""
    best: list[list[tuple[float, int]]] = [[] for _ in asked]
    for part in rows(n, seed):
        for found, q in zip(best, asked, strict=True):
            near = (part.seconds >= q.from_s) & (part.seconds <= q.to_s)
            if near.any():
                near &= ((part.positions - q.center) ** 2).sum(axis=1) <= RADIUS_M**2
                found += list(zip((part.vectors[near] @ q.vector).tolist(), part.ids[near].tolist(), strict=True))
    return [[i for _, i in sorted(found, key=lambda f: (-f[0], f[1]))[:K]] for found in best]


def recall(got: list[list[int]], right: list[list[int]]) -> float:
    """Share of the right ids that were given."""
    return sum(len(set(g) & set(r)) for g, r in zip(got, right, strict=True)) / max(sum(map(len, right)), 1)
