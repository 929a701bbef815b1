"""What a person says holds until strong evidence speaks against it, and stays on record with who said it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.errors import InvalidInputError
from robomem.memory import table
from robomem.memory.answer import ask
from robomem.memory.corrections import ELSEWHERE_SIGHTINGS
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.telling import Statement, read_statement
from tests.memory.hand_home import HandHome, S

STATEMENTS = [
    ("the mug is in the drawer", Statement("the mug", place="in the drawer")),
    ("No, the red mug is now on the desk in the study!", Statement("the red mug", place="on the desk in the study")),
    ("the mug in the kitchen was put on the shelf", Statement("the mug in the kitchen", place="on the shelf")),
    ("#12 is a teapot", Statement("#12", label="teapot")),
    ("well, actually, object 3 is really a tea cup.", Statement("object 3", label="tea cup")),
]


def KNOWN(words: str) -> bool:
    return words in ("teacup", "mug", "tea cup")


@pytest.mark.parametrize(("sentence", "expected"), STATEMENTS)
def test_statements(sentence: str, expected: Statement):
    assert read_statement(sentence, KNOWN) == expected


NAMES_NOTHING = ("the mug is not on the desk", "the laptop is gone", "the fridge is open", "the mug is mine", "the cup is no longer there")


@pytest.mark.parametrize("sentence", ["", "hello", "where is the mug?", "bring the mug", *NAMES_NOTHING])
def test_what_tells_nothing_is_refused(sentence: str):
    with pytest.raises(InvalidInputError, match="says neither"):
        read_statement(sentence, KNOWN)


def seen_at(home: HandHome, ident: int, times_s: list[float]) -> None:
    for t in times_s:
        home.see_again(ident, round(t * S))


def test_a_place_in_words_is_believed_with_its_provenance(furnished: HandHome):
    memory = furnished.memory
    memory.correct(1, place="on the desk in the study", source="Anna", said="the mug is on my desk")
    found = memory.find("mug")
    assert (found.verdict, found.place, found.place_id) == ("found", "on the desk in the study", furnished.ids["desk"])
    assert found.p_still_there == pytest.approx(0.95) and found.radius90_m > 0.25  # a desk is no point
    assert found.evidence == ()  # nobody has seen it there
    assert "Anna said so just now" in ask(memory, "where is the mug").text
    assert memory.predict("mug")[0].label == "desk" and [v.id for v in memory.what_is_in("desk")] == [1, 3]
    assert memory.where_was("mug", 50 * S).place == "on the counter in the kitchen"  # the past is not rewritten
    assert memory.store.rows(table.TOLD)[0][11:15] == ("Anna", "the mug is on my desk", None, "")


def test_a_few_sightings_elsewhere_do_not_outweigh_a_person_but_many_do(furnished: HandHome):
    memory, before = furnished.memory, len(furnished.memory.store.stays(1))
    memory.correct(1, place="on the desk", source="Anna")
    seen_at(furnished, 1, [101 + 0.1 * i for i in range(ELSEWHERE_SIGHTINGS)])  # half a second: one mistake of the detector
    assert memory.find("mug", at_ns=102 * S).place == "on the desk in the study" and memory.told_place(1) is not None
    seen_at(furnished, 1, [103.0])
    assert memory.find("mug", at_ns=103 * S).place == "on the counter in the kitchen" and memory.told_place(1) is None
    assert memory.store.rows(table.TOLD)[0][13:15] == (103 * S, f"seen elsewhere {ELSEWHERE_SIGHTINGS + 1} times")
    assert [s.place.holder for s in memory.store.stays(1)][before:] == ["on the desk", "on the counter"]


def test_seen_where_it_was_told_confirms(furnished: HandHome):
    memory = furnished.memory
    memory.correct(1, place="on the desk")
    furnished.put(1, "mug", "desk", 120 * S, moved=True, color="red", offset=0.2)
    assert memory.find("mug", at_ns=120 * S).position == pytest.approx((7.2, 1.0, 0.85)) and memory.told_place(1) is None
    assert memory.store.rows(table.TOLD)[0][14] == "seen there"


def test_that_its_old_place_is_empty_agrees_with_what_was_said(furnished: HandHome):
    furnished.memory.correct(1, place="on the desk")
    furnished.lose(1, 110 * S)
    assert furnished.memory.find("mug", at_ns=111 * S).verdict == "found"
    assert furnished.memory.find("mug", at_ns=111 * S).place == "on the desk in the study"


def test_what_the_robot_takes_is_where_the_robot_is(furnished: HandHome):
    furnished.memory.correct(1, place="on the desk")
    furnished.views[1] = replace(furnished.views[1], status="held", last_seen_ns=110 * S)
    furnished.tell(110 * S, (1,))
    assert furnished.memory.told_place(1) is None


def test_a_label_holds_through_every_sighting_and_a_later_word_on_the_place(furnished: HandHome):
    memory = furnished.memory
    memory.correct(4, label="atlas", source="Anna")
    seen_at(furnished, 4, [101 + i for i in range(20)])
    assert memory.find("atlas").id == 4
    memory.correct(4, place="on the counter")
    assert memory.find("atlas", at_ns=130 * S).place == "on the counter in the kitchen"


def test_a_second_word_ends_the_first(furnished: HandHome, clock: ManualClock):
    memory = furnished.memory
    memory.correct(1, place="on the desk", source="Anna")
    clock.advance(1.0)
    memory.correct(1, place="on the shelf", source="Ben")
    told = memory.store.rows(table.TOLD, "ORDER BY stamp_ns")
    assert [(r[11], r[14]) for r in told] == [("Anna", "said otherwise later"), ("Ben", "")]
    assert memory.find("mug").place == "on the shelf in the study"


def test_what_was_said_survives_a_restart_and_a_reader_sees_it(tmp_path: Path, clock: ManualClock):
    with RobotMemory.open(tmp_path / "home.db", clock=clock) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S)
        memory.correct(1, place="in the study", source="Anna")
        memory.flush()
        with RobotMemory.open(tmp_path / "home.db", clock=clock, read_only=True) as reader:
            told = reader.told_place(1)
            assert told is not None and told.source == "Anna" and reader.find("mug").place == "in the study"
    with RobotMemory.open(tmp_path / "home.db", clock=clock) as again:
        assert again.told_place(1) is not None and again.find("mug").place == "in the study"


def test_forgetting_takes_what_was_said(furnished: HandHome):
    furnished.memory.correct(1, place="on the desk", said="the mug is on the desk")
    furnished.memory.correct(2, place="on the desk", said="the cup is beside the mug")
    furnished.memory.forget(label="mug")
    assert [r[0] for r in furnished.memory.store.rows(table.TOLD)] == []  # the second quoted it
    assert furnished.memory.find(2).place == "on the counter in the kitchen"  # a word that nobody said holds of nothing


def test_places_that_are_none_or_several(furnished: HandHome):
    with pytest.raises(InvalidInputError, match="no place called 'the garage'; I know"):
        furnished.memory.correct(1, place="in the garage")
    with pytest.raises(InvalidInputError, match="no object 77"):
        furnished.memory.correct(77, position=np.zeros(3))
