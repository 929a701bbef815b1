"""Clocks move when they should."""

from __future__ import annotations

import time

import pytest

from robomem.clock import NS_PER_S, ManualClock, SystemClock


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
