"""Geometry: properties that hold for every transform, quaternion and box, and a few cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robomem import geometry as g

coordinate = st.floats(-50, 50, allow_nan=False)
angle = st.floats(-10, 10, allow_nan=False)
points = arrays(np.float64, (5, 3), elements=coordinate)
vector = arrays(np.float64, 3, elements=coordinate)
extent = arrays(np.float64, 3, elements=st.floats(0.05, 3.0))
near = arrays(np.float64, 3, elements=st.floats(-2, 2))
quaternion = arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1).map(lambda q: q / np.linalg.norm(q))


@st.composite
def transforms(draw) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = g.matrix_from_quaternion(draw(quaternion))
    T[:3, 3] = draw(vector)
    return T


@given(transforms(), points)
def test_inverse_undoes(T: np.ndarray, p: np.ndarray) -> None:
    np.testing.assert_allclose(g.transform(g.inverse(T), g.transform(T, p)), p, atol=1e-9)
    np.testing.assert_allclose(g.inverse(T) @ T, np.eye(4), atol=1e-9)


@given(transforms(), points)
def test_rigid_transforms_keep_distances(T: np.ndarray, p: np.ndarray) -> None:
    assert g.is_rigid(T)
    q = g.transform(T, p)
    np.testing.assert_allclose(np.linalg.norm(q[0] - q[1:], axis=1), np.linalg.norm(p[0] - p[1:], axis=1), atol=1e-8)


@given(transforms(), transforms(), vector)
def test_transforms_compose_right_to_left(T_ab: np.ndarray, T_bc: np.ndarray, p_c: np.ndarray) -> None:
    np.testing.assert_allclose(g.transform(T_ab @ T_bc, p_c), g.transform(T_ab, g.transform(T_bc, p_c)), atol=1e-7)


@given(quaternion)
def test_quaternion_round_trip(q: np.ndarray) -> None:
    back = g.quaternion_from_matrix(g.matrix_from_quaternion(q))
    assert back[0] >= 0 and abs(np.linalg.norm(back) - 1) < 1e-9
    assert abs(abs(back @ q) - 1) < 1e-7  # the same rotation; q and -q are one


@pytest.mark.parametrize("q", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0.6, 0.8, 0), (0.5, 0.5, 0.5, 0.5)])
def test_half_turns_are_stable(q: tuple[float, ...]) -> None:
    back = g.quaternion_from_matrix(g.matrix_from_quaternion(q))
    assert abs(abs(back @ np.array(q)) - 1) < 1e-12


@pytest.mark.parametrize("q", [(0, 0, 0, 0), (2, 0, 0, 0), (0.1, 0.1, 0.1, 0.1)])
def test_a_quaternion_of_another_length_is_refused(q: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="unit norm"):
        g.matrix_from_quaternion(q)


@pytest.mark.parametrize(
    ("T", "ok"),
    [
        (np.eye(4), True),
        (np.eye(3), False),
        (np.full((4, 4), np.nan), False),
        (np.diag([1, 1, -1, 1]), False),
        (np.diag([2, 2, 2, 1]), False),
        (np.zeros((4, 4)), False),
        (np.eye(4) + np.eye(4)[[3, 1, 2, 0]] * 0.5, False),
    ],
)
def test_is_rigid(T: np.ndarray, ok: bool) -> None:
    assert g.is_rigid(T) is ok


@given(angle)
def test_wrap_angle_stays_in_range_and_is_the_same_direction(a: float) -> None:
    w = float(g.wrap_angle(a))
    assert -np.pi <= w < np.pi
    assert abs(np.exp(1j * a) - np.exp(1j * w)) < 1e-9


@given(coordinate, coordinate, angle)
def test_pose2d_carries_its_yaw(x: float, y: float, yaw: float) -> None:
    T = g.pose2d(x, y, yaw, 0.5)
    np.testing.assert_allclose(T[:3, 3], (x, y, 0.5))
    assert abs(np.exp(1j * g.yaw_of(T)) - np.exp(1j * yaw)) < 1e-9


@given(vector, vector)
def test_look_at_puts_the_target_on_the_optical_axis(eye: np.ndarray, target: np.ndarray) -> None:
    assume(np.linalg.norm((target - eye)[:2]) > 1e-3)
    T = g.look_at(eye, target)
    assert g.is_rigid(T)
    x, y, z = g.transform(g.inverse(T), target)
    assert abs(x) < 1e-6 and abs(y) < 1e-6 and abs(z - np.linalg.norm(target - eye)) < 1e-6
    assert T[2, 1] <= 1e-12  # the image's down points down


@pytest.mark.parametrize("target", [(0, 0, 0), (0, 0, 5), (0, 0, -5)])
def test_look_at_refuses_the_vertical(target: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="off the vertical"):
        g.look_at((0, 0, 0), target)


@given(vector, extent, angle)
def test_corners_and_footprint_agree(center: np.ndarray, size: np.ndarray, yaw: float) -> None:
    corners, ground = g.box_corners(center, size, yaw), g.footprint(center, size, yaw)
    assert corners.shape == (8, 3) and ground.shape == (4, 2)
    np.testing.assert_allclose(corners.mean(axis=0), center, atol=1e-9)
    for corner in ground:
        assert np.linalg.norm(corners[:, :2] - corner, axis=1).min() < 1e-9
    x, y = (ground - ground.mean(axis=0)).T
    assert 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)) == pytest.approx(size[0] * size[1])  # positive: counter-clockwise


@given(vector, extent, angle, points)
def test_distance_to_box(center: np.ndarray, size: np.ndarray, yaw: float, p: np.ndarray) -> None:
    corners = g.box_corners(center, size, yaw)
    np.testing.assert_allclose(g.distance_to_box(corners, center, size, yaw), 0, atol=1e-7)
    assert g.distance_to_box(center, center, size, yaw) == 0
    far = g.distance_to_box(p, center, size, yaw)
    to_centre = np.linalg.norm(p - center, axis=1)
    assert (far <= to_centre + 1e-9).all() and (far >= to_centre - np.linalg.norm(size) / 2 - 1e-9).all()


@given(near, extent, angle, near, extent, angle)
def test_iou_is_symmetric_and_bounded(ca, sa, ya, cb, sb, yb) -> None:
    iou = g.box_iou(ca, sa, ya, cb, sb, yb)
    assert -1e-9 <= iou <= 1 + 1e-9
    assert iou == pytest.approx(g.box_iou(cb, sb, yb, ca, sa, ya), abs=1e-6)


@given(near, extent, angle, vector, angle)
def test_iou_does_not_depend_on_the_frame(c, s, yaw, shift, turn) -> None:
    other = c + 0.3 * s
    T = g.pose2d(*shift[:2], turn, shift[2])
    before = g.box_iou(c, s, yaw, other, s, yaw + 0.4)
    after = g.box_iou(g.transform(T, c), s, yaw + turn, g.transform(T, other), s, yaw + turn + 0.4)
    assert after == pytest.approx(before, abs=1e-6)


@given(near, extent, angle)
def test_iou_with_itself_is_one(c, s, yaw) -> None:
    assert g.box_iou(c, s, yaw, c, s, yaw) == pytest.approx(1.0, abs=1e-6)
    assert g.box_iou(c, s, yaw, c, s, yaw + np.pi) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("ca", "sa", "ya", "cb", "sb", "yb", "iou"),
    [
        ((0, 0, 0), (1, 1, 1), 0, (0.5, 0, 0), (1, 1, 1), 0, 1 / 3),
        ((0, 0, 0), (1, 1, 1), 0, (2, 0, 0), (1, 1, 1), 0, 0),
        ((0, 0, 0), (1, 1, 1), 0, (0, 0, 1), (1, 1, 1), 0, 0),
        ((0, 0, 0), (2, 2, 2), 0, (0, 0, 0), (1, 1, 1), 0.7, 1 / 8),
        ((0, 0, 0), (2, 1, 1), 0, (0, 0, 0), (2, 1, 1), np.pi / 2, 1 / 3),
    ],
)
def test_iou_by_hand(ca, sa, ya, cb, sb, yb, iou: float) -> None:
    assert g.box_iou(ca, sa, ya, cb, sb, yb) == pytest.approx(iou, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(near, extent, angle, near, extent, angle, st.integers(0, 2**32 - 1))
def test_overlap_against_monte_carlo(ca, sa, ya, cb, sb, yb, seed: int) -> None:
    area = g.overlap_area(g.footprint(ca, sa, ya), g.footprint(cb, sb, yb))
    rng = np.random.default_rng(seed)
    samples = np.zeros((20_000, 3))
    samples[:, :2] = rng.uniform(-0.5, 0.5, (20_000, 2)) * sa[:2]
    inside_a = g.transform(g.pose2d(ca[0], ca[1], ya), samples)
    flat_b = np.array([cb[0], cb[1], 0.0])
    share = (g.distance_to_box(inside_a, flat_b, (*sb[:2], 1.0), yb) == 0).mean()
    sigma = np.sqrt(max(share * (1 - share), 1e-4) / 20_000)
    assert abs(area / (sa[0] * sa[1]) - share) < 5 * sigma + 1e-6
