"""What the installable rivals get wrong, each a regression test for us (see the design's list)."""

from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.memory.robot_memory import RobotMemory
from robomem.types import Detections
from tests.memory.hand_home import SPOTS, HandHome, S


def test_a_moved_mug_is_not_the_mean_of_both_places(furnished: HandHome):
    furnished.put(1, "mug", "desk", 60 * S, moved=True)
    assert furnished.memory.find("mug").position == pytest.approx((*SPOTS["desk"][:2], 0.85))


def test_a_moved_thing_is_not_a_second_node_beside_the_old_one(furnished: HandHome):
    furnished.put(1, "mug", "desk", 60 * S, moved=True)
    assert [v.id for v in furnished.memory.matching("mugs")] == [1] and len(furnished.memory.find("mugs").candidates) == 1


def test_an_unseen_thing_is_not_answered(furnished: HandHome):
    for query in ("hammer", "violin", "green mug", "mug in the study", "mug on the shelf"):
        recall = furnished.memory.find(query)
        assert recall.verdict == "unknown" and recall.position is None and recall.needs


def test_what_is_not_seen_again_fades(furnished: HandHome, clock: ManualClock):
    before = furnished.memory.find("mug").p_still_there
    clock.advance(24 * 3600)
    assert furnished.memory.find("mug").p_still_there < 0.1 < before


def test_filters_come_before_the_top_k(home: HandHome):
    for i in range(1, 60):
        home.put(i, "cup", "counter", i * S, offset=i * 0.01)
    home.put(99, "cup", "shelf", 1 * S)
    assert home.memory.find("cup in the study", k=1).id == 99 and home.memory.find("cup on the shelf", k=1).id == 99


def test_search_works_after_a_kill_as_well_as_rows(tmp_path: Path):
    """A rival's rows lived and its vectors were gone. Here the words and boxes are in the same transaction as the rows."""
    memory = RobotMemory.open(tmp_path / "home.db", clock=ManualClock(100 * S))
    home = HandHome(memory)
    home.put(1, "mug", "counter", 1 * S)
    memory.add_lesson("mugs go in the cabinet", "user")
    memory.flush()
    copy = tmp_path / "killed.db"  # what a crash now would leave: the file and its log
    copy.write_bytes((tmp_path / "home.db").read_bytes())
    copy.with_name("killed.db-wal").write_bytes((tmp_path / "home.db-wal").read_bytes())
    memory.close()
    with RobotMemory.open(copy, clock=ManualClock(100 * S)) as again:
        assert again.find("mug").id == 1 and again.lessons("mug")[0].source == "user" and again.store.search_words("mug", "object", 3)
        assert len(again.store.observations_near((1, 1, 1), 1.0, 0, 10 * S, 5)) == 1


def test_a_label_is_data_and_not_an_instruction(home: HandHome):
    """Labels come from the world: control and direction characters are dropped at the door and SQL or FTS syntax is only text."""
    hostile = Detections(("mug\u202e'; DROP TABLE objects; -- \x1b[31m" + "x" * 500,), np.array([0.9]), np.array([[0, 0, 5, 5]])).labels[0]
    home.put(1, hostile, "counter", 1 * S)
    home.memory.flush()
    assert len(hostile) <= 80 and hostile.isprintable() and home.memory.find(1).label == hostile
    assert home.memory.health()["rows"]["objects"] == 5 and home.memory.verify().damaged == ()
