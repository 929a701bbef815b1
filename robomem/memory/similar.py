"""What looked like this, near here, at that time: filter first in the index, then the exact cosine over what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError
from robomem.memory import records, table
from robomem.memory.records import StoredObservation

if TYPE_CHECKING:
    from robomem.memory.sqlite_store import SqliteStore

# The tree alone first (it keeps float32, so with a pad), then the row's own numbers: a row outside is not read, its vector not copied.
CANDIDATES = """SELECT o.id, o.embedding FROM observation_boxes b CROSS JOIN observations o ON o.id = b.id
WHERE b.x1 >= :x0 AND b.x0 <= :x1 AND b.y1 >= :y0 AND b.y0 <= :y1 AND b.z1 >= :z0 AND b.z0 <= :z1 AND b.t1 >= :t0 AND b.t0 <= :t1
AND (b.x0 - :x) * (b.x0 - :x) + (b.y0 - :y) * (b.y0 - :y) + (b.z0 - :z) * (b.z0 - :z) <= :padded
AND o.stamp_ns BETWEEN :from_ns AND :to_ns AND (o.x - :x) * (o.x - :x) + (o.y - :y) * (o.y - :y) + (o.z - :z) * (o.z - :z) <= :r2"""
PAD_M = 0.01


def similar_observations(
    store: SqliteStore, embedding: ArrayLike, center: ArrayLike, radius_m: float, from_ns: int, to_ns: int, k: int
) -> list[tuple[float, StoredObservation]]:
    """The `k` observations within `radius_m` of a point and within [from_ns, to_ns] whose appearance is most like a vector.

    An approximate index that is searched first and filtered after loses most answers of a narrow question; here nothing is approximate: the
    R*Tree leaves what is near and recent, and every vector of that is compared. Cost: O(what is near and recent).

    Args:
        embedding: Float[d], need not be of unit length.
        center: Float[3] map frame, m.

    Returns:
        (cosine, observation), likest first. Rows that fail their checksum are quarantined and the next takes their place.

    Raises:
        InvalidInputError: a vector of no length, or of another length than the store's.
    """
    v, c = np.asarray(embedding, np.float32).ravel(), np.asarray(center, np.float64)
    length = float(np.linalg.norm(v))
    if not np.isfinite(length) or length == 0.0:
        raise InvalidInputError("similar: expected a finite vector that is not zero; is the embedder running?")
    rows = store.query(CANDIDATES, _arguments(store, c, float(radius_m), int(from_ns), int(to_ns)))
    if not rows or k < 1:
        return []
    ids, blobs = zip(*rows, strict=True)
    if any(len(b) != 2 * v.size for b in blobs):
        sizes = sorted({len(b) // 2 for b in blobs})
        raise InvalidInputError(f"similar: the vector has {v.size} numbers, those on record have {sizes}; use the embedder that wrote them")
    from robomem.memory.half import cosines  # here: only who compares vectors waits for the compiler's half second

    vectors = np.frombuffer(b"".join(blobs), np.uint16).reshape(-1, v.size)
    likeness = cosines(vectors, v / np.float32(length))
    return _sound(store, np.array(ids, np.int64), likeness, k)


def _arguments(store: SqliteStore, c: NDArray[np.float64], radius_m: float, from_ns: int, to_ns: int) -> dict[str, float]:
    t0, t1 = store.seconds_around(from_ns, to_ns)
    box = {f"{name}{side}": v + sign * radius_m for name, v in zip("xyz", c.tolist(), strict=True) for side, sign in ((0, -1.0), (1, 1.0))}
    centre = dict(zip("xyz", c.tolist(), strict=True))
    return box | centre | {"t0": t0, "t1": t1, "from_ns": from_ns, "to_ns": to_ns, "r2": radius_m**2, "padded": (radius_m + PAD_M) ** 2}


def _sound(store: SqliteStore, ids: NDArray[np.int64], likeness: NDArray[np.float32], k: int) -> list[tuple[float, StoredObservation]]:
    """The best `k` whole rows, checked; more are fetched only where some were damaged."""
    order, out, at = np.argsort(-likeness, kind="stable"), list[tuple[float, StoredObservation]](), 0
    while len(out) < k and at < len(order):
        chunk = order[at : at + k - len(out)]
        at += len(chunk)
        marks = ",".join("?" * len(chunk))
        found = {row[0]: row for row in store.rows(table.OBSERVATIONS, f"WHERE id IN ({marks})", [int(ids[i]) for i in chunk])}
        out += [(float(likeness[i]), records.observation_of(found[int(ids[i])])) for i in chunk if int(ids[i]) in found]
    return out
