"""The arm: a Franka Panda on a lift, used to answer whether a point can be reached. It lives in a client of its own, off camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from robomem_sim.bodies import load_bullet

REACH_M = 0.85  # horizontal, from the arm's axis
LIFT_M = (0.25, 0.90)  # heights of the arm's foot that the lift can take
_RESIDUAL_M = 0.02
_REST = (0.0, -0.6, 0.0, -2.2, 0.0, 1.7, 0.8)
_HAND = 11  # the link between the finger tips
_ROUNDS = 8


class Arm:
    """Inverse kinematics of the Panda. Loading takes about 0.2 s and happens at the first question."""

    def __init__(self) -> None:
        self._client: int | None = None
        self._panda = -1

    def _load(self) -> int:
        if self._client is None:
            bullet = load_bullet()
            import pybullet_data

            self._client = int(bullet.connect(bullet.DIRECT))
            urdf = str(Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf")
            self._panda = int(
                bullet.loadURDF(urdf, useFixedBase=True, flags=bullet.URDF_IGNORE_VISUAL_SHAPES, physicsClientId=self._client)
            )
        return self._client

    def residual_m(self, p_base: ArrayLike) -> float:
        """Distance (m) that is left between the fingers and a point given in the robot's base frame (x ahead, z up from the floor)."""
        bullet, client = load_bullet(), self._load()
        p = np.asarray(p_base, float)
        foot = float(np.clip(p[2] - 0.25, *LIFT_M))
        # Turned into the arm's plane first: joint 1 takes any bearing, and the solution does not depend on it.
        target = (float(np.hypot(p[0], p[1])), 0.0, float(p[2] - foot))
        for joint, angle in enumerate(_REST):
            bullet.resetJointState(self._panda, joint, angle, physicsClientId=client)
        left = np.inf
        for _ in range(_ROUNDS):
            angles = bullet.calculateInverseKinematics(
                self._panda, _HAND, target, maxNumIterations=60, residualThreshold=1e-4, physicsClientId=client
            )
            for joint in range(7):
                low, high = bullet.getJointInfo(self._panda, joint, physicsClientId=client)[8:10]
                bullet.resetJointState(self._panda, joint, float(np.clip(angles[joint], low, high)), physicsClientId=client)
            hand = bullet.getLinkState(self._panda, _HAND, computeForwardKinematics=True, physicsClientId=client)[4]
            left = float(np.linalg.norm(np.subtract(hand, target)))
            if left < _RESIDUAL_M / 4:
                break
        return left

    def reaches(self, p_base: ArrayLike) -> bool:
        """True if the point is within 0.85 m of the arm's axis and inverse kinematics gets there within 2 cm."""
        p = np.asarray(p_base, float)
        return bool(np.hypot(p[0], p[1]) <= REACH_M) and self.residual_m(p) < _RESIDUAL_M

    def close(self) -> None:
        """Free the client."""
        if self._client is not None:
            load_bullet().disconnect(self._client)
            self._client = None
