"""Random numbers keyed by content: the same key gives the same number, whatever was drawn before and in whatever order."""

from __future__ import annotations

from hashlib import blake2b
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()


def keyed_seed(*keys: object) -> int:
    """64-bit integer from strings, ints and tuples of them (stable across processes and platforms)."""
    return int.from_bytes(blake2b(repr(keys).encode(), digest_size=8).digest(), "little")


def keyed_uniform(*keys: object) -> float:
    """Uniform in the open interval (0, 1)."""
    return (keyed_seed(*keys) + 0.5) / 2.0**64 * (1.0 - 2.0**-40) + 2.0**-42


def keyed_normal(*keys: object) -> float:
    """Standard normal."""
    return _NORMAL.inv_cdf(keyed_uniform(*keys))


def keyed_generator(*keys: object) -> np.random.Generator:
    """A generator of its own for one key."""
    return np.random.default_rng(keyed_seed(*keys))


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return _NORMAL.cdf(x)
