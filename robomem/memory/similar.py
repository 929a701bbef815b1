"""What looked like this, near here, at that time: filter first in the index, then the exact cosine over what is left."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError
from robomem.memory.database import Row
from robomem.memory.packs import Ball, Found, cosines_of
from robomem.memory.records import StoredObservation
from robomem.memory.sightings import observations_of
from robomem.memory.table import OBSERVATIONS

if TYPE_CHECKING:
    from robomem.memory.questions import Questions
    from robomem.memory.sqlite_store import SqliteStore
    from robomem.types import Recall

EMBEDDING = OBSERVATIONS.columns.index("embedding")
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

    An approximate index that is searched first and filtered after loses most answers of a narrow question; here nothing is: all
    that is near and recent is compared, by bytes with a proven bound first, by the whole vectors where that leaves a doubt.
    Cost: O(what is near and recent).

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
    length = float(np.sqrt(v @ v))
    if not np.isfinite(length) or length == 0.0:
        raise InvalidInputError("similar: expected a finite vector that is not zero; is the embedder running?")
    v = v / np.float32(length)
    with store.snapshot():
        found = store.packs.within(Ball(c, float(radius_m), int(from_ns), int(to_ns)), v)
        if but:
            found = found.without(np.array(store.query("SELECT id FROM observations WHERE object_id = ?", (but,)), np.int64))
        if (found.lengths != v.size).any():
            found = found.where(found.lengths > 0)  # where the detector gave no appearance there is nothing to compare
            others = np.unique(found.lengths[found.lengths != v.size]).tolist()
            if others:
                wrong = f"those on record have {others}"
                raise InvalidInputError(f"similar: the vector has {v.size} numbers, {wrong}; use the embedder that wrote them")
        return _likest(store, found, v, k)


def _likest(store: SqliteStore, found: Found, v: NDArray[np.float32], k: int) -> list[tuple[float, StoredObservation]]:
    """The best `k`, exactly: whole vectors are read only of those whose bound reaches as high as what k others have for sure.

    Where a row turns out to be damaged, more are wanted; it is counted once.
    """
    if k < 1 or not len(found.ids):
        return []
    high, sure, want, refused = found.likes + found.bounds, found.likes - found.bounds, k, set[int]()
    while True:
        least = np.partition(sure, len(sure) - want)[len(sure) - want] if want < len(sure) else -np.inf
        among = found.ids[~(high < least)]
        rows = [row for row in store.observation_rows(among.tolist()) if row[0] not in refused and _comparable(row, v)]
        exact = cosines_of([row[EMBEDDING] for row in rows], v)
        best = list[tuple[float, Row]]()
        for i in np.lexsort(([row[0] for row in rows], -exact)).tolist():
            if len(best) == k:
                break
            if OBSERVATIONS.sound(rows[i]) or store.checked(OBSERVATIONS, rows[i]):
                best.append((float(exact[i]), rows[i]))
            else:
                refused.add(rows[i][0])
        if len(best) == k or len(among) == len(found.ids):
            return list(zip((like for like, _ in best), observations_of([row for _, row in best]), strict=True))
        want += k


def _comparable(row: Row, v: NDArray[np.float32]) -> bool:
    return type(row[EMBEDDING]) is bytes and len(row[EMBEDDING]) == 2 * len(v)
