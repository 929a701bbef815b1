"""World: the true state of a home (where everything is, what is open) and its drawing. Only the evaluator may read its truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError
from robomem.geometry import footprint, overlap_area, yaw_matrix
from robomem_sim.assets import ObjectModel, object_model, person_shape
from robomem_sim.bodies import BodySpec, Renderer, Stage, furniture_specs, leaf_pose, object_specs, shape_specs, structure_specs
from robomem_sim.freespace import FreeSpace, distance_to_obstacles, obstacles
from robomem_sim.furniture import Surface
from robomem_sim.home import STANDING_GAP_M, FurnitureItem, Home, ObjectItem, surface_under
from robomem_sim.truth import describe
from robomem_sim.visibility import Culler

OUTSIDE = "outside"  # holder of what was taken out of the home
OPEN_ENOUGH = 0.5  # opened further than this, one can look and reach inside


class World:
    """A home in some state. Kinematic: things are where they are put.

    Args:
        id_salt: shuffles PyBullet's ids; nothing else may depend on it.
        stage: what draws it, made from its bodies (`FastStage`); None = PyBullet.

    Attributes:
        names: every entity (furniture, objects, people), sorted; images index into it.
        people: scripted persons; whoever moves the clock calls `advance_people`.
    """

    def __init__(self, home: Home, id_salt: int = 0, stage: Callable[[list[BodySpec]], Renderer] | None = None) -> None:
        self.home = home
        self._items: dict[str, ObjectItem] = {o.name: o for o in home.objects}
        self._pieces: dict[str, FurnitureItem] = {f.name: f for f in home.furniture}
        self._persons: dict[str, bool] = {}  # name -> present
        self._center: dict[str, NDArray[np.float64]] = {}
        self._yaw: dict[str, float] = {}
        self._support: dict[str, tuple[str, Surface] | None] = {}
        self._spot: dict[str, tuple[float, float, float]] = {}  # where on its furniture an object stands, drawers shut
        self._open: dict[str, float] = {f.name: 0.0 for f in home.furniture if f.model.openable}
        self._holder: dict[str, str] = {}
        self.people: list[Any] = []
        self.obstacles = obstacles(home.walls, home.furniture)
        self.floor = FreeSpace(home.size, self.obstacles)
        self._culler = Culler(np.array([(*w.center, w.size[0] / 2, w.size[1] / 2) for w in home.walls]))
        specs = object_specs(home) + furniture_specs(home) + structure_specs(home)
        self.stage: Renderer = Stage(specs, id_salt) if stage is None else stage(specs)
        self._index()
        for piece in home.furniture:
            self._draw_piece(piece)
        for item in home.objects:
            self._yaw[item.name] = item.yaw_rad
            self._stand(item.name, self._pieces[item.spot.furniture], item.spot.local)

    def _index(self) -> None:
        self.names = tuple(sorted([*self._items, *self._pieces, *self._persons]))
        order = {name: i for i, name in enumerate(self.names)}
        self.entity_of_body = np.array([order.get(s.entity, -2) for s in self.stage.specs], np.int32)
        self._bodies: dict[str, list[int]] = {}
        for k, spec in enumerate(self.stage.specs):
            self._bodies.setdefault(spec.entity, []).append(k)

    # -- reading -------------------------------------------------------------------------------------------------
    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the small objects."""
        return tuple(self._items)

    @property
    def furniture_names(self) -> tuple[str, ...]:
        """Names of the furniture."""
        return tuple(self._pieces)

    def label(self, name: str) -> str:
        """Class of an entity."""
        if name in self._items:
            return self._items[name].label
        return "person" if name in self._persons else self._pieces[name].label

    def color(self, name: str) -> str:
        """Colour name of a small object."""
        return self._item(name).color

    def model(self, name: str) -> ObjectModel:
        """Shape of a small object."""
        return object_model(self._item(name).label)

    def box(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Centre (m), size (m) and yaw (rad) of an entity's box; furniture with its doors shut."""
        if name in self._pieces:
            piece = self._pieces[name]
            return piece.center, np.array(piece.model.size), piece.yaw_rad
        size = np.array([0.5, 0.6, 1.7]) if name in self._persons else self.model(name).size
        return self._center[name].copy(), size.copy(), self._yaw[name]

    def open_fraction(self, name: str) -> float | None:
        """How far a piece of furniture is open, 0 to 1, or None if it has no door or drawer."""
        return self._open.get(name)

    def support(self, name: str) -> tuple[str, str] | None:
        """(furniture, "on" or "inside") that an object rests on, or None while it is carried."""
        held = self._support.get(name)
        return None if held is None else (held[0], held[1].relation)

    def reachable_inside(self, name: str) -> bool:
        """False while the object is behind a closed door or in a closed drawer."""
        held = self._support.get(name)
        return held is None or not held[1].closed or self._open[held[0]] > OPEN_ENOUGH

    def holder(self, name: str) -> str | None:
        """Who carries an object, or None."""
        return self._holder.get(name)

    def _item(self, name: str) -> ObjectItem:
        if name not in self._items:
            raise InvalidInputError(f"world: no object {name!r}; have {', '.join(sorted(self._items))}")
        return self._items[name]

    def distances_to_obstacles(self, points: ArrayLike) -> NDArray[np.float64]:
        """Float64[k, n] distance (m) from true points Float64[k, 2] to each fixed obstacle; open doors give way and do not count."""
        return distance_to_obstacles(points, self.obstacles)

    def truth(self) -> dict[str, Any]:
        """Everything true about the home now, as JSON values. For the evaluator only."""
        return describe(self)

    # -- changing ------------------------------------------------------------------------------------------------
    def move_object(
        self, name: str, furniture: str, local: tuple[float, float, float], yaw_rad: float | None = None
    ) -> NDArray[np.float64]:
        """Stand an object on a spot of a piece of furniture, or on the nearest free spot of the same surface.

        Args:
            local: (x, y, z) in the furniture's frame; z is the height of the surface.

        Returns:
            Float64[3] the object's box centre in the map, m.

        Raises:
            InvalidInputError: no such object, furniture or surface, or no room left on it.
        """
        self._item(name)
        piece = self.home.piece(furniture)
        surface = surface_under(piece, local)
        if surface is None:
            raise InvalidInputError(
                f"world: {furniture} has no surface at {local}; its surfaces are at "
                f"{[(*s.center[:2], s.center[2]) for s in piece.model.surfaces]}"
            )
        before = self._yaw[name]
        if yaw_rad is not None:
            self._yaw[name] = float(yaw_rad)  # what fits depends on how it is turned
        spot = self.free_spot(name, furniture, local)
        if spot is None:
            self._yaw[name] = before
            raise InvalidInputError(
                f"world: no room for {name} on {furniture} at height {local[2]:.2f} m; clear it or choose another place"
            )
        self._holder.pop(name, None)
        self._stand(name, piece, spot)
        return self._center[name].copy()

    def free_spot(self, name: str, furniture: str, local: tuple[float, float, float]) -> tuple[float, float, float] | None:
        """The spot itself or the nearest one (4 cm grid) on the same surface where the object fits, or None."""
        piece = self.home.piece(furniture)
        surface = surface_under(piece, local)
        if surface is None or surface.headroom_m < self.model(name).size[2]:
            return None
        half = np.array(surface.size) / 2
        axes = [np.arange(-h, h + 1e-9, 0.04) for h in half]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2) + surface.center[:2]
        away = np.hypot(*(grid - local[:2]).T)
        for x, y in [local[:2], *grid[np.argsort(away, kind="stable")]]:
            spot = (float(x), float(y), surface.center[2])
            center = self._resting(name, piece, spot)
            if self.collision(name, center) is None and self._carried_by(name, piece, surface, spot):
                return spot
        return None

    def _carried_by(self, name: str, piece: FurnitureItem, surface: Surface, spot: tuple[float, float, float]) -> bool:
        """True if the object's footprint lies on the surface."""
        turn = self._yaw[name] - piece.yaw_rad
        size = self.model(name).size
        c, s = abs(np.cos(turn)), abs(np.sin(turn))
        half = np.array([c * size[0] + s * size[1], s * size[0] + c * size[1]]) / 2
        return bool((np.abs(np.array(spot[:2]) - surface.center[:2]) + half <= np.array(surface.size) / 2 + 0.05).all())

    def surface_below(self, p_map: ArrayLike) -> tuple[str, Surface, tuple[float, float, float]] | None:
        """The highest reachable surface at most 0.4 m under a map point (or 8 cm above it): furniture, surface, local spot."""
        best: tuple[str, Surface, tuple[float, float, float]] | None = None
        p = np.asarray(p_map, float)
        for piece in self.home.furniture:
            for surface in piece.model.surfaces:
                if surface.closed and self._open[piece.name] <= OPEN_ENOUGH:
                    continue
                local = piece.to_local(p) - self._leaf_shift(piece, surface)
                x, y, z = float(local[0]), float(local[1]), surface.center[2]
                on = abs(x - surface.center[0]) <= surface.size[0] / 2 and abs(y - surface.center[1]) <= surface.size[1] / 2
                if on and -0.08 <= p[2] - z <= 0.4 and (best is None or z > best[1].center[2]):
                    best = (piece.name, surface, (x, y, z))
        return best

    def put_down(self, name: str, furniture: str, local: tuple[float, float, float], yaw_rad: float) -> str | None:
        """Set a carried object down exactly there; returns the name of the object that is in the way (nothing changes then), or None."""
        piece = self._pieces[furniture]
        before, self._yaw[name] = self._yaw[name], float(yaw_rad)
        blocked = self.collision(name, self._resting(name, piece, local))
        if blocked is not None:
            self._yaw[name] = before
            return blocked
        self._holder.pop(name, None)
        self._stand(name, piece, local)
        return None

    def collision(self, name: str, center: NDArray[np.float64], gap_m: float = 0.005) -> str | None:
        """Name of an object whose box would overlap `name`'s box at `center`, or None."""
        size, yaw = self.model(name).size, self._yaw[name]
        mine = footprint(center, size + gap_m, yaw)
        for other in self._items:
            if other == name or other in self._holder:
                continue
            there, extent = self._center[other], self.model(other).size
            if (
                abs(there[2] - center[2]) >= (size[2] + extent[2]) / 2
                or np.hypot(*(there - center)[:2]) > (np.hypot(*size[:2]) + np.hypot(*extent[:2])) / 2 + gap_m
            ):
                continue
            if overlap_area(mine, footprint(there, extent, self._yaw[other])) > 1e-7:
                return other
        return None

    def carry(self, name: str, holder: str, center: ArrayLike, yaw_rad: float) -> None:
        """Let `holder` carry an object: its box centre is put at a map point."""
        self._item(name)
        self._holder[name] = holder
        self._support[name] = None
        self._put(name, np.asarray(center, float), yaw_rad)

    def take_out(self, name: str) -> None:
        """Take an object out of the home; `move_object` brings it back."""
        self.carry(name, OUTSIDE, (0.0, 0.0, -10.0), self._yaw[name])

    def is_out(self, name: str) -> bool:
        """True while an object is not in the home."""
        return self._holder.get(name) == OUTSIDE

    def set_open(self, name: str, fraction: float) -> None:
        """Open a piece of furniture by a fraction 0..1; what lies in a drawer moves with it.

        Raises:
            InvalidInputError: it has no door or drawer.
        """
        if name not in self._open:
            raise InvalidInputError(f"world: {name!r} has no door or drawer; openable are {', '.join(sorted(self._open))}")
        self._open[name] = float(np.clip(fraction, 0.0, 1.0))
        piece = self._pieces[name]
        self._draw_piece(piece)
        for item, held in tuple(self._support.items()):
            if held is not None and held[0] == name and held[1].leaf >= 0:
                self._stand(item, piece, self._spot[item])

    def add_person(self, name: str) -> None:
        """A person who is not in the home yet."""
        self._persons[name] = False
        self._center[name], self._yaw[name] = np.array([0.0, 0.0, 0.85]), 0.0
        self.stage.add(shape_specs(name, person_shape(), "blue"))
        self._index()

    def place_person(self, name: str, xy: ArrayLike | None, yaw_rad: float = 0.0) -> None:
        """Put a person's feet at (x, y) facing `yaw_rad`, or take the person out of the home (None)."""
        self._persons[name] = xy is not None
        if xy is not None:
            self._put(name, np.array([*np.asarray(xy, float)[:2], 0.85]), yaw_rad)

    def persons(self) -> dict[str, tuple[NDArray[np.float64], float]]:
        """Where each person in the home stands: name -> (Float64[2] m, yaw rad)."""
        return {n: (self._center[n][:2].copy(), self._yaw[n]) for n, here in self._persons.items() if here}

    def advance_people(self, now_ns: int, robot_xy: ArrayLike) -> None:
        """Let every scripted person act up to `now_ns`."""
        for person in self.people:
            person.advance_to(now_ns, np.asarray(robot_xy, float))

    # -- drawing -------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Free the renderer."""
        self.stage.close()

    def show_from(self, T_map_camera: NDArray[np.float64], half_azimuth_rad: float, far_m: float) -> None:
        """Hide from the renderer what a camera there cannot see."""
        heading = float(np.arctan2(T_map_camera[1, 2], T_map_camera[0, 2]))
        gone = [n for n, here in self._persons.items() if not here] + [n for n in self._holder if self.is_out(n)]
        absent = [k for name in gone for k in self._bodies[name]]
        mask = self._culler.visible(T_map_camera[:3, 3], heading, half_azimuth_rad, far_m, self.stage.low, self.stage.high)
        mask[absent] = False
        self.stage.show(mask)

    def _resting(self, name: str, piece: FurnitureItem, local: tuple[float, float, float]) -> NDArray[np.float64]:
        surface = surface_under(piece, local)
        shift = np.zeros(3) if surface is None else self._leaf_shift(piece, surface)
        rest = np.array(local) + shift + (0.0, 0.0, self.model(name).size[2] / 2 + STANDING_GAP_M)
        return piece.to_map((float(rest[0]), float(rest[1]), float(rest[2])))

    def _leaf_shift(self, piece: FurnitureItem, surface: Surface) -> NDArray[np.float64]:
        return np.zeros(3) if surface.leaf < 0 else leaf_pose(piece.model.leaves[surface.leaf], self._open[piece.name])[0]

    def _stand(self, name: str, piece: FurnitureItem, local: tuple[float, float, float]) -> None:
        surface = surface_under(piece, local)
        self._support[name] = None if surface is None else (piece.name, surface)
        self._spot[name] = local
        self._put(name, self._resting(name, piece, local), self._yaw[name])

    def _put(self, name: str, center: NDArray[np.float64], yaw_rad: float) -> None:
        self._center[name], self._yaw[name] = np.array(center), float(yaw_rad)
        origin = center - (0.0, 0.0, 0.85) if name in self._persons else center
        for k in self._bodies[name]:
            self.stage.pose(k, origin, yaw_rad)

    def _draw_piece(self, piece: FurnitureItem) -> None:
        for k in self._bodies[piece.name]:
            leaf = self.stage.specs[k].leaf
            offset, turn = (np.zeros(3), 0.0) if leaf < 0 else leaf_pose(piece.model.leaves[leaf], self._open[piece.name])
            self.stage.pose(k, yaw_matrix(piece.yaw_rad) @ offset + (*piece.xy, 0.0), piece.yaw_rad + turn)
