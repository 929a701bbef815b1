"""Questions about one thing's place, last sighting, door and habits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.moved_objects.scores_truth import Stay
from benchmarks.week import times
from benchmarks.week.interface import Question, Truth
from benchmarks.week.subjects import SWITCHED, Subjects, shuffle
from robomem.clock import NS_PER_S
from robomem_sim.home import ObjectItem

CLEAR_SHARE = 2 / 3  # a place is the usual one if the thing was known there this much of the time
MIN_DAYS = 3
GAP_NS = 600 * NS_PER_S  # a time asked about is this far from the moment at which the answer changes


def _never(s: Subjects, rng: np.random.Generator, meaning: str) -> Iterator[Question]:
    """One meaning asked of what was never seen."""
    for word in s.never(rng):
        yield Question(s.query(meaning, label=word), {"label": word}, Truth(False, "never seen"))


def where_is(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Known at a place, and still there."""
    for item in s.things(rng):
        stay, (words, color) = s.settled(item.name), s.words(item)
        if stay is not None and s.place(stay.parent) is not None:
            truth = Truth(True, position=stay.position, place=s.place(stay.parent))
            yield Question(s.query("where_is", label=item.label, color=color), {"label": words}, truth)


def where_is_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Known to be gone from its place and seen nowhere since; never seen; a colour never seen."""
    gone = [i for i in s.things(rng) if s.known.gone(i.name) is not None]
    if gone and rng.random() < 0.5:
        words, color = s.words(gone[0])
        yield Question(s.query("where_is", label=gone[0].label, color=color), {"label": words}, Truth(False, "gone"))
    yield from _never(s, rng, "where_is")


def _moments(s: Subjects, item: ObjectItem, rng: np.random.Generator) -> Iterator[tuple[Stay, times.Said]]:
    for stay in shuffle(s.lived(item.name), rng):
        low, high = int(stay.known_ns or 0) + 60 * NS_PER_S, min(stay.last_clear_ns, s.asked_ns - 1800 * NS_PER_S)
        if high <= low:
            continue
        said = times.point(int(rng.uniform(low, high)), s.asked_ns, rng)
        if s.known.at(item.name, said.to_ns) is stay:
            yield stay, said


def where_was(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Seen at that place before and after the time asked about."""
    for item in s.things(rng):
        words, color = s.words(item)
        for stay, said in _moments(s, item, rng):
            if s.place(stay.parent) is not None:
                query = s.query("where_was", label=item.label, color=color, from_ns=said.from_ns, to_ns=said.to_ns)
                yield Question(query, {"label": words, "when": said.words}, Truth(True, position=stay.position, place=s.place(stay.parent)))


def where_was_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Before the robot was there; before the thing was; while it was known to be gone; of what was never seen."""
    options = []
    early = times.whole_day(0, s.known.first_ns)
    for item in s.things(rng):
        words, color = s.words(item)
        for low, high in s.known.away(item.name):
            if high - low > 3 * GAP_NS:
                said = times.point(int(rng.uniform(low + GAP_NS, min(high, s.asked_ns - 1800 * NS_PER_S) - GAP_NS)), s.asked_ns, rng)
                if low + GAP_NS / 2 < said.to_ns < high - GAP_NS / 2 and s.known.at(item.name, said.to_ns) is None:
                    options.append((item.label, color, words, said, "gone then"))
        if s.lived(item.name):
            before = times.point(early.from_ns - int(rng.uniform(2, 20) * 3.6e12), s.asked_ns, rng)
            options.append((item.label, color, words, before, "before the robot"))
    never = s.never(rng)[0]
    options = shuffle(options, rng)[:6]
    options.append((never, "", never, times.part(1, "afternoon", s.asked_ns), "never seen"))
    for label, color, words, said, why in shuffle(options, rng):
        query = s.query("where_was", label=label, color=color, from_ns=said.from_ns, to_ns=said.to_ns)
        yield Question(query, {"label": words, "when": said.words}, Truth(False, why))


def when_last(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """The last clear image of it; a later glimpse is as right."""
    for item in s.things(rng):
        clear, words = s.known.sightings[item.name].clear, s.words(item)
        if clear and s.lived(item.name) and s.known.stays(item.name)[-1].clear != 1 and not s.undecided(item.name):
            stamps = (clear[-1], s.known.last_glimpse(item.name))
            yield Question(s.query("when_last", label=item.label, color=words[1]), {"label": words[0]}, Truth(True, stamps=stamps))


def when_last_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of what was never seen."""
    yield from _never(s, rng, "when_last")


def when_last_at(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """The last clear image of it on one piece of furniture, where it still is or no longer."""
    for item in s.things(rng):
        words, color = s.words(item)
        for stay in shuffle(s.lived(item.name), rng):
            place = s.place(stay.parent)
            last = [x for x in s.known.stays(item.name) if x.parent == stay.parent and x.clear][-1]
            if place is None or not place.called or last.known_ns is None or last.last_clear_ns < 0 or stay.relation != "on":
                continue
            until = last.left_ns or s.asked_ns
            stamps = (last.last_clear_ns, max(last.last_clear_ns, s.known.last_glimpse(item.name, until)))
            query = s.query("when_last_at", label=item.label, color=color, place=place)
            yield Question(query, {"label": words, "place": place.called}, Truth(True, stamps=stamps))


def when_last_at_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """On furniture it has never been on."""
    for item in s.things(rng):
        words, color = s.words(item)
        been = {x.parent for x in s.known.stays(item.name)}
        for piece, name in s.named(rng):
            if piece.name not in been and s.lived(item.name):
                query = s.query("when_last_at", label=item.label, color=color, place=s.place(piece.name))
                yield Question(query, {"label": words, "place": name}, Truth(False, "never there"))


def which_state(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """A door that was seen well since it last moved."""
    for name, words in _doors(s, rng):
        door = s.known.door(name)
        if door is not None:
            query = s.query("which_state", label=s.piece_label(name), place=s.place(name))
            yield Question(query, {"thing": words}, Truth(True, state="open" if door[0] else "shut"))


def which_state_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """What is on or off; a door in no home."""
    for word in shuffle(SWITCHED, rng):
        yield Question(s.query("which_state", label=word), {"thing": word, "switched": "yes"}, Truth(False, "never observed"))


def was_state(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """A door seen alike before and after the time asked about."""
    for name, words in _doors(s, rng):
        for _ in range(4):
            said = times.point(int(rng.uniform(s.known.first_ns, s.asked_ns - 3600 * NS_PER_S)), s.asked_ns, rng)
            was = s.known.door_at(name, said.to_ns)
            if was is not None:
                query = s.query("was_state", label=s.piece_label(name), place=s.place(name), from_ns=said.from_ns, to_ns=said.to_ns)
                yield Question(query, {"thing": words, "when": said.words}, Truth(True, state="open" if was else "shut"))


def was_state_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Before the robot was there; what is on or off."""
    for name, words in _doors(s, rng)[:1]:
        said = times.point(times.whole_day(0, s.known.first_ns).from_ns - int(5 * 3.6e12), s.asked_ns, rng)
        query = s.query("was_state", label=s.piece_label(name), place=s.place(name), from_ns=said.from_ns, to_ns=said.to_ns)
        rows = [Question(query, {"thing": words, "when": said.words}, Truth(False, "before the robot"))]
        word, said = str(rng.choice(SWITCHED)), times.part(1, "evening", s.asked_ns)
        query = s.query("was_state", label=word, from_ns=said.from_ns, to_ns=said.to_ns)
        rows.append(Question(query, {"thing": word, "when": said.words, "switched": "yes"}, Truth(False, "never observed")))
        yield from shuffle(rows, rng)


def _doors(s: Subjects, rng: np.random.Generator) -> list[tuple[str, str]]:
    """(name, words) of furniture with a door and a name of its own, those lately open first."""
    rows = [(p.piece.name, words) for p in s.plan.containers if (words := _called(s, p.piece.name))]
    return sorted(shuffle(rows, rng), key=lambda row: not any(o for _, o in s.known.doors.get(row[0], [])[-9:]))


def _called(s: Subjects, name: str) -> str:
    place = s.place(name)
    return place.called if place is not None else ""


# -- habits


def usually(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """The piece of furniture on which it was known to be for most of the time that it was known anywhere."""
    for item in s.things(rng):
        best = _usual_place(s, item, 0.0, 24.0)
        if best is not None:
            words, color = s.words(item)
            yield Question(s.query("usually", label=item.label, color=color), {"label": words}, Truth(True, place=s.place(best)))


def usually_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of what was never seen."""
    yield from _never(s, rng, "usually")


def usually_at(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """The same in one part of the day."""
    for item in s.things(rng):
        words, color = s.words(item)
        for part in shuffle(list(times.PARTS), rng):
            best = _usual_place(s, item, *times.PARTS[part])
            if best is not None:
                query = s.query("usually_at", label=item.label, color=color, hours=times.PARTS[part])
                yield Question(query, {"label": words, "daypart": f"in the {part}"}, Truth(True, place=s.place(best)))


def usually_at_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of what was never seen."""
    for word in s.never(rng):
        query = s.query("usually_at", label=word, hours=times.PARTS["morning"])
        yield Question(query, {"label": word, "daypart": "in the morning"}, Truth(False, "never seen"))


def will_be(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Where it was at that time on nearly all days, and where its people will have it then: of what comes otherwise nobody is asked."""
    for item in s.things(rng):
        said = times.future(s.asked_ns, rng)
        low = times.moment(said.from_ns).hour + times.moment(said.from_ns).minute / 60
        span = (low - 1.5, low + 1.5) if said.from_ns == said.to_ns else (low, low + (said.to_ns - said.from_ns) / 3.6e12)
        best = _usual_place(s, item, *span)
        if best is not None and s.planned(item.name, (said.from_ns + said.to_ns) // 2) == best:
            words, color = s.words(item)
            query = s.query("will_be", label=item.label, color=color, from_ns=said.from_ns, to_ns=said.to_ns)
            yield Question(query, {"label": words, "when_future": said.words}, Truth(True, place=s.place(best)))


def will_be_not(s: Subjects, rng: np.random.Generator) -> Iterator[Question]:
    """Of what was never seen: common sense is a guess about homes, not a memory of this one."""
    for word in s.never(rng):
        said = times.future(s.asked_ns, rng)
        query = s.query("will_be", label=word, from_ns=said.from_ns, to_ns=said.to_ns)
        yield Question(query, {"label": word, "when_future": said.words}, Truth(False, "never seen"))


def _usual_place(s: Subjects, item: ObjectItem, low_h: float, high_h: float) -> str | None:
    """The piece that held it in most images of it within these hours, by days: every day with a sighting counts as one."""
    days: dict[int, dict[str, int]] = {}
    for stay in s.lived(item.name):
        for t in s.known.sightings[item.name].clear:
            if stay.from_ns <= t <= stay.last_clear_ns:
                when = times.moment(t)
                if low_h <= when.hour + when.minute / 60 < high_h:
                    row = days.setdefault(when.toordinal(), {})
                    row[stay.parent] = row.get(stay.parent, 0) + 1
    if len(days) < MIN_DAYS:
        return None
    share: dict[str, float] = {}
    for row in days.values():
        for parent, n in row.items():
            share[parent] = share.get(parent, 0.0) + n / sum(row.values()) / len(days)
    best = max(share, key=lambda p: share[p])
    return best if share[best] >= CLEAR_SHARE and s.place(best) is not None else None
