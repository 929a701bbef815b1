"""Faults that one image does not show: a repeated picture, a pose that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.perception.health import FrozenWatch, PoseGate

K = Intrinsics(50.0, 50.0, 20.0, 15.0, 40, 30)
LOOK = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.0], [0, 0, 0, 1.0]])


def frame(at_s: float, x: float, y: float = 0.0, seed: int = 0) -> RgbdFrame:
    T = LOOK.copy()
    T[:2, 3] = x, y
    rgb = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), np.uint8)
    return RgbdFrame(round((100 + at_s) * 1e9), rgb, np.full((30, 40), 2.0, np.float32), K, T)


@pytest.mark.parametrize(
    ("poses", "expected"),
    [
        ([(0, 0), (0.1, 0.05), (0.2, 0.1)], [0, 0, 0]),  # a drive
        ([(0, 0), (0.1, 140), (0.2, 0.1), (0.3, 0.15)], [0, 1, 0, 0]),  # one wild transform
        ([(0, 0), (0.1, 140), (0.2, -90), (0.3, 60), (0.4, 0.1)], [0, 1, 1, 1, 0]),  # several that do not agree
        ([(0, 0), (0.1, 40), (0.2, 40), (0.3, 40), (0.4, 40.1)], [0, 1, 1, 0, 0]),  # carried, or localised anew
        ([(0, 0), (60, 140), (60.1, 140), (60.2, 140)], [0, 1, 1, 0]),  # a minute in which nothing was seen
        ([(0, 0), (-5, 140), (-4.9, 140)], [0, 0, 0]),  # the clock was set back
        ([(0, 140), (0.1, 0), (0.2, 0), (0.3, 0), (0.4, 0.1)], [0, 1, 1, 0, 0]),  # the very first one was the wild one
    ],
)
def test_only_a_pose_that_cannot_be_is_an_outlier(poses: list[tuple[float, float]], expected: list[int]) -> None:
    gate = PoseGate()
    assert [gate.outlier(frame(t, x)) for t, x in poses] == [bool(e) for e in expected]


def test_after_a_correction_of_the_map_the_next_pose_is_believed() -> None:
    gate = PoseGate()
    gate.outlier(frame(0, 0))
    gate.reset()
    assert not gate.outlier(frame(0.1, 40)) and not gate.outlier(frame(0.2, 40))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 2.0))
def test_nothing_a_robot_does_is_refused(seed: int, hz_period: float) -> None:
    rng, gate, x, y = np.random.default_rng(seed), PoseGate(), 0.0, 0.0
    for k in range(30):
        x, y = x + rng.uniform(-1.5, 1.5) * hz_period, y + rng.uniform(-1.5, 1.5) * hz_period
        assert not gate.outlier(frame(k * hz_period, x, y))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ([(0, 0.0, 1), (0.1, 0.1, 2), (0.2, 0.2, 3)], [0, 0, 0]),
        ([(0, 0.0, 1), (0.1, 0.1, 1), (0.2, 0.2, 1), (0.3, 0.3, 2)], [0, 1, 1, 0]),
        ([(0, 0.0, 1), (0.1, 0.0, 1), (0.2, 0.001, 1)], [0, 0, 0]),  # at rest the same picture is no fault
    ],
)
def test_a_picture_repeated_while_the_camera_moves_is_frozen(shown: list[tuple[float, float, int]], expected: list[int]) -> None:
    watch = FrozenWatch()
    assert [watch.frozen(frame(t, x, seed=s)) for t, x, s in shown] == [bool(e) for e in expected]


def test_after_a_long_gap_one_far_pose_is_not_believed_and_three_are() -> None:
    """Stamps far ahead once let every wild pose in, and the map grew to all of them."""
    gate = PoseGate()
    frames = [frame(0.0, 0.0)] + [frame(3600.0 + 0.1 * k, 200.0) for k in range(4)]
    assert [gate.outlier(f) for f in frames] == [False, True, True, False, False]
    assert not gate.outlier(frame(7200.0, 220.0))  # not far: a robot that was driven while nobody looked
