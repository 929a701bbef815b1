"""Agents: people and pets walk. A Kalman filter each (filterpy), constant velocity with acceleration noise; no identity outlives the sight.

Who has been out of sight for `people_end_s` has left: the track ends with what was known of the looks, and whoever comes next is someone
new, unless the configuration keeps people apart by their looks (`keep_people`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robomem.belief.association import similarity
from robomem.belief.track import Track
from robomem.clock import NS_PER_S
from robomem.types import Observations

if TYPE_CHECKING:
    from robomem.belief.changes import Changes
    from robomem.belief.tracker import Tracker

ACCELERATION = 1.5  # m/s^2, white noise on a constant-velocity walk
BODY_SIGMA_M = 0.08  # the middle of the side that is seen against the middle of the body
FIRST_SPEED_SIGMA = 1.0  # m/s
TOP_SPEED = 2.5  # m/s
COAST_S = 1.5  # unseen for longer, nobody goes on at the same pace: where they are is wide open instead
WIDEST_M = 4.0  # sigma beyond which a position says nothing anyway
HEIGHT_SIGMA_M = 0.1
SAME_LOOK = 0.93  # cosine of two appearance vectors from which two tracks may be one person, if people are kept apart at all
KEPT = 50  # people that are remembered by their looks
DROP_AFTER_S = 60.0  # an ended track stays this long for those who ask about it; its history stays in the graph


class Walker:
    """Kalman filter over (x, vx, y, vy) in the map frame (m, m/s)."""

    def __init__(self, position: NDArray[np.floating], velocity: NDArray[np.floating], R: NDArray[np.floating]) -> None:
        """Start at `position` Float[2] with measurement covariance `R` Float[2, 2] (m^2) and `velocity` Float[2], hardly known."""
        from filterpy.kalman import KalmanFilter  # half a second of imports that a home without people does not need

        self._kf: Any = KalmanFilter(dim_x=4, dim_z=2)
        self._kf.x = np.array([position[0], velocity[0], position[1], velocity[1]], float)
        self._kf.H = np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 0]])
        self._kf.P = np.diag([R[0, 0], FIRST_SPEED_SIGMA**2, R[1, 1], FIRST_SPEED_SIGMA**2]).astype(float)

    def predict(self, dt_s: float, unseen_s: float) -> None:
        """x' = F x, P' = F P F^T + Q over `dt_s`; `unseen_s` after the last sighting the pace is forgotten, not the doubt about it.

        Q = [[dt^4/4, dt^3/2], [dt^3/2, dt^2]] ACCELERATION^2 on each axis: acceleration constant within a step.
        """
        from filterpy.common import Q_discrete_white_noise

        left = dt_s
        while left > 1e-6:  # a long gap in steps, so that Q does not grow with its fourth power
            dt = min(left, 0.5)
            left -= dt
            if unseen_s - left > COAST_S:
                self._kf.x[1] = self._kf.x[3] = 0.0
                self._kf.P[[1, 3], :] = self._kf.P[:, [1, 3]] = 0.0
                self._kf.P[1, 1] = self._kf.P[3, 3] = FIRST_SPEED_SIGMA**2
            self._kf.predict(F=np.kron(np.eye(2), [[1.0, dt], [0.0, 1.0]]), Q=Q_discrete_white_noise(2, dt, ACCELERATION**2, block_size=2))
            widest = float(np.sqrt(max(self._kf.P[0, 0], self._kf.P[2, 2])))
            if widest > WIDEST_M:
                self._kf.P *= (WIDEST_M / widest) ** 2
                break

    def update(self, z: NDArray[np.floating], R: NDArray[np.floating]) -> None:
        """A sighting at `z` Float[2] (m) with covariance `R` Float[2, 2] (m^2)."""
        self._kf.update(np.asarray(z, float), R=np.asarray(R, float))
        speed = float(np.hypot(self._kf.x[1], self._kf.x[3]))
        if speed > TOP_SPEED:
            self._kf.x[[1, 3]] *= TOP_SPEED / speed

    @property
    def position(self) -> NDArray[np.float64]:
        """Float64[2], m."""
        return self._kf.x[[0, 2]].copy()

    @property
    def velocity(self) -> NDArray[np.float64]:
        """Float64[2], m/s."""
        return self._kf.x[[1, 3]].copy()

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Float64[2, 2] of the position, m^2."""
        return self._kf.P[np.ix_([0, 2], [0, 2])].copy()


def _noise(obs: Observations, j: int) -> NDArray[np.float64]:
    return obs.covariances[j][:2, :2].astype(np.float64) + np.eye(2) * BODY_SIGMA_M**2


def _walker(tracker: Tracker, track: Track) -> Walker:
    """Its filter, made anew from mean and velocity where there is none (a birth, a restart, a corrected map)."""
    if track.walker is None:
        table, r = tracker.table, track.row
        track.walker = Walker(table.mean[r][:2], track.velocity[:2], table.cov[r][:2, :2] + np.eye(2) * BODY_SIGMA_M**2)
    return track.walker


def _tell(tracker: Tracker, track: Track, walker: Walker, height_m: float) -> None:
    """The table's mean, covariance and particles from the filter."""
    table, r = tracker.table, track.row
    track.velocity[:2] = walker.velocity
    table.mean[r] = (*walker.position, height_m)
    table.cov[r] = np.eye(3) * HEIGHT_SIGMA_M**2
    table.cov[r][:2, :2] = walker.covariance
    root = np.linalg.cholesky(table.cov[r] + np.eye(3) * 1e-6).astype(np.float32)
    table.positions[r] = table.mean[r].astype(np.float32) + tracker.noise.normal(table.positions[r].shape) @ root.T
    table.log_weights[r] = -np.log(table.particles)


def predict(tracker: Tracker, track: Track, dt_s: float) -> None:
    """Let one agent walk on for `dt_s`."""
    if dt_s <= 0.0:
        return
    walker = _walker(tracker, track)
    walker.predict(dt_s, (tracker.stamp_ns - track.last_seen_ns) / NS_PER_S)
    _tell(tracker, track, walker, float(tracker.table.mean[track.row][2]))


def sighted(tracker: Tracker, track: Track, obs: Observations, j: int, first: bool) -> None:
    """Fold one sighting into an agent's filter."""
    if first:
        track.walker = Walker(obs.positions[j][:2], np.zeros(2), _noise(obs, j))
    walker = _walker(tracker, track)
    if not first:
        walker.update(obs.positions[j][:2], _noise(obs, j))
    before = float(tracker.table.mean[track.row][2])
    height = float(obs.positions[j][2]) if first else 0.7 * before + 0.3 * float(obs.positions[j][2])
    _tell(tracker, track, walker, height)


def end_unseen(tracker: Tracker, changes: Changes) -> None:
    """End the tracks of those who are out of sight too long, before anyone new is held against them; later drop them."""
    config = tracker.config
    for track in [t for t in tracker.tracks.of_kind("agent") if t.status != "held"]:
        unseen_s = (tracker.stamp_ns - track.last_seen_ns) / NS_PER_S
        if track.status == "removed":
            if unseen_s > config.people_end_s + DROP_AFTER_S and not config.keep_people:
                tracker.forget([track.id])
        elif unseen_s > config.people_end_s:
            if not track.confirmed_once:
                tracker.drop_clutter(track, changes)
                continue
            if track.status != "missing":
                changes.gone.append(track.id)
            track.status = "removed"
            track.walker = None
            changes.touched.add(track.id)
            if not config.keep_people:
                track.embedding = np.zeros(0, np.float32)
                tracker.table.gallery.clear(track.row)
                track.take_colors({}, anew=True)
    if config.keep_people:
        ended = sorted((t for t in tracker.tracks.of_kind("agent") if t.status == "removed"), key=lambda t: t.last_seen_ns)
        tracker.forget([t.id for t in ended[:-KEPT]])


def known_again(tracker: Tracker, track: Track) -> Track | None:
    """Who this newcomer is by the looks, among those who left; None unless people are kept apart, or if two fit about as well."""
    if not tracker.config.keep_people or track.embedding.size == 0:
        return None
    gone = [t for t in tracker.tracks.of_kind("agent") if t.status == "removed" and t.embedding.shape == track.embedding.shape]
    scored = sorted(((similarity(track.embedding, t.embedding), -t.id, t) for t in gone), key=lambda row: row[:2], reverse=True)
    if not scored or scored[0][0] < SAME_LOOK or (len(scored) > 1 and scored[0][0] - scored[1][0] < (1.0 - SAME_LOOK) / 4):
        return None
    return scored[0][2]
