"""bench day: an hour of it, under budgets of a handful; and its slope."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.day import Log, check, end_of_tour, slope
from robomem.clock import ManualClock
from robomem.config import MemoryConfig, RobomemConfig
from robomem.memory.robot_memory import RobotMemory


def test_an_hour_under_budgets_that_bind(tmp_path: Path) -> None:
    pytest.importorskip("pybullet")
    from benchmarks.day import QUICK, live

    low = {**QUICK["rows"], "max_observations": 24, "max_events": 8}
    log, used = live(tmp_path / "home.db", 100, 1.2, 1, low)
    assert log.frames > 10 and len(log.samples) == 2 and not +log.over
    assert used["evicted"]["observations"] > 0 and log.peak["observations"] == 24
    with RobotMemory.open(tmp_path / "home.db", read_only=True) as memory:
        assert memory.verify().ok and len(memory.episodes()) == 1


def test_a_budget_that_is_exceeded_is_told(tmp_path: Path) -> None:
    config = RobomemConfig(memory=MemoryConfig(max_episodes=2))
    with RobotMemory.open(tmp_path / "home.db", config, clock=ManualClock(9 * 10**9)) as memory:
        log = Log()
        for hour in range(3):
            end_of_tour(memory, log, float(hour), 10**9, tmp_path / "home.db")
        check(memory, log, tmp_path / "home.db")
        assert log.peak["episodes"] == log.bound["episodes"] == 2 and not +log.over
        memory.store.write(
            "INSERT INTO episodes SELECT id + 100, instruction, start_ns, end_ns, outcome, summary, steps, cost, crc FROM episodes"
        )
        check(memory, log, tmp_path / "home.db")
        assert log.over["episodes"] == 1 and log.samples[0]["rss_mb"] > 20


def test_the_interval_of_a_slope_holds_it_nineteen_times_of_twenty() -> None:
    hours = np.arange(0, 24, 0.5)
    noise = np.random.default_rng(0).normal(0, 1.0, (300, len(hours)))
    fits = [slope(hours.tolist(), (300 + 2.0 * hours + n).tolist()) for n in noise]
    assert 0.9 < np.mean([low < 2.0 < high for _, low, high in fits]) < 0.99
    assert abs(np.mean([rise for rise, _, _ in fits]) - 2.0) < 0.01
    assert np.isnan(slope(hours[:8].tolist(), noise[0, :8].tolist())[0])
