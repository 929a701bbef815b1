"""A world model fed with lifted observations is the one that lifts them itself."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.belief.tracker import Tracker
from robomem.config import RobomemConfig
from robomem.errors import InvalidInputError
from robomem.ids import IdAllocator
from robomem.perception.frame import RgbdFrame
from robomem.perception.lifting import Lifter
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Detections
from tests.fakes.table_scene import item, kitchen, view

WORLD = kitchen(item("mug", 1.8, 0.2), item("book", 1.9, -0.3, height=0.03, width=0.2))


def model(tracker: type[Tracker] = Tracker) -> WorldModel:
    return WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(0), tracker=tracker)


def image(k: int) -> tuple[RgbdFrame, Detections]:
    frame = view(WORLD, (0.3, 0.4 * k - 1.0, 1.35), (1.8, 0.0, 0.75), 0.5 * k)
    masks = np.array([(frame.rgb == frame_color).all(axis=2) for frame_color in np.unique(frame.rgb.reshape(-1, 3), axis=0)])
    masks = masks[[60 < m.sum() < 4000 for m in masks]]
    boxes = [[np.nonzero(m)[1].min(), np.nonzero(m)[0].min(), np.nonzero(m)[1].max(), np.nonzero(m)[0].max()] for m in masks]
    return frame, Detections(("mug",) * len(masks), np.full(len(masks), 0.8), np.array(boxes, float), masks)


def test_lifted_or_not_the_same_world() -> None:
    one, two, lifter = model(), model(), Lifter(RobomemConfig().perception)
    for k in range(6):
        frame, detections = image(k)
        a, b = one.step(frame, detections), two.step_lifted(frame, lifter.lift(frame, detections))
        assert len(a.observations) > 0 and a.object_ids.tolist() == b.object_ids.tolist()
        assert set(a.stage_ms) - set(b.stage_ms) == {"perception"}
    views = [[(v.id, v.label, v.existence, v.position.tolist()) for v in w.objects()] for w in (one, two)]
    assert views[0] and views[0] == views[1]
    with pytest.raises(InvalidInputError, match="older than the last frame"):
        two.step_lifted(image(0)[0], None)


def test_another_class_of_tracker_may_be_compared() -> None:
    class Other(Tracker):
        pass

    world = model(Other)
    assert isinstance(world.tracker, Other) and world.builder.tracker is world.tracker
