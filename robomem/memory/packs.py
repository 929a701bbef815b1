"""The packs of a store: which observations lie near a point in space and time, read from a few pages, and kept true by the database.

Observations lie in blocks, one after the other by id. A block that is packed has its observations in packs (robomem/memory/pack.py), each
with its box in an R*Tree over x, y, z and time: an index of packs is a thirtieth of an index of rows. A block is unpacked when one of its
rows changes or goes (by trigger) or comes (by who puts it), in the same transaction, so that a pack never tells what is not so and keeps
nothing that was forgotten. What is in no pack (the newest rows, an unpacked block) is read row by row. Packs are made when a group is
committed; they are never changed, and no id is given twice, so that those in memory (robomem/memory/pack_cache.py) are true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import StoreError
from robomem.memory import table
from robomem.memory.database import Row, among
from robomem.memory.pack import PACK_ROWS, Entries, approximate, encode, seal, split
from robomem.memory.pack_cache import Group, PackCache
from robomem.memory.schema import NEXT_PACK
from robomem.memory.sqlite_core import SqliteCore

BLOCK_ROWS = 512  # fewer, and more packs reach over each hour asked about; more, and more of the newest rows are in no pack yet
MENDED = 1  # unpacked blocks that a commit packs again, at most: about 2 ms each
SPARSE = 64  # a block with fewer rows left is joined to the next
FAR = 1 << 20  # where that note is lost: beyond every id that was given
BOX_BYTES = 150  # of a pack's box and index entries, about
PART = 256  # packs scanned at a time
FIRST, LAST = -(1 << 63), (1 << 63) - 1
NO_VECTOR = np.zeros(0, np.float32)
PAD_M = 0.01  # the R*Tree keeps float32

NEAR = """SELECT id FROM pack_boxes
WHERE x1 >= ? AND x0 <= ? AND y1 >= ? AND y0 <= ? AND z1 >= ? AND z0 <= ? AND t1 >= ? AND t0 <= ?"""
PACKS = "SELECT id, block, dim, data FROM packs WHERE id IN"
LOOSE = """SELECT id, (x - :x) * (x - :x) + (y - :y) * (y - :y) + (z - :z) * (z - :z), embedding FROM observations
WHERE id > :above AND id <= :upto AND stamp_ns BETWEEN :from_ns AND :to_ns AND typeof(embedding) = 'blob'
AND (x - :x) * (x - :x) + (y - :y) * (y - :y) + (z - :z) * (z - :z) <= :square"""
SPANS = f"""SELECT (SELECT max(b.last) FROM blocks b WHERE b.last < blocks.last), last FROM blocks WHERE packed = 0
UNION ALL SELECT max(last), {(1 << 63) - 1} FROM blocks ORDER BY 2"""
UNPACKED = "SELECT (SELECT max(b.last) FROM blocks b WHERE b.last < blocks.last), last FROM blocks WHERE packed = 0 ORDER BY last"
UNPACK = "UPDATE blocks SET packed = 0 WHERE last = (SELECT min(last) FROM blocks WHERE last >= ?) AND packed"
ROWS = "SELECT id, stamp_ns, x, y, z, embedding FROM observations WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
# What a row or a pack that is not as it should be can raise: packs are derived, and must cost no row and no answer.
UNSOUND = (ValueError, TypeError, ArithmeticError, LookupError)
FAULTS = (StoreError, *UNSOUND)
KINDS = (int, int, float, float, float, bytes)


@dataclass(frozen=True)
class Ball:
    """Where and when: within `radius_m` of Float64[3] (m, map frame) and within [from_ns, to_ns]."""

    center: NDArray[np.float64]
    radius_m: float
    from_ns: int
    to_ns: int


@dataclass
class Found:
    """What lies in a ball.

    Attributes:
        ids: Int64[n].  squares: Float64[n] squared distances, m^2.
        likes, bounds: Float32[n] the cosine and how far it may be off.
        lengths: Int64[n] of their vectors; where it is not that of the one asked for, there is no cosine.
    """

    ids: NDArray[np.int64]
    squares: NDArray[np.float64]
    likes: NDArray[np.float32]
    bounds: NDArray[np.float32]
    lengths: NDArray[np.int64]

    def without(self, ids: NDArray[np.int64]) -> Found:
        """Some ids left out."""
        return self.where(~np.isin(self.ids, ids))

    def where(self, kept: NDArray[np.bool_]) -> Found:
        """Those of a mask Bool[n]."""
        return Found(self.ids[kept], self.squares[kept], self.likes[kept], self.bounds[kept], self.lengths[kept])


NOTHING = Found(np.empty(0, np.int64), np.empty(0), np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


class PackReader:
    """Reads packs; a file that no writer has migrated yet has none, and all its rows are read.

    Attributes:
        damaged: a pack was not as it was written: the writer makes all of them anew.
        cache: the packs read lately.
    """

    def __init__(self, store: SqliteCore, epoch_ns: int) -> None:
        self._store, self._epoch_ns, self._there = store, epoch_ns, False
        self.damaged, self.cache = False, PackCache()

    def within(self, ball: Ball, v: NDArray[np.float32] = NO_VECTOR) -> Found:
        """What lies in a ball, with its likeness to Float32[d] of unit length (d = 0: with none). O(what is near and recent)."""
        if not ball.radius_m >= 0.0:
            return NOTHING
        with self._store.snapshot():
            found: list[tuple[NDArray[Any], ...]] = []
            try:
                for dim, starts, rows in self._packed(ball) if self._has_packs() else ():
                    hit = _scan(self.cache, starts, rows, dim, ball, v if dim == len(v) else v[:0])
                    found.append((*hit, np.full(len(hit[0]), dim, np.int64)))
                spans = self._spans() if self._there else [(FIRST, LAST)]
            except FAULTS as error:  # damage to packs costs time and no answer
                self.damaged |= isinstance(error, UNSOUND)
                self._store.bad_rows += 1
                found, spans = [], [(FIRST, LAST)]
            for span in spans:
                found += self._loose(ball, span, v)
        if len(found) > 1:
            return Found(*(np.concatenate(column) for column in zip(*found, strict=True)))
        return Found(*found[0]) if found else NOTHING

    def _has_packs(self) -> bool:
        if not self._there:
            self._there = bool(self._store.database.execute("SELECT 1 FROM sqlite_master WHERE name = 'packs'"))
        return self._there

    def _packed(self, ball: Ball) -> Iterator[Group]:
        """Packs that may hold something of the ball, by the length of their vectors, a part at a time: see PackCache.of.

        Raises:
            ValueError: one is not as it was written.
        """
        c, r = ball.center.tolist(), ball.radius_m + PAD_M
        t0, t1 = ((t - self._epoch_ns) * 1e-9 for t in (ball.from_ns, ball.to_ns))
        pad = 1e-6 * (abs(t0) + abs(t1)) + 1e-3
        box = (c[0] - r, c[0] + r, c[1] - r, c[1] + r, c[2] - r, c[2] + r, t0 - pad, t1 + pad)
        ids = sorted([i for (i,) in self._store.database.execute(NEAR, box)])
        for at in range(0, len(ids), PART):
            yield from self.cache.of(ids[at : at + PART], self._read)

    def _read(self, ids: list[int]) -> list[Row]:
        marks, args = among(ids)  # in their order, which is that in which they lie in the file
        return self._store.database.execute(f"{PACKS} {marks}", args)

    def _spans(self) -> list[tuple[int, int]]:
        """Ranges of ids (above, up to) whose rows are in no pack."""
        spans = [(FIRST if above is None else above, last) for above, last in self._store.database.execute(SPANS)]
        joined = spans[:1]
        for above, last in spans[1:]:
            if above == joined[-1][1]:
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((above, last))
        return joined

    def _loose(self, ball: Ball, span: tuple[int, int], v: NDArray[np.float32]) -> list[tuple[NDArray[Any], ...]]:
        """Rows of a range of ids, one by one."""
        where = {"above": span[0], "upto": span[1], "from_ns": ball.from_ns, "to_ns": ball.to_ns, "square": ball.radius_m**2}
        rows = self._store.database.execute(LOOSE, {**where, **dict(zip("xyz", ball.center.tolist(), strict=True))})
        if not rows:
            return []
        ids, squares, blobs = zip(*rows, strict=True)
        likes, lengths = np.zeros(len(rows), np.float32), np.array([_length(blob) for blob in blobs], np.int64)
        like = np.flatnonzero(lengths == len(v))
        if len(v) and len(like):
            likes[like] = cosines_of([blobs[i] for i in like], v)
        return [(np.array(ids, np.int64), np.array(squares, float), likes, np.zeros(len(rows), np.float32), lengths)]


def _length(blob: bytes) -> int:
    """Numbers in a vector as a row keeps it; of half a number too many, it is damaged, and none."""
    return 0 if len(blob) % 2 else len(blob) // 2


def cosines_of(blobs: Sequence[bytes], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine Float32[n] of vectors as the rows keep them with Float32[d] of unit length."""
    from robomem.memory.half import cosines  # here: only who compares vectors waits for the compiler's half second

    return cosines(np.frombuffer(b"".join(blobs), np.uint16).reshape(-1, len(v)), v)


def _scan(
    cache: PackCache, starts: NDArray[np.int64], rows: NDArray[np.int64], dim: int, ball: Ball, v: NDArray[np.float32]
) -> tuple[NDArray[Any], ...]:
    from robomem.memory.scan import scan

    return scan(cache.data, starts, rows, dim, ball.center, ball.radius_m**2, ball.from_ns, ball.to_ns, v)


class Packer:
    """Makes packs, for the one writer. Its calls belong inside the group's transaction.

    Args:
        store: the store.
        epoch_ns: its epoch: the R*Tree keeps seconds since.
        reader: of the same store; what it finds damaged is made anew.
        room: is there room for so many bytes more? Packs are a convenience: they take no room that rows were promised.
    """

    def __init__(self, store: SqliteCore, epoch_ns: int, reader: PackReader, room: Callable[[int], bool]) -> None:
        self._store, self._epoch_ns, self._reader, self._room = store, epoch_ns, reader, room
        self._loose: int | None = None  # rows in no block, at most; None: not counted
        self._last: int | None = None  # no block ends above; None: not looked
        self._lacking = 0  # bytes that there was no room for: nothing is read and encoded again until there is
        self.fault = ""  # why no packs are made any more; everything is still answered, row by row

    def put(self, ids: Sequence[int]) -> None:
        """Note rows that are put: new ones, or others for old ones, whose block is unpacked. Changed and deleted ones have triggers."""
        if self._loose is not None:
            self._loose += len(ids)
        last = self._last
        if last is None:
            newest = self._store.database.execute("SELECT max(last) FROM blocks")[0][0]
            last = self._last = FIRST if newest is None else newest
        if ids and min(ids) <= last:
            self._store.database.executemany(UNPACK, [(i,) for i in ids if i <= last])

    def recount(self) -> None:
        """A group was undone, or the packs were given up."""
        self._loose = self._last = None
        self._reader.cache.clear()  # the ids of packs that were undone are given again

    def restart(self) -> None:
        """After a repair."""
        self.fault, self._lacking = "", 0
        self.recount()

    def catch_up(self, blocks: int, mended: int = MENDED) -> int:
        """Pack up to `blocks` blocks of new rows and `mended` that were unpacked; how many were. A fault never costs the group's rows."""
        if self.fault:
            return 0
        run = self._store.database.execute
        if not self._reader.damaged and self._loose is not None and self._loose < BLOCK_ROWS and not run(f"{UNPACKED} LIMIT 1"):
            return 0
        run("SAVEPOINT packing")
        try:
            if self._reader.damaged:
                self._give_up()
            done = self._new(blocks) + self._mend(mended) if not self._lacking or self._room(self._lacking) else 0
        except FAULTS as error:
            if not self._store.database.in_transaction:  # disk full, I/O error: the group is lost, and whoever commits it is told
                raise
            self.fault, done = f"{type(error).__name__}: {error}", 0
            run("ROLLBACK TO packing")
            self.recount()
        run("RELEASE packing")
        return done

    def _give_up(self) -> None:
        """Unpack every block: whose a damaged pack was is no longer known for sure."""
        for sql in ("UPDATE blocks SET packed = 0 WHERE packed", "DELETE FROM packs", "DELETE FROM pack_boxes"):
            self._store.database.execute(sql)
        self._reader.damaged = False

    def _new(self, blocks: int) -> int:
        for done in range(blocks):
            if self._loose is not None and self._loose < BLOCK_ROWS:
                return done
            newest = self._store.database.execute("SELECT max(last) FROM blocks")[0][0]
            rows = self._store.database.execute(ROWS, (FIRST if newest is None else newest, LAST, BLOCK_ROWS))
            if len(rows) < BLOCK_ROWS:
                self._loose = len(rows)
                return done
            last = rows[-1][0]
            if not self._pack(last, rows, keep=True):
                return done
            self._store.database.execute("INSERT INTO blocks (last, packed) VALUES (?, 1)", (last,))
            self._last = last
            if self._loose is not None:
                self._loose -= BLOCK_ROWS
        return blocks

    def _mend(self, blocks: int) -> int:
        run = self._store.database.execute
        for done in range(blocks):
            todo = run(f"{UNPACKED} LIMIT 1")
            if not todo:
                return done
            above, last = todo[0]
            rows = run(ROWS, (FIRST if above is None else above, last, LAST))
            following = run("SELECT min(last) FROM blocks WHERE last > ?", (last,))[0][0]
            if not rows or (len(rows) < SPARSE and following is not None):
                run("DELETE FROM blocks WHERE last = ?", (last,))  # what is left of it belongs to the next
                if rows:
                    run("UPDATE blocks SET packed = 0 WHERE last = ?", (following,))
                continue
            if not self._pack(last, rows, keep=False):
                return done
            run("UPDATE blocks SET packed = 1 WHERE last = ?", (last,))
        return blocks

    def _pack(self, last: int, rows: Sequence[Row], keep: bool) -> bool:
        """Write the packs of one block; False if there is no room for them.

        `keep`: in memory, too. Not those of a block that rows went out of: it is the oldest one, made anew with every group.
        """
        packs = [(dim, entries.take(part)) for dim, entries in by_length(rows) for part in split(entries.positions, PACK_ROWS)]
        data = [(last, dim, seal(encode(pack), last, dim)) for dim, pack in packs]
        size = sum(len(row[2]) + BOX_BYTES for row in data)
        self._lacking = 0 if self._room(size) else size
        if self._lacking:
            return False
        first, database = self._lease(len(data)), self._store.database
        rows = [(first + k, *row) for k, row in enumerate(data)]
        database.executemany("INSERT INTO packs (id, block, dim, data) VALUES (?, ?, ?, ?)", rows)
        boxes = [(first + k, *box(pack, self._epoch_ns)) for k, (_, pack) in enumerate(packs)]
        database.executemany("INSERT INTO pack_boxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", boxes)
        for at in range(0, len(rows) if keep else 0, PART):
            self._reader.cache.keep(rows[at : at + PART])
        return True

    def _lease(self, n: int) -> int:
        """The first of `n` ids that no pack had before, in this process or in another: what a reader keeps by id stays true."""
        text = self._store.get_meta(NEXT_PACK)
        highest = self._store.database.execute("SELECT coalesce(max(id), 0) FROM packs")[0][0]
        first = max(int(text), highest + 1) if text.isdigit() else highest + FAR
        self._store.database.execute(table.META.insert, table.META.seal((NEXT_PACK, str(first + n))))
        return first


def by_length(rows: Sequence[Row]) -> Iterator[tuple[int, Entries]]:
    """Rows of (id, stamp_ns, x, y, z, embedding) as entries, by the length of their vectors.

    A row whose values are not of their kinds is damaged: its checksum will tell, and no pack can hold it.
    """
    whole = [row for row in rows if tuple(map(type, row)) == KINDS and len(row[5]) % 2 == 0]
    for dim in sorted({len(row[5]) // 2 for row in whole}):
        some = [row for row in whole if len(row[5]) // 2 == dim]
        ids, stamps, x, y, z, blobs = zip(*some, strict=True)
        halves = np.frombuffer(b"".join(blobs), np.float16).reshape(len(some), dim)
        positions = np.stack([np.array(v, np.float64) for v in (x, y, z)], axis=1)
        yield dim, Entries(np.array(ids, np.int64), np.array(stamps, np.int64), positions, *approximate(halves))


def box(e: Entries, epoch_ns: int) -> tuple[float, ...]:
    """(x0, x1, y0, y1, z0, z1, t0, t1) of a pack: m, and s since the epoch."""
    low, high = e.positions.min(axis=0).tolist(), e.positions.max(axis=0).tolist()
    t0, t1 = ((int(t) - epoch_ns) * 1e-9 for t in (e.stamps_ns.min(), e.stamps_ns.max()))
    return (low[0], high[0], low[1], high[1], low[2], high[2], t0, t1)
