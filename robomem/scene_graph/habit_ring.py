"""The sightings behind the habits: per ten minutes of the last weeks, where each thing was, and how long ago it was seen to have moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from robomem.clock import NS_PER_S
from robomem.errors import InvalidInputError
from robomem.scene_graph.habit_links import night

SLOT_NS = 600 * NS_PER_S
DAY_SLOTS = 144
HOLD_SLOTS = 72  # seen at the same place twice within twelve hours: it was there in between
MOVED_SLOTS = 6  # seen at two places within an hour: it moved then; after longer nobody can say when
LONG_AGO = DAY_SLOTS  # no move is older than this, or it is not known
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
        self._age = np.full((self.length, n), LONG_AGO, np.uint8)  # slots since the last move that was seen; 0: it moved
        self.last_place, self.last_slot = np.full(n, -1, np.int64), np.full(n, -1, np.int64)

    def _grow(self) -> None:
        old, n = dict(self.__dict__), len(self.columns)
        self._allocate(min(2 * n, self.capacity))
        for name in ("_cells", "_age"):
            getattr(self, name)[:, :n] = old[name]
        for name in ("last_place", "last_slot"):
            getattr(self, name)[:n] = old[name]

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
            self._restart(column, slot, 0)
        elif was >= 0 and was != code:
            self._restart(column, slot, gap // 2)  # it moved, but nobody saw when
        self.last_place[column], self.last_slot[column] = code, slot

    def _fill(self, column: int, code: int, start: int, stop: int) -> None:
        slots = np.arange(max(start, self.newest - self.length + 1), stop)
        self._cells[slots % self.length, column] = code

    def _advance(self, slot: int) -> None:
        if self.newest < 0:
            self.newest = self._first = slot
        fresh = np.arange(max(self.newest + 1, slot - self.length + 1), slot + 1)
        self._cells[fresh % self.length] = -1
        self._count_on(fresh, self.newest)
        self.newest, self._first = max(self.newest, slot), min(self._first, slot)

    def _restart(self, column: int, slot: int, age: int) -> None:
        slots = np.arange(slot, self.newest + 1)
        self._age[slots % self.length, column] = np.minimum(slots - slot + age, LONG_AGO)

    def _count_on(self, slots: NDArray[np.int64], since: int) -> None:
        """Nothing has moved in these slots: the ages are those of the slot `since`, and the time from then."""
        ages = self._age[since % self.length].astype(np.int64) + (slots - since)[:, None]
        self._age[slots % self.length] = np.minimum(ages, LONG_AGO)

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
            self._age[:, k] = np.minimum(self._age[:, k], self._age[:, a])
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
        """The clock was set back to `slot`: what was seen later was seen by then; no move is later."""
        np.minimum(self.last_slot, slot, out=self.last_slot)
        if self.oldest <= slot < self.newest:
            self._count_on(np.arange(slot + 1, self.newest + 1), slot)
        self.version += 1

    def _move_column(self, source: int, target: int) -> None:
        """Put the last column where the removed one was, and empty it."""
        for array, empty in ((self._cells.T, -1), (self._age.T, LONG_AGO), (self.last_place, -1), (self.last_slot, -1)):
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

    def ages(self, slots: NDArray[np.int64], column: int | slice) -> NDArray[np.uint8]:
        """Slots since each thing was last seen to have moved, as `at` has its place; LONG_AGO where that is not known."""
        found = self._age[slots % self.length, column]
        found[(slots < self.oldest) | (slots > self.newest)] = LONG_AGO
        return found

    def moved_by_day(self, now: int) -> tuple[NDArray[np.bool_], int]:
        """What was seen to move on the whole days before now of which anything is known.

        A day ends in the middle of the quietest hours of this home, so that none is cut in two, wherever on earth it is.

        Returns:
            Bool[days, DAY_SLOTS, n], and the slot in which today began.
        """
        n = len(self.columns)
        recent = self._whole_days(now + 1, n)[0]
        today = now + 1 - -night(recent) % DAY_SLOTS
        moved, known = self._whole_days(today, n)
        return moved[known], today

    def _whole_days(self, end: int, n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """What moved on the days of DAY_SLOTS that end before the slot `end` (the first may be known in part), and which know anything."""
        days = max(0, min(self.length // DAY_SLOTS, -(-(end - self.oldest) // DAY_SLOTS)))
        slots = np.arange(end - days * DAY_SLOTS, end)
        moved = (self.ages(slots, slice(0, n)) == 0).reshape(days, DAY_SLOTS, n)
        known = np.asarray((self.at(slots, slice(0, n)) >= 0).reshape(days, DAY_SLOTS, n).any(axis=(1, 2)), np.bool_)
        return moved, known

    # -- durability --------------------------------------------------------------------------------------------------

    def pack(self) -> Arrays:
        """Plain arrays; the cells run-length encoded, so that weeks of a quiet home are a few kB."""
        n = len(self.columns)
        span = np.arange(self.oldest, self.newest + 1) if self.newest >= 0 else np.zeros(0, np.int64)
        cells = (self._cells[span % self.length, :n].astype(np.int32) * 2 + (self._age[span % self.length, :n] == 0)).T.ravel()
        starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1])) if cells.size else np.zeros(0, np.int64)
        return {
            "things": np.array(sorted(self.columns, key=lambda t: self.columns[t]), np.int64),
            "holders": np.array([p[0] for p in self.places], np.int64),
            "inside": np.array([p[1] == "inside" for p in self.places], np.bool_),
            "values": cells[starts],
            "starts": starts.astype(np.int64),
            "times": np.array([self.newest, self._first, self.oldest], np.int64),
            "last": np.stack([self.last_place[:n], self.last_slot[:n]]),
            "ages": self._age[self.oldest % self.length, :n].copy(),
            "unseen": self._unseen(span, n),
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
            self._cells[span, :n] = cells >> 1
            self._restore_ages(np.arange(oldest, newest + 1) if length else span, (cells & 1).astype(np.bool_), arrays)
            self.last_place[:n], self.last_slot[:n] = np.asarray(arrays["last"], np.int64)[:2]
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise InvalidInputError(f"habits: not what robomem wrote: {error}") from error
        self.version += 1

    def _unseen(self, slots: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        """Int64[3, k] slot (from the first of `slots`), column and age of the moves that nobody saw."""
        ages = self._age[slots % self.length, :n].astype(np.int64)
        step, column = np.nonzero((ages[1:] != np.minimum(ages[:-1] + 1, LONG_AGO)) & (ages[1:] > 0))
        return np.stack([step + 1, column, ages[step + 1, column]])

    def _restore_ages(self, slots: NDArray[np.int64], moved: NDArray[np.bool_], arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Ages from the moves (Bool[slots, n]), those nobody saw and the ages before; snapshots of earlier versions have only the first."""
        n = moved.shape[1]
        first = np.asarray(arrays["ages"], np.int64) if "ages" in arrays else np.full(n, LONG_AGO)
        steps, columns, ages = np.asarray(arrays["unseen"], np.int64) if "unseen" in arrays else np.zeros((3, 0), np.int64)
        if first.shape != (n,) or (n and not 0 <= int(first.min()) <= int(first.max()) <= LONG_AGO):
            raise ValueError("an age for each thing")
        if steps.size and not (
            steps.min() > 0 and steps.max() < len(slots) and columns.min() >= 0 and columns.max() < n and ages.min() > 0
        ):
            raise ValueError("a move at no time of no thing")
        at = np.arange(len(slots))[:, None]
        last = np.where(moved, at, -first[None])
        last[steps, columns] = steps - ages
        self._age[slots % self.length, :n] = np.minimum(at - np.maximum.accumulate(last, axis=0), LONG_AGO)
