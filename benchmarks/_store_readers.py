"""R5 of `bench store`: three reading processes beside a writer that makes 1,000 rows a second durable. Is any of them locked out?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._store_data import RADIUS_M, K, Rows, questions, rows
from benchmarks._store_engines import EPOCH_NS, observations
from robomem.clock import ManualClock
from robomem.errors import StoreError
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore

READERS, RATE, GROUP = 3, 1000, 50  # processes; rows a second; rows that become durable together
THINK_S = 0.01  # between two questions of a reader
ROOT = Path(__file__).resolve().parents[1]


def beside_a_writer(folder: Path, seconds: float, records: int, seed: int) -> dict[str, Any]:
    """Fill a store, then write at RATE for some seconds while the readers ask."""
    path = folder / "read.db"
    store = SqliteStore(str(path), ManualClock(EPOCH_NS), max_observations=10_000_000)
    for part in rows(records, seed):
        for lot in _lots(part):
            store.put_observations(*observations(lot))
    store.flush()
    argv = [sys.executable, "-m", "benchmarks._store_readers", str(path), str(seconds), str(records), str(seed)]
    readers = [subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(READERS)]
    for reader in readers:
        assert reader.stdout is not None
        reader.stdout.readline()  # it has opened the file and compiled
    wrote, late, took = _write(store, next(iter(rows(GROUP, seed + 1))), records, seconds)
    said = [json.loads(reader.communicate()[0]) for reader in readers]
    store.close()
    return {
        "writer_rows_per_s": round(wrote / took),
        "writer_late_groups": late,
        "readers": READERS,
        "reader_p95_ms": max(s["p95_ms"] for s in said),
        "reader_questions": sum(s["n"] for s in said),
        "lock_errors": sum(s["errors"] for s in said),
    }


def _lots(part: Rows) -> list[Rows]:
    cut = range(0, len(part.ids), GROUP)
    return [Rows(*(v[i : i + GROUP] for v in (part.ids, part.seconds, part.positions, part.vectors))) for i in cut]


def _write(store: SqliteStore, lot: Rows, records: int, seconds: float) -> tuple[int, int, float]:
    """(rows, groups that came later than their time, seconds)."""
    begin, late = time.perf_counter(), 0
    groups = round(seconds * RATE / GROUP)
    for g in range(groups):
        due = begin + g * GROUP / RATE
        wait = due - time.perf_counter()
        late += wait < -GROUP / RATE
        time.sleep(max(0.0, wait))
        ids = records + 1 + g * GROUP + np.arange(GROUP)
        store.put_observations(*observations(Rows(ids, lot.seconds + records, lot.positions, lot.vectors)))
        store.flush()
    return groups * GROUP, late, time.perf_counter() - begin


def read(path: str, seconds: float, records: int, seed: int) -> None:
    """Ask until the time is over; print how long it took."""
    store = SqliteStore(path, ManualClock(EPOCH_NS), read_only=True)
    asked, took, errors = questions(records, 200, seed), [], 0
    _ask(store, asked[0])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begin = time.perf_counter()
    while (now := time.perf_counter()) - begin < seconds:
        try:
            _ask(store, asked[len(took) % len(asked)])
        except StoreError:
            errors += 1
        took.append(1000 * (time.perf_counter() - now))
        time.sleep(THINK_S)
    store.close()
    sys.stdout.write(json.dumps({"n": len(took), "errors": errors, "p95_ms": round(float(np.percentile(took, 95)), 3)}))


def _ask(store: SqliteStore, q: Any) -> None:
    span = (EPOCH_NS + round(q.from_s * 1e9), EPOCH_NS + round(q.to_s * 1e9))
    similar_observations(store, q.vector, q.center, RADIUS_M, *span, K)


if __name__ == "__main__":
    read(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
