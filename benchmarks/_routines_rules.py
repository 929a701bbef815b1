"""The floors of `robomem bench routines`: "it stays", the time of day alone, and a ten-line kernel; and how answers are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

KERNEL_MIN = 30.0
BINS = 10
RESAMPLES = 1000


def kernel(past: NDArray[np.int16], step: int, ahead: int, here: int, same_place: bool = True) -> dict[int, float]:
    """Ten lines: the days lived (Int16[days, STEPS]), the same hour, the same place; one moment's worth of "it stays".

    Args:
        same_place: False asks the time of day alone.
    """
    before, after = past[:, : past.shape[1] - ahead], past[:, ahead:]
    minutes = (np.arange(before.shape[1]) - step) * 10.0
    weights = np.exp(-0.5 * (minutes / KERNEL_MIN) ** 2) * ((before == here) if same_place else (before >= 0)) * (after >= 0)
    counts = np.bincount(after.ravel() + 1, weights=weights.ravel())
    out = {place: float(w) for place, w in enumerate(counts[1:]) if w > 0}
    out[here] = out.get(here, 0.0) + (1.0 if same_place else 1e-6)
    total = sum(out.values())
    return {place: w / total for place, w in out.items()}


@dataclass
class Answers:
    """One rule's answers to the same questions, in order: was the likeliest place right, and how likely it was to be there still."""

    right: list[bool]
    still: list[float]

    def add(self, said: Mapping[int, float], here: int, true: int) -> None:
        """Score one distribution over places; a tie goes to the first."""
        self.right.append(max(said, key=lambda place: said[place]) == true if said else False)
        self.still.append(said.get(here, 0.0))


def score(right: ArrayLike, still: ArrayLike, stayed: ArrayLike) -> dict[str, float]:
    """Top-1, the same of what moved, and the Brier score of P(still there)."""
    r, p, s = np.asarray(right, float), np.asarray(still, float), np.asarray(stayed, bool)
    moved = float(r[~s].mean()) if (~s).any() else float("nan")
    return {"top1": float(r.mean()), "moved_top1": moved, "brier": float(np.mean((p - s) ** 2))}


def calibration_error(still: ArrayLike, stayed: ArrayLike) -> float:
    """Expected calibration error of P(still there), ten equal bins."""
    p, s = np.asarray(still, float), np.asarray(stayed, float)
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    return float(sum(abs(p[which == k].mean() - s[which == k].mean()) * (which == k).mean() for k in range(BINS) if (which == k).any()))


def intervals(right: ArrayLike, still: ArrayLike, stayed: ArrayLike, days: NDArray[np.int64], seed: int = 0) -> dict[str, list[float]]:
    """95 % bootstrap intervals of `score`, drawing whole days (of one home each): questions of one day are not independent.

    Args:
        days: Int64[n] the day of each question, unique over homes.
    """
    rng, units = np.random.default_rng(seed), np.unique(days)
    rows = [np.flatnonzero(days == day) for day in units]
    r, p, s = np.asarray(right, bool), np.asarray(still, float), np.asarray(stayed, bool)
    draws = []
    for _ in range(RESAMPLES):
        take = np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])
        draws.append(score(r[take], p[take], s[take]) | {"ece": calibration_error(p[take], s[take])})
    return {key: [round(float(v), 4) for v in np.nanpercentile([d[key] for d in draws], (2.5, 97.5))] for key in draws[0]}
