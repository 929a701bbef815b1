"""Rooms: the floor cut at its doorways, with ids that stay when the map is cut again, and names from the furniture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import find_objects
from scipy.optimize import linear_sum_assignment

from robomem.ontology import Ontology
from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph.grid_ops import distance, filled, grow, parts
from robomem.scene_graph.occupancy import OccupancyGrid

MIN_ROOM_M2 = 2.0
ISLAND_CELLS = 16  # unknown cells between two islands of known ones that are cut on their own
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

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """Int64[highest id + 1] number of cells of each room; [0]: of none."""
        return np.bincount(self.labels.ravel(), minlength=1)

    @cached_property
    def _windows(self) -> list[tuple[slice, slice] | None]:
        """The rectangle around each room, by id - 1."""
        return find_objects(self.labels) if self.labels.size else []

    @property
    def ids(self) -> list[int]:
        """Room ids, ascending."""
        return [int(i) for i in np.flatnonzero(self.cells[1:]) + 1]

    def _window(self, room: int) -> tuple[slice, slice]:
        window = self._windows[room - 1] if 0 < room <= len(self._windows) else None
        if window is None:
            raise KeyError(f"room {room} is not on the map; rooms: {self.ids}")
        return window

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
        window = self._window(room)
        cells = np.argwhere(self.labels[window] == room) + np.array([window[0].start, window[1].start])
        return (cells.mean(axis=0)[::-1] + 0.5) * self.cell_m + self.origin

    def area_m2(self, room: int) -> float:
        """Area of a room, m^2; 0 for one that is not there."""
        return float(self.cells[room]) * self.cell_m**2 if 0 < room < len(self.cells) else 0.0

    def extent(self, room: int) -> NDArray[np.float64]:
        """Float64[2, 2]: least and greatest x, y (m) of a room's cells.

        Raises:
            KeyError: no such room.
        """
        rows, columns = self._window(room)
        return np.array([[columns.start, rows.start], [columns.stop, rows.stop]]) * self.cell_m + self.origin

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
        Rooms numbered from 1 by falling area. Cost: about 15 ms for a home, by what is known and not by how far apart it lies.
    """
    if walls is None:
        walls = grid.tall if grid.tall.sum() >= WALLS_KNOWN * grid.occupied.sum() else grid.occupied
    known, free = grid.free | grid.occupied, grid.free
    labels, sizes = np.zeros(grid.shape, np.int32), np.zeros(1, np.int64)
    windows = _islands(known | walls, max(ISLAND_CELLS, int(np.ceil(door_m / grid.cell_m)))) if known.any() else []
    for window in windows:
        cut, n = _cut(known[window], walls[window], grid.cell_m, door_m)
        labels[window] = np.where(cut > 0, cut + (len(sizes) - 1), 0)
        sizes = np.append(sizes, np.bincount(cut.ravel(), minlength=n + 1)[1:])
    order = np.argsort(-sizes[1:], kind="stable") + 1
    table = np.zeros(len(sizes), np.int32)
    table[order] = np.where(sizes[order] > 0, np.arange(1, len(sizes)), 0)
    doors = []
    for window in windows:
        labels[window] = table[labels[window]]
        doors += _doors(labels[window], free[window], grid, (window[0].start, window[1].start))
    return RoomMap(labels, sorted(doors, key=_door_key), grid.origin, grid.cell_m, int((sizes > 0).sum()) + 1)


def _cut(known: NDArray[np.bool_], walls: NDArray[np.bool_], cell_m: float, door_m: float) -> tuple[NDArray[np.int32], int]:
    """Rooms of one island: Int32[rows, cols] labels from 1, of which some may be empty, and the highest."""
    floor = filled(known | walls) & ~walls
    floor &= _largest_parts(floor, cell_m)
    if not floor.any():
        return np.zeros(known.shape, np.int32), 0
    reach = distance(walls, cell_m)
    cores, n = parts(floor & (reach > door_m / 2 + cell_m / 2))
    labels = cores.astype(np.int32)
    kernels.flood(labels, reach, floor)
    return _merge_small(labels, reach, MIN_ROOM_M2 / cell_m**2), n


def _islands(known: NDArray[np.bool_], block: int) -> list[tuple[slice, slice]]:
    """Windows that hold all that is known and nothing in common, with at least `block` unknown cells between them.

    A robot that was lost leaves scraps of floor far apart; nothing is asked of the emptiness between them. No wall of one is nearer to the
    floor of another than half a doorway, so the cut is that of the whole.
    """
    rows, cols = (-(-n // block) for n in known.shape)
    coarse = np.zeros((rows * block, cols * block), bool)
    coarse[: known.shape[0], : known.shape[1]] = known
    labels, _ = parts(np.asarray(coarse.reshape(rows, block, cols, block).max(axis=(1, 3)), np.bool_), diagonal=True)
    boxes = [(s[0].start, s[0].stop, s[1].start, s[1].stop) for s in find_objects(labels) if s is not None]
    apart: list[tuple[int, int, int, int]] = []
    while boxes:
        a = boxes.pop()
        near = [b for b in apart if a[0] <= b[1] and b[0] <= a[1] and a[2] <= b[3] and b[2] <= a[3]]
        if near:
            apart = [b for b in apart if b not in near]
            both = np.array([a, *near])
            boxes.append((int(both[:, 0].min()), int(both[:, 1].max()), int(both[:, 2].min()), int(both[:, 3].max())))
        else:
            apart.append(a)
    return [
        (slice(a * block, min(b * block, known.shape[0])), slice(c * block, min(d * block, known.shape[1]))) for a, b, c, d in sorted(apart)
    ]


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


def _doors(
    labels: NDArray[np.int32], free: NDArray[np.bool_], grid: OccupancyGrid, corner: tuple[int, int]
) -> list[tuple[int, int, NDArray[np.float64]]]:
    """Where two rooms touch over known free floor: the middle of each contact. `corner` is the window's first cell."""
    touching: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for di, dj in ((0, 1), (1, 0)):
        a, b = labels[: labels.shape[0] - di, : labels.shape[1] - dj], labels[di:, dj:]
        for i, j in np.argwhere((a != b) & (a > 0) & (b > 0)):
            pair = (int(min(a[i, j], b[i, j])), int(max(a[i, j], b[i, j])))
            touching.setdefault(pair, []).extend([(int(i), int(j)), (int(i + di), int(j + dj))])
    doors = []
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
                doors.append((*pair, grid.to_xy(middle + corner)))
    return doors


def _shared_cells(new: RoomMap, old: RoomMap, ids: list[int], old_ids: list[int]) -> NDArray[np.float64]:
    """Float64[len(ids), len(old_ids)]: cells two cuts have in common, on grids that may have grown in between."""
    shift = np.rint((np.array(old.origin) - np.array(new.origin))[::-1] / new.cell_m).astype(int)
    low = np.maximum(shift, 0)
    high = np.minimum(np.array(old.labels.shape) + shift, new.labels.shape)
    if (high <= low).any():
        return np.zeros((len(ids), len(old_ids)))
    now = new.labels[low[0] : high[0], low[1] : high[1]]
    then = old.labels[low[0] - shift[0] : high[0] - shift[0], low[1] - shift[1] : high[1] - shift[1]]
    both = (now > 0) & (then > 0)
    width = max(old_ids, default=0) + 1
    counts = np.bincount(now[both].astype(np.int64) * width + then[both], minlength=(max(ids, default=0) + 1) * width)
    return counts.reshape(-1, width)[np.ix_(ids, old_ids)].astype(np.float64)
