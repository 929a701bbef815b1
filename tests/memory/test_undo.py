"""A person's word can be withdrawn: the answer before it comes back, and who took it back stays on record."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robomem.cli import main
from robomem.clock import ManualClock
from robomem.errors import InvalidInputError, StoreError
from robomem.memory.answer import ask
from robomem.memory.corrections import ELSEWHERE_SIGHTINGS
from robomem.memory.exchange import import_graph
from robomem.memory.hub import MemoryHub
from robomem.memory.questions import graph_from_rows
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.spatial import Sighting
from robomem.memory.telling import read_undo
from robomem.memory.told_graph import with_told
from robomem.memory.told_report import told_lines
from robomem.memory.tool_answers import recall_json
from robomem.memory.tools import call
from tests.fakes.small_home import COUNTER, DESK
from tests.memory.hand_home import HandHome, S
from tests.memory.test_observe import BOOK, MUG, Watched

GRAPH = 5


def everything(home: HandHome, thing: str | int) -> tuple[object, ...]:
    """All that is answered about a thing: recall, text, stays, prediction, objects row, graph."""
    m, asked = home.memory, f"#{thing}" if isinstance(thing, int) else thing
    stays = [(s.from_ns, s.seen_ns, s.to_ns, s.place.words, s.position.tolist()) for s in m.store.stays(m.find(thing).id)]
    places = [(p.label, p.probability) for p in m.predict(thing)]
    view, place = m.store.objects()[m.find(thing).id or 0]
    graph = with_told(graph_from_rows(m.store), m.store.corrections())  # as a reader has it: here nothing was seen by a live world
    row = (view.label, view.position.tolist(), view.covariance.tolist(), view.existence, view.status, view.last_seen_ns, view.place, place)
    return recall_json(m, m.find(thing)), ask(m, f"where is {asked}").text, stays, places, row, graph.to_json()


@pytest.mark.parametrize(
    "told", [{"place": "on the desk"}, {"place": "in the study"}, {"position": np.array([7.0, 2.0, 0.5])}, {"label": "teapot"},
             {"place": "on the shelf", "label": "teapot"}]
)  # fmt: skip
def test_the_answer_before_comes_back(furnished: HandHome, told: dict[str, object]) -> None:
    memory = furnished.memory
    asked = dict(enumerate(everything(furnished, 1)))
    memory.correct(1, **told)  # type: ignore[arg-type]
    wrong = dict(enumerate(everything(furnished, 1)))
    assert [i for i in (0, 1, 4, GRAPH) if wrong[i] == asked[i]] == []
    said, view = memory.undo_correction(1, "Ben")
    assert (said.object_id, view.label) == (1, "mug") and memory.told_place(1) is None
    again = RobotMemory.open(":memory:", clock=ManualClock(100 * S))
    fresh = HandHome(again)
    fresh.put(1, "mug", "counter", 1 * S, color="red")
    before, after = dict(enumerate(everything(fresh, 1))), dict(enumerate(everything(furnished, 1)))
    for i in (0, 1, 2, 3, 4, GRAPH):
        assert after[i] == asked[i], i
    assert {i: after[i] for i in (2, 3, 4)} == {i: before[i] for i in (2, 3, 4)}  # of one who was never told anything
    assert memory.find(1).evidence and "teapot" not in ask(memory, "where is the mug").text and memory.find("teapot").id != 1


def test_the_word_before_it_holds_again(furnished: HandHome, clock: ManualClock) -> None:
    memory = furnished.memory
    memory.correct(1, place="on the desk", source="Anna")
    first = ask(memory, "where is the mug").text
    memory.correct(1, place="on the shelf", source="Ben")  # at the same time: in a recording it stands still
    memory.correct(1, label="teapot", source="Eva")
    clock.advance(5.0)
    memory.undo_correction(1)
    assert (memory.find(1).label, memory.find(1).place) == ("mug", "on the shelf in the study")
    memory.undo_correction(1)
    assert memory.find(1).place == "on the desk in the study" and first.split(":")[0] in ask(memory, "where is the mug").text
    memory.undo_correction(1)
    assert memory.find(1).place == "on the counter in the kitchen" and memory.find(1).evidence
    assert [s.place.holder for s in memory.store.stays(1)] == ["on the counter"] and memory.store.stays(1)[0].to_ns is None
    with pytest.raises(InvalidInputError, match="nothing that was said of #1 stands"):
        memory.undo_correction(1)


def test_who_took_it_back_stays_on_record(furnished: HandHome) -> None:
    memory = furnished.memory
    memory.correct(1, place="on the desk", source="Anna", said="the mug is on my desk")
    memory.correct(4, place="on the desk", source="Ben", said="the book as well")
    memory.undo_correction(1, "Eva")
    told = {t.correction.object_id: t for t in memory.told()}
    assert told[1].withdrawn and told[1].ended == "withdrawn by Eva" and told[1].ended_ns == memory.now_ns()
    assert (told[1].correction.source, told[1].correction.said) == ("Anna", "the mug is on my desk")
    assert not told[4].withdrawn and [t.correction.object_id for t in memory.told(4)] == [4]
    said, _ = memory.undo_correction()  # the last word of all that stands
    assert said.object_id == 4


def test_what_evidence_has_ended_does_not_come_back(furnished: HandHome, clock: ManualClock) -> None:
    """Anna said the desk, Ben the shelf, then it was seen on the counter again and again: Anna's word does not come back with Ben's."""
    memory = furnished.memory
    memory.correct(1, place="on the desk", source="Anna")
    memory.correct(1, place="on the shelf", source="Ben")
    for i in range(ELSEWHERE_SIGHTINGS + 5):
        furnished.see_again(1, (101 + i) * S)
    clock.set(120 * S)
    assert memory.told_place(1) is None
    memory.undo_correction(1)
    assert memory.told_place(1) is None and memory.find(1).place == "on the counter in the kitchen"


def test_it_survives_a_restart_and_a_reader_sees_it(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "home.db"
    with RobotMemory.open(path, clock=clock) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S)
        memory.correct(1, place="on the desk", label="teapot")
    with RobotMemory.open(path, clock=clock) as memory:
        memory.undo_correction(1)
        with RobotMemory.open(path, clock=clock, read_only=True) as reader:
            assert reader.find("mug").place == "on the counter in the kitchen" and reader.told_place(1) is None
            with pytest.raises(StoreError, match="read-only"):
                reader.undo_correction(1)
    with RobotMemory.open(path, clock=clock) as memory:
        assert memory.find("mug").place == "on the counter in the kitchen" and not memory.verify().damaged
        memory.forget(id=1)
        assert memory.told() == []


def test_a_thing_that_no_live_world_has_is_as_its_rows_say(tmp_path: Path, furnished: HandHome) -> None:
    """An imported memory has no tracks: the node and the last stay are what was believed."""
    from robomem.scene_graph.graph_files import write_graph

    write_graph(furnished.graph, tmp_path / "home.json", "json")
    import_graph(tmp_path / "home.json", tmp_path / "home.db", lambda _t: None)
    with RobotMemory.open(tmp_path / "home.db") as memory:
        before = recall_json(memory, memory.find("mug"))
        memory.correct(memory.find("mug").id or 0, place="on the desk", label="teapot")
        assert memory.find("teapot").place == "on the desk in the study"
        memory.undo_correction()
        after = recall_json(memory, memory.find("mug"))
        for key in ("verdict", "label", "place", "position", "last_seen", "p_still_there"):
            assert after[key] == before[key], (key, after[key], before[key])


def test_a_told_place_outlives_a_world_that_never_saw_it_there(tmp_path: Path, clock: ManualClock) -> None:
    """A world that starts anew takes what it has no track of for lost; where a person said a thing is, it is all the same."""
    path = tmp_path / "home.db"
    with RobotMemory.open(path, clock=clock) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S)
        home.put(4, "book", "shelf", 1 * S)
        memory.correct(1, place="on the desk")
    with RobotMemory.open(path, clock=clock) as memory:
        assert memory.world is not None
    with RobotMemory.open(path, clock=clock, read_only=True) as reader:
        assert reader.find("mug").verdict == "found" and reader.find("book").verdict == "moved_since_seen"


@pytest.mark.parametrize("ident", [77, -1, 1 << 70])
def test_ids_that_are_none(furnished: HandHome, ident: int) -> None:
    """One that no file can hold came through to the file."""
    with pytest.raises(InvalidInputError, match=f"there is no object {ident}"):
        furnished.memory.correct(ident, label="cup")
    with pytest.raises(InvalidInputError, match=f"nothing that was said of #{ident} stands"):
        furnished.memory.undo_correction(ident)
    assert furnished.memory.told(ident) == []


def test_words_at_the_end_of_time(furnished: HandHome, clock: ManualClock) -> None:
    """A clock that a bad message set to the last nanosecond of the file's: the next one would not fit."""
    clock.set((1 << 63) - 1)
    for place in ("on the desk", "on the shelf"):
        furnished.memory.correct(1, place=place)
    assert furnished.memory.told_place(1) is not None


WORDS = [
    ("undo", ""), ("Undo that.", ""), ("no, take that back", ""), ("never mind", ""), ("undo the mug", "the mug"), ("undo #12", "#12"),
    ("forget what I said about the mug", "the mug"), ("I was wrong about the red mug", "the red mug"), ("forget the mug", None),
    ("the mug is on the desk", None), ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "thing"), WORDS)
def test_words_that_take_something_back(sentence: str, thing: str | None) -> None:
    assert read_undo(sentence) == thing


def test_the_tool(furnished: HandHome) -> None:
    memory = furnished.memory
    call(memory, "correct", {"object": 2, "place": "on the shelf", "by": "Anna", "said": "the white cup is on the shelf"})
    got = call(memory, "undo", {"object": "cup", "by": "Ben"})  # two cups, one of which something was said of
    assert got["withdrawn"]["by"] == "Anna" and got["withdrawn"]["said"] == "the white cup is on the shelf"
    assert got["object"]["place"] == "on the counter in the kitchen"
    with pytest.raises(InvalidInputError, match="nothing that was said of 'cup' stands"):
        call(memory, "undo", {"object": "cup"})


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made.db"
    with RobotMemory.open(made) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S)
        home.put(4, "book", "shelf", 1 * S)
    db = str(shutil.copy(made, tmp_path / "home.db"))

    def run(*argv: str) -> str:
        status = main(["tell", *argv, "--db", db])
        said = capsys.readouterr()
        return f"{status} {said.out}{said.err}"

    assert "nobody has told this memory anything" in run("--list")
    assert "noted: the mug (#1) is on the desk" in run("the", "mug", "is", "on", "the", "desk", "--by", "Anna")
    assert "#1: 'the mug is on the desk' (Anna, just now): stands" in run("--list")
    assert run("--undo", "mug").startswith("0 withdrawn: 'the mug is on the desk' (Anna, just now)\nThe mug (#1) is on the counter")
    assert "noted: the book (#4) is on the desk" in run("the book is on the desk")
    assert "The book (#4) is on the shelf" in run("undo")
    assert run("--undo").startswith("2 ") and "withdrawn by user" in run("--list")
    assert "give a statement" in run() and "give a statement" in run("the mug is here", "--list")


def test_a_live_world_goes_on_as_if_nothing_had_been_said(tmp_path: Path) -> None:
    """Told, taken back after a restart, and looked at again: answer, history and the row are those of a memory nobody told anything."""
    said: dict[bool, list[object]] = {}
    for told in (False, True):
        path = tmp_path / f"{told}.db"
        with RobotMemory.open(path) as memory:
            home = Watched(memory, MUG, BOOK)
            home.around(COUNTER, frames=6)
            home.around(DESK, frames=6)
            ident = memory.find("mug").id or 0
            if told:
                memory.correct(ident, place=memory.find("book").place_id, label="teapot", source="Anna")
        before = recalled(path, ident)
        with RobotMemory.open(path) as memory:
            if told:
                assert memory.told_place(ident) is not None
                memory.undo_correction(ident)
            home.memory = memory
            assert told == (recalled(path, ident) != before)
            after = recalled(path, ident)
            home.around(COUNTER, frames=6, turn=0.3)
        said[told] = [after, recalled(path, ident)]
    assert said[True] == said[False]


def recalled(path: Path, ident: int) -> object:
    """What a reader is told of an object."""
    with RobotMemory.open(path, read_only=True) as memory:
        stays = [(s.from_ns, s.seen_ns, s.to_ns, s.place.words, s.position.tolist()) for s in memory.store.stays(ident)]
        view, place = memory.store.objects()[ident]
        row = (view.label, dict(view.label_probs), view.position.tolist(), view.covariance.tolist(), view.existence, view.status, place)
        return recall_json(memory, memory.find(ident)), ask(memory, f"where is #{ident}").text, stays, row


def test_what_was_said_stays_as_it_was_said(furnished: HandHome, clock: ManualClock) -> None:
    """The label was gone, the stamp another, and what was taken back came first."""
    memory = furnished.memory
    said: list[tuple[str | None, str, int]] = []
    for label, source in (("pot", "Anna"), ("teapot", "Ben"), ("bowl", "Eva")):
        said.append((label, source, clock.advance(1.0) or memory.now_ns()))
        memory.correct(1, label=label, source=source)
    for back in (1, 2):
        memory.undo_correction(1)
        told = memory.told(1)
        assert [(t.correction.label, t.correction.source, t.correction.stamp_ns) for t in told] == said
        assert [t.withdrawn for t in told] == [i >= 3 - back for i in range(3)]
    assert memory.find(1).label == "pot" and list(told_lines(memory))[1].startswith("#1: it is a teapot (Ben, ")
    memory.correct(1, label="vase")
    assert [t.correction.label for t in memory.told()] == ["pot", "teapot", "bowl", "vase"] and memory.find(1).label == "vase"


def test_a_word_a_little_beside_it_leaves_no_trace_in_its_stay(furnished: HandHome) -> None:
    """It moved the stay the thing is in, which stayed moved: where it was an hour ago, too."""
    memory = furnished.memory
    stays = [(s.position.tolist(), s.spread_m, s.place, s.from_ns, s.to_ns, s.seen_ns) for s in memory.store.stays(1)]
    first = np.array(stays[0][0]) + np.array([0.1, 0.0, 0.0])
    memory.correct(1, position=first)
    memory.correct(1, position=first + np.array([0.05, 0.0, 0.0]))
    memory.undo_correction(1)
    assert memory.where_was(1, 50 * S).position == pytest.approx(first)
    memory.undo_correction(1)
    assert [(s.position.tolist(), s.spread_m, s.place, s.from_ns, s.to_ns, s.seen_ns) for s in memory.store.stays(1)] == stays


def test_nothing_is_in_itself(furnished: HandHome) -> None:
    with pytest.raises(InvalidInputError, match="cannot be in or on itself"):
        furnished.memory.correct(furnished.ids["shelf"], place="in the shelf")


@pytest.mark.parametrize("awake", [False, True])
def test_an_undo_does_not_age_what_was_believed(tmp_path: Path, awake: bool) -> None:
    """Two hours unseen: the live view is aged already, and whoever asks ages the row again (88 % became 79 %)."""
    path = tmp_path / "home.db"
    with RobotMemory.open(path) as memory:
        home = Watched(memory, MUG, BOOK)
        home.around(COUNTER, frames=6)
        home.t += 7200.0
        home.around(DESK, frames=6)
        ident = memory.find("mug").id or 0
    before = recalled(path, ident)
    with RobotMemory.open(path) as memory:
        if awake:
            assert memory.world is not None
        asked = ask(memory, f"where is #{ident}").text
        memory.correct(ident, place=memory.find("book").place_id)
        memory.undo_correction(ident)
        assert ask(memory, f"where is #{ident}").text == asked
    assert recalled(path, ident) == before


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_hub_goes_by_its_rows_and_not_by_an_old_snapshot(tmp_path: Path, forgotten: bool) -> None:
    path = tmp_path / "home.db"
    with RobotMemory.open(path) as memory:
        home = Watched(memory, MUG, BOOK)
        home.around(COUNTER, frames=6)
        home.around(DESK, frames=6)
        ident, book, desk = memory.find("mug").id or 0, memory.find("book").id or 0, memory.find("book").place_id or 0
    with MemoryHub.open(path) as hub:
        now = hub.now_ns() + 5 * S
        view, place = hub.store.objects()[ident]
        moved = replace(view, position=hub.store.objects()[book][0].position + 0.2, last_seen_ns=now)
        hub._history.update([Sighting(moved, place, moved=True, observations=(1,))], now)  # newer than the snapshot
        hub.store.put_objects([(moved, place)])
        hub.correct(ident, place=desk, label="teapot")
        _ = hub.forget(id=desk) if forgotten else hub.undo_correction(ident)
        assert hub.told_place(ident) is None
        assert hub.store.objects()[ident][0].position == pytest.approx(moved.position)
