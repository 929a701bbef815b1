"""Packs kept in memory: bounded, each checked once, and never one that is no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robomem.memory import packs
from robomem.memory.database import Row
from robomem.memory.pack import Entries, approximate, decode, encode, seal
from robomem.memory.pack_cache import PackCache
from robomem.memory.similar import similar_observations
from tests.memory.packed_store import (
    ALWAYS,
    DIM,
    S,
    check,
    filled,
    put,
    small_blocks,  # noqa: F401  # of every test here
    store,
)


def pack(i: int, dim: int = 8, n: int = 4) -> Row:
    rng = np.random.default_rng(i)
    looks = approximate(rng.standard_normal((n, dim)).astype(np.float16))
    return (i, 96, dim, seal(encode(Entries(np.arange(n) + 100 * i, np.full(n, S), rng.uniform(0, 8, (n, 3)), *looks)), 96, dim))


class Disk:
    """Packs by id; notes what was read."""

    def __init__(self, packs: list[Row]) -> None:
        self.packs, self.read = {p[0]: p for p in packs}, list[int]()

    def __call__(self, ids: list[int]) -> list[Row]:
        self.read += ids
        return [self.packs[i] for i in ids if i in self.packs]


def ids_of(cache: PackCache, disk: Disk, ids: list[int]) -> list[int]:
    """The observations of packs, as they lie in the buffer."""
    out = []
    for dim, starts, rows in cache.of(ids, disk):
        for start, n in zip(starts.tolist(), rows.tolist(), strict=True):
            size = n * (48 + (dim + 7) // 8 * 8)
            out += decode(cache.data[start : start + size].tobytes(), dim).ids.tolist()
    return out


def test_a_pack_is_read_once_and_what_was_unused_for_longest_goes() -> None:
    disk = Disk([pack(i) for i in range(1, 60)])
    cache = PackCache(max_bytes=0, least=8)
    for i in range(1, 9):
        assert ids_of(cache, disk, [i]) == list(range(100 * i, 100 * i + 4))
    ids_of(cache, disk, [1, 2])
    assert disk.read == list(range(1, 9)) and (cache.hits, cache.misses) == (2, 8)
    ids_of(cache, disk, [20])  # 3 goes
    disk.read.clear()
    ids_of(cache, disk, [1, 2, 4, 5, 6, 7, 8, 20])
    assert disk.read == []
    ids_of(cache, disk, [3])
    assert disk.read == [3]


def test_whatever_is_asked_it_is_what_the_disk_has_and_no_more_is_kept_than_fits() -> None:
    rng = np.random.default_rng(0)
    disk = Disk([pack(i, int(rng.choice([4, 8])), int(rng.integers(1, 6))) for i in range(1, 80)])
    cache = PackCache(max_bytes=4096, least=10)
    for _ in range(300):
        ids = rng.choice(np.arange(1, 80), int(rng.integers(1, 11)), replace=False).tolist()
        groups = cache.of(ids, disk)
        assert sum(int(rows.sum()) for _, _, rows in groups) == sum(len(decode(disk.packs[i][3][:-8], disk.packs[i][2]).ids) for i in ids)
        got = {int(cache.data[s : s + 8].view(np.int64)[0]) // 100 for _, starts, _ in groups for s in starts.tolist()}
        assert got == set(ids)
    assert cache.hits > 0 and len(cache._slots) <= 10


def test_a_longer_pack_than_any_before_is_kept_too() -> None:
    disk = Disk([pack(1), pack(2, dim=800, n=9), pack(3)])
    cache = PackCache(max_bytes=1 << 16, least=4)
    assert ids_of(cache, disk, [1]) == [100, 101, 102, 103]
    assert sorted(dim for dim, _, _ in cache.of([1, 2, 3], disk)) == [8, 800]
    assert ids_of(cache, disk, [2]) == list(range(200, 209))


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_damaged_pack_is_refused_and_those_read_with_it_are_read_again(at: int) -> None:
    whole = pack(2)
    bad = bytearray(whole[3])
    bad[at] ^= 4
    disk = Disk([pack(1), (*whole[:3], bytes(bad)), pack(3)])
    cache = PackCache(max_bytes=0, least=4)
    for _ in range(9):  # no slot is lost
        with pytest.raises(ValueError, match="checksum"):
            cache.of([1, 2, 3], disk)
    with pytest.raises(ValueError, match="are there"):
        cache.of([1, 9], disk)
    disk.packs[2] = whole
    assert sum(int(rows.sum()) for _, _, rows in cache.of([1, 2, 3], disk)) == 12


def test_a_reader_that_keeps_packs_never_answers_from_one_that_is_no_more(tmp_path: Path) -> None:
    """The newest packs go and others are made in their place, by this writer and by the next: an id given twice would be believed."""
    path, rng = tmp_path / "home.db", np.random.default_rng(6)
    s = filled(path)
    reader = store(path, read_only=True)
    seen, next_id = set[int](), 101
    for _ in range(8):
        check(reader, rng)
        held = {row[0] for row in s.query("SELECT id FROM packs")}
        newest = [row[0] for row in s.query("SELECT id FROM observations ORDER BY id DESC LIMIT 20")]
        s.delete_observations(newest)
        put(s, rng, np.arange(next_id, next_id + 24))
        next_id += 24
        s.flush()
        made = {row[0] for row in s.query("SELECT id FROM packs")} - held
        assert made and not made & seen and reader.bad_rows == 0
        seen |= held | made
        if next_id % 2:
            s.close()
            s = store(path)
    assert reader.packs.cache.hits > 0
    reader.close()
    s.close()


def test_an_undone_group_leaves_none_of_its_packs_in_memory() -> None:
    s, rng = filled(), np.random.default_rng(7)
    with s.holding():
        put(s, rng, np.arange(101, 133))
        s.arrange()
        s._roll_back()
    put(s, rng, np.arange(101, 133))
    s.flush()
    for _ in range(9):
        check(s, rng)
    s.close()


def test_what_was_forgotten_is_not_kept_in_memory() -> None:
    s = filled()
    similar_observations(s, np.ones(DIM), np.full(3, 4.0), 99.0, 0, ALWAYS, 5)
    assert s.packs.cache.hits > 0 and len(s.packs.cache.data)
    s.delete_observations(list(range(1, 101)))
    s.scrub()
    assert not len(s.packs.cache.data)
    s.close()


def test_where_the_note_of_ids_is_lost_packs_get_ids_far_from_all_that_were() -> None:
    s, rng = filled(), np.random.default_rng(8)
    highest = s.query("SELECT max(id) FROM packs")[0][0]
    s.write("DELETE FROM meta WHERE key = 'next_pack'")
    put(s, rng, np.arange(101, 133))
    s.flush()
    assert s.query("SELECT max(id) FROM packs")[0][0] > highest + 1000 and s.get_meta("next_pack").isdigit()
    check(s, rng)
    s.close()


def test_a_store_that_lives_at_its_bound_keeps_no_packs_of_what_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest block is made anew with every group: its packs would fill the memory with what is no more."""
    monkeypatch.setattr(packs, "BLOCK_ROWS", 64)
    s, rng = store(max_observations=160), np.random.default_rng(4)
    for i in range(1, 800, 2):
        put(s, rng, np.arange(i, i + 2))
        s.flush()
    made, new = s.query("SELECT max(id) FROM packs")[0][0], 800 // 64 * 16  # of a new block each sixteen packs of up to five
    assert made > 2 * new and len(s.packs.cache._slots) <= new
    check(s, rng)
    s.close()
