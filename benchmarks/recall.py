"""`robomem bench recall --seeds 0-2 [--quick] [--out results/recall.json]`: a simulated week, asked about; robomem beside its rivals.

What is asked, what counts as known and how answers are scored: benchmarks/week/README.md. Nothing is tuned on seeds below 100.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.week import rivals_emem
from benchmarks.week.days import QUICK
from benchmarks.week.interface import CATEGORIES, Truth
from benchmarks.week.run import PLAIN, REWORDED, HomeResult, live
from benchmarks.week.scoring import Scored, rates
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table, wilson_ci
from robomem.memory.embedding import MiniLmEmbedder

Row = tuple[Truth, Scored]


def run(args: BenchArgs) -> dict[str, Any]:
    """Live, ask, score; the risk-coverage plot goes beside `--out`."""
    seeds = list(args.seeds) or ([0] if args.quick else [0, 1, 2])
    seeds = seeds[:1] if args.quick else seeds
    folder = args.data or Path(__file__).resolve().parents[2] / "shared" / "data" / "routines"
    embedder = MiniLmEmbedder()
    if not rivals_emem.installed():
        args.say("without emem: `pip install -c requirements.lock -e '.[rivals]'` lets it enter")
    homes, start = [], time.monotonic()
    for seed in seeds:
        homes.append(live(seed, folder if folder.is_dir() else None, QUICK if args.quick else None, embedder=embedder))
        args.say(f"home {seed}: {len(homes[-1].questions)} questions, {homes[-1].counts}, {time.monotonic() - start:.0f} s")
    figures = report(homes)
    figures["embedder_ms"] = embedder_ms(embedder)
    args.say(shown(figures))
    if args.out is not None:
        plot(homes, args.out.with_suffix(".png"))
    recorded = folder.is_dir()
    return {"n": figures["questions"], "seeds": seeds, "quick": args.quick, "routines": "recorded" if recorded else "generated", **figures}


def report(homes: Sequence[HomeResult]) -> dict[str, Any]:
    """The keys of the contract for the plain wording, the paraphrases and each rival beside it."""
    ours = pooled(homes, PLAIN)
    out: dict[str, Any] = {"questions": len(ours), "unanswerable": sum(not t.answerable for t, _ in ours), **summary(ours)}
    find = [ms for h in homes for ms in h.find_ms]
    out |= {"find_p95_ms": round(float(np.percentile(find, 95)), 3), "find_n": len(find)}
    out["paraphrased"] = {**summary(pooled(homes, REWORDED)), "by_category": by_category(homes, REWORDED)}
    out["by_category"] = by_category(homes, PLAIN)
    names = [n for n in homes[0].scored if n not in (PLAIN, REWORDED)]
    out["rivals"] = {n: {**summary(pooled(homes, n)), "by_category": by_category(homes, n)} for n in names}
    out["interval"] = "95 %, Wilson for rates, bootstrap over questions for errors"
    out["counts"] = {str(h.seed): h.counts for h in homes}
    out["by_seed"] = {str(h.seed): summary(pooled([h], PLAIN)) for h in homes}
    return out


def pooled(homes: Sequence[HomeResult], name: str) -> list[Row]:
    """Every question of every home with what a memory made of it."""
    return [(q.truth, s) for h in homes for q, s in zip(h.questions, h.scored[name], strict=True)]


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Rates with Wilson intervals, median errors with bootstrap ones."""
    out: dict[str, Any] = {}
    for key, (hits, n) in rates(rows).items():
        out[key] = round(hits / n, 4) if n else None
        out[f"{key}_ci"], out[f"{key}_n"] = wilson_ci(hits, n), n
    for key, name in (("position_error_m_median", "position_error_m"), ("time_error_s_median", "time_error_s")):
        values = [getattr(s, name) for t, s in rows if t.answerable and s.answered and np.isfinite(getattr(s, name))]
        out[key] = round(float(np.median(values)), 4) if values else None
        out[f"{key}_ci"] = bootstrap_ci(values, lambda v: float(np.median(v))) if values else None
    return out


def by_category(homes: Sequence[HomeResult], name: str) -> dict[str, Any]:
    """Correct, false recall and rightly abstained, and n, of each category."""
    out = {}
    for category in dict.fromkeys(CATEGORIES.values()):
        rows = [(q.truth, s) for h in homes for q, s in zip(h.questions, h.scored[name], strict=True) if q.category == category]
        out[category] = {k: [round(hits / n, 4) if n else None, hits, n] for k, (hits, n) in rates(rows).items()}
    return out


def risk_coverage(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """As more answers are given, the surest first: share of the questions answered, and share of those answers that are false."""
    given = sorted((s for _, s in rows if s.answered), key=lambda s: -s.confidence)
    wrong = np.cumsum([s.verdict == "wrong" for s in given])
    n = np.arange(1, len(given) + 1)
    return (n / len(rows)).tolist(), (wrong / np.maximum(n, 1)).tolist()


def embedder_ms(embedder: MiniLmEmbedder, repeats: int = 50) -> dict[str, float]:
    """CPU time of one unknown word through the encoder: median and p95."""
    out = []
    for k in range(repeats):
        start = time.process_time()
        embedder.embed([f"word number {k}"])
        out.append(1000 * (time.process_time() - start))
    return {"median": round(float(np.median(out)), 2), "p95": round(float(np.percentile(out, 95)), 2)}


def shown(figures: Mapping[str, Any]) -> str:
    """The table for the screen."""
    columns = {"robomem": figures, "paraphrased": figures["paraphrased"], **figures["rivals"]}
    keys = ("correct", "false_recall", "abstain_correct", "position_error_m_median", "time_error_s_median")
    rows = [{"memory": name, **{k: _short(f[k]) for k in keys}} for name, f in columns.items()]
    categories = [
        {"category": c, **{name: _short(f["by_category"][c]["correct"][0]) for name, f in columns.items()}} for c in figures["by_category"]
    ]
    end = f"find p95 {figures['find_p95_ms']} ms CPU (n {figures['find_n']}), embedder {figures['embedder_ms']} ms a word, apart"
    return f"{table(rows)}\n\ncorrect by category:\n{table(categories)}\n{end}"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def plot(homes: Sequence[HomeResult], path: Path) -> None:
    """Risk against coverage, every memory."""
    from robomem.viewer.curves import draw_curves

    curves = {name: risk_coverage(pooled(homes, name)) for name in homes[0].scored}
    draw_curves(path, {"all questions": curves}, "share of questions answered", "share of answers that are false", "A week, asked about")
