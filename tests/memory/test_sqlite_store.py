"""Rows in, rows out: round trips, budgets, filters before top-k, ids, merges."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.clock import ManualClock
from robomem.errors import StoreError
from robomem.memory import table
from robomem.memory.corrections import Correction
from robomem.memory.pack_check import wrong_blocks
from robomem.memory.records import Lesson, PlaceWords, Stay
from robomem.memory.sqlite_store import SqliteStore
from robomem.memory.sqlite_world import CHUNK_BYTES
from robomem.types import Episode, Event, ObjectView, Observations

number = st.floats(-1e6, 1e6, allow_nan=False)
share = st.floats(0, 1)
stamp = st.integers(0, 1 << 60)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
vector = st.lists(number, min_size=3, max_size=3).map(np.array)
views = st.builds(
    ObjectView,
    id=st.integers(1, 1 << 50),
    label=words,
    label_probs=st.dictionaries(words, share, max_size=3),
    position=vector,
    size=vector,
    yaw_rad=number,
    existence=share,
    status=st.sampled_from(["confirmed", "missing", "held"]),
    states=st.dictionaries(words, st.tuples(words, share), max_size=2),
    first_seen_ns=stamp,
    last_seen_ns=stamp,
    support=st.integers(0, 1000),
    place=st.none() | st.integers(1, 1 << 40),
    color=words,
    kind=st.sampled_from(["object", "furniture"]),
    embedding=st.lists(st.floats(-1, 1, width=32), max_size=4).map(lambda v: np.array(v, np.float32)),
)
events = st.builds(
    Event,
    id=st.integers(1, 1 << 50),
    stamp_ns=stamp,
    kind=st.just("moved"),
    object_id=st.integers(1, 99),
    before=st.dictionaries(words, number, max_size=2),
    after=st.dictionaries(words, st.lists(number, max_size=3), max_size=2),
    evidence=st.lists(st.integers(1, 1 << 50), max_size=4).map(tuple),
    belief=share,
    label=words,
)


def memory_store(**options) -> SqliteStore:
    return SqliteStore(":memory:", ManualClock(1_000), **options)


def observations(t_ns: int, positions: np.ndarray, label: str = "mug") -> Observations:
    n = len(positions)
    return Observations(
        t_ns,
        (label,) * n,
        np.full(n, 0.9),
        positions,
        np.tile(np.eye(3), (n, 1, 1)),
        np.full((n, 3), 0.1),
        np.zeros(n),
        np.ones((n, 2)),
        ("red",) * n,
        np.full(n, 200),
        np.zeros(n, bool),
        np.zeros((n, 4)),
        tuple(np.zeros((0, 3), np.float32) for _ in range(n)),
        ({},) * n,
    )


def stay(ident: int, thing: int, start: int, end: int | None, **changes) -> Stay:
    seen = end if end is not None else start
    base = Stay(ident, thing, start, seen, end, np.array([1.0, 2.0, 3.0]), 0.02, PlaceWords(7, "on the desk"), 0.9)
    return replace(base, **changes)


def same(a: object, b: object) -> bool:
    return a.__class__ is b.__class__ and all(np.array_equal(getattr(a, k), getattr(b, k)) for k in a.__dataclass_fields__)


@settings(max_examples=40, deadline=None)
@given(views, words, words)
def test_object_round_trip(view: ObjectView, holder: str, room: str):
    s = memory_store()
    place = PlaceWords(view.place, holder, 5, room)
    s.put_objects([(view, place)])
    s.flush()
    s._objects_version = None  # forget the cache: read the row
    back, at = s.objects()[view.id]
    assert same(back, view) and at == place and s.bad_rows == 0
    s.close()


@settings(max_examples=40, deadline=None)
@given(events)
def test_event_round_trip(event: Event):
    s = memory_store()
    s.put_events([(event, 1, None)])
    assert s.events(0, 1 << 62) == [event]
    s.close()


def test_episode_lesson_correction_round_trip(tmp_path: Path):
    s = SqliteStore(str(tmp_path / "home.db"), ManualClock(1_000))
    episode = Episode(3, "bring the mug", 5, 9, "done", "brought", ({"skill": "pick", "args": [1], "ok": True},), {"seconds": 4.5})
    lesson = Lesson(4, 1, "the mug is often on the desk", "user", 2, 11)
    s.put_episode(episode, 10)
    s.put_lesson(lesson)
    s.put_correction(Correction(7, "cup", np.array([1.0, 2.0, 3.0]), 12))
    s.close()
    r = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), read_only=True)
    assert r.episodes() == [episode] and r.lesson_versions() == [lesson]
    assert same(r.corrections()[7], Correction(7, "cup", np.array([1.0, 2.0, 3.0]), 12))
    r.close()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.1, 5), st.integers(0, 40), st.integers(1, 20))
def test_near_is_exact(seed: int, n: int, radius: float, window: int, k: int):
    """The index only pre-filters: the answer is that of brute force over all rows, with the filter before the top k."""
    s, rng = memory_store(), np.random.default_rng(seed)
    points, stamps = rng.uniform(-4, 4, (n, 3)), rng.integers(0, 40, n) * 1_000_000_000
    for i in range(n):
        s.put_observations(observations(int(stamps[i]), points[i : i + 1]), np.array([i + 1]), np.array([1]))
    center, until = rng.uniform(-3, 3, 3), window * 1_000_000_000
    kept = points.astype(np.float32).astype(float)
    distance = np.linalg.norm(kept - center, axis=1)
    order = sorted((d, i + 1) for i, d in enumerate(distance) if d <= radius and stamps[i] <= until)
    assert [o.id for o in s.observations_near(center, radius, 0, until, k)] == [i for _, i in order[:k]]
    s.close()


def test_ten_true_rows_among_five_hundred_are_found():
    """A rival that filters after the top k came back with none of them."""
    s, rng = memory_store(), np.random.default_rng(0)
    s.put_observations(observations(10, rng.normal(0, 0.1, (490, 3))), np.arange(1, 491), np.ones(490, int))
    s.put_observations(observations(9_000_000_000, rng.normal(0, 2.0, (10, 3))), np.arange(501, 511), np.ones(10, int))
    found = s.observations_near((0, 0, 0), 20.0, 8_000_000_000, 10_000_000_000, 10)
    assert sorted(o.id for o in found) == list(range(501, 511))
    s.close()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.lists(st.integers(0, 12), max_size=15), st.integers(0, 100))
def test_the_observation_budget_is_hard(budget: int, frames: list[int], seed: int):
    s, rng, next_id = memory_store(max_observations=budget), np.random.default_rng(seed), 1
    for t, n in enumerate(frames):
        s.put_observations(observations(t, rng.normal(0, 1, (n, 3))), np.arange(next_id, next_id + n), np.ones(n, int))
        next_id += n
        assert s.count(table.OBSERVATIONS) <= budget
        assert wrong_blocks(s, 0) == 0
    assert s.count(table.OBSERVATIONS) > 0 or sum(frames) == 0
    s.close()


def test_eviction_spares_both_ends_of_every_stay():
    s = memory_store(max_observations=10)
    s.put_stays([stay(1, 1, 0, None, first_observation=1, last_observation=4)])
    for i in range(1, 40):
        s.put_observations(observations(i, np.zeros((1, 3))), np.array([i]), np.array([1]))
    left = [row[0] for row in s.query("SELECT id FROM observations ORDER BY id")]
    assert left[:2] == [1, 4] and left[-1] == 39 and len(left) == 10
    s.close()


def test_leased_ids_are_never_given_twice(tmp_path: Path):
    path = str(tmp_path / "home.db")
    taken: list[int] = []
    for n in (3, 1, 100):
        s = SqliteStore(path, ManualClock(0))
        first = s.lease_ids(n)
        taken += range(first, first + n)
        s.close()
    assert taken == sorted(set(taken))
    with pytest.raises(StoreError, match="lease 0"):
        SqliteStore(path, ManualClock(0)).lease_ids(0)


def test_group_commit_by_real_time(tmp_path: Path):
    """A write waits for its group; the group is on the disk once its interval is over, by the next write or by the committer."""
    ticks = [0.0]
    s = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), commit_interval_s=0.05, monotonic_s=lambda: ticks[0])
    reader = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), read_only=True)
    s._dirty.clear()
    s.put_meta("a", "1")
    assert reader.get_meta("a") == ""
    ticks[0] = 1.0
    s.put_meta("b", "1")
    assert reader.get_meta("a") == "1" and reader.get_meta("b") == ""
    s.flush()
    assert reader.get_meta("b") == "1"
    reader.close()
    s.close()


def test_the_committer_needs_no_further_call(tmp_path: Path):
    s = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), commit_interval_s=0.02)
    s.put_meta("a", "1")
    for _ in range(100):
        if s._began_s is None:
            break
        s._committer.join(0.02)
    assert s._began_s is None
    s.close()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(CHUNK_BYTES // 2, dtype=np.int64),
        np.zeros((0, 3), np.float32),
        np.float64(3.5),
        np.array([True, False]),
        np.arange(6).reshape(2, 3),
    ],
)
def test_world_state_round_trip(array: np.ndarray):
    s = memory_store()
    for version in (array, np.asarray(array)[:1] if np.ndim(array) else array, array):  # longer, shorter, longer: no stale chunk stays
        s.put_world({"a": version, "b": np.arange(3)})
        got = s.world()
        assert np.array_equal(got["a"], version) and got["a"].dtype == np.asarray(version).dtype
    s.put_world({"a": array})
    assert set(s.world()) == {"a"}
    s.close()


def test_world_state_takes_no_pickle():
    s = memory_store()
    with pytest.raises(ValueError, match="allow_pickle"):
        s.put_world({"a": np.array([{}], dtype=object)})
    s.close()


def test_a_damaged_snapshot_is_no_snapshot():
    s = memory_store()
    s.put_world({"a": np.arange(5), "b": np.arange(3)})
    s.write("UPDATE world_state SET data = zeroblob(160) WHERE name = 'a'")
    assert s.world() == {}
    s.close()


def test_words_find_stems_and_survive_query_syntax():
    s = memory_store()
    s.put_lesson(Lesson(1, 1, "mugs belong in the cabinet", "user", 1, 0))
    s.put_lesson(Lesson(2, 1, "the door of the fridge sticks", "user", 1, 0))
    assert [i for i, _ in s.search_words("where do I put the mug", "lesson", 5)] == [1]  # "the" and "in" say nothing
    for hostile in ('"', "a* OR", "NEAR(", "body:x", "-", "", "'; DROP TABLE words; --"):
        s.search_words(hostile, "lesson", 5)
    assert s.search_words("fridges", "lesson", 5)[0][0] == 2 and s.search_words("fridge", "episode", 5) == []
    s.close()


def test_episodes_are_bounded_with_their_words():
    s = memory_store()
    for i in range(1, 8):
        s.put_episode(Episode(i, f"task{i}", i, i, "done", ""), 3)
    assert [e.id for e in s.episodes()] == [7, 6, 5]
    assert [len(s.search_words(word, "episode", 3)) for word in ("task1", "task7")] == [0, 1]
    s.close()


def test_merge_hands_over_what_was_seen_and_follows_aliases():
    s = memory_store()
    a, b = (ObjectView(i, "mug", {"mug": 1.0}, np.zeros(3), np.ones(3), 0.0, 0.9, "confirmed", {}, 0, 0, 3) for i in (1, 2))
    s.put_objects([(a, PlaceWords()), (b, PlaceWords())])
    s.put_stays([stay(1, 1, 10, None), stay(2, 2, 2, 8), stay(3, 2, 12, 20)])
    s.put_observations(observations(5, np.zeros((1, 3))), np.array([50]), np.array([2]))
    s.merge(2, 1, 30)
    assert s.resolve(2) == 1 and s.aliases_of(1) == [2] and list(s.objects()) == [1]
    assert [(x.id, x.object_id) for x in s.stays()] == [(2, 1), (1, 1)]  # the overlapping stay tells nothing new
    assert [o.id for o in s.observations_of(1, 0, 100, 5)] == [50] and s.bad_rows == 0
    s.close()


def test_a_ring_of_aliases_ends():
    s = memory_store()
    s._aliases = {1: 2, 2: 3, 3: 1}
    assert s.resolve(1) == 1
    s.close()


@pytest.mark.parametrize(("at", "expected"), [(0, []), (5, [1, 4]), (15, [2, 4]), (1 << 60, [2, 4])])
def test_stays_at_a_time_are_the_last_begun_by_then(at: int, expected: list[int]):
    s = memory_store()
    s.put_stays([stay(1, 1, 5, 9), stay(2, 1, 10, None), stay(4, 2, 1, None)])
    assert [x.id for x in s.stays(at_ns=at)] == expected
    s.close()
