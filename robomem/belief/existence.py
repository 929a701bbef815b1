"""Existence: log-odds with support credit, evidence that saturates by viewpoint, and persistence learned from this home.

Persistence follows the idea of the persistence filter (Rosen, Mason, Leonard 2016): between looks an object survives with
probability exp(-rate * dt); the rate per class is a Gamma posterior over the moves this robot has seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from robomem.clock import NS_PER_S
from robomem.geometry import Float, wrap_angle

MAX_LOG_ODDS = 5.3  # r = 0.995: nothing is ever so sure that a clear look at its empty place could not undo it
MIN_LOG_ODDS = -6.0
# What all frames of one viewpoint may add in total. Misses and confusions of a detector are correlated by object and viewpoint:
# without these caps ten missed frames from one doorway delete a real cup.
CELL_HIT_CAP = 3.0
CELL_MISS_CAP = 0.8  # detector silent, depth undecided
FRAME_MISS_CAP = 0.4  # one frame's silence
CELL_DOUBT_CAP = 0.1  # detector silent though depth shows that something of the shape stands there
CELL_BIRTH_DOUBT_CAP = 0.25  # the same of what was never confirmed: its shape may be that of its neighbour
CELL_EMPTY_CAP = 6.0  # the ray went through where it stood: enough, without any silence, to give up the surest thing
FRAME_EMPTY_CAP = 1.7  # one frame of it: its pose may be off by more than the margin allows
# What a second frame of one viewpoint is worth: more than the rare false thing that stays would allow, less than a new view. Chosen on
# homes 100 to 107: of what three frames in a row had named there, 98 % were things, and 0.3 believed 55 % of it.
REPEAT_DISCOUNT = 0.45
VISIT_S = 300.0  # unseen for so long, a thing may have been moved: its next sighting is news, from whatever viewpoint


def log_odds(r: float) -> float:
    """log(r / (1 - r)), clamped to the range existence may take."""
    r = min(max(r, 1e-6), 1 - 1e-6)
    return min(max(math.log(r / (1 - r)), MIN_LOG_ODDS), MAX_LOG_ODDS)


def probability(odds: float) -> float:
    """r of log-odds."""
    return 1.0 / (1.0 + math.exp(-odds))


def missed(r: float, p_detect: float) -> float:
    """r' = r (1 - p_D) / (1 - r p_D): missed detection of a labelled Bernoulli track (Reuter et al. 2014)."""
    return r * (1 - p_detect) / max(1 - r * p_detect, 1e-9)


ViewCell = tuple[int, int, int]


def view_cell(camera_xyz: Float, object_xyz: Float, cell_m: float, cell_rad: float) -> ViewCell:
    """Which viewpoint on the object this is: bearing and elevation in steps of `cell_rad`, distance in steps of 2 `cell_m`."""
    d = np.asarray(camera_xyz, float) - np.asarray(object_xyz, float)
    flat = math.hypot(d[0], d[1])
    bearing = math.floor(math.atan2(d[1], d[0]) / cell_rad)
    return bearing, math.floor(math.atan2(d[2], flat) / cell_rad), math.floor(math.hypot(flat, d[2]) / (2 * cell_m))


def view_cells(camera_xyz: Float, objects_xyz: Float, cell_m: float, cell_rad: float) -> list[ViewCell]:
    """`view_cell` of many objects Float64[n, 3] (m) at once."""
    d = np.asarray(camera_xyz, float) - np.asarray(objects_xyz, float)
    flat = np.hypot(d[:, 0], d[:, 1])
    steps = (np.arctan2(d[:, 1], d[:, 0]) / cell_rad, np.arctan2(d[:, 2], flat) / cell_rad, np.hypot(flat, d[:, 2]) / (2 * cell_m))
    return list(zip(*(np.floor(v).astype(np.int64).tolist() for v in steps), strict=True))


@dataclass
class Evidence:
    """What each viewpoint has already said about one track."""

    hits: dict[ViewCell, float] = field(default_factory=dict)
    misses: dict[ViewCell, float] = field(default_factory=dict)
    empties: dict[ViewCell, float] = field(default_factory=dict)
    max_cells: int = 64

    def seen_from(self, cell: ViewCell) -> bool:
        """True if this viewpoint has counted as a sighting."""
        return cell in self.hits

    def renew(self) -> None:
        """Time has passed, r has aged: sightings count anew. Silences stay used up, what hides a thing from a viewpoint is still there."""
        self.hits.clear()

    def born(self, cell: ViewCell) -> None:
        """The first sighting came from `cell`: what it was worth is the birth existence, later frames of it are repeats."""
        self._put(self.hits, cell, 0.0)

    def hit(self, cell: ViewCell, weight: float) -> float:
        """Log-odds that one more detection from `cell` adds; it also clears what the same viewpoint's misses had used up."""
        used = self.hits.get(cell)
        if used is None:
            add = min(weight, CELL_HIT_CAP)
            self._put(self.hits, cell, add)
        else:
            add = max(min(weight * REPEAT_DISCOUNT, CELL_HIT_CAP - used), 0.0)
            self.hits[cell] = used + add
        if self.misses:
            self.misses.pop(cell, None)
        if self.empties:
            self.empties.pop(cell, None)
        return add

    def miss(self, cell: ViewCell, p_detect: float, cap: float = CELL_MISS_CAP) -> float:
        """Log-odds (<= 0) that one more silence of the detector from `cell` adds; a viewpoint's silences never add more than `cap`."""
        return self._charge(self.misses, cell, max(math.log(max(1 - p_detect, 1e-3)), -FRAME_MISS_CAP), cap)

    def empty(self, cell: ViewCell, share: float) -> float:
        """Log-odds (<= 0) of seeing through `share` of the object's own surface from `cell`."""
        change = self._charge(self.empties, cell, max(math.log(max(1 - 0.9 * share, 1e-3)), -FRAME_EMPTY_CAP), CELL_EMPTY_CAP)
        if change < 0:
            self.hits.pop(cell, None)  # the viewpoint changed its mind: a later sighting from it is news
        return change

    def turn(self, yaw_rad: float, cell_rad: float) -> None:
        """The map turned by `yaw_rad` about +z: the same viewpoints now lie in other bearings."""
        for name in ("hits", "misses", "empties"):
            book: dict[ViewCell, float] = {}
            for (bearing, elevation, far), value in getattr(self, name).items():
                middle = float(wrap_angle((bearing + 0.5) * cell_rad + yaw_rad))
                cell = (math.floor(middle / cell_rad), elevation, far)
                book[cell] = max(book.get(cell, 0.0), value)
            setattr(self, name, book)

    def _charge(self, book: dict[ViewCell, float], cell: ViewCell, change: float, cap: float) -> float:
        used = book.get(cell, 0.0)
        add = min(max(change, used - cap), 0.0)
        if add < 0:
            self._put(book, cell, used - add)
        return add

    def _put(self, book: dict[ViewCell, float], cell: ViewCell, value: float) -> None:
        if cell not in book and len(book) >= self.max_cells:
            book.pop(next(iter(book)))  # oldest viewpoint first: dicts keep insertion order
        book[cell] = value


class MoveRates:
    """Moves per hour of each class: Gamma(a, b) with the prior mean of the ontology and the weight of one prior move.

    rate = (1 + moves seen) / (prior interval + hours watched)
    """

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}

    def watched(self, label: str, hours: float, moves: int = 0) -> None:
        """Book `hours` of an object of this class being followed, with `moves` of it; -1 takes back one that was none."""
        row = self._seen.setdefault(label, [0.0, 0.0])
        if hours > 0.0:
            row[0] += hours
        if moves:
            row[1] = max(row[1] + moves, 0.0)

    def rate_per_h(self, label: str, prior_interval_h: float) -> float:
        """Posterior mean rate, 1/h."""
        hours, moves = self._seen.get(label, (0.0, 0.0))
        return (1.0 + moves) / (prior_interval_h + hours)

    def survival(self, label: str, prior_interval_h: float, dt_ns: int) -> float:
        """Probability that an object of this class was not moved within `dt_ns`."""
        return math.exp(-self.rate_per_h(label, prior_interval_h) * max(dt_ns, 0) / NS_PER_S / 3600.0)

    def to_json(self) -> dict[str, list[float]]:
        """Plain values, for a snapshot."""
        return {k: list(v) for k, v in self._seen.items()}

    def load_json(self, rows: dict[str, list[float]]) -> None:
        """Replace what was learned by a snapshot's."""
        self._seen = {str(k): [float(v[0]), float(v[1])] for k, v in rows.items()}
