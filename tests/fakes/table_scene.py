"""A kitchen corner for filter tests: tables with boxes on them, and observations made from what the depth image really shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robomem.belief.changes import Changes
from robomem.belief.tracker import Tracker
from robomem.config import BeliefConfig, PerceptionConfig
from robomem.geometry import look_at
from robomem.ids import IdAllocator
from robomem.ontology import default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations
from tests.fakes.plane_world import MEDIUM, Box, PlaneWorld, block

S = 1_000_000_000
COLORS = {"mug": "red", "cup": "blue", "apple": "green", "book": "brown", "bottle": "white"}


def item(label: str, x: float, y: float, bottom: float = 0.75, height: float = 0.10, width: float = 0.09) -> Box:
    """A small box of a label standing at (x, y) on something `bottom` metres high."""
    return Box((x - width / 2, y - width / 2, bottom), (x + width / 2, y + width / 2, bottom + height), label)


def kitchen(*items: Box) -> PlaneWorld:
    """Two solid tables, 0.75 m high, at (2, 0) and (2, 3), with items on them; noise as of a depth camera."""
    tables = [block(2.0, 0.0, 0.8, 1.4, 0.75, "dining table"), block(2.0, 3.0, 0.8, 1.2, 0.75, "desk")]
    return PlaneWorld([*tables, *items], noise=0.0025)


def view(world: PlaneWorld, eye: tuple[float, float, float], at: tuple[float, float, float], t_s: float) -> RgbdFrame:
    """One frame from `eye` looking at `at` (m) at `t_s` seconds."""
    return world.render(look_at(eye, at), round(t_s * S), MEDIUM)


def look_of(vector: NDArray[np.float32], rng: np.random.Generator, spread: float = 0.06) -> NDArray[np.float32]:
    """A unit vector as one sighting has it."""
    noisy = vector + rng.normal(0, spread, len(vector))
    return (noisy / np.linalg.norm(noisy)).astype(np.float32)


def observe(
    world: PlaneWorld,
    frame: RgbdFrame,
    rng: np.random.Generator,
    recall: float = 1.0,
    min_pixels: int = 30,
    skip: tuple[str, ...] = (),
    looks: Mapping[Box, NDArray[np.float32]] | None = None,
    colors: Mapping[Box, str] | None = None,
) -> Observations:
    """What a detector with this recall says of the boxes that the depth image shows, centre noise 1 cm.

    Args:
        looks: unit appearance vectors of some boxes; without, nothing has a look.
        colors: colour names of some boxes instead of those of their labels.
    """
    k = frame.intrinsics
    v, u = np.nonzero(frame.depth_m)
    z = frame.depth_m[v, u]
    cloud = np.column_stack([(u - k.cx) / k.fx * z, (v - k.cy) / k.fy * z, z]) @ frame.T_map_camera[:3, :3].T + frame.T_map_camera[:3, 3]
    rows: list[tuple[str, NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]] = []
    vectors: list[NDArray[np.float32]] = []
    names: list[str] = []
    d = len(next(iter(looks.values()))) if looks else 0
    for box in world.boxes:
        low, high = np.array(box.low) - (0.02, 0.02, -0.015), np.array(box.high) + 0.02
        own = ((cloud > low) & (cloud < high)).all(axis=1)
        if box.label in skip or np.count_nonzero(own) < min_pixels or rng.random() > recall:
            continue
        center = (np.array(box.low) + np.array(box.high)) / 2
        rows.append(
            (
                box.label,
                center + rng.normal(0, 0.01, 3),
                np.array(box.high) - np.array(box.low),
                cloud[own][:: 1 + np.count_nonzero(own) // 400].astype(np.float32),
            )
        )
        names.append((colors or {}).get(box, COLORS.get(box.label, "")))
        if looks:
            vectors.append(look_of(looks.get(box, np.eye(d, dtype=np.float32)[-1]), rng))
    n = len(rows)
    return Observations(
        frame.stamp_ns,
        tuple(r[0] for r in rows),
        np.full(n, 0.8),
        np.array([r[1] for r in rows]).reshape(n, 3),
        np.tile(np.eye(3) * 2e-4, (n, 1, 1)),
        np.array([r[2] for r in rows]).reshape(n, 3),
        np.zeros(n),
        np.array(vectors, np.float32).reshape(n, d),
        tuple(names),
        np.full(n, 200),
        np.zeros(n, bool),
        np.zeros((n, 4)),
        tuple(r[3] for r in rows),
        tuple({} for _ in rows),
    )


class Watcher:
    """A tracker with the frames and changes of a test's story."""

    def __init__(self, seed: int = 0, config: BeliefConfig | None = None) -> None:
        self.tracker = Tracker(
            config or BeliefConfig(), PerceptionConfig(), IdAllocator().next, np.random.default_rng(seed), default_ontology()
        )
        self.rng = np.random.default_rng(seed + 1)
        self.t = 0.0
        self.log: list[Changes] = []
        self.looks: dict[Box, NDArray[np.float32]] = {}
        self.colors: dict[Box, str] = {}
        self.pose_error = np.zeros(3)  # m, from where the camera is to where it is said to be

    def look(
        self,
        world: PlaneWorld,
        eye: tuple[float, float, float],
        at: tuple[float, float, float],
        recall: float = 1.0,
        detector: bool = True,
        skip: tuple[str, ...] = (),
    ) -> Changes:
        """One frame, half a second after the last."""
        self.t += 0.5
        frame = view(world, eye, at, self.t)
        if self.pose_error.any():
            said = frame.T_map_camera.copy()
            said[:3, 3] += self.pose_error
            frame = dataclasses.replace(frame, T_map_camera=said)
        seen = observe(world, frame, self.rng, recall, skip=skip, looks=self.looks, colors=self.colors) if detector else None
        changes = self.tracker.step(frame, seen)
        self.log.append(changes)
        return changes

    def around(
        self, world: PlaneWorld, at: tuple[float, float, float], frames: int = 8, recall: float = 1.0, skip: tuple[str, ...] = ()
    ) -> None:
        """Frames along an arc of a metre and a half in front of `at`."""
        for a in np.linspace(-0.7, 0.7, frames):
            eye = (at[0] - 1.5 * float(np.cos(a)), at[1] + 1.5 * float(np.sin(a)), 1.35)
            self.look(world, eye, at, recall, skip=skip)

    def one(self, label: str) -> int:
        """The id of the only confirmed track of a label."""
        found = [v.id for v in self.tracker.views() if v.label == label and v.status not in ("tentative", "removed")]
        assert len(found) == 1, (
            f"expected one {label}, got {[(v.id, v.label, v.status, v.position.round(2)) for v in self.tracker.views()]}"
        )
        return found[0]
