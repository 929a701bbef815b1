"""Stays of two ids that were found to be one thing."""

from dataclasses import replace

import numpy as np

from robomem.memory.records import PlaceWords, Stay
from robomem.memory.stays import of_one_thing


def stay(ident: int, at: float, start: int, seen: int, end: int | None = None) -> Stay:
    return Stay(ident, 1, start, seen, end, np.array([at, 0.0, 1.0]), 0.02, PlaceWords(7, "on the desk"), 0.9)


def spans(stays: list[Stay]) -> dict[int, tuple[int, int | None]]:
    return {s.id: (s.from_ns, s.to_ns) for s in stays}


def test_it_left_its_old_place_when_it_was_first_seen_at_the_new_one():
    assert spans(of_one_thing([stay(1, 0.0, 10, 20)], [stay(2, 3.0, 30, 50)])) == {1: (10, 30), 2: (30, None)}


def test_a_place_already_seen_empty_was_empty_from_then():
    assert spans(of_one_thing([stay(1, 0.0, 10, 20, 60)], [stay(2, 3.0, 30, 50)])) == {1: (10, 30), 2: (30, None)}


def test_what_was_known_under_the_other_id_before_is_its_past():
    assert spans(of_one_thing([stay(1, 0.0, 40, 50)], [stay(2, 3.0, 10, 30)])) == {2: (10, 40)}


def test_nothing_is_at_two_places_at_a_time():
    assert of_one_thing([stay(1, 0.0, 10, 60)], [stay(2, 3.0, 30, 50, 55)]) == []


def test_the_same_spot_is_the_same_stay():
    assert of_one_thing([stay(1, 0.0, 10, 20)], [replace(stay(2, 0.05, 30, 50), to_ns=60)]) == []
