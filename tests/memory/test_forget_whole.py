"""Forgetting is one transaction, and what a person said of a place that is forgotten holds no more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from robomem.clock import ManualClock
from robomem.memory.answer import ask
from robomem.memory.corrections import Correction, of_one_thing, told_row
from robomem.memory.packs import Packer
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tool_answers import recall_json
from tests.memory.hand_home import HandHome, S
from tests.memory.test_observe import BOOK, COUNTER, DESK, MUG, Watched


def a_home(path: Path, clock: ManualClock) -> tuple[RobotMemory, HandHome]:
    memory = RobotMemory.open(path, clock=clock)
    home = HandHome(memory)
    home.put(1, "mug", "counter", 1 * S)
    home.put(2, "walrus", "desk", 2 * S)
    memory.flush()
    return memory, home


def test_the_commit_thread_cannot_come_between(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its turn comes while packs are mended; it committed half of it: "no such savepoint: packing", observations gone, the thing there."""
    memory, home = a_home(tmp_path / "home.db", clock)
    for i in range(600):
        home.see_again(1 + i % 2, (3 + i) * S)
    memory.flush()
    mend = Packer._mend

    def slowly(packer: Packer, blocks: int) -> int:
        time.sleep(0.3)  # three times as long as the commit thread waits
        return mend(packer, blocks)

    delete = memory.store.delete_observations

    def late(ids: list[int]) -> None:
        time.sleep(0.15)  # so that what is begun is old enough to be committed
        delete(ids)

    monkeypatch.setattr(Packer, "_mend", slowly)
    monkeypatch.setattr(memory.store, "delete_observations", late)
    assert memory.forget(label="walrus").ids == (2,)
    assert memory.find("walrus").verdict == "unknown" and memory.verify().damaged == ()
    memory.close()


def test_after_a_fault_nothing_is_forgotten(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, home = a_home(tmp_path / "home.db", clock)
    memory.correct(1, place="on the desk", said="beside the walrus")
    memory.add_lesson("the walrus is heavy", "user")

    def known() -> list[object]:
        rows = {i: (v.label, p) for i, (v, p) in memory.store.objects().items()}
        said = [(t.correction.said, t.ended) for t in memory.told()]
        answers = [ask(memory, f"where is the {thing}").text for thing in ("walrus", "mug")]
        return [*answers, rows, said, memory.evidence_of(2), memory.lessons()[0].text]

    before, save, calls = known(), memory._live.save, []

    def fails() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise OSError("no space left")
        save()

    monkeypatch.setattr(memory._live, "save", fails)
    with pytest.raises(OSError, match="no space"):
        memory.forget(label="walrus")
    monkeypatch.undo()
    assert known() == before
    home.see_again(2, 101 * S)
    memory.close()
    memory = RobotMemory.open(tmp_path / "home.db", clock=clock)
    assert memory.find("walrus").place == "on the desk in the study" and known()[3] == before[3]
    assert memory.forget(label="walrus").ids == (2,) and memory.find("walrus").verdict == "unknown"
    memory.close()


@pytest.mark.parametrize("by_label", [True, False])
def test_a_word_on_a_forgotten_place_holds_no_more(tmp_path: Path, clock: ManualClock, by_label: bool) -> None:
    """What was seen on the counter was answered as seen in the kitchen just now, 95 % sure."""
    memory, home = a_home(tmp_path / "home.db", clock)
    before = ask(memory, "where is the mug").text
    memory.correct(1, place="on the shelf", source="Anna")
    if by_label:
        memory.forget(label="shelf")
    else:
        memory.forget(id=home.ids["shelf"])
    assert memory.told() == [] and memory.told_place(1) is None
    after = ask(memory, "where is the mug").text
    assert after == before and "counter" in after
    assert [(s.place.words, s.to_ns) for s in memory.store.stays(1)] == [("on the counter in the kitchen", None)]
    memory.close()
    with RobotMemory.open(tmp_path / "home.db", clock=clock) as again:
        assert ask(again, "where is the mug").text == before


def test_a_label_and_an_earlier_word_outlive_a_forgotten_place(tmp_path: Path, clock: ManualClock) -> None:
    memory, home = a_home(tmp_path / "home.db", clock)
    memory.correct(1, place="on the desk", source="Anna")
    memory.correct(1, place="on the shelf", source="Ben")
    memory.correct(2, place="on the shelf", label="seal")
    memory.forget(id=home.ids["shelf"])
    assert memory.find(1).place == "on the desk in the study" and memory.told_place(1) is not None
    assert (memory.find(2).label, memory.find(2).place, memory.told_place(2)) == ("seal", "on the desk in the study", None)
    assert [(t.correction.object_id, t.correction.source, t.ended) for t in memory.told()] == [(1, "Anna", ""), (2, "user", "")]
    memory.close()


def test_what_a_live_world_saw_comes_back_when_a_place_is_forgotten(tmp_path: Path) -> None:
    with RobotMemory.open(tmp_path / "home.db") as memory:
        home = Watched(memory, MUG, BOOK)
        home.around(COUNTER, frames=6)
        home.around(DESK, frames=6)
        ident, counter = memory.find("mug").id or 0, memory.find("mug").place_id
        desk = memory.find("book").place_id
        assert desk is not None and counter not in (None, desk)
        before = recall_json(memory, memory.find("mug"))
        memory.correct(ident, place=desk)
        memory.forget(id=desk)
        assert recall_json(memory, memory.find("mug")) == before
    with RobotMemory.open(tmp_path / "home.db") as memory:
        assert memory.find("mug").place_id == counter and list(memory.find("mug").evidence) == before["evidence"]


def test_no_word_is_lost_when_two_things_are_one(tmp_path: Path, clock: ManualClock) -> None:
    """Said at one time (in a recording it stands still): the rows had one key."""
    memory, _ = a_home(tmp_path / "home.db", clock)
    memory.correct(1, label="cup", place="on the shelf", said="first word")
    memory.correct(2, label="cup", said="second word")
    memory._recorder._merge(2, 1, 100 * S)
    told = memory.told()
    assert [t.correction.said for t in told] == ["first word", "second word"]
    assert len({t.correction.stamp_ns for t in told}) == 2 and {t.correction.object_id for t in told} == {2}
    assert memory.told_place(2) is not None and [t.ended for t in memory.told(2)] == ["said otherwise later", ""]
    memory.close()
    with RobotMemory.open(tmp_path / "home.db", clock=clock) as again:
        assert [t.correction.said for t in again.told(1)] == ["first word", "second word"]
        said, view = again.undo_correction(2)
        assert said.said == "second word" and view.label == "cup"


def test_words_at_the_end_of_time_are_not_lost_either() -> None:
    last = (1 << 63) - 1
    own, others = [told_row(Correction(2, "cup", None, last, said="a"))], [told_row(Correction(1, "cup", None, last, said="b"))]
    assert [(r[0], r[1], r[12]) for r in of_one_thing(own, others, 2)] == [(2, last - 1, "b"), (2, last, "a")]
