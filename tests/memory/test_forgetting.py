"""Forgetting: gone from rows, words, summaries, the file's bytes and the world; and only that."""

from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.errors import StoreError
from robomem.memory.forgetting import Eraser
from robomem.memory.robot_memory import RobotMemory
from robomem.types import Episode
from tests.memory.hand_home import HandHome, S
from tests.memory.test_observe import BOOK, COUNTER, DESK, MUG, Watched


def lived_in(path: Path | str) -> tuple[RobotMemory, HandHome]:
    memory = RobotMemory.open(path, clock=ManualClock(100 * S))
    home = HandHome(memory)
    home.put(1, "walrus", "counter", 1 * S, color="red")
    home.put(2, "cup", "desk", 2 * S)
    home.put(3, "cup", "shelf", 3 * S)
    home.put(1, "walrus", "desk", 20 * S, moved=True, color="red")
    for text in ("bring the walrus to the desk", "bring the cup", "look for walruses"):
        memory.add_episode(Episode(0, text, 0, 0, "done", ""))
    memory.add_episode(Episode(0, "tidy up", 0, 0, "done", "", ({"skill": "pick", "object_id": 2}, {"skill": "place", "place_id": 10_013})))
    memory.add_lesson("the walrus is heavy", "user")
    memory.add_lesson("object #3 is chipped", "user")
    memory.correct(2, label="cup")
    memory.flush()
    return memory, home


def test_a_label_is_gone_everywhere_and_nothing_else_is(tmp_path: Path):
    path = tmp_path / "home.db"
    memory, home = lived_in(path)
    done = memory.forget(label="walrus")
    assert done.ids == (1,) and {k: done.rows[k] for k in ("history", "events", "episodes", "lessons")} == {
        "history": 2,
        "events": 2,
        "episodes": 2,
        "lessons": 1,
    }
    assert memory.find("walrus").verdict == memory.find(1).verdict == memory.where_was("walrus", 10 * S).verdict == "unknown"
    assert memory.changes(label="walrus") == [] and memory.episodes("walrus") == [] and memory.lessons("walrus") == []
    assert [v.id for v in memory.what_is_in("desk")] == [2] and memory.short_term.get(1) is None
    assert len(memory.find("cups").candidates) == 2 and len(memory.changes(label="cup")) == 2 and memory.verify().damaged == ()
    assert [e.instruction for e in memory.episodes()] == ["tidy up", "bring the cup"] and len(memory.lessons()) == 1
    memory.close()
    left = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"walrus" not in left and b"cup" in left  # the bytes too: secure delete, log emptied, word index rebuilt
    home.graph.end(1, 0)


def test_one_object_by_id_with_what_quotes_its_id(tmp_path: Path):
    memory, _ = lived_in(tmp_path / "home.db")
    assert memory.forget(id=2).ids == (2,)
    assert memory.find("cup").id == 3 and [e.instruction for e in memory.episodes("cup")] == ["bring the cup"]  # one is left: the word too
    assert "tidy up" not in [e.instruction for e in memory.episodes(k=9)]
    memory.forget(id=3)  # the last of its kind takes the word along
    assert memory.episodes("cup") == [] and [x.text for x in memory.lessons()] == ["the walrus is heavy"]
    memory.close()


def test_a_region_takes_what_is_there_and_what_was_seen_there(tmp_path: Path):
    memory, _ = lived_in(tmp_path / "home.db")
    memory.forget(region=(0.0, 0.0, 2.0, 2.0))  # the counter, where the walrus was once
    assert memory.find("counter").verdict == "unknown" and memory.find("walrus").place == "on the desk in the study"
    assert memory.where_was("walrus", 5 * S).verdict == "unknown" and memory.store.observations_near((1, 1, 1), 1.0, 0, 1 << 60, 9) == []
    assert memory.forget(region=(50.0, 50.0, 51.0, 51.0)).ids == ()
    memory.close()


def test_an_alias_does_not_bring_it_back():
    memory, _ = lived_in(":memory:")
    memory.store.merge(3, 2, 30 * S)
    assert memory.forget(id=3).ids == (2, 3)
    assert memory.find("cup").verdict == "unknown" and memory.store.resolve(3) == 3
    memory.close()


def test_the_proof_finds_what_was_left():
    memory, _ = lived_in(":memory:")
    eraser = Eraser(memory.store)
    assert eraser.traces_left([1], "walrus") == ["events", "history", "nodes", "objects", "observations", "relations", "words"]
    with pytest.raises(StoreError, match="forgetting left rows in"):
        eraser.seal([1], "walrus")
    memory.close()


def test_forgetting_survives_a_restart(tmp_path: Path):
    memory, _ = lived_in(tmp_path / "home.db")
    memory.forget(label="cup")
    memory.close()
    with RobotMemory.open(tmp_path / "home.db", clock=ManualClock(100 * S)) as again:
        assert again.find("cup").verdict == "unknown" and again.find("walrus").verdict == "found"
        assert np.array_equal(sorted(again.store.objects()), [1, 10_011, 10_012, 10_013, 10_014])


RARE = "qzxwvukjhgfdsapo"


def test_no_bytes_of_a_rare_label_are_left_in_any_file_of_an_open_database(tmp_path: Path):
    memory, home = lived_in(tmp_path / "home.db")
    home.put(7, RARE, "counter", 30 * S, color="red")
    home.put(7, RARE, "shelf", 40 * S, moved=True, color="red")
    home.put(8, "book", "desk", 41 * S, label_probs={"book": 0.8, RARE: 0.2})
    home.lose(7, 50 * S)
    memory.add_episode(Episode(0, f"look for the {RARE}", 0, 0, "failed", f"no {RARE}", ({"skill": "find", "args": [RARE]},)))
    memory.add_lesson(f"the {RARE} breaks easily", "user")
    memory.correct(8, position=np.array([1.0, 1.0, 1.0]), said=f"the book beside the {RARE}")
    memory.correct(7, place="on the desk", said=f"my {RARE}")
    memory.store.write("INSERT INTO quarantine (source, reason, content, stamp_ns) VALUES ('events', 'bad', ?, 0)", (RARE,))
    memory.flush()
    files = [tmp_path / f"home.db{end}" for end in ("", "-wal", "-shm")]
    assert any(RARE.encode() in f.read_bytes() for f in files)
    assert memory.forget(label=RARE).ids == (7,)
    assert not any(RARE.encode() in f.read_bytes() for f in files if f.exists())
    assert memory.find("book").id == 8 and memory.find("walrus").found
    memory.close()


@pytest.mark.parametrize(
    "told", [[{"label": RARE}, None], [{"label": RARE}, {"label": "mug"}], [{"label": "mug", "source": RARE}],
             [{"place": "on the desk", "said": f"by the {RARE}"}, {"place": "on the shelf"}, None],
             [{"label": "mug"}, {"label": RARE}, {"label": "bowl"}, None, None]],
)  # fmt: skip
def test_no_bytes_of_a_word_that_somebody_said_are_left(told: list[dict[str, str] | None], tmp_path: Path):
    """Said, said otherwise later, taken back (None): what a person said stays on record, until it is to be forgotten."""
    memory, _ = lived_in(tmp_path / "home.db")
    for said in told:
        _ = memory.undo_correction(3) if said is None else memory.correct(3, **said)  # type: ignore[arg-type]
    memory.flush()
    files = [tmp_path / f"home.db{end}" for end in ("", "-wal", "-shm")]
    assert any(RARE.encode() in f.read_bytes() for f in files)
    assert Eraser(memory.store).traces_left([], RARE) != []
    assert memory.forget(label=RARE).ids == ()
    assert not any(RARE.encode() in f.read_bytes() for f in files if f.exists())
    assert 3 in memory.store.objects() and len(memory.told(3)) < len(told) and len(memory.told(2)) == 1
    memory.close()


def test_what_stood_on_a_forgotten_thing_keeps_its_room(tmp_path: Path):
    memory, home = lived_in(tmp_path / "home.db")
    memory.forget(id=home.ids["desk"])
    assert memory.find("walrus").place == "in the study" and memory.where_was("walrus", 30 * S).place == "in the study"
    memory.close()


def test_a_dry_run_counts_what_only_the_live_world_holds(tmp_path: Path):
    """Tracks that were never confirmed are no objects on record, and their sightings went uncounted."""
    path = tmp_path / "home.db"
    with RobotMemory.open(path) as memory:
        home = Watched(memory, MUG, BOOK)
        home.around(COUNTER, frames=6)
        home.around(DESK, frames=1)
        tracks = {v.id for v in memory.objects() if v.label == "book"}
        assert tracks and {v.status for v in memory.objects() if v.label == "book"} == {"tentative"}
    with RobotMemory.open(path, read_only=True) as memory:
        would = memory.would_forget(label="book")
    with RobotMemory.open(path) as memory:
        assert memory.would_forget(label="book") == would
        assert memory.forget(label="book") == would and tracks <= set(would.ids) and would.rows["observations"] > 0
