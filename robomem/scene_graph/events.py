"""Events: what changed, with its evidence; appended once, never rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robomem.ids import IdAllocator
from robomem.types import Event, EventKind


class EventLog:
    """Builds events with ids and keeps this frame's until they are collected."""

    def __init__(self, ids: IdAllocator) -> None:
        self._ids = ids
        self._pending: list[Event] = []

    def add(
        self,
        stamp_ns: int,
        kind: EventKind,
        object_id: int,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        evidence: tuple[int, ...] = (),
        belief: float = 1.0,
        label: str = "",
    ) -> None:
        """Note a change of one object."""
        self._pending.append(
            Event(self._ids.next(), stamp_ns, kind, object_id, dict(before), dict(after), evidence, round(belief, 4), label)
        )

    def collect(self) -> tuple[Event, ...]:
        """What was noted since the last call, in order."""
        out, self._pending = tuple(self._pending), []
        return out
