"""Budgets of a store: hard bounds on rows and bytes; what goes is the oldest detail, never the last sighting of an object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from robomem.errors import ConfigError
from robomem.memory.database import Database

EVICT_SHARE = 100  # a full table makes room for 1/100 of itself at a time
MIN_BYTES = 1 << 20
RESERVE = 0.9  # of `max_bytes` may be in use at a commit; the rest is for the next group and for rows that replace others
HARD = 0.97  # of `max_bytes` may be in use within a group: giving rows up needs a few pages too
OVERHEAD = 1.5  # pages, indices and boxes beside the bytes of a row
# SQLite gives the id of the row that has the maximum: one walk over the index (object_id, time).
_NEWER = "id NOT IN (SELECT id FROM (SELECT id, max(stamp_ns) FROM observations WHERE object_id >= 0 GROUP BY object_id))"
_NO_END = "id NOT IN (SELECT first_observation FROM history UNION SELECT last_observation FROM history)"
# What may go, in this order, the oldest first. The last clause is used only where a budget is smaller than the number of objects.
OBSERVATIONS = (f"{_NO_END} AND {_NEWER}", _NEWER, "1")
# A correction of the map must stay: a restored snapshot catches up by it.
EVENTS = "kind != 'map_corrected'"
STAYS = "to_ns IS NOT NULL AND id NOT IN (SELECT id FROM (SELECT id, max(from_ns) FROM history GROUP BY object_id))"
RELATIONS = "to_ns IS NOT NULL"


@dataclass(frozen=True)
class Budget:
    """Bounds of one store.

    Attributes:
        observations, events, stays, relations: rows. Stays and relations that hold now are never given up, nor is the last observation
            of an object while there is another one to give.
        max_bytes: of the database file, 0 for no bound. The log beside it (-wal, about 4 MB, longer while a reader keeps an old snapshot)
            is not counted.

    Raises:
        ConfigError: a bound below one, or a file too small to hold anything.
    """

    observations: int = 200_000
    events: int = 200_000
    stays: int = 100_000
    relations: int = 200_000
    max_bytes: int = 0

    def __post_init__(self) -> None:
        for name in ("observations", "events", "stays", "relations"):
            if getattr(self, name) < 1:
                raise ConfigError(f"memory: the budget of {name} is {getattr(self, name)}; give at least 1")
        if self.max_bytes and self.max_bytes < MIN_BYTES:
            raise ConfigError(f"memory.max_bytes: {self.max_bytes} is too small for a database; give 0 (no bound) or at least {MIN_BYTES}")


class Evictable(Protocol):
    """What a keeper needs of the store: statements that do not commit by themselves."""

    database: Database


class Keeper:
    """Keeps one store within its budget. Rows of observations are made room for before they are written, all else at the commit."""

    def __init__(self, store: Evictable, budget: Budget) -> None:
        self._store, self.budget = store, budget
        self._rows: Counter[str] = Counter()
        self._busy = False
        self.evicted: Counter[str] = Counter()  # rows given up since the store was opened, by table
        if budget.max_bytes:
            page = self._one("PRAGMA page_size")
            self._one(f"PRAGMA max_page_count = {max(budget.max_bytes // page, self._one('PRAGMA page_count'))}")
        self.recount()

    def recount(self) -> None:
        """Count what there is: rows were taken away by others, or a group was undone."""
        for name in ("observations", "events", "history", "relations"):
            self._rows[name] = self._one(f"SELECT count(*) FROM {name}")

    def wrote(self, name: str, rows: int) -> None:
        """Note rows written to a table (replaced ones are counted twice until the next count: the bound is met early, never late)."""
        if name in self._rows:
            self._rows[name] += rows

    def full(self, incoming: int) -> bool:
        """True if `incoming` more observations may be too many."""
        return self._rows["observations"] + incoming > self.budget.observations

    def make_room(self, incoming: int) -> None:
        """Before `incoming` observations are written: oldest first, sparing both ends of every stay and each object's last."""
        self._rows["observations"] = self._one("SELECT count(*) FROM observations")
        over = self._rows["observations"] + incoming - self.budget.observations
        if over > 0:
            want = min(self._rows["observations"], max(over, incoming, self.budget.observations // EVICT_SHARE))
            self._observations(want, OBSERVATIONS, least=over)

    def keep(self) -> None:
        """Before a commit: what is over its budget goes."""
        if self._busy:
            return
        with self._alone():
            for name, bound, may_go, order in (
                ("events", self.budget.events, EVENTS, "stamp_ns, id"),
                ("history", self.budget.stays, STAYS, "to_ns, id"),
                ("relations", self.budget.relations, RELATIONS, "to_ns, rowid"),
            ):
                if self._rows[name] > bound:
                    self._rows[name] = self._one(f"SELECT count(*) FROM {name}")
                    if self._rows[name] > bound:
                        self._delete(name, may_go, order, self._rows[name] - bound + bound // EVICT_SHARE)
            if self.budget.max_bytes:
                self._keep_bytes(RESERVE * self.budget.max_bytes)

    def lacks_bytes(self, incoming: int) -> bool:
        """True if `incoming` more bytes may not fit: the reserve is a tenth, and a snapshot of a home that grew may be more."""
        return self.budget.max_bytes > 0 and self._used() > self._free_of(incoming)

    def spares(self, incoming: int) -> bool:
        """True if there is room for `incoming` bytes of what can be done without: all that a commit need not give up at once."""
        return not self.budget.max_bytes or self._used() + OVERHEAD * incoming <= RESERVE * self.budget.max_bytes

    def make_bytes(self, incoming: int) -> None:
        """Before `incoming` bytes are written at once."""
        if not self._busy:
            with self._alone():
                self._keep_bytes(self._free_of(incoming))

    def _free_of(self, incoming: int) -> float:
        return HARD * self.budget.max_bytes - OVERHEAD * incoming

    def _used(self) -> int:
        return (self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")) * self._one("PRAGMA page_size")

    def _keep_bytes(self, bound: float) -> None:
        """What is derived first, then detail: observations that are no end of a stay, other observations, past events, past stays."""
        while self._used() > bound:
            if self._unpack():
                continue
            share = max(1, self._rows["observations"] // 20)
            gone = self._observations(share, OBSERVATIONS[:2])
            gone = gone or self._delete("events", EVENTS, "stamp_ns, id", max(1, self._rows["events"] // 20))
            gone = gone or self._delete("history", STAYS, "to_ns, id", max(1, self._rows["history"] // 20))
            if not gone:
                return  # max_page_count holds all the same: what does not fit is refused as a full disk is

    def _unpack(self) -> bool:
        """Give up the packs of the oldest block (robomem/memory/packs.py), if there are any: its rows are read one by one then."""
        oldest = self._one("SELECT min(last) FROM blocks WHERE packed")
        if oldest is not None:
            self._store.database.execute("UPDATE blocks SET packed = 0 WHERE last = ?", (oldest,))
        return oldest is not None

    def _observations(self, want: int, may_go: tuple[str, ...], least: int = 1) -> int:
        """Give up to `want` observations; a later clause is used only while fewer than `least` have gone."""
        gone = 0
        for clause in may_go:
            if gone >= least:
                break
            n = want if clause is may_go[0] else least - gone
            sql = f"SELECT id FROM observations WHERE {clause} ORDER BY stamp_ns, id LIMIT ?"
            ids = self._store.database.execute(sql, (n,))
            self._store.database.executemany("DELETE FROM observations WHERE id = ?", ids)
            gone += len(ids)
        self._gone("observations", gone)
        return gone

    def _delete(self, name: str, may_go: str, order: str, n: int) -> int:
        sql = f"SELECT rowid FROM {name} WHERE {may_go} ORDER BY {order} LIMIT ?"
        rows = self._store.database.execute(sql, (n,))
        self._store.database.executemany(f"DELETE FROM {name} WHERE rowid = ?", rows)
        self._gone(name, len(rows))
        return len(rows)

    def _gone(self, name: str, n: int) -> None:
        self._rows[name] -= n
        self.evicted[name] += n

    def _one(self, sql: str) -> Any:
        return self._store.database.execute(sql)[0][0]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def usage(self) -> dict[str, Any]:
        """Rows and bytes against their bounds (plain JSON values)."""
        self.recount()
        page, b = self._one("PRAGMA page_size"), self.budget
        bounds = {"observations": b.observations, "events": b.events, "history": b.stays, "relations": b.relations}
        rows = {name: {"rows": self._rows[name], "max": bound} for name, bound in bounds.items()}
        return {
            **rows,
            "bytes": {"used": self._used(), "file": self._one("PRAGMA page_count") * page, "max": b.max_bytes},
            "evicted": dict(self.evicted),
        }
