"""Questions in English, answered in English, with evidence; tables of what is said."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.clock import ManualClock
from robomem.memory import wording
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.scene_graph.graph import Node
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


@pytest.mark.parametrize(
    "question",
    ["what changed yesterday evening", "did the mug move last week", "how many mugs were there yesterday",
     "what was on the desk yesterday"],
)  # fmt: skip
def test_before_memory_began_nothing_is_claimed(question: str) -> None:
    """ "Nothing changed", "no" and "none" of a time that the robot did not see would be false."""
    morning = 20 * 86_400 * S + 8 * 3600 * S
    home = HandHome(RobotMemory.open(":memory:", clock=ManualClock(morning + 3600 * S)), morning)
    home.put(1, "mug", "counter", morning, color="red")
    answer = ask(home.memory, question)
    assert answer.understood and not answer.known and answer.yes is None
    assert re.match(r"I know nothing of (?:yesterday|last week).*: my memory begins 60 min ago \(08:00\)", answer.text), answer.text


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
    ("since when is the mug on the desk", r"^The red mug \(#1\) has been on the desk in the study since .*\(40 s ago\).* on the counter"),
    ("when was the mug put on the counter", r"was on the counter in the kitchen since .*\(99 s ago\) at the latest, until I last saw it"),
    ("how long has the book been on the shelf", r"^The book \(#4\) has been on the shelf in the study since .* when I first saw it"),
    ("since when is the book on the counter", r"^I have never seen the book \(#4\) on the counter"),
    ("how many red things are there", r"^1: #1 "),
    ("how many red ones are there", r"^1: #1 "),
    ("is there anything blue on the desk", r"^On the desk there is a blue cup \(#3\)\."),
    ("are there green things on the desk", r"^I know of nothing green on the desk"),
    ("what is under the desk", r"^What lies under a thing I do not know"),
    ("what changed in the garage", r"^I know no room called 'garage'; I know kitchen, study"),
    ("did anything move in the study", r"^1 move in the study: the mug"),
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


def test_another_of_the_same_name_that_moved_is_not_passed_over(home: HandHome):
    home.put(1, "mug", "counter", 1 * S)
    home.put(2, "mug", "desk", 2 * S)
    home.put(2, "mug", "shelf", 50 * S, moved=True)
    home.lose(2, 70 * S)  # the one that is left is meant, as far as memory can tell
    home.see_again(1, 90 * S)
    answer = ask(home.memory, "did the mug move since one minute ago")
    assert answer.yes is False and re.search(r"No, .*\(#1\).* But .*the mug \(#2\) .*", answer.text), answer.text
    assert "#2" not in ask(home.memory, "did #1 move since one minute ago").text


def test_what_is_inside_is_not_on_it(home: HandHome):
    home.put(1, "mug", "counter", 1 * S)
    home.put(2, "can", "counter", 2 * S)
    home.graph.end(2, 3 * S)
    home.graph.relate(2, "inside", home.ids["counter"], 0.97, 3 * S)
    home.tell(3 * S, (2,))
    home.memory.world.graph.relate(2, "inside", home.ids["counter"], 0.97, 3 * S)  # type: ignore[union-attr]
    on = ask(home.memory, "what is on the counter")
    assert [v.id for v in on.objects] == [1] and on.meaning == "contents"


@pytest.mark.parametrize(
    ("sentence", "yes", "said"),
    [
        ("Did the mug move since one minute ago?", True, r"^Yes: the mug \(#1\) moved from the counter.* to the desk"),
        ("has the mug been moved in the last 30 seconds", None, r"^I cannot say: I last saw the red mug .*have not looked since"),
        ("did anyone move the hammer since one minute ago", None, r"^I do not know"),
        ("has the book been moved", False, r"^No, I have not seen the book \(#4\) move so far: it is on the shelf in the study"),
    ],
)
def test_has_it_moved(lived: HandHome, sentence: str, yes: bool | None, said: str):
    answer = ask(lived.memory, sentence)
    assert answer.meaning == "moved" and answer.yes is yes and re.search(said, answer.text), answer.text
    assert answer.known is (yes is not None)


@pytest.mark.parametrize(
    ("sentence", "known", "said"),
    [
        ("what did you do in the last two minutes", True, r"^In the last two minutes: deliver the parcel \(00:00\)\.$"),
        ("what did you do yesterday", False, r"^I know of nothing that I did yesterday; my first task on record began 85 s ago"),
        ("when did you deliver the parcel", True, r"^Yes: 'deliver the parcel' was done 39 s ago"),
        ("did you bring the book", False, r"^No: I have no record of bringing the book"),
    ],
)
def test_what_the_robot_did(lived: HandHome, sentence: str, known: bool, said: str):
    answer = ask(lived.memory, sentence)
    assert answer.known is known and re.search(said, answer.text), answer.text


@pytest.mark.parametrize(
    ("sentence", "known", "said"),
    [
        ("when was the mug last on the counter", True, r"^I last saw the red mug \(#1\) on the counter 80 s ago \(00:00\)"),
        ("when was the mug last on the shelf", False, r"^I have never seen the red mug \(#1\) on the shelf"),
        ("when was the mug last on the pool table", False, r"^I know no place called 'pool table'"),
        ("what is on the pool table", False, r"^I know no place called 'the pool table'"),
        ("when did you last see a cup", True, r"^I last saw the blue cup \(#3\) 97 s ago"),  # of two cups the one seen last
        ("what changed in the guest room", False, r"^I know no room called 'guest room'"),
    ],
)
def test_last_seen_somewhere(lived: HandHome, sentence: str, known: bool, said: str):
    answer = ask(lived.memory, sentence)
    assert answer.known is known and re.search(said, answer.text), answer.text


def test_states_now_and_then(home: HandHome):
    fridge = home.put(7, "fridge", "counter", 1 * S, kind="furniture", states={"open": ("true", 0.9)})
    home.tell(60 * S, (7,), (Event(900, 60 * S, "state_changed", 7, {"open": "false"}, {"open": "true"}, (), 0.98, "fridge"),))
    assert fridge.states and "open (90%)" in ask(home.memory, "is the fridge open").text
    assert ask(home.memory, "was the fridge open 70 seconds ago").state == "false"
    home.see_again(7, 80 * S)
    then = home.memory.now_ns() - 30 * S
    was, now = (ask(home.memory, f"{x} the fridge open{y}").evidence for x, y in (("was", " 30 seconds ago"), ("is", "")))
    assert was == tuple(home.memory.evidence_of(7, 5, then)) and now == tuple(home.memory.evidence_of(7, 5)) and was != now
    assert ask(home.memory, "was the fridge open 10 seconds ago").state == "true"
    early = ask(home.memory, "was the fridge open 2 hours ago")
    off = ask(home.memory, "is the fridge on")
    assert not early.known and not off.known and "I have never seen whether" in off.text
    home.see_again(7, 90 * S, states={"open": ("false", 0.55)})  # it drifts to what is usual, but nobody saw it shut
    drifting = ask(home.memory, "is the fridge open")
    assert drifting.state == "true" and drifting.confidence == pytest.approx(0.45)
    home.see_again(7, 91 * S, states={"open": ("false", 0.8)})
    late = ask(home.memory, "is the fridge open")
    assert not late.known and "I am not sure" in late.text


def test_a_door_last_seen_shut_is_not_called_shut_when_later_looks_spoke_for_open(home: HandHome):
    home.put(7, "fridge", "counter", 1 * S, kind="furniture", states={"open": ("false", 0.9)})
    home.tell(60 * S, (7,), (Event(900, 60 * S, "state_changed", 7, {"open": "true"}, {"open": "false"}, (), 0.98, "fridge"),))
    home.see_again(7, 90 * S, states={"open": ("false", 0.55)})
    assert ask(home.memory, "is the fridge open").state == "false"
    home.see_again(7, 91 * S, states={"open": ("true", 0.59)})  # not sure enough to be a change; but time alone opens no door
    assert not ask(home.memory, "is the fridge open").known


def test_a_table_that_changed_its_id_did_not_move_what_is_on_it(home: HandHome):
    home.put(1, "mug", "counter", 1 * S)
    counter, other = home.ids["counter"], 777
    home.views[other] = home.views[counter]
    here = {"place": "on the counter", "place_id": other, "position": [1.0, 1.0, 0.95]}
    home.tell(
        50 * S, (), (Event(901, 50 * S, "relation_changed", 1, {"place": "on the counter in the kitchen", "place_id": counter}, here),)
    )
    home.tell(51 * S, (), (Event(902, 51 * S, "merged", counter, {"id": other}, {"id": counter}, (), 1.0, "counter"),))
    assert ask(home.memory, "what changed").text.startswith("Nothing that I noticed changed")


def test_usually_counts_days_and_knows_the_part_of_the_day(home: HandHome, clock: ManualClock):
    day = 86_400
    for k in range(4):  # on the counter in the mornings, on the desk in the evenings
        home.put(1, "mug", "counter", (k * day + 8 * 3600) * S, moved=k > 0)
        home.put(1, "mug", "desk", (k * day + 19 * 3600) * S, moved=True)
        home.see_again(1, (k * day + 20 * 3600) * S)
    clock.set((3 * day + 21 * 3600) * S)
    morning = ask(home.memory, "where is the mug usually in the morning")
    evening = ask(home.memory, "where is the mug usually in the evening?")
    assert [(a.places[0].label, a.places[0].probability) for a in (morning, evening)] == [("counter", 1.0), ("desk", 1.0)]
    assert "by 4 days on which I saw it" in morning.text and ask(home.memory, "where does the mug normally go").places[0].label == "desk"
    assert not ask(home.memory, "where is the hammer usually").known
    assert not ask(home.memory, "where is the mug usually at night").places[1:]


def test_a_room_without_a_name_is_not_what_which_room_asks_for(furnished: HandHome):
    furnished.graph.put(Node(10_009, "room", "room", np.array([9.0, 9.0, 0.0]), np.array([2.0, 2.0, 2.4])))
    furnished.see_again(1, 90 * S)
    assert "room" in {n.label for n in furnished.graph.nodes("room")}
    assert ask(furnished.memory, "which room is the mug in").recall.place == "on the counter in the kitchen"  # type: ignore[union-attr]


def test_two_beliefs_in_one_body_are_one_thing(home: HandHome):
    home.put(1, "kettle", "counter", 1 * S, size=np.array([0.2, 0.2, 0.2]))
    home.put(2, "kettle", "counter", 2 * S, offset=0.1, color="black", size=np.array([0.2, 0.2, 0.2]), support=2)
    assert ask(home.memory, "where is the kettle").recall.id == 1  # type: ignore[union-attr]
    assert len(ask(home.memory, "how many kettles are there").objects) == 1
    assert [v.id for v in ask(home.memory, "what is on the counter").objects] == [1]
    home.put(3, "kettle", "counter", 3 * S, offset=0.3, size=np.array([0.2, 0.2, 0.2]))
    assert len(ask(home.memory, "how many kettles are there").objects) == 2


def test_will_be_is_a_prediction_and_a_guess_is_called_one(furnished: HandHome):
    answer = ask(furnished.memory, "where will the mug be tomorrow morning")
    assert (
        answer.meaning == "will_be" and answer.known and answer.text.startswith("Tomorrow morning the red mug (#1) may be on the counter")
    )
    guess = ask(furnished.memory, "where will the scissors be tomorrow morning")
    assert not guess.known and guess.text.startswith("I do not know")


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
    assert say("state_changed", {"open": "false"}, {"open": "true"}) == "the mug (#7) was opened (60 s ago)"
    drawer = say("state_changed", {"drawer 2.open": "true"}, {"drawer 2.open": "false"})
    assert drawer == "the drawer 2 of the mug (#7) was shut (60 s ago)"
    assert say("state_changed", {"dirty": "true"}, {"dirty": "false"}) == "the mug (#7) is not dirty any more (60 s ago)"
    assert (
        say("state_changed", {"temperature": "hot"}, {"temperature": "room"})
        == "the mug (#7): temperature went from hot to room (60 s ago)"
    )
    assert say("appeared", {"again": True}, {"position": [1, 2, 3]}) == "the mug (#7) was seen again at x 1.0 m, y 2.0 m (60 s ago)"
    assert say("merged", {}, {}) == "the mug (#7): merged (60 s ago)"


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("how many times did the mug move", r"^I saw one move, and may have missed some.* Yes: the mug \(#1\) moved from the counter"),
        ("how often was the book moved", r"^I saw no move"),
        ("who moved the mug?", r"^Who did it I do not know: I do not tell people apart.* Yes: the mug"),
        ("what did Anna move in the last minute", r"^Who did it I do not know.* 1 move: the mug"),
        ("is the mug on the desk", r"^Yes: The red mug \(#1\) is on the desk in the study"),
        ("is the mug on the counter?", r"^No: The red mug \(#1\) is on the desk"),
        ("is the mug in the study", r"^Yes: "),
        ("was the mug on the counter 90 seconds ago", r"^Yes: "),
        ("was the mug on the desk 90 seconds ago", r"^No: "),
        ("is the mug on the piano", r"^I know no place called 'piano'"),
        ("is the hammer on the desk", r"^I do not know"),
        ("how many rooms are there?", r"^I know 2 rooms: kitchen, study\.$"),
        ("which rooms do you know", r"^I know 2 rooms"),
    ],
)
def test_small_questions(lived: HandHome, sentence: str, said: str):
    answer = ask(lived.memory, sentence)
    assert re.search(said, answer.text), answer.text
