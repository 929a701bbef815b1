"""Numba kernels of the fast camera: triangles into a z-buffer, one row span at a time.

A pixel (u, v) is the ray ((u - cx) / fx, (v - cy) / fy, 1); along it a plane n.p = d lies at 1 / z = (n.ray) / d, which is affine in u and
v. So a triangle is drawn by adding one constant per pixel and comparing, which is exact ray casting without a division.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

F, F32, U8, B = NDArray[np.float64], NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]
I32, I64 = NDArray[np.int32], NDArray[np.int64]

NEAR_M = 0.05  # as PyBullet's stage has it
_EPS = 1e-7  # px; two triangles that share an edge both take a pixel centre that lies on it
AMBIENT, DIFFUSE = 0.55, 0.45


@numba.njit(cache=True)
def _clip_near(corners: F, out: F) -> int:
    """Corners Float64[3, 3] (camera frame) clipped to z >= NEAR_M into `out` Float64[4, 3]; returns how many are left."""
    n = 0
    for i in range(3):
        j = (i + 1) % 3
        za, zb = corners[i, 2] - NEAR_M, corners[j, 2] - NEAR_M
        if za >= 0:
            out[n] = corners[i]
            n += 1
        if (za >= 0) != (zb >= 0):
            out[n] = corners[i] + (corners[j] - corners[i]) * (za / (za - zb))
            n += 1
    return n


@numba.njit(cache=True)
def _normal(p: F, out: F) -> None:
    """(p1 - p0) x (p2 - p0) of Float64[3, 3] into `out` Float64[3]; np.cross takes seconds to compile."""
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        out[a] = (p[1, b] - p[0, b]) * (p[2, c] - p[0, c]) - (p[1, c] - p[0, c]) * (p[2, b] - p[0, b])


@numba.njit(cache=True)
def _fill(u: F, v: F, n: int, plane: F, part: int, inverse_z: F, parts: I32) -> None:
    """Draw the convex polygon u, v (px, first n) whose 1 / z = plane[0] u + plane[1] v + plane[2]."""
    height, width = parts.shape
    top, bottom = v[0], v[0]
    for i in range(1, n):
        top, bottom = min(top, v[i]), max(bottom, v[i])
    for row in range(max(0, int(np.ceil(top - _EPS))), min(height - 1, int(np.floor(bottom + _EPS))) + 1):
        left, right = np.inf, -np.inf
        for i in range(n):
            j = (i + 1) % n
            va, vb = v[i], v[j]
            if min(va, vb) - _EPS <= row <= max(va, vb) + _EPS:
                if abs(vb - va) < 1e-12:
                    left, right = min(left, u[i], u[j]), max(right, u[i], u[j])
                else:
                    x = u[i] + (u[j] - u[i]) * min(1.0, max(0.0, (row - va) / (vb - va)))
                    left, right = min(left, x), max(right, x)
        if left > right:
            continue
        start, stop = int(np.ceil(max(0.0, left - _EPS))), int(np.floor(min(width - 1.0, right + _EPS)))
        inv = plane[0] * start + plane[1] * row + plane[2]
        for col in range(start, stop + 1):
            if inv > inverse_z[row, col]:
                inverse_z[row, col] = inv
                parts[row, col] = part
            inv += plane[0]


@numba.njit(cache=True)
def draw_triangles(
    corners: F, bodies: I64, poses: F, shown: B, T_camera_map: F, k: F, light: F, inverse_z: F, parts: I32, shade: F
) -> None:
    """Draw every triangle of the shown bodies.

    Args:
        corners: Float64[m, 3, 3] corner, xyz, in the frame of the triangle's body.  bodies: Int64[m] index of that body.
        poses: Float64[n, 5] x, y, z (m) and cosine, sine of the yaw of each body, map frame.  shown: Bool[n].
        k: Float64[4] fx, fy, cx, cy, px.  light: Float64[3] unit vector towards the light, map frame.
        inverse_z: Float64[h, w] 1 / z, 1/m; start it at 1 / far.  parts: Int32[h, w] triangle index; start it at -1.
        shade: Float64[m] brightness of each triangle that faces the camera (written).
    """
    height, width = parts.shape
    R, t = T_camera_map[:3, :3].copy(), T_camera_map[:3, 3].copy()
    world, cam, kept, plane = np.empty((3, 3)), np.empty((3, 3)), np.empty((4, 3)), np.empty(3)
    u, v, normal, up = np.empty(4), np.empty(4), np.empty(3), np.empty(3)
    for i in range(len(bodies)):
        b = bodies[i]
        if not shown[b]:
            continue
        x, y, z, c, s = poses[b]
        for j in range(3):
            p = corners[i, j]
            world[j, 0], world[j, 1], world[j, 2] = c * p[0] - s * p[1] + x, s * p[0] + c * p[1] + y, p[2] + z
            for a in range(3):
                cam[j, a] = R[a, 0] * world[j, 0] + R[a, 1] * world[j, 1] + R[a, 2] * world[j, 2] + t[a]
        if max(cam[0, 2], cam[1, 2], cam[2, 2]) < NEAR_M:
            continue
        _normal(cam, normal)
        d = normal[0] * cam[0, 0] + normal[1] * cam[0, 1] + normal[2] * cam[0, 2]
        if d >= 0.0:  # it faces away
            continue
        n = _clip_near(cam, kept)
        for j in range(n):
            u[j] = kept[j, 0] / kept[j, 2] * k[0] + k[2]
            v[j] = kept[j, 1] / kept[j, 2] * k[1] + k[3]
        if u[:n].max() < 0 or v[:n].max() < 0 or u[:n].min() > width - 1 or v[:n].min() > height - 1:
            continue
        plane[0], plane[1] = normal[0] / (d * k[0]), normal[1] / (d * k[1])
        plane[2] = normal[2] / d - plane[0] * k[2] - plane[1] * k[3]
        _normal(world, up)
        shade[i] = AMBIENT + DIFFUSE * max(
            0.0, (up[0] * light[0] + up[1] * light[1] + up[2] * light[2]) / np.sqrt(up[0] ** 2 + up[1] ** 2 + up[2] ** 2)
        )
        _fill(u, v, n, plane, i, inverse_z, parts)


@numba.njit(cache=True)
def resolve(inverse_z: F, parts: I32, bodies: I64, colors: F, shade: F, depth: F32, body: I32, rgb: U8) -> None:
    """Turn the winning triangle of each pixel into depth Float32[h, w] (m), body Int32[h, w] (-1: nothing) and rgb UInt8[h, w, 3]."""
    for row in range(parts.shape[0]):
        for col in range(parts.shape[1]):
            i = parts[row, col]
            if i < 0:
                depth[row, col], body[row, col] = 0.0, -1
                rgb[row, col, 0], rgb[row, col, 1], rgb[row, col, 2] = 255, 255, 255
                continue
            depth[row, col], body[row, col] = 1.0 / inverse_z[row, col], bodies[i]
            for a in range(3):
                rgb[row, col, a] = np.uint8(min(255.0, 255.0 * colors[bodies[i], a] * shade[i]))


@numba.njit(cache=True)
def add_depth_noise(depth: F32, noise: F32, luck: F32, model: F32) -> F32:
    """Depth Float32[h, w] (m) as `camera.DepthNoise` would have it measured; 0 where nothing was.

    Args:
        noise: Float32[h, w] standard normal.  luck: Float32[h, w] uniform in 0..1.
        model: Float32[7] floor, slope, edge step, loss at edges, at grazing angles, anywhere, and range.
    """
    out = np.zeros_like(depth)
    floor, slope, edge_m, edge_loss, grazing_loss, random_loss, range_m = model
    for i in range(depth.shape[0]):
        for j in range(depth.shape[1]):
            z = depth[i, j]
            if z <= 0:
                continue
            step = np.float32(0.0)
            if j > 0:
                step = max(step, abs(z - depth[i, j - 1]))
            if i > 0:
                step = max(step, abs(z - depth[i - 1, j]))
            lost = random_loss
            if step > edge_m * max(z, np.float32(0.5)):
                lost += edge_loss
            elif step > np.float32(0.035) * max(z, np.float32(0.5)):
                lost += grazing_loss
            measured = z + noise[i, j] * (floor + slope * (z * z))
            if luck[i, j] >= lost and 0 < measured <= range_m:
                out[i, j] = measured
    return out
