"""Observations as rows, a frame at a time: the values and checksums that one row after the other would have."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robomem.memory import sightings
from robomem.memory.crc import crc32_rows
from robomem.memory.half import halve, widen
from robomem.memory.sightings import WIDTH, observations_of, sealed_observations
from robomem.memory.sqlite_store import SqliteStore
from robomem.memory.table import OBSERVATIONS
from tests.memory.packed_store import EPOCH, store
from tests.memory.test_similar import observations

LABELS = ("mug", "", "crème brûlée", "\ud800", "杯子")


class Word(str):
    """A text of another kind than str."""


def frame(n: int, dim: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    seen = observations(EPOCH, rng.uniform(-8, 8, (n, 3)), rng.standard_normal((n, dim)))
    labels, colors = (tuple(str(rng.choice(LABELS)) for _ in range(n)) for _ in range(2))
    return replace(seen, labels=labels, colors=colors, yaws=np.where(rng.random(n) < 0.5, -0.0, 1.5).astype(np.float32))


def rows_of(values: list) -> list[tuple]:
    rows = [tuple(values[i : i + WIDTH]) for i in range(0, len(values), WIDTH)]
    return [(*row[:14], bytes(row[14]), row[15]) for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(0, 40), st.integers(0, 1 << 20))
def test_a_frame_is_sealed_as_its_rows_are_one_by_one(n: int, dim: int, seed: int) -> None:
    rows = rows_of(sealed_observations(frame(n, dim, seed), np.arange(n) + 5, np.arange(n) - 1))
    assert [row[-1] for row in rows] == [OBSERVATIONS.crc(row[:-1]) for row in rows]
    assert all(OBSERVATIONS.sound(row) and not np.signbit(row[11]) for row in rows)
    assert [row[0] for row in rows] == list(range(5, n + 5)) and [len(row[14]) for row in rows] == [2 * dim] * n


def test_a_text_of_another_kind_is_sealed_as_what_it_is_read_back_as() -> None:
    seen = replace(frame(9, 4), labels=(Word("mug"),) * 9)
    assert all(OBSERVATIONS.sound(row) for row in rows_of(sealed_observations(seen, np.arange(9), np.arange(9))))


@pytest.mark.parametrize("engine", ["apsw", "sqlite3"])
@pytest.mark.parametrize("n", [1, sightings.FEW, sightings.AT_ONCE, sightings.AT_ONCE + 1, 3 * sightings.AT_ONCE + 7])
def test_what_is_written_many_rows_at_once_is_read_back_sound(engine: str, n: int) -> None:
    s, seen = store(engine=engine), frame(n, 24)
    seen = replace(seen, labels=tuple(label.replace("\ud800", "") for label in seen.labels), colors=("",) * n)
    s.put_observations(seen, np.arange(1, n + 1), np.arange(n))
    s.flush()
    rows = s.rows(OBSERVATIONS, "ORDER BY id")
    back = observations_of(rows)
    assert s.bad_rows == 0 and [o.id for o in back] == list(range(1, n + 1)) and [o.label for o in back] == list(seen.labels)
    assert np.array_equal([o.position for o in back], seen.positions.astype(np.float64))
    assert np.array_equal([o.embedding for o in back], seen.embeddings.astype(np.float16).astype(np.float32))
    assert [o.size.tolist() for o in back] == seen.sizes.astype(np.float64).tolist()
    s.close()


def test_more_than_the_bound_at_once_keeps_the_last() -> None:
    s: SqliteStore = store(max_observations=10)
    s.put_observations(replace(frame(25, 3), labels=("mug",) * 25, colors=("",) * 25), np.arange(1, 26), np.arange(25))
    assert [row[0] for row in s.rows(OBSERVATIONS, "ORDER BY id")] == list(range(16, 26))
    s.close()


def test_observations_of_no_rows_are_none() -> None:
    assert observations_of([]) == []


@settings(max_examples=100, deadline=None)
@given(
    npst.arrays(np.uint8, st.tuples(st.integers(0, 11), st.integers(0, 40))),
    st.lists(st.binary(max_size=9), min_size=1, max_size=4),
    st.integers(0, (1 << 32) - 1),
)
def test_sums_of_many_rows_are_those_of_zlib(data: np.ndarray, texts: list[bytes], start: int) -> None:
    which = np.arange(len(data)) % len(texts)
    bounds = np.concatenate(([0], np.cumsum([len(text) for text in texts])))
    sums = crc32_rows(data, np.frombuffer(b"".join(texts), np.uint8), bounds, which, np.uint32(start))
    assert sums.tolist() == [zlib.crc32(texts[k], zlib.crc32(row.tobytes(), start)) for row, k in zip(data, which, strict=True)]


def test_halves_are_numpys() -> None:
    """Every half there and back, and singles of every exponent with the bits that decide the rounding."""
    halves = np.arange(1 << 16).astype(np.uint16)
    wide = widen(halves)
    assert np.array_equal(wide, halves.view(np.float16).astype(np.float32), equal_nan=True)
    assert np.array_equal(np.signbit(wide), halves >= 0x8000)
    tails = np.array([0, 1, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x2FFF, 0x3000, 0x3001, 0x7FF000, 0x7FEFFF, 0x7FFFFF], np.uint32)
    x = ((np.arange(512, dtype=np.uint32) << 23)[:, None] | tails).view(np.float32)
    with np.errstate(over="ignore"):
        want = x.astype(np.float16)
    got = halve(x).view(np.float16)
    assert np.array_equal(got, want, equal_nan=True) and np.array_equal(np.signbit(got)[~np.isnan(x)], np.signbit(x)[~np.isnan(x)])
