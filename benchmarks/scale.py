"""`robomem bench scale`: CPU of belief and graph a frame, by how many things are known and how many are in view."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._scale_scene import Station
from robomem.config import BeliefConfig, GraphConfig, RobomemConfig
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table
from robomem.ids import IdAllocator
from robomem.scene_graph.world_model import WorldModel

KNOWN = (10, 30, 100, 300, 1000, 3000, 10_000)
IN_VIEW = 100
LEARN_FRAMES = 14  # frames at each station until its things are confirmed
TIMED_FRAMES = 120
GRID_M = 0.1
REACH = {"ms_100_in_view": 5.0, "ms_1000_known": 8.0}


def run(args: BenchArgs) -> dict[str, Any]:
    """Median milliseconds of process time for tracker and graph together; lifting is outside, the occupancy grid is given apart."""
    known = (10, 100) if args.quick else KNOWN
    timed = 24 if args.quick else TIMED_FRAMES
    rng = np.random.default_rng(0)
    rows, stations = [], {n: Station(n, rng, views=3 if args.quick else 8) for n in sorted({min(count, IN_VIEW) for count in known})}
    for count in known:
        rows.append(measure(stations[min(count, IN_VIEW)], count, timed))
        args.say(table(rows[-1:], [k for k in rows[-1] if not k.endswith("_ci")]))
    by_known = {row["known_asked"]: row for row in rows}
    figures: dict[str, Any] = {"n": timed, "seeds": "0", "image": "640x480", "clock": "process time, one thread; median over frames"}
    figures["load_average"] = [round(v, 1) for v in os.getloadavg()]  # neighbours on the same cores share caches: process time grows too
    for key, count in (("ms_100_in_view", 100), ("ms_1000_known", 1000)):
        if count in by_known:
            figures |= {key: by_known[count]["ms"], f"{key}_ci": by_known[count]["ms_ci"], f"{key}_best": by_known[count]["ms_best"]}
    if args.out is not None:
        picture(args.out.with_suffix(".png"), rows)
    return {**figures, "rows": rows}


def measure(station: Station, known: int, timed: int) -> dict[str, Any]:
    """Learn as many stations as make `known` things, come back to the first and time its frames."""
    # A hundred stations are a hall of 120 m: the floor plan, which is not timed, has coarser cells and may be that large.
    graph = replace(GraphConfig(), grid_m=GRID_M, grid_max_m2=40_000.0, grid_max_side_m=250.0)
    config = RobomemConfig(belief=replace(BeliefConfig(), max_tracks=4 * known + 2000), graph=graph)
    world = WorldModel(config, IdAllocator(), np.random.default_rng(1))
    rng, stamp_ns = np.random.default_rng(2), 1_000_000_000
    places = max(1, known // station.things)
    for place in (*range(places), 0):
        for frame, seen in station.visit(place, stamp_ns, LEARN_FRAMES, rng):
            stamp_ns = frame.stamp_ns
            world.step_lifted(frame, seen)
    stages: list[dict[str, float]] = []
    matched: list[int] = []
    for frame, seen in station.visit(0, stamp_ns, timed, rng):
        result = world.step_lifted(frame, seen)
        stages.append(dict(result.stage_ms))
        matched.append(int(np.count_nonzero(result.object_ids >= 0)))
    total = [s["belief"] + s["graph"] for s in stages]
    return {
        "known_asked": known,
        "known": sum(t.confirmed_once for t in world.tracker.tracks.values()),
        "in_view": station.things,
        "matched_a_frame": round(float(np.mean(matched)), 1),
        "ms": round(float(np.median(total)), 2),
        "ms_ci": bootstrap_ci(total, lambda v: float(np.median(v))),
        "ms_best": round(float(np.percentile(total, 5)), 2),
        "ms_p95": round(float(np.percentile(total, 95)), 2),
        "belief_ms": round(float(np.median([s["belief"] for s in stages])), 2),
        "graph_ms": round(float(np.median([s["graph"] for s in stages])), 2),
        "grid_ms": round(float(np.median([s["grid"] for s in stages])), 2),
    }


def picture(path: Path, rows: list[dict[str, Any]]) -> None:
    """Milliseconds a frame over things known, on logarithmic axes, with what is to be reached."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    known = [r["known_asked"] for r in rows]
    fig, axes = plt.subplots(figsize=(7, 4.2))
    axes.fill_between(known, [r["ms_best"] for r in rows], [r["ms_p95"] for r in rows], alpha=0.2, label="5 to 95 % of frames")
    axes.plot(known, [r["ms"] for r in rows], "o-", label="belief + graph, median")
    axes.plot(known, [r["graph_ms"] for r in rows], "s--", alpha=0.6, label="of this the graph")
    for key, count in (("ms_100_in_view", 100), ("ms_1000_known", 1000)):
        axes.plot([count], [REACH[key]], "kv", label=f"to reach: {REACH[key]:g} ms at {count} known")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("things known (100 of them in view, or all if there are fewer)")
    axes.set_ylabel("CPU of a frame, ms")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=8)
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    plt.close(fig)
