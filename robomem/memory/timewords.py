"""Time in words ("yesterday at 14:05", "ten minutes ago", "since this morning") resolved against a clock and a timezone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from robomem.clock import NS_PER_S
from robomem.errors import ConfigError

UNITS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400, "week": 604800}
NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "half an": 0.5,
    "a couple of": 2,
    "a few": 3,
}
PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (20, 30)}  # hours of the day; 30 is 6 the next morning

_NUMBER = "|".join(sorted(NUMBERS, key=len, reverse=True))
_SPAN = rf"(?P<number>\d+|{_NUMBER})\s+(?P<unit>{'|'.join(UNITS)})s?"
_MAYBE_SPAN = rf"(?:(?P<number>\d+|{_NUMBER})\s+)?(?P<unit>{'|'.join(UNITS)})s?"  # "the last hour"
_CLOCK = r"(?:(?P<word>noon|midnight)|(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s*(?P<half>am|pm|o'?clock)?)\b(?!\s*(?:m|meters?)\b)"
_PART = rf"(?P<part>{'|'.join(PARTS)})"
_DAY = rf"(?P<day>yesterday|today)(?:\s+(?:in\s+the\s+)?{_PART}|\s+at\s+{_CLOCK})?\b"
_START = r"(?:(?:at|from|in|since)\s+the\s+(?:very\s+)?(?:start|beginning)|initially|originally|at\s+first|(?<=\w )first)\b"


Interval = tuple[datetime, datetime]
Meaning = Callable[[re.Match[str], datetime], "Interval | str | None"]


@dataclass(frozen=True)
class When:
    """A time as said.

    Attributes:
        from_ns, to_ns: the interval meant; equal for a point in time.
        first: "at the start": the earliest that is known of the thing asked about.
        before: what it was before, in words ("it was moved", "the delivery").
        said: the words, for the answer.
        rest: the sentence without them.
    """

    from_ns: int
    to_ns: int
    said: str
    rest: str
    first: bool = False
    before: str = ""


def zone(name: str) -> tzinfo:
    """A timezone by name.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"memory.timezone: there is no timezone '{name}'; use a name such as 'Europe/Berlin' or 'UTC'") from error


def resolve(sentence: str, now_ns: int, timezone: str = "UTC") -> When | None:
    """The time said in a lower-case sentence, None if none is said."""
    now = datetime.fromtimestamp(now_ns / NS_PER_S, zone(timezone))
    for pattern, meaning in _PATTERNS:
        found = re.search(pattern, sentence)
        if found is None:
            continue
        told = meaning(found, now)
        if told is None:
            continue
        rest = " ".join((sentence[: found.start()] + " " + sentence[found.end() :]).split())
        if isinstance(told, str):
            return When(0, now_ns, found.group(0).strip(), rest, first=not told, before=told)
        low, high = (min(_ns(t), now_ns) for t in told)
        return When(low, high, found.group(0).strip(), rest)
    return None


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * NS_PER_S + moment.microsecond * 1000


def _ago(found: re.Match[str], now: datetime) -> Interval:
    then = now - _span(found["number"], found["unit"], now)
    return then, then


def _last(found: re.Match[str], now: datetime) -> Interval:
    return now - _span(found["number"] or "one", found["unit"], now), now


def _span(number: str, unit: str, now: datetime) -> timedelta:
    seconds = (float(number) if number.isdigit() else NUMBERS[number]) * UNITS[unit]
    return timedelta(seconds=min(seconds, max(0.0, now.timestamp())))  # nothing is remembered from before the clock's epoch


def _midnight(now: datetime, days_back: int = 0) -> datetime:
    return (now - timedelta(days=days_back)).replace(hour=0, minute=0, second=0, microsecond=0)


def _time_of_day(found: re.Match[str], day: datetime) -> datetime | None:
    """The clock time of a match on `day`; None if there is no such time."""
    if found["word"]:
        return day + timedelta(hours=12 if found["word"] == "noon" else 0)
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"] == "pm" and hour < 12:
        hour += 12
    if found["half"] == "am" and hour == 12:
        hour = 0
    return day + timedelta(hours=hour, minutes=minute) if hour < 24 and minute < 60 else None


def _day(found: re.Match[str], now: datetime) -> Interval | None:
    """yesterday or today: at a clock time, a part of it, or all of it."""
    day = _midnight(now, 1 if found["day"] == "yesterday" else 0)
    if found["hour"] or found["word"]:
        at = _time_of_day(found, day)
        return None if at is None else (at, at)
    low, high = PARTS.get(found["part"] or "", (0, 24))
    return day + timedelta(hours=low), day + timedelta(hours=high)


def _part(found: re.Match[str], now: datetime) -> Interval:
    """this morning; last night (from the evening before)."""
    low, high = PARTS[found["part"]]
    day = _midnight(now, 1 if found["which"] == "last" else 0)
    return day + timedelta(hours=low), day + timedelta(hours=high)


def _at(found: re.Match[str], now: datetime) -> Interval | None:
    """A clock time alone: the latest one that is not in the future."""
    at = _time_of_day(found, _midnight(now))
    if at is None:
        return None
    at = at - timedelta(days=1) if at > now else at
    return at, at


def _until_now(meaning: Meaning) -> Meaning:
    """From the beginning of what is said until now ("since ...")."""

    def since(found: re.Match[str], now: datetime) -> Interval | str | None:
        told = meaning(found, now)
        return (told[0], now) if isinstance(told, tuple) else told

    return since


# The first that fits is taken, so the more special come first. A text means "before that"; an empty one "at the start".
_PATTERNS: tuple[tuple[str, Meaning], ...] = (
    (_START, lambda found, now: ""),
    (r"\bbefore\s+(?P<what>(?!noon\b|\d).+)$", lambda found, now: found["what"]),
    (r"\bbefore$", lambda found, now: "it moved"),
    (rf"\bsince\s+{_SPAN}\s+ago\b", _until_now(_ago)),
    (rf"\b(?:in|within|during|over|for)\s+the\s+(?:last|past)\s+{_MAYBE_SPAN}\b", _last),
    (rf"\b{_SPAN}\s+ago\b", _ago),
    (rf"\bsince\s+{_DAY}", _until_now(_day)),
    (rf"\b{_DAY}", _day),
    (rf"\bsince\s+(?P<which>this|last)\s+{_PART}\b", _until_now(_part)),
    (rf"\b(?P<which>this|last)\s+{_PART}\b", _part),
    (rf"\bsince\s+{_CLOCK}", _until_now(_at)),
    (rf"\b(?:at|by|around|before)\s+{_CLOCK}", _at),
)
