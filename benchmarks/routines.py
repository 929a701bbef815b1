"""`robomem bench routines --data FOLDER [--test FOLDER]`: where will a thing be in one and in four hours, in four homes of human routines.

What is asked: on every test day (the last fifth of a home's days, or all days of `--test`), at every full hour from 7:00 on, of every thing
that had moved at least once on the days before the test, where it will be one and four hours later (not after midnight). Everything is seen
every ten minutes until the moment of asking. The habits are learned online: each day is asked about first and known only as it passes.
The same for all things that people carry about, those that never move too, is under `all_things`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _routines_data as data
from benchmarks._routines_data import STEPS, Home
from benchmarks._routines_rules import Answers, calibration_error, intervals, kernel, score
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import table
from robomem.scene_graph.habit_ring import SLOT_NS
from robomem.scene_graph.habits import Habits

HOURS = (1, 4)
PER_HOUR = 6
FIRST_ASKED = PER_HOUR  # 7:00
RULES = ("robomem", "kernel", "it stays", "time of day")


@dataclass
class Sheet:
    """All questions of one horizon, and what every rule said.

    Attributes:
        home, day, hour, thing: of each question.  stayed: whether the thing was there still.  test: whether it is of a test day.
        mover: whether the thing had moved before the test days.
    """

    home: list[int] = field(default_factory=list)
    day: list[int] = field(default_factory=list)
    stayed: list[bool] = field(default_factory=list)
    test: list[bool] = field(default_factory=list)
    mover: list[bool] = field(default_factory=list)
    said: dict[str, Answers] = field(default_factory=lambda: {name: Answers([], []) for name in RULES})


def run(args: BenchArgs) -> dict[str, Any]:
    """Ask, score, compare; the plot goes beside `--out`."""
    folder = args.data or Path(__file__).resolve().parents[2] / "shared" / "data" / "routines"
    homes = data.load(folder)
    starts = [len(h.places) - round(len(h.places) / 5) for h in homes]
    if args.test is not None:
        starts = [len(h.places) for h in homes]
        others = {h.name: h for h in data.load(args.test)}
        homes = [data.joined(h, others[h.name]) if h.name in others else h for h in homes]
    if args.quick:
        homes, starts = homes[:1], starts[:1]
    sheets = {hours: Sheet() for hours in HOURS}
    for k, (home, start) in enumerate(zip(homes, starts, strict=True)):
        live(k, home, start, sheets, first_day=start if args.quick else 1)
        args.say(f"{home.name}: {len(home.places)} days, {len(home.places) - start} of them test, {len(home.things)} things")
    figures = report(sheets)
    args.say(table(figures["rows"]))
    if args.out is not None:
        _plot(sheets, args.out.with_suffix(".png"))
    return {
        "n": figures["questions"],
        "seeds": "none (recorded data)",
        "test": "--test" if args.test is not None else "the last fifth of the days",
        "asked": "each full hour from 7:00, +1 h and +4 h (not after 24:00), things that moved at least once before the test days",
        "interval": "95 %, bootstrap over days of homes",
        **figures,
    }


def live(k: int, home: Home, start: int, sheets: Mapping[int, Sheet], first_day: int) -> None:
    """Live through one home's days, asking before learning; fills the sheets."""
    habits, movers = Habits(), set(home.moved(slice(0, start)).tolist())
    for day, places in enumerate(home.places):
        for step in range(int(home.first[day]), STEPS):
            now_ns = (day * 144 + 36 + step) * SLOT_NS
            for thing in home.things.tolist():
                habits.saw(thing, (int(places[step, thing]), "on"), now_ns)
            if day < first_day or step < FIRST_ASKED or step % PER_HOUR:
                continue
            for hours, sheet in sheets.items():
                if step + hours * PER_HOUR < STEPS:
                    for thing in home.things.tolist():
                        _ask(sheet, habits, home, k, day, step, hours, thing)
                        sheet.test.append(day >= start)
                        sheet.mover.append(thing in movers)


def _ask(sheet: Sheet, habits: Habits, home: Home, k: int, day: int, step: int, hours: int, thing: int) -> None:
    ahead = hours * PER_HOUR
    here, true = int(home.places[day, step, thing]), int(home.places[day, step + ahead, thing])
    now_ns = (day * 144 + 36 + step) * SLOT_NS
    past = home.places[:day, :, thing]
    said = habits.predict(thing, now_ns, now_ns + ahead * SLOT_NS)
    answers = {
        "robomem": {place[0]: p for place, p in said.items()},
        "kernel": kernel(past, step, ahead, here),
        "it stays": {here: 1.0},
        "time of day": kernel(past, step, ahead, here, same_place=False),
    }
    for name, answer in answers.items():
        sheet.said[name].add(answer, here, true)
    sheet.home.append(k)
    sheet.day.append(day)
    sheet.stayed.append(here == true)


def report(sheets: Mapping[int, Sheet]) -> dict[str, Any]:
    """The figures of the contract, the floors beside them, the same for all things, and accuracy by days lived."""
    figures: dict[str, Any] = {"questions": 0, "floors": {}, "all_things": {}}
    rows: list[dict[str, Any]] = [{"rule": name} for name in RULES]
    pooled: dict[str, list[float]] = {"still": [], "stayed": [], "day": []}
    for hours, sheet in sheets.items():
        test, mover = np.array(sheet.test), np.array(sheet.mover)
        stayed, day = np.array(sheet.stayed), np.array(sheet.home) * 10_000 + np.array(sheet.day)
        asked = test & mover
        figures["questions"] += int(asked.sum())
        figures[f"moved_share_{hours}h"] = round(float(1 - stayed[asked].mean()), 4)
        for row, name in zip(rows, RULES, strict=True):
            right, still = np.array(sheet.said[name].right), np.array(sheet.said[name].still)
            own = _named(score(right[asked], still[asked], stayed[asked]), hours)
            row |= own
            if name != "robomem":
                figures["floors"].setdefault(name, {}).update(own)
                continue
            figures |= own
            spans = intervals(right[asked], still[asked], stayed[asked], day[asked])
            figures |= {f"{key}_{hours}h_ci": span for key, span in spans.items() if key != "ece"}
            figures["all_things"] |= _named(score(right[test], still[test], stayed[test]), hours)
            figures[f"by_days_lived_{hours}h"] = _by_days(sheet)
            pooled["still"] += still[asked].tolist()
            pooled["stayed"] += stayed[asked].tolist()
            pooled["day"] += day[asked].tolist()
    figures["ece"] = round(calibration_error(pooled["still"], pooled["stayed"]), 4)
    spans = intervals(pooled["stayed"], pooled["still"], np.array(pooled["stayed"], bool), np.array(pooled["day"], np.int64))
    figures |= {"ece_ci": spans["ece"], "rows": rows}
    return figures


def _named(scores: Mapping[str, float], hours: int) -> dict[str, float | None]:
    return {f"{key}_{hours}h": round(value, 4) if np.isfinite(value) else None for key, value in scores.items()}


def _by_days(sheet: Sheet) -> list[dict[str, Any]]:
    """Top-1 of the things that move, all homes together, by how many days were lived before: ours, the kernel's, and "it stays"."""
    day, mover = np.array(sheet.day), np.array(sheet.mover)
    stayed, out = np.array(sheet.stayed), []
    for lived in range(int(day.min()), int(day.max()) + 1):
        asked = mover & (day == lived)
        if not asked.any():
            continue
        scores = {name: np.array(sheet.said[name].right)[asked] for name in RULES}
        row: dict[str, Any] = {"days": lived, "homes": len({h for h, a in zip(sheet.home, asked, strict=True) if a})}
        row |= {name: round(float(right.mean()), 4) for name, right in scores.items()}
        moved = ~stayed[asked]
        row["robomem, moved"] = round(float(scores["robomem"][moved].mean()), 4) if moved.any() else None
        out.append(row)
    return out


def _plot(sheets: Mapping[int, Sheet], path: Path) -> None:
    from robomem.viewer.curves import draw_curves

    panels = {}
    for hours, sheet in sheets.items():
        rows = _by_days(sheet)
        x = [row["days"] for row in rows]
        panels[f"+{hours} h"] = {name: (x, [row[name] for row in rows]) for name in ("robomem", "kernel", "it stays")}
    draw_curves(path, panels, "days lived in the home", "right place, of things that move", "Learned day by day: where will it be?")
