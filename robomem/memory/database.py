"""One SQLite connection behind one small face: apsw where it is installed, else the standard library's sqlite3."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from robomem.errors import ConfigError, MissingDependencyError, StoreError, StoreLockedError

APPLICATION_ID = 0x524D454D  # "RMEM": how a database of ours is told from a foreign one
BUSY_TIMEOUT_MS = 5000
HEADER = b"SQLite format 3\x00"
WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))  # a checkpoint beside a writer could corrupt these (memory.md)
BEYOND_REPAIR = (
    "{path}: is damaged beyond what can be repaired in place (SQLite says: {cause}): it was cut short or overwritten. "
    "Put a backup in its place: robomem memory restore --copy BACKUP --db {path} --force"
)

Row = tuple[Any, ...]


def among(values: list[int]) -> tuple[str, list[int]]:
    """("(?, ?, ...)", arguments) for `IN`: the last is repeated, so that a few statements do for every length and are prepared once.

    Cost: sorted by SQLite; at most a few hundred at a time.
    """
    marks = 8
    while marks < len(values):
        marks *= 2
    return f"({', '.join('?' * marks)})", [*values, *values[-1:] * (marks - len(values))]


def default_engine() -> str:
    """ "apsw" where it is installed (its SQLite is newer), else "sqlite3"; the environment variable ROBOMEM_SQLITE names one.

    Raises:
        ConfigError: the variable names neither.
    """
    wanted = os.environ.get("ROBOMEM_SQLITE", "")
    if wanted not in ("", "apsw", "sqlite3"):
        raise ConfigError(f"ROBOMEM_SQLITE is {wanted!r}; use 'apsw' or 'sqlite3', or leave it out")
    return wanted or ("apsw" if importlib.util.find_spec("apsw") else "sqlite3")


class UnreadableTextError(StoreError):
    """A row holds bytes that are no text: a flipped bit. The other rows of the table can still be read one by one."""


class DamagedError(StoreError):
    """SQLite finds the file itself broken, not only rows in it."""


class Database:
    """An open SQLite file. Not thread-safe by itself: the store holds its lock around every call.

    Args:
        path: file, or ":memory:".
        read_only: open with `mode=ro`; nothing is written, not even a checkpoint.
        engine: "apsw" or "sqlite3"; None takes the best installed.
        frozen: nobody is writing it, and no log is beside it: SQLite reads it as it stands and makes no file beside it.

    Raises:
        StoreError: missing, unreadable or not SQLite.
    """

    def __init__(self, path: str, read_only: bool = False, engine: str | None = None, frozen: bool = False) -> None:
        self.path, self.read_only, self.engine, self._frozen = path, read_only, engine or default_engine(), frozen
        if self.engine == "apsw" and not importlib.util.find_spec("apsw"):
            raise MissingDependencyError("engine 'apsw' asked for but it is not installed; pip install apsw, or use 'sqlite3'")
        _check_file(path, read_only)
        self._faults, self._full = _fault_types(self.engine)
        self._connection = self._connect()
        self.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _connect(self) -> Any:
        try:
            if self.engine == "apsw":
                return _apsw(self.path, self.read_only, self._frozen)
            return _stdlib(self.path, self.read_only, self._frozen)
        except self._faults as error:
            raise StoreError(f"{self.path}: SQLite cannot open it: {error}; check that the file and its folder are readable") from error

    def execute(self, sql: str, args: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement and return all its rows.

        Raises:
            StoreLockedError: another connection kept the database busy for longer than the timeout.
            UnreadableTextError: a row among them is damaged so that its text cannot be read.
            StoreError: SQLite refused; the message carries its reason.
        """
        try:
            return self._connection.execute(sql, args).fetchall()
        except UnicodeDecodeError as error:  # apsw
            raise UnreadableTextError(f"{self.path}: a row holds bytes that are no text ({error}); run verify()") from error
        except self._faults as error:
            raise self._translated(error) from error

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for every row.

        Raises:
            StoreError: SQLite refused; the message carries its reason.
        """
        try:
            self._connection.executemany(sql, rows)
        except self._faults as error:
            raise self._translated(error) from error

    @property
    def in_transaction(self) -> bool:
        """False once SQLite itself has rolled back, as it does after some faults (disk full, I/O error)."""
        return bool(self._connection.in_transaction)

    def _translated(self, error: BaseException) -> StoreError:
        text = str(error)
        if "decode to UTF-8" in text:  # sqlite3
            return UnreadableTextError(f"{self.path}: a row holds bytes that are no text ({text}); run verify()")
        if "locked" in text or "busy" in text.lower():
            return StoreLockedError(f"{self.path}: another connection kept it busy for {BUSY_TIMEOUT_MS / 1000:.0f} s; try again")
        if "malformed" in text or "not a database" in text:  # both engines give SQLite's own words
            return DamagedError(f"{self.path}: SQLite says: {text}; run verify(); a backup may be needed")
        advice = "free some space" if isinstance(error, self._full) or "full" in text else "run verify(); a backup may be needed"
        return StoreError(f"{self.path}: SQLite says: {text}; {advice}")

    def backup(self, path: str) -> None:
        """Copy everything committed into `path`, whole or not at all; an older file there is replaced.

        Raises:
            StoreError: `path` is this database, or cannot be written.
        """
        target = Path(path)
        if self.path != ":memory:" and target.resolve() == Path(self.path).resolve():
            raise StoreError(f"{path}: is the open database itself; back it up to another file")
        partial = target.with_name(target.name + ".partial")
        try:
            partial.unlink(missing_ok=True)
            self._copy(str(partial))
            partial.replace(target)
        except OSError as error:
            raise StoreError(f"{path}: cannot write the backup: {error.strerror}") from error

    def _copy(self, path: str) -> None:
        other = Database.__new__(Database)
        other.path, other.read_only, other.engine, (other._faults, other._full) = path, False, self.engine, _fault_types(self.engine)
        other._frozen = False
        other._connection = other._connect()
        try:
            if self.engine == "apsw":
                with other._connection.backup("main", self._connection, "main") as copy:
                    copy.step()
            else:
                self._connection.backup(other._connection)
            other.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        except self._faults as error:
            raise self._translated(error) from error
        finally:
            other.close()

    @property
    def version(self) -> tuple[int, int, int]:
        """The SQLite library's version."""
        a, b, c = (int(part) for part in self.execute("SELECT sqlite_version()")[0][0].split(".")[:3])
        return a, b, c

    def close(self) -> None:
        """Close the connection; the last one to close checkpoints the WAL."""
        self._connection.close()


def _check_file(path: str, read_only: bool) -> None:
    """Say what is wrong with `path` before SQLite says it less clearly."""
    if path == ":memory:":
        if read_only:
            raise StoreError(":memory: cannot be opened read-only; there would be nothing in it")
        return
    file = Path(path)
    if file.is_dir():
        raise StoreError(f"{path}: is a folder; give the path of a database file")
    if not file.exists():
        if read_only:
            raise StoreError(f"{path}: no such database; check the path, or make one with RobotMemory.open(path)")
        if not file.parent.is_dir():
            raise StoreError(f"{path}: its folder does not exist; make it first")
        return
    try:
        with file.open("rb") as stream:
            head = stream.read(len(HEADER))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if head and head != HEADER:
        raise StoreError(f"{path}: is not an SQLite database (it starts with {head[:8]!r}); give a file made by robomem")


def _fault_types(engine: str) -> tuple[tuple[type[BaseException], ...], tuple[type[BaseException], ...]]:
    """(every error of the engine, those that mean "disk full")."""
    if engine == "apsw":
        import apsw

        return (apsw.Error,), (apsw.FullError,)
    import sqlite3

    return (sqlite3.Error,), ()


def _apsw(path: str, read_only: bool, frozen: bool) -> Any:
    import apsw

    if path == ":memory:":
        return apsw.Connection(path)
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    return apsw.Connection(_uri(path, read_only, frozen), flags=flags | apsw.SQLITE_OPEN_URI)


def _stdlib(path: str, read_only: bool, frozen: bool) -> Any:
    import sqlite3

    target = path if path == ":memory:" else _uri(path, read_only, frozen)
    # isolation_level None: transactions are begun and ended by the store alone. The committer thread uses it under the store's lock.
    return sqlite3.connect(target, uri=target != path, isolation_level=None, check_same_thread=False)


def _uri(path: str, read_only: bool, frozen: bool) -> str:
    uri = Path(path).absolute().as_uri()
    if not read_only:
        return uri
    # A closed WAL database on a read-only mount has no -shm and none can be made: nobody can be writing, so read it as it stands.
    frozen = frozen or (not os.access(Path(path).absolute().parent, os.W_OK) and not Path(f"{path}-wal").exists())
    return uri + ("?mode=ro&immutable=1" if frozen else "?mode=ro")
