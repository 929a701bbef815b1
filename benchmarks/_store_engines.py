"""robomem's store and its rivals behind one face: fill, then ask. Each has its own file, index and best known way to filter."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks._store_data import DIM, EPOCH_NS, RADIUS_M, K, Question, Rows
from robomem.clock import ManualClock
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Observations

OVERFETCH = 1000


class Engine(Protocol):
    """One store."""

    name: str

    def fill(self, parts: Iterable[Rows]) -> None:
        """Keep all rows; whatever index there is, is built when this returns."""
        ...

    def ask(self, q: Question) -> list[int]:
        """Ids, likest first."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def observations(part: Rows) -> tuple[Observations, np.ndarray, np.ndarray]:
    """Rows as one image's observations (of one moment: call it with rows of one), their ids and objects."""
    n, f = len(part.ids), np.float32
    found = Observations(
        EPOCH_NS + round(float(part.seconds[0]) * 1e9), ("mug",) * n, np.full(n, 0.9, f), part.positions.astype(f),
        np.tile(np.eye(3, dtype=f) * 1e-4, (n, 1, 1)), np.full((n, 3), 0.1, f), np.zeros(n, f), part.vectors, ("red",) * n,
        np.full(n, 400, np.int32), np.zeros(n, bool), np.zeros((n, 4), f), tuple(np.zeros((0, 3), f) for _ in range(n)), ({},) * n,
    )  # fmt: skip
    return found, part.ids, part.ids % 500 + 1


class Ours:
    """robomem's SQLite store as the memory uses it: one image after the other, group commit."""

    name = "robomem"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "robomem.db"
        self.store = SqliteStore(str(self.path), ManualClock(EPOCH_NS), max_observations=10_000_000)

    def fill(self, parts: Iterable[Rows]) -> None:
        """Row by row: each is an image of its own."""
        for part in parts:
            for i in range(len(part.ids)):
                one = Rows(part.ids[i : i + 1], part.seconds[i : i + 1], part.positions[i : i + 1], part.vectors[i : i + 1])
                self.store.put_observations(*observations(one))
        self.store.flush()

    def ask(self, q: Question) -> list[int]:
        """Packs near in space and time, then the exact cosine."""
        span = (EPOCH_NS + round(q.from_s * 1e9), EPOCH_NS + round(q.to_s * 1e9))
        return [o.id for _, o in similar_observations(self.store, q.vector, q.center, RADIUS_M, *span, K)]

    def close(self) -> None:
        """Checkpoint and close."""
        self.store.close()


class DuckDb:
    """A table with a fixed-size array column; min-max zones make the time filter cheap."""

    name = "DuckDB"

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._db = duckdb.connect(str(folder / "duck.db"))
        self._db.execute("SET threads = 1")
        self._db.execute(f"CREATE TABLE o (id BIGINT, t DOUBLE, x DOUBLE, y DOUBLE, z DOUBLE, v FLOAT[{DIM}])")

    def fill(self, parts: Iterable[Rows]) -> None:
        """By Arrow, chunk by chunk."""
        import pyarrow as pa

        for p in parts:
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(p.vectors.ravel()), DIM)
            columns = [pa.array(p.ids), pa.array(p.seconds), *(pa.array(p.positions[:, a]) for a in range(3)), vectors]
            batch = pa.table(columns, names=["id", "t", "x", "y", "z", "v"])
            self._db.register("batch", batch)
            self._db.execute(f"INSERT INTO o SELECT id, t, x, y, z, v::FLOAT[{DIM}] FROM batch")
            self._db.unregister("batch")
        self._db.execute("CHECKPOINT")

    def ask(self, q: Question) -> list[int]:
        """Filter, then the exact cosine."""
        sql = f"""SELECT id FROM o WHERE t BETWEEN ? AND ? AND x BETWEEN ? AND ? AND (x - ?) ** 2 + (y - ?) ** 2 + (z - ?) ** 2 <= ?
        ORDER BY array_cosine_similarity(v, ?::FLOAT[{DIM}]) DESC LIMIT {K}"""
        c = q.center.tolist()
        args = [q.from_s, q.to_s, c[0] - RADIUS_M, c[0] + RADIUS_M, *c, RADIUS_M**2, q.vector.tolist()]
        return [row[0] for row in self._db.execute(sql, args).fetchall()]

    def close(self) -> None:
        """Close."""
        self._db.close()


class LanceDb:
    """A Lance table with a btree on time; the filter runs before the exact search."""

    name = "LanceDB"

    def __init__(self, folder: Path) -> None:
        import lancedb

        self._db = lancedb.connect(str(folder / "lance"))
        self._table: Any = None

    def fill(self, parts: Iterable[Rows]) -> None:
        """By Arrow, chunk by chunk."""
        import pyarrow as pa

        for p in parts:
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(p.vectors.ravel()), DIM)
            columns = [pa.array(p.ids), pa.array(p.seconds), *(pa.array(p.positions[:, a]) for a in range(3)), vectors]
            batch = pa.table(columns, names=["id", "t", "x", "y", "z", "vector"])
            if self._table is None:
                self._table = self._db.create_table("o", batch)
            else:
                self._table.add(batch)
        self._table.create_scalar_index("t", index_type="BTREE")
        self._table.optimize()

    def ask(self, q: Question) -> list[int]:
        """A box before, the exact distance after: its filter language has no square."""
        x, y, z = q.center.tolist()
        box = " AND ".join(f"{name} BETWEEN {v - RADIUS_M} AND {v + RADIUS_M}" for name, v in (("x", x), ("y", y), ("z", z)))
        search = self._table.search(q.vector).distance_type("cosine").where(f"t BETWEEN {q.from_s} AND {q.to_s} AND {box}", prefilter=True)
        found = search.select(["id", "x", "y", "z", "_distance"]).limit(OVERFETCH).to_arrow()
        p = np.stack([found[name].to_numpy() for name in "xyz"], axis=1)
        near = ((p - q.center) ** 2).sum(axis=1) <= RADIUS_M**2
        return found["id"].to_numpy()[near][:K].tolist()

    def close(self) -> None:
        """Nothing is held open."""


class SqliteVec:
    """sqlite-vec's vec0 with the filter in metadata columns: every vector that passes is compared."""

    name = "sqlite-vec"

    def __init__(self, folder: Path) -> None:
        import sqlite_vec

        self._db = sqlite3.connect(folder / "vec.db")
        self._db.enable_load_extension(True)
        sqlite_vec.load(self._db)
        columns = f"id INTEGER PRIMARY KEY, t FLOAT, x FLOAT, y FLOAT, z FLOAT, v FLOAT[{DIM}] distance_metric=cosine"
        self._db.execute(f"CREATE VIRTUAL TABLE o USING vec0 ({columns})")

    def fill(self, parts: Iterable[Rows]) -> None:
        """In one transaction a chunk."""
        for p in parts:
            values = zip(p.ids.tolist(), p.seconds.tolist(), *p.positions.T.tolist(), (v.tobytes() for v in p.vectors), strict=True)
            with self._db:
                self._db.executemany("INSERT INTO o (id, t, x, y, z, v) VALUES (?, ?, ?, ?, ?, ?)", values)

    def ask(self, q: Question) -> list[int]:
        """A box in the query, the exact distance after."""
        box = [bound for v in q.center.tolist() for bound in (v - RADIUS_M, v + RADIUS_M)]
        sql = f"""SELECT id, x, y, z FROM o WHERE v MATCH ? AND k = {OVERFETCH} AND t >= ? AND t <= ?
        AND x >= ? AND x <= ? AND y >= ? AND y <= ? AND z >= ? AND z <= ?"""
        found = self._db.execute(sql, (q.vector.tobytes(), q.from_s, q.to_s, *box)).fetchall()
        return [i for i, *p in found if float(((np.array(p) - q.center) ** 2).sum()) <= RADIUS_M**2][:K]

    def close(self) -> None:
        """Close."""
        self._db.close()


class UsearchThenFilter:
    """An approximate index over all vectors, over-fetched, filtered after: what a vector store without filters comes to."""

    name = "usearch, filter after"

    def __init__(self, folder: Path) -> None:
        from usearch.index import Index

        self._index: Any = Index(ndim=DIM, metric="cos", dtype="f16")
        self._rows: list[Rows] = []
        self._path = folder / "vectors.usearch"

    def fill(self, parts: Iterable[Rows]) -> None:
        """Vectors into the graph; the rest stays in memory."""
        for p in parts:
            self._index.add(p.ids, p.vectors, threads=1)
            self._rows.append(Rows(p.ids, p.seconds, p.positions, p.vectors[:0]))
        self._index.save(str(self._path))
        self._t = np.concatenate([r.seconds for r in self._rows])
        self._p = np.concatenate([r.positions for r in self._rows])

    def ask(self, q: Question) -> list[int]:
        """The OVERFETCH likest of all time, then those that fit."""
        ids = np.asarray(self._index.search(q.vector, OVERFETCH, threads=1).keys, np.int64)
        t, p = self._t[ids - 1], self._p[ids - 1]
        fit = (t >= q.from_s) & (t <= q.to_s) & (((p - q.center) ** 2).sum(axis=1) <= RADIUS_M**2)
        return ids[fit][:K].tolist()

    def close(self) -> None:
        """Nothing is held open."""


RIVALS: tuple[type, ...] = (DuckDb, LanceDb, SqliteVec, UsearchThenFilter)
