"""Contact faults on purpose: grasps that slip and objects that stick, with given probabilities."""

from __future__ import annotations

import numpy as np

from robomem.errors import ConfigError


class Faults:
    """Decides, reproducibly, which contacts fail.

    Args:
        grasp_failure: probability that a grasp which would succeed slips.
        open_failure: probability that a door or drawer does not give.
        seed: of the draws.

    Raises:
        ConfigError: a probability outside 0..1.
    """

    def __init__(self, grasp_failure: float = 0.0, open_failure: float = 0.0, seed: int = 0) -> None:
        for name, value in (("grasp_failure", grasp_failure), ("open_failure", open_failure)):
            if not 0.0 <= value <= 1.0:
                raise ConfigError(f"Faults.{name}: expected a probability in 0..1, got {value}")
        self._grasp, self._open = grasp_failure, open_failure
        self._rng = np.random.default_rng([seed, 0xFA17])

    def grasp_slips(self) -> bool:
        """True if this grasp fails."""
        return bool(self._rng.random() < self._grasp)

    def door_sticks(self) -> bool:
        """True if this door or drawer does not give."""
        return bool(self._rng.random() < self._open)
