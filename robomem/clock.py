"""Clocks as parameters: nothing in robomem reads the wall clock behind the caller's back."""

from __future__ import annotations

import operator
import time
from typing import Any, Literal, Protocol

from robomem.errors import InvalidInputError

NS_PER_S = 1_000_000_000


def whole_ns(value: Any, name: str) -> int:
    """A time as a Python int.

    Args:
        name: of the argument; the error names it.

    Raises:
        InvalidInputError: not an integer: seconds, or words, that would be taken for nanoseconds or cut.
    """
    try:
        return operator.index(value)
    except TypeError as error:
        raise InvalidInputError(f"{name}: integer nanoseconds, got {str(value)[:40]!r} ({type(value).__name__})") from error


class Clock(Protocol):
    """Answers what time it is, in integer nanoseconds."""

    def now_ns(self) -> int:
        """Current time in nanoseconds since the clock's epoch."""
        ...


class SystemClock:
    """Wall-clock time (nanoseconds since 1970-01-01 UTC)."""

    def now_ns(self) -> int:
        """Current wall-clock time in nanoseconds."""
        return time.time_ns()


class ManualClock:
    """A clock that only moves when told: simulation, replay and tests."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = int(start_ns)

    def now_ns(self) -> int:
        """Time last set, in nanoseconds."""
        return self._now_ns

    def advance(self, seconds: float) -> int:
        """Move forward by `seconds` (>= 0) and return the new time in nanoseconds.

        Raises:
            ValueError: if `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"clock can only move forward, got {seconds} s; use set() after a reset")
        self._now_ns += round(seconds * NS_PER_S)
        return self._now_ns

    def set(self, stamp_ns: int) -> None:
        """Jump to `stamp_ns` (nanoseconds), backwards too: that is what a bag restart does."""
        self._now_ns = int(stamp_ns)


class ClockWatch:
    """Tells a clock that was set back from messages that come late: late ones are few and mixed with newer ones.

    Args:
        late_s: what is older than the newest by less than this is only late.
        count: so many in a row, each newer than the one before and all that old, mean that the clock was set back.
    """

    def __init__(self, late_s: float = 1.0, count: int = 3) -> None:
        self.newest_ns = -1
        self._late_ns, self._count = round(late_s * NS_PER_S), count
        self._streak: list[int] = []

    def judge(self, stamp_ns: int) -> Literal["new", "repeats", "late", "set_back"]:
        """What a stamp is; "new" and "set_back" ones become the newest."""
        if stamp_ns > self.newest_ns:
            self.newest_ns, self._streak = stamp_ns, []
            return "new"
        if stamp_ns == self.newest_ns:
            return "repeats"
        if self.newest_ns - stamp_ns < self._late_ns:
            return "late"
        self._streak = [*self._streak, stamp_ns] if self._streak and stamp_ns > self._streak[-1] else [stamp_ns]
        if len(self._streak) < self._count:
            return "late"
        self.newest_ns, self._streak = stamp_ns, []
        return "set_back"
