"""Low-poly triangle meshes built from boxes and surfaces of revolution; no files, no textures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)


@dataclass(frozen=True)
class Mesh:
    """Triangles facing outwards: vertices Float64[n, 3] m, triangles Int64[m, 3]."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]

    def moved(self, offset: ArrayLike) -> Mesh:
        """The mesh shifted by `offset` (m)."""
        return Mesh(self.vertices + np.asarray(offset, float), self.triangles)

    def turned(self, R: NDArray[np.float64]) -> Mesh:
        """The mesh turned by a rotation matrix Float64[3, 3]."""
        return Mesh(self.vertices @ np.asarray(R).T, self.triangles)

    def scaled(self, factors: ArrayLike) -> Mesh:
        """The mesh stretched along x, y, z by positive factors."""
        return Mesh(self.vertices * np.asarray(factors, float), self.triangles)

    def flat(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Vertices and normals Float64[3 m, 3] with their own corner per triangle, and indices Int64[3 m]: flat shading."""
        corners = self.vertices[self.triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        return corners.reshape(-1, 3), np.repeat(normal, 3, axis=0), np.arange(3 * len(self.triangles))


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh holding all of them."""
    offsets = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]), np.concatenate([m.triangles + o for m, o in zip(meshes, offsets, strict=True)])
    )


def box(center: ArrayLike, size: ArrayLike) -> Mesh:
    """An axis-aligned box (12 triangles) of `size` (m) about `center` (m)."""
    return Mesh(_CUBE * np.asarray(size, float) + np.asarray(center, float), _CUBE_FACES)


def lathe(profile: Sequence[tuple[float, float]], segments: int = 10) -> Mesh:
    """Surface of revolution about z.

    Args:
        profile: (radius, z) pairs in m, ordered so that the outside lies to the right when walking along it
            (upwards on an outer wall, downwards on an inner one); start and end at radius 0 to close it.
    """
    angles = np.arange(segments) * 2 * np.pi / segments
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vertices = np.concatenate([np.column_stack([ring * r, np.full(segments, z)]) for r, z in profile])
    triangles: list[tuple[int, int, int]] = []
    for i, ((r0, _), (r1, _)) in enumerate(itertools.pairwise(profile)):
        for k in range(segments):
            a, b = i * segments + k, i * segments + (k + 1) % segments
            c, d = a + segments, b + segments
            if r0 > 0:
                triangles.append((a, b, d))
            if r1 > 0:
                triangles.append((a, d, c))
    return Mesh(vertices, np.array(triangles))


def cylinder(radius_m: float, height_m: float, segments: int = 10) -> Mesh:
    """A closed cylinder standing on z = 0."""
    return lathe([(0, 0), (radius_m, 0), (radius_m, height_m), (0, height_m)], segments)


def ball(radius_m: float, segments: int = 10, rings: int = 6) -> Mesh:
    """A sphere about the origin with 2 * segments * (rings - 1) triangles."""
    turns = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    profile = [(float(radius_m * np.cos(t)) if 0 < i < rings else 0.0, float(radius_m * np.sin(t))) for i, t in enumerate(turns)]
    return lathe(profile, segments)


def silhouette_fill(mesh: Mesh, views: int = 3, cells: int = 40) -> float:
    """Mean share (0..1) of the convex hull of the mesh's outline that its image covers, seen from 25 degrees above."""
    shares = []
    for k in range(views):
        a, e = 0.4 + k * np.pi / views, np.radians(25)
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        up = np.array([np.cos(a) * np.sin(e), np.sin(a) * np.sin(e), np.cos(e)])
        flat = mesh.vertices @ np.stack([right, up], axis=1)
        low, span = flat.min(axis=0), float(np.ptp(flat, axis=0).max()) + 1e-9
        covered = _cover((flat - low) / span * cells, mesh.triangles, cells)
        shares.append(covered.sum() / max(1.0, hull_area((flat - low) / span * cells)))
    return float(np.clip(np.mean(shares), 0.05, 1.0))


def _cover(points: NDArray[np.float64], triangles: NDArray[np.int64], cells: int) -> NDArray[np.bool_]:
    """Bool[cells, cells]: cell centres that lie in any triangle."""
    grid = np.stack(np.meshgrid(np.arange(cells) + 0.5, np.arange(cells) + 0.5, indexing="ij"), axis=-1)
    out = np.zeros((cells, cells), bool)
    for a, b, c in points[triangles]:
        sides = [(q[0] - p[0]) * (grid[..., 1] - p[1]) - (q[1] - p[1]) * (grid[..., 0] - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        out |= np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0)
    return out


_DIRECTIONS = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)])


def hull_area(points: NDArray[np.float64]) -> float:
    """Area of the convex hull of Float64[n, 2], from its extreme points in 24 directions (at most 2 % too small)."""
    corners = points[np.argmax(points @ _DIRECTIONS, axis=0)]
    x, y = corners[:, 0], corners[:, 1]
    return float(0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
