"""A hand-made home for the picture tests: two rooms, furniture, objects in every status, a mug that moved twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from robomem.geometry import look_at
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.scene_graph.graph import Node, Relation, Stay
from robomem.types import Detections, Event, ObjectView

S = 1_000_000_000
START = 1_700_000_000 * S


def view(
    id: int,
    label: str,
    xyz: tuple[float, float, float],
    status: str = "confirmed",
    existence: float = 0.97,
    kind: str = "object",
    size: tuple[float, float, float] = (0.1, 0.1, 0.12),
    yaw: float = 0.0,
    sigma: float = 0.03,
) -> ObjectView:
    """One believed object."""
    return ObjectView(
        id,
        label,
        {label: 1.0},
        np.array(xyz),
        np.array(size),
        yaw,
        existence,
        status,
        {},
        START,
        START + 60 * S,
        5,
        None,
        np.eye(3) * sigma**2,
        "",
        kind,
    )


FURNITURE = [
    view(10, "dining table", (2.2, 1.6, 0.37), kind="furniture", size=(1.6, 0.9, 0.75)),
    view(11, "counter", (2.5, 3.7, 0.45), kind="furniture", size=(3.0, 0.5, 0.9)),
    view(12, "fridge", (0.5, 3.5, 0.9), kind="furniture", size=(0.6, 0.7, 1.8)),
    view(13, "sofa", (6.2, 1.2, 0.4), kind="furniture", size=(1.9, 0.8, 0.8), yaw=0.3),
    view(14, "shelf", (8.6, 2.8, 0.9), kind="furniture", size=(0.4, 1.6, 1.8)),
    view(15, "table", (6.6, 3.2, 0.25), kind="furniture", size=(1.0, 0.6, 0.45), yaw=-0.2),
]
OBJECTS = [
    view(20, "mug", (6.5, 3.2, 0.5), sigma=0.05),
    view(21, "plate", (2.0, 1.5, 0.77)),
    view(22, "bowl", (2.4, 1.5, 0.78)),
    view(23, "glass", (2.2, 1.7, 0.8)),
    view(24, "fork", (2.1, 1.6, 0.76), existence=0.5),
    view(25, "kettle", (1.6, 3.7, 1.0)),
    view(26, "toaster", (2.2, 3.7, 1.0)),
    view(27, "knife", (2.7, 3.7, 0.95), status="missing", existence=0.3),
    view(28, "book", (8.6, 2.5, 1.2)),
    view(29, "vase", (8.6, 3.2, 1.2), status="occluded", existence=0.8, sigma=0.15),
    view(30, "remote", (6.4, 3.1, 0.5)),
    view(31, "cushion", (6.0, 1.2, 0.6), sigma=0.2),
    view(32, "ball", (4.2, 2.0, 0.1), status="removed", existence=0.02),
    view(33, "phone", (6.8, 3.3, 0.5), existence=0.7),
    view(34, "person", (7.4, 2.0, 0.9), kind="agent", size=(0.5, 0.5, 1.7)),
]
HISTORY = [(START, (2.3, 1.6, 0.8)), (START + 190 * S, (2.9, 3.7, 0.95)), (START + 3725 * S, (6.5, 3.2, 0.5))]


@dataclass
class HandGrid:
    """A finished occupancy grid of the two rooms, 5 cm cells."""

    cell_m: float = 0.05
    origin: tuple[float, float] = (-0.5, -0.5)

    def __post_init__(self) -> None:
        shape = (100, 200)
        self.free, self.tall = np.zeros(shape, bool), np.zeros(shape, bool)
        self.free[12:88, 12:188] = True
        for rows, cols in (
            (slice(10, 12), slice(10, 190)),
            (slice(88, 90), slice(10, 190)),
            (slice(10, 90), slice(10, 12)),
            (slice(10, 90), slice(188, 190)),
            (slice(10, 40), slice(99, 101)),
            (slice(58, 90), slice(99, 101)),
        ):
            self.tall[rows, cols], self.free[rows, cols] = True, False
        self.occupied = self.tall.copy()
        self.occupied[30:50, 38:72] = True
        self.free &= ~self.occupied

    def to_xy(self, cells: np.ndarray) -> np.ndarray:
        return (np.asarray(cells, float)[..., ::-1] + 0.5) * self.cell_m + self.origin


@dataclass
class HandGraph:
    """As much of a SceneGraph as pictures read."""

    stays: dict[int, list[Stay]] = field(default_factory=lambda: {20: [Stay(t, None, np.array(p)) for t, p in HISTORY]})

    def nodes(self, layer: str | None = None) -> list[Node]:
        zero = np.zeros(3)
        rooms = [
            Node(2, "room", "kitchen", np.array([2.3, 2.5, 0.0]), np.array([4.4, 3.9, 2.4])),
            Node(3, "room", "living room", np.array([6.8, 2.2, 0.0]), np.array([4.4, 3.9, 2.4])),
        ]
        things = [Node(v.id, v.kind, v.label, v.position, v.size) for v in FURNITURE + OBJECTS]
        every = [Node(1, "building", "home", np.array([4.5, 2.0, 0.0]), zero), *rooms, *things]
        return [n for n in every if layer in (None, n.layer)]

    def relations(self) -> list[Relation]:
        return [
            Relation(2, "part_of", 1, 1.0, 0),
            Relation(3, "part_of", 1, 1.0, 0),
            Relation(10, "part_of", 2, 1.0, 0),
            Relation(21, "on", 10, 0.9, 0),
            Relation(20, "on", 15, 0.8, 0),
            Relation(99, "on", 10, 0.9, 0),
        ]


class HandTracker:
    """Particles around each object."""

    def particles(self, object_id: int) -> np.ndarray:
        found = next(v for v in OBJECTS if v.id == object_id)
        return np.random.default_rng(object_id).normal(found.position, 0.03, (100, 3)).astype(np.float32)


def world() -> SimpleNamespace:
    """What a recording reads of a WorldModel."""
    return SimpleNamespace(tracker=HandTracker(), graph=HandGraph(), grid=HandGrid(), objects=lambda: FURNITURE + OBJECTS)


def frame(stamp_ns: int = START, noise: int = 0) -> RgbdFrame:
    """A small image pair with texture, so that compression has work to do."""
    rng = np.random.default_rng(noise)
    rgb = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    depth = rng.uniform(1.0, 3.0, (120, 160)).astype(np.float32)
    pose = look_at((1.0 + 0.1 * noise, 1.0, 1.3), (3.0, 2.0, 0.8))
    return RgbdFrame(stamp_ns, rgb, depth, Intrinsics(150, 150, 80, 60, 160, 120), pose)


DETECTIONS = Detections(("mug", "bowl"), np.array([0.9, 0.6]), np.array([[10, 20, 60, 80], [80, 30, 120, 70]]))
EVENTS = (
    Event(1, START, "appeared", 20, {}, {"place": "on the dining table"}, (1,), 0.95, "mug"),
    Event(2, START + 190 * S, "moved", 20, {"place": "on the dining table"}, {"place": "on the counter"}, (2,), 0.9, "mug"),
)
