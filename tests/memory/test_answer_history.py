"""What changed, what is usual and what will be: answers that rest on the history of a home."""

import re
from dataclasses import replace

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.memory import wording
from robomem.memory.answer import ask
from robomem.memory.records import PlaceWords
from robomem.memory.replies_habits import joined
from robomem.memory.tools import call
from robomem.types import Event, PlaceProbability
from tests.memory.hand_home import HandHome, S


def test_places_that_nobody_tells_apart_count_together() -> None:
    """Two halves of one counter, and a counter of the same name at the other end of the room."""

    def row(i: int, x: float, p: float, label: str = "counter") -> PlaceProbability:
        return PlaceProbability(i, label, "kitchen", np.array([x, 0.0, 0.9]), p)

    rows = joined([row(1, 0.0, 0.3), row(2, 0.2, 0.35, "table"), row(3, 0.8, 0.25), row(4, 4.0, 0.1)])
    assert [(r.place_id, round(r.probability, 2)) for r in rows] == [(1, 0.55), (2, 0.35), (4, 0.1)]
    apart = [row(9, 0.1, 0.6, "kitchen"), row(1, 0.0, 0.3), replace(row(1, 0.0, 0.1), relation="inside")]
    assert joined(apart) == apart  # on the floor beside it, on it and in it are three places


def test_one_day_or_two_like_places_are_no_habit(home: HandHome, clock: ManualClock) -> None:
    day = 86_400
    home.put(1, "mug", "counter", 8 * 3600 * S)
    home.see_again(1, 9 * 3600 * S)
    clock.set(10 * 3600 * S)
    once = ask(home.memory, "where is the mug usually")
    assert not once.known and "I am not sure" in once.text and "by 1 day" in once.text and "counter" in once.text
    assert (
        "by 1 day on which I saw the mug (#1) between 5:00 and 12:00 it was"
        in ask(home.memory, "where is the mug usually in the morning").text
    )
    home.put(1, "mug", "desk", (day + 8 * 3600) * S, moved=True)
    clock.set((day + 10 * 3600) * S)
    either = ask(home.memory, "where is the mug usually")
    assert not either.known and "counter in the kitchen (50%)" in either.text and len(either.places) == 2
    home.see_again(1, (2 * day + 8 * 3600) * S)
    clock.set((2 * day + 10 * 3600) * S)
    assert ask(home.memory, "where is the mug usually").places[0].label == "desk"


def test_what_was_carried_is_no_place_to_look_for_it(home: HandHome, clock: ManualClock) -> None:
    """A stay in the gripper is on record, but neither a habit nor a forecast."""
    day = 86_400
    for k in range(3):
        home.put(1, "mug", "counter", (k * day + 8 * 3600) * S, moved=k > 0)
        home.put(1, "mug", "desk", (k * day + 9 * 3600) * S, moved=True)
    store = home.memory.store
    store.put_stays(
        replace(s, place=PlaceWords(99, "in the robot's gripper", s.place.room_id, s.place.room))
        for s in store.stays(1)
        if "counter" in s.place.holder
    )
    clock.set((2 * day + 10 * 3600) * S)
    for question in ("where is the mug usually", "where will the mug be tomorrow"):
        answer = ask(home.memory, question)
        assert "gripper" not in answer.text and "desk" in answer.text and all("gripper" not in p.label for p in answer.places)


def test_a_move_is_dated_when_the_thing_was_first_seen_there(home: HandHome, clock: ManualClock):
    """Noticed at 90 s, by its old place being empty; it had been seen at the new one since 40 s."""
    home.put(1, "mug", "counter", 1 * S)
    view = replace(home.views[1], position=np.array([7.0, 1.0, 0.85]), place=home.ids["desk"], last_seen_ns=90 * S)
    home.views[1] = view
    there = {"position": view.position.tolist(), "place": "on the desk in the study", "place_id": home.ids["desk"], "since_ns": 40 * S}
    home.graph.end(1, 90 * S)
    home.graph.relate(1, "on", home.ids["desk"], 0.97, 90 * S)
    home.tell(90 * S, (1,), (Event(903, 90 * S, "moved", 1, {"position": [1.0, 1.0, 0.95]}, there, (), 0.98, "mug"),))
    clock.set(100 * S)
    late, early = (ask(home.memory, f"what changed in the last {k} seconds") for k in (50, 70))
    assert late.events == () and [e.kind for e in early.events] == ["moved"] and "(60 s ago)" in early.text
    assert ask(home.memory, "did the mug move in the last 50 seconds").yes is False
    assert home.memory.where_was("mug", 45 * S).place == "on the desk in the study"
    assert home.memory.where_was("mug", 30 * S).place == "on the counter in the kitchen"


def test_what_is_missed_and_seen_again_on_the_spot_did_not_change(home: HandHome, clock: ManualClock):
    home.put(1, "mug", "counter", 1 * S)
    home.lose(1, 50 * S)
    clock.set(100 * S)
    assert [e.kind for e in ask(home.memory, "what changed in the last minute").events] == ["removed"]
    home.see_again(1, 80 * S)
    assert ask(home.memory, "what changed in the last minute").events == ()
    assert ask(home.memory, "did the mug move in the last minute").yes is False


def test_a_newcomer_just_like_what_is_doubted_elsewhere_is_that(home: HandHome, clock: ManualClock):
    home.put(1, "tray", "counter", 1 * S, color="brown", existence=0.6)
    home.put(2, "tray", "desk", 60 * S, color="brown")
    clock.set(100 * S)
    assert ask(home.memory, "where is the tray").text.startswith("The brown tray (#2) is on the desk")
    did = ask(home.memory, "did the tray move in the last minute")
    assert did.yes and "moved from the counter in the kitchen to the desk in the study" in did.text
    assert [e.label for e in ask(home.memory, "what changed in the kitchen in the last minute").events] == ["tray"]
    home.put(3, "tray", "shelf", 70 * S, color="red")
    assert "red one" in ask(home.memory, "where is the tray").text  # another colour: two trays


def test_of_two_alike_in_name_each_is_answered_for(home: HandHome, clock: ManualClock):
    home.put(1, "pan", "counter", 1 * S, color="black")
    home.put(2, "pan", "desk", 1 * S, color="red")
    home.put(1, "pan", "shelf", 60 * S, moved=True, color="black")
    home.see_again(1, 68 * S)
    home.see_again(2, 70 * S)
    clock.set(100 * S)
    one = ask(home.memory, "did the pan move in the last minute")
    assert one.yes and "to the shelf" in one.text and "have not seen the red pan (#2) move" in one.text
    assert ask(home.memory, "did the pan move in the last 35 seconds").yes is False


def test_what_will_be_leans_on_other_days_at_that_time(home: HandHome, clock: ManualClock):
    day = 86_400
    for k in range(4):  # on the counter at noon, on the desk in the evening: where it is now
        home.put(1, "mug", "counter", (k * day + 11 * 3600) * S, moved=k > 0)
        home.see_again(1, (k * day + 12 * 3600) * S)
        home.put(1, "mug", "desk", (k * day + 19 * 3600) * S, moved=True)
    clock.set((3 * day + 21 * 3600) * S)
    noon, soon = (ask(home.memory, f"where will the mug be {when}") for when in ("tomorrow at noon", "in ten minutes"))
    share = {p.label: p.probability for p in noon.places}
    assert share["counter"] >= 0.4 and sum(share.values()) <= 1.0 + 1e-9 and soon.places[0].label == "desk"
    assert [p.probability for p in noon.places] == sorted((p.probability for p in noon.places), reverse=True)


def test_places_called_alike_are_listed_once_likeliest_first():
    rows = [
        PlaceProbability(i, name, "study", np.array([float(i), 0.0, 1.0]), p)
        for i, (name, p) in enumerate([("desk", 0.3), ("shelf", 0.25), ("shelf", 0.2), ("bed", 0.01)])
    ]
    assert [(p.label, round(p.probability, 2)) for p in wording.by_name(rows)] == [("shelf", 0.45), ("desk", 0.3), ("bed", 0.01)]


@pytest.mark.parametrize(
    ("existence", "where", "what_is_on", "how_many", "json"),
    [
        (0.98, r"^The red mug \(#1\) is on the desk",
         r"^On the desk there is a red mug \(#1\)\.", r"^1: #1 on the desk in the study\.", 0.98),
        (0.7, r"^The red mug \(#1\) probably is on the desk.* 70% sure", r"^On the desk there probably is a red mug \(#1, 70%\)\.",
         r"^1: #1 probably on the desk in the study \(70%\)\.", 0.7),
        (0.3, r"^The red mug \(#1\) was on the desk .* probably not there any more \(30%\)",
         r"^Last seen on the desk, but probably not there any more: a red mug \(#1, 30%\)\.",
         r"^None that I know of: #1 last seen on the desk in the study, but probably not there any more \(30%\)\.", 0.3),
    ],
)  # fmt: skip
def test_one_degree_of_belief_has_one_wording(
    home: HandHome, existence: float, where: str, what_is_on: str, how_many: str, json: float
) -> None:
    """Where is, what is on and how many say of one thing in doubt the same: it was "probably not there any more" here and flatly there."""
    home.put(1, "mug", "desk", 99 * S, color="red", existence=existence)
    for sentence, said in (("where is the mug", where), ("what is on the desk", what_is_on), ("how many mugs are there", how_many)):
        assert re.search(said, ask(home.memory, sentence).text), ask(home.memory, sentence).text
    assert call(home.memory, "what_is_in", {"place": "desk"})["objects"][0]["p_exists"] == pytest.approx(json, abs=0.01)


def test_what_is_sure_and_what_is_not_are_apart_in_a_list(home: HandHome, clock: ManualClock) -> None:
    home.put(1, "mug", "desk", 99 * S, color="red")
    home.put(2, "book", "desk", 99 * S, existence=0.6, offset=0.2)
    home.put(3, "can", "desk", 99 * S, existence=0.2, offset=-0.2)
    assert ask(home.memory, "what is on the desk").text.startswith(
        "On the desk there is a red mug (#1); probably also a book (#2, 60%); "
        "last seen there, but probably not there any more: a can (#3, 20%)."
    )
    clock.set(24 * 3600 * S)  # nobody looked for a day: the same words for what only time has made doubtful
    aged = call(home.memory, "what_is_in", {"place": "desk"})["objects"][0]["p_exists"]
    assert aged == pytest.approx(call(home.memory, "find", {"query": "mug"})["p_still_there"]) and aged < 0.9
    assert "there is a red mug" not in ask(home.memory, "what is on the desk").text


def test_what_is_in_doubt_is_no_yes_and_no_forecast(home: HandHome, clock: ManualClock) -> None:
    """ "Yes. ... it is probably not there any more" was one answer, and "probably will be there (6%)" another."""
    home.put(1, "mug", "desk", 99 * S, color="red", existence=0.3)
    there = ask(home.memory, "is there a mug on the desk")
    assert there.text.startswith("I am not sure: The red mug (#1) was on the desk") and there.yes is None and not there.known
    assert ask(home.memory, "have you ever seen a mug on the desk").text.startswith("Yes. The red mug")
    assert ask(home.memory, "is there a mug").yes is True  # somewhere it is
    clock.set(100 * 3600 * S)
    assert re.search(
        r"may be on the desk in the study \(\d+%\); more likely it is elsewhere", ask(home.memory, "where will the mug be tomorrow").text
    )


def test_has_it_come_back(home: HandHome) -> None:
    home.put(1, "mug", "desk", 99 * S, color="red")
    for sentence in ("has the mug come back", "is the mug back?"):
        assert ask(home.memory, sentence).text.startswith("The red mug (#1) is on the desk in the study")
