"""`robomem bench eviction`: what a full tier should give up, and whether a policy over policies finds that out by itself.

Traces: made-up requests (uniform, Zipf, drifting bursts, composite chains), four recorded households, and homes of the simulator with
their own habits. In homes a robot walks from room to room and writes what it sees, and a person asks for the thing that is needed next;
the outcome is how many places must be looked into until it is found: 1 if the tier knows the right place, else those where it was most
often before. Belady knows the future and is the bound; nobody else sees it. AMA learns online, from its first request on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._eviction_homes import routine_traces, simulated_trace
from benchmarks._eviction_play import AllAlike, identity_share, learn_map, outcome_matrix, play
from benchmarks._eviction_traces import MADE_UP, Trace
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table
from robomem.memory.ama import FOUR_STRATEGIES, POLICIES, Ama
from robomem.memory.eviction import Belady, Eviction
from robomem.memory.tinylfu import WTinyLfu

ROWS = 10  # KARMA's tier
HOME_ROWS = (10, 32)  # KARMA's, and robomem's default capacity
LENGTH, WARM = 4000, 2000  # requests of a made-up trace; regret counts what comes after WARM operations

Makers = dict[str, Callable[[int, int], Eviction]]  # name -> (rows, seed) -> policy
FIXED: Makers = {name: (lambda rows, seed, make=make: make()) for name, make in POLICIES.items()}
OTHERS: Makers = {
    "W-TinyLFU, window 9 of 10": lambda rows, seed: WTinyLfu(window=0.9),
    "expected utility, all costs alike": lambda rows, seed: AllAlike(),
    "AMA": lambda rows, seed: Ama(np.random.default_rng((seed, 9)), shadow_rows=rows),
    "AMA, bandit": lambda rows, seed: Ama(np.random.default_rng((seed, 9)), half_life=60.0, explore=0.1),
    "Belady": lambda rows, seed: Belady(),
}
ALL: Makers = {**FIXED, **OTHERS}


def run(args: BenchArgs) -> dict[str, Any]:
    """Play every trace under every policy, then the four-strategy task; the picture goes beside `--out`."""
    seeds = list(args.seeds) or list(range(2 if args.quick else 10))
    length = 2600 if args.quick else LENGTH
    folder = args.data or Path(__file__).resolve().parents[2] / "shared" / "data" / "routines"
    sheets: dict[str, dict[str, Any]] = {}
    for name, make in MADE_UP.items():
        sheets[name] = _sheet([make(np.random.default_rng((s, 3)), length) for s in seeds], ROWS, seeds)
        args.say(f"{name}: {_line(sheets[name])}")
    homes = {"simulated homes": [simulated_trace(s, args.quick) for s in seeds]}
    if folder.is_dir():
        homes["recorded homes"] = routine_traces(folder, args.quick)
    for name, traces in homes.items():
        for rows in HOME_ROWS:
            sheets[f"{name}, {rows} rows"] = _sheet(traces, rows, seeds, by_unit=True)
            args.say(f"{name}, {rows} rows: {_line(sheets[f'{name}, {rows} rows'])}")
    saved = {f"{name}, {rows} rows": saved_looks(traces, rows) for name, traces in homes.items() for rows in HOME_ROWS}
    figures: dict[str, Any] = {**_figures(sheets), "looks_saved_against_lru": saved}
    figures |= _four(seeds, 600 if args.quick else 2000, 60 if args.quick else 400)
    args.say(table(figures["rows"]))
    if args.out is not None:
        _plot(sheets, args.out.with_suffix(".png"))
    return {
        "n": sum(s["requests"] for s in sheets.values()),
        "seeds": seeds,
        "interval": "95 %, bootstrap over seeds (made-up and simulated) or over days of homes (recorded)",
        **figures,
    }


def _sheet(traces: Sequence[Trace], rows: int, seeds: Sequence[int], by_unit: bool = False) -> dict[str, Any]:
    """Every policy on the traces of one kind: rates with intervals, looks per request, and the rate after the first 2,000 operations."""
    out: dict[str, Any] = {"policies": {}, "requests": 0}
    lates: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, make in (ALL).items():
        played = [play(trace, make(rows, seeds[k % len(seeds)]), rows) for k, trace in enumerate(traces)]
        out["requests"] = sum(len(p.hit) for p in played)
        units = np.concatenate([p.unit if by_unit else np.full(len(p.unit), k) for k, p in enumerate(played)])
        hit, looks, at = (np.concatenate([getattr(p, f) for p in played]) for f in ("hit", "looks", "at"))
        late = at >= WARM
        lates[name] = (hit[late], units[late])
        rate, rate_ci = _ratio(hit, units)
        mean, mean_ci = _ratio(looks, units)
        out["policies"][name] = {"hit_rate": rate, "ci": rate_ci, "looks": mean, "looks_ci": mean_ci, "late": _mean(hit[late])}
    out["regret"], out["regret_ci"] = _regret(out["policies"]), _regret_ci(out["policies"], lates)
    return out


def saved_looks(traces: Sequence[Trace], rows: int, other: str = "LRU") -> list[float]:
    """Looks per request that expected utility, the default, saves against another policy: mean and 95 % interval, paired by unit."""
    ours, theirs = ([play(trace, FIXED[name](rows, 0), rows) for trace in traces] for name in ("expected utility", other))
    units = np.concatenate([p.unit for p in ours])
    mean, ci = _ratio(np.concatenate([b.looks - a.looks for a, b in zip(ours, theirs, strict=True)]), units)
    return [mean, *ci]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _regret(policies: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """What AMA's hit rate is short of the best fixed policy's after 2,000 operations, as a share of it (below 0: AMA is better)."""
    best = max(policies[name]["late"] for name in FIXED)
    shares = {name: 1.0 - policies[name]["late"] / best if best > 0 else float("nan") for name in ("AMA", "AMA, bandit")}
    return {name: round(share, 4) if np.isfinite(share) else None for name, share in shares.items()}


def _regret_ci(policies: Mapping[str, Mapping[str, Any]], lates: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """95 % interval of AMA's regret against the fixed policy that is best over all units, bootstrap over units."""
    best = max(FIXED, key=lambda name: policies[name]["late"])
    _, index = np.unique(lates["AMA"][1], return_inverse=True)
    ours, theirs = (np.bincount(index, lates[name][0]) for name in ("AMA", best))
    return bootstrap_ci(np.arange(len(ours)).tolist(), lambda i: float(1.0 - ours[i.astype(int)].sum() / theirs[i.astype(int)].sum()))


def _ratio(values: np.ndarray, units: np.ndarray) -> tuple[float, list[float]]:
    """Mean over requests with a bootstrap over units."""
    _, index = np.unique(units, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    ci = bootstrap_ci(np.arange(len(sums)).tolist(), lambda i: float(sums[i.astype(int)].sum() / counts[i.astype(int)].sum()))
    return round(float(values.mean()), 4), ci


def _four(seeds: Sequence[int], steps: int, n: int) -> dict[str, Any]:
    truth = outcome_matrix(np.random.default_rng(77), n)
    learned = [learn_map(seed, steps) for seed in seeds]
    best = float(np.mean([truth[task][task] for task in truth]))
    reached = [got for _, got in learned]
    return {
        "identity_map_share": round(identity_share([found for found, _ in learned]), 4),
        "four_strategies": {
            "episodes": steps,
            "outcome_by_task_and_policy": {t: {p: round(v, 3) for p, v in row.items()} for t, row in truth.items()},
            "each_task_is_solved_best_by_its_own": all(max(row, key=lambda p: row[p]) == task for task, row in truth.items()),
            "ama_outcome_last_half": round(float(np.mean(reached)), 4),
            "ama_outcome_ci": bootstrap_ci(reached),
            "identity_outcome": round(best, 4),
            "best_single_policy_outcome": round(max(float(np.mean([truth[t][p] for t in truth])) for p in FOUR_STRATEGIES), 4),
        },
    }


def _figures(sheets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    homes = [name for name in sheets if "homes" in name]
    looks = {p: round(float(np.mean([sheets[h]["policies"][p]["looks"] for h in homes])), 4) for p in ALL}
    rows = [{"policy": p, **{name: s["policies"][p]["hit_rate"] for name, s in sheets.items()}, "looks in homes": looks[p]} for p in looks]
    regrets = {name: s["regret"] for name, s in sheets.items()}
    worst = [r["AMA"] for r in regrets.values() if r["AMA"] is not None]
    return {
        "ama_regret": max(worst) if worst else None,
        "ama_regret_ci": {name: s["regret_ci"] for name, s in sheets.items()},
        "ama_regret_by_trace": regrets,
        "hit_rates": {name: {p: [row["hit_rate"], *row["ci"]] for p, row in s["policies"].items()} for name, s in sheets.items()},
        "looks_per_request": {
            name: {p: [row["looks"], *row["looks_ci"]] for p, row in s["policies"].items()} for name, s in sheets.items() if name in homes
        },
        "looks_in_homes": looks,
        "default_by_outcome": min((p for p in FIXED), key=lambda p: looks[p]),
        "rows": rows,
    }


def _line(sheet: Mapping[str, Any]) -> str:
    p = sheet["policies"]
    best = max(FIXED, key=lambda name: p[name]["hit_rate"])
    return (
        f"LRU {p['LRU']['hit_rate']:.3f}, best fixed {best} {p[best]['hit_rate']:.3f}, AMA {p['AMA']['hit_rate']:.3f}, "
        f"Belady {p['Belady']['hit_rate']:.3f}, regret {sheet['regret']['AMA']}"
    )


def _plot(sheets: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    from robomem.viewer.bars import draw_bars

    names = list(ALL)
    panels = {trace: [(p, s["policies"][p]["hit_rate"], tuple(s["policies"][p]["ci"])) for p in names] for trace, s in sheets.items()}
    title = "What a full tier gives up: hit rates with 95 % intervals"
    draw_bars(path, panels, "hit rate", title, marked=("AMA", "Belady", "LRU"))
