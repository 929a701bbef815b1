"""The writer's lock: one process writes a database, and a second one is told so."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from robomem.errors import StoreError, StoreLockedError


class WriterLock:
    """An advisory lock on `<database>.lock`, held until `release()` or the end of the process.

    The lock file is a file of its own: closing any descriptor of the database itself would drop SQLite's own POSIX locks.
    It stays behind when released, since removing it would let two writers lock two different files.

    Raises:
        StoreLockedError: somebody else holds it.
        StoreError: the lock file cannot be made.
    """

    def __init__(self, database: str) -> None:
        path = Path(f"{database}.lock")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{database}: cannot make the lock file beside it ({error.strerror}); "
                "is the folder there and writable? To read only, open with read_only=True"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._fd, 64).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StoreLockedError(
                f"{database}: process {owner or 'unknown'} has it open for writing and there is one writer at a time; "
                "close it there, or open here with read_only=True"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let the next writer in. Calling it twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
