"""Three particle engines on one problem: things that stand nearly still, each seen every step (predict, weigh, resample, mean)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.belief.particles import NoisePool, observe_clouds

STEP_M = 0.01  # diffusion per step
SIGMA_M = 0.02  # measurement noise per axis
SPREAD_M = 0.05  # of the first cloud


@dataclass(frozen=True)
class Problem:
    """`z` Float64[T, n, 3] measurements (m) of n things; `clouds` Float64[n, P, 3] where their particles start."""

    truth: NDArray[np.float64]
    z: NDArray[np.float64]
    clouds: NDArray[np.float64]

    @staticmethod
    def make(things: int, particles: int, steps: int, rng: np.random.Generator) -> Problem:
        """Things that start where their clouds are centred, wander by STEP_M a step and are seen with SIGMA_M."""
        start = rng.uniform(-3, 3, (things, 3))
        truth = start + SPREAD_M * rng.standard_normal((things, 3)) + np.cumsum(STEP_M * rng.standard_normal((steps, things, 3)), axis=0)
        z = truth + SIGMA_M * rng.standard_normal(truth.shape)
        return Problem(truth, z, start[:, None] + SPREAD_M * rng.standard_normal((things, particles, 3)))


Step = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # measurements Float64[n, 3] -> means Float64[n, 3], m


class Ours:
    """The tracker's kernels; `fresh` draws every normal anew instead of reading the pool."""

    def __init__(self, problem: Problem, rng: np.random.Generator, fresh: bool = False, resample_below: float = 1.1) -> None:
        n, count, _ = problem.clouds.shape
        self.positions = problem.clouds.astype(np.float32)
        self.log_weights = np.full((n, count), -np.log(count), np.float32)
        self.mean, self.cov = np.zeros((n, 3)), np.zeros((n, 3, 3))
        self._rng, self._pool, self._fresh, self._below = rng, NoisePool(rng), fresh, resample_below
        self._rows, self._inflate = np.arange(n), np.ones(n)
        self._noise_cov = np.tile(np.eye(3) * SIGMA_M**2, (n, 1, 1))
        self._none = np.zeros((n, 0, 3), np.float32)

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """One step of all things."""
        if self._fresh:
            self.positions += np.float32(STEP_M) * self._rng.standard_normal(self.positions.shape, np.float32)
        else:
            self._pool.diffuse(self.positions, self._rows, STEP_M)
        draws = self._rng.random(len(z))
        observe_clouds(
            self.positions,
            self.log_weights,
            self._rows,
            z,
            self._noise_cov,
            self._inflate,
            self._none,
            draws,
            self.mean,
            self.cov,
            self._below,
        )
        return self.mean


def filterpy_loop(problem: Problem, rng: np.random.Generator) -> Step:
    """The loop of filterpy's book over things, its arithmetic in numpy, its resampling `filterpy.monte_carlo.systematic_resample`."""
    from filterpy.monte_carlo import systematic_resample

    clouds = problem.clouds.copy()
    n, count, _ = clouds.shape

    def step(z: NDArray[np.float64]) -> NDArray[np.float64]:
        means = np.empty((n, 3))
        for i in range(n):
            clouds[i] += STEP_M * rng.standard_normal((count, 3))
            weights = np.exp(-0.5 * np.sum((clouds[i] - z[i]) ** 2, axis=1) / SIGMA_M**2) + 1e-300
            weights /= weights.sum()
            clouds[i] = clouds[i][systematic_resample(weights)]
            means[i] = clouds[i].mean(axis=0)
        return means

    return step


def stone_soup(problem: Problem, seed: int) -> Step:
    """Stone Soup's particle predictor, updater and systematic resampler, one filter for each thing."""
    from stonesoup.models.measurement.linear import LinearGaussian
    from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, RandomWalk
    from stonesoup.predictor.particle import ParticlePredictor
    from stonesoup.resampler.particle import SystematicResampler
    from stonesoup.types.detection import Detection
    from stonesoup.types.hypothesis import SingleHypothesis
    from stonesoup.types.numeric import Probability
    from stonesoup.types.state import ParticleState, StateVectors
    from stonesoup.updater.particle import ParticleUpdater

    now = datetime(2026, 1, 1)
    motion = CombinedLinearGaussianTransitionModel([RandomWalk(STEP_M**2, seed=seed + a) for a in range(3)])
    sensor = LinearGaussian(3, (0, 1, 2), np.eye(3) * SIGMA_M**2)
    predictor, updater = ParticlePredictor(motion), ParticleUpdater(sensor, SystematicResampler())
    n, count, _ = problem.clouds.shape
    weight = np.full(count, Probability(1 / count))
    states: list[Any] = [ParticleState(StateVectors(cloud.T), weight=weight, timestamp=now) for cloud in problem.clouds]
    clock = [now]

    def step(z: NDArray[np.float64]) -> NDArray[np.float64]:
        clock[0] += timedelta(seconds=1)
        means = np.empty((n, 3))
        for i in range(n):
            prediction = predictor.predict(states[i], timestamp=clock[0])
            seen = Detection(z[i][:, None], timestamp=clock[0], measurement_model=sensor)
            states[i] = updater.update(SingleHypothesis(prediction, seen))
            means[i] = np.asarray(states[i].mean, float).ravel()
        return means

    return step
