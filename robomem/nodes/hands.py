"""Hands of a robot: none, or fingers behind control_msgs/GripperCommand on an arm that knows a few taught poses.

A hand that can go to any point needs the robot's own arm controller: write a robomem_msgs/ManipulateObject server, choose `hand: action`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from robomem.errors import ConfigError
from robomem.nodes.actions import ActionCaller
from robomem.nodes.interfaces import interface
from robomem.nodes.joints import JointMover
from robomem.nodes.tf import TransformError
from robomem.nodes.where import Where
from robomem.skills.skill import NOTHING_GRASPED, OUT_OF_REACH, SkillResult

NEEDS_ARM = "refused: this needs the robot's own arm controller: a ManipulateObject server, with hand: action"
FEEL_M = 0.005  # fingers that stop this far from shut have something between them


class NoHand:
    """A robot that looks and finds, and carries nothing."""

    def act(self, act: str, p_map: NDArray[np.float64], size_m: NDArray[np.float64] | None) -> SkillResult:
        """Refuses."""
        return SkillResult(False, f"refused: this robot has no hand to {act} with (hand: none)")

    def holding(self) -> bool:
        """Never."""
        return False

    def stop(self) -> None:
        """Nothing moves."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Fingers:
    """One gripper.

    Attributes:
        frame: between the fingertips.
        open_m, shut_m: gaps to command.  effort_n: most force.
        tolerance_m: how far a point may be from where the fingers can be.
    """

    frame: str
    open_m: float = 0.08
    shut_m: float = 0.0
    effort_n: float = 20.0
    tolerance_m: float = 0.05


@dataclass(frozen=True)
class ArmPoses:
    """What an arm was taught.

    Attributes:
        joints: names.  action: of their trajectory controller.
        poses: Float64[n, len(joints)].  fingers: Float64[n, 3], where each pose puts the fingers in the base's frame, m.
        carry: Float64[len(joints)] to drive with, None to stay.
    """

    joints: tuple[str, ...]
    action: str
    poses: NDArray[np.float64]
    fingers: NDArray[np.float64]
    carry: NDArray[np.float64] | None

    @staticmethod
    def read(path: str) -> ArmPoses:
        """From YAML: `joints`, `action`, `poses: [{joints: [...], fingers: [x, y, z]}]`, and `carry` if wanted.

        Raises:
            ConfigError: not that.
        """
        try:
            data = yaml.safe_load(Path(path).read_text("utf-8"))
            joints = tuple(str(j) for j in data["joints"])
            poses = np.array([p["joints"] for p in data["poses"]], float).reshape(-1, len(joints))
            fingers = np.array([p["fingers"] for p in data["poses"]], float).reshape(-1, 3)
            carry = np.array(data["carry"], float).reshape(len(joints)) if "carry" in data else None
            out = ArmPoses(joints, str(data["action"]), poses, fingers, carry)
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: expected joints, action, poses [{{joints, fingers}}] and perhaps carry: {error!r}") from None
        if not joints or not len(poses) or len(poses) != len(fingers) or not (np.isfinite(poses).all() and np.isfinite(fingers).all()):
            raise ConfigError(f"{path}: expected at least one joint and one pose, all numbers finite")
        return out


class GripperHand:
    """Closes fingers round a point that they are at, or that a taught pose of the arm puts them at; says so when neither is the case.

    Nothing plans the arm's way: a pose is taught where the straight joint motion to it is free.

    Args:
        node: whose executor spins in another thread.
        name: of the GripperCommand action.
        fingers: the gripper.
        where: frames.
        arm: its poses; None: the arm stays as it is.
        speed_radps: of the arm's joints.
        halt: see ActionCaller.

    Raises:
        ConfigError: control_msgs is not installed.
    """

    def __init__(
        self,
        node: Any,
        name: str,
        fingers: Fingers,
        where: Where,
        arm: ArmPoses | None = None,
        speed_radps: float = 0.5,
        halt: threading.Event | None = None,
    ) -> None:
        wanted_by = "planner: hand = 'gripper'"
        self._action = interface("control_msgs/action/GripperCommand", wanted_by)
        self._caller = ActionCaller(node, self._action, name, halt=halt)
        self._mover = JointMover(node, arm.joints, arm.action, speed_radps, wanted_by, halt) if arm is not None else None
        self._name, self._fingers, self._where, self._arm = name, fingers, where, arm
        self._holding, self._rise_m = False, 0.0

    def act(self, act: str, p_map: NDArray[np.float64], size_m: NDArray[np.float64] | None) -> SkillResult:
        """Pick or place at Float64[3] (m, map); doors and drawers are refused."""
        if act not in ("pick", "place"):
            return SkillResult(False, NEEDS_ARM)
        if act == "pick" and size_m is not None and min(size_m[0], size_m[1]) > self._fingers.open_m:
            return SkillResult(False, "wider than the fingers open")
        try:
            p_base = self._where.to_base(np.asarray(p_map, float))
            at = self._arm.fingers if self._arm is not None else self._where.in_base(self._fingers.frame)[None, :3, 3]
        except TransformError as error:
            return SkillResult(False, str(error))
        if act == "place":
            p_base[2] += self._rise_m  # the point is where the underside goes, and the fingers hold the middle
        off = np.linalg.norm(at - p_base, axis=1)
        k = int(np.argmin(off))
        if off[k] > self._fingers.tolerance_m:
            return SkillResult(False, OUT_OF_REACH, data={"off_m": float(off[k]), "why": NEEDS_ARM})
        if act == "place":
            return self._place(k)
        self._rise_m = (
            float(size_m[2]) / 2 if size_m is not None else 0.0
        )  # the fingers hold its middle, and it is set down by its underside
        return self._pick(k)

    def _pick(self, pose: int) -> SkillResult:
        for step in (lambda: self._grip(self._fingers.open_m), lambda: self._to(pose), lambda: self._grip(self._fingers.shut_m)):
            if not (done := step()).ok:
                return done
        carried = self._carry()
        return carried if self._holding else SkillResult(False, NOTHING_GRASPED)

    def _place(self, pose: int) -> SkillResult:
        if not (there := self._to(pose)).ok:
            return there
        opened = self._grip(self._fingers.open_m)
        return self._carry() if opened.ok else opened

    def _to(self, pose: int) -> SkillResult:
        return self._mover.move(self._arm.poses[pose]) if self._mover is not None and self._arm is not None else SkillResult(True)

    def _carry(self) -> SkillResult:
        if self._mover is None or self._arm is None or self._arm.carry is None:
            return SkillResult(True)
        return self._mover.move(self._arm.carry)

    def _grip(self, gap_m: float) -> SkillResult:
        goal = self._action.Goal()
        goal.command.position, goal.command.max_effort = gap_m, self._fingers.effort_n
        outcome = self._caller.run(goal, 30.0)
        r = outcome.result
        # a controller that may not stall (allow_stalling: false, the default) aborts when it has grasped something
        if outcome.ok or (outcome.status == "aborted" and r is not None and r.stalled):
            gap = float(r.position) - self._fingers.shut_m
            self._holding = gap_m == self._fingers.shut_m and gap > FEEL_M and (bool(r.stalled) or not r.reached_goal)
            return SkillResult(True)
        return SkillResult(False, "cancelled" if outcome.status == "cancelled" else f"{self._name}: {outcome.status}")

    def holding(self) -> bool:
        """What the fingers felt when they last moved."""
        return self._holding

    def stop(self) -> None:
        """Let arm and fingers be."""
        self._caller.stop()
        if self._mover is not None:
            self._mover.stop()

    def close(self) -> None:
        """Give the clients back."""
        self._caller.close()
        if self._mover is not None:
            self._mover.close()
