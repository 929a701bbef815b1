"""Budgets are hard in rows and bytes; the oldest detail goes first, and never the last sighting of an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.clock import ManualClock
from robomem.errors import ConfigError, StoreError
from robomem.memory import table
from robomem.memory.budget import MIN_BYTES, Budget
from robomem.memory.integrity import verify
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Event
from tests.memory.test_sqlite_store import observations, stay

frames = st.lists(st.lists(st.integers(1, 4), max_size=4), min_size=1, max_size=25)  # which objects each frame saw


@settings(max_examples=40, deadline=None)
@given(frames, st.integers(8, 30), st.integers(4, 12), st.integers(4, 12))
def test_no_commit_leaves_more_than_its_budget_and_last_sightings_stay(seen: list[list[int]], rows: int, events: int, stays: int):
    s = SqliteStore(":memory:", ManualClock(0), budget=Budget(rows, events, stays))
    s.lease_ids(1_000_000)
    newest: dict[int, list[int]] = {}
    last_stay: dict[int, int] = {}
    number = 0
    for t, things in enumerate(seen, 1):
        ids = np.arange(number + 1, number + 1 + len(things))
        number += len(things)
        s.put_observations(observations(t, np.zeros((len(things), 3))), ids, np.array(things, int))
        newest |= {thing: [i for i, other in zip(ids.tolist(), things, strict=True) if other == thing] for thing in things}
        for thing in dict.fromkeys(things):  # each sighting ends a stay and begins one
            s.put_stays([stay(1000 * t + thing, thing, t, None, first_observation=newest[thing][0], last_observation=newest[thing][0])])
            if thing in last_stay:
                began = last_stay[thing] // 1000
                s.put_stays([stay(last_stay[thing], thing, began, t)])
            last_stay[thing] = 1000 * t + thing
            s.put_events([(Event(1000 * t + thing, t, "moved", thing, {}, {}, (), 1.0, "mug"), None, None)])
        s.flush()
        assert s.count(table.OBSERVATIONS) <= rows and s.count(table.EVENTS) <= events and s.count(table.HISTORY) <= stays
        assert all({r[0] for r in s.rows(table.OBSERVATIONS)} & set(of_thing) for of_thing in newest.values())
        assert set(last_stay.values()) <= {r[0] for r in s.rows(table.HISTORY)}
    kept = [r[0] for r in s.rows(table.EVENTS, "ORDER BY stamp_ns, id")]
    every = [1000 * t + thing for t, things in enumerate(seen, 1) for thing in sorted(set(things))]
    assert kept == every[len(every) - len(kept) :]  # the oldest events went
    assert verify(s).ok
    s.close()


def test_a_thing_seen_once_outlives_what_is_seen_all_day():
    s = SqliteStore(":memory:", ManualClock(0), budget=Budget(50))
    s.put_observations(observations(1, np.zeros((1, 3)), "passport"), np.array([1]), np.array([7]))
    for i in range(2, 2000):
        s.put_observations(observations(i, np.zeros((1, 3))), np.array([i]), np.array([1]))
    assert [o.label for o in s.observations_of(7, 0, 1 << 60, 5)] == ["passport"] and s.count(table.OBSERVATIONS) <= 50
    s.close()


@pytest.mark.parametrize("engine", ["apsw", "sqlite3"])
def test_the_file_never_grows_beyond_its_bytes(tmp_path: Path, engine: str):
    pytest.importorskip(engine)
    path, bound = tmp_path / "home.db", 2 * MIN_BYTES
    s = SqliteStore(str(path), ManualClock(0), commit_interval_s=100.0, engine=engine, budget=Budget(max_bytes=bound))
    s.lease_ids(2_000_000)
    s.put_observations(observations(1, np.zeros((1, 3)), "passport"), np.array([1]), np.array([7]))
    s.put_stays([stay(1, 7, 1, None, first_observation=1, last_observation=1)])
    for k in range(60):
        for i in range(10):
            ids = np.arange(2 + 1000 * k + 30 * i, 2 + 1000 * k + 30 * i + 30)
            s.put_observations(observations(2 + 100 * k + i, np.zeros((30, 3))), ids, np.ones(30, int))
        s.put_events([(Event(10**6 + 10 * k + i, k, "moved", 1, {}, {"why": "x" * 200}, (), 1.0, "mug"), None, None) for i in range(10)])
        s.flush()
        assert s.database.execute("PRAGMA page_count")[0][0] * s.database.execute("PRAGMA page_size")[0][0] <= bound
    assert len(s.observations_of(7, 0, 1 << 60, 5)) == 1 and len(s.stays(7)) == 1
    assert s.observations_of(1, 0, 1 << 60, 1)[0].stamp_ns == 2 + 100 * 59 + 9  # the newest detail is there
    assert s.usage()["evicted"]["observations"] > 0 and s.usage()["bytes"]["used"] <= bound
    with pytest.raises(StoreError, match="free some space"):  # what cannot be made room for is refused as on a full disk
        s.put_world({"cloud": np.random.default_rng(0).normal(0, 1, 2 * bound // 8)})
        s.flush()
    s.put_meta("after", "well")
    s.close()
    assert path.stat().st_size <= bound
    again = SqliteStore(str(path), ManualClock(0), engine=engine)
    assert again.get_meta("after") == "well" and verify(again).ok
    again.close()


@pytest.mark.parametrize("engine", ["apsw", "sqlite3"])
def test_a_snapshot_that_grew_by_more_than_the_reserve_finds_room(tmp_path: Path, engine: str):
    """It was refused as by a full disk, although there were old observations to give up."""
    pytest.importorskip(engine)
    bound = 4 * MIN_BYTES
    s = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), commit_interval_s=100.0, engine=engine, budget=Budget(max_bytes=bound))
    rng, number = np.random.default_rng(0), s.lease_ids(100_000)
    for megabytes in (1.0, 1.8, 2.6):
        for _ in range(300):
            s.put_observations(observations(number, rng.normal(0, 5, (50, 3))), np.arange(number, number + 50), np.full(50, 7))
            number += 50
        s.flush()
        world = {f"grid_{k}": rng.integers(0, 255, int(megabytes * 2**18), dtype=np.uint8) for k in range(4)}
        s.put_world(world)
        s.flush()
        assert (tmp_path / "home.db").stat().st_size <= bound and s.usage()["bytes"]["file"] <= bound
        assert all(np.array_equal(world[name], part) for name, part in s.world().items()) and s.count(table.OBSERVATIONS) > 50
    assert s.lost_groups == 0 and verify(s).ok
    s.close()


@pytest.mark.parametrize("wrong", [{"observations": 0}, {"stays": -1}, {"max_bytes": 1000}])
def test_budgets_that_are_none(wrong: dict[str, int]):
    with pytest.raises(ConfigError, match=r"budget|too small"):
        Budget(**wrong)
