"""Consolidation: what it makes of events, that doing it twice changes nothing, and that a crash at any write leaves nothing half done."""

from datetime import timezone

import pytest

from robomem.clock import ManualClock
from robomem.ids import IdAllocator
from robomem.memory.consolidation import HISTORY_DAYS, Consolidated, Consolidator
from robomem.memory.hub import MemoryHub
from robomem.memory.semantic import SemanticMemory
from robomem.types import Episode
from tests.memory.hand_home import H, HandHome

DAY = 24 * H
START = 20_000 * DAY  # midnight UTC


@pytest.fixture
def home():
    """Four days: mug and plate go to the table and back every morning, the book wanders; one task on the third day."""
    with MemoryHub.open(":memory:", clock=ManualClock(START)) as memory:
        home = HandHome(memory)
        for day in range(4):
            t = START + day * DAY + 8 * H
            for i, label in ((1, "mug"), (2, "plate")):
                home.put(i, label, "dining table", t + i * 10**10, moved=day > 0)
                home.put(i, label, "counter", t + H + i * 10**10, moved=True)
            home.put(3, "book", ("desk", "shelf", "counter", "dining table")[day], t + 5 * H, moved=day > 0)
        memory.add_episode(
            Episode(0, "clear the table", START + 2 * DAY + 9 * H - 1, START + 2 * DAY + 9 * H + 10**11, "done", "it is clear.")
        )
        yield home


def consolidator(home: HandHome) -> Consolidator:
    store = home.memory.store
    return Consolidator(store, IdAllocator(store.lease_ids).take, timezone.utc)


def facts(home: HandHome) -> dict[str, tuple[str, int, int]]:
    return {x.source: (x.text, x.support, x.version) for x in home.memory.semantic.current()}


NOW = START + 4 * DAY + H


def test_what_it_makes_of_four_days(home: HandHome):
    before = home.memory.changes()
    done = consolidator(home).run(NOW)
    known = facts(home)
    assert (done.episodes, done.facts, done.days) == (1, 3, len([s for s in known if " day " in s])) and done.days >= 4
    assert known["consolidation place of #1"][:2] == ("the mug (#1) is usually on the counter in the kitchen: 4 of 8 stays", 4)
    assert known["consolidation pair #1 #2"][:2] == ("the mug (#1) and the plate (#2) are usually moved together: 7 times", 7)
    assert "consolidation place of #3" not in known  # it was everywhere
    task = home.memory.episodes()[0].summary
    assert task.startswith("it is clear. Changes then: the mug (#1) moved") and "plate (#2)" in task and "book" not in task
    assert any("in the kitchen" in text and "the mug (#1)" in text for s, (text, _, _) in known.items() if " day " in s)
    assert home.memory.changes() == before  # raw events stay


def test_doing_it_again_changes_nothing(home: HandHome):
    consolidator(home).run(NOW)
    once, task = facts(home), home.memory.episodes()[0].summary
    assert consolidator(home).run(NOW) == Consolidated() and facts(home) == once and home.memory.episodes()[0].summary == task


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize("write", range(1, 10))
def test_a_crash_at_any_write_loses_nothing_and_repeats_nothing(home: HandHome, write: int, monkeypatch):
    store, count = home.memory.store, [0]

    def dying(put):
        def wrapped(*args):
            count[0] += 1
            if count[0] == write:
                raise Crash
            return put(*args)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(store, "put_lesson", dying(store.put_lesson))
        patch.setattr(store, "put_episode", dying(store.put_episode))
        try:
            consolidator(home).run(NOW)
        except Crash:
            assert count[0] == write
    half = facts(home)
    assert all(version == 1 for _, _, version in half.values()) and len(half) in (0, 3, 3 + sum(" day " in s for s in half))
    consolidator(home).run(NOW)
    whole, task = facts(home), home.memory.episodes()[0].summary
    assert len(whole) >= 7 and all(version == 1 for _, _, version in whole.values()) and half.items() <= whole.items()
    assert task.count("Changes then:") == 1 and len({text for text, _, _ in whole.values()}) == len(whole)


def test_support_grows_as_a_new_version_and_what_no_longer_holds_goes(home: HandHome):
    consolidator(home).run(NOW)
    home.put(1, "mug", "desk", NOW, moved=True)
    home.put(1, "mug", "counter", NOW + H, moved=True)
    consolidator(home).facts(NOW + 2 * H)
    text, support, version = facts(home)["consolidation place of #1"]
    assert (text, support, version) == ("the mug (#1) is usually on the counter in the kitchen: 5 of 10 stays", 5, 2)
    later = NOW + (HISTORY_DAYS + 9) * DAY
    consolidator(home).run(later)
    assert facts(home) == {}  # nothing of it was so within the last sixty days


def test_what_a_person_changed_stays(home: HandHome):
    consolidator(home).run(NOW)
    semantic: SemanticMemory = home.memory.semantic
    ids = {x.source: x.id for x in semantic.current()}
    semantic.update(ids["consolidation place of #1"], "the mug belongs into the cabinet", "user", NOW)
    semantic.remove(ids["consolidation place of #2"], "user", NOW)
    consolidator(home).run(NOW + H)
    texts = {x.id: x.text for x in semantic.current()}
    assert texts[ids["consolidation place of #1"]] == "the mug belongs into the cabinet" and ids["consolidation place of #2"] not in texts


def test_forgetting_takes_the_facts_too(home: HandHome):
    consolidator(home).run(NOW)
    home.memory.forget(label="plate")
    assert not any("plate" in text for text, _, _ in facts(home).values())
    assert not any("plate" in e.summary for e in home.memory.episodes())
    consolidator(home).run(NOW)
    assert not any("plate" in text or "#2" in text for text, _, _ in facts(home).values())
