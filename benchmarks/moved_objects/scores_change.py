"""Changes: false removals, how soon a real one is noticed, how long the map is wrong, and what it says of the past."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.moved_objects.interface import Believed, Memory
from benchmarks.moved_objects.scores_match import BELIEVES, NEAR_M, Look, kind_of, same_family
from benchmarks.moved_objects.scores_truth import Knowledge, Stay

OLD_PLACE_M = 0.3  # an estimate this near to a place that was left still claims that the thing is there


def height_bin(height_m: float) -> str:
    """The nearest of the three heights that the benchmark reports."""
    return "3 cm" if height_m < 0.055 else "8 cm" if height_m < 0.13 else "20 cm"


def claims_place(view: Look, stay: Stay) -> bool:
    """True if the memory believes a thing of this family at a place the thing left, and that is not another thing that is there."""
    elsewhere = {b.id for thing, b in view.about.items() if thing != stay.thing}
    ignored = {view.believed[j].id for j in view.ignored} if stay.absent_ns is not None else set()
    return any(b.id not in elsewhere and b.id not in ignored for b in view.at(stay.label, stay.position, OLD_PLACE_M))


@dataclass
class Removals:
    """False removals: a known thing that did not move had an estimate, and has none any more.

    An id that is still believed near the thing under another name is no removal (GOSPA has that error), nor is a merge. Only images in
    which the thing has pixels of its own count: what a memory doubts because time passed, and nobody looks at, is not removed.
    `object_frames` counts known things in clear view, image by image.
    """

    false: int = 0
    object_frames: int = 0
    cases: list[dict[str, Any]] = field(default_factory=list)
    _had: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, view: Look) -> None:
        """Take one image in."""
        clear = {t.name for t in view.step.truth if t.clear}
        self.object_frames += sum(s.thing in clear for s in view.truth)
        near, shown = {b.id: b for b in view.believed}, {t.name for t in view.step.truth if t.pixels}
        for s in view.truth:
            key, held = (s.thing, s.nth), view.about.get(s.thing)
            if held is not None:
                self._had[key] = held.id
            elif key in self._had and s.thing in shown:
                old = near.get(self._had[key])
                if old is None or float(np.linalg.norm(old.position - s.position)) > NEAR_M:
                    self.false += 1
                    gone_id = self._had.pop(key)
                    self.cases.append({"thing": s.thing, "id": gone_id, "stamp_ns": view.stamp_ns, "in_clear_view": s.thing in clear})

    def result(self) -> dict[str, Any]:
        """Counts."""
        return {"false": self.false, "object_frames": self.object_frames, "cases": self.cases}


@dataclass
class Notices:
    """In how many images the place that a thing left was in clear view until the memory stopped believing it there.

    Only things that the memory had at the place when they left; swapped things leave no empty place. A thing that comes back, or a stream
    that ends, before it is noticed cuts the count off (`noticed` False): the summary treats it as censored.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    _open: dict[str, tuple[Stay, int]] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)  # thing -> nth stay in which the memory last had it

    def add(self, view: Look) -> None:
        """Take one image in."""
        for thing in view.about:
            self._held[thing] = view.known.current[thing].nth
        for thing, nth in list(self._held.items()):
            stay = view.known.stays[thing][nth]
            if stay.left_ns is not None:
                del self._held[thing]
                if stay.why != "swapped":
                    self._close(thing, noticed=False)
                    self._open[thing] = (stay, 0)
        for thing, (stay, seen) in list(self._open.items()):
            back = view.known.current.get(thing)
            if back is not None and float(np.linalg.norm(back.position - stay.position)) < OLD_PLACE_M:
                self._close(thing, noticed=False)
                continue
            seen += bool(view.step.empty_view.get(thing, False))
            self._open[thing] = (stay, seen)
            if not claims_place(view, stay):
                self._close(thing, noticed=True)

    def _close(self, thing: str, noticed: bool) -> None:
        if thing not in self._open:
            return
        stay, seen = self._open.pop(thing)
        if seen or noticed:
            row = {"thing": thing, "height": height_bin(stay.height_m), "frames": seen, "noticed": noticed}
            self.rows.append({**row, "left_ns": stay.left_ns, "why": stay.why})

    def result(self) -> dict[str, Any]:
        """One row per change; closes what is open."""
        for thing in list(self._open):
            self._close(thing, noticed=False)
        return {"rows": self.rows}


@dataclass
class Staleness:
    """Seconds since the map last agreed with what could be known, averaged over known things and images.

    Present things agree if an estimate of the family lies within 0.5 m and none claims a place that is known to be empty; absent things
    agree if nothing claims their last place. The clock of a disagreement starts when the fact could first be known.
    """

    seconds: float = 0.0
    n: int = 0
    _agreed: dict[str, int] = field(default_factory=dict)
    _fact: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def add(self, view: Look) -> None:
        """Take one image in."""
        present = {s.thing: s for s in view.truth}
        for thing, stays in view.known.stays.items():
            if stays[-1].kind != "object":
                continue
            empty = [s for s in stays if s.clear and s.absent_ns is not None]
            here = present.get(thing)
            if here is None and not (empty and stays[-1].left_ns is not None and stays[-1].absent_ns is not None):
                continue  # nothing could be known of it now
            fact = (stays[-1].nth, here is not None)
            if self._fact.get(thing) != fact:
                self._fact[thing], self._agreed[thing] = fact, view.stamp_ns
            held = view.about.get(thing)
            right = here is None or (held is not None and float(np.linalg.norm(held.position - here.position)) <= NEAR_M)
            last = [s for s in empty if here is None or float(np.linalg.norm(s.position - here.position)) > 2 * OLD_PLACE_M][-1:]
            if right and not any(claims_place(view, s) for s in last):
                self._agreed[thing] = view.stamp_ns
            self.seconds += (view.stamp_ns - self._agreed[thing]) / 1e9
            self.n += 1

    def result(self) -> dict[str, float]:
        """Sum and count."""
        return {"seconds": self.seconds, "n": self.n}


@dataclass
class PastChanges:
    """Change F1 over the grid of robot time and query time, after the idea of Khronos (Schmid et al. 2024).

    At the end of each tour, robot time r, the memory is asked what there was at the end of each earlier tour, query time q: what it
    holds at q and not at r it says has gone, what it holds at r and not at q it says has come. True changes are those of things whose
    place could be known, by r, at both times.
    """

    times: list[int] = field(default_factory=list)  # ends of tours so far
    tp: int = 0
    fp: int = 0
    fn: int = 0
    cells: list[dict[str, int]] = field(default_factory=list)

    def ask(self, memory: Memory, known: Knowledge, r_ns: int) -> None:
        """Fill the row of robot time `r_ns`."""
        now = _objects(memory, r_ns)
        for q_ns in self.times:
            then = _objects(memory, q_ns)
            gone, come, kept = _true_changes(known, q_ns, r_ns)
            counts = [0, 0, 0]
            for claims, other, true in ((then, now, gone), (now, then, come)):
                said = [b for b in claims if not _any_near(b, other)]
                hit = _match(true, said)
                counts[0] += len(hit)
                counts[2] += len(true) - len(hit)
                left = [b for k, b in enumerate(said) if k not in hit.values()]
                counts[1] += sum(_wrong(b, kept, known) for b in left)
            self.tp, self.fp, self.fn = self.tp + counts[0], self.fp + counts[1], self.fn + counts[2]
            self.cells.append({"r_ns": r_ns, "q_ns": q_ns, "tp": counts[0], "fp": counts[1], "fn": counts[2]})
        self.times.append(r_ns)

    def result(self) -> dict[str, Any]:
        """Counts over the whole grid."""
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, "cells": self.cells}


def _objects(memory: Memory, at_ns: int) -> list[Believed]:
    return [b for b in memory.objects(at_ns) if b.existence >= BELIEVES and kind_of(b.label, b.kind) == "object"]


def _any_near(b: Believed, others: list[Believed]) -> bool:
    return any(same_family(b.label, o.label) and float(np.linalg.norm(b.position - o.position)) <= NEAR_M for o in others)


def _true_changes(known: Knowledge, q_ns: int, r_ns: int) -> tuple[list[Stay], list[Stay], list[Stay]]:
    """Places that were left, places that were taken, and places that were kept between two times, as far as could be known."""
    gone, come, kept = [], [], []
    for stays in known.stays.values():
        for s in stays:
            if s.kind != "object":
                continue
            before, after = known.state_at(s, q_ns), known.state_at(s, r_ns)
            if before and after:
                kept.append(s)
            elif before and after is False:
                gone.append(s)
            elif after and before is False:
                come.append(s)
    # A move shorter than the matching radius, or a look-alike that took the place: nothing to be told apart by a map of places.
    left = [s for s in gone if not any(_same_place(s, o) for o in (*kept, *come))]
    return left, [s for s in come if not any(_same_place(s, o) for o in (*kept, *gone))], kept


def _same_place(a: Stay, b: Stay) -> bool:
    return a is not b and same_family(a.label, b.label) and float(np.linalg.norm(a.position - b.position)) <= NEAR_M


def _match(true: list[Stay], said: list[Believed]) -> dict[int, int]:
    """True change -> row of the claim that tells it, nearest first."""
    rows = sorted(
        (float(np.linalg.norm(s.position - b.position)), i, j)
        for i, s in enumerate(true)
        for j, b in enumerate(said)
        if same_family(s.label, b.label)
    )
    hit: dict[int, int] = {}
    for d, i, j in rows:
        if d <= NEAR_M and i not in hit and j not in hit.values():
            hit[i] = j
    return hit


def _wrong(b: Believed, kept: list[Stay], known: Knowledge) -> bool:
    """A claimed change is wrong if the thing there did not change, or if no thing of the family ever was there."""
    if any(same_family(b.label, s.label) and float(np.linalg.norm(b.position - s.position)) <= NEAR_M for s in kept):
        return True
    ever = (s for stays in known.stays.values() for s in stays)
    return not any(same_family(b.label, s.label) and float(np.linalg.norm(b.position - s.position)) <= NEAR_M for s in ever)
