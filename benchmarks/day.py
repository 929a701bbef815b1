"""`robomem bench day`: a memory lives 24 simulated hours of a patrolling robot under budgets that bind. Does it stay within them, and flat?

Everything is real but the camera: the fast sensor of the moved-object benchmark gives depth and noisy detections of a home in which people
move things, the world model believes, the memory writes every frame to its file, and all tiers are told and asked. Budgets are so low that
the day overruns each of them several times. After every frame rows and bytes are looked at; after every tour the resident memory of the
whole process (simulator, world model and memory) and the CPU time of a question.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.moved_objects.days import HomeDays, Settings
from benchmarks.moved_objects.interface import Step
from robomem.config import RobomemConfig
from robomem.evaluation.registry import BenchArgs, Say
from robomem.evaluation.report import bootstrap_ci, table
from robomem.memory.place_memory import PlaceMemory
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tiers import Ask, Moment
from robomem.types import Episode

HOUR_NS = 3600 * 10**9
# Stays: never below the number of things, whose last stays are spared whatever the bound.
ROWS = {"max_observations": 1200, "max_events": 40, "max_stays": 80, "max_episodes": 12, "short_term_capacity": 8}
BYTES = {"max_bytes": 4_200_000, "max_episodes": 12, "short_term_capacity": 8}  # half of it is the world's own snapshot
LIVES = {"rows": ROWS, "bytes": BYTES}  # what binds: one bound on detail keeps the other from being reached
QUICK = {"rows": {**ROWS, "max_observations": 60, "max_events": 12, "max_stays": 24, "max_episodes": 1, "short_term_capacity": 4}}
PLACE_ROWS, PLACE_EVERY_S = 96, 60.0
WARM_H = 4.0  # kernels compile, the home is learned, tables fill: the slope is of what comes after
BINDS = 0.85  # filled to this share it had to give up something: of its bytes the store keeps a tenth free, and frees a twentieth at once
ASKED = 10  # questions after a tour
WORDS = ("mug", "the book", "cups", "bottle in the kitchen", "plate")


@dataclass
class Log:
    """What was seen of the memory: `over` names every budget that was ever exceeded, `peak` the most of each, by name."""

    over: Counter[str] = field(default_factory=Counter)
    peak: Counter[str] = field(default_factory=Counter)
    bound: dict[str, int] = field(default_factory=dict)
    samples: list[dict[str, float]] = field(default_factory=list)
    frames: int = 0


def run(args: BenchArgs) -> dict[str, Any]:
    """Live the day once for each set of budgets; the picture goes beside `--out`."""
    seed, hours, images = next(iter(args.seeds), 0), 2.0 if args.quick else 24.0, 1 if args.quick else 4
    logs: dict[str, Log] = {}
    lives: dict[str, dict[str, Any]] = {}
    for name, low in (QUICK if args.quick else LIVES).items():
        with tempfile.TemporaryDirectory(prefix="robomem_bench_day_") as folder:
            logs[name], used = live(Path(folder) / "home.db", seed, hours, images, low, args.say)
        lives[name] = summary(logs[name], used, hours)
        rows = lives[name]["budgets"].items()
        args.say(table([{"what binds": name, "budget": k, **{w: v[w] for w in ("peak", "max", "evicted", "binds")}} for k, v in rows]))
    if args.out is not None:
        _plot(logs, args.out.with_suffix(".png"))
    return {
        "n": sum(f["frames"] for f in lives.values()),
        "seeds": str(seed),
        "hours": hours,
        "budgets_exceeded": sum(f["budgets_exceeded"] for f in lives.values()),
        "budgets_that_bind": sorted({b for f in lives.values() for b, v in f["budgets"].items() if v["binds"]}),
        "rss_slope_mb_per_hour": {name: f["rss_slope_mb_per_hour"] for name, f in lives.items()},
        "lives": lives,
    }


def live(path: Path, seed: int, hours: float, images: int, low: Mapping[str, int], say: Say | None = None) -> tuple[Log, dict[str, Any]]:
    """A tour each half hour; the log, and at the end the store's own account."""
    log, begin = Log(), 0
    starts = tuple(float(h) for h in np.arange(0.5, hours, 0.5))
    day = Settings(days=1, hours=starts, tours=len(starts), images=images, viewpoints=1)
    config = replace(RobomemConfig(), memory=replace(RobomemConfig().memory, **low))
    with RobotMemory.open(path, config, seed=seed) as memory:
        memory._recorder.place_memory = PlaceMemory(PLACE_ROWS, every_s=PLACE_EVERY_S)
        tour_ns = 0
        for step in HomeDays(seed, day).steps():
            now = step.frame.stamp_ns
            begin = begin or now
            if tour_ns and now - tour_ns > HOUR_NS // 10:  # the robot has been on its dock since
                end_of_tour(memory, log, (tour_ns - begin) / HOUR_NS, tour_ns, path)
                if say is not None and len(log.samples) % 8 == 0:
                    say(f"{log.samples[-1]['hour']:.1f} h: {log.frames} images, {log.samples[-1]['rss_mb']:.0f} MB")
            observe(memory, step)
            check(memory, log, path)
            tour_ns = now
        end_of_tour(memory, log, (tour_ns - begin) / HOUR_NS, tour_ns, path)
        return log, memory.store.usage()


def observe(memory: RobotMemory, step: Step) -> None:
    """What RobotMemory.observe does with an image whose detections are lifted already."""
    with memory.store.holding():
        world = memory.world
        assert world is not None
        result = world.step_lifted(step.frame, step.detections)
        ids = dict.fromkeys((*result.changed, *(e.object_id for e in result.events)))
        memory._commit(result, [view for i in ids if (view := world.object(i)) is not None], world.graph)


def check(memory: RobotMemory, log: Log, path: Path) -> None:
    """Every budget, after every frame, over what is on record and what is about to be."""
    log.frames += 1
    usage = memory.store.usage()
    now = {name: (usage[name]["rows"], usage[name]["max"]) for name in ("observations", "events", "history")}
    now["bytes"] = (max(path.stat().st_size, usage["bytes"]["file"]), usage["bytes"]["max"])
    now["short-term"] = (len(memory.short_term), memory.short_term.capacity)
    now["place"] = (len(memory._recorder.place_memory), PLACE_ROWS)
    now["episodes"] = (memory.store.query("SELECT count(*) FROM episodes")[0][0], memory.config.memory.max_episodes)
    for name, (have, bound) in now.items():
        log.peak[name], log.bound[name] = max(log.peak[name], have), bound
        log.over[name] += 0 < bound < have


def end_of_tour(memory: RobotMemory, log: Log, hour: float, now_ns: int, path: Path) -> None:
    """The robot writes down its task, tells and asks the tiers, is asked things, works the past over at times; then it is measured."""
    number = len(log.samples)
    memory.add_episode(Episode(0, f"patrol {number}", now_ns - HOUR_NS // 4, now_ns, "done", f"tour {number} of the home"))
    for kind, text in (("subgoal_began", f"tour {number}"), ("step", "drive to the dock"), ("subgoal_done", f"tour {number}")):
        memory.tell(Moment(kind, now_ns, text, "done"))  # pyright: ignore[reportArgumentType]
    memory.context(Ask(WORDS[number % len(WORDS)], k=5))
    if number % 8 == 7:
        memory.consolidate()
    took = []
    for i in range(ASKED):
        begin = time.thread_time()
        memory.find(WORDS[i % len(WORDS)])
        took.append(1000 * (time.thread_time() - begin))
    memory.flush()
    gc.collect()
    log.samples.append({"hour": hour, "rss_mb": rss_mb(), "find_ms": float(np.median(took)), "file_mb": path.stat().st_size / 1e6})


def rss_mb() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def slope(hours: Sequence[float], values: Sequence[float], warm_h: float = WARM_H) -> list[float]:
    """[per hour, low, high]: least squares over the hours' medians after `warm_h`, 95 % by Student's t."""
    from scipy import stats  # here: its 60 MB are none of the memory's

    h, v = np.array(hours, float), np.array(values, float)
    whole = [k for k in np.unique(np.floor(h)) if k >= warm_h]
    if len(whole) < 4:
        return [float("nan")] * 3
    x, y = (np.array([np.median(z[np.floor(h) == k]) for k in whole]) for z in (h, v))
    (rise, level), n = np.polyfit(x, y, 1), len(x)
    error = np.sqrt(((y - level - rise * x) ** 2).sum() / (n - 2) / ((x - x.mean()) ** 2).sum())
    half = float(stats.t.ppf(0.975, n - 2)) * error
    return [round(float(r), 4) for r in (rise, rise - half, rise + half)]


def summary(log: Log, used: dict[str, Any], hours: float) -> dict[str, Any]:
    """The figures of one life."""
    at, rss = [s["hour"] for s in log.samples], [s["rss_mb"] for s in log.samples]
    late = [s for s in log.samples if s["hour"] >= min(WARM_H, hours / 2)]
    tail = max(1, len(late) // 4)
    finds = [s["find_ms"] for s in late]
    budgets = {
        name: {"peak": peak, "max": log.bound[name], "evicted": used["evicted"].get(name, ""), "binds": 0 < BINDS * log.bound[name] <= peak}
        for name, peak in log.peak.items()
    }
    return {
        "frames": log.frames,
        "budgets": budgets,
        "exceeded": {name: n for name, n in log.over.items() if n},
        "budgets_exceeded": sum(log.over.values()),
        "rss_slope_mb_per_hour": slope(at, rss),
        "rss_mb_first_late_max": [round(x, 1) for x in (rss[0], late[0]["rss_mb"], max(rss))],
        "find_ms_begin": round(float(np.median(finds[:tail])), 3),
        "find_ms_end": round(float(np.median(finds[-tail:])), 3),
        "find_ms_end_ci": bootstrap_ci(finds[-tail:], lambda v: float(np.median(v))),
        "samples": log.samples,
    }


def _plot(logs: Mapping[str, Log], path: Path) -> None:
    from robomem.viewer.curves import draw_curves

    shown = {"resident memory, MB": "rss_mb", "database file, MB": "file_mb", "find, ms of CPU (median of ten)": "find_ms"}
    panels = {
        words: {f"bounds on {name}": ([s["hour"] for s in log.samples], [s[key] for s in log.samples]) for name, log in logs.items()}
        for words, key in shown.items()
    }
    draw_curves(path, panels, "hours of the day", "", "A day under budgets that bind")
