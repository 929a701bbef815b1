"""Gallery: the appearance vectors of tracks side by side in one array, for arithmetic over all that are in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from robomem.belief.track import Track


class Gallery:
    """Copies of `Track.embedding` by row of the track table.

    The track's own vector is what counts. Vectors are replaced, never written to, so one that is still the same object needs no new copy:
    of a hundred tracks in view that costs a hundred comparisons of references.
    """

    def __init__(self) -> None:
        self._vectors = np.zeros((0, 0), np.float32)
        self._has = np.zeros(0, np.bool_)
        self._copied: list[NDArray[np.float32] | None] = []

    def look_up(self, tracks: list[Track], dim: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Float32[n, dim] vectors of tracks and Bool[n] which of them have one of this length; the others' are zero."""
        rows = np.array([t.row for t in tracks], np.int64)
        self._fit(int(rows.max(initial=-1)) + 1, dim)
        copied = self._copied
        for t in tracks:
            if copied[t.row] is not t.embedding:
                self._copy(t.row, t.embedding)
        return self._vectors[rows], self._has[rows]

    def clear(self, row: int) -> None:
        """Forget the look of a row: its track is gone, or nothing of how it looks is to be kept."""
        if row < len(self._copied):
            self._vectors[row], self._has[row], self._copied[row] = 0.0, False, None

    def _copy(self, row: int, vector: NDArray[np.float32]) -> None:
        fits = vector.size == self._vectors.shape[1] > 0
        self._vectors[row] = vector if fits else 0.0
        self._has[row], self._copied[row] = fits, vector

    def _fit(self, rows: int, dim: int) -> None:
        if dim != self._vectors.shape[1]:  # another way of describing looks: start over
            self._vectors, self._has, self._copied = np.zeros((0, dim), np.float32), np.zeros(0, np.bool_), []
        missing = max(rows, 2 * len(self._copied)) - len(self._copied) if rows > len(self._copied) else 0
        if missing:
            self._vectors = np.concatenate([self._vectors, np.zeros((missing, dim), np.float32)])
            self._has = np.concatenate([self._has, np.zeros(missing, np.bool_)])
            self._copied += [None] * missing
