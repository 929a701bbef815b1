"""`bench ros` as a picture: how late things are, where the CPU of an image goes, how long up and back take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robomem.viewer.curves import COLORS
from robomem.viewer.figures import INK, _figure, _save

Series = Mapping[str, Sequence[float]]


def draw(path: Path, series: Series, bounds: Mapping[str, float], figures: Mapping[str, Any]) -> Path:
    """Three panels.

    Args:
        series: milliseconds of every sample by what it times; "bring-up" in seconds.
        bounds: what the p95 of a series may be, ms.
        figures: the JSON's.
    """
    figure = _figure(16.0, 4.2)
    late, cpu, life = figure.subplots(1, 3)
    _late(late, {name: v for name, v in series.items() if name in bounds}, bounds)
    _cpu(cpu, figures)
    _life(life, series["bring-up"], figures["kill_rows"])
    for axes in (late, cpu, life):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("robomem over ROS 2: every part a process, two cores", x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    return _save(figure, path)


def _late(axes: Any, series: Series, bounds: Mapping[str, float]) -> None:
    for k, (name, values) in enumerate(series.items()):
        axes.plot(
            np.sort(values), np.arange(1, len(values) + 1) / len(values), color=COLORS[k], linewidth=1.8, label=f"{name}, n = {len(values)}"
        )
        axes.plot([bounds[name]], [0.95], marker="v", color=COLORS[k], markersize=8, linestyle="none")
    axes.axhline(0.95, color=COLORS[2], linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlabel("ms; a triangle: where 95 % have to be", fontsize=9)
    axes.set_ylabel("share that is no later", fontsize=9)
    axes.set_title("How late", fontsize=11, loc="left", color=INK)
    axes.legend(fontsize=9, frameon=False, loc="lower right")


def _cpu(axes: Any, figures: Mapping[str, Any]) -> None:
    stages, at = figures["cpu_stages_ms"], 0.0
    parts = [*stages.items(), ("message work, DDS, snapshots", figures["cpu_node_ms"] - sum(stages.values()))]
    for k, (name, ms) in enumerate(parts):
        color = COLORS[k % len(COLORS)] if name in stages else "#d7dce1"
        axes.barh(["node over ROS 2"], [ms], left=[at], color=color, label=f"{name} {ms:.1f}")
        if name in stages:
            axes.barh(["same images in process"], [ms], left=[at], color=color)
        at += ms
    axes.set_xlabel("CPU ms an image (320x240)", fontsize=9)
    axes.set_title(f"Where an image's CPU goes: {figures['cpu_overhead']:.0%} more over ROS 2", fontsize=11, loc="left", color=INK)
    axes.set_ylim(-0.6, 2.6)
    axes.legend(fontsize=8, frameon=False, ncols=2, loc="upper left")


def _life(axes: Any, bring_up: Sequence[float], kills: Sequence[Mapping[str, Any]]) -> None:
    axes.bar(range(len(bring_up)), bring_up, color=COLORS[0], label=f"four nodes to active, {len(bring_up)} times")
    for k, row in enumerate(kills):
        x = len(bring_up) + 1 + k
        first = {"label": "killed: back after"} if k == 0 else {}
        axes.bar([x], [row["back_s"]], color=COLORS[1 if row["recovered"] else 4], **first)
        axes.text(x, 0.2, row["victim"], rotation=90, ha="center", va="bottom", fontsize=7, color="white")
    axes.axhline(10.0, color=COLORS[2], linewidth=0.8, linestyle=":")
    axes.set_xticks([])
    axes.set_ylabel("s", fontsize=9)
    axes.set_title("Up, and back after SIGKILL during a task", fontsize=11, loc="left", color=INK)
    axes.legend(fontsize=9, frameon=False, loc="upper left")
    axes.set_ylim(0, 14)
