"""What sentences mean: tables of meaning, thing, place, room."""

from __future__ import annotations

import pytest

from robomem.memory.query import forms
from robomem.memory.sentence import Reading, Vocabulary, read
from robomem.ontology import default_ontology

NOW = 1_767_974_400 * 10**9  # Friday 2026-01-09 16:00 UTC
ONTOLOGY = default_ontology()


def classes(words: str) -> list[str]:
    return [f for f, _ in forms(words, ONTOLOGY) if f in ONTOLOGY.classes or f in ONTOLOGY.synonyms]


HOME = Vocabulary(
    sorted(ONTOLOGY.rooms),
    lambda words: bool(classes(words)),
    lambda words: any(ONTOLOGY.prior(f).kind == "furniture" for f in classes(words)),
)


def reading(sentence: str) -> Reading:
    found = read(sentence, NOW, "UTC", HOME)
    assert found is not None, sentence
    return found


MEANINGS = [
    ("Where's the blue can?", "where_is", "blue can"),
    ("I can't find my hair dryer anywhere", "where_is", "hair dryer"),
    ("do you know which room the toy duck is in", "where_is", "toy duck"),
    ("Yesterday at 9, where was the mug?", "where_was", "mug"),
    ("the mug, where was it on Tuesday at 9:30", "where_was", "mug"),
    ("When did you last lay eyes on the remote?", "when_last", "remote"),
    ("how long since you saw the violin", "when_last", "violin"),
    ("At what time was the mug last on the desk?", "when_last_at", "mug"),
    ("what's been moved since this morning", "changes", ""),
    ("Anything new in the kitchen since yesterday?", "changes", ""),
    ("Has somebody moved the mug since noon?", "moved", "mug"),
    ("In the kitchen, how many cups are there?", "how_many", "cups in the kitchen"),
    ("Do we have more than one of those cans, and if so how many?", "how_many", "cans"),
    ("is there anything on the coffee table", "contents", ""),
    ("Is the desk empty?", "contents", ""),
    ("Is the fridge open?", "state", "fridge"),
    ("Was the lamp switched on yesterday evening?", "state", "lamp"),
    ("what were you up to this morning", "did_do", ""),
    ("Did you fetch the book?", "did_task", "book"),
    ("did you take the book where it was supposed to go", "did_task", "book"),
    ("Where does the mug normally live?", "usually", "mug"),
    ("In the evening, where is the remote mostly?", "usually", "remote"),
    ("Where will the mug be tomorrow at noon?", "will_be", "mug"),
    ("I need the mug in two hours, where should I look?", "will_be", "mug"),
    ("have you ever come across a hammer", "seen", "hammer"),
    ("Do we own a sewing machine?", "seen", "sewing machine"),
    ("what is the mug on", "where_is", "mug"),
    ("on what surface is the remote", "where_is", "remote"),
    ("What objects have been relocated since noon?", "changes", ""),
    ("what's been going on in the house since this morning", "changes", ""),
    ("Has the mug been disturbed since yesterday?", "moved", "mug"),
    ("Has the mug's location changed since yesterday?", "moved", "mug"),
    ("Has my mug wandered off since noon?", "moved", "mug"),
    ("how many times did the mug move", "moved", "mug"),
    ("How many hours since you saw the mug?", "when_last", "mug"),
    ("On which day did you bring the mug?", "did_task", "mug"),
    ("At what time was the mug delivered?", "did_task", "mug"),
    ("What duties did you carry out today?", "did_do", ""),
    ("Which rooms did you patrol this morning?", "did_do", ""),
    ("Where will I normally find the mug?", "usually", "mug"),
    ("what's the mug's regular spot", "usually", "mug"),
    ("which rooms do you know", "rooms", ""),
    ("Is the mug on the desk?", "is_at", "mug"),
    ("Was the mug in the kitchen yesterday?", "is_at", "mug"),
    ("any umbrella here?", "seen", "umbrella"),
    ("has the mug come back", "where_is", "mug"),
    ("what did the robot do today", "did_do", ""),
    ("did you explore the home", "did_do", ""),
    ("how long did you look around this morning", "did_do", ""),
]


@pytest.mark.parametrize(("sentence", "meaning", "what"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_meanings(sentence: str, meaning: str, what: str) -> None:
    found = reading(sentence)
    assert (found.meaning, found.what) == (meaning, what)


@pytest.mark.parametrize(
    ("sentence", "place", "room", "how"),
    [
        ("What is on the dresser in the bedroom?", "dresser in the bedroom", "", "on"),
        ("what things are in the study", "study", "", "in"),
        ("The coffee table, what is on it?", "coffee table", "", "on"),
        ("when was the mug last on the coffee table", "coffee table", "", "on"),
        ("what has changed in the kitchen since yesterday", "", "kitchen", ""),
        ("what changed in the guest room since yesterday", "", "guest room", ""),  # a room that nobody knows is no "room"
    ],
)
def test_places(sentence: str, place: str, room: str, how: str) -> None:
    found = reading(sentence)
    assert (found.place, found.how) == (place, how) and (not room or found.room == room)


def test_a_class_named_like_a_word_of_grammar() -> None:
    assert reading("can you tell me where the can is").what == "can"
    assert reading("where is the orange").what == "orange"


def test_times_to_come_and_parts_of_any_day() -> None:
    ahead = reading("where will the mug be tomorrow morning").when
    assert ahead is not None and ahead.to_come and ahead.from_ns > NOW
    assert reading("where is the mug usually in the morning").hours == (5, 12)
    past = reading("where would I have found the mug on Tuesday at 9:30").when
    assert past is not None and not past.to_come and past.to_ns < NOW


@pytest.mark.parametrize("sentence", ["colorless green ideas", "", "mug", "the", "?" * 500])
def test_no_question(sentence: str) -> None:
    assert read(sentence, NOW, "UTC", HOME) is None
