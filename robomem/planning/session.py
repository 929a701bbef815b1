"""One running task: every skill call goes through here, where safety, caps, cancelling and the books are."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robomem.config import PlanningConfig
from robomem.errors import RobomemError, SafetyError
from robomem.geometry import pose2d
from robomem.planning.beliefs import Beliefs
from robomem.planning.ledger import Ledger
from robomem.planning.safety import SafetyGate
from robomem.skills.envelope import GuardedBody
from robomem.skills.skill import RobotBody, SkillRegistry, SkillResult
from robomem.types import ObjectView

NS_PER_S = 1_000_000_000
GRIPPER_AHEAD_M, GRIPPER_Z_M = 0.45, 0.95  # where a carried thing rides, from the base; only belief about the held thing depends on it


class TaskStopped(RobomemError):
    """The task must end now: a cap, a cancel, or nothing sensible left to do."""


class NeedAnswer(RobomemError):
    """A person has to choose before the task can go on; the message is the question."""


@dataclass
class Books:
    """What the task has cost so far."""

    start_ns: int
    steps: list[dict[str, Any]] = field(default_factory=list)
    distance_m: float = 0.0
    glances: int = 0
    replans: int = 0
    searches: int = 0
    expected_cost_s: float = 0.0
    search_cost_s: float = 0.0
    notes: list[str] = field(default_factory=list)


class Session:
    """State of one task.

    Attributes:
        at: symbolic place the robot stands at ("" = somewhere on the way).
        missed: thing id -> time of the last look at its remembered place that did not show it.
        barred: actions (as text) that must not be chosen again.
        opened: ids of containers this task opened and has to shut.
        keep_open: ids of containers that were to be opened for their own sake.
    """

    def __init__(
        self,
        body: RobotBody,
        beliefs: Beliefs,
        config: PlanningConfig,
        gate: SafetyGate,
        cancel: threading.Event,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self.body = GuardedBody(body, gate.rules.envelope)
        self.skills = SkillRegistry.of(self.body)
        self.beliefs, self.config, self.gate = beliefs, config, gate
        self._cancel, self._on_progress = cancel, on_progress
        self.books = Books(body.now_ns())
        self.ledger = Ledger()
        self.home = body.pose()
        self.at = ""
        self.held: int | None = next((v.id for v in beliefs.views() if v.status == "held"), None) if body.holding() else None
        self.missed: dict[int, int] = {}
        # what stands where memory says when the task begins: not what a search for something lost is after
        self.standing = frozenset(v.id for v in beliefs.views() if v.status in ("confirmed", "occluded") and beliefs.believed_there(v))
        self.barred: set[str] = set()
        self.opened: set[int] = set()
        self.keep_open: set[int] = set()
        self._seen_before: Counter[tuple[str, ...]] = Counter()

    def say(self, text: str) -> None:
        """Tell whoever watches."""
        if self._on_progress is not None:
            self._on_progress(text)

    def note(self, text: str) -> None:
        """Something the report should mention."""
        if text and text not in self.books.notes:
            self.books.notes.append(text)

    def seconds(self) -> float:
        """Since the task began, on the robot's clock."""
        return (self.body.now_ns() - self.books.start_ns) / NS_PER_S

    def check(self) -> None:
        """Raise if the task has to stop.

        Raises:
            TaskStopped: cancelled, or a cap on steps, replans or seconds is reached.
        """
        caps = self.config
        if self._cancel.is_set():
            raise TaskStopped("cancelled")
        for what, used, cap in (
            ("steps", len(self.books.steps), caps.max_steps),
            ("replans", self.books.replans, caps.max_replans),
            ("seconds", self.seconds(), caps.max_seconds),
        ):
            if used >= cap:
                raise TaskStopped(f"gave up after {cap:g} {what} (planning.max_{what})")

    def call(self, skill: str, view: ObjectView | None = None, **arguments: Any) -> SkillResult:
        """Run one skill: safety first, then the body, then the books. A refusal is a failed step, never a motion."""
        self.check()
        start = self.body.now_ns()
        try:
            self.gate.check(skill, view)
            result = self.skills.run(skill, **arguments)
        except SafetyError as refusal:
            result = SkillResult(False, f"refused: {refusal}")
        self.books.distance_m += result.distance_m
        self.books.glances += skill == "look_at"
        plain = {k: np.round(np.asarray(v, float), 3).tolist() for k, v in arguments.items() if v is not None and k != "path_xy"}
        self.books.steps.append(
            {
                "skill": skill,
                "args": plain | ({"id": view.id, "label": view.label} if view is not None else {}),
                "ok": result.ok,
                "reason": result.reason,
                "stamp_ns": start,
                "duration_s": (self.body.now_ns() - start) / NS_PER_S,
                "distance_m": round(result.distance_m, 3),
            }
        )
        words = f"{skill} {view.label} #{view.id}" if view is not None else skill
        self.beliefs.tell("step", start, words, "done" if result.ok else f"failed: {result.reason}")
        if skill == "follow":
            self.at = ""
            self.carry()
        return result

    def carry(self) -> None:
        """Tell memory where the held thing now is."""
        if self.held is not None:
            x, y, yaw = self.body.pose()
            T = pose2d(x, y, yaw) @ pose2d(GRIPPER_AHEAD_M, 0.0, 0.0, GRIPPER_Z_M)
            self.beliefs.world.set_held(self.held, T)

    def glance(self, p_map: np.ndarray) -> int:
        """Look at a point; returns the time from which what was then seen counts as seen by this glance."""
        start = self.body.now_ns()
        self.call("look_at", p_map=np.asarray(p_map, float))
        return start

    def repeats(self, action: str) -> bool:
        """The loop detector: True (and the action barred) if it is about to be done in this very state for the `loop_repeats`-th time."""
        x, y, _ = self.body.pose()
        key = (action, f"{round(2 * x)},{round(2 * y)}", str(self.held))
        self._seen_before[key] += 1
        if self._seen_before[key] < self.config.loop_repeats:
            return False
        self.barred.add(action)
        self.note(f"'{action}' came up {self._seen_before[key]} times in the same state; tried something else")
        return True
