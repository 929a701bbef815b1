"""Who moves after whom: how much more, or less, often than usual a thing moves once another one has moved.

A cup on the table is washed up an hour later; what was done this morning is not done again in the evening. Both are the same count: of the
moves of one thing, after how many the other moved within so long, less how many of them it would be by the time of day alone on other days.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

USUAL_SLOTS = 6.0  # width (standard deviation) of the time-of-day kernel of what is usual
DOUBT = 2.0  # so many moves after which nothing was special
QUIET_SLOTS = 25  # the night is the quietest time so long


def night(moved: NDArray[np.bool_]) -> int:
    """The slot of the day in the middle of the quietest four hours, where one day ends and the next begins.

    Args:
        moved: Bool[days, slots of a day, n] whether each thing moved.
    """
    n = moved.shape[1]
    count = moved.sum(axis=(0, 2)).astype(np.float64)
    around = (np.arange(n)[:, None] + np.arange(QUIET_SLOTS) - QUIET_SLOTS // 2) % n
    busy = count[around].sum(axis=1)
    quiet = np.flatnonzero(busy == busy.min())
    return int(quiet[len(quiet) // 2])


def links(moved: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    """Float32[n, n], about -1 to 1: [i, j] is how much likelier than usual i moves within `reach` slots after j did, until the day ends.

    What is usual at a time of day is what i did at about that time on the other days, whether or not j had moved.

    Args:
        moved: Bool[days, slots of a day, n] whether each thing moved; whole days.
    """
    days, slots, n = moved.shape
    if days < 2:
        return np.zeros((n, n), np.float32)
    m = moved.astype(np.float32)
    until = np.concatenate([np.zeros((days, 1, n), np.float32), np.cumsum(m, axis=1)], axis=1)
    ends = np.minimum(np.arange(slots) + 1 + reach, slots)
    follows = (until[:, ends] > until[:, 1 : slots + 1]).astype(np.float32)  # moves in (slot, slot + reach]
    bell = np.exp(-0.5 * ((np.arange(slots)[:, None] - np.arange(slots)) / USUAL_SLOTS) ** 2).astype(np.float32)
    usual = (bell / bell.sum(axis=1, keepdims=True)) @ follows.mean(axis=0)
    some = moved.any(axis=2)  # moves are rare: only these moments count
    count = m.sum(axis=(0, 1))
    seen = follows[some].T @ m[some]
    expected = usual.T @ m.sum(axis=0)
    others = (expected - seen / days) * days / (days - 1)  # without the day of the move itself
    return np.asarray((seen - others) / (count + DOUBT), np.float32)
