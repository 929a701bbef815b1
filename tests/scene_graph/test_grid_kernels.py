"""The compiled loops against plain answers: distances against SciPy, floods, lines, sight, whole-grid operations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph import grid_ops as ops

MAPS = hnp.arrays(np.bool_, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.sampled_from([True, True, True, False]))


def reference(cost: np.ndarray, source: tuple[int, int], cell: float) -> np.ndarray:
    """The same least costs by SciPy's Dijkstra over an explicit graph."""
    rows, cols = cost.shape
    edges = []
    for i, j in np.ndindex(rows, cols):
        for di, dj in ((0, 1), (1, 0), (1, 1), (1, -1)):
            a, b = i + di, j + dj
            if 0 <= a < rows and 0 <= b < cols and np.isfinite(cost[i, j]) and np.isfinite(cost[a, b]):
                edges.append((i * cols + j, a * cols + b, 0.5 * cell * np.hypot(di, dj) * (cost[i, j] + cost[a, b])))
    n = rows * cols
    i, j, w = (np.array(x) for x in zip(*edges, strict=True)) if edges else (np.empty(0, int), np.empty(0, int), np.empty(0))
    return dijkstra(coo_array((w, (i, j)), shape=(n, n)).tocsr(), directed=False, indices=source[0] * cols + source[1]).reshape(rows, cols)


@settings(max_examples=40, deadline=None)
@given(MAPS, st.integers(0, 10**6), st.data())
def test_shortest_agrees_with_scipy(open_: np.ndarray, seed: int, data: st.DataObject) -> None:
    open_[0, 0] = True
    price = np.random.default_rng(seed).uniform(1.0, 3.0, open_.shape)
    cost = np.where(open_, price, np.inf).astype(np.float32)
    dist, parent = kernels.shortest(cost, np.array([[0, 0]]), -1, -1, 0.05)
    expected = reference(cost, (0, 0), 0.05)
    assert np.allclose(dist, expected, rtol=1e-4, atol=1e-6)
    goal = (data.draw(st.integers(0, open_.shape[0] - 1)), data.draw(st.integers(0, open_.shape[1] - 1)))
    if np.isfinite(expected[goal]):
        star, _ = kernels.shortest(cost, np.array([[0, 0]]), *goal, 0.05)
        assert star[goal] == pytest.approx(expected[goal], rel=1e-4, abs=1e-6), "A* finds what Dijkstra finds"
    assert ((parent >= 0) == (np.isfinite(dist) & (dist > 0))).all()


@settings(max_examples=40, deadline=None)
@given(MAPS)
def test_a_flood_fills_exactly_what_is_connected(inside: np.ndarray) -> None:
    inside[0, 0] = True
    labels = np.zeros(inside.shape, np.int32)
    labels[0, 0] = 7
    kernels.flood(labels, np.ones(inside.shape, np.float32), inside)
    parts, _ = ops.parts(inside)
    assert ((labels == 7) == (parts == parts[0, 0])).all()


def test_two_floods_meet_on_the_saddle() -> None:
    height = np.array([[3, 4, 3, 1, 2, 5, 2]], np.float32)
    labels = np.array([[0, 1, 0, 0, 0, 2, 0]], np.int32)
    kernels.flood(labels, height, np.ones((1, 7), bool))
    assert labels.tolist() in ([[1, 1, 1, 1, 2, 2, 2]], [[1, 1, 1, 2, 2, 2, 2]])


@pytest.mark.parametrize(
    ("line", "least"), [((0, 0, 4, 4), 0.0), ((0, 0, 0, 4), 1.0), ((0, 4, 4, 0), 0.0), ((0, 0, 9, 0), -1.0), ((1, 1, 1, 1), 1.0)]
)
def test_least_along(line: tuple[float, ...], least: float) -> None:
    field = np.ones((5, 5), np.float32)
    field[2, 2] = 0.0
    assert kernels.least_along(field, *map(float, line)) == least


@pytest.mark.parametrize(
    ("height_m", "slab"), [(0.05, -1), (0.10, 0), (0.34, 0), (0.36, 1), (0.75, 2), (0.86, 3), (1.26, 5), (1.59, 5), (1.61, 6), (1.89, 6)]
)
def test_slabs_of_heights(height_m: float, slab: int) -> None:
    assert kernels.SLAB_OF_HEIGHT[int(height_m / kernels.HEIGHT_STEP)] == slab


@pytest.mark.parametrize(
    ("screen_slabs", "target_z", "seen"),
    [([], 0.8, True), ([0, 1], 0.8, True), ([0, 1, 2, 3, 4], 0.8, False), ([5], 0.8, False), ([2, 3], 0.3, False)],
    ids=["nothing", "a low table", "a high counter", "a wall whose foot was not seen", "a table before a thing on the floor"],
)
def test_sight_over_furniture_and_not_through_walls(screen_slabs: list[int], target_z: float, seen: bool) -> None:
    log = np.zeros((kernels.SLABS, 9, 60), np.int8)
    for s in screen_slabs:
        log[s, :, 28:32] = kernels.LOG_MAX
    out = kernels.sees(log, np.array([[4, 10]]), 1.35, 4.0, 45.0, target_z, 0.05, 0.3, 0.1, kernels.SLAB_OF_HEIGHT)
    assert out.tolist() == [seen]


@settings(max_examples=40, deadline=None)
@given(MAPS)
def test_distance_is_to_the_nearest_target(targets: np.ndarray) -> None:
    cells, at = np.argwhere(np.ones_like(targets)), np.argwhere(targets)
    expected = np.linalg.norm(cells[:, None] - at[None], axis=-1).min(axis=1) * 0.05 if len(at) else np.full(len(cells), ops.FAR_M)
    assert np.allclose(ops.distance(targets, 0.05).ravel(), expected, atol=1e-6)


def test_unknown_in_sight_stops_at_obstacles() -> None:
    state = np.full((81, 81), kernels.UNKNOWN, np.uint8)
    everything = kernels.unknown_in_sight(state, 40, 40, 0.05, 1.0)
    assert everything == pytest.approx(np.pi, rel=0.1)
    state[:, 41] = kernels.OCCUPIED
    assert kernels.unknown_in_sight(state, 40, 40, 0.05, 1.0) == pytest.approx(everything / 2, rel=0.1)
