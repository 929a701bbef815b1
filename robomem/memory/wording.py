"""How memory says what it knows: places, ages, certainty and changes in plain English."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from robomem.clock import NS_PER_S
from robomem.types import Event, ObjectView, PlaceProbability, Recall

MAX_LINES = 12
SURE, LIKELY = 0.9, 0.5  # the degrees of belief: from SURE on it "is", from LIKELY on it "probably is", below it "probably is not any more"
NOT_ANY_MORE = "probably not there any more"


def ago(then_ns: int, now_ns: int) -> str:
    """ "40 s ago", "12 min ago", "3 h ago", "2 days ago"."""
    s = max(0, now_ns - then_ns) / NS_PER_S
    if s < 2:
        return "just now"
    return f"{duration(s)} ago"


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3 h", "2 days", in the largest unit that gives at least 2."""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def name(recall: Recall, color: str = "") -> str:
    """ "the red mug (#12)"."""
    return f"the {color + ' ' if color else ''}{recall.label} (#{recall.id})"


def spot(place: str, position: Sequence[float] | None) -> str:
    """A place in words, or coordinates where there are none."""
    if place or position is None:
        return place or "somewhere"
    return f"at x {position[0]:.1f} m, y {position[1]:.1f} m"


def evidence(ids: Sequence[int]) -> str:
    """ "Evidence: observations 3, 7." or nothing."""
    return f" Evidence: observations {', '.join(str(i) for i in ids)}." if ids else ""


def whereabouts(recall: Recall, color: str, now_ns: int, likely: Sequence[PlaceProbability], told_by: str = "") -> str:
    """The answer to "where is it?"; `told_by`: the person whose word it is, where nobody has seen it there."""
    if recall.verdict == "unknown":
        return f"I do not know. I would need {recall.needs}."
    if recall.verdict == "ambiguous":
        known = "; ".join(
            f"{_listed_name(c.color, c.label, c.id)} {placed(spot(c.place, c.position.tolist()), c.p_still_there)}"
            for c in recall.candidates
        )
        return f"{recall.question} I know {known}." if len(recall.candidates) > 1 else recall.question
    who, where = name(recall, color), spot(recall.place, None if recall.position is None else recall.position.tolist())
    seen = ago(recall.last_seen_ns or 0, now_ns)
    if recall.verdict == "found":
        heard = f"the {told_by} said so {seen}" if told_by == "user" else f"{told_by} said so {seen}" if told_by else f"seen {seen}"
        return (
            f"{_capital(who)} {be(recall.p_still_there)} {where}: {heard}, {recall.p_still_there:.0%} sure that it still is there, "
            f"within {recall.radius90_m:.2f} m.{evidence(recall.evidence)}"
        )
    text = f"{_capital(who)} was {where} when I last saw it {seen}, but it is {NOT_ANY_MORE} ({recall.p_still_there:.0%})."
    return text + (f" Most likely now: {', '.join(_guess(p) for p in likely)}." if likely else "") + evidence(recall.evidence)


def be(p: float, verb: str = "is") -> str:
    """The verb of what is believed with probability `p`: "is", "probably is"."""
    return verb if p >= SURE else f"probably {verb}"


def placed(where: str, p: float) -> str:
    """A thing's place in a list, in the words of its degree of belief; what is sure needs none."""
    if p >= SURE:
        return where
    return f"probably {where} ({p:.0%})" if p >= LIKELY else f"last seen {where}, but {NOT_ANY_MORE} ({p:.0%})"


def there(views: Sequence[ObjectView], said: str, past: bool) -> str:
    """What is (or was) at a place, `said` in words: what is sure, what probably is there, what probably is not any more."""
    sure = [v for v in views if v.existence >= SURE]
    likely = [v for v in views if LIKELY <= v.existence < SURE]
    hardly = [v for v in views if v.existence < LIKELY]
    verb, place = ("was", "were") if past else ("is", "are"), _capital(said)
    parts = [f"{place} there {verb[len(sure) > 1]} {things(sure)}"] if sure else []
    if likely:
        parts.append(f"{'probably also' if sure else f'{place} there probably {verb[len(likely) > 1]}'} {_with_chance(likely)}")
    if hardly:
        parts.append(f"last seen {'there' if parts else said}, but {NOT_ANY_MORE}: {_with_chance(hardly)}")
    return f"{_capital('; '.join(parts))}."


def _with_chance(views: Sequence[ObjectView]) -> str:
    return ", ".join(f"{things([v])[:-1]}, {v.existence:.0%})" for v in views)


def by_name(places: Sequence[PlaceProbability]) -> list[PlaceProbability]:
    """Places that are called alike as one, likeliest first: nobody wants to hear of "the shelf in the study" twice."""
    out: dict[tuple[str, str, str], PlaceProbability] = {}
    for p in places:
        key = (p.relation, p.label, p.room)
        out[key] = replace(out[key], probability=out[key].probability + p.probability) if key in out else p
    return sorted(out.values(), key=lambda p: -p.probability)


def _guess(p: PlaceProbability) -> str:
    room = f" in the {p.room}" if p.room and p.room != p.label else ""
    return f"{'in' if p.relation == 'inside' else 'on'} the {p.label}{room} ({p.probability:.0%})"


def was_there(recall: Recall, color: str, said: str) -> str:
    """The answer to "where was it?"."""
    if recall.verdict == "unknown":
        return f"I do not know where it was {said}. I would need {recall.needs}."
    if recall.verdict == "ambiguous":
        return whereabouts(recall, color, recall.asked_ns, ())
    where = spot(recall.place, None if recall.position is None else recall.position.tolist())
    lead = f"{_capital(said)} {name(recall, color)} was"
    if recall.verdict == "found":
        lead = f"{_capital(said)} {name(recall, color)} {be(recall.p_still_there, 'was')}"
        return f"{lead} {where} ({recall.p_still_there:.0%} sure).{evidence(recall.evidence)}"
    return f"{lead} probably not where I had seen it before, {where} ({recall.p_still_there:.0%} still there).{evidence(recall.evidence)}"


def things(views: Sequence[ObjectView], counts: bool = True) -> str:
    """ "2 books, a red mug (#12) and a plate (#9)"."""
    by_label: dict[str, list[ObjectView]] = {}
    for view in views:
        by_label.setdefault(view.label, []).append(view)
    parts = []
    for label, same in sorted(by_label.items()):
        if len(same) > 1 and counts:
            parts.append(f"{len(same)} {plural(label)} ({', '.join(f'#{v.id}' for v in same)})")
        else:
            parts += [f"{_article(f'{v.color} {label}'.strip())} (#{v.id})" for v in same]
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def plural(label: str) -> str:
    """A rough English plural of a class name."""
    if label.endswith("s") and not label.endswith("ss"):
        return label
    if label == "person":
        return "people"
    if label in ("shelf", "knife"):
        return label[:-1].removesuffix("f") + "ves"
    if label.endswith(("ss", "x", "ch", "sh")):
        return label + "es"
    return label[:-1] + "ies" if label.endswith("y") and label[-2] not in "aeiou" else label + "s"


def change(event: Event, was: str, now_ns: int) -> str:
    """One event as a sentence part; `was` is the place before, by the history, where the event does not say."""
    who = f"the {event.label} (#{event.object_id})"
    before, after = event.before.get("place") or was, event.after.get("place") or ""
    when = ago(happened_ns(event), now_ns)
    if "held_by" in event.after:
        took = "was picked up by the" if event.after.get("probability", 1.0) > 0.9 else "was probably taken by the"
        return f"{who} {took} {event.after['held_by']}{f', {before}' if before else ''} ({when})"
    if event.kind == "map_corrected":
        return f"the map was corrected by {event.after.get('shift_m', 0):.2f} m and {event.after.get('turn_deg', 0):.0f} degrees ({when})"
    if event.kind == "moved" and before == after and (by_m := _moved_m(event)) is not None:
        return f"{who} moved by {by_m:.2f} m {after} ({when})"
    if event.kind in ("moved", "relation_changed"):
        return f"{who} moved{f' from {_bare(before)}' if before else ''} to {_bare(spot(after, event.after.get('position')))} ({when})"
    if event.kind == "removed":
        return f"{who} is gone from {_bare(spot(before, event.before.get('position')))} (noticed {when})"
    if event.kind == "state_changed":
        return f"{' and '.join(_turned(who, k, event.before.get(k), v) for k, v in event.after.items())} ({when})"
    if event.kind == "appeared":
        return f"{who} {'was seen again' if event.before.get('again') else 'appeared'} {spot(after, event.after.get('position'))} ({when})"
    return f"{who}: {event.kind} ({when})"


TURNED = {
    ("open", "true"): "was opened",
    ("open", "false"): "was shut",
    ("on", "true"): "was switched on",
    ("on", "false"): "was switched off",
}


def _turned(who: str, state: str, before: Any, after: Any) -> str:
    """ "the fridge (#7) was shut", "the drawer 2 of the dresser (#8) was opened", "the mug (#9): temperature went from cold to hot"."""
    part, _, name = state.rpartition(".")
    who = f"the {part} of {who}" if part else who
    if (name, str(after)) in TURNED:
        return f"{who} {TURNED[name, str(after)]}"
    if str(after) in ("true", "false"):
        return f"{who} is {name} now" if str(after) == "true" else f"{who} is not {name} any more"
    return f"{who}: {name} went from {before if before is not None else 'unknown'} to {after}"


def happened_ns(event: Event) -> int:
    """When it was first seen so: a move may be noticed hours after the thing was first seen where it went."""
    since = event.after.get("since_ns")
    return min(since, event.stamp_ns) if isinstance(since, int) else event.stamp_ns


def _moved_m(event: Event) -> float | None:
    """How far, by the positions before and after."""
    old, new = event.before.get("position"), event.after.get("position")
    return None if old is None or new is None else math.dist(old, new)


def _bare(place: str) -> str:
    """ "on the counter in the kitchen" as the end of "from ...": "the counter in the kitchen"."""
    return place.removeprefix("on ").removeprefix("in ")


def _article(noun: str) -> str:
    return noun if noun.endswith("s") and not noun.endswith("ss") else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _listed_name(color: str, label: str, ident: int) -> str:
    return f"the {color + ' ' if color else ''}{label} (#{ident})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
