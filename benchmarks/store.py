"""`robomem bench store`: the same rows and questions for robomem's store and for what else one could install."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._store_data import DIM, Question, Rows, questions, recall, rows, truth
from benchmarks._store_engines import EPOCH_NS, RIVALS, Engine, Ours, observations
from benchmarks._store_readers import beside_a_writer
from robomem.clock import ManualClock
from robomem.evaluation.registry import BenchArgs, Say
from robomem.evaluation.report import bootstrap_ci, table
from robomem.memory.sqlite_store import SqliteStore

SIZES, ASKED, WARM = (100_000, 1_000_000), 500, 20
QUICK_SIZES, QUICK_ASKED = (3_000, 6_000), 40
BATCHES, GROUPS = (10, 100, 1000), 30  # rows that become durable together, and how many such groups
OPENINGS = 15
FAIR_RECALL = 0.99  # a rival that answers with less is no rival


def run(args: BenchArgs, full: Sequence[int] = SIZES) -> dict[str, Any]:
    """Queries at both sizes (`full`: or at the first of them only), durable rows, opening, bytes; rivals at the smaller size."""
    sizes, count = (QUICK_SIZES, QUICK_ASKED) if args.quick else (full, ASKED)
    seed = next(iter(args.seeds), 0)
    figures: dict[str, Any] = {"n": count, "seeds": str(seed), "dim": DIM, "sizes": list(sizes), "rivals": {}}
    lines = []
    with tempfile.TemporaryDirectory(prefix="robomem_bench_store_") as name:
        folder = Path(name)
        for n, word in zip(sizes, ("100k", "1m"), strict=False):
            asked = questions(n, count, seed)
            right = truth(n, asked, seed)
            own, row = _engine(Ours, folder / word, n, asked, right, seed, args.say)
            figures |= {f"filtered_p50_ms_{word}": row["p50_ms"], f"filtered_p95_ms_{word}": row["p95_ms"]}
            figures |= {f"filtered_p95_ms_{word}_ci": row["p95_ms_ci"], f"recall_{word}": row["recall"]}
            figures |= {f"{name}_{word}": value for name, value in _without_cache(own, asked).items()}
            lines.append({"engine": "robomem", "records": n, **_shown(row)})
            own.close()
            if word == "100k":
                figures |= _file(folder / word / "robomem.db", n, asked[0])
                for rival in RIVALS:
                    other, theirs = _engine(rival, folder / rival.__name__, n, asked, right, seed, args.say)
                    other.close()
                    shutil.rmtree(folder / rival.__name__)
                    figures["rivals"][other.name] = theirs
                    lines.append({"engine": other.name, "records": n, **_shown(theirs)})
            shutil.rmtree(folder / word)
        figures |= _durable(folder, seed, args.say)
        figures["beside_a_writer"] = beside_a_writer(folder, *((1.0, 2000) if args.quick else (20.0, 50_000)), seed)
        args.say(f"three readers beside a writer: {figures['beside_a_writer']}")
    fair = {k: r["p95_ms"] for k, r in figures["rivals"].items() if r["recall"] >= FAIR_RECALL}
    figures["best_rival"] = min(fair, key=lambda k: fair[k]) if fair else ""
    figures["vs_best_rival_100k"] = round(min(fair.values()) / figures["filtered_p95_ms_100k"], 2) if fair else None
    args.say(table(lines))
    return figures


def _engine(
    kind: Any, folder: Path, n: int, asked: Sequence[Question], right: list[list[int]], seed: int, say: Say
) -> tuple[Engine, dict[str, Any]]:
    """Fill one engine and ask it everything once, after a few questions that warm it."""
    folder.mkdir(parents=True)
    engine: Engine = kind(folder)
    start = time.process_time()
    engine.fill(rows(n, seed))
    say(f"{engine.name}: {n:,} records in {time.process_time() - start:.0f} s of CPU")
    for q in asked[:WARM]:
        engine.ask(q)
    took, got = [], []
    for q in asked:
        begin = time.perf_counter()
        got.append(engine.ask(q))
        took.append(1000 * (time.perf_counter() - begin))
    return engine, {
        "p50_ms": round(float(np.percentile(took, 50)), 3),
        "p95_ms": round(float(np.percentile(took, 95)), 3),
        "p95_ms_ci": bootstrap_ci(took, lambda v: float(np.percentile(v, 95))),
        "recall": round(recall(got, right), 4),
        "records": n,
    }


def _without_cache(own: Engine, asked: Sequence[Question]) -> dict[str, Any]:
    """What share of the packs was in the process's memory when asked for, and how long it takes where none ever is."""
    assert isinstance(own, Ours)
    cache, took = own.store.packs.cache, []
    share = cache.hits / max(cache.hits + cache.misses, 1)
    for q in asked:
        cache.clear()
        begin = time.perf_counter()
        own.ask(q)
        took.append(1000 * (time.perf_counter() - begin))
    p50, p95 = (round(float(np.percentile(took, p)), 3) for p in (50, 95))
    return {"in_cache": round(share, 3), "uncached_p50_ms": p50, "uncached_p95_ms": p95}


def _file(path: Path, n: int, q: Question) -> dict[str, Any]:
    """Size of the closed file, and how long it takes to open it and answer."""
    took = []
    for _ in range(OPENINGS):
        begin = time.perf_counter()
        engine = Ours.__new__(Ours)
        engine.store = SqliteStore(str(path), ManualClock(EPOCH_NS), read_only=True)
        engine.ask(q)
        took.append(1000 * (time.perf_counter() - begin))
        engine.close()
    return {
        "bytes_per_record": round(path.stat().st_size / n, 1),
        "open_and_answer_ms": round(float(np.median(took)), 2),
        "open_and_answer_ms_ci": bootstrap_ci(took, lambda v: float(np.median(v))),
    }


def _durable(folder: Path, seed: int, say: Say) -> dict[str, Any]:
    """Rows a second that are on the disk when the call returns, by batch; beside it write and fsync of the same bytes, in turns."""
    part = next(iter(rows(max(BATCHES), seed)))
    by_batch: dict[str, Any] = {}
    for batch in BATCHES:
        store = SqliteStore(str(folder / f"durable_{batch}.db"), ManualClock(EPOCH_NS), max_observations=10_000_000)
        raw = os.open(folder / f"raw_{batch}", os.O_WRONLY | os.O_CREAT, 0o600)
        ours, theirs, size = [], [], 0
        for k in range(GROUPS):
            ids = part.ids[:batch] + k * batch
            found = observations(Rows(ids, part.seconds[:batch], part.positions[:batch], part.vectors[:batch]))
            begin = time.perf_counter()
            store.put_observations(*found)
            store.flush()
            ours.append(time.perf_counter() - begin)
            payload = b"\0" * (batch * 1200)  # what a record comes to in the file
            begin = time.perf_counter()
            os.write(raw, payload)
            os.fsync(raw)
            theirs.append(time.perf_counter() - begin)
            size += len(payload)
        os.close(raw)
        store.close()
        rates = [batch / float(np.median(v)) for v in (ours, theirs)]
        # Now and then a group also packs a block: the median does not see it, the mean does.
        mean = batch / float(np.mean(ours))
        by_batch[str(batch)] = {"rows_per_s": round(rates[0]), "raw_fsync_rows_per_s": round(rates[1]), "mean_rows_per_s": round(mean)}
        say(f"durable, {batch} rows at once: {rates[0]:,.0f} rows/s (mean {mean:,.0f}), write and fsync alone {rates[1]:,.0f}")
    return {
        "durable_rows_per_s": by_batch["100"]["rows_per_s"],
        "raw_fsync_rows_per_s": by_batch["100"]["raw_fsync_rows_per_s"],
        "durable_by_batch": by_batch,
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["p95_ms_ci"]
    return {"p50 ms": row["p50_ms"], "p95 ms": row["p95_ms"], "95 %": f"{low:.3g} to {high:.3g}", "recall@10": row["recall"]}
