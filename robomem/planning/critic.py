"""The critic: before every step but the first, does the rest of the plan still make sense given what memory says now?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robomem.planning.domain import Action, State, first_flaw


@dataclass(frozen=True)
class Verdict:
    """ok, or the first step of the rest that breaks and why; `done` if the goal already holds."""

    ok: bool
    reason: str = ""
    step: int = 0
    done: bool = False


def review(rest: Sequence[Action], state: State, goal: State, first: bool) -> Verdict:
    """Judge the remaining steps of a plan against the state that memory believes now.

    The first step of a plan is exempt (RoboMemory's rule): it was made from this very state, and with no exemption planner and critic can
    disagree for ever.

    Args:
        rest: actions not yet executed, in order.
        first: True if nothing of this plan has been executed.
    """
    if not first and goal <= state:
        return Verdict(True, "the goal already holds", done=True)
    if first:
        return Verdict(True)
    flaw = first_flaw(rest, state, goal)
    return Verdict(True) if flaw is None else Verdict(False, flaw[1], flaw[0])
