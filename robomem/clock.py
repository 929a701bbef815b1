"""Clocks as parameters: nothing in robomem reads the wall clock behind the caller's back."""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_S = 1_000_000_000


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
