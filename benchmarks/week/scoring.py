"""Right, wrong or abstained: one reply against what could be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.moved_objects.scores_match import same_family
from benchmarks.week.interface import Place, Query, Reply, Truth
from robomem.clock import NS_PER_S
from robomem.ontology import default_ontology

RIGHT, WRONG, ABSTAINS = "right", "wrong", "abstains"
NEAR_M = 0.5  # an estimate further away is another place
PIECE_M = 1.2  # from the middle of a piece of furniture's top
TIME_S = 60.0
LIST_SHARE = 0.8  # of a list: precision and recall both


@dataclass(frozen=True)
class Scored:
    """One reply, judged.

    Attributes:
        verdict: RIGHT, WRONG or ABSTAINS (on an unanswerable question RIGHT means that it abstained).
        position_error_m, time_error_s: NaN where neither is asked.
    """

    verdict: str
    answered: bool
    confidence: float
    position_error_m: float = float("nan")
    time_error_s: float = float("nan")


def score(query: Query, truth: Truth, reply: Reply) -> Scored:
    """Judge a reply."""
    if not truth.answerable:
        none = (truth.count == 0 and reply.count == 0) or (truth.yes is False and reply.yes is False)
        right = reply.abstains or none
        return Scored(RIGHT if right else WRONG, not right, 0.0 if right else reply.confidence)
    if reply.abstains:
        return Scored(ABSTAINS, False, 0.0)
    right, off_m, off_s = _JUDGES[query.meaning](truth, reply)
    return Scored(RIGHT if right else WRONG, True, reply.confidence, off_m, off_s)


Judged = tuple[bool, float, float]
NAN = float("nan")


def _position(truth: Truth, reply: Reply) -> Judged:
    if reply.position is None or truth.position is None:
        return False, NAN, NAN
    off = float(np.linalg.norm(np.asarray(reply.position, float) - truth.position))
    return off <= NEAR_M, off, NAN


def _stamp(truth: Truth, reply: Reply) -> Judged:
    if reply.stamp_ns is None or truth.stamps is None:
        return False, NAN, NAN
    low, high = truth.stamps
    off = max(0, low - reply.stamp_ns, reply.stamp_ns - high) / NS_PER_S
    return off <= TIME_S, NAN, off


def _place(truth: Truth, reply: Reply) -> Judged:
    return truth.place is not None and same_place(truth.place, reply), NAN, NAN


def same_place(place: Place, reply: Reply) -> bool:
    """Is it the piece of furniture that is meant: its class, and near enough where several are of that class?"""
    if reply.place and reply.place != place.label:
        return False
    if reply.position is None or place.position is None:
        return bool(reply.place) and not place.room
    return float(np.linalg.norm((np.asarray(reply.position, float) - place.position)[:2])) <= PIECE_M


def _labels(truth: Truth, reply: Reply) -> Judged:
    """Lists by class: of several of one class each must be named once."""
    said = Counter(canonical(x) for x in reply.labels)
    must = Counter(canonical(x) for x in truth.must)
    may = {canonical(x) for x in truth.may}
    hits = sum(min(n, _count(said, label)) for label, n in must.items())
    wrong = sum(max(0, n - must[label]) for label, n in said.items() if label not in may and not _goes_with(label, must))
    recall = hits / sum(must.values()) if must else 1.0
    precision = hits / (hits + wrong) if hits + wrong else 1.0
    return recall >= LIST_SHARE and precision >= LIST_SHARE, NAN, NAN


def _count(said: Counter[str], label: str) -> int:
    return said[label] or sum(n for other, n in said.items() if same_family(label, other))


def _goes_with(label: str, must: Counter[str]) -> bool:
    return label not in must and any(same_family(label, other) for other in must)


def _changes(truth: Truth, reply: Reply) -> Judged:
    """Changes by class: however often one thing moved, it is named; furniture's doors are neither asked for nor held against."""
    said = {canonical(x) for x in reply.labels if default_ontology().prior(x).kind == "object"}
    return _labels(Truth(True, must=tuple({canonical(x) for x in truth.must}), may=truth.may), Reply(labels=tuple(sorted(said))))


def canonical(label: str) -> str:
    """A class by its one name."""
    return default_ontology().canonical(label)


def _tasks(truth: Truth, reply: Reply) -> Judged:
    return set(truth.tasks) == set(reply.tasks), NAN, NAN


_JUDGES: dict[str, Callable[[Truth, Reply], Judged]] = {
    "where_is": _position, "where_was": _position, "when_last": _stamp, "when_last_at": _stamp, "what_changed": _changes,
    "what_changed_room": _changes, "moved": lambda t, r: (r.yes is t.yes, NAN, NAN),
    "how_many": lambda t, r: (r.count == t.count, NAN, NAN),
    "how_many_room": lambda t, r: (r.count == t.count, NAN, NAN), "what_is_on": _labels,
    "which_state": lambda t, r: (r.state == t.state, NAN, NAN), "was_state": lambda t, r: (r.state == t.state, NAN, NAN),
    "did_do": _tasks, "did_task": _stamp, "usually": _place, "usually_at": _place, "will_be": _place,
    "ever_seen": lambda t, r: (r.yes is t.yes, NAN, NAN),
}  # fmt: skip


def rates(rows: Sequence[tuple[Truth, Scored]]) -> dict[str, tuple[int, int]]:
    """Successes and n of each figure: correct (of what can be answered), false recall (of all), rightly abstained (of what cannot)."""
    can = [s for t, s in rows if t.answerable]
    cannot = [s for t, s in rows if not t.answerable]
    return {
        "correct": (sum(s.verdict == RIGHT for s in can), len(can)),
        "false_recall": (sum(s.verdict == WRONG for _, s in rows), len(rows)),
        "abstain_correct": (sum(s.verdict == RIGHT for s in cannot), len(cannot)),
    }
