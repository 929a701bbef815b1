"""The physical limits no plan and no model can change: speed, workspace, reach, force; and a body that refuses beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import ConfigError, SafetyError
from robomem.skills.skill import RobotBody, SkillResult


@dataclass(frozen=True)
class Envelope:
    """Limits, SI units.

    Attributes:
        max_speed_mps, max_force_n, max_payload_kg: handed to the robot's controllers.
        workspace_m: (x min, y min, x max, y max) the base may move in, map frame.
        hand_z_m: (lowest, highest) point the hand may go to.
        max_path_m: longest single drive.
        max_reach_m: furthest horizontal distance from the base to a point the hand goes to.
        max_grasp_m: widest thing the fingers may try.
    """

    max_speed_mps: float = 0.6
    max_force_n: float = 40.0
    max_payload_kg: float = 3.0
    workspace_m: tuple[float, float, float, float] = (-100.0, -100.0, 100.0, 100.0)
    hand_z_m: tuple[float, float] = (0.02, 1.9)
    max_path_m: float = 80.0
    max_reach_m: float = 1.2
    max_grasp_m: float = 0.6

    def __post_init__(self) -> None:
        for f in fields(self):
            values = np.atleast_1d(np.asarray(getattr(self, f.name), float))
            if not np.isfinite(values).all() or (f.name.startswith("max_") and values[0] <= 0):
                raise ConfigError(f"safety.envelope.{f.name}: expected finite positive limits, got {getattr(self, f.name)!r}")
        x0, y0, x1, y1 = self.workspace_m
        if x0 >= x1 or y0 >= y1 or self.hand_z_m[0] >= self.hand_z_m[1]:
            raise ConfigError("safety.envelope: expected min < max in workspace_m (x0, y0, x1, y1) and hand_z_m")

    @staticmethod
    def from_mapping(values: Mapping[str, Any]) -> Envelope:
        """Envelope from plain values (YAML).

        Raises:
            ConfigError: an unknown key or a value that is no number.
        """
        known = {f.name for f in fields(Envelope)}
        unknown = set(values) - known
        if unknown:
            raise ConfigError(f"safety.envelope: unknown key '{sorted(unknown)[0]}'; known keys: {', '.join(sorted(known))}")
        try:
            plain = {k: tuple(float(x) for x in v) if isinstance(v, (list, tuple)) else float(v) for k, v in values.items()}
        except (TypeError, ValueError) as error:
            raise ConfigError(f"safety.envelope: expected numbers, got {dict(values)!r:.120}") from error
        return Envelope(**plain)  # type: ignore[arg-type]

    def check_path(self, path_xy: ArrayLike) -> NDArray[np.float64]:
        """The path as Float64[k, 2] if it may be driven.

        Raises:
            SafetyError: not finite, out of the workspace, or too long.
        """
        path = np.asarray(path_xy, float)
        if path.ndim != 2 or path.shape[1] != 2 or len(path) == 0 or not np.isfinite(path).all():
            raise SafetyError(f"envelope: a path must be finite Float64[k, 2], got shape {path.shape}; plan it again")
        x0, y0, x1, y1 = self.workspace_m
        if (path < (x0, y0)).any() or (path > (x1, y1)).any():
            raise SafetyError(f"envelope: the path leaves the workspace x {x0}..{x1}, y {y0}..{y1}; see safety.yaml")
        length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
        if length > self.max_path_m:
            raise SafetyError(f"envelope: a drive of {length:.1f} m exceeds max_path_m = {self.max_path_m}; drive in stages")
        return path

    def check_hand(self, p_map: ArrayLike, base_xy: ArrayLike) -> NDArray[np.float64]:
        """The point Float64[3] if the hand may go there from `base_xy`.

        Raises:
            SafetyError: not finite, too low, too high or too far.
        """
        p = np.asarray(p_map, float)
        if p.shape != (3,) or not np.isfinite(p).all():
            raise SafetyError(f"envelope: a hand goal must be three finite numbers, got {p!r:.80}")
        low, high = self.hand_z_m
        if not low <= p[2] <= high:
            raise SafetyError(f"envelope: hand height {p[2]:.2f} m is outside {low}..{high} m; see hand_z_m in safety.yaml")
        reach = float(np.hypot(*(p[:2] - np.asarray(base_xy, float)[:2])))
        if reach > self.max_reach_m:
            raise SafetyError(f"envelope: {reach:.2f} m from the base exceeds max_reach_m = {self.max_reach_m}; drive nearer first")
        return p

    def check_grasp(self, size_m: ArrayLike) -> NDArray[np.float64]:
        """The size Float64[3] if the fingers may try it (its narrower side counts).

        Raises:
            SafetyError: not finite or too wide.
        """
        size = np.asarray(size_m, float)
        if size.shape != (3,) or not np.isfinite(size).all() or (size < 0).any():
            raise SafetyError(f"envelope: a grasp size must be three finite lengths, got {size!r:.80}")
        if min(size[0], size[1]) > self.max_grasp_m:
            raise SafetyError(f"envelope: {min(size[0], size[1]):.2f} m is wider than max_grasp_m = {self.max_grasp_m}; nothing I may lift")
        return size


class GuardedBody:
    """A robot body whose every motion is checked against the envelope first; it moves exactly as the inner one or not at all."""

    def __init__(self, body: RobotBody, envelope: Envelope) -> None:
        self._body, self.envelope = body, envelope
        self.radius_m, self.reach_m, self.camera_height_m = body.radius_m, body.reach_m, body.camera_height_m

    def pose(self) -> tuple[float, float, float]:
        """Believed x, y (m) and yaw (rad)."""
        return self._body.pose()

    def now_ns(self) -> int:
        """Time on the robot's clock."""
        return self._body.now_ns()

    def holding(self) -> bool:
        """True if something is between the fingers."""
        return self._body.holding()

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None) -> SkillResult:
        """Drive, inside the workspace only.  Raises: SafetyError."""
        return self._body.follow(self.envelope.check_path(path_xy), final_yaw)

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        """One glance.  Raises: SafetyError when the point is not finite."""
        p = np.asarray(p_map, float)
        if p.shape != (3,) or not np.isfinite(p).all():
            raise SafetyError(f"envelope: a glance needs three finite numbers, got {p!r:.80}")
        return self._body.look_at(p)

    def pick(self, p_map: NDArray[np.float64], size_m: NDArray[np.float64]) -> SkillResult:
        """Grasp, inside the hand's limits only.  Raises: SafetyError."""
        return self._body.pick(self.envelope.check_hand(p_map, self.pose()[:2]), self.envelope.check_grasp(size_m))

    def place(self, p_map: NDArray[np.float64]) -> SkillResult:
        """Set down, inside the hand's limits only.  Raises: SafetyError."""
        return self._body.place(self.envelope.check_hand(p_map, self.pose()[:2]))

    def open(self, p_map: NDArray[np.float64]) -> SkillResult:
        """Open a door or drawer, inside the hand's limits only.  Raises: SafetyError."""
        return self._body.open(self.envelope.check_hand(p_map, self.pose()[:2]))

    def close(self, p_map: NDArray[np.float64]) -> SkillResult:
        """Close a door or drawer, inside the hand's limits only.  Raises: SafetyError."""
        return self._body.close(self.envelope.check_hand(p_map, self.pose()[:2]))
