"""Changes by kind: what vanished, what moved, what is new, what came back; and that there was none of that kind is said."""

from __future__ import annotations

import json
import re

import pytest

from robomem.clock import ManualClock
from robomem.errors import InvalidInputError
from robomem.memory.answer import ask
from robomem.memory.change_kinds import KINDS
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tool_answers import answer_json
from robomem.memory.tools import call
from robomem.types import Event
from tests.memory.hand_home import HandHome, S

H = 3600 * S


@pytest.fixture(scope="module")
def eventful() -> HandHome:
    """A day: all seen at the start; the mug goes to the study and back, the book vanishes, a can is new, the cup stays."""
    home = HandHome(RobotMemory.open(":memory:", clock=ManualClock(10 * H)))
    home.put(1, "mug", "counter", 1 * S, color="red")
    home.put(2, "cup", "dining table", 2 * S, color="white")
    home.put(4, "book", "shelf", 3 * S)
    home.put(1, "mug", "desk", 3 * H, moved=True, color="red")
    home.put(5, "can", "dining table", 4 * H, offset=0.3)
    home.lose(4, 5 * H)
    home.put(1, "mug", "counter", 6 * H, moved=True, color="red")
    return home


TABLE = [
    ("did anything vanish", {"book"}, r"^1 thing vanished: the book \(#4\) is gone from the shelf in the study"),
    ("what went missing?", {"book"}, r"^1 thing vanished"),
    ("what moved", {"mug"}, r"^2 moves: the mug .* to the desk in the study .*; the mug .* to the counter .*, where it had been before\."),
    ("is there anything new", {"can"}, r"^1 new thing: the can \(#5\) appeared on the dining table .* I first saw when I first saw their"),
    ("what was brought back", {"mug"}, r"^1 thing came back: the mug \(#1\) moved from the desk in the study to the counter"),
    ("has anything come back since 7 hours ago", {"mug"}, r"^1 thing came back"),
    ("what vanished from the kitchen", {"mug"}, r"^1 thing vanished from the kitchen: the mug .* moved from the counter"),
    ("what is new in the study", {"mug"}, r"^1 new thing in the study: the mug"),
    ("what is new on the dining table", {"can"}, r"^1 new thing on the dining table"),
    ("did anything vanish in the last hour", set(), r"^Nothing that I noticed vanished in the last hour\.$"),
    ("did anything move in the last hour", set(), r"^Nothing that I noticed moved in the last hour\.$"),
    ("is anything new on the desk", {"mug"}, r"^1 new thing on the desk"),
    ("was anything opened", set(), r"^Nothing that I noticed was opened\. Besides, 3 other changes"),
    ("what moved to the study", {"mug"}, r"^1 move to the study: the mug .* to the desk in the study"),
    ("what came back to the counter", {"mug"}, r"^1 thing came back to the counter: the mug"),
    ("was anything put back on the desk", set(), r"^Nothing that I noticed came back on the desk\."),
    ("what is no longer in the kitchen", {"mug"}, r"^1 thing vanished from the kitchen: the mug"),
    ("what changed on the shelf in the kitchen", set(), r"^I know no shelf in the kitchen\.$"),
    ("did anything vanish from the counter in the last 5 hours", set(), r"^Nothing that I noticed vanished from the counter in the last"),
    ("what changed", {"mug", "book"}, r"^3 changes: "),
    ("what changed on the counter", {"mug"}, r"^2 changes on the counter"),
    ("what changed on the sofa", set(), r"^I know no piece of furniture called 'sofa'"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "labels", "said"), TABLE, ids=[row[0] for row in TABLE])
def test_the_kind_that_is_asked_for(eventful: HandHome, sentence: str, labels: set[str], said: str) -> None:
    answer = ask(eventful.memory, sentence)
    of_kind = answer.events[: len(answer.events) - answer.others]
    assert re.search(said, answer.text) and {e.label for e in of_kind} == labels, answer.text


def test_other_kinds_are_told_beside_it_and_kept_apart(eventful: HandHome) -> None:
    told = answer_json(eventful.memory, ask(eventful.memory, "did anything vanish"))
    assert [e["label"] for e in told["changes"]] == ["book"] and [e["label"] for e in told["other_changes"]] == ["mug", "mug"]
    assert "Besides, 2 other changes: the mug" in told["text"]
    book = next(e for e in eventful.memory.changes(kind="removed"))
    assert set(told["evidence"]) == set(book.evidence)  # of what is said to have vanished, not of the rest
    everything = answer_json(eventful.memory, ask(eventful.memory, "what changed"))
    assert len(everything["changes"]) == 3 and everything["other_changes"] == []


def test_what_vanished_and_was_seen_again_is_said_so(home: HandHome, clock: ManualClock) -> None:
    home.put(1, "mug", "counter", 1 * S)
    home.lose(1, 20 * S)
    home.put(1, "mug", "desk", 60 * S)
    assert (
        "is gone from the counter in the kitchen (noticed 80 s ago), but was seen again on the desk"
        in ask(home.memory, "did anything vanish").text
    )


@pytest.mark.parametrize("sentence", ["what has not moved today", "what did you take to the kitchen"])
def test_what_stayed_and_what_the_robot_did_are_no_changes(eventful: HandHome, sentence: str) -> None:
    assert ask(eventful.memory, sentence).meaning != "changes"


def test_the_state_that_is_named_is_the_one_that_is_told(home: HandHome, clock: ManualClock) -> None:
    home.put(7, "fridge", "counter", 1 * S, kind="furniture", states={"open": ("false", 0.9)})
    home.tell(20 * S, (7,), (Event(900, 20 * S, "state_changed", 7, {"open": "false"}, {"open": "true"}, (), 0.98, "fridge"),))
    home.tell(60 * S, (7,), (Event(901, 60 * S, "state_changed", 7, {"open": "true"}, {"open": "false"}, (), 0.98, "fridge"),))
    for sentence, n in (("was anything opened", 1), ("what was shut", 1), ("what was switched on", 0)):
        answer = ask(home.memory, sentence)
        assert len(answer.events) - answer.others == n, answer.text


@pytest.mark.parametrize(
    ("sentence", "yes", "said"),
    [
        ("when was the fridge opened", True, r"^The fridge \(#7\) was opened 80 s ago \(.*\), as I noticed\."),
        ("when was the fridge last shut", True, r"was shut 40 s ago"),
        ("how long has the fridge been open", True, r"was opened 80 s ago"),
        ("was the fridge opened today", True, r"was opened 80 s ago"),
        ("when was the lamp switched on", None, r"^I have not noticed that the lamp \(#8\) was switched on\.$"),
        ("how long has the lamp been on the counter", None, r"^The lamp \(#8\) has been on the counter"),
    ],
)
def test_when_a_door_was_opened(home: HandHome, sentence: str, yes: bool | None, said: str) -> None:
    home.put(7, "fridge", "counter", 1 * S, kind="furniture", states={"open": ("false", 0.9)})
    home.put(8, "lamp", "counter", 2 * S)
    home.tell(20 * S, (7,), (Event(900, 20 * S, "state_changed", 7, {"open": "false"}, {"open": "true"}, (), 0.98, "fridge"),))
    home.tell(60 * S, (7,), (Event(901, 60 * S, "state_changed", 7, {"open": "true"}, {"open": "false"}, (), 0.98, "fridge"),))
    answer = ask(home.memory, sentence)
    assert answer.yes is yes and re.search(said, answer.text), answer.text


def test_two_kinds_at_once_are_both_listed(eventful: HandHome) -> None:
    answer = ask(eventful.memory, "what's gone from the kitchen, and what's been added?")
    assert {e.label for e in answer.events[: len(answer.events) - answer.others]} == {"mug", "can"}


@pytest.mark.parametrize(
    ("kind", "labels"), [("removed", ["book"]), ("moved", ["mug", "mug"]), ("returned", ["mug"]), ("state_changed", [])]
)
def test_the_tool_takes_the_kind(eventful: HandHome, kind: str, labels: list[str]) -> None:
    got = call(eventful.memory, "changes", {"kind": kind})
    assert [e["label"] for e in got["changes"]] == labels and json.loads(json.dumps(got)) == got
    assert [e.label for e in eventful.memory.changes(kind=kind)] == labels


def test_the_kind_is_relative_to_the_room(eventful: HandHome) -> None:
    assert [e["label"] for e in call(eventful.memory, "changes", {"kind": "removed", "room": "kitchen"})["changes"]] == ["mug"]


def test_an_unknown_kind_is_refused_with_those_there_are(eventful: HandHome) -> None:
    with pytest.raises(InvalidInputError, match=r"changes\.kind: expected one of appeared, removed, moved"):
        call(eventful.memory, "changes", {"kind": "exploded"})
    with pytest.raises(InvalidInputError, match="there is no kind 'exploded'; expected one of " + ", ".join(KINDS)):
        eventful.memory.changes(kind="exploded")
