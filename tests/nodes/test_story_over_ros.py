"""The same seed gives the same story whether everything runs in one process or every part in its own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("robomem_msgs")
pytest.importorskip("pybullet")

from robomem.evaluation.household import Household
from robomem.evaluation.remote_household import RemoteHousehold
from robomem.evaluation.story import ORDER
from robomem.memory.answer import ask

SEED = 10


def _story(home: Any) -> tuple[list[Any], dict[str, Any]]:
    home.explore()
    report = home.order(ORDER, lambda _t: None)
    home.memory.flush()
    events = [(e.stamp_ns, e.kind, e.label, e.before.get("place"), e.after.get("place")) for e in home.memory.changes()]
    return events, report.to_json()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Any:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(1 + (os.getpid() + 50) % 100)
    folder: Path = tmp_path_factory.mktemp("apart")
    said: list[str] = []
    home = RemoteHousehold(SEED, folder / "memory.db", folder / "logs", say=said.append)
    try:
        events, report = _story(home)
        with home.reader() as memory:
            did = ask(memory, "what did you do").text
        yield {
            "did": did,
            "events": events,
            "report": report,
            "said": said,
            "pids": home.supervisor.pids(),
            "restarts": dict(home.supervisor.restarts),
        }
    finally:
        home.close()


def test_every_part_is_a_process_and_none_had_to_be_restarted(apart: dict[str, Any]) -> None:
    assert set(apart["pids"]) == {"sim", "memory", "world_model", "planner"}
    assert len(set(apart["pids"].values())) == 4 and not apart["restarts"], apart["said"]


def test_what_it_did_is_remembered_the_survey_too(apart: dict[str, Any]) -> None:
    assert re.match(rf"So far: explore the home \(08:00\); {ORDER} \(", apart["did"]), apart["did"]


def test_the_story_is_the_same_in_one_process(apart: dict[str, Any]) -> None:
    together = Household(SEED, ":memory:")
    try:
        events, report = _story(together)
    finally:
        together.close()
    assert len(events) > 20

    def plain(rows: list[Any]) -> list[Any]:
        return [row[:3] for row in rows]  # ids differ: they are leased in blocks

    assert plain(apart["events"]) == plain(events)
    assert apart["report"]["ok"] and report["ok"]
    assert [s["skill"] for s in apart["report"]["steps"]] == [s["skill"] for s in report["steps"]]
    assert apart["report"]["distance_m"] == pytest.approx(report["distance_m"], abs=1e-6)
