"""What the graph shows of each track, so that a frame refreshes only the nodes whose belief has changed since."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.belief.track import Track, TrackTable

SAME_M = 0.005  # centre, size and spread: particles jitter by less from frame to frame
SAME_EXISTENCE = 0.01
_TOLERANCE = np.array([SAME_M] * 7 + [SAME_EXISTENCE])


class Shown:
    """Centre, size, spread and existence of every track as last shown, by row of the track table, and what it is said to be."""

    def __init__(self) -> None:
        self._id = np.full(0, -1, np.int64)
        self._values = np.zeros((0, len(_TOLERANCE)))
        self._words: dict[int, tuple[object, ...]] = {}

    def differing(self, tracks: list[Track], table: TrackTable) -> list[Track]:
        """Those of the tracks whose belief differs from what is shown; they are taken as shown from now on."""
        if not tracks:
            return []
        self._grow(table.capacity)
        rows = np.array([t.row for t in tracks], np.int64)
        ids = np.array([t.id for t in tracks], np.int64)
        spread = np.sqrt(np.maximum(np.trace(table.cov[rows], axis1=1, axis2=2), 0.0))
        existence = 1.0 / (1.0 + np.exp(-table.odds[rows]))
        now = np.column_stack([table.mean[rows], table.size[rows], spread, existence])
        same: NDArray[np.bool_] = (self._id[rows] == ids) & (np.abs(now - self._values[rows]) <= _TOLERANCE).all(axis=1)
        out = []
        for k, (track, alike) in enumerate(zip(tracks, same.tolist(), strict=True)):
            words: tuple[object, ...] = (track.status, track.labels.best(), track.color(), track.support)
            if track.states:
                words += tuple(belief.settled for belief in track.states.values())
            if not alike or self._words.get(track.id) != words:
                out.append(track)
                self._id[rows[k]], self._values[rows[k]], self._words[track.id] = ids[k], now[k], words
        if len(self._words) > 2 * table.capacity:  # ids come and go, the book does not grow with them
            alive = set(self._id.tolist())
            self._words = {i: w for i, w in self._words.items() if i in alive}
        return out

    def _grow(self, capacity: int) -> None:
        missing = capacity - len(self._id)
        if missing > 0:
            self._id = np.concatenate([self._id, np.full(missing, -1, np.int64)])
            self._values = np.concatenate([self._values, np.zeros((missing, self._values.shape[1]))])
