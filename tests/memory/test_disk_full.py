"""Disk full, and folders that cannot be written: told in words, memory in RAM goes on, and all is well again when there is space."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.errors import StoreError
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Episode
from tests.memory.hand_home import HandHome, S
from tests.memory.test_sqlite_store import observations

ENGINES = ["apsw", "sqlite3"]


@contextmanager
def room_for(bytes_: int) -> Iterator[None]:
    """No file of this process may grow beyond that many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def tiny_disk(path: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of its own, where this user may mount one."""
    path.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(path)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=False)


def fill(store: SqliteStore, acknowledged: list[int], n: int = 4000) -> None:
    """Episodes, each flushed, until it fails."""
    for _ in range(n):
        i = len(acknowledged) + 1
        store.put_observations(observations(i, np.full((3, 3), 1.0)), np.arange(3 * i, 3 * i + 3), np.ones(3, int))
        store.put_episode(Episode(i, f"task {i}", i, i, "done", "x" * 2000), 1 << 30)
        store.flush()
        acknowledged.append(i)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_full_disk_is_survived_and_nothing_acknowledged_is_lost(tmp_path: Path, engine: str):
    pytest.importorskip(engine)
    store, acknowledged = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), commit_interval_s=100.0, engine=engine), []
    with room_for(1_500_000):
        for _ in range(3):  # it goes on failing, and goes on being told, as long as there is no space
            with pytest.raises(StoreError, match="SQLite says"):
                fill(store, acknowledged)
        assert len(acknowledged) > 10 and store.lost_groups >= 3
        assert [e.id for e in store.episodes(newest=1)] == [len(acknowledged)]  # questions are still answered
    fill(store, acknowledged, 20)
    store.close()
    again = SqliteStore(str(tmp_path / "home.db"), ManualClock(0), engine=engine)
    assert sorted(e.id for e in again.episodes()) == acknowledged and again.bad_rows == 0
    again.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_system_without_space(tmp_path: Path, engine: str):
    pytest.importorskip(engine)
    with tiny_disk(tmp_path / "disk", 900) as disk:
        store, acknowledged = SqliteStore(str(disk / "home.db"), ManualClock(0), commit_interval_s=100.0, engine=engine), []
        with pytest.raises(StoreError, match="free some space"):
            fill(store, acknowledged)
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        fill(store, acknowledged, 10)
        assert {e.id for e in store.episodes()} == set(acknowledged) and len(acknowledged) > 10
        store.close()


def test_memory_in_ram_goes_on_while_the_disk_is_full(tmp_path: Path, clock: ManualClock):
    memory = RobotMemory.open(tmp_path / "home.db", clock=clock)
    home = HandHome(memory)
    home.put(1, "mug", "counter", 1 * S)
    memory.flush()
    with room_for(1000):
        home.put(2, "cup", "desk", 2 * S)
        home.put(1, "mug", "shelf", 3 * S, moved=True)
        with pytest.raises(StoreError):
            memory.flush()
        assert memory.find("cup").place == "on the desk in the study" and memory.find("mug").place == "on the shelf in the study"
    home.put(3, "book", "shelf", 4 * S)
    memory.close()
    with RobotMemory.open(tmp_path / "home.db", clock=clock, read_only=True) as again:
        places = {label: again.find(label).place for label in ("mug", "cup", "book")}
        assert places == {"mug": "on the shelf in the study", "cup": "on the desk in the study", "book": "on the shelf in the study"}
        assert again.where_was("mug", 2 * S).place == "on the counter in the kitchen" and again.graph().describe(2)


def test_a_read_only_mount_is_read_and_not_written(tmp_path: Path, clock: ManualClock):
    with tiny_disk(tmp_path / "disk", 4000) as disk:
        with RobotMemory.open(disk / "home.db", clock=clock) as memory:
            HandHome(memory).put(1, "mug", "counter", 1 * S)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with RobotMemory.open(disk / "home.db", clock=clock, read_only=True) as reader:
            assert reader.find("mug").found
        with pytest.raises(StoreError, match=r"read_only=True|readonly|read-only"):
            RobotMemory.open(disk / "home.db", clock=clock)
