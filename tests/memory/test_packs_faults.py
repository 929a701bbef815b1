"""Packs that are damaged, cannot be written or have no room: that costs time, and no row and no answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robomem.errors import StoreError, StoreLockedError
from robomem.memory import packs, table
from robomem.memory.budget import Budget
from robomem.memory.integrity import verify
from robomem.memory.pack_check import wrong_blocks
from robomem.memory.packs import Ball
from robomem.memory.similar import similar_observations
from tests.memory.packed_store import (
    ALWAYS,
    DIM,
    EPOCH,
    S,
    check,
    filled,
    old_file,
    put,
    small_blocks,  # noqa: F401  # of every test here
    store,
)
from tests.memory.test_similar import observations

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
    check(s, np.random.default_rng(9))
    assert s.bad_rows == 0  # the writer has it in memory as it was
    s.packs.cache.clear()
    for seed in range(5):
        check(s, np.random.default_rng(seed))
    assert s.bad_rows > 0
    for _ in range(7):  # the writer makes them anew, one a commit
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
        reader.packs.cache.clear()
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


def test_a_fault_while_packing_costs_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    s, rng = store(), np.random.default_rng(0)

    def broken(self: packs.Packer, last: int, rows: object, keep: bool) -> bool:
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


def test_forgetting_goes_on_where_the_boxes_cannot_be_read(tmp_path: Path) -> None:
    s = filled(tmp_path / "home.db")
    s.write("UPDATE pack_boxes_node SET data = x'00'")
    s.flush()
    s.delete_observations([97])  # in no pack
    s.scrub()
    check(s, np.random.default_rng(0))
    assert verify(s).ok and s.query("SELECT count(*) FROM pack_boxes") == s.query("SELECT count(*) FROM packs")
    s.close()


def test_a_vector_of_half_a_number_too_many_stops_no_search() -> None:
    s, rng = store(), np.random.default_rng(0)
    put(s, rng, np.arange(1, 10))
    s.write("UPDATE observations SET embedding = CAST(embedding || x'00' AS BLOB) WHERE id = 3")
    assert len(similar_observations(s, np.ones(DIM), np.full(3, 4.0), 99.0, 0, ALWAYS, 9)) == 8
    assert len(s.observations_near(np.full(3, 4.0), 99.0, 0, ALWAYS, 9)) == 8 and s.bad_rows == 1
    s.close()
