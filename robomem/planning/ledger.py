"""The plan ledger: a DAG of steps with status and history; a failed step invalidates only what depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from robomem.errors import PlanningError

StepStatus = Literal["todo", "doing", "done", "failed", "invalid"]


@dataclass
class Entry:
    """One step: its action in words, what it waits for, and every status it had ((status, stamp_ns, reason), oldest first)."""

    id: int
    action: str
    arguments: tuple[str, ...]
    after: tuple[int, ...]
    goal: str = ""
    status: StepStatus = "todo"
    history: list[tuple[StepStatus, int, str]] = field(default_factory=list)


class Ledger:
    """All steps of one task, kept in the order in which they were planned."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> tuple[Entry, ...]:
        """Every step ever planned in this task."""
        return tuple(self._entries.values())

    def add(self, action: str, arguments: Iterable[str] = (), after: Iterable[int] = (), goal: str = "") -> int:
        """A new step that waits for the steps `after`; returns its id.

        Raises:
            PlanningError: it depends on a step that is not in the ledger (so cycles cannot be written down).
        """
        waits = tuple(after)
        unknown = [i for i in waits if i not in self._entries]
        if unknown:
            raise PlanningError(f"ledger: step '{action}' depends on unknown step {unknown[0]}; add that first")
        new = len(self._entries) + 1
        self._entries[new] = Entry(new, action, tuple(arguments), waits, goal)
        return new

    def mark(self, step: int, status: StepStatus, stamp_ns: int, reason: str = "") -> None:
        """Record a new status; "failed" and "invalid" invalidate the dependants that are not finished."""
        entry = self._entries[step]
        entry.status = status
        entry.history.append((status, stamp_ns, reason))
        if status in ("failed", "invalid"):
            for other in self.dependants(step):
                if other.status in ("todo", "doing"):
                    other.status = "invalid"
                    other.history.append(("invalid", stamp_ns, f"step {step} ({entry.action}): {reason or status}"))

    def dependants(self, step: int) -> list[Entry]:
        """Every step that waits for `step`, directly or through others."""
        hit = {step}
        out = []
        for entry in self._entries.values():  # ids ascend along dependencies, so one pass reaches all
            if hit & set(entry.after):
                hit.add(entry.id)
                out.append(entry)
        return out

    def ready(self) -> list[Entry]:
        """Steps whose dependencies are all done."""
        done = {e.id for e in self._entries.values() if e.status == "done"}
        return [e for e in self._entries.values() if e.status == "todo" and set(e.after) <= done]

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values for a report."""
        return [
            {
                "id": e.id,
                "action": e.action,
                "arguments": list(e.arguments),
                "after": list(e.after),
                "goal": e.goal,
                "status": e.status,
                "history": [list(h) for h in e.history],
            }
            for e in self._entries.values()
        ]
