"""The embedded store: every record type over SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.clock import Clock
from robomem.memory import records, table
from robomem.memory.budget import Budget, Keeper
from robomem.memory.corrections import of_one_thing as of_one_thing_said
from robomem.memory.database import Row, among
from robomem.memory.integrity import verify
from robomem.memory.packs import Ball, Packer, PackReader
from robomem.memory.records import Lesson, Stay, StoredObservation
from robomem.memory.sightings import WIDTH, flat, insert_observations, observations_of, sealed_observations
from robomem.memory.sqlite_words import WordRows
from robomem.memory.sqlite_world import WorldRows
from robomem.memory.stays import of_one_thing
from robomem.memory.store import Located
from robomem.memory.table import OBSERVATIONS, Table
from robomem.types import Episode, Event, ObjectView, Observations

ROW_BYTES = 150  # of an observation beside its vector, about
MAX_MARKS = 512  # ids in one statement
PACKED_AT_ONCE = 64  # blocks of rows packed in one transaction, at most


class SqliteStore(WorldRows, WordRows):
    """`Store` over one SQLite file; see SqliteCore for transactions and arguments.

    Args:
        max_observations: hard bound of the observation table, where no `budget` is given.
        budget: every hard bound; see Budget.
    """

    def __init__(self, path: str, clock: Clock, max_observations: int = 200_000, budget: Budget | None = None, **options: Any) -> None:
        self._keeper: Keeper | None = None
        self._objects: dict[int, Located] = {}
        self._objects_version: int | None = None  # data_version the cache was read at; None: not read yet
        self._late_objects: dict[int, Located] = {}
        self._late_stays: dict[int, Stay] = {}
        self._group_stays: dict[int, Stay] = {}  # written, but not committed yet
        self._words_of: dict[int, str] = {}
        self._aliases: dict[int, int] = {}
        self._packer: Packer | None = None
        self.budget = budget or Budget(max_observations)
        super().__init__(path, clock, **options)

    def set_up(self) -> None:
        """Verify what asks for it, pack what a file of an older schema holds, and read what is kept in memory."""
        if self.needs_verify and not self.read_only:
            verify(self)
        self._epoch_ns = int(self.get_meta("epoch_ns", "0") or 0)
        self._keeper = None if self.read_only else Keeper(self, self.budget)
        self.packs = PackReader(self, self._epoch_ns)
        self._packer = None if self.read_only else Packer(self, self._epoch_ns, self.packs, self._room_to_pack)
        self._pack_all()
        self._aliases = {row[0]: row[1] for row in self.rows(table.ALIASES)}

    def drain(self) -> None:
        """Write the objects and stays held back: a thing in view changes every frame, but only its last row of a group is written."""
        if self._late_objects:
            late, self._late_objects = self._late_objects, {}
            self.database.executemany(table.OBJECTS.insert, [table.OBJECTS.seal(records.object_row(*row)) for row in late.values()])
            for view, _ in late.values():
                self._index_object(view)
        if self._late_stays:
            stays, self._late_stays = self._late_stays, {}
            self._group_stays.update(stays)
            self.database.executemany(table.HISTORY.insert, [table.HISTORY.seal(records.stay_row(stay)) for stay in stays.values()])
            self._wrote(table.HISTORY, len(stays))
        if self._keeper is not None:
            self._keeper.keep()

    def settle(self) -> None:
        """Write the objects held back, if there are any."""
        if self._late_objects:
            self.begin()
            self.drain()

    def put(self, table: Table, rows: Iterable[Row]) -> None:
        """Insert or replace rows (values in column order; the checksum is added)."""
        rows = list(rows)
        if table.name == "world_state":
            self._make_bytes(sum(len(row[2]) for row in rows))
        if table is OBSERVATIONS:
            with self._guard:
                self.begin()
                self._put_sealed(flat([table.seal(row) for row in rows]))
            return
        super().put(table, rows)
        self._wrote(table, len(rows))

    def _put_sealed(self, values: list[Any]) -> None:
        """Observations as `sealed_observations` gives them; packs of others under their ids are given up first, with no commit between."""
        if self._packer is not None:
            self._packer.put(values[::WIDTH])
        insert_observations(self.database, values)
        self._wrote(OBSERVATIONS, len(values) // WIDTH)

    def _make_bytes(self, incoming: int) -> None:
        if self._keeper is not None and self.budget.max_bytes:
            with self._guard:
                self.begin()
                if self._keeper.lacks_bytes(incoming):
                    self.drain()  # the ends of stays that are spared must be on record
                    self._keeper.make_bytes(incoming)

    def _pack_all(self) -> None:
        """Pack all that is in no pack (a file of an older schema has none), a few at a time, so that what is done is kept."""
        while self._packer is not None:
            with self._guard:
                self.begin()
                done = self._packer.catch_up(PACKED_AT_ONCE, PACKED_AT_ONCE)
                self.flush()
            if not done:
                return

    def arrange(self) -> None:
        """Pack what has become a block, and what was unpacked by a change."""
        if self._packer is not None:
            self._packer.catch_up(PACKED_AT_ONCE)

    def arrange_anew(self) -> None:
        """Pack everything that is not."""
        self.packs.cache.wipe()
        if self._packer is not None:
            self._packer.restart()
            self._pack_all()

    def health(self) -> dict[str, Any]:
        """Engine, versions, rows per table and what is wrong (plain JSON values)."""
        told = super().health()
        if self._packer is not None and self._packer.fault:
            told["warnings"].append(f"observations are searched row by row, their index cannot be written: {self._packer.fault}")
        return told

    def _room_to_pack(self, size: int) -> bool:
        return self._keeper is None or self._keeper.spares(size)

    def _wrote(self, t: Table, rows: int) -> None:
        if self._keeper is not None:
            self._keeper.wrote(t.name, rows)

    def usage(self) -> dict[str, Any]:
        """Rows and bytes against their bounds (plain JSON values)."""
        with self._guard:
            if self._began_s is not None:
                self.drain()
            return (self._keeper or Keeper(self, self.budget)).usage()

    def committed(self) -> None:
        """Nothing of this group must be written again."""
        self._group_stays = {}

    def rolled_back(self) -> None:
        """What is kept in memory goes on, and is written with the next group."""
        if self._objects_version is not None:
            self._late_objects = dict(self._objects)
        self._late_stays = {**self._group_stays, **self._late_stays}
        self._group_stays, self._words_of, self._world_crc, self._rooms_read = {}, {}, {}, False
        if self._keeper is not None:
            self._keeper.recount()
        if self._packer is not None:
            self._packer.recount()

    # -- objects and their history

    def put_objects(self, rows: Iterable[Located]) -> None:
        """Replace the current rows of some objects."""
        with self._guard:
            self.begin()
            self.objects()
            for view, place in rows:
                self._late_objects[view.id] = self._objects[view.id] = (view, place)

    def objects(self) -> Mapping[int, Located]:
        """Every object, by id, with the place it was last at; read once by the writer, again by a reader when the file changed."""
        with self._guard:
            if self.read_only:
                version = self.database.execute("PRAGMA data_version")[0][0]
            else:
                version = 0
            if self._objects_version != version:
                self._objects_version = version
                self._objects = {row[0]: records.object_of(row) for row in self.rows(table.OBJECTS, "ORDER BY id")}
            return self._objects

    def _index_object(self, view: ObjectView) -> None:
        words = f"{view.color} {view.label}".strip()
        if self._words_of.get(view.id) != words:
            self._words_of[view.id] = words
            self._put_words(view.id, "object", words)

    def put_stays(self, stays: Iterable[Stay]) -> None:
        """Write stays, new or updated."""
        with self._guard:
            self.begin()
            self._late_stays.update((stay.id, stay) for stay in stays)

    def stays(self, object_id: int | None = None, at_ns: int | None = None) -> list[Stay]:
        """Stays by object and start; `at_ns` keeps the last of each object that had begun by then."""
        with self._guard:
            if self._late_stays:
                self.begin()
                self.drain()
            tests, args = ["1"], []
            if object_id is not None:
                tests, args = [*tests, "object_id = ?"], [*args, object_id]
            if at_ns is not None:
                later = "SELECT 1 FROM history h WHERE h.object_id = history.object_id AND h.from_ns > history.from_ns AND h.from_ns <= ?"
                tests, args = [*tests, "from_ns <= ?", f"NOT EXISTS ({later})"], [*args, at_ns, at_ns]
            where = f"WHERE {' AND '.join(tests)} ORDER BY object_id, from_ns, id"
            names = self.room_names()
            return [self._named(records.stay_of(row), names) for row in self.rows(table.HISTORY, where, args)]

    @staticmethod
    def _named(stay: Stay, names: Mapping[int, str]) -> Stay:
        name = names.get(stay.place.room_id or 0, stay.place.room)
        return stay if name == stay.place.room else replace(stay, place=replace(stay.place, room=name))

    # -- observations

    def put_observations(self, observations: Observations, ids: NDArray[np.int64], object_ids: NDArray[np.int64]) -> None:
        """Write one frame's observations; the oldest make room when the budget is full."""
        n = len(observations)
        if n == 0:
            return
        with self._guard:
            self.begin()
            bound = self.budget.observations
            if self._keeper is not None and self._keeper.full(min(n, bound)):
                self.drain()  # the ends of stays that are spared must be on record
                self._keeper.make_room(min(n, bound))
            values = sealed_observations(observations, ids, object_ids)[-bound * WIDTH :]
            self._make_bytes(len(values) // WIDTH * (2 * observations.embeddings.shape[1] + ROW_BYTES))
            self._put_sealed(values)

    def delete_observations(self, ids: Sequence[int]) -> None:
        """Delete observations; the packs they were in go with them."""
        with self._guard:  # `begin` may commit, which must not be done by two at a time
            self.begin()
            self.database.executemany("DELETE FROM observations WHERE id = ?", [(i,) for i in ids])
            self._wrote(OBSERVATIONS, -len(ids))

    def observations_of(self, object_id: int, from_ns: int, to_ns: int, k: int) -> list[StoredObservation]:
        """The newest `k` observations of one object within [from_ns, to_ns]."""
        where = "WHERE object_id = ? AND stamp_ns BETWEEN ? AND ? ORDER BY stamp_ns DESC, id DESC LIMIT ?"
        return observations_of(self.rows(OBSERVATIONS, where, (object_id, from_ns, to_ns, k)))

    def observations_near(self, center: ArrayLike, radius_m: float, from_ns: int, to_ns: int, k: int) -> list[StoredObservation]:
        """Up to `k` observations within `radius_m` and [from_ns, to_ns], nearest first."""
        with self.snapshot():
            found = self.packs.within(Ball(np.asarray(center, np.float64), radius_m, from_ns, to_ns))
            ids, near, at = found.ids[np.lexsort((found.ids, found.squares))].tolist(), list[Row](), 0
            while len(near) < k and at < len(ids):  # more are fetched only where some were damaged
                some = ids[at : at + k - len(near)]
                at += len(some)
                near += [row for row in self.observation_rows(some) if self.checked(OBSERVATIONS, row)]
            return observations_of(near)

    def observation_rows(self, ids: Sequence[int]) -> list[Row]:
        """The rows of some observations as they lie, in the order asked for; their checksums are for the caller to look at."""
        found: dict[int, Row] = {}
        for at in range(0, len(ids), MAX_MARKS):
            marks, args = among(list(ids[at : at + MAX_MARKS]))
            found |= {row[0]: row for row in self.unchecked(OBSERVATIONS, f"WHERE id IN {marks}", args)}
        return [found[i] for i in ids if i in found]

    # -- events, episodes, lessons, words

    def put_events(self, rows: Iterable[tuple[Event, int | None, int | None]]) -> None:
        """Write events with the ids of the rooms they left and reached."""
        self.put(table.EVENTS, [records.event_row(*row) for row in rows])

    def events(self, since_ns: int, until_ns: int, room: str = "", label: str = "", object_id: int | None = None) -> list[Event]:
        """Events within [since_ns, until_ns] in time order."""
        tests: list[str] = ["stamp_ns BETWEEN ? AND ?"]
        args: list[Any] = [since_ns, until_ns]
        if room:
            ids = ", ".join(str(i) for i, name in self.room_names().items() if name == room) or "NULL"
            tests.append(f"(room_from IN ({ids}) OR room_to IN ({ids}))")
        if label:
            tests, args = [*tests, "label = ?"], [*args, label]
        if object_id is not None:
            tests, args = [*tests, "object_id = ?"], [*args, object_id]
        return [records.event_of(row) for row in self.rows(table.EVENTS, f"WHERE {' AND '.join(tests)} ORDER BY stamp_ns, id", args)]

    def put_episode(self, episode: Episode, limit: int) -> None:
        """Write an episode and its words; beyond `limit` the oldest go."""
        with self._guard:
            self.put(table.EPISODES, [records.episode_row(episode)])
            self._put_words(episode.id, "episode", f"{episode.instruction} {episode.summary} {episode.outcome}")
            for (old,) in self.database.execute("SELECT id FROM episodes ORDER BY end_ns DESC, id DESC LIMIT -1 OFFSET ?", (limit,)):
                self.remove(table.EPISODES, "WHERE id = ?", (old,))
                self._put_words(old, "episode", "")

    def episodes(self, ids: Sequence[int] | None = None, newest: int | None = None) -> list[Episode]:
        """Episodes by id, or the `newest` many, newest first."""
        where, args = "WHERE 1", []
        if ids is not None:
            where, args = f"WHERE id IN ({', '.join('?' * len(ids))})", list(ids)
        where += " ORDER BY end_ns DESC, id DESC LIMIT ?"
        return [records.episode_of(row) for row in self.rows(table.EPISODES, where, (*args, -1 if newest is None else newest))]

    def put_lesson(self, lesson: Lesson) -> None:
        """Write one version of a lesson and the words of its current text."""
        with self._guard:
            self.put(table.LESSONS, [records.lesson_row(lesson)])
            self._put_words(lesson.id, "lesson", "" if lesson.removed else lesson.text)

    def lesson_versions(self, lesson_id: int | None = None) -> list[Lesson]:
        """Every version kept, by id and version."""
        where, args = ("", ()) if lesson_id is None else ("WHERE id = ?", (lesson_id,))
        return [records.lesson_of(row) for row in self.rows(table.LESSONS, f"{where} ORDER BY id, version", args)]

    def drop_lesson_version(self, lesson_id: int, version: int) -> None:
        """Take back one version; the words follow the newest one left."""
        with self._guard:
            self.remove(table.LESSONS, "WHERE id = ? AND version = ?", (lesson_id, version))
            left = self.lesson_versions(lesson_id)
            self._put_words(lesson_id, "lesson", left[-1].text if left and not left[-1].removed else "")

    def forget_cached(self, ids: Iterable[int]) -> None:
        """Drop objects from everything kept in memory; their rows are gone already."""
        with self._guard:
            for i in ids:
                for kept in (self._objects, self._late_objects, self._words_of, self._aliases):
                    kept.pop(i, None)
                self._put_words(i, "object", "")

    def reread(self) -> None:
        """Rows that were taken away are there again, their group was undone: so is what was kept of them in memory."""
        with self._guard:
            self._late_objects, self._late_stays, self._objects_version = {}, {}, None
            self._aliases = {row[0]: row[1] for row in self.rows(table.ALIASES)}

    # -- aliases

    def merge(self, absorbed: int, kept: int, stamp_ns: int) -> None:
        """Two objects were one: the absorbed one's row goes, its observations, events and stays become the kept one's.

        What the absorbed one's stays tell of the one thing that both are stays on record (`stays.of_one_thing`).
        """
        with self._guard:
            self.objects()
            self._objects.pop(absorbed, None)
            self._late_objects.pop(absorbed, None)
            self._words_of.pop(absorbed, None)
            own, others = self.stays(kept), self.stays(absorbed)
            self.put(table.ALIASES, [(absorbed, kept, stamp_ns)])
            self._aliases[absorbed] = kept
            self.remove(table.OBJECTS, "WHERE id = ?", (absorbed,))
            self._put_words(absorbed, "object", "")
            for t in (OBSERVATIONS, table.EVENTS):
                rows = [self._reowned(t, row, kept) for row in self.rows(t, "WHERE object_id = ?", (absorbed,))]
                # Not put anew: who it belongs to is in no pack.
                self.database.executemany(
                    f"UPDATE {t.name} SET object_id = ?, crc = ? WHERE id = ?", [(kept, t.crc(r), r[0]) for r in rows]
                )
            mine, its = (self.rows(table.TOLD, "WHERE object_id = ?", (i,)) for i in (kept, absorbed))
            self.remove(table.TOLD, "WHERE object_id IN (?, ?)", (kept, absorbed))
            self.put(table.TOLD, of_one_thing_said(mine, its, kept))
            self.remove(table.HISTORY, "WHERE object_id = ?", (absorbed,))
            self.put_stays(of_one_thing(own, [replace(stay, object_id=kept) for stay in others]))

    @staticmethod
    def _reowned(t: Table, row: Row, owner: int) -> Row:
        at = t.columns.index("object_id")
        return (*row[:at], owner, *row[at + 1 : -1])

    def aliases_of(self, object_id: int) -> list[int]:
        """Every id that now goes by `object_id`."""
        return [old for old in self._aliases if self.resolve(old) == object_id]

    def resolve(self, object_id: int) -> int:
        """The id that `object_id` goes by now; a ring of aliases (which a damaged file could hold) ends at the id asked about."""
        seen = {object_id}
        current = object_id
        while current in self._aliases:
            current = self._aliases[current]
            if current in seen:
                return object_id
            seen.add(current)
        return current
