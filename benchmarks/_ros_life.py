"""The life of the processes: up to active, down without a trace, killed in the middle of a task and back."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _ros_sequence
from benchmarks._ros_process import left_of, until
from robomem.errors import RobomemError
from robomem.evaluation.registry import Say
from robomem.evaluation.remote_household import RemoteHousehold
from robomem.evaluation.report import bootstrap_ci, wilson_ci
from robomem.nodes.supervisor import NodeSpec, Supervisor
from robomem.types import ObjectView

VICTIMS = ("memory", "world_model")
# Per round one task for each victim; the mug goes somewhere else the second time, or there would be nothing left to do.
TASKS = (("bring the mug to the dining table", "patrol the home"), ("patrol the home", "bring the mug to the coffee table"))
NOTICED_S = 4.0
INTO_THE_TASK_S = 2.0
BACK_S, TASK_S = 60.0, 900.0
TWIN_M = 0.15  # a thing with a new id nearer than this to one of the same label that it had before: a second id for one thing


def cycles(folder: Path, seed: int, n: int, say: Say) -> dict[str, Any]:
    """All four processes up to active and down again, n times; what is left of them by process id, group and session."""
    took, left = [], 0
    for k in range(n):
        specs = [
            NodeSpec("sim", "robomem_sim.sim_node", {"seed": seed}),
            NodeSpec("memory", "robomem.nodes.memory", {"database": str(folder / "cycles.db")}),
            NodeSpec("world_model", "robomem.nodes.world_model"),
            NodeSpec("planner", "robomem.nodes.planner", {"use_sim_time": True}),
        ]
        supervisor = Supervisor(specs, folder / "cycle_logs")
        began = time.monotonic()
        try:
            supervisor.start()
            took.append(time.monotonic() - began)
            pids = set(supervisor.pids().values())
        finally:
            supervisor.stop()
        left += len(left_of(pids))
        say(f"cycle {k + 1}: active after {took[-1]:.1f} s, {left} processes left behind so far")
    return {
        "cycles": n,
        "bringup_s": round(max(took), 2),
        "bringup_median_s": round(float(np.median(took)), 2),
        "bringup_median_s_ci": bootstrap_ci(took, lambda v: float(np.median(v))),
        "orphans": left,
        "series": {"bring-up": took},
    }


class Witness:
    """What the supervisor said, and when."""

    def __init__(self, say: Say) -> None:
        self._say, self.lines = say, list[tuple[float, str]]()

    def __call__(self, text: str) -> None:
        """Note a line."""
        self.lines.append((time.monotonic(), text))
        self._say(f"  {text}")

    def when(self, words: str, since_s: float) -> float | None:
        """Monotonic time of the first line with these words after a time."""
        return next((t for t, text in list(self.lines) if t >= since_s and words in text), None)


def kills(folder: Path, seed: int, start_ns: int, rounds: int, say: Say) -> dict[str, Any]:
    """SIGKILL of memory and world model while the robot carries out a task in a simulated home, every part a process."""
    database = folder / "kills.db"
    shutil.copy(folder / _ros_sequence.START, database)
    witness = Witness(say)
    home = RemoteHousehold(seed, database, folder / "kill_logs", say=witness, start_ns=start_ns)
    try:
        rows = [_kill(home, witness, victim, TASKS[k % len(TASKS)][j]) for k in range(rounds) for j, victim in enumerate(VICTIMS)]
    finally:
        home.close()
    good = sum(bool(r["recovered"]) for r in rows)
    return {
        "kills": len(rows),
        "kill_recovered": good / len(rows),
        "kill_recovered_ci": wilson_ci(good, len(rows)),
        "kill_noticed_s": max(r["noticed_s"] for r in rows),
        "kill_back_s": max(r["back_s"] for r in rows),
        "kill_rows": rows,
    }


def _kill(home: RemoteHousehold, witness: Witness, victim: str, order: str) -> dict[str, Any]:
    """One task with one kill in it, and what became of both."""
    home.memory.flush()
    before, events = _known(home.memory.objects()), {e.id for e in home.memory.changes()}
    told, ended = threading.Event(), list[bool | str]()

    def task() -> None:
        try:
            ended.append(home.order(order, lambda _t: told.set()).ok)
        except RobomemError as error:
            ended.append(str(error))

    worker = threading.Thread(target=task, daemon=True)
    worker.start()
    told.wait(30.0)
    time.sleep(INTO_THE_TASK_S)
    running = worker.is_alive()
    killed_s = time.monotonic()
    os.kill(home.supervisor.pids()[victim], signal.SIGKILL)
    until(lambda: witness.when(f"{victim} is active again", killed_s) is not None, BACK_S, 0.05)
    worker.join(TASK_S)
    home.memory.flush()
    after, kept = home.memory.objects(), {e.id for e in home.memory.changes()}
    noticed, back = witness.when(f"{victim} ended", killed_s), witness.when(f"{victim} is active again", killed_s)
    row = {
        "victim": victim,
        "task": order,
        "while_running": running,
        "noticed_s": round(noticed - killed_s, 2) if noticed else BACK_S,
        "back_s": round(back - killed_s, 2) if back else BACK_S,
        "ids_lost": len({v.id for v in before} - {v.id for v in after}),
        "second_ids": len(second_ids(before, _known(after))),
        "events_lost": len(events - kept),
        "ended": bool(ended) and isinstance(ended[0], bool),
        "done": ended == [True],
    }
    sound = row["ids_lost"] == row["second_ids"] == row["events_lost"] == 0
    return row | {"recovered": bool(running and sound and row["ended"] and back and row["noticed_s"] <= NOTICED_S)}


def _known(views: Sequence[ObjectView]) -> list[ObjectView]:
    return [v for v in views if v.status in ("confirmed", "occluded", "held")]


def second_ids(before: Sequence[ObjectView], after: Sequence[ObjectView]) -> list[int]:
    """New ids of things that had one: confirmed now, of the same label and within TWIN_M of where an older id still is."""
    old = {v.id for v in before}
    kept = [v for v in after if v.id in old]
    return [
        v.id
        for v in after
        if v.id not in old and any(w.label == v.label and float(np.linalg.norm(w.position - v.position)) < TWIN_M for w in kept)
    ]
