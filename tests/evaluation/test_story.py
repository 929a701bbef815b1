"""The whole house at once: a simulated robot learns a home, misses the mug, finds it, brings it, and tells about it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the simulator needs pybullet: pip install 'robomem[sim]'")

from robomem.cli import main
from robomem.evaluation.household import Household
from robomem.evaluation.metrics import TrueObject, score_map
from robomem.evaluation.story import ORDER
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.ontology import default_ontology
from robomem.planning.survey import Surveyor

SEED = 1


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo in its quick form, run as a newcomer runs it."""
    out = tmp_path_factory.mktemp("demo")
    status = main(["demo", "--quick", "--seed", str(SEED), "--out", str(out)])
    assert status == 0
    return out


def _summary(demo: Path) -> dict:
    return json.loads((demo / "summary.json").read_text())


def test_the_mug_is_brought_and_is_the_same_mug(demo: Path) -> None:
    summary = _summary(demo)
    assert summary["done"] and summary["task"]["ok"]
    assert summary["mug"]["id"] in summary["task"]["object_ids"]
    with RobotMemory.open(demo / "memory.db", read_only=True) as memory:
        mug = memory.find("mug")
        assert mug.found and mug.id == summary["mug"]["id"] and "dining table" in mug.place


def test_that_it_was_gone_is_an_event_with_its_time(demo: Path) -> None:
    summary = _summary(demo)
    with RobotMemory.open(demo / "memory.db", read_only=True) as memory:
        events = [e for e in memory.changes() if e.object_id == summary["mug"]["id"]]
    assert "moved" in {e.kind for e in events}
    assert [e.stamp_ns for e in events] == sorted(e.stamp_ns for e in events)


def test_answers_have_evidence_and_the_unseen_is_not_answered(demo: Path) -> None:
    answers = {row["question"]: row for row in _summary(demo)["answers"]}
    assert answers["where is the mug?"]["evidence"]
    assert any("book?" in question and row["evidence"] for question, row in answers.items())
    hammer = answers["where is the hammer?"]
    assert not hammer["evidence"] and "do not know" in hammer["answer"]


def test_the_demo_leaves_what_it_promises(demo: Path) -> None:
    for name, least in (("map.png", 20_000), ("recording.rrd", 100_000), ("memory.db", 20_000)):
        assert (demo / name).stat().st_size > least, name
    assert not (demo / "twins.png").exists()  # the short form runs no twins


def test_what_it_did_is_remembered_the_survey_too(demo: Path) -> None:
    with RobotMemory.open(demo / "memory.db", read_only=True) as memory:
        did = ask(memory, "what did you do")
    assert [e.instruction for e in did.episodes] == ["explore the home", "patrol the home", ORDER], did.text


def _short_life(salt: int) -> tuple[list[tuple], list[tuple], int]:
    home = Household(2, id_salt=salt)
    try:
        Surveyor(home.world, home.robot).explore(max_s=25.0)
        objects = [(v.id, v.label, v.status, v.position.tobytes(), v.existence, v.support) for v in home.memory.objects()]
        events = [(e.id, e.stamp_ns, e.kind, e.object_id, json.dumps(dict(e.after), default=str)) for e in home.memory.changes()]
        return objects, events, home.frames
    finally:
        home.close()


def test_simulator_ids_leak_nowhere_and_the_same_seed_gives_the_same_life() -> None:
    first, again, salted = _short_life(0), _short_life(0), _short_life(12345)
    assert first[2] > 10 and first[0]
    assert first == again
    assert first == salted


def test_truth_is_scored_outside_the_pipeline() -> None:
    home = Household(3)
    try:
        Surveyor(home.world, home.robot).explore(max_s=20.0)
        truth = [TrueObject.of(r) for r in home.truth()["objects"]]
        score = score_map(home.memory.objects(), truth, truth, default_ontology())
        assert 0.0 <= score.recall < 1.0  # a glance around the first room does not show four rooms
        names = {r["name"] for r in home.truth()["objects"]}
        assert not names & {v.label for v in home.memory.objects() if v.label not in {t.label for t in truth}}
        assert all(np.isfinite(v.position).all() for v in home.memory.objects())
    finally:
        home.close()
