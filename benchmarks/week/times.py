"""Times as people say them, for the wording of questions, and the interval that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from robomem.clock import NS_PER_S

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PARTS = {"morning": (5.0, 12.0), "afternoon": (12.0, 18.0), "evening": (18.0, 24.0)}
BACK = {0: "today", 1: "yesterday"}


@dataclass(frozen=True)
class Said:
    """Words and what they mean."""

    words: str
    from_ns: int
    to_ns: int


def moment(stamp_ns: int) -> datetime:
    """The stamp as a date."""
    return datetime.fromtimestamp(stamp_ns / NS_PER_S, UTC)


def ns(when: datetime) -> int:
    """The date as a stamp, to the second."""
    return int(when.timestamp()) * NS_PER_S


def point(at_ns: int, now_ns: int, rng: np.random.Generator) -> Said:
    """A point in time near `at_ns` in words: rounded to the minute, or to whole hours ago."""
    now, at = moment(now_ns), moment(at_ns).replace(second=0, microsecond=0)
    days = (now.date() - at.date()).days
    clock = f"{at.hour}:{at.minute:02d}"
    hours = round((now_ns - at_ns) / 3.6e12)
    if days == 0 and hours >= 1 and rng.random() < 0.5:
        then = now_ns - hours * 3600 * NS_PER_S
        return Said(f"{hours} hours ago" if hours > 1 else "an hour ago", then, then)
    if days == 0:
        return Said(f"at {clock}", ns(at), ns(at))
    if days == 1:
        return Said(f"yesterday at {clock}", ns(at), ns(at))
    if days < 7 and rng.random() < 0.6:
        return Said(f"on {WEEKDAYS[at.weekday()]} at {clock}", ns(at), ns(at))
    return Said(f"{_number(days)} days ago at {clock}", ns(at), ns(at))


def part(days_back: int, name: str, now_ns: int) -> Said:
    """ "yesterday morning", "this afternoon", "on Tuesday evening"."""
    day = moment(now_ns).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_back)
    low, high = PARTS[name]
    lead = "this" if days_back == 0 else "yesterday" if days_back == 1 else f"on {WEEKDAYS[day.weekday()]}"
    return Said(f"{lead} {name}", ns(day + timedelta(hours=low)), min(ns(day + timedelta(hours=high)), now_ns))


def whole_day(days_back: int, now_ns: int) -> Said:
    """ "today", "yesterday", "on Tuesday"."""
    day = moment(now_ns).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_back)
    return Said(BACK.get(days_back, f"on {WEEKDAYS[day.weekday()]}"), ns(day), min(ns(day + timedelta(days=1)), now_ns))


def since(now_ns: int, rng: np.random.Generator) -> Said:
    """Some beginning, up to now."""
    now = moment(now_ns)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = int(rng.integers(6, max(7, now.hour - 1)))
    options = [
        ("since this morning", midnight + timedelta(hours=5)),
        ("since yesterday evening", midnight - timedelta(hours=6)),
        ("since yesterday at noon", midnight - timedelta(hours=12)),
        (f"since {hour}:30", midnight + timedelta(hours=hour, minutes=30)),
        ("in the last six hours", now - timedelta(hours=6)),
        ("since yesterday", midnight - timedelta(hours=24)),
    ]
    words, start = options[int(rng.integers(len(options)))]
    return Said(words, ns(start), now_ns)


def future(now_ns: int, rng: np.random.Generator) -> Said:
    """A point or part of the day to come."""
    now = moment(now_ns)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    options = [
        ("tomorrow morning", midnight + timedelta(hours=29), midnight + timedelta(hours=36)),
        ("tomorrow at noon", midnight + timedelta(hours=36), midnight + timedelta(hours=36)),
        ("tomorrow evening", midnight + timedelta(hours=42), midnight + timedelta(hours=48)),
        ("tomorrow at 15:00", midnight + timedelta(hours=39), midnight + timedelta(hours=39)),
    ]
    words, low, high = options[int(rng.integers(len(options)))]
    return Said(words, ns(low), ns(high))


def _number(n: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}.get(n, str(n))
