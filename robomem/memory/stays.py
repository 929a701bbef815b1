"""Stays of two ids that turned out to be one thing: a thing is at one place at a time, and was there from when it was first seen there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from robomem.memory.records import Stay

SAME_SPOT_M = 0.15  # something seen again this near to where it was missed never left
_NEVER_NS = 1 << 62


def of_one_thing(own: Sequence[Stay], others: Iterable[Stay]) -> list[Stay]:
    """What is to be written of a thing's stays once `others` are known to be its stays too.

    A stay during which the thing was seen elsewhere, or that is at the same spot at the same time, tells nothing new. Any other is its
    own: the stay that it falls into ended when the thing was seen there, and not when the two ids were found to be one.
    """
    rows = {stay.id: stay for stay in own}
    written: dict[int, Stay] = {}
    for new in sorted(others, key=lambda s: s.from_ns):
        if any(_says_it_already(new, old) for old in rows.values()):
            continue
        for old in list(rows.values()):
            if old.from_ns <= new.from_ns < _end(old):
                rows[old.id] = written[old.id] = replace(old, to_ns=max(new.from_ns, old.seen_ns))
            elif new.from_ns < old.from_ns < _end(new):
                new = replace(new, to_ns=max(old.from_ns, new.seen_ns))
        rows[new.id] = written[new.id] = new
    return list(written.values())


def is_at(stay: Stay, position: np.ndarray) -> bool:
    """True if a position is the very spot of a stay."""
    return float(np.linalg.norm(stay.position - position)) < SAME_SPOT_M


def _end(stay: Stay) -> int:
    return _NEVER_NS if stay.to_ns is None else stay.to_ns


def _says_it_already(new: Stay, old: Stay) -> bool:
    if new.from_ns < old.seen_ns and old.from_ns < new.seen_ns:
        return True
    return new.from_ns < _end(old) and old.from_ns < _end(new) and is_at(old, new.position)
