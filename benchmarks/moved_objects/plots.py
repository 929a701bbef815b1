"""The benchmark's picture: GOSPA of every memory, notice frames by height, risk against coverage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.moved_objects.summary import HEIGHTS
from robomem.viewer.curves import COLORS
from robomem.viewer.figures import INK, _figure, _save

NEVER = 16.0  # frames: bars of what is noticed later, or never, end here
OURS, THEIRS, FLOOR = COLORS[0], "#9aa5b1", "#d9dee3"
_CURVES = (*COLORS, "#b0413e", "#3b8ea5", "#7a6c5d", "#e0b13a")


def draw(path: str | Path, rows: Mapping[str, Mapping[str, Any]], floor: str = "") -> Path:
    """One PNG with three panels.

    Args:
        rows: memory -> its summary, ours first.  floor: name of the row that is no rival.
    """
    figure = _figure(17.0, 5.2)
    left, middle, right = figure.subplots(1, 3, gridspec_kw={"width_ratios": (1.1, 1.2, 1.0)})
    _gospa(left, rows, floor)
    _notices(middle, {k: r for k, r in rows.items() if k != floor})
    _risk(right, {k: r for k, r in rows.items() if k != floor})
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    homes = max(int(r["homes"]) for r in rows.values())
    figure.suptitle(f"Moved, hidden and vanished objects: {homes} homes", x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    return _save(figure, path)


def _gospa(axes: Any, rows: Mapping[str, Mapping[str, Any]], floor: str) -> None:
    names = sorted(rows, key=lambda n: -(rows[n]["gospa"] or 0.0))
    for k, name in enumerate(names):
        value, (low, high) = rows[name]["gospa"] or 0.0, rows[name]["gospa_ci"]
        color = FLOOR if name == floor else OURS if name == next(iter(rows)) else THEIRS
        axes.barh(k, value, color=color)
        if low is not None and high is not None:
            axes.plot([low, high], [k, k], color=INK, linewidth=1.2)
        axes.text(max(value, high or 0.0) + 0.03, k, f"{value:.2f}", va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("GOSPA, m (c = 1 m, p = 2), mean over images; lines: 95 % over homes", fontsize=9)
    axes.set_title("How wrong the map is", fontsize=11, loc="left", color=INK)


def _notices(axes: Any, rows: Mapping[str, Mapping[str, Any]]) -> None:
    width = 0.8 / max(len(rows), 1)
    for k, (name, row) in enumerate(rows.items()):
        for h, height in enumerate(HEIGHTS):
            value = row["notice_by_height"][height]["median"]
            late = value is None or value > NEVER
            x = h + (k - len(rows) / 2 + 0.5) * width
            color = _CURVES[k % len(_CURVES)]
            axes.bar(x, NEVER if late else value, width * 0.9, color=color, label=name if h == 0 else None)
            if late:
                words = "never" if value is None else f"{value:.0f}"
                axes.text(x, NEVER + 0.3, words, rotation=90, ha="center", va="bottom", fontsize=7, color=INK)
    axes.axhline(4, color=INK, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, NEVER + 12)
    axes.set_xticks(range(len(HEIGHTS)), HEIGHTS)
    axes.set_xlabel("height of the thing", fontsize=9)
    axes.set_ylabel("images of the empty place until noticed, median", fontsize=9)
    axes.set_title("How soon a change is noticed", fontsize=11, loc="left", color=INK)
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper left")


def _risk(axes: Any, rows: Mapping[str, Mapping[str, Any]]) -> None:
    for k, (name, row) in enumerate(rows.items()):
        curve, color = row["risk_coverage"], _CURVES[k % len(_CURVES)]
        if len(curve["coverage"]) > 1:
            axes.plot(curve["coverage"], curve["risk"], color=color, linewidth=2.2 if k == 0 else 1.3, label=name)
        elif curve["coverage"]:
            axes.plot(curve["coverage"], curve["risk"], "o", color=color, label=name)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: share of answers given, the surest first", fontsize=9)
    axes.set_ylabel("risk: share of them that is wrong", fontsize=9)
    axes.set_title("Does it know when it does not know?", fontsize=11, loc="left", color=INK)
    axes.legend(fontsize=8, frameon=False)
