"""observe() with real depth images: what reaches the store, what is turned away, what a restart brings back."""

from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.errors import InvalidInputError, StoreError
from robomem.geometry import pose2d
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.perception.frame import RgbdFrame
from robomem.types import Detections
from tests.fakes.small_home import COUNTER, DESK, SmallHome, thing

MUG, BOOK = thing("mug", 2.7, 0.5, 0.9), thing("book", 6.3, 2.8, 0.74)


class Watched(SmallHome):
    """The small home, watched by a memory instead of a bare world model."""

    def __init__(self, memory: RobotMemory, *things) -> None:
        super().__init__(*things)
        self.memory = memory

    def look(self, eye, at):
        self.results.append(self.memory.observe(*self.frame(eye, at)))
        return self.results[-1]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of a home with a mug on the counter and a book on the desk, both seen from all sides; the mug then vanished."""
    path = tmp_path_factory.mktemp("seen") / "home.db"
    with RobotMemory.open(path) as memory:
        home = Watched(memory, MUG, BOOK)
        home.around(COUNTER)
        home.around(DESK)
        memory.backup(path.with_name("before.db"))
        home.things = [BOOK]
        home.around(COUNTER, frames=6)
        home.around(COUNTER, frames=6, turn=0.3)
    return path


def test_what_was_seen_is_remembered_with_its_evidence(seen: Path):
    with RobotMemory.open(seen.with_name("before.db"), read_only=True) as memory:
        mug = memory.find("mug")
        assert mug.verdict == "found" and mug.place.startswith("on the counter")
        assert mug.position == pytest.approx((2.7, 0.5, 0.96), abs=0.08)
        evidence = {o.id: o for o in memory.store.observations_of(mug.id or 0, 0, 1 << 60, 100)}
        assert mug.evidence and all(evidence[i].label == "mug" for i in mug.evidence)
        assert [e.kind for e in memory.changes(label="mug")] == ["appeared"] and memory.find("hammer").verdict == "unknown"


def test_a_thing_gone_is_said_to_be_gone_and_where_it_was_is_kept(seen: Path):
    with RobotMemory.open(seen, read_only=True) as memory:
        mug = memory.find("mug")
        assert mug.verdict == "moved_since_seen" and mug.place.startswith("on the counter") and mug.p_still_there < 0.5
        assert memory.find("book").verdict == "found"
        assert memory.where_was("mug", 4_000_000_000).place == mug.place
        assert "mug" in ask(memory, "what changed").text and "removed" in [e.kind for e in memory.changes(label="mug")]
        assert "mug" not in [v.label for v in memory.what_is_in("counter")]


def test_a_restart_goes_on_with_the_same_ids(seen: Path):
    path = seen.with_name("again.db")
    path.write_bytes(seen.with_name("before.db").read_bytes())
    with RobotMemory.open(path) as memory:
        ids = {v.id: (v.label, v.status) for v in memory.objects()}
        newest = memory.health()["newest_stamp_ns"]
        home = Watched(memory, MUG, BOOK)
        home.t = newest / 1e9
        home.around(COUNTER, frames=4)
        home.around(DESK, frames=4)
        confirmed = {v.id: v.label for v in memory.objects() if v.status in ("confirmed", "occluded")}
        assert all(ids[i][0] == label for i, label in confirmed.items() if i in ids)
        assert [e.label for e in memory.changes(since_ns=newest + 1) if e.kind in ("appeared", "moved", "removed")] == []
        grid = memory.world.grid if memory.world else None
        assert grid is not None and grid.free.any()


def test_frames_that_repeat_or_go_back_are_counted_and_change_nothing():
    with RobotMemory.open(":memory:") as memory:
        home = Watched(memory, MUG)
        frame, detections = home.frame((2.7, 2.0, 1.35), COUNTER)
        late, _ = home.frame((2.7, 2.0, 1.35), COUNTER)
        memory.observe(late, Detections.empty())
        rows = memory.health()["rows"]
        for bad, reason in ((late, "stamp_repeats"), (frame, "stamp_goes_back"), (frame, "stamp_goes_back")):
            result = memory.observe(bad, detections)
            assert len(result.observations) == 0 and result.events == () and result.changed == () and memory.rejected[reason] >= 1
        assert memory.rejected == {"stamp_repeats": 1, "stamp_goes_back": 2} and memory.health()["rows"] == rows
        other = RgbdFrame(late.stamp_ns, late.rgb, late.depth_m, late.intrinsics, late.T_map_camera, camera="wrist")
        memory.observe(other, None)  # another camera may have the same time
        assert memory.rejected.total() == 3 == sum(memory.health()["rejected"].values())


def test_stamps_are_held_against_the_record_after_a_restart(tmp_path: Path):
    with RobotMemory.open(tmp_path / "home.db") as memory:
        home = Watched(memory, MUG)
        old, _ = home.frame((2.7, 2.0, 1.35), COUNTER)
        home.look((2.7, 2.0, 1.35), COUNTER)
    with RobotMemory.open(tmp_path / "home.db") as memory:
        memory.observe(old, None)
        assert memory.rejected == {"stamp_goes_back": 1}


def test_detections_of_another_image_are_refused_before_anything_is_stored():
    with RobotMemory.open(":memory:") as memory:
        frame, _ = Watched(memory, MUG).frame((2.7, 2.0, 1.35), COUNTER)
        wrong = Detections(("mug",), np.array([0.9]), np.array([[0, 0, 5, 5]]), np.ones((1, 10, 10), bool))
        with pytest.raises(InvalidInputError, match=r"masks are \(10, 10\) but the image is \(240, 320\)"):
            memory.observe(frame, wrong)
        assert memory.rejected == {"invalid_input": 1} and memory.health()["rows"]["observations"] == 0 and memory.objects() == []
        memory.observe(frame, None)  # the same frame is welcome with good detections


def test_bad_frames_never_get_as_far_as_memory():
    with RobotMemory.open(":memory:") as memory:
        frame, _ = Watched(memory, MUG).frame((2.7, 2.0, 1.35), COUNTER)
        for change in ({"depth_m": frame.depth_m * np.nan}, {"depth_m": frame.depth_m[:10]}, {"T_map_camera": pose2d(np.nan, 0, 0)}):
            with pytest.raises(InvalidInputError):
                RgbdFrame(**{**{k: getattr(frame, k) for k in ("stamp_ns", "rgb", "depth_m", "intrinsics", "T_map_camera")}, **change})


def test_no_detector_and_nothing_named_are_both_frames():
    with RobotMemory.open(":memory:", clock=ManualClock(0)) as memory:
        home = Watched(memory, MUG)
        for detections in (None, Detections.empty()):
            frame, _ = home.frame((2.7, 2.0, 1.35), COUNTER)
            assert memory.observe(frame, detections).stamp_ns == frame.stamp_ns
        assert memory.rejected.total() == 0 and memory.objects() == []


def test_a_reader_cannot_observe(seen: Path):
    with RobotMemory.open(seen, read_only=True) as memory:
        frame, _ = Watched(memory, MUG).frame((2.7, 2.0, 1.35), COUNTER)
        with pytest.raises(StoreError, match="read-only"):
            memory.observe(frame, None)


def test_forgetting_reaches_the_live_world(seen: Path):
    path = seen.with_name("forget.db")
    path.write_bytes(seen.with_name("before.db").read_bytes())
    with RobotMemory.open(path) as memory:
        memory.forget(label="book")
        assert memory.world is not None and "book" not in [v.label for v in memory.world.objects()]
        assert "book" not in [n.label for n in memory.graph().nodes()]
    assert b"book" not in path.read_bytes()
    with RobotMemory.open(path) as memory:
        assert "book" not in [v.label for v in memory.objects()] and memory.find("book").verdict == "unknown"


def test_what_the_robot_carries_has_its_history(seen: Path):
    path = seen.with_name("carry.db")
    path.write_bytes(seen.with_name("before.db").read_bytes())
    with RobotMemory.open(path) as memory:
        mug, world = memory.find("mug").id, memory.world
        assert mug is not None and world is not None
        home = Watched(memory, BOOK)
        home.t = memory.health()["newest_stamp_ns"] / 1e9
        world.set_held(mug, pose2d(2.7, 0.9, 0.0, 1.1))
        home.look((2.7, 2.0, 1.35), COUNTER)
        assert memory.find("mug").place.startswith("in the robot's gripper") and memory.find("mug").verdict == "found"
        world.set_held(mug, pose2d(6.2, 2.5, 0.0, 0.80))
        world.set_held(mug, None)
        home.things = [BOOK, thing("mug", 6.2, 2.5, 0.74)]
        home.around(DESK, frames=4)
        assert memory.find("mug").id == mug and memory.find("mug").place.startswith("on the desk")
        places = [stay.place.words.split(" in the ")[0] for stay in memory.store.stays(mug)]
        assert places == ["on the counter", "in the robot's gripper", "on the desk"]
        assert memory.where_was("mug", 4_000_000_000).place.startswith("on the counter")
        assert "was picked up by the robot" in ask(memory, "what changed").text


def test_what_came_after_the_last_snapshot_must_be_seen_again(seen: Path):
    """A crash between snapshots: the rows are there, the world does not know the object: it is on record as missing, under its id."""
    path = seen.with_name("crash.db")
    path.write_bytes(seen.with_name("before.db").read_bytes())
    with RobotMemory.open(path) as memory:
        mug = memory.find("mug").id
        assert memory.world is not None and mug is not None
        arrays = memory.world.snapshot()
        memory.world.forget([mug])
        memory.world.stamp_ns -= 60_000_000_000
        memory.store.put_world(memory.world.snapshot())
        memory._live.model = None
    assert arrays
    with RobotMemory.open(path) as memory:
        assert memory.world is not None and memory.find("mug").verdict == "moved_since_seen" and memory.find("mug").id == mug
