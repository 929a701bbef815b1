"""A memory's records for other tools: one Parquet or JSON-lines file per kind, from one snapshot, damaged rows left out and counted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.memory.maintenance import open_store
from robomem.memory.sqlite_store import SqliteStore
from robomem.memory.table import META, WORLD_STATE, Table

STEP = 5000  # rows read and written at a time
FORMS = ("parquet", "jsonl")
LEFT_OUT = (META, WORLD_STATE)  # the store's own notes and the belief's arrays are no records
VECTORS = {("objects", "covariance"): np.float64, ("objects", "embedding"): np.float32, ("observations", "embedding"): np.float16}
JSON_COLUMNS = {
    ("objects", "label_probs"), ("objects", "states"), ("events", "before"), ("events", "after"), ("events", "evidence"),
    ("nodes", "attributes"), ("episodes", "steps"), ("episodes", "cost"),
}  # fmt: skip
WHOLE = {"id", "object_id", "version", "support", "pixels", "sightings", "subject", "object", "removed", "target"}
TEXT = frozenset("label status color kind place room predicate layer instruction outcome summary text source said ended".split())
ENDS = ("_ns", "_id", "_observation")


class Sink(Protocol):
    """Where rows of one kind go."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows, values in the table's column order."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def export(db: Path, out: Path, form: str, kinds: Sequence[str], force: bool, say: Callable[[str], None]) -> dict[str, int]:
    """Write `out`/KIND.parquet or .jsonl for each kind; rows written per kind.

    Positions are m in the map frame, `*_ns` are ns, vectors are lists of numbers. JSON columns are values
    in JSON lines and text in Parquet.

    Raises:
        InvalidInputError: an unknown form or kind, or a file that is there already.
        MissingDependencyError: Parquet without pyarrow.
        StoreError: no such memory.
    """
    if form not in FORMS:
        raise InvalidInputError(f"export: there is no form '{form}'; use {' or '.join(FORMS)}")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise MissingDependencyError("export: Parquet needs 'pyarrow'; pip install 'robomem[export]', or use --format jsonl")
    with closing(open_store(db)) as store:
        known = {t.name: t for t in store.sealed() if t not in LEFT_OUT}
        if unknown := [k for k in kinds if k not in known]:
            raise InvalidInputError(f"export: there is no kind '{unknown[0]}'; there are {', '.join(known)}")
        chosen = [known[k] for k in kinds or known]
        files = {t.name: out / f"{t.name}.{form}" for t in chosen}
        if taken := [f for f in files.values() if f.exists() and not force]:
            raise InvalidInputError(f"{taken[0]}: exists; --force replaces it")
        out.mkdir(parents=True, exist_ok=True)
        store.database.execute("BEGIN")  # every kind as of one moment, however long it takes and whoever writes
        try:
            done = {t.name: _one(store, t, files[t.name], form, say) for t in chosen}
        finally:
            store.database.execute("COMMIT")
        if store.bad_rows:
            say(f"{store.bad_rows} damaged rows were left out; see robomem memory verify")
    return done


def _one(store: SqliteStore, t: Table, path: Path, form: str, say: Callable[[str], None]) -> int:
    partial, total, done = path.with_name(path.name + ".partial"), store.count(t), 0
    sink: Sink = _Lines(partial, t) if form == "jsonl" else _parquet(partial, t)
    try:
        for rows in _chunks(store, t):
            sink.write(rows)
            done += len(rows)
            if total > STEP:
                say(f"  {t.name}: {done} of {total}")
    finally:
        sink.close()
    partial.replace(path)
    say(f"{path}: {done} rows")
    return done


def _chunks(store: SqliteStore, t: Table) -> Iterator[list[tuple[Any, ...]]]:
    last = -(1 << 63)
    while True:
        ids = store.database.execute(f"SELECT rowid FROM {t.name} WHERE rowid > ? ORDER BY rowid LIMIT ?", (last, STEP))
        if not ids:
            return
        first, last = ids[0][0], ids[-1][0]
        rows = store.rows(t, "WHERE rowid BETWEEN ? AND ? ORDER BY rowid", (first, last))
        yield [_plain(t, row) for row in rows]


def _plain(t: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    out = []
    for name, value in zip(t.columns, row[:-1], strict=True):
        dtype = VECTORS.get((t.name, name))
        out.append(np.frombuffer(value, dtype).astype(float).tolist() if dtype is not None and value is not None else value)
    return tuple(out)


class _Lines:
    """JSON lines; NaN becomes null, which every reader takes."""

    def __init__(self, path: Path, t: Table) -> None:
        self._file, self._table = path.open("w", encoding="utf-8"), t

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        t = self._table
        for row in rows:
            told = {n: json.loads(v) if (t.name, n) in JSON_COLUMNS and v else v for n, v in zip(t.columns, row, strict=True)}
            told = {n: None if isinstance(v, float) and v != v else v for n, v in told.items()}
            self._file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _parquet(path: Path, t: Table) -> Sink:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _kind(pa, t, name)) for name in t.columns])
    writer = pq.ParquetWriter(str(path), schema, compression="zstd")

    class Columns:
        def write(self, rows: Sequence[Sequence[Any]]) -> None:
            columns = list(zip(*rows, strict=True)) if rows else [[] for _ in t.columns]
            writer.write_table(pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema))

        def close(self) -> None:
            writer.close()

    return Columns()


def _kind(pa: Any, t: Table, name: str) -> Any:
    if (t.name, name) in VECTORS:
        return pa.list_(pa.float32() if VECTORS[t.name, name] is not np.float64 else pa.float64())
    if name in WHOLE or name.endswith(ENDS) or (t.name == "events" and name in ("room_from", "room_to")):
        return pa.int64()
    return pa.string() if name in TEXT or (t.name, name) in JSON_COLUMNS else pa.float64()
