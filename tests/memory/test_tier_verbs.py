"""RobotMemory's verbs over all tiers: what is observed, done and told comes back; what is forgotten does not; a stuck tier is named."""

import numpy as np
import pytest

from robomem.errors import StoreError
from robomem.memory.hub import MemoryHub
from robomem.memory.knowledge import Edit
from robomem.memory.tiers import Ask, Moment
from robomem.types import Episode
from tests.memory.hand_home import HandHome, S

RED = np.array((1.0, 0.0, 0.2), np.float32)


@pytest.fixture
def home():
    # A hub answers from its rows: the live world knows nothing of a home written by hand.
    with MemoryHub.open(":memory:") as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 10 * S, embedding=RED)
        home.put(2, "book", "desk", 12 * S, embedding=np.array((0.0, 1.0, 0.0), np.float32))
        yield home


def test_every_tier_speaks(home: HandHome):
    memory = home.memory
    memory.add_episode(Episode(0, "bring the mug to the desk", 20 * S, 30 * S, "done", "found it on the counter"))
    memory.add_lesson("mugs go into the cabinet", "user")
    memory.tell(Moment("subgoal_began", 40 * S, "find the mug"))
    memory.tell(Moment("step", 41 * S, "drive to the counter", "done"))
    memory.tell(Moment("edit", 42 * S, "the mug", data={"edits": [Edit("add", 1, "belongs_to", 2)], "source": "user"}))
    found = memory.context("where is the mug")
    assert found.skipped == {}
    texts = {tier: [i.text for i in items] for tier, items in found.items.items()}
    assert texts["short-term"] == ["mug #1"] and texts["working"] == ["now: find the mug; drive to the counter: done"]
    assert texts["temporal"] == ["drive to the counter: done"] and texts["place"] == [f"mug #1 seen at #{home.ids['counter']}"]
    assert texts["spatial"][0] == f"mug #1 on counter #{home.ids['counter']}"
    assert texts["episodic"] == ["bring the mug to the desk: done. found it on the counter"]
    assert texts["semantic"] == ["mugs go into the cabinet (user, 1x)"]
    assert memory.tiers.failed == {} and [i.ids for i in memory.context(Ask(vector=RED), only=["place"]).items["place"]] == [(1,), (2,)]


def test_place_memory_takes_a_resting_thing_once_a_minute(home: HandHome):
    for t in range(13, 200, 5):
        home.put(1, "mug", "counter", t * S, embedding=RED)
    assert home.memory._recorder.place_memory.counts()[home.ids["counter"]] == 4


def test_what_is_forgotten_is_in_no_tier(home: HandHome):
    memory = home.memory
    memory.tell(Moment("subgoal_began", 40 * S, "find the mug"))
    memory.tell(Moment("step", 41 * S, "look at #2", "a book"))
    memory.forget(label="mug")
    assert not any("mug" in line for line in memory.context("mug book").lines())
    memory.forget(id=2)
    assert memory.context("book").lines() == []


def test_forgetting_does_not_claim_what_a_stuck_tier_holds(home: HandHome, monkeypatch):
    monkeypatch.setattr(home.memory.tiers, "settle", lambda: False)
    with pytest.raises(StoreError, match="stuck"):
        home.memory.forget(label="mug")


def test_consolidate_is_a_verb_of_the_memory(home: HandHome):
    day = 24 * 3600 * S
    for n in range(4):
        home.put(1, "mug", "counter", n * day + 20 * S, moved=True, embedding=RED)
        home.put(1, "mug", "desk", n * day + 30 * S, moved=True, embedding=RED)
    done = home.memory.consolidate()
    assert done.facts == 1 and "mug (#1) is usually" in home.memory.lessons("mug")[0].text
    assert home.memory.consolidate().facts == 0
