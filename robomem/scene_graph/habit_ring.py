"""The sightings behind the habits: per ten minutes of the last weeks, where each thing was, and whether it was seen to have moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from robomem.clock import NS_PER_S
from robomem.errors import InvalidInputError

SLOT_NS = 600 * NS_PER_S
DAY_SLOTS = 144
HOLD_SLOTS = 72  # seen at the same place twice within twelve hours: it was there in between
MOVED_SLOTS = 6  # seen at two places within an hour: it moved then; after longer nobody can say when
TOGETHER_SLOTS = 4  # moves this near to each other are moves together
MAX_PLACES = 2048

Place = tuple[int, str]  # who holds it, and how: "on" or "inside"
Arrays = dict[str, NDArray[np.generic]]


class SightingRing:
    """A ring of slots by things; everything older than `days` is overwritten, the thing unseen for longest makes room for a new one.

    Attributes:
        columns: thing -> column.  places: Place by code.  last_place, last_slot: Int64[n] by column, -1 never.
        oldest: the first slot kept.  version: rises with every change.
    """

    def __init__(self, days: int, things: int) -> None:
        self.length, self.capacity = days * DAY_SLOTS, things
        self.columns: dict[int, int] = {}
        self.places: list[Place] = []
        self._codes: dict[Place, int] = {}
        self.newest = self._first = -1
        self.version = 0
        self._allocate(8)

    def _allocate(self, n: int) -> None:
        self._cells = np.full((self.length, n), -1, np.int16)
        self._moved = np.zeros((self.length, n), np.bool_)
        self.last_place, self.last_slot = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        self._last_move = np.full(n, -(10**9), np.int64)
        self._moves, self._together = np.zeros(n), np.zeros((n, n))

    def _grow(self) -> None:
        old, n = dict(self.__dict__), len(self.columns)
        self._allocate(min(2 * n, self.capacity))
        for name in ("_cells", "_moved"):
            getattr(self, name)[:, :n] = old[name]
        for name in ("last_place", "last_slot", "_last_move", "_moves"):
            getattr(self, name)[:n] = old[name]
        self._together[:n, :n] = old["_together"]

    @property
    def oldest(self) -> int:
        """The first slot of which anything is kept."""
        return max(self._first, self.newest - self.length + 1)

    # -- writing -----------------------------------------------------------------------------------------------------

    def saw(self, thing: int, place: Place, slot: int) -> None:
        """Note a sighting; one older than the ring reaches is left out."""
        column, code = self.columns.get(thing), self._codes.get(place)
        if column is not None and code is not None and self.last_slot[column] == slot and self.last_place[column] == code:
            return
        if self.newest >= 0 and slot <= self.newest - self.length:
            return
        self._advance(slot)
        code = self._code(place) if code is None else code
        column = self._column(thing) if column is None else column
        last, was = int(self.last_slot[column]), int(self.last_place[column])
        self.version += 1
        self._cells[slot % self.length, column] = code
        if slot < last:
            return
        gap = slot - last
        if was == code and gap <= HOLD_SLOTS:
            self._fill(column, code, last + 1, slot)
        elif was >= 0 and was != code and gap <= MOVED_SLOTS:
            self._fill(column, was, last + 1, slot)
            self._note_move(column, slot)
        self.last_place[column], self.last_slot[column] = code, slot

    def _fill(self, column: int, code: int, start: int, stop: int) -> None:
        slots = np.arange(max(start, self.newest - self.length + 1), stop)
        self._cells[slots % self.length, column] = code

    def _advance(self, slot: int) -> None:
        if self.newest < 0:
            self.newest = self._first = slot
        fresh = np.arange(max(self.newest + 1, slot - self.length + 1), slot + 1) % self.length
        self._cells[fresh], self._moved[fresh] = -1, False
        self.newest, self._first = max(self.newest, slot), min(self._first, slot)

    def _note_move(self, column: int, slot: int) -> None:
        self._moved[slot % self.length, column] = True
        near = np.flatnonzero(slot - self._last_move <= TOGETHER_SLOTS)
        self._together[column, near] += 1
        self._together[near, column] += 1
        self._moves[column] += 1
        self._last_move[column] = slot

    def _code(self, place: Place) -> int:
        if len(self.places) >= MAX_PLACES:
            self._drop_unused_places()
        if len(self.places) >= MAX_PLACES:
            raise InvalidInputError(f"habits: more than {MAX_PLACES} places at once; the ring keeps places of things, not positions")
        self._codes[place] = len(self.places)
        self.places.append(place)
        return self._codes[place]

    def _drop_unused_places(self) -> None:
        used = np.unique(np.append(self._cells, self.last_place))
        self._keep_places([int(i) for i in used if i >= 0])

    def _keep_places(self, kept: list[int]) -> None:
        new = np.full(len(self.places) + 1, -1, np.int64)  # the last entry maps -1 to -1
        new[kept] = np.arange(len(kept))
        self._cells = new[self._cells].astype(np.int16)
        self.last_place = new[self.last_place]
        self.places = [self.places[i] for i in kept]
        self._codes = {place: i for i, place in enumerate(self.places)}
        self.version += 1

    def _column(self, thing: int) -> int:
        if len(self.columns) >= self.capacity:
            self.forget_things([min(self.columns, key=lambda t: (self.last_slot[self.columns[t]], t))])
        if len(self.columns) >= len(self.last_slot):
            self._grow()
        self.columns[thing] = len(self.columns)
        return self.columns[thing]

    def forget(self, ids: Iterable[int]) -> None:
        """Remove things, and where anything was on or in them."""
        gone = set(ids)
        self.forget_things(gone)
        places = [i for i, place in enumerate(self.places) if place[0] not in gone]
        if len(places) < len(self.places):
            self._keep_places(places)
            lost = (self.last_place < 0) & (self.last_slot >= 0)
            self.forget_things([t for t, column in self.columns.items() if lost[column]])
        self.version += 1

    def forget_things(self, things: Iterable[int]) -> None:
        """Remove columns only."""
        for thing in sorted(set(things) & self.columns.keys()):
            last = len(self.columns) - 1
            self._move_column(last, self.columns.pop(thing))
        self.version += 1

    def merge(self, kept: int, absorbed: int) -> None:
        """Two things turned out to be one: what was seen of either was seen of `kept`, also as what others were on or in."""
        a, k = self.columns.get(absorbed), self.columns.get(kept)
        if a is not None and k is None:
            self.columns[kept] = self.columns.pop(absorbed)
        elif a is not None and k is not None:
            unknown = self._cells[:, k] < 0
            self._cells[unknown, k] = self._cells[unknown, a]
            self._moved[:, k] |= self._moved[:, a]
            if self.last_slot[a] > self.last_slot[k]:
                self.last_place[k], self.last_slot[k] = self.last_place[a], self.last_slot[a]
            self.forget_things([absorbed])
        codes = [self._codes.get((kept, place[1]), i) if place[0] == absorbed else i for i, place in enumerate(self.places)]
        if any(place[0] == absorbed for place in self.places):
            new = np.array([*codes, -1], np.int64)  # the last entry maps -1 to -1
            self._cells, self.last_place = new[self._cells].astype(np.int16), new[self.last_place]
            self.places = [(kept, p[1]) if p[0] == absorbed and codes[i] == i else p for i, p in enumerate(self.places)]
            self._drop_unused_places()
        self.version += 1

    def set_back(self, slot: int) -> None:
        """The clock was set back to `slot`: what was seen later was seen by then."""
        np.minimum(self.last_slot, slot, out=self.last_slot)
        np.minimum(self._last_move, slot, out=self._last_move)
        self.version += 1

    def _move_column(self, source: int, target: int) -> None:
        """Put the last column where the removed one was, and empty it."""
        for array, empty in (
            (self._cells.T, -1),
            (self._moved.T, False),
            (self.last_place, -1),
            (self.last_slot, -1),
            (self._last_move, -(10**9)),
            (self._moves, 0.0),
            (self._together, 0.0),
            (self._together.T, 0.0),
        ):
            array[target] = array[source]
            array[source] = empty
        for thing, column in self.columns.items():
            if column == source:
                self.columns[thing] = target

    # -- reading -----------------------------------------------------------------------------------------------------

    def at(self, slots: NDArray[np.int64], column: int | slice) -> NDArray[np.int16]:
        """Place codes at these slots of one thing, or of several on a last axis; -1 unknown."""
        inside = (slots >= self.oldest) & (slots <= self.newest)
        found = self._cells[slots % self.length, column]
        found[~inside] = -1
        return found

    def lately(self, slots: NDArray[np.int64], keep: float, reach: int) -> NDArray[np.float32]:
        """How lately each thing had moved at runs of consecutive slots (Int64[days, w]): keep ** slots since, 0 beyond `reach`.

        Returns:
            Float32[days, w, n].
        """
        n = len(self.columns)
        early = np.concatenate([slots[:, :1] + np.arange(-reach, 0), slots], axis=1)
        inside = (early >= self.oldest) & (early <= self.newest)
        moved = self._moved[early % self.length, :n] & inside[..., None]
        out = np.zeros(moved.shape, np.float32)
        level = np.zeros(moved[:, 0].shape, np.float32)
        for k in range(early.shape[1]):
            level = np.where(moved[:, k], np.float32(1.0), level * np.float32(keep))
            out[:, k] = level
        return out[:, reach:]

    def follows(self, column: int) -> NDArray[np.float32]:
        """How much more often than usual each thing moves when this one does (Float32[n], 0 to 1)."""
        n, slots = len(self.columns), max(self.newest - self._first + 1, 1)
        usual = 1.0 - (1.0 - np.minimum(self._moves[:n] / slots, 1.0)) ** (2 * TOGETHER_SLOTS + 1)
        together = np.minimum(self._together[column, :n], self._moves[column])
        return np.clip((together + 0.5 * usual) / (self._moves[column] + 0.5) - usual, 0.0, 1.0).astype(np.float32)

    # -- durability --------------------------------------------------------------------------------------------------

    def pack(self) -> Arrays:
        """Plain arrays; the cells run-length encoded, so that weeks of a quiet home are a few kB."""
        n = len(self.columns)
        span = np.arange(self.oldest, self.newest + 1) if self.newest >= 0 else np.zeros(0, np.int64)
        cells = (self._cells[span % self.length, :n].astype(np.int32) * 2 + self._moved[span % self.length, :n]).T.ravel()
        starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1])) if cells.size else np.zeros(0, np.int64)
        return {
            "things": np.array(sorted(self.columns, key=lambda t: self.columns[t]), np.int64),
            "holders": np.array([p[0] for p in self.places], np.int64),
            "inside": np.array([p[1] == "inside" for p in self.places], np.bool_),
            "values": cells[starts],
            "starts": starts.astype(np.int64),
            "times": np.array([self.newest, self._first, self.oldest], np.int64),
            "last": np.stack([self.last_place[:n], self.last_slot[:n], self._last_move[:n]]),
            "moves": self._moves[:n].copy(),
            "together": self._together[:n, :n].copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Become what `pack` wrote.

        Raises:
            InvalidInputError: the arrays do not fit together.
        """
        try:
            things = np.asarray(arrays["things"], np.int64).tolist()
            newest, first, oldest = (int(v) for v in np.asarray(arrays["times"], np.int64))
            n, length = len(things), max(newest - oldest + 1, 0) if newest >= 0 else 0
            if n > self.capacity or length > self.length or len(set(things)) != n:
                raise ValueError(f"{n} things over {length} slots do not fit {self.capacity} over {self.length}")
            self._allocate(max(n, 8))
            self.columns = {thing: i for i, thing in enumerate(things)}
            inside = np.asarray(arrays["inside"], np.bool_).tolist()
            self.places = [(int(h), "inside" if i else "on") for h, i in zip(np.asarray(arrays["holders"]).tolist(), inside, strict=True)]
            self._codes = {place: i for i, place in enumerate(self.places)}
            starts = np.asarray(arrays["starts"], np.int64)
            cells = np.repeat(np.asarray(arrays["values"], np.int32), np.diff(np.append(starts, n * length))).reshape(n, length).T
            if cells.size and not -2 <= int(cells.min()) <= int(cells.max()) < 2 * len(self.places):
                raise ValueError("a cell names no place")
            self.newest, self._first = newest, first
            span = np.arange(oldest, newest + 1) % self.length if length else np.zeros(0, np.int64)
            self._cells[span, :n], self._moved[span, :n] = cells >> 1, cells & 1
            self.last_place[:n], self.last_slot[:n], self._last_move[:n] = np.asarray(arrays["last"], np.int64)
            self._moves[:n], self._together[:n, :n] = np.asarray(arrays["moves"]), np.asarray(arrays["together"])
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise InvalidInputError(f"habits: not what robomem wrote: {error}") from error
        self.version += 1
