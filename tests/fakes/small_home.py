"""A two-room home for tests of the world model: real depth images of boxes, detections with masks, a robot that is a camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.config import RobomemConfig
from robomem.geometry import look_at
from robomem.ids import IdAllocator
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import Detections
from tests.fakes.plane_world import MEDIUM, Box, PlaneWorld, block, wall

S = 1_000_000_000
WALLS = [wall(0, 0, 7, 0), wall(0, 4, 7, 4), wall(0, 0, 0, 4), wall(7, 0, 7, 4), wall(3.5, 0, 3.5, 1.5), wall(3.5, 2.5, 3.5, 4)]
FURNITURE = [
    block(2.9, 0.5, 1.0, 0.6, 0.9, "counter"),
    block(0.5, 3.3, 0.6, 0.7, 1.7, "fridge"),
    block(6.4, 3.0, 0.7, 1.4, 0.74, "desk"),
    block(5.0, 0.6, 1.8, 0.8, 0.5, "bed"),
]
COUNTER, DESK = (2.9, 0.5, 0.9), (6.4, 3.0, 0.74)


def thing(label: str, x: float, y: float, bottom: float, height: float = 0.12, width: float = 0.09) -> Box:
    """A small box standing at (x, y)."""
    return Box((x - width / 2, y - width / 2, bottom), (x + width / 2, y + width / 2, bottom + height), label)


class SmallHome:
    """Boxes, a world model that watches them, and a clock."""

    def __init__(self, *things: Box, seed: int = 0) -> None:
        self.things = list(things)
        self.world = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(seed))
        self.t = 0.0
        self.results: list[FrameResult] = []

    def frame(self, eye: tuple[float, float, float], at: tuple[float, float, float]) -> tuple[RgbdFrame, Detections]:
        """The next image and a perfect detector's masks of it."""
        scene = PlaneWorld([*WALLS, *FURNITURE, *self.things], noise=0.0015)
        self.t += 0.5
        frame = scene.render(look_at(eye, at), round(self.t * S), MEDIUM)
        rows: list[tuple[str, NDArray[np.bool_]]] = []
        k = frame.intrinsics
        v, u = np.mgrid[: k.height, : k.width]
        p = np.stack([(u - k.cx) / k.fx * frame.depth_m, (v - k.cy) / k.fy * frame.depth_m, frame.depth_m], axis=-1)
        cloud = p @ frame.T_map_camera[:3, :3].T + frame.T_map_camera[:3, 3]
        for box in (*FURNITURE, *self.things):
            own = ((cloud > np.array(box.low) - (0.03, 0.03, -0.012)) & (cloud < np.array(box.high) + 0.03)).all(axis=-1) & (
                frame.depth_m > 0
            )
            if box.label in ("counter", "fridge", "desk", "bed"):
                for other in self.things:
                    own &= ~((cloud > np.array(other.low) - 0.01) & (cloud < np.array(other.high) + 0.03)).all(axis=-1)
            if np.count_nonzero(own) > 60:
                rows.append((box.label, own))
        if not rows:
            return frame, Detections.empty()
        masks = np.stack([m for _, m in rows])
        boxes = np.array(
            [
                [np.nonzero(m.any(0))[0][0], np.nonzero(m.any(1))[0][0], np.nonzero(m.any(0))[0][-1], np.nonzero(m.any(1))[0][-1]]
                for m in masks
            ],
            np.float32,
        )
        return frame, Detections(tuple(label for label, _ in rows), np.full(len(rows), 0.85, np.float32), boxes, masks)

    def look(self, eye: tuple[float, float, float], at: tuple[float, float, float]) -> FrameResult:
        """Observe one frame."""
        self.results.append(self.world.step(*self.frame(eye, at)))
        return self.results[-1]

    def around(self, at: tuple[float, float, float], frames: int = 8, turn: float = 0.0) -> None:
        """Look at a point from an arc on its free side."""
        side = {COUNTER: np.pi / 2, DESK: np.pi}.get(at, 0.0) + turn
        for a in np.linspace(side - 0.7, side + 0.7, frames):
            eye = (float(np.clip(at[0] + 1.4 * np.cos(a), 0.4, 6.6)), float(np.clip(at[1] + 1.4 * np.sin(a), 0.4, 3.6)), 1.35)
            self.look(eye, at)

    def tour(self) -> None:
        """See both rooms from all sides."""
        for x, y in ((1.2, 1.0), (1.5, 2.5), (2.8, 2.0), (4.2, 2.0), (5.0, 2.6), (5.4, 1.6)):
            for a in np.arange(0, 2 * np.pi, np.pi / 4):
                self.look((x, y, 1.35), (x + float(np.cos(a)), y + float(np.sin(a)), 0.75))

    def one(self, label: str) -> int:
        """Id of the only present object of a label."""
        found = [v.id for v in self.world.objects() if v.label == label and v.status in ("confirmed", "occluded")]
        assert len(found) == 1, [(v.id, v.label, v.status, v.position.round(2)) for v in self.world.objects()]
        return found[0]
