"""Arrays, JSON and stamps of messages: fast packing on the way out, distrust on the way in."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import RobomemError

NS = 1_000_000_000
MAX_WORD = 200  # characters of a label, colour, name
MAX_JSON = 100_000  # characters of one JSON field
ROUNDING = 1e-6  # a probability may be this much above one
FAR_M = 1e5  # beyond, nothing is in the map
CODES = {np.dtype("f8"): "d", np.dtype("f4"): "f", np.dtype("i8"): "q", np.dtype("u4"): "I", np.dtype("i4"): "i", np.dtype("u1"): "B"}


class WireError(RobomemError):
    """A message that cannot be what it says; `reason` is one word for the counter on /diagnostics."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def pack(values: ArrayLike, dtype: str) -> array:
    """Numbers as the array a message field takes: by bytes, since element by element is a hundred times slower."""
    flat = np.ascontiguousarray(values, np.dtype(dtype)).ravel()
    out = array(CODES[flat.dtype])
    out.frombytes(flat.tobytes())
    return out


def unpack(field: Any, dtype: str, shape: tuple[int, ...], name: str, most: float = math.inf, least: float | None = None) -> NDArray[Any]:
    """A message's numbers as an array of a shape (-1 = whatever fits), finite, between `least` (-most if not given) and `most`.

    Raises:
        WireError: another length, NaN or infinity, or numbers that nothing real has.
    """
    flat = np.asarray(field, np.dtype(dtype))
    try:
        out = flat.reshape(shape)
    except ValueError:
        raise WireError("wrong_length", f"{name}: {flat.size} numbers do not make {shape}") from None
    if np.issubdtype(out.dtype, np.floating) and not np.isfinite(out).all():
        raise WireError("not_finite", f"{name}: holds NaN or infinity")
    low = -most if least is None else least
    if most < math.inf and out.size and not low - ROUNDING <= float(out.min()) <= float(out.max()) <= most + ROUNDING:
        reason = "not_a_probability" if (least, most) == (0, 1) else "absurd_size"
        raise WireError(reason, f"{name}: expected {low:g}..{most:g}")
    return out


def rows(name: str, n: int, **fields: Sequence[Any]) -> None:
    """Raises: WireError if a field has not `n` rows."""
    for field, values in fields.items():
        if len(values) != n:
            raise WireError("wrong_length", f"{name}.{field}: {len(values)} rows, expected {n}")


def words(name: str, values: Iterable[str], among: Collection[str] = (), limit: int = MAX_WORD) -> None:
    """Raises: WireError for a text that is not one of `among` (if any are given), too long, or holds control characters."""
    for value in values:
        if among and value not in among:
            raise WireError("unknown_word", f"{name}: {value[:40]!r}; expected one of {', '.join(sorted(among))}")
        if len(value) > limit:
            raise WireError("too_long", f"{name}: {len(value)} characters, at most {limit}")
        if not value.isprintable():
            raise WireError("control_characters", f"{name}: {value[:40]!r}")


def dumps(value: Mapping[str, Any]) -> str:
    """A small JSON object, "" for an empty one; NumPy numbers become plain ones."""
    return json.dumps(value, default=_plain, separators=(",", ":")) if value else ""


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"{type(value).__name__} does not go into a message")


def _finite(text: str) -> float:
    """JSON numbers beyond what a float holds, and NaN, which JSON does not have.  Raises: ValueError."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def loads(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a field ("" = empty).

    Raises:
        WireError: no JSON object.
    """
    if not text:
        return {}
    if len(text) > MAX_JSON:
        raise WireError("too_long", f"{name}: {len(text)} characters of JSON, at most {MAX_JSON}")
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise WireError("bad_json", f"{name}: no JSON: {text[:60]!r}") from None
    if not isinstance(value, dict):
        raise WireError("bad_json", f"{name}: expected an object, got {type(value).__name__}")
    return value


def states_of(text: str) -> dict[str, tuple[str, float]]:
    """name -> (value, probability).  Raises: WireError."""
    out = {}
    for name, row in loads(text, "objects.states").items():
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], (int, float)) or not 0 <= row[1] <= 1:
            raise WireError("bad_json", f"objects.states: {name[:40]!r} is no [value, probability]")
        words("objects.states", (name, str(row[0])))
        out[name] = (str(row[0]), float(row[1]))
    return out


def stamps_and_ids(name: str, ids: Any, *stamps: Any) -> None:
    """Raises: WireError for ids that are not above zero or come twice, and stamps below zero."""
    known = np.asarray(ids, np.int64)
    if known.size and (known.min() <= 0 or np.unique(known).size != known.size):
        raise WireError("bad_id", f"{name}.ids: expected ids above zero, each once")
    if any(len(s) and min(s) < 0 for s in stamps):
        raise WireError("bad_stamp", f"{name}: a time before zero")


def told_of(text: str, name: str) -> dict[str, Any]:
    """What an event says of before or after; a position in it is one.  Raises: WireError."""
    out = loads(text, name)
    p = out.get("position", [0, 0, 0])
    if not isinstance(p, list) or len(p) != 3 or not all(isinstance(v, (int, float)) and abs(v) <= FAR_M for v in p):
        raise WireError("bad_json", f"{name}: its position is no three numbers")
    if not isinstance(out.get("place", ""), str):
        raise WireError("bad_json", f"{name}: its place is no words")
    return out


def to_ns(stamp: Any) -> int:
    """builtin_interfaces/Time -> ns."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def stamp_of(header: Any, name: str) -> int:
    """The time (ns) of a message with a header.

    Raises:
        WireError: no time: unset, negative, or more nanoseconds than a second has.
    """
    sec, nanosec = int(header.stamp.sec), int(header.stamp.nanosec)
    if sec < 0 or nanosec >= NS or sec == nanosec == 0:
        raise WireError("bad_stamp", f"{name}: stamp {sec} s {nanosec} ns; does the driver set header.stamp?")
    return sec * NS + nanosec


def set_stamp(stamp: Any, ns: int) -> None:
    """ns -> builtin_interfaces/Time, in place."""
    stamp.sec, stamp.nanosec = divmod(int(ns), NS)


def or_minus_one(values: Iterable[int | None]) -> list[int]:
    """None -> -1."""
    return [-1 if v is None else int(v) for v in values]
