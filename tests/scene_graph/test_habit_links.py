"""Who moves after whom: found from a few days of moves, by chance nothing, and the day ends in the quiet hours wherever they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from robomem.scene_graph.habit_links import links, night

SLOTS = 144
LEADER, FOLLOWER, ONCE, OTHER = range(4)


def days(n: int = 30, seed: int = 0) -> NDArray[np.bool_]:
    """A leader at any hour every other day, its follower an hour later; one that moves once a day, one twice, at any hour."""
    rng, moved = np.random.default_rng(seed), np.zeros((n, SLOTS, 4), np.bool_)
    for day in moved:
        at = rng.integers(50, 120, 4)
        if rng.random() < 0.5:
            day[at[0], LEADER] = day[at[0] + 6, FOLLOWER] = True
        day[at[1], ONCE] = day[at[2:], OTHER] = True
    return moved


def test_who_follows_whom_within_reach() -> None:
    near, far = links(days(), 24), links(days(), 4)
    assert near[FOLLOWER, LEADER] > 0.6 and near[FOLLOWER, LEADER] == near.max() and far[FOLLOWER, LEADER] < 0.1
    assert near[LEADER, FOLLOWER] <= 0.0  # not the other way round


def test_once_a_day_is_not_again_today() -> None:
    found = links(days(), SLOTS)
    assert found[ONCE, ONCE] < -0.25 and found[LEADER, LEADER] < -0.1
    assert abs(found[OTHER, ONCE]) < 0.25 and abs(found[ONCE, OTHER]) < 0.25  # by chance


def test_chance_is_nothing_on_average_and_one_day_tells_nothing() -> None:
    rng = np.random.default_rng(1)
    found = np.mean([links(rng.random((20, SLOTS, 3)) < 0.02, 24) for _ in range(20)], axis=0)
    assert np.abs(found).max() < 0.05
    assert not links(days(1), 24).any() and links(np.zeros((0, SLOTS, 2), np.bool_), 24).shape == (2, 2)


@pytest.mark.parametrize("shift", [0, 40, 100])
def test_the_day_ends_in_the_quiet_hours(shift: int) -> None:
    moved = np.roll(days(), shift, axis=1)
    moved[:, :, OTHER] = False
    quiet = (night(moved) - shift) % SLOTS
    assert quiet < 50 - 12 or quiet > 126 + 12
