"""Packs are an index and no more: whatever happens to the rows, the answers are those of comparing every row that is there."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robomem.belief.correction import MapCorrection
from robomem.clock import ManualClock
from robomem.errors import InvalidInputError, StoreError, StoreLockedError
from robomem.geometry import pose2d
from robomem.memory import packs, table
from robomem.memory.budget import Budget
from robomem.memory.database import Database
from robomem.memory.integrity import verify
from robomem.memory.pack import Entries, approximate, bytes_per_row, decode, encode, seal, split, unseal
from robomem.memory.pack_check import wrong_blocks
from robomem.memory.packs import Ball, PackReader
from robomem.memory.records import observation_rows
from robomem.memory.remap import Remapper
from robomem.memory.scan import scan
from robomem.memory.schema import MIGRATIONS, migrate
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Event
from tests.memory.test_similar import observations

S, DIM, EPOCH = 10**9, 11, 1_000 * 10**9
ALWAYS = (1 << 62) - 1


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "BLOCK_ROWS", 16)
    monkeypatch.setattr(packs, "PACK_ROWS", 5)
    monkeypatch.setattr(packs, "SPARSE", 4)
    monkeypatch.setattr(packs, "PART", 3)


def store(path: Path | str = ":memory:", **options) -> SqliteStore:
    s = SqliteStore(str(path), ManualClock(EPOCH), commit_interval_s=1000, **options)
    if not s.read_only and s.get_meta("next_id") == "1":
        s.lease_ids(1_000_000)
    return s


def put(s: SqliteStore, rng: np.random.Generator, ids: np.ndarray, thing: int = 7) -> None:
    """Observations of these ids at one moment, anywhere in a room of 8 x 8 x 8 m."""
    seen = observations(EPOCH + int(rng.integers(0, 3600)) * S, rng.uniform(0, 8, (len(ids), 3)), rng.standard_normal((len(ids), DIM)))
    s.put_observations(seen, ids, np.full(len(ids), thing))


def check(s: SqliteStore, rng: np.random.Generator, but: int = 0) -> None:
    """A random question answered by the store and by comparing every row."""
    v, c, r, k = rng.standard_normal(DIM), rng.uniform(0, 8, 3), float(rng.uniform(0.5, 9)), int(rng.integers(1, 15))
    a, b = sorted(EPOCH + int(t) * S for t in rng.integers(0, 3600, 2))
    a, b = (0, ALWAYS) if rng.random() < 0.3 else (a, b)
    rows = s.query("SELECT id, x, y, z, stamp_ns, object_id, embedding FROM observations ORDER BY id")
    near = [row for row in rows if np.linalg.norm(np.array(row[1:4]) - c) <= r and a <= row[4] <= b]
    held = {row[0]: np.frombuffer(row[6], np.float16).astype(float) for row in near if not but or row[5] != but}
    cosines = {i: float(x @ v) / float(np.linalg.norm(x)) / float(np.linalg.norm(v)) for i, x in held.items()}
    got = similar_observations(s, v, c, r, a, b, k, but)
    assert [o.id for _, o in got] == sorted(cosines, key=lambda i: (-cosines[i], i))[:k]
    assert [likeness for likeness, _ in got] == pytest.approx([cosines[o.id] for _, o in got], abs=1e-5)
    distances = sorted((float(np.linalg.norm(np.array(row[1:4]) - c)), row[0]) for row in near)
    assert [o.id for o in s.observations_near(c, r, a, b, k)] == [i for _, i in distances[:k]]


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


def filled(path: Path | str = ":memory:", n: int = 100, **options) -> SqliteStore:
    s, rng = store(path, **options), np.random.default_rng(3)
    for i in range(1, n, 4):
        put(s, rng, np.arange(i, i + 4))
    s.flush()
    return s


def packed(s: SqliteStore, only: int | None = None) -> list[np.ndarray]:
    """The ids in each pack, of one block or of all."""
    rows = s.query("SELECT block, dim, data FROM packs")
    return [decode(unseal(data, block, dim), dim).ids for block, dim, data in rows if only in (None, block)]


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


def old_file(path: Path, vectors: list[np.ndarray], engine: str = "apsw") -> None:
    """A file of schema version 2, of four observations per group of Float[4, d]."""
    rng, db = np.random.default_rng(5), Database(str(path), engine=engine)
    db.execute("PRAGMA journal_mode = WAL")
    migrate(db, 0, MIGRATIONS[:2])
    for key, value in (("epoch_ns", str(EPOCH)), ("next_id", "1000000"), ("map_id", "m"), ("embedder_id", "")):
        db.execute(table.META.insert, table.META.seal((key, value)))
    for i, v in zip(range(1, 4 * len(vectors), 4), vectors, strict=True):
        rows = observation_rows(observations(EPOCH + i * S, rng.uniform(0, 8, (4, 3)), v), np.arange(i, i + 4), np.full(4, 7))
        db.executemany(table.OBSERVATIONS.insert, [table.OBSERVATIONS.seal(row) for row in rows])
        boxes = [(row[0], *np.repeat(row[5:8], 2).tolist(), i, i) for row in rows]
        db.executemany("INSERT INTO observation_boxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", boxes)
    db.close()


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


DAMAGE = [
    "UPDATE packs SET data = x'00' WHERE id = 4",
    "UPDATE packs SET dim = -3 WHERE id = 4",
    "UPDATE packs SET dim = 12 WHERE id = 4",
    "UPDATE packs SET dim = 'text' WHERE id = 4",
    "UPDATE packs SET data = 'text' WHERE id = 4",
    "UPDATE packs SET block = 96 WHERE id = 4",
    "UPDATE packs SET data = substr(data, 1, length(data) - 8)",  # as a file made before packs had a checksum
]


@pytest.mark.parametrize("sql", DAMAGE)
def test_a_damaged_pack_costs_time_and_no_answer(tmp_path: Path, sql: str) -> None:
    s = filled(tmp_path / "home.db")
    s.write(sql)
    assert wrong_blocks(s, EPOCH) > 0
    for seed in range(5):
        check(s, np.random.default_rng(seed))
    assert s.bad_rows > 0
    for _ in range(3):  # the writer makes them anew
        s.put_meta("tick", "")
        s.flush()
    assert wrong_blocks(s, EPOCH) == 0 and s.query("SELECT count(*), sum(packed) FROM blocks") == [(6, 6)]
    s.bad_rows = 0
    check(s, np.random.default_rng(9))
    assert s.bad_rows == 0 and verify(s).ok
    s.close()


@pytest.mark.parametrize("sql", DAMAGE)
def test_verify_finds_a_damaged_pack(sql: str) -> None:
    s = filled()
    s.write(sql)
    assert any("did not hold" in line for line in verify(s).problems) and verify(s).ok
    s.close()


def test_no_flipped_bit_of_a_pack_changes_an_answer(tmp_path: Path) -> None:
    s, everywhere = filled(tmp_path / "home.db"), Ball(np.full(3, 4.0), 99.0, 0, ALWAYS)
    reader, rng = store(tmp_path / "home.db", read_only=True), np.random.default_rng(1)
    ((sound,),) = s.query("SELECT data FROM packs WHERE id = 4")
    whole = sorted(reader.packs.within(everywhere).ids.tolist())
    for at, bit in [(i, int(rng.integers(8))) for i in range(len(sound))]:
        s.write("UPDATE packs SET data = ? WHERE id = 4", (sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :],))
        s.flush()
        reader.bad_rows = 0
        assert sorted(reader.packs.within(everywhere).ids.tolist()) == whole and reader.bad_rows == 1
        check(reader, rng)
    reader.close()
    s.close()


@pytest.mark.parametrize("dim", [DIM, 200])
def test_packs_take_no_room_from_rows(dim: int) -> None:
    """A store at its bound of bytes keeps as many observations as one that packs none."""
    kept = []
    for packs_any in (True, False):
        s, rng = store(budget=Budget(max_bytes=1 << 20)), np.random.default_rng(0)
        if not packs_any:
            s._packer = None
        for i in range(1, 6001, 10):
            seen = observations(EPOCH + i * S, rng.uniform(0, 8, (10, 3)), rng.standard_normal((10, dim)))
            s.put_observations(seen, np.arange(i, i + 10), np.full(10, 7))
            if i % 100 == 1:
                s.flush()
        s.flush()
        usage = s.usage()["bytes"]
        assert usage["file"] <= 1 << 20 and wrong_blocks(s, EPOCH) == 0
        kept.append(s.count(table.OBSERVATIONS))
        if dim == DIM:
            check(s, rng)
        s.close()
    assert kept[0] >= 0.95 * kept[1] > 500  # a twentieth goes at a time


def test_a_file_at_its_bound_loses_no_row_to_packs(tmp_path: Path) -> None:
    path, rng = tmp_path / "home.db", np.random.default_rng(0)
    old_file(path, [rng.standard_normal((4, 100)) for _ in range(600)])
    s = store(path, budget=Budget(max_bytes=int(path.stat().st_size / 0.895)))
    assert s.count(table.OBSERVATIONS) == 2400
    for i in range(12):
        s.put_meta("tick", str(i))
        s.flush()
    assert s.count(table.OBSERVATIONS) == 2400 and s.query("SELECT sum(packed) FROM blocks")[0][0] > 0
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


halves = npst.arrays(np.float16, st.tuples(st.integers(1, 6), st.integers(0, 20)), elements=st.floats(-60_000, 60_000, width=16))


@settings(max_examples=200, deadline=None)
@given(halves, st.integers(0, 1 << 20))
def test_the_bound_is_true_for_every_vector(x: np.ndarray, seed: int) -> None:
    v = np.random.default_rng(seed).standard_normal((50, x.shape[1]))
    v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-30)
    scales, bounds, codes = approximate(x)
    wide = x.astype(float)
    length = np.linalg.norm(wide, axis=1)
    exact = v @ (wide / np.where(length > 0, length, 1)[:, None]).T
    about = (v.astype(np.float32) @ codes.T.astype(np.float32)) * scales
    assert (np.abs(exact - about) <= bounds + 1e-9).all()


def test_what_is_no_number_is_always_looked_at_whole() -> None:
    scales, bounds, codes = approximate(np.array([[np.nan, 1], [np.inf, 0], [1, 2]], np.float16))
    assert np.isinf(bounds).tolist() == [True, True, False] and (scales[:2] == 0).all() and not codes[:2].any()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 1000))
def test_a_split_is_a_partition(n: int, size: int, seed: int) -> None:
    parts = split(np.random.default_rng(seed).uniform(0, 1, (n, 3)), size)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n)) and max(map(len, parts)) <= size
    assert len(parts) == -(-n // size)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(0, 17), st.integers(0, 1000))
def test_a_pack_is_read_as_it_was_written_and_scanned_as_it_lies(n: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dim)).astype(np.float16)
    e = Entries(rng.integers(1, 99, n), rng.integers(0, 9, n), rng.uniform(0, 4, (n, 3)), *approximate(x))
    data = encode(e)
    assert len(data) == n * bytes_per_row(dim) and len(data) % 8 == 0
    again = decode(data, dim)
    assert all(np.array_equal(getattr(e, name), getattr(again, name)) for name in Entries.__dataclass_fields__)
    v = (rng.standard_normal(dim) / 3).astype(np.float32)
    two = np.frombuffer(data + data, np.uint8)
    ids, squares, likes, bounds = scan(two, np.array([n, n]), dim, np.full(3, 2.0), 4.0, 2, 7, v)
    distance = ((e.positions - 2.0) ** 2).sum(axis=1)
    kept = np.flatnonzero((distance <= 4.0) & (e.stamps_ns >= 2) & (e.stamps_ns <= 7))
    kept = np.concatenate((kept, kept))
    assert ids.tolist() == e.ids[kept].tolist() and np.allclose(squares, distance[kept]) and np.array_equal(bounds, e.bounds[kept])
    assert np.allclose(likes, e.scales[kept] * (e.codes[kept].astype(np.float32) @ v), atol=1e-6)


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


def test_a_fault_while_packing_costs_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    s, rng = store(), np.random.default_rng(0)

    def broken(self: packs.Packer, last: int, rows: object) -> bool:
        raise StoreError("a page of the index cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(packs.Packer, "_pack", broken)
        put(s, rng, np.arange(1, 41))
        s.flush()
    assert s.count(table.OBSERVATIONS) == 40 and "cannot be read" in " ".join(s.health()["warnings"])
    assert s.query("SELECT count(*) FROM blocks") == [(0,)]
    check(s, rng)
    s.close()


def test_one_row_of_no_kind_stops_nothing() -> None:
    s, rng = store(), np.random.default_rng(0)
    put(s, rng, np.arange(1, 16))
    s.database.execute("UPDATE observations SET x = NULL WHERE id = 3")
    s.database.execute("UPDATE observations SET embedding = x'010203' WHERE id = 4")
    put(s, rng, np.arange(16, 20))
    s.flush()
    assert s.query("SELECT count(*) FROM blocks") == [(1,)]
    assert len(verify(s).damaged) == 2 and verify(s).ok
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


def test_whatever_stops_the_packing_the_rows_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s, rng = store(tmp_path / "home.db"), np.random.default_rng(0)

    def broken(rows: object) -> object:
        raise ValueError("no vector of any kind")

    with monkeypatch.context() as patch:
        patch.setattr(packs, "by_length", broken)
        put(s, rng, np.arange(1, 41))
        s.flush()
    assert "no vector of any kind" in " ".join(s.health()["warnings"]) and not s.health()["uncommitted"]
    put(s, rng, np.arange(41, 61))
    s.close()
    s = store(tmp_path / "home.db")
    assert s.count(table.OBSERVATIONS) == 60 and s.query("SELECT count(*) FROM blocks") == [(3,)]
    check(s, rng)
    s.close()


def test_a_file_that_cannot_be_opened_is_not_kept_from_the_next(tmp_path: Path) -> None:
    s = filled(tmp_path / "home.db")
    s.database.execute("DROP TABLE relations")
    s.close()
    faults = []
    for _ in range(2):
        with pytest.raises(StoreError, match="relations") as fault:
            store(tmp_path / "home.db")
        faults.append(fault)  # whoever keeps the fault keeps the half-open store with it
    assert not any(isinstance(fault.value, StoreLockedError) for fault in faults)


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


def test_a_reader_counts_a_damaged_row_once(tmp_path: Path) -> None:
    s = filled(tmp_path / "home.db")
    reader, v = store(tmp_path / "home.db", read_only=True), np.random.default_rng(8).standard_normal(DIM)
    ask = (v, np.full(3, 4.0), 99.0, 0, ALWAYS, 5)
    before = [o.id for _, o in similar_observations(reader, *ask[:-1], 9)]
    for i in before[1:3]:
        s.write("UPDATE observations SET label = 'plate' WHERE id = ?", (i,))
    s.flush()
    assert [o.id for _, o in similar_observations(reader, *ask)] == [before[0], *before[3:7]] and reader.bad_rows == 2
    reader.close()
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


def test_forgetting_goes_on_where_the_boxes_cannot_be_read(tmp_path: Path) -> None:
    s = filled(tmp_path / "home.db")
    s.write("UPDATE pack_boxes_node SET data = x'00'")
    s.flush()
    s.delete_observations([97])  # in no pack
    s.scrub()
    check(s, np.random.default_rng(0))
    assert verify(s).ok and s.query("SELECT count(*) FROM pack_boxes") == s.query("SELECT count(*) FROM packs")
    s.close()


def test_two_flips_do_not_cancel_and_neighbours_are_not_exchanged() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 1 << 63, 37).astype(np.uint64)
    sealed = seal(words.tobytes(), 96, DIM)
    assert bytes(unseal(sealed, 96, DIM)) == words.tobytes()
    for i, j in combinations(range(37), 2):
        for bit in (0, 31, 63):
            changed = words.copy()
            changed[[i, j]] ^= np.uint64(1 << bit)
            with pytest.raises(ValueError, match="differs"):
                unseal(changed.tobytes() + sealed[-8:], 96, DIM)
        swapped = words.copy()
        swapped[[i, j]] = words[[j, i]]
        with pytest.raises(ValueError, match="differs"):
            unseal(swapped.tobytes() + sealed[-8:], 96, DIM)


def test_a_vector_of_half_a_number_too_many_stops_no_search() -> None:
    s, rng = store(), np.random.default_rng(0)
    put(s, rng, np.arange(1, 10))
    s.write("UPDATE observations SET embedding = CAST(embedding || x'00' AS BLOB) WHERE id = 3")
    assert len(similar_observations(s, np.ones(DIM), np.full(3, 4.0), 99.0, 0, ALWAYS, 9)) == 8
    assert len(s.observations_near(np.full(3, 4.0), 99.0, 0, ALWAYS, 9)) == 8 and s.bad_rows == 1
    s.close()
