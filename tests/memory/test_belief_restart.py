"""What the belief has learned of this home and its detector comes back with the store: move rates, confusion, states."""

from __future__ import annotations

from pathlib import Path

from robomem.memory.robot_memory import RobotMemory
from tests.fakes.small_home import COUNTER, SmallHome, thing

H = 3_600_000_000_000


def test_learned_rates_confusion_and_states_survive_a_restart(tmp_path: Path) -> None:
    home = SmallHome(thing("mug", 2.7, 0.5, 0.9))
    with RobotMemory.open(tmp_path / "home.db") as memory:
        for k in range(6):
            frame, found = home.frame((2.2 + 0.2 * k, 2.0, 1.35), COUNTER)
            states = tuple({"filled": "true"} if label == "mug" else {} for label in found.labels)
            memory.observe(frame, type(found)(found.labels, found.scores, found.boxes_xyxy, found.masks, None, states))
        tracker = memory.world.tracker
        tracker.rates.watched("mug", 100.0, moves=50)
        for _ in range(60):
            tracker.accuracy.learn("filled", 0.4)
        mug = memory.find("mug").id
        said = memory.world.object(mug).states["filled"]
        rate, accuracy, later = tracker.rates.rate_per_h("mug", 8.0), tracker.accuracy.of("filled"), home.t
    assert rate > 0.4 and accuracy < 0.65 and said[0] == "true" and said[1] > 0.8
    with RobotMemory.open(tmp_path / "home.db") as memory:
        tracker = memory.world.tracker
        assert (tracker.rates.rate_per_h("mug", 8.0), tracker.accuracy.of("filled")) == (rate, accuracy)
        assert memory.world.object(mug).states["filled"] == said
        home.t = later + 24 * 3600.0
        memory.observe(*home.frame((2.2, 2.0, 1.35), (0.5, 3.3, 1.0)))  # a day later, looking elsewhere
        assert memory.world.object(mug).states["filled"][0] == "false"  # nobody leaves a mug full for a day
        assert memory.world.tracker.rates.survival("mug", 8.0, H) < 0.7
