"""Questions about several things: each is answered for, and what cannot be taken apart is said to be left out."""

from __future__ import annotations

import re

import pytest

from robomem.memory.answer import ask
from robomem.memory.several import MOST, split
from robomem.memory.tool_answers import answer_json
from tests.memory.hand_home import HandHome, S
from tests.memory.test_sentence import HOME, MEANINGS
from tests.memory.test_wordings import every_wording

APART = [
    ("where are the mug and the plate", ("where are the mug", "where are the plate")),
    ("where are the mug, the plate and the red cup?", ("where are the mug?", "where are the plate?", "where are the red cup?")),
    ("is the mug on the desk or in the fridge", ("is the mug on the desk", "is the mug in the fridge")),
    ("what is on the desk and the coffee table", ("what is on the desk", "what is on the coffee table")),
    (
        "what changed in the kitchen and the study since noon",
        ("what changed in the kitchen since noon", "what changed in the study since noon"),
    ),
    ("where are the red and the blue mug", ("where are the red mug", "where are the blue mug")),
    ("where are #12 and #13", ("where are #12", "where are #13")),
    ("where are both the mug and my keys", ("where are the mug", "where are my keys")),
    ("where was the mug & the plate on Monday at 9:05", ("where was the mug on monday at 9:05", "where was the plate on monday at 9:05")),
    ("Where is the mug? Where is the plate?", ("where is the mug", "where is the plate?")),
    ("did anything vanish, and where are the mug and the plate?", ("did anything vanish", "where are the mug?", "where are the plate?")),
    ("where is the mug and is it on the desk", ("where is the mug", "is the mug on the desk")),
    ("where are the mug, plate and keys", ("where are the mug", "where are plate", "where are keys")),
    ("where is the mug; the plate; and the keys", ("where is the mug", "where is the plate", "where is the keys")),
    ("where is the red or blue mug", ("where is the red mug", "where is blue mug")),
    ("where are the kitchen counter and the desk", ("where are the kitchen counter", "where are the desk")),
    ("is the mug on the desk or in the kitchen", ("is the mug on the desk", "is the mug in the kitchen")),
    ("what's on the desk and what vanished today", ("what is on the desk", "what vanished today")),
    ("what did you do and where is the mug", ("what did you do", "where is the mug")),
    ("where is the mug and what is on the desk?", ("where is the mug", "what is on the desk?")),
]
ONE = ["What's gone from the kitchen since noon, and what's been added?",
       "where is the black and white cup", "The coffee table, what is on it?", "In the kitchen, how many cups are there?",
       "has the mug been moved, or is it still where it was", "where is the mug, the red one", "", "and", "the mug and"]  # fmt: skip


@pytest.mark.parametrize(("sentence", "parts"), APART, ids=[row[0] for row in APART])
def test_apart(sentence: str, parts: tuple[str, ...]) -> None:
    assert split(sentence, HOME).sentences == parts and split(sentence, HOME).left_out == ()


@pytest.mark.parametrize("sentence", [*ONE, *(row[0] for row in MEANINGS)])
def test_a_question_about_one_thing_stays_as_it_is(sentence: str) -> None:
    assert split(sentence, HOME).sentences == (sentence,) and not split(sentence, HOME).left_out


def test_what_is_joined_but_of_another_sort_is_named() -> None:
    cut = split("is there a mug in the kitchen and a plate on the desk", HOME)
    assert (cut.sentences, cut.left_out) == (("is there a mug in the kitchen",), ("plate",))
    many = split("where are " + " and ".join(f"#{i}" for i in range(MOST + 2)), HOME)
    assert len(many.sentences) == MOST and len(many.left_out) == 2


ANSWERS = [
    ("where are the mug and the book", r"^The red mug \(#1\) is on the counter.* The green book \(#4\) is on the shelf"),
    ("where are the mug and my keys", r"^The red mug .* I do not know\. I would need a sighting of keys"),
    ("is the mug on the desk or the counter", r"^Yes: The red mug \(#1\) is on the counter in the kitchen: seen[^Y]*$"),
    ("is the mug on the desk or the shelf", r"^No: The red mug \(#1\) is on the counter[^N]*$"),
    ("what is on the desk and the shelf", r"^On the desk there is a blue cup .* On the shelf there is a green book"),
    ("how many mugs and cups are there", r"^Mugs: 1: #1 .* Cups: 2: #2 "),
    ("did anything vanish from the kitchen and the study", r"^Nothing that .* from the kitchen\. Nothing that .* from the study\."),
    ("where is the mug and what is on the desk", r"^The red mug .* On the desk there is a blue cup"),
    ("is there a mug in the kitchen and a book on the desk", r"^Yes\. The red mug .* \(Not answered: book; ask for it by itself\.\)$"),
]


@pytest.mark.parametrize(("sentence", "said"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_each_is_answered_for(furnished: HandHome, sentence: str, said: str) -> None:
    answer = ask(furnished.memory, sentence)
    assert answer.understood and re.search(said, answer.text), answer.text


def test_the_parts_are_in_the_json_and_what_they_rest_on_is_together(furnished: HandHome) -> None:
    told = answer_json(furnished.memory, ask(furnished.memory, "where are the mug and the book"))
    assert [part["answer"]["id"] for part in told["parts"]] == [1, 4] and told["answer"]["id"] == 1
    assert told["evidence"] == [*told["parts"][0]["evidence"], *told["parts"][1]["evidence"]]
    assert answer_json(furnished.memory, ask(furnished.memory, "where is the mug"))["parts"] == []


def test_yes_and_no_together_are_neither(furnished: HandHome) -> None:
    furnished.put(1, "mug", "desk", 60 * S, moved=True, color="red")
    answer = ask(furnished.memory, "did the mug or the book move")
    assert [part.yes for part in answer.parts] == [True, False] and answer.yes is None


def test_no_wording_of_anybody_breaks_the_cut() -> None:
    """ "on the kitchen counter" at the end of a sentence did: its room has no words of its own."""
    said = list(every_wording())
    assert len(said) > 800
    assert all(split(sentence, HOME).sentences for sentence in said)


def test_on_both_is_not_on_either(home: HandHome) -> None:
    home.put(1, "mug", "desk", 1 * S)
    assert ask(home.memory, "is the mug on the desk or on the counter").yes is True
    assert ask(home.memory, "is the mug on the desk and on the counter").yes is False
    asked_twice = ask(home.memory, "is the desk empty or is something on it")
    assert [v.id for v in asked_twice.objects] == [1]
    numbers = ask(home.memory, "how many mugs are in the kitchen and how many are in the study")
    assert "Not answered: how many are in the study" in numbers.text
