"""Questions in English, answered from memory with evidence; what is not understood is said so, never guessed at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from robomem.errors import InvalidInputError
from robomem.memory import wording
from robomem.memory.query import ANYTHING, clean_words
from robomem.memory.recall import LIKELY
from robomem.memory.records import Stay
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.timewords import When, resolve
from robomem.types import Event, ObjectView, Recall

EXAMPLES = (
    "where is the mug",
    "where was the mug at the start",
    "what changed in the kitchen since this morning",
    "what is on the table",
    "how many cups are there",
    "when did you last see the keys",
)
POLITE = re.compile(
    r"^(?:please|hey|ok|okay|so|and|robot|can you|could you|would you|do you know|tell me|say|show me|i wonder)\b[\s,]*"
    r"|\bplease\b|\bright now\b|\bcurrently\b|\bnow\b"
)
SHOWN = 3  # places named for something that moved


@dataclass(frozen=True)
class Answer:
    """What memory says.

    Attributes:
        recall: the answer contract, where the question is about one thing's place.
        evidence: ids of the observations (and of the observations behind the events) it rests on.
        objects, events: what was counted, listed or reported.
        understood: False if the sentence is no question memory can read.
    """

    text: str
    recall: Recall | None = None
    evidence: tuple[int, ...] = ()
    objects: tuple[ObjectView, ...] = ()
    events: tuple[Event, ...] = ()
    understood: bool = True


def ask(memory: RobotMemory, sentence: str) -> Answer:
    """Answer an English question: where something is or was, what changed, what is where, how many, seen or not, when last."""
    now = memory.now_ns()
    words = re.sub(r"[?!.,;]+(?=\s|$)", " ", clean_words(sentence))
    when = resolve(" ".join(words.split()), now, memory.config.memory.timezone)
    rest = when.rest if when else words
    for _ in range(3):
        rest = " ".join(POLITE.sub(" ", rest).split())
    for pattern, reply in _QUESTIONS:
        found = re.search(pattern, rest)
        if found:
            try:
                return reply(_Asked(memory, now, when), found)
            except InvalidInputError:  # a question about nothing ("where is the")
                break
    return _lost(sentence)


def _lost(sentence: str) -> Answer:
    said = clean_words(sentence)[:60]
    return Answer(f"I do not understand '{said}'; try {', '.join(repr(e) for e in EXAMPLES)}.", understood=False)


@dataclass(frozen=True)
class _Asked:
    """A question being answered: the memory, the time it is asked at, the time it asks about."""

    memory: RobotMemory
    now_ns: int
    when: When | None

    def color(self, recall: Recall) -> str:
        return next((c.color for c in recall.candidates if c.id == recall.id), "")

    def stays(self, recall: Recall) -> list[Stay]:
        return self.memory.store.stays(recall.id) if recall.id is not None else []


def _where_is(q: _Asked, found: re.Match[str]) -> Answer:
    if q.when is not None:
        return _where_was(q, found)
    recall = q.memory.find(found["what"])
    if recall.found and len(recall.candidates) > 1 and q.memory.asks_for_several(found["what"]):
        lines = "; ".join(
            f"the {c.color + ' ' if c.color else ''}{c.label} (#{c.id}) {wording.spot(c.place, c.position.tolist())} "
            f"({c.p_still_there:.0%} sure)"
            for c in recall.candidates
        )
        return Answer(f"I know {len(recall.candidates)}: {lines}.{wording.evidence(recall.evidence)}", recall, recall.evidence)
    likely = []
    if recall.verdict == "moved_since_seen" and recall.id is not None:
        likely = [p for p in q.memory.predict(recall.id)[:SHOWN] if p.probability >= 0.05]
    told = q.memory.told_place(recall.id) if recall.id is not None else None
    by = "" if told is None else told.source
    return Answer(wording.whereabouts(recall, q.color(recall), q.now_ns, likely, by), recall, recall.evidence)


def _where_was(q: _Asked, found: re.Match[str]) -> Answer:
    """At a time said; without one, or over an interval, every stay is told."""
    what, when = found["what"], q.when
    if when is None:
        return _where_has_been(q, found)
    if when.first or when.before:
        return _where_before(q, what, when)
    recall = q.memory.where_was(what, when.to_ns)
    text = wording.was_there(recall, q.color(recall), when.said)
    stays = [s for s in q.stays(recall) if s.from_ns <= when.to_ns and s.seen_ns >= when.from_ns]
    if when.from_ns < when.to_ns and len(stays) > 1:
        text += f" In that time it was {_journey(stays, q.now_ns)}."
    return Answer(text, recall, recall.evidence)


def _where_before(q: _Asked, what: str, when: When) -> Answer:
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


def _where_has_been(q: _Asked, found: re.Match[str]) -> Answer:
    recall = q.memory.find(found["what"])
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


def _changed(q: _Asked, found: re.Match[str]) -> Answer:
    room = re.sub(r"^(?:the|my|our)\s+", "", found["room"] or "")
    since, until = (q.when.from_ns, q.when.to_ns) if q.when else (0, q.now_ns)
    rooms = set(q.memory.store.room_names().values())
    if room and room not in rooms:
        return Answer(f"I know no room called '{room}'; I know {', '.join(sorted(rooms)) or 'no room yet'}.")
    events = [e for e in q.memory.changes(since, until, room or None) if q.memory.ontology.prior(e.label).kind != "agent"]
    new = [e for e in events if e.kind == "appeared" and not e.before.get("again")]
    told = _settled([e for e in events if e not in new and e.kind not in ("merged", "split", "map_corrected")])
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


def _settled(events: list[Event]) -> list[Event]:
    """Without a "removed" or "seen again" that a later or same-time "moved" of the same object explains."""
    moved = {e.object_id: e.stamp_ns for e in events if e.kind == "moved"}
    return [e for e in events if e.kind not in ("removed", "appeared") or e.stamp_ns > moved.get(e.object_id, -1)]


def _place_before(q: _Asked, event: Event) -> str:
    earlier = [s for s in q.memory.store.stays(event.object_id) if s.from_ns < event.stamp_ns and s.to_ns is not None]
    return earlier[-1].place.words if earlier else ""


def _what_is(q: _Asked, found: re.Match[str]) -> Answer:
    place = found["place"]
    holders, rooms = q.memory.holders(place)
    if not holders and not rooms:
        return Answer(f"I know no place called '{place}'.")
    at = None if q.when is None else q.when.to_ns
    inside = [v for v in q.memory.what_is_in(place, at) if v.kind != "agent"]
    was = "was" if q.when else "is"
    if found["how"] == "inside" or (found["how"] == "in" and not rooms):
        inside = [v for v in inside if not _lies_on(q, v)] or inside
    said = f"{found['how']} the {re.sub(r'^(?:the|my|our)', '', place).strip()}{f' {q.when.said}' if q.when else ''}"
    if not inside:
        return Answer(f"I know of nothing {said}; that is not to say that nothing {was} there unseen.")
    ids = tuple(i for v in inside for i in q.memory.evidence_of(v.id, 1, at))
    text = f"{said[:1].upper()}{said[1:]} there {'were' if q.when else 'are' if len(inside) > 1 else 'is'} {wording.things(inside)}."
    return Answer(text + wording.evidence(ids[:10]), evidence=ids, objects=tuple(inside))


def _lies_on(q: _Asked, view: ObjectView) -> bool:
    up = q.memory.graph().parent(view.id)
    return up is not None and up[1] == "on"


def _how_many(q: _Asked, found: re.Match[str]) -> Answer:
    what = re.sub(r"\b(?:are|is|do|you|there|we|have|know|see|of|i)\b", " ", found["what"])
    at = q.now_ns if q.when is None else q.when.to_ns
    views = [v for v in q.memory.matching(f"all {' '.join(what.split())}", at) if v.existence >= LIKELY]
    ids = tuple(i for v in views for i in q.memory.evidence_of(v.id, 1))
    if not views:
        return Answer(f"None that I know of: {q.memory.find(found['what']).needs or 'none is likely to be there now'}.")
    listed = "; ".join(f"#{v.id} {q.memory.place_words(v.id)}".strip() for v in views[: wording.MAX_LINES])
    return Answer(f"{len(views)}: {listed}.{wording.evidence(ids[:10])}", evidence=ids, objects=tuple(views))


def _seen(q: _Asked, found: re.Match[str]) -> Answer:
    recall = q.memory.find(found["what"])
    if recall.verdict == "unknown":
        return Answer(f"No. I would need {recall.needs}.", recall)
    answer = _where_is(replace(q, when=None), found)
    return replace(answer, text=answer.text if recall.verdict == "ambiguous" else f"Yes. {answer.text}")


def _last_seen(q: _Asked, found: re.Match[str]) -> Answer:
    recall = q.memory.find(found["what"])
    if not recall.found:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall)
    who = wording.name(recall, q.color(recall))
    where = wording.spot(recall.place, None if recall.position is None else recall.position.tolist())
    return Answer(
        f"I last saw {who} {wording.ago(recall.last_seen_ns or 0, q.now_ns)}, {where}.{wording.evidence(recall.evidence)}",
        recall,
        recall.evidence,
    )


_THING = r"(?P<what>.+)"
_ANY = "|".join(sorted(ANYTHING))
# The first that fits is taken.
_QUESTIONS: tuple[tuple[str, Callable[[_Asked, re.Match[str]], Answer]], ...] = (
    (rf"^when (?:did|have) (?:you|i|we|anyone) (?:last )?(?:see|seen|saw|notice) {_THING}$", _last_seen),
    (rf"^when (?:was|were) {_THING} (?:last )?seen(?: last)?$", _last_seen),
    (r"^what(?:'s| is| has| have|)? ?(?:changed|change|happened|moved|different|new|changes)(?: (?:in|inside) (?P<room>.+))?$", _changed),
    (r"^(?:did|has) anything (?:change|changed|move|moved|happen|happened)(?: (?:in|inside) (?P<room>.+))?$", _changed),
    (
        rf"^(?:what(?:'s| is| are| was| were)?|(?:which|list|what)? ?(?:the )?(?:{_ANY})(?: (?:is|are|was|were))?)"
        r"(?: there)? (?P<how>on|in|inside|at) (?P<place>.+)$",
        _what_is,
    ),
    (rf"^how many {_THING}$", _how_many),
    (rf"^count (?:the |all )?{_THING}$", _how_many),
    (rf"^where (?:has|have|had) {_THING} been$", _where_has_been),
    (rf"^where (?:was|were|did (?:i|you|we) (?:put|leave|see)) {_THING}$", _where_was),
    (rf"^where(?:'s| is| are| can i find| could i find| do i find| might| would|) {_THING}?(?: be)?$", _where_is),
    (rf"^(?:find|locate|look up) {_THING}$", _where_is),
    (rf"^(?:have|did) you (?:ever )?(?:seen|see|notice|noticed|find|found) {_THING}$", _seen),
    (rf"^(?:is|are) there (?:any )?{_THING}$", _seen),
    (rf"^do (?:you|we|i) (?:have|know|own|see) (?:of )?(?:any )?{_THING}$", _seen),
)
