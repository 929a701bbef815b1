"""What the robot did beside its tasks: it looked around, by the sightings on record."""

from __future__ import annotations

import re

import pytest

from robomem.clock import ManualClock
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.watching import MINUTE_NS, watches
from robomem.types import Episode
from tests.memory.hand_home import HandHome, S

H = 3600 * S


@pytest.fixture(scope="module")
def rounds() -> HandHome:
    """Three rounds at 8, 9 and 10 o'clock of five minutes each; at 10 it also brought the mug."""
    home = HandHome(RobotMemory.open(":memory:", clock=ManualClock(11 * H)), 8 * H)
    home.put(1, "mug", "counter", 8 * H)
    for hour in (8, 9, 10):
        for minute in range(5):
            t = hour * H + minute * MINUTE_NS
            home.see_again(1, t)
            home.tell(t, (home.ids["desk"],))
            home._tell(t + S, (home.ids["counter"],), (), seen=(home.ids["counter"],))
    home.memory.add_episode(Episode(0, "bring the mug to the desk", 10 * H + 2 * MINUTE_NS, 10 * H + 9 * MINUTE_NS, "done", "done"))
    return home


def test_rounds_are_apart_and_tasks_are_left_out(rounds: HandHome) -> None:
    store = rounds.memory.store
    found = watches(store, 0, 11 * H, store.episodes())
    assert [(w.from_ns // MINUTE_NS - 480, w.to_ns // MINUTE_NS - 480) for w in found] == [(0, 4), (60, 64), (120, 121)]
    assert {w.rooms for w in found} == {("kitchen",)}
    assert watches(store, 0, 7 * H, ()) == []


@pytest.mark.parametrize(
    ("sentence", "known", "said"),
    [
        (
            "what did you do",
            True,
            r"^So far: bring the mug to the desk \(10:02\)\. Beside that I looked around: 08:00 to 08:04 \(kitchen\), 09:00",
        ),
        ("what were you doing at 9:02", False, r"^I know of no task that I did at 9:02\. I looked around: 09:00 to 09:04 \(kitchen\)\.$"),
        ("what did you do yesterday", False, r"^I know of nothing that I did yesterday"),
        ("what did you do at 10:05", True, r"^At 10:05: bring the mug to the desk \(10:02\)\.$"),
    ],
)
def test_it_says_that_it_looked_around(rounds: HandHome, sentence: str, known: bool, said: str) -> None:
    answer = ask(rounds.memory, sentence)
    assert re.search(said, answer.text) and answer.known is known, answer.text


def test_what_was_done_again_and_again_is_told_once() -> None:
    memory = RobotMemory.open(":memory:", clock=ManualClock(20 * H))
    for hour in range(8, 13):
        memory.add_episode(Episode(0, "patrol the home", hour * H, hour * H + S, "done", ""))
    for k in range(4):  # each failure has a reason of its own
        memory.add_episode(Episode(0, "bring the mug", (14 + k) * H, (14 + k) * H + S, "failed", f"reason {k}"))
    answer = ask(memory, "what did you do today")
    assert answer.text.startswith("Today: patrol the home 5 times (08:00 to 12:00); bring the mug (14:00, failed: reason 0); ")
    assert answer.text.count("bring the mug") == 4 and len(answer.episodes) == 9
    memory.close()
