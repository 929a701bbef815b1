"""Bodies of extended things that were taken for two: what both saw is one body, and the box is that of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.belief.extended import VoxelBody
from robomem.geometry import pose2d
from tests.fakes.plane_world import PlaneWorld, block
from tests.fakes.table_scene import Watcher


def _looks(n: int, x0: float, x1: float, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform((x0, 0.0, 0.44), (x1, 1.4, 0.46), (700, 3)) for _ in range(n)]


def test_two_bodies_are_as_one_that_saw_all_frames() -> None:
    left, right, whole = VoxelBody(), VoxelBody(), VoxelBody()
    for points in _looks(20, 0.0, 0.6, 1):
        left.add(points)
        whole.add(points)
    for points in _looks(5, 0.3, 2.0, 2):
        right.add(points)
        whole.add(points)
    left.merge(right)
    assert left.frames == 25 and np.array_equal(left.keys, whole.keys) and np.array_equal(left.counts, whole.counts)
    assert np.allclose(sorted(left.box(on_floor=True)[1][:2]), (1.4, 2.0), atol=0.12)
    assert right.frames == 5  # the other is left as it was


def test_a_body_from_before_a_map_correction_lands_where_it_is_now() -> None:
    left, right = VoxelBody(), VoxelBody()
    for points in _looks(8, 0.0, 1.0, 3):
        left.add(points)
    T = pose2d(0.5, -0.2, 0.3)
    for points in _looks(8, 1.0, 2.0, 4):
        right.add((points - T[:3, 3]) @ T[:3, :3])  # as it stood in the map before
    right.T_map_voxels = T
    left.merge(right)
    center, size, _ = left.box(on_floor=True, home_yaw=0.0)
    assert np.allclose(size[:2], (2.0, 1.4), atol=0.15) and np.allclose(center[:2], (1.0, 0.7), atol=0.06)


def test_nothing_seen_adds_nothing() -> None:
    body = VoxelBody()
    for points in _looks(3, 0.0, 1.0, 5):
        body.add(points)
    before = body.counts.copy()
    body.merge(VoxelBody())
    assert np.array_equal(body.counts, before) and body.frames == 3


@pytest.mark.parametrize("seed", range(3))
def test_a_bed_first_seen_as_a_sliver_is_whole_once_it_is_seen_whole(seed: int) -> None:
    w = Watcher(seed)
    w.around(PlaneWorld([block(2.0, 0.7, 0.3, 0.6, 0.5, "bed")]), (2.0, 0.7, 0.4), frames=18)
    first = w.one("bed")
    for _ in range(3):
        w.around(PlaneWorld([block(2.6, 0.0, 1.5, 2.0, 0.5, "bed")]), (2.6, 0.0, 0.4), frames=10)
    assert w.one("bed") == first
    assert np.allclose(w.tracker.view(first).size[:2], (1.5, 2.0), atol=0.25)
