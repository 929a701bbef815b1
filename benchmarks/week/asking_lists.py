"""Questions about changes, numbers, what lies where, what the robot did, and what it ever saw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.week import times
from benchmarks.week.interface import Place, Question, Truth
from benchmarks.week.routine_home import told_apart
from benchmarks.week.subjects import Subjects, shuffle
from robomem.clock import NS_PER_S
from robomem.memory.wording import plural


def none(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """No question of this kind is without an answer: "nothing that I noticed" is one."""
    return iter(())


def _change(s: Subjects, name: str, since_ns: int, room: str = "") -> bool | None:
    """Could it be known now that a thing is elsewhere than at a time (in or out of a room, where one is asked about)? None: undecidable."""
    if s.undecided(name):
        return None
    before, now = s.known.at(name, since_ns), s.known.known(name)
    if before is None:
        seen_before = [x for x in s.known.stays(name) if x.clear and x.from_ns <= since_ns]
        if not seen_before and now is not None and (now.known_ns or 0) > since_ns:
            return True if not room else s.plan.home.room_at(*now.position[:2]) == room
        gone = s.known.gone(name)
        settled = now is None and (gone is None or (gone.absent_ns or 0) <= since_ns)
        return False if settled else None  # gone before and still gone, or never there
    if now is before:
        return False
    rooms = {s.plan.home.room_at(*x.position[:2]) for x in (before, now) if x is not None}
    return True if not room else room in rooms or None


def _changed(s: Subjects, rng: np.random.Generator, room: str, meaning: str) -> Iterator[Question]:
    for _ in range(6):
        said = times.since(s.asked_ns, rng)
        if said.from_ns < s.known.first_ns + 3600 * NS_PER_S:
            continue
        rows = {name: _change(s, name, said.from_ns, room) for name in s.items}
        must = tuple(sorted(s.items[n].label for n, c in rows.items() if c))
        # Whoever moved and came back, or whose whereabouts then or now cannot be told, may be named.
        back = [n for n in s.items if any(x.from_ns > said.from_ns for x in s.known.stays(n))]
        may = tuple(sorted({s.items[n].label for n, c in rows.items() if c is None or n in back}))
        slots = {"since": said.words} | ({"room": room} if room else {})
        yield Question(s.query(meaning, room=room, from_ns=said.from_ns, to_ns=s.asked_ns), slots, Truth(True, must=must, may=may))


def what_changed(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Everywhere."""
    return _changed(s, rng, "", "what_changed")


def what_changed_room(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """In one room, one with changes rather than one without."""
    rooms = shuffle(told_apart(s.plan.home), rng)
    made = [q for room in rooms for q in _changed(s, rng, room, "what_changed_room")]
    return iter(sorted(made, key=lambda q: not q.truth.must))


def moved(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """One thing: seen elsewhere or gone since, or seen at the same place, as often as not."""
    wanted = bool(rng.random() < 0.5)
    for want in (wanted, not wanted):
        for item in s.things(rng):
            said = times.since(s.asked_ns, rng)
            if said.from_ns < s.known.first_ns + 3600 * NS_PER_S:
                continue
            change, before = _change(s, item.name, said.from_ns), s.known.at(item.name, said.from_ns)
            if before is None or change is not want or (not change and before.last_clear_ns < said.from_ns):
                continue
            words, color = s.words(item)
            query = s.query("moved", label=item.label, color=color, from_ns=said.from_ns, to_ns=s.asked_ns)
            yield Question(query, {"label": words, "since": said.words}, Truth(True, yes=want))


def moved_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of what was never seen."""
    said = times.since(s.asked_ns, rng)
    for word in s.never(rng):
        query = s.query("moved", label=word, from_ns=said.from_ns, to_ns=s.asked_ns)
        yield Question(query, {"label": word, "since": said.words}, Truth(False, "never seen"))


def _count(s: Subjects, rng: np.random.Generator, room: str, meaning: str) -> Iterator[Question]:
    for label in shuffle(s.labels, rng):
        names = [n for n, o in s.items.items() if o.label == label]
        if any(s.undecided(n) for n in names) or not any(s.lived(n) for n in names):
            continue
        here = [k for n in names if (k := s.known.known(n)) is not None]
        if room:
            here = [k for k in here if s.plan.home.room_at(*k.position[:2]) == room]
        slots = {"labels": plural(label)} | ({"room": room} if room else {})
        yield Question(s.query(meaning, label=label, room=room), slots, Truth(True, count=len(here)))


def how_many(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of a class of which every single one is known to be somewhere or gone; several rather than one."""
    return iter(sorted(_count(s, rng, "", "how_many"), key=lambda q: -(q.truth.count or 0) if rng.random() < 0.7 else 0))


def how_many_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of what was never seen; "none" is as right as abstaining."""
    for word in s.never(rng):
        yield Question(s.query("how_many", label=word), {"labels": plural(word)}, Truth(False, "never seen", count=0))


def how_many_room(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """The same in one room, one that holds such a thing rather than one that does not."""
    rooms = shuffle(told_apart(s.plan.home), rng)
    made = [q for room in rooms for q in _count(s, rng, room, "how_many_room")]
    return iter(sorted(shuffle(made, rng), key=lambda q: not q.truth.count if rng.random() < 0.8 else 0))


def what_is_on(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Everything known on one piece of furniture; what cannot be decided may be named."""
    rows = []
    for piece, words in s.named(rng):
        known = [n for n in s.items if (k := s.known.known(n)) is not None and k.parent == piece.name and k.relation == "on"]
        may = tuple(sorted({s.items[n].label for n in s.items if s.undecided(n)}))
        truth = Truth(True, must=tuple(sorted(s.items[n].label for n in known)), may=may)
        if known:
            rows.append(Question(s.query("what_is_on", place=s.place(piece.name)), {"place": words}, truth))
    return iter(rows)


def what_is_on_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Furniture that is in no home."""
    for word in shuffle(("piano", "workbench", "pool table", "windowsill"), rng):
        yield Question(s.query("what_is_on", place=Place(word, called=word)), {"place": word}, Truth(False, "no such place"))


def did_do(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """All tasks of a part of a day."""
    days = (times.moment(s.asked_ns).date() - times.moment(s.known.first_ns).date()).days
    options = [times.part(back, part, s.asked_ns) for back in range(min(days, 6) + 1) for part in times.PARTS]
    options += [times.whole_day(back, s.asked_ns) for back in range(min(days, 6) + 1)]
    for said in shuffle(options, rng):
        done = [e.instruction for e in s.known.done if e.start_ns < said.to_ns and e.end_ns >= said.from_ns]
        if done and said.from_ns < s.asked_ns:
            truth = Truth(True, tasks=tuple(sorted(set(done))))
            yield Question(s.query("did_do", from_ns=said.from_ns, to_ns=said.to_ns), {"when": said.words}, truth)


def did_do_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Before the robot was there."""
    days = (times.moment(s.asked_ns).date() - times.moment(s.known.first_ns).date()).days
    for back in shuffle(list(range(days + 1, 7)), rng):
        said = times.part(back, str(rng.choice(list(times.PARTS))), s.asked_ns)
        yield Question(s.query("did_do", from_ns=said.from_ns, to_ns=said.to_ns), {"when": said.words}, Truth(False, "before the robot"))


def did_task(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """When it last brought a thing."""
    for item in s.things(rng):
        words, color = s.words(item)
        done = [e for e in s.known.done if e.instruction.startswith(f"bring the {words} to ") and e.outcome == "done"]
        if done:
            truth = Truth(True, stamps=(done[-1].start_ns, done[-1].end_ns), tasks=(done[-1].instruction,))
            yield Question(s.query("did_task", label=item.label, color=color), {"label": words}, truth)


def did_task_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """A thing it was never asked to bring."""
    for item in s.things(rng):
        words, color = s.words(item)
        if not any(f" {item.label} to " in e.instruction for e in s.known.done):
            yield Question(s.query("did_task", label=item.label, color=color), {"label": words}, Truth(False, "never brought"))


def ever_seen(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Known at some time, gone or not."""
    for item in s.things(rng):
        if s.lived(item.name):
            yield Question(s.query("ever_seen", label=item.label), {"label": item.label}, Truth(True, yes=True))


def ever_seen_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Never there."""
    for word in s.never(rng):
        yield Question(s.query("ever_seen", label=word), {"label": word}, Truth(False, "never seen", yes=False))
