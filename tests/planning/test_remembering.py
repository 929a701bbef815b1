"""Planning asks and tells the tiers of a memory that has them, and works without."""

from robomem.memory.hub import MemoryHub
from robomem.planning.beliefs import Beliefs
from tests.memory.hand_home import HandHome, S


class Plain:
    """A memory reached over ROS: verbs, no tiers."""

    world = None


def test_beliefs_tell_the_tiers_and_ask_them():
    with MemoryHub.open(":memory:") as memory:
        HandHome(memory).put(1, "mug", "counter", 10 * S)
        beliefs = Beliefs(memory)
        beliefs.tell("subgoal_began", 20 * S, "on(mug, desk)")
        beliefs.tell("step", 21 * S, "pick mug #1", "failed: slipped")
        assert beliefs.remembered("bring the mug")[:3] == [
            "short-term: mug #1",
            "working: now: on(mug, desk); pick mug #1: failed: slipped",
            "temporal: pick mug #1: failed: slipped",
        ]


def test_a_memory_without_tiers_is_neither_told_nor_asked():
    beliefs = Beliefs(Plain())  # type: ignore[arg-type]
    beliefs.tell("step", 0, "look")
    assert beliefs.remembered("the mug") == []
