"""Ways through the grid: safe paths, travel distances, frontiers, and poses from which to see or reach a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph import grid_ops as ops
from robomem.scene_graph.occupancy import OccupancyGrid, clearance

START_SLACK_M = 0.6  # a robot already stands where the map says it cannot (drift, a chair pushed near): let it out this far
BLIND_M = 0.8  # a head camera does not see the floor at the robot's feet: unknown cells this near count as open
ASKEW_M = 2.0  # what looking along a shelf instead of into it is worth in metres of driving
COMFORT_M = 0.35  # clearance beyond the radius within which driving costs more


@dataclass(frozen=True)
class Frontier:
    """A border between known free floor and the unknown.

    Attributes:
        xy: a free point on it, Float64[2], m, map frame.
        size: cells along it.
        toward: Float64[2] unit vector into the unknown.
        unknown_m2: unknown area within 2 m of it that no known obstacle hides.
    """

    xy: NDArray[np.float64]
    size: int
    toward: NDArray[np.float64]
    unknown_m2: float


def standable(grid: OccupancyGrid, radius_m: float, allow_unknown: bool = False) -> NDArray[np.bool_]:
    """Bool[rows, cols]: cells where the centre of a disc of radius_m can be. Unknown cells count as closed unless allowed."""
    return (clearance(grid) >= radius_m) & (~grid.occupied if allow_unknown else grid.free)


def unknown_distance(grid: OccupancyGrid, min_unknown_m2: float = 0.1) -> NDArray[np.float32]:
    """Float32[rows, cols]: distance (m) from each cell to the nearest unknown pocket of some size (beyond the grid all is unknown)."""
    pockets = np.pad(_pockets(grid, min_unknown_m2), 1, constant_values=True)
    return ops.distance(pockets, grid.cell_m)[1:-1, 1:-1]


def head(path: NDArray[np.float64], length_m: float) -> NDArray[np.float64]:
    """The first length_m of a polyline Float64[k, 2]: drive a piece, look at the map again, plan again."""
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    done = np.concatenate([[0.0], np.cumsum(steps)])
    if done[-1] <= length_m:
        return path
    k = int(np.searchsorted(done, length_m))
    cut = path[k - 1] + (path[k] - path[k - 1]) * (length_m - done[k - 1]) / steps[k - 1]
    return np.vstack([path[:k], cut])


def path_length(path: NDArray[np.float64] | None) -> float:
    """Length (m) of a polyline Float64[k, 2]; infinite for no path."""
    return float("inf") if path is None else float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def travel_distances(grid: OccupancyGrid, start_xy: ArrayLike, radius_m: float) -> NDArray[np.float32]:
    """Float32[rows, cols]: shortest drive (m) from start to each standable cell, infinite where none; about 10 ms for a home."""
    out = np.full(grid.shape, np.inf, np.float32)
    open_ = _open_around(grid, standable(grid, radius_m), start_xy, radius_m)
    start = _way_out(grid, open_, start_xy)
    if start is None:
        return out
    dist, _ = kernels.shortest(np.where(open_, 1.0, np.inf).astype(np.float32), start[None], -1, -1, grid.cell_m)
    return np.where(np.isfinite(dist), dist + np.linalg.norm(grid.to_xy(start) - np.asarray(start_xy, float)[:2]), dist).astype(np.float32)


def plan_path(
    grid: OccupancyGrid,
    start_xy: ArrayLike,
    goal_xy: ArrayLike,
    radius_m: float,
    goal_tolerance_m: float = 0.15,
    allow_unknown: bool = False,
) -> NDArray[np.float64] | None:
    """A drivable polyline for a disc-shaped robot.

    Args:
        grid: the map.
        start_xy: where the robot is (m); if the map closes that cell, the way to the nearest open one is put in front.
        goal_xy: where to (m).
        radius_m: of the robot; no point of the path is nearer than this to an occupied cell (but for the way out at the start).
        goal_tolerance_m: how far from the goal the path may end; it ends at the reachable cell nearest to it.
        allow_unknown: drive over cells nobody has seen.

    Returns:
        Float64[k >= 2, 2] way points from start to goal, or None. Cost: A* over the grid, some 10 ms across a home.
    """
    start_xy, goal_xy = np.asarray(start_xy, float)[:2], np.asarray(goal_xy, float)[:2]
    open_, room = _open_around(grid, standable(grid, radius_m, allow_unknown), start_xy, radius_m), clearance(grid)
    start = _way_out(grid, open_, start_xy)
    if start is None:
        return None
    goal = _nearest_reachable(grid, open_, start, goal_xy, goal_tolerance_m)
    if goal is None:
        return None
    # near walls a metre costs up to three: the path keeps to the middle of doorways without giving them up
    price = 1.0 + 2.0 * np.clip((radius_m + COMFORT_M - room) / COMFORT_M, 0.0, 1.0) ** 2
    price += 2.0 * (unknown_distance(grid) < radius_m)  # a wall may end where the view ended
    cost = np.where(open_, price, np.inf).astype(np.float32)
    _, parent = kernels.shortest(cost, start[None], int(goal[0]), int(goal[1]), grid.cell_m)
    cells = _trace(parent, start, goal)
    corners = _straighten(cells, np.where(open_, room, np.float32(0)), radius_m)
    points = grid.to_xy(corners)
    end = [goal_xy] if open_[tuple(goal)] and (grid.to_cell(goal_xy) == goal).all() else []
    middle = points[1:-1] if end and len(points) > 1 else points[1:]
    head = [start_xy] if (grid.to_cell(start_xy) == start).all() else [start_xy, points[0]]
    path = np.array([*head, *middle, *end]).reshape(-1, 2)
    return path if len(path) > 1 else np.array([start_xy, points[-1]])


def least_along(grid: OccupancyGrid, field: NDArray[np.float32], a_xy: ArrayLike, b_xy: ArrayLike) -> float:
    """Smallest value of a field Float32[rows, cols] along a straight line between two points (m); -1 where it leaves the grid."""
    a, b = ((np.asarray(p, float)[1::-1] - grid.origin[::-1]) / grid.cell_m - 0.5 for p in (a_xy, b_xy))
    return float(kernels.least_along(field, a[0], a[1], b[0], b[1]))


def frontiers(
    grid: OccupancyGrid,
    from_xy: ArrayLike | None = None,
    radius_m: float = 0.28,
    min_cells: int = 6,
    min_unknown_m2: float = 0.1,
    travel: NDArray[np.float32] | None = None,
) -> list[Frontier]:
    """Borders of the known free floor, largest first.

    Args:
        grid: the map.
        from_xy: where the robot is (m); borders with no reachable standing point within 0.8 m are left out. None keeps all.
        radius_m: of the robot.
        min_cells: shorter borders are slivers.
        min_unknown_m2: pockets of unknown smaller than this (behind a chair leg) are not worth a drive.
        travel: `travel_distances` from from_xy, if known already.
    """
    if grid.shape[0] == 0:
        return []
    unknown = _pockets(grid, min_unknown_m2)
    border = grid.free & ops.grow(unknown)
    if from_xy is not None:
        travel = travel_distances(grid, from_xy, radius_m) if travel is None else travel
        near = np.isfinite(travel)
        if not near.any():
            return []
        border &= ops.distance(near, grid.cell_m) <= 0.8
    labels, n = ops.parts(border, diagonal=True)
    found = []
    for k in range(1, n + 1):
        cells = np.argwhere(labels == k)
        for part in _pieces(cells, round(1.5 / grid.cell_m)):
            if len(part) >= min_cells:
                found.append(_frontier(grid, part, unknown))
    return sorted(found, key=lambda f: (-f.size, tuple(f.xy)))


def viewpoint(
    grid: OccupancyGrid,
    target_xyz: ArrayLike,
    reach_m: tuple[float, float] = (0.6, 2.2),
    from_xy: ArrayLike | None = None,
    radius_m: float = 0.28,
    target_radius_m: float = 0.4,
    camera_height_m: float = 1.35,
    best_m: float = 1.2,
    avoid_xy: Sequence[ArrayLike] = (),
    travel: NDArray[np.float32] | None = None,
    facing: ArrayLike | None = None,
) -> tuple[float, float, float] | None:
    """A pose from which a camera on a mast sees a target, at small travel.

    The line of sight is followed through the grid's height slabs, so a table does not hide what stands on it but a wall does.

    Args:
        grid: the map.
        target_xyz: what to see, Float[3] m.
        reach_m: least and greatest ground distance to it.
        from_xy: where the robot is; None = travel is free and any standable cell will do.
        radius_m: of the robot; 5 cm are kept on top.
        target_radius_m: the target's own furniture within this distance of it does not hide it (walls beyond 0.1 m do, if avoidable).
        camera_height_m: of the camera.
        best_m: the distance liked best.
        avoid_xy: places already looked from; poses within 0.5 m of them are left out.
        travel: `travel_distances` from from_xy, if known already.
        facing: unit vector Float[2] along which (either way) one looks into it best: across the boards of a shelf.

    Returns:
        x, y (m), yaw (rad) towards the target, or None if nothing known free sees it.
    """
    margin = radius_m + 0.05
    cells, distance, drive = _candidates(grid, target_xyz, reach_m, radius_m, margin, from_xy, avoid_xy, travel)
    room = np.minimum(clearance(grid)[cells[:, 0], cells[:, 1]], margin + 0.25)
    score = drive + 0.6 * np.abs(distance - best_m) - 1.0 * room
    if facing is not None:
        away = grid.to_xy(cells) - np.asarray(target_xyz, float)[:2]
        score += ASKEW_M * (1.0 - np.abs(away @ np.asarray(facing, float)) / np.maximum(np.linalg.norm(away, axis=1), 1e-6))
    return _best_that_sees(grid, cells, score, target_xyz, camera_height_m, target_radius_m)


def standing_point(
    grid: OccupancyGrid,
    target_xyz: ArrayLike,
    reach_m: float = 0.75,
    radius_m: float = 0.28,
    from_xy: ArrayLike | None = None,
    target_radius_m: float = 0.4,
    avoid_xy: Sequence[ArrayLike] = (),
    travel: NDArray[np.float32] | None = None,
) -> tuple[float, float, float] | None:
    """Where to stand to put a hand on a target: the free pose nearest to it on its own side of the wall.

    Args:
        grid: the map.
        target_xyz: what to touch, Float[3] m.
        reach_m: of the arm, on the ground.
        radius_m: of the robot; 1 cm is kept on top.
        from_xy: where the robot is; only places it can drive to count, and of near-equal ones the nearer.
        target_radius_m: furniture within this distance of the target is the target's own.
        avoid_xy: places tried in vain; poses within 0.2 m of them are left out.
        travel: `travel_distances` from from_xy, if known already.

    Returns:
        x, y (m), yaw (rad) towards the target, or None if it cannot be reached.
    """
    margin = radius_m + 0.01
    cells, distance, drive = _candidates(grid, target_xyz, (0.0, reach_m), radius_m, margin, from_xy, avoid_xy, travel, avoid_m=0.2)
    return _best_that_sees(grid, cells, distance + 0.02 * drive, target_xyz, 1.2, target_radius_m)


def _candidates(
    grid: OccupancyGrid,
    target_xyz: ArrayLike,
    reach_m: tuple[float, float],
    radius_m: float,
    margin_m: float,
    from_xy: ArrayLike | None,
    avoid_xy: Sequence[ArrayLike],
    travel: NDArray[np.float32] | None,
    avoid_m: float = 0.5,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Standable cells Int64[n, 2] within reach of a target, their distance to it and the drive there (m)."""
    stands = standable(grid, margin_m)  # the margin is for standing; doorways on the way need only the radius
    if travel is None:
        travel = np.where(stands, 0.0, np.inf).astype(np.float32) if from_xy is None else travel_distances(grid, from_xy, radius_m)
    cells = np.argwhere(np.isfinite(travel) & stands)
    xy = grid.to_xy(cells)
    distance = np.linalg.norm(xy - np.asarray(target_xyz, float)[:2], axis=1)
    keep = (distance >= reach_m[0]) & (distance <= reach_m[1])
    for place in avoid_xy:
        keep &= np.linalg.norm(xy - np.asarray(place, float)[:2], axis=1) > avoid_m
    return cells[keep], distance[keep], travel[cells[keep, 0], cells[keep, 1]].astype(np.float64)


def _best_that_sees(
    grid: OccupancyGrid, cells: NDArray[np.int64], score: NDArray[np.float64], target_xyz: ArrayLike, eye_z: float, target_radius_m: float
) -> tuple[float, float, float] | None:
    """The pose of least score with a line of sight; walls may hide the last 0.1 m, then ever more (things inside tall cabinets)."""
    target = np.asarray(target_xyz, float)
    if len(cells) == 0:
        return None
    i, j = (target[1::-1] - grid.origin[::-1]) / grid.cell_m - 0.5
    order = np.argsort(score, kind="stable")
    for skip_wall in np.arange(0.1, target_radius_m + 0.051, 0.1):
        clear = kernels.sees(
            grid.slabs,
            cells[order],
            float(eye_z),
            i,
            j,
            float(target[2]) if len(target) > 2 else 0.8,
            grid.cell_m,
            float(target_radius_m),
            float(skip_wall),
            kernels.SLAB_OF_HEIGHT,
        )
        if clear.any():
            x, y = grid.to_xy(cells[order[int(np.argmax(clear))]])
            return float(x), float(y), float(np.arctan2(target[1] - y, target[0] - x))
    return None


def _open_around(grid: OccupancyGrid, open_: NDArray[np.bool_], start_xy: ArrayLike, radius_m: float) -> NDArray[np.bool_]:
    """`open_` with the unknown cells of the robot's blind zone added where nothing known stands in the way."""
    start = np.asarray(start_xy, float)[:2]
    low, high = (np.clip(grid.to_cell(start + d), 0, grid.shape) for d in (-BLIND_M, BLIND_M))
    window = (slice(low[0], high[0]), slice(low[1], high[1]))
    near = np.linalg.norm(grid.to_xy(np.moveaxis(np.asarray(np.mgrid[window]), 0, -1)) - start, axis=-1) <= BLIND_M
    out = open_.copy()
    out[window] |= near & grid.unknown[window] & (clearance(grid)[window] >= radius_m)
    return out


def _way_out(grid: OccupancyGrid, open_: NDArray[np.bool_], start_xy: ArrayLike) -> NDArray[np.int64] | None:
    """The open cell nearest to start within the slack, not across an occupied cell if that can be had."""
    start = np.asarray(start_xy, float)[:2]
    cell = grid.to_cell(start)
    if grid.contains(cell) and open_[tuple(cell)]:
        return cell
    reach = int(np.ceil(START_SLACK_M / grid.cell_m))
    low, high = np.clip(cell - reach, 0, grid.shape), np.clip(cell + reach + 1, 0, grid.shape)
    cells = np.argwhere(open_[low[0] : high[0], low[1] : high[1]]) + low
    distance = np.linalg.norm(grid.to_xy(cells) - start, axis=1)
    cells, distance = cells[distance <= START_SLACK_M], distance[distance <= START_SLACK_M]
    order = np.argsort(distance, kind="stable")
    passable = np.where(grid.occupied, np.float32(0), np.float32(1))
    for k in order:
        end = grid.to_xy(cells[k])
        if least_along(grid, passable, start + 0.4 * (end - start), end) > 0:
            return cells[k].astype(np.int64)
    return None


def _nearest_reachable(
    grid: OccupancyGrid, open_: NDArray[np.bool_], start: NDArray[np.int64], goal_xy: NDArray[np.float64], tolerance_m: float
) -> NDArray[np.int64] | None:
    """The cell nearest to the goal within tolerance among those connected to start."""
    labels, _ = ops.parts(open_, diagonal=True)
    cell = grid.to_cell(goal_xy)
    if grid.contains(cell) and labels[tuple(cell)] == labels[tuple(start)]:
        return cell
    cells = np.argwhere(labels == labels[tuple(start)])
    distance = np.linalg.norm(grid.to_xy(cells) - goal_xy, axis=1)
    best = int(np.argmin(distance))
    return cells[best].astype(np.int64) if distance[best] <= tolerance_m else None


def _trace(parent: NDArray[np.int32], start: NDArray[np.int64], goal: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells Int64[k, 2] from start to goal by the parents of a search."""
    cols = parent.shape[1]
    flat, stop, out = int(goal[0] * cols + goal[1]), int(start[0] * cols + start[1]), []
    while flat >= 0:
        out.append((flat // cols, flat % cols))
        flat = -1 if flat == stop else int(parent[out[-1]])
    return np.array(out[::-1], np.int64)


def _straighten(cells: NDArray[np.int64], room: NDArray[np.float32], radius_m: float) -> NDArray[np.int64]:
    """Corners of a cell path: each straight as long as it stays open and gives up no more clearance than comfort."""
    keep, i = [0], 0
    along = room[cells[:, 0], cells[:, 1]]
    while i < len(cells) - 1:
        j = len(cells) - 1
        while j > i + 1:
            a, b = cells[i], cells[j]
            least = kernels.least_along(room, float(a[0]), float(a[1]), float(b[0]), float(b[1]))
            if least >= min(float(along[i : j + 1].min()), radius_m + 0.6 * COMFORT_M) - 1e-6 and least >= radius_m:
                break
            j -= 1 if j - i < 8 else max(1, (j - i) // 8)
        keep.append(j)
        i = j
    return cells[keep]


def _pockets(grid: OccupancyGrid, min_unknown_m2: float) -> NDArray[np.bool_]:
    """Bool[rows, cols]: unknown cells in connected pockets of at least that area; what touches the rim of the grid is endless."""
    pockets, _ = ops.parts(np.pad(grid.unknown, 1, constant_values=True))
    sizes = np.bincount(pockets.ravel()) * grid.cell_m**2
    sizes[0], sizes[pockets[0, 0]] = 0.0, np.inf
    return (sizes >= min_unknown_m2)[pockets][1:-1, 1:-1]


def _pieces(cells: NDArray[np.int64], span: int) -> list[NDArray[np.int64]]:
    """Cut a long border into pieces of at most `span` cells in extent, so that each has a meaningful middle."""
    extent = cells.max(axis=0) - cells.min(axis=0)
    axis = int(np.argmax(extent))
    if extent[axis] <= span:
        return [cells]
    middle = (cells[:, axis].min() + cells[:, axis].max()) / 2
    return _pieces(cells[cells[:, axis] <= middle], span) + _pieces(cells[cells[:, axis] > middle], span)


def _frontier(grid: OccupancyGrid, cells: NDArray[np.int64], unknown: NDArray[np.bool_]) -> Frontier:
    """Describe a border cell cluster."""
    centre = cells.mean(axis=0)
    middle = cells[int(np.argmin(np.linalg.norm(cells - centre, axis=1)))]
    reach = round(1.5 / grid.cell_m)
    low = np.maximum(middle - reach, 0)
    around = np.argwhere(unknown[low[0] : middle[0] + 1 + reach, low[1] : middle[1] + 1 + reach]) + low
    away = around - middle
    length = np.linalg.norm(away, axis=1)
    away, length = away[length <= reach], length[length <= reach]
    pull = (away / np.maximum(length, 1.0)[:, None] ** 2).sum(axis=0)[::-1] if len(away) else np.array([1.0, 0.0])
    norm = float(np.linalg.norm(pull))
    toward = pull / norm if norm > 1e-9 else np.array([1.0, 0.0])
    state = (grid.free * kernels.FREE + grid.occupied * kernels.OCCUPIED).astype(np.uint8)
    area = kernels.unknown_in_sight(state, int(middle[0]), int(middle[1]), grid.cell_m, 2.0)
    return Frontier(grid.to_xy(middle), len(cells), toward, float(area))
