"""A corrected map moves the past on record: once, as a whole, and a restart goes on in the corrected map."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from robomem.belief.correction import MapCorrection
from robomem.errors import StoreError
from robomem.geometry import inverse, pose2d, transform
from robomem.memory import table
from robomem.memory.hub import MemoryHub
from robomem.memory.integrity import verify
from robomem.memory.robot_memory import RobotMemory
from tests.fakes.small_home import COUNTER, DESK, S, SmallHome, thing

WRONG = pose2d(0.4, -0.3, np.deg2rad(20.0))
BACK = MapCorrection(inverse(WRONG))
FIRST, LATER = (2.8, 0.6, 0.96), (6.2, 2.9, 0.80)


class Lost(SmallHome):
    """The small home, watched by a memory whose robot is wrong about where it is."""

    def __init__(self, memory: RobotMemory, error: np.ndarray) -> None:
        super().__init__(thing("mug", 2.8, 0.6, 0.9), thing("book", 6.3, 3.3, 0.74, height=0.05, width=0.18))
        self.memory, self.error = memory, error

    def look(self, eye, at):
        frame, found = self.frame(eye, at)
        self.results.append(self.memory.observe(dataclasses.replace(frame, T_map_camera=self.error @ frame.T_map_camera), found))
        return self.results[-1]


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which the mug was on the counter, then on the desk, all of it under a wrong pose. `moved_at` is beside it."""
    path = tmp_path_factory.mktemp("lost") / "home.db"
    with RobotMemory.open(path) as memory:
        home = Lost(memory, WRONG)
        home.around(COUNTER)
        home.around(DESK)
        moved_at = home.t
        home.things[0] = thing("mug", 6.2, 2.9, 0.74)
        home.around(COUNTER)
        home.around(DESK)
    path.with_suffix(".json").write_text(json.dumps({"moved_at": moved_at, "end": home.t}))
    return path


@pytest.fixture
def path(lost: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    shutil.copy(lost, tmp_path / "home.db")
    return tmp_path / "home.db"


def near(position, truth) -> bool:
    return float(np.linalg.norm(np.asarray(position) - truth)) < 0.06


def times(lost: Path) -> tuple[int, int]:
    told = json.loads(lost.with_suffix(".json").read_text())
    return round(told["moved_at"] * S), round(told["end"] * S)


def rows(memory: RobotMemory) -> dict[str, list]:
    """Everything on record that has a position."""
    tables = (table.OBJECTS, table.HISTORY, table.OBSERVATIONS, table.EVENTS)
    return {t.name: memory.store.query(f"{t.select} ORDER BY id") for t in tables}


def test_present_and_past_are_answered_in_the_corrected_map(lost: Path, path: Path) -> None:
    moved_at, _ = times(lost)
    with RobotMemory.open(path) as memory:
        mug = memory.find("mug")
        assert not near(mug.position, LATER) and not near(memory.where_was("mug", moved_at).position, FIRST)
        memory.correct_map(BACK)
    for read_only in (False, True):
        with RobotMemory.open(path, read_only=read_only) as memory:
            assert memory.find("mug").id == mug.id and near(memory.find("mug").position, LATER)
            assert near(memory.where_was("mug", moved_at).position, FIRST) and near(memory.find("book").position, (6.3, 3.3, 0.765))
            seen = memory.store.observations_near(LATER, 0.15, 0, 1 << 62, 50)
            assert "mug" in {o.label for o in seen}
            (told,) = [e for e in memory.changes() if e.kind == "map_corrected"]
            assert np.allclose(MapCorrection.from_json(told.after).T_new_old, BACK.T_new_old)
            (move,) = [e for e in memory.changes(label="mug") if e.kind == "moved"]
            assert near(move.before["position"], FIRST) and near(move.after["position"], LATER)
            if not read_only:
                assert verify(memory.store).ok


def test_the_next_look_knows_everything_again(lost: Path, path: Path) -> None:
    with RobotMemory.open(path) as memory:
        ids = {v.id for v in memory.objects() if v.status == "confirmed"}
        memory.correct_map(BACK)
        home = Lost(memory, np.eye(4))
        home.t = times(lost)[1] / S
        home.things[0] = thing("mug", 6.2, 2.9, 0.74)
        home.around(DESK)
        home.around(COUNTER)
        assert {v.id for v in memory.objects() if v.status in ("confirmed", "occluded")} == ids
        assert not [e for e in memory.changes(since_ns=times(lost)[1] + 1) if e.kind in ("moved", "removed", "appeared")]
        stays = memory.store.stays(memory.find("mug").id)
        assert len(stays) == 2 and near(stays[0].position, FIRST) and near(stays[1].position, LATER)


def test_rows_from_before_the_error_stay(lost: Path, path: Path) -> None:
    moved_at, _ = times(lost)
    with RobotMemory.open(path) as memory:
        was = memory.where_was("mug", moved_at).position
        before = {o[0]: o for o in rows(memory)["observations"]}
        memory.correct_map(dataclasses.replace(BACK, since_ns=moved_at + 1))
        assert np.array_equal(memory.where_was("mug", moved_at).position, was) and near(memory.find("mug").position, LATER)
        changed = [o for o in rows(memory)["observations"] if o != before[o[0]]]
        assert changed and all(o[2] > moved_at for o in changed) and len(changed) < len(before)


def test_a_correction_told_twice_moves_once(path: Path) -> None:
    with RobotMemory.open(path) as memory:
        memory.correct_map(BACK)
        once = rows(memory)
        (told,) = [e for e in memory.changes() if e.kind == "map_corrected"]
        memory._recorder._follow(told)
        assert rows(memory) == once


def test_a_fault_in_the_middle_leaves_all_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RobotMemory.open(path) as memory:
        before, remapper = rows(memory), memory._recorder.remapper

        def full(*_: object) -> None:
            raise StoreError("disk full")

        monkeypatch.setattr(remapper, "_events", full)  # observations and stays are written by then
        with pytest.raises(StoreError, match="disk full"):
            memory.correct_map(BACK)
        assert rows(memory) == before and remapper.newest() == 0
    with RobotMemory.open(path, read_only=True) as memory:
        assert rows(memory) == before and verify(memory.store).ok


def test_a_snapshot_older_than_the_correction_catches_up(path: Path) -> None:
    """world_model was killed before it could keep its own state: it resumes from the old one, moved."""
    with RobotMemory.open(path) as memory:
        old = memory.store.world()
        memory.correct_map(BACK)
        newer = memory.store.world()
        memory._live.model = None  # or closing would write the newer state again
        memory.store.put_world(old)
        memory.store.flush()
    hub = MemoryHub.open(path)
    try:
        assert hub.knows_map(old) and hub.knows_map(newer)
        arrays, _ = hub.resume()
        world = RobotMemory.open(":memory:").world
        world.restore(arrays)
        for i, (view, _) in hub.store.objects().items():
            live = world.object(i)
            assert live is not None and np.allclose(live.position, view.position, atol=1e-6)
    finally:
        hub.close()


def test_a_snapshot_newer_than_the_record_is_not_kept(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "behind.db")
    with RobotMemory.open(path) as memory:
        memory.correct_map(BACK)
        newer = memory.store.world()
    hub = MemoryHub.open(tmp_path / "behind.db")
    try:
        assert not hub.knows_map(newer)
    finally:
        hub.close()


def test_what_a_user_said_moves_too(path: Path) -> None:
    with RobotMemory.open(path) as memory:
        mug = memory.find("mug").id
        said = transform(WRONG, (1.0, 1.0, 0.5))
        memory.correct(mug, position=said)
        memory.correct_map(BACK)
        assert near(memory.find("mug").position, (1.0, 1.0, 0.5))
    with RobotMemory.open(path, read_only=True) as memory:
        assert near(memory.find("mug").position, (1.0, 1.0, 0.5))
