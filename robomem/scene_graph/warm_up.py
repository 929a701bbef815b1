"""Compiling ahead of time: the first frame in a fresh checkout compiles the kernels for half a minute; they are cached from then on."""

from __future__ import annotations

import numpy as np

from robomem.belief.association import mean_gap
from robomem.clock import NS_PER_S
from robomem.config import RobomemConfig
from robomem.ids import IdAllocator
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.scene_graph.relations import supports
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Detections, ObjectView


def warm_up() -> None:
    """Fold an empty room into a world that nobody keeps. Cost: about a second, half a minute in a fresh checkout."""
    world = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(0))
    camera = Intrinsics(114.0, 114.0, 80.0, 60.0, 160, 120)
    pose = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.0], [0, 0, 0, 1.0]])
    depth = np.full((120, 160), 2.5, np.float32)
    depth[50:70, 70:90] = 1.5
    boxes = np.array([[70, 50, 90, 70], [70, 50, 90, 70]], np.float32)
    found = Detections(("mug", "person"), np.ones(2, np.float32), boxes)  # the first person would load its filter's library
    for k in range(4):
        world.step(RgbdFrame(k * NS_PER_S // 2, np.zeros((120, 160, 3), np.uint8), depth, camera, pose), found)
    world.refresh_rooms()
    world.location_belief("mug", NS_PER_S)
    middle, size = np.zeros(3), np.ones(3)  # that room has no furniture: what is asked of pieces of it is asked here
    table = ObjectView(1, "table", {"table": 1.0}, middle, size, 0.0, 1.0, "confirmed", {}, 0, 0, 1)
    supports(np.ones((2, 3), np.float32), np.full(2, 0.5), 0.1, [table], world.ontology)
    mean_gap(np.zeros((1, 3), np.float32), 1, middle, size, 0.0)


if __name__ == "__main__":
    warm_up()
