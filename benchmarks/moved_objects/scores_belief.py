"""How sure, on what, and who: existence against truth, relations, people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.interface import Believed, Memory, TrueThing
from benchmarks.moved_objects.scores_match import BELIEVES, Look, families, gospa, kind_of, points, same_family
from benchmarks.moved_objects.scores_truth import Stay
from robomem.geometry import distance_to_box

EVERY = 4  # images: beliefs of neighbouring images are the same beliefs
BINS = 100  # of existence; ECE joins ten at a time
LEAST = 0.05  # what a memory gives less than this is gone for it: its countless right "no" answers are not counted
PARENT_M = 0.5  # an estimate of furniture this near to the box of a true piece of its family is that piece
PERSON_M = 1.0
BREAK_S = 3.0  # a person out of view for longer than this is not expected to keep an id


@dataclass
class Calibration:
    """Existence against the truth itself, seen or not: P(there is a thing of this family within 0.5 m), one estimate a thing.

    Sums over bins of existence: how many, their existence, how many were right, and the Brier sum.
    """

    count: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    said: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    right: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    brier: float = 0.0
    _images: int = 0

    def add(self, view: Look) -> None:
        """Take one image in."""
        self._images += 1
        if self._images % EVERY:
            return
        said = [b for b in view.said if b.existence >= LEAST]
        there = view.known.present()
        allowed = families([s.label for s in there], [b.label for b in said])
        # Unasked rows take up one estimate within half a metre each: what is taken up is right.
        pairs = gospa(points(there), points(said), allowed, np.ones(len(there), bool)).pairs
        correct = np.zeros(len(said))
        correct[[j for _, j in pairs]] = 1.0
        p = np.array([b.existence for b in said], float)
        place = np.minimum((p * BINS).astype(int), BINS - 1)
        np.add.at(self.count, place, 1)
        np.add.at(self.said, place, p)
        np.add.at(self.right, place, correct)
        self.brier += float(np.sum((p - correct) ** 2))

    def result(self) -> dict[str, Any]:
        """The sums as lists."""
        return {"count": self.count.tolist(), "said": self.said.tolist(), "right": self.right.tolist(), "brier": self.brier}


@dataclass
class Relations:
    """`on` and `inside` between known things and known furniture: right, wrong and untold pairs.

    Children that are known to be where they are, parents that were in clear view often enough; a child without an estimate is untold.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    untold: dict[str, int] = field(default_factory=dict)
    _images: int = 0

    def add(self, view: Look, memory: Memory) -> None:
        """Take one image in."""
        self._images += 1
        if self._images % EVERY:
            return
        parents = {s.thing: s for s in view.known.scored("furniture")}
        true = {s.thing: (s.relation, s.parent) for s in view.truth if s.parent in parents and s.relation in ("on", "inside")}
        claims = [c for c in memory.relations(view.stamp_ns) if c.probability >= BELIEVES and c.name in ("on", "inside")]
        child = {b.id: thing for thing, b in view.about.items()}
        estimates = {b.id: b for b in view.everything}
        told: set[str] = set()
        for claim in claims:
            thing = child.get(claim.child)
            if thing is None or thing not in true:
                continue
            holder = estimates.get(claim.parent)
            piece = _piece(holder, list(parents.values())) if holder is not None else None
            if (claim.name, piece) == true[thing] and thing not in told:
                self.tp += 1
                told.add(thing)
            else:
                self.fp += 1
        self.fn += len(true) - len(told)
        for thing in true.keys() - told:
            key = f"{true[thing][0]}, {'no estimate' if thing not in view.about else 'wrong or none'}"
            self.untold[key] = self.untold.get(key, 0) + 1

    def result(self) -> dict[str, Any]:
        """Counts."""
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, "untold": self.untold}


def _piece(b: Believed, furniture: list[Stay]) -> str | None:
    """The true piece of furniture that an estimate is about."""
    rows = [
        (float(distance_to_box(b.position, f.position, f.size, f.yaw)), float(np.linalg.norm(b.position - f.position)), f.thing)
        for f in furniture
        if same_family(b.label, f.label)
    ]
    rows = [r for r in rows if r[0] <= PARENT_M]
    return min(rows)[2] if rows else None


@dataclass
class People:
    """People in clear view: distance of the nearest agent estimate, and how often its id changes while they stay in view."""

    errors: list[float] = field(default_factory=list)
    missed: int = 0
    breaks: int = 0
    _last: dict[str, tuple[int, int]] = field(default_factory=dict)  # person -> (id, stamp)

    def add(self, view: Look) -> None:
        """Take one image in."""
        agents = [b for b in view.everything if kind_of(b.label, b.kind) == "agent" and b.existence >= BELIEVES]
        for person in (t for t in view.step.truth if t.kind == "agent" and t.present and t.clear):
            self._one(person, agents, view.stamp_ns)

    def _one(self, person: TrueThing, agents: list[Believed], stamp_ns: int) -> None:
        rows = sorted((float(np.linalg.norm(b.position[:2] - person.position[:2])), b.id) for b in agents)
        if not rows or rows[0][0] > PERSON_M:
            self.missed += 1
            return
        d, held = rows[0]
        self.errors.append(d)
        last = self._last.get(person.name)
        if last is not None and last[0] != held and stamp_ns - last[1] <= BREAK_S * 1e9:
            self.breaks += 1
        self._last[person.name] = (held, stamp_ns)

    def result(self) -> dict[str, Any]:
        """Errors (m) and counts."""
        return {"errors": [round(e, 3) for e in self.errors], "missed": self.missed, "breaks": self.breaks}
