"""Packs made or read lately, each checked once, in one buffer that is scanned as it lies: a robot asks again of where it is.

A pack never changes under its id (robomem/memory/packs.py gives each new one an id that no other had), so that what is kept here needs no
news from whoever writes: which packs there are is read from the database at every question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.memory.database import Row
from robomem.memory.pack import PACK_ROWS, SUM_BYTES, bytes_per_row

CACHE_BYTES = 48 << 20  # of one open store: the packs of 110,000 observations with 384 numbers a vector
GIVEN_UP = 16  # a full cache makes room for one in so many
LEAST = 256  # packs that fit, however long their vectors: as many as are scanned at a time

Group = tuple[int, NDArray[np.int64], NDArray[np.int64]]


class PackCache:
    """At most `max_bytes` of packs (or `least` packs); what was asked for longest ago goes first.

    Attributes:
        data: UInt8[bytes], where they lie.
        hits, misses: packs that were here when asked for, and that were not.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES, least: int = LEAST) -> None:
        self._max_bytes, self._least = max_bytes, least
        self.hits = self.misses = 0
        self.wipe()

    def wipe(self) -> None:
        """Forget all, and give the memory back: what was forgotten must lie nowhere."""
        self._resize(0)

    def clear(self) -> None:
        """None of these packs are asked for again under their ids; the memory is used for others."""
        self._slots.clear()
        self._free = list(range(len(self._ids) - 1, -1, -1))

    def _resize(self, width: int) -> None:
        slots = max(self._max_bytes // width, self._least) if width else 0
        self._width, self._asked = width, 0
        self._slots: dict[int, int] = {}  # by pack
        self._free = list(range(slots - 1, -1, -1))
        self.data = np.empty(slots * width, np.uint8)  # the system gives no memory before it is written
        self._bytes: Any = memoryview(self.data)  # pyright: ignore[reportArgumentType]
        self._ids, self._used = np.zeros(slots, np.int64), np.zeros(slots, np.int64)  # of each slot: the pack, and when it was asked for
        self._rows, self._dims = np.zeros(slots, np.int64), np.zeros(slots, np.int64)

    def of(self, ids: list[int], read: Callable[[list[int]], Sequence[Row]]) -> list[Group]:
        """(length of the vectors, where each begins, entries of each) of packs, at most `least` at a time.

        Args:
            read: gives (id, block, dim, data) of packs that are not here.

        Raises:
            ValueError: one is not as it was written, or not there; none of those read is kept.
        """
        get = self._slots.get
        where = np.array([get(i, -1) for i in ids])
        missing = np.flatnonzero(where < 0).tolist()
        self.hits, self.misses, self._asked = self.hits + len(ids) - len(missing), self.misses + len(missing), self._asked + 1
        if missing:
            self._used[where[where >= 0]] = self._asked  # or they were given up for the others
            packs = read([ids[i] for i in missing])
            if len(packs) != len(missing):
                raise ValueError(f"of {len(missing)} packs {len(packs)} are there")
            if not self._put(packs):
                return self.of(ids, read)
            where[missing] = [self._slots[ids[i]] for i in missing]
        self._used[where] = self._asked
        starts, rows, dims = where * self._width, self._rows[where], self._dims[where]
        kinds = {*dims.tolist()}
        if len(kinds) == 1:
            return [(kinds.pop(), starts, rows)]
        return [(dim, starts[dims == dim], rows[dims == dim]) for dim in sorted(kinds)]

    def keep(self, packs: Sequence[Row]) -> None:
        """Have (id, block, dim, data) of packs just made here: what was seen last is asked for first."""
        if packs:
            self._asked += 1
            self._put(packs)

    def _put(self, packs: Sequence[Row]) -> bool:
        """Keep packs; False if all others had to go, as these are longer than any before."""
        from robomem.memory.scan import sound  # here: only who reads packs waits for the compiler's half second

        rows = [_rows_of(*pack) for pack in packs]
        ids, blocks, dims, sealed = zip(*packs, strict=True)
        longest, resized = max(map(len, sealed)), False
        if longest > self._width:
            resized = bool(self._width)
            self._resize(max(longest, PACK_ROWS * bytes_per_row(max(dims)) + SUM_BYTES))
        slots, width = self._take(len(packs)), self._width
        for slot, data in zip(slots, sealed, strict=True):
            self._bytes[slot * width : slot * width + len(data)] = data
        where, about = np.array(slots), np.array((*map(len, sealed), *blocks, *dims), np.int64).reshape(3, -1)
        if not sound(self.data, where * width, *about):
            self._free += slots
            raise ValueError("the checksum of a pack differs")
        self._ids[where], self._rows[where], self._dims[where], self._used[where] = ids, rows, about[2], self._asked
        self._slots.update(zip(ids, slots, strict=True))
        return not resized

    def _take(self, n: int) -> list[int]:
        """Slots for n packs; those asked for in this call are not given up, as there are at least `least`."""
        if len(self._free) < n:
            oldest = np.argsort(self._used, kind="stable")[: max(n, len(self._used) // GIVEN_UP)]
            for slot, pack in zip(oldest.tolist(), self._ids[oldest].tolist(), strict=True):
                if self._slots.get(pack) == slot:
                    del self._slots[pack]
                    self._free.append(slot)
        taken, self._free = self._free[-n:], self._free[:-n]
        return taken


def _rows_of(_: int, block: object, dim: object, sealed: object) -> int:
    """Entries of a pack.

    Raises:
        ValueError: of a kind or a length that no pack has.
    """
    if type(block) is not int or type(dim) is not int or type(sealed) is not bytes or not 0 <= dim <= len(sealed):
        raise ValueError("a pack is no bytes of a block")
    rows, rest = divmod(len(sealed) - SUM_BYTES, bytes_per_row(dim))
    if rest or rows < 1:
        raise ValueError(f"{len(sealed)} bytes are no pack of vectors of {dim} numbers")
    return rows
