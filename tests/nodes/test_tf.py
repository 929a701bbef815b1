"""The transform buffer: interpolation against scipy's, chains, statics, and no guess beyond what was said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from robomem.geometry import pose2d
from robomem.nodes.tf import TransformBuffer, TransformError

S = 1_000_000_000


def pose(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3)
    return T


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0, 1))
def test_between_two_transforms_it_interpolates_as_scipy_does(a: int, b: int, share: float) -> None:
    buffer, A, B = TransformBuffer(), pose(a), pose(b)
    buffer.put("map", "base", 0, A)
    buffer.put("map", "base", S, B)
    got = buffer.lookup("map", "base", round(share * S))
    turn = Slerp([0, S], Rotation.from_matrix([A[:3, :3], B[:3, :3]]))(round(share * S)).as_matrix()
    angle = (Rotation.from_matrix(A[:3, :3]).inv() * Rotation.from_matrix(B[:3, :3])).magnitude()
    if angle < np.pi - 0.02:  # half a turn has two shortest ways
        assert np.allclose(got[:3, :3], turn, atol=2e-4)
    assert np.allclose(got[:3, 3], (1 - share) * A[:3, 3] + share * B[:3, 3], atol=1e-6)


def test_a_chain_of_moving_and_static_links_goes_both_ways() -> None:
    buffer, A, B, C = TransformBuffer(), pose(1), pose(2), pose(3)
    buffer.put("map", "odom", 0, A)
    buffer.put("map", "odom", S, A)
    buffer.put("odom", "base", 0, B)
    buffer.put("odom", "base", S, B)
    buffer.put("base", "camera", 0, C, static=True)
    assert np.allclose(buffer.lookup("map", "camera", S // 2), A @ B @ C)
    assert np.allclose(buffer.lookup("camera", "map", S // 2), np.linalg.inv(A @ B @ C))
    assert np.allclose(buffer.lookup("/odom", "odom", 5 * S), np.eye(4))


@pytest.mark.parametrize(
    ("target", "source", "stamp", "reason"),
    [
        ("map", "base", 2 * S + 1, "no_extrapolation"),
        ("map", "base", S - 1, "no_extrapolation"),
        ("map", "moon", S, "unknown_frame"),
        ("map", "other", S, "not_connected"),
    ],
)
def test_what_is_not_known_is_an_error_with_a_reason(target: str, source: str, stamp: int, reason: str) -> None:
    buffer = TransformBuffer()
    buffer.put("map", "base", S, pose(1))
    buffer.put("map", "base", 2 * S, pose(2))
    buffer.put("island", "other", S, pose(3))
    with pytest.raises(TransformError) as caught:
        buffer.lookup(target, source, stamp)
    assert caught.value.reason == reason


def test_it_is_bounded_and_begins_anew_when_the_clock_is_set_back() -> None:
    buffer = TransformBuffer(keep_s=1.0, limit=50)
    for k in range(1000):
        buffer.put("map", "base", 100 * S + k * S // 100, pose(k))
    assert buffer.newest("base")[1] == 100 * S + 999 * S // 100
    with pytest.raises(TransformError):
        buffer.lookup("map", "base", 100 * S)
    for k in range(2):  # one late message is late; several in a row are a clock that was set back
        with pytest.raises(TransformError, match="late"):
            buffer.put("map", "base", (1 + k) * S, pose(5))
    assert buffer.newest("base")[1] == 100 * S + 999 * S // 100
    buffer.put("map", "base", 3 * S, pose(7))
    assert np.allclose(buffer.lookup("map", "base", 3 * S), pose(7))


def test_a_first_stamp_below_zero_is_taken_like_any_other() -> None:
    tf = TransformBuffer()
    tf.put("map", "camera", -1_929_379_839 * S, np.eye(4))
    assert tf.newest("camera") is not None


def test_a_frame_is_not_its_own_parent_and_a_loop_ends() -> None:
    buffer = TransformBuffer()
    with pytest.raises(TransformError, match="no link"):
        buffer.put("base", "/base", 0, np.eye(4))
    buffer.put("a", "b", 0, np.eye(4))
    buffer.put("b", "a", 0, np.eye(4))
    with pytest.raises(TransformError):
        buffer.lookup("map", "a", 0)


def test_the_latest_common_time_is_that_of_the_slowest_link_between() -> None:
    buffer = TransformBuffer()
    for k in range(4):
        buffer.put("map", "odom", k * S, pose2d(0, 0, 0))  # a localiser, once a second, and postdated
    for k in range(21):
        buffer.put("odom", "base", k * S // 10, pose2d(k / 10, 0, 0))
    buffer.put("base", "camera", 0, pose2d(0, 0, 0, 1.0), static=True)
    assert buffer.latest("map", "base")[0] == 2 * S
    stamp, T = buffer.latest("odom", "camera")
    assert stamp == 2 * S and T[:3, 3] == pytest.approx((2.0, 0, 1.0))
    assert buffer.latest("camera", "base")[0] == 0  # nothing between them moves
    with pytest.raises(TransformError, match="nothing was ever said"):
        buffer.latest("map", "gripper")


def test_stamps_before_time_and_made_up_frames_do_no_harm() -> None:
    """A link whose first stamp was below zero crashed the buffer (found by the fuzzer, case 3397)."""
    buffer = TransformBuffer()
    buffer.put("map", "base", -5, np.eye(4))
    buffer.put("map", "base", S, np.eye(4))
    assert np.allclose(buffer.lookup("map", "base", S), np.eye(4))
    with pytest.raises(TransformError, match="make up names"):
        for k in range(3000):
            buffer.put("map", f"frame {k}", S, np.eye(4))
    buffer.put("map", "base", 2 * S, pose(1))  # what was known goes on
    assert np.allclose(buffer.lookup("map", "base", 2 * S), pose(1))
