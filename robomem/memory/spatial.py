"""Spatial memory: every stay of every object, so that the past can be asked about, and the traces recall works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from robomem.belief.motion import wander
from robomem.memory.recall import Trace
from robomem.memory.records import PlaceWords, Stay
from robomem.memory.stays import is_at
from robomem.memory.store import Located, Store
from robomem.types import ObjectView

GONE = ("missing", "removed")
SILENT_MOVE_M = {"object": 0.45, "furniture": 1.5, "agent": 1.0}  # a stay ends beyond this even when no "moved" event told of it
END_OF_TIME_NS = (1 << 63) - 1


@dataclass(frozen=True)
class Sighting:
    """An object as one frame left it: what memory is told.

    Attributes:
        moved: an event says that it moved (or that the robot took it or set it down).
        seen: this frame saw it; observations: ids of the evidence, oldest first.
        since_ns: when it was first seen where it moved to, if before this frame.
    """

    view: ObjectView
    place: PlaceWords
    moved: bool = False
    seen: bool = True
    observations: tuple[int, ...] = ()
    since_ns: int | None = None


class SpatialHistory:
    """Turns sightings into stays. The last stay of each object is cached; everything is in the store."""

    def __init__(self, store: Store, new_id: Callable[[], int]) -> None:
        self._store, self._new_id = store, new_id
        self._last: dict[int, Stay] = {}
        self.reload()

    def update(self, sightings: Iterable[Sighting], stamp_ns: int) -> None:
        """Fold one frame in."""
        rows: list[Stay] = []
        for sighting in sightings:
            rows += self._fold(sighting, stamp_ns)
        if rows:
            self._store.put_stays(rows)

    def last_place(self, object_id: int) -> PlaceWords:
        """Where an object's last stay is or was."""
        stay = self._last.get(object_id)
        return stay.place if stay else PlaceWords()

    def rename(self, places: Iterable[tuple[int, PlaceWords]]) -> None:
        """Say better where some objects are staying (a room was found, or its furniture recognised)."""
        rows = [
            self._keep(replace(stay, place=place))
            for i, place in places
            if (stay := self._last.get(i)) is not None and stay.to_ns is None and place.words
        ]
        if rows:
            self._store.put_stays(rows)

    def forget(self, object_ids: Iterable[int]) -> None:
        """Drop what is cached of these objects."""
        for i in object_ids:
            self._last.pop(i, None)

    def knows(self, object_id: int) -> bool:
        """True if a stay of an object is kept here."""
        return object_id in self._last

    def reload(self) -> None:
        """Read the store again after rows were changed behind this cache."""
        self._last = {stay.object_id: stay for stay in self._store.stays(at_ns=END_OF_TIME_NS)}

    def _fold(self, s: Sighting, stamp_ns: int) -> list[Stay]:
        last, view = self._last.get(s.view.id), s.view
        current = last if last is not None and last.to_ns is None else None
        if view.status in GONE:
            return [] if current is None else [self._keep(replace(current, to_ns=max(stamp_ns, current.seen_ns)))]
        if view.status == "tentative":
            return []
        if current is None:
            if last is not None and not s.moved and is_at(last, view.position):
                return [self._keep(self._seen_again(replace(last, to_ns=None), s, stamp_ns))]
            if last is None:
                return [self._keep(self._opened(s, view.first_seen_ns))]
            start = stamp_ns if s.since_ns is None else max(s.since_ns, last.seen_ns)
            ended = [] if last.to_ns is None or last.to_ns <= start else [replace(last, to_ns=start)]
            return [*ended, self._keep(self._opened(s, start))]
        # A merge may have told of this stay already: the thing moved there when its other id was first seen there.
        told = is_at(current, view.position) and current.place.carried == s.place.carried
        if (s.moved and not told) or _distance(current, view) > SILENT_MOVE_M[view.kind]:
            start = max(s.since_ns if s.since_ns is not None else stamp_ns, current.seen_ns)
            return [replace(current, to_ns=start), self._keep(self._opened(s, start))]
        return [self._keep(self._seen_again(current, s, stamp_ns))]

    def _keep(self, stay: Stay) -> Stay:
        self._last[stay.object_id] = stay
        return stay

    def _opened(self, s: Sighting, from_ns: int) -> Stay:
        first = s.observations[0] if s.observations else 0
        last = s.observations[-1] if s.observations else 0
        v = s.view
        return Stay(
            self._new_id(),
            v.id,
            from_ns,
            max(from_ns, v.last_seen_ns),
            None,
            v.position,
            v.spread_m,
            s.place,
            v.existence,
            max(1, v.support) if v.first_seen_ns == from_ns else 1,
            first,
            last,
        )

    def _seen_again(self, stay: Stay, s: Sighting, stamp_ns: int) -> Stay:
        """The same stay with a better position, the words of now, and one sighting more if it was seen."""
        v = s.view
        stay = replace(stay, position=v.position, spread_m=v.spread_m, place=s.place if s.place.words else stay.place)
        if not s.seen:
            return stay
        first = stay.first_observation or (s.observations[0] if s.observations else 0)
        last = s.observations[-1] if s.observations else stay.last_observation
        return replace(
            stay,
            seen_ns=max(stay.seen_ns, v.last_seen_ns),
            existence=max(stay.existence, v.existence),
            sightings=stay.sightings + 1,
            first_observation=first,
            last_observation=last,
        )

    # -- traces

    def traces_at(self, objects: Iterable[Located], at_ns: int, hours: Callable[[str], float]) -> list[Trace]:
        """What was true at `at_ns`, by what is known today: one trace per object that had been seen by then.

        Args:
            hours: mean hours between moves of a label.
        """
        stays = {stay.object_id: stay for stay in self._store.stays(at_ns=at_ns)}
        return [_past_trace(view, stays[view.id], at_ns, hours(view.label)) for view, _ in objects if view.id in stays]


def present_trace(view: ObjectView, place: PlaceWords, at_ns: int, hours: float) -> Trace:
    """What is known of an object now or in the future: its existence aged from the last sighting at the rate its kind moves."""
    age_ns = max(0, at_ns - view.last_seen_ns)
    aging = 1.0 if view.status == "held" else float(np.exp(-age_ns / (hours * 3.6e12)))
    # The covariance's largest eigenvalue; objects that are gone keep the spread they had.
    widest = float(np.linalg.eigvalsh(view.covariance)[-1]) + (0.0 if view.status == "held" else wander(age_ns))
    return Trace(
        view.id,
        view.label,
        view.label_probs,
        view.color,
        view.position,
        widest,
        place,
        view.existence * aging,
        view.last_seen_ns,
        view.status in GONE,
        view.support,
        (0, view.last_seen_ns),
        float(np.min(view.size[:2])),
        view.first_seen_ns,
    )


def _past_trace(view: ObjectView, stay: Stay, at_ns: int, hours: float) -> Trace:
    gone = stay.to_ns is not None and at_ns >= stay.to_ns
    seen_ns = min(stay.seen_ns, at_ns)
    return Trace(
        view.id,
        view.label,
        view.label_probs,
        view.color,
        stay.position,
        stay.spread_m**2,
        stay.place,
        stay.p_there(at_ns, hours),
        seen_ns,
        gone,
        max(stay.sightings, 1),
        (stay.from_ns, seen_ns),
        float(np.min(view.size[:2])),
    )


def _distance(stay: Stay, view: ObjectView) -> float:
    return float(np.linalg.norm(stay.position - view.position))
