"""What askers send, checked: queries, times, names and archives of arrays."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.memory import tool_args
from robomem.nodes.wire import WireError, loads, words

MAX_PROSE = 20_000
MAX_ARCHIVE = 2**28  # bytes of all arrays of an archive
MAX_ENTRIES = 50_000
OUTCOMES = ("done", "failed", "abandoned")


def query(text: str, name: str = "query") -> str | int:
    """Words, or an id in digits; the bounds are those of the tools.

    Raises:
        WireError: too long.
    """
    try:
        return tool_args.subject(text, name)
    except InvalidInputError as error:
        raise WireError("too_long", str(error)) from None


def count(value: int, name: str) -> int:
    """How many answers at most; 0 for "not given".

    Raises:
        WireError: more than a tool may ask for.
    """
    if not 0 <= value <= tool_args.MAX_ROWS:
        raise WireError("out_of_range", f"{name}: {value}, at most {tool_args.MAX_ROWS}")
    return int(value) or 5


def time_ns(value: int, name: str) -> int:
    """A time, 0 for "not given".

    Raises:
        WireError: before zero.
    """
    if value < 0:
        raise WireError("bad_stamp", f"{name}: {value} ns is before zero")
    return int(value)


def file_name(text: str) -> str:
    """A plain file name.

    Raises:
        WireError: folders, hidden files, or what some file system would not take.
    """
    if not text or len(text) > 100 or text.startswith(".") or not all(c.isascii() and (c.isalnum() or c in "._-") for c in text):
        raise WireError("bad_name", f"backup: {text[:40]!r} is no plain file name (letters, digits, dots, dashes)")
    return text


def steps_and_cost(steps: str, cost: str) -> tuple[tuple[dict[str, Any], ...], dict[str, float]]:
    """The steps and the cost of an episode.

    Raises:
        WireError: no JSON list of objects, no JSON object of numbers.
    """
    for text in (steps, cost):
        if len(text) > 10 * MAX_PROSE:
            raise WireError("too_long", f"add_episode: {len(text)} characters, at most {10 * MAX_PROSE}")
    try:
        told, spent = json.loads(steps or "[]", parse_constant=_no_number), json.loads(cost or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise WireError("bad_json", "add_episode: steps or cost are no JSON") from None
    if not isinstance(told, list) or not all(isinstance(s, dict) for s in told) or not isinstance(spent, dict):
        raise WireError("bad_json", "add_episode: expected a list of objects as steps and an object as cost")
    if not all(isinstance(v, (int, float)) and abs(v) < 1e15 for v in spent.values()):
        raise WireError("bad_json", "add_episode: a cost is no number")
    if "Infinity" in json.dumps(told):
        raise WireError("not_finite", "add_episode: a number in the steps is too large")
    return tuple(told), {str(k): float(v) for k, v in spent.items()}


def _no_number(text: str) -> float:
    raise ValueError(text)


def prose(name: str, *texts: str) -> None:
    """Raises: WireError for longer texts than anybody writes."""
    for text in texts:
        if len(text) > MAX_PROSE:
            raise WireError("too_long", f"{name}: {len(text)} characters, at most {MAX_PROSE}")


def outcome(text: str) -> str:
    """The outcome of an episode.  Raises: WireError."""
    words("add_episode.outcome", (text,), OUTCOMES)
    return text


def archive(field: Any, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a NumPy archive; nothing is unpickled, and what would blow up is not unpacked.

    Raises:
        WireError: no archive of plain arrays, or more than a quarter of a gigabyte of them.
    """
    data = bytes(field)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as listed:
            entries = listed.infolist()
        if len(entries) > MAX_ENTRIES or sum(e.file_size for e in entries) > MAX_ARCHIVE:
            raise WireError("absurd_size", f"{name}: {len(entries)} arrays, {sum(e.file_size for e in entries)} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: np.asarray(arrays[key]) for key in arrays.files}
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, RuntimeError, MemoryError, SyntaxError) as error:
        raise WireError("bad_archive", f"{name}: no NumPy archive of plain arrays: {error}") from None


def rates(text: str) -> None:
    """Raises: WireError if a text is not the learned move rates of a world: JSON, label -> [hours, moves]."""
    for label, row in loads(text, "write_world.move_rates").items():
        words("write_world.move_rates", (label,))
        if not isinstance(row, list) or len(row) != 2 or not all(isinstance(v, (int, float)) and 0 <= v < 1e12 for v in row):
            raise WireError("bad_json", f"write_world.move_rates: {label!r} is no [hours, moves]")
