"""Remap: a corrected map moves the past. Rows on record are rewritten in one transaction; the correction itself stays as an event.

Why rewritten, and not corrected when read: every reader (recall, the index by place, forgetting by region, a user's own SQL) would have to
compose every correction ever made, forever; a row that says where a thing was in today's map is one truth. What a row said before
follows from the "map_corrected" event, which is never rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from robomem.belief.correction import MapCorrection
from robomem.geometry import Float, transform, wrap_angle, yaw_of
from robomem.memory import records, table
from robomem.memory.database import Row
from robomem.memory.sqlite_store import SqliteStore
from robomem.memory.store import Located
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Event

CHUNK = 5000  # observations rewritten at a time


class Remapper:
    """Moves what a store has on record."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def known(self, event: Event) -> bool:
        """True if this correction is on record: a batch that is told twice moves nothing twice."""
        return bool(self._store.query("SELECT 1 FROM events WHERE id = ?", (event.id,)))

    def newest(self) -> int:
        """Id of the newest correction on record, 0 if there is none."""
        return int(self._store.query("SELECT coalesce(max(id), 0) FROM events WHERE kind = 'map_corrected'")[0][0])

    def catch_up(self, world: WorldModel) -> int:
        """Move a restored world by the corrections on record that its snapshot had not seen; how many there were."""
        rows = self._store.rows(table.EVENTS, "WHERE kind = 'map_corrected' AND id > ? ORDER BY id", (world.corrected,))
        for row in rows:
            world.follow_map(MapCorrection.from_json(json.loads(row[6])), int(row[0]))
        return len(rows)

    def apply(self, event: Event) -> None:
        """Follow one "map_corrected" event; it and the rows it moves are written in one transaction, or none of them is.

        Cost: about 50 us per row that was last seen since the error began: ten minutes of five things at 10 Hz hold the writer for
        two seconds. Then the observations are packed again, 3 ms per 512.
        """
        correction, s = MapCorrection.from_json(event.after), self._store
        with s.together():
            objects = [self._object(row, correction) for row in s.objects().values()]
            stays, said = s.stays(), list(s.corrections().values())
            s.put(table.EVENTS, [records.event_row(event, None, None)])
            s.put(table.OBJECTS, [records.object_row(*row) for row in objects])
            s.put(table.HISTORY, [records.stay_row(replace(y, position=_moved(y.position, correction.at(y.seen_ns)))) for y in stays])
            self._observations(correction)
            self._events(event.id, correction, {(y.object_id, y.to_ns): y.seen_ns for y in stays})
            for c in said:
                if c.position is not None:
                    s.put_correction(replace(c, position=_moved(c.position, correction.at(c.stamp_ns))))
        s.put_objects(objects)  # what the store keeps in memory follows once the rows are safe
        s.arrange_anew()  # or every search would be linear for many a commit

    def _object(self, row: Located, correction: MapCorrection) -> Located:
        view, place = row
        T = correction.at(view.last_seen_ns)
        if T is None:
            return row
        R = T[:3, :3]
        return (
            replace(
                view,
                position=transform(T, view.position),
                covariance=R @ view.covariance @ R.T,
                yaw_rad=float(wrap_angle(view.yaw_rad + yaw_of(T))),
                seen_from=None if view.seen_from is None else transform(T, view.seen_from),
            ),
            place,
        )

    def _observations(self, correction: MapCorrection) -> None:
        """Observations by their own stamps."""
        s, last = self._store, -1
        while rows := s.rows(table.OBSERVATIONS, "WHERE stamp_ns >= ? AND id > ? ORDER BY id LIMIT ?", (correction.since_ns, last, CHUNK)):
            last = int(rows[-1][0])
            moved = [_observation(row[:-1], correction) for row in rows]
            s.put(table.OBSERVATIONS, moved)

    def _events(self, own: int, correction: MapCorrection, ends: Mapping[tuple[int, int | None], int]) -> None:
        """Where things were before hangs on the stay that ended then; where they were after, on the event."""
        s = self._store
        moved = []
        for row in s.rows(table.EVENTS, "WHERE kind != 'map_corrected' AND stamp_ns >= ? AND id < ?", (correction.since_ns, own)):
            stamp, thing = int(row[1]), int(row[3])
            before = _told(json.loads(row[5]), correction.at(ends.get((thing, stamp), stamp)))
            after = _told(json.loads(row[6]), correction.at(stamp))
            moved.append((*row[:5], json.dumps(before, separators=(",", ":")), json.dumps(after, separators=(",", ":")), *row[7:-1]))
        s.put(table.EVENTS, moved)


def _moved(position: Float, T: Float | None) -> Float:
    return position if T is None else transform(T, position)


def _observation(row: Row, correction: MapCorrection) -> Row:
    T = correction.at(int(row[2]))
    if T is None:
        return row
    x, y, z = (float(v) for v in transform(T, np.array(row[5:8], float)))
    return (*row[:5], x, y, z, *row[8:11], float(wrap_angle(row[11] + yaw_of(T))), *row[12:])


def _told(values: dict[str, Any], T: Float | None) -> dict[str, Any]:
    p = values.get("position")
    if T is None or not isinstance(p, list) or len(p) != 3:
        return values
    return {**values, "position": transform(T, p).round(4).tolist()}
