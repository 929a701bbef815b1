"""Evidence on one track: what a sighting and what a silence do to position, existence, label, size and states."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.belief.existence import CELL_DOUBT_CAP, CELL_MISS_CAP, MAX_LOG_ODDS, MIN_LOG_ODDS, log_odds, missed, probability, view_cell
from robomem.belief.extended import VoxelBody
from robomem.belief.particles import effective_sample_size, normalise_log_weights, systematic_resample, weigh_position, weighted_mean_cov
from robomem.belief.track import Track
from robomem.belief.visibility import Viewer, surface_samples
from robomem.types import Observations

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

STATE_ACCURACY = 0.85  # P(a detector names the true state)
VIEW_BIAS_M = 0.02  # one viewpoint's error of the centre does not average out over its own frames
EMPTY_SHARE = 0.7  # share of visible samples that must be seen through before a particle counts as refuted
RECALL_PIXELS = 130.0
MAX_SILENCES = 40.0  # what is learned of a detector's habits stays open to change


def relabel(obs: Observations, labels: list[str]) -> Observations:
    """The same observations under canonical labels."""
    return obs if tuple(labels) == obs.labels else dataclasses.replace(obs, labels=tuple(labels))


def in_reach(pixels: float, distance_m: float, max_range_m: float) -> float:
    """How much of a detector's recall is left for a thing of this many own pixels, 0..1; a generic curve, not any one detector's."""
    if distance_m > 0.9 * max_range_m:
        return 0.0
    return 1.0 - math.exp(-((pixels / RECALL_PIXELS) ** 1.5))


def initialise(tracker: Tracker, track: Track, obs: Observations, j: int, camera: NDArray[np.float64]) -> None:
    """Start a track from one observation."""
    table, r = tracker.table, track.row
    table.odds[r] = log_odds(tracker.config.birth_existence)
    table.mean[r], table.size[r], table.yaw[r] = obs.positions[j], np.maximum(obs.sizes[j], 0.01), obs.yaws[j]
    table.cov[r] = obs.covariances[j]
    _cloud(tracker, r, obs.positions[j].astype(float), obs.covariances[j].astype(float))
    table.shape[r] = surface_samples(obs.points[j], obs.positions[j], obs.sizes[j])
    track.anchor = table.mean[r].copy()
    if track.kind == "furniture":
        track.body = VoxelBody()
    hit(tracker, track, obs, j, camera, first=True)


def _cloud(tracker: Tracker, r: int, mean: NDArray[np.float64], cov: NDArray[np.float64]) -> None:
    table = tracker.table
    root = np.linalg.cholesky(cov + np.eye(3) * 1e-5).astype(np.float32)
    table.positions[r] = mean.astype(np.float32) + tracker.noise.normal(table.positions[r].shape) @ root.T
    table.log_weights[r] = -np.log(table.particles)


def hit(
    tracker: Tracker, track: Track, obs: Observations, j: int, camera: NDArray[np.float64], first: bool = False
) -> list[tuple[int, str, str, str]]:
    """A matched observation. Returns state changes (id, name, before, after)."""
    config, table, r = tracker.config, tracker.table, track.row
    cell = view_cell(camera, table.mean[r], config.view_cell_m, config.view_cell_rad)
    repeat = track.evidence.seen_from(cell)
    score = float(obs.scores[j])
    if first:
        track.evidence.born(cell)
    else:
        table.odds[r] = min(MAX_LOG_ODDS, max(table.odds[r], MIN_LOG_ODDS) + track.evidence.hit(cell, 0.8 + 1.2 * score))
    track.hits += 1
    track.named += 1.0 if track.named < MAX_SILENCES else 0.0
    track.support += not repeat
    weight = 0.3 if repeat else 1.0
    track.labels.update(obs.labels[j], score, weight)
    whole = not bool(obs.truncated[j])
    if track.status != "held":
        if track.kind == "furniture":
            _hit_extended(tracker, track, obs, j)
        elif track.kind == "agent":
            _cloud(tracker, r, obs.positions[j].astype(float), obs.covariances[j].astype(float) + np.eye(3) * 0.02)
            table.mean[r] = obs.positions[j]
        else:
            _hit_position(tracker, track, obs, j, repeat)
        _hit_size(tracker, track, obs, j, weight if whole else 0.1 * weight)
    if whole or track.embedding.size == 0:
        track.note_embedding(obs.embeddings[j], weight)
        track.note_color(obs.colors[j])
    track.last_seen_ns = track.last_evidence_ns = obs.stamp_ns
    track.last_camera = np.asarray(camera, float).copy()
    return [(track.id, *change) for change in _hit_states(track, obs.states[j])]


def _hit_position(tracker: Tracker, track: Track, obs: Observations, j: int, repeat: bool) -> None:
    table, r = tracker.table, track.row
    z, cov = obs.positions[j], obs.covariances[j].astype(np.float64) + np.eye(3) * VIEW_BIAS_M**2
    if track.status in ("missing", "removed"):
        _cloud(tracker, r, z.astype(float), cov)  # wherever its particles were scattered, here it is
    else:
        # A share of the cloud is drawn from the observation itself (sensor resetting, Lenser and Veloso 2000): a thing nudged
        # within the gate is followed, instead of starving the filter.
        n = max(2, table.particles // 12)
        root = np.linalg.cholesky(cov + np.eye(3) * 1e-6).astype(np.float32)
        order = np.argsort(table.log_weights[r], kind="stable")[:n]
        table.positions[r][order] = z + tracker.noise.normal((n, 3)) @ root.T
        table.log_weights[r][order] = -np.log(table.particles) - 1.5
        # Frames of one viewpoint share their error: they count as one measurement, not as many.
        precision = np.linalg.inv(cov * (6.0 if repeat else 1.0)).astype(np.float32)
        table.log_weights[r] = weigh_position(table.positions[r], normalise_log_weights(table.log_weights[r]), z, precision)
    if effective_sample_size(table.log_weights[r]) < table.particles / 2:
        index = systematic_resample(table.log_weights[r], float(tracker._rng.random()))
        table.positions[r] = table.positions[r][index]
        table.log_weights[r] = -np.log(table.particles)
    table.mean[r], table.cov[r] = weighted_mean_cov(table.positions[r], table.log_weights[r])
    table.shape[r] = surface_samples(obs.points[j], z, obs.sizes[j]) if not obs.truncated[j] else table.shape[r]


def _hit_extended(tracker: Tracker, track: Track, obs: Observations, j: int) -> None:
    table, r = tracker.table, track.row
    if track.body is None:
        track.body = VoxelBody()
    track.body.add(obs.points[j])
    if len(track.body.keys) < 8 or not track.body.grown():
        return
    table.mean[r], table.size[r], table.yaw[r] = track.body.box(_stands_on_floor(tracker, track), tracker.home_yaw)
    table.cov[r] = np.eye(3) * 0.03**2
    _cloud(tracker, r, table.mean[r], table.cov[r])
    table.shape[r] = surface_samples(track.body.points(), table.mean[r], table.size[r])


def _stands_on_floor(tracker: Tracker, track: Track) -> bool:
    """Tables and cupboards reach the floor even if only their top was seen; of a chair's height only what was seen is claimed."""
    label = track.labels.best()
    if not tracker.ontology.known(label):
        return False
    lowest = float(track.body.points()[:, 2].min(initial=9.0)) if track.body is not None else 9.0
    return lowest < 0.35 or tracker.ontology.prior(label).size_m >= 1.0


def _hit_size(tracker: Tracker, track: Track, obs: Observations, j: int, weight: float) -> None:
    if track.kind == "furniture" and track.body is not None and len(track.body.keys) >= 8:
        return
    table, r = tracker.table, track.row
    total = track.size_weight + weight
    a = weight / total if total > 0 else 1.0
    table.size[r] = (1 - a) * table.size[r] + a * np.maximum(obs.sizes[j], 0.01)
    turn = math.remainder(float(obs.yaws[j]) - float(table.yaw[r]), math.pi / 2)  # a box is the same after a quarter turn of its axes
    table.yaw[r] += a * turn if abs(turn) < 0.5 else 0.0
    track.size_weight = min(total, 8.0)


def _hit_states(track: Track, seen: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Bayes on each state attribute a detector named. Returns (name, before, after) where the most likely value changed."""
    changed = []
    for name, value in seen.items():
        known = name in track.states
        belief = track.states.setdefault(name, {})
        belief.setdefault(value, 0.5 if not known else 0.1)
        before = max(belief, key=lambda k: belief[k]) if known else ""
        for k in belief:
            belief[k] = max(belief[k], 0.02) * (STATE_ACCURACY if k == value else 1 - STATE_ACCURACY)
        total = sum(belief.values())
        for k in belief:
            belief[k] /= total
        after = max(belief, key=lambda k: belief[k])
        if before and after != before:
            changed.append((name, before, after))
    return changed


def age(tracker: Tracker, track: Track) -> None:
    """Let r fall by what the class's persistence says of the time since the last evidence, before new evidence counts."""
    label = track.labels.best()
    dt = tracker.stamp_ns - track.last_evidence_ns
    if dt <= 0 or not label:
        return
    hours = dt / 3.6e12
    tracker.rates.watched(label, hours)
    r = probability(float(tracker.table.odds[track.row]))
    r *= tracker.rates.survival(label, tracker.ontology.prior(label).moves_every_h, dt)
    tracker.table.odds[track.row] = log_odds(r)
    track.last_evidence_ns = tracker.stamp_ns


def miss(tracker: Tracker, track: Track, viewer: Viewer, detector_ran: bool) -> bool:
    """A track that could be in view and was not named. Returns True if anything was learned.

    Two kinds of evidence: the ray that passed through where it stood (physical, whatever the detector says), and a detector's
    silence in clear view. With p_D = 0 (occluded, out of view, no depth) nothing moves.
    """
    table, r = tracker.table, track.row
    spread = track.status == "missing" or float(np.trace(table.cov[r])) > 0.05
    glimpse = viewer.look(table, r, spread)
    weights = np.exp(table.log_weights[r])
    visible = glimpse.empty + glimpse.supported
    share = float(weights @ visible)
    track.occluded = float(weights @ glimpse.occluded)
    if share < 0.02 or not viewer.healthy:
        if track.occluded > 0.6 and track.status == "confirmed":
            track.status = "occluded"
        return False
    if track.status == "occluded":
        track.status = "confirmed"
    refuted = (visible > 0.3) & (glimpse.empty > EMPTY_SHARE * visible) & (glimpse.distance_m < 4.2)
    empty = float(weights @ refuted)
    track.seen_empty = empty
    if 0.02 < empty < 0.98:  # half in view: only what was seen empty loses weight, the hidden half stays
        table.log_weights[r] = normalise_log_weights((table.log_weights[r] + np.where(refuted, -3.0, 0.0)).astype(np.float32))
        if track.kind == "object" and track.status != "missing":
            table.mean[r], table.cov[r] = weighted_mean_cov(table.positions[r], table.log_weights[r])
    cell = view_cell(
        viewer.camera, track.anchor if track.confirmed_once else table.mean[r], tracker.config.view_cell_m, tracker.config.view_cell_rad
    )
    if track.kind == "agent":
        table.odds[r] = log_odds(missed(probability(float(table.odds[r])), 0.8 * share))
        return True
    change = track.evidence.empty(cell, empty) if empty > 0.3 else 0.0
    if detector_ran:
        clear = share * in_reach(glimpse.pixels * share, glimpse.distance_m, tracker.perception.max_range_m)
        p_detect = clear * track.recall()
        # A silence says something of the thing as far as it exists, and of the detector as far as depth does not show it gone.
        track.unnamed += clear * probability(float(table.odds[r])) * (1.0 - empty) * (track.unnamed < MAX_SILENCES)
        # Support credit: where depth could have told and shows the thing's shape, the silence is the detector's.
        stands = glimpse.decisive and float(weights @ glimpse.supported) > 0.5 * share
        change += track.evidence.miss(cell, 0.3 * p_detect if stands else p_detect, CELL_DOUBT_CAP if stands else CELL_MISS_CAP)
    if change == 0.0:
        return False
    table.odds[r] = max(table.odds[r] + change, MIN_LOG_ODDS)
    track.last_evidence_ns = tracker.stamp_ns
    return True
