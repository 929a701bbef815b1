"""A memory of a home written by hand, and its clock (100 s in)."""

from collections.abc import Iterator

import pytest

from robomem.clock import ManualClock
from robomem.memory.robot_memory import RobotMemory
from tests.memory.hand_home import HandHome, S


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100 * S)


@pytest.fixture
def home(clock: ManualClock) -> Iterator[HandHome]:
    with RobotMemory.open(":memory:", clock=clock) as memory:
        yield HandHome(memory)


@pytest.fixture
def furnished(home: HandHome) -> HandHome:
    """A red mug, a white and a blue cup, a book."""
    home.put(1, "mug", "counter", 1 * S, color="red")
    home.put(2, "cup", "counter", 2 * S, color="white", offset=0.3)
    home.put(3, "cup", "desk", 3 * S, color="blue")
    home.put(4, "book", "shelf", 3 * S, color="green")
    return home
