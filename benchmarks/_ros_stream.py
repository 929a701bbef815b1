"""From an image's stamp to the updated graph on the wire; `find` meanwhile; who joins late; CPU beyond the pipeline without ROS."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _ros_sequence
from benchmarks._ros_process import Ear, cpu_s, finish, stamp_of, start, until

from robomem_msgs.msg import GraphDelta, GraphSnapshot, TrackedObjects  # isort: skip  after the module that sets the ROS environment
from robomem_msgs.srv import Find, GetGraph

from robomem.errors import RobomemError
from robomem.evaluation.report import bootstrap_ci
from robomem.nodes import qos
from robomem.nodes.supervisor import NodeSpec, Supervisor

HZ = 10.0
WARM_FRAMES = 20  # as in `bench frame`: the first frames load what all later ones share
BLOCK = 25  # frames between two readings of the node's CPU clock, which counts hundredths of a second
FIND_HZ = 20.0
QUESTIONS = ("mug", "red mug", "book", "bottle", "apple in the kitchen", "hammer", "cups", "laptop")
PARTS = ("door", "perception", "belief", "grid", "graph")


class Timer:
    """When the answer to each image was on the wire, and the CPU clock of the world model at every BLOCK of them."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.answered_ns: dict[int, int] = {}
        self.folded: list[int] = []
        self.cpu: list[tuple[int, float]] = []

    def delta(self, raw: bytes) -> None:
        """What changed in the graph."""
        self.answered_ns[stamp_of(raw)] = time.time_ns()

    def objects(self, raw: bytes) -> None:
        """All objects: after every image, whether or not it changed the graph."""
        now, stamp = time.time_ns(), stamp_of(raw)
        self.answered_ns[stamp] = max(now, self.answered_ns.get(stamp, 0))
        if len(self.folded) % BLOCK == 0:
            self.cpu.append((len(self.folded), cpu_s(self._pid)))
        self.folded.append(stamp)


class Stack:
    """Memory and world model as `robomem up` runs them, on a copy of the recorded memory. Use as a context manager."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder, self.database = folder, database
        specs = [
            NodeSpec("memory", "robomem.nodes.memory", {"database": str(database), "backup_folder": str(folder / "backups")}),
            NodeSpec("world_model", "robomem.nodes.world_model"),
        ]
        self.supervisor = Supervisor(specs, folder / "logs")

    def __enter__(self) -> Stack:
        self.supervisor.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.supervisor.stop()

    def play(self, count: int, name: str) -> tuple[Any, Path, Path]:
        """Start the camera process; (process, log, report)."""
        log, report = self.folder / "camera.log", self.folder / f"{name}.json"
        return start("benchmarks._ros_camera", log, folder=self.folder, count=count, hz=HZ, report=report), log, report


def measure(folder: Path, frames: int, asking_s: float, joins: int) -> dict[str, Any]:
    """All figures of one recorded sequence (see `_ros_sequence.record`).

    Args:
        frames: images of the first pass, which times graph and CPU.  asking_s: length of the second, which times `find` and late joiners.
    """
    database = folder / "nodes.db"
    shutil.copy(folder / _ros_sequence.START, database)
    figures: dict[str, Any] = {}
    with Stack(folder, database) as stack, Ear() as ear:
        pids = stack.supervisor.pids()
        timer = Timer(pids["world_model"])
        ear.hear(GraphDelta, "graph/delta", qos.DELTA, timer.delta, raw=True)
        ear.hear(TrackedObjects, "objects", qos.OBJECTS, timer.objects, raw=True)
        ear.hear(GraphSnapshot, "graph/snapshot", qos.SNAPSHOT, lambda _raw: None, raw=True)  # as a viewer does: all is paid for
        camera, log, report = stack.play(frames, "first")
        finish(camera, frames / HZ + 60.0, log)
        figures |= (latency := _latency(json.loads(report.read_text())["stamps"], timer))
        camera, log, report = stack.play(round(asking_s * HZ), "second")
        heard = len(timer.folded)
        if not until(lambda: len(timer.folded) > heard + WARM_FRAMES, 60.0):
            raise RobomemError("bench ros: the world model does not fold the second pass in")
        began, busy = time.monotonic(), cpu_s(pids["memory"])
        figures |= (asked := _find(ear, lambda: camera.poll() is None))
        figures["series"] = latency["series"] | asked["series"]
        figures["memory_busy_share"] = round((cpu_s(pids["memory"]) - busy) / (time.monotonic() - began), 3)
        finish(camera, asking_s + 60.0, log)
        figures |= _late(ear, joins)
    figures |= _overhead(folder, frames, timer)
    return figures


def _percentile(share: float) -> Callable[[np.ndarray], float]:
    return lambda v: float(np.percentile(v, share))


def _latency(stamps: list[int], timer: Timer) -> dict[str, Any]:
    """Over all images after the first few; one without an answer counts as later than any other."""
    counted = stamps[WARM_FRAMES:]
    late = [(timer.answered_ns[s] - s) / 1e6 for s in counted if s in timer.answered_ns]
    missed = len(counted) - len(late)
    worst = late + [max(late, default=0.0) + 1000.0] * missed
    return {
        "graph_n": len(counted),
        "graph_missed": missed,
        "graph_p50_ms": round(float(np.percentile(worst, 50)), 1),
        "graph_p50_ms_ci": bootstrap_ci(worst, _percentile(50)),
        "graph_p95_ms": round(float(np.percentile(worst, 95)), 1),
        "graph_p95_ms_ci": bootstrap_ci(worst, _percentile(95)),
        "series": {"image to updated graph": worst},
    }


def _find(ear: Ear, goes_on: Callable[[], bool]) -> dict[str, Any]:
    """Round trips of `find` while images are folded in and written."""
    client = ear.node.create_client(Find, "memory/find")
    if not until(client.service_is_ready, 10.0):
        raise RobomemError("bench ros: no memory node offers find")
    late, k, start_s = [], 0, time.monotonic()
    while goes_on():
        time.sleep(max(0.0, start_s + k / FIND_HZ - time.monotonic()))
        began = time.perf_counter()
        answer = ear.ask(client, Find.Request(query=QUESTIONS[k % len(QUESTIONS)]), 2.0)
        late.append(1000 * (time.perf_counter() - began) if answer is not None and answer.ok else 2000.0)
        k += 1
    ear.node.destroy_client(client)
    return {
        "find_n": len(late),
        "find_p50_ms": round(float(np.percentile(late, 50)), 2),
        "find_p95_ms": round(float(np.percentile(late, 95)), 2),
        "find_p95_ms_ci": bootstrap_ci(late, _percentile(95)),
        "series": {"find, memory busy": late},
    }


def _late(ear: Ear, joins: int) -> dict[str, Any]:
    """From the start of a new participant to a snapshot with every node that the world model had before; the slowest of all."""
    client = ear.node.create_client(GetGraph, "world_model/get_graph")
    took = []
    for k in range(joins):
        answer = ear.ask(client, GetGraph.Request(), 5.0)
        wanted, got = set(answer.snapshot.graph.node_ids), []
        began = time.monotonic()
        with Ear(f"bench_late_{k}") as late:
            late.hear(GraphSnapshot, "graph/snapshot", qos.SNAPSHOT, got.append)
            ok = until(lambda got=got, wanted=wanted: bool(got) and wanted <= set(got[-1].graph.node_ids), 10.0, 0.001)
            took.append(time.monotonic() - began if ok else 10.0)
    ear.node.destroy_client(client)
    return {"joins": joins, "late_joiner_s": round(max(took), 2), "late_joiner_median_s": round(float(np.median(took)), 2)}


def _overhead(folder: Path, frames: int, timer: Timer) -> dict[str, Any]:
    """CPU of the node per image over that of the same pipeline without ROS, minus one; over blocks of the same images.

    The pipeline is what a user of the library runs, from arrays to the graph: checking the image, perception, belief, graph.
    """
    database, log, report = folder / "alone.db", folder / "alone.log", folder / "alone.json"
    shutil.copy(folder / _ros_sequence.START, database)
    alone = start("benchmarks._ros_inprocess", log, folder=folder, database=database, count=frames, hz=HZ, report=report)
    finish(alone, frames / HZ + 120.0, log)
    rows: list[Mapping[str, float]] = json.loads(report.read_text())
    blocks = []
    for (k0, s0), (k1, s1) in zip(timer.cpu, timer.cpu[1:], strict=False):
        if k0 >= WARM_FRAMES and k1 <= len(rows):
            own = rows[k0 + 1 : k1 + 1]
            blocks.append((1000 * (s1 - s0), sum(r["pipeline"] for r in own), sum(r["total"] for r in own), len(own)))
    node, pipeline, total, n = (np.array(column) for column in zip(*blocks, strict=True))
    return {
        "cpu_n": int(n.sum()),
        "cpu_node_ms": round(float(node.sum() / n.sum()), 2),
        "cpu_pipeline_ms": round(float(pipeline.sum() / n.sum()), 2),
        "cpu_with_store_ms": round(float(total.sum() / n.sum()), 2),
        "cpu_stages_ms": {name: round(float(np.mean([r[name] for r in rows[WARM_FRAMES:]])), 2) for name in PARTS},
        "cpu_overhead": round(float(node.sum() / pipeline.sum() - 1), 3),
        "cpu_overhead_ci": bootstrap_ci(list(node / pipeline - 1)),
        "cpu_overhead_over_store_too": round(float(node.sum() / total.sum() - 1), 3),
    }
