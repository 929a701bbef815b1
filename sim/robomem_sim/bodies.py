"""Bodies: what PyBullet draws. Each entity is drawn as a few one-coloured bodies; simulator ids stay in this file."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robomem.errors import MissingDependencyError
from robomem.geometry import inverse, yaw_matrix
from robomem.perception.frame import Intrinsics
from robomem_sim.assets import COLORS, Shape, object_model
from robomem_sim.furniture import Leaf
from robomem_sim.home import WALL_HEIGHT_M, WALL_THICKNESS_M, Home
from robomem_sim.keyed import keyed_generator
from robomem_sim.meshes import Mesh, box, merge

Rgb = tuple[float, float, float]
_WALL_TINT: Rgb = (0.88, 0.86, 0.80)
_FLOOR_TINTS: tuple[Rgb, ...] = ((0.60, 0.50, 0.40), (0.56, 0.54, 0.50), (0.66, 0.56, 0.44), (0.52, 0.48, 0.44), (0.62, 0.62, 0.60))
NEAR_M = 0.05  # nothing nearer to the camera is drawn
STRUCTURE = ""  # entity name of walls and floors


@dataclass(frozen=True)
class BodySpec:
    """One body: its entity ("" for walls and floors), mesh in the entity's frame, colour, and its door or drawer (-1: none)."""

    entity: str
    mesh: Mesh
    color: Rgb
    leaf: int = -1
    wall: bool = False


def structure_specs(home: Home) -> list[BodySpec]:
    """Walls and floors, in the map frame."""
    out = []
    for wall in home.walls:
        mesh = box((*wall.center, WALL_HEIGHT_M / 2), (*wall.size, WALL_HEIGHT_M))
        out.append(BodySpec(STRUCTURE, mesh, _WALL_TINT, wall=True))
    pad = WALL_THICKNESS_M / 2
    for i, room in enumerate(home.rooms):
        slab = box(
            ((room.x0 + room.x1) / 2, (room.y0 + room.y1) / 2, -0.01), (room.x1 - room.x0 + 2 * pad, room.y1 - room.y0 + 2 * pad, 0.02)
        )
        top = Mesh(slab.vertices, _upward(slab))
        out.append(BodySpec(STRUCTURE, top, _FLOOR_TINTS[i % len(_FLOOR_TINTS)]))
    return out


def _upward(mesh: Mesh) -> NDArray[np.int64]:
    """The triangles of a mesh that face up."""
    c = mesh.vertices[mesh.triangles]
    normal = np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
    return mesh.triangles[normal[:, 2] > 1e-9]


def furniture_specs(home: Home) -> list[BodySpec]:
    """Furniture, one body per colour and door or drawer."""
    out = []
    for item in home.furniture:
        groups: dict[tuple[Rgb, int], list[Mesh]] = {}
        for block in item.model.blocks:
            groups.setdefault((block.color, block.leaf), []).append(box(block.center, block.size))
        out += [BodySpec(item.name, merge(meshes), color, leaf) for (color, leaf), meshes in groups.items()]
    return out


def shape_specs(entity: str, shape: Shape, color: str) -> list[BodySpec]:
    """An object's or person's parts."""
    return [BodySpec(entity, mesh, COLORS[color if slot == "main" else slot]) for mesh, slot in shape]


def object_specs(home: Home) -> list[BodySpec]:
    """All small objects."""
    return [spec for item in home.objects for spec in shape_specs(item.name, list(object_model(item.label).parts), item.color)]


class Renderer(Protocol):
    """What a world needs of whatever draws it: `Stage` (PyBullet) and `fast_stage.FastStage` (numba).

    Attributes:
        specs: the bodies.
        low, high: Float64[n, 2] rectangle around each body's footprint, map frame, m.
    """

    specs: list[BodySpec]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def add(self, specs: list[BodySpec]) -> None:
        """More bodies, at the origin."""
        ...

    def pose(self, index: int, xyz: NDArray[np.float64], yaw_rad: float) -> None:
        """Put a body's frame at a map pose."""
        ...

    def show(self, mask: NDArray[np.bool_]) -> None:
        """Draw only the bodies of Bool[n]."""
        ...

    def draw(
        self, T_map_camera: NDArray[np.float64], k: Intrinsics, far_m: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
        """Draw what is shown: rgb UInt8[h, w, 3], depth Float32[h, w] m (0: nothing), index into `specs` Int32[h, w] (-1: nothing)."""
        ...

    def close(self) -> None:
        """Free what was taken."""
        ...


class Stage:
    """A PyBullet DIRECT client that only draws.

    Attributes:
        specs: what was loaded, in an order that does not depend on `id_salt`.
        low, high: Float64[n, 2] rectangle around each body's footprint, map frame, m.

    Args:
        id_salt: changes the order of creation and adds empty bodies, so that simulator ids differ and nothing else.
    """

    def __init__(self, specs: list[BodySpec], id_salt: int = 0) -> None:
        self._bullet = load_bullet()
        self._client: int = self._bullet.connect(self._bullet.DIRECT)
        self.specs: list[BodySpec] = []
        self._ids: list[int] = []
        self.low, self.high = np.zeros((0, 2)), np.zeros((0, 2))
        self._shown = np.zeros(0, bool)
        self._salt = keyed_generator("id salt", id_salt)
        self._salted = id_salt != 0
        self.add(specs)

    @property
    def simulator_ids(self) -> tuple[int, ...]:
        """PyBullet's ids of the bodies; for tests that show that nothing depends on them."""
        return tuple(self._ids)

    @property
    def shown(self) -> int:
        """How many bodies are drawn now."""
        return int(self._shown.sum())

    def add(self, specs: list[BodySpec]) -> None:
        """Load more bodies at the origin."""
        order = self._salt.permutation(len(specs)) if self._salted else np.arange(len(specs))
        ids = [-1] * len(specs)
        for k in order:
            for _ in range(int(self._salt.integers(0, 3)) if self._salted else 0):
                self._bullet.createMultiBody(0.0, -1, -1, physicsClientId=self._client)
            ids[k] = self._create(specs[k])
        self.specs += specs
        self._ids += ids
        self.low = np.concatenate([self.low, np.array([s.mesh.vertices.min(axis=0)[:2] for s in specs]).reshape(-1, 2)])
        self.high = np.concatenate([self.high, np.array([s.mesh.vertices.max(axis=0)[:2] for s in specs]).reshape(-1, 2)])
        self._shown = np.concatenate([self._shown, np.ones(len(specs), bool)])

    def _create(self, spec: BodySpec) -> int:
        vertices, normals, indices = spec.mesh.flat()
        shape = self._bullet.createVisualShape(
            self._bullet.GEOM_MESH,
            vertices=vertices.tolist(),
            indices=indices.tolist(),
            normals=normals.tolist(),
            uvs=np.zeros((len(vertices), 2)).tolist(),
            rgbaColor=(*spec.color, 1.0),
            specularColor=(0, 0, 0),
            physicsClientId=self._client,
        )
        return int(self._bullet.createMultiBody(0.0, -1, shape, physicsClientId=self._client))

    def pose(self, index: int, xyz: NDArray[np.float64], yaw_rad: float) -> None:
        """Put a body's frame at a map pose."""
        half = yaw_rad / 2
        self._bullet.resetBasePositionAndOrientation(
            self._ids[index], xyz.tolist(), (0.0, 0.0, float(np.sin(half)), float(np.cos(half))), physicsClientId=self._client
        )
        corners = self.specs[index].mesh.vertices[:, :2] @ yaw_matrix(yaw_rad)[:2, :2].T + xyz[:2]
        self.low[index], self.high[index] = corners.min(axis=0), corners.max(axis=0)

    def show(self, mask: NDArray[np.bool_]) -> None:
        """Draw only the bodies of Bool[n]; TinyRenderer skips what is fully transparent."""
        for k in np.nonzero(mask != self._shown)[0]:
            self._bullet.changeVisualShape(self._ids[k], -1, rgbaColor=(*self.specs[k].color, float(mask[k])), physicsClientId=self._client)
        self._shown = mask.copy()

    def draw(
        self, T_map_camera: NDArray[np.float64], k: Intrinsics, far_m: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
        """Draw what is shown: rgb UInt8[h, w, 3], depth Float32[h, w] m (0: nothing), index into `specs` Int32[h, w] (-1: nothing)."""
        b, width, height = self._bullet, k.width, k.height
        view, projection = _gl_matrices(T_map_camera, k, far_m)
        _, _, rgba, z, ids = b.getCameraImage(
            width,
            height,
            view.T.ravel().tolist(),
            projection.T.ravel().tolist(),
            shadow=0,
            renderer=b.ER_TINY_RENDERER,
            lightDirection=(4, 3, 9),
            lightAmbientCoeff=0.55,
            lightDiffuseCoeff=0.45,
            lightSpecularCoeff=0.0,
            physicsClientId=self._client,
        )
        table = np.full(max(self._ids) + 2, -1, np.int32)
        table[self._ids] = np.arange(len(self._ids))
        pixels = np.asarray(ids).reshape(height, width)
        body = np.where(pixels >= 0, table[np.minimum(pixels, len(table) - 1)], -1)
        z = np.asarray(z, np.float32).reshape(height, width).astype(np.float64)
        depth = far_m * NEAR_M / (far_m - (far_m - NEAR_M) * z)
        depth[(body == -1) | (depth > far_m * 0.999)] = 0.0
        return np.asarray(rgba, np.uint8).reshape(height, width, 4)[..., :3].copy(), depth.astype(np.float32), body

    def close(self) -> None:
        """Disconnect."""
        if self._bullet.isConnected(self._client):
            self._bullet.disconnect(self._client)


def _gl_matrices(T_map_camera: NDArray[np.float64], k: Intrinsics, far_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """View and projection Float64[4, 4] of a pinhole camera, as OpenGL writes them."""
    gl = inverse(T_map_camera)
    gl[1:3] *= -1.0  # optical (y down, z forward) to OpenGL (y up, z back)
    m = np.zeros((4, 4))
    m[0, 0], m[1, 1] = 2 * k.fx / k.width, 2 * k.fy / k.height
    m[0, 2], m[1, 2] = (k.width - 2 * k.cx) / k.width, (2 * k.cy - k.height + 2) / k.height
    m[2, 2], m[2, 3], m[3, 2] = -(far_m + NEAR_M) / (far_m - NEAR_M), -2 * far_m * NEAR_M / (far_m - NEAR_M), -1.0
    return gl, m


def leaf_pose(leaf: Leaf, fraction: float) -> tuple[NDArray[np.float64], float]:
    """Offset Float64[3] and turn (rad) of a door or drawer opened by `fraction`, in the furniture's frame."""
    angle = leaf.angle_rad * fraction
    pivot = np.array([*leaf.pivot, 0.0])
    return pivot - yaw_matrix(angle) @ pivot + (leaf.slide_m * fraction, 0.0, 0.0), angle


def load_bullet() -> Any:
    """PyBullet; its banner goes to the C standard error, which is silenced while it loads.

    Raises:
        MissingDependencyError: PyBullet is not installed.
    """
    if "pybullet" in sys.modules:
        return sys.modules["pybullet"]
    keep, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        import pybullet
    except ImportError as error:
        raise MissingDependencyError(f"robomem_sim: PyBullet cannot be loaded ({error}); pip install 'robomem[sim]'") from error
    finally:
        os.dup2(keep, 2)
        os.close(keep)
        os.close(null)
    return pybullet
