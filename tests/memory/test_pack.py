"""One pack: its bound is true, it is read as it was written, and its checksum tells every change."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robomem.memory.pack import Entries, approximate, bytes_per_row, decode, encode, seal, split, unseal
from robomem.memory.scan import scan
from tests.memory.packed_store import DIM

halves = npst.arrays(np.float16, st.tuples(st.integers(1, 6), st.integers(0, 20)), elements=st.floats(-60_000, 60_000, width=16))


@settings(max_examples=200, deadline=None)
@given(halves, st.integers(0, 1 << 20))
def test_the_bound_is_true_for_every_vector(x: np.ndarray, seed: int) -> None:
    v = np.random.default_rng(seed).standard_normal((50, x.shape[1]))
    v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-30)
    scales, bounds, codes = approximate(x)
    wide = x.astype(float)
    length = np.linalg.norm(wide, axis=1)
    exact = v @ (wide / np.where(length > 0, length, 1)[:, None]).T
    about = (v.astype(np.float32) @ codes.T.astype(np.float32)) * scales
    assert (np.abs(exact - about) <= bounds + 1e-9).all()


def test_what_is_no_number_is_always_looked_at_whole() -> None:
    scales, bounds, codes = approximate(np.array([[np.nan, 1], [np.inf, 0], [1, 2]], np.float16))
    assert np.isinf(bounds).tolist() == [True, True, False] and (scales[:2] == 0).all() and not codes[:2].any()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 1000))
def test_a_split_is_a_partition(n: int, size: int, seed: int) -> None:
    parts = split(np.random.default_rng(seed).uniform(0, 1, (n, 3)), size)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n)) and max(map(len, parts)) <= size
    assert len(parts) == -(-n // size)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(0, 17), st.integers(0, 1000))
def test_a_pack_is_read_as_it_was_written_and_scanned_as_it_lies(n: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dim)).astype(np.float16)
    e = Entries(rng.integers(1, 99, n), rng.integers(0, 9, n), rng.uniform(0, 4, (n, 3)), *approximate(x))
    data = encode(e)
    assert len(data) == n * bytes_per_row(dim) and len(data) % 8 == 0
    again = decode(data, dim)
    assert all(np.array_equal(getattr(e, name), getattr(again, name)) for name in Entries.__dataclass_fields__)
    v = (rng.standard_normal(dim) / 3).astype(np.float32)
    two = np.frombuffer(data + bytes(16) + data, np.uint8)
    ids, squares, likes, bounds = scan(two, np.array([0, len(data) + 16]), np.array([n, n]), dim, np.full(3, 2.0), 4.0, 2, 7, v)
    distance = ((e.positions - 2.0) ** 2).sum(axis=1)
    kept = np.flatnonzero((distance <= 4.0) & (e.stamps_ns >= 2) & (e.stamps_ns <= 7))
    kept = np.concatenate((kept, kept))
    assert ids.tolist() == e.ids[kept].tolist() and np.allclose(squares, distance[kept]) and np.array_equal(bounds, e.bounds[kept])
    assert np.allclose(likes, e.scales[kept] * (e.codes[kept].astype(np.float32) @ v), atol=1e-6)


def test_two_flips_do_not_cancel_and_neighbours_are_not_exchanged() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 1 << 63, 37).astype(np.uint64)
    sealed = seal(words.tobytes(), 96, DIM)
    assert bytes(unseal(sealed, 96, DIM)) == words.tobytes()
    for i, j in combinations(range(37), 2):
        for bit in (0, 31, 63):
            changed = words.copy()
            changed[[i, j]] ^= np.uint64(1 << bit)
            with pytest.raises(ValueError, match="differs"):
                unseal(changed.tobytes() + sealed[-8:], 96, DIM)
        swapped = words.copy()
        swapped[[i, j]] = words[[j, i]]
        with pytest.raises(ValueError, match="differs"):
            unseal(swapped.tobytes() + sealed[-8:], 96, DIM)
