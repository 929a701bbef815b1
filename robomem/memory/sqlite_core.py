"""Transactions, group commit, ids, sealed rows and quarantine: the part of the SQLite store that knows no record type."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import numpy as np

from robomem.clock import Clock
from robomem.errors import StoreError, StoreLockedError
from robomem.memory.database import BEYOND_REPAIR, WAL_RESET_BUG, DamagedError, Database, Row, UnreadableTextError
from robomem.memory.lock import WriterLock
from robomem.memory.schema import NEXT_PACK, SCHEMA_VERSION, check_file, check_ours, migrate, renew_boxes
from robomem.memory.table import META, SEALED, Table


class SqliteCore:
    """One open database with group commit.

    Writes collect in one transaction that is committed `commit_interval_s` of real time after it began (the disk does not know
    simulated time), by whichever comes first: the next write, `flush()`, or a small committer thread. All calls may come from any thread.

    Args:
        path: file or ":memory:".
        clock: stamps for the epoch and for quarantined rows.
        read_only: never writes; any number of these may be open beside one writer.
        monotonic_s: real time in seconds, for the group commit.

    Raises:
        StoreLockedError: another process (or object) has it open for writing.
        StoreError: unreadable, foreign or newer.
    """

    def __init__(
        self,
        path: str,
        clock: Clock,
        read_only: bool = False,
        commit_interval_s: float = 0.1,
        engine: str | None = None,
        seed: int = 0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.read_only, self._clock = str(path), read_only, clock
        self._interval_s, self._monotonic_s = commit_interval_s, monotonic_s
        self._guard = threading.RLock()
        self._began_s: float | None = None  # None: no transaction is open
        self._dirty = threading.Event()
        self._closing = self._together = False
        self._fault: StoreError | None = None
        self.needs_verify = False  # a note that everything rests on was damaged
        self.lost_groups = 0  # groups that could not be written; their frames were refused with a StoreError
        self.bad_rows = 0  # rows refused for their checksum since this was opened
        self._lock = None
        try:
            if self.path != ":memory:":
                check_file(self.path, engine)
                self._lock = None if read_only else WriterLock(self.path)
            self.database = Database(self.path, read_only, engine)
            try:
                self._prepare(seed)
                self.set_up()
            except BaseException:
                self.database.close()
                raise
        except BaseException as error:
            if self._lock:
                self._lock.release()
            if isinstance(error, DamagedError):  # what cannot be opened cannot be verified or mended either
                raise StoreError(BEYOND_REPAIR.format(path=self.path, cause=str(error.__cause__)[:100])) from error
            raise
        self._committer = threading.Thread(target=self._commit_lingering, name="robomem-commit", daemon=True)
        if not read_only:
            self._committer.start()

    def _prepare(self, seed: int) -> None:
        version = check_ours(self.database)
        run = self.database.execute
        run("PRAGMA cache_size = -8192")
        if self.read_only:
            return
        for setting in ("secure_delete = ON", "journal_mode = WAL", "synchronous = FULL", "mmap_size = 0"):
            run(f"PRAGMA {setting}")
        migrate(self.database, version)
        if version == 0:
            epoch = self._clock.now_ns()
            map_id = np.random.default_rng((seed, abs(epoch))).bytes(8).hex()
            for key, value in (("epoch_ns", str(epoch)), ("map_id", map_id), ("embedder_id", ""), ("next_id", "1"), (NEXT_PACK, "1")):
                self.put_meta(key, value)
        self.needs_verify = not (self.get_meta("epoch_ns") and self.get_meta("next_id"))
        self.put_meta("schema_version", str(SCHEMA_VERSION))
        self.flush()

    def set_up(self) -> None:
        """Called once the file is open: what a subclass reads and mends first; if it raises, the next writer is let in."""

    # -- transactions

    def begin(self) -> None:
        """Open the group's transaction if none is open.

        Raises:
            StoreError: read-only, or the committer met a fault since the last call.
        """
        if self.read_only:
            raise StoreError(f"{self.path}: is open read-only; open it for writing to change it")
        if self._fault:
            fault, self._fault = self._fault, None
            raise fault
        if self._began_s is not None and not self.database.in_transaction:
            self._roll_back()
        if self._began_s is None:
            self.database.execute("BEGIN IMMEDIATE")
            self._began_s = self._monotonic_s()
            self._dirty.set()
        elif not self._together and self._monotonic_s() - self._began_s >= self._interval_s:
            self._commit()
            self.begin()

    def _commit(self) -> None:
        if self._began_s is None:
            return
        try:
            self.drain()
            self.arrange()
            self.database.execute("COMMIT")
        except StoreLockedError:
            raise  # the group stays open and is committed later
        except Exception:  # whatever it is: a group left open would never be written, and nothing after it
            self._roll_back()
            raise
        self._began_s = None
        self._dirty.clear()
        self.committed()

    def _roll_back(self) -> None:
        """The open group cannot be written (disk full, I/O error): undo it, so that the next one can be, once there is space again."""
        with suppress(StoreError):  # SQLite itself has rolled back after some faults
            self.database.execute("ROLLBACK")
        self._began_s = None
        self._dirty.clear()
        self.lost_groups += 1
        self.rolled_back()

    def committed(self) -> None:
        """Called when a group is on the disk."""

    def rolled_back(self) -> None:
        """Called when a group was undone: a subclass puts what it keeps in memory back in the queue."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything put inside is one transaction, however long it takes: committed as a whole, or undone when something raises."""
        with self._guard:
            self.flush()
            self.begin()
            self._together = True
            try:
                yield
                self._commit()
            except BaseException:
                if self._began_s is not None:
                    self._roll_back()
                raise
            finally:
                self._together = False

    def drain(self) -> None:
        """Write what a subclass keeps back until the commit."""

    def arrange(self) -> None:
        """Last thing before a commit: a subclass brings what it derives from its rows up to date."""

    def arrange_anew(self) -> None:
        """Much of what was derived from the rows is gone: a subclass derives it again, at once."""

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside are of one moment, whatever the writer commits meanwhile."""
        with self._guard:
            if not self.read_only or self.database.in_transaction:  # the writer's own connection: nobody else changes anything
                yield
                return
            self.database.execute("BEGIN")
            try:
                yield
            finally:
                self.database.execute("COMMIT")

    def _commit_lingering(self) -> None:
        while not self._closing:
            self._dirty.wait()
            time.sleep(self._interval_s)
            with self._guard:
                try:
                    if not self._closing:
                        self._commit()
                except StoreError as error:  # told to the next writer: a thread has nobody to raise to
                    self._fault = error
                    self._dirty.clear()
                except Exception as error:
                    self._fault = StoreError(f"{self.path}: {type(error).__name__}: {error}")
                    raise

    def flush(self) -> None:
        """Everything put so far is on the disk when this returns.

        Raises:
            StoreError: it could not be written.
        """
        with self._guard:
            if self._fault:
                self.begin()
            self._commit()

    def close(self) -> None:
        """Flush, close the file and let the next writer in."""
        with self._guard:
            if self._closing:
                return
            try:
                self.flush()
            finally:
                self._closing = True
                self._dirty.set()
                self.database.close()
                if self._lock:
                    self._lock.release()

    # -- rows

    def put(self, table: Table, rows: Iterable[Row]) -> None:
        """Insert or replace rows (values in column order; the checksum is added)."""
        with self._guard:
            self.begin()
            self.database.executemany(table.insert, [table.seal(row) for row in rows])

    def rows(self, table: Table, where: str = "", args: Sequence[Any] = ()) -> list[Row]:
        """The sound rows of `table` under an SQL condition; a damaged one is quarantined and left out."""
        with self._guard:
            out = self.unchecked(table, where, args)
            bad = [row for row in out if not table.sound(row)]
            if not bad:
                return out
            for row in bad:
                self.quarantine(table, row, "checksum differs")
            return [row for row in out if table.sound(row)]

    def unchecked(self, table: Table, where: str, args: Sequence[Any] = ()) -> list[Row]:
        """The rows of `table` under an SQL condition, for a caller that looks at the checksum of those it takes (see `checked`)."""
        with self._guard:
            try:
                return self.database.execute(f"{table.select} {where}", args)
            except UnreadableTextError:
                ids = self.database.execute(f"SELECT rowid FROM {table.name} {where}", args)
                return [row for (i,) in ids if (row := self.read_row(table, i)) is not None]

    def checked(self, table: Table, row: Row) -> bool:
        """True if a row is sound; else it is quarantined."""
        sound = table.sound(row)
        if not sound:
            self.quarantine(table, row, "checksum differs")
        return sound

    def read_row(self, table: Table, rowid: int) -> Row | None:
        """One row, its checksum not looked at; None if its text cannot even be read: then it is in quarantine."""
        with self._guard:
            try:
                found = self.database.execute(f"{table.select} WHERE rowid = ?", (rowid,))
            except UnreadableTextError:
                self.bad_rows += 1
                if not self.read_only:
                    raw = ", ".join(f"hex({name})" for name in table.columns)
                    row = self.database.execute(f"SELECT {raw} FROM {table.name} WHERE rowid = ?", (rowid,))[0]
                    self._to_quarantine(table.name, "text cannot be read", repr(row))
                    self.database.execute(f"DELETE FROM {table.name} WHERE rowid = ?", (rowid,))
                return None
            return found[0] if found else None

    def query(self, sql: str, args: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Rows of a plain SELECT over everything put so far, checksums not looked at."""
        with self._guard:
            if self._began_s is not None:
                self.drain()
            return self.database.execute(sql, args)

    def write(self, sql: str, args: Sequence[Any] = ()) -> None:
        """Run one writing statement within the group's transaction."""
        with self._guard:
            self.begin()
            self.database.execute(sql, args)

    def holding(self) -> AbstractContextManager[Any]:
        """`with store.holding():` keeps every other thread out for several calls."""
        return self._guard

    def scrub(self) -> None:
        """Leave nothing of deleted rows on the disk: rebuild the indexes of words and places, commit, and empty the write-ahead log."""
        with self._guard:
            self.arrange_anew()
            self.begin()
            self.database.execute("INSERT INTO words (words) VALUES ('rebuild')")
            renew_boxes(self.database)
            self.flush()
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def remove(self, table: Table, where: str, args: Sequence[Any] = ()) -> None:
        """Delete rows under an SQL condition."""
        with self._guard:
            self.begin()
            self.database.execute(f"DELETE FROM {table.name} {where}", args)

    def quarantine(self, table: Table, row: Row, reason: str) -> None:
        """Count a damaged row and, when this is the writer, move it where it can do no harm."""
        with self._guard:
            self.bad_rows += 1
            if self.read_only:
                return
            self._to_quarantine(table.name, reason, repr(row))
            self.database.execute(table.delete, table.key_of(row))

    def _to_quarantine(self, source: str, reason: str, content: str) -> None:
        self.begin()
        sql = "INSERT INTO quarantine (source, reason, content, stamp_ns) VALUES (?, ?, ?, ?)"
        self.database.execute(sql, (source, reason, content[:4000], self._clock.now_ns()))

    # -- notes and ids

    def get_meta(self, key: str, default: str = "") -> str:
        """One of the store's own notes."""
        with self._guard:
            found = self.rows(META, "WHERE key = ?", (key,))
            return found[0][1] if found else default

    def put_meta(self, key: str, value: str) -> None:
        """Write one note."""
        with self._guard:
            self.put(META, [(key, value)])

    def lease_ids(self, n: int) -> int:
        """First of `n` ids nobody else has or will have; on the disk when this returns.

        Raises:
            StoreError: the counter is damaged, or the store is read-only.
        """
        with self._guard:
            text = self.get_meta("next_id")
            if not text.isdigit() or n < 1:
                raise StoreError(f"{self.path}: cannot lease {n} ids, the counter reads {text!r}; run verify()")
            self.put_meta("next_id", str(int(text) + n))
            self.flush()
            return int(text)

    def sealed(self) -> list[Table]:
        """The tables whose rows carry a checksum; a reader of a file that no writer has migrated yet has not all of them."""
        with self._guard:
            if not self.read_only:
                return list(SEALED)
            there = {row[0] for row in self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return [table for table in SEALED if table.name in there]

    def count(self, table: Table) -> int:
        """Rows in a table, damaged ones included."""
        with self._guard:
            return self.query(f"SELECT count(*) FROM {table.name}")[0][0]

    def backup(self, path: str) -> None:
        """Copy everything put so far into another file, which is a complete database of its own."""
        with self._guard:
            if not self.read_only:
                self.flush()
            self.database.backup(path)

    def health(self) -> dict[str, Any]:
        """Engine, versions, rows per table and what is wrong (plain JSON values)."""
        with self._guard:
            version = self.database.version
            warnings = []
            if WAL_RESET_BUG[0] <= version <= WAL_RESET_BUG[1]:
                warnings.append(f"SQLite {'.'.join(map(str, version))} has the WAL-reset bug (mended in 3.51.3); install apsw")
            return {
                "path": self.path,
                "read_only": self.read_only,
                "engine": self.database.engine,
                "sqlite": ".".join(map(str, version)),
                "schema_version": self.database.execute("PRAGMA user_version")[0][0],
                "map_id": self.get_meta("map_id"),
                "rows": {table.name: self.count(table) for table in self.sealed()},
                "bad_rows": self.bad_rows,
                "quarantined": self.database.execute("SELECT count(*) FROM quarantine")[0][0],
                "lost_groups": self.lost_groups,
                "uncommitted": self._began_s is not None,
                "fault": str(self._fault or ""),
                "warnings": warnings,
            }
