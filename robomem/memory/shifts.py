"""Small shifts: a thing that stayed where it was kept, but not on the very spot, by what was seen of it before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from robomem.clock import NS_PER_S
from robomem.memory.records import StoredObservation
from robomem.memory.store import Store
from robomem.types import Event, ObjectView

# The median of a visit's sightings of a thing that stands still lies within 0.04 m of the next visit's in 95 %, 0.08 m in 99.5 % of
# 1,780 visits (homes 100 to 102 of the simulated weeks): depth noise and a drifting localiser.
SHIFT_M = 0.08
SHIFT_SHARE = 0.3  # of its longer side: what is large is seen from one side only
WHOLE = 0.8  # of its longer side: less is a part of it
VISIT_NS = 600 * NS_PER_S  # sightings within this are one visit
LEAST = 3  # sightings of a visit that say where a thing is
SIGHTINGS = 300  # newest ones looked at


def shifts(store: Store, views: Iterable[ObjectView], since_ns: int, until_ns: int) -> list[Event]:
    """Things that were shifted in a time without leaving their place, as "moved" events (id 0: none of them is on record), by time.

    Args:
        views: things as believed now; of those that are gone, in a hand or not confirmed nothing is said.
    """
    found = (_shift(store, v, since_ns, until_ns) for v in views if v.kind == "object" and v.status in ("confirmed", "occluded"))
    return sorted((e for e in found if e is not None), key=lambda e: (e.stamp_ns, e.object_id))


def _shift(store: Store, view: ObjectView, since_ns: int, until_ns: int) -> Event | None:
    stays = store.stays(view.id)
    if not stays or stays[-1].to_ns is not None or stays[-1].from_ns > since_ns or stays[-1].place.carried:
        return None
    stay = stays[-1]
    before = next(_visits(store.observations_of(view.id, stay.from_ns, since_ns, SIGHTINGS), view), None)
    later = list(_visits(store.observations_of(view.id, since_ns + 1, until_ns, SIGHTINGS), view))
    limit = max(SHIFT_M, SHIFT_SHARE * float(np.max(view.size[:2])))
    if before is None or not later or _apart(before, later[0]) < limit:
        return None
    first = later[0]
    for visit in later:  # newest first: back to when it was first seen on its new spot
        if _apart(before, visit) < limit:
            break
        first = visit
    told = {"place": stay.place.words, "place_id": stay.place.place_id}
    old, new = ({"position": _middle(v).round(4).tolist(), **told} for v in (before, first))
    return Event(0, first[-1].stamp_ns, "moved", view.id, old, new, tuple(o.id for o in first), view.existence, view.label)


def _visits(rows: Sequence[StoredObservation], view: ObjectView) -> Iterator[list[StoredObservation]]:
    """Sightings of the whole thing by its name, newest first, by visit; too few say nothing of where it is."""
    whole = WHOLE * float(np.max(view.size[:2]))
    named = [o for o in rows if o.label == view.label and float(np.max(o.size[:2])) >= whole]
    number = np.cumsum([False] + [a.stamp_ns - b.stamp_ns > VISIT_NS for a, b in pairwise(named)]).tolist()
    for _, group in groupby(zip(number, named, strict=False), key=lambda row: row[0]):
        visit = [o for _, o in group]
        if len(visit) >= LEAST:
            yield visit


def _middle(visit: Sequence[StoredObservation]) -> NDArray[np.float64]:
    return np.median([o.position for o in visit], axis=0)


def _apart(a: Sequence[StoredObservation], b: Sequence[StoredObservation]) -> float:
    """Distance on the floor plan, m."""
    return float(np.linalg.norm((_middle(a) - _middle(b))[:2]))
