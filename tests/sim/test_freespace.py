"""Free floor: clearance against exact distances, ways that keep clear, and floor plans that hang together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem_sim.freespace import CELL_M, FreeSpace, distance_to_obstacles, nearest_point
from robomem_sim.layout import connected, draw_plan
from robomem_sim.visibility import Culler

ROOM = np.array([[2.0, 1.5, 0.5, 0.25, 0.3], [1.0, 3.0, 0.05, 0.6, 0.0]])


@given(x=st.floats(0.1, 3.9), y=st.floats(0.1, 3.9))
@settings(max_examples=100, deadline=None)
def test_nearest_point_agrees_with_distance(x, y):
    for k, rectangle in enumerate(ROOM):
        gap = np.hypot(*(nearest_point((x, y), rectangle) - (x, y)))
        assert gap == pytest.approx(distance_to_obstacles([(x, y)], ROOM)[0, k], abs=1e-9)


def test_clearance_is_the_distance_to_a_cell():
    floor = FreeSpace((4.0, 4.0), ROOM)
    centers = floor.centers(np.ones(floor.clearance.shape, bool))
    exact = np.minimum(distance_to_obstacles(centers, ROOM).min(axis=1), np.minimum(centers, 4.0 - centers).min(axis=1))
    assert np.abs(floor.clearance.ravel() - exact).max() < 2 * CELL_M


def test_a_way_keeps_clear_and_goes_round():
    floor = FreeSpace((4.0, 4.0), ROOM)
    path = floor.path((2.0, 0.5), (2.0, 2.6), 0.3)
    assert np.hypot(*(path[0] - (2.0, 0.5))) < 0.1 and np.hypot(*(path[-1] - (2.0, 2.6))) < 0.1
    assert distance_to_obstacles(path, ROOM).min() > 0.2
    wide = floor.path((2.0, 0.5), (2.0, 2.6), 0.3, keep_away=np.array([3.0, 1.5, 0.6]))
    assert np.hypot(*(wide - (3.0, 1.5)).T).min() > 0.55


def test_no_way_through_a_wall():
    floor = FreeSpace((4.0, 4.0), np.array([[2.0, 2.0, 0.05, 2.0, 0.0]]))
    path = floor.path((1.0, 2.0), (3.0, 2.0), 0.3)
    assert path is None or path[:, 0].max() < 2.0 or path[:, 0].min() > 2.0  # both ends fall into the one part that counts as floor
    assert floor.main_part(0.3).sum() < 0.55 * (floor.clearance > 0.3).sum()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_every_plan_hangs_together(seed):
    plan = draw_plan(np.random.default_rng(seed))
    assert connected(plan) and len(plan.rooms) == 6
    area = sum((r.x1 - r.x0) * (r.y1 - r.y0) for r in plan.rooms)
    assert 0.9 * plan.size[0] * plan.size[1] < area < plan.size[0] * plan.size[1]
    for door in plan.doorways:
        assert 0.9 <= door.width_m <= 1.0
        assert all(abs(door.xy[0] - w.center[0]) > w.size[0] / 2 or abs(door.xy[1] - w.center[1]) > w.size[1] / 2 for w in plan.walls)


@pytest.mark.parametrize(
    "low, high, seen",
    [
        ((3.0, -0.2), (3.4, 0.2), True),  # in the open
        ((5.0, -0.2), (5.4, 0.2), False),  # behind the wall
        ((-3.0, -0.2), (-2.6, 0.2), False),  # behind the camera
        ((5.0, 2.4), (5.4, 2.8), True),  # past the wall's end
        ((0.1, -0.3), (0.5, 0.3), True),  # at the camera's feet
    ],
)
def test_culling_by_walls(low, high, seen):
    culler = Culler(np.array([[4.0, 0.0, 0.05, 1.5]]))
    assert culler.visible(np.zeros(3), 0.0, np.radians(40), 8.0, np.array([low]), np.array([high]))[0] == seen
