"""Assignment against brute force, and labels, bodies and rates it rests on."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robomem.belief.association import COST_LIMIT, assign, gate_radius, similarity
from robomem.belief.extended import VoxelBody, best_yaw, common_yaw
from robomem.belief.labels import LabelBelief
from robomem.ontology import default_ontology

costs = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(0, 8.9) | st.just(math.inf))


def _total(cost: np.ndarray, pairs: list[tuple[int, int]]) -> float:
    return sum(cost[i, j] for i, j in pairs) - COST_LIMIT * len(pairs)


@settings(max_examples=80)
@given(costs)
def test_assignment_is_the_cheapest_there_is(cost: np.ndarray) -> None:
    n, m = cost.shape
    best = 0.0
    for k in range(1, min(n, m) + 1):
        for rows in itertools.combinations(range(n), k):
            for columns in itertools.permutations(range(m), k):
                best = min(best, _total(cost, list(zip(rows, columns, strict=True))))
    pairs = assign(cost)
    assert len({i for i, _ in pairs}) == len(pairs) == len({j for _, j in pairs})
    assert math.isclose(_total(cost, pairs), best, abs_tol=1e-6)


def test_nothing_to_assign() -> None:
    assert assign(np.full((2, 3), np.inf)) == [] and assign(np.zeros((0, 3))) == []


def test_gates_grow_with_size_up_to_the_limit() -> None:
    assert gate_radius(0.1, 0.35) < gate_radius(0.2, 0.35) <= 0.35
    assert gate_radius(2.0, 0.35) == 0.35


def test_similarity_without_vectors_says_nothing() -> None:
    a = np.array([0.6, 0.8], np.float32)
    assert np.isclose(similarity(a, a), 1.0)
    assert similarity(a, np.zeros(0, np.float32)) == similarity(np.zeros(0, np.float32), a) == 0.8


def test_labels_are_outvoted_not_overwritten() -> None:
    belief = LabelBelief(default_ontology())
    for label in ("mug", "cup", "mug", "mug", "bottle"):
        belief.update(label, 0.8)
    assert belief.best() == "mug" and math.isclose(sum(belief.probabilities().values()), 1.0)
    for _ in range(12):
        belief.update("bottle", 0.9)
    assert belief.best() == "bottle"  # bounded memory: a wrong start can be overturned
    copy = LabelBelief(default_ontology())
    copy.load_json(belief.to_json())
    assert copy.probabilities() == belief.probabilities()


def test_an_unnamed_segment_changes_no_label() -> None:
    belief = LabelBelief(default_ontology())
    belief.update("", 0.9)
    assert belief.best() == "" and belief.predictive("mug", 0.9) > 0


def _table_side(x0: float, x1: float, y0: float, y1: float, z: float, yaw: float, n: int, rng: np.random.Generator) -> np.ndarray:
    p = rng.uniform((x0, y0, z - 0.01), (x1, y1, z + 0.01), (n, 3))
    c, s = np.cos(yaw), np.sin(yaw)
    return np.column_stack([p[:, 0] * c - p[:, 1] * s, p[:, 0] * s + p[:, 1] * c, p[:, 2]])


def test_a_table_seen_half_by_half_gets_its_whole_box() -> None:
    rng, yaw, body = np.random.default_rng(0), 0.5, VoxelBody()
    for _ in range(6):
        body.add(_table_side(-0.8, 0.1, -0.4, 0.4, 0.74, yaw, 2000, rng))
        body.add(_table_side(-0.1, 0.8, -0.4, 0.4, 0.74, yaw, 2000, rng))
    center, size, found = body.box(on_floor=True)
    assert np.allclose(sorted(size[:2]), (0.8, 1.6), atol=0.1) and abs(size[2] - 0.75) < 0.06
    assert np.linalg.norm(center[:2]) < 0.05
    assert min(abs(found - yaw), abs(found - yaw - math.pi / 2), abs(found - yaw + math.pi / 2)) < 0.1


def test_stray_points_do_not_stretch_a_body() -> None:
    rng, body = np.random.default_rng(1), VoxelBody()
    for k in range(10):
        body.add(_table_side(-0.5, 0.5, -0.5, 0.5, 0.7, 0.0, 1500, rng))
        if k == 3:
            body.add(np.array([[3.0, 3.0, 1.0]]))
    assert body.box(on_floor=False)[1].max() < 1.2


def test_yaw_of_a_rectangle() -> None:
    xy = np.random.default_rng(2).uniform((-1, -0.3), (1, 0.3), (500, 2))
    turned = xy @ np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
    assert abs(best_yaw(turned) - 0.7) < 0.06


def test_a_home_has_a_direction_if_its_furniture_agrees() -> None:
    rng = np.random.default_rng(3)
    agreed = (0.4 + rng.integers(0, 4, 12) * math.pi / 2 + rng.normal(0, 0.05, 12)) % (math.pi / 2)
    found = common_yaw(agreed, np.ones(12))
    assert found is not None and abs(found - 0.4) < 0.05
    assert common_yaw(rng.uniform(0, math.pi / 2, 40), np.ones(40)) is None and common_yaw(agreed[:2], np.ones(2)) is None


def test_the_home_direction_wins_unless_the_points_disagree() -> None:
    xy = np.random.default_rng(4).uniform((-0.5, -0.2), (0.5, 0.2), (400, 2))
    turn = lambda a: xy @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])  # noqa: E731
    assert best_yaw(turn(0.1), home_yaw=0.0) == 0.0
    assert abs(best_yaw(turn(0.7), home_yaw=0.0) - 0.7) < 0.06
