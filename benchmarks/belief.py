"""`robomem bench belief --seeds 0-19 [--quick]`: moved, hidden and vanished objects, robomem beside every rival on the same detections.

What is measured, and how, is in benchmarks/moved_objects/SCORES.md. The rivals' parameters were chosen on homes with seeds of 100 and more.
With `--data FOLDER` the streams are recorded there once and read from there in later runs.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.moved_objects import ablation, plots, rivals, summary
from benchmarks.moved_objects.days import QUICK, HomeDays
from benchmarks.moved_objects.floor import FLOOR, Oracle
from benchmarks.moved_objects.interface import Memory, Step
from benchmarks.moved_objects.ours import RobomemMemory
from benchmarks.moved_objects.recording import Recorded, record
from benchmarks.moved_objects.scores import score_stream
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import table

OURS = "robomem"
WORKERS = 2
QUICK_SEEDS = 3
STONE_SOUP_HOMES = 3  # it is by far the slowest: it is run on the first so many homes, and says so
ABLATION_HOMES = 4
RESAMPLES, QUICK_RESAMPLES = 1000, 200
SHOWN = (
    "gospa", "hota", "idf1", "identity_precision", "identity_recall", "false_removals_per_10k", "notice_frames_median", "notice_frames_p95",
    "staleness_s", "ece", "relation_f1", "change_f1", "people_error_m",
)  # fmt: skip

Homes = dict[str, dict[int, dict[str, Any]]]  # memory -> seed -> results


def run(args: BenchArgs) -> dict[str, Any]:
    """Measure, print, and return the figures of the contract."""
    seeds = list(args.seeds) or list(range(20))
    seeds = seeds[:QUICK_SEEDS] if args.quick else seeds
    start, homes = time.monotonic(), Homes()
    for done, (seed, results) in enumerate(_measured(jobs(seeds, args.quick, args.data)), start=1):
        for name, result in results.items():
            homes.setdefault(name, {})[seed] = result
        ours = results[OURS]["set"]
        args.say(
            f"home {seed} ({done} of {len(seeds)}): {ours['images']} images, GOSPA {ours['gospa']:.3f}, {time.monotonic() - start:.0f} s"
        )
    figures = report(homes, QUICK_RESAMPLES if args.quick else RESAMPLES)
    args.say(shown(figures))
    if args.out is not None:
        plots.draw(args.out.with_suffix(".png"), {OURS: figures["robomem"], **figures["rivals"], FLOOR: figures["floor"]}, FLOOR)
    return {"n": len(seeds), "seeds": ",".join(map(str, seeds)), "quick": args.quick, **figures}


# -- running ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """One home: its seed, the short form or not, which slow parts are in it, and where streams are kept (None: nowhere)."""

    seed: int
    quick: bool = False
    stone_soup: bool = False
    factors: bool = False
    folder: Path | None = None


def jobs(seeds: Sequence[int], quick: bool, folder: Path | None = None) -> list[Job]:
    """All homes; the slow parts on the first few."""
    soup, factors = (1, 0) if quick else (STONE_SOUP_HOMES, ABLATION_HOMES)
    return [Job(seed, quick, k < soup, k < factors, folder) for k, seed in enumerate(seeds)]


def memories(stone_soup: bool, factors: bool) -> dict[str, Memory]:
    """A fresh one of each, ours first."""
    out: dict[str, Memory] = {OURS: RobomemMemory()}
    out |= {name: rivals.make(name) for name in rivals.MAKERS if stone_soup or name != rivals.STONE_SOUP}
    out[FLOOR] = Oracle()
    if factors:
        out |= {ablation.arm_name(arm): ablation.make_arm(arm) for arm in ablation.arms()}
    return out


def measure(job: Job) -> tuple[int, dict[str, dict[str, Any]]]:
    """One home: every memory is shown its stream, side by side."""
    return job.seed, score_stream(stream(job.seed, job.quick, job.folder), memories(job.stone_soup, job.factors))


def stream(seed: int, quick: bool, folder: Path | None = None) -> Iterator[Step]:
    """The days of a home; with a folder, from a recording there, made if it is not there yet."""
    days = HomeDays(seed, QUICK if quick else None)
    if folder is None:
        return days.steps()
    path = folder / f"home_{seed}{'_quick' if quick else ''}.zip"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        record(days, path.with_suffix(".part")).replace(path)
    return Recorded(path).steps()


def _measured(todo: list[Job]) -> Iterator[tuple[int, dict[str, dict[str, Any]]]]:
    """Results as homes get done: a few homes here, more in two processes, each of which shows a home to every memory."""
    if len(todo) <= QUICK_SEEDS:
        yield from map(measure, todo)
        return
    with multiprocessing.get_context("spawn").Pool(WORKERS, maxtasksperchild=4) as pool:
        yield from pool.imap_unordered(measure, todo)


# -- figures ---------------------------------------------------------------------------------------------------------


def report(homes: Homes, resamples: int) -> dict[str, Any]:
    """The keys of the contract, our other figures under "robomem", each rival's under "rivals", the ablation's under "factors"."""
    rows = {name: [results[seed] for seed in sorted(results)] for name, results in homes.items()}
    arms = {ablation.arm_name(a) for a in ablation.arms()}
    ours = summary.summarise(rows[OURS], resamples)
    others = {n: summary.summarise(r, resamples) for n, r in rows.items() if n != FLOOR and n != OURS and n not in arms}
    best = min(others, key=lambda n: _against(homes, n, summary.FIGURES["gospa"]))
    gospa, stale = summary.FIGURES["gospa"], summary.FIGURES["staleness_s"]
    figures: dict[str, Any] = {
        "interval": "95 %, bootstrap over homes; removals: exact Poisson",
        "best_rival": best,
        "gospa_ratio": summary.clean(_against(homes, best, gospa, inverse=True)),
        "gospa_ratio_ci": summary.ratio_interval(*_paired(homes, best), gospa, resamples),
        "staleness_ratio": summary.clean(_against(homes, "last seen", stale, inverse=True)),
        "staleness_ratio_ci": summary.ratio_interval(*_paired(homes, "last seen"), stale, resamples),
    }
    for key in (*_CONTRACT, "people_error_m", "track_breaks"):
        figures[key] = ours[key]
        if f"{key}_ci" in ours:
            figures[f"{key}_ci"] = ours[f"{key}_ci"]
    figures |= {"robomem": ours, "rivals": others, "floor": summary.summarise(rows[FLOOR], resamples)}
    return figures | {"factors": factors({n: r for n, r in rows.items() if n in arms}, resamples)}


_CONTRACT = (
    "hota", "idf1", "identity_precision", "false_removals_per_10k", "object_frames", "notice_frames_median", "notice_frames_p95", "ece",
    "relation_f1", "change_f1",
)  # fmt: skip


def _paired(homes: Homes, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ours and another's results on the homes that both were run on."""
    both = sorted(homes[OURS].keys() & homes[name].keys())
    return [homes[OURS][s] for s in both], [homes[name][s] for s in both]


def _against(homes: Homes, name: str, figure: Callable[[Sequence[summary.Home]], float], inverse: bool = False) -> float:
    """Other / ours on the homes both were run on (inverse: ours / other)."""
    mine, theirs = (figure(rows) for rows in _paired(homes, name))
    up, down = (mine, theirs) if inverse else (theirs, mine)
    return up / down if down else float("inf")


def factors(rows: Mapping[str, Sequence[summary.Home]], resamples: int) -> dict[str, Any]:
    """Each arm of the ablation and the main effect of each part on a few figures; empty if the ablation was not run."""
    if not rows:
        return {}
    keys = (
        "gospa",
        "hota",
        "idf1",
        "identity_precision",
        "identity_recall",
        "false_removals_per_10k",
        "notice_frames_median",
        "change_f1",
        "ece",
    )
    arms: dict[str, Any] = {}
    for name, homes in rows.items():
        arms[name] = {key: summary.clean(summary.FIGURES[key](homes)) for key in keys}
        arms[name]["gospa_ci"] = summary.interval(homes, summary.FIGURES["gospa"], resamples)
    effects = {key: {f: summary.clean(v) for f, v in ablation.effects({n: _nan(a[key]) for n, a in arms.items()}).items()} for key in keys}
    return {"homes": max(len(h) for h in rows.values()), "arms": arms, "effects": effects}


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def shown(figures: Mapping[str, Any]) -> str:
    """The table for the screen: a line per figure with ours and its interval, a column per rival."""
    columns = {OURS: figures["robomem"], **figures["rivals"], FLOOR: figures["floor"]}
    lines = []
    for key in SHOWN:
        row: dict[str, Any] = {"figure": key}
        for name, values in columns.items():
            row[f"{name} (n={values['homes']})"] = _short(values[key], values.get(f"{key}_ci") if name == OURS else None)
        lines.append(row)
    text = table(lines)
    text += f"\nGOSPA ratio to the best rival ({figures['best_rival']}): {_short(figures['gospa_ratio'], figures['gospa_ratio_ci'])}"
    text += f"; staleness ratio to last seen: {_short(figures['staleness_ratio'], figures['staleness_ratio_ci'])}"
    text += f"; object frames {figures['object_frames']}"
    if figures["factors"]:
        text += "\n\nAblation (main effect of having the part):\n"
        text += table([{"figure": k, **{f: _short(v, None) for f, v in e.items()}} for k, e in figures["factors"]["effects"].items()])
    return text


def _short(value: float | None, ci: Sequence[float | None] | None) -> str:
    text = "-" if value is None else f"{value:.3g}"
    if ci is None:
        return text
    low, high = ("inf" if end is None else f"{end:.3g}" for end in ci)
    return f"{text} [{low}, {high}]"
