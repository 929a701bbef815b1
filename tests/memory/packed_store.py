"""A store of small packs, what is put into it, and its answers held against those of comparing every row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.memory import packs, table
from robomem.memory.database import Database
from robomem.memory.pack import decode, unseal
from robomem.memory.schema import MIGRATIONS, migrate
from robomem.memory.sightings import WIDTH, sealed_observations
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore
from tests.memory.test_similar import observations

S, DIM, EPOCH = 10**9, 11, 1_000 * 10**9
ALWAYS = (1 << 62) - 1


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "BLOCK_ROWS", 16)
    monkeypatch.setattr(packs, "PACK_ROWS", 5)
    monkeypatch.setattr(packs, "SPARSE", 4)
    monkeypatch.setattr(packs, "PART", 3)


def store(path: Path | str = ":memory:", **options) -> SqliteStore:
    s = SqliteStore(str(path), ManualClock(EPOCH), commit_interval_s=1000, **options)
    if not s.read_only and s.get_meta("next_id") == "1":
        s.lease_ids(1_000_000)
    return s


def put(s: SqliteStore, rng: np.random.Generator, ids: np.ndarray, thing: int = 7) -> None:
    """Observations of these ids at one moment, anywhere in a room of 8 x 8 x 8 m."""
    seen = observations(EPOCH + int(rng.integers(0, 3600)) * S, rng.uniform(0, 8, (len(ids), 3)), rng.standard_normal((len(ids), DIM)))
    s.put_observations(seen, ids, np.full(len(ids), thing))


def check(s: SqliteStore, rng: np.random.Generator, but: int = 0) -> None:
    """A random question answered by the store and by comparing every row."""
    v, c, r, k = rng.standard_normal(DIM), rng.uniform(0, 8, 3), float(rng.uniform(0.5, 9)), int(rng.integers(1, 15))
    a, b = sorted(EPOCH + int(t) * S for t in rng.integers(0, 3600, 2))
    a, b = (0, ALWAYS) if rng.random() < 0.3 else (a, b)
    rows = s.query("SELECT id, x, y, z, stamp_ns, object_id, embedding FROM observations ORDER BY id")
    near = [row for row in rows if np.linalg.norm(np.array(row[1:4]) - c) <= r and a <= row[4] <= b]
    held = {row[0]: np.frombuffer(row[6], np.float16).astype(float) for row in near if not but or row[5] != but}
    cosines = {i: float(x @ v) / float(np.linalg.norm(x)) / float(np.linalg.norm(v)) for i, x in held.items()}
    got = similar_observations(s, v, c, r, a, b, k, but)
    assert [o.id for _, o in got] == sorted(cosines, key=lambda i: (-cosines[i], i))[:k]
    assert [likeness for likeness, _ in got] == pytest.approx([cosines[o.id] for _, o in got], abs=1e-5)
    distances = sorted((float(np.linalg.norm(np.array(row[1:4]) - c)), row[0]) for row in near)
    assert [o.id for o in s.observations_near(c, r, a, b, k)] == [i for _, i in distances[:k]]


def filled(path: Path | str = ":memory:", n: int = 100, **options) -> SqliteStore:
    s, rng = store(path, **options), np.random.default_rng(3)
    for i in range(1, n, 4):
        put(s, rng, np.arange(i, i + 4))
    s.flush()
    return s


def packed(s: SqliteStore, only: int | None = None) -> list[np.ndarray]:
    """The ids in each pack, of one block or of all."""
    rows = s.query("SELECT block, dim, data FROM packs")
    return [decode(unseal(data, block, dim), dim).ids for block, dim, data in rows if only in (None, block)]


def old_file(path: Path, vectors: list[np.ndarray], engine: str = "apsw") -> None:
    """A file of schema version 2, of four observations per group of Float[4, d]."""
    rng, db = np.random.default_rng(5), Database(str(path), engine=engine)
    db.execute("PRAGMA journal_mode = WAL")
    migrate(db, 0, MIGRATIONS[:2])
    for key, value in (("epoch_ns", str(EPOCH)), ("next_id", "1000000"), ("map_id", "m"), ("embedder_id", "")):
        db.execute(table.META.insert, table.META.seal((key, value)))
    for i, v in zip(range(1, 4 * len(vectors), 4), vectors, strict=True):
        values = sealed_observations(observations(EPOCH + i * S, rng.uniform(0, 8, (4, 3)), v), np.arange(i, i + 4), np.full(4, 7))
        rows = [values[at : at + WIDTH] for at in range(0, len(values), WIDTH)]
        db.executemany(table.OBSERVATIONS.insert, rows)
        boxes = [(row[0], *np.repeat(row[5:8], 2).tolist(), i, i) for row in rows]
        db.executemany("INSERT INTO observation_boxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", boxes)
    db.close()
