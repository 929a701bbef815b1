"""Evidence on one track: what a sighting and what a silence do to position, existence, label, size and states."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.belief import agents
from robomem.belief.existence import (
    CELL_BIRTH_DOUBT_CAP,
    CELL_DOUBT_CAP,
    CELL_MISS_CAP,
    MAX_LOG_ODDS,
    MIN_LOG_ODDS,
    VISIT_S,
    ViewCell,
    log_odds,
    missed,
    probability,
    view_cells,
)
from robomem.belief.extended import VoxelBody
from robomem.belief.particles import normalise_log_weights, observe_clouds, weighted_mean_cov
from robomem.belief.states import look_at_states
from robomem.belief.track import MAX_EMBEDDING_WEIGHT, Track, TrackTable
from robomem.belief.visibility import Glimpses, Viewer, sample_surfaces, surface_samples
from robomem.clock import NS_PER_S
from robomem.types import Observations

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

# One viewpoint's error of the centre does not average out over its own frames. Of the height less: tops are seen from everywhere, and
# a thin thing whose height is unsure by its own thickness hides its absence in the table top.
VIEW_BIAS_M = (0.02, 0.02, 0.008)
VIEW_BIAS = np.diag(np.square(VIEW_BIAS_M))
VISIT_NS = VISIT_S * NS_PER_S
SINKS_M = 0.03  # of a thing no higher than this an error of the pose looks as if it were lower than was thought
SPREAD_M2 = 0.05  # trace of a position covariance from which a cloud is wide
RECALL_PIXELS = 130.0
MAX_SILENCES = 40.0  # what is learned of a detector's habits stays open to change


def relabel(obs: Observations, labels: list[str]) -> Observations:
    """The same observations under canonical labels."""
    if tuple(labels) == obs.labels:
        return obs
    named = copy.copy(obs)  # all but the names was checked when the frame came in
    object.__setattr__(named, "labels", tuple(labels))
    return named


def in_reach(pixels: NDArray[np.float64], distance_m: NDArray[np.float64], max_range_m: float) -> NDArray[np.float64]:
    """How much of a detector's recall is left for things of this many own pixels, 0..1; a generic curve, not any one detector's."""
    return np.where(distance_m > 0.9 * max_range_m, 0.0, 1.0 - np.exp(-((pixels / RECALL_PIXELS) ** 1.5)))


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


StateChange = tuple[int, str, str, str]  # id, attribute, before, after


def hit(tracker: Tracker, track: Track, obs: Observations, j: int, camera: NDArray[np.float64], first: bool = False) -> list[StateChange]:
    """A matched observation. Returns state changes."""
    return hits(tracker, [(track, j)], obs, camera, first)[0]


def hits(
    tracker: Tracker,
    pairs: list[tuple[Track, int]],
    obs: Observations,
    camera: NDArray[np.float64],
    first: bool = False,
    strange: Collection[int] = (),
) -> list[list[StateChange]]:
    """One frame's matched observations, folded in together: the arithmetic runs over all of them at once.

    Args:
        pairs: a track and the row of its observation; no track twice.
        first: these observations gave birth to their tracks.
        strange: ids of tracks whose sighting looks like another thing: that look is not learned.

    Returns:
        State changes of each pair.
    """
    rows = np.array([t.row for t, _ in pairs], np.int64)
    picked = np.array([j for _, j in pairs], np.int64)
    cells = view_cells(camera, tracker.table.mean[rows], tracker.config.view_cell_m, tracker.config.view_cell_rad)
    repeats = np.array([cell in track.evidence.hits for (track, _), cell in zip(pairs, cells, strict=True)])
    if not first:
        _gain(tracker.table, pairs, rows, obs, cells)
    changes = _count_sightings(tracker, pairs, obs, cells, repeats.tolist(), camera, first)
    points: list[int] = []
    sized: list[int] = []
    for k, (track, j) in enumerate(pairs):
        if track.status == "held":
            continue
        if track.kind == "furniture":
            _hit_extended(tracker, track, obs, j)
        elif track.kind == "agent":
            agents.sighted(tracker, track, obs, j, first)
        else:
            points.append(k)
        if track.kind != "furniture" or track.body is None or len(track.body.keys) < 8:
            sized.append(k)
    if points:
        _hit_positions(tracker, [pairs[k][0] for k in points], picked[points], obs, repeats[points])
    weights = np.where(repeats, 0.3, 1.0)
    whole = ~obs.truncated[picked]
    if sized:
        _hit_sizes(tracker.table, [pairs[k][0] for k in sized], picked[sized], obs, np.where(whole, weights, 0.1 * weights)[sized])
    own = np.array([k for k, (t, _) in enumerate(pairs) if t.id not in strange], np.int64)
    _note_looks(tracker.table, [pairs[k][0] for k in own.tolist()], picked[own], obs, weights[own], whole[own])
    return changes


def _gain(table: TrackTable, pairs: list[tuple[Track, int]], rows: NDArray[np.int64], obs: Observations, cells: list[ViewCell]) -> None:
    """Existence: what each sighting adds, and what a look-alike elsewhere had taken."""
    scores, gained = obs.scores.tolist(), []
    for (track, j), cell in zip(pairs, cells, strict=True):
        gained.append(track.evidence.hit(cell, 0.8 + 1.2 * scores[j]) + track.lent)
        track.lent = 0.0
    table.odds[rows] = np.minimum(MAX_LOG_ODDS, np.maximum(table.odds[rows], MIN_LOG_ODDS) + gained)


def _count_sightings(
    tracker: Tracker,
    pairs: list[tuple[Track, int]],
    obs: Observations,
    cells: list[ViewCell],
    repeats: list[bool],
    camera: NDArray[np.float64],
    first: bool,
) -> list[list[StateChange]]:
    """Label, states and the tallies of sightings, each from one viewpoint. Returns state changes of each."""
    stamp_ns, seen_from = obs.stamp_ns, np.array(camera, float)
    scores, changes = obs.scores.tolist(), list[list[StateChange]]()
    for (track, j), cell, repeat in zip(pairs, cells, repeats, strict=True):
        if first:
            track.evidence.born(cell)
        track.hits += 1
        if track.named < MAX_SILENCES:
            track.named += 1.0
        track.support += not repeat
        track.labels.update(obs.labels[j], scores[j], 0.3 if repeat else 1.0)
        track.last_seen_ns = track.last_evidence_ns = stamp_ns
        track.against = 0.0
        track.last_camera = seen_from
        states = obs.states[j]
        turned = look_at_states(track.states, states, tracker.accuracy, stamp_ns, cell) if states else ()
        changes.append([(track.id, *change) for change in turned])
    return changes


def _note_looks(
    table: TrackTable,
    tracks: list[Track],
    picked: NDArray[np.int64],
    obs: Observations,
    weights: NDArray[np.float64],
    whole: NDArray[np.bool_],
) -> None:
    """Colour names and the running mean of unit appearance vectors; what is cut off counts only where nothing is known yet."""
    known: list[int] = []
    dim, colors, weight = obs.embeddings.shape[1], obs.colors, weights.tolist()
    for k, (track, j, uncut) in enumerate(zip(tracks, picked.tolist(), whole.tolist(), strict=True)):
        size = track.embedding.size
        if not uncut and size:
            continue
        track.note_color(colors[j])
        if size and size == dim:
            known.append(k)
        else:
            track.note_embedding(obs.embeddings[j], weight[k])
    if not known:
        return
    seen = [tracks[k] for k in known]
    old, _ = table.gallery.look_up(seen, dim)
    behind = np.array([t.embedding_weight for t in seen])
    mean = old * behind[:, None] + obs.embeddings[picked[known]] * weights[known][:, None]
    mean = (mean / np.maximum(np.linalg.norm(mean, axis=1), 1e-9)[:, None]).astype(np.float32)
    total = np.minimum(behind + weights[known], MAX_EMBEDDING_WEIGHT).tolist()
    for track, look, times in zip(seen, mean, total, strict=True):
        track.embedding, track.embedding_weight = look.copy(), times


def _hit_positions(tracker: Tracker, tracks: list[Track], picked: NDArray[np.int64], obs: Observations, repeats: NDArray[np.bool_]) -> None:
    """Fold the observed centres of small things into their clouds, and take over the surface that was seen."""
    table = tracker.table
    z = obs.positions[picked].astype(np.float64)
    cov = obs.covariances[picked].astype(np.float64) + VIEW_BIAS
    rows = np.array([t.row for t in tracks], np.int64)
    lost = np.array([t.status in ("missing", "removed") for t in tracks])
    for k in np.flatnonzero(lost).tolist():  # wherever its particles were scattered, here it is
        _cloud(tracker, int(rows[k]), z[k], cov[k])
        table.mean[rows[k]], table.cov[rows[k]] = weighted_mean_cov(table.positions[rows[k]], table.log_weights[rows[k]])
    kept = np.flatnonzero(~lost)
    fresh = tracker.noise.normal((len(kept), max(2, table.particles // 12), 3))
    # Frames of one viewpoint share their error: they count as one measurement, not as many.
    inflate = np.where(repeats[kept], 6.0, 1.0)
    uniforms = tracker._rng.random(len(kept))
    observe_clouds(table.positions, table.log_weights, rows[kept], z[kept], cov[kept], inflate, fresh, uniforms, table.mean, table.cov)
    whole = np.flatnonzero(~obs.truncated[picked])
    if len(whole):
        clouds = [obs.points[int(j)] for j in picked[whole]]
        bounds = np.cumsum([0, *(len(c) for c in clouds)])
        sample_surfaces(np.concatenate(clouds), bounds, z[whole], obs.sizes[picked[whole]].astype(np.float64), rows[whole], table.shape)


def resize(tracker: Tracker, track: Track, obs: Observations, j: int) -> None:
    """Take place, size and shape from one sighting alone: what was believed of them was of two things."""
    table, r = tracker.table, track.row
    track.size_weight = 0.0
    _cloud(tracker, r, obs.positions[j].astype(float), obs.covariances[j].astype(np.float64) + VIEW_BIAS)
    table.mean[r], table.cov[r] = weighted_mean_cov(table.positions[r], table.log_weights[r])
    table.size[r], table.yaw[r] = np.maximum(obs.sizes[j], 0.01), obs.yaws[j]
    table.shape[r] = surface_samples(obs.points[j], obs.positions[j], obs.sizes[j])


def _hit_sizes(table: TrackTable, tracks: list[Track], picked: NDArray[np.int64], obs: Observations, weights: NDArray[np.float64]) -> None:
    """Running mean of size and yaw; a box is the same after a quarter turn of its axes."""
    rows = np.array([t.row for t in tracks], np.int64)
    total = np.array([t.size_weight for t in tracks]) + weights
    share = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 1.0)
    table.size[rows] = (1 - share)[:, None] * table.size[rows] + share[:, None] * np.maximum(obs.sizes[picked], 0.01)
    turn = obs.yaws[picked].astype(float) - table.yaw[rows]
    turn -= math.pi / 2 * np.rint(turn / (math.pi / 2))
    table.yaw[rows] += np.where(np.abs(turn) < 0.5, share * turn, 0.0)
    for track, weight in zip(tracks, total.tolist(), strict=True):
        track.size_weight = min(weight, 8.0)


def _hit_extended(tracker: Tracker, track: Track, obs: Observations, j: int) -> None:
    if track.body is None:
        track.body = VoxelBody()
    track.body.add(obs.points[j])
    if len(track.body.keys) >= 8 and track.body.grown():
        fit_body(tracker, track)


def fit_body(tracker: Tracker, track: Track) -> None:
    """Take place, box and shape of an extended thing from its voxels."""
    assert track.body is not None
    table, r = tracker.table, track.row
    points = track.body.points()
    table.mean[r], table.size[r], table.yaw[r] = track.body.box(_stands_on_floor(tracker, track, points), tracker.home_yaw, points)
    table.cov[r] = np.eye(3) * 0.03**2
    _cloud(tracker, r, table.mean[r], table.cov[r])
    table.shape[r] = surface_samples(points, table.mean[r], table.size[r])


def _stands_on_floor(tracker: Tracker, track: Track, points: NDArray[np.float64]) -> bool:
    """Tables and cupboards reach the floor even if only their top was seen; of a chair's height only what was seen is claimed."""
    label = track.labels.best()
    if not tracker.ontology.known(label):
        return False
    lowest = float(points[:, 2].min(initial=9.0))
    return lowest < 0.35 or tracker.ontology.prior(label).size_m >= 1.0


def age(tracker: Tracker, tracks: list[Track]) -> None:
    """Let r fall by what each class's persistence says of the time since the last evidence, before new evidence counts."""
    table, now, rates, ontology = tracker.table, tracker.stamp_ns, tracker.rates, tracker.ontology
    rows: list[int] = []
    factors: list[float] = []
    intervals: dict[str, float] = {}
    for track in tracks:
        dt = now - track.last_evidence_ns
        label = track.labels.best() if dt > 0 else ""
        if label:
            if label not in intervals:
                intervals[label] = ontology.prior(label).moves_every_h
            if track.status != "missing":
                rates.watched(label, dt / 3.6e12)
            factors.append(rates.survival(label, intervals[label], dt))
            rows.append(track.row)
            track.last_evidence_ns = now
        if now - track.last_seen_ns > VISIT_NS:
            track.evidence.renew()
    if rows:
        r = np.clip(np.array(factors) / (1.0 + np.exp(-table.odds[rows])), 1e-6, 1 - 1e-6)
        table.odds[rows] = np.clip(np.log(r / (1 - r)), MIN_LOG_ODDS, MAX_LOG_ODDS)


def misses(tracker: Tracker, tracks: list[Track], viewer: Viewer, detector_ran: bool) -> list[bool]:
    """Tracks that could be in view and were not named. Returns of each whether anything was learned.

    Two kinds of evidence: the ray that passed through where it stood (physical, whatever the detector says), and a detector's
    silence in clear view. With p_D = 0 (occluded, out of view, no depth) nothing moves.
    """
    if not tracks:
        return []
    table = tracker.table
    rows = np.array([t.row for t in tracks], np.int64)
    lost = np.array([t.status == "missing" for t in tracks])
    seen = viewer.look(table, rows, lost | (np.trace(table.cov[rows], axis1=1, axis2=2) > SPREAD_M2))
    stood = np.array([t.anchor if t.confirmed_once else table.mean[t.row] for t in tracks])
    cells = view_cells(viewer.camera, stood, tracker.config.view_cell_m, tracker.config.view_cell_rad)
    reach = in_reach(seen.pixels * seen.visible, seen.distance_m, tracker.perception.max_range_m)
    return [_miss(tracker, t, viewer.healthy, seen, k, cells[k], float(reach[k]), detector_ran) for k, t in enumerate(tracks)]


def _miss(tracker: Tracker, track: Track, healthy: bool, seen: Glimpses, k: int, cell: ViewCell, reach: float, detector_ran: bool) -> bool:
    table, r = tracker.table, track.row
    share = float(seen.visible[k])
    track.occluded = float(seen.occluded[k])
    if share < 0.02 or not healthy:
        if track.occluded > 0.6 and track.status == "confirmed":
            track.status = "occluded"
        return False
    if track.status == "occluded":
        track.status = "confirmed"
    track.seen_empty = empty = float(seen.empty[k])
    if 0.02 < empty < 0.98:  # half in view: only what was seen empty loses weight, the hidden half stays
        doubt = np.where(seen.refuted[k], np.float32(-3.0), np.float32(0.0))
        table.log_weights[r] = normalise_log_weights(table.log_weights[r] + doubt)
        if track.kind == "object" and track.status != "missing":
            height = float(table.mean[r, 2])
            table.mean[r], table.cov[r] = weighted_mean_cov(table.positions[r], table.log_weights[r])
            if table.size[r, 2] > SINKS_M:  # what is seen through did not sink into what it stood on
                table.mean[r, 2] = max(float(table.mean[r, 2]), height)
    if track.kind == "agent":
        table.odds[r] = log_odds(missed(probability(float(table.odds[r])), 0.8 * share))
        return True
    change = track.evidence.empty(cell, empty) if empty > 0.3 else 0.0
    if detector_ran:
        clear = share * reach
        p_detect = clear * track.recall()
        # A silence says something of the thing as far as it exists, and of the detector as far as depth does not show it gone.
        track.unnamed += clear * probability(float(table.odds[r])) * (1.0 - empty) * (track.unnamed < MAX_SILENCES)
        # Support credit: where depth could have told and shows the thing's shape, the silence is the detector's.
        stands = bool(seen.decisive[k]) and float(seen.supported[k]) > 0.5
        doubt = CELL_DOUBT_CAP if track.confirmed_once else CELL_BIRTH_DOUBT_CAP
        change += track.evidence.miss(cell, 0.3 * p_detect if stands else p_detect, doubt if stands else CELL_MISS_CAP)
    track.against -= change
    if change == 0.0:
        return False
    table.odds[r] = min(max(float(table.odds[r]) + change, MIN_LOG_ODDS), MAX_LOG_ODDS)
    track.last_evidence_ns = tracker.stamp_ns
    return True
