"""Association: gate, cluster, then Hungarian on the negative log likelihood of position, label, appearance and size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from robomem.belief.track import Track, TrackTable
from robomem.geometry import distance_to_box
from robomem.types import Observations

COST_LIMIT = 9.0  # nats: a match dearer than this is less likely than a new thing
POSITION_FLOOR_M = 0.03  # two views of one thing differ by this much, whatever the sensor claims


def similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of two unit appearance vectors; 0.8 (says nothing) where one is missing."""
    if a.size == 0 or a.shape != b.shape:
        return 0.8
    return float(a @ b)


def gate_radius(size: NDArray[np.floating], gate_m: float) -> float:
    """How far (m) from its believed centre a small thing of this size may be observed and still be it."""
    return min(gate_m, 0.10 + 0.75 * float(np.max(size)))


def _point_cost(track: Track, table: TrackTable, obs: Observations, j: int, gate_m: float) -> float:
    r = track.row
    d2 = float(np.sum((table.mean[r] - obs.positions[j]) ** 2))
    gate = gate_radius(np.maximum(table.size[r], obs.sizes[j]), gate_m) if track.kind != "agent" else 1.2
    if d2 > gate * gate:
        return math.inf
    variance = (np.trace(table.cov[r]) + np.trace(obs.covariances[j])) / 3 + POSITION_FLOOR_M**2
    return 0.5 * min(d2 / variance, 16.0)


def _extended_cost(track: Track, table: TrackTable, obs: Observations, j: int) -> float:
    r = track.row
    size = table.size[r]
    points = obs.points[j] if len(obs.points[j]) else obs.positions[j][None]
    step = max(1, len(points) // 60)
    gap = float(np.mean(np.minimum(distance_to_box(points[::step], table.mean[r], size, table.yaw[r]), 1.0)))
    limit = 0.15 if float(np.max(size[:2])) < 0.8 else 0.30
    if gap > limit:
        return math.inf
    # The seen side of a small chair may lie inside a neighbour's loose box: the centres break the tie.
    apart = float(np.linalg.norm(table.mean[r][:2] - obs.positions[j][:2])) / (0.3 + float(np.max(size[:2])))
    return 3.0 * gap / limit + min(apart, 3.0)


def cost_matrix(tracks: list[Track], table: TrackTable, obs: Observations, kinds: list[str], gate_m: float) -> NDArray[np.float64]:
    """Negative log likelihood Float64[len(tracks), len(obs)] (nats), inf outside the gate."""
    cost = np.full((len(tracks), len(obs)), np.inf)
    if not len(obs) or not tracks:
        return cost
    rows = np.array([t.row for t in tracks])
    reach = np.linalg.norm(table.size[rows], axis=1)[:, None] / 2 + np.linalg.norm(obs.sizes, axis=1)[None] / 2 + 1.2
    near = np.linalg.norm(table.mean[rows][:, None] - obs.positions[None], axis=2) < reach
    for i, j in zip(*np.nonzero(near), strict=True):
        track = tracks[i]
        if track.kind != kinds[j]:
            continue
        extended = track.kind == "furniture"
        where = _extended_cost(track, table, obs, j) if extended else _point_cost(track, table, obs, j, gate_m)
        if not math.isfinite(where):
            continue
        label = -math.log(track.labels.predictive(obs.labels[j], float(obs.scores[j])))
        look = 0.0 if extended else 4.0 * max(0.0, 1.0 - similarity(track.embedding, obs.embeddings[j]))
        ratio = 0.0 if extended else abs(math.log(max(float(np.max(table.size[track.row])), 0.01) / max(float(np.max(obs.sizes[j])), 0.01)))
        total = where + label * (1.6 if extended else 1.0) + look + ratio
        cost[i, j] = total if total < COST_LIMIT else np.inf
    return cost


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
    _, part = connected_components(coo_matrix((np.ones(len(i)), (i, j + n)), shape=(n + m, n + m)), directed=False)
    pairs: list[tuple[int, int]] = []
    for cluster in np.unique(part[i]):
        rows, columns = np.unique(i[part[i] == cluster]), np.unique(j[part[i] == cluster])
        if len(rows) == 1 and len(columns) == 1:
            pairs.append((int(rows[0]), int(columns[0])))
            continue
        block = np.where(np.isfinite(cost[np.ix_(rows, columns)]), cost[np.ix_(rows, columns)], 1e6)
        padded = np.full((len(rows) + len(columns),) * 2, COST_LIMIT / 2)
        padded[: len(rows), : len(columns)] = block
        padded[len(rows) :, len(columns) :] = 0.0
        for a, b in zip(*linear_sum_assignment(padded), strict=True):
            if a < len(rows) and b < len(columns) and block[a, b] < 1e6:
                pairs.append((int(rows[a]), int(columns[b])))
    return sorted(pairs)
