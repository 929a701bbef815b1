"""Recorded folders: frames in a level map frame, damage counted, depth moved onto the colour pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from robomem.errors import InvalidInputError
from robomem.geometry import inverse, is_rigid, transform
from robomem.perception import registration, upright
from robomem.perception.sequence import RgbdSequence
from tests.perception.kitchen import KITCHEN, needs_kitchen
from tests.perception.scenes import QVGA, TABLE_Z, Scene, on_table

# A world whose axes are somebody else's: y down and tilted by 20 degrees, as a handheld recording starts.
TILT = np.eye(4)
TILT[:3, :3] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) @ np.array(
    [[1, 0, 0], [0, np.cos(0.35), -np.sin(0.35)], [0, np.sin(0.35), np.cos(0.35)]]
)
TILT[:3, 3] = (0.3, -0.2, 0.1)
CUP = on_table("cylinder", (0.09, 0.09, 0.12))


def write(folder, index, frame, T_world_map=TILT, depth_mm=None):
    """One frame in the recorder's own format, its pose in the tilted world."""
    Image.fromarray(frame.rgb).save(folder / f"frame-{index:06d}.color.png")
    mm = np.where(frame.depth_m > 0, np.rint(frame.depth_m * 1000), 65535).astype(np.uint16) if depth_mm is None else depth_mm
    Image.fromarray(mm).save(folder / f"frame-{index:06d}.depth.png")
    np.savetxt(folder / f"frame-{index:06d}.pose.txt", T_world_map @ frame.T_map_camera, fmt="%.7e")


@pytest.fixture
def folder(tmp_path):
    """Five views of a cup on a table over a floor."""
    k = QVGA
    np.savetxt(tmp_path / "camera-intrinsics.txt", [[k.fx, 0, k.cx], [0, k.fy, k.cy], [0, 0, 1]])
    for i in range(5):
        a = i * 0.5
        frame, _ = Scene((CUP,)).render((1.7 * np.cos(a), 1.7 * np.sin(a), 1.4), (0, 0, 0.6), sigma=0.001, seed=i)
        write(tmp_path, i * 3, frame)
    return tmp_path


def test_frames_come_level_with_the_floor_at_zero(folder):
    frames = list(sequence := RgbdSequence(folder))
    assert len(frames) == len(sequence) == 5
    assert [f.stamp_ns for f in frames] == [round(i * 1e9 / 30) for i in (0, 3, 6, 9, 12)]
    assert is_rigid(sequence.T_map_world)
    up_in_world = TILT[:3, :3] @ (0, 0, 1)
    assert np.degrees(np.arccos(sequence.T_map_world[2, :3] @ up_in_world)) < 1.0
    table = sequence.to_map(transform(TILT, (0.0, 0.0, TABLE_Z)))
    assert table[2] == pytest.approx(TABLE_Z, abs=0.03)
    assert not sequence.rejected


def test_world_and_map_are_inverse(folder):
    sequence, p = RgbdSequence(folder), np.array([[0.1, 0.2, 0.3], [1, 2, 3]])
    assert np.allclose(sequence.to_map(sequence.to_world(p)), p)


@pytest.mark.parametrize("axis", list(upright.AXES))
def test_a_named_axis_is_taken_at_its_word(folder, axis):
    sequence = RgbdSequence(folder, up=axis)
    assert np.allclose(sequence.T_map_world[:3, :3] @ upright.AXES[axis], (0, 0, 1))


def test_registered_depth_stays_as_it_is(folder):
    sequence = RgbdSequence(folder)
    assert not sequence.registration.needed
    assert next(iter(sequence)).intrinsics == QVGA


DAMAGE = {
    "missing file": lambda d: (d / "frame-000003.depth.png").unlink(),
    "truncated file": lambda d: (d / "frame-000003.pose.txt").write_text("1 0 0 0 0 1", "utf-8"),
    "unreadable file": lambda d: (d / "frame-000003.color.png").write_bytes((d / "frame-000003.color.png").read_bytes()[:300]),
    "pose with NaN": lambda d: np.savetxt(d / "frame-000003.pose.txt", np.full((4, 4), np.nan)),
    "pose not rigid": lambda d: np.savetxt(d / "frame-000003.pose.txt", np.diag([2.0, 1, 1, 1])),
    "size mismatch": lambda d: Image.fromarray(np.full((48, 64), 900, np.uint16)).save(d / "frame-000003.depth.png"),
    "not a depth image": lambda d: Image.fromarray(np.zeros((240, 320, 3), np.uint8)).save(d / "frame-000003.depth.png"),
    "no depth": lambda d: Image.fromarray(np.full((240, 320), 65535, np.uint16)).save(d / "frame-000003.depth.png"),
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_damage_is_counted_and_passed_over(folder, reason):
    DAMAGE[reason](folder)
    frames = list(sequence := RgbdSequence(folder, camera="head"))
    assert len(frames) == 4
    assert sequence.rejected == {reason: 1}
    assert sequence.rejections[0][0] == 3
    assert sequence.rejections[0][1].startswith("head: ")
    list(sequence)
    assert sequence.rejected == {reason: 1}  # of one pass, not of all


def test_garbage_text_pose_is_unreadable(folder):
    (folder / "frame-000003.pose.txt").write_text("not numbers", "utf-8")
    sequence = RgbdSequence(folder)
    with pytest.raises(InvalidInputError, match="unreadable"):
        sequence.read(3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d / "nowhere", "no recording"),
        (lambda d: (d / "sub").mkdir() or d / "sub", "holds no frame"),
        (lambda d: (d / "camera-intrinsics.txt").unlink() or d, "camera-intrinsics"),
        (lambda d: [p.unlink() for p in d.glob("*.pose.txt")] and d, "no readable pose"),
    ],
)
def test_a_folder_that_is_no_recording_says_why(folder, change, words):
    with pytest.raises(InvalidInputError, match=words):
        RgbdSequence(change(folder))


@pytest.mark.parametrize("options", [{"up": "w"}, {"fps": 0.0}])
def test_wrong_options(folder, options):
    with pytest.raises(InvalidInputError):
        RgbdSequence(folder, **options)


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 0.1))
def test_rotation_to_z_is_rigid_and_right(v):
    up = np.array(v) / np.linalg.norm(v)
    T = upright.rotation_to_z(up)
    assert is_rigid(T)
    assert np.allclose(T[:3, :3] @ up, (0, 0, 1))


def test_level_needs_agreement():
    up = np.array([0.0, 0.0, 1.0])
    scattered = np.random.default_rng(0).normal(size=(3000, 3))
    scattered /= np.linalg.norm(scattered, axis=1, keepdims=True)
    assert upright.level(up, scattered[scattered[:, 2] < 0.5]) is up
    tilted = np.array([np.sin(0.3), 0, np.cos(0.3)])
    found = upright.level(up, np.concatenate([scattered, np.tile(tilted, (1500, 1))]))
    assert np.degrees(np.arccos(found @ tilted)) < 1.0


@pytest.mark.parametrize(("heights", "floor"), [([0.02] * 500 + [0.75] * 2000, 0.02), ([0.75] * 100, None), ([], None)])
def test_lowest_level(heights, floor):
    noise = np.random.default_rng(1).normal(size=len(heights)) * 0.005
    got = upright.lowest_level(np.array(heights) + noise)
    assert got is None if floor is None else got == pytest.approx(floor, abs=0.01)


def unregistered(scale, disparity):
    """Frames of textured boxes whose colour camera is not the depth camera."""
    rng, pairs = np.random.default_rng(0), []
    K = np.array([[QVGA.fx, 0, QVGA.cx], [0, QVGA.fy, QVGA.cy], [0, 0, 1]])
    things = tuple(
        on_table("box", (0.1, 0.1, h), xy=xy, yaw=y, rgb=tuple(rng.integers(150, 255, 3)))
        for xy, h, y in (((-0.4, -0.3), 0.3, 0.2), ((0.0, 0.2), 0.2, 0.7), ((0.4, -0.1), 0.4, 0.1), ((-0.1, -0.4), 0.25, 1.0))
    )
    for a in np.arange(8) * 0.8:
        depth_frame, _ = Scene(things).render((1.6 * np.cos(a), 1.6 * np.sin(a), 1.3), (0, 0, 0.8))
        true = registration.Registration(scale, disparity)
        T = depth_frame.T_map_camera @ true.T_depth_color(K)
        k = true.intrinsics(K, QVGA.width, QVGA.height)
        rgb = Scene(things).render(tuple(T[:3, 3]), tuple(T[:3, 3] + T[:3, 2]), k)[0].rgb
        pairs.append((rgb, depth_frame.depth_m))
    return pairs, K


def test_a_misfit_is_measured_and_mended():
    pairs, K = unregistered(0.9, -7.0)
    found = registration.estimate(pairs, K)
    assert found.needed
    z, u = 1.6, np.array([40.0, 160.0, 280.0])
    shift = K[0, 2] + found.scale * (u - K[0, 2]) + found.disparity_px_m / z + found.shift_u
    truth = K[0, 2] + 0.9 * (u - K[0, 2]) - 7.0 / z
    assert np.abs(shift - truth).max() < 3.0  # it was up to 16 pixels off
    moved = found.apply(pairs[0][1], K)
    assert moved.shape == pairs[0][1].shape
    assert np.count_nonzero(moved) > 0.7 * np.count_nonzero(pairs[0][1])


def test_no_misfit_is_invented():
    pairs, K = unregistered(1.0, 0.0)
    assert not registration.estimate(pairs, K).needed
    assert not registration.estimate([], K).needed


def test_warp_keeps_the_nearer_surface():
    depth = np.zeros((4, 8), np.float32)
    depth[1, 2], depth[1, 4] = 2.0, 1.0
    moved = registration.Registration(disparity_px_m=-2.0 / 1.0).apply(depth, np.array([[100, 0, 4], [0, 100, 2], [0, 0, 1]], float))
    assert moved[1, 2] == 1.0  # the near one moved two pixels left
    assert moved[1, 1] == 2.0  # the far one one pixel
    assert np.count_nonzero(moved) == 2


@needs_kitchen
def test_the_kitchen_is_level_and_registered():
    sequence = RgbdSequence(KITCHEN)
    assert len(sequence) == 100
    assert np.degrees(np.arccos(-sequence.T_map_world[2, 1])) == pytest.approx(27, abs=2)  # how far its world is tilted
    assert sequence.registration.scale == pytest.approx(525 / 585, abs=0.015)  # Kinect: colour over depth focal length
    assert sequence.registration.disparity_px_m == pytest.approx(-0.0256 * 525, abs=6)
    heights = [sequence.read(i).T_map_camera[2, 3] for i in sequence.indices[::20]]
    assert min(heights) > 1.0  # a person held it
    assert max(heights) < 1.9
    assert np.allclose(inverse(sequence.T_map_world) @ sequence.T_map_world, np.eye(4))
