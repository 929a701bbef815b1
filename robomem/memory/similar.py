"""What looked like this, near here, at that time: filter first in the index, then the exact cosine over what is left."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError
from robomem.memory import records, table
from robomem.memory.records import StoredObservation

if TYPE_CHECKING:
    from robomem.memory.questions import Questions
    from robomem.memory.sqlite_store import SqliteStore
    from robomem.types import Recall

# The tree alone first (it keeps float32, so with a pad), then the row's own numbers: a row outside is not read, its vector not copied.
CANDIDATES = """SELECT o.id, o.embedding FROM observation_boxes b CROSS JOIN observations o ON o.id = b.id
WHERE b.x1 >= :x0 AND b.x0 <= :x1 AND b.y1 >= :y0 AND b.y0 <= :y1 AND b.z1 >= :z0 AND b.z0 <= :z1 AND b.t1 >= :t0 AND b.t0 <= :t1
AND (b.x0 - :x) * (b.x0 - :x) + (b.y0 - :y) * (b.y0 - :y) + (b.z0 - :z) * (b.z0 - :z) <= :padded
AND o.stamp_ns BETWEEN :from_ns AND :to_ns AND o.object_id != :but
AND (o.x - :x) * (o.x - :x) + (o.y - :y) * (o.y - :y) + (o.z - :z) * (o.z - :z) <= :r2"""
PAD_M = 0.01
EVERYWHERE_M = 1e5  # a radius beyond every home, still exact in the tree's float32 pre-filter
NEAR_M = 2.0  # "near the counter", where no radius is given
ALWAYS_NS = (1 << 62) - 1


class LookVerbs:
    """What RobotMemory answers by appearance."""

    if TYPE_CHECKING:
        store: SqliteStore
        _guard: threading.RLock
        _questions: Questions

        def find(self, query: str | int) -> Recall: ...

    def similar(
        self,
        like: str | int | ArrayLike,
        near: str | int | ArrayLike | None = None,
        radius_m: float | None = None,
        since_ns: int = 0,
        until_ns: int | None = None,
        k: int = 5,
        others: bool = False,
    ) -> list[tuple[float, StoredObservation]]:
        """What was seen that looked like this: every vector within the place and the time is compared, none is searched approximately.

        Args:
            like: an object by words or id (its own appearance is looked for), or an appearance Float[d] of the detector in use.
            near: a place by words or id, or a point Float[3] (m, map frame); None: everywhere.
            radius_m: around `near`; without it 2 m, or what the place itself measures.
            others: leave out observations of the object `like` itself ("is there another one like it?").

        Returns:
            (cosine, observation), likest first, at most `k`. Cost: O(observations within place and time), about 1 ms per 2,000.

        Raises:
            InvalidInputError: nothing or several things are called so, it has no appearance on record, no such place, or the vector is of
                another length than those on record.
        """
        from robomem.memory.telling import read_place  # here: it needs the questions, which need the store, which is below this module

        with self._guard:
            words = isinstance(like, (str, int)) and not isinstance(like, bool)
            me, vector = self._look_of(like) if words else (0, like)  # pyright: ignore[reportArgumentType]
            center, radius = np.zeros(3), EVERYWHERE_M
            if isinstance(near, (str, int)):
                place = read_place(near, self.store, self._questions)
                center, radius = place.position, radius_m or max(NEAR_M, 3.0 * place.spread_m)  # half the diagonal of a square place
            elif near is not None:
                center, radius = _point(near), radius_m or NEAR_M
            until = ALWAYS_NS if until_ns is None else until_ns
            return similar_observations(self.store, vector, center, radius, since_ns, until, k, me if others else 0)

    def _look_of(self, like: str | int) -> tuple[int, NDArray[np.float32]]:
        """(id, Float32[d]) of the object meant."""
        recall = self.find(like)
        if recall.id is None or recall.verdict == "ambiguous":
            why = f"fits several ({recall.question}); give an id" if recall.verdict == "ambiguous" else f"is not known; {recall.needs}"
            raise InvalidInputError(f"similar: {like!r} {why}")
        vector = self.store.objects()[recall.id][0].embedding
        if not vector.size or not np.any(vector):
            raise InvalidInputError(f"similar: #{recall.id} has no appearance on record; the detector that saw it gave none")
        return recall.id, vector


def _point(near: ArrayLike) -> NDArray[np.float64]:
    point = np.asarray(near, np.float64).ravel()
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InvalidInputError(f"similar: near is three finite numbers (m, map frame) or a place, got {near!r}")
    return point


def similar_observations(
    store: SqliteStore, embedding: ArrayLike, center: ArrayLike, radius_m: float, from_ns: int, to_ns: int, k: int, but: int = 0
) -> list[tuple[float, StoredObservation]]:
    """The `k` observations within `radius_m` of a point and within [from_ns, to_ns] whose appearance is most like a vector.

    An approximate index that is searched first and filtered after loses most answers of a narrow question; here nothing is approximate: the
    R*Tree leaves what is near and recent, and every vector of that is compared. Cost: O(what is near and recent).

    Args:
        embedding: Float[d], need not be of unit length.
        center: Float[3] map frame, m.
        but: an object whose observations are left out, 0 for none.

    Returns:
        (cosine, observation), likest first. Rows that fail their checksum are quarantined and the next takes their place.

    Raises:
        InvalidInputError: a vector of no length, or of another length than the store's.
    """
    v, c = np.asarray(embedding, np.float32).ravel(), np.asarray(center, np.float64)
    length = float(np.linalg.norm(v))
    if not np.isfinite(length) or length == 0.0:
        raise InvalidInputError("similar: expected a finite vector that is not zero; is the embedder running?")
    rows = store.query(CANDIDATES, {**_arguments(store, c, float(radius_m), int(from_ns), int(to_ns)), "but": but})
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
