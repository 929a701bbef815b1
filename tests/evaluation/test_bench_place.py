"""bench place: its questions have true answers, its arms differ in the chunks only, its arithmetic is right."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._place_arms import CHUNK, FRAMES, chunks_of, plain_filter, remember, score, untrained
from benchmarks._place_capacity import ROWS, kept, wanted
from benchmarks._place_walk import FRAME, KINDS, QUESTION, SPOTS, TASKS, Asked, ask, neighbour, walk
from benchmarks.place import interval
from robomem.memory.ama import FOUR_STRATEGIES

RNG = np.random.default_rng


def test_a_walk_is_connected_and_its_frames_are_what_a_reader_gets():
    w = walk(RNG(1), FRAMES, 6)
    steps = [(a, b) for a, b in zip(w.room, w.room[1:], strict=False) if a != b]
    assert len(steps) > 20 and all(b in [neighbour(a, s) for s in range(4)] for a, b in steps)
    assert w.frames().shape == (FRAMES, FRAME) and np.array_equal(w.room, w.believed)
    assert not np.array_equal(walk(RNG(2), FRAMES, 6).kinds, w.kinds)  # looks cannot be learnt by heart


@pytest.mark.parametrize("wrong", [0.1, 0.4])
def test_wrong_places_are_neighbours_and_as_many_as_said(wrong: float):
    w = walk(RNG(3), 4 * FRAMES, 6, wrong)
    off = w.believed != w.room
    assert off.mean() == pytest.approx(wrong, abs=0.04)
    assert all(b in [neighbour(a, s) for s in range(4)] for a, b in zip(w.room[off], w.believed[off], strict=True))


def test_the_answers_are_the_newest_of_what_is_meant():
    w = walk(RNG(4), FRAMES, 6)
    a = ask(RNG(5), w, 90)
    assert a.vectors.shape == (90, QUESTION) and set(a.kind.tolist()) == set(range(len(KINDS)))
    for kind, room, spot, answer, long_ago in zip(a.kind, a.room, a.spot, a.answer, a.long_ago, strict=True):
        if KINDS[kind] == "look":
            continue
        fits = np.flatnonzero((w.room == room) & ((w.spot == spot) | (spot < 0)))
        assert answer == (w.visit if KINDS[kind] == "when" else w.label)[fits[-1]]
        assert long_ago == (np.flatnonzero(w.room == room)[-1] < FRAMES / 2)


def test_the_two_arms_hold_the_same_frames_in_other_chunks():
    w = walk(RNG(6), FRAMES, 6)
    place, time = (chunks_of(remember(w), kind) for kind in ("place", "time"))
    assert sorted(np.concatenate(place)) == sorted(np.concatenate(time)) == list(range(FRAMES))
    assert all(len(c) <= CHUNK for c in place + time) and all(len(set(w.room[c])) == 1 for c in place)
    assert np.mean([len(set(w.room[c])) for c in time]) > 2  # or there is nothing to compare


def test_a_filter_on_right_places_is_never_wrong_and_smoothing_mends_wrong_ones():
    walks = [walk(RNG((7, i)), FRAMES, 6) for i in range(3)]
    asked = [ask(RNG((8, i)), w, 40) for i, w in enumerate(walks)]
    tasks = [t for t in TASKS if t != "where was this"]
    assert plain_filter(walks, asked).share(tasks) == 1.0
    walks = [walk(RNG((7, i)), FRAMES, 6, 0.2) for i in range(6)]
    asked = [ask(RNG((8, i)), w, 40) for i, w in enumerate(walks)]
    assert plain_filter(walks, asked, smooth=True).share(tasks) > plain_filter(walks, asked).share(tasks) + 0.05


def test_the_read_without_training_brings_up_more_of_a_room_from_place_pure_chunks():
    walks = [walk(RNG((9, i)), FRAMES, 6) for i in range(4)]
    asked = [ask(RNG((10, i)), w, 40) for i, w in enumerate(walks)]
    assert untrained("place", walks, asked).share(["when there last"]) > untrained("time", walks, asked).share(["when there last"])


def test_most_weight_decides_and_no_weight_is_no_answer():
    keys = np.array([[5, 6, 6], [5, 6, 6]])
    empty = np.zeros(2, int)
    asked = Asked(np.zeros((2, 1)), empty, empty, empty, keys, np.array([6, 0]), empty.astype(bool))
    assert score(np.array([[0.4, 0.3, 0.3], [0, 0, 0]]), asked).tolist() == [True, False]


def test_what_each_class_wants_its_own_strategy_keeps_best():
    walks = [walk(RNG((11, i)), FRAMES, 6, changes=0.0) for i in range(4)]
    for task in FOUR_STRATEGIES:
        shares = {}
        for name, make in FOUR_STRATEGIES.items():
            held = [kept(w, make(), task) for w in walks]
            assert all(len(frames) == ROWS for frames in held)
            spots = [w.room * SPOTS + w.spot for w in walks]
            shares[name] = np.mean([np.isin(s[wanted(w, task)], s[h]).mean() for s, h, w in zip(spots, held, walks, strict=True)])
        assert max(shares, key=lambda name: shares[name]) == task, (task, shares)


def test_intervals_are_students():
    assert interval([1.0, 2.0, 3.0, 4.0, 5.0]) == [3.0, pytest.approx(3 - 1.963, abs=1e-3), pytest.approx(3 + 1.963, abs=1e-3)]
    assert interval([0.5]) == [0.5, None, None]
