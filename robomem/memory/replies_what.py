"""Replies about changes, about what a place holds, and about numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from robomem.memory import wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.recall import LIKELY, OVERLAP
from robomem.memory.spatial import GONE, SAME_SPOT_M
from robomem.types import Event, ObjectView


def changed(q: Asked) -> Answer:
    """What was noticed to change, everywhere or in a room."""
    room = re.sub(r"^(?:the|my|our)\s+", "", q.reading.room or q.reading.place)
    since, until = (q.when.from_ns, q.when.to_ns) if q.when else (0, q.now_ns)
    rooms = set(q.memory.store.room_names().values())
    if room and room not in rooms:
        return Answer(f"I know no room called '{room}'; I know {', '.join(sorted(rooms)) or 'no room yet'}.", known=False)
    events = [e for e in q.memory.changes(since, until, room or None) if q.memory.ontology.prior(e.label).kind != "agent"]
    new = [e for e in events if e.kind == "appeared" and not e.before.get("again") and not _known_before(q, e)]
    told = _settled(q, [e for e in events if e not in new and e.kind not in ("merged", "split", "map_corrected")])
    if q.when is not None and not q.when.first:
        told, new = sorted([*told, *new], key=lambda e: (e.stamp_ns, e.id)), []
    where = f" in the {room}" if room else ""
    first = f" I saw {len(new)} {'thing' if len(new) == 1 else 'things'} there for the first time." if new else ""
    if not told:
        return Answer(f"Nothing that I noticed changed{where}{f' {q.when.said}' if q.when else ''}.{first}", events=tuple(new))
    lines = [wording.change(e, _place_before(q, e), q.now_ns) for e in told[-wording.MAX_LINES :]]
    more = f" (and {len(told) - len(lines)} earlier changes)" if len(told) > len(lines) else ""
    ids = tuple(dict.fromkeys(i for e in told for i in e.evidence))
    text = f"{len(told)} {'change' if len(told) == 1 else 'changes'}{where}: {'; '.join(lines)}{more}.{first}{wording.evidence(ids[:10])}"
    return Answer(text, evidence=ids, events=tuple(told))


def _settled(q: Asked, events: list[Event]) -> list[Event]:
    """Without what is no change of the world.

    That is: a "removed" or "seen again" that a later or same-time "moved" of the same object explains; a holder that was taken for
    another and turned out to be the same; a thing that was there before under an id of its own.
    """
    moved = {e.object_id: e.stamp_ns for e in events if e.kind == "moved"}
    told = [e for e in events if e.kind not in ("removed", "appeared") or e.stamp_ns > moved.get(e.object_id, -1)]
    return [e for e in told if not _same_holder(q, e) and not _known_before(q, e)]


def _same_holder(q: Asked, e: Event) -> bool:
    """Another holder was named for a thing that stayed where it was (a chair before the desk), or the same under another id."""
    if e.kind != "relation_changed" or "held_by" in e.after or "held_by" in e.before:
        return False
    before, after = e.before.get("place_id"), e.after.get("place_id")
    if isinstance(before, int) and isinstance(after, int) and q.memory.store.resolve(before) == q.memory.store.resolve(after):
        return True
    here = e.after.get("position")
    stood = next(
        (s for s in q.memory.store.stays(e.object_id) if s.from_ns < e.stamp_ns and (s.to_ns is None or s.to_ns >= e.stamp_ns)), None
    )
    return stood is not None and here is not None and float(np.linalg.norm(np.asarray(here, float) - stood.position)) < SAME_SPOT_M


def _known_before(q: Asked, e: Event) -> bool:
    """It "appeared" when it had long been known: two ids that were found to be one thing."""
    if e.kind != "appeared" or e.before.get("again"):
        return False
    began, stays = e.after.get("since_ns", e.stamp_ns), q.memory.store.stays(e.object_id)
    return bool(stays) and isinstance(began, int) and stays[0].from_ns < began


def _place_before(q: Asked, event: Event) -> str:
    earlier = [s for s in q.memory.store.stays(event.object_id) if s.from_ns < event.stamp_ns and s.to_ns is not None]
    return earlier[-1].place.words if earlier else ""


def contents(q: Asked) -> Answer:
    """What is (or was) on, in or at a place."""
    if q.reading.how not in ("on", "in", "inside", "at"):
        q = replace(q, reading=replace(q.reading, how="on"))
    place = q.reading.place
    holders, rooms = q.memory.holders(place)
    if not holders and not rooms:
        return Answer(f"I know no place called 'the {place}'.", known=False)
    at = None if q.when is None else q.when.to_ns
    inside = [v for v in q.memory.what_is_in(place, at) if v.kind != "agent"]
    inside = _apart(inside)
    was = "was" if q.when else "is"
    if q.reading.how == "inside" or (q.reading.how == "in" and not rooms):
        inside = [v for v in inside if not _lies(q, v, "on", at)] or inside
    elif q.reading.how == "on":
        inside = [v for v in inside if not _lies(q, v, "inside", at)]
    said = f"{q.reading.how} the {re.sub(r'^(?:the|my|our)', '', place).strip()}{f' {q.when.said}' if q.when else ''}"
    if not inside:
        return Answer(f"I know of nothing {said}; that is not to say that nothing {was} there unseen.", confidence=0.5)
    ids = tuple(i for v in inside for i in q.memory.evidence_of(v.id, 1, at))
    text = f"{said[:1].upper()}{said[1:]} there {'were' if q.when else 'are' if len(inside) > 1 else 'is'} {wording.things(inside)}."
    return Answer(text + wording.evidence(ids[:10]), evidence=ids, objects=tuple(inside))


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


def _lies(q: Asked, view: ObjectView, relation: str, at_ns: int | None) -> bool:
    """True if that is how its furniture holds it (or held it at a time)."""
    if at_ns is None:
        up = q.memory.graph().parent(view.id)
        return up is not None and up[1] == relation
    stay = next(iter(s for s in q.memory.store.stays(view.id, at_ns)), None)
    return stay is not None and stay.place.holder.startswith("in the ") is (relation == "inside")


def how_many(q: Asked) -> Answer:
    """How many of a kind there are (or were)."""
    what = re.sub(r"\b(?:are|is|do|you|there|we|have|know|see|of|i)\b", " ", q.reading.what)
    at = q.now_ns if q.when is None else q.when.to_ns
    views = [v for v in q.memory.matching(f"all {' '.join(what.split())}", at) if _counts(q, v)]
    ids = tuple(i for v in views for i in q.memory.evidence_of(v.id, 1))
    if not views:
        return Answer(f"None that I know of: {q.memory.find(q.reading.what).needs or 'none is likely to be there now'}.", confidence=0.5)
    listed = "; ".join(f"#{v.id} {q.memory.place_words(v.id)}".strip() for v in views[: wording.MAX_LINES])
    return Answer(f"{len(views)}: {listed}.{wording.evidence(ids[:10])}", evidence=ids, objects=tuple(views))


def _counts(q: Asked, view: ObjectView) -> bool:
    """Is it one of those that are there? In the home as a whole it is until it is missed: what may have been moved is still somewhere."""
    if view.existence >= LIKELY or q.when is not None or q.reading.room or q.reading.place:
        return view.existence >= LIKELY
    now = next((v for v in q.memory.objects() if v.id == view.id), None)
    return now is not None and now.status not in GONE and now.status != "tentative" and now.existence >= LIKELY
