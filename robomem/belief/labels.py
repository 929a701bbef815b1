"""Label belief: a categorical distribution over an open vocabulary, updated by Bayes with a confusion model."""

from __future__ import annotations

import math
from collections.abc import Mapping

from robomem.ontology import Ontology

P_RELATED = 0.12  # a detector says "cup" of a mug
P_OTHER = 0.015  # any one unrelated label
P_UNNAMED = 0.3  # a class-agnostic segment says nothing of the label
FLOOR = 12.0  # nats below the best that a label falls at most
REMEMBERED = 6.0  # sightings of one label that count against a related one: it is at FLOOR then
USUAL_SCORE = 0.8


def likelihood(observed: str, true: str, score: float, ontology: Ontology) -> float:
    """P(detector says `observed` with `score` | the thing is a `true`)."""
    if not observed:
        return P_UNNAMED
    if observed == true:
        return 0.5 + 0.45 * score
    return P_RELATED if ontology.related(observed, true) else P_OTHER


class LabelBelief:
    """Log-likelihood per label heard so far, the best at 0; a label not heard yet gets what the sightings so far say of it."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._log: dict[str, float] = {}
        self._heard: dict[str, float] = {}  # by label, weight of the sightings that said so
        self._cache: dict[str, float] | None = None

    def update(self, observed: str, score: float, weight: float = 1.0) -> None:
        """Bayes: log p(k) += weight * log P(observed | k); `weight` < 1 for a viewpoint that has already spoken."""
        if not observed:
            return
        if observed not in self._log:
            self._log[observed] = self._newcomer(observed)
        self._heard[observed] = min(self._heard.get(observed, 0.0) + weight, REMEMBERED)
        if len(self._log) == 1:  # nothing else was ever heard
            return
        for k in self._log:
            self._log[k] += weight * math.log(likelihood(observed, k, score, self._ontology))
        top = max(self._log.values())
        # Bounded memory of the past: a label can always be overturned by about five good sightings.
        self._log = {k: max(v - top, -FLOOR) for k, v in self._log.items()}
        self._cache = None

    def _newcomer(self, label: str) -> float:
        """Log-likelihood, by all that was heard before, of a label heard for the first time: what is easily confused is not ruled out."""
        if not self._log:
            return 0.0
        return min(max(self._fit(label) - max(self._fit(k) for k in self._log), -FLOOR), 0.0)

    def _fit(self, label: str) -> float:
        return sum(w * math.log(likelihood(heard, label, USUAL_SCORE, self._ontology)) for heard, w in self._heard.items())

    def probabilities(self) -> Mapping[str, float]:
        """label -> probability; they sum to one."""
        if self._cache is None and len(self._log) == 1:
            self._cache = dict.fromkeys(self._log, 1.0)
        if self._cache is None:
            total = sum(math.exp(v) for v in self._log.values())
            self._cache = {k: math.exp(self._log[k]) / total for k in sorted(self._log, key=self._log.__getitem__, reverse=True)}
        return self._cache

    def best(self) -> str:
        """The most likely label, "" if none was ever heard."""
        for label in self._log if len(self._log) == 1 else self.probabilities():
            return label
        return ""

    def predictive(self, observed: str, score: float) -> float:
        """P(detector says `observed` next), from the whole distribution."""
        if not self._log or not observed:
            return P_UNNAMED
        ontology = self._ontology
        if len(self._log) == 1:
            return likelihood(observed, next(iter(self._log)), score, ontology)
        return sum([p * likelihood(observed, k, score, ontology) for k, p in self.probabilities().items()])

    def to_json(self) -> dict[str, object]:
        """Plain values, for a snapshot."""
        return {"log": self._log, "heard": self._heard}

    def load_json(self, row: Mapping[str, object]) -> None:
        """Take over a snapshot's values; those of older versions do not say what was heard, but the best label was."""
        log = row["log"]
        assert isinstance(log, dict)
        self._log = {str(k): float(v) for k, v in log.items()}
        self._cache = None
        heard = row.get("heard") or ({self.best(): REMEMBERED} if log else {})
        assert isinstance(heard, dict)
        self._heard = {str(k): float(v) for k, v in heard.items()}
