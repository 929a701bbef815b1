"""Working memory (HiAgent): the current sub-goal's steps in full; a finished sub-goal is one line, its steps can be recalled by id."""

from __future__ import annotations

from dataclasses import dataclass, field

from robomem.errors import InvalidInputError
from robomem.memory.eviction import Fifo
from robomem.memory.shelf import Shelf
from robomem.memory.tiers import Ask, Item, Moment, mentions, overlap

MAX_STEPS = 200  # pairs kept of one sub-goal: the newest
MAX_CHARS = 300


@dataclass
class SubGoal:
    """One sub-goal: its (action, observation) pairs, and the summary that stands for them once it is finished ("" before)."""

    id: int
    goal: str
    began_ns: int
    pairs: list[tuple[str, str]] = field(default_factory=list)
    summary: str = ""
    done_ns: int | None = None


class WorkingMemory:
    """At most `keep` sub-goals in all; the current one is pinned. A summary that is not given is made from the last observation."""

    name, budget_s = "working", 0.1

    def __init__(self, keep: int = 64) -> None:
        self._goals: Shelf[int, SubGoal] = Shelf(keep, Fifo())
        self._current: SubGoal | None = None
        self._next = 1

    @property
    def current(self) -> SubGoal | None:
        """The sub-goal at work."""
        return self._current

    def update(self, event: Moment) -> None:
        """A sub-goal began or ended, a step was taken, or something must be forgotten."""
        if event.kind == "forget":
            self._forget(event)
        elif event.kind == "subgoal_began":
            if self._current is not None:
                self._finish("left for another", event.stamp_ns)
            self._current = SubGoal(self._next, event.text, event.stamp_ns)
            self._next += 1
            self._goals.pin(self._current.id)
            self._goals.put(self._current.id, self._current)
        elif event.kind == "step" and self._current is not None:
            self._current.pairs.append((event.text, event.outcome))
            del self._current.pairs[:-MAX_STEPS]
        elif event.kind == "subgoal_done" and self._current is not None:
            self._finish(event.outcome, event.stamp_ns)

    def trajectory(self, sub_goal: int) -> list[tuple[str, str]]:
        """All (action, observation) pairs of a sub-goal, finished or not.

        Raises:
            InvalidInputError: no such sub-goal, or it was too long ago.
        """
        found = self._goals.peek(sub_goal)
        if found is None:
            raise InvalidInputError(f"working memory: no sub-goal {sub_goal}; it never was or is too long ago")
        return list(found.pairs)

    def context(self) -> list[str]:
        """What a planner should see: one line per finished sub-goal, oldest first, then the current one step by step."""
        done = [f"#{g.id} {g.summary}" for key in self._goals if (g := self._goals.peek(key)) and g.done_ns is not None]
        if self._current is None:
            return done
        steps = [f"{action}: {seen}" if seen else action for action, seen in self._current.pairs]
        return [*done, f"#{self._current.id} now: {self._current.goal}", *steps]

    def retrieve(self, query: Ask) -> list[Item]:
        """The current sub-goal with its last steps first, then finished ones by words and age."""
        items = []
        if self._current is not None:
            steps = [f"{action}: {seen}" if seen else action for action, seen in self._current.pairs[-query.k :]]
            items.append(Item("; ".join([f"now: {self._current.goal}", *steps]), 2.0, (self._current.id,), self._current.began_ns))
        done = [g for key in self._goals if (g := self._goals.peek(key)) is not None and g.done_ns is not None]
        done.sort(key=lambda g: (-overlap(query.text, f"{g.goal} {g.summary}"), -g.id))
        items += [Item(g.summary, overlap(query.text, f"{g.goal} {g.summary}"), (g.id,), g.done_ns or 0) for g in done]
        return items[: query.k]

    def _forget(self, event: Moment) -> None:
        for key in list(self._goals):
            goal = self._goals.peek(key)
            said = "" if goal is None else " ".join([goal.goal, goal.summary, *(part for pair in goal.pairs for part in pair)])
            if mentions(said, event):
                self._goals.discard(key)
                self._current = None if self._current is goal else self._current

    def _finish(self, summary: str, stamp_ns: int) -> None:
        goal = self._current
        if goal is None:
            return
        said = summary or (goal.pairs[-1][1] if goal.pairs else "nothing done")
        goal.summary, goal.done_ns, self._current = f"{goal.goal}: {said}"[:MAX_CHARS], stamp_ns, None
        self._goals.pin(goal.id, False)
