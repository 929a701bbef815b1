"""Clocks move when they should."""

from __future__ import annotations

import time

import pytest

from robomem.clock import NS_PER_S, ClockWatch, ManualClock, SystemClock


def test_system_clock_is_unix_time_in_nanoseconds() -> None:
    assert abs(SystemClock().now_ns() - time.time_ns()) < NS_PER_S


@pytest.mark.parametrize(
    ("start", "steps", "expected"), [(0, (), 0), (5, (1.0,), NS_PER_S + 5), (0, (0.1,) * 10, NS_PER_S), (7, (0.0,), 7)]
)
def test_manual_clock_advances(start: int, steps: tuple[float, ...], expected: int) -> None:
    clock = ManualClock(start)
    for seconds in steps:
        assert clock.advance(seconds) == clock.now_ns()
    assert clock.now_ns() == expected


def test_manual_clock_refuses_to_go_back_unless_set() -> None:
    clock = ManualClock(10)
    with pytest.raises(ValueError, match="only move forward"):
        clock.advance(-1e-9)
    clock.set(3)
    assert clock.now_ns() == 3


@pytest.mark.parametrize(
    ("stamps_s", "said"),
    [
        ((1, 2, 3), ("new", "new", "new")),
        ((1, 1, 2), ("new", "repeats", "new")),
        ((10, 9.5, 9.6, 9.7, 10.1), ("new", "late", "late", "late", "new")),  # half a second out of order is out of order
        ((100, 90, 90.1, 90.2, 90.3), ("new", "late", "late", "set_back", "new")),
        ((100, 90, 100.1, 90.1, 90.2), ("new", "late", "new", "late", "late")),  # newer ones between: the clock is as it was
        ((100, 90, 89, 88, 89), ("new", "late", "late", "late", "late")),  # a clock does not run backwards
        ((5, 3605, 6, 7, 8, 9), ("new", "new", "late", "late", "set_back", "new")),  # one stamp from the future
    ],
)
def test_a_clock_set_back_is_told_from_late_stamps(stamps_s: tuple[float, ...], said: tuple[str, ...]) -> None:
    watch = ClockWatch()
    assert tuple(watch.judge(round(s * 1e9)) for s in stamps_s) == said
