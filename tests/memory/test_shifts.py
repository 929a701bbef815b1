"""Small shifts: seen in the medians of visits, and not in the noise of one look or in a view of half the thing."""

from dataclasses import replace

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.shifts import shifts
from tests.memory.hand_home import HandHome, S

HOUR = 3600 * S


def visited(by_m: float, looks: int = 3, size: float = 0.1, seen: float = 0.1) -> HandHome:
    """A box of `size` m on the desk; three hours later it is `by_m` beside, and `seen` m of it are in view."""
    home = HandHome(RobotMemory.open(":memory:", clock=ManualClock(5 * HOUR)))
    whole = np.full(3, size)
    for k in range(3):
        home.put(1, "box", "desk", HOUR + k * S, size=whole)
    for k in range(looks):
        at = home.views[1].position + np.array([by_m, 0.0, 0.0]) * (k == 0)
        home.see_again(1, 4 * HOUR + k * S, position=at, size=np.full(3, seen))
    home.views[1] = replace(home.views[1], size=whole)
    home.tell(4 * HOUR + 9 * S, (1,))
    return home


@pytest.mark.parametrize(
    ("by_m", "looks", "size", "seen", "found"),
    [
        (0.14, 3, 0.1, 0.1, True),
        (0.05, 3, 0.1, 0.1, False),
        (0.14, 2, 0.1, 0.1, False),
        (0.14, 3, 0.6, 0.6, False),
        (0.3, 3, 0.6, 0.2, False),
    ],
)
def test_what_counts_as_a_shift(by_m: float, looks: int, size: float, seen: float, found: bool):
    home = visited(by_m, looks, size, seen)
    rows = shifts(home.memory.store, home.memory.matching("everything"), 2 * HOUR, 5 * HOUR)
    assert [(e.kind, e.object_id, e.stamp_ns) for e in rows] == ([("moved", 1, 4 * HOUR)] if found else [])
    home.memory.close()


def test_it_is_told_with_its_distance_and_when():
    home = visited(0.14)
    what, did = ask(home.memory, "what changed in the last two hours"), ask(home.memory, "did the box move in the last two hours")
    assert "1 change: the box (#1) moved by 0.14 m on the desk in the study (60 min ago)" in what.text
    assert did.yes and "moved by 0.14 m" in did.text and did.evidence
    assert ask(home.memory, "what changed in the last 30 minutes").events == ()
    home.memory.close()
