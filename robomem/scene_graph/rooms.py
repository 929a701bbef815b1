"""Rooms: the floor cut at its doorways, with ids that stay when the map is cut again, and names from the furniture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import find_objects
from scipy.optimize import linear_sum_assignment

from robomem.ontology import Ontology
from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph.grid_ops import distance, filled, grow, parts
from robomem.scene_graph.occupancy import OccupancyGrid

MIN_ROOM_M2 = 2.0
MIN_DOOR_M = 0.35  # a shorter contact of two rooms is a corner or noise
WALLS_KNOWN = 0.05  # share of occupied cells with wall evidence, below which the camera looked down only and all that stands counts
NAME_DOUBT = 2.0  # weight of "no name fits": one piece of weak evidence does not make a kitchen


@dataclass(frozen=True)
class RoomMap:
    """Which room each cell belongs to.

    Attributes:
        labels: Int32[rows, cols] room ids >= 1, 0 = none; the grid's rows and columns at the time of cutting.
        doors: (room_a, room_b, Float64[2] xy m), room_a < room_b.
        origin: corner of cell [0, 0], m.
        cell_m: cell size, m.
        next_id: the least id never used.
    """

    labels: NDArray[np.int32]
    doors: list[tuple[int, int, NDArray[np.float64]]]
    origin: tuple[float, float]
    cell_m: float
    next_id: int = 1

    @property
    def ids(self) -> list[int]:
        """Room ids, ascending."""
        return [int(i) for i in np.unique(self.labels) if i > 0]

    def room_at(self, xy: ArrayLike, slack_m: float = 0.6) -> int:
        """The room of a point (m); for one in a wall or a tall cabinet the room nearest within slack, else 0."""
        p = np.asarray(xy, float)[:2]
        j, i = np.floor((p - self.origin) / self.cell_m + 1e-9).astype(int)
        reach = int(np.ceil(slack_m / self.cell_m))
        rows, cols = self.labels.shape
        if 0 <= i < rows and 0 <= j < cols and self.labels[i, j]:
            return int(self.labels[i, j])
        low = (max(i - reach, 0), max(j - reach, 0))
        cells = np.argwhere(self.labels[low[0] : max(i + reach + 1, 0), low[1] : max(j + reach + 1, 0)] > 0)
        if len(cells) == 0:
            return 0
        cells = cells + low
        distance = np.linalg.norm((cells[:, ::-1] + 0.5) * self.cell_m + self.origin - p, axis=1)
        best = int(np.argmin(distance))
        return int(self.labels[tuple(cells[best])]) if distance[best] <= slack_m else 0

    def labels_at(self, points: ArrayLike) -> NDArray[np.int32]:
        """Int32[n] room of each point Float[n, 2 or 3] (m), 0 off the floor that was cut."""
        p = np.asarray(points, float)[:, :2]
        cells = np.floor((p - self.origin) / self.cell_m + 1e-9)[:, ::-1]
        inside = np.asarray(((cells >= 0) & (cells < self.labels.shape)).all(axis=1), np.bool_)
        at = np.where(inside[:, None], cells, 0).astype(np.int64)
        return np.where(inside, self.labels[at[:, 0], at[:, 1]], 0).astype(np.int32) if self.labels.size else np.zeros(len(p), np.int32)

    def center(self, room: int) -> NDArray[np.float64]:
        """Float64[2] mean of a room's cells, m.

        Raises:
            KeyError: no such room.
        """
        cells = np.argwhere(self.labels == room)
        if len(cells) == 0:
            raise KeyError(f"room {room} is not on the map; rooms: {self.ids}")
        return (cells.mean(axis=0)[::-1] + 0.5) * self.cell_m + self.origin

    def area_m2(self, room: int) -> float:
        """Area of a room, m^2; 0 for one that is not there."""
        return float((self.labels == room).sum()) * self.cell_m**2

    def extent(self, room: int) -> NDArray[np.float64]:
        """Float64[2, 2]: least and greatest x, y (m) of a room's cells.

        Raises:
            KeyError: no such room.
        """
        cells = np.argwhere(self.labels == room)
        if len(cells) == 0:
            raise KeyError(f"room {room} is not on the map; rooms: {self.ids}")
        low, high = cells.min(axis=0)[::-1], cells.max(axis=0)[::-1] + 1
        return np.stack([low, high]) * self.cell_m + self.origin

    def match(self, previous: RoomMap | None) -> RoomMap:
        """The same cut under the previous ids: pairs of greatest total shared area keep theirs, new rooms get unused ids."""
        if previous is None:
            return self
        ids, old_ids = self.ids, previous.ids
        shared = _shared_cells(self, previous, ids, old_ids)
        new_id, following = {}, max(self.next_id if not old_ids else 1, previous.next_id)
        if len(ids) and len(old_ids):
            for a, b in zip(*linear_sum_assignment(-shared), strict=True):
                if shared[a, b] > 0:
                    new_id[ids[a]] = old_ids[b]
        for i in ids:
            if i not in new_id:
                new_id[i], following = following, following + 1
        table = np.zeros(max([0, *ids]) + 1, np.int32)
        for i, j in new_id.items():
            table[i] = j
        doors = [(*sorted((new_id[a], new_id[b])), xy) for a, b, xy in self.doors]
        return replace(self, labels=table[self.labels], doors=sorted(doors, key=_door_key), next_id=following)


def segment_rooms(grid: OccupancyGrid, door_m: float = 1.1, walls: NDArray[np.bool_] | None = None) -> RoomMap:
    """Cut the known floor into rooms where walls leave no more than door_m between them.

    Furniture neither splits nor bounds a room: distances are to wall evidence only, and cells under furniture belong to the room. The
    cores (further than half a doorway from any wall) are the seeds of a watershed over the distance, so borders fall into the necks.

    Args:
        grid: the map.
        door_m: necks up to this wide separate rooms.
        walls: Bool[rows, cols] wall evidence; default `grid.tall`, or all occupied cells where nothing tall was seen.

    Returns:
        Rooms numbered from 1 by falling area. Cost: about 15 ms for a home.
    """
    if walls is None:
        walls = grid.tall if grid.tall.sum() >= WALLS_KNOWN * grid.occupied.sum() else grid.occupied
    if not (grid.free | grid.occupied).any():
        return RoomMap(np.zeros(grid.shape, np.int32), [], grid.origin, grid.cell_m)
    floor = filled((grid.free | grid.occupied) | walls) & ~walls
    floor &= _largest_parts(floor, grid.cell_m)
    reach = distance(walls, grid.cell_m)
    cores, n = parts(floor & (reach > door_m / 2 + grid.cell_m / 2))
    labels = cores.astype(np.int32)
    kernels.flood(labels, reach, floor)
    labels = _merge_small(labels, reach, MIN_ROOM_M2 / grid.cell_m**2)
    order = np.argsort(-np.bincount(labels.ravel(), minlength=n + 1)[1:], kind="stable") + 1
    table = np.zeros(n + 1, np.int32)
    table[order] = np.arange(1, n + 1)
    labels = np.where(np.bincount(labels.ravel(), minlength=n + 1)[labels] > 0, table[labels], 0).astype(np.int32)
    return RoomMap(labels, _doors(labels, grid), grid.origin, grid.cell_m, int(labels.max(initial=0)) + 1)


def name_room(furniture: Iterable[str], ontology: Ontology) -> tuple[str, float]:
    """The likeliest name of a room and its probability, from the labels of its furniture; ("room", ...) if nothing speaks.

    Each label's weights (`Ontology.rooms`) add up per name, the second of a kind counts half; "no name" weighs a little too.
    """
    scores = dict.fromkeys(ontology.rooms, 0.0)
    seen: dict[str, int] = {}
    for label in sorted(ontology.canonical(f) for f in furniture):
        seen[label] = seen.get(label, 0) + 1
        for room, weights in ontology.rooms.items():
            scores[room] += weights.get(label, 0.0) / seen[label]
    best = max(scores, key=lambda room: (scores[room], room), default="")
    if not best or scores[best] < 1.0:
        return "room", NAME_DOUBT / (NAME_DOUBT + sum(scores.values()))
    return best, scores[best] / (NAME_DOUBT + sum(scores.values()))


def _door_key(door: tuple[int, int, NDArray[np.float64]]) -> tuple[float, ...]:
    """Order of doors: by rooms, then position."""
    return (door[0], door[1], *door[2])


def _largest_parts(floor: NDArray[np.bool_], cell_m: float) -> NDArray[np.bool_]:
    """Connected parts large enough to hold a room (a glimpse through a window is none)."""
    labels, _ = parts(floor)
    return (np.bincount(labels.ravel())[labels] * cell_m**2 >= MIN_ROOM_M2 / 2) & (labels > 0)


def _merge_small(labels: NDArray[np.int32], reach: NDArray[np.float32], min_cells: float) -> NDArray[np.int32]:
    """Join each part smaller than a room, smallest first, to the neighbour with the widest opening between them; drop lone ones.

    Each is looked at in the rectangle around it: a robot that was lost leaves a hundred scraps on the floor of a large building.
    """
    labels = labels.copy()
    sizes = np.bincount(labels.ravel()).astype(np.float64)
    spans = [None, *find_objects(labels)]
    boxes = {k: (s[0].start, s[0].stop, s[1].start, s[1].stop) for k, s in enumerate(spans) if s is not None}
    while True:
        left_over = np.where((sizes[1:] > 0) & (sizes[1:] < min_cells), sizes[1:], np.inf)
        k = 1 + int(np.argmin(left_over)) if left_over.size else 0
        if not k or np.isinf(left_over[k - 1]):
            return labels
        top, bottom, left, right = boxes[k]
        window = (slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1))
        around, wide = labels[window], reach[window]
        own = around == k
        ring = grow(own) & ~own & (around > 0)
        into = int(around[ring][int(np.argmax(wide[ring]))]) if ring.any() else 0
        around[own] = into
        if into:
            a = boxes[into]
            boxes[into] = (min(a[0], top), max(a[1], bottom), min(a[2], left), max(a[3], right))
            sizes[into] += sizes[k]
        sizes[k] = 0


def _doors(labels: NDArray[np.int32], grid: OccupancyGrid) -> list[tuple[int, int, NDArray[np.float64]]]:
    """Where two rooms touch over known free floor: the middle of each contact."""
    touching: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for di, dj in ((0, 1), (1, 0)):
        a, b = labels[: labels.shape[0] - di, : labels.shape[1] - dj], labels[di:, dj:]
        for i, j in np.argwhere((a != b) & (a > 0) & (b > 0)):
            pair = (int(min(a[i, j], b[i, j])), int(max(a[i, j], b[i, j])))
            touching.setdefault(pair, []).extend([(int(i), int(j)), (int(i + di), int(j + dj))])
    doors = []
    free = grid.free
    for pair, cells in touching.items():
        at = np.array(cells)
        low, high = at.min(axis=0), at.max(axis=0) + 1  # only around the contact: a building has hundreds of pairs of rooms
        contact = np.zeros(tuple(high - low), bool)
        contact[tuple((at - low).T)] = True
        pieces, n = parts(contact & free[low[0] : high[0], low[1] : high[1]], diagonal=True)
        for k in range(1, n + 1):
            part = np.argwhere(pieces == k) + low
            if (np.ptp(part, axis=0).max() + 1) * grid.cell_m >= MIN_DOOR_M:
                middle = part[int(np.argmin(np.linalg.norm(part - part.mean(axis=0), axis=1)))]
                doors.append((*pair, grid.to_xy(middle)))
    return sorted(doors, key=_door_key)


def _shared_cells(new: RoomMap, old: RoomMap, ids: list[int], old_ids: list[int]) -> NDArray[np.float64]:
    """Float64[len(ids), len(old_ids)]: cells two cuts have in common, on grids that may have grown in between."""
    shift = np.rint((np.array(old.origin) - np.array(new.origin))[::-1] / new.cell_m).astype(int)
    cells = np.argwhere(old.labels > 0)
    at = cells + shift
    inside = ((at >= 0) & (at < new.labels.shape)).all(axis=1)
    now, then = new.labels[tuple(at[inside].T)].astype(np.int64), old.labels[tuple(cells[inside].T)]
    flat, counts = np.unique(now * (max(old_ids, default=0) + 1) + then, return_counts=True)
    out = np.zeros((len(ids), len(old_ids)))
    for key, count in zip(flat, counts, strict=True):
        a, b = divmod(int(key), max(old_ids, default=0) + 1)
        if a > 0:
            out[ids.index(a), old_ids.index(b)] = count
    return out
