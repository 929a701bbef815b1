"""Questions in English, answered in English, with evidence; tables of what is said."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.clock import ManualClock
from robomem.memory import wording
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.types import Episode, Event
from tests.memory.hand_home import HandHome, S


@pytest.fixture(scope="module")
def lived() -> HandHome:
    """100 s of a home: the mug, seen on the counter until 20 s, is gone at 50 s and found on the desk at 60 s."""
    memory = RobotMemory.open(":memory:", clock=ManualClock(100 * S))
    home = HandHome(memory)
    home.put(1, "mug", "counter", 1 * S, color="red")
    home.put(2, "cup", "counter", 2 * S, color="white", offset=0.3)
    home.put(3, "cup", "desk", 3 * S, color="blue")
    home.put(4, "book", "shelf", 3 * S)
    home.see_again(1, 20 * S)
    home.lose(1, 50 * S)
    home.put(1, "mug", "desk", 60 * S, moved=True, color="red")
    memory.add_episode(Episode(0, "deliver the parcel", 15 * S, 61 * S, "done", "done"))
    return home


TABLE = [
    ("Where is the mug?", r"^The red mug \(#1\) is on the desk in the study: seen 40 s ago, 98% sure .* within 0\.03 m\. Evidence: obs"),
    ("robot, please tell me where the mug is", r"^The red mug \(#1\) is on the desk"),
    ("where's the red one", r"^The red mug"),
    ("where was the mug at the start?", r"^At the start the red mug \(#1\) was on the counter in the kitchen \(98% sure\)\. Evidence"),
    ("where was the mug 85 seconds ago", r"was on the counter in the kitchen"),
    ("where was the mug 45 seconds ago", r"probably not where I had seen it before, on the counter in the kitchen \(0% still there\)"),
    ("where was the mug before it was moved", r"was on the counter in the kitchen"),
    ("where was the mug before the delivery of the parcel", r"was on the counter in the kitchen"),
    ("where was the mug before the wedding", r"I do not know of 'the wedding'"),
    ("where was the book before it moved", r"^I have not seen the book \(#4\) move"),
    ("where was the mug yesterday", r"^I do not know where it was yesterday"),
    ("where was the mug in the last two minutes", r"In that time it was on the counter .* then on the desk"),
    ("where has the mug been", r"on the counter .*\(last seen there 80 s ago\), then on the desk .*\(last seen there 40 s"),
    ("what changed in the kitchen?", r"^1 change in the kitchen: the mug \(#1\) moved from the counter in the kitchen to the desk"),
    ("what has changed since one minute ago", r"^1 change: the mug"),
    ("what changed in the last 20 seconds", r"^Nothing that I noticed changed in the last 20 seconds"),
    ("what changed in the garage", r"^I know no room called 'garage'; I know kitchen, study"),
    ("did anything move in the study", r"^1 change in the study"),
    ("Where is the book", r"^The book \(#4\) is on the shelf in the study"),
    ("where is the hammer?", r"^I do not know\. I would need a sighting of a hammer: none has been seen"),
    ("where is the cup", r"^Which cup: the blue one or the white one\? I know the blue cup"),
    ("where are the cups", r"^I know 2: the blue cup \(#3\) on the desk .*; the white cup \(#2\) on the counter"),
    ("what is on the desk?", r"^On the desk there are a blue cup \(#3\) and a red mug \(#1\)\. Evidence"),
    ("what things are in the study", r"^In the study there are a book .* desk .* shelf"),
    ("what was on the counter 85 seconds ago", r"there were a white cup \(#2\) and a red mug \(#1\)"),
    ("what is on the dining table", r"^I know of nothing on the dining table; that is not to say"),
    ("what is inside the fridge", r"^I know no place called 'the fridge'"),
    ("how many cups are there?", r"^2: #2 on the counter in the kitchen; #3 on the desk in the study\. Evidence"),
    ("how many cups are in the study", r"^1: #3"),
    ("how many hammers are there", r"^None that I know of: a sighting of a hammer"),
    ("have you seen my keys?", r"^No\. I would need a sighting of keys"),
    ("is there a book in the study", r"^Yes\. The book"),
    ("did you see a cup", r"^Which cup"),
    ("when did you last see the mug?", r"^I last saw the red mug \(#1\) 40 s ago, on the desk in the study"),
    ("when was the hammer last seen", r"^I do not know"),
]


@pytest.mark.parametrize(("sentence", "said"), TABLE, ids=[row[0] for row in TABLE])
def test_what_is_said(lived: HandHome, sentence: str, said: str):
    answer = ask(lived.memory, sentence)
    assert answer.understood and re.search(said, answer.text), answer.text
    assert ("Evidence" in answer.text) <= bool(answer.evidence)


@pytest.mark.parametrize("sentence", ["colorless green ideas", "", "where is the", "mug", "'; DROP TABLE objects; --", "?" * 500])
def test_nonsense_is_said_to_be_nonsense(lived: HandHome, sentence: str):
    answer = ask(lived.memory, sentence)
    assert not answer.understood and answer.text.startswith("I do not understand") and "try 'where is the mug'" in answer.text
    assert answer.recall is None and answer.evidence == ()


def test_something_gone_is_told_with_where_it_may_be(home: HandHome):
    home.put(1, "mug", "counter", 1 * S)
    home.put(1, "mug", "desk", 20 * S, moved=True)
    home.lose(1, 50 * S)
    text = ask(home.memory, "where is the mug").text
    assert "was on the desk in the study when I last saw it 80 s ago, but it is probably not there any more" in text
    assert "Most likely now: on the counter in the kitchen (50%)" in text
    assert "the mug (#1) is gone from the desk" in ask(home.memory, "what changed in the study").text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_sentence_is_answered(text: str):
    with RobotMemory.open(":memory:", clock=ManualClock(0)) as memory:
        for sentence in (text, f"where is {text}", f"what is in {text}", f"where was the mug {text} ago", f"how many {text} are there"):
            assert ask(memory, sentence).text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just now"), (40, "40 s ago"), (119, "119 s ago"), (120, "2 min ago"), (3 * 3600, "3 h ago"), (50 * 3600, "2 days ago")],
)
def test_ages(seconds: int, said: str):
    assert wording.ago(0, seconds * S) == said


@pytest.mark.parametrize(
    ("label", "many"),
    [
        ("cup", "cups"),
        ("glasses", "glasses"),
        ("shelf", "shelves"),
        ("box", "boxes"),
        ("person", "people"),
        ("battery", "batteries"),
        ("key", "keys"),
        ("bench", "benches"),
    ],
)
def test_plurals(label: str, many: str):
    assert wording.plural(label) == many


def test_every_kind_of_change_has_words():
    def say(kind, before, after) -> str:
        return wording.change(Event(1, 0, kind, 7, before, after, label="mug"), "on the shelf", 60 * S)

    assert say("moved", {}, {"place": "in the fridge"}) == "the mug (#7) moved from the shelf to the fridge (60 s ago)"
    picked = say("relation_changed", {"place": "on the desk"}, {"held_by": "robot"})
    assert picked == "the mug (#7) was picked up by the robot, on the desk (60 s ago)"
    assert say("state_changed", {"open": "false"}, {"open": "true"}) == "the mug (#7) changed: open false -> true (60 s ago)"
    assert say("appeared", {"again": True}, {"position": [1, 2, 3]}) == "the mug (#7) was seen again at x 1.0 m, y 2.0 m (60 s ago)"
    assert say("merged", {}, {}) == "the mug (#7): merged (60 s ago)"
