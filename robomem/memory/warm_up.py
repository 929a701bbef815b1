"""Compiling ahead of time what a store compiles at its first group, its first block and its first search; it is cached from then on."""

from __future__ import annotations

import numpy as np

from robomem.clock import ManualClock
from robomem.memory.packs import BLOCK_ROWS
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Observations

DIM = 8


def warm_up() -> None:
    """Fill a store that nobody keeps with a block and one row more, and search both. Cost: half a second, ten in a fresh checkout."""
    store, n = SqliteStore(":memory:", ManualClock(0)), BLOCK_ROWS + 1
    try:
        first = store.lease_ids(n)
        store.put_observations(_seen(n), np.arange(first, first + n), np.full(n, first))
        store.flush()
        similar_observations(store, np.ones(DIM), np.zeros(3), 1.0, 0, 1, 1)
    finally:
        store.close()


def _seen(n: int) -> Observations:
    zeros, one = np.zeros((n, 3), np.float32), np.ones(n, np.float32)
    return Observations(
        0,
        ("thing",) * n,
        one,
        zeros,
        np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        zeros + 1,
        0 * one,
        np.random.default_rng(0).standard_normal((n, DIM)).astype(np.float32),
        ("",) * n,
        np.ones(n, np.int32),
        np.zeros(n, np.bool_),
        np.zeros((n, 4), np.float32),
        (zeros[:0],) * n,
        ({},) * n,
    )


if __name__ == "__main__":
    warm_up()
