"""`robomem bench frame`: CPU of one frame through perception, belief, graph and store, on a robot exploring a home of about 40 objects."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from robomem.evaluation.household import Household
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table
from robomem.perception.frame import RgbdFrame
from robomem.types import Detections

WARM_FRAMES = 20  # the first frames compile and load what all later ones share
DETECTOR_FRAMES = 10


class Stopwatch:
    """CPU milliseconds of each `memory.observe`, by stage."""

    def __init__(self, home: Household) -> None:
        self.rows: list[dict[str, float]] = []
        self.images: list[np.ndarray] = []
        self._home = home
        self._observe = home.memory.observe
        home.memory.observe = self.observe  # type: ignore[method-assign]

    def observe(self, frame: RgbdFrame, detections: Detections) -> Any:
        """Observe, timed on this process's CPU clock (all threads)."""
        start = time.process_time()
        result = self._observe(frame, detections)
        total = 1000 * (time.process_time() - start)
        stages = dict(result.stage_ms)
        self.rows.append({**stages, "store": total - sum(stages.values()), "total": total})
        if len(self.images) < DETECTOR_FRAMES:
            self.images.append(frame.rgb)
        return result


def run(args: BenchArgs) -> dict[str, Any]:
    """Median CPU a frame with per-stage times; the packaged detector is timed apart."""
    seeds = list(args.seeds) or [0]
    per_home, everything, objects = [], [], []
    images: list[np.ndarray] = []
    for seed in seeds:
        home = Household(seed)
        watch = Stopwatch(home)
        try:
            home.explore() if not args.quick else _glimpse(home)
            objects.append(len(home.truth()["objects"]))
        finally:
            home.close()
        rows = watch.rows[WARM_FRAMES:]
        everything += rows
        per_home.append(float(np.median([r["total"] for r in rows])))
        images += watch.images
    names = [k for k in everything[0] if k != "total"]
    shown = [{"stage": name, **_spread([r[name] for r in everything])} for name in (*names, "total")]
    detector = _detector_ms(images)
    args.say(table([*shown, {"stage": "detector (not counted)", **_spread(detector)}]))
    totals = [r["total"] for r in everything]
    return {
        "n": len(totals),
        "seeds": f"{seeds[0]}-{seeds[-1]}",
        "image": "320x240",
        "objects_in_home": objects,
        "cpu_ms_median": round(float(np.median(totals)), 2),
        "cpu_ms_median_ci": bootstrap_ci(totals, lambda v: float(np.median(v))),
        "cpu_ms_p95": round(float(np.percentile(totals, 95)), 2),
        "cpu_ms_median_each_home": [round(v, 2) for v in per_home],
        "stages": {row["stage"]: {k: v for k, v in row.items() if k != "stage"} for row in shown},
        "detector_ms_median": round(float(np.median(detector)), 1),
    }


def _glimpse(home: Household) -> None:
    from robomem.planning.survey import Surveyor

    Surveyor(home.world, home.robot).explore(max_s=25.0)


def _spread(values: list[float]) -> dict[str, float]:
    return {"median_ms": round(float(np.median(values)), 2), "p95_ms": round(float(np.percentile(values, 95)), 2)}


def _detector_ms(images: list[np.ndarray]) -> list[float]:
    from robomem.perception.detectors import CocoDetector

    detector = CocoDetector()
    detector.detect(images[0])
    times = []
    for rgb in images[:DETECTOR_FRAMES]:
        start = time.process_time()
        detector.detect(rgb)
        times.append(1000 * (time.process_time() - start))
    return times
