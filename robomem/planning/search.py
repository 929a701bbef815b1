"""Search under belief: where to look next for a thing that may be in many places, and when to stop looking.

Expected seconds until the thing is found, of an order of places 1..n with prior p_i and detection probability d_i of one glance:
    E = sum_k (G - sum_{i<k} p_i d_i) (travel(k-1, k) + look_k) / G,   G = sum_i p_i d_i
given that it is found at one of them: what giving up in the end would cost is the same for every order, and letting it weigh makes a robot
tour what is near before it goes where the thing probably is.
Exact by dynamic programming over subsets for few places; beyond, the ratio rule p d / cost, optimal when costs do not depend on the order
(Smith's rule; Bellman 1957 for search), re-chosen after every glance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.types import PlaceProbability

EXACT_LIMIT = 7  # 2^7 * 7 * 7 steps: a few milliseconds

Travel = Callable[[int, int], float]
"""Seconds from place i to place j (indices into the candidates); i = -1 is where the robot is. inf = cannot be reached."""


MOST_LOOKS = 3  # at one place in one search: from other stands; what hid the thing thrice will hide it again

PlaceKey = tuple[int, str]


def key_of(place: PlaceProbability) -> PlaceKey:
    """(graph id, "on" | "inside") of a predicted place."""
    return place.place_id, place.relation


@dataclass(frozen=True)
class SearchOrder:
    """Places to look at, in order, and what that is expected to cost (s) until found or the list is exhausted."""

    order: tuple[int, ...]
    expected_cost_s: float
    exact: bool


def expected_cost(order: Sequence[int], gain: ArrayLike, look: ArrayLike, travel: Travel) -> float:
    """Expected seconds of looking along `order` until found; `gain` = p_i d_i, `look` = seconds of opening and glancing."""
    gains, looks = np.asarray(gain, float), np.asarray(look, float)
    total_gain = max(float(gains.sum()), 1e-12)
    left, here, total = total_gain, -1, 0.0
    for j in order:
        total += max(left, 0.0) / total_gain * (travel(here, j) + looks[j])
        left, here = left - gains[j], j
    return total


def exact_order(gain: ArrayLike, look: ArrayLike, travel: Travel) -> SearchOrder:
    """The order of least expected cost, by dynamic programming over subsets: O(2^n n^2).

    The chance that a place comes to be visited at all depends only on the *set* visited before, so V(visited, last) is well defined.
    """
    gains, looks = np.asarray(gain, float), np.asarray(look, float)
    n, total_gain = len(gains), max(float(gains.sum()), 1e-12)
    memo: dict[tuple[int, int], tuple[float, int]] = {}

    def value(visited: int, last: int) -> tuple[float, int]:
        if visited == (1 << n) - 1:
            return 0.0, -1
        if (visited, last) not in memo:
            left = sum(gains[i] for i in range(n) if not visited >> i & 1) / total_gain
            memo[visited, last] = min(
                (left * (travel(last, j) + looks[j]) + value(visited | 1 << j, j)[0], j) for j in range(n) if not visited >> j & 1
            )
        return memo[visited, last]

    total, order, visited, last = value(0, -1)[0], [], 0, -1
    while len(order) < n:
        last = value(visited, last)[1]
        visited |= 1 << last
        order.append(last)
    return SearchOrder(tuple(order), float(total), True)


def ratio_order(gain: ArrayLike, look: ArrayLike, travel: Travel) -> SearchOrder:
    """Greedy by gain over cost from where one then stands: O(n^2). Ties go to the lower index."""
    gains, looks = np.asarray(gain, float), np.asarray(look, float)
    rest, here, order = list(range(len(gains))), -1, []
    while rest:
        here = max(rest, key=lambda j: (gains[j] / max(travel(here, j) + looks[j], 1e-6), -j))
        rest.remove(here)
        order.append(here)
    return SearchOrder(tuple(order), expected_cost(order, gains, looks, travel), False)


def best_order(gain: ArrayLike, look: ArrayLike, travel: Travel, exact_limit: int = EXACT_LIMIT) -> SearchOrder:
    """Exact for up to `exact_limit` places; beyond, the ratio rule with its first `exact_limit` places put into their best order."""
    gains, looks = np.asarray(gain, float), np.asarray(look, float)
    if len(gains) <= exact_limit:
        return exact_order(gains, looks, travel)
    greedy = ratio_order(gains, looks, travel)
    head = greedy.order[:exact_limit]
    inner = exact_order(gains[list(head)], looks[list(head)], lambda i, j: travel(head[i] if i >= 0 else -1, head[j]))
    order = tuple(head[i] for i in inner.order) + greedy.order[exact_limit:]
    cost = expected_cost(order, gains, looks, travel)
    return SearchOrder(order, cost, False) if cost < greedy.expected_cost_s else greedy


def after_miss(p: ArrayLike, index: int, detection: float) -> NDArray[np.float64]:
    """Beliefs after one glance at place `index` that showed nothing; "elsewhere" (1 - sum) takes its share.

    p_i' = p_i (1 - d) / (1 - p_i d),  p_j' = p_j / (1 - p_i d)   negative evidence, Bayes
    """
    out = np.asarray(p, float).copy()
    norm = max(1.0 - out[index] * detection, 1e-12)
    out[index] *= 1.0 - detection
    return out / norm


@dataclass
class SearchBelief:
    """What this search has looked at and found empty: misses weigh on whatever memory predicts from then on.

    A place is (graph id, "on" | "inside"): the top of a cabinet and its inside are two places.

    Attributes:
        kept: place -> product of (1 - d) over the glances at it.
        glances: place -> number of glances.
        opened: containers this search has opened.
        barred: places that cannot be reached or opened.
    """

    kept: dict[PlaceKey, float] = field(default_factory=dict)
    glances: dict[PlaceKey, int] = field(default_factory=dict)
    opened: set[int] = field(default_factory=set)
    barred: set[PlaceKey] = field(default_factory=set)

    def missed(self, place: PlaceKey, detection: float) -> None:
        """One glance with detection probability `detection` at a place showed nothing."""
        if not 0.0 <= detection <= 1.0:
            raise ValueError(f"search: detection probability must be in 0..1, got {detection}")
        self.kept[place] = self.kept.get(place, 1.0) * (1.0 - detection)
        self.glances[place] = self.glances.get(place, 0) + 1

    def detection(self, place: PlaceKey, first: float) -> float:
        """P(the next look shows the thing | it is there): halved with every look, for misses are correlated; 0 after MOST_LOOKS."""
        looks = self.glances.get(place, 0)
        return first * 0.6**looks if looks < MOST_LOOKS else 0.0

    def bar(self, place: PlaceKey) -> None:
        """Never choose this place again in this search (it cannot be reached or opened)."""
        self.barred.add(place)

    def weigh(self, places: Sequence[PlaceProbability]) -> NDArray[np.float64]:
        """Float64[n] beliefs of `places` after all misses, renormalised with "elsewhere" (sum <= 1); barred places count as elsewhere."""
        prior = np.array([max(0.0, p.probability) for p in places], float)
        elsewhere = max(0.0, 1.0 - float(prior.sum()))
        weighed = prior * [self.kept.get(key_of(p), 1.0) for p in places]
        total = float(weighed.sum()) + elsewhere
        if total <= 1e-12:
            return np.zeros(len(places))
        out = weighed / total
        out[[i for i, p in enumerate(places) if key_of(p) in self.barred]] = 0.0
        return out


@dataclass(frozen=True)
class Choice:
    """Where to look next (index into the places), or None with the reason to stop; the expected cost (s) of the whole search from here."""

    index: int | None
    expected_cost_s: float
    order: tuple[int, ...] = ()
    reason: str = ""


def choose(p: ArrayLike, detection: ArrayLike, look: ArrayLike, travel: Travel, value_s: float, least: float = 0.003) -> Choice:
    """The next place to look at, or to stop.

    Args:
        p: Float64[n] belief of each place.  detection: Float64[n] of one glance there.  look: Float64[n] s of opening and glancing there.
        value_s: what finding the thing is worth, in seconds of the robot's time; places whose gain does not pay for their cost are dropped.
        least: places less likely than this are not worth a glance.
    """
    beliefs, gains, looks = np.asarray(p, float), np.asarray(p, float) * np.asarray(detection, float), np.asarray(look, float)
    reach = [i for i in range(len(gains)) if np.isfinite(travel(-1, i))]
    if not reach:
        return Choice(None, 0.0, reason="no place left that I can reach")
    likely = [i for i in reach if beliefs[i] >= least and gains[i] > 0]
    if not likely:
        return Choice(None, 0.0, reason=f"every place left to look at is less likely than {least:.1%}")
    worth = [i for i in likely if gains[i] * value_s > looks[i] + travel(-1, i)]
    if not worth:
        return Choice(None, 0.0, reason="the expected gain of another look is smaller than its cost")
    found = best_order(gains[worth], looks[worth], lambda i, j: travel(worth[i] if i >= 0 else -1, worth[j]))
    return Choice(worth[found.order[0]], found.expected_cost_s, tuple(worth[i] for i in found.order))
