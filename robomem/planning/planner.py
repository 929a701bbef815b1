"""Forward search: A* with the h_max heuristic over the few places and things a goal needs."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from robomem.errors import PlanningError
from robomem.planning.domain import Action, Fact, State, ground_actions

Cost = Callable[[Action], float]

MAX_EXPANSIONS = 20_000


@dataclass(frozen=True)
class Plan:
    """A cheapest sequence of actions and its cost (seconds, if the costs are)."""

    actions: tuple[Action, ...]
    cost: float
    expanded: int = 0


def h_max(state: State, goal: State, actions: list[Action], costs: list[float]) -> float:
    """Bonet and Geffner's h_max: cost of the dearest goal fact when deletes are ignored; never over-estimates. inf = unreachable."""
    value: dict[Fact, float] = dict.fromkeys(state, 0.0)
    changed = True
    while changed:
        changed = False
        for action, cost in zip(actions, costs, strict=True):
            reach = max((value.get(f, float("inf")) for f in action.needs), default=0.0) + cost
            if reach == float("inf"):
                continue
            for fact in action.adds:
                if reach < value.get(fact, float("inf")) - 1e-12:
                    value[fact], changed = reach, True
    return max((value.get(f, float("inf")) for f in goal), default=0.0)


def make_plan(state: State, goal: State, places: set[str], things: set[str], cost: Cost) -> Plan:
    """The cheapest plan from `state` to a state that holds `goal`.

    Args:
        places, things: what the problem is grounded over; keep it to what the goal needs (about 10 and 6).
        cost: of a ground action, > 0.

    Raises:
        PlanningError: the goal cannot be reached, or the problem is too large.
    """
    actions = list(ground_actions(places, things))
    costs = [cost(a) for a in actions]
    keep = [i for i, c in enumerate(costs) if c != float("inf")]
    actions, costs = [actions[i] for i in keep], [costs[i] for i in keep]
    first = h_max(state, goal, actions, costs)
    if first == float("inf"):
        raise PlanningError(f"planner: no way to {_words(goal - state)}; something it needs is missing or out of reach")
    return _a_star(state, goal, actions, costs, first)


def _a_star(state: State, goal: State, actions: list[Action], costs: list[float], first: float) -> Plan:
    """A* from `state`; `first` is its h_max."""
    order = count()  # ties are broken by age: the same problem gives the same plan
    heap: list[tuple[float, int, float, State]] = [(first, next(order), 0.0, state)]
    best: dict[State, float] = {state: 0.0}
    came: dict[State, tuple[State, Action]] = {}
    expanded = 0
    while heap:
        _, _, so_far, here = heapq.heappop(heap)
        if so_far > best[here]:
            continue
        if goal <= here:
            return Plan(_trace(came, here), so_far, expanded)
        expanded += 1
        if expanded > MAX_EXPANSIONS:
            raise PlanningError(f"planner: gave up after {MAX_EXPANSIONS} states with {len(actions)} actions; ask for less at a time")
        for action, price in zip(actions, costs, strict=True):
            if not action.applicable(here):
                continue
            there, total = action.apply(here), so_far + price
            if total < best.get(there, float("inf")) - 1e-12:
                left = h_max(there, goal, actions, costs)
                if left == float("inf"):
                    continue
                best[there], came[there] = total, (here, action)
                heapq.heappush(heap, (total + left, next(order), total, there))
    raise PlanningError(f"planner: no way to {_words(goal - state)}")


def _trace(came: dict[State, tuple[State, Action]], state: State) -> tuple[Action, ...]:
    out: list[Action] = []
    while state in came:
        state, action = came[state]
        out.append(action)
    return tuple(reversed(out))


def _words(facts: State) -> str:
    return " and ".join(" ".join(f) for f in sorted(facts)) or "do that"
