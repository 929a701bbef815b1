"""The symbolic domain, the planner and the critic on small problems."""

from __future__ import annotations

import pytest

from robomem.errors import PlanningError
from robomem.planning.critic import review
from robomem.planning.domain import DOMAIN, Action, bind, first_flaw
from robomem.planning.planner import h_max, make_plan

PLACES = {"here", "table", "fridge"}
FRIDGE = {("openable", "fridge"), ("closed", "fridge"), ("surface", "fridge")}
BASE = frozenset(
    {("robot_at", "here"), ("hand_empty",), ("surface", "table"), ("reachable_inside", "table"), ("reachable_inside", "here")} | FRIDGE
)


def seconds(action: Action) -> float:
    return {"go_to": 10.0, "open": 6.0, "close": 5.0}.get(action.name, 8.0)


def names(state, goal, places=PLACES, things=frozenset({"mug"})) -> str:
    return " ".join(a.name for a in make_plan(frozenset(state), frozenset(goal), set(places), set(things), seconds).actions)


@pytest.mark.parametrize(
    ("extra", "goal", "plan"),
    [
        ({("at", "mug", "table")}, {("held", "mug")}, "go_to pick"),
        ({("at", "mug", "fridge")}, {("held", "mug")}, "go_to open pick"),
        ({("at", "mug", "fridge")}, {("at", "mug", "table"), ("closed", "fridge")}, "go_to open pick close go_to place"),
        (
            {("at", "mug", "table")},
            {("at", "mug", "fridge")},
            "go_to open go_to pick go_to place",
        ),  # opening needs the empty hand: before the pick
        ({("at", "mug", "table")}, {("found", "mug")}, "go_to look_at"),
        ({("at", "mug", "table")}, {("inspected", "fridge")}, "go_to open inspect"),
        ({("at", "mug", "table")}, {("robot_at", "table")}, "go_to"),
        ({("at", "mug", "table")}, {("at", "mug", "table")}, ""),
    ],
)
def test_plans(extra, goal, plan: str) -> None:
    assert names(BASE | extra, goal) == plan


def test_a_full_hand_is_emptied_first() -> None:
    state = (BASE - {("hand_empty",)}) | {("held", "book"), ("at", "mug", "table")}
    assert names(state, {("held", "mug")}, things={"mug", "book"}) == "go_to place pick"


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(PlanningError, match="no way to held mug"):
        names(BASE, {("held", "mug")})


def test_the_plan_is_the_cheapest_and_sound() -> None:
    state, goal = BASE | {("at", "mug", "fridge")}, frozenset({("at", "mug", "table"), ("closed", "fridge")})
    plan = make_plan(frozenset(state), goal, set(PLACES), {"mug"}, seconds)
    assert plan.cost == pytest.approx(10 + 6 + 8 + 5 + 10 + 8)
    assert first_flaw(plan.actions, frozenset(state), goal) is None
    again = make_plan(frozenset(state), goal, set(PLACES), {"mug"}, seconds)
    assert again.actions == plan.actions and again.expanded == plan.expanded


def test_h_max_never_over_estimates() -> None:
    from robomem.planning.domain import ground_actions

    actions = list(ground_actions(PLACES, {"mug"}))
    costs = [seconds(a) for a in actions]
    for place in ("table", "fridge"):
        state = frozenset(BASE | {("at", "mug", place)})
        for goal in ({("held", "mug")}, {("at", "mug", "table")}, {("at", "mug", "fridge"), ("closed", "fridge")}):
            plan = make_plan(state, frozenset(goal), set(PLACES), {"mug"}, seconds)
            assert h_max(state, frozenset(goal), actions, costs) <= plan.cost + 1e-9


def test_binding_checks_names_and_numbers() -> None:
    with pytest.raises(PlanningError, match="unknown action 'fly'"):
        bind("fly", "here")
    with pytest.raises(PlanningError, match="pick takes 2 arguments"):
        bind("pick", "mug")
    assert str(bind("go_to", "here", "table")) == "go_to(here, table)"


def test_effects_never_add_what_they_remove() -> None:
    for schema in DOMAIN:
        assert not set(schema.adds) & set(schema.removes)


PLAN = (bind("go_to", "here", "table"), bind("pick", "mug", "table"))
HELD = frozenset({("held", "mug")})


@pytest.mark.parametrize(
    ("state", "rest", "first", "ok", "done"),
    [
        (BASE, PLAN, True, True, False),  # the first step is exempt
        (BASE | {("at", "mug", "table")}, PLAN, False, True, False),
        (BASE, PLAN, False, False, False),  # the mug is no longer believed there
        ((BASE - {("hand_empty",)}) | {("held", "mug")}, PLAN[1:], False, True, True),  # nothing left to do
    ],
)
def test_the_critic(state, rest, first: bool, ok: bool, done: bool) -> None:
    verdict = review(rest, frozenset(state), HELD, first)
    assert (verdict.ok, verdict.done) == (ok, done)
    assert ok or "pick(mug, table) needs: at mug table" in verdict.reason


def test_a_plan_that_misses_its_goal_is_flawed() -> None:
    flaw = first_flaw(PLAN[:1], BASE | {("at", "mug", "table")}, HELD)
    assert flaw is not None and flaw[0] == 1 and "held mug" in flaw[1]
