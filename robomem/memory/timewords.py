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
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_NUMBER = "|".join(sorted(NUMBERS, key=len, reverse=True))
_SPAN = rf"(?P<number>\d+|{_NUMBER})\s+(?P<unit>{'|'.join(UNITS)})s?"
_MAYBE_SPAN = rf"(?:(?P<number>\d+|{_NUMBER})\s+)?(?P<unit>{'|'.join(UNITS)})s?"  # "the last hour"
_CLOCK = r"(?:(?P<word>noon|midnight)|(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s*(?P<half>am|pm|o'?clock)?)\b(?!\s*(?:m|meters?)\b)"
_PART = rf"(?P<part>{'|'.join(PARTS)})"
_NAMED = rf"the\s+day\s+before\s+yesterday|yesterday|today|(?:on\s+|last\s+)?(?:{'|'.join(WEEKDAYS)})"
_DAY = rf"(?P<day>{_NAMED})(?:'s)?(?:\s+(?:in\s+the\s+)?{_PART}|\s+(?:at|around|by)\s+{_CLOCK})?\b"
_DAY_LAST = rf"(?:in\s+the\s+{_PART}|\b(?:at|around|by)\s+{_CLOCK})\s+(?P<day>{_NAMED})\b"
_RANGE = (
    rf"\b(?:(?P<day>{_NAMED})\s+)?(?P<word>between|from)\s+(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d{{2}}))?\s*(?P<half>am|pm|o'?clock)?"
    rf"\s+(?:and|to|until|till)\s+(?P<hour2>\d{{1,2}})(?:[:.](?P<minute2>\d{{2}}))?\s*(?P<half2>am|pm|o'?clock)?\b"
    rf"(?!\s*(?:m|meters?)\b)(?:\s+(?P<after>{_NAMED})\b)?"
)
_BACK = rf"(?P<number>\d+|{_NUMBER})\s+(?P<unit>day|week)s?\s+ago\s+(?:in\s+the\s+{_PART}|(?:at|around|by)\s+{_CLOCK})"
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
        to_come: it lies ahead.
    """

    from_ns: int
    to_ns: int
    said: str
    rest: str
    first: bool = False
    before: str = ""
    to_come: bool = False


def zone(name: str) -> tzinfo:
    """A timezone by name.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"memory.timezone: there is no timezone '{name}'; use a name such as 'Europe/Berlin' or 'UTC'") from error


def ahead(sentence: str, now_ns: int, timezone: str = "UTC") -> When | None:
    """A time to come that is said in a lower-case sentence ("tomorrow morning", "in two hours", "tonight"), None if none is said."""
    now = datetime.fromtimestamp(now_ns / NS_PER_S, zone(timezone))
    for pattern, meaning in _AHEAD:
        found = re.search(pattern, sentence)
        told = meaning(found, now) if found else None
        if found is not None and isinstance(told, tuple) and told[1] > now:
            rest = " ".join((sentence[: found.start()] + " " + sentence[found.end() :]).split())
            return When(max(now_ns, _ns(told[0])), _ns(told[1]), found.group(0).strip(), rest, to_come=True)
    return None


def any_day(sentence: str) -> tuple[str, tuple[int, int], str] | None:
    """A part of no particular day ("in the morning", "at night", "of an evening"): the words, its hours, the sentence without them."""
    found = re.search(_ANY_DAY, sentence)
    if found is None:
        return None
    rest = " ".join((sentence[: found.start()] + " " + sentence[found.end() :]).split())
    return found.group(0).strip(), PARTS[found["part"]], rest


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


def _back(found: re.Match[str], now: datetime) -> Interval | None:
    """So many days ago, at a clock time or in a part of that day."""
    days = round(_span(found["number"], found["unit"], now) / timedelta(days=1))
    return _of_day(found, _midnight(now, days))


def _midnight(now: datetime, days_back: int = 0) -> datetime:
    return (now - timedelta(days=days_back)).replace(hour=0, minute=0, second=0, microsecond=0)


def _time_of_day(found: re.Match[str], day: datetime) -> datetime | None:
    """The clock time of a match on `day`; None if there is no such time."""
    if found["word"]:
        return day + timedelta(hours=12 if found["word"] == "noon" else 0)
    return _clock(day, found["hour"], found["minute"], found["half"])


def _clock(day: datetime, hours: str, minutes: str | None, half: str | None) -> datetime | None:
    """ "9", "9:30", "9 pm" on `day`; None if there is no such time."""
    hour, minute = int(hours), int(minutes or 0)
    if half == "pm" and hour < 12:
        hour += 12
    if half == "am" and hour == 12:
        hour = 0
    return day + timedelta(hours=hour, minutes=minute) if hour < 24 and minute < 60 else None


def _day(found: re.Match[str], now: datetime) -> Interval | None:
    """yesterday, today, a day of the week (the latest one): at a clock time, a part of it, or all of it."""
    return _of_day(found, _midnight(now, _days_back(found["day"], now)))


def _days_back(said: str, now: datetime) -> int:
    name = said.split()[-1]
    if name in WEEKDAYS:
        back = (now.weekday() - WEEKDAYS.index(name)) % 7
        return 7 if back == 0 and said.startswith("last") else back
    return 2 if "before" in said else int(name == "yesterday")


def _of_day(found: re.Match[str], day: datetime) -> Interval | None:
    said = found.groupdict()
    if said.get("hour") or said.get("word"):
        at = _time_of_day(found, day)
        return None if at is None else (at, at)
    low, high = PARTS.get(said.get("part") or "", (0, 24))
    return day + timedelta(hours=low), day + timedelta(hours=high)


def _part(found: re.Match[str], now: datetime) -> Interval:
    """this morning (a little after midnight it is the one of the day that has just ended); last night (from the evening before)."""
    low, high = PARTS[found["part"]]
    day = _midnight(now, 1 if found["which"] == "last" else 0)
    if now.hour < PARTS["morning"][0] and day + timedelta(hours=low) > now:
        day -= timedelta(days=1)
    return day + timedelta(hours=low), day + timedelta(hours=high)


def _at(found: re.Match[str], now: datetime) -> Interval | None:
    """A clock time alone: the latest one that is not in the future."""
    at = _time_of_day(found, _midnight(now))
    if at is None:
        return None
    at = at - timedelta(days=1) if at > now else at
    return at, at


def _range(found: re.Match[str], now: datetime) -> Interval | None:
    """Between two clock times, of a day that is said or the latest one that is not in the future."""
    if found["word"] == "from" and not (found["minute"] or found["half"] or found["minute2"] or found["half2"]):
        return None  # "from 2 to 3" may be anything
    said = found["day"] or found["after"]
    day = _midnight(now, _days_back(said, now) if said else 0)
    low = _clock(day, found["hour"], found["minute"], found["half"] or found["half2"])
    high = _clock(day, found["hour2"], found["minute2"], found["half2"])
    if low is None or high is None:
        return None
    while high <= low:
        high += timedelta(hours=12)  # "between eleven and one"
    back = timedelta(days=1 if not said and low > now else 0)
    return low - back, high - back


def _week(found: re.Match[str], now: datetime) -> Interval:
    """The week from Monday on that is not over, or the one before."""
    monday = _midnight(now, now.weekday() + (7 if found["which"] == "last" else 0))
    return monday, monday + timedelta(days=7)


def _until_now(meaning: Meaning) -> Meaning:
    """From the beginning of what is said until now ("since ...")."""

    def since(found: re.Match[str], now: datetime) -> Interval | str | None:
        told = meaning(found, now)
        return (told[0], now) if isinstance(told, tuple) else told

    return since


def _in(found: re.Match[str], now: datetime) -> Interval:
    then = now + _span(found["number"], found["unit"], now)
    return then, then


def _coming(found: re.Match[str], now: datetime) -> Interval | None:
    """tomorrow, a day of the week to come: at a clock time, a part of it, or all of it."""
    name = found["day"].split()[-1]
    days = (WEEKDAYS.index(name) - now.weekday() - 1) % 7 + 1 if name in WEEKDAYS else 2 if "after" in found["day"] else 1
    return _of_day(found, _midnight(now, -days))


def _tonight(found: re.Match[str], now: datetime) -> Interval:
    low, high = PARTS["evening" if found["part"] is None else found["part"]]
    return _midnight(now) + timedelta(hours=low), _midnight(now) + timedelta(hours=high)


def _next(found: re.Match[str], now: datetime) -> Interval | None:
    """A clock time alone: the next one."""
    at = _time_of_day(found, _midnight(now))
    if at is None:
        return None
    at = at + timedelta(days=1) if at <= now else at
    return at, at


_TO_COME = rf"the\s+day\s+after\s+tomorrow|tomorrow|(?:on\s+|next\s+|this\s+|coming\s+)?(?:{'|'.join(WEEKDAYS)})"
_COMING = rf"(?P<day>{_TO_COME})(?:'s)?(?:\s+(?:in\s+the\s+)?{_PART}|\s+(?:at|around|by)\s+{_CLOCK})?\b"
_ANY_DAY = rf"\b(?:(?:in|during)\s+the|of\s+an?|on\s+(?:a|most|weekday|weekend)|most|at|every|each|by)\s+{_PART}s?\b(?:\s+time)?"
_AHEAD: tuple[tuple[str, Meaning], ...] = (
    (rf"\b(?:in|within)\s+{_SPAN}(?:['’]?s?\s+time)?\b", _in),
    (rf"\b{_SPAN}\s+from\s+now\b", _in),
    (rf"\b(?:at|around|by)\s+{_CLOCK}\s+(?P<day>{_TO_COME})\b", _coming),
    (rf"\b{_COMING}", _coming),
    (rf"\b(?:tonight|(?:later\s+)?this\s+{_PART})\b", _tonight),
    (rf"\b(?:at|by|around)\s+{_CLOCK}", _next),
)

# The first that fits is taken, so the more special come first. A text means "before that"; an empty one "at the start".
_PATTERNS: tuple[tuple[str, Meaning], ...] = (
    (_START, lambda found, now: ""),
    (r"\bbefore\s+(?P<what>(?!noon\b|\d|yesterday\b).+)$", lambda found, now: found["what"]),
    (r"\bbefore$", lambda found, now: "it moved"),
    (rf"\bsince\s+{_BACK}\b", _until_now(_back)),
    (rf"\b{_BACK}", _back),
    (rf"\bsince\s+{_SPAN}\s+ago\b", _until_now(_ago)),
    (rf"\b(?:in|within|during|over|for)\s+the\s+(?:last|past)\s+{_MAYBE_SPAN}\b", _last),
    (rf"\b{_SPAN}\s+ago\b", _ago),
    (r"\bsince\s+(?P<which>this|last)\s+week\b", _until_now(_week)),
    (r"\b(?P<which>this|last)\s+week\b", _week),
    (_RANGE, _range),
    (rf"\bsince\s+{_DAY_LAST}", _until_now(_day)),
    (_DAY_LAST, _day),
    (rf"\bsince\s+{_DAY}", _until_now(_day)),
    (rf"\b(?:during\s+|over\s+|in\s+the\s+course\s+of\s+)?{_DAY}", _day),
    (rf"\bsince\s+(?P<which>this|last)\s+{_PART}\b", _until_now(_part)),
    (rf"\b(?P<which>this|last)\s+{_PART}\b", _part),
    (rf"\b(?:since|after)\s+{_CLOCK}(?!\s*(?:{'|'.join(UNITS)})s?\b)", _until_now(_at)),
    (rf"\b(?:at|by|around|before)\s+{_CLOCK}", _at),
)
