"""Objects on the wire, row by row: what is known of one object is packed once and joined into every message until it changes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING

import numpy as np

from robomem.nodes.wire import dumps, set_stamp
from robomem.types import ObjectView

if TYPE_CHECKING:
    from robomem_msgs.msg import TrackedObjects

UPPER = np.triu_indices(3)
NOWHERE = (float("nan"),) * 3
WORDS = ("labels", "kinds", "statuses", "colors", "states")
NUMBERS = (  # field, type code of one number
    ("ids", "q"),
    ("places", "q"),
    ("label_probabilities", "d"),
    ("positions", "d"),
    ("sizes", "d"),
    ("yaws", "d"),
    ("existences", "d"),
    ("covariances", "d"),
    ("first_seen_ns", "q"),
    ("last_seen_ns", "q"),
    ("last_checked_ns", "q"),
    ("supports", "I"),
    ("seen_from", "d"),
)


@dataclass(frozen=True)
class ObjectRow:
    """One object: its words in the order of WORDS, the bytes of its numbers in the order of NUMBERS."""

    words: tuple[str, ...]
    numbers: tuple[bytes, ...]


def object_row(v: ObjectView) -> ObjectRow:
    """Pack one view (label probabilities beyond the likeliest and appearance do not travel)."""
    words = (v.label, v.kind, v.status, v.color, dumps({k: list(s) for k, s in v.states.items()}) if v.states else "")
    seen = pack("q", v.last_seen_ns)
    numbers = (
        pack("q", v.id),
        pack("q", -1 if v.place is None else v.place),
        pack("d", v.label_probs.get(v.label, 0.0)),
        pack("3d", *v.position),
        pack("3d", *v.size),
        pack("d", v.yaw_rad),
        pack("d", v.existence),
        pack("6d", *v.covariance[UPPER]),
        pack("q", v.first_seen_ns),
        seen,
        seen,
        pack("I", v.support),
        pack("3d", *(NOWHERE if v.seen_from is None else v.seen_from)),
    )
    return ObjectRow(words, numbers)


def rows_to_msg(rows: Sequence[ObjectRow], stamp_ns: int, frame: str, seq: int) -> TrackedObjects:
    """Rows -> message."""
    from robomem_msgs.msg import TrackedObjects

    msg = TrackedObjects(seq=seq)
    set_stamp(msg.header.stamp, stamp_ns)
    msg.header.frame_id = frame
    for k, name in enumerate(WORDS):
        setattr(msg, name, [r.words[k] for r in rows])
    for k, (name, code) in enumerate(NUMBERS):
        setattr(msg, name, array(code, b"".join([r.numbers[k] for r in rows])))
    return msg
