"""Observations as rows of plain SQLite values and back, a whole frame or answer at a time: thousands a second come in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.memory.database import Database, Row
from robomem.memory.records import StoredObservation
from robomem.memory.table import OBSERVATIONS
from robomem.types import Observations

WIDTH = len(OBSERVATIONS.columns) + 1  # values of a row, its checksum among them
NUMBERS = 15  # that a checksum is of: 12 columns and the lengths of two texts and the vector
AT_ONCE = 32  # rows of one statement: 512 values, which every SQLite takes
FEW = 6  # rows of which one checksum after the other is faster than all together


def sealed_observations(observations: Observations, ids: NDArray[np.int64], objects: NDArray[np.int64]) -> list[Any]:
    """Row after row of a frame, all values in one list, WIDTH a row; `ids` and `objects` are parallel to it (-1: not associated)."""
    from robomem.memory.half import halve  # here: only who writes observations waits for the compiler's half second

    o, n, width = observations, len(observations), 2 * observations.embeddings.shape[1]
    whole, real = np.empty((4, n), np.int64), np.empty((8, n))
    whole[0], whole[1], whole[2], whole[3] = ids, objects, o.stamp_ns, o.pixels
    real[0], real[1:4], real[4:7], real[7] = o.scores, o.positions.T, o.sizes.T, o.yaws
    real += 0.0  # SQLite gives -0.0 back as 0.0, which has another checksum
    data = np.empty((n, width + 8 * NUMBERS), np.uint8)
    data[:, :width] = halve(np.ascontiguousarray(o.embeddings, np.float32)).view(np.uint8)
    looks = memoryview(data[:, :width].tobytes())
    out: list[Any] = [None] * (WIDTH * n)
    out[0::WIDTH], out[1::WIDTH], out[2::WIDTH], out[13::WIDTH] = whole.tolist()
    for j, column in zip((4, 5, 6, 7, 8, 9, 10, 11), real.tolist(), strict=True):
        out[j::WIDTH] = column
    out[3::WIDTH], out[12::WIDTH], out[14::WIDTH] = o.labels, o.colors, [looks[i * width : (i + 1) * width] for i in range(n)]
    if n < FEW or {*map(type, o.labels), *map(type, o.colors)} != {str}:
        out[14::WIDTH] = [look.tobytes() for look in out[14::WIDTH]]
        out[15::WIDTH] = [OBSERVATIONS.crc(tuple(out[i : i + WIDTH - 1])) for i in range(0, WIDTH * n, WIDTH)]
    else:
        out[15::WIDTH] = _checksums(data, whole, real, o.labels, o.colors)
    return out


def _checksums(
    data: NDArray[np.uint8], whole: NDArray[np.int64], real: NDArray[np.float64], labels: Sequence[str], colors: Sequence[str]
) -> list[int]:
    """`OBSERVATIONS.crc` of each row: UInt8[n, w] begins with the vectors, numbers of 8 bytes follow, then the texts."""
    from robomem.memory.crc import crc32_rows

    head = np.empty((len(data), NUMBERS), "<i8")
    head[:, :3], head[:, 3:11], head[:, 11] = whole[:3].T, real.view(np.int64).T, whole[3]
    head[:, 12], head[:, 13] = [len(s) for s in labels], [len(s) for s in colors]
    head[:, 14] = data.shape[1] - 8 * NUMBERS
    data[:, -8 * NUMBERS :] = head.view(np.uint8)
    words = list(zip(labels, colors, strict=True))
    kinds = {pair: k for k, pair in enumerate({*words})}
    texts = ["".join(pair).encode("utf-8", "surrogatepass") for pair in kinds]
    ends, which = np.cumsum([len(text) for text in texts]), np.array([kinds[pair] for pair in words])
    start = np.uint32(OBSERVATIONS.packed_start)
    return crc32_rows(data, np.frombuffer(b"".join(texts), np.uint8), np.concatenate(([0], ends)), which, start).tolist()


def insert_observations(database: Database, values: Sequence[Any]) -> None:
    """Insert or replace rows, given as `sealed_observations` gives them: many with one statement.

    Raises:
        StoreError: SQLite refused.
    """
    at, size = 0, AT_ONCE * WIDTH
    while at + size <= len(values):
        database.execute(INSERT_MANY, values[at : at + size])
        at += size
    if at < len(values):
        database.executemany(OBSERVATIONS.insert, [values[i : i + WIDTH] for i in range(at, len(values), WIDTH)])


INSERT_MANY = OBSERVATIONS.insert_rows(AT_ONCE)


def flat(rows: Sequence[Row]) -> list[Any]:
    """Rows with their checksums as `insert_observations` takes them."""
    return list(chain.from_iterable(rows))


def observations_of(rows: Sequence[Row]) -> list[StoredObservation]:
    """The stored observations of rows (appearance vectors are kept in half precision); a checksum at their end is left out."""
    from robomem.memory.half import widen

    boxes = np.array([row[5:11] for row in rows], np.float64).reshape(-1, 6)
    looks = widen(np.frombuffer(b"".join([row[14] for row in rows]), np.uint16))
    out, at = list[StoredObservation](), 0
    for row, box in zip(rows, boxes, strict=True):
        ident, thing, stamp, label, score, *_, yaw, color, pixels, look = row[:15]
        end = at + len(look) // 2
        out.append(StoredObservation(ident, thing, stamp, label, score, box[:3], box[3:], yaw, color, pixels, looks[at:end]))
        at = end
    return out
