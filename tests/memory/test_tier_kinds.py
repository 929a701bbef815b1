"""Temporal, working, spatial and place memory, each by its own rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.memory.knowledge import Edit, KnowledgeGraph, SpatialTier
from robomem.memory.place_memory import Glimpse, PlaceMemory, PlaceTier
from robomem.memory.temporal import MAX_CHARS, TemporalMemory
from robomem.memory.tiers import Ask, Moment
from robomem.memory.working import WorkingMemory

STEPS = [
    Moment("step", t, action, seen) for t, (action, seen) in enumerate([("open drawer", "done"), ("look", "a red mug"), ("pick", "failed")])
]


def test_temporal_folds_the_oldest_into_one_at_the_head():
    memory = TemporalMemory(size=4, fold=2)
    for t in range(6):
        memory.update(Moment("step", t, f"step {t}" if t != 4 else "turn off the TV", "ok"))
        memory.update(Moment("seen", t, "a mug"))  # none of its business
    got = [(s.text, s.from_ns, s.to_ns, s.steps) for s in memory.summaries()]
    assert got == [
        ("step 0: ok; step 1: ok; step 2: ok", 0, 2, 3),
        ("step 3: ok", 3, 3, 1),
        ("turn off the TV: ok", 4, 4, 1),
        ("step 5: ok", 5, 5, 1),
    ]
    assert [i.text for i in memory.retrieve(Ask(k=2))] == ["step 5: ok", "turn off the TV: ok"]
    memory.update(Moment("forget", 9, "tv"))
    assert [s.from_ns for s in memory.summaries()] == [0, 3, 5]


@given(st.lists(st.text(max_size=300), max_size=40), st.integers(2, 6), st.integers(2, 6))
def test_temporal_stays_bounded_and_covers_every_step(texts: list[str], size: int, fold: int):
    if fold > size:
        with pytest.raises(InvalidInputError):
            TemporalMemory(size, fold)
        return
    memory = TemporalMemory(size, fold)
    for t, text in enumerate(texts):
        memory.update(Moment("step", t, text))
    kept = memory.summaries()
    assert len(kept) <= size and sum(s.steps for s in kept) == len(texts) and all(len(s.text) <= MAX_CHARS for s in kept)
    assert [s.from_ns for s in kept] == sorted(s.from_ns for s in kept)


def test_a_finished_sub_goal_is_one_line_and_its_steps_can_be_recalled():
    memory = WorkingMemory()
    memory.update(Moment("subgoal_began", 0, "find the mug"))
    for step in STEPS:
        memory.update(step)
    assert memory.context() == ["#1 now: find the mug", "open drawer: done", "look: a red mug", "pick: failed"]
    memory.update(Moment("subgoal_done", 9, outcome="it is in the drawer"))
    memory.update(Moment("subgoal_began", 10, "find the plate"))
    memory.update(STEPS[1])
    assert memory.context() == ["#1 find the mug: it is in the drawer", "#2 now: find the plate", "look: a red mug"]
    assert memory.trajectory(1) == [("open drawer", "done"), ("look", "a red mug"), ("pick", "failed")]
    memory.update(Moment("subgoal_began", 11, "give up"))  # the second ends without a word
    assert memory.context()[1] == "#2 find the plate: left for another"
    assert [i.ids for i in memory.retrieve(Ask("the mug"))] == [(3,), (1,), (2,)]
    memory.update(Moment("forget", 9, "plate"))
    with pytest.raises(InvalidInputError, match="no sub-goal 2"):
        memory.trajectory(2)


def test_working_memory_is_bounded_and_never_drops_the_current_goal():
    memory = WorkingMemory(keep=3)
    memory.update(Moment("subgoal_began", 0, "goal 0"))
    for t in range(1, 9):
        memory.update(Moment("subgoal_done", t, outcome="done"))
        memory.update(Moment("subgoal_began", t, f"goal {t}"))
        assert memory.current is not None and len(memory.context()) <= 3 and memory.context()[-1] == f"#{t + 1} now: goal {t}"


LABELS = {1: "kitchen", 2: "counter", 3: "mug", 4: "study", 5: "desk", 6: "book", 7: "hall"}
FACTS = [(2, "part_of", 1), (3, "on", 2), (5, "part_of", 4), (6, "on", 5), (1, "connects_to", 7), (4, "connects_to", 7)]


def knowledge() -> KnowledgeGraph:
    graph = KnowledgeGraph()
    graph.follow(LABELS, FACTS)
    return graph


def test_retrieval_is_top_vertices_and_their_hops():
    found = knowledge().retrieve("where is the mug", n=1, hops=2)
    assert found.hops == {3: 0, 2: 1, 1: 2} and found.facts == ((2, "part_of", 1), (3, "on", 2))
    assert knowledge().retrieve("where is the violin").hops == {}
    assert set(knowledge().retrieve("mug and book", hops=0).hops) == {3, 6}


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Edit("add", 3, "belongs_to", 2), ""),
        (Edit("add", 3, "belongs_to", 99, label="Ada"), ""),
        (Edit("add", 3, "belongs_to", 99), "no label"),
        (Edit("add", 3, "belongs_to", 6), "outside the retrieved"),
        (Edit("delete", 6, "on", 5), "outside the retrieved"),
        (Edit("delete", 3, "on", 2), "a fact of the map"),
        (Edit("modify", 3, "on", 2, to=1), "a fact of the map"),
        (Edit("delete", 3, "likes", 2), "no such fact"),
    ],
)
def test_edits_stay_within_the_neighbourhood(edit: Edit, reason: str):
    graph = knowledge()
    before = graph.facts
    applied = graph.apply([edit], graph.retrieve("mug", n=1), "a model")
    if reason:
        assert applied.done == () and reason in applied.refused[0][1] and graph.facts == before
    else:
        assert applied.done == (edit,) and graph.source((edit.subject, edit.predicate, edit.object)) == "a model"
        assert graph.facts - before == {(edit.subject, edit.predicate, edit.object)}


def test_told_facts_change_and_isolated_vertices_are_pruned():
    graph = knowledge()
    graph.apply([Edit("add", 3, "belongs_to", 99, label="Ada")], graph.retrieve("mug"), "user")
    scope = graph.retrieve("mug")
    graph.apply([Edit("modify", 3, "belongs_to", 99, to=1)], scope, "user")
    assert (3, "belongs_to", 1) in graph.facts and 99 not in graph.labels
    graph.follow({i: label for i, label in LABELS.items() if i != 3}, [f for f in FACTS if 3 not in f])  # the mug is gone
    assert not any(3 in f for f in graph.facts)
    graph.forget([2])
    assert not any(2 in f for f in graph.facts)


def test_the_spatial_tier_follows_the_map_and_takes_edits():
    tier = SpatialTier(lambda: (LABELS, FACTS))
    edits = [Edit("add", 3, "belongs_to", 99, label="Ada"), Edit("delete", 6, "on", 5)]
    tier.update(Moment("edit", 0, "the mug", data={"edits": edits, "source": "user"}))
    assert [i.text for i in tier.retrieve(Ask("mug"))][:2] == ["mug #3 belongs to Ada #99", "mug #3 on counter #2"]
    assert [reason for _, reason in tier.refused] == ["vertex 6 is outside the retrieved neighbourhood"]


def glimpse(i: int, place: str, vector=(1.0, 0.0)) -> Glimpse:
    return Glimpse(i, f"thing {i}", place, i, np.array(vector, np.float32))


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"split": "borrow", "strategy": "FIFO"}, [4, 5, 6, 7]),
        ({"split": "borrow", "strategy": "LIFO"}, [0, 1, 2, 7]),
        ({"split": "borrow", "strategy": "MVFO"}, [2, 5, 6, 7]),  # "a" was visited three times, the others once
        ({"split": "borrow", "strategy": "LVFO"}, [1, 3, 4, 7]),
        ({"split": "fair", "strategy": "FIFO"}, [2, 4, 6, 7]),  # "a" had three, and gives them back
        ({"split": "fair", "strategy": "LIFO"}, [0, 2, 5, 7]),
        ({"split": "equal", "strategy": "FIFO"}, [2, 6, 7]),
        ({"split": "equal", "strategy": "LIFO"}, [2, 6, 7]),
    ],
)
def test_what_place_memory_keeps(options, kept: list[int]):
    memory = PlaceMemory(rows=4, **options)
    for i, place in enumerate(["a", "a", "b", "a", "a", "c", "c", "a"]):
        memory.add(glimpse(i, place))
    assert sorted(g.id for g in memory) == kept


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 12), st.sampled_from(["equal", "borrow", "fair"]), st.integers(1, 5))
def test_place_memory_keeps_its_budget_and_its_chunks_pure(places: list[int], rows: int, split, chunk: int):
    memory = PlaceMemory(rows, split, "FIFO", chunk)
    for i, place in enumerate(places):
        memory.add(Glimpse(i, f"thing {i}", place, i, np.array((1.0, 0.0), np.float32)))
        counts = memory.counts()
        assert len(memory) == sum(counts.values()) <= rows
        if split == "equal" and len(counts) <= rows:
            assert max(counts.values()) <= max(1, rows // len(counts))
        if split == "fair" and len(memory) == rows:  # nobody took from a place that had less than its share
            assert all(counts[p] >= min(places[: i + 1].count(p), rows // len(counts)) for p in set(places[: i + 1]))
    for part in memory.chunks():
        assert len(part) <= chunk and len({g.place for g in part}) == 1 and [g.id for g in part] == sorted(g.id for g in part)
    assert sorted(g.id for part in memory.chunks("time") for g in part) == sorted(g.id for g in memory)


def test_the_two_stage_read_finds_a_room_seen_long_ago():
    rng = np.random.default_rng(0)
    rooms = rng.normal(size=(6, 32))
    memory = PlaceMemory(rows=600, chunk=16)
    for i in range(288):
        room = i % 6  # the robot wanders: time chunks mix the rooms
        memory.add(glimpse(i, str(room), rooms[room] / np.linalg.norm(rooms[room]) + 0.1 * rng.normal(size=32)))
    reading = memory.read(rooms[2], k=3)
    mixed = memory.read(rooms[2], 3, "time")
    assert abs(sum(reading.weights) - 1.0) < 1e-6 and list(reading.weights) == sorted(reading.weights, reverse=True)
    # Three chunks of 16 bring up 48 records of that room, or what of it lies in three stretches of time.
    assert [sum(g.place == "2" for g in r.glimpses) for r in (reading, mixed)] == [48, 9]
    assert reading.chunks == 18 and reading.vector @ rooms[2] > 0
    assert PlaceMemory().read(rooms[2]).glimpses == ()


def test_the_place_tier_by_appearance_by_place_and_by_words():
    tier = PlaceTier()
    for i, (label, place, vector) in enumerate([("mug", 1, (1, 0)), ("book", 2, (0, 1)), ("mug", 1, (1, 0.1))]):
        tier.update(Moment("seen", i, label, place=place, id=7 + i % 2, vector=np.array(vector, np.float32)))
    tier.update(Moment("seen", 9, "chair", place=None, id=3, vector=np.array((1, 1), np.float32)))  # nowhere: not of this tier
    assert [i.ids for i in tier.retrieve(Ask(vector=np.array((0, 1.0))))] == [(8,), (7,)]
    assert [i.ids for i in tier.retrieve(Ask(vector=np.array((0, 1.0)), place=1))] == [(7,)]  # what was seen elsewhere is not asked for
    assert [i.stamp_ns for i in tier.retrieve(Ask(place=1))] == [2] and [i.ids for i in tier.retrieve(Ask("the books"))] == [(8,)]
    tier.memory.forget(7)
    assert tier.retrieve(Ask("mug")) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlaceMemory(chunk=0), "at least one"),
        (lambda: PlaceMemory(split="equal", strategy="MVFO"), "own share"),
        (lambda: PlaceMemory(strategy="LVFO"), "own share"),
        (lambda: PlaceMemory(0), "at least 1"),
    ],
)
def test_place_memory_refuses(make, message: str):
    with pytest.raises(InvalidInputError, match=message):
        make()
