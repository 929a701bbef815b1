"""The small symbolic problem behind one goal: what memory believes, as facts over the few places and things that matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.errors import PlanningError
from robomem.planning.beliefs import Beliefs
from robomem.planning.domain import Action, Fact, State
from robomem.planning.goals import Goal
from robomem.planning.planner import Plan, make_plan
from robomem.planning.session import Session
from robomem.types import ObjectView

ACTION_S = {"pick": 8.0, "place": 8.0, "open": 6.0, "close": 5.0, "look_at": 3.0, "inspect": 4.0}
DETOUR = 1.3  # drives are longer than straight lines; exact ways are planned when they are driven
SPARE = 3  # surfaces offered for putting something down that is in the way
STAND = "here#0"
UNKNOWN_THING = "thing#-1"  # something in the hand that memory has no record of


def thing_token(view: ObjectView) -> str:
    """Symbol of a thing: readable in a ledger, and its id is in it."""
    return f"{view.label}#{view.id}"


def place_token(view: ObjectView, relation: str) -> str:
    """Symbol of the top ("on") or the inside ("in") of a piece of furniture."""
    return f"{view.label}#{view.id}/{'in' if relation in ('in', 'inside') else 'on'}"


def id_of(token: str) -> int:
    """The graph id inside a symbol."""
    return int(token.split("#")[1].split("/")[0])


@dataclass(frozen=True)
class Problem:
    """State, goal and the symbols they are grounded over; `at` gives each place's position Float64[2] (m)."""

    state: State
    goal: State
    places: dict[str, NDArray[np.float64]]
    things: frozenset[str]

    def solve(self, session: Session) -> Plan:
        """The cheapest plan in the robot's seconds.

        Raises:
            PlanningError: there is none.
        """

        def cost(action: Action) -> float:
            if str(action) in session.barred or f"{action.name} {action.arguments[-1]}" in session.barred:
                return float("inf")
            if action.name != "go_to":
                return ACTION_S[action.name]
            a, b = (self.places[t] for t in action.arguments)
            return 0.5 + DETOUR * float(np.hypot(*(a - b))) / session.config.drive_mps

        return make_plan(self.state, self.goal, set(self.places), set(self.things), cost)


def build(session: Session, goal: Goal, thing: ObjectView | None, target: ObjectView | None) -> Problem:
    """The problem of one goal as memory sees it now.

    Args:
        thing: the resolved subject (an object, or the furniture of "open", "closed", "inspected"); None for "at".
        target: the resolved furniture of "on" and "inside".
    """
    beliefs, body = session.beliefs, session.body
    facts: set[Fact] = set()
    places: dict[str, NDArray[np.float64]] = {STAND: np.array(body.pose()[:2])}
    things: set[str] = set()
    goals: set[Fact] = set()
    if target is not None:
        _add_place(beliefs, target, "inside" if goal.predicate == "inside" else "on", facts, places)
    if thing is not None and thing.kind != "furniture":
        things.add(thing_token(thing))
        _add_thing(session, thing, facts, places, goals)
    elif thing is not None:
        relation = "inside" if beliefs.ontology.prior(thing.label).openable else "on"
        _add_place(beliefs, thing, relation, facts, places)
    for view in (v for c in sorted(session.opened) if (v := beliefs.view(c)) is not None):
        goals.add(("closed", _add_place(beliefs, view, "inside", facts, places)))  # what we open we shut again
    stood_at = beliefs.view(id_of(session.at)) if "/" in session.at and session.at not in places else None
    if stood_at is not None:
        _add_place(beliefs, stood_at, "inside" if session.at.endswith("/in") else "on", facts, places)
    _add_hand(session, facts, places, things)
    facts.add(("robot_at", session.at if session.at in places else STAND))
    goals |= _goal_facts(session, goal, thing, target)
    return Problem(frozenset(facts), frozenset(goals), places, frozenset(things))


def _add_place(beliefs: Beliefs, view: ObjectView, relation: str, facts: set[Fact], places: dict[str, NDArray[np.float64]]) -> str:
    token, prior = place_token(view, relation), beliefs.ontology.prior(view.label)
    places[token] = view.position[:2]
    if relation == "on" or prior.container or prior.surface:
        facts.add(("surface", token))
    shuts = relation == "inside" and (prior.openable or "open" in view.states)
    if shuts:
        facts |= {("openable", token), (("open" if beliefs.is_open(view) else "closed"), token)}
    if not shuts or beliefs.is_open(view):
        facts.add(("reachable_inside", token))
    return token


def _add_thing(session: Session, thing: ObjectView, facts: set[Fact], places: dict[str, NDArray[np.float64]], goals: set[Fact]) -> None:
    token = thing_token(thing)
    if session.held == thing.id:
        return
    holder = session.beliefs.holder(thing)
    if holder is None:
        spot = f"spot#{thing.id}"
        places[spot] = thing.position[:2]
        facts |= {("at", token, spot), ("reachable_inside", spot)}
        return
    inside = session.beliefs.inside(thing, holder)
    place = _add_place(session.beliefs, holder, "inside" if inside else "on", facts, places)
    places[place] = thing.position[:2]
    facts.add(("at", token, place))
    if inside and ("closed", place) in facts:
        goals.add(("closed", place))


def _add_hand(session: Session, facts: set[Fact], places: dict[str, NDArray[np.float64]], things: set[str]) -> None:
    if not session.body.holding():
        facts.add(("hand_empty",))
        return
    view = session.beliefs.view(session.held) if session.held is not None else None
    token = thing_token(view) if view is not None else UNKNOWN_THING
    things.add(token)
    facts.add(("held", token))
    here = np.array(session.body.pose()[:2])
    spare = [
        f
        for f in session.beliefs.furniture()
        if session.beliefs.ontology.prior(f.label).surface and session.beliefs.ontology.canonical(f.label) not in ("chair", "sink")
    ]
    for furniture in sorted(spare, key=lambda f: (float(np.hypot(*(f.position[:2] - here))), f.id))[:SPARE]:
        _add_place(session.beliefs, furniture, "on", facts, places)


def _goal_facts(session: Session, goal: Goal, thing: ObjectView | None, target: ObjectView | None) -> set[Fact]:
    if thing is None:
        raise PlanningError(f"planner: {goal} names nothing that memory knows")
    token = thing_token(thing)
    if goal.predicate in ("on", "inside"):
        assert target is not None
        place = place_token(target, "inside" if goal.predicate == "inside" else "on")
        shut = goal.predicate == "inside" and session.beliefs.ontology.prior(target.label).openable
        was_shut = shut and not session.beliefs.is_open(target)
        return {("at", token, place)} | ({("closed", place)} if was_shut else set())
    if goal.predicate in ("held", "found"):
        return {(goal.predicate, token)}
    relation = "inside" if session.beliefs.ontology.prior(thing.label).openable else "on"
    place = place_token(thing, relation)
    if goal.predicate == "inspected":
        was_shut = relation == "inside" and not session.beliefs.is_open(thing)
        return {("inspected", place)} | ({("closed", place)} if was_shut else set())
    return {(goal.predicate, place)}
