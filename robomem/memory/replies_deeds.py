"""Replies about whether a thing moved, what state it is in, and what the robot itself did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from robomem.belief.states import fades
from robomem.memory import change_kinds, noticed, wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.recall import RIVAL_SHARE
from robomem.memory.replies_changes import NOBODY
from robomem.memory.replies_where import NEVER_SEEN
from robomem.memory.shifts import shifts
from robomem.memory.watching import MINUTE_NS, Watch, watches
from robomem.types import Episode, Event, ObjectView, Recall

MOVES = ("moved", "removed")
STATE_WORDS = {("open", "true"): "open", ("open", "false"): "shut", ("on", "true"): "on", ("on", "false"): "off"}
DEEDS = r"\b(?:bring|fetch|deliver|carry|get|take|put|hand|pick)\b"
SHOWN = 12
OFTEN = 3  # from so many times on, the same task is told in one line
ROUNDS = 6  # times of looking around that are named
MOMENT_NS = 2 * MINUTE_NS
STILL = 0.25  # P(still in the state last seen): below it is no answer
SURE = 0.6  # of a state: below, a few looks spoke for another value


def moved(q: Asked) -> Answer:
    """Has a thing changed its place since a time; of several that the words fit, each is answered for.

    "I have not looked since" where nobody can say.
    """
    answer = _moved(q)
    if q.reading.asked == "times" and answer.yes is not None:
        n = sum(e.kind == "moved" for e in answer.events)
        times = {0: "I saw no move", 1: "I saw one move"}.get(n, f"I saw {n} moves")
        return replace(answer, text=f"{times}, and may have missed some between my looks. {answer.text}")
    return replace(answer, text=NOBODY + answer.text) if q.reading.asked == "who" and answer.yes else answer


def _moved(q: Asked) -> Answer:
    recall = q.memory.find(q.reading.what)
    if recall.verdict == "ambiguous" and not recall.question.startswith(NEVER_SEEN):
        likely = [c.id for c in recall.candidates if c.score >= RIVAL_SHARE * recall.candidates[0].score]
        each = [_one_moved(q, q.memory.find(i)) for i in likely]
        if any(a.yes for a in each) or all(a.yes is False for a in each):
            ids = tuple(dict.fromkeys(i for a in each for i in a.evidence))
            events = tuple(e for a in each for e in a.events)
            return Answer(" ".join(a.text for a in each), recall, ids, events=events, yes=any(a.yes for a in each))
    if not recall.found:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    return _one_moved(q, recall)


def _one_moved(q: Asked, recall: Recall) -> Answer:
    assert recall.id is not None
    since, until = (q.when.from_ns, q.when.to_ns) if q.when is not None and not q.when.first else (0, q.now_ns)
    who, said = wording.name(recall, q.color(recall)), q.when.said if q.when is not None else "so far"
    told = [
        e for e in noticed.changes(q, since, until, object_id=recall.id) if e.kind in MOVES or "held_by" in e.after or change_kinds.again(e)
    ]
    told = told or noticed.newcomers(q, since, until, object_id=recall.id)
    if not told and q.when is not None and not q.when.first:
        told = shifts(q.memory.store, [v for v in q.memory.matching(f"#{recall.id}") if v.id == recall.id], since, until)
    if told:
        ids = tuple(dict.fromkeys(i for e in told for i in e.evidence))
        lines = "; ".join(wording.change(e, noticed.place_before(q, e), q.now_ns) for e in told[-SHOWN:])
        return Answer(f"Yes: {lines}.{wording.evidence(ids[:10])}", recall, ids, events=tuple(told), yes=True)
    if (recall.last_seen_ns or 0) < since:
        ago = wording.ago(recall.last_seen_ns or 0, q.now_ns)
        return Answer(f"I cannot say: I last saw {who} {ago} and have not looked since.", recall, recall.evidence, known=False)
    spot = wording.placed(wording.spot(recall.place, None), recall.p_still_there)
    be = "is" if recall.p_still_there >= wording.LIKELY else "was"
    text = f"No, I have not seen {who} move {said}: it {be} {spot}.{_namesakes(q, recall, since, until)}{wording.evidence(recall.evidence)}"
    return Answer(text, recall, recall.evidence, yes=False, confidence=recall.p_still_there)


def _namesakes(q: Asked, recall: Recall, since_ns: int, until_ns: int) -> str:
    """What moved that goes by the same name: whoever asked may have meant that one, or it is the same thing under another id."""
    if q.reading.what.startswith("#"):
        return ""
    rows = [e for e in noticed.changes(q, since_ns, until_ns) if e.label == recall.label and e.object_id != recall.id and e.kind in MOVES]
    lines = "; ".join(wording.change(e, noticed.place_before(q, e), q.now_ns) for e in rows[-2:])
    return f" But {lines}." if rows else ""


def state(q: Asked) -> Answer:
    """What state a thing or a door is (or was) in."""
    recall = q.memory.find(q.reading.what)
    if not recall.found or recall.id is None:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    who = wording.name(recall, q.color(recall))
    view = next(v for v in q.memory.matching(f"#{recall.id}") if v.id == recall.id)
    at = q.now_ns if q.when is None else q.when.to_ns
    values = _states_at(q, view, at)
    asked = {name: v for name, v in values.items() if not q.reading.asked or name.rpartition(".")[2] == q.reading.asked}
    when = f" {q.when.said}" if q.when is not None else ""
    if not asked or at < view.first_seen_ns:
        seen = [n for n in view.states if not q.reading.asked or n.rpartition(".")[2] == q.reading.asked]
        if seen and at >= view.first_seen_ns:
            return Answer(f"I am not sure: of {who} I saw too little to say.", recall, recall.evidence, known=False)
        what = f"whether {who} is {q.reading.asked}" if q.reading.asked else f"any state of {who}"
        return Answer(f"I do not know: I have never seen {what}{when and ' by then'}.", recall, recall.evidence, known=False)
    main = next((n for n in ("open", "on") if n in asked), next(iter(asked)))
    parts = ", ".join(
        f"{'' if n in ('open', 'on') else n + ' '}{STATE_WORDS.get((n.rpartition('.')[2], v), v)} ({p:.0%})" for n, (v, p) in asked.items()
    )
    lead = f"{who[:1].upper()}{who[1:]} {'was' if q.when is not None else 'is'} {parts}{when}"
    ids = recall.evidence if q.when is None else tuple(q.memory.evidence_of(recall.id, 5, at))  # of then, not of now
    text = f"{lead}: seen {wording.ago(min(view.last_seen_ns, at), q.now_ns)}.{wording.evidence(ids)}"
    return Answer(text, recall, ids, state=asked[main][0], confidence=asked[main][1])


def turned(q: Asked) -> Answer:
    """When a door was last opened or shut, or a thing switched; of a time, whether it was."""
    recall = q.memory.find(q.reading.what)
    if not recall.found or recall.id is None:
        return Answer(wording.whereabouts(recall, "", q.now_ns, ()), recall, known=False)
    name, value = q.reading.turned
    since, until = (q.when.from_ns, q.when.to_ns) if q.when is not None and not q.when.first else (0, q.now_ns)
    rows = [e for e in q.memory.changes(since, until) if e.object_id == recall.id and e.kind == "state_changed"]
    rows = [e for e in rows if any(k.rpartition(".")[2] == name and str(v) == value for k, v in e.after.items())]
    who, verb = wording.name(recall, q.color(recall)), wording.TURNED[name, value]
    said = f" {q.when.said}" if q.when is not None else ""
    if not rows:
        text = f"I have not noticed that {who} {verb}{said}."
        return Answer(text, recall, known=q.when is not None, yes=False if q.when is not None else None, confidence=0.5)
    last = rows[-1]
    before = [e.stamp_ns for e in rows[:-1]][-2:]
    more = f"; before that {', '.join(q.clock(t) for t in before)}" if before else ""
    text = f"{who[:1].upper()}{who[1:]} {verb} {wording.ago(last.stamp_ns, q.now_ns)} ({q.clock(last.stamp_ns)}), as I noticed{more}."
    ids = tuple(dict.fromkeys(i for e in rows[-3:] for i in e.evidence))
    return Answer(text + wording.evidence(ids[:10]), recall, ids, events=tuple(rows), yes=True, stamp_ns=last.stamp_ns)


def _states_at(q: Asked, view: ObjectView, at_ns: int) -> dict[str, tuple[str, float]]:
    """Name -> (value, probability) of each state as it was at a time, by the changes on record; what is not surer than SURE is not said."""
    changes = [e for e in q.memory.changes(0, None) if e.object_id == view.id and e.kind == "state_changed"]
    if q.when is None:
        return _last_seen_states(view, changes)
    sure = {name: row for name, row in view.states.items() if row[1] >= SURE}
    later: dict[str, tuple[str, float]] = {}
    for e in sorted(changes, key=lambda e: (e.stamp_ns, e.id), reverse=True):
        if e.stamp_ns > at_ns:  # back from the newest: what held before the first change after that time
            later |= {name: (str(value), 1.0) for name, value in e.before.items()}
    for e in sorted(changes, key=lambda e: (e.stamp_ns, e.id)):
        if e.stamp_ns <= at_ns:
            sure |= {name: (str(value), 1.0) for name, value in e.after.items()}
    return sure | later


def _last_seen_states(view: ObjectView, changes: Sequence[Event]) -> dict[str, tuple[str, float]]:
    """The value each state was last seen to take, and P(still so); left out where it is no answer.

    What drifts is as it was last seen down to STILL, since nobody saw it change; where looks spoke against it, to one half.
    """
    out = {name: row for name, row in view.states.items() if row[1] >= SURE}
    for e in sorted(changes, key=lambda e: (e.stamp_ns, e.id)):
        for name, value in e.after.items():
            likeliest, p = view.states.get(name, (str(value), 1.0))
            out[name] = (str(value), p if likeliest == str(value) else 1.0 - p)
    return {name: (value, p) for name, (value, p) in out.items() if p >= (STILL if fades(name, value) else 0.5)}


def did_do(q: Asked) -> Answer:
    """What the robot did in a time, or lately."""
    if q.when is None:
        done = q.memory.store.episodes()
    else:
        low, high = q.when.from_ns, q.when.to_ns
        done = [
            e for e in q.memory.store.episodes() if e.start_ns <= high and e.end_ns >= low and (low < high or e.start_ns <= low <= e.end_ns)
        ]
    done = sorted(done, key=lambda e: (e.start_ns, e.id))
    said = q.when.said if q.when is not None else "so far"
    looked = _looked(q)
    if not done and looked:
        return Answer(f"I know of no task that I did {said}. I looked around: {looked}.", known=False)
    if not done:
        first = min((e.start_ns for e in q.memory.store.episodes()), default=None)
        early = f"; my first task on record began {wording.ago(first, q.now_ns)}" if first is not None else ""
        return Answer(f"I know of nothing that I did {said}{early}.", known=False)
    beside = f" Beside that I looked around: {looked}." if looked else ""
    return Answer(f"{said[:1].upper()}{said[1:]}: {_deeds(q, done)}.{beside}", episodes=tuple(done))


def _looked(q: Asked) -> str:
    """When and where the robot looked around beside its tasks, "" where it did not."""
    low, high = (0, q.now_ns) if q.when is None or q.when.first else (q.when.from_ns, q.when.to_ns)
    if low == high:  # a moment: what it looked at in the minutes around it
        low, high = low - MOMENT_NS, high + MOMENT_NS
    found = watches(q.memory.store, low, min(high, q.now_ns), q.memory.store.episodes())
    earlier = f"{len(found) - ROUNDS} times before, " if len(found) > ROUNDS else ""
    lines = [f"{_span(q, w)}{f' ({_listed(w.rooms)})' if w.rooms else ''}" for w in found[-ROUNDS:]]
    return earlier + ", ".join(lines)


def _span(q: Asked, w: Watch) -> str:
    first, last = q.clock(w.from_ns), q.clock(w.to_ns)
    return f"at {first}" if first == last else f"{first} to {last}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _deeds(q: Asked, done: Sequence[Episode]) -> str:
    """Each task with its time; what was done again and again is said once, with how often and from when to when."""
    lines = []
    for e in done:
        same = [x for x in done if (x.instruction, x.outcome) == (e.instruction, e.outcome)]
        if len(same) < OFTEN or e.outcome != "done":
            lines.append(_deed(q, e))
        elif e is same[-1]:
            lines.append(f"{e.instruction} {len(same)} times ({q.clock(same[0].start_ns)} to {q.clock(e.start_ns)})")
    earlier = f" (and {len(lines) - SHOWN} tasks before)" if len(lines) > SHOWN else ""
    return "; ".join(lines[-SHOWN:]) + earlier


def _deed(q: Asked, e: Episode) -> str:
    ended = "" if e.outcome == "done" else f", {e.outcome}" + (f": {e.summary}" if e.summary else "")
    return f"{e.instruction} ({q.clock(e.start_ns)}{ended})"


def did_task(q: Asked) -> Answer:
    """When the robot last brought or carried a thing."""
    wanted = set(re.findall(r"\w+", q.reading.what))
    label = q.memory.ontology.canonical(q.reading.what.split()[-1])
    rows = [e for e in q.memory.store.episodes() if re.search(DEEDS, e.instruction.lower()) and _is_about(q, e, wanted, label)]
    if q.when is not None:
        rows = [e for e in rows if e.start_ns <= q.when.to_ns and e.end_ns >= q.when.from_ns]
    done = [e for e in rows if e.outcome == "done"]
    if not done:
        tried = f" I tried {wording.ago(rows[-1].end_ns, q.now_ns)}, but {rows[-1].summary or rows[-1].outcome}." if rows else ""
        return Answer(f"No: I have no record of bringing the {q.reading.what}.{tried}", episodes=tuple(rows[-1:]), known=False, yes=False)
    last = max(done, key=lambda e: e.end_ns)
    text = f"Yes: '{last.instruction}' was done {wording.ago(last.end_ns, q.now_ns)} ({q.clock(last.end_ns)})."
    return Answer(text, episodes=(last,), yes=True, stamp_ns=last.end_ns)


def _is_about(q: Asked, e: Episode, wanted: set[str], label: str) -> bool:
    """True if what was carried (before "to the ...") is what is asked about, by its words or by its class."""
    head = re.split(r"\b(?:to|onto|on|into|in|from)\b", e.instruction.lower(), maxsplit=1)[0]
    words = set(re.findall(r"\w+", head))
    return wanted <= words or (len(wanted) == 1 and label in {q.memory.ontology.canonical(w) for w in words})
