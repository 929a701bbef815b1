"""What was noticed to change: the events on record without what is no change of the world, each at the time it was first seen so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robomem.memory.answering import Asked
from robomem.memory.change_kinds import again
from robomem.memory.recall import DOUBTED
from robomem.memory.shifts import SHIFT_M
from robomem.memory.stays import SAME_SPOT_M, is_at
from robomem.memory.wording import happened_ns
from robomem.types import Event, ObjectView

NO_CHANGE = ("merged", "split", "map_corrected")  # of what is known, not of the world


def changes(q: Asked, since_ns: int, until_ns: int, room: str = "", object_id: int | None = None) -> list[Event]:
    """Changes of a time, of people none, everywhere or in a room, of everything or of one object."""
    rows = [e for e in q.memory.changes(since_ns, None, room or None) if object_id in (None, e.object_id)]
    rows = [_by_its_name(q, e) for e in rows if e.kind not in NO_CHANGE and q.memory.ontology.prior(e.label).kind != "agent"]
    return settled(q, [e for e in rows if since_ns <= happened_ns(e) <= until_ns], rows)


def newcomers(q: Asked, since_ns: int, until_ns: int, room: str = "", object_id: int | None = None) -> list[Event]:
    """Things first seen in a time that are probably others which were known elsewhere, as "moved" events (id 0: not on record)."""
    out, rows = [], q.memory.store.objects()
    for view in q.memory.matching("everything"):
        if view.kind != "object" or view.status not in ("confirmed", "occluded") or object_id not in (None, view.id):
            continue
        if not since_ns <= view.first_seen_ns <= until_ns or (old := came_from(q, view)) is None:
            continue
        there, here = (rows[v.id][1] for v in (old, view))
        if room and room not in (there.room, here.room):
            continue
        before, after = (
            {"position": v.position.tolist(), "place": at.words, "place_id": at.place_id} for v, at in ((old, there), (view, here))
        )
        ids = tuple(q.memory.evidence_of(view.id, 3))
        out.append(Event(0, view.first_seen_ns, "moved", view.id, before, after, ids, view.existence, view.label))
    return out


def came_from(q: Asked, view: ObjectView) -> ObjectView | None:
    """What a newcomer probably is: something just like it that was last seen before the newcomer was, and is hardly believed in since."""
    like = [
        v
        for v in q.memory.matching("everything")
        if v.id in q.memory.store.objects()
        and (v.label, v.color) == (view.label, view.color)
        and v.last_seen_ns < view.first_seen_ns
        and v.existence < DOUBTED
    ]
    return max(like, key=lambda v: v.last_seen_ns, default=None)


def settled(q: Asked, events: Sequence[Event], all_since: Sequence[Event]) -> list[Event]:
    """Without what is no change of the world.

    That is: a "removed" or "seen again" that a later or same-time "moved" of the same object explains (of `all_since`, to the
    present); a thing missed and seen again on the very spot, under its id or after it "moved" there; a holder that was taken for another
    and turned out to be the same; a thing that was there before under an id of its own.
    """
    moved = {e.object_id: e.stamp_ns for e in all_since if e.kind == "moved"}
    told = [e for e in events if not (e.kind == "removed" or again(e)) or e.stamp_ns > moved.get(e.object_id, -1)]
    return [e for e in told if not _same_holder(q, e) and not _known_before(q, e) and not _never_left(q, e) and not _stayed(e)]


def _never_left(q: Asked, e: Event) -> bool:
    """It was missed at a spot where it was seen again, or seen again where it had been missed."""
    if e.kind != "removed" and not again(e):
        return False
    at = np.asarray((e.before if e.kind == "removed" else e.after).get("position", ()), float)
    before = [s for s in q.memory.store.stays(e.object_id) if s.from_ns < e.stamp_ns]
    if at.shape != (3,) or not before:
        return False
    return is_at(before[-1], at) and before[-1].seen_ns >= e.stamp_ns


def _by_its_name(q: Asked, e: Event) -> Event:
    """By what the thing is taken for today, which may be another name than the one it had then."""
    row = q.memory.store.objects().get(q.memory.store.resolve(e.object_id))
    return e if row is None or not row[0].label else replace(e, label=row[0].label)


def _stayed(e: Event) -> bool:
    """It "moved" less than the eye can tell, to the same place: it was lost for a while."""
    a, b = (np.asarray(x.get("position", ()), float) for x in (e.before, e.after))
    near = a.shape == b.shape == (3,) and float(np.linalg.norm(a - b)) < SHIFT_M
    return e.kind == "moved" and near and e.before.get("place_id") == e.after.get("place_id")


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
    if e.kind != "appeared" or again(e):
        return False
    began, stays = e.after.get("since_ns", e.stamp_ns), q.memory.store.stays(e.object_id)
    return bool(stays) and isinstance(began, int) and stays[0].from_ns < began


def place_before(q: Asked, event: Event) -> str:
    """Where the thing was before, in words, by the history."""
    earlier = [s for s in q.memory.store.stays(event.object_id) if s.from_ns < event.stamp_ns and s.to_ns is not None]
    return earlier[-1].place.words if earlier else ""
