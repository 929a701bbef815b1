"""A process that has imported everything and forks writers and readers of a database on request, so that sixty kills take seconds.

Run as `python -m tests.memory.nursery DATABASE`; on stdin one command a line: "write" (prints "pid N", then the ids of what is
acknowledged, then "dead" once it was killed) or "read N" (one writer and N readers of it; each reader prints "read ..." at its end).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace

import numpy as np

from robomem.clock import ManualClock
from robomem.memory import table
from robomem.memory.half import halve
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Episode
from tests.memory.test_sqlite_store import observations

READS = 150


DIM, GOLDEN = 24, (5**0.5 - 1) / 2  # irrational: no two ids look the same


def looks_of(ids: np.ndarray) -> np.ndarray:
    """Float32[n, DIM] how the observations of these ids look: made from the id, so that whoever asks knows them without the writer."""
    turns = (ids[:, None] * (1 + np.arange(DIM)) ** 2 * GOLDEN) % 1.0
    return np.cos(2 * np.pi * turns).astype(np.float32)


def say(text: object) -> None:
    os.write(1, f"{text}\n".encode())  # one write: a killed process leaves no half line


def write(path: str, loud: bool) -> None:
    """Write until killed; say the id of what was flushed."""
    s = SqliteStore(path, ManualClock(0), commit_interval_s=0.005)
    i = s.lease_ids(1_000_000)
    while True:
        ids = np.arange(i, i + 3)
        seen = replace(observations(i, np.full((3, 3), float(i % 97))), embeddings=looks_of(ids))
        s.put_observations(seen, ids, np.ones(3, int))
        s.put_episode(Episode(i, f"task w{i}", i, i, "done", "x" * 50), 1 << 40)
        if i % 4 == 0:
            s.flush()
            if loud:
                say(i)
        i += 3


def read(path: str) -> None:
    """Ask beside the writer: whole groups only, never fewer than before, no lock error."""
    s, counts, took = SqliteStore(path, ManualClock(0), read_only=True), [], []
    for _ in range(READS):
        began = time.perf_counter()
        newest = s.episodes(newest=5)
        s.observations_near((1.0, 1.0, 1.0), 0.5, 0, 1 << 60, 10)
        took.append(time.perf_counter() - began)
        counts.append(s.count(table.OBSERVATIONS))
        assert counts[-1] % 3 == 0 and s.bad_rows == 0 and [e.id for e in newest] == sorted((e.id for e in newest), reverse=True)
    assert counts == sorted(counts)
    say("read " + json.dumps({"grew": counts[-1] - counts[0], "p95_ms": round(1000 * float(np.quantile(took, 0.95)), 2)}))


def fork(job: object, *args: object) -> int:
    """Run `job(*args)` in a child; its failure is its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            job(*args)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return pid


def main() -> None:
    path = sys.argv[1]
    halve(np.zeros((1, 2), np.float32))  # compiled before anything is forked
    for line in sys.stdin:
        words = line.split()
        if words[0] == "write":
            pid = fork(write, path, True)
            say(f"pid {pid}")
            os.waitpid(pid, 0)
        else:
            writer = fork(write, path, False)
            time.sleep(0.3)
            ends = [os.waitpid(pid, 0)[1] for pid in [fork(read, path) for _ in range(int(words[1]))]]
            say(f"failed {sum(map(bool, ends))}")
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
        say("dead")


if __name__ == "__main__":
    main()
