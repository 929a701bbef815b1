"""Compiling ahead of time: the first frames in a fresh checkout compile the kernels for half a minute; they are cached from then on.

A node that compiles in service is silent meanwhile, and is taken for dead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from robomem.belief.association import mean_gap
from robomem.clock import NS_PER_S
from robomem.config import RobomemConfig
from robomem.ids import IdAllocator
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.relations import supports
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Detections, ObjectView

CAMERA = Intrinsics(114.0, 114.0, 80.0, 60.0, 160, 120)
MUG, TABLE, PERSON = (70, 50, 90, 70), (96, 78, 156, 118), (4, 10, 40, 110)  # pixels


def warm_up() -> None:
    """Fold a small scene into a world that nobody keeps. Cost: about two seconds, a minute in a fresh checkout.

    It has one of everything that a robot meets in its first minute, since each kernel is compiled when it is first asked: things with
    and without masks, furniture, a person, a thing that is taken away while one looks and put back.
    """
    world = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(0))
    for k in range(24):
        world.step(*_frame(k, mug=k not in range(8, 18), masks=k % 2 == 0))
    world.refresh_rooms()
    world.location_belief("mug", 24 * NS_PER_S // 2)
    world.snapshot()
    supports(np.ones((2, 3), np.float32), np.full(2, 0.5), 0.1, [_a_table()], world.ontology)
    mean_gap(np.zeros((1, 3), np.float32), 1, np.zeros(3), np.ones(3), 0.0)


def small_grid() -> OccupancyGrid:
    """A map of what the scene shows from (0, 0): a wall 2.5 m ahead, free floor before it, and a table."""
    grid = OccupancyGrid(RobomemConfig().graph.grid_m)
    for k in range(6):
        grid.update(_frame(k, mug=False, masks=False)[0])
    return grid


def _frame(k: int, mug: bool, masks: bool) -> tuple[RgbdFrame, Detections]:
    """A wall, a table, a person who walks in front of it, and perhaps a mug: half a second after the one before."""
    depth = np.full((CAMERA.height, CAMERA.width), 2.5, np.float32)
    down = np.arange(CAMERA.height)[:, None] > CAMERA.cy + CAMERA.fy / 2.5  # of the floor, from 1 m
    depth = np.where(down, CAMERA.fy / np.maximum(np.arange(CAMERA.height)[:, None] - CAMERA.cy, 1.0), depth).astype(np.float32)
    top = CAMERA.fy * 0.4 / (np.arange(TABLE[1], TABLE[3])[:, None] - CAMERA.cy)  # of a table 0.6 m high, seen from 1 m
    boxes: dict[str, tuple[tuple[int, int, int, int], Any]] = {
        "dining table": (TABLE, np.maximum(top, 1.2)),
        "person": ((PERSON[0] + k % 8, PERSON[1], PERSON[2] + k % 8, PERSON[3]), 2.0),
    }
    if mug:
        boxes["mug"] = (MUG, 1.5)
    own = np.zeros((len(boxes), CAMERA.height, CAMERA.width), np.bool_)
    for mask, ((left, upper, right, lower), z) in zip(own, boxes.values(), strict=True):
        mask[upper:lower, left:right] = True
        depth[upper:lower, left:right] = z
    pose = np.array([[0, 0, 1, 0], [-1, 0, 0, 0.01 * k], [0, -1, 0, 1.0], [0, 0, 0, 1.0]])
    rgb = np.zeros((*depth.shape, 3), np.uint8)
    found = np.array([box for box, _ in boxes.values()], np.float32)
    said = Detections(tuple(boxes), np.ones(len(boxes), np.float32), found, own if masks else None)
    return RgbdFrame(k * NS_PER_S // 2, rgb, depth, CAMERA, pose), said


def _a_table() -> ObjectView:
    return ObjectView(1, "table", {"table": 1.0}, np.zeros(3), np.ones(3), 0.0, 1.0, "confirmed", {}, 0, 0, 1)


if __name__ == "__main__":
    warm_up()
