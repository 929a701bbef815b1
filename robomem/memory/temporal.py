"""Temporal memory (RoboMemory): the last four step summaries; when full, the oldest are compressed into one that takes their place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robomem.errors import InvalidInputError
from robomem.memory.tiers import Ask, Item, Moment, mentions, overlap

MAX_CHARS = 400


@dataclass(frozen=True)
class StepSummary:
    """What was done between two times: one step, or several compressed."""

    text: str
    from_ns: int
    to_ns: int
    steps: int = 1


Compress = Callable[[Sequence[StepSummary]], str]


def join(parts: Sequence[StepSummary]) -> str:
    """The summaries after each other; too long, the start is cut: what came last matters more. No model is called."""
    text = "; ".join(p.text for p in parts)
    return text if len(text) <= MAX_CHARS else "... " + text[len(text) - MAX_CHARS + 4 :]


class TemporalMemory:
    """A queue of at most `size` summaries; the oldest `fold` are compressed into one at its head when one more would not fit.

    The paper leaves the number compressed and the compressor open: here two, and `join` (or any function, a model's too, off the hot path).

    Raises:
        InvalidInputError: sizes with which compressing makes no room.
    """

    name, budget_s = "temporal", 0.1

    def __init__(self, size: int = 4, fold: int = 2, compress: Compress = join) -> None:
        if not 2 <= fold <= size:
            raise InvalidInputError(f"temporal memory: expected 2 <= fold <= size, got fold {fold} and size {size}")
        self._size, self._fold, self._compress = size, fold, compress
        self._queue: deque[StepSummary] = deque()

    def update(self, event: Moment) -> None:
        """Take in a step, or forget."""
        if event.kind == "forget":
            self._queue = deque(s for s in self._queue if not mentions(s.text, event))
        if event.kind != "step":
            return
        if len(self._queue) == self._size:
            old = [self._queue.popleft() for _ in range(self._fold)]
            text = self._compress(old)[:MAX_CHARS]
            self._queue.appendleft(StepSummary(text, old[0].from_ns, old[-1].to_ns, sum(o.steps for o in old)))
        text = f"{event.text}: {event.outcome}" if event.outcome else event.text
        self._queue.append(StepSummary(text[:MAX_CHARS], event.stamp_ns, event.stamp_ns))

    def summaries(self) -> list[StepSummary]:
        """Oldest first."""
        return list(self._queue)

    def retrieve(self, query: Ask) -> list[Item]:
        """The newest first: this tier answers "what was just done", whatever the words."""
        return [Item(s.text, 1.0 + overlap(query.text, s.text), (), s.to_ns) for s in reversed(self._queue)][: query.k]
