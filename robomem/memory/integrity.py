"""Integrity: look at every row, quarantine the damaged ones, mend what can be derived, and report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from robomem.errors import StoreError
from robomem.memory import table
from robomem.memory.database import Row, UnreadableTextError
from robomem.memory.pack_check import wrong_blocks
from robomem.memory.sqlite_core import SqliteCore
from robomem.memory.table import Table

ID_MARGIN = 1 << 20  # ids leased but in no row yet must not be handed out again
STEP = 500  # rows read at a time


@dataclass(frozen=True)
class Integrity:
    """What `verify` found.

    Attributes:
        rows: rows looked at.
        damaged: "table key: reason" of each row that was taken out (or, read-only, left out of every answer).
        unreadable: tables with pages SQLite itself cannot read; the readable rows of them were checked.
        problems: anything else ("index ... rebuilt", "2 blocks did not hold their rows").
    """

    rows: int
    damaged: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if nothing was wrong."""
        return not (self.damaged or self.unreadable or self.problems)


def verify(store: SqliteCore) -> Integrity:
    """Check every sealed row, every pack of observations, the word index, the notes and SQLite's own structures. O(file)."""
    with store.holding():
        rows, damaged, unreadable, problems = 0, [], [], []
        for t in store.sealed():
            try:
                for rowid, row in _all_rows(store, t):
                    rows += 1
                    if row is None:
                        damaged.append(f"{t.name} row {rowid}: text cannot be read")
                        continue
                    if not t.sound(row):
                        damaged.append(f"{t.name} {'/'.join(str(v) for v in t.key_of(row))[:60]}: checksum differs")
                        store.quarantine(t, row, "checksum differs")
            except StoreError as error:
                unreadable.append(f"{t.name}: {error}")
        for check in (_structure, _notes, _packs, _words):
            try:
                problems += check(store)
            except StoreError as error:
                problems.append(f"{check.__name__.strip('_')}: {error}")
        if not store.read_only:
            try:
                store.flush()
            except StoreError as error:  # a file so damaged that nothing can be mended in it is still reported on
                problems.append(f"flush: {error}")
    return Integrity(rows, tuple(damaged), tuple(unreadable), tuple(problems))


def _all_rows(store: SqliteCore, t: Table) -> Iterator[tuple[int, Row | None]]:
    """Every row by position in the table itself, so that no index is trusted; None for one whose text cannot be read."""
    last: int | None = None
    while True:
        where = "" if last is None else f"WHERE rowid > {last}"
        end = f"NOT INDEXED {where} ORDER BY rowid LIMIT {STEP}"
        try:
            part = [(row[0], row[1:]) for row in store.query(f"SELECT rowid, {', '.join(t.columns)}, crc FROM {t.name} {end}")]
        except UnreadableTextError:
            part = [(i, store.read_row(t, i)) for (i,) in store.query(f"SELECT rowid FROM {t.name} {end}")]
        yield from part
        if len(part) < STEP:
            return
        last = part[-1][0]


def _structure(store: SqliteCore) -> list[str]:
    found = [row[0] for row in store.query("PRAGMA integrity_check(20)") if row[0] != "ok"]
    if found and not store.read_only and all("index" in text for text in found):
        store.write("REINDEX")  # an index is derived from its table, whose rows were just checked
        return [f"{text}; indexes were rebuilt" for text in found]
    return found


def _packs(store: SqliteCore) -> list[str]:
    """Each packed observation is in one pack, whose box holds it; else all are packed again."""
    wrong = wrong_blocks(store, int(store.get_meta("epoch_ns", "0") or 0))
    if wrong and not store.read_only:
        for name in ("blocks", "packs", "pack_boxes"):
            store.write(f"DELETE FROM {name}")
        store.arrange_anew()
    return [f"packs: {wrong} blocks did not hold their rows" + ("" if store.read_only else "; all were packed again")] if wrong else []


def _words(store: SqliteCore) -> list[str]:
    if store.read_only:
        return []
    try:
        store.write("INSERT INTO words (words) VALUES ('integrity-check')")
    except StoreError:
        store.write("INSERT INTO words (words) VALUES ('rebuild')")
        return ["words: the index did not fit its texts; it was rebuilt"]
    return []


def _notes(store: SqliteCore) -> list[str]:
    """The notes all rests on: the epoch, and an id counter above every id in use (or an id would be handed out twice)."""
    problems = []
    if not store.get_meta("epoch_ns"):
        epoch = store.query("SELECT coalesce(min(stamp_ns), 0) FROM observations WHERE typeof(stamp_ns) = 'integer'")[0][0]
        problems.append(f"meta: the epoch was lost; set to {epoch}")
        if not store.read_only:
            store.put_meta("epoch_ns", str(epoch))
    highest = 0
    for t, column in ((table.OBJECTS, "id"), (table.OBSERVATIONS, "id"), (table.EVENTS, "id"), (table.NODES, "id"), (table.EPISODES, "id")):
        highest = max(highest, store.query(f"SELECT coalesce(max({column}), 0) FROM {t.name} WHERE typeof({column}) = 'integer'")[0][0])
    text = store.get_meta("next_id")
    if not (text.isdigit() and int(text) > highest):
        problems.append(f"meta: next_id read {text!r} but id {highest} is in use; set above it")
        if not store.read_only:
            store.put_meta("next_id", str(highest + ID_MARGIN))
    return problems
