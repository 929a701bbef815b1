"""Jumps of map -> odom: told from drift, measured where the robot is, and no image half-way between two maps."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.geometry import inverse, pose2d
from robomem.nodes.map_jumps import MapJumps

S = 1_000_000_000
HERE = np.array([10.0, 0.0, 0.0])  # where the robot is by odometry: a turn about the origin is a long step there


@pytest.mark.parametrize(
    ("step", "jumps"),
    [
        (pose2d(0.05, 0.0, 0.0), False),
        (pose2d(0.16, 0.0, 0.0), True),
        (pose2d(0.0, -0.4, 0.0), True),
        (pose2d(0.0, 0.0, np.deg2rad(0.5)), False),  # 9 cm where the robot is
        (pose2d(0.0, 0.0, np.deg2rad(1.5)), True),  # 26 cm where the robot is
        (pose2d(-10.0, 0.0, 0.0) @ pose2d(10.0, 0.0, 0.0), False),  # nothing, said in two parts
    ],
)
def test_a_step_beyond_what_drift_explains_is_a_jump(step: np.ndarray, jumps: bool) -> None:
    watch = MapJumps(0.15, np.deg2rad(5.0))
    old = pose2d(1.0, 2.0, 0.3)
    assert watch.hear(S, old, HERE) is None
    new = old @ step
    said = watch.hear(S + S // 10, new, HERE)
    assert (said is not None) == jumps
    if said is not None:
        assert np.allclose(said @ old, new) and watch.jumped_ns == S + S // 10


def test_a_turn_on_the_spot_is_a_jump_by_its_angle() -> None:
    watch = MapJumps(0.15, np.deg2rad(5.0))
    watch.hear(S, np.eye(4), np.zeros(3))
    assert watch.hear(2 * S, pose2d(0, 0, np.deg2rad(4.0)), np.zeros(3)) is None
    assert watch.hear(3 * S, pose2d(0, 0, np.deg2rad(24.0)), np.zeros(3)) is not None


def test_drift_of_many_small_steps_is_none_however_far_it_goes() -> None:
    watch, rng = MapJumps(0.15, np.deg2rad(5.0)), np.random.default_rng(0)
    T = np.eye(4)
    for k in range(2000):
        T = T @ pose2d(0.01, rng.normal(0, 0.01), rng.normal(0, 0.002))
        assert watch.hear(k * S // 10, T, np.zeros(3)) is None
    assert np.linalg.norm(T[:3, 3]) > 3.0 and watch.jumped_ns == -1


@pytest.mark.parametrize(("gap_s", "step_m", "jumps"), [(0.1, 0.2, True), (5.0, 0.2, False), (3600.0, 0.25, False), (3600.0, 0.5, True)])
def test_after_a_gap_drift_explains_more_but_not_everything(gap_s: float, step_m: float, jumps: bool) -> None:
    watch = MapJumps(0.15, np.deg2rad(5.0))
    watch.hear(0, np.eye(4), np.zeros(3))
    assert (watch.hear(round(gap_s * S), pose2d(step_m, 0, 0), np.zeros(3)) is not None) == jumps


def test_an_image_from_before_the_jump_hangs_on_odometry_and_the_new_map() -> None:
    watch, old, new = MapJumps(0.15, 0.1), np.eye(4), pose2d(0.5, 0.0, 0.35)
    T_odom_camera = pose2d(2.0, 1.0, 0.7)
    watch.hear(10 * S, old, np.zeros(3))
    watch.hear(11 * S, new, np.zeros(3))
    half_way = pose2d(0.25, 0.0, 0.175) @ T_odom_camera  # what interpolating over the jump would say
    assert np.allclose(watch.pose(10 * S + S // 2, half_way, T_odom_camera), new @ T_odom_camera)
    assert np.allclose(watch.pose(11 * S, new @ T_odom_camera, T_odom_camera), new @ T_odom_camera)
    assert np.array_equal(watch.pose(10 * S, half_way, None), half_way)


def test_a_jump_there_and_back_is_nothing() -> None:
    watch = MapJumps(0.15, 0.1)
    watch.hear(0, np.eye(4), HERE)
    there = watch.hear(S, pose2d(0.5, 0.2, 0.3), HERE)
    back = watch.hear(2 * S, np.eye(4), HERE)
    assert there is not None and back is not None and np.allclose(back @ there, np.eye(4)) and np.allclose(back, inverse(there))
