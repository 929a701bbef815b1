"""Association: gate, cluster, then Hungarian on the negative log likelihood of position, label, appearance and size."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from robomem.belief.track import KNOWN_LOOK, Track, TrackTable
from robomem.perception.appearance import unlike
from robomem.types import Observations

COST_LIMIT = 9.0  # nats: a match dearer than this is less likely than a new thing
AGENT_GATE_M, AGENT_REACH_M = 1.0, 2.5  # around where a person is expected: at least, and at most after a while unseen
KINDS = {"object": 0, "furniture": 1, "agent": 2}
FURNITURE, AGENT = KINDS["furniture"], KINDS["agent"]
SAYS_NOTHING = 0.8  # similarity where an appearance vector is missing
POSITION_FLOOR_M = 0.03  # two views of one thing differ by this much, whatever the sensor claims


def similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of two unit appearance vectors; 0.8 (says nothing) where one is missing."""
    if a.size == 0 or a.shape != b.shape:
        return SAYS_NOTHING
    return float(a @ b)


@njit(cache=True)
def gate_radius(largest_m: float, gate_m: float) -> float:
    """How far (m) from its believed centre a small thing of this greatest extent may be observed and still be it."""
    return min(gate_m, 0.10 + 0.75 * largest_m)


def _point_costs(
    tracks: list[Track], rows: NDArray[np.intp], table: TrackTable, obs: Observations, kinds: list[str], gate_m: float
) -> NDArray[np.float64]:
    """Position and size cost Float64[len(tracks), len(obs)] of small things and agents; inf outside the gate and for furniture."""
    kind = np.array([KINDS[t.kind] for t in tracks])
    seen = np.array([KINDS[k] for k in kinds])
    largest, largest_seen = table.size[rows].max(axis=1), obs.sizes.max(axis=1).astype(np.float64)
    doubt = np.trace(table.cov[rows], axis1=1, axis2=2)
    cost = np.full((len(rows), len(obs)), np.inf)
    gated_costs(
        *(table.mean[rows], doubt, largest, np.log(np.maximum(largest, 0.01)), kind),
        *(obs.positions.astype(np.float64), np.trace(obs.covariances, axis1=1, axis2=2).astype(np.float64)),
        *(largest_seen, np.log(np.maximum(largest_seen, 0.01)), seen, gate_m, cost),
    )
    return cost


@njit(cache=True)
def gated_costs(
    mean: NDArray[np.float64],
    doubt: NDArray[np.float64],
    largest: NDArray[np.float64],
    log_largest: NDArray[np.float64],
    kind: NDArray[np.int64],
    seen_at: NDArray[np.float64],
    seen_doubt: NDArray[np.float64],
    largest_seen: NDArray[np.float64],
    log_seen: NDArray[np.float64],
    seen_kind: NDArray[np.int64],
    gate_m: float,
    cost: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """Write the cost of each pair of track and sighting inside the gate to Float64[n, m] `cost`; nearly all pairs are outside it.

    Args:
        mean, seen_at: Float64[n, 3] and Float64[m, 3] centres, m.  doubt, seen_doubt: traces of their covariances, m^2.
        largest, largest_seen: their greatest extents, m, and the logarithms of these.  kind, seen_kind: codes of `KINDS`.
    """
    for i in range(mean.shape[0]):
        if kind[i] == FURNITURE:
            continue
        for j in range(seen_at.shape[0]):
            if kind[i] != seen_kind[j]:
                continue
            dx, dy, dz = mean[i, 0] - seen_at[j, 0], mean[i, 1] - seen_at[j, 1], mean[i, 2] - seen_at[j, 2]
            d2 = dx * dx + dy * dy + dz * dz
            if kind[i] == AGENT:
                gate = min(AGENT_GATE_M + math.sqrt(doubt[i]), AGENT_REACH_M)
            else:
                gate = gate_radius(max(largest[i], largest_seen[j]), gate_m)
            if d2 <= gate * gate:
                spread = doubt[i] + seen_doubt[j]
                nats = 0.5 * min(d2 / (spread / 3 + POSITION_FLOOR_M**2), 16.0)
                nats += abs(log_largest[i] - log_seen[j])
                cost[i, j] = nats if nats < COST_LIMIT else np.inf


def _extended_cost(track: Track, table: TrackTable, obs: Observations, j: int) -> float:
    r = track.row
    size = table.size[r]
    points = obs.points[j] if len(obs.points[j]) else obs.positions[j][None]
    step = max(1, len(points) // 60)
    gap = mean_gap(points, step, table.mean[r], size, float(table.yaw[r]))
    limit = 0.15 if max(size[0], size[1]) < 0.8 else 0.30
    if gap > limit:
        return math.inf
    # The seen side of a small chair may lie inside a neighbour's loose box: the centres break the tie.
    apart = math.dist(table.mean[r, :2].tolist(), obs.positions[j, :2].tolist()) / (0.3 + float(max(size[0], size[1])))
    return 3.0 * gap / limit + min(apart, 3.0)


@njit(cache=True)
def mean_gap(
    points: NDArray[np.float32], step: int, center: NDArray[np.float64], size: NDArray[np.float64], yaw_rad: float
) -> float:  # pragma: no cover - compiled
    """Mean distance (m), each at most 1, of every step-th of the points Float32[k, 3] to a yaw box; see `geometry.distance_to_box`."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    total, n = 0.0, 0
    for k in range(0, points.shape[0], step):
        x, y, z = points[k, 0] - center[0], points[k, 1] - center[1], points[k, 2] - center[2]
        u = max(abs(x * c + y * s) - size[0] / 2, 0.0)
        v = max(abs(-x * s + y * c) - size[1] / 2, 0.0)
        w = max(abs(z) - size[2] / 2, 0.0)
        total += min(math.sqrt(u * u + v * v + w * w), 1.0)
        n += 1
    return total / n


def cost_matrix(tracks: list[Track], table: TrackTable, obs: Observations, kinds: list[str], gate_m: float) -> NDArray[np.float64]:
    """Negative log likelihood Float64[len(tracks), len(obs)] (nats), inf outside the gate.

    Cost: geometry of all pairs at once, label and appearance only of the pairs inside the gate.
    """
    if not len(obs) or not tracks:
        return np.full((len(tracks), len(obs)), np.inf)
    rows = np.array([t.row for t in tracks])
    cost = _point_costs(tracks, rows, table, obs, kinds, gate_m)
    inside = np.nonzero(np.isfinite(cost))
    look = 4.0 * np.maximum(0.0, 1.0 - _similarities(tracks, table, obs, *inside))
    scores, names, labels = obs.scores.tolist(), obs.labels, [t.labels for t in tracks]
    named = [-math.log(labels[i].predictive(names[j], scores[j])) for i, j in zip(*(x.tolist() for x in inside), strict=True)]
    total = cost[inside] + (look + named)
    cost[inside] = np.where(total < COST_LIMIT, total, np.inf)
    _keep_strangers_out(tracks, obs, cost)
    extended = [i for i, t in enumerate(tracks) if t.kind == "furniture"]
    seen = [j for j, kind in enumerate(kinds) if kind == "furniture"]
    if extended and seen:
        own = rows[extended]
        reach = 1.2 + (np.linalg.norm(obs.sizes[seen], axis=1) + np.linalg.norm(table.size[own], axis=1)[:, None]) / 2
        close = np.linalg.norm(table.mean[own][:, None] - obs.positions[seen], axis=2) < reach
        for a, b in np.argwhere(close).tolist():
            cost[extended[a], seen[b]] = _furniture_cost(tracks[extended[a]], table, obs, seen[b])
    return cost


def _keep_strangers_out(tracks: list[Track], obs: Observations, cost: NDArray[np.float64]) -> None:
    """Take out pairs of what is missing and a sighting that cannot be it: another thing was put where it stood."""
    for i, track in enumerate(tracks):
        if track.status == "missing" and track.kind == "object" and track.embedding_weight >= KNOWN_LOOK:
            for j in np.flatnonzero(np.isfinite(cost[i])).tolist():
                if unlike(track.embedding, track.color(), obs.embeddings[j], obs.colors[j]):
                    cost[i, j] = np.inf


def _similarities(
    tracks: list[Track], table: TrackTable, obs: Observations, i: NDArray[np.intp], j: NDArray[np.intp]
) -> NDArray[np.float64]:
    """`similarity` of pairs (i, j), Float64[len(i)]."""
    out = np.full(len(i), SAYS_NOTHING)
    known, has = table.gallery.look_up(tracks, obs.embeddings.shape[1])
    if has.any():
        both = has[i]
        out[both] = np.einsum("kd,kd->k", known[i[both]], obs.embeddings[j[both]])
    return out


def _furniture_cost(track: Track, table: TrackTable, obs: Observations, j: int) -> float:
    total = _extended_cost(track, table, obs, j)
    total -= 1.6 * math.log(track.labels.predictive(obs.labels[j], float(obs.scores[j])))
    return total if total < COST_LIMIT else math.inf


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Best one-to-one pairs (row, column) of finite cost; unmatched costs COST_LIMIT.

    Independent clusters are solved apart: Hungarian is cubic, and a home falls into many small clusters.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n, m = cost.shape
    i, j = np.nonzero(np.isfinite(cost))
    if not len(i):
        return []
    alone = (np.bincount(i, minlength=n)[i] == 1) & (np.bincount(j, minlength=m)[j] == 1)
    pairs: list[tuple[int, int]] = list(zip(i[alone].tolist(), j[alone].tolist(), strict=True))
    i, j = i[~alone], j[~alone]
    if not len(i):
        return sorted(pairs)
    _, part = connected_components(coo_matrix((np.ones(len(i)), (i, j + n)), shape=(n + m, n + m)), directed=False)
    clusters: dict[int, list[int]] = {}
    for edge, cluster in enumerate(part[i].tolist()):
        clusters.setdefault(cluster, []).append(edge)
    for edges in clusters.values():
        rows, columns = sorted(set(i[edges].tolist())), sorted(set(j[edges].tolist()))
        block = cost[rows][:, columns]
        block = np.where(np.isfinite(block), block, 1e6)
        padded = np.full((len(rows) + len(columns),) * 2, COST_LIMIT / 2)
        padded[: len(rows), : len(columns)] = block
        padded[len(rows) :, len(columns) :] = 0.0
        for a, b in zip(*(index.tolist() for index in linear_sum_assignment(padded)), strict=True):
            if a < len(rows) and b < len(columns) and block[a, b] < 1e6:
                pairs.append((rows[a], columns[b]))
    return sorted(pairs)
