"""`robomem bench demo`: the demo's task over seeds, against twins that share everything but memory."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from robomem.evaluation import story as tale
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table, wilson_ci

NEVER = 5.0  # speed-up over a twin that did not do the task; the median hardly depends on it


def run(args: BenchArgs, habits: bool = True) -> dict[str, Any]:
    """Success rate and speed-ups (median of per-home ratios of simulated time), with intervals over homes.

    Args:
        habits: False: the last move goes to a surface drawn evenly, not to one of the household's usual places.
    """
    seeds = list(args.seeds) or ([0] if args.quick else list(range(10)))
    rows: list[dict[str, Any]] = []
    # Times are simulated, so homes may run side by side: one process a core, no shared state.
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(seeds)), mp_context=get_context("spawn")) as pool:
        for home in pool.map(_home, seeds, [args.quick] * len(seeds), [habits] * len(seeds)):
            rows += home
            args.say(table(rows[-3:]))
    figures = _figures(rows, seeds)
    args.say(table(rows))
    if args.out is not None:
        _plot(rows, args)
    return figures


def _home(seed: int, quick: bool, habits: bool) -> list[dict[str, Any]]:
    story = tale.stage(seed, rounds=1 if quick else tale.ROUNDS, habits=habits)
    try:
        arms = [tale.run_arm(story, name) for name in tale.ARMS]
        return [{"seed": seed, **arm.row(), "search_s": round(arm.report.search_cost_s, 1), "why": arm.report.reason[:60]} for arm in arms]
    finally:
        story.home.close()


def _figures(rows: list[dict[str, Any]], seeds: list[int]) -> dict[str, Any]:
    by = {name: {r["seed"]: r for r in rows if r["name"] == name} for name in tale.ARMS}
    done = [bool(by["memory"][s]["done"]) for s in seeds]
    figures: dict[str, Any] = {
        "n": len(seeds),
        "seeds": f"{seeds[0]}-{seeds[-1]}",
        "success_rate": float(np.mean(done)),
        "success_rate_ci": wilson_ci(sum(done), len(done)),
    }
    for name, key in (("map only", "speedup_over_map_only"), ("nothing", "speedup_over_nothing")):
        # Not finishing is not a time: memory's failure counts as no speed-up at all, a twin's as NEVER, whenever either gave up.
        plain = [by[name][s]["time_s"] / by["memory"][s]["time_s"] if by["memory"][s]["done"] else 0.0 for s in seeds]
        ratios = [NEVER if by["memory"][s]["done"] and not by[name][s]["done"] else r for s, r in zip(seeds, plain, strict=True)]
        figures[key] = round(float(np.median(ratios)), 3)
        figures[f"{key}_ci"] = bootstrap_ci(ratios, lambda v: float(np.median(v)))
        figures[f"{key}_each"] = [round(r, 2) for r in ratios]
        figures[f"{key}_by_time_alone"] = round(float(np.median(plain)), 3)  # a twin that gave up counts with the time it gave up at
        figures[f"success_rate_{name.replace(' ', '_')}"] = float(np.mean([bool(by[name][s]["done"]) for s in seeds]))
    figures["rows"] = rows
    return figures


def _plot(rows: list[dict[str, Any]], args: BenchArgs) -> None:
    from robomem.viewer.figures import draw_comparison

    assert args.out is not None
    medians = []
    for name in tale.ARMS:
        own = [r for r in rows if r["name"] == name]
        done = sum(bool(r["done"]) for r in own)
        medians.append(
            {
                "name": f"{name}\n{done} of {len(own)} done",
                "done": True,  # the hatching of a single failed run would say the wrong thing of a median
                **{key: float(np.median([r[key] for r in own])) for key in ("time_s", "distance_m", "glances")},
            }
        )
    draw_comparison(
        args.out.with_suffix(".png"), medians, title=f"Median of {len(rows) // len(tale.ARMS)} homes: the same task with and without memory"
    )
