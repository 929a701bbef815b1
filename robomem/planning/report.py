"""What a task says when it is over: done or not and why, what it cost, every step, and what changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from robomem.types import Event

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TaskReport:
    """The end of one task.

    Attributes:
        reason: "" when done, else why not, in words for the person.
        question: set when a person must choose; the task has then not moved anything that the answer decides.
        duration_s, distance_m: on the robot's clock, as driven.
        glances: looks at something (drives see, too, but are not counted).
        expected_cost_s: what the first search was expected to cost, 0 if nothing had to be searched.
        steps: one dict per skill call {"skill", "args", "ok", "reason", "stamp_ns", "duration_s", "distance_m"}.
        ledger: every planned step with its status and history.
        goals: (goal in words, true or not) in order.
        events: what memory noticed changing during the task.
    """

    ok: bool
    reason: str
    instruction: str
    start_ns: int
    end_ns: int
    distance_m: float = 0.0
    glances: int = 0
    replans: int = 0
    searches: int = 0
    expected_cost_s: float = 0.0
    search_cost_s: float = 0.0
    question: str = ""
    goals: tuple[tuple[str, bool], ...] = ()
    object_ids: tuple[int, ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    ledger: tuple[Mapping[str, Any], ...] = ()
    events: tuple[Event, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def duration_s(self) -> float:
        """Seconds on the robot's clock."""
        return (self.end_ns - self.start_ns) / NS_PER_S

    def summary(self) -> str:
        """One line for a log or an episode."""
        end = "done" if self.ok else f"not done: {self.reason}"
        return (
            f"{self.instruction}: {end} ({self.duration_s:.0f} s, {self.distance_m:.1f} m, {self.glances} glances, {self.replans} replans)"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, events as (kind, object id, label, stamp)."""
        out = {
            k: getattr(self, k)
            for k in (
                "ok",
                "reason",
                "instruction",
                "start_ns",
                "end_ns",
                "duration_s",
                "distance_m",
                "glances",
                "replans",
                "searches",
                "expected_cost_s",
                "search_cost_s",
                "question",
            )
        }
        return out | {
            "goals": [list(g) for g in self.goals],
            "object_ids": list(self.object_ids),
            "steps": [dict(s) for s in self.steps],
            "notes": list(self.notes),
            "events": [{"kind": e.kind, "object_id": e.object_id, "label": e.label, "stamp_ns": e.stamp_ns} for e in self.events],
        }

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> TaskReport:
        """The report of `to_json()`; its events come back as (kind, id, label, stamp) only.

        Raises:
            KeyError, TypeError: not such a row.
        """
        plain = {
            f.name: row[f.name]
            for f in fields(TaskReport)
            if f.name in row and f.name not in ("goals", "object_ids", "steps", "notes", "events")
        }
        events = tuple(Event(0, int(e["stamp_ns"]), e["kind"], int(e["object_id"]), {}, {}, (), 1.0, e["label"]) for e in row["events"])
        goals = tuple((str(g), bool(done)) for g, done in row["goals"])
        return TaskReport(
            **plain, goals=goals, object_ids=tuple(row["object_ids"]), steps=tuple(row["steps"]), notes=tuple(row["notes"]), events=events
        )
