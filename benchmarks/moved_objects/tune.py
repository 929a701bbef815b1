"""`python -m benchmarks.moved_objects.tune [NAME ...]`: chooses each rival's parameters on homes that are never reported.

Coordinate search over the grids of `rivals.GRIDS`, from their middles, once around: one parameter after the other, each set to the value of
least mean GOSPA. The values it prints are written into `rivals.TUNED` by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.moved_objects import rivals
from benchmarks.moved_objects.days import HomeDays
from benchmarks.moved_objects.interface import Step
from benchmarks.moved_objects.scores_match import look
from benchmarks.moved_objects.scores_truth import Knowledge

SEEDS = (100, 101)
SLOW = {rivals.STONE_SOUP: 1}  # homes used for what would take too long on all


def recorded(seed: int) -> list[Step]:
    """A home's stream without its colours, which no rival looks at: about 0.3 MB an image."""
    out = []
    for step in HomeDays(seed).steps():
        object.__setattr__(step.frame, "rgb", np.broadcast_to(np.zeros((1, 1, 3), np.uint8), step.frame.rgb.shape))
        out.append(step)
    return out


def cost(name: str, settings: Mapping[str, Any], homes: Sequence[Sequence[Step]]) -> float:
    """Mean GOSPA of a rival with these settings."""
    means = []
    for recording in homes[: SLOW.get(name, len(homes))]:
        memory, known, values = rivals.MAKERS[name](**settings), Knowledge(), []
        for step in recording:
            known.update(step)
            memory.add(step.detections, step.frame)
            values.append(look(step, known, memory).gospa.value)
        means.append(float(np.mean(values)))
    return float(np.mean(means))


def tune(name: str, homes: Sequence[Sequence[Step]]) -> tuple[dict[str, Any], float]:
    """The best settings found, and their cost."""
    grid = rivals.GRIDS[name]
    best = {key: rivals.TUNED[name].get(key, values[len(values) // 2]) for key, values in grid.items()}
    known: dict[tuple[Any, ...], float] = {}

    def priced(settings: Mapping[str, Any]) -> float:
        key = tuple(settings[k] for k in grid)
        if key not in known:
            known[key] = cost(name, settings, homes)
        return known[key]

    for key, values in grid.items():
        prices = [priced({**best, key: v}) for v in values]
        best[key] = values[int(np.argmin(prices))]
    return best, priced(best)


def main(names: Sequence[str]) -> None:
    """Tune the named rivals, or all."""
    homes = [recorded(seed) for seed in SEEDS]
    for name in names or rivals.MAKERS:
        best, value = tune(name, homes)
        print(f'"{name}": {best},  # GOSPA {value:.3f}', flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
