"""Goals check themselves; plain JSON becomes a goal only if it is exactly one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import PlanningError
from robomem.planning.goals import HERE, MAX_COUNT, PREDICATES, SURFACE, Description, Goal, goal_from_json, goal_schema

MUG, TABLE = Description("Mug"), Description("dining_table")


def test_labels_are_cleaned_and_printed() -> None:
    assert str(Goal("on", MUG, TABLE)) == "on(mug, dining table)"
    assert str(Goal("held", Description("apple", color="red", room="kitchen", count=2))) == "held(red apple in the kitchen x2)"


@pytest.mark.parametrize(
    ("predicate", "subject", "target", "text"),
    [
        ("under", MUG, TABLE, "unknown predicate 'under'"),
        ("on", MUG, None, "'on' needs target"),
        ("held", MUG, TABLE, "'held' takes no target"),
        ("held", Description("person"), None, "nothing that I carry"),
        ("on", Description(HERE), TABLE, "nothing that I carry"),
    ],
)
def test_what_is_no_goal(predicate, subject, target, text: str) -> None:
    with pytest.raises(PlanningError, match=text):
        Goal(predicate, subject, target)


@pytest.mark.parametrize("fields", [{"label": ""}, {"label": "mug", "count": 0}, {"label": "mug", "count": MAX_COUNT + 1}])
def test_what_is_no_description(fields) -> None:
    with pytest.raises(PlanningError):
        Description(**fields)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, "expected keys"),
        ([], "expected keys"),
        ({"predicate": "on"}, "expected keys"),
        ({"predicate": "on", "subject": {"label": "mug"}, "target": {"label": "desk"}, "then": "rm"}, "expected keys"),
        ({"predicate": "held", "subject": "mug"}, "subject: expected an object"),
        ({"predicate": "held", "subject": {"label": 5}}, "label: expected str"),
        ({"predicate": "held", "subject": {"label": "mug", "count": True}}, "count: expected int"),
        ({"predicate": "held", "subject": {"label": "mug", "command": "x"}}, "unknown key 'command'"),
        ({"predicate": "explode", "subject": {"label": "mug"}}, "unknown predicate"),
        ({"predicate": ["held"], "subject": {"label": "mug"}}, "unknown predicate"),
    ],
)
def test_json_that_is_no_goal(raw, text: str) -> None:
    with pytest.raises(PlanningError, match=text):
        goal_from_json(raw)


def test_json_that_is_one() -> None:
    raw = {"predicate": "inside", "subject": {"label": "Apple", "count": 2, "color": None}, "target": {"label": "fridge", "id": 7}}
    goal = goal_from_json(raw)
    assert goal == Goal("inside", Description("apple", count=2), Description("fridge", id=7))


def test_the_schema_names_every_predicate() -> None:
    item = goal_schema()["properties"]["goals"]["items"]
    assert item["properties"]["predicate"]["enum"] == list(PREDICATES) and item["additionalProperties"] is False


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from(["predicate", "subject", "target", "label", "count", "x"]), x, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_goal_or_a_planning_error(raw) -> None:
    try:
        assert isinstance(goal_from_json(raw), Goal)
    except PlanningError:
        return


def test_surface_reads_as_words() -> None:
    assert Description(SURFACE, room="kitchen").words() == "surface in the kitchen"
