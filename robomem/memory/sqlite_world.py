"""The graph's, the world model's and the people's rows of the store: nodes, relations, snapshots, corrections."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.clock import Clock
from robomem.memory import corrections, records, table
from robomem.memory.corrections import Correction
from robomem.memory.sqlite_core import SqliteCore

CHUNK_BYTES = 1 << 20  # a snapshot array is kept in pieces of this size


class WorldRows(SqliteCore):
    """The part of `SqliteStore` that is read and written as a whole; see SqliteCore for the arguments."""

    def __init__(self, path: str, clock: Clock, **options: Any) -> None:
        self._world_crc: dict[str, int] = {}
        self._rooms: dict[int, str] = {}
        self._rooms_read = False
        super().__init__(path, clock, **options)

    # -- what people said

    def put_correction(self, correction: Correction) -> None:
        """Remember what a person said about an object; what was said of its place before holds no more."""
        with self._guard:
            for row in self.rows(table.TOLD, "WHERE object_id = ? AND stamp_ns != ?", (correction.object_id, correction.stamp_ns)):
                if row[13] is None and row[3] is not None:
                    self.put(table.TOLD, [(*row[:13], correction.stamp_ns, "said otherwise later")])
            self.remove(table.CORRECTIONS, "WHERE object_id = ?", (correction.object_id,))
            self.put(table.TOLD, [corrections.told_row(correction)])

    def end_correction(self, correction: Correction, at_ns: int, why: str) -> None:
        """The place that was told holds no more; a label that was told goes on holding."""
        self.put(table.TOLD, [corrections.told_row(correction, at_ns, why)])

    def corrections(self) -> dict[int, Correction]:
        """The newest correction of each object, as far as it still holds."""
        with self._guard:
            old = {row[0]: corrections.correction_of(row) for row in self.rows(table.CORRECTIONS)}
            if table.TOLD not in self.sealed():
                return old
            told = self.rows(table.TOLD, "ORDER BY object_id, stamp_ns")
            return old | {row[0]: corrections.told_of(row) for row in told if not corrections.is_withdrawn(row)}

    # -- graph and world model

    def room_names(self) -> Mapping[int, str]:
        """What each room node ever known is called today."""
        with self._guard:
            if self.read_only or not self._rooms_read:
                self._rooms_read = True
                self._rooms = dict(self.database.execute("SELECT id, label FROM nodes WHERE layer = 'room'"))
            return self._rooms

    def put_graph(self, nodes: Iterable[Any], relations: Iterable[Any], stamp_ns: int) -> None:
        """Write nodes and relations of the scene graph (its Node and Relation) as known at `stamp_ns`."""
        nodes = list(nodes)
        self._rooms = {**self.room_names(), **{int(n.id): n.label for n in nodes if n.layer == "room"}}
        rows = []
        for n in nodes:
            head, box = (
                (int(n.id), int(n.from_ns), n.to_ns, n.layer, n.label),
                (*map(float, n.position), *map(float, n.size), float(n.yaw_rad)),
            )
            rows.append((*head, *box, records.to_json(dict(n.attributes)), stamp_ns))
        self.put(table.NODES, rows)
        held = [(int(r.subject), r.predicate, int(r.object), int(r.from_ns), r.to_ns, float(r.probability), stamp_ns) for r in relations]
        self.put(table.RELATIONS, held)

    def drop_nodes(self, ids: Sequence[int]) -> None:
        """Take nodes and their relations out of the graph's rows."""
        for i in ids:
            self.remove(table.NODES, "WHERE id = ?", (i,))
            self.remove(table.RELATIONS, "WHERE subject = ? OR object = ?", (i, i))
            self._rooms.pop(i, None)

    def graph_rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """All nodes and relations as dicts with the fields of Node and Relation."""
        nodes = [
            dict(zip(("id", "from_ns", "to_ns", "layer", "label"), r[:5], strict=True))
            | {"position": list(r[5:8]), "size": list(r[8:11]), "yaw_rad": r[11], "attributes": json.loads(r[12])}
            for r in self.rows(table.NODES, "ORDER BY id, from_ns")
        ]
        fields = ("subject", "predicate", "object", "from_ns", "to_ns", "probability")
        rows = self.rows(table.RELATIONS, "ORDER BY subject, predicate, object, from_ns")
        return nodes, [dict(zip(fields, r[:6], strict=True)) for r in rows]

    def put_world(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the world model's snapshot; unchanged arrays cost a checksum."""
        with self._guard:
            self.begin()
            for name in self._world_crc.keys() - arrays.keys():
                self.remove(table.WORLD_STATE, "WHERE name = ?", (name,))
                del self._world_crc[name]
            for name, array in arrays.items():
                stream = io.BytesIO()
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
                data = stream.getvalue()
                crc = zlib.crc32(data)
                if self._world_crc.get(name) != crc:
                    self._world_crc[name] = crc
                    parts = [(name, part, data[at : at + CHUNK_BYTES]) for part, at in enumerate(range(0, len(data), CHUNK_BYTES))]
                    self.remove(table.WORLD_STATE, "WHERE name = ? AND part >= ?", (name, len(parts)))
                    self.put(table.WORLD_STATE, parts)

    def world(self, start: str = "") -> dict[str, NDArray[Any]]:
        """The last snapshot (arrays named `start`...); {} if there is none or a part is damaged: half a world is worse than none."""
        with self._guard:
            before = self.bad_rows
            parts: dict[str, bytes] = {}
            for name, _, data, _ in self.rows(table.WORLD_STATE, "WHERE name GLOB ? ORDER BY name, part", (f"{start}*",)):
                parts[name] = parts.get(name, b"") + data
            if self.bad_rows > before:
                return {}
            self._world_crc.update({name: 0 for name in parts if name not in self._world_crc})
            return {name: np.lib.format.read_array(io.BytesIO(data), allow_pickle=False) for name, data in parts.items()}
