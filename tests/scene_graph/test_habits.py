"""Habits: a daily habit is learned, thin history abstains or stays, what moves together is noticed, nothing grows without end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.scene_graph.habit_ring import DAY_SLOTS, SLOT_NS, Place, SightingRing
from robomem.scene_graph.habits import Habits, HabitsConfig

H = 6 * SLOT_NS
DAY = DAY_SLOTS * SLOT_NS
MUG, CUP, KEYS, BOOK = 11, 12, 13, 14
CUPBOARD, TABLE, SINK, SHELF, DRAWER = (1, "inside"), (2, "on"), (3, "on"), (4, "on"), (5, "inside")


def live(habits: Habits, days: int, plan: dict[int, dict[float, Place]], until_h: float = 24.0) -> int:
    """See every thing every ten minutes from 6:00 on; `plan`: thing -> hour from which it is at a place. Returns the last stamp, ns."""
    now = 0
    for day in range(days):
        last = until_h if day == days - 1 else 24.0
        for slot in range(36, round(last * 6)):
            now = day * DAY + slot * SLOT_NS
            for thing, hours in plan.items():
                habits.saw(thing, hours[max(h for h in hours if h * 6 <= slot)], now)
    return now


STRICT = {MUG: {6.0: CUPBOARD, 9.0: TABLE, 13.0: SINK, 17.0: CUPBOARD}, BOOK: {6.0: SHELF}}


@pytest.mark.parametrize(
    ("at_h", "ahead_h", "place"),
    [
        (7.0, 4.0, TABLE),
        (7.0, 8.0, SINK),
        (7.0, 12.0, CUPBOARD),
        (11.0, 4.0, SINK),
        (15.0, 4.0, CUPBOARD),
        (15.0, 20.0, TABLE),
        (19.0, 3.0, CUPBOARD),
    ],
)
def test_a_strict_daily_habit_is_predicted(at_h: float, ahead_h: float, place: Place) -> None:
    habits = Habits()
    now = live(habits, 6, STRICT, until_h=at_h + 0.1)
    said = habits.predict(MUG, now, now + round(ahead_h * H))
    assert next(iter(said)) == place and said[place] > 0.6
    assert next(iter(habits.predict(BOOK, now, now + round(ahead_h * H)))) == SHELF


def test_more_days_make_it_surer() -> None:
    sure = []
    for days in (1, 2, 3, 8):
        habits = Habits()
        now = live(habits, days, STRICT, until_h=7.1)
        sure.append(habits.predict(MUG, now, now + 4 * H).get(TABLE, 0.0))
    assert sure[0] == 0.0 and sure[1] > 0.5 and (np.diff(sure) > -0.01).all() and sure[-1] > 0.9


def test_an_unknown_thing_abstains_and_a_new_one_stays() -> None:
    habits = Habits()
    assert habits.predict(MUG, 0, H) == {} and MUG not in habits and habits.last(MUG) is None and habits.days(MUG, 0, H) == 0
    habits.saw(MUG, TABLE, 9 * H)
    assert habits.predict(MUG, 9 * H, 13 * H) == {TABLE: 1.0}
    assert habits.last(MUG) == (TABLE, 9 * H) and habits.days(MUG, 9 * H, 13 * H) == 0 and MUG in habits


def test_now_is_where_it_was_last_seen() -> None:
    habits = Habits()
    now = live(habits, 4, STRICT, until_h=9.5)
    assert habits.predict(MUG, now, now) == {TABLE: 1.0} == habits.predict(MUG, now, now - DAY)


def test_who_follows_whom() -> None:
    """Every other day, at any hour, the cup goes to the table and half an hour later the keys to the drawer; the book never moves."""
    rng, habits = np.random.default_rng(3), Habits()
    for day in range(24):
        hour = float(rng.uniform(9, 16)) if day % 2 else 99.0  # every other day not at all
        for slot in range(36, 143):
            now, h = day * DAY + slot * SLOT_NS, slot / 6
            habits.saw(CUP, TABLE if h >= hour else SHELF, now)
            habits.saw(KEYS, DRAWER if h >= hour + 0.5 else SHELF, now)
            habits.saw(BOOK, SHELF, now)
    quiet, moved = Habits(), Habits()
    for copy, cup in ((quiet, SHELF), (moved, TABLE)):
        copy.restore(habits.pack())
        for slot in range(36, 73):
            now = 24 * DAY + slot * SLOT_NS
            copy.saw(CUP, cup if slot == 72 else SHELF, now)
            for thing in (KEYS, BOOK):
                copy.saw(thing, SHELF, now)
    goes = [copy.predict(KEYS, now, now + H).get(DRAWER, 0.0) for copy in (quiet, moved)]
    assert goes[1] > 0.35 and goes[1] > 2 * goes[0]
    assert moved.predict(BOOK, now, now + 2 * H)[SHELF] > 0.99


def test_it_is_learned_online_and_unlearned() -> None:
    habits = Habits()
    live(habits, 5, STRICT)
    changed = {MUG: {6.0: CUPBOARD, 9.0: DRAWER}}
    for day in range(5, 20):
        for slot in range(36, 144 if day < 19 else 43):
            now = day * DAY + slot * SLOT_NS
            habits.saw(MUG, changed[MUG][9.0 if slot >= 54 else 6.0], now)
    said = habits.predict(MUG, now, now + 4 * H)
    assert said[DRAWER] > 0.5 > 0.35 > said.get(TABLE, 0.0)


def test_the_future_is_not_looked_at() -> None:
    """What a forecast says does not change by what happens after `now`, though the ring may know it already of other things."""
    habits = Habits()
    now = live(habits, 5, STRICT, until_h=7.1)
    before = habits.predict(MUG, now, now + 2 * H)
    for slot in range(43, 80):
        habits.saw(BOOK, DRAWER if slot % 7 else SHELF, 4 * DAY + slot * SLOT_NS)
    after = habits.predict(MUG, now, now + 2 * H)
    assert set(after) == set(before) and abs(after[SINK] - before[SINK]) < 0.15  # who moves with whom was counted once more, no more


def test_seen_seldom_is_held_between_and_not_across_a_day() -> None:
    ring = SightingRing(7, 8)
    for slot, place in ((0, TABLE), (60, TABLE), (63, SINK), (90, TABLE), (90 + 200, TABLE)):
        ring.saw(MUG, place, slot)
    codes = ring.at(np.arange(300), 0)
    table, sink = ring.places.index(TABLE), ring.places.index(SINK)
    assert (codes[:63] == table).all()  # seen twice at one place within twelve hours; then a move within an hour
    assert codes[63] == sink and (codes[64:90] == -1).all()  # nobody knows when it went back
    assert codes[90] == table and (codes[91:290] == -1).all() and codes[290] == table and (codes[291:] == -1).all()


def test_a_sighting_out_of_order_is_noted_and_one_too_old_left_out() -> None:
    ring = SightingRing(2, 4)
    ring.saw(MUG, TABLE, 400)
    ring.saw(MUG, SINK, 390)
    ring.saw(MUG, SHELF, 400 - 2 * DAY_SLOTS)
    assert ring.last_slot[0] == 400 and ring.places[ring.at(np.array([390]), 0)[0]] == SINK and SHELF not in ring.places


def test_memory_is_bounded() -> None:
    """A year of a hundred things over a thousand places keeps to what the config allows, and the answers come from what was seen last."""
    config = HabitsConfig(days=4, things=16)
    habits = Habits(config)
    for day in range(365):
        for thing in range(20):
            habits.saw(1000 * (day % 5) + thing, (day * 20 + thing, "on"), day * DAY + thing * SLOT_NS)
    ring = habits._ring
    assert len(ring.columns) <= 16 and ring._cells.shape == (4 * DAY_SLOTS, 16) and len(ring.places) <= 2048
    assert max(ring.columns.values()) == len(ring.columns) - 1 and len(set(ring.columns.values())) == len(ring.columns)
    assert sum(a.nbytes for a in habits.pack().values()) < 200_000
    thing = 1000 * (364 % 5) + 19
    assert habits.predict(thing, 365 * DAY, 365 * DAY + H) == {(364 * 20 + 19, "on"): 1.0}


def test_places_no_longer_in_use_make_room() -> None:
    ring = SightingRing(1, 4)
    for k in range(5000):
        ring.saw(MUG, (k, "on"), k)
    assert len(ring.places) <= 2048 and ring.places[ring.last_place[0]] == (4999, "on")
    assert ring.places[ring.at(np.array([4990]), 0)[0]] == (4990, "on")


def test_forgotten_things_and_places_leave_nothing() -> None:
    habits = Habits()
    now = live(habits, 4, {**STRICT, KEYS: {6.0: SINK}, CUP: {6.0: TABLE}}, until_h=7.1)
    book = habits.predict(BOOK, now, now + H)
    habits.forget([MUG, SINK[0]])
    assert MUG not in habits and KEYS not in habits and habits.predict(BOOK, now, now + H) == book
    assert habits.predict(CUP, now, now + H)[TABLE] == 1.0
    packed = habits.pack()
    assert MUG not in packed["things"] and SINK[0] not in packed["holders"]
    habits.clear()
    assert BOOK not in habits and all(a.size == 0 for n, a in habits.pack().items() if n != "times")


def _questions(now: int) -> Iterator[tuple[int, int]]:
    for thing in (MUG, BOOK, CUP, KEYS, 99):
        for hours in (0.5, 1, 4, 30):
            yield thing, now + round(hours * H)


@settings(max_examples=25, deadline=None)
@given(
    sightings=st.lists(
        st.tuples(
            st.sampled_from([MUG, BOOK, CUP, KEYS]), st.sampled_from([CUPBOARD, TABLE, SINK, SHELF, DRAWER]), st.integers(0, 5 * DAY_SLOTS)
        ),
        max_size=120,
    )
)
def test_whatever_was_seen(sightings: list[tuple[int, Place, int]]) -> None:
    """Probabilities sum to one and name only places it was seen at; saving and loading changes no answer, nor what is learned after."""
    habits, copy = Habits(HabitsConfig(days=3, things=3)), Habits(HabitsConfig(days=3, things=3))
    for thing, place, slot in sightings:
        habits.saw(thing, place, slot * SLOT_NS)
    now = max((slot for _, _, slot in sightings), default=0) * SLOT_NS
    copy.restore(habits.pack())
    for thing, at in _questions(now):
        said = habits.predict(thing, now, at)
        assert said == copy.predict(thing, now, at) and habits.days(thing, now, at) == copy.days(thing, now, at)
        assert (not said) == (thing not in habits)
        if said:
            assert abs(sum(said.values()) - 1) < 1e-9 and list(said.values()) == sorted(said.values(), reverse=True)
            assert set(said) <= {place for other, place, _ in sightings if other == thing}
    for h in (habits, copy):
        h.saw(MUG, TABLE, now + SLOT_NS)
        h.saw(CUP, SINK, now + 2 * SLOT_NS)
    assert {k: v.tolist() for k, v in habits.pack().items()} == {k: v.tolist() for k, v in copy.pack().items()}


@pytest.mark.parametrize(
    "change",
    [
        {"things": np.array([1, 1], np.int64)},
        {"things": np.arange(500)},
        {"times": np.array([0, 0], np.int64)},
        {"times": np.array([10**9, 0, 0], np.int64)},
        {"values": np.array([999_999], np.int32), "starts": np.array([0], np.int64)},
        {"starts": np.array([5, 0], np.int64)},
        {"ages": np.zeros((1, 7), np.uint8)},
        {"ages": np.array([200, 0], np.uint8)},
        {"unseen": np.array([[0], [0], [1]])},
        {"unseen": np.array([[3], [2], [1]])},
        {"last": np.array([["a", "b", "c"]])},
        {"holders": None},
    ],
)
def test_a_broken_snapshot_is_told(change: dict[str, np.ndarray | None]) -> None:
    habits = Habits()
    live(habits, 2, STRICT)
    arrays = {**habits.pack(), **change}
    with pytest.raises(InvalidInputError, match="habits: not what robomem wrote"):
        Habits().restore({k: v for k, v in arrays.items() if v is not None})


def test_a_snapshot_keeps_moves_nobody_saw_merges_and_a_clock_set_back() -> None:
    habits, copy = Habits(HabitsConfig(days=3)), Habits(HabitsConfig(days=3))
    now = live(
        habits, 4, {**STRICT, KEYS: {6.0: SINK, 10.0: DRAWER}, CUP: {6.0: SHELF, 23.0: SINK}}, until_h=12.0
    )  # back overnight, unseen
    habits.merge(MUG, KEYS)
    habits.set_clock(now - 20 * SLOT_NS)
    habits.saw(BOOK, TABLE, now - 18 * SLOT_NS)
    packed = habits.pack()
    assert packed["unseen"].shape[1] > 0
    copy.restore(packed)
    assert {k: v.tolist() for k, v in packed.items()} == {k: v.tolist() for k, v in copy.pack().items()}
    for thing, at in _questions(now):
        assert habits.predict(thing, now, at) == copy.predict(thing, now, at)


def test_a_snapshot_of_before_ages_were_kept_is_read() -> None:
    habits, copy = Habits(), Habits()
    now = live(habits, 6, STRICT, until_h=7.1)
    copy.restore(
        {k: v for k, v in habits.pack().items() if k not in ("ages", "unseen")} | {"moves": np.zeros(2), "together": np.zeros((2, 2))}
    )
    assert copy.predict(MUG, now, now + 4 * H)[TABLE] > 0.6


def test_how_long_ago_it_moved() -> None:
    ring = SightingRing(7, 8)
    for slot, place in ((0, TABLE), (3, SINK), (4, SINK), (60, SHELF), (62, SHELF)):
        ring.saw(MUG, place, slot)
    ring.saw(BOOK, SHELF, 300)
    assert ring.ages(np.array([0, 2, 3, 4, 59]), 0).tolist() == [144, 144, 0, 1, 56]
    assert ring.ages(np.array([60, 62, 202, 203, 204, 250]), 0).tolist() == [28, 30, 144, 144, 144, 144]  # moved by then, nobody saw when


def test_what_is_done_for_today_is_not_done_again() -> None:
    """Each day either the cup goes to the table or the keys to the drawer, at any hour: once the cup has gone, the keys stay."""
    goes = []
    for cup_h in (9.0, 99.0):
        rng, habits = np.random.default_rng(5), Habits()
        for day, hour in enumerate([*rng.uniform(9, 17, 24), cup_h]):
            for slot in range(36, 144 if day < 24 else 79):
                now, gone = day * DAY + slot * SLOT_NS, hour <= slot / 6 < 20
                habits.saw(CUP, TABLE if gone and day % 2 == 0 else SHELF, now)
                habits.saw(KEYS, DRAWER if gone and day % 2 == 1 else SHELF, now)
        goes.append(habits.predict(KEYS, now, now + H).get(DRAWER, 0.0))
    assert goes[1] > 0.01 and goes[0] < 0.7 * goes[1], goes


@pytest.mark.parametrize(("age_h", "stays"), [(0.5, True), (1.5, False)])
def test_a_stay_ends_when_such_stays_end(age_h: float, stays: bool) -> None:
    """Out for two hours whenever it is out, but never before at this time of day."""
    rng, habits = np.random.default_rng(7), Habits()
    for day, hour in enumerate([*rng.uniform(14, 18, 20), 11.0]):
        for slot in range(36, 144 if day < 20 else 66 + round(6 * age_h) + 1):
            now = day * DAY + slot * SLOT_NS
            habits.saw(MUG, TABLE if hour <= slot / 6 < hour + 2 else CUPBOARD, now)
    said = habits.predict(MUG, now, now + H)
    assert (said[TABLE] > 0.6) if stays else (said[TABLE] < 0.4)
