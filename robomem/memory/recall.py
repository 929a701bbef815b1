"""Recall: narrow down, score exactly, and answer, ask back, or abstain.

`score = similarity x P(still there) x recency x support`. Filters come before the ranking, never after it: a thing that fits is not
lost among the k nearest that do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robomem.memory.query import Query, match_label, near_color
from robomem.memory.records import PlaceWords
from robomem.ontology import Ontology
from robomem.types import Candidate, Recall, Verdict

CHI2_3_90 = 6.251  # 90 % quantile of chi-squared with 3 degrees of freedom
LIKELY = 0.5  # below this it is more likely gone than there
LABEL_SHARE = 0.25  # a label with this much of an object's belief has been seen on it
RIVAL_SHARE = 0.5  # another object with this share of the best score makes a singular question ambiguous
RECENCY_HALF_NS = 24 * 3_600_000_000_000
DOUBTED = 0.75  # something this unlikely to be where it was, like which another has been found since, is that other one
MAX_IN_QUESTION = 4
OVERLAP = 0.7  # of the width: centres nearer than this cannot be of two things


@dataclass(frozen=True)
class Trace:
    """What is known of one object at the time asked about.

    Attributes:
        position: Float64[3] m.  covariance_max: largest eigenvalue of its covariance, m^2.
        p_there: probability that it is (was) at `position` at that time.
        gone: its place was seen empty and it has not been seen elsewhere since.
        support: independent sightings.
        seen: (first, last) stamp between which the evidence lies.
        width_m: its lesser horizontal extent, 0 where that is not known.
        first_ns: when it was first seen, 0 where that does not matter.
    """

    id: int
    label: str
    label_probs: Mapping[str, float]
    color: str
    position: NDArray[np.float64]
    covariance_max: float
    place: PlaceWords
    p_there: float
    last_seen_ns: int
    gone: bool
    support: int
    seen: tuple[int, int]
    width_m: float = 0.0
    first_ns: int = 0


@dataclass(frozen=True)
class Match:
    """A trace that fits a query, how well, and whether only loosely (a related word, another colour)."""

    trace: Trace
    similarity: float
    score: float
    loose: bool


class Recaller:
    """Answers a query from traces.

    Args:
        similar: similarity (0..1, already 0 below its threshold) of a word nobody knows to a label; None: no embedder.
        abstain_below: similarity x support below this is no answer.
    """

    def __init__(self, ontology: Ontology, abstain_below: float = 0.25, similar: Callable[[str, str], float] | None = None) -> None:
        self._ontology, self._abstain_below, self._similar = ontology, abstain_below, similar

    def answer(
        self, query: Query, traces: Sequence[Trace], asked_ns: int, k: int = 5, evidence: Callable[[Trace], tuple[int, ...]] = lambda _: ()
    ) -> Recall:
        """The Recall for `query`.

        Args:
            traces: everything known at `asked_ns`, of any label.
            k: at most this many candidates.
            evidence: observation ids behind a trace; called for the answer only.
        """
        named = self._by_label(query, traces)
        matches, narrowed = self._narrow(query, named)
        ranked = sorted((self._scored(m, asked_ns) for m in matches), key=lambda m: (-m.score, m.trace.id))
        good = [m for m in ranked if m.similarity * support_factor(m.trace.support) >= self._abstain_below]
        good = [m for k, m in enumerate(good) if not any(same_thing(m.trace, better.trace) for better in good[:k])]
        if not good:
            return self._abstain(query, named, asked_ns, k)
        base = Recall("unknown", narrowed_by=narrowed, candidates=tuple(_candidate(m) for m in good[:k]), asked_ns=asked_ns)
        return self._decide(query, good, base, evidence)

    def matches(self, query: Query, traces: Sequence[Trace]) -> list[Trace]:
        """Every trace that strictly fits, by id; of two that are one thing, the one with more behind it."""
        found, _ = self._narrow(query, self._by_label(query, traces))
        fits = sorted((m.trace for m in found if not m.loose), key=lambda t: (t.gone, -t.p_there * support_factor(t.support), t.id))
        apart = [t for k, t in enumerate(fits) if not any(same_thing(t, better) for better in fits[:k])]
        return sorted(apart, key=lambda t: t.id)

    # -- what fits

    def _by_label(self, query: Query, traces: Sequence[Trace]) -> list[tuple[Trace, float, bool]]:
        """(trace, similarity, loose) by the best kind of match that has any: the id, the label, part of the belief or of the name, a
        related label, a similar word. A looser kind is looked at only when the stricter ones know nothing at all.
        """
        if query.id is not None:
            return [(t, 1.0, False) for t in traces if t.id == query.id]
        if not query.label:
            return [(t, 1.0, False) for t in traces] if query.known else []
        label = query.label
        kinds = (
            lambda t: float(self._ontology.canonical(t.label) == label),
            lambda t: max(_share(t.label_probs, label), 0.9 * match_label(label, t.label)),
        )
        for similarity in kinds:
            found = [(t, s, False) for t in traces if (s := similarity(t)) > 0]
            if found:
                return found
        loose = (self._related, self._worded) if query.known else (self._worded,)
        for similarity in loose:
            found = [(t, s, True) for t in traces if (s := similarity(label, t.label)) > 0]
            if found:
                return found
        return []

    def _related(self, word: str, label: str) -> float:
        return 0.5 * self._ontology.related(word, label)

    def _worded(self, word: str, label: str) -> float:
        """Similarity of a word that is no class of the home model; a class never seen is unknown, however close another may sound."""
        if self._similar is None or self._ontology.known(word):
            return 0.0
        return self._similar(word, label)

    def _narrow(self, query: Query, named: list[tuple[Trace, float, bool]]) -> tuple[list[Match], tuple[str, ...]]:
        """Apply room, furniture and colour; returns the matches and the names of the filters that were used."""
        narrowed = ["label"] if query.label else []
        if query.room:
            named = [row for row in named if row[0].place.room == query.room]
            narrowed.append("room")
        if query.holder:
            named = [row for row in named if on_holder(row[0].place.words, query.holder)]
            narrowed.append("place")
        matches = [Match(t, s, 0.0, loose) for t, s, loose in named]
        if query.color:
            exact = [m for m in matches if m.trace.color == query.color]
            if exact:
                return exact, (*narrowed, "colour")
            near = [m for m in matches if near_color(m.trace.color, query.color)]
            plain = [m for m in matches if not m.trace.color]  # no colour stood out when it was seen: it may be the one
            matches = [Match(m.trace, 0.6 * m.similarity, 0.0, m.loose) for m in (near or plain)]
        return matches, tuple(narrowed)

    def _scored(self, match: Match, asked_ns: int) -> Match:
        t = match.trace
        age = max(0, asked_ns - t.last_seen_ns)
        recency = 0.5 + 0.5 * 0.5 ** (age / RECENCY_HALF_NS)
        p = 0.05 if t.gone else max(t.p_there, 0.05)  # something gone still is the best answer when nothing else is
        return Match(t, match.similarity, match.similarity * p * recency * support_factor(t.support), match.loose)

    # -- what is said

    def _decide(self, query: Query, ranked: list[Match], base: Recall, evidence: Callable[[Trace], tuple[int, ...]]) -> Recall:
        best = ranked[0]
        rivals = [m for m in ranked if m.score >= RIVAL_SHARE * best.score and not any(is_now(m.trace, o.trace) for o in ranked)]
        if best.loose:
            words = f"I have never seen {an(query.label)}; do you mean {_listed([_phrase(m.trace) for m in rivals[:MAX_IN_QUESTION]])}?"
            return _filled(base, "ambiguous", best, evidence, question=words)
        if len(rivals) > 1 and not query.plural and query.id is None:
            return _filled(base, "ambiguous", best, evidence, question=question(query.label or "thing", [m.trace for m in rivals]))
        moved = best.trace.gone or best.trace.p_there < LIKELY
        return _filled(base, "moved_since_seen" if moved else "found", best, evidence)

    def _abstain(self, query: Query, named: list[tuple[Trace, float, bool]], asked_ns: int, k: int) -> Recall:
        what = f"object #{query.id}" if query.id is not None else " ".join(w for w in (query.color, query.label or "thing") if w)
        where = f" in the {query.room}" if query.room else f" on or in the {query.holder}" if query.holder else ""
        candidates: tuple[Candidate, ...] = ()
        if named and not named[0][2]:
            others = [self._scored(Match(t, s, 0.0, loose), asked_ns) for t, s, loose in named[:50]]
            candidates = tuple(_candidate(m) for m in sorted(others, key=lambda m: -m.score)[:k])
            needs = f"a sighting of {an(what)}{where}; of that kind I know {_listed([_phrase(m) for m in [o.trace for o in others][:3]])}"
        else:
            needs = f"a sighting of {what if query.id is not None else an(what)}{where}: none has been seen"
        return Recall("unknown", label=query.label, candidates=candidates, needs=needs, asked_ns=asked_ns)


def same_thing(a: Trace, b: Trace) -> bool:
    """Two of one class whose bodies would be in each other are one thing, believed twice: two cans stand a can's width apart."""
    overlap = OVERLAP * max(a.width_m, b.width_m)
    return a.label == b.label and float(np.linalg.norm(a.position - b.position)) < overlap


def is_now(old: Trace, new: Trace) -> bool:
    """True if the old one is probably the new one: just like it, found since the old one was last seen, which is hardly believed in."""
    alike = (old.label, old.color) == (new.label, new.color)
    return alike and old.last_seen_ns < new.first_ns and old.p_there < DOUBTED


def support_factor(sightings: int) -> float:
    """How much `sightings` independent sightings are worth: 1/2 for one, towards 1."""
    return 1.0 - 0.5 ** max(1, sightings)


def radius90(covariance_max: float) -> float:
    """Radius (m) that holds at least 90 % of a Gaussian whose largest variance is `covariance_max` (m^2)."""
    return float(np.sqrt(CHI2_3_90 * max(0.0, covariance_max)))


def on_holder(words: str, holder: str) -> bool:
    """True if place words ("on the dining table in the kitchen") name `holder` ("table") as what holds the object."""
    name = words.split(" in the ")[0].removeprefix("on the ").removeprefix("in the ")
    return name == holder or match_label(holder, name)


def question(label: str, traces: Sequence[Trace]) -> str:
    """The one question that tells the traces apart best: by colour, else room, else furniture, else position."""
    shown = traces[:MAX_IN_QUESTION]
    ways = (
        lambda t: f"the {t.color} one" if t.color else "",
        lambda t: f"the one in the {t.place.room}" if t.place.room else "",
        lambda t: f"the one {t.place.words}" if t.place.words else "",
        lambda t: f"the one at x {t.position[0]:.1f} y {t.position[1]:.1f}",
    )
    options = [[way(t) for t in shown] for way in ways]
    best = max(options, key=lambda said: (all(said), len(set(said))))  # the first of equals: colour is easiest to answer
    return f"Which {label}: {_listed(list(dict.fromkeys(best)))}?"


def an(noun: str) -> str:
    """The noun with its indefinite article, none before a plural-looking or empty one."""
    if not noun or (noun.endswith("s") and not noun.endswith("ss")):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _share(probs: Mapping[str, float], label: str) -> float:
    p = probs.get(label, 0.0)
    return p / max(probs.values()) if p >= LABEL_SHARE else 0.0


def _phrase(trace: Trace) -> str:
    return " ".join(w for w in ("the", trace.color, trace.label, trace.place.words) if w)


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"


def _candidate(match: Match) -> Candidate:
    t = match.trace
    return Candidate(t.id, t.label, t.position, match.score, t.p_there, t.place.words, t.color)


def _filled(base: Recall, verdict: Verdict, best: Match, evidence: Callable[[Trace], tuple[int, ...]], question: str = "") -> Recall:
    t = best.trace
    return replace(
        base,
        verdict=verdict,
        id=t.id,
        label=t.label,
        position=t.position,
        radius90_m=radius90(t.covariance_max),
        p_still_there=t.p_there,
        last_seen_ns=t.last_seen_ns,
        place=t.place.words,
        place_id=t.place.place_id,
        question=question,
        evidence=evidence(t),
    )
