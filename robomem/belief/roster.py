"""Roster: all tracks by id, with what every frame asks of them kept ready: a frame does not walk through all that is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from robomem.belief.track import AWAY, Track


class Roster(dict[int, Track]):
    """A dictionary id -> track that knows which track has which row of the table, who is an agent or furniture, and what is away.

    Attributes:
        ids: Int64[N] the track of each row of the table, -1 for none.
        version: rises with every track that comes or goes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids = np.full(0, -1, np.int64)
        self.version = 0
        self._of_kind: dict[str, dict[int, Track]] = {"agent": {}, "furniture": {}}
        self._away: set[int] = set()  # all that are missing or removed, and some that were

    def __setitem__(self, track_id: int, track: Track) -> None:
        if track_id in self:
            del self[track_id]
        super().__setitem__(track_id, track)
        self.version += 1
        if track.row >= len(self.ids):
            self.ids = np.concatenate([self.ids, np.full(max(track.row + 1, 64), -1, np.int64)])
        self.ids[track.row] = track_id
        if track.kind in self._of_kind:
            self._of_kind[track.kind][track_id] = track
        track.away = self._away
        if track.status in AWAY:
            self._away.add(track_id)

    def __delitem__(self, track_id: int) -> None:
        track = self[track_id]
        super().__delitem__(track_id)
        self.version += 1
        if self.ids[track.row] == track_id:
            self.ids[track.row] = -1
        if track.kind in self._of_kind:
            del self._of_kind[track.kind][track_id]
        self._away.discard(track_id)
        track.away = None

    def pop(self, track_id: int, default: Track | None = None) -> Track | None:  # type: ignore[override]
        """Take a track out; `default` if there is none of this id."""
        track = self.get(track_id, default)
        if track_id in self:
            del self[track_id]
        return track

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Tracks come and go one by one."""
        raise TypeError("a Roster takes tracks by roster[id] = track and gives them up by del and pop")

    update = setdefault = popitem = clear = __ior__ = _refuse  # type: ignore[assignment]  # they would go past the books

    def of_kind(self, kind: str) -> list[Track]:
        """All agents, or all furniture, in the order in which they came."""
        return list(self._of_kind[kind].values())

    def in_rows(self, rows: NDArray[np.integer]) -> list[Track]:
        """The tracks of these rows of the table, by id; rows without a track are left out."""
        ids = self.ids[rows[rows < len(self.ids)]]
        return [self[i] for i in np.sort(ids[ids >= 0]).tolist()]

    def with_status(self, among: Iterable[str]) -> list[Track]:
        """Tracks with one of these statuses, by id. Cost: O(what is away) if all of them mean that, else O(known)."""
        if not set(among) <= set(AWAY):
            return [t for t in self.values() if t.status in among]
        self._away -= {i for i in self._away if self[i].status not in AWAY}
        return [t for i in sorted(self._away) if (t := self[i]).status in among]
