"""The board of objects gives what the world model gives, image after image, and makes anew only what changed."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.config import RobomemConfig
from robomem.ids import IdAllocator
from robomem.nodes.environment import ros_missing
from robomem.nodes.object_board import ObjectBoard
from robomem.scene_graph.world_model import WorldModel
from robomem.types import ObjectView
from tests.fakes.table_scene import item, kitchen, view

EYES = [(0.8, 0.9, 1.35), (0.7, 0.2, 1.35), (0.8, -0.7, 1.35), (0.7, -0.2, 1.35)]
ARRAYS = ("position", "size", "covariance", "embedding", "seen_from")


def equal(a: ObjectView, b: ObjectView) -> bool:
    plain = [k for k in vars(a) if k not in ARRAYS]
    return all(getattr(a, k) == getattr(b, k) for k in plain) and all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ARRAYS)


def held(world: WorldModel, board: ObjectBoard, changed: set[int]) -> list[ObjectView]:
    """What the board says, after it was compared with everything made anew."""
    said, anew = board.views(world, changed), world.objects()
    assert [v.id for v in said] == [v.id for v in anew]
    assert [v.id for v, w in zip(said, anew, strict=True) if not equal(v, w)] == []
    return said


@pytest.mark.skipif(bool(ros_missing()), reason=f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them")
def test_the_board_is_the_world_through_a_whole_story() -> None:
    from tests.fakes.ros_camera import seen

    world, board = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(0)), ObjectBoard()
    items = [item("mug", 1.9, 0.2), item("bottle", 2.1, -0.2, height=0.25), item("apple", 1.8, -0.4)]
    reused = 0
    for k in range(60):
        scene = kitchen(*(items if k < 25 else items[1:]))  # the mug is taken away
        frame = view(scene, EYES[(k // 3) % 4], (2.0, 0.0, 0.75) if k % 20 < 15 else (2.0, 3.0, 0.75), 1000 + 0.5 * k)
        before = {id(v) for v in board._views.values()}
        result = world.step(frame, seen(scene, frame) if k % 7 else None)
        said = held(world, board, {*result.changed, *(e.object_id for e in result.events)})
        reused += sum(id(v) in before for v in said)
    assert {v.label: v.status for v in said}.get("mug") in ("missing", "removed")
    bottle = next(v.id for v in said if v.label == "bottle")
    assert reused > 30  # else nothing was saved
    world.note_state(bottle, "open", "true")
    assert next(v for v in held(world, board, {bottle}) if v.id == bottle).states["open"][0] == "true"
    world.set_held(bottle, np.eye(4))
    assert next(v for v in held(world, board, {bottle}) if v.id == bottle).status == "held"
    world.forget([bottle])
    assert bottle not in {v.id for v in held(world, board, set())}
