"""Existence: Bayes, saturation by viewpoint, persistence."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robomem.belief.existence import (
    CELL_EMPTY_CAP,
    CELL_HIT_CAP,
    CELL_MISS_CAP,
    MAX_LOG_ODDS,
    Evidence,
    MoveRates,
    log_odds,
    missed,
    probability,
    view_cell,
    view_cells,
)
from robomem.config import BeliefConfig

unit = st.floats(0.01, 0.99)
CELL = (0, 0, 3)


@given(unit)
def test_log_odds_round_trip(r: float) -> None:
    assert math.isclose(probability(log_odds(r)), r, rel_tol=1e-2)


@given(unit, unit)
def test_a_miss_never_raises_existence(r: float, p: float) -> None:
    after = missed(r, p)
    assert 0 <= after <= r
    # Bayes by hand: P(exists | missed)
    assert math.isclose(after, r * (1 - p) / (r * (1 - p) + (1 - r)), rel_tol=1e-9)


def test_no_detection_probability_no_change() -> None:
    assert missed(0.8, 0.0) == 0.8


@given(st.lists(unit, min_size=1, max_size=60))
def test_one_viewpoint_cannot_say_more_than_its_cap(values: list[float]) -> None:
    e = Evidence()
    assert -CELL_MISS_CAP - 1e-9 <= sum(e.miss(CELL, v) for v in values) <= 0
    e = Evidence()
    assert -CELL_EMPTY_CAP - 1e-9 <= sum(e.empty(CELL, v) for v in values) <= 0
    e = Evidence()
    assert 0 <= sum(e.hit(CELL, 2 * v) for v in values) <= CELL_HIT_CAP + 1e-9


def test_one_viewpoint_on_its_empty_place_undoes_the_surest_thing_but_no_single_image_does() -> None:
    """A robot that only ever comes by one door must be able to notice; an image whose pose is off must not be enough."""
    e = Evidence()
    assert probability(MAX_LOG_ODDS + e.empty(CELL, 1.0)) > 0.9
    e = Evidence()
    assert probability(MAX_LOG_ODDS + sum(e.empty(CELL, 1.0) for _ in range(12))) < BeliefConfig().missing_existence


def test_two_viewpoints_say_twice_as_much_as_one() -> None:
    one, two = Evidence(), Evidence()
    a = sum(one.miss((0, 0, 0), 0.8) for _ in range(10))
    b = sum(two.miss((i % 2, 0, 0), 0.8) for i in range(10))
    assert math.isclose(b, 2 * a)


def test_a_sighting_clears_what_misses_of_the_same_view_used_up() -> None:
    e = Evidence()
    for _ in range(5):
        e.miss(CELL, 0.9)
    assert e.miss(CELL, 0.9) == 0
    e.hit(CELL, 1.0)
    assert e.miss(CELL, 0.9) < 0


def test_the_book_of_viewpoints_is_bounded() -> None:
    e = Evidence(max_cells=8)
    for i in range(50):
        e.hit((i, 0, 0), 1.0)
    assert len(e.hits) == 8 and e.seen_from((49, 0, 0)) and not e.seen_from((0, 0, 0))


def test_view_cells_tell_bearings_and_distances_apart_but_not_centimetres() -> None:
    thing = np.zeros(3)
    here = view_cell(np.array([1.6, 0.1, 0.6]), thing, 0.25, 0.26)
    assert here == view_cell(np.array([1.62, 0.12, 0.61]), thing, 0.25, 0.26)
    assert here != view_cell(np.array([0.1, 1.6, 0.6]), thing, 0.25, 0.26)
    assert here != view_cell(np.array([3.2, 0.1, 1.2]), thing, 0.25, 0.26)


def test_the_longer_a_home_is_watched_the_better_it_knows_its_moves() -> None:
    rates = MoveRates()
    assert math.isclose(rates.rate_per_h("mug", 8), 1 / 8)
    rates.watched("mug", 100.0, moves=50)
    assert 0.4 < rates.rate_per_h("mug", 8) < 0.5
    rates.watched("vase", 1000.0)
    assert rates.survival("vase", 1000, int(3.6e12)) > 0.999
    copy = MoveRates()
    copy.load_json(rates.to_json())
    assert copy.rate_per_h("mug", 8) == rates.rate_per_h("mug", 8)


def test_view_cells_of_many_things_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    camera, things = np.array([0.3, -0.2, 1.4]), rng.uniform(-4, 4, (50, 3))
    assert view_cells(camera, things, 0.25, 0.26) == [view_cell(camera, t, 0.25, 0.26) for t in things]
