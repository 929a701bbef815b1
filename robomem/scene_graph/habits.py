"""Habits: where the things of one home are at which time of day, and what they do after what else has been moved.

A kernel estimate over the days lived, learned sighting by sighting: a past moment counts by how much it was like now (the thing at the same
place, the time of day near, the same other things out of their places, those it tends to follow most of all; and as long ago that those
moved after which it moves less than usual: what is done for today is not done again). What the thing did afterwards is what it is expected
to do. Thin evidence backs off to how long its stays at this place last (those that had lasted as long, with what it follows at the same
places), then to the same place at this time of day, to the time of day alone, and to "it stays". NumPy only, no clock, no randomness,
memory bounded whatever is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.scene_graph.habit_links import links
from robomem.scene_graph.habit_ring import DAY_SLOTS, LONG_AGO, SLOT_NS, Place, SightingRing

Arrays = dict[str, NDArray[np.generic]]
SLOT_MIN = SLOT_NS / 60e9
MANY = 40  # of more things than these each counts less: what is out of its place is compared as a share
FOLLOW_SLOTS = 24  # what moves within four hours after another thing follows it
AGES = np.float32(0.7)  # weight of the log-ratio of the times since a thing moved beside whether it has moved today
OTHERWISE = 1.0  # what differs more in the time since a move is simply otherwise


@dataclass(frozen=True)
class HabitsConfig:
    """Widths and weights of the kernels; tuned on the third and fourth fifth of the days of four homes.

    Attributes:
        days: days looked back (and kept).
        things: things kept; the one unseen for longest makes room.
        near_min: width (standard deviation) of the time-of-day kernel of the moments like now, minutes.
        wide_min: the same of the two it backs off to.
        stay_min: the same of the stays at the same place that have lasted as long.
        stay_age: weight of the log-ratio of how long they have lasted.
        lately_min: after so long a move counts for exp(-1) of a fresh one, minutes.
        places: weight of each other thing that then was elsewhere than now.
        follows: the same and how lately it had moved, times how much likelier than usual the thing asked about moves after it has moved.
        excludes: weight of each thing that then had moved today and now has not, or the other way round, or long before or after, times
            how much less likely than usual the thing asked about moves on the day after that.
        backoff: how many moments like now the wider estimate is worth.
        stays: how many moments "it stays" is worth; `time`: the time of day alone.
        doubt: how many more after the first day, half of them after the second: one day shows no variation.
        trust_days: after so many days habits weigh as much as stays, survival and common sense.
    """

    days: int = 56
    things: int = 256
    near_min: float = 27.0
    wide_min: float = 90.0
    stay_min: float = 150.0
    stay_age: float = 2.5
    lately_min: float = 45.0
    places: float = 0.15
    follows: float = 2.0
    excludes: float = 1.0
    backoff: float = 1.0
    stays: float = 1.5
    doubt: float = 10.0
    trust_days: float = 3.0
    time: float = 0.3


@dataclass(frozen=True)
class _Moments:
    """The past moments like one `now`, for all things at once.

    Attributes:
        unlike: Float32[days, w, n] 1 where a thing was elsewhere than now, and the squared difference of how lately it had moved.
        otherwise: Float32[days, v, n] near in time of day: 1 where a thing had moved on the day and now has not, or the other way round;
            and the log-ratio of the times since, up to OTHERWISE.
        follows, excludes: Float32[n, n] weights of the two, by the thing asked about.
        log_like: Float64[days, v] log-weight by what holds for every thing asked about.
    """

    unlike: NDArray[np.float32]
    otherwise: NDArray[np.float32]
    follows: NDArray[np.float32]
    excludes: NDArray[np.float32]
    log_like: NDArray[np.float64]


class Habits:
    """Learns from sightings, forecasts places."""

    def __init__(self, config: HabitsConfig | None = None) -> None:
        self.config = config or HabitsConfig()
        self._ring = SightingRing(self.config.days, self.config.things)
        self._moments: tuple[int, int, _Moments] | None = None  # of which slot, at which version
        self._links: tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]] | None = None  # of which moves

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
        near = self._middle(before, self.config.near_min)
        return int(((before >= 0) & (after >= 0))[1:, near].any(axis=1).sum())

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
        wide, near = self._middle(before, self.config.wide_min), self._middle(before, self.config.near_min)
        q = self._back_off(before[:, wide], after[:, wide], here, self.config.stays if gone_ns is None else 0.0)
        like, led = self._likeness(column, now)
        q = _count(after, np.where(before == here, self._lasted(column, now) * led, 0.0), len(q)) + self.config.backoff * q
        q /= max(float(q.sum()), 1e-9)
        q = _count(after[:, near], np.where(before[:, near] == here, like, 0.0), len(q)) + self.config.backoff * q
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
        n, bell = len(self._ring.places), np.broadcast_to(self._bell(self.config.wide_min, before.shape[1]), before.shape)
        by_time = _count(after, bell, n)
        q = _count(after, np.where(before == here, bell, 0.0), n)
        q += self.config.time * by_time / max(float(by_time.sum()), 1e-9)
        if stays > 0:
            q[here] += stays + self.config.doubt / max(1, int((after[1:] >= 0).any(axis=1).sum()))
        return q / max(float(q.sum()), 1e-9)

    def _lasted(self, column: int, now: int) -> NDArray[np.float64]:
        """How near each past moment is in time of day and in how long the thing had been where it was, Float64[days, w]."""
        ring, c = self._ring, self.config
        start = min(int(ring.last_slot[column]), now)
        lasted, before = ring.ages(np.array([start]), column), ring.ages(self._around(start, now), column)
        ratio = np.abs(np.log1p(before.astype(np.float64)) - np.log1p(float(lasted[0])))
        return self._bell(c.stay_min, before.shape[1]) * np.exp(-c.stay_age * ratio)

    def _middle(self, wide: NDArray[Any], width_min: float) -> slice:
        """The columns of a narrower window in the widest one."""
        side = max(wide.shape[1] - self._width(width_min), 0) // 2
        return slice(side, wide.shape[1] - side)

    def _width(self, width_min: float) -> int:
        return min(2 * round(3 * width_min / SLOT_MIN) + 1, DAY_SLOTS - 1)

    def _bell(self, width_min: float, n: int) -> NDArray[np.float64]:
        return np.exp(-0.5 * ((np.arange(n) - n // 2) * SLOT_MIN / width_min) ** 2)

    def _around(self, slot: int, now: int, width_min: float | None = None) -> NDArray[np.int64]:
        """The slots around this time of day today and on every past day that is kept, the latest first; Int64[days, w]."""
        c = self.config
        days = min(c.days - 1, (now - self._ring.oldest) // DAY_SLOTS + 1)
        n = self._width(max(c.near_min, c.wide_min, c.stay_min) if width_min is None else width_min)
        return slot - DAY_SLOTS * np.arange(days + 1)[:, None] + np.arange(n) - n // 2

    def _pairs(self, column: int, now: int, at: int, gone_ns: int | None) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Place codes of a thing around this time on past days, and as long afterwards as is asked about; Int16[days, w], -1 unknown.

        With `gone_ns` only moments count after which it was seen elsewhere by that time.
        """
        ring = self._ring
        start = min(int(ring.last_slot[column]), now)
        slots = self._around(start, now)
        ends = slots + (at - start)
        after = np.where(ends <= now, ring.at(ends, column), np.int16(-1))
        if gone_ns is not None:
            then = ring.at(slots + (gone_ns // SLOT_NS - start), column)
            after = np.where((then >= 0) & (then != ring.last_place[column]), after, np.int16(-1))
        return ring.at(slots, column), after

    def _likeness(self, column: int, now: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How much each past moment was like now for one thing.

        Returns:
            Float64[days, v] near in time of day, all in all; Float64[days, w] by nothing but what it follows.
        """
        m = self._like(now)
        follows = m.unlike @ m.follows[column]
        near = m.log_like - follows[:, self._middle(follows, self.config.near_min)] - m.otherwise @ m.excludes[column]
        return np.exp(near), np.exp(-follows.astype(np.float64))

    def _like(self, now: int) -> _Moments:
        """Which past moments were like now in what was out of its place and what had moved; the same for every thing, so kept."""
        ring, c = self._ring, self.config
        if self._moments is not None and self._moments[:2] == (now, ring.version):
            return self._moments[2]
        n, slots = len(ring.columns), self._around(now, now)
        near, share = self._middle(slots, c.near_min), 1.0 / max(1.0, n / MANY)
        cells, last = ring.at(slots, slice(0, n)), ring.last_place[:n]
        elsewhere = ((cells >= 0) & (cells != last)).astype(np.float32)
        then, fresh = ring.ages(slots, slice(0, n)), ring.ages(np.array([now]), slice(0, n))
        lately = np.exp(-np.arange(LONG_AGO + 1) * SLOT_MIN / c.lately_min).astype(np.float32)
        moved, day = ring.moved_by_day(now)
        follows, excludes = self._linked(moved)
        likely = np.log(self._bell(c.near_min, near.stop - near.start)) - c.places * share * elsewhere[:, near].sum(axis=-1)
        out = _Moments(
            elsewhere + (lately[then] - lately[fresh]) ** 2,
            _otherwise(then[:, near], fresh, (slots[:, near] - day) % DAY_SLOTS, (now - day) % DAY_SLOTS),
            np.float32(c.follows) * follows,
            np.float32(c.excludes * share) * excludes,
            likely,
        )
        self._moments = (now, ring.version, out)
        return out

    def _linked(self, moved: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Float32[n, n] twice: how much likelier each thing moves soon after each other, how much less likely on that day; kept."""
        if self._links is None or not np.array_equal(self._links[0], moved):
            follows, excludes = np.maximum(links(moved, FOLLOW_SLOTS), 0.0), np.maximum(-links(moved, DAY_SLOTS), 0.0)
            np.fill_diagonal(follows, 0.0)
            self._links = (moved, follows, excludes)
        return self._links[1:]

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
        self._ring, self._moments, self._links = SightingRing(self.config.days, self.config.things), None, None

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


def _otherwise(then: NDArray[np.uint8], now: NDArray[np.uint8], day_then: NDArray[np.int64], day_now: int) -> NDArray[np.float32]:
    """How otherwise the times since each thing moved were (Int[days, v, n]) than now (Int[1, n]), given the slots since the day began."""
    log = np.log1p(np.arange(LONG_AGO + 1)).astype(np.float32)
    today = (then <= day_then[..., None]) != (now <= day_now)
    return np.minimum(AGES * np.abs(log[then] - log[now]), np.float32(OTHERWISE)) + today
