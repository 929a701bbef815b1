"""Places: a sparse graph of standing points about a metre apart, joined where one can drive straight from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph.occupancy import OccupancyGrid, clearance
from robomem.scene_graph.rooms import RoomMap


@dataclass(frozen=True)
class PlaceGraph:
    """Topological places of free space.

    Attributes:
        nodes: Float64[n, 2] standing points, m, map frame.
        edges: Int64[m, 2] index pairs a < b; the straight line between them is free for the robot.
        rooms: Int32[n] room of each place, 0 = none.
        clearance_m: Float32[n] distance to the nearest obstacle.
    """

    nodes: NDArray[np.float64]
    edges: NDArray[np.int64]
    rooms: NDArray[np.int32]
    clearance_m: NDArray[np.float32]

    def nearest(self, xy: ArrayLike) -> int:
        """Index of the place nearest to a point (m), -1 if there is none."""
        if len(self.nodes) == 0:
            return -1
        return int(np.argmin(np.linalg.norm(self.nodes - np.asarray(xy, float)[:2], axis=1)))


def place_graph(
    grid: OccupancyGrid, rooms: RoomMap | None = None, spacing_m: float = 1.0, radius_m: float = 0.28, previous: PlaceGraph | None = None
) -> PlaceGraph:
    """Spread places over the free floor and join neighbours.

    Doors come first, then what is left of a previous graph (so places keep where they were), then the most open cells.

    Args:
        grid: the map.
        rooms: rooms and doors on the same grid.
        spacing_m: least distance between places (half of it at doors).
        radius_m: of the robot.
        previous: an earlier graph of the same home.

    Returns:
        The graph; places that can be driven between are connected. Cost: about 20 ms for a home.
    """
    room = clearance(grid)
    open_ = grid.free & (room >= radius_m)
    field = np.where(open_, room, np.float32(0))
    cells = _spread(grid, field, rooms, spacing_m, previous)
    edges = np.empty((0, 2), np.int64)
    for _ in range(6):  # a corner may hide neighbours from each other: put a place on the corner and look again
        edges, missing = _join(cells, field, open_, radius_m)
        if len(missing) == 0:
            break
        cells = np.concatenate([cells, missing])
    nodes = grid.to_xy(cells)
    at = np.array([rooms.room_at(p) for p in nodes] if rooms is not None else [0] * len(nodes), np.int32)
    return PlaceGraph(nodes, edges, at, room[cells[:, 0], cells[:, 1]])


def _spread(
    grid: OccupancyGrid, field: NDArray[np.float32], rooms: RoomMap | None, spacing_m: float, previous: PlaceGraph | None
) -> NDArray[np.int64]:
    """Cells Int64[n, 2] of places: doors, previous places, then open cells by falling clearance, each clear of those before."""
    taken = field <= 0
    chosen: list[NDArray[np.int64]] = []
    doors = [_nearest_open(grid, field, xy) for _, _, xy in rooms.doors] if rooms is not None else []
    earlier = list(grid.to_cell(previous.nodes)) if previous is not None and len(previous.nodes) else []
    wishes = [(c, spacing_m * 0.5) for c in doors if c is not None] + [(c, spacing_m) for c in earlier if grid.contains(c)]
    for cell, away in wishes:
        if not taken[tuple(cell)]:
            chosen.append(cell)
            _take(taken, cell, away / grid.cell_m)
    # beyond 0.8 m one cell is as open as another: the rest fills rows, which packs well
    order = np.argsort(-np.minimum(field, 0.8).ravel(), kind="stable")
    while True:
        order = order[~taken.ravel()[order]]
        if len(order) == 0:
            return np.array(chosen, np.int64).reshape(-1, 2)
        cell = np.array(divmod(int(order[0]), field.shape[1]), np.int64)
        chosen.append(cell)
        _take(taken, cell, spacing_m / grid.cell_m)


def _take(taken: NDArray[np.bool_], cell: NDArray[np.int64], radius: float) -> None:
    """Mark a disc of cells as taken, in place."""
    r = int(radius)
    low = np.maximum(cell - r, 0)
    part = taken[low[0] : cell[0] + r + 1, low[1] : cell[1] + r + 1]
    i, j = np.ogrid[low[0] : low[0] + part.shape[0], low[1] : low[1] + part.shape[1]]
    part |= (i - cell[0]) ** 2 + (j - cell[1]) ** 2 < radius**2


def _nearest_open(grid: OccupancyGrid, field: NDArray[np.float32], xy: ArrayLike, within_m: float = 0.4) -> NDArray[np.int64] | None:
    """The most open cell within reach of a point (m), or None."""
    cell, r = grid.to_cell(xy), round(within_m / grid.cell_m)
    low = np.maximum(cell - r, 0)
    part = field[low[0] : max(cell[0] + r + 1, 0), low[1] : max(cell[1] + r + 1, 0)]
    if part.size == 0 or part.max() <= 0:
        return None
    return np.array(np.unravel_index(int(np.argmax(part)), part.shape), np.int64) + low


def _join(
    cells: NDArray[np.int64], field: NDArray[np.float32], open_: NDArray[np.bool_], radius_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Edges Int64[m, 2] between neighbouring places, and cells Int64[k, 2] where a place is missing to connect what is connected."""
    n = len(cells)
    region = np.zeros(field.shape, np.int32)
    region[cells[:, 0], cells[:, 1]] = np.arange(1, n + 1)
    kernels.flood(region, np.zeros(field.shape, np.float32), open_)  # flat height: nearest place by the way one walks
    contacts: dict[tuple[int, int], tuple[float, int, int]] = {}
    for a, b in ((region[:, :-1], region[:, 1:]), (region[:-1], region[1:])):
        rows, cols = np.nonzero((a != b) & (a > 0) & (b > 0))
        for i, j in zip(rows.tolist(), cols.tolist(), strict=True):
            pair = (int(min(a[i, j], b[i, j])) - 1, int(max(a[i, j], b[i, j])) - 1)
            spot = (float(field[i, j]), i, j)
            contacts[pair] = max(contacts.get(pair, (-1.0, 0, 0)), spot)
    edges = [p for p in sorted(contacts) if kernels.least_along(field, *map(float, (*cells[p[0]], *cells[p[1]]))) >= radius_m]
    links = np.array(edges, np.int64).reshape(-1, 2)
    _, part = connected_components(coo_array((np.ones(len(links)), links.T), shape=(n, n)), directed=False) if n else (0, np.empty(0, int))
    known = {(int(i), int(j)) for i, j in cells}
    corners: list[tuple[int, int]] = sorted({(at[1], at[2]) for (a, b), at in contacts.items() if part[a] != part[b]} - known)
    return links, np.array(corners, np.int64).reshape(-1, 2)
