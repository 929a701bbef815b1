"""States: each attribute of a thing (a door's "open", a lamp's "on") is a Markov chain, seen through a detector that errs.

Between looks a state drifts back to what is usual for it, in closed form; a look is Bayes with a confusion rate learned from this robot's
own detector; what is reported changes with hysteresis, so that one wrong frame is no event. A thing may have several parts, each with a
belief of its own: "drawer 2.open" beside "open".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robomem.belief.existence import ViewCell

CHANGE_AT = 0.7  # probability from which another value is believed: below, the settled one stays
CEILING = 0.95  # nothing is so sure that a few clear looks could not undo it
KNOWN = 0.97  # what the robot itself did
REPEAT = 0.5  # share of a look's evidence that one more frame of the same viewpoint and value is worth
CELL_CAP = 4.0  # nats that one viewpoint says in total for one value: just enough to overturn what was settled
MAX_CELLS = 16
MAX_VALUES = 8  # a detector that makes up values fills no memory


@dataclass(frozen=True)
class Drift:
    """How a state goes on while nobody looks: p_k(t) = usual_k + (p_k - usual_k) exp(-t / stays_h).

    Attributes:
        usual: value -> how often it has it; sums to one. Empty: all values heard of are alike.
        stays_h: hours in which what was seen loses all but 37 % of its weight; infinite for what cannot be undone.
    """

    usual: Mapping[str, float] = field(default_factory=dict)
    stays_h: float = 24.0


DRIFTS: Mapping[str, Drift] = {
    "open": Drift({"false": 0.9, "true": 0.1}, 4.0),
    "on": Drift({"false": 0.7, "true": 0.3}, 3.0),
    "filled": Drift({"false": 0.7, "true": 0.3}, 3.0),
    "dirty": Drift({"false": 0.7, "true": 0.3}, 12.0),
    "temperature": Drift({"room": 0.9, "hot": 0.05, "cold": 0.05}, 0.5),
    "sliced": Drift(stays_h=math.inf),
    "broken": Drift(stays_h=math.inf),
    "cooked": Drift(stays_h=math.inf),
}
ANY = Drift()


def attribute(name: str) -> str:
    """The attribute that a part's state is one of: "open" of "drawer 2.open"."""
    return name.rpartition(".")[2]


def fades(name: str, value: str) -> bool:
    """True if time alone can make a value less likely than not: it is not what is usual. Where False, only looks did."""
    return DRIFTS.get(attribute(name), ANY).usual.get(value, 0.0) < 0.5


class Accuracy:
    """P(a detector names the true value) per attribute: Beta(17, 3) at first, learned from how looks agree with the belief they lead to."""

    def __init__(self) -> None:
        self._counts: dict[str, list[float]] = {}

    def of(self, name: str) -> float:
        """Posterior mean, within 0.55..0.98: a detector is never taken to be blind or infallible."""
        right, wrong = self._counts.get(attribute(name), (17.0, 3.0))
        return min(max(right / (right + wrong), 0.55), 0.98)

    def learn(self, name: str, agreed: float) -> None:
        """One more look that was right with probability `agreed` (a step of online EM); the past counts for 200 looks at most."""
        row = self._counts.setdefault(attribute(name), [17.0, 3.0])
        keep = min(1.0, 200.0 / sum(row))
        row[0], row[1] = keep * row[0] + agreed, keep * row[1] + 1.0 - agreed

    def to_json(self) -> dict[str, list[float]]:
        """Plain values, for a snapshot."""
        return {name: list(row) for name, row in self._counts.items()}

    def load_json(self, rows: Mapping[str, list[float]]) -> None:
        """Replace what was learned by a snapshot's."""
        self._counts = {str(name): [float(row[0]), float(row[1])] for name, row in rows.items()}


@dataclass
class StateBelief:
    """What is believed of one attribute.

    Attributes:
        values: value -> probability as of `stamp_ns`; they sum to one.
        settled: the value that was last reported as the case.
        spoken: viewpoint -> (value, nats) it has said already.
    """

    values: dict[str, float]
    settled: str
    stamp_ns: int
    spoken: dict[ViewCell, tuple[str, float]] = field(default_factory=dict)

    @classmethod
    def first(cls, name: str, value: str, stamp_ns: int) -> StateBelief:
        """Before the first look: every value that the attribute may have is as likely as the next."""
        known = [*DRIFTS.get(attribute(name), ANY).usual] or (["false", "true"] if value in ("false", "true") else [value])
        names = [*known, *([value] if value not in known else [])]
        return cls({k: 1.0 / len(names) for k in names}, value, stamp_ns)

    def at(self, name: str, stamp_ns: int) -> dict[str, float]:
        """value -> probability at a later time, if nobody looks until then."""
        drift = DRIFTS.get(attribute(name), ANY)
        hours = max(stamp_ns - self.stamp_ns, 0) / 3.6e12
        kept = 1.0 if math.isinf(drift.stays_h) else math.exp(-hours / drift.stays_h)
        usual = {k: drift.usual.get(k, 0.0) if drift.usual else 1.0 / len(self.values) for k in self.values}
        total = sum(usual.values()) or 1.0
        return {k: usual[k] / total + (p - usual[k] / total) * kept for k, p in self.values.items()}

    def report(self, name: str, stamp_ns: int) -> tuple[str, float]:
        """(value, probability): the settled one while it is at least as likely as not, else the likeliest."""
        now = self.at(name, stamp_ns)
        best = self.settled if now.get(self.settled, 0.0) >= 0.5 else max(now, key=lambda k: now[k])
        return best, min(now[best], KNOWN)

    def look(self, name: str, value: str, accuracy: float, stamp_ns: int, cell: ViewCell) -> tuple[str, str] | None:
        """One look from a viewpoint. Returns (before, after) if another value is believed now.

        P(k | value) ~ P(k) accuracy for k = value, P(k) (1 - accuracy) / (n - 1) for the others.
        """
        now = self.at(name, stamp_ns)
        if value not in now:
            likely = sorted(now, key=lambda k: -now[k])[: MAX_VALUES - 1]
            now = {k: now[k] * 0.9 for k in likely} | {value: 0.1}
        others = max(len(now) - 1, 1)
        strength = math.log(accuracy * others / (1.0 - accuracy))
        said, used = self.spoken.get(cell, ("", 0.0))
        add = strength if said != value else min(REPEAT * strength, CELL_CAP - used)
        self._speak(cell, (value, add if said != value else used + max(add, 0.0)))
        now[value] *= math.exp(max(add, 0.0))
        self._set(now)
        self.stamp_ns = max(stamp_ns, self.stamp_ns)
        best = max(self.values, key=lambda k: self.values[k])
        if best == self.settled or self.values[best] < CHANGE_AT:
            return None
        before, self.settled = self.settled, best
        return before, best

    def know(self, value: str, stamp_ns: int) -> None:
        """The robot made it so."""
        rest = [k for k in self.values if k != value]
        self.values = {k: (1.0 - KNOWN) / len(rest) for k in rest} | {value: KNOWN if rest else 1.0}
        self.settled, self.stamp_ns, self.spoken = value, stamp_ns, {}

    def _speak(self, cell: ViewCell, said: tuple[str, float]) -> None:
        if cell not in self.spoken and len(self.spoken) >= MAX_CELLS:
            self.spoken.pop(next(iter(self.spoken)))
        self.spoken[cell] = said

    def _set(self, weights: Mapping[str, float]) -> None:
        total = sum(weights.values())
        values = {k: w / total for k, w in weights.items()}
        top = max(values, key=lambda k: values[k])
        if len(values) > 1 and values[top] > CEILING:
            rest = 1.0 - values[top]
            share = {k: p / rest if rest > 1e-12 else 1.0 / (len(values) - 1) for k, p in values.items() if k != top}
            values = {k: (1.0 - CEILING) * s for k, s in share.items()} | {top: CEILING}
        self.values = values

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a snapshot; which viewpoint said what is not kept."""
        return {"values": self.values, "settled": self.settled, "stamp_ns": self.stamp_ns}

    @classmethod
    def from_json(cls, row: Mapping[str, Any], stamp_ns: int) -> StateBelief:
        """From `to_json`, or from the bare probabilities that older snapshots hold, as of `stamp_ns`."""
        if "values" not in row:
            values = {str(k): float(p) for k, p in row.items()}
            return cls(values, max(values, key=lambda k: values[k]), stamp_ns)
        return cls({str(k): float(p) for k, p in row["values"].items()}, str(row["settled"]), int(row["stamp_ns"]))


def look_at_states(
    beliefs: dict[str, StateBelief], seen: Mapping[str, str], accuracy: Accuracy, stamp_ns: int, cell: ViewCell
) -> list[tuple[str, str, str]]:
    """Fold what one sighting says of a thing's states into its beliefs. Returns (name, before, after) of those that changed."""
    changed = []
    for name, value in seen.items():
        known = name in beliefs
        belief = beliefs.setdefault(name, StateBelief.first(name, value, stamp_ns)) if not known else beliefs[name]
        news = belief.spoken.get(cell, ("", 0.0))[0] != value
        turned = belief.look(name, value, accuracy.of(name), stamp_ns, cell)
        if known and news and len(belief.values) > 1:  # a first look agrees with itself, a repeated frame with the one before
            accuracy.learn(name, belief.values[value])
        if turned is not None:
            changed.append((name, *turned))
    return changed
