"""One track's cold data and the arrays that hold all tracks' hot data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.belief.existence import Evidence
from robomem.belief.extended import VoxelBody
from robomem.belief.gallery import Gallery
from robomem.belief.labels import LabelBelief
from robomem.belief.states import StateBelief
from robomem.types import Status

if TYPE_CHECKING:
    from robomem.belief.agents import Walker
    from robomem.belief.looks import Doubt

SAMPLES = 24  # surface samples kept per track
AWAY = ("missing", "removed")  # statuses of what is not where it was
HERE = ("tentative", "confirmed", "occluded")  # and of what is thought to be, at rest
KNOWN_LOOK = 3.0  # sightings' weight from which a look is known, and can be contradicted
MAX_EMBEDDING_WEIGHT = 20.0  # sightings; what a thing looks like stays open to change


@dataclass
class Track:
    """What is known of one object beside its particles. `row` is its place in the `TrackTable`."""

    id: int
    row: int
    kind: str
    labels: LabelBelief
    first_seen_ns: int
    last_seen_ns: int
    last_evidence_ns: int
    status: Status = "tentative"
    confirmed_once: bool = False
    support: int = 1
    hits: int = 1
    evidence: Evidence = field(default_factory=Evidence)
    body: VoxelBody | None = None
    states: dict[str, StateBelief] = field(default_factory=dict)
    embedding: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    embedding_weight: float = 0.0
    colors: dict[str, float] = field(default_factory=dict)
    size_weight: float = 0.0
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    anchor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))  # where it stood when its present stay began
    walker: Walker | None = None  # of an agent
    doubt: Doubt | None = None  # of an object that begins to look like another one
    source: int | None = None  # the track in whose box it was born
    apart: float = 0.0  # in how many frames both were seen
    last_camera: NDArray[np.float64] | None = None
    named: float = 4.25  # Beta(named, unnamed): how often the detector names this thing when it is in clear view, 0.85 at first
    unnamed: float = 0.75
    seen_empty: float = 0.0
    occluded: float = 0.0
    lent: float = 0.0  # log-odds that a look-alike elsewhere has taken; a sighting where it stood gives them back
    aloft: bool = False  # last seen beside a person with nothing under it: in a hand, for all one can see
    away: set[int] | None = field(default=None, repr=False, compare=False)  # the roster's book of all that went missing
    _color: str | None = field(default=None, repr=False)  # what `color` said last, None if it must be counted anew
    against: float = 0.0  # log-odds that silences and looks through its place have taken since the last sighting

    def recall(self) -> float:
        """How likely the detector names this thing when it could, learned from its own sightings and silences."""
        return self.named / (self.named + self.unnamed)

    def color(self) -> str:
        """The colour name most sightings agree on, "" if they do not."""
        if self._color is None:
            self._color = self._counted_color()
        return self._color

    def _counted_color(self) -> str:
        name, weight, total = "", 0.0, 0.0
        for color, times in self.colors.items():
            total += times
            if times > weight:
                name, weight = color, times
        return name if total and weight >= 0.5 * total else ""

    def table_box(self, table: TrackTable) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Its box: centre Float64[3] (m), size Float64[3] (m), yaw (rad)."""
        return table.mean[self.row], table.size[self.row], float(table.yaw[self.row])

    def note_color(self, name: str) -> None:
        """Count one sighting's colour name."""
        self.colors[name] = self.colors.get(name, 0.0) + (1.0 if name else 0.5)
        if not name or name != self._color:  # one more for what most agree on changes nothing
            self._color = None

    def take_colors(self, colors: Mapping[str, float], anew: bool = False) -> None:
        """Add another track's counts of colour names to one's own, or (`anew`) put them in their place."""
        self.colors = {} if anew else self.colors
        for name, weight in colors.items():
            self.colors[name] = self.colors.get(name, 0.0) + weight
        self._color = None

    def note_embedding(self, vector: NDArray[np.float32], weight: float) -> None:
        """Running mean of unit appearance vectors, renormalised."""
        if vector.size == 0:
            return
        if self.embedding.shape != vector.shape:
            self.embedding, self.embedding_weight = vector.astype(np.float32), weight
            return
        mean = self.embedding * self.embedding_weight + vector * weight
        self.embedding = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        self.embedding_weight = min(self.embedding_weight + weight, MAX_EMBEDDING_WEIGHT)


class _Status:
    """`Track.status`: read like any attribute; whoever goes missing or is removed is noted in the roster's book, whoever writes it."""

    def __set__(self, track: Track, status: Status) -> None:
        track.__dict__["status"] = status
        if track.away is not None and status in AWAY:
            track.away.add(track.id)


Track.status = _Status()  # type: ignore[assignment]  # after the class is made, so that its default stays what it is


class TrackTable:
    """Struct of arrays over all tracks; rows are reused, ids never.

    Attributes:
        positions: Float32[N, P, 3] map frame, m.  log_weights: Float32[N, P].  shape: Float32[N, S, 3] surface samples relative
        to the centre, m.  mean: Float64[N, 3].  cov: Float64[N, 3, 3].  size: Float64[N, 3].  yaw: Float64[N].  odds: Float64[N].
        gallery: the looks of tracks by row.
    """

    def __init__(self, particles: int, capacity: int = 128) -> None:
        self.particles = particles
        self._free = list(range(capacity - 1, -1, -1))
        self.capacity = capacity
        self.gallery = Gallery()
        self.positions = np.zeros((capacity, particles, 3), np.float32)
        self.log_weights = np.full((capacity, particles), -np.log(particles), np.float32)
        self.shape = np.zeros((capacity, SAMPLES, 3), np.float32)
        self.mean = np.full((capacity, 3), np.nan)
        self.cov = np.zeros((capacity, 3, 3))
        self.size = np.zeros((capacity, 3))
        self.yaw = np.zeros(capacity)
        self.odds = np.zeros(capacity)

    _ARRAYS = ("positions", "log_weights", "shape", "mean", "cov", "size", "yaw", "odds")

    def claim(self) -> int:
        """A free row; the arrays double when none is left."""
        if not self._free:
            for name in self._ARRAYS:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
            self.mean[self.capacity :] = np.nan
            self._free = list(range(2 * self.capacity - 1, self.capacity - 1, -1))
            self.capacity *= 2
        return self._free.pop()

    def release(self, row: int) -> None:
        """Give a row back."""
        self.gallery.clear(row)
        self.mean[row] = np.nan
        self._free.append(row)

    def copy_row(self, source: int, target: int) -> None:
        """Overwrite one track's hot data by another's."""
        for name in self._ARRAYS:
            getattr(self, name)[target] = getattr(self, name)[source]

    def arrays(self, rows: list[int]) -> dict[str, NDArray[np.generic]]:
        """Copies of the given rows, for a snapshot."""
        return {name: getattr(self, name)[rows].copy() for name in self._ARRAYS}

    def load(self, row: int, arrays: dict[str, NDArray[np.generic]], index: int) -> None:
        """Fill one row from a snapshot's arrays."""
        for name in self._ARRAYS:
            target = getattr(self, name)
            source = np.asarray(arrays[name][index])
            if source.shape == target[row].shape:
                target[row] = source
            else:  # the particle count was configured anew: draw from the old cloud
                pick = np.linspace(0, len(source) - 1, self.particles).astype(int)
                target[row] = source[pick] if name == "positions" else -np.log(self.particles)
