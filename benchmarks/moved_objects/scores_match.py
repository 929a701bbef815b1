"""GOSPA, and which estimate stands for which true thing in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.moved_objects.interface import Believed, Memory, Step
from benchmarks.moved_objects.scores_truth import Knowledge, Spot, Stay
from robomem.ontology import default_ontology

CUTOFF_M = 1.0
NEAR_M = 0.5  # an estimate this near to a true thing of its label is about that thing
BELIEVES = 0.5  # existence from which a memory counts as believing


@dataclass(frozen=True)
class Gospa:
    """GOSPA and its parts: `value ** p == localisation + missed + false`.

    Attributes:
        pairs: (row of the truth, row of the estimate) of each pair that counts as one thing.
    """

    value: float
    localisation: float
    missed: float
    false: float
    pairs: tuple[tuple[int, int], ...]


# What a detector may take for each other, but whoever asks does not: an answer that names the one for the other is wrong.
KEPT_APART = (frozenset(("phone", "remote")),)


@lru_cache(maxsize=20_000)
def same_family(a: str, b: str) -> bool:
    """True if two labels may name one thing: the same word, or one a detector takes for the other."""
    ontology = default_ontology()
    return ontology.related(a, b) and frozenset((ontology.canonical(a), ontology.canonical(b))) not in KEPT_APART


@lru_cache(maxsize=2_000)
def kind_of(label: str, said: str) -> str:
    """Object, furniture or agent: by the label if it is a known class, so that no memory chooses what it is scored on."""
    ontology = default_ontology()
    return ontology.prior(label).kind if ontology.known(label) else said


def families(a: Sequence[str], b: Sequence[str]) -> NDArray[np.bool_]:
    """Bool[len(a), len(b)]."""
    return np.array([[same_family(x, y) for y in b] for x in a], bool).reshape(len(a), len(b))


def distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Float64[n, m] between Float64[n, 3] and Float64[m, 3], m."""
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=2), np.float64)


def gospa(
    truth: NDArray[np.float64],
    estimates: NDArray[np.float64],
    allowed: NDArray[np.bool_] | None = None,
    unasked: NDArray[np.bool_] | None = None,
    c: float = CUTOFF_M,
    p: float = 2.0,
) -> Gospa:
    """Generalised optimal sub-pattern assignment with alpha = 2 (Rahmathullah, Garcia-Fernandez and Svensson 2017).

    d^p = min over assignments of sum d(x, y)^p + c^p / 2 (missed + false).

    Args:
        truth: Float64[n, 3] m.  estimates: Float64[m, 3] m.
        allowed: Bool[n, m] pairs whose labels may be one thing; all if not given.
        unasked: Bool[n] rows of the truth that cost nothing if they are missed and take up one estimate within `NEAR_M` for nothing.
    """
    n, m = len(truth), len(estimates)
    free = np.zeros(n, bool) if unasked is None else unasked
    half = c**p / 2
    gain = np.zeros((n, m))
    d = distances(truth, estimates) if n and m else np.zeros((n, m))
    if n and m:
        ok = (d < c) if allowed is None else (d < c) & allowed
        # A pair saves what it would cost to miss the one and to invent the other: d^p - c^p; with an unasked thing only the latter.
        # The tiny term in d lets the nearest of two estimates be the one that is explained by an unasked thing.
        paid = np.where(free[:, None], -half + 1e-6 * d, d**p - 2 * half)
        gain = np.where(ok & (~free[:, None] | (d <= NEAR_M)), np.minimum(paid, 0.0), 0.0)
    rows, columns = linear_sum_assignment(gain)
    pairs = tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if gain[i, j] < 0)
    localisation = float(sum(d[i, j] ** p for i, j in pairs if not free[i]))
    missed = half * (int((~free).sum()) - sum(not free[i] for i, _ in pairs))
    false = half * (m - len(pairs))
    return Gospa(float((localisation + missed + false) ** (1 / p)), localisation, missed, false, pairs)


@dataclass(frozen=True)
class Look:
    """One image with what a memory says after it and what it is about.

    Attributes:
        truth: the stays that are asked for.  said: everything the memory holds, of kind "object".
        believed: those with existence of at least one half.
        gospa: of `believed` against `truth`.
        about: thing -> the estimate that stands for it.
        ignored: rows of `believed` that are about something not asked for.
    """

    step: Step
    stamp_ns: int
    known: Knowledge
    truth: tuple[Stay, ...]
    everything: tuple[Believed, ...]
    said: tuple[Believed, ...]
    believed: tuple[Believed, ...]
    gospa: Gospa
    about: dict[str, Believed]
    ignored: frozenset[int]

    def at(self, label: str, position: NDArray[np.float64], radius_m: float = NEAR_M) -> list[Believed]:
        """Believed things of a label's family near a place."""
        return [b for b in self.believed if same_family(label, b.label) and float(np.linalg.norm(b.position - position)) <= radius_m]


def points(things: Sequence[Stay] | Sequence[Spot] | Sequence[Believed]) -> NDArray[np.float64]:
    """Float64[n, 3] of their positions."""
    return np.array([t.position for t in things], float).reshape(-1, 3)


def look(step: Step, known: Knowledge, memory: Memory) -> Look:
    """Ask a memory after an image and assign what it says."""
    stamp_ns = step.frame.stamp_ns
    everything = tuple(memory.objects(stamp_ns))
    said = tuple(b for b in everything if kind_of(b.label, b.kind) == "object")
    believed = tuple(b for b in said if b.existence >= BELIEVES)
    truth, spots = known.scored(), known.unasked()
    labels = [s.label for s in truth] + [s.label for s in spots]
    unasked = np.array([False] * len(truth) + [True] * len(spots), bool)
    result = gospa(np.concatenate([points(truth), points(spots)]), points(believed), families(labels, [b.label for b in believed]), unasked)
    about = {truth[i].thing: believed[j] for i, j in result.pairs if i < len(truth)}
    ignored = frozenset(j for i, j in result.pairs if i >= len(truth))
    return Look(step, stamp_ns, known, tuple(truth), everything, said, believed, result, about, ignored)
