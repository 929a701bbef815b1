"""Which part of robomem earns what: a full factorial over four parts, each taken out or left in.

Position by particles or by a Kalman filter, detection probability from the depth image or constant in the view frustum, identity taken up
again after a loss or not, appearance used or not. The filter without a part stays otherwise the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.ours import RobomemMemory
from robomem.belief.track import Track, TrackTable
from robomem.belief.tracker import Changes, Tracker
from robomem.belief.visibility import Glimpse, Viewer
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations

FACTORS = ("particles", "depth", "reidentify", "appearance")
KALMAN_BIAS_M = 0.02  # one viewpoint's error, as the particle filter has it
KALMAN_WALK_M = 0.01  # process noise a sighting


class FrustumViewer(Viewer):
    """Constant detection probability: whatever projects into the image could have been seen, whatever the depth image says."""

    def look(self, table: TrackTable, row: int, spread: bool) -> Glimpse:
        """No depth: each particle is visible if its centre falls into the image."""
        real = super().look(table, row, spread)
        inside = self.in_view(table.positions[row].astype(np.float64), np.zeros(table.particles), 4.0).astype(np.float32)
        none = np.zeros_like(inside)
        return Glimpse(none, inside, none, real.pixels, real.distance_m, real.margin_m, False)


class FrustumTracker(Tracker):
    """Belief with a constant detection probability."""

    def _viewer(self, frame: RgbdFrame) -> Viewer:
        return FrustumViewer(frame, self.config, self.perception.sigma_z_at_1m)


class ForgetfulTracker(Tracker):
    """Belief that never takes a newcomer for something it lost."""

    def _old_track(self, track: Track, among: tuple[str, ...], born_after: int | None = None) -> Track | None:
        return None


class KalmanTracker(Tracker):
    """Belief whose small objects have one Gaussian each; the cloud is drawn from it, so that all else can go on asking particles."""

    def _hit(self, track: Track, obs: Observations, j: int, viewer: Viewer, dt_s: float, changes: Changes) -> None:
        r, alone = track.row, track.kind == "object" and track.status in ("tentative", "confirmed", "occluded")
        mean, cov = self.table.mean[r].copy(), self.table.cov[r].copy() + np.eye(3) * KALMAN_WALK_M**2
        super()._hit(track, obs, j, viewer, dt_s, changes)
        if alone and track.id in self.tracks:
            R = obs.covariances[j].astype(np.float64) + np.eye(3) * KALMAN_BIAS_M**2
            gain = cov @ np.linalg.inv(cov + R)  # K = P (P + R)^-1
            self._gaussian(track.row, mean + gain @ (obs.positions[j] - mean), (np.eye(3) - gain) @ cov)

    def _miss(self, track: Track, viewer: Viewer, ran: bool, changes: Changes) -> None:
        mean, cov = self.table.mean[track.row].copy(), self.table.cov[track.row].copy()
        super()._miss(track, viewer, ran, changes)
        if track.kind == "object" and track.id in self.tracks and track.status in ("tentative", "confirmed", "occluded"):
            self._gaussian(track.row, mean, cov)

    def _gaussian(self, row: int, mean: NDArray[np.float64], cov: NDArray[np.float64]) -> None:
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
