"""One memory on one stream, scored: every figure as counts and sums that can be pooled over homes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.moved_objects.floor import Oracle
from benchmarks.moved_objects.interface import Memory, Step
from benchmarks.moved_objects.scores_belief import Calibration, People, Relations
from benchmarks.moved_objects.scores_change import Notices, PastChanges, Removals, Staleness
from benchmarks.moved_objects.scores_identity import AfterMoves, Tracks
from benchmarks.moved_objects.scores_match import Look, look
from benchmarks.moved_objects.scores_truth import Knowledge

TOUR_GAP_S = 600.0  # no image for so long: the robot rested between two tours


@dataclass
class SetError:
    """GOSPA, mean over images; its parts as means of the powers."""

    n: int = 0
    value: float = 0.0
    localisation: float = 0.0
    missed: float = 0.0
    false: float = 0.0
    truths: int = 0

    def add(self, view: Look) -> None:
        """Take one image in."""
        self.n += 1
        self.truths += len(view.truth)
        for name in ("value", "localisation", "missed", "false"):
            setattr(self, name, getattr(self, name) + getattr(view.gospa, name))

    def result(self) -> dict[str, float]:
        """Means."""
        n = max(self.n, 1)
        parts = {"gospa": self.value, "localisation": self.localisation, "missed": self.missed, "false": self.false}
        return {**{k: v / n for k, v in parts.items()}, "images": self.n, "known_things": self.truths / n}


@dataclass
class Scorer:
    """All scores of one memory on one stream.

    Args:
        known: the knowledge of the stream, updated by whoever feeds it (memories that are measured side by side share one).
    """

    known: Knowledge
    sets: SetError = field(default_factory=SetError)
    tracks: Tracks = field(default_factory=Tracks)
    moves: AfterMoves = field(default_factory=AfterMoves)
    removals: Removals = field(default_factory=Removals)
    notices: Notices = field(default_factory=Notices)
    stale: Staleness = field(default_factory=Staleness)
    calibration: Calibration = field(default_factory=Calibration)
    relations: Relations = field(default_factory=Relations)
    past: PastChanges = field(default_factory=PastChanges)
    people: People = field(default_factory=People)
    cpu_s: float = 0.0

    def add(self, step: Step, memory: Memory) -> Look:
        """Give the image to `memory` and score what it says after it; `known` has it already."""
        start = time.process_time()
        memory.add(step.detections, step.frame)
        self.cpu_s += time.process_time() - start
        view = look(step, self.known, memory)
        for part in (self.sets, self.tracks, self.moves, self.removals, self.notices, self.stale, self.calibration, self.people):
            part.add(view)
        self.relations.add(view, memory)
        return view

    def result(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "set": self.sets.result(),
            "tracks": self.tracks.result(),
            "moves": self.moves.result(),
            "removals": self.removals.result(),
            "notices": self.notices.result(),
            "stale": self.stale.result(),
            "calibration": self.calibration.result(),
            "relations": self.relations.result(),
            "past": self.past.result(),
            "people": self.people.result(),
            "cpu_s": self.cpu_s,
            "ms_per_image": 1000 * self.cpu_s / max(self.sets.n, 1),
        }


def score_stream(steps: Iterable[Step], memories: Mapping[str, Memory]) -> dict[str, dict[str, Any]]:
    """Feed one stream to all memories side by side, image by image, and score each: name -> results.

    They share nothing but the images and the knowledge of the truth. Cost: the stream is made once.
    """
    known = Knowledge()
    for memory in memories.values():
        if isinstance(memory, Oracle):
            memory.known = known
    scorers = {name: Scorer(known) for name in memories}
    last_ns = -1

    def tour_ends() -> None:
        for name, scorer in scorers.items():
            scorer.past.ask(memories[name], known, last_ns)

    for step in steps:
        if last_ns >= 0 and step.frame.stamp_ns - last_ns > TOUR_GAP_S * 1e9:
            tour_ends()
        known.update(step)
        for name, memory in memories.items():
            scorers[name].add(step, memory)
        last_ns = step.frame.stamp_ns
    if last_ns >= 0:
        tour_ends()
    return {name: scorer.result() for name, scorer in scorers.items()}
