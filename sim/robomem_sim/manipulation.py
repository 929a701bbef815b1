"""Hand: what truly happens when the fingers close, open or pull at a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import distance_to_box
from robomem.ontology import default_ontology
from robomem_sim.arm import Arm
from robomem_sim.faults import Faults
from robomem_sim.world import World

LATERAL_M, VERTICAL_M = 0.06, 0.12  # how far off a grasp point may be from the box centre
_DOOR_NEAR_M, _DOOR_REACH_M = 0.4, 1.0


class Hand:
    """The gripper of a robot in a world.

    Attributes:
        held: name of the object in the hand, or None.
    """

    def __init__(self, world: World, arm: Arm, faults: Faults) -> None:
        self._world, self._faults, self.arm = world, faults, arm
        self.held: str | None = None

    def pick(self, p_true: NDArray[np.float64], p_base: NDArray[np.float64], carry: tuple[NDArray[np.float64], float]) -> str:
        """Grasp at a true point; `p_base` is the same point in the base frame. Returns why it failed, or ""."""
        if self.held is not None:
            return "hand is full"
        if not self.arm.reaches(p_base):
            return "out of reach"
        name = self._between_fingers(p_true)
        if name is None:
            return "nothing between the fingers"
        if not default_ontology().prior(self._world.label(name)).graspable:
            return "too big for the gripper"
        if self._faults.grasp_slips():
            return "slipped"
        self.held = name
        self._world.carry(name, "robot", carry[0], carry[1])
        return ""

    def _between_fingers(self, p: NDArray[np.float64]) -> str | None:
        best, nearest = None, LATERAL_M
        for name in self._world.object_names:
            if self._world.holder(name) is not None or not self._world.reachable_inside(name):
                continue
            away = self._world.box(name)[0] - p
            lateral = float(np.hypot(away[0], away[1]))
            if lateral <= nearest and abs(away[2]) <= VERTICAL_M:
                best, nearest = name, lateral
        return best

    def place(self, p_true: NDArray[np.float64], p_base: NDArray[np.float64]) -> str:
        """Set the held object down under a true point. Returns why it failed, or ""."""
        if self.held is None:
            return "nothing in the hand"
        if not self.arm.reaches(p_base):
            return "out of reach"
        found = self._world.surface_below(p_true)
        if found is None:
            return "no surface"
        furniture, surface, spot = found
        if surface.headroom_m < self._world.model(self.held).size[2]:
            return "no room above"
        if self._world.put_down(self.held, furniture, spot, self._world.box(self.held)[2]) is not None:
            return "surface is taken"
        self.held = None
        return ""

    def set_open(self, p_true: NDArray[np.float64], robot_xy: NDArray[np.float64], fraction: float) -> str:
        """Pull or push the nearest door or drawer. Returns why it failed, or ""."""
        doors = [name for name in self._world.furniture_names if self._world.open_fraction(name) is not None]
        gaps = {name: float(distance_to_box(p_true, *self._world.box(name))) for name in doors}
        name = min(gaps, key=lambda n: gaps[n], default=None)
        if name is None or gaps[name] > _DOOR_NEAR_M:
            return "nothing to open" if fraction > 0.5 else "nothing to close"
        center, size, yaw = self._world.box(name)
        if float(distance_to_box(np.array([*robot_xy, center[2]]), center, size, yaw)) > _DOOR_REACH_M:
            return "out of reach"
        if self._faults.door_sticks():
            return "stuck"
        self._world.set_open(name, fraction)
        return ""
