"""Free floor by truth: where a disc can stand, which of it hangs together, and ways across it (for people and for checking homes)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from robomem.geometry import yaw_matrix
from robomem_sim.home import FurnitureItem, Wall

CELL_M = 0.05
BODY_TOP_M = 1.40  # what begins above this does not stop a robot or a person


def obstacles(walls: Sequence[Wall], furniture: Sequence[FurnitureItem]) -> NDArray[np.float64]:
    """Ground rectangles Float64[n, 5] (x, y, half x, half y, yaw) of everything fixed below 1.4 m; doors and drawers count as shut."""
    rows = [(*w.center, w.size[0] / 2, w.size[1] / 2, 0.0) for w in walls]
    for item in furniture:
        for block in item.model.blocks:
            if block.center[2] - block.size[2] / 2 < BODY_TOP_M:
                x, y, _ = item.to_map(block.center)
                rows.append((x, y, block.size[0] / 2, block.size[1] / 2, item.yaw_rad))
    return np.array(rows, dtype=float).reshape(-1, 5)


def distance_to_obstacles(points: ArrayLike, rectangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (m) from each point Float64[k, 2] to each rectangle, Float64[k, n]; 0 inside."""
    d = np.asarray(points, float).reshape(-1, 1, 2) - rectangles[None, :, :2]
    c, s = np.cos(rectangles[:, 4]), np.sin(rectangles[:, 4])
    local = np.stack([d[..., 0] * c + d[..., 1] * s, -d[..., 0] * s + d[..., 1] * c], axis=-1)
    return np.linalg.norm(np.maximum(np.abs(local) - rectangles[None, :, 2:4], 0.0), axis=-1)


def nearest_point(xy: ArrayLike, rectangle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point Float64[2] of one obstacle rectangle (a row of `obstacles`) that is nearest to (x, y)."""
    R = yaw_matrix(float(rectangle[4]))[:2, :2]
    local = (np.asarray(xy, float) - rectangle[:2]) @ R
    return np.clip(local, -rectangle[2:4], rectangle[2:4]) @ R.T + rectangle[:2]


class FreeSpace:
    """Clearance of every 5 cm cell of a home.

    Attributes:
        clearance: Float64[rows, cols] distance (m) from the cell's centre to the nearest obstacle; rows run along y, columns along x.
    """

    def __init__(self, size: tuple[float, float], rectangles: NDArray[np.float64]) -> None:
        cols, rows = (int(np.ceil(s / CELL_M)) for s in size)
        taken = np.zeros((rows, cols), bool)
        for x, y, hx, hy, yaw in rectangles:
            reach = abs(hx) + abs(hy) + CELL_M
            i0, i1 = max(0, int((y - reach) / CELL_M)), min(rows, int((y + reach) / CELL_M) + 2)
            j0, j1 = max(0, int((x - reach) / CELL_M)), min(cols, int((x + reach) / CELL_M) + 2)
            if i0 >= i1 or j0 >= j1:
                continue
            gy, gx = np.meshgrid((np.arange(i0, i1) + 0.5) * CELL_M - y, (np.arange(j0, j1) + 0.5) * CELL_M - x, indexing="ij")
            R = yaw_matrix(yaw)[:2, :2]
            local = np.stack([gx, gy], axis=-1) @ R
            # Half a cell is added so that a thin leg between two cell centres still counts.
            taken[i0:i1, j0:j1] |= (np.abs(local) <= (hx + CELL_M / 2, hy + CELL_M / 2)).all(axis=-1)
        self._main: dict[float, NDArray[np.bool_]] = {}
        padded = np.pad(taken, 1, constant_values=True)
        self.clearance: NDArray[np.float64] = ndimage.distance_transform_edt(~padded)[1:-1, 1:-1] * CELL_M

    def cell(self, xy: ArrayLike) -> tuple[int, int]:
        """(row, column) of a point, clipped to the home."""
        x, y = np.asarray(xy, float)[:2]
        rows, cols = self.clearance.shape
        return int(np.clip(y / CELL_M, 0, rows - 1)), int(np.clip(x / CELL_M, 0, cols - 1))

    def xy(self, cell: tuple[int, int]) -> tuple[float, float]:
        """Centre (x, y) of a cell, m."""
        return (cell[1] + 0.5) * CELL_M, (cell[0] + 0.5) * CELL_M

    def main_part(self, radius_m: float) -> NDArray[np.bool_]:
        """Bool[rows, cols], read-only: the largest connected floor on which a disc's centre can be."""
        if radius_m not in self._main:  # a walking person asks at every step
            self._main[radius_m] = self._largest(radius_m)
            self._main[radius_m].flags.writeable = False
        return self._main[radius_m]

    def _largest(self, radius_m: float) -> NDArray[np.bool_]:
        parts, count = ndimage.label(self.clearance > radius_m)
        if count == 0:
            return np.zeros(self.clearance.shape, bool)
        return parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))

    def centers(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Float64[k, 2] centres (x, y) of the cells of a mask."""
        rows, cols = np.nonzero(mask)
        return np.column_stack([(cols + 0.5) * CELL_M, (rows + 0.5) * CELL_M])

    def nearest(self, xy: ArrayLike, mask: NDArray[np.bool_]) -> tuple[float, float] | None:
        """Centre of the mask's cell nearest to a point, or None if the mask is empty."""
        centers = self.centers(mask)
        if len(centers) == 0:
            return None
        x, y = centers[int(np.argmin(((centers - np.asarray(xy, float)[:2]) ** 2).sum(axis=1)))]
        return float(x), float(y)

    def path(self, start: ArrayLike, goal: ArrayLike, radius_m: float, keep_away: ArrayLike | None = None) -> NDArray[np.float64] | None:
        """A* way Float64[k, 2] for a disc, or None; `keep_away` (x, y, radius) is one more obstacle. Cost: about 20 ms across a home."""
        free = self.main_part(radius_m).copy()
        if keep_away is not None:
            x, y, r = np.asarray(keep_away, float)
            gy, gx = np.indices(free.shape)
            free &= np.hypot((gx + 0.5) * CELL_M - x, (gy + 0.5) * CELL_M - y) > r
        begin, end = self.nearest(start, free), self.nearest(goal, free)
        if begin is None or end is None:
            return None
        goal_cell = self.cell(end)
        # What is left to the goal in a straight line; np.hypot, so that ties between ways fall as they always did.
        rows, cols = np.indices(free.shape)
        left = np.hypot(rows - goal_cell[0], cols - goal_cell[1])
        cells = _search(free, self.cell(begin), goal_cell, left)
        return None if len(cells) == 0 else np.array([self.xy((int(i), int(j))) for i, j in cells])


@numba.njit(cache=True)
def _search(free: NDArray[np.bool_], start: tuple[int, int], goal: tuple[int, int], left: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cells Int64[k, 2] from start to goal over 8-connected free cells, none if there is no way."""
    rows, cols = free.shape
    cost, parent = np.full((rows, cols), np.inf), np.full((rows, cols), -1, np.int64)
    cost[start] = 0.0
    heap = [(0.0, start)]
    while len(heap):
        _, here = heapq.heappop(heap)
        if here == goal:
            break
        for i in range(-1, 2):
            for j in range(-1, 2):
                y, x = here[0] + i, here[1] + j
                if (i == 0 and j == 0) or y < 0 or y >= rows or x < 0 or x >= cols or not free[y, x]:
                    continue
                total = cost[here] + (1.0 if i == 0 or j == 0 else np.sqrt(2.0))
                if total < cost[y, x]:
                    cost[y, x], parent[y, x] = total, here[0] * cols + here[1]
                    heapq.heappush(heap, (total + left[y, x], (y, x)))
    if not np.isfinite(cost[goal]):
        return np.empty((0, 2), np.int64)
    way = [goal]
    while way[-1] != start:
        above = parent[way[-1]]
        way.append((above // cols, above % cols))
    out = np.empty((len(way), 2), np.int64)
    for k in range(len(way)):
        out[k, 0], out[k, 1] = way[len(way) - 1 - k]
    return out
