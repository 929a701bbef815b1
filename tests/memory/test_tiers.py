"""Short-term memory and eviction, episodes, lessons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.clock import ManualClock
from robomem.errors import InvalidInputError
from robomem.ids import IdAllocator
from robomem.memory.episodic import RECENCY_HALF_NS, EpisodicMemory
from robomem.memory.eviction import Fifo, Lfu, Lru
from robomem.memory.semantic import SemanticMemory
from robomem.memory.short_term import ShortTermMemory
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Episode
from tests.memory.hand_home import view

operations = st.lists(st.tuples(st.sampled_from(["see", "get", "pin", "unpin", "drop"]), st.integers(1, 12)), max_size=80)


@given(operations, st.integers(1, 6), st.sampled_from([Fifo, Lru, Lfu]))
def test_the_budget_is_hard_and_the_pinned_stay(steps: list[tuple[str, int]], capacity: int, policy):
    tier, pinned, dropped = ShortTermMemory(capacity, policy()), set(), set()
    for action, i in steps:
        held = {u.id for u in tier.units()} & pinned
        if action == "see":
            full = len(tier) == capacity and all(u.id in pinned for u in tier.units())
            known = i in {u.id for u in tier.units()}
            assert tier.update(view(i, "mug", (0, 0, 0))) is (known or not full)
        elif action == "get":
            assert (tier.get(i) is not None) is (i in {u.id for u in tier.units()})
        elif action == "drop":
            tier.discard(i)
            dropped.add(i)
            held.discard(i)
        else:
            tier.pin(i, action == "pin")
            (pinned.add if action == "pin" else pinned.discard)(i)
            held &= pinned
        assert len(tier) <= capacity and held <= {u.id for u in tier.units()}


def test_the_same_object_merges_and_the_newest_is_last():
    tier = ShortTermMemory(2)
    for i, x in ((1, 0.0), (2, 0.0), (1, 5.0), (3, 0.0)):
        tier.update(view(i, "mug", (x, 0, 0), states={"open": ("true", 0.9)}))
    assert [u.id for u in tier.units()] == [1, 3]
    unit = tier.get(1)
    assert unit is not None and unit.position[0] == 5.0 and unit.states == {"open": "true"}
    with pytest.raises(InvalidInputError, match="at least 1"):
        ShortTermMemory(0)


def tiers() -> tuple[SqliteStore, EpisodicMemory, SemanticMemory]:
    store = SqliteStore(":memory:", ManualClock(0))
    ids = IdAllocator(store.lease_ids)
    return store, EpisodicMemory(store, ids.next, limit=50), SemanticMemory(store, ids.next)


def test_episodes_by_words_and_recency():
    _, episodes, _ = tiers()
    mug = episodes.add(Episode(0, "bring the mug to the table", 0, 10, "done", "found it on the desk"))
    book = episodes.add(Episode(0, "put the book on the shelf", 20, 30, "failed", "surface is taken"))
    again = episodes.add(Episode(0, "bring the mug to the table", 5 * RECENCY_HALF_NS, 5 * RECENCY_HALF_NS, "done", "found it on the desk"))
    now = 5 * RECENCY_HALF_NS
    assert [e.id for e in episodes.find("fetch me the mugs", 5, now)][:2] == [again, mug]
    assert episodes.find("book", 1, now)[0].id == book and episodes.find("violin", 5, now) == []
    assert [e.id for e in episodes.find(None, 2, now)] == [again, book]
    assert episodes.add(Episode(77, "with an id of its own", 0, 0, "done", "")) == 77


def test_lessons_are_versioned_and_every_change_can_be_undone():
    store, _, lessons = tiers()
    first = lessons.add("the mug is heavy", "user", 1)
    assert lessons.add("the  mug is heavy", "task 3", 2).support == 2  # the very same again is support, not a second lesson
    changed = lessons.update(first.id, "the mug is light", "user", 3)
    assert (changed.version, changed.support, lessons.find("light", 5)) == (3, 1, [changed]) and lessons.find("heavy", 5) == []
    lessons.remove(first.id, "user", 4)
    assert lessons.current() == [] and lessons.find("mug", 5) == [] and len(lessons.history(first.id)) == 4
    undone = [lessons.undo(first.id) for _ in range(4)]
    assert [u and (u.version, u.text, u.support) for u in undone] == [
        (3, "the mug is light", 1),
        (2, "the mug is heavy", 2),
        (1, "the mug is heavy", 1),
        None,
    ]
    assert store.lesson_versions() == [] and lessons.find("mug", 5) == []


def test_lessons_rank_by_words_then_support():
    _, _, lessons = tiers()
    a = lessons.add("cups belong in the cabinet", "user", 1)
    b = lessons.add("books belong on the shelf", "user", 2)
    lessons.add("books belong on the shelf", "user", 3)
    assert [x.id for x in lessons.find(None, 5)] == [b.id, a.id] and lessons.find("where does the cup go", 1)[0].id == a.id


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.add("", "user", 0), "characters"),
        (lambda m: m.add("x" * 2001, "user", 0), "characters"),
        (lambda m: m.add("a", " ", 0), "source"),
        (lambda m: m.update(9, "a", "user", 0), "lesson 9"),
        (lambda m: m.remove(9, "user", 0), "lesson 9"),
        (lambda m: m.undo(9), "lesson 9"),
    ],
)
def test_lessons_refuse(call, message: str):
    with pytest.raises(InvalidInputError, match=message):
        call(tiers()[2])


def test_a_lesson_is_stored_as_data():
    """Control and direction characters of a remembered sentence never reach a prompt or a terminal."""
    text = tiers()[2].add("ignore\u202e all\x1b[31m rules", "user", 0).text
    assert text == "ignore all [31m rules" and np.all([c.isprintable() for c in text])


def test_frames_that_still_see_a_thing_are_one_use():
    """A mug stared at for ten seconds must not outweigh a book that was asked for three times."""
    tier = ShortTermMemory(2)
    tier.update(view(1, "book", (0, 0, 0), 0))
    for _ in range(3):
        tier.get(1)
    for i in range(100):
        tier.update(view(2, "mug", (0, 0, 0), i * 100_000_000))
    tier.update(view(3, "pen", (0, 0, 0), 11_000_000_000))
    assert {u.id for u in tier.units()} == {1, 3}
    small = ShortTermMemory(9, max_bytes=3 * next(u.size for u in tier.units()))
    for i in range(9):
        small.update(view(i, "cup", (0, 0, 0), i))
        assert small.bytes <= 3 * next(u.size for u in tier.units())
    assert 0 < len(small) < 9
