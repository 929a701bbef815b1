"""Localisation error: a slow bounded random walk between where the robot is and where it believes it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import wrap_angle


@dataclass(frozen=True)
class DriftModel:
    """Ornstein-Uhlenbeck error of a localiser that keeps relocalising: stationary spread, hard bound, and memory."""

    sigma_m: float = 0.010
    sigma_rad: float = float(np.radians(0.22))
    bound_m: float = 0.03
    bound_rad: float = float(np.radians(0.6))
    memory_s: float = 25.0


class Drift:
    """The error of the believed pose.

    Attributes:
        offset: Float64[3] (dx m, dy m, dyaw rad): believed = true + offset.
    """

    def __init__(self, rng: np.random.Generator, model: DriftModel | None = None) -> None:
        self._rng, self._model = rng, model or DriftModel()
        self.offset: NDArray[np.float64] = np.zeros(3)

    def step(self, dt_s: float) -> None:
        """Let the error wander for `dt_s` seconds."""
        m = self._model
        keep = float(np.exp(-dt_s / m.memory_s))
        kick = np.sqrt(1 - keep**2) * np.array([m.sigma_m, m.sigma_m, m.sigma_rad])
        bound = np.array([m.bound_m, m.bound_m, m.bound_rad])
        self.offset = np.clip(keep * self.offset + kick * self._rng.standard_normal(3), -bound, bound)

    def believed(self, true_pose: NDArray[np.float64]) -> NDArray[np.float64]:
        """Believed (x, y, yaw) of a true pose Float64[3]."""
        out = true_pose + self.offset
        out[2] = float(wrap_angle(out[2]))
        return out
