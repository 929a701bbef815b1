"""Furniture models: boxes of one colour each, surfaces that things stand on or in, doors that swing and drawers that slide.

A model's frame stands on the floor at the centre of its footprint: +x is its front, y runs along its width, z is up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Vec3 = tuple[float, float, float]
_BARE = 0.002  # m that everything stands above what carries it, so that no two faces coincide


@dataclass(frozen=True)
class Leaf:
    """How a door or drawer moves: a hinge about z at `pivot` (x, y) by `angle_rad`, or a slide along +x by `slide_m`, when fully open."""

    pivot: tuple[float, float] = (0.0, 0.0)
    angle_rad: float = 0.0
    slide_m: float = 0.0


@dataclass(frozen=True)
class Block:
    """A box of the model: centre and size (m) in the model's frame; `leaf` is the index of the door or drawer it belongs to, or -1."""

    center: Vec3
    size: Vec3
    color: Vec3
    leaf: int = -1


@dataclass(frozen=True)
class Surface:
    """Where things can stand: a horizontal rectangle in the model's frame.

    Attributes:
        center: its middle; z is the height of the surface, m.
        size: extent along x and y, m.
        headroom_m: free height above it.
        relation: "on" or "inside".
        closed: True if it can be reached only when the door or drawer is open.
        leaf: index of the drawer that carries it, or -1.
    """

    center: Vec3
    size: tuple[float, float]
    headroom_m: float = 2.0
    relation: str = "on"
    closed: bool = False
    leaf: int = -1


@dataclass(frozen=True)
class FurnitureModel:
    """One piece of furniture: class name, box size along its own x (depth), y (width), z, and what it is made of."""

    label: str
    size: Vec3
    blocks: tuple[Block, ...]
    surfaces: tuple[Surface, ...] = ()
    leaves: tuple[Leaf, ...] = ()

    @property
    def openable(self) -> bool:
        """True if it has a door or drawer."""
        return bool(self.leaves)


WOOD, DARK_WOOD, PALE_WOOD = (0.60, 0.42, 0.24), (0.36, 0.24, 0.14), (0.76, 0.62, 0.44)
STONE, METAL, CREAM, FRONT = (0.30, 0.31, 0.34), (0.72, 0.74, 0.77), (0.86, 0.84, 0.78), (0.68, 0.70, 0.66)


def _legs(depth: float, width: float, height: float, color: Vec3, thick: float = 0.05) -> list[Block]:
    x, y = depth / 2 - thick / 2 - 0.01, width / 2 - thick / 2 - 0.01
    return [Block((sx * x, sy * y, (height + _BARE) / 2), (thick, thick, height - _BARE), color) for sx in (-1, 1) for sy in (-1, 1)]


def table(label: str, depth: float, width: float, height: float, color: Vec3 = WOOD, overhang: float = 0.04) -> FurnitureModel:
    """A top on four legs."""
    top = Block((0, 0, height - 0.02), (depth, width, 0.04), color)
    blocks = (top, *_legs(depth, width, height - 0.042, DARK_WOOD))
    return FurnitureModel(label, (depth, width, height), blocks, (Surface((0, 0, height), (depth - overhang, width - overhang)),))


def solid(label: str, depth: float, width: float, height: float, body: Vec3, top: Vec3) -> FurnitureModel:
    """A closed body with a slightly overhanging top: counter, nightstand, tv stand."""
    blocks = (
        Block((-0.01, 0, (height - 0.03) / 2), (depth - 0.02, width - 0.004, height - 0.034), body),
        Block((0, 0, height - 0.014), (depth, width, 0.028), top),
    )
    return FurnitureModel(label, (depth, width, height), blocks, (Surface((0, 0, height), (depth - 0.04, width - 0.04)),))


def shelf(depth: float, width: float, levels: tuple[float, ...], color: Vec3 = PALE_WOOD) -> FurnitureModel:
    """An open bookcase with boards at the given heights; the last is its top."""
    height, thick = levels[-1], 0.024
    sides = [Block((0, s * (width - thick) / 2, height / 2), (depth, thick, height - 2 * _BARE), color) for s in (-1, 1)]
    back = Block((-depth / 2 + 0.006, 0, height / 2), (0.008, width - 2 * thick - 0.004, height - 0.01), DARK_WOOD)
    boards = [Block((0.004, 0, z - thick / 2), (depth - 0.02, width - 2 * thick - 0.002, thick), color) for z in levels[:-1]]
    top = Block((0, 0, height - 0.002 + thick / 2), (depth, width, thick - 0.002), color)
    rooms = np.diff([*levels[:-1], height]) - thick
    inner = [
        Surface((0.01, 0, z), (depth - 0.05, width - 2 * thick - 0.04), float(room), "on")
        for z, room in zip(levels[:-1], rooms, strict=True)
    ]
    upper = Surface((0, 0, height + thick - 0.003), (depth - 0.04, width - 0.04))
    return FurnitureModel("shelf", (depth, width, height + thick - 0.003), (*sides, back, *boards, top), (*inner, upper))


def sofa(width: float, color: Vec3) -> FurnitureModel:
    """Seat, back and two arms."""
    dark = tuple(0.8 * c for c in color)
    blocks = (
        Block((0.10, 0, 0.22), (0.64, width - 0.364, 0.42), color),
        Block((-0.325, 0, 0.42), (0.20, width - 0.364, 0.82), dark),
        *(Block((0, s * (width / 2 - 0.09), 0.31), (0.85, 0.18, 0.60), dark) for s in (-1, 1)),
    )
    return FurnitureModel("sofa", (0.85, width, 0.83), blocks, (Surface((0.13, 0, 0.43), (0.52, width - 0.44)),))


def bed(width: float, length: float, color: Vec3) -> FurnitureModel:
    """A mattress on a frame, with its head board at the back."""
    blocks = (
        Block((-length / 2 + 0.03, 0, 0.45), (0.06, width, 0.89), DARK_WOOD),
        Block((0.032, 0, 0.15), (length - 0.07, width, 0.28), WOOD),
        Block((0.032, 0, 0.385), (length - 0.09, width - 0.03, 0.18), color),
    )
    return FurnitureModel("bed", (length, width, 0.895), blocks, (Surface((0.04, 0, 0.475), (length - 0.14, width - 0.10)),))


def chair(color: Vec3) -> FurnitureModel:
    """Seat, back and four legs."""
    blocks = (
        Block((0, 0, 0.44), (0.42, 0.42, 0.04), color),
        Block((-0.195, 0, 0.68), (0.03, 0.40, 0.438), color),
        *_legs(0.42, 0.42, 0.418, DARK_WOOD, 0.04),
    )
    return FurnitureModel("chair", (0.42, 0.42, 0.90), blocks, (Surface((0.02, 0, 0.46), (0.34, 0.36)),))


def _carcass(depth: float, width: float, bottom: float, top: float, thick: float, color: Vec3) -> list[Block]:
    """Back, sides, bottom and top of a box that is open to the front."""
    mid, tall = (bottom + top) / 2, top - bottom
    sides = [Block((0, s * (width - thick) / 2, mid), (depth, thick, tall), color) for s in (-1, 1)]
    back = Block((-depth / 2 + thick / 2, 0, mid), (thick - 0.001, width - 2 * thick - 0.001, tall - 0.002), color)
    flats = [
        Block((0.001, 0, z), (depth - 0.004, width - 2 * thick - 0.0005, thick), color)
        for z in (bottom + thick / 2 + 0.001, top - thick / 2 - 0.001)
    ]
    return [*sides, back, *flats]


def _cabinet_like(
    label: str, size: Vec3, levels: tuple[float, ...], color: Vec3, doors: tuple[Block, ...], leaves: tuple[Leaf, ...]
) -> FurnitureModel:
    depth, width, height = size
    thick, front = 0.03, 0.022  # the front is the door's own thickness
    inner = depth - front
    body = [
        replace(b, center=(b.center[0] - front / 2, b.center[1], b.center[2])) for b in _carcass(inner, width, _BARE, height, thick, color)
    ]
    boards = [Block((-front / 2 - 0.01, 0, z - 0.01), (inner - thick - 0.03, width - 2 * thick - 0.002, 0.02), METAL) for z in levels]
    floors = (thick + _BARE + 0.001, *levels)
    tops = (*(z - 0.02 for z in levels), height - thick - 0.002)
    inside = [
        Surface((0.0, 0, z), (inner - thick - 0.07, width - 2 * thick - 0.04), top - z, "inside", True)
        for z, top in zip(floors, tops, strict=True)
    ]
    surfaces = (*inside, Surface((0, 0, height), (depth - 0.04, width - 0.04))) if height < 1.4 else tuple(inside)
    return FurnitureModel(label, size, (*body, *boards, *doors), surfaces, leaves)


def fridge(hinge: int) -> FurnitureModel:
    """A fridge with one door hinged at its +y (`hinge` 1) or -y (-1) side and two shelves inside."""
    size = (0.62, 0.62, 1.60)
    front = size[0] / 2 - 0.010
    door = Block((front, 0, 0.80), (0.020, 0.612, 1.58), METAL, 0)
    handle = Block((front + 0.024, -hinge * 0.26, 0.95), (0.02, 0.025, 0.4), STONE, 0)
    return _cabinet_like(
        "fridge", size, (0.55, 0.90, 1.22), CREAM, (door, handle), (Leaf((front, hinge * 0.306), hinge * np.radians(120)),)
    )


def cabinet(width: float) -> FurnitureModel:
    """A kitchen cabinet with two hinged doors, one board inside and a top that things stand on."""
    size = (0.42, width, 1.00)
    front, half = size[0] / 2 - 0.010, width / 2 - 0.004
    doors = [Block((front, s * (half / 2 + 0.001), 0.5), (0.020, half - 0.004, 0.96), FRONT, i) for i, s in enumerate((-1, 1))]
    knobs = [Block((front + 0.022, s * 0.05, 0.62), (0.018, 0.02, 0.10), STONE, i) for i, s in enumerate((-1, 1))]
    leaves = tuple(Leaf((front, s * half), s * np.radians(115)) for s in (-1, 1))
    return _cabinet_like("cabinet", size, (0.52,), PALE_WOOD, (*doors, *knobs), leaves)


def dresser(width: float) -> FurnitureModel:
    """A chest whose top drawer slides out; the lower fronts are fixed."""
    depth, height, front = 0.45, 0.82, 0.020
    inner = depth - front
    body = [
        replace(b, center=(b.center[0] - front / 2, b.center[1], b.center[2])) for b in _carcass(inner, width, _BARE, height, 0.025, WOOD)
    ]
    fill = Block((-0.02, 0, 0.29), (inner - 0.06, width - 0.054, 0.51), DARK_WOOD)
    fronts = [Block((depth / 2 - 0.011, 0, z), (0.018, width - 0.012, 0.25), PALE_WOOD) for z in (0.15, 0.42)]
    x, w, d, z = -front / 2 - 0.02, width - 0.07, inner - 0.07, 0.57
    drawer = [
        Block((depth / 2 - 0.011, 0, 0.683), (0.018, width - 0.012, 0.245), PALE_WOOD, 0),
        Block((depth / 2 + 0.007, 0, 0.70), (0.016, 0.16, 0.02), STONE, 0),
        Block((x, 0, z + 0.005), (d, w, 0.01), PALE_WOOD, 0),
        Block((x - d / 2 + 0.005, 0, z + 0.06), (0.01, w - 0.022, 0.098), PALE_WOOD, 0),
        *(Block((x, s * (w / 2 - 0.005), z + 0.06), (d - 0.001, 0.0095, 0.099), PALE_WOOD, 0) for s in (-1, 1)),
    ]
    surfaces = (
        Surface((x + 0.06, 0, z + 0.01), (d - 0.16, w - 0.06), 0.16, "inside", True, 0),
        Surface((0, 0, height), (depth - 0.04, width - 0.04)),
    )
    return FurnitureModel("dresser", (depth, width, height), (*body, fill, *fronts, *drawer), surfaces, (Leaf(slide_m=0.30),))
