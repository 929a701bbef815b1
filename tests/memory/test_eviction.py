"""Eviction: who goes first under each policy, budgets that hold, pinned records that stay, and a meta-policy that learns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.memory.ama import FOUR_STRATEGIES, POLICIES, Ama
from robomem.memory.eviction import Belady, Context, Fifo, Lfu, Lifo, Lru, Ranking, Usage, VisitedPlace
from robomem.memory.shelf import Shelf
from robomem.memory.tinylfu import CountingSketch, WTinyLfu

MAKERS = {
    **POLICIES,
    "LIFO": Lifo,
    "AMA": lambda: Ama(np.random.default_rng(0)),
    "AMA with shadows": lambda: Ama(np.random.default_rng(0), shadow_rows=4),
}


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        (Fifo(), [1, 2, 3]),
        (Fifo(requeue=True), [2, 3, 1]),
        (Lifo(), [3, 2, 1]),
        (Lru(), [2, 3, 1]),
        (Lfu(), [3, 2, 1]),
        (VisitedPlace(most=True), [2, 3, 1]),
        (VisitedPlace(most=False), [1, 2, 3]),
    ],
)
def test_who_goes_first(policy, order: list[int]):
    usage = {1: Usage(1, 9, 4, 8, "hall"), 2: Usage(2, 5, 2, 0, "kitchen"), 3: Usage(3, 6, 1, 0, "kitchen")}
    context, gone = Context(visits={"kitchen": 5, "hall": 1}), []
    while (victim := policy.victim(usage, context)) is not None:
        gone.append(victim)
        del usage[victim]
    assert gone == order
    assert policy.victim({1: Usage(1, 1)}, Context(pinned={1})) is None


operations = st.lists(
    st.tuples(st.sampled_from(["put", "get", "pin", "unpin", "drop"]), st.integers(1, 9), st.integers(0, 40)), max_size=60
)


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", MAKERS)
@given(steps=operations, rows=st.integers(1, 5), room=st.integers(20, 90))
def test_both_budgets_are_hard_and_the_pinned_stay(name: str, steps, rows: int, room: int):
    shelf: Shelf[int, int] = Shelf(rows, MAKERS[name](), room)
    pinned: set[int] = set()
    for action, key, size in steps:
        held, before = {k: u.size for k, u in shelf.usage.items()}, shelf.bytes
        if action == "put":
            others = [s for k, s in held.items() if k in pinned and k != key]
            fits = len(others) < rows and sum(others) + size <= room
            assert shelf.put(key, size, size, place=key % 3) is fits and (
                (key in shelf and shelf.peek(key) == size) if fits else shelf.bytes == before
            )
        elif action == "get":
            assert (shelf.get(key) is not None) is (key in held)
        elif action == "drop":
            shelf.discard(key)
            held.pop(key, None)
        else:
            shelf.pin(key, action == "pin")
            (pinned.add if action == "pin" else pinned.discard)(key)
        assert len(shelf) <= rows and shelf.bytes <= room and shelf.bytes == sum(u.size for u in shelf.usage.values())
        assert held.keys() & pinned <= set(shelf)


def hits(policy, trace: list[int], rows: int) -> int:
    shelf: Shelf[int, int] = Shelf(rows, policy)
    later = {t: next((float(s) for s in range(t + 1, len(trace)) if trace[s] == key), float("inf")) for t, key in enumerate(trace)}
    next_of: dict[int, float] = {}
    shelf.next_use, total = lambda key: next_of[key], 0
    for t, key in enumerate(trace):
        next_of[key] = later[t]
        if shelf.get(key) is not None:
            total += 1
        else:
            shelf.put(key, key, place=key % 4)
    return total


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=80), st.integers(1, 5))
def test_nobody_beats_belady(trace: list[int], rows: int):
    best = hits(Belady(), trace, rows)
    assert all(hits(make(), trace, rows) <= best for make in MAKERS.values())


def test_frequency_survives_a_scan_in_w_tinylfu_and_not_in_lru():
    """Four things used all day, then a walk past thirty others, over and over."""
    trace = ([1, 2, 3, 4] * 4 + list(range(100, 130))) * 12
    assert hits(WTinyLfu(), trace, 8) > 1.1 * hits(Lru(), trace, 8)


def test_the_sketch_never_counts_too_few_and_ages():
    sketch = CountingSketch(width=64, period=1000)
    for key in ["mug"] * 9 + [f"thing {i}" for i in range(40)]:
        sketch.add(key)
    assert sketch.count("mug") >= 9
    for i in range(2000):
        sketch.add(i % 7)
    assert sketch.count("mug") < 9 and sketch.count(3) <= 15


@pytest.mark.parametrize("rule", ["ucb", "epsilon"])
def test_ama_learns_one_policy_per_class_of_tasks(rule):
    rng = np.random.default_rng(1)
    ama = Ama(rng, FOUR_STRATEGIES, rule, explore=0.3)
    names = list(FOUR_STRATEGIES)
    for i in range(600):
        task = names[i % 4]
        ama.outcome(float(rng.random() < (0.9 if ama.arm(task) == task else 0.4)), task)
    assert {task: ama.best(task) for task in names} == {task: task for task in names}
    fresh = Ama(np.random.default_rng(2), FOUR_STRATEGIES)
    fresh.load_json(ama.to_json())
    assert [fresh.best(task) for task in names] == names


def test_ama_with_shadows_follows_the_best_without_trying_the_others():
    trace = ([1, 2, 3, 4] * 4 + list(range(100, 130))) * 12
    best = max(hits(make(), trace, 8) for make in POLICIES.values())
    assert hits(Ama(np.random.default_rng(0), shadow_rows=8), trace, 8) >= 0.93 * best


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Shelf(0), InvalidInputError, "at least 1"),
        (lambda: Shelf(3, max_bytes=0), InvalidInputError, "at least 1"),
        (lambda: Ama(np.random.default_rng(0), {}), InvalidInputError, "at least one policy"),
        (lambda: Belady().victim({1: Usage(1, 1)}), TypeError, "next_use"),
        (lambda: Ranking().victim({1: Usage(1, 1)}), TypeError, "no order"),
    ],
)
def test_refused(call, error, message: str):
    with pytest.raises(error, match=message):
        call()
