"""Things no detector names: planes out, what stands on them in, as unlabelled segments of one image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from robomem.errors import MissingDependencyError
from robomem.perception.frame import RgbdFrame
from robomem.types import Detections

Bool = NDArray[np.bool_]

WORK_WIDTH = 320  # pixels across at which segments are found; larger images are read on a grid
MAX_PLANES = 5
PLANE_SHARE = 0.07  # of the cloud that a plane must hold to be floor, wall, table or counter
RANSAC_ROUNDS = 150
FAR_M = 4.0
MIN_PIXELS = 60  # of the working grid
SIZE_M = (0.03, 1.2)  # smallest and largest extent of a segment's diagonal worth reporting


def segment(frame: RgbdFrame, max_segments: int = 20, sigma_z_at_1m: float = 0.0025, seed: int = 0) -> Detections:
    """Class-agnostic segments: remove the large planes, split what is left where depth jumps.

    Args:
        frame: RGB-D image; the pose is not used.
        max_segments: the largest are kept.
        sigma_z_at_1m: depth noise, m, growing with z squared.
        seed: of the plane search; the same frame gives the same segments.

    Returns:
        Detections with label "", score 0.5 and masks at image resolution, largest first.

    Raises:
        MissingDependencyError: Open3D is not installed.

    Cost: 20 to 50 ms of CPU, at 320x240 and at 640x480 alike (more planes, more time).
    """
    step = max(1, round(frame.intrinsics.width / WORK_WIDTH))
    depth = frame.depth_m[::step, ::step]
    points = camera_points(frame, step)
    left = (depth > 0) & (depth < FAR_M) & ~_on_planes(points, depth, sigma_z_at_1m, seed)
    labels, n = _split(left, depth, sigma_z_at_1m)
    if n == 0:
        return Detections.empty()
    counts = np.bincount(labels.ravel(), minlength=n + 1)
    counts[0] = 0
    masks = []
    for i in np.argsort(-counts, kind="stable"):
        if counts[i] < MIN_PIXELS or len(masks) == max_segments:
            break
        mask = labels == i
        diagonal = float(np.linalg.norm(np.ptp(points[mask], axis=0)))
        if SIZE_M[0] < diagonal < SIZE_M[1]:
            masks.append(mask)
    return _as_detections(masks, frame.depth_m.shape, step)


def camera_points(frame: RgbdFrame, step: int) -> NDArray[np.float32]:
    """Points Float32[h // step, w // step, 3], camera frame, m, of every `step`-th pixel; (0, 0, 0) where nothing was measured."""
    k, z = frame.intrinsics, frame.depth_m[::step, ::step]
    x = ((np.arange(z.shape[1]) * step - k.cx) / k.fx).astype(np.float32)
    y = ((np.arange(z.shape[0]) * step - k.cy) / k.fy).astype(np.float32)
    return np.stack([x[None, :] * z, y[:, None] * z, z], axis=-1)


@lru_cache(maxsize=1)
def _open3d() -> Any:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"segment needs Open3D and its system libraries ({error}): pip install 'robomem[perception]'; "
            "apt-get install libusb-1.0-0 libgl1 libgomp1"
        ) from error
    return open3d


def _on_planes(points: NDArray[np.float32], depth: NDArray[np.float32], sigma_z_at_1m: float, seed: int) -> Bool:
    """Pixels Bool[h, w] on the large planes, found one after the other by RANSAC in a thinned cloud."""
    o3d = _open3d()
    o3d.utility.random.seed(seed)  # Open3D draws from one global generator
    rest = points[::4, ::4].reshape(-1, 3).astype(np.float64)
    rest = rest[(rest[:, 2] > 0) & (rest[:, 2] < FAR_M)]
    out, least = np.zeros(depth.shape, bool), max(60, PLANE_SHARE * len(rest))
    tolerance = 0.008 + 2.0 * sigma_z_at_1m * depth * depth
    for _ in range(MAX_PLANES):
        if len(rest) < least:
            break
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(rest))
        # Probability 1: every round is tried. Stopping early would depend on which thread came first, and results would not repeat.
        plane, inliers = cloud.segment_plane(0.02, 3, RANSAC_ROUNDS, 1.0)
        if len(inliers) < least:
            break
        plane = _refined(rest[inliers], plane)
        out |= np.abs(points @ plane[:3].astype(np.float32) + np.float32(plane[3])) < tolerance
        near = np.abs(rest @ plane[:3] + plane[3]) < 0.02 + 2.0 * sigma_z_at_1m * rest[:, 2] ** 2
        rest = rest[~near]
    return out


def _refined(inliers: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Plane (a, b, c, d) through the inliers by least squares; three points alone leave it tilted by their noise."""
    middle = inliers.mean(axis=0)
    normal = np.linalg.eigh(np.cov((inliers - middle).T))[1][:, 0]
    normal *= np.sign(normal @ np.asarray(plane[:3])) or 1.0
    return np.append(normal, -normal @ middle)


def _split(left: Bool, depth: NDArray[np.float32], sigma_z_at_1m: float) -> tuple[NDArray[np.int32], int]:
    """Connected parts of `left` that no depth step runs through: Int32[h, w] labels 1..n, 0 elsewhere."""
    from scipy import ndimage

    cut = left.copy()
    limit = 0.03 + 4 * sigma_z_at_1m * depth * depth
    for axis in (0, 1):
        z, lim = (depth, limit) if axis == 0 else (depth.T, limit.T)
        target = cut if axis == 0 else cut.T
        step = z[1:] - z[:-1]
        target[1:] &= ~(step > lim[1:])  # the far side of a step gives way, so the nearer thing keeps its outline
        target[:-1] &= ~(step < -lim[:-1])
    labels, n = cast("tuple[NDArray[np.int32], int]", ndimage.label(ndimage.binary_opening(cut, np.ones((2, 2), bool))))
    return labels, n


def _as_detections(masks: list[Bool], shape: tuple[int, int], step: int) -> Detections:
    """Unlabelled rows, with masks brought back to image resolution."""
    if not masks:
        return Detections.empty()
    full = np.repeat(np.repeat(np.stack(masks), step, axis=1), step, axis=2)[:, : shape[0], : shape[1]]
    boxes = []
    for mask in masks:
        v, u = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes.append([u[0] * step, v[0] * step, min((u[-1] + 1) * step, shape[1]), min((v[-1] + 1) * step, shape[0])])
    return Detections(("",) * len(masks), np.full(len(masks), 0.5, np.float32), np.array(boxes, np.float32), full)
