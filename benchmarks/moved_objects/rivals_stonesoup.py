"""Rival: Stone Soup's particle filter under global nearest neighbour assignment, with a constant detection probability.

Stone Soup predicts, weighs, resamples and assigns; existence is kept beside it (it has none for single targets) by the Bernoulli rule of
a constant detection probability in the view frustum. To keep its cost bearable only things in view, or near a detection, are stepped.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import numpy as np
from stonesoup.base import Property
from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
from stonesoup.hypothesiser.distance import DistanceHypothesiser
from stonesoup.measures import Mahalanobis
from stonesoup.models.measurement.linear import LinearGaussian
from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, RandomWalk
from stonesoup.predictor.particle import ParticlePredictor
from stonesoup.resampler.base import Resampler
from stonesoup.types.array import StateVectors
from stonesoup.types.detection import Detection
from stonesoup.types.state import ParticleState
from stonesoup.types.track import Track
from stonesoup.updater.particle import ParticleUpdater

from benchmarks.moved_objects.rivals_base import Camera, Item, ItemMap, Seen
from benchmarks.moved_objects.scores_match import kind_of
from robomem.ontology import default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations

EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)
VIEW_BIAS_M = 0.02


class SeededResampler(Resampler):
    """Systematic resampling from a generator of its own: Stone Soup's draws from the global one, which would not be repeatable."""

    rng: Any = Property(doc="np.random.Generator that the one uniform comes from")

    def resample(self, particles: Any, nparts: int | None = None) -> Any:
        """The particles after resampling, all of one weight."""
        n = nparts or len(particles)
        weights = np.exp(np.asarray(particles.log_weight, float) - np.max(np.asarray(particles.log_weight, float)))
        edges = np.cumsum(weights / weights.sum())
        out = particles[np.minimum(np.searchsorted(edges, (np.arange(n) + self.rng.random()) / n), len(particles) - 1)]
        out.log_weight = np.full(n, -np.log(n))
        return out


@lru_cache(maxsize=2_000)
def family(label: str) -> str:
    """One word for all labels that a detector takes for each other."""
    word = default_ontology().canonical(label)
    return next((min(group) for group in default_ontology().groups if word in group), word)


class StoneSoup(ItemMap):
    """Particle filters and assignment by Stone Soup.

    Args:
        particles: per thing.  walk_m: random walk, m per root second (its clock stops out of view).  gate: Mahalanobis distance.
        p_detect, clutter, least: as in the Kalman rival.
    """

    name = "Stone Soup particles"

    def __init__(
        self,
        min_hits: int = 2,
        particles: int = 100,
        walk_m: float = 0.01,
        gate: float = 5.0,
        p_detect: float = 0.5,
        clutter: float = 0.1,
        least: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__(min_hits=min_hits)
        self.particles, self.p_detect, self.clutter, self.least = particles, p_detect, clutter, least
        self._rng = np.random.default_rng(seed)
        walks = [RandomWalk(walk_m**2, seed=seed + k) for k in range(3)]
        predictor = ParticlePredictor(CombinedLinearGaussianTransitionModel(walks, seed=seed))
        self._updater = ParticleUpdater(measurement_model=None, resampler=SeededResampler(self._rng))
        self._associator = GNNWith2DAssignment(DistanceHypothesiser(predictor, self._updater, Mahalanobis(), missed_distance=gate))
        self._tracks: dict[int, Track] = {}
        self._detections: list[Detection] = []

    def add(self, detections: Observations | None, frame: RgbdFrame) -> None:
        """One image."""
        self._now = EPOCH + timedelta(microseconds=frame.stamp_ns // 1000)
        self._detections = []
        for j in range(len(detections) if detections is not None else 0):
            cov = detections.covariances[j].astype(float) + np.eye(3) * VIEW_BIAS_M**2  # type: ignore[union-attr]
            z = detections.positions[j].astype(float).reshape(3, 1)  # type: ignore[union-attr]
            self._detections.append(Detection(z, timestamp=self._now, measurement_model=LinearGaussian(3, (0, 1, 2), cov)))
        self._camera = Camera(frame)
        super().add(detections, frame)

    def _associate(self, items: list[Item], obs: Observations, kinds: list[str]) -> list[tuple[int, int]]:
        still = [k for k, i in enumerate(items) if i.kind != "object"]
        pairs = [(still[i], j) for i, j in super()._associate([items[k] for k in still], obs, kinds)]
        active = self._active(items, obs)
        groups: dict[str, tuple[list[int], list[int]]] = {}
        for k in active:
            groups.setdefault(family(items[k].label), ([], []))[0].append(k)
        for j, label in enumerate(obs.labels):
            if label and kinds[j] == "object" and family(label) in groups:
                groups[family(label)][1].append(j)
        for rows, columns in groups.values():
            if columns:
                pairs += self._solve([(k, items[k]) for k in rows], columns)
        return pairs

    def _active(self, items: list[Item], obs: Observations) -> list[int]:
        """Objects in view or near a detection; their filters' clocks are set to just before this image."""
        if not items:
            return []
        where = np.array([i.position for i in items])
        z, _, inside = self._camera.measure(where)
        near = np.zeros(len(items), bool)
        if len(obs):
            near = (np.linalg.norm(where[:, None] - obs.positions[None], axis=2) < 1.0).any(axis=1)
        return [k for k, i in enumerate(items) if i.kind == "object" and ((inside[k] and z[k] < 5.0) or near[k])]

    def _solve(self, rows: list[tuple[int, Item]], columns: list[int]) -> list[tuple[int, int]]:
        tracks = [self._tracks[item.id] for _, item in rows]
        for track in tracks:
            track.state.timestamp = max(track.state.timestamp, self._now - timedelta(seconds=1))
        found = self._associator.associate(set(tracks), {self._detections[j] for j in columns}, self._now)
        place = {id(self._detections[j]): j for j in columns}
        pairs = []
        for (k, _), track in zip(rows, tracks, strict=True):
            hypothesis = found[track]
            if hypothesis:
                track.append(self._updater.update(hypothesis))
                del track[:-1]  # only the newest state is asked for
                pairs.append((k, place[id(hypothesis.measurement)]))
        return pairs

    def _born(self, obs: Observations, j: int, kind: str) -> Item:
        item = super()._born(obs, j, kind)
        if kind_of(obs.labels[j], "object") == "object":
            item.existence = 0.5
            root = np.linalg.cholesky(obs.covariances[j].astype(float) + np.eye(3) * VIEW_BIAS_M**2)
            cloud = obs.positions[j].astype(float)[:, None] + root @ self._rng.standard_normal((3, self.particles))
            weights = np.full(self.particles, -np.log(self.particles))
            self._tracks[item.id] = Track([ParticleState(StateVectors(cloud), log_weight=weights, timestamp=self._now)])
        return item

    def _hit(self, item: Item, obs: Observations, j: int) -> None:
        super()._hit(item, obs, j)
        if item.id in self._tracks:
            item.position = np.asarray(self._tracks[item.id].state.mean, float).ravel()
        r = item.existence
        item.existence = min(r * self.p_detect / max(r * self.p_detect + (1 - r) * self.clutter, 1e-9), 0.999)

    def _unseen(self, items: list[Item], view: Seen, healthy: bool, detector_ran: bool) -> None:
        for k, item in enumerate(items):
            if detector_ran and item.kind == "object" and view.in_view[k]:
                r = item.existence
                item.existence = r * (1 - self.p_detect) / max(1 - r * self.p_detect, 1e-9)
                if item.existence < self.least:
                    self._drop(item)

    def _drop(self, item: Item) -> None:
        super()._drop(item)
        self._tracks.pop(item.id, None)
