"""Replies about habits: where a thing usually is, and where it will be."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from robomem.clock import NS_PER_S
from robomem.memory import wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.records import PlaceWords
from robomem.memory.replies_where import alike, newest
from robomem.memory.timewords import zone
from robomem.types import PlaceProbability, Recall

SIGHTINGS = 20_000  # newest ones looked at
SHOWN = 3
LEAST_DAYS = 2  # of a habit
CLEARLY = 1.15  # so much likelier than the next is the place that is named; chosen on the tuning homes
AROUND_H = 1.5  # so near to a time of day is at that time
OTHER_DAYS, FAR_H = 0.4, 6.0  # weight of other days in what is expected so many hours ahead: what came true most often, homes 101 and 102
ONE_PLACE_M = 1.2  # two things seen on the same piece of furniture are this near, or are at two ends that one name covers


def usually(q: Asked) -> Answer:
    """The places a thing was seen at, by share of days; within a part of the day if one is said."""
    recall = newest(q, q.memory.find(q.reading.what), alike=True)
    if not recall.found or recall.id is None:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    rows, days = _shares(q, alike(q, recall), q.reading.hours)
    who, hours = wording.name(recall, q.color(recall)), q.reading.hours
    said = f" between {hours[0] % 24}:00 and {hours[1] % 24}:00" if hours else ""
    if rows and (days < LEAST_DAYS or _close(rows)):
        return _unsure(recall, rows, f"by {days} {'day' if days == 1 else 'days'} on which I saw {who}{said}")
    if not rows:
        return Answer(f"I have not seen {who}{said} often enough to say.", recall, recall.evidence, known=False)
    listed = ", ".join(f"{_named(p)} ({p.probability:.0%})" for p in wording.by_name(rows)[:SHOWN])
    text = f"{who[:1].upper()}{who[1:]} usually is {listed}{said}, by {days} {'day' if days == 1 else 'days'} on which I saw it."
    return Answer(text + wording.evidence(recall.evidence), recall, recall.evidence, places=tuple(rows), confidence=rows[0].probability)


def _unsure(recall: Recall, rows: Sequence[PlaceProbability], so_far: str) -> Answer:
    """What was seen on one day only is no habit, and of what is as often elsewhere no place is the usual one; said with what is known."""
    listed = ", ".join(f"{_named(p)} ({p.probability:.0%})" for p in wording.by_name(rows)[:SHOWN])
    text = f"I am not sure: {so_far} it was {listed}."
    return Answer(text + wording.evidence(recall.evidence), recall, recall.evidence, places=tuple(rows), known=False)


def _shares(q: Asked, ids: Sequence[int], hours: tuple[float, float] | None) -> tuple[list[PlaceProbability], int]:
    """Places by the share of sightings there, each day counting as one; and the number of days.

    All that the words fit counts together: what was lost and found again under another id is one habit.
    """
    memory, there = q.memory, zone(q.memory.config.memory.timezone)
    days: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    places: dict[int, tuple[PlaceWords, list[float]]] = {}
    for object_id in ids:
        stays = memory.store.stays(object_id)
        for o in memory.store.observations_of(object_id, 0, q.now_ns, SIGHTINGS):
            at = datetime.fromtimestamp(o.stamp_ns / NS_PER_S, there)
            stay = next((s for s in reversed(stays) if s.from_ns <= o.stamp_ns), None)
            if stay is None or stay.place.carried or not _within(at.hour + at.minute / 60, hours):
                continue
            key = memory.store.resolve(stay.place.place_id or stay.place.room_id or 0)
            days[at.toordinal()][key] += 1
            places[key] = (stay.place, stay.position.tolist())
    share: dict[int, float] = defaultdict(float)
    for row in days.values():
        for key, n in row.items():
            share[key] += n / sum(row.values()) / len(days)
    rows = [_row(key, *places[key], p) for key, p in sorted(share.items(), key=lambda r: (-r[1], r[0]))]
    return joined(rows), len(days)


def joined(rows: Sequence[PlaceProbability]) -> list[PlaceProbability]:
    """Places of one name in one room within an arm's reach of each other count together, likeliest first: nobody tells them apart."""
    out: list[PlaceProbability] = []
    for row in rows:
        near = (k for k, o in enumerate(out) if _alike(o, row) and _apart_m(o, row) < ONE_PLACE_M)
        k = next(near, None)
        if k is None:
            out.append(row)
        else:
            out[k] = replace(out[k], probability=out[k].probability + row.probability)
    return sorted(out, key=lambda row: -row.probability)


def _close(rows: Sequence[PlaceProbability]) -> bool:
    """True if the likeliest of the rows is hardly likelier than the next."""
    return len(rows) > 1 and rows[0].probability < CLEARLY * rows[1].probability


def _alike(a: PlaceProbability, b: PlaceProbability) -> bool:
    return (a.label, a.room, a.relation) == (b.label, b.room, b.relation)


def _apart_m(a: PlaceProbability, b: PlaceProbability) -> float:
    return math.dist(a.position.tolist(), b.position.tolist())


def _within(hour: float, hours: tuple[float, float] | None) -> bool:
    return hours is None or hours[0] <= hour < hours[1] or hours[0] <= hour + 24 < hours[1]


def _row(key: int, place: PlaceWords, position: list[float], share: float) -> PlaceProbability:
    import numpy as np

    name = place.holder.removeprefix("on the ").removeprefix("in the ") or place.room
    relation = "inside" if place.holder.startswith("in ") else "on"
    return PlaceProbability(key, name, place.room, np.array(position), share, relation, why="seen there most")


def _named(p: PlaceProbability) -> str:
    if p.label == p.room:
        return f"in the {p.room}"
    return f"{'in' if p.relation == 'inside' else 'on'} the {p.label}" + (f" in the {p.room}" if p.room else "")


def _by_other_days(q: Asked, recall: Recall, rows: Sequence[PlaceProbability]) -> list[PlaceProbability]:
    """What is expected from now on, mixed with where it was on other days at that time: the further ahead, the more these count."""
    if q.when is None:
        return list(rows)
    low, high = (datetime.fromtimestamp(t / NS_PER_S, zone(q.memory.config.memory.timezone)) for t in (q.when.from_ns, q.when.to_ns))
    first = low.hour + low.minute / 60
    span = (high - low).total_seconds() / 3600
    hours = (first - AROUND_H, first + AROUND_H) if span == 0 else (first, first + span)
    shares, days = _shares(q, alike(q, recall), hours)
    if days < LEAST_DAYS or span >= 24:
        return list(rows)
    ahead_h = ((q.when.from_ns + q.when.to_ns) // 2 - q.now_ns) / NS_PER_S / 3600
    weight = OTHER_DAYS * min(1.0, max(0.0, ahead_h / FAR_H))
    mixed = [replace(r, probability=(1 - weight) * r.probability) for r in rows]
    return joined([*mixed, *(replace(r, probability=weight * r.probability) for r in shares)])


def will_be(q: Asked) -> Answer:
    """Where it is expected to be at a time to come; common sense alone is said to be that."""
    recall = q.memory.find(q.reading.what)
    at = q.now_ns if q.when is None else (q.when.from_ns + q.when.to_ns) // 2
    rows = joined(q.memory.predict(recall.id if recall.found and recall.id is not None else q.reading.what, at))
    if recall.found and recall.verdict != "ambiguous" and rows:
        rows = _by_other_days(q, recall, rows)
    said = q.when.said if q.when is not None else "then"
    listed = ", ".join(f"{_named(p)} ({p.probability:.0%})" for p in wording.by_name(rows)[:SHOWN])
    if recall.verdict == "ambiguous" and not recall.question.startswith("I have never seen"):
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    if not recall.found:
        guess = f" Such things tend to be {listed}." if listed else ""
        return Answer(f"I do not know. I would need {recall.needs or 'a sighting of it'}.{guess}", recall, places=tuple(rows), known=False)
    who = wording.name(recall, q.color(recall))
    if not rows:
        return Answer(f"I do not know where {who} will be {said}.", recall, known=False)
    if _close(rows):
        text = f"I am not sure: {said} {who} may be {listed}.{wording.evidence(recall.evidence)}"
        return Answer(text, recall, recall.evidence, places=tuple(rows), known=False)
    shown = sum(p.probability for p in wording.by_name(rows)[:SHOWN])
    be = "probably will be" if rows[0].probability >= wording.LIKELY else "may be"
    rest = "; more likely it is elsewhere" if shown < wording.LIKELY else ""
    text = f"{said[:1].upper()}{said[1:]} {who} {be} {listed}{rest}.{wording.evidence(recall.evidence)}"
    return Answer(text, recall, recall.evidence, places=tuple(rows), confidence=rows[0].probability)
