"""A ray caster for tests: spheres, cylinders and boxes on a table, seen by a pinhole camera with depth noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from robomem.geometry import inverse, look_at, transform, yaw_matrix
from robomem.perception.frame import Intrinsics, RgbdFrame

QVGA = Intrinsics(277.0, 277.0, 159.5, 119.5, 320, 240)
VGA = Intrinsics(554.0, 554.0, 319.5, 239.5, 640, 480)
TABLE_Z = 0.75


@dataclass(frozen=True)
class Solid:
    """kind "box", "cylinder" or "sphere"; centre and full size (m), yaw (rad), colour."""

    kind: str
    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float = 0.0
    rgb: tuple[int, int, int] = (200, 30, 30)


def on_table(kind: str, size: tuple[float, float, float], xy=(0.0, 0.0), yaw=0.0, rgb=(200, 30, 30)) -> Solid:
    return Solid(kind, (xy[0], xy[1], TABLE_Z + size[2] / 2), size, yaw, rgb)


@dataclass(frozen=True)
class Scene:
    """Solids plus floor (z = 0); the table is a solid, too."""

    solids: tuple[Solid, ...]
    table: Solid | None = field(default_factory=lambda: Solid("box", (0.0, 0.0, TABLE_Z - 0.02), (1.4, 1.0, 0.04), 0.0, (150, 110, 70)))

    def render(self, eye, target, k: Intrinsics = QVGA, sigma=0.0, seed=0, stamp_ns=0):
        """Frame and Int[h, w] of solid indices (-1 none; the table is len(solids))."""
        T = look_at(eye, target)
        v, u = np.mgrid[: k.height, : k.width]
        rays = np.stack([(u - k.cx) / k.fx, (v - k.cy) / k.fy, np.ones(u.shape)], axis=-1) @ T[:3, :3].T
        depth = np.where(rays[..., 2] < -1e-6, -eye[2] / np.minimum(rays[..., 2], -1e-6), np.inf)  # floor; ray length is depth (z = 1)
        ids, rgb = np.full(depth.shape, -1), np.full((*depth.shape, 3), 120, np.uint8)
        for i, solid in enumerate(self.solids + ((self.table,) if self.table else ())):
            t = hit(solid, np.asarray(eye, float), rays)
            nearer = t < depth
            depth, ids = np.where(nearer, t, depth), np.where(nearer, i, ids)
            rgb[nearer] = solid.rgb
        depth = np.where(depth < 8.0, depth, 0.0)
        noise = np.random.default_rng(seed).normal(size=depth.shape) * sigma * depth**2
        return RgbdFrame(stamp_ns, rgb, (depth + np.where(depth > 0, noise, 0)).astype(np.float32), k, T), ids


def hit(solid: Solid, eye, rays):
    """Ray parameter of the first hit, inf where there is none."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = yaw_matrix(solid.yaw), solid.center
    o = transform(inverse(T), eye) / (np.array(solid.size) / 2)  # in the solid's unit frame
    d = rays @ T[:3, :3] / (np.array(solid.size) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        if solid.kind == "box":
            return slabs(o, d)
        n = 3 if solid.kind == "sphere" else 2
        a, b, c = (d[..., :n] ** 2).sum(-1), (o[:n] * d[..., :n]).sum(-1), (o[:n] ** 2).sum() - 1
        root = b * b - a * c
        t = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
        if solid.kind == "sphere":
            return np.where(t > 0, t, np.inf)
        side = np.where((t > 0) & (np.abs(o[2] + t * d[..., 2]) <= 1), t, np.inf)
        cap = (np.sign(o[2]) - o[2]) / d[..., 2]
        flat = np.where((cap > 0) & (((o[:2] + cap[..., None] * d[..., :2]) ** 2).sum(-1) <= 1), cap, np.inf)
        return np.fmin(side, np.where(abs(o[2]) > 1, flat, np.inf))


def slabs(o, d):
    a, b = (-1 - o) / d, (1 - o) / d
    near, far = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
    return np.where((near <= far) & (near > 0), near, np.inf)


def box_of(mask):
    """Float32[4] left, top, right, bottom around a mask."""
    v, u = np.nonzero(mask)
    return np.float32([u.min(), v.min(), u.max() + 1, v.max() + 1])
