"""Bounds and parsing of what askers send, the same for the tools, the ROS services and the language model: checked once, at the door."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from robomem.clock import NS_PER_S
from robomem.errors import InvalidInputError
from robomem.memory.query import MAX_QUERY_CHARS, clean_words
from robomem.memory.timewords import NUMBERS, UNITS, resolve, zone

MAX_K = 20  # candidates, episodes or lessons in one answer
MAX_ROWS = 200  # objects or changes in one answer
MAX_TIME_CHARS = 60
MAX_WORDS = 80  # of a name, a room, a label
MAX_COORDINATE_M = 10_000.0
DIGITS = 18  # an id of more does not fit 64 bits
NEVER_NS = (1 << 63) - 1
TIME_HELP = "use ISO 8601 ('2026-11-26T14:05') or words ('yesterday at 14:05', '10 minutes ago', 'this morning')"
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}
_FUTURE = re.compile(rf"^in (?P<number>\d{{1,6}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))}) (?P<unit>{'|'.join(UNITS)})s?$")


def check(arguments: object, schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`arguments` if they fit a JSON Schema of the kind the tools use (flat objects with bounded values).

    Raises:
        InvalidInputError: which argument, what was expected, what came.
    """
    if not isinstance(arguments, Mapping):
        raise InvalidInputError(f"{name}: expected an object of arguments, got {type(arguments).__name__}")
    known = schema["properties"]
    for key in arguments:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it takes {', '.join(known) or 'none'}"
            raise InvalidInputError(f"{name}: there is no argument '{str(key)[:40]}'{hint}")
    missing = [key for key in schema.get("required", ()) if arguments.get(key) is None]
    if missing:
        raise InvalidInputError(f"{name}: '{missing[0]}' is needed: {known[missing[0]].get('description', '')}")
    given = {str(key): value for key, value in arguments.items() if value is not None}
    for key, value in given.items():
        _check_value(value, known[key], f"{name}.{key}")
    return given


def _check_value(value: Any, schema: Mapping[str, Any], name: str) -> None:
    wanted = schema["type"] if isinstance(schema["type"], Sequence) and not isinstance(schema["type"], str) else [schema["type"]]
    fits = [t for t in wanted if isinstance(value, TYPES[t]) and (t == "boolean" or not isinstance(value, bool))]
    if not fits:
        raise InvalidInputError(f"{name}: expected {' or '.join(wanted)}, got {type(value).__name__} {str(value)[:40]!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise InvalidInputError(f"{name}: expected one of {', '.join(map(str, schema['enum']))}, got {str(value)[:40]!r}")
    if isinstance(value, str):
        _within(len(value), schema.get("minLength", 0), schema.get("maxLength", 1 << 30), name, "characters")
    elif isinstance(value, (list, tuple)):
        _within(len(value), schema.get("minItems", 0), schema.get("maxItems", 1 << 30), name, "values")
        for item in value:
            _check_value(item, schema["items"], name)
    elif not isinstance(value, (bool, Mapping)):
        low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
        if not low <= value <= high:  # also refuses NaN
            raise InvalidInputError(f"{name}: expected {low} to {high}, got {value}")


def _within(n: int, low: int, high: int, name: str, unit: str) -> None:
    if not low <= n <= high:
        raise InvalidInputError(f"{name}: expected {low} to {high} {unit}, got {n}")


def subject(value: str | int, name: str = "query") -> str | int:
    """Words, or an id: a number, digits, or "#12".

    Raises:
        InvalidInputError: nothing, too long, or an id that is none.
    """
    if isinstance(value, int):
        if not 0 < value < 10**DIGITS:
            raise InvalidInputError(f"{name}: {value} is no id; ids are whole numbers from 1")
        return int(value)
    if len(value) > MAX_QUERY_CHARS:
        raise InvalidInputError(f"{name}: {len(value)} characters, at most {MAX_QUERY_CHARS}")
    plain = value.strip().removeprefix("#")
    if plain.isascii() and plain.isdigit() and len(plain) <= DIGITS:
        return int(plain)
    return value


def moment(text: str, name: str, now_ns: int, timezone: str, end: bool = True, future: bool = False) -> int:
    """A time said in words or as ISO 8601, in ns.

    Args:
        timezone: of a time that names none.
        end: of an interval ("this morning", a date) its end, else its beginning.
        future: times to come are allowed ("in 2 hours").

    Raises:
        InvalidInputError: no time, or one that cannot be asked about.
    """
    said = clean_words(text)
    at = now_ns if said in ("now", "right now") else _in_future(said, now_ns)
    if at is None:
        at = _iso(text.strip(), timezone, end)
    if at is None:
        at = _in_words(said, now_ns, timezone, end)
    if at is None:
        raise InvalidInputError(f"{name}: {text[:40]!r} is no time I know; {TIME_HELP}")
    if not 0 <= at < NEVER_NS:
        raise InvalidInputError(f"{name}: {text[:40]!r} is outside of the years 1970 to 2262")
    if at > now_ns and not future:
        raise InvalidInputError(f"{name}: {text[:40]!r} is in the future; 'find' and 'predict' answer for times to come")
    return at


def _in_future(said: str, now_ns: int) -> int | None:
    found = _FUTURE.match(said)
    if not found:
        return None
    number = found["number"]
    return now_ns + round((float(number) if number.isdigit() else NUMBERS[number]) * UNITS[found["unit"]] * NS_PER_S)


def _iso(text: str, timezone: str, end: bool) -> int | None:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            moment = datetime.combine(date.fromisoformat(text), time(), zone(timezone)) + timedelta(days=int(end))
        else:
            moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "Zz" else text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(timezone))
    since = moment - datetime(1970, 1, 1, tzinfo=zone("UTC"))
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _in_words(said: str, now_ns: int, timezone: str, end: bool) -> int | None:
    for form in (said, f"at {said}"):
        when = resolve(form, now_ns, timezone)
        if when is None or re.sub(r"\b(?:since|from|until|till|at|by|on|the|about|around)\b", "", when.rest).strip():
            continue
        if when.first:
            return 0 if not end else None
        if not when.before:
            return when.to_ns if end else when.from_ns
    return None
