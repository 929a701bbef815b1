"""The facade over a home written by hand: present, past, places, changes, predictions, corrections, restarts, readers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.config import MemoryConfig, RobomemConfig
from robomem.errors import InvalidInputError, StoreError, StoreLockedError
from robomem.memory.questions import graph_of
from robomem.memory.robot_memory import RobotMemory
from robomem.scene_graph.world_model import FrameResult
from robomem.types import Episode, Event, Observations
from tests.memory.hand_home import H, HandHome, S


def test_present(furnished: HandHome):
    mug = furnished.memory.find("red mug")
    assert (mug.verdict, mug.id, mug.place, mug.narrowed_by) == ("found", 1, "on the counter in the kitchen", ("label", "colour"))
    assert mug.evidence == tuple(furnished.observations[1]) and 0.95 < mug.p_still_there < 0.98 and mug.last_seen_ns == 1 * S


def test_it_is_less_and_less_sure(furnished: HandHome, clock: ManualClock):
    shares = [furnished.memory.find("mug", at_ns=clock.now_ns() + h * H).p_still_there for h in (0, 2, 8, 48)]
    assert shares == sorted(shares, reverse=True) and 0.3 < shares[2] < 0.4 and shares[3] < 0.01
    assert furnished.memory.find("mug", at_ns=48 * H).verdict == "moved_since_seen"
    assert furnished.memory.find("counter", at_ns=48 * H).verdict == "found"  # furniture stays


MUG_OVER_TIME = [
    (0, "unknown", ""),
    (1, "found", "on the counter in the kitchen"),
    (20, "found", "on the counter in the kitchen"),
    (49, "moved_since_seen", "on the counter in the kitchen"),
    (55, "moved_since_seen", "on the counter in the kitchen"),
    (60, "found", "on the desk in the study"),
    (99, "found", "on the desk in the study"),
]


def test_where_was_reads_history_and_never_the_present(furnished: HandHome):
    furnished.see_again(1, 20 * S)
    furnished.lose(1, 50 * S)
    furnished.put(1, "mug", "desk", 60 * S, moved=True, color="red")
    answers = [(t, r.verdict, r.place) for t in (0, 1, 20, 49, 55, 60, 99) if (r := furnished.memory.where_was("mug", t * S))]
    assert answers == MUG_OVER_TIME
    assert "the first was 1 s later" in furnished.memory.where_was("mug", 0).needs
    assert furnished.memory.where_was("mug in the study", 20 * S).verdict == "unknown"
    assert furnished.memory.find("mug", at_ns=20 * S).place == "on the counter in the kitchen"  # find of the past is where_was


def test_a_gap_between_places_is_not_certain(furnished: HandHome):
    """Last seen at 20 s, seen gone at 50 s: at 35 s it may have been either."""
    furnished.see_again(1, 20 * S)
    furnished.lose(1, 50 * S)
    assert furnished.memory.where_was("mug", 35 * S).p_still_there == pytest.approx(0.98 / 2)


def test_gone_and_back_at_the_same_spot_is_one_stay(furnished: HandHome):
    furnished.lose(1, 30 * S)
    assert furnished.memory.find("mug").verdict == "moved_since_seen"
    furnished.see_again(1, 40 * S)
    assert [s.to_ns for s in furnished.memory.store.stays(1)] == [None] and furnished.memory.find("mug").verdict == "found"


def test_a_refined_position_is_no_move_but_a_silent_jump_is(furnished: HandHome):
    for t, dx in ((5, 0.1), (6, 0.2)):
        furnished.views[1] = replace(furnished.views[1], position=furnished.views[1].position + np.array([dx, 0, 0]))
        furnished.see_again(1, t * S)
    assert len(furnished.memory.store.stays(1)) == 1
    furnished.views[1] = replace(furnished.views[1], position=furnished.views[1].position + np.array([0.6, 0, 0]))
    furnished.see_again(1, 7 * S)
    assert len(furnished.memory.store.stays(1)) == 2


def test_what_the_robot_holds_is_a_stay_of_its_own(furnished: HandHome):
    home = furnished
    home.graph.end(1, 10 * S)
    home.graph.relate(1, "held_by", 10_099, 1.0, 10 * S)
    home.views[1] = replace(home.views[1], status="held", last_seen_ns=10 * S)
    home.tell(10 * S, (1,))
    assert home.memory.find("mug").place == "in the robot's gripper" and home.memory.short_term.get(1) is not None
    home.graph.end(1, 20 * S)
    home.put(1, "mug", "desk", 20 * S, moved=True, color="red")
    assert [s.place.words for s in home.memory.store.stays(1)] == [
        "on the counter in the kitchen",
        "in the robot's gripper",
        "on the desk in the study",
    ]


@pytest.mark.parametrize(
    ("place", "at", "labels"),
    [
        ("kitchen", None, ["counter", "cup", "dining table", "mug"]),
        ("the counter", None, ["cup", "mug"]),
        ("the desk in the study", None, ["cup"]),
        ("study", None, ["book", "cup", "desk", "shelf"]),
        ("the shelf in the kitchen", None, []),
        ("garage", None, []),
        (10_013, None, ["cup"]),
        (10_001, None, ["counter", "cup", "dining table", "mug"]),
        ("kitchen", 1.5, ["counter", "dining table", "mug"]),
        ("table", None, []),
    ],
)
def test_what_is_in(furnished: HandHome, place: str | int, at: float | None, labels: list[str]):
    found = furnished.memory.what_is_in(place, None if at is None else int(at * S))
    assert sorted(v.label for v in found) == labels


def test_what_was_in_a_place_before_things_moved(furnished: HandHome):
    furnished.see_again(1, 40 * S)
    furnished.put(1, "mug", "desk", 60 * S, moved=True)
    assert sorted(v.id for v in furnished.memory.what_is_in("desk")) == [1, 3]
    assert [v.id for v in furnished.memory.what_is_in("desk", 30 * S)] == [3]
    counter = [{v.id for v in furnished.memory.what_is_in("counter", at)} for at in (30 * S, None)]
    assert 1 in counter[0] and 1 not in counter[1]
    past = {v.id: v for v in furnished.memory.objects(at_ns=30 * S)}
    assert past[1].position == pytest.approx((1.0, 1.0, 0.95)) and past[1].place == furnished.ids["counter"]


def test_changes_by_time_room_and_label(furnished: HandHome):
    furnished.put(1, "mug", "desk", 60 * S, moved=True)
    changes = furnished.memory.changes
    assert [(e.kind, e.object_id) for e in changes(since_ns=10 * S)] == [("moved", 1)]
    assert [e.object_id for e in changes(room="kitchen")] == [1, 2, 1] and [e.object_id for e in changes(room="study")] == [3, 4, 1]
    assert [e.object_id for e in changes(label="cups")] == [2, 3] and changes(since_ns=10 * S, until_ns=59 * S) == []


def test_rooms_that_are_found_or_named_later_count_for_what_was_seen_before(home: HandHome):
    home.graph.end(home.ids["desk"], 0)  # nobody knows yet which room the desk is in
    home.put(1, "mug", "desk", 1 * S)
    assert home.memory.find("mug").place == "on the desk"
    home.graph.relate(home.ids["desk"], "part_of", home.ids["study"], 1.0, 5 * S)
    study = home.graph.node(home.ids["study"])
    assert study is not None
    home.graph.put(replace(study, label="office"))
    home.tell(9 * S, ())
    assert home.memory.find("mug in the office").place == "on the desk in the office"
    assert home.memory.where_was("mug", 2 * S).place == "on the desk in the office"
    assert [e.object_id for e in home.memory.changes(room="office")] == [1]


def test_prediction_by_record_follows_its_past(furnished: HandHome):
    furnished.put(1, "mug", "desk", 60 * S, moved=True)
    furnished.lose(1, 70 * S)
    rows = furnished.memory.predict("mug")
    assert rows[0].label == "counter" and "seen there" in rows[0].why and sum(r.probability for r in rows) <= 1


def test_prediction_by_record_follows_the_habits_of_the_snapshot(furnished: HandHome):
    """Twelve days on the desk from nine to six, else on the counter; the live world is gone, its snapshot is on record."""
    from robomem.scene_graph.habit_ring import DAY_SLOTS, SLOT_NS
    from robomem.scene_graph.habits import Habits

    memory, habits, h = furnished.memory, Habits(), 6 * SLOT_NS
    now = 12 * DAY_SLOTS * SLOT_NS + 7 * h
    furnished.put(1, "mug", "desk", now - 16 * h, moved=True)
    furnished.put(1, "mug", "counter", now, moved=True)
    plain = memory.predict("mug", now + 5 * h)
    assert all("usual" not in row.why for row in plain)
    for slot in range(12 * DAY_SLOTS + 43):
        desk = 54 <= slot % DAY_SLOTS < 108
        habits.saw(1, (furnished.ids["desk" if desk else "counter"], "on"), slot * SLOT_NS)
    memory.store.put_world({f"habits_{name}": array for name, array in habits.pack().items()})
    for hours, place in ((0, "counter"), (5, "desk"), (14, "counter")):
        rows = memory.predict("mug", now + hours * h)
        assert rows[0].label == place and rows[0].probability > 0.5 and sum(r.probability for r in rows) <= 1, (hours, rows)
    furnished.lose(1, now + 3 * h)
    rows = memory.predict("mug", now + 4 * h)
    assert rows[0].label == "desk" and rows[0].why == "usual at this time" and rows[0].probability > plain[1].probability


def test_corrections_hold(furnished: HandHome):
    memory = furnished.memory
    assert memory.correct(3, label="teacups").label == "cup"
    assert memory.correct(4, label="box").label == "box" and memory.find("book").verdict == "ambiguous" and memory.find("box").id == 4
    furnished.see_again(4, 20 * S)  # what a user said is not unlearned by the next frame
    assert memory.find("box").id == 4
    memory.correct(1, position=np.array([7.0, 1.0, 0.9]))
    assert memory.find("mug").position == pytest.approx((7.0, 1.0, 0.9))
    furnished.put(1, "mug", "shelf", 200 * S, moved=True)  # but a place is, once the thing is seen again
    assert memory.find("mug", at_ns=200 * S).place == "on the shelf in the study"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.correct(999, label="cup"), "no object 999"),
        (lambda m: m.correct(1), "a label, a position"),
        (lambda m: m.correct(1, position=np.array([1.0, np.nan, 0.0])), "finite"),
        (lambda m: m.forget(), "exactly one"),
        (lambda m: m.forget(label="mug", id=1), "exactly one"),
        (lambda m: m.find(""), "query"),
        (lambda m: m.where_was("the", 0), "query"),
        (lambda m: m.where_was("mug", "9:00"), "at_ns: integer nanoseconds, got '9:00'"),
        (lambda m: m.where_was("mug", 1.5), "at_ns: integer nanoseconds, got '1.5'"),
        (lambda m: m.find("mug", at_ns="9:00"), "at_ns: integer nanoseconds"),
        (lambda m: m.predict("mug", "9:00"), "at_ns: integer nanoseconds"),
        (lambda m: m.objects("9:00"), "at_ns: integer nanoseconds"),
        (lambda m: m.what_is_in("desk", "9:00"), "at_ns: integer nanoseconds"),
        (lambda m: m.changes("9:00"), "since_ns: integer nanoseconds"),
        (lambda m: m.changes(0, 2.5), "until_ns: integer nanoseconds"),
        (lambda m: m.graph(1.5), "at_ns: integer nanoseconds"),
        (lambda m: m.graph(known_ns="9:00"), "known_ns: integer nanoseconds"),
        (lambda m: m.evidence_of(1, until_ns="9:00"), "until_ns: integer nanoseconds"),
    ],
)
def test_refused(furnished: HandHome, call, message: str):
    with pytest.raises(InvalidInputError, match=message):
        call(furnished.memory)


def test_ids_go_on_and_aliases_are_followed(furnished: HandHome):
    merged = Event(500, 30 * S, "merged", 3, {"id": 2}, {"id": 3}, (), 1.0, "cup")
    furnished.graph.alias(2, 3, 30 * S)
    furnished.tell(30 * S, (3,), (merged,))
    memory = furnished.memory
    assert memory.find(2).id == 3 and memory.find("cup").verdict == "found" and memory.where_was("#2", 31 * S).id == 3


def test_restart(tmp_path: Path, clock: ManualClock):
    path = tmp_path / "home.db"
    with RobotMemory.open(path, clock=clock) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S, color="red")
        home.put(1, "mug", "desk", 60 * S, moved=True, color="red")
        memory.add_episode(Episode(0, "bring the mug", 30 * S, 60 * S, "done", "brought"))
        memory.add_lesson("the mug is often on the desk", "user")
        before = (memory.find("mug"), memory.where_was("mug", 2 * S), memory.changes())
        with pytest.raises(StoreLockedError):
            RobotMemory.open(path)
    for options in ({}, {"read_only": True}):
        with RobotMemory.open(path, clock=clock, **options) as again:
            for old, new in zip(before, (again.find("mug"), again.where_was("mug", 2 * S), again.changes()), strict=True):
                assert repr(old) == repr(new)
            assert again.episodes("mug")[0].outcome == "done" and again.lessons("desk")[0].source == "user"
            assert again.verify().damaged == ()


def test_a_reader_follows_the_writer(tmp_path: Path, clock: ManualClock):
    with RobotMemory.open(tmp_path / "home.db", clock=clock) as writer:
        home = HandHome(writer)
        writer.flush()
        with RobotMemory.open(tmp_path / "home.db", clock=clock, read_only=True) as reader:
            assert reader.world is None and reader.find("mug").verdict == "unknown"
            home.put(1, "mug", "counter", 1 * S)
            writer.flush()
            assert reader.find("mug").place == "on the counter in the kitchen"
            assert [v.id for v in reader.what_is_in("counter")] == [1] and reader.predict("mug")[0].label == "counter"
            assert reader.graph().describe(1) == "on the counter in the kitchen" and 1 in {v.id for v in reader.objects()}
            for refused in (lambda: reader.add_lesson("a", "b"), lambda: reader.correct(1, label="cup"), lambda: reader.forget(id=1)):
                with pytest.raises(StoreError, match="read-only"):
                    refused()


def test_backup_while_in_use(tmp_path: Path, furnished: HandHome, clock: ManualClock):
    furnished.memory.backup(tmp_path / "copy.db")
    with RobotMemory.open(tmp_path / "copy.db", clock=clock) as copy:
        assert copy.find("mug").id == 1


def test_the_clock_of_a_recording_is_its_newest_frame():
    with RobotMemory.open(":memory:") as memory:
        HandHome(memory).put(1, "mug", "counter", 1234 * S)
        assert memory.now_ns() == 1234 * S and memory.find("mug").p_still_there == pytest.approx(0.98)


def test_short_term_keeps_what_is_seen_and_asked_about():
    config = RobomemConfig(memory=MemoryConfig(short_term_capacity=5))
    with RobotMemory.open(":memory:", config=config, clock=ManualClock(0)) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S)
        for i in range(2, 6):
            home.put(i, "book", "shelf", i * S)
        memory.find("mug", at_ns=10 * S)
        home.put(6, "cup", "desk", 7 * S)
        ids = [u.id for u in memory.short_term.units()]
        assert len(ids) == 5 and 1 in ids and 6 in ids


def test_health_says_what_is_there(furnished: HandHome):
    health = furnished.memory.health()
    assert health["rows"]["objects"] == 8 and health["rejected"] == {} and health["short_term"] == 4
    assert health["engine"] in ("apsw", "sqlite3") and isinstance(health["embedder"], str)


def test_the_graph_as_it_was_known_then(furnished: HandHome):
    """What was believed at 30 s about 20 s, and at 70 s about both."""
    furnished.put(1, "mug", "desk", 60 * S, moved=True, color="red")
    asked = {(t, k): graph_of(furnished.memory.store, None, t * S, k * S) for t, k in ((20, 30), (70, 30), (20, 70), (70, 70))}
    spots = {key: graph.node(1).position.tolist() for key, graph in asked.items()}
    assert spots[20, 30] == spots[70, 30] == spots[20, 70] != spots[70, 70]  # before it was told of the move it expected the mug to stay
    assert graph_of(furnished.memory.store, None, 20 * S, 0).node(1) is None


def test_sightings_of_one_that_was_never_confirmed_are_those_of_the_thing_it_was(furnished: HandHome):
    """The belief folded track 77 into the mug; no event tells of it, but what was seen of it was seen of the mug."""
    memory, mug = furnished.memory, furnished.views[1]
    row = memory.store.observations_of(1, 0, 1 << 62, 1)[0]
    f32 = np.float32
    one = Observations(
        40 * S, ("mug",), np.array([0.9], f32), row.position[None].astype(f32), np.eye(3, dtype=f32)[None], row.size[None].astype(f32),
        np.zeros(1, f32), np.zeros((1, row.embedding.size), f32), ("red",), np.array([300]), np.zeros(1, bool), np.zeros((1, 4), f32),
        (np.zeros((0, 3), f32),), ({},),
    )  # fmt: skip
    memory._commit(FrameResult(40 * S, (), one, np.array([990_001]), np.array([77]), (), {}), [], furnished.graph)
    none = Observations.empty(41 * S)
    ids = np.zeros(0, np.int64)
    memory._commit(FrameResult(41 * S, (), none, ids, ids, (1,), {}, ((1, 77),)), [mug], furnished.graph)
    assert memory.store.resolve(77) == 1 and 990_001 in [o.id for o in memory.store.observations_of(1, 0, 1 << 62, 9)]
    assert len(memory.store.stays(1)) >= 1 and memory.store.bad_rows == 0
