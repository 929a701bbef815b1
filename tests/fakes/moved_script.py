"""Hand-made streams for the moved-object benchmark: cubes before a wall, and a memory that says what a script says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.moved_objects.interface import Believed, RelationClaim, Step, TrueThing
from robomem.geometry import inverse, look_at
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations
from tests.fakes.plane_world import SMALL

S = 1_000_000_000
EYE = look_at((0, 0, 1), (1, 0, 1))
WALL_M, CUBE_M = 3.0, 0.12
HERE, THERE = (2.0, 0.0, 1.0), (2.0, 0.8, 1.0)


def frame(t_s: float, cubes: Sequence[tuple[float, float, float]] = (), hidden: bool = False, healthy: bool = True) -> RgbdFrame:
    """Depth of cubes before a wall; `hidden`: a hand before the lens; not `healthy`: most of the image is no measurement."""
    depth = np.full((SMALL.height, SMALL.width), WALL_M, np.float32)
    for cube in cubes:
        x, y, z = (inverse(EYE) @ (*cube, 1.0))[:3]
        near, half = z - CUBE_M / 2, CUBE_M / 2
        u, v, r = SMALL.fx * x / near + SMALL.cx, SMALL.fy * y / near + SMALL.cy, SMALL.fx * half / near
        depth[max(round(v - r), 0) : round(v + r) + 1, max(round(u - r), 0) : round(u + r) + 1] = near
    if hidden:
        depth[:] = 0.4
    if not healthy:
        depth[:, : int(0.9 * SMALL.width)] = 0.0
    return RgbdFrame(round(t_s * S), np.zeros((*depth.shape, 3), np.uint8), depth, SMALL, EYE)


def named(t_s: float, *rows: tuple[str, tuple[float, float, float]]) -> Observations:
    """What a perfect detector says: (label, place)."""
    n = len(rows)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.05, 0.05, 5)] * 3), -1).reshape(-1, 3)
    return Observations(
        round(t_s * S), tuple(r[0] for r in rows), np.full(n, 0.8), np.array([r[1] for r in rows]).reshape(n, 3),
        np.tile(np.eye(3) * 1e-4, (n, 1, 1)), np.full((n, 3), CUBE_M), np.zeros(n), np.zeros((n, 0)), ("",) * n, np.full(n, 300),
        np.zeros(n, bool), np.zeros((n, 4)), tuple((grid + np.array(r[1])).astype(np.float32) for r in rows), ({},) * n,
    )  # fmt: skip


def true(
    name: str,
    at: tuple[float, float, float],
    clear: bool = True,
    present: bool = True,
    kind: str = "object",
    parent: str = "",
    relation: str = "on",
    size: Sequence[float] = (0.1, 0.1, 0.1),
    color: str = "",
) -> TrueThing:
    """One true thing; its label is its name without the number."""
    pixels, visible, away = (400, 1.0, 2.0) if clear and present else (0, 0.0, np.inf)
    label = name.rstrip("0123456789 ")
    where, extent = np.array(at, float), np.array(size, float)
    return TrueThing(name, label, kind, where, extent, 0.0, parent, relation, present, pixels, visible, away, color)


def step(t_s: float, *things: TrueThing, empty: Mapping[str, bool] | None = None, events: tuple = ()) -> Step:
    """One image of truth; nobody looks at its frame."""
    return Step(frame(t_s), None, things, events, empty or {})


def says(number: int, label: str, at: tuple[float, float, float], existence: float = 1.0, kind: str = "object") -> Believed:
    """One thing that a scripted memory believes."""
    return Believed(number, label, np.array(at, float), existence, kind)


@dataclass
class Parrot:
    """A memory that says line k of a script after image k (the last line for ever), and remembers what it said when."""

    script: Sequence[Sequence[Believed]]
    claims: Sequence[RelationClaim] = ()
    name: str = "parrot"
    _said: dict[int, list[Believed]] = field(default_factory=dict)

    def add(self, detections: Observations | None, image: RgbdFrame) -> None:
        self._said[image.stamp_ns] = list(self.script[min(len(self._said), len(self.script) - 1)])

    def objects(self, t_ns: int) -> list[Believed]:
        return next((said for at, said in reversed(self._said.items()) if at <= t_ns), [])

    def where(self, label: str, t_ns: int) -> list[Believed]:
        return [b for b in self.objects(t_ns) if b.label == label]

    def relations(self, t_ns: int) -> list[RelationClaim]:
        return list(self.claims)
