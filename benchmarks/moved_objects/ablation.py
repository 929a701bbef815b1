"""Which part of robomem earns what: a full factorial over four parts, each taken out or left in.

Position by particles or by a Kalman filter, detection probability from the depth image or constant in the view frustum, identity taken up
again after a loss or not, appearance used or not. The filter without a part stays otherwise the same code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.ours import RobomemMemory
from robomem.belief.changes import Changes
from robomem.belief.track import Track, TrackTable
from robomem.belief.tracker import Tracker
from robomem.belief.visibility import Glimpses, Viewer
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations

FACTORS = ("particles", "depth", "reidentify", "appearance")
KALMAN_BIAS_M = 0.02  # one viewpoint's error, as the particle filter has it
KALMAN_WALK_M = 0.01  # process noise a sighting
ELSEWHERE_M = 0.3  # a track this far from its Gaussian was taken up again somewhere else
_AT_REST = ("tentative", "confirmed", "occluded")


class FrustumViewer(Viewer):
    """Constant detection probability: whatever projects into the image could have been seen, whatever the depth image says."""

    def look(self, table: TrackTable, rows: NDArray[np.int64], spread: NDArray[np.bool_]) -> Glimpses:
        """No depth: the share of a track's particles whose centre falls into the image is what could have been seen of it."""
        real = super().look(table, rows, spread)
        centres = table.positions[rows].reshape(-1, 3).astype(np.float64)
        inside = np.zeros(len(centres), np.bool_)
        inside[self.in_view(centres, np.zeros_like(centres), 0.0, 4.0)] = True
        share = np.sum(np.exp(table.log_weights[rows]) * inside.reshape(len(rows), -1), axis=1).astype(np.float64)
        none = np.zeros(len(rows))
        return dataclasses.replace(
            real, visible=share, supported=share, occluded=none, empty=none, refuted=np.zeros_like(real.refuted), decisive=none > 0
        )


class FrustumTracker(Tracker):
    """Belief with a constant detection probability."""

    def _viewer(self, frame: RgbdFrame) -> Viewer:
        return FrustumViewer(frame, self.config, self.perception.sigma_z_at_1m)


class ForgetfulTracker(Tracker):
    """Belief that never takes a newcomer for something it lost."""

    def old_track(self, track: Track, among: tuple[str, ...], born_after: int | None = None, without: int | None = None) -> Track | None:
        return None


class KalmanTracker(Tracker):
    """Belief whose small objects have one Gaussian each; the cloud is drawn from it, so that all else can go on asking particles."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._gauss: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def _hits(self, pairs: list[tuple[Track, int]], obs: Observations, viewer: Viewer, changes: Changes) -> None:
        prior = {t.id: self._held(t) for t, _ in pairs if t.kind == "object" and t.status in _AT_REST}
        super()._hits(pairs, obs, viewer, changes)
        for track, j in pairs:
            if track.id in prior and track.id in self.tracks:
                mean, cov = prior[track.id]
                cov = cov + np.eye(3) * KALMAN_WALK_M**2
                gain = cov @ np.linalg.inv(cov + obs.covariances[j].astype(np.float64) + np.eye(3) * KALMAN_BIAS_M**2)  # K = P (P + R)^-1
                self._gauss[track.id] = mean + gain @ (obs.positions[j] - mean), (np.eye(3) - gain) @ cov
                self._draw(track)

    def _doubt(self, track: Track, changes: Changes) -> None:
        if track.id in self._gauss and track.status in _AT_REST:
            self._draw(track)  # a Gaussian does not lose the half of itself that was seen empty
        super()._doubt(track, changes)

    def _held(self, track: Track) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, cov = self.table.mean[track.row].copy(), self.table.cov[track.row].copy()
        held = self._gauss.get(track.id)
        return held if held is not None and float(np.linalg.norm(held[0] - mean)) < ELSEWHERE_M else (mean, cov)

    def _draw(self, track: Track) -> None:
        row, (mean, cov) = track.row, self._held(track)
        cov = (cov + cov.T) / 2 + np.eye(3) * 1e-6
        self.table.mean[row], self.table.cov[row] = mean, cov
        noise = self.noise.normal(self.table.positions[row].shape)
        self.table.positions[row] = mean.astype(np.float32) + noise @ np.linalg.cholesky(cov).astype(np.float32).T
        self.table.log_weights[row] = -np.log(self.table.particles)


def arms() -> Iterator[Mapping[str, bool]]:
    """All sixteen combinations, the full filter first."""
    for values in product((True, False), repeat=len(FACTORS)):
        yield dict(zip(FACTORS, values, strict=True))


def arm_name(arm: Mapping[str, bool]) -> str:
    """A short name: what is in it."""
    words = ("particles" if arm["particles"] else "kalman", "depth p_D" if arm["depth"] else "constant p_D")
    return ", ".join((*words, "re-id" if arm["reidentify"] else "no re-id", "looks" if arm["appearance"] else "no looks"))


def make_arm(arm: Mapping[str, bool]) -> RobomemMemory:
    """robomem with some parts taken out."""
    parts: list[type[Tracker]] = []
    parts += [] if arm["particles"] else [KalmanTracker]
    parts += [] if arm["depth"] else [FrustumTracker]
    parts += [] if arm["reidentify"] else [ForgetfulTracker]
    tracker = type("AblatedTracker", (*parts, Tracker), {}) if parts else Tracker
    return RobomemMemory(tracker=tracker, appearance=arm["appearance"], name=arm_name(arm))


def effects(rows: Mapping[str, float]) -> dict[str, float]:
    """Main effect of each factor on a figure: mean of the arms with it minus mean of the arms without it.

    Args:
        rows: arm name -> figure, all sixteen.
    """
    out = {}
    for factor in FACTORS:
        sides = {
            with_it: [rows[arm_name(a)] for a in arms() if a[factor] is with_it and np.isfinite(rows.get(arm_name(a), np.nan))]
            for with_it in (True, False)
        }
        out[factor] = float(np.mean(sides[True]) - np.mean(sides[False])) if all(sides.values()) else float("nan")
    return out
