"""A writer killed at a random moment loses nothing that was acknowledged; readers work while it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.memory import table
from robomem.memory.integrity import verify
from robomem.memory.similar import similar_observations
from robomem.memory.sqlite_store import SqliteStore
from tests.memory.nursery import looks_of

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("ROBOMEM_KILLS", "60"))  # 1000 for a night


@contextmanager
def nursery(path: Path) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "tests.memory.nursery", str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(argv, cwd=ROOT, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def order(process: subprocess.Popen[str], command: str) -> None:
    assert process.stdin is not None
    process.stdin.write(command + "\n")
    process.stdin.flush()


def lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    assert process.stdout is not None
    out: list[str] = []
    while not out or not out[-1].startswith(last):
        line = process.stdout.readline()
        assert line, f"the nursery ended before it said {last!r}"
        out.append(line.strip())
    return out


Likest = list[tuple[int, float]]


class Semantics:
    """Asks after each kill what looks like this: about what is new on record, and everything asked after earlier kills again."""

    EVERYWHERE = (np.full(3, 48.0), 200.0)  # a centre (m) and a radius that hold every position the nursery writes

    def __init__(self) -> None:
        self.asked: list[tuple[np.ndarray, int, int, Likest]] = []

    def recall(self, s: SqliteStore, vector: np.ndarray, since: int, until: int) -> Likest:
        found = similar_observations(s, vector, *self.EVERYWHERE, since, until, 10)
        return [(o.id, round(likeness, 6)) for likeness, o in found]

    def check(self, s: SqliteStore, newest: int) -> None:
        """`newest`: the last acknowledged id; its group and all before it are durable, so their answers may never change again."""
        for vector, since, until, before in self.asked:
            assert self.recall(s, vector, since, until) == before
        since = self.asked[-1][2] + 1 if self.asked else 0
        ids = np.array([i for (i,) in s.query("SELECT id FROM observations WHERE stamp_ns BETWEEN ? AND ?", (since, newest))])
        held = looks_of(ids).astype(np.float16).astype(float)
        held /= np.linalg.norm(held, axis=1, keepdims=True)
        vector = looks_of(ids[len(ids) // 2 :][:1])[0] + 0.1
        cosines = held @ vector / np.linalg.norm(vector)
        got = self.recall(s, vector, since, newest)
        assert len(got) == min(10, len(ids)) and [c for _, c in got] == pytest.approx(sorted(cosines, reverse=True)[: len(got)], abs=1e-5)
        assert all(cosines[np.flatnonzero(ids == i)[0]] == pytest.approx(c, abs=1e-5) for i, c in got)
        self.asked.append((vector, since, newest, got))


def test_no_acknowledged_record_is_lost_to_sixty_kills(tmp_path: Path):
    """After each kill every acknowledged record is there, is found by its words and by its look as before, and no id came twice."""
    path, rng = tmp_path / "home.db", np.random.default_rng(5)
    acknowledged: set[int] = set()
    semantics = Semantics()
    with nursery(path) as process:
        for kill in range(KILLS):
            order(process, "write")
            said = lines_until(process, "pid")
            pid, fresh = int(said[-1].split()[1]), [int(line) for line in said[:-1]]
            while len(fresh) < int(rng.integers(1, 12)):
                fresh.append(int(lines_until(process, "")[0]))
            time.sleep(float(rng.uniform(0, 0.01)))
            os.kill(pid, signal.SIGKILL)
            fresh += [int(line) for line in lines_until(process, "dead")[:-1]]
            assert len(set(fresh)) == len(fresh) and acknowledged.isdisjoint(fresh)
            acknowledged |= set(fresh)
            s = SqliteStore(str(path), ManualClock(0))
            stored = {row[0] for row in s.query("SELECT id FROM episodes")}
            assert acknowledged <= stored, f"kill {kill}: lost {sorted(acknowledged - stored)[:5]}"
            for i in (fresh[-1], int(rng.choice(sorted(acknowledged)))):
                assert [found for found, _ in s.search_words(f"w{i}", "episode", 3)] == [i]
            semantics.check(s, max(fresh))
            if kill % 20 == 19 or kill == KILLS - 1:
                assert verify(s).ok and s.lease_ids(1) > max(stored)
                seen = {row[0] for row in s.rows(table.OBSERVATIONS)}
                assert all({i, i + 1, i + 2} <= seen for i in acknowledged)
            s.close()


def test_three_readers_beside_a_writer_meet_no_lock_and_see_whole_groups(tmp_path: Path):
    path = tmp_path / "home.db"
    SqliteStore(str(path), ManualClock(0)).close()
    with nursery(path) as process:
        order(process, "read 3")
        said = lines_until(process, "dead")
    reads = [json.loads(line.removeprefix("read ")) for line in said if line.startswith("read ")]
    assert "failed 0" in said and len(reads) == 3 and max(r["grew"] for r in reads) > 0


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
