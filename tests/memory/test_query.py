"""Noun phrases to queries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.memory.query import Query, match_label, near_color, parse
from robomem.ontology import default_ontology

TABLE = [
    ("red mug", {"label": "mug", "color": "red"}),
    ("The Red MUG!", {"label": "mug", "color": "red"}),
    ("the mugs", {"label": "mug", "plural": True}),
    ("two red apples", {"label": "apple", "color": "red", "plural": True, "count": 2}),
    ("an orange", {"label": "orange", "color": ""}),
    ("an orange mug", {"label": "mug", "color": "orange"}),
    ("gray cup", {"label": "cup", "color": "grey"}),
    ("dark blue cup", {"label": "cup", "color": "blue"}),
    ("big old coffee mug", {"label": "mug"}),
    ("cups in the kitchen", {"label": "cup", "room": "kitchen", "plural": True}),
    ("mug on the kitchen counter", {"label": "mug", "room": "kitchen", "holder": "counter"}),
    ("book on the shelf in the living room", {"label": "book", "room": "living room", "holder": "shelf"}),
    ("mug from the chest of drawers", {"label": "mug", "holder": "dresser"}),
    ("mug in the garage", {"label": "mug", "room": "garage"}),
    ("mug on the piano", {"label": "mug", "holder": "piano"}),
    ("scissors", {"label": "scissors", "plural": False}),
    ("my glasses", {"label": "glasses", "plural": False}),
    ("people", {"label": "person", "plural": True}),
    ("shelves", {"label": "shelf", "plural": True}),
    ("television", {"label": "tv"}),
    ("gizmos", {"label": "gizmo", "known": True, "plural": True}),
    ("frobnicator", {"label": "frobnicator", "known": False}),
    ("everything in the study", {"label": "", "room": "study", "plural": True}),
    ("the red one", {"label": "", "color": "red"}),
    ("all cups", {"label": "cup", "plural": True}),
    ("#12", {"id": 12}),
    ("object 12", {"id": 12}),
    (12, {"id": 12}),
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_what_is_asked_for(text: str, expected: dict):
    query = parse(text, default_ontology(), {"gizmo", "mug"}, {"study"})
    assert {name: getattr(query, name) for name in expected} == expected


@pytest.mark.parametrize("text", ["", "   ", "the", "?!", "of the"])
def test_a_query_about_nothing(text: str):
    with pytest.raises(InvalidInputError, match="query"):
        parse(text, default_ontology())


@given(st.text(max_size=600))
def test_any_text_is_a_query_or_an_error(text: str):
    try:
        assert isinstance(parse(text, default_ontology()), Query)
    except InvalidInputError as error:
        assert len(str(error)) < 200


def test_names_and_colours():
    assert match_label("table", "dining table") and not match_label("table", "table") and not match_label("", "mug")
    assert near_color("red", "pink") and near_color("pink", "red") and not near_color("red", "green")
