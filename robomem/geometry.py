"""Rigid transforms, yaw boxes, quaternions (wxyz) and the pinhole camera.

Transforms read right to left and carry both frames: ``p_map = transform(T_map_camera, p_camera)``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.floating]


def transform(T: Float, points: ArrayLike) -> Float:
    """Apply a rigid transform.

    Args:
        T: Float64[4, 4] `T_a_b`.
        points: Float[..., 3] in frame b, m.

    Returns:
        Float64[..., 3] in frame a, m.
    """
    p = np.asarray(points, dtype=np.float64)
    return p @ T[:3, :3].T + T[:3, 3]


def inverse(T: Float) -> Float:
    """`T_b_a` from `T_a_b` (Float64[4, 4]), exact for rigid transforms."""
    out = np.eye(4)
    out[:3, :3] = T[:3, :3].T
    out[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return out


def is_rigid(T: Float, tolerance: float = 1e-3) -> bool:
    """True if `T` is a finite 4x4 with a right-handed orthonormal rotation."""
    T = np.asarray(T, dtype=np.float64)
    if T.shape != (4, 4):
        return False
    # In plain numbers: every image, transform and command passes here, and NumPy costs thirty times as much on sixteen of them.
    (a, b, c, x), (d, e, f, y), (g, h, i, z), last = T.tolist()
    if not math.isfinite(x + y + z) or max(abs(v - w) for v, w in zip(last, (0, 0, 0, 1), strict=True)) > 1e-6:
        return False
    lengths = (a * a + b * b + c * c - 1, d * d + e * e + f * f - 1, g * g + h * h + i * i - 1)
    across = (a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i)
    # Written so that NaN fails: R R^T = 1, and det R > 0 by the triple product of its rows.
    return all(abs(v) <= tolerance for v in (*lengths, *across)) and a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g) > 0


def wrap_angle(angle_rad: ArrayLike) -> Float:
    """Angle(s) in radians wrapped to [-pi, pi)."""
    return (np.asarray(angle_rad, dtype=np.float64) + np.pi) % (2 * np.pi) - np.pi


def pose2d(x: float, y: float, yaw_rad: float, z: float = 0.0) -> Float:
    """Float64[4, 4] of a planar pose (m, m, rad) at height z."""
    T = np.eye(4)
    T[:3, :3] = yaw_matrix(yaw_rad)
    T[:3, 3] = (x, y, z)
    return T


def yaw_matrix(yaw_rad: float) -> Float:
    """Float64[3, 3] rotation about +z (up)."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def look_at(eye: ArrayLike, target: ArrayLike) -> Float:
    """Optical camera pose `T_map_camera` (x right, y down, z forward) at `eye` looking at `target` (m, map frame, z up).

    Raises:
        ValueError: if eye and target coincide or the view is straight up or down.
    """
    eye, target = np.asarray(eye, float), np.asarray(target, float)
    forward = target - eye
    right = np.cross(forward, (0.0, 0.0, 1.0))
    if np.linalg.norm(forward) < 1e-9 or np.linalg.norm(right) < 1e-9:
        raise ValueError(f"look_at needs a target off the vertical through the eye, got eye {eye}, target {target}")
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


def quaternion_from_matrix(R: Float) -> Float:
    """Unit quaternion Float64[4] (w, x, y, z), w >= 0, of a rotation matrix Float64[3, 3]."""
    m = np.asarray(R, float)
    # Shepperd's method by the dominant diagonal, through the symmetric 4x4 (Bar-Itzhack 2000): stable everywhere.
    K = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    )
    _, vectors = np.linalg.eigh(K)
    q = vectors[:, -1]
    return q if q[0] >= 0 else -q


def matrix_from_quaternion(q: ArrayLike) -> Float:
    """Rotation Float64[3, 3] of a quaternion (w, x, y, z); normalised first.

    Raises:
        ValueError: if the norm is not near one.
    """
    w, x, y, z = np.asarray(q, float).tolist()  # plain numbers: a robot sends some hundred transforms a second
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if not 0.9 < norm < 1.1:
        raise ValueError(f"quaternion must have unit norm, got {norm:.4g}; is it (w, x, y, z)?")
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def slerp(a: Float, b: Float, share: float) -> Float:
    """The unit quaternion (wxyz) `share` of the way from a to b, along the shorter arc."""
    dot = float(a @ b)
    if dot < 0.0:
        b, dot = -b, -dot
    if dot > 0.9995:
        out = a + share * (b - a)
        return out / np.linalg.norm(out)
    angle = np.arccos(min(dot, 1.0))
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)


def between(a: Float, b: Float, share: float) -> Float:
    """The rigid transform `share` of the way from a to b: translation linear, rotation slerp."""
    out = np.eye(4)
    out[:3, 3] = (1 - share) * a[:3, 3] + share * b[:3, 3]
    out[:3, :3] = matrix_from_quaternion(slerp(quaternion_from_matrix(a[:3, :3]), quaternion_from_matrix(b[:3, :3]), share))
    return out


def yaw_of(T: Float) -> float:
    """Heading (rad) of the x axis of a transform, projected on the ground."""
    return float(np.arctan2(T[1, 0], T[0, 0]))


def box_corners(center: ArrayLike, size: ArrayLike, yaw_rad: float) -> Float:
    """Float64[8, 3] corners (m) of a yaw box: `size` along its own x, y and up."""
    s = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    return np.asarray(center, float) + (s * np.asarray(size, float)) @ yaw_matrix(yaw_rad).T


def distance_to_box(points: ArrayLike, center: ArrayLike, size: ArrayLike, yaw_rad: float) -> Float:
    """Distance (m) from points Float[..., 3] to a yaw box, 0 inside."""
    local = (np.asarray(points, float) - np.asarray(center, float)) @ yaw_matrix(yaw_rad)
    outside = np.maximum(np.abs(local) - np.asarray(size, float) / 2, 0.0)
    return np.linalg.norm(outside, axis=-1)


def _clip(polygon: Float, a: Float, b: Float) -> Float:
    """Sutherland-Hodgman: keep what lies left of the line a -> b."""
    edge = b - a
    side = edge[0] * (polygon[:, 1] - a[1]) - edge[1] * (polygon[:, 0] - a[0])
    out: list[Float] = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if side[i] >= 0:
            out.append(polygon[i])
        if side[i] * side[j] < 0:
            out.append(polygon[i] + (polygon[j] - polygon[i]) * side[i] / (side[i] - side[j]))
    return np.array(out).reshape(-1, 2)


def footprint(center: ArrayLike, size: ArrayLike, yaw_rad: float) -> Float:
    """Float64[4, 2] ground corners (m) of a yaw box, counter-clockwise."""
    s = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return np.asarray(center, float)[:2] + (s * np.asarray(size, float)[:2]) @ yaw_matrix(yaw_rad)[:2, :2].T


def overlap_area(a: Float, b: Float) -> float:
    """Area (m^2) shared by two convex counter-clockwise polygons Float64[n, 2]."""
    polygon = a
    for i in range(len(b)):
        if len(polygon) < 3:
            return 0.0
        polygon = _clip(polygon, b[i], b[(i + 1) % len(b)])
    if len(polygon) < 3:
        return 0.0
    x, y = polygon[:, 0], polygon[:, 1]
    return float(0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def box_iou(center_a: ArrayLike, size_a: ArrayLike, yaw_a: float, center_b: ArrayLike, size_b: ArrayLike, yaw_b: float) -> float:
    """3-D intersection over union of two yaw boxes, 0 to 1."""
    ca, sa, cb, sb = (np.asarray(v, float) for v in (center_a, size_a, center_b, size_b))
    top = min(ca[2] + sa[2] / 2, cb[2] + sb[2] / 2)
    bottom = max(ca[2] - sa[2] / 2, cb[2] - sb[2] / 2)
    shared = max(0.0, top - bottom) * overlap_area(footprint(ca, sa, yaw_a), footprint(cb, sb, yaw_b))
    union = float(np.prod(sa) + np.prod(sb)) - shared
    return shared / union if union > 0 else 0.0
