"""What a robot can do, as the planner sees it: the body's protocol, the result of a skill, and the registry of allowed skills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robomem.errors import SafetyError

Float64 = NDArray[np.float64]

BLOCKED = "blocked"
NOTHING_GRASPED = "nothing between the fingers"
SURFACE_TAKEN = "surface is taken"
OUT_OF_REACH = "out of reach"


@dataclass(frozen=True)
class SkillResult:
    """How a skill ended.

    Attributes:
        reason: "" on success, else a short text ("blocked", "nothing between the fingers", "surface is taken", "out of reach", ...).
        duration_s: on the robot's clock.
        distance_m: driven by the base.
        data: whatever else the robot measured, plain values.
    """

    ok: bool
    reason: str = ""
    duration_s: float = 0.0
    distance_m: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class RobotBody(Protocol):
    """A robot: the simulator's, later Nav2's. All poses are believed poses in the map frame (m, rad).

    Attributes:
        radius_m: of the base.  reach_m: horizontal reach of the arm from the base centre.  camera_height_m: above the floor.
    """

    radius_m: float
    reach_m: float
    camera_height_m: float

    def pose(self) -> tuple[float, float, float]:
        """Believed x, y (m) and yaw (rad)."""
        ...

    def now_ns(self) -> int:
        """Time on the robot's clock."""
        ...

    def follow(self, path_xy: Float64, final_yaw: float | None) -> SkillResult:
        """Drive along Float64[k, 2]; camera frames flow to the sink meanwhile."""
        ...

    def look_at(self, p_map: Float64) -> SkillResult:
        """One glance: turn base and head towards Float64[3] and capture a few frames."""
        ...

    def pick(self, p_map: Float64, size_m: Float64) -> SkillResult:
        """Close the fingers around Float64[3]; fails when nothing lies between them."""
        ...

    def place(self, p_map: Float64) -> SkillResult:
        """Set down what is held with its underside at Float64[3]; fails when the surface is taken."""
        ...

    def open(self, p_map: Float64) -> SkillResult:
        """Open the door or drawer at Float64[3]."""
        ...

    def close(self, p_map: Float64) -> SkillResult:
        """Close the door or drawer at Float64[3]."""
        ...

    def holding(self) -> bool:
        """Gripper feedback: True if something is between the fingers."""
        ...


@dataclass(frozen=True)
class Skill:
    """One callable skill: its name, its argument names in order, and whether its effect cannot be undone by another skill."""

    name: str
    parameters: tuple[str, ...]
    run: Callable[..., SkillResult]
    irreversible: bool = False


class SkillRegistry:
    """The whitelist: a skill that is not registered does not exist, whoever asks for it."""

    def __init__(self, skills: tuple[Skill, ...] = ()) -> None:
        self._skills: dict[str, Skill] = {}
        for skill in skills:
            self.register(skill)

    @staticmethod
    def of(body: RobotBody) -> SkillRegistry:
        """The standard skills of a robot body."""
        return SkillRegistry(
            (
                Skill("follow", ("path_xy", "final_yaw"), body.follow),
                Skill("look_at", ("p_map",), body.look_at),
                Skill("pick", ("p_map", "size_m"), body.pick),
                Skill("place", ("p_map",), body.place),
                Skill("open", ("p_map",), body.open),
                Skill("close", ("p_map",), body.close),
            )
        )

    def register(self, skill: Skill) -> None:
        """Add a skill.

        Raises:
            ValueError: the name is taken.
        """
        if skill.name in self._skills:
            raise ValueError(f"skill '{skill.name}' is already registered; choose another name")
        self._skills[skill.name] = skill

    def names(self) -> tuple[str, ...]:
        """Registered names, sorted."""
        return tuple(sorted(self._skills))

    def get(self, name: str) -> Skill:
        """The skill called `name`.

        Raises:
            SafetyError: no such skill.
        """
        if name not in self._skills:
            raise SafetyError(f"skills: '{str(name)[:60]}' is not allowed; allowed are {', '.join(self.names())}")
        return self._skills[name]

    def run(self, name: str, **arguments: Any) -> SkillResult:
        """Run a skill with exactly its own arguments.

        Raises:
            SafetyError: no such skill, or arguments that are not its own.
        """
        skill = self.get(name)
        if set(arguments) != set(skill.parameters):
            raise SafetyError(f"skills: {name} takes ({', '.join(skill.parameters)}), got ({', '.join(sorted(arguments))})")
        return skill.run(**arguments)
