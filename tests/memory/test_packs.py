"""Packs are an index and no more: whatever happens to the rows, the answers are those of comparing every row that is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.belief.correction import MapCorrection
from robomem.errors import InvalidInputError
from robomem.geometry import pose2d
from robomem.memory import table
from robomem.memory.integrity import verify
from robomem.memory.pack import approximate
from robomem.memory.pack_check import wrong_blocks
from robomem.memory.packs import Ball, PackReader
from robomem.memory.remap import Remapper
from robomem.memory.similar import similar_observations
from robomem.types import Event
from tests.memory.packed_store import (
    ALWAYS,
    DIM,
    EPOCH,
    S,
    check,
    filled,
    old_file,
    packed,
    put,
    small_blocks,  # noqa: F401  # of every test here
    store,
)
from tests.memory.test_similar import observations

OPERATIONS = (
    "put",
    "put",
    "put",
    "put old",
    "replace",
    "move",
    "delete",
    "delete many",
    "merge",
    "flush",
    "flush",
    "undo",
    "ask",
    "reopen",
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(OPERATIONS), min_size=8, max_size=60), st.integers(0, 1 << 30), st.sampled_from([200, 10_000]))
def test_whatever_happens_the_answers_are_exact(tmp_path_factory: pytest.TempPathFactory, operations: list[str], seed: int, budget: int):
    path = tmp_path_factory.mktemp("packs") / "home.db"
    rng, s, newest = np.random.default_rng(seed), store(path, max_observations=budget), 100
    for what in operations:
        ids = [row[0] for row in s.query("SELECT id FROM observations ORDER BY id")]
        if what == "put":
            n = int(rng.integers(1, 40))
            put(s, rng, newest + np.arange(n), int(rng.integers(1, 4)))
            newest += n + int(rng.integers(0, 5))
        elif what == "put old":  # ids leased long ago, or read from another memory
            put(s, rng, np.unique(rng.integers(1, newest, 3)))
        elif what == "replace" and ids:
            put(s, rng, np.unique(rng.choice(ids, 3)))
        elif what == "move" and ids:
            some = s.rows(table.OBSERVATIONS, "WHERE id >= ? ORDER BY id LIMIT 9", (int(rng.choice(ids)),))
            s.put(table.OBSERVATIONS, [(*row[:5], row[5] + 1.0, *row[6:-1]) for row in some])
        elif what == "delete" and ids:
            s.delete_observations(np.unique(rng.choice(ids, 2)).tolist())
        elif what == "delete many":
            s.delete_observations(ids[len(ids) // 4 : len(ids) // 2])
        elif what == "merge":
            s.merge(2, 1, EPOCH)
        elif what == "undo":
            s.flush()
            with s.holding():
                put(s, rng, newest + np.arange(30))
                s.delete_observations(ids[:20])
                s._roll_back()
        elif what == "reopen":
            s.close()
            s = store(path, max_observations=budget)
        elif what == "flush":
            s.flush()
            assert wrong_blocks(s, EPOCH) == 0
        check(s, rng, but=int(rng.integers(0, 4)))
    s.flush()
    reader = store(path, read_only=True)
    check(reader, rng)
    assert wrong_blocks(s, EPOCH) == 0 and verify(s).ok and reader.bad_rows == s.bad_rows == 0
    reader.close()
    s.close()


@pytest.mark.parametrize("engine", ["apsw", "sqlite3"])
def test_a_commit_packs_what_has_become_a_block(engine: str) -> None:
    s = filled(engine=engine)
    assert s.query("SELECT count(*), sum(packed) FROM blocks") == [(6, 6)]
    held = packed(s)
    assert sorted(np.concatenate(held).tolist()) == list(range(1, 97)) and max(map(len, held)) == 5
    check(s, np.random.default_rng(0))
    s.close()


def test_a_change_unpacks_a_block_at_once_and_a_commit_packs_it_again() -> None:
    s = filled()
    s.delete_observations([20])
    assert s.query("SELECT last FROM blocks WHERE NOT packed") == [(32,)] and not s.query("SELECT 1 FROM packs WHERE block = 32")
    check(s, np.random.default_rng(0))
    s.flush()
    held = packed(s, 32)
    assert sorted(np.concatenate(held).tolist()) == [i for i in range(17, 33) if i != 20]
    s.close()


def test_who_an_observation_belongs_to_is_in_no_pack() -> None:
    """A merge of two objects with thousands of observations leaves their packs as they are."""
    s = filled()
    s.merge(7, 8, EPOCH)
    assert s.query("SELECT sum(packed) FROM blocks") == [(6,)] and len(s.observations_of(8, 0, ALWAYS, 200)) == 100 and s.bad_rows == 0
    s.close()


def test_a_block_of_few_is_joined_to_the_next_and_an_empty_one_goes() -> None:
    s = filled()
    s.delete_observations([*range(1, 17), *range(17, 31), *range(49, 65)])
    for _ in range(3):
        s.put_meta("tick", "")
        s.flush()
    assert [row[0] for row in s.query("SELECT last FROM blocks WHERE packed")] == [48, 80, 96] and wrong_blocks(s, EPOCH) == 0
    held = packed(s, 48)
    assert sorted(np.concatenate(held).tolist()) == [31, 32, *range(33, 49)]
    check(s, np.random.default_rng(1))
    s.close()


def test_nothing_of_what_is_forgotten_is_left_in_the_file(tmp_path: Path) -> None:
    """Neither what it looked like nor where and when it was; packs keep bytes and doubles, their boxes big-endian floats."""
    s, rng, spot = filled(tmp_path / "home.db"), np.random.default_rng(4), np.array([123.4567, 77.7711, 55.1234], np.float32)
    put(s, rng, np.arange(101, 113))
    seen = observations(EPOCH + 3 * S, np.tile(spot, (16, 1)), rng.standard_normal((16, DIM)))
    s.put_observations(seen, np.arange(113, 129), np.full(16, 7))  # a block of its own
    ((row,),) = (s.query("SELECT embedding FROM observations WHERE id = 120"),)
    traces = [approximate(np.frombuffer(row[0], np.float16).reshape(1, -1))[2].tobytes()]
    traces += [np.array(v, kind).tobytes() for v in spot for kind in (">f4", "<f8", ">f8")]
    s.close()
    left = (tmp_path / "home.db").read_bytes()
    assert traces[0] in left and all(trace in left for trace in traces[1::3])
    s = store(tmp_path / "home.db")
    s.delete_observations(list(range(113, 129)))
    s.scrub()
    assert not any(trace in p.read_bytes() for p in tmp_path.iterdir() for trace in traces)
    assert wrong_blocks(s, EPOCH) == 0 and verify(s).ok
    check(s, rng)
    s.close()


@pytest.mark.parametrize("engine", ["apsw", "sqlite3"])
def test_a_file_without_packs_is_answered_by_a_reader_and_packed_by_a_writer(tmp_path: Path, engine: str) -> None:
    path, rng = tmp_path / "home.db", np.random.default_rng(5)
    old_file(path, [rng.standard_normal((4, DIM)) for _ in range(25)], engine)
    reader = store(path, read_only=True, engine=engine)
    check(reader, rng)
    s = store(path, engine=engine)
    assert s.query("SELECT count(*), sum(packed) FROM blocks") == [(6, 6)] and verify(s).ok
    for one in (s, reader):  # who opened it before the migration goes on, by packs
        check(one, rng)
        assert one.packs.within(Ball(np.zeros(3), 99.0, 0, ALWAYS)).ids.tolist() != []
        one.close()


def test_a_reader_sees_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that the writer packs between a reader's look at the packs and at what is in none are not lost to it."""
    s = filled(tmp_path / "home.db")
    reader = store(tmp_path / "home.db", read_only=True)
    spans = PackReader._spans

    def late(self: PackReader) -> list[tuple[int, int]]:
        put(s, np.random.default_rng(1), np.arange(201, 241))
        s.flush()
        return spans(self)

    with monkeypatch.context() as patch:
        patch.setattr(PackReader, "_spans", late)
        found = reader.packs.within(Ball(np.zeros(3), 99.0, 0, ALWAYS))
    assert sorted(found.ids.tolist()) == list(range(1, 101))
    assert len(reader.packs.within(Ball(np.zeros(3), 99.0, 0, ALWAYS)).ids) == 140
    reader.close()
    s.close()


def test_vectors_of_another_length_have_packs_of_their_own() -> None:
    s, rng = store(), np.random.default_rng(0)
    for i in range(1, 60):
        d = DIM if i % 3 else 4
        s.put_observations(observations(EPOCH + i * S, np.full((1, 3), i % 3), rng.standard_normal((1, d))), np.array([i]), np.array([1]))
    s.flush()
    assert {row[0] for row in s.query("SELECT dim FROM packs")} == {4, DIM} and wrong_blocks(s, EPOCH) == 0
    assert len(similar_observations(s, np.ones(4), np.zeros(3), 0.1, 0, ALWAYS, 99)) == 19
    assert len(similar_observations(s, np.ones(DIM), np.full(3, 2.0), 1.9, 0, ALWAYS, 99)) == 40
    s.close()


def test_replaced_rows_do_not_count_as_new_ones() -> None:
    s, rng = store(), np.random.default_rng(0)
    for _ in range(10):
        put(s, rng, np.arange(1, 9))
        s.flush()
    assert s.query("SELECT count(*) FROM blocks") == [(0,)]
    put(s, rng, np.arange(9, 17))
    s.flush()
    assert s.query("SELECT last FROM blocks") == [(16,)]
    check(s, rng)
    s.close()


def test_a_frame_is_replaced_whole() -> None:
    """`replace` of a frame under the same ids: packs follow the newest rows."""
    s, rng = filled(), np.random.default_rng(2)
    ids = np.arange(33, 37)
    seen = observations(EPOCH + S, np.full((4, 3), 30.0), rng.standard_normal((4, DIM)))
    s.put_observations(replace(seen, stamp_ns=EPOCH + 2 * S), ids, np.full(4, 7))
    for _ in range(2):
        near = s.observations_near((30, 30, 30), 1.0, EPOCH, EPOCH + 3 * S, 9)
        assert [o.id for o in near] == ids.tolist()
        s.flush()
    s.close()


@pytest.mark.parametrize("dims", [[0], [0, DIM], [0, 4, DIM]])
def test_observations_without_appearance_are_kept_and_found_like_others(tmp_path: Path, dims: list[int]) -> None:
    """A detector may give no appearance vectors: their length is zero."""
    path, rng = tmp_path / "home.db", np.random.default_rng(0)
    old_file(path, [rng.standard_normal((4, dims[i % len(dims)])) for i in range(30)])
    s = store(path)
    for i in range(200, 320, 4):
        seen = observations(EPOCH + i * S, rng.uniform(0, 8, (4, 3)), rng.standard_normal((4, dims[i // 4 % len(dims)])))
        s.put_observations(seen, np.arange(i, i + 4), np.full(4, 7))
        s.flush()
    assert {row[0] for row in s.query("SELECT dim FROM packs")} == set(dims) and s.health()["warnings"] == []
    assert s.query("SELECT sum(packed) FROM blocks") == [(15,)] and wrong_blocks(s, EPOCH) == 0 and verify(s).ok
    rows = [(float(np.linalg.norm(row[1:])), row[0]) for row in s.query("SELECT id, x, y, z FROM observations")]
    assert len(rows) == 240
    assert [o.id for o in s.observations_near(np.zeros(3), 7.0, 0, ALWAYS, 99)] == [i for d, i in sorted(rows) if d <= 7.0][:99]
    s.close()


@pytest.mark.parametrize("n", [4, 40])
def test_vectors_of_an_older_embedder_do_not_matter_where_they_are_left_out(n: int) -> None:
    """Read one by one (4) or from packs (40)."""
    s, rng = store(), np.random.default_rng(0)
    for start, dim, thing in ((1, 4, 1), (101, DIM, 2), (201, 0, 2)):
        seen = observations(EPOCH + start * S, rng.uniform(0, 8, (n, 3)), rng.standard_normal((n, dim)))
        s.put_observations(seen, np.arange(start, start + n), np.full(n, thing))
    s.flush()
    v = rng.standard_normal(DIM)
    held = {
        i: np.frombuffer(b, np.float16).astype(float)
        for i, b in s.query("SELECT id, embedding FROM observations WHERE id BETWEEN 101 AND 200")
    }
    best = sorted(held, key=lambda i: -float(held[i] @ v) / float(np.linalg.norm(held[i])))
    got = similar_observations(s, v, np.full(3, 4.0), 20.0, 0, ALWAYS, 3, but=1)  # nor do those without appearance
    assert [o.id for _, o in got] == best[:3]
    with pytest.raises(InvalidInputError, match=r"\[4\]"):
        similar_observations(s, v, np.full(3, 4.0), 20.0, 0, ALWAYS, 3, but=2)
    s.close()


@pytest.mark.parametrize("radius", [-0.001, -50.0, float("nan")])
def test_within_less_than_nothing_there_is_nothing(radius: float) -> None:
    s = filled()
    assert s.observations_near(np.full(3, 4.0), radius, 0, ALWAYS, 9) == []
    assert similar_observations(s, np.ones(DIM), np.full(3, 4.0), radius, 0, ALWAYS, 9) == []
    s.close()


def test_after_a_corrected_map_all_is_packed_again_at_once() -> None:
    s = filled(n=200)
    moved = MapCorrection(pose2d(0.4, -0.3, 0.5))
    Remapper(s).apply(Event(999, EPOCH + 3600 * S, "map_corrected", 0, {}, moved.to_json()))
    assert s.query("SELECT count(*), sum(packed) FROM blocks") == [(12, 12)] and wrong_blocks(s, EPOCH) == 0
    check(s, np.random.default_rng(0))
    s.close()


def test_after_much_was_forgotten_all_is_packed_again_at_once() -> None:
    s = filled(n=200)
    s.delete_observations(list(range(1, 200, 3)))
    s.scrub()
    assert s.query("SELECT count(*) FROM blocks WHERE NOT packed") == [(0,)] and wrong_blocks(s, EPOCH) == 0
    assert sum(map(len, packed(s))) >= s.count(table.OBSERVATIONS) - 16
    check(s, np.random.default_rng(0))
    s.close()
