"""The symbolic domain, declared once: six actions with preconditions and effects, for planner, critic and validator alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from robomem.errors import PlanningError

Fact = tuple[str, ...]
State = frozenset[Fact]

# Facts: (robot_at, place) (at, thing, place) (held, thing) (hand_empty,) (openable, place) (open, place) (closed, place)
#        (reachable_inside, place): nothing shut is in the way   (surface, place)   (found, thing)   (inspected, place)


@dataclass(frozen=True)
class Schema:
    """An action with variables: ?x is bound to a place, ?o to a thing."""

    name: str
    parameters: tuple[str, ...]
    needs: tuple[Fact, ...]
    adds: tuple[Fact, ...]
    removes: tuple[Fact, ...]


DOMAIN: tuple[Schema, ...] = (
    Schema("go_to", ("?from", "?to"), (("robot_at", "?from"),), (("robot_at", "?to"),), (("robot_at", "?from"),)),
    Schema("look_at", ("?o", "?x"), (("robot_at", "?x"), ("at", "?o", "?x"), ("reachable_inside", "?x")), (("found", "?o"),), ()),
    Schema("inspect", ("?x",), (("robot_at", "?x"), ("reachable_inside", "?x")), (("inspected", "?x"),), ()),
    Schema(
        "pick",
        ("?o", "?x"),
        (("robot_at", "?x"), ("at", "?o", "?x"), ("reachable_inside", "?x"), ("hand_empty",)),
        (("held", "?o"),),
        (("at", "?o", "?x"), ("hand_empty",)),
    ),
    Schema(
        "place",
        ("?o", "?x"),
        (("robot_at", "?x"), ("held", "?o"), ("reachable_inside", "?x"), ("surface", "?x")),
        (("at", "?o", "?x"), ("hand_empty",)),
        (("held", "?o"),),
    ),
    # Pulling a door open needs the fingers; pushing it shut does not.
    Schema(
        "open",
        ("?x",),
        (("robot_at", "?x"), ("openable", "?x"), ("closed", "?x"), ("hand_empty",)),
        (("open", "?x"), ("reachable_inside", "?x")),
        (("closed", "?x"),),
    ),
    Schema(
        "close",
        ("?x",),
        (("robot_at", "?x"), ("openable", "?x"), ("open", "?x")),
        (("closed", "?x"),),
        (("open", "?x"), ("reachable_inside", "?x")),
    ),
)
SCHEMAS: Mapping[str, Schema] = {s.name: s for s in DOMAIN}


@dataclass(frozen=True)
class Action:
    """A schema with its variables bound: `pick(mug 12, counter 3)`."""

    name: str
    arguments: tuple[str, ...]
    needs: State = field(compare=False)
    adds: State = field(compare=False)
    removes: State = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"

    def applicable(self, state: State) -> bool:
        """True if every precondition holds in `state`."""
        return self.needs <= state

    def apply(self, state: State) -> State:
        """The state after it."""
        return (state - self.removes) | self.adds

    def missing(self, state: State) -> str:
        """The preconditions that do not hold, in words ("" if all do)."""
        return "; ".join(" ".join(fact) for fact in sorted(self.needs - state))


def bind(name: str, *arguments: str) -> Action:
    """A ground action.

    Raises:
        PlanningError: no such action, or the wrong number of arguments.
    """
    if name not in SCHEMAS:
        raise PlanningError(f"domain: unknown action '{name}'; expected one of {', '.join(SCHEMAS)}")
    schema = SCHEMAS[name]
    if len(arguments) != len(schema.parameters):
        raise PlanningError(f"domain: {name} takes {len(schema.parameters)} arguments {schema.parameters}, got {arguments}")
    values = dict(zip(schema.parameters, arguments, strict=True))

    def ground(facts: tuple[Fact, ...]) -> State:
        return frozenset(tuple(values.get(term, term) for term in fact) for fact in facts)

    return Action(name, arguments, ground(schema.needs), ground(schema.adds), ground(schema.removes))


def ground_actions(places: Iterable[str], things: Iterable[str]) -> Iterator[Action]:
    """Every action over these places and things (go_to only between different places)."""
    domains = {"?x": sorted(places), "?from": sorted(places), "?to": sorted(places), "?o": sorted(things)}
    for schema in DOMAIN:
        for arguments in product(*(domains[p] for p in schema.parameters)):
            if schema.name != "go_to" or arguments[0] != arguments[1]:
                yield bind(schema.name, *arguments)


def first_flaw(plan: Iterable[Action], state: State, goal: State) -> tuple[int, str] | None:
    """Where a plan breaks when executed from `state`: (step index, why); index = its length if only the goal is missed; None if sound."""
    step = -1
    for step, action in enumerate(plan):
        if not action.applicable(state):
            return step, f"{action} needs: {action.missing(state)}"
        state = action.apply(state)
    missed = goal - state
    return (step + 1, "the goal is missed: " + "; ".join(" ".join(f) for f in sorted(missed))) if missed else None
