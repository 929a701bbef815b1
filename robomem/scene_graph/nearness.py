"""Which things are near each other: `near` relations with probabilities from pairs of particles, renewed for what moved only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from robomem.belief.tracker import Tracker
from robomem.scene_graph.graph import SceneGraph

NEAR_M = 0.3  # gap between the boxes
OPENS, CLOSES = 0.5, 0.3  # hysteresis: it begins to hold above the first and ends below the second
DOUBT_M = 0.15  # estimates further apart than this beyond NEAR_M are near by no share of their particles that matters
STEP = 0.05  # a smaller change of probability is not written
STIRRED_M = 0.05  # a thing that moved less than this keeps its neighbours
AT_ONCE = 1  # things looked at per frame: bounds the cost of a frame in which everything is new
SHIFT = 37  # particle k of one is paired with k + SHIFT of the other: as many pairs as particles, of all P * P
PRESENT = ("confirmed", "occluded")


class Nearness:
    """Keeps `a near b` (a < b) of one graph.

    P(near) = weighted share of pairs of position particles whose boxes are less than NEAR_M apart. What holds the other is not near it.
    """

    def __init__(self, graph: SceneGraph, tracker: Tracker) -> None:
        self.graph, self.tracker = graph, tracker
        self._at: dict[int, NDArray[np.float64]] = {}  # where each thing was when its neighbours were last looked up
        self._due: dict[int, None] = {}  # in order of arrival

    def update(self, stamp_ns: int, touched: Iterable[int]) -> None:
        """Renew the neighbours of what was touched and moved; at most `AT_ONCE` things a frame, the others wait.

        Cost at 40 objects: 0.05 ms, and 0.2 to 0.3 ms in a frame with a thing to look at.
        """
        for i in sorted(touched):
            track = self.tracker.tracks.get(i)
            here = track is not None and track.status in PRESENT and track.kind != "agent"
            if not here or track is None:
                if self._at.pop(i, None) is not None:
                    self._due.pop(i, None)
                    self._leave(i, stamp_ns)
                continue
            was, now = self._at.get(i), self.tracker.table.mean[track.row]
            if was is None or abs(now[0] - was[0]) + abs(now[1] - was[1]) + abs(now[2] - was[2]) > STIRRED_M:
                self._due[i] = None
        for i in list(self._due)[:AT_ONCE]:
            del self._due[i]
            if self.graph.node(i) is not None and i in self.tracker.tracks:
                self._renew(i, stamp_ns)

    def _leave(self, i: int, stamp_ns: int) -> None:
        for r in self.graph.relations(object=i, predicate="near"):
            self.graph.end(r.subject, stamp_ns, ("near",), only=i)
        self.graph.end(i, stamp_ns, ("near",))

    def _renew(self, i: int, stamp_ns: int) -> None:
        tracks, table = self.tracker.tracks, self.tracker.table
        row = tracks[i].row
        self._at[i] = table.mean[row].copy()
        others = [j for j in self._at if j != i and j in tracks]
        open_ = {(r.subject, r.object): r for r in (*self.graph.relations(i, "near"), *self.graph.relations(None, "near", i))}
        found: dict[int, float] = {}
        if others:
            rows = np.array([tracks[j].row for j in others])
            half = _half(table.size[rows], table.yaw[rows]) + _half(table.size[row], table.yaw[row])
            likely = _gap(table.mean[rows] - table.mean[row], half) < NEAR_M + DOUBT_M
            near = np.flatnonzero(likely)
            if len(near):
                p = self._share(row, rows[near], half[near])
                found = {others[k]: float(v) for k, v in zip(near.tolist(), p, strict=True)}
        holder = self.graph.parent(i)
        held = {r.subject for r in self.graph.relations(object=i) if r.predicate != "near"}
        for j in {*found, *(b if a == i else a for a, b in open_)}:
            pair, p = (min(i, j), max(i, j)), found.get(j, 0.0)
            was = open_.get(pair)
            if p < CLOSES or j in held or (holder is not None and holder[0] == j):
                if was is not None:
                    self.graph.end(pair[0], stamp_ns, ("near",), only=pair[1])
            elif (was is None and p >= OPENS) or (was is not None and abs(p - was.probability) >= STEP):
                self.graph.relate(pair[0], "near", pair[1], p, stamp_ns)

    def _share(self, row: int, rows: NDArray[np.int64], half: NDArray[np.floating]) -> NDArray[np.float64]:
        """Float64[m]: weighted share of particle pairs of one track with each of `rows` whose boxes are near."""
        table = self.tracker.table
        pair = (np.arange(table.positions.shape[1]) + SHIFT) % table.positions.shape[1]
        w = np.exp(table.log_weights[row][pair] + table.log_weights[rows])
        near = _gap(table.positions[rows] - table.positions[row][pair], half[:, None]) < NEAR_M
        return np.asarray((w * near).sum(axis=1) / np.maximum(w.sum(axis=1), 1e-30), np.float64)


def _half(size: NDArray[np.floating], yaw: NDArray[np.floating] | np.floating) -> NDArray[np.floating]:
    """Float[..., 3] half extents (m) of the upright box around a turned one."""
    c, s = np.abs(np.cos(yaw)), np.abs(np.sin(yaw))
    return np.stack([c * size[..., 0] + s * size[..., 1], s * size[..., 0] + c * size[..., 1], size[..., 2]], axis=-1) / 2


def _gap(offset: NDArray[np.floating], half: NDArray[np.floating]) -> NDArray[np.floating]:
    """Distance (m) between boxes whose centres are `offset` apart and whose half extents sum to `half`."""
    apart = np.maximum(np.abs(offset) - half, 0)
    return np.sqrt(np.einsum("...k,...k->...", apart, apart))


def neighbours(graph: SceneGraph, node_id: int, at_ns: int | None = None) -> list[tuple[int, float]]:
    """(id, probability) of what is near a node now (or was at `at_ns`), the likeliest first."""
    rows = [(r.object, r.probability) for r in graph.relations(node_id, "near", at_ns=at_ns)]
    rows += [(r.subject, r.probability) for r in graph.relations(object=node_id, predicate="near", at_ns=at_ns)]
    return sorted(rows, key=lambda row: (-row[1], row[0]))
