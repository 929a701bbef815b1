"""The keeping half of RobotMemory: copies, checks, health."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any

from robomem.memory.embedding import LabelSimilarity
from robomem.memory.integrity import Integrity, verify
from robomem.memory.short_term import ShortTermMemory
from robomem.memory.sqlite_store import SqliteStore


class Keeping(ABC):
    """What every memory can say of itself."""

    store: SqliteStore
    short_term: ShortTermMemory
    _guard: threading.RLock
    _similarity: LabelSimilarity

    @property
    @abstractmethod
    def rejected(self) -> Counter[str]:
        """Why frames were not taken in, and how often."""

    @abstractmethod
    def flush(self) -> None:
        """Everything observed so far survives a crash once this returns."""

    @abstractmethod
    def _newest_ns(self) -> int: ...

    def backup(self, path: str | Path) -> None:
        """Copy the whole memory into another file while it is in use."""
        with self._guard:
            self.flush()
            self.store.backup(str(path))

    def verify(self) -> Integrity:
        """Look at every row; damaged ones are quarantined and reported, the rest works on."""
        with self._guard:
            return verify(self.store)

    def health(self) -> dict[str, Any]:
        """Plain JSON values: engine, versions, rows, damage, rejections, what optional parts are there."""
        with self._guard:
            return {
                **self.store.health(),
                "rejected": dict(self.rejected),
                "short_term": len(self.short_term),
                "embedder": self._similarity.state,
                "newest_stamp_ns": self._newest_ns(),
            }
