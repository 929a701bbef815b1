"""Replies about one thing's place: where it is, was, has been, and when it was last seen."""

from __future__ import annotations

import re
from dataclasses import replace

from robomem.memory import wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.records import Stay
from robomem.memory.timewords import When
from robomem.types import Recall

SHOWN = 3  # places named for something that moved
NEVER_SEEN = "I have never seen"  # begins the question about a word that only something related fits


def where_is(q: Asked) -> Answer:
    """Where it is now, or where it was if a time is said."""
    if q.when is not None:
        return where_was(q)
    recall = q.memory.find(q.reading.what)
    if recall.found and len(recall.candidates) > 1 and q.memory.asks_for_several(q.reading.what):
        lines = "; ".join(
            f"the {c.color + ' ' if c.color else ''}{c.label} (#{c.id}) "
            f"{wording.placed(wording.spot(c.place, c.position.tolist()), c.p_still_there)}"
            for c in recall.candidates
        )
        return Answer(f"I know {len(recall.candidates)}: {lines}.{wording.evidence(recall.evidence)}", recall, recall.evidence)
    likely = []
    if recall.verdict == "moved_since_seen" and recall.id is not None:
        likely = [p for p in wording.by_name(q.memory.predict(recall.id))[:SHOWN] if p.probability >= 0.05]
    told = q.memory.told_place(recall.id) if recall.id is not None else None
    by = "" if told is None else told.source
    return Answer(wording.whereabouts(recall, q.color(recall), q.now_ns, likely, by), recall, recall.evidence)


def is_at(q: Asked) -> Answer:
    """Is (or was) it at a place: yes or no, with where it was seen."""
    recall = q.memory.find(q.reading.what) if q.when is None else q.memory.where_was(q.reading.what, q.when.to_ns)
    holders, rooms = q.memory.holders(q.reading.place)
    if not holders and not rooms:
        return Answer(f"I know no place called '{q.reading.place}'.", recall, known=False)
    if not recall.found or recall.verdict == "ambiguous":
        answer = replace(q, reading=replace(q.reading, place=""))
        return replace(where_is(answer), known=False)
    stays = [s for s in q.stays(recall) if q.when is None or (s.from_ns <= q.when.to_ns and s.seen_ns >= q.when.from_ns)]
    here = [s for s in stays if s.place.place_id in holders or s.place.room_id in rooms]
    last = recall.place_id in holders or any(recall.place.endswith(f"in the {name}") for i, name in _names(q) if i in rooms)
    yes = last or (q.when is not None and q.when.from_ns < q.when.to_ns and bool(here))
    sure = recall.verdict == "found" or (yes and not last)
    told = where_is(replace(q, reading=replace(q.reading, place="")))
    return replace(
        told, text=f"{('Yes' if yes else 'No') if sure else 'I am not sure'}: {told.text}", yes=yes if sure else None, known=sure
    )


def _names(q: Asked) -> list[tuple[int, str]]:
    return list(q.memory.store.room_names().items())


def where_was(q: Asked) -> Answer:
    """At a time said; without one, or over an interval, every stay is told."""
    what, when = q.reading.what, q.when
    if when is None:
        return where_been(q)
    if when.first or when.before:
        return _where_before(q, what, when)
    recall = q.memory.where_was(what, when.to_ns)
    text = wording.was_there(recall, q.color(recall), when.said)
    stays = [s for s in q.stays(recall) if s.from_ns <= when.to_ns and s.seen_ns >= when.from_ns]
    if when.from_ns < when.to_ns and len(stays) > 1:
        text += f" In that time it was {_journey(stays, q.now_ns)}."
    return Answer(text, recall, recall.evidence)


def _where_before(q: Asked, what: str, when: When) -> Answer:
    """ "at the start": its first stay; "before it was moved": the stay before the present one; "before X": when the task X began."""
    known = q.memory.find(what)
    stays = q.stays(known)
    if known.id is None or not stays:
        return Answer(wording.was_there(known, "", when.said), known)
    subject = known.id if known.verdict != "ambiguous" else what
    if when.first:
        at = stays[0].seen_ns
    elif re.search(r"\b(?:it|that|mov\w+|took|taken|carried|put)\b", when.before):
        ended = [s for s in stays if s.to_ns is not None]
        if not ended:
            still = wording.name(known, q.color(known))
            return Answer(f"I have not seen {still} move.{wording.evidence(known.evidence)}", known, known.evidence)
        at = ended[-1].seen_ns
    else:
        episodes = q.memory.episodes(when.before, 1)
        if not episodes:
            return Answer(f"I do not know of '{when.before}': no task of mine and no move is called that.", known)
        at = episodes[0].start_ns
    recall = q.memory.where_was(subject, at)
    return Answer(wording.was_there(recall, q.color(recall), when.said), recall, recall.evidence)


def where_been(q: Asked) -> Answer:
    """Every place it was seen to stay at, in time order."""
    recall = q.memory.find(q.reading.what)
    stays = q.stays(recall)
    if not recall.found or not stays:
        return Answer(wording.whereabouts(recall, q.color(recall), q.now_ns, ()), recall, recall.evidence)
    ids = tuple(dict.fromkeys(i for s in stays for i in (s.first_observation, s.last_observation) if i))
    who = wording.name(recall, q.color(recall))
    return Answer(f"{who[:1].upper()}{who[1:]} was {_journey(stays, q.now_ns)}.{wording.evidence(ids)}", recall, ids)


def _journey(stays: list[Stay], now_ns: int) -> str:
    return ", then ".join(
        f"{wording.spot(s.place.words, s.position.tolist())} (last seen there {wording.ago(s.seen_ns, now_ns)})" for s in stays
    )


def seen(q: Asked) -> Answer:
    """Has it ever been seen, and where it is."""
    recall = q.memory.find(q.reading.what)
    if recall.verdict == "unknown":
        return Answer(f"No. I would need {recall.needs}.", recall, known=False, yes=False)
    answer = where_is(replace(q, reading=replace(q.reading, when=None)))
    unsure = recall.verdict == "ambiguous" and recall.question.startswith(NEVER_SEEN)
    # Of one place it asks about now: what is probably not there any more is no "yes".
    doubted = recall.verdict == "moved_since_seen" and q.reading.asked != "ever" and bool({"room", "place"} & {*recall.narrowed_by})
    if doubted:
        return replace(answer, text=f"I am not sure: {answer.text}", known=False, yes=None)
    text = answer.text if recall.verdict == "ambiguous" else f"Yes. {answer.text}"
    return replace(answer, text=text, known=not unsure, yes=None if unsure else True)


def when_last(q: Asked) -> Answer:
    """When it was seen last, and where; of several that the words fit, the one seen last."""
    recall = newest(q, q.memory.find(q.reading.what))
    if not recall.found:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    who = wording.name(recall, q.color(recall))
    where = wording.spot(recall.place, None if recall.position is None else recall.position.tolist())
    return Answer(
        f"I last saw {who} {wording.ago(recall.last_seen_ns or 0, q.now_ns)}, {where}.{wording.evidence(recall.evidence)}",
        recall,
        recall.evidence,
        stamp_ns=recall.last_seen_ns,
    )


def since(q: Asked) -> Answer:
    """Since when it is (or was last) at a place, or where it is now: when it was first seen there, and where it was seen before that."""
    recall = newest(q, q.memory.find(q.reading.what), alike=True)
    stays = q.stays(recall)
    if not recall.found or not stays:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    who, there = wording.name(recall, q.color(recall)), stays
    if q.reading.place:
        holders, rooms = q.memory.holders(q.reading.place)
        if not holders and not rooms:
            return Answer(f"I know no place called '{q.reading.place}'.", recall, known=False)
        there = [s for s in stays if s.place.place_id in holders or s.place.room_id in rooms]
        if not there:
            return Answer(f"I have never seen {who} {q.reading.how or 'on'} the {q.reading.place}.", recall, known=False)
    stay = there[-1]
    before = [s for s in stays if s.from_ns < stay.from_ns]
    verb = "has been" if stay.to_ns is None else "was"
    spot = wording.spot(stay.place.words, stay.position.tolist())
    text = f"{who[:1].upper()}{who[1:]} {verb} {spot} since {q.clock(stay.from_ns)} ({wording.ago(stay.from_ns, q.now_ns)}) at the latest"
    text += "" if stay.to_ns is None else f", until I last saw it there {wording.ago(stay.seen_ns, q.now_ns)}"
    if before:
        text += f"; before that I last saw it {_journey(before[-1:], q.now_ns).replace('last seen there ', '')}"
    else:
        text += ", when I first saw it"
    ids = tuple(dict.fromkeys(i for s in (*before[-1:], stay) for i in (s.first_observation, s.last_observation) if i))
    return Answer(f"{text}.{wording.evidence(ids)}", recall, ids, stamp_ns=stay.from_ns)


def newest(q: Asked, recall: Recall, alike: bool = False) -> Recall:
    """Of several things that one description fits, the one that was seen last: "when did you last see a cup" needs no asking back.

    Args:
        alike: only where no colour tells them apart.
    """
    if recall.verdict != "ambiguous" or recall.question.startswith(NEVER_SEEN):
        return recall
    if alike and len({c.color for c in recall.candidates}) > 1:
        return recall
    each = [q.memory.find(c.id) for c in recall.candidates]
    best = max(each, key=lambda r: r.last_seen_ns or 0)
    return replace(best, candidates=recall.candidates)


def alike(q: Asked, recall: Recall) -> list[int]:
    """Ids of all that the words fit as well as the one recalled, what is gone too: a thing lost and found again may have had several."""
    color = q.color(recall)
    return sorted({recall.id or 0, *(v.id for v in q.memory.matching(q.reading.what) if v.color == color)})


def when_last_at(q: Asked) -> Answer:
    """When it was last seen at one place, whether it still is there or not."""
    recall = newest(q, q.memory.find(q.reading.what), alike=True)
    if not recall.found:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    holders, rooms = q.memory.holders(q.reading.place)
    who, place = wording.name(recall, q.color(recall)), f"{q.reading.how or 'on'} the {q.reading.place}"
    if not holders and not rooms:
        return Answer(f"I know no place called '{q.reading.place}'.", recall, known=False)
    stays = [s for i in alike(q, recall) for s in q.memory.store.stays(i)]
    there = [s for s in stays if s.place.place_id in holders or s.place.room_id in rooms]
    if not there:
        return Answer(f"I have never seen {who} {place}.", recall, known=False)
    last = max(there, key=lambda s: s.seen_ns)
    ids = tuple(i for i in (last.last_observation,) if i)
    text = f"I last saw {who} {place} {wording.ago(last.seen_ns, q.now_ns)} ({q.clock(last.seen_ns)}).{wording.evidence(ids)}"
    return Answer(text, recall, ids, stamp_ns=last.seen_ns)
