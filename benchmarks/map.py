"""`robomem bench map`: after exploring a home, what of it is in the graph, where, how often twice, and what is there that is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from robomem.evaluation.household import Household
from robomem.evaluation.metrics import MapScore, TrueObject, score_map
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table
from robomem.ontology import default_ontology

CLEAR_PIXELS, CLEAR_SHARE, CLEAR_M, CLEAR_FRAMES = 150, 0.7, 4.0, 3  # "clear view", and how often it makes a thing findable


class ClearViews:
    """Evaluator only: counts in how many frames each true thing was in clear view."""

    def __init__(self) -> None:
        self.frames: Counter[str] = Counter()

    def __call__(self, _stamp_ns: int, sights: Sequence[Any]) -> None:
        self.frames.update(s.name for s in sights if s.pixels >= CLEAR_PIXELS and s.visible >= CLEAR_SHARE and s.distance_m <= CLEAR_M)


def run(args: BenchArgs) -> dict[str, Any]:
    """Recall within 0.10 m by label, ghosts per home, double ids; intervals over homes."""
    seeds = list(args.seeds) or ([0] if args.quick else list(range(5)))
    rows = []
    for seed in seeds:
        score, extra = explore(seed)
        rows.append(
            {
                "seed": seed,
                "recall_10cm": round(score.recall, 4),
                "n": score.n,
                "median_error_m": round(float(np.median(score.errors_m)), 4),
                "ghosts": len(score.ghosts),
                "double_ids": score.double_ids,
                **extra,
                "missed": ", ".join(score.missed),
            }
        )
        args.say(table(rows[-1:]))
    found = sum(r["recall_10cm"] * r["n"] for r in rows)
    args.say(table(rows))
    return {
        "n": len(seeds),
        "seeds": f"{seeds[0]}-{seeds[-1]}",
        "things": sum(r["n"] for r in rows),
        "recall_10cm": round(found / max(sum(r["n"] for r in rows), 1), 4),
        "recall_10cm_ci": bootstrap_ci([r["recall_10cm"] for r in rows]),
        "ghosts_per_home": float(np.mean([r["ghosts"] for r in rows])),
        "ghosts_per_home_ci": bootstrap_ci([r["ghosts"] for r in rows]),
        "ghosts_max": max(r["ghosts"] for r in rows),
        "double_ids": sum(r["double_ids"] for r in rows),
        "double_ids_ci": bootstrap_ci([r["double_ids"] for r in rows], lambda v: float(np.sum(v))),
        "rows": rows,
    }


def explore(seed: int) -> tuple[MapScore, dict[str, Any]]:
    """Explore one home and score its map."""
    views = ClearViews()
    home = Household(seed, on_truth=views)
    try:
        report = home.explore()
        truth = home.truth()
        everything = [
            TrueObject.of(r | {"kind": kind})
            for kind, rows in (("object", truth["objects"]), ("furniture", truth["furniture"]))
            for r in rows
        ]
        seen = [t for t in everything if views.frames[t.name] >= CLEAR_FRAMES]
        score = score_map(home.memory.objects(), seen, everything, default_ontology())
        return score, {"simulated_s": round(report.duration_s), "driven_m": round(report.distance_m, 1), "frames": home.frames}
    finally:
        home.close()
