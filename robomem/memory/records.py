"""What memory keeps beside the types of the stages, and how each record becomes a row of plain SQLite values and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.memory.database import Row
from robomem.scene_graph.graph import IN_GRIPPER, WITH
from robomem.types import Episode, Event, ObjectView


@dataclass(frozen=True)
class PlaceWords:
    """Where something is: held ("on the counter") by node `place_id`, in room node `room_id`, which is called `room` today."""

    place_id: int | None = None
    holder: str = ""
    room_id: int | None = None
    room: str = ""

    @property
    def carried(self) -> bool:
        """In the robot's gripper or with somebody: on its way, and at no place where one would look for it."""
        return self.holder.startswith((IN_GRIPPER, WITH))

    @property
    def words(self) -> str:
        """ "on the counter in the kitchen"."""
        return " ".join(part for part in (self.holder, f"in the {self.room}" if self.room else "") if part)


@dataclass(frozen=True)
class Stay:
    """One stay of one object at one place.

    Attributes:
        from_ns: first sighting there.
        seen_ns: last sighting there.
        to_ns: when memory learned that it is there no more; None while it may still be.
        position: Float64[3] box centre, map frame, m.
        spread_m: root of the covariance trace, m.
        sightings: frames that saw it there.
        first_observation, last_observation: ids of the evidence at both ends, 0 where there is none.
    """

    id: int
    object_id: int
    from_ns: int
    seen_ns: int
    to_ns: int | None
    position: NDArray[np.float64]
    spread_m: float
    place: PlaceWords
    existence: float
    sightings: int = 1
    first_observation: int = 0
    last_observation: int = 0

    def p_there(self, at_ns: int, moves_every_h: float) -> float:
        """Probability that the object was (or will be) here at `at_ns`, given all that is known now.

        Between the last sighting and the moment it was known to be gone the departure is uniform in time (a constant move rate
        conditioned on one departure); with no such moment it is exp(-t / mean time between moves).
        """
        if at_ns < self.from_ns:
            return 0.0
        if at_ns <= self.seen_ns:
            return self.existence
        if self.to_ns is None:
            return self.existence * float(np.exp(-(at_ns - self.seen_ns) / (moves_every_h * 3.6e12)))
        if at_ns >= self.to_ns:
            return 0.0
        return self.existence * (1.0 - (at_ns - self.seen_ns) / (self.to_ns - self.seen_ns))


@dataclass(frozen=True)
class Lesson:
    """Something learned or told: one version of it.

    Attributes:
        source: who says so ("user", "task 12", "consolidation").
        support: how often it was confirmed.
        removed: True for the version that took it away (kept, so that it can be undone).
    """

    id: int
    version: int
    text: str
    source: str
    support: int
    stamp_ns: int
    removed: bool = False


@dataclass(frozen=True)
class StoredObservation:
    """One observation as the store keeps it."""

    id: int
    object_id: int
    stamp_ns: int
    label: str
    score: float
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    yaw_rad: float
    color: str
    pixels: int
    embedding: NDArray[np.float32]


def to_json(value: Any) -> str:
    """Compact JSON of plain values, numpy scalars and arrays; NaN is refused.

    Raises:
        TypeError, ValueError: a value has no JSON form.
    """
    return json.dumps(value, separators=(",", ":"), default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _blob(array: NDArray[Any], dtype: type) -> bytes:
    return np.ascontiguousarray(array, dtype).tobytes()


def _vector(x: float, y: float, z: float) -> NDArray[np.float64]:
    return np.array((x, y, z), np.float64)


def object_row(view: ObjectView, place: PlaceWords) -> Row:
    """The row of one object and of where it is."""
    x, y, z = (float(v) for v in view.position)
    sx, sy, sz = (float(v) for v in view.size)
    states = {name: [value, float(p)] for name, (value, p) in view.states.items()}
    probs = to_json({name: float(p) for name, p in view.label_probs.items()})
    return (
        int(view.id),
        view.label,
        probs,
        x,
        y,
        z,
        _blob(view.covariance, np.float64),
        sx,
        sy,
        sz,
        float(view.yaw_rad),
        float(view.existence),
        view.status,
        to_json(states),
        int(view.first_seen_ns),
        int(view.last_seen_ns),
        int(view.support),
        view.color,
        view.kind,
        _blob(view.embedding, np.float32),
        place.place_id,
        place.holder,
        place.room_id,
        place.room,
    )


def object_of(row: Row) -> tuple[ObjectView, PlaceWords]:
    """Inverse of `object_row` (a trailing crc is ignored)."""
    (
        ident,
        label,
        probs,
        x,
        y,
        z,
        covariance,
        sx,
        sy,
        sz,
        yaw,
        existence,
        status,
        states,
        first,
        last,
        support,
        color,
        kind,
        embedding,
        place_id,
        place,
        room_id,
        room,
    ) = row[:24]
    view = ObjectView(
        ident,
        label,
        json.loads(probs),
        _vector(x, y, z),
        _vector(sx, sy, sz),
        yaw,
        existence,
        status,
        {name: (value, p) for name, (value, p) in json.loads(states).items()},
        first,
        last,
        support,
        place_id,
        np.frombuffer(covariance, np.float64).reshape(3, 3),
        color,
        kind,
        np.frombuffer(embedding, np.float32),
    )
    return view, PlaceWords(place_id, place, room_id, room)


def stay_row(stay: Stay) -> Row:
    """The row of one stay."""
    x, y, z = (float(v) for v in stay.position)
    return (
        stay.id,
        stay.object_id,
        stay.from_ns,
        stay.seen_ns,
        stay.to_ns,
        x,
        y,
        z,
        float(stay.spread_m),
        stay.place.place_id,
        stay.place.holder,
        stay.place.room_id,
        stay.place.room,
        float(stay.existence),
        stay.sightings,
        stay.first_observation,
        stay.last_observation,
    )


def stay_of(row: Row) -> Stay:
    """Inverse of `stay_row`."""
    ident, thing, start, seen, end, x, y, z, spread, place_id, place, room_id, room, existence, sightings, first, last = row[:17]
    return Stay(
        ident,
        thing,
        start,
        seen,
        end,
        _vector(x, y, z),
        spread,
        PlaceWords(place_id, place, room_id, room),
        existence,
        sightings,
        first,
        last,
    )


def event_row(event: Event, room_from: int | None, room_to: int | None) -> Row:
    """The row of one event, with the ids of the rooms it left and reached (names of rooms may still change)."""
    return (
        int(event.id),
        int(event.stamp_ns),
        event.kind,
        int(event.object_id),
        event.label,
        to_json(dict(event.before)),
        to_json(dict(event.after)),
        to_json([int(i) for i in event.evidence]),
        float(event.belief),
        room_from,
        room_to,
    )


def event_of(row: Row) -> Event:
    """Inverse of `event_row`, without the rooms."""
    ident, stamp, kind, thing, label, before, after, evidence, belief = row[:9]
    return Event(ident, stamp, kind, thing, json.loads(before), json.loads(after), tuple(json.loads(evidence)), belief, label)


def episode_row(episode: Episode) -> Row:
    """The row of one episode."""
    return (
        int(episode.id),
        episode.instruction,
        int(episode.start_ns),
        int(episode.end_ns),
        episode.outcome,
        episode.summary,
        to_json([dict(step) for step in episode.steps]),
        to_json(dict(episode.cost)),
    )


def episode_of(row: Row) -> Episode:
    """Inverse of `episode_row`."""
    ident, instruction, start, end, outcome, summary, steps, cost = row[:8]
    return Episode(ident, instruction, start, end, outcome, summary, tuple(json.loads(steps)), json.loads(cost))


def lesson_row(lesson: Lesson) -> Row:
    """The row of one version of a lesson."""
    return (lesson.id, lesson.version, lesson.text, lesson.source, lesson.support, lesson.stamp_ns, int(lesson.removed))


def lesson_of(row: Row) -> Lesson:
    """Inverse of `lesson_row`."""
    ident, version, text, source, support, stamp, removed = row[:7]
    return Lesson(ident, version, text, source, support, stamp, bool(removed))
