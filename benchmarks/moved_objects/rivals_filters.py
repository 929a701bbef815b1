"""Rivals that filter: the persistence filter, and Kalman with Hungarian and a constant detection probability (filterpy)."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.moved_objects.rivals_base import Item, ItemMap, Seen
from robomem.types import Observations

OCCLUDED = 0.3  # share of samples with something in front from which no detection is expected


class Persistence(ItemMap):
    """Persistence filter (Rosen, Mason and Leonard 2016), one per landmark, exponential survival prior.

    p(X_t = 1 | Y) = p(Y | T >= t) S(t) / p(Y), with the evidence p(Y) = L + p(Y | T >= t) S(t) kept by the paper's recursion
    L' = P_F^y (1 - P_F)^(1 - y) (L + p(Y | T >= t) (S(t) - S(t'))).

    Args:
        mean_h: mean survival, hours.  missed: P_M.  false_alarm: P_F.  least: probability at which the landmark is dropped.
    """

    name = "persistence filter"

    def __init__(
        self,
        gate_m: float = 0.3,
        min_hits: int = 2,
        blend: float = 0.3,
        mean_h: float = 24.0,
        missed: float = 0.3,
        false_alarm: float = 0.05,
        least: float = 0.1,
    ) -> None:
        super().__init__(gate_m, min_hits, blend)
        self.rate_per_s, self.missed, self.false_alarm, self.least = 1 / (3600 * mean_h), missed, false_alarm, least
        self._alive: dict[int, tuple[float, float, int, int]] = {}  # p(Y | T >= t), L, last stamp, birth

    def _survival(self, since_ns: int, at_ns: int) -> float:
        return math.exp(-self.rate_per_s * max(at_ns - since_ns, 0) / 1e9)

    def _fold(self, item: Item, seen: bool) -> None:
        stay, gone, last, born = self._alive[item.id]
        step = stay * (self._survival(born, last) - self._survival(born, self.stamp_ns))
        gone = (self.false_alarm if seen else 1 - self.false_alarm) * (gone + step)
        stay *= (1 - self.missed) if seen else self.missed
        scale = max(stay, gone, 1e-300)
        self._alive[item.id] = (stay / scale, gone / scale, self.stamp_ns, born)

    def _existence(self, item: Item) -> float:
        if item.kind != "object":
            return 1.0
        stay, gone, _, born = self._alive[item.id]
        there = stay * self._survival(born, self.stamp_ns)
        # The mass that has died since the last look moves from "there" to "gone".
        died = stay * (self._survival(born, self._alive[item.id][2]) - self._survival(born, self.stamp_ns))
        return there / max(there + gone + died, 1e-300)

    def _born(self, obs: Observations, j: int, kind: str) -> Item:
        item = super()._born(obs, j, kind)
        self._alive[item.id] = (1.0 - self.missed, 0.0, obs.stamp_ns, obs.stamp_ns)
        return item

    def _hit(self, item: Item, obs: Observations, j: int) -> None:
        super()._hit(item, obs, j)
        self._fold(item, True)

    def _unseen(self, items: list[Item], view: Seen, healthy: bool, detector_ran: bool) -> None:
        if not detector_ran:
            return
        for k, item in enumerate(items):
            if item.kind == "object" and view.in_view[k] and view.occluded[k] <= OCCLUDED:
                self._fold(item, False)
                if self._existence(item) < self.least:
                    self._drop(item)


class KalmanHungarian(ItemMap):
    """Kalman filters of filterpy under Hungarian assignment; existence by hits and misses with a constant detection probability.

    Hit: r' = r p_D / (r p_D + (1 - r) clutter). Miss in the view frustum: r' = r (1 - p_D) / (1 - r p_D). Depth is not looked at.

    Args:
        p_detect: p_D.  clutter: chance of a detection where nothing is.  walk_m: process noise a step, m.  least: r that ends an item.
    """

    name = "Kalman + Hungarian"

    def __init__(
        self, gate_m: float = 0.3, min_hits: int = 2, p_detect: float = 0.5, clutter: float = 0.1, walk_m: float = 0.005, least: float = 0.1
    ) -> None:
        super().__init__(gate_m, min_hits)
        self.p_detect, self.clutter, self.walk_m, self.least = p_detect, clutter, walk_m, least
        self._filters: dict[int, object] = {}

    def _born(self, obs: Observations, j: int, kind: str) -> Item:
        from filterpy.kalman import KalmanFilter

        item = super()._born(obs, j, kind)
        item.existence = 0.5
        kf = KalmanFilter(dim_x=3, dim_z=3)
        kf.x = obs.positions[j].astype(float).reshape(3, 1)
        kf.F, kf.H = np.eye(3), np.eye(3)
        kf.P, kf.Q = obs.covariances[j].astype(float) + np.eye(3) * 1e-4, np.eye(3) * self.walk_m**2
        self._filters[item.id] = kf
        return item

    def _hit(self, item: Item, obs: Observations, j: int) -> None:
        super()._hit(item, obs, j)
        if item.kind == "object":
            kf = self._filters[item.id]
            kf.predict()  # type: ignore[attr-defined]
            kf.update(obs.positions[j].astype(float), R=obs.covariances[j].astype(float) + np.eye(3) * 4e-4)  # type: ignore[attr-defined]
            item.position = np.asarray(kf.x, float).ravel()  # type: ignore[attr-defined]
        r = item.existence
        item.existence = min(r * self.p_detect / (r * self.p_detect + (1 - r) * self.clutter), 0.999)

    def _unseen(self, items: list[Item], view: Seen, healthy: bool, detector_ran: bool) -> None:
        if not detector_ran:
            return
        for k, item in enumerate(items):
            if item.kind == "object" and view.in_view[k]:
                r = item.existence
                item.existence = r * (1 - self.p_detect) / max(1 - r * self.p_detect, 1e-9)
                if item.existence < self.least:
                    self._drop(item)
