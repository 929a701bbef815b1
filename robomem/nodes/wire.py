"""Arrays, JSON and stamps of messages: fast packing on the way out, distrust on the way in."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import RobomemError

NS = 1_000_000_000
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


def unpack(field: Any, dtype: str, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """A message's numbers as an array of a shape (-1 = whatever fits), finite.

    Raises:
        WireError: another length, NaN or infinity.
    """
    flat = np.asarray(field, np.dtype(dtype))
    try:
        out = flat.reshape(shape)
    except ValueError:
        raise WireError("wrong_length", f"{name}: {flat.size} numbers do not make {shape}") from None
    if np.issubdtype(out.dtype, np.floating) and not np.isfinite(out).all():
        raise WireError("not_finite", f"{name}: holds NaN or infinity")
    return out


def rows(name: str, n: int, **fields: Sequence[Any]) -> None:
    """Raises: WireError if a field has not `n` rows."""
    for field, values in fields.items():
        if len(values) != n:
            raise WireError("wrong_length", f"{name}.{field}: {len(values)} rows, expected {n}")


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


def loads(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a field ("" = empty).

    Raises:
        WireError: no JSON object.
    """
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        raise WireError("bad_json", f"{name}: no JSON: {text[:60]!r}") from None
    if not isinstance(value, dict):
        raise WireError("bad_json", f"{name}: expected an object, got {type(value).__name__}")
    return value


def to_ns(stamp: Any) -> int:
    """builtin_interfaces/Time -> ns."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def set_stamp(stamp: Any, ns: int) -> None:
    """ns -> builtin_interfaces/Time, in place."""
    stamp.sec, stamp.nanosec = divmod(int(ns), NS)


def or_minus_one(values: Iterable[int | None]) -> list[int]:
    """None -> -1."""
    return [-1 if v is None else int(v) for v in values]
