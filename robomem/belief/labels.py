"""Label belief: a categorical distribution over an open vocabulary, updated by Bayes with a confusion model."""

from __future__ import annotations

import math
from collections.abc import Mapping

from robomem.ontology import Ontology

P_RELATED = 0.12  # a detector says "cup" of a mug
P_OTHER = 0.015  # any one unrelated label
P_UNNAMED = 0.3  # a class-agnostic segment says nothing of the label


def likelihood(observed: str, true: str, score: float, ontology: Ontology) -> float:
    """P(detector says `observed` with `score` | the thing is a `true`)."""
    if not observed:
        return P_UNNAMED
    if observed == true:
        return 0.5 + 0.45 * score
    return P_RELATED if ontology.related(observed, true) else P_OTHER


class LabelBelief:
    """Log-likelihood per label heard so far; a label not heard yet carries what all strangers carry."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._log: dict[str, float] = {}
        self._stranger = 0.0
        self._cache: dict[str, float] | None = None

    def update(self, observed: str, score: float, weight: float = 1.0) -> None:
        """Bayes: log p(k) += weight * log P(observed | k); `weight` < 1 for a viewpoint that has already spoken."""
        if not observed:
            return
        if len(self._log) == 1 and observed in self._log:  # nothing else was ever heard: only strangers become less likely
            if self._stranger > -12.0:
                gain = math.log(likelihood(observed, observed, score, self._ontology))
                self._stranger = max(self._stranger + weight * (math.log(P_OTHER) - gain), -12.0)
            return
        self._log.setdefault(observed, self._stranger)
        for k in self._log:
            self._log[k] += weight * math.log(likelihood(observed, k, score, self._ontology))
        self._stranger += weight * math.log(P_OTHER)
        top = max(self._log.values())
        # Bounded memory of the past: a label can always be overturned by about five good sightings.
        self._log = {k: max(v - top, -12.0) for k, v in self._log.items()}
        self._stranger = max(self._stranger - top, -12.0)
        self._cache = None

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
        return {"log": self._log, "stranger": self._stranger}

    def load_json(self, row: Mapping[str, object]) -> None:
        """Take over a snapshot's values."""
        log = row["log"]
        assert isinstance(log, dict)
        self._log = {str(k): float(v) for k, v in log.items()}
        self._stranger = float(row["stranger"])  # type: ignore[arg-type]
        self._cache = None
