"""The graph: validity in time, words for places, aliases, interchange."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.scene_graph.graph import Node, SceneGraph

P = np.array


def _home() -> SceneGraph:
    """Mug on the counter (kitchen) from 10, on the desk (study) from 50."""
    g = SceneGraph()
    for i, layer, label in (
        (1, "building", "home"),
        (2, "room", "kitchen"),
        (3, "room", "study"),
        (4, "furniture", "counter"),
        (5, "furniture", "desk"),
    ):
        g.put(Node(i, layer, label, P([i, 0.0, 0.0]), P([1.0, 1.0, 1.0])))
    g.relate(2, "part_of", 1, 1.0, 0)
    g.relate(3, "part_of", 1, 1.0, 0)
    g.relate(4, "part_of", 2, 1.0, 0)
    g.relate(5, "part_of", 3, 1.0, 0)
    g.put(Node(6, "object", "mug", P([4.0, 0.0, 1.0]), P([0.1, 0.1, 0.1]), from_ns=10))
    g.begin_stay(6, 10, P([4.0, 0.0, 1.0]))
    g.relate(6, "on", 4, 0.9, 10)
    g.end(6, 50, ("on",))
    g.begin_stay(6, 50, P([5.0, 0.0, 1.0]))
    g.relate(6, "on", 5, 0.95, 50)
    return g


@pytest.mark.parametrize(
    ("at", "words", "x"),
    [
        (None, "on the desk in the study", 5.0),
        (60, "on the desk in the study", 5.0),
        (50, "on the desk in the study", 5.0),
        (49, "on the counter in the kitchen", 4.0),
    ],
)
def test_where_it_was_is_read_from_history_never_from_the_present(at: int | None, words: str, x: float) -> None:
    g = _home()
    assert g.describe(6, at) == words
    past = g if at is None else g.at(at)
    assert past.describe(6) == words
    if at is not None:
        assert past.node(6).position[0] == x  # type: ignore[union-attr]


def test_before_it_was_first_seen_it_did_not_exist() -> None:
    assert _home().at(5).node(6) is None
    assert [n.label for n in _home().at(5).nodes("furniture")] == ["counter", "desk"]


def test_gone_things_leave_the_present_and_stay_in_the_past() -> None:
    g = _home()
    g.gone(6, 90)
    assert 6 not in [n.id for n in g.nodes()] and g.parent(6) is None
    assert g.describe(6, 60) == "on the desk in the study"
    assert [n.id for n in g.nodes("object", at_ns=60)] == [6] and not g.nodes("object", at_ns=95)


def test_aliases_are_followed_by_every_verb() -> None:
    g = _home()
    g.put(Node(7, "object", "mug", P([5.0, 0, 1]), P([0.1, 0.1, 0.1])))
    g.alias(7, 6, 70)
    assert g.resolve(7) == 6 and g.node(7).id == 6 and g.describe(7) == g.describe(6)  # type: ignore[union-attr]


def test_a_relation_that_still_holds_is_refreshed_not_doubled() -> None:
    g = _home()
    g.relate(6, "on", 5, 0.5, 70)
    rows = g.relations(subject=6, predicate="on")
    assert len(rows) == 1 and rows[0].probability == 0.5 and rows[0].from_ns == 50
    assert [r.subject for r in g.relations(object=5)] == [6]


def test_json_round_trip_keeps_past_and_present() -> None:
    g = _home()
    g.gone(6, 90)
    data = json.loads(json.dumps(g.to_json()))
    back = SceneGraph.from_json(data)
    assert back.to_json() == data
    assert back.describe(6, 20) == "on the counter in the kitchen"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"format": "other"},
        {"format": "robomem-scene-graph/1"},
        {"format": "robomem-scene-graph/1", "nodes": [{"id": 1}], "relations": [], "stays": [], "aliases": []},
        {"format": "robomem-scene-graph/1", "nodes": [{"id": 1, "layer": "cellar"}], "relations": []},
    ],
)
def test_foreign_json_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="scene graph"):
        SceneGraph.from_json(data)


def test_networkx_has_layers_and_predicates() -> None:
    nx = _home().to_networkx()
    assert nx.nodes[6]["layer"] == "object" and nx.has_edge(6, 5, key="on") and not nx.has_edge(6, 4)


def test_forget_leaves_no_trace() -> None:
    g = _home()
    g.forget({6})
    assert "mug" not in json.dumps(g.to_json())


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20, unique=True))
def test_at_any_time_exactly_one_stay_holds(stamps: list[int]) -> None:
    g = SceneGraph()
    g.put(Node(1, "object", "mug", np.zeros(3), np.ones(3)))
    for t in sorted(stamps):
        g.begin_stay(1, t, P([float(t), 0.0, 0.0]))
    for t in range(min(stamps), 1010, 37):
        where = g.position_at(1, t)
        assert where is not None and where[0] == max(s for s in stamps if s <= t)


def test_changes_are_told_since_a_revision() -> None:
    graph = SceneGraph()
    for i in (1, 2, 3):
        graph.put(Node(i, "object", "mug", np.zeros(3), np.ones(3), 0.0, {}, 0, None))
    before = graph.revision
    assert graph.changed_since(before) == [] and graph.changed_since(0) == [1, 2, 3]
    for change, ids in (
        (lambda: graph.relate(1, "on", 2, 0.9, 5), [1]),
        (lambda: graph.relate(1, "on", 2, 0.8, 6), [1]),
        (lambda: graph.begin_stay(3, 7, np.zeros(3)), [3]),
        (lambda: graph.refine_stay(3, np.ones(3)), [3]),
        (lambda: graph.gone(3, 8), [3]),
        (lambda: graph.forget({2}), [1, 2]),
        (lambda: graph.alias(3, 1, 9), [3]),
    ):
        before = graph.revision
        change()
        assert graph.changed_since(before) == ids
