"""Labels that do not pile up: each takes the first free spot around its point, with a thin line back when it had to go far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

POINT_PX = 7.0  # half side of the square a dot keeps for itself
RINGS_PX = (9.0, 18.0, 30.0, 46.0, 66.0)
DIRECTIONS = np.array([(1, 0), (0.7, 0.7), (0.7, -0.7), (-1, 0), (-0.7, 0.7), (-0.7, -0.7), (0, 1), (0, -1)])
LINE_FROM_PX = 20.0  # beyond this a label is tied to its point by a line

Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels


class LabelPlacer:
    """Greedy placement in pixel space.

    Args:
        axes: matplotlib axes whose limits and size are final.
        bounds: left, right, bottom, top of the axes, data units; labels stay inside.
    """

    def __init__(self, axes: Any, bounds: tuple[float, float, float, float]) -> None:
        self._axes = axes
        low = axes.transData.transform((bounds[0], bounds[2]))
        high = axes.transData.transform((bounds[1], bounds[3]))
        self._inside: Box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        self._taken: list[Box] = []

    def avoid(self, points: list[Any], half_px: float = POINT_PX) -> None:
        """Keep labels off a square of half side `half_px` around these points (Float[2] each, data units)."""
        for point in points:
            x, y = self._axes.transData.transform(np.asarray(point, float))
            self._taken.append((x - half_px, y - half_px, x + half_px, y + half_px))

    def place(
        self,
        point: ArrayLike,
        text: str,
        color: str,
        size: float = 8.0,
        bold: bool = False,
        italic: bool = False,
        centred: bool = False,
        alpha: float = 1.0,
        away_px: float = 0.0,
    ) -> None:
        """Write `text` beside (or, centred, on) a point in data units, where it covers least of what is there.

        `away_px` keeps it further off than usual, for points drawn large.
        """
        from matplotlib.patheffects import withStroke

        anchor = np.asarray(self._axes.transData.transform(np.asarray(point, float)))
        width, height = self._extent(text, size, bold)
        best = self._best(self._spots(anchor, width + away_px, height + away_px, centred), width, height)
        back = self._axes.transData.inverted().transform
        self._axes.annotate(
            text, back(best), ha="center", va="center", fontsize=size, color=color, alpha=alpha, zorder=12,
            fontweight="bold" if bold else "normal", fontstyle="italic" if italic else "normal",
            path_effects=[withStroke(linewidth=2.0, foreground="#ffffffb0")],
        )  # fmt: skip
        gap = max(abs(best[0] - anchor[0]) - width / 2, abs(best[1] - anchor[1]) - height / 2)
        if gap > LINE_FROM_PX:
            start, end = back(anchor), back(best)
            self._axes.plot([start[0], end[0]], [start[1], end[1]], color=color, lw=0.5, alpha=0.5, zorder=6)

    def _best(self, spots: list[Any], width: float, height: float) -> Any:
        """The spot (pixels) where the label covers least; taken from then on. Earlier spots win ties, and a free one ends the search."""
        best, best_box, best_cost = spots[0], (0.0, 0.0, 0.0, 0.0), np.inf
        for rank, middle in enumerate(spots):
            box = (middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2)
            far = 0.02 * rank * height
            cost = sum(_shared(box, other) for other in self._taken) + 10 * self._outside(box) + far
            if cost < best_cost:
                best, best_box, best_cost = middle, box, cost
            if cost < far + 1e-9:
                break
        self._taken.append(best_box)
        return best

    def _extent(self, text: str, size: float, bold: bool) -> tuple[float, float]:
        """Width and height in pixels, from average glyph widths: exact extents would need a draw per label."""
        dots = self._axes.figure.dpi / 72.0
        wide = 0.68 if text.isupper() else 0.56
        return len(text) * size * dots * (wide + 0.05 * bold), size * dots * 1.25

    def _spots(self, anchor: Any, width: float, height: float, centred: bool) -> list[Any]:
        reach = np.array([width / 2, height / 2])
        ring = [anchor + DIRECTIONS[i] * (reach + r) for r in RINGS_PX for i in range(len(DIRECTIONS))]
        return [anchor, *ring] if centred else ring

    def _outside(self, box: Box) -> float:
        left, bottom, right, top = self._inside
        return max(0.0, left - box[0]) + max(0.0, bottom - box[1]) + max(0.0, box[2] - right) + max(0.0, box[3] - top)


def _shared(a: Box, b: Box) -> float:
    """Area two pixel boxes share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
