"""`robomem bench ros`: the same memory as processes on the wire: images, graph, `find`, CPU, up and down, kills, late joiners."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from robomem.errors import MissingDependencyError
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import table
from robomem.nodes.environment import prepare_ros_environment, ros_missing

PAIRS, FRAMES, ASKING_S, JOINS, CYCLES, ROUNDS = 300, 320, 30.0, 5, 20, 2
QUICK = {"pairs": 90, "frames": 95, "asking_s": 8.0, "joins": 2, "cycles": 2}
P95_MS = {"image to the other process": 15.0, "find, memory busy": 15.0, "image to updated graph": 120.0}
ASKED = (  # figure, key, what is asked of it (at least or at most), unit
    ("RGB-D 640x480 at 30 Hz: pairs that arrive", "pairs_share", ">=", 1.0, ""),
    ("the same: image latency p95", "image_p95_ms", "<=", 15.0, "ms"),
    ("image stamp to updated graph, 320x240 at 10 Hz: p50", "graph_p50_ms", "<=", 60.0, "ms"),
    ("the same: p95", "graph_p95_ms", "<=", 120.0, "ms"),
    ("find, memory busy writing: round trip p95", "find_p95_ms", "<=", 15.0, "ms"),
    ("CPU of world_model beyond the in-process pipeline", "cpu_overhead", "<=", 0.25, ""),
    ("four nodes to active: the slowest", "bringup_s", "<=", 10.0, "s"),
    ("processes left after the up/down cycles", "orphans", "<=", 0, ""),
    ("kills of memory and world_model recovered from", "kill_recovered", ">=", 1.0, ""),
    ("late joiner has the full graph: the slowest", "late_joiner_s", "<=", 2.0, "s"),
)


def run(args: BenchArgs) -> dict[str, Any]:
    """Every figure across processes, on one machine; the database of the home that was explored before is shared by all parts.

    Raises:
        MissingDependencyError: ROS 2 or our messages are not installed.
    """
    missing = ros_missing()
    if missing:
        raise MissingDependencyError(f"bench ros: {' and '.join(missing)} cannot be imported; `make setup` installs it")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))  # deaf to whatever else runs here
    prepare_ros_environment(local_only=True)
    from benchmarks import _ros_images, _ros_life, _ros_sequence, _ros_stream

    seed = next(iter(args.seeds), 0)
    size = QUICK if args.quick else {"pairs": PAIRS, "frames": FRAMES, "asking_s": ASKING_S, "joins": JOINS, "cycles": CYCLES}
    with tempfile.TemporaryDirectory(prefix="robomem_bench_ros_") as name:
        folder = Path(name)
        figures: dict[str, Any] = {"n": 1, "seeds": str(seed)}
        series: dict[str, list[float]] = {}
        args.say("images between two processes")
        figures |= _without_series(_ros_images.measure(folder, int(size["pairs"])), series)
        args.say("recording a home")
        figures |= (held := _ros_sequence.record(folder, seed, int(size["frames"]), args.quick, args.say))
        args.say("image to graph, find, late joiners; then the same images without ROS")
        figures |= _without_series(_ros_stream.measure(folder, int(size["frames"]), float(size["asking_s"]), int(size["joins"])), series)
        args.say(f"{size['cycles']} times up and down")
        figures |= _without_series(_ros_life.cycles(folder, seed, int(size["cycles"]), args.say), series)
        args.say("killed during a task")
        figures |= _ros_life.kills(folder, seed, int(held["explored_ns"]) + 60 * 10**9, 1 if args.quick else ROUNDS, args.say)
    figures.pop("explored_ns")
    args.say(table(verdicts(figures)))
    args.say(table(figures["kill_rows"]))
    if args.out is not None:
        from benchmarks._ros_plot import draw

        args.say(f"wrote {draw(args.out.with_suffix('.png'), series, P95_MS, figures)}")
    return figures


def _without_series(part: dict[str, Any], series: dict[str, list[float]]) -> dict[str, Any]:
    """The figures of a part; its samples go to the picture, not to the JSON."""
    series.update(part.pop("series"))
    return part


def verdicts(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per figure of the issue: asked, measured with its interval, reached or not."""
    rows = []
    for what, key, sign, bound, unit in ASKED:
        value = figures[key]
        reached = value >= bound if sign == ">=" else value <= bound
        interval = figures.get(f"{key}_ci")
        rows.append(
            {
                "figure": what,
                "asked": f"{sign} {bound:g} {unit}".strip(),
                "measured": f"{value:g} {unit}".strip(),
                "95 %": "" if interval is None else f"{interval[0]:g} to {interval[1]:g}",
                "reached": "yes" if reached else "NO",
            }
        )
    return rows
