"""Habits: where the things of one home are at which time of day, and what they do after what else has just been moved.

A kernel estimate over the days lived, learned sighting by sighting: a past moment counts by how much it was like now (the thing at the same
place, the time of day near, the same other things moved lately and out of their places, those that tend to move with it most of all);
what the thing did afterwards is what it is expected to do. Thin evidence backs off to the same place at this time of day, then to the
time of day alone, then to "it stays". NumPy only, no clock, no randomness, memory bounded whatever is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.scene_graph.habit_ring import DAY_SLOTS, SLOT_NS, Place, SightingRing

Arrays = dict[str, NDArray[np.generic]]
SLOT_MIN = SLOT_NS / 60e9
REACH = 24  # slots after which a move is no longer lately
QUIET = 0.3  # less than one move half an hour ago: nothing has moved lately
MANY = 40  # of more things than these each counts less: what is out of its place is compared as a share


@dataclass(frozen=True)
class HabitsConfig:
    """Widths and weights of the kernels; tuned on the first four fifths of the days of four homes.

    Attributes:
        days: days looked back (and kept).
        things: things kept; the one unseen for longest makes room.
        near_min: width (standard deviation) of the time-of-day kernel of the moments like now, minutes.
        wide_min: the same of the two it backs off to.
        lately_min: after so long a move counts for exp(-1) of a fresh one, minutes.
        lately: weight of the likeness of what moved lately (a cosine).
        places: weight of each other thing that then was elsewhere than now.
        follows: the same, times how much more often it moves when the thing asked about does.
        backoff: how many moments like now the wider estimate is worth.
        stays: how many moments "it stays" is worth; `time`: the time of day alone.
        doubt: how many more after the first day, half of them after the second: one day shows no variation.
        trust_days: after so many days habits weigh as much as stays, survival and common sense.
    """

    days: int = 56
    things: int = 256
    near_min: float = 50.0
    wide_min: float = 90.0
    lately_min: float = 45.0
    lately: float = 1.0
    places: float = 0.3
    follows: float = 1.0
    backoff: float = 1.0
    stays: float = 1.5
    doubt: float = 10.0
    trust_days: float = 3.0
    time: float = 0.3


@dataclass(frozen=True)
class _Moments:
    """The past moments like one `now`, for all things at once.

    Attributes:
        elsewhere: Float32[days, w, things] 1 where a thing was elsewhere than now.
        log_like: Float64[days, w] log-weight by what holds for every thing asked about.
    """

    elsewhere: NDArray[np.float32]
    log_like: NDArray[np.float64]


class Habits:
    """Learns from sightings, forecasts places."""

    def __init__(self, config: HabitsConfig | None = None) -> None:
        self.config = config or HabitsConfig()
        self._ring = SightingRing(self.config.days, self.config.things)
        self._moments: tuple[int, int, _Moments] | None = None  # of which slot, at which version

    def __contains__(self, thing: int) -> bool:
        return thing in self._ring.columns

    def saw(self, thing: int, place: Place, stamp_ns: int) -> None:
        """A thing was seen at a place. Cost: a dictionary look-up when nothing is new since the last ten minutes."""
        self._ring.saw(thing, place, stamp_ns // SLOT_NS)

    def last(self, thing: int) -> tuple[Place, int] | None:
        """Where a thing was last seen, and when (ns, rounded down to ten minutes)."""
        column = self._ring.columns.get(thing)
        if column is None:
            return None
        return self._ring.places[self._ring.last_place[column]], int(self._ring.last_slot[column]) * SLOT_NS

    def days(self, thing: int, now_ns: int, at_ns: int, gone_ns: int | None = None) -> int:
        """On how many past days, at about this time of day, something was seen that bears on `predict` with the same arguments."""
        column = self._ring.columns.get(thing)
        if column is None:
            return 0
        before, after = self._pairs(column, now_ns // SLOT_NS, at_ns // SLOT_NS, gone_ns)
        near = self._near(before)
        return int(((before >= 0) & (after >= 0))[:, near].any(axis=1).sum())

    def predict(self, thing: int, now_ns: int, at_ns: int, gone_ns: int | None = None) -> dict[Place, float]:
        """Where a thing will be at `at_ns`, by all that was seen until `now_ns`: place -> probability, likeliest first; they sum to one.

        Empty for a thing never seen: habits say nothing of it. Its place now is where it was last seen, however long ago.

        Args:
            gone_ns: when it was found gone from there, if it was: then only days count on which it had left by that time of day; empty
                if there are none.
        """
        ring, now, at = self._ring, now_ns // SLOT_NS, at_ns // SLOT_NS
        column = ring.columns.get(thing)
        if column is None:
            return {}
        here = int(ring.last_place[column])
        if gone_ns is None and at <= ring.last_slot[column]:
            return {ring.places[here]: 1.0}
        before, after = self._pairs(column, now, at, gone_ns)
        wide = self._back_off(before, after, here, self.config.stays if gone_ns is None else 0.0)
        near = self._near(before)
        weights = np.where(before[:, near] == here, self._likeness(column, now), 0.0)
        q = _count(after[:, near], weights, len(ring.places)) + self.config.backoff * wide
        total = float(q.sum())
        return {ring.places[i]: float(q[i]) / total for i in np.argsort(-q, kind="stable") if q[i] > 0}

    def usual(self, thing: int, now_ns: int, at_ns: int, gone_ns: int | None = None) -> tuple[dict[Place, float], float]:
        """`predict`, and how much it should count beside what is known without habits: 0 on the first day, a half after `trust_days`."""
        days = self.days(thing, now_ns, at_ns, gone_ns)
        return (self.predict(thing, now_ns, at_ns, gone_ns), days / (days + self.config.trust_days)) if days else ({}, 0.0)

    @property
    def newest_ns(self) -> int:
        """When something was last seen (ns, rounded down to ten minutes); negative before anything was."""
        return self._ring.newest * SLOT_NS

    def _back_off(self, before: NDArray[np.int16], after: NDArray[np.int16], here: int, stays: float) -> NDArray[np.float64]:
        """The estimate from the same place at this time of day, the time of day alone, and "it stays"; Float64[places]."""
        n, bell = len(self._ring.places), np.broadcast_to(self._bell(self.config.wide_min), before.shape)
        by_time = _count(after, bell, n)
        q = _count(after, np.where(before == here, bell, 0.0), n)
        q += self.config.time * by_time / max(float(by_time.sum()), 1e-9)
        if stays > 0:
            q[here] += stays + self.config.doubt / max(1, int((after >= 0).any(axis=1).sum()))
        return q / max(float(q.sum()), 1e-9)

    def _near(self, wide: NDArray[np.int16]) -> slice:
        """The columns of the narrow window in the wide one."""
        side = max(wide.shape[1] - self._width(self.config.near_min), 0) // 2
        return slice(side, wide.shape[1] - side)

    def _width(self, width_min: float) -> int:
        return 2 * round(3 * width_min / SLOT_MIN) + 1

    def _bell(self, width_min: float) -> NDArray[np.float64]:
        n = self._width(width_min)
        return np.exp(-0.5 * ((np.arange(n) - n // 2) * SLOT_MIN / width_min) ** 2)

    def _around(self, slot: int, now: int, width_min: float) -> NDArray[np.int64]:
        """The slots around this time of day on every past day that is kept, yesterday first; Int64[days, w]."""
        days = min(self.config.days - 1, (now - self._ring.oldest) // DAY_SLOTS + 1)
        n = self._width(width_min)
        return slot - DAY_SLOTS * np.arange(1, days + 1)[:, None] + np.arange(n) - n // 2

    def _pairs(self, column: int, now: int, at: int, gone_ns: int | None) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Place codes of a thing around this time on past days, and as long afterwards as is asked about; Int16[days, w], -1 unknown.

        With `gone_ns` only moments count after which it was seen elsewhere by that time.
        """
        ring = self._ring
        start = min(int(ring.last_slot[column]), now)
        slots = self._around(start, now, self.config.wide_min)
        ends = slots + (at - start)
        after = np.where(ends <= now, ring.at(ends, column), np.int16(-1))
        if gone_ns is not None:
            then = ring.at(slots + (gone_ns // SLOT_NS - start), column)
            after = np.where((then >= 0) & (then != ring.last_place[column]), after, np.int16(-1))
        return ring.at(slots, column), after

    def _likeness(self, column: int, now: int) -> NDArray[np.float64]:
        """How much each past moment was like now for one thing, Float64[days, w]."""
        moments = self._like(now)
        follows = moments.elsewhere @ self._ring.follows(column)
        return np.exp(moments.log_like - self.config.follows * follows)

    def _like(self, now: int) -> _Moments:
        """Which past moments were like now in what had moved lately and what was out of its place; the same for every thing, so kept."""
        ring, c = self._ring, self.config
        if self._moments is not None and self._moments[:2] == (now, ring.version):
            return self._moments[2]
        slots = self._around(now, now, c.near_min)
        keep = float(np.exp(-SLOT_MIN / c.lately_min))
        fresh = ring.lately(np.array([[now]]), keep, REACH)[0, 0]
        then = ring.lately(slots, keep, REACH)
        size, quiet = float(fresh @ fresh), then.sum(axis=-1) < QUIET
        alike = (then @ fresh) / (np.sqrt((then * then).sum(axis=-1) * size) + 1e-6) if fresh.sum() >= QUIET else quiet.astype(np.float64)
        n = len(ring.columns)
        cells, last = ring.at(slots, slice(0, n)), ring.last_place[:n]
        elsewhere = ((cells >= 0) & (cells != last)).astype(np.float32)
        likely = c.lately * alike - c.places * elsewhere.sum(axis=-1) / max(1.0, n / MANY)
        out = _Moments(elsewhere, np.log(self._bell(c.near_min)) + likely)
        self._moments = (now, ring.version, out)
        return out

    # -- what others know better -------------------------------------------------------------------------------------

    def forget(self, ids: Iterable[int]) -> None:
        """Remove things, and where anything was on or in them."""
        self._ring.forget(ids)

    def merge(self, kept: int, absorbed: int) -> None:
        """Two things turned out to be one."""
        self._ring.merge(kept, absorbed)

    def set_clock(self, stamp_ns: int) -> None:
        """The robot's clock was set back: what was seen later was seen by now."""
        self._ring.set_back(stamp_ns // SLOT_NS)

    def clear(self) -> None:
        """Forget all."""
        self._ring, self._moments = SightingRing(self.config.days, self.config.things), None

    def pack(self) -> Arrays:
        """Plain arrays, for a snapshot."""
        return self._ring.pack()

    def restore(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Become what `pack` wrote: every answer is the same as before.

        Raises:
            InvalidInputError: the arrays do not fit together.
        """
        self._ring.restore(arrays)


def _count(codes: NDArray[np.int16], weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Weight by place code, Float64[n]; unknown places (-1) do not count."""
    known = codes >= 0
    return np.asarray(np.bincount(codes[known], weights=weights[known], minlength=n), np.float64)
