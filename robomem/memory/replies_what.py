"""Replies about what a place holds, which rooms there are, and numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from robomem.geometry import distance_to_box
from robomem.memory import wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.recall import LIKELY, OVERLAP
from robomem.memory.spatial import GONE
from robomem.scene_graph.graph import SceneGraph
from robomem.types import ObjectView

BESIDE, NEAR_M = ("near", "by", "beside"), 0.75
BELOW_TOP_M = 0.1  # further below its top than this a thing's middle is inside


def rooms(q: Asked) -> Answer:
    """The rooms that memory knows, by name."""
    nodes, _ = q.memory.store.graph_rows()
    names = sorted(str(n["label"]) for n in nodes if n["layer"] == "room" and n["to_ns"] is None)
    if not names:
        return Answer("I know no room yet.", known=False)
    said = ", ".join(n if names.count(n) == 1 else f"{n} ({names.count(n)} of them)" for n in dict.fromkeys(names))
    return Answer(f"I know {len(names)} {'room' if len(names) == 1 else 'rooms'}: {said}.")


def contents(q: Asked) -> Answer:
    """What is (or was) on, in or at a place."""
    if q.reading.how == "under":
        return Answer("What lies under a thing I do not know: I keep what is on it, in it and near it.", known=False)
    if q.reading.how not in ("on", "in", "inside", "at", *BESIDE):
        q = replace(q, reading=replace(q.reading, how="on"))
    place = q.reading.place
    holders, rooms = q.memory.holders(place)
    if not holders and not rooms:
        return Answer(f"I know no place called 'the {place}'.", known=False)
    if q.reading.how in BESIDE and holders:
        return _beside(q, holders)
    at = None if q.when is None else q.when.to_ns
    inside = [v for v in q.memory.what_is_in(place, at) if v.kind != "agent"]
    inside = _apart(inside)
    was = "was" if q.when else "is"
    graph = q.memory.graph() if at is None else None  # made anew by a reader at each call
    if q.reading.how == "inside" or (q.reading.how == "in" and not rooms):
        inside = [v for v in inside if not _lies(q, v, "on", at, graph)] or inside
    elif q.reading.how == "on":
        inside = [v for v in inside if not _lies(q, v, "inside", at, graph)]
    if q.reading.what:
        inside = [v for v in inside if v.color == q.reading.what]
    said = f"{q.reading.how} the {re.sub(r'^(?:the|my|our)', '', place).strip()}{f' {q.when.said}' if q.when else ''}"
    if not inside:
        said = f"{q.reading.what} {said}".strip()
        return Answer(f"I know of nothing {said}; that is not to say that nothing {was} there unseen.", confidence=0.5)
    ids = _evidence(q, inside, at)
    text = wording.there(inside, said, q.when is not None)
    return Answer(text + wording.evidence(ids[:10]), evidence=ids, objects=tuple(inside))


def _beside(q: Asked, holders: Collection[int]) -> Answer:
    """What stands near a piece of furniture without being on or in it."""
    rows = q.memory.store.objects()
    near = []
    for v in q.memory.matching("everything"):
        on = rows[v.id][1].place_id in holders if v.id in rows else True
        if v.kind != "agent" and v.id not in holders and not on and v.existence >= LIKELY and v.status not in GONE:
            boxes = [rows[h][0] for h in holders if h in rows]
            near += [v] * any(float(distance_to_box(v.position, b.position, b.size, b.yaw_rad)) < NEAR_M for b in boxes)
    if not near:
        return Answer(f"I know of nothing near the {q.reading.place}.", confidence=0.5)
    ids = _evidence(q, near, None)
    text = wording.there(near, f"near the {q.reading.place}", False)
    return Answer(text + wording.evidence(ids[:10]), evidence=ids, objects=tuple(near))


def _evidence(q: Asked, views: Sequence[ObjectView], at_ns: int | None) -> tuple[int, ...]:
    """The newest observation of each; none of what is where it is by a person's word: it was seen elsewhere."""
    told = set() if at_ns is not None else {t.correction.object_id for t in q.memory.told() if not t.ended}
    return tuple(i for v in views if v.id not in told or q.memory.told_place(v.id) is None for i in q.memory.evidence_of(v.id, 1, at_ns))


def _apart(views: list[ObjectView]) -> list[ObjectView]:
    """Without a second belief in one thing: of two of one class whose bodies would be in each other, the one seen more often."""
    ranked = sorted(views, key=lambda v: (-v.support, v.id))
    kept: list[ObjectView] = []
    for v in ranked:
        width = float(min(v.size[:2]))
        if not any(o.label == v.label and float(np.linalg.norm(o.position - v.position)) < OVERLAP * width for o in kept):
            kept.append(v)
    ids = {v.id for v in kept}
    return [v for v in views if v.id in ids]


def _lies(q: Asked, view: ObjectView, relation: str, at_ns: int | None, graph: SceneGraph | None) -> bool:
    """True if that is how its furniture holds it (or held it at a time); well below the top of what can be shut, it lies in it."""
    if at_ns is None:
        up = graph.parent(view.id) if graph is not None else None
        holder, inside, height = (up[0] if up else None), up is not None and up[1] == "inside", float(view.position[2])
    else:
        stay = next(iter(s for s in q.memory.store.stays(view.id, at_ns)), None)
        if stay is None:
            return False
        holder, inside, height = stay.place.place_id, stay.place.holder.startswith("in the "), float(stay.position[2])
    row = q.memory.store.objects().get(q.memory.store.resolve(holder)) if holder is not None else None
    if row is not None and q.memory.ontology.prior(row[0].label).openable:
        inside = height < float(row[0].position[2] + row[0].size[2] / 2) - BELOW_TOP_M
    return holder is not None and inside is (relation == "inside")


def how_many(q: Asked) -> Answer:
    """How many of a kind there are (or were); those that probably are not there any more are named beside it."""
    what = re.sub(r"\b(?:are|is|do|you|there|we|have|know|see|of|i)\b", " ", q.reading.what)
    at = q.now_ns if q.when is None else q.when.to_ns
    fit = q.memory.matching(f"all {' '.join(what.split())}", at)
    views = [v for v in fit if _counts(q, v)]
    ids = _evidence(q, views, None)
    lost = [v for v in fit if v not in views and 0.0 < v.existence < LIKELY and q.when is None]
    more = f" Besides, {_each(q, lost)}." if lost else ""
    if not views:
        why = _each(q, lost) or q.memory.find(q.reading.what).needs or "none is likely to be there now"
        return Answer(f"None that I know of: {why}.", confidence=0.5)
    return Answer(f"{len(views)}: {_each(q, views)}.{more}{wording.evidence(ids[:10])}", evidence=ids, objects=tuple(views))


def _each(q: Asked, views: Sequence[ObjectView]) -> str:
    """ "#12 on the desk; #14 probably on the shelf (62%)"; of a past time the place of now would be beside the point."""
    said = [(v, q.memory.place_words(v.id)) for v in views[: wording.MAX_LINES]]
    return "; ".join(f"#{v.id} {wording.placed(place, v.existence) if place and q.when is None else place}".strip() for v, place in said)


def _counts(q: Asked, view: ObjectView) -> bool:
    """Is it one of those that are there? In the home as a whole it is until it is missed: what may have been moved is still somewhere."""
    if view.existence >= LIKELY or q.when is not None or q.reading.room or q.reading.place:
        return view.existence >= LIKELY
    now = next((v for v in q.memory.objects() if v.id == view.id), None)
    return now is not None and now.status not in GONE and now.status != "tentative" and now.existence >= LIKELY
