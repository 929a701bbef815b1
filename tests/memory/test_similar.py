"""What looked like this, near here, at that time: against every vector compared in double precision, and with damage."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robomem.clock import ManualClock
from robomem.errors import InvalidInputError
from robomem.memory.half import cosines, halve
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Observations

S, DIM, START = 10**9, 16, 1_700_000_000 * 10**9


def observations(stamp_ns: int, positions: np.ndarray, vectors: np.ndarray) -> Observations:
    n, f = len(positions), np.float32
    spread = np.tile(np.eye(3, dtype=f) * 1e-4, (n, 1, 1))
    return Observations(
        stamp_ns, ("mug",) * n, np.full(n, 0.9, f), positions.astype(f), spread, np.full((n, 3), 0.1, f),
        np.zeros(n, f), vectors.astype(f), ("red",) * n, np.full(n, 99, np.int32), np.zeros(n, bool), np.zeros((n, 4), f),
        tuple(np.zeros((0, 3), f) for _ in range(n)), ({},) * n,
    )  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> tuple[SqliteStore, np.ndarray, np.ndarray, np.ndarray]:
    """A store of 600 observations over an hour in a hall of 10 x 10 m; their positions, times (ns) and vectors by id - 1."""
    rng = np.random.default_rng(0)
    store = SqliteStore(str(tmp_path / "s.db"), ManualClock(START))
    positions, vectors = rng.uniform(0, 10, (600, 3)).astype(np.float32), rng.standard_normal((600, DIM)).astype(np.float32)
    times = START + np.arange(600) * 6 * S
    for k in range(0, 600, 3):
        times[k : k + 3] = times[k]
        store.put_observations(
            observations(int(times[k]), positions[k : k + 3], vectors[k : k + 3]), np.arange(k + 1, k + 4), np.full(3, 7)
        )
    return store, positions, times, vectors


def right(
    positions: np.ndarray, times: np.ndarray, vectors: np.ndarray, v: np.ndarray, c: np.ndarray, r: float, a: int, b: int
) -> list[int]:
    near = np.flatnonzero((np.linalg.norm(positions.astype(float) - c, axis=1) <= r) & (times >= a) & (times <= b))
    held = vectors.astype(np.float16).astype(float)
    return (near[np.argsort(-(held[near] @ v) / np.linalg.norm(held[near], axis=1), kind="stable")] + 1).tolist()


@pytest.mark.parametrize("seed", range(20))
def test_the_answer_is_that_of_comparing_everything(filled, seed: int) -> None:
    store, positions, times, vectors = filled
    rng = np.random.default_rng(seed)
    v, c, r = rng.standard_normal(DIM), rng.uniform(0, 10, 3), float(rng.uniform(1, 6))
    a, b = sorted(int(t) for t in rng.choice(times, 2))
    got = similar_observations(store, v, c, r, a, b, 10)
    assert [o.id for _, o in got] == right(positions, times, vectors, v, c, r, a, b)[:10]
    assert all(x >= y for (x, _), (y, _) in pairwise(got))


def test_a_damaged_row_is_left_out_and_the_next_takes_its_place(filled) -> None:
    store, positions, times, vectors = filled
    v, c, span = np.ones(DIM), np.full(3, 5.0), (int(times[0]), int(times[-1]))
    wanted = right(positions, times, vectors, v, c, 5.0, *span)
    store.write("UPDATE observations SET label = 'cat' WHERE id = ?", (wanted[1],))
    assert [o.id for _, o in similar_observations(store, v, c, 5.0, *span, 4)] == [wanted[0], *wanted[2:5]]
    assert store.bad_rows == 1


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        (np.zeros(DIM), "not zero"),
        (np.full(DIM, np.nan), "finite"),
        (np.ones(DIM + 1), "the vector has 17 numbers, those on record have \\[16\\]"),
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused(filled, vector: np.ndarray, words: str) -> None:
    store, _, times, _ = filled
    with pytest.raises(InvalidInputError, match=words):
        similar_observations(store, vector, np.full(3, 5.0), 9.0, int(times[0]), int(times[-1]), 5)


def test_nothing_near_is_no_answer(filled) -> None:
    store, _, times, _ = filled
    assert similar_observations(store, np.ones(DIM), np.full(3, 99.0), 1.0, int(times[0]), int(times[-1]), 5) == []
    assert similar_observations(store, np.ones(DIM), np.full(3, 5.0), 9.0, 0, 1, 5) == []


@settings(max_examples=60, deadline=None)
@given(npst.arrays(np.float16, (5, 24), elements=st.floats(-1000, 1000, width=16)))
def test_halves_are_compared_as_they_are(halves: np.ndarray) -> None:
    v = np.random.default_rng(1).standard_normal(24)
    v /= np.linalg.norm(v)
    wide = halves.astype(float)
    norms = np.linalg.norm(wide, axis=1)
    expected = np.where(norms > 0, wide @ v / np.where(norms > 0, norms, 1), 0)
    assert np.allclose(cosines(np.ascontiguousarray(halves).view(np.uint16), v.astype(np.float32)), expected, atol=2e-6)


@settings(max_examples=200, deadline=None)
@given(npst.arrays(np.uint32, (4, 50)))
def test_any_float_is_halved_as_numpy_does(bits: np.ndarray) -> None:
    x = np.ascontiguousarray(bits).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = x.astype(np.float16)
    got = halve(x).view(np.float16)
    assert np.array_equal(got, expected, equal_nan=True) and np.array_equal(np.signbit(got), np.signbit(expected))


def test_every_half_its_neighbours_and_its_ties_are_halved_as_numpy_does() -> None:
    halves = np.arange(1 << 16, dtype=np.uint32).astype(np.uint16).view(np.float16).astype(np.float32)
    halves = halves[np.isfinite(halves)]
    ties = ((halves[:-1].astype(float) + halves[1:]) / 2).astype(np.float32)
    x = np.concatenate([halves, ties, *(np.nextafter(part, np.float32(way)) for part in (halves, ties) for way in (-np.inf, np.inf))])
    with np.errstate(over="ignore"):
        assert np.array_equal(halve(x[None]), x[None].astype(np.float16).view(np.uint16))
