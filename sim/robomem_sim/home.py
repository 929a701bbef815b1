"""What a home is: rooms, walls, furniture and objects as plain frozen data. This is truth; nothing of it may reach the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.geometry import yaw_matrix
from robomem_sim.furniture import FurnitureModel, Surface

WALL_HEIGHT_M = 2.4
WALL_THICKNESS_M = 0.1
STANDING_GAP_M = 0.001  # what stands on a surface floats this much, so that no two faces coincide


@dataclass(frozen=True)
class Room:
    """A rectangular room: inner corner (x0, y0) to (x1, y1), m."""

    name: str
    x0: float
    y0: float
    x1: float
    y1: float

    def contains(self, x: float, y: float) -> bool:
        """True if the point lies in the room (walls' half thickness included)."""
        pad = WALL_THICKNESS_M / 2
        return self.x0 - pad <= x < self.x1 + pad and self.y0 - pad <= y < self.y1 + pad


@dataclass(frozen=True)
class Wall:
    """A wall piece: centre (x, y) and extent along x and y, m."""

    center: tuple[float, float]
    size: tuple[float, float]


@dataclass(frozen=True)
class Doorway:
    """An opening between two rooms; `along` is the axis of the wall it is in ("x" or "y")."""

    rooms: tuple[str, str]
    xy: tuple[float, float]
    width_m: float
    along: str


@dataclass(frozen=True)
class FurnitureItem:
    """A piece of furniture at (x, y, yaw) on the floor of a room."""

    name: str
    model: FurnitureModel
    xy: tuple[float, float]
    yaw_rad: float
    room: str

    @property
    def label(self) -> str:
        """Its class name."""
        return self.model.label

    def to_map(self, local: tuple[float, float, float]) -> NDArray[np.float64]:
        """A point of the model's frame in the map frame (doors and drawers shut)."""
        return yaw_matrix(self.yaw_rad) @ np.asarray(local, float) + (*self.xy, 0.0)

    def to_local(self, p_map: NDArray[np.float64]) -> NDArray[np.float64]:
        """A map point in the model's frame."""
        return yaw_matrix(self.yaw_rad).T @ (np.asarray(p_map, float) - (*self.xy, 0.0))

    @property
    def center(self) -> NDArray[np.float64]:
        """Box centre, map frame, m."""
        return self.to_map((0.0, 0.0, self.model.size[2] / 2))


@dataclass(frozen=True)
class Spot:
    """A place for an object: (x, y, z) in the frame of a piece of furniture; z is the height of the surface."""

    furniture: str
    local: tuple[float, float, float]
    weight: float = 1.0


@dataclass(frozen=True)
class ObjectItem:
    """A small object standing at a spot, turned by `yaw_rad` in the map."""

    name: str
    label: str
    color: str
    spot: Spot
    yaw_rad: float


@dataclass(frozen=True)
class Home:
    """A whole home.

    Attributes:
        size: extent of the outer walls' centre lines along x and y, m; the origin of the map is its lower left corner.
        habits: object name -> the places it is usually put, with weights that sum to one.
        start: where the robot wakes up (x, y, yaw).
        entrance: free spot (x, y) where people come in.
    """

    seed: int
    size: tuple[float, float]
    rooms: tuple[Room, ...]
    walls: tuple[Wall, ...]
    doorways: tuple[Doorway, ...]
    furniture: tuple[FurnitureItem, ...]
    objects: tuple[ObjectItem, ...]
    habits: Mapping[str, tuple[Spot, ...]]
    start: tuple[float, float, float]
    entrance: tuple[float, float]

    def piece(self, name: str) -> FurnitureItem:
        """The furniture of that name.

        Raises:
            InvalidInputError: there is none.
        """
        for item in self.furniture:
            if item.name == name:
                return item
        raise InvalidInputError(f"home {self.seed}: no furniture {name!r}; have {', '.join(f.name for f in self.furniture)}")

    def room_at(self, x: float, y: float) -> str:
        """Name of the room at a point, "" outside."""
        return next((room.name for room in self.rooms if room.contains(x, y)), "")


def surface_under(item: FurnitureItem, local: tuple[float, float, float]) -> Surface | None:
    """The surface of a piece that a local spot lies on (2 cm tolerance in height), or None."""
    for surface in item.model.surfaces:
        dx, dy = abs(local[0] - surface.center[0]), abs(local[1] - surface.center[1])
        if dx <= surface.size[0] / 2 + 0.02 and dy <= surface.size[1] / 2 + 0.02 and abs(local[2] - surface.center[2]) < 0.02:
            return surface
    return None
