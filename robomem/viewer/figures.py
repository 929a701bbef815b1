"""PNG pictures without a display: the home as memory believes it to be, seen from above, and the comparison of the demo's twins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.geometry import footprint
from robomem.types import ObjectView
from robomem.viewer.colors import CLUTTER, FLOOR, FOCUS, INK, ROBOT, ROOMS, STATUS, UNKNOWN, WALL, WOOD, rgb
from robomem.viewer.labels import LabelPlacer

CHI2_90 = 4.605  # of two degrees of freedom: a Gaussian holds 90 % of its mass within sqrt(4.605) sigma
GONE = ("missing", "removed")
MARGIN_M = 0.4
MAX_WIDTH_IN, MIN_WIDTH_IN, MAX_HEIGHT_IN = 12.0, 7.0, 9.0  # of the home in the picture
SAME_STATION_M = 0.35  # visits nearer than this are drawn as one station
STATION_PX = 13.0  # half side of a numbered station


def draw_map(
    path: str | Path,
    graph: Any,
    objects: Sequence[ObjectView],
    grid: Any,
    history: Sequence[tuple[int, ArrayLike]] | None = None,
    focus_id: int | None = None,
    trajectory: ArrayLike | None = None,
    title: str = "",
    room_labels: NDArray[np.integer] | None = None,
) -> Path:
    """Draw the home from above.

    Args:
        path: the PNG to write.
        graph: SceneGraph; its room nodes give names and tints, and the stays of `focus_id` the history if none is passed.
        objects: what to show; furniture as footprints, objects as dots, removed ones hollow.
        grid: OccupancyGrid.
        history: stations of the focus object, (stamp_ns, Float64[2 or 3] position in m), oldest first.
        focus_id: the object the picture is about.
        trajectory: Float64[k, 2 or more] robot path, map frame, m.
        title: heading.
        room_labels: Int[rows, cols] room of each grid cell, 0 = none; without it a cell belongs to the nearest room node.

    Returns:
        The path written.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    way = np.asarray([] if trajectory is None else trajectory, float)
    if history is None:
        history = [] if focus_id is None else [(stay.from_ns, stay.position) for stay in graph.stays.get(focus_id, [])]
    sure = [v for v in objects if v.id == focus_id or v.status != "tentative"]
    furniture = sorted((v for v in sure if v.kind == "furniture" and v.status not in GONE), key=lambda v: -v.size[0] * v.size[1])
    things = [v for v in sure if v.kind != "furniture"]
    bounds = _bounds(grid, objects, way)
    figure, axes = _canvas(bounds)
    _draw_floor(axes, grid, graph.nodes("room"), room_labels)
    if len(way) > 1:
        axes.plot(way[:, 0], way[:, 1], color=ROBOT, lw=0.9, alpha=0.55, zorder=3)
    for view in furniture:
        _draw_furniture(axes, view)
    figure.canvas.draw()  # fixes the scale that label sizes depend on
    placer = LabelPlacer(axes, bounds)
    placer.avoid([v.position[:2] for v in things])
    placer.avoid([np.asarray(p, float)[:2] for _, p in history], half_px=STATION_PX)
    _draw_history(axes, history, placer)
    for view in things:
        _draw_object(axes, view, view.id == focus_id, bool(history))
    _write_labels(graph.nodes("room"), furniture, things, focus_id if history else None, placer)
    _scale_bar(axes, bounds)
    _legend(axes, things, len(way) > 1, bool(history))
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=10, fontweight="bold")
    return _save(figure, path)


def draw_comparison(path: str | Path, rows: Sequence[Mapping[str, Any]], title: str = "The same task with and without memory") -> Path:
    """Bars of time, distance and glances for runs of one task that differ in what they remember.

    Args:
        path: the PNG to write.
        rows: one mapping per run: name, time_s, distance_m, glances, and done (False is hatched); the first is what the others
            are compared with.

    Raises:
        InvalidInputError: no rows.
        MissingDependencyError: matplotlib is not installed.
    """
    if not rows:
        raise InvalidInputError("viewer: draw_comparison needs at least one run, got none")
    figure = _figure(11.0, 1.7 + 0.55 * len(rows))
    panels = figure.subplots(1, 3, sharey=True)
    for axes, (key, words, unit) in zip(
        panels, (("time_s", "time", "s"), ("distance_m", "distance", "m"), ("glances", "glances", "")), strict=True
    ):
        values = np.array([float(row[key]) for row in rows])
        colors = [STATUS["confirmed"], *["#9aa5b1"] * (len(rows) - 1)]
        hatches = ["" if row.get("done", True) else "///" for row in rows]
        axes.barh(range(len(rows)), values, color=colors, hatch=hatches, edgecolor="white", height=0.62)
        for y, value in enumerate(values):
            times = f"  ({value / values[0]:.1f}x)" if y and values[0] > 0 else ""
            failed = "" if rows[y].get("done", True) else "  not done"
            axes.text(value, y, f" {value:.0f} {unit}{times}{failed}", va="center", fontsize=9, color=INK)
        axes.set_xlim(0, max(values.max(), 1e-9) * 1.5)
        axes.set_title(words, fontsize=11, loc="left", color=INK)
        axes.set_xticks([])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.tick_params(left=False)
    panels[0].set_yticks(range(len(rows)), [str(row["name"]) for row in rows], fontsize=10)
    panels[0].invert_yaxis()
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return _save(figure, path)


def _figure(width_in: float, height_in: float) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "viewer: pictures need the package matplotlib, which is not installed; pip install 'robomem[viewer]'"
        ) from error
    figure = Figure(figsize=(width_in, height_in), dpi=130, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: str | Path) -> Path:
    out = Path(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=130)
    return out


def _bounds(grid: Any, objects: Sequence[ObjectView], way: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Left, right, bottom, top (m) of what is known, with a margin."""
    cells = np.argwhere(grid.free | grid.occupied)
    points = [np.asarray(grid.to_xy(cells), float)] if len(cells) else []
    points += [v.position[None, :2] for v in objects] + ([way[:, :2]] if len(way) else [])
    known = np.concatenate(points) if points else np.array([[-1.0, -1.0], [1.0, 1.0]])
    (x0, y0), (x1, y1) = known.min(axis=0) - MARGIN_M, known.max(axis=0) + MARGIN_M
    return float(x0), float(x1), float(y0), float(y1)


def _canvas(bounds: tuple[float, float, float, float]) -> tuple[Any, Any]:
    x0, x1, y0, y1 = bounds
    tall = (y1 - y0) / (x1 - x0)
    width = float(np.clip(MAX_HEIGHT_IN / tall, MIN_WIDTH_IN, MAX_WIDTH_IN))
    height = float(np.clip(width * tall, 3.0, MAX_HEIGHT_IN)) + 1.3  # title above, legend below
    figure = _figure(width, height)
    axes = figure.add_axes((0.02, 0.8 / height, 0.96, 1 - 1.3 / height))
    axes.set_facecolor(UNKNOWN)
    axes.set_aspect("equal")
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return figure, axes


def _draw_floor(axes: Any, grid: Any, rooms: Sequence[Any], room_labels: NDArray[np.integer] | None) -> None:
    """Paint unknown, free (tinted by room), low and tall occupied cells as one image."""
    rows, cols = grid.free.shape
    if not rows:
        return
    image = np.empty((rows, cols, 3), np.uint8)
    image[:] = rgb(UNKNOWN)
    free = np.asarray(grid.free)
    image[free] = rgb(FLOOR)
    tints = np.array([rgb(c) for c in ROOMS], np.uint8)
    if room_labels is not None and room_labels.shape == free.shape:
        inside = free & (room_labels > 0)
        image[inside] = tints[(room_labels[inside] - 1) % len(tints)]
    elif rooms:
        cells = np.argwhere(free)
        centres = np.array([node.position[:2] for node in rooms], float)
        nearest = np.linalg.norm(grid.to_xy(cells)[:, None] - centres[None], axis=2).argmin(axis=1)
        image[free] = tints[nearest % len(tints)]
    image[np.asarray(grid.occupied)] = rgb(CLUTTER)
    tall = np.asarray(getattr(grid, "tall", grid.occupied))
    image[tall & np.asarray(grid.occupied)] = rgb(WALL)
    x, y = grid.origin
    axes.imshow(image, origin="lower", extent=(x, x + cols * grid.cell_m, y, y + rows * grid.cell_m), interpolation="nearest", zorder=1)


def _draw_furniture(axes: Any, view: ObjectView) -> None:
    from matplotlib.patches import Polygon

    corners = footprint(view.position, view.size, view.yaw_rad)
    axes.add_patch(Polygon(corners, closed=True, facecolor=WOOD, edgecolor="#7d6a4d", lw=1.2, alpha=0.35 + 0.55 * view.existence, zorder=4))


def _write_labels(
    rooms: Sequence[Any], furniture: Sequence[ObjectView], things: Sequence[ObjectView], station_id: int | None, placer: LabelPlacer
) -> None:
    """Names of furniture, then of things (the one with stations first), then of rooms: who comes first gets the better spot."""
    for view in furniture:
        placer.place(view.position[:2], view.label, color="#6b5836", size=7.5, italic=True, centred=True)
    for view in sorted(things, key=lambda v: (v.id != station_id, v.status in GONE, v.position[0])):
        focus = view.id == station_id
        placer.place(view.position[:2], view.label, color=FOCUS if focus else INK, bold=focus, away_px=STATION_PX if focus else 0.0)
    for node in rooms:
        xy = np.asarray(node.position, float)[:2]
        placer.place(xy, node.label.upper(), color="#4c5a67", size=12, bold=True, centred=True, alpha=0.6)


def _draw_object(axes: Any, view: ObjectView, focus: bool, has_history: bool) -> None:
    from matplotlib.patches import Circle

    x, y = view.position[:2]
    color = FOCUS if focus else STATUS.get(view.status, STATUS["tentative"])
    gone = view.status in GONE
    alpha = 1.0 if gone else 0.3 + 0.7 * view.existence
    spread = float(np.sqrt(CHI2_90 * max(0.0, float(np.trace(view.covariance[:2, :2]))) / 2))
    if not gone:
        axes.add_patch(Circle((x, y), spread, facecolor=color, edgecolor=color, lw=0.6, alpha=0.16, zorder=5))
    if focus and has_history and not gone:
        return  # its last station is drawn there
    axes.scatter(
        [x],
        [y],
        s=64 if focus else 26,
        zorder=7,
        marker="^" if view.kind == "agent" else "o",
        alpha=alpha,
        facecolors="none" if gone else color,
        edgecolors=color if gone else "white",
        linewidths=1.3 if gone else 0.7,
    )


def _draw_history(axes: Any, history: Sequence[tuple[int, ArrayLike]], placer: LabelPlacer) -> None:
    """Numbered stations joined by arrows, each with the times since the first of its visits."""
    from matplotlib.patches import FancyArrowPatch

    points = [np.asarray(p, float)[:2] for _, p in history]
    for a, b in pairwise(points):
        if np.linalg.norm(b - a) > 0.05:
            axes.add_patch(
                FancyArrowPatch(
                    tuple(a),
                    tuple(b),
                    connectionstyle="arc3,rad=0.18",
                    arrowstyle="-|>",
                    mutation_scale=15,
                    lw=2.0,
                    color=FOCUS,
                    alpha=0.85,
                    shrinkA=9,
                    shrinkB=10,
                    zorder=8,
                )
            )
    for first, same in _stations(points).items():
        point, last = points[first], len(points) - 1 in same
        axes.text(
            point[0],
            point[1],
            " ".join(str(k + 1) for k in same),
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold",
            color="white" if last else FOCUS,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": FOCUS if last else "white", "edgecolor": FOCUS, "linewidth": 1.8},
            zorder=10,
        )
        if len(points) > 1:
            since = [timedelta(seconds=round((history[k][0] - history[0][0]) / 1e9)) for k in same]
            words = ", ".join(f"+{t}" if k else "first seen" for k, t in zip(same, since, strict=True))
            placer.place(point, words, color=FOCUS, size=7, away_px=STATION_PX)


def _stations(points: Sequence[NDArray[np.floating]]) -> dict[int, list[int]]:
    """Where it was more than once is one station: index of the first visit -> indices of all."""
    out: dict[int, list[int]] = {}
    for k, p in enumerate(points):
        near = next((f for f in out if float(np.linalg.norm(points[f] - p)) < SAME_STATION_M), k)
        out.setdefault(near, []).append(k)
    return out


def _scale_bar(axes: Any, bounds: tuple[float, float, float, float]) -> None:
    x, y = bounds[0] + 0.15, bounds[2] + 0.15
    axes.plot([x, x + 1.0], [y, y], color=INK, lw=2.5, solid_capstyle="butt", zorder=11)
    axes.text(x + 0.5, y + 0.06, "1 m", ha="center", va="bottom", fontsize=8, color=INK, zorder=11)


def _legend(axes: Any, shown: Sequence[ObjectView], path: bool, history: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    items: list[Any] = [
        Patch(facecolor=WALL, label="wall"),
        Patch(facecolor=CLUTTER, label="occupied"),
        Patch(facecolor=WOOD, edgecolor="#7d6a4d", label="furniture"),
    ]
    for status in STATUS:
        if any(v.status == status for v in shown):
            hollow = status in GONE
            items.append(
                Line2D(
                    [],
                    [],
                    ls="",
                    marker="o",
                    ms=6,
                    color=STATUS[status],
                    markerfacecolor="none" if hollow else STATUS[status],
                    label=status,
                )
            )
    items.append(Line2D([], [], ls="", marker="o", ms=11, color="#00000022", label="90 % spread; fainter = less sure"))
    if history:
        items.append(Line2D([], [], color=FOCUS, lw=2, marker=">", ms=5, label="where it was, in order"))
    if path:
        items.append(Line2D([], [], color=ROBOT, lw=1, label="robot's path"))
    axes.legend(
        handles=items,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.005),
        ncol=len(items) if axes.figure.get_figwidth() > 11.0 else -(-len(items) // 2),
        fontsize=8,
        frameon=False,
        handletextpad=0.4,
        columnspacing=1.2,
    )
