"""Motion: static things diffuse a little, people walk, held things ride on the gripper."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from robomem.belief.particles import NoisePool

STATIC_DIFFUSION_M = 0.002  # m per sqrt(frame) while in view: keeps particles apart, a centimetre over 25 frames
WANDER_M = 0.02  # m per sqrt(hour) out of sight: vacuum cleaners, cats and elbows move what nobody takes away
PERSON_ACCELERATION = 1.5  # m/s^2, white noise on a constant-velocity walk


def unseen_minutes(unseen_ns: int) -> int:
    """Whole minutes out of sight: in steps, so that what nobody looks at is not made anew with every image."""
    return max(int(unseen_ns), 0) // 60_000_000_000


def wander(unseen_ns: int) -> float:
    """Variance (m^2 per axis) that a position gains while nobody looks, in closed form; being taken away is a matter of existence."""
    return WANDER_M**2 * unseen_minutes(unseen_ns) / 60.0


def walk(particles: NDArray[np.float32], velocity: NDArray[np.float64], dt_s: float, noise: NoisePool) -> None:
    """Constant velocity with acceleration noise for one agent's particles Float32[P, 3], in place.

    x' = x + v dt + a dt^2 / 2, a ~ N(0, PERSON_ACCELERATION^2) on the ground plane; beyond two seconds a person may be
    anywhere, so the step is capped there.
    """
    dt = min(max(dt_s, 0.0), 2.0)
    step = noise.normal(particles.shape) * np.float32(PERSON_ACCELERATION * dt * dt / 2)
    step[:, 2] = 0.0
    particles += (velocity * dt).astype(np.float32) + step


def velocity_update(velocity: NDArray[np.float64], displacement: NDArray[np.float64], dt_s: float) -> NDArray[np.float64]:
    """Blend a new displacement (m over `dt_s`) into a velocity Float64[3] (m/s), at walking speeds at most."""
    if dt_s <= 1e-3:
        return velocity
    measured = displacement / dt_s
    measured[2] = 0.0
    speed = math.hypot(measured[0], measured[1])
    if speed > 2.0:
        measured *= 2.0 / speed
    return 0.5 * velocity + 0.5 * measured
