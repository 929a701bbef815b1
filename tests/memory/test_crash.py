"""A writer killed at a random moment loses nothing that was acknowledged; readers work while it writes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.memory import table
from robomem.memory.integrity import verify
from robomem.memory.sqlite_store import SqliteStore

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
import numpy as np
from robomem.clock import ManualClock
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Episode
from tests.memory.test_sqlite_store import observations
s = SqliteStore(sys.argv[1], ManualClock(0), commit_interval_s=0.005)
i = s.lease_ids(1_000_000)
while True:
    s.put_observations(observations(i, np.full((3, 3), float(i % 97))), np.arange(i, i + 3), np.ones(3, int))
    s.put_episode(Episode(i, f"task {i}", i, i, "done", "x" * 50), 100_000)
    if i % 4 == 0:
        s.flush()
        print(i, flush=True)
    i += 3
"""


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_no_acknowledged_record_is_lost_to_a_kill(tmp_path: Path):
    path, rng = tmp_path / "home.db", np.random.default_rng(5)
    acknowledged: list[int] = []
    for _ in range(3):
        process = start(path)
        assert process.stdout is not None
        for _ in range(int(rng.integers(1, 60))):
            acknowledged.append(int(process.stdout.readline()))
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split("\n")[:-1]]
        process.wait(timeout=30)
    s = SqliteStore(str(path), ManualClock(0))
    stored = {e.id for e in s.episodes()}
    assert set(acknowledged) <= stored and len(set(acknowledged)) == len(acknowledged)  # ids were not handed out twice either
    assert verify(s).ok and s.lease_ids(1) > max(stored)
    seen = {row[0] for row in s.rows(table.OBSERVATIONS)}
    assert all({i, i + 1, i + 2} <= seen for i in acknowledged)
    s.close()


def test_readers_see_whole_groups_while_a_writer_writes(tmp_path: Path):
    path = tmp_path / "home.db"
    process = start(path)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        reader, counts = SqliteStore(str(path), ManualClock(0), read_only=True), []
        for _ in range(40):
            rows = reader.rows(table.OBSERVATIONS)
            counts.append(len(rows))
            assert len(rows) % 3 == 0 and reader.bad_rows == 0
        acknowledged = int(process.stdout.readline())
        assert acknowledged in {e.id for e in reader.episodes()} and counts == sorted(counts)
        reader.close()
    finally:
        process.kill()
        process.wait(timeout=30)


@pytest.mark.parametrize("engine", ["apsw", "sqlite3"])
def test_what_was_not_flushed_may_be_lost_but_never_half_of_it(tmp_path: Path, engine: str):
    path = tmp_path / "home.db"
    s = SqliteStore(str(path), ManualClock(0), commit_interval_s=1000, engine=engine)
    s.put_meta("kept", "1")
    s.flush()
    s.put_meta("lost", "1")
    reader = SqliteStore(str(path), ManualClock(0), read_only=True, engine=engine)
    assert (reader.get_meta("kept"), reader.get_meta("lost")) == ("1", "")
    reader.close()
    s.close()
