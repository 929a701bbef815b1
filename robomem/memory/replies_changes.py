"""Replies about changes: all that were noticed, or those of one kind ("did anything vanish"), everywhere or at a place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from robomem.memory import change_kinds, noticed, wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.change_kinds import Area
from robomem.memory.shifts import shifts
from robomem.memory.spatial import GONE
from robomem.types import Event, ObjectView

NOBODY = "Who did it I do not know: I do not tell people apart, and see nothing between my looks. "
OTHERS = 3  # changes of other kinds that are told beside the kind that was asked for
NONE_OF = {
    "appeared": "Nothing new that I noticed",
    "removed": "Nothing that I noticed vanished",
    "moved": "Nothing that I noticed moved",
    "returned": "Nothing that I noticed came back",
    "state_changed": "Nothing that I noticed was opened, shut or switched",
}
TURNED = {
    ("open", "true"): "opened",
    ("open", "false"): "shut",
    ("on", "true"): "switched on",
    ("on", "false"): "switched off",
    ("on", ""): "switched",
}
SOME_OF = {
    "appeared": ("new thing", "new things"),
    "removed": ("thing vanished", "things vanished"),
    "moved": ("move", "moves"),
    "returned": ("thing came back", "things came back"),
    "state_changed": ("thing was opened, shut or switched", "things were opened, shut or switched"),
}


def changed(q: Asked) -> Answer:
    """What was noticed to change, everywhere, in a room or on a piece of furniture; of the kinds that are asked for first."""
    area, said, refused = _area(q)
    if refused is not None:
        return refused
    told, first_seen = _noticed(q, area)
    where = f" {said}" if said else ""
    if q.reading.kinds:
        return _of_kinds(q, area, where, told, first_seen)
    first = f" I saw {len(first_seen)} {'thing' if len(first_seen) == 1 else 'things'} there for the first time." if first_seen else ""
    who = NOBODY if q.reading.asked == "who" else ""
    if not told:
        return Answer(f"{who}Nothing that I noticed changed{where}{_when(q)}.{first}", events=tuple(first_seen))
    text = f"{who}{len(told)} {'change' if len(told) == 1 else 'changes'}{where}: {_lines(q, told)}.{first}{_shown_evidence(told)}"
    return Answer(text, evidence=_evidence(told), events=tuple(told))


def _of_kinds(q: Asked, area: Area, where: str, told: Sequence[Event], first_seen: Sequence[Event]) -> Answer:
    """Those of the kinds first; the rest briefly, for who asks "anything new?" may mean any change."""
    kinds, store = q.reading.kinds, q.memory.store
    everything = sorted([*told, *first_seen], key=lambda e: (wording.happened_ns(e), e.id))
    place_new = [e for e in everything if change_kinds.place_new(store, e)]
    asked = [e for e in everything if e not in place_new and change_kinds.of_kinds(store, e, kinds, area) and _fits(q, e, area)]
    others = [e for e in told if e not in asked and e not in place_new]
    way = "from" if kinds == ("removed",) or q.reading.how in ("from", "off") else "to" if q.reading.how in ("to", "into", "onto") else ""
    where = re.sub(r"^ (?:in|on) ", f" {way} ", where) if way else where
    if not asked and any(q.reading.turned):
        text = f"Nothing that I noticed was {TURNED[q.reading.turned]}{where}{_when(q)}."
    elif not asked:
        text = f"{' and '.join(NONE_OF[k] if i == 0 else NONE_OF[k].lower() for i, k in enumerate(kinds))}{where}{_when(q)}."
    else:
        one, many = SOME_OF[kinds[0]] if len(kinds) == 1 else ("change of that kind", "changes of that kind")
        if any(q.reading.turned):
            one, many = f"thing was {TURNED[q.reading.turned]}", f"things were {TURNED[q.reading.turned]}"
        n = len(asked) if one in ("move", "change of that kind") else len({e.object_id for e in asked})
        text = f"{NOBODY if q.reading.asked == 'who' else ''}{n} {one if n == 1 else many}{where}: {_lines(q, asked)}."
    if place_new and "appeared" in kinds:
        n = len(place_new)
        text += f" {n} {'thing' if n == 1 else 'things'} I first saw when I first saw {'its place' if n == 1 else 'their places'}."
    if others:
        text += f" Besides, {len(others)} other {'change' if len(others) == 1 else 'changes'}: {_lines(q, others, OTHERS)}."
    if q.when is not None and not q.when.first:
        others += place_new  # of a time that is said they are changes
    ids = _evidence(asked or others)
    return Answer(text + _shown_evidence(asked or others), evidence=ids, events=(*asked, *others), others=len(others))


def _fits(q: Asked, e: Event, area: Area) -> bool:
    """True if a change is of the state and value that is named, and goes the way that is asked for (to, from)."""
    state, value = q.reading.turned
    if state and e.kind == "state_changed":
        return any(name.rpartition(".")[2] == state and value in ("", str(after)) for name, after in e.after.items())
    if q.reading.kinds != ("moved",) or area.whole:
        return True
    left, reached = area.left(q.memory.store, e), area.reached(q.memory.store, e)
    if q.reading.how in ("to", "into", "onto"):
        return reached and not left
    return left and not reached if q.reading.how in ("from", "off") else True


def _area(q: Asked) -> tuple[Area, str, Answer | None]:
    """Where is asked about, in words too ("in the kitchen", "on the desk"); or the answer that there is no such place."""
    said = re.sub(r"^(?:the|my|our)\s+", "", q.reading.place or q.reading.room)
    names = set(q.memory.store.room_names().values())
    if not said:
        return Area(), "", None
    if said in names:
        return Area(room=said), f"in the {said}", None
    room = q.reading.room if q.reading.place and q.reading.room in names else ""
    holders, _ = q.memory.holders(f"{said} in the {room}" if room else said) if q.reading.place else (set(), set())
    if holders:
        return Area(holders=frozenset(holders)), f"on the {said}" + (f" in the {room}" if room else ""), None
    prior = q.memory.ontology.prior(q.memory.ontology.canonical(said))
    if room and prior.kind == "furniture":
        return Area(), "", Answer(f"I know no {said} in the {room}.", known=False)
    if room:
        return Area(room=room), f"in the {room}", None
    noun = "piece of furniture" if q.reading.place and prior.kind == "furniture" else "room"
    known = f"I know no {noun} called '{said}'; I know {', '.join(sorted(names)) or 'no room yet'}."
    return Area(), "", Answer(known, known=False)


def _noticed(q: Asked, area: Area) -> tuple[list[Event], list[Event]]:
    """(Changes in time order, first sightings that are none where no time is said: the robot had to see everything once.)"""
    since, until = (q.when.from_ns, q.when.to_ns) if q.when else (0, q.now_ns)
    store = q.memory.store
    told = noticed.changes(q, since, until, area.room)
    new = [e for e in told if e.kind == "appeared" and not change_kinds.again(e)]
    told = [e for e in told if e not in new]
    if q.when is not None and not q.when.first:
        known = {e.object_id for e in told}
        unsaid = [*noticed.newcomers(q, since, until, area.room), *shifts(store, _inside(q, area), since, until)]
        told += [e for e in unsaid if e.object_id not in known]
        new = [e for e in new if e.object_id not in {e.object_id for e in unsaid}]
        told, new = sorted([*told, *new], key=lambda e: (wording.happened_ns(e), e.id)), []
    if area.holders:
        told, new = [e for e in told if area.touched(store, e)], [e for e in new if area.touched(store, e)]
    return told, new


def _inside(q: Asked, area: Area) -> list[ObjectView]:
    """Things as believed now, of one area."""
    rows = q.memory.store.objects()
    views = [v for v in q.memory.matching("everything") if area.whole or v.id in rows]
    if area.holders:
        return [v for v in views if rows[v.id][1].place_id in area.holders]
    return [v for v in views if area.whole or rows[v.id][1].room == area.room]


def _lines(q: Asked, events: Sequence[Event], most: int = wording.MAX_LINES) -> str:
    lines = [wording.change(e, noticed.place_before(q, e), q.now_ns) + _since_then(q, e) for e in events[-most:]]
    earlier = len(events) - len(lines)
    return "; ".join(lines) + (f" (and {earlier} earlier {'change' if earlier == 1 else 'changes'})" if earlier else "")


def _since_then(q: Asked, e: Event) -> str:
    """What became of a change: what vanished was found, what moved is where it had been before."""
    if change_kinds.moved_back(q.memory.store, e):
        return ", where it had been before"
    row = q.memory.store.objects().get(q.memory.store.resolve(e.object_id))
    if e.kind == "removed" and row is not None and row[0].status not in GONE and row[0].last_seen_ns > e.stamp_ns:
        return f", but was seen again {row[1].words or 'since'}".rstrip()
    return ""


def _when(q: Asked) -> str:
    return f" {q.when.said}" if q.when else ""


def _shown_evidence(events: Sequence[Event]) -> str:
    """Of the changes that are told in words: the newest."""
    return wording.evidence(_evidence(events[-wording.MAX_LINES :])[:10])


def _evidence(events: Sequence[Event]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(i for e in events for i in e.evidence))
