"""What no detector names: segments above planes, and the cleaning and cutting they share with lifting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.perception import cloud, foreground, shape
from robomem.perception.lifting import Lifter
from robomem.perception.segmentation import segment
from tests.perception.scenes import QVGA, VGA, Scene, Solid, on_table

SOLIDS = (
    on_table("cylinder", (0.08, 0.08, 0.12), xy=(-0.3, 0.2)),
    on_table("box", (0.2, 0.1, 0.25), xy=(0.1, -0.25), yaw=0.4),
    on_table("sphere", (0.2, 0.2, 0.2), xy=(0.3, 0.25)),
)


@pytest.mark.parametrize("k", [QVGA, VGA], ids=["320", "640"])
def test_things_on_a_table_become_segments(k):
    frame, ids = Scene(SOLIDS).render((1.5, 0.1, 1.5), (0, 0, 0.75), k, sigma=0.002)
    found = segment(frame)
    assert set(found.labels) == {""}
    assert found.masks.shape == (len(found), k.height, k.width)
    for i in range(len(SOLIDS)):
        truth = ids == i
        iou = max((truth & m).sum() / (truth | m).sum() for m in found.masks)
        assert iou > 0.6
    assert len(found) <= len(SOLIDS) + 4  # the table's edge and such
    seen = Lifter().lift(frame, found)
    for solid in SOLIDS:
        assert np.linalg.norm(seen.positions - np.array(solid.center), axis=1).min() < 0.05


def test_segments_repeat_and_are_limited():
    frame, _ = Scene(SOLIDS).render((1.5, 0.1, 1.5), (0, 0, 0.75), sigma=0.002)
    a, b = segment(frame), segment(frame)
    assert a.masks.tobytes() == b.masks.tobytes()
    assert len(segment(frame, max_segments=1)) == 1


def test_an_empty_room_has_none():
    wall = Solid("box", (-1.5, 0.0, 1.5), (0.1, 6.0, 3.0))
    frame, _ = Scene((wall,), table=None).render((1.0, 0.0, 1.4), (-1.0, 0.0, 0.6), sigma=0.001)
    assert len(segment(frame)) == 0


def test_cleaning_is_the_same_without_open3d():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(800, 3)) * (0.05, 0.05, 0.002), rng.uniform(-0.5, 0.5, (15, 3))])
    a, b = cloud.clean(points, 0.01), cloud.clean_without_open3d(points, 0.01)
    assert np.allclose(np.sort(a, axis=0), np.sort(b, axis=0))
    assert np.abs(a).max() < 0.3  # strays are gone
    assert len(cloud.clean(points[:5], 0.01)) == 5


@pytest.mark.parametrize(
    ("depths", "ends"),
    [
        ([1.0] * 10 + [3.0] * 10, (1.0, 1.0)),  # a thing before a wall
        ([1.0] * 2 + [3.0] * 18, (3.0, 3.0)),  # two stray pixels before a thing
        ([1.0, 1.04, 1.08, 1.12], (1.0, 1.12)),  # one slope
    ],
)
def test_depth_mode(depths, ends):
    z = np.array(depths)
    assert foreground.depth_mode(z, np.ones(len(z)), 0.05, 0.35) == pytest.approx(ends)


def test_support_is_where_the_ring_is_level():
    rng = np.random.default_rng(0)
    heights = np.concatenate([0.75 + rng.normal(size=300) * 0.002, rng.uniform(0, 2, 200)]).astype(np.float32)
    levels = foreground.support_heights(heights, np.ones(500, bool))
    assert levels[0] == pytest.approx(0.75, abs=0.005)
    assert foreground.support_heights(heights[:10], np.ones(10, bool)) == []


@given(st.floats(0.1, 1.0), st.floats(0.1, 1.0), st.floats(-3.0, 3.0), st.booleans())
def test_rectangle_finds_size_and_turn(a, b, yaw, two_sides):
    """From a filled rectangle, and from two of its sides, around which the long way is just as small."""
    t = np.linspace(-0.5, 0.5, 40)
    grid = np.stack(np.meshgrid(t, t), -1).reshape(-1, 2)
    local = np.concatenate([np.stack([t, 0 * t - 0.5], 1), np.stack([0 * t - 0.5, t], 1)]) if two_sides else grid
    c, s = np.cos(yaw), np.sin(yaw)
    center, size, found = shape.rectangle(local * (a, b) @ np.array([[c, s], [-s, c]]) + (3.0, -2.0))
    assert center == pytest.approx((3.0, -2.0), abs=0.04)
    assert sorted(size) == pytest.approx(sorted((a, b)), abs=0.06)
    assert -np.pi / 4 - 0.05 <= found <= np.pi / 4 + 0.05


@pytest.mark.parametrize(("kind", "low", "high"), [("cylinder", 0.8, 1.0), ("box", 0.0, 0.25)])
def test_roundness_tells_a_can_from_a_box(kind, low, high):
    frame, ids = Scene((on_table(kind, (0.1, 0.1, 0.15)),)).render((1.0, 0, 1.0), (0, 0, 0.8), VGA, sigma=0.002)
    v, u = np.nonzero(ids == 0)
    z = frame.depth_m[v, u].astype(float)
    points = np.stack([(u - VGA.cx) / VGA.fx * z, -(v - VGA.cy) / VGA.fy * z, z], axis=1)
    assert low <= shape.roundness(points[:, 2], points[:, 0], points[:, 1], 0.1, 0.002) <= high
