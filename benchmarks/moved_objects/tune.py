"""`python -m benchmarks.moved_objects.tune [NAME ...]`: chooses each rival's parameters on homes that are never reported.

Coordinate search over the grids of `rivals.GRIDS`: one parameter after the other, each to the value of least mean GOSPA, twice around. The
values it prints are written into `rivals.TUNED` by hand.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.moved_objects import rivals
from benchmarks.moved_objects.days import HomeDays
from benchmarks.moved_objects.interface import Step
from benchmarks.moved_objects.scores_match import look
from benchmarks.moved_objects.scores_truth import Knowledge
from robomem.perception.frame import RgbdFrame

SEEDS = (100, 101, 102)
SWEEPS = 2
SLOW = {rivals.STONE_SOUP: 1}  # homes used for what would take too long on all


def recorded(seed: int) -> list[tuple[Step, np.ndarray]]:
    """A home's stream without its colours, which no rival looks at, and depth in whole millimetres, as the camera gives it."""
    out = []
    for step in HomeDays(seed).steps():
        millimetres = np.round(step.frame.depth_m * 1000).astype(np.uint16)
        small = dataclasses.replace(step.frame)
        object.__setattr__(small, "rgb", np.zeros((1, 1, 3), np.uint8))
        object.__setattr__(small, "depth_m", np.zeros((1, 1), np.float32))
        out.append((dataclasses.replace(step, frame=small), millimetres))
    return out


def replay(recording: Sequence[tuple[Step, np.ndarray]]) -> Iterator[Step]:
    """The steps again."""
    for step, millimetres in recording:
        f = step.frame
        rgb = np.broadcast_to(f.rgb, (*millimetres.shape, 3))
        frame = RgbdFrame(f.stamp_ns, rgb, millimetres.astype(np.float32) / 1000, f.intrinsics, f.T_map_camera, f.camera)
        yield dataclasses.replace(step, frame=frame)


def cost(name: str, settings: Mapping[str, Any], homes: Sequence[Sequence[tuple[Step, np.ndarray]]]) -> float:
    """Mean GOSPA of a rival with these settings."""
    means = []
    for recording in homes[: SLOW.get(name, len(homes))]:
        memory, known, values = rivals.MAKERS[name](**settings), Knowledge(), []
        for step in replay(recording):
            known.update(step)
            memory.add(step.detections, step.frame)
            values.append(look(step, known, memory).gospa.value)
        means.append(float(np.mean(values)))
    return float(np.mean(means))


def tune(name: str, homes: Sequence[Sequence[tuple[Step, np.ndarray]]]) -> tuple[dict[str, Any], float]:
    """The best settings found, and their cost."""
    grid = rivals.GRIDS[name]
    best = {key: rivals.TUNED[name].get(key, values[len(values) // 2]) for key, values in grid.items()}
    known: dict[tuple[Any, ...], float] = {}

    def priced(settings: Mapping[str, Any]) -> float:
        key = tuple(settings[k] for k in grid)
        if key not in known:
            known[key] = cost(name, settings, homes)
        return known[key]

    for _ in range(SWEEPS):
        for key, values in grid.items():
            best[key] = min(values, key=lambda v: priced({**best, key: v}))
    return best, priced(best)


def main(names: Sequence[str]) -> None:
    """Tune the named rivals, or all."""
    homes = [recorded(seed) for seed in SEEDS]
    for name in names or rivals.MAKERS:
        best, value = tune(name, homes)
        print(f'"{name}": {best},  # GOSPA {value:.3f}', flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
