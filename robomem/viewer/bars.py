"""Bars with intervals, one panel beside the other, as one PNG: rates of many rules on several tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robomem.errors import InvalidInputError
from robomem.viewer.curves import COLORS
from robomem.viewer.figures import INK, _figure, _save

Bar = tuple[str, float, Sequence[float]]  # name, value, [low, high]
PANELS_PER_ROW = 4


def draw_bars(path: str | Path, panels: Mapping[str, Sequence[Bar]], x_words: str, title: str, marked: Sequence[str] = ()) -> Path:
    """One panel per key with a horizontal bar per rule; every panel lists the same rules in the same order.

    Args:
        marked: rules drawn in another colour (a bound, one's own).

    Raises:
        InvalidInputError: no panel.
        MissingDependencyError: matplotlib is not installed.
    """
    if not panels:
        raise InvalidInputError("viewer: draw_bars needs at least one panel, got none")
    across = min(PANELS_PER_ROW, len(panels))
    down = -(-len(panels) // across)
    tall = 0.24 * max(len(bars) for bars in panels.values()) + 0.9
    figure = _figure(3.3 * across + 1.6, tall * down + 0.5)
    cells = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes, (words, bars) in zip(cells.flat, panels.items(), strict=False):
        for i, (name, value, (low, high)) in enumerate(bars):
            axes.barh(i, value, color=COLORS[list(marked).index(name) % len(COLORS)] if name in marked else COLORS[2], height=0.7)
            axes.plot([low, high], [i, i], color=INK, linewidth=1.2)
        axes.set_yticks(range(len(bars)), [name for name, _, _ in bars], fontsize=8)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_title(words, fontsize=10, loc="left", color=INK)
        axes.set_xlabel(x_words, fontsize=8)
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(cells.flat)[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return _save(figure, path)
