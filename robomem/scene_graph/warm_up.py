"""Compiling ahead of time: the first frame in a fresh checkout compiles the kernels for half a minute; they are cached from then on."""

from __future__ import annotations

import numpy as np

from robomem.clock import NS_PER_S
from robomem.config import RobomemConfig
from robomem.ids import IdAllocator
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Detections


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


if __name__ == "__main__":
    warm_up()
