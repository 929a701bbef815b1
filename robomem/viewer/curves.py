"""Curves beside each other as one PNG: accuracy against days lived, risk against coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robomem.errors import InvalidInputError
from robomem.viewer.figures import INK, _figure, _save

COLORS = ("#2f7d5b", "#c9772e", "#9aa5b1", "#5a6fb0", "#a5527a")
STYLES = ("-", "--", ":")  # when the colours are used up
BESIDE, LEGEND_IN = 5, 2.2  # more names than these are listed beside the curves, not over them, on so many inches
Curve = tuple[Sequence[float], Sequence[float]]  # x, y


def draw_curves(path: str | Path, panels: Mapping[str, Mapping[str, Curve]], x_words: str, y_words: str, title: str) -> Path:
    """One panel per key, one line per name in it; the same name has the same colour everywhere.

    Raises:
        InvalidInputError: no panel.
        MissingDependencyError: matplotlib is not installed.
    """
    if not panels:
        raise InvalidInputError("viewer: draw_curves needs at least one panel, got none")
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    aside = len(names) > BESIDE
    wide = 5.2 * len(panels) + 0.6
    figure = _figure(wide + (LEGEND_IN if aside else 0.0), 3.8)
    for axes, (words, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for name, (x, y) in curves.items():
            k = names.index(name)
            axes.plot(x, y, color=COLORS[k % len(COLORS)], linestyle=STYLES[k // len(COLORS) % len(STYLES)], label=name, linewidth=1.8)
        axes.set_title(words, fontsize=11, loc="left", color=INK)
        axes.set_xlabel(x_words, fontsize=9)
        axes.set_ylabel(y_words, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        if not aside:
            axes.legend(fontsize=9, frameon=False)
        elif words == next(reversed(panels)):
            axes.legend(fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return _save(figure, path)
