"""What the rivals share: rows of what was seen, the floor plan they are given, and how each question is answered from rows.

A rival differs from the next in which rows it has left when it is asked (`rows`). Questions reach it without wording. The floor plan (which
room and which piece of furniture a point is at) is given to the rivals as it truly is; robomem has to find its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.week import times
from benchmarks.week.interface import ABSTAINED, Place, Query, Reply
from robomem.clock import NS_PER_S
from robomem.ontology import default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.types import Episode, Observations
from robomem_sim.home import Home

SAME_M = 0.5  # two sightings nearer than this are of one place
BURST_NS = 60 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S


@dataclass(frozen=True)
class Sight:
    """One detection: what, where (Float64[3], m), when."""

    label: str
    color: str
    position: NDArray[np.float64]
    stamp_ns: int
    state: str = ""


class FloorPlan:
    """Room and furniture at a point."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def room(self, p: NDArray[np.float64]) -> str:
        """Name of the room, "" outside."""
        return self._home.room_at(float(p[0]), float(p[1]))

    def piece(self, p: NDArray[np.float64]) -> Place | None:
        """The piece of furniture under (or around) a point."""
        best: tuple[float, Place] | None = None
        for f in self._home.furniture:
            local, half = f.to_local(p), np.array(f.model.size) / 2
            away = float(np.linalg.norm(np.maximum(np.abs(local[:2]) - half[:2], 0.0)))
            if away < 0.15 and -0.1 < local[2] < f.model.size[2] + 0.4 and (best is None or away < best[0]):
                best = (away, Place(f.label, f.room, f.center))
        return None if best is None else best[1]


@dataclass
class Tuning:
    """What is chosen on the homes of seeds 100 and above.

    Attributes:
        min_hits: sightings of a thing that make it one.  max_age_h: an older sighting is no answer for "where is".
        recent_h: window in which things are counted.
        past: whether a memory without a past answers with its present when asked about it.
    """

    min_hits: int = 2
    max_age_h: float = 1e9
    recent_h: float = 24.0
    past: bool = True


@dataclass
class Rival:
    """Answers from rows."""

    floor: FloorPlan
    name: str = "rival"
    tuning: Tuning = field(default_factory=Tuning)
    history: bool = True
    keeps_deeds: bool = True
    deeds: list[Episode] = field(default_factory=list)

    def add(self, detections: Observations, frame: RgbdFrame) -> None:
        """One image."""
        rows = []
        for label, color, p, state in zip(detections.labels, detections.colors, detections.positions, detections.states, strict=True):
            rows.append(Sight(canonical(label), color, np.asarray(p, float), frame.stamp_ns, str(state.get("open", ""))))
        self.keep(rows, frame)

    def did(self, episode: Episode) -> None:
        """What the robot did."""
        if self.keeps_deeds:
            self.deeds.append(episode)

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """Store what one image showed."""
        raise TypeError(f"{self.name} has no store")

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """What it still has of a class (all classes: "") seen within a time, oldest first."""
        raise TypeError(f"{self.name} has no store")

    # -- answers -----------------------------------------------------------------------------------------------------

    def answer(self, question: Query) -> Reply:
        """Reply to one question."""
        reply = _ANSWERS[question.meaning](self, question)
        return reply if reply is not None else ABSTAINED

    def of(self, q: Query, high_ns: int | None = None, low_ns: int = 0) -> list[Sight]:
        """Rows of the thing asked about; none if there are too few to believe in it."""
        rows = self.rows(canonical(q.label), q.color, low_ns, q.asked_ns if high_ns is None else high_ns)
        return rows if len(rows) >= self.tuning.min_hits or (rows and not self.history) else []

    def spot(self, rows: Sequence[Sight], asked_ns: int) -> Reply | None:
        """The place of the newest rows."""
        if not rows or asked_ns - rows[-1].stamp_ns > self.tuning.max_age_h * HOUR_NS:
            return None
        last = rows[-1]
        burst = [r.position for r in rows if last.stamp_ns - r.stamp_ns <= BURST_NS and np.linalg.norm(r.position - last.position) < SAME_M]
        p = np.median(np.array(burst), axis=0)
        place = self.floor.piece(p)
        age_h = (asked_ns - last.stamp_ns) / HOUR_NS
        return Reply(
            position=p, place=place.label if place else "", stamp_ns=last.stamp_ns, confidence=1 / (1 + age_h) * (1 - 0.5 ** len(burst))
        )


def canonical(label: str) -> str:
    """A class by its one name."""
    return default_ontology().canonical(label)


def _where_is(m: Rival, q: Query) -> Reply | None:
    return m.spot(m.of(q), q.asked_ns)


def _where_was(m: Rival, q: Query) -> Reply | None:
    if not m.history:
        return m.spot(m.of(q), q.asked_ns) if m.tuning.past else None
    return m.spot(m.of(q, q.to_ns), q.to_ns)


def _when_last(m: Rival, q: Query) -> Reply | None:
    rows = m.of(q)
    return Reply(stamp_ns=rows[-1].stamp_ns) if rows else None


def _when_last_at(m: Rival, q: Query) -> Reply | None:
    rows = [r for r in m.of(q) if q.place is not None and is_at(m.floor, r.position, q.place)]
    return Reply(stamp_ns=rows[-1].stamp_ns) if len(rows) >= m.tuning.min_hits or (rows and not m.history) else None


def is_at(floor: FloorPlan, p: NDArray[np.float64], place: Place) -> bool:
    """Is a point on that piece of furniture?"""
    at = floor.piece(p)
    return at is not None and at.label == place.label and place.room in ("", at.room)


def _by_thing(rows: Iterable[Sight]) -> dict[tuple[str, str], list[Sight]]:
    out: dict[tuple[str, str], list[Sight]] = defaultdict(list)
    for r in rows:
        if default_ontology().prior(r.label).kind == "object":
            out[r.label, r.color].append(r)
    return out


def _changed_between(before: Sequence[Sight], after: Sequence[Sight]) -> bool:
    return bool(after) and (not before or float(np.linalg.norm(after[-1].position - before[-1].position)) > SAME_M)


def _changes(m: Rival, q: Query) -> Reply | None:
    if not m.history:
        return None
    labels = []
    for (label, _), rows in _by_thing(m.rows("", "", 0, q.to_ns)).items():
        before, after = ([r for r in rows if (r.stamp_ns < q.from_ns) is early] for early in (True, False))
        if len(after) >= m.tuning.min_hits and _changed_between(before, after):
            rooms = {m.floor.room(r.position) for r in (*before[-1:], after[-1])}
            labels += [label] if not q.room or q.room in rooms else []
    return Reply(labels=tuple(sorted(labels)))


def _moved(m: Rival, q: Query) -> Reply | None:
    rows = m.of(q)
    before, after = [r for r in rows if r.stamp_ns < q.from_ns], [r for r in rows if r.stamp_ns >= q.from_ns]
    if not m.history or not before or not after:
        return None
    return Reply(yes=_changed_between(before, after))


def _how_many(m: Rival, q: Query) -> Reply | None:
    rows = m.of(q, low_ns=q.asked_ns - round(m.tuning.recent_h * HOUR_NS))
    spots: list[NDArray[np.float64]] = []
    colors: set[str] = set()
    for r in reversed(rows):  # the newest of each colour stands for it; without colours places tell things apart
        new = r.color not in colors if r.color else all(np.linalg.norm(r.position - s) > SAME_M for s in spots)
        if new:
            colors.add(r.color)
            spots.append(r.position)
    here = [s for s in spots if not q.room or m.floor.room(s) == q.room]
    return Reply(count=len(here)) if rows or not q.label else None


def _what_is_on(m: Rival, q: Query) -> Reply | None:
    last = [rows[-1] for rows in _by_thing(m.rows("", "", 0, q.asked_ns)).values() if len(rows) >= m.tuning.min_hits or not m.history]
    labels = [r.label for r in last if q.place is not None and is_at(m.floor, r.position, q.place)]
    return Reply(labels=tuple(sorted(labels))) if labels else None


def _state(m: Rival, q: Query) -> Reply | None:
    if q.to_ns < q.asked_ns and not m.history and not m.tuning.past:
        return None
    rows = m.rows(canonical(q.label), "", 0, q.to_ns if m.history else q.asked_ns)
    near = [
        r for r in rows if r.state and (q.place is None or q.place.position is None or np.hypot(*(r.position - q.place.position)[:2]) < 0.8)
    ]
    votes = Counter(r.state for r in near[-3:])
    return Reply(state={"true": "open", "false": "shut"}.get(votes.most_common(1)[0][0], "")) if votes else None


def _did_do(m: Rival, q: Query) -> Reply | None:
    done = {e.instruction for e in m.deeds if e.start_ns < q.to_ns and e.end_ns >= q.from_ns}
    return Reply(tasks=tuple(sorted(done))) if done else None


def _did_task(m: Rival, q: Query) -> Reply | None:
    what = f"{q.color} {q.label}".strip()
    done = [e for e in m.deeds if e.outcome == "done" and e.instruction.startswith(f"bring the {what} to ")]
    return Reply(stamp_ns=done[-1].end_ns, tasks=(done[-1].instruction,)) if done else None


def _usually(m: Rival, q: Query) -> Reply | None:
    low, high = q.hours
    if q.meaning == "will_be":
        at = times.moment(q.from_ns)
        low = at.hour + at.minute / 60
        low, high = (low - 1.5, low + 1.5) if q.from_ns == q.to_ns else (low, low + (q.to_ns - q.from_ns) / HOUR_NS)
    rows = [r for r in m.of(q) if low <= times.moment(r.stamp_ns).hour + times.moment(r.stamp_ns).minute / 60 < high]
    votes = Counter((p.label, p.room) for r in rows if (p := m.floor.piece(r.position)) is not None)
    if not votes:
        return None
    (label, room), n = votes.most_common(1)[0]
    last = next(r for r in reversed(rows) if (p := m.floor.piece(r.position)) is not None and (p.label, p.room) == (label, room))
    return Reply(position=last.position, place=label, confidence=n / sum(votes.values()))


def _ever(m: Rival, q: Query) -> Reply | None:
    return Reply(yes=True) if m.of(q) else None


_ANSWERS: dict[str, Callable[[Rival, Query], Reply | None]] = {
    "where_is": _where_is, "where_was": _where_was, "when_last": _when_last, "when_last_at": _when_last_at, "what_changed": _changes,
    "what_changed_room": _changes, "moved": _moved, "how_many": _how_many, "how_many_room": _how_many, "what_is_on": _what_is_on,
    "which_state": _state, "was_state": _state, "did_do": _did_do, "did_task": _did_task, "usually": _usually, "usually_at": _usually,
    "will_be": _usually, "ever_seen": _ever,
}  # fmt: skip
