"""`robomem bench place`: does it help to remember by place? The same trained reader on place-pure chunks and on chunks of time.

A robot walks through sixteen rooms, half a day of frames, and is asked: what was at that spot of a room left long ago, when it was last
there, what is one room to the north, between two rooms, beside a spot, and where a thing was that looks like this. Both arms hold the
same frames in robomem's own place memory and differ only in which of them share a summary; both are trained alike. Beside them: the read
without training, a plain filter by place, what wrong places cost, what a small budget costs, and the four-strategy capacity task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._place_arms import CHUNK, FRAMES, Arm, K, School, Scored, examine, plain_filter, untrained
from benchmarks._place_capacity import learn, matrix
from benchmarks._place_walk import TASKS, Asked, Walk, ask, walk
from robomem.errors import MissingDependencyError
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import table
from robomem.memory.ama import FOUR_STRATEGIES
from robomem.policy.place_reading import PlaceReader

ARMS: tuple[Arm, ...] = ("place", "time")
DWELL, DWELLS = 6, (2, 6, 24)  # frames of a visit on average
WRONG = (0.0, 0.1, 0.2, 0.4)  # shares of frames that are taken for a neighbouring room
BUDGETS = (384, 192, 128, 64)  # records that fit, of 384 frames
LONG = ("what was there", "when there last")  # long-ago room recall
T_95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}  # Student's t by degrees of freedom

Test = tuple[list[Walk], list[Asked]]
Shares = dict[str, float]  # task -> share of right answers; "long ago" is the figure


def run(args: BenchArgs) -> dict[str, Any]:
    """Train both arms on every seed and examine them; the picture goes beside `--out`."""
    seeds = list(args.seeds) or list(range(1 if args.quick else 5))
    size = _Size(60, 150, 10, 4) if args.quick else _Size(200, 1200, 60, 40)
    sheets = []
    for seed in seeds:
        begin = time.process_time()
        sheets.append(_seed(seed, size, (DWELL,) if args.quick else DWELLS))
        main = sheets[-1]["arms"]
        args.say(
            f"seed {seed}: long ago, place-pure chunks {main['place, trained']['long ago']:.3f}, "
            f"time chunks {main['time, trained']['long ago']:.3f}, {time.process_time() - begin:.0f} s"
        )
    figures = _figures(sheets, seeds)
    args.say(table(figures["rows"]))
    if args.out is not None:
        _plot(figures, args.out.with_suffix(".png"))
    return {"n": size.tests * len(seeds), "seeds": seeds, "interval": "95 %, Student's t over seeds", **figures}


class _Size:
    """How much: walks to train on, steps, walks to test on, walks for the capacity task."""

    def __init__(self, walks: int, steps: int, tests: int, capacity: int) -> None:
        self.walks, self.steps, self.tests, self.capacity = walks, steps, tests, capacity


def _tests(seed: int, n: int, dwell: int, wrong: float = 0.0) -> Test:
    walks = [walk(np.random.default_rng((seed, 41, i)), FRAMES, dwell, wrong) for i in range(n)]
    return walks, [ask(np.random.default_rng((seed, 42, i)), w, 64) for i, w in enumerate(walks)]


def _shares(scored: Scored) -> Shares:
    return {"long ago": scored.share(LONG, True), **{task: scored.share([task]) for task in TASKS}}


def _readers(seed: int, size: _Size, dwell: int, wrong: Sequence[float] = (0.0,)) -> tuple[dict[Arm, PlaceReader], float]:
    """A reader for each arm, of the same walks, and the CPU seconds of the slower training."""
    try:
        import torch as _  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("bench place trains a small network: pip install 'robomem[policy]'") from error
    school, took = School.make(np.random.default_rng((seed, 11, dwell, len(wrong))), size.walks, dwell, wrong), 0.0
    out: dict[Arm, PlaceReader] = {}
    for arm in ARMS:
        begin = time.process_time()
        out[arm] = school.train(arm, size.steps, seed)
        took = max(took, time.process_time() - begin)
    return out, took


def _seed(seed: int, size: _Size, dwells: Sequence[int]) -> dict[str, Any]:
    """Everything of one seed: section -> row -> shares."""
    trained = {dwell: _readers(seed, size, dwell) for dwell in dwells}
    readers = trained[DWELL][0]
    mixed, _ = _readers(seed, size, DWELL, WRONG)
    plain = _tests(seed, size.tests, DWELL)
    arms: dict[str, Callable[[], Scored]] = {f"{arm}, trained": lambda arm=arm: examine(readers[arm], arm, *plain) for arm in ARMS}
    arms |= {f"{arm}, untrained": lambda arm=arm: untrained(arm, *plain) for arm in ARMS}
    arms |= {f"{arm}, all chunks read": lambda arm=arm: examine(readers[arm], arm, *plain, k=FRAMES) for arm in ARMS}
    arms["plain filter"] = lambda: plain_filter(*plain)
    out: dict[str, Any] = {"arms": {name: _shares(make()) for name, make in arms.items()}, "seconds": max(t for _, t in trained.values())}
    out["dwell"] = {f"{arm}, {d} frames a visit": _at_dwell(trained[d][0], arm, seed, size, d) for d in dwells for arm in ARMS}
    out["k"] = {f"{arm}, {k} chunks read": _shares(examine(readers[arm], arm, *plain, k=k)) for arm in ARMS for k in (1, 2, 4, 8)}
    out["wrong"] = {name: row for share in WRONG for name, row in _wrong(readers, mixed, _tests(seed, size.tests, DWELL, share), share)}
    out["budget"] = {name: row for rows in BUDGETS for name, row in _budget(readers, plain, rows)}
    out["capacity"], out["map"] = matrix(readers["place"], seed, size.capacity), learn(readers["place"], seed, 8 * size.capacity)
    return out


def _at_dwell(readers: Mapping[Arm, PlaceReader], arm: Arm, seed: int, size: _Size, dwell: int) -> Shares:
    return _shares(examine(readers[arm], arm, *_tests(seed, size.tests, dwell)))


def _wrong(readers: Mapping[Arm, PlaceReader], mixed: Mapping[Arm, PlaceReader], test: Test, share: float) -> list[tuple[str, Shares]]:
    words = f"{share:.0%} wrong"
    rows = [(f"{arm}, {words}", _shares(examine(readers[arm], arm, *test))) for arm in ARMS]
    rows += [(f"{arm}, {words}, trained on wrong places too", _shares(examine(mixed[arm], arm, *test))) for arm in ARMS]
    rows += [(f"{arm}, {words}, untrained", _shares(untrained(arm, *test))) for arm in ARMS]
    return [
        *rows,
        (f"plain filter, {words}", _shares(plain_filter(*test))),
        (f"plain filter, {words}, places smoothed", _shares(plain_filter(*test, smooth=True))),
    ]


def _budget(readers: Mapping[Arm, PlaceReader], test: Test, rows: int) -> list[tuple[str, Shares]]:
    queues = {"equal shares": "equal", "fair shares": "fair", "one queue": "borrow"}
    out = [
        (f"{arm}, {rows} rows, {w}", _shares(examine(readers[arm], arm, *test, rows=rows, split=s)))
        for w, s in queues.items()
        for arm in ARMS
    ]
    return out + [(f"plain filter, {rows} rows, {w}", _shares(plain_filter(*test, rows=rows, split=s))) for w, s in queues.items()]


# -- figures -----------------------------------------------------------------------------------------------------------


def interval(values: Sequence[float]) -> list[float | None]:
    """[mean, low, high]: 95 % by Student's t over seeds; one seed has no interval."""
    v = np.array(values)
    mean = float(v.mean())
    if len(v) < 2:
        return [round(mean, 4), None, None]
    half = T_95.get(len(v) - 1, 1.96) * float(v.std(ddof=1)) / float(np.sqrt(len(v)))
    return [round(x, 4) for x in (mean, mean - half, mean + half)]


def _figures(sheets: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    sections = {
        section: {
            name: {task: interval([s[section][name][task] for s in sheets]) for task in ("long ago", *TASKS)} for name in sheets[0][section]
        }
        for section in ("arms", "dwell", "k", "wrong", "budget")
    }
    long = {arm: [s["arms"][f"{arm}, trained"]["long ago"] for s in sheets] for arm in ARMS}
    maps = [policy == task for s in sheets for task, policy in s["map"].items()]
    return {
        "place_chunks_acc": sections["arms"]["place, trained"]["long ago"][0],
        "time_chunks_acc": sections["arms"]["time, trained"]["long ago"][0],
        "place_minus_time": interval((np.array(long["place"]) - long["time"]).tolist()),
        "by_seed": {arm: [round(v, 4) for v in values] for arm, values in long.items()},
        "place_above_time_in_seeds": sum(p > t for p, t in zip(*long.values(), strict=True)),
        "train_seconds_max": round(max(s["seconds"] for s in sheets), 1),
        "chunk": CHUNK,
        "chunks_read": K,
        "frames": FRAMES,
        "capacity": {t: {p: interval([s["capacity"][t][p] for s in sheets]) for p in FOUR_STRATEGIES} for t in FOUR_STRATEGIES},
        "identity_map_share": round(float(np.mean(maps)), 4),
        **sections,
        "rows": [{"arm": name, **{task: v[0] for task, v in row.items()}} for name, row in sections["arms"].items()],
    }


def _plot(figures: Mapping[str, Any], path: Path) -> None:
    from robomem.viewer.bars import draw_bars

    wrong = {
        f"{s:.0%} of places wrong": [_bar(figures["wrong"], f"{n}, {s:.0%} wrong{more}", n + more) for n, more in SHOWN] for s in WRONG
    }
    title = "What was seen in a room left long ago: share right, 95 % intervals over seeds"
    draw_bars(path, wrong, "right, long ago", title, marked=("place", "time"))


SHOWN = (
    ("place", ""),
    ("time", ""),
    ("place", ", trained on wrong places too"),
    ("time", ", trained on wrong places too"),
    ("place", ", untrained"),
    ("time", ", untrained"),
    ("plain filter", ""),
    ("plain filter", ", places smoothed"),
)


def _bar(section: Mapping[str, Any], key: str, words: str) -> tuple[str, float, list[float]]:
    mean, low, high = section[key]["long ago"]
    return words, mean, [mean if low is None else low, mean if high is None else high]
