"""A real MCP client over stdio: the tools are listed, questions answered beside a running writer, writing refused unless asked for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from robomem.clock import ManualClock
from robomem.memory.mcp_server import answer, offered
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tools import TOOLS
from tests.memory.hand_home import HandHome, S

ROOT = Path(__file__).parents[2]


async def session(db: Path, calls: list[tuple[str, dict[str, Any]]], *options: str) -> tuple[Any, list[Any]]:
    from mcp import Client, StdioServerParameters

    argv = ["-m", "robomem.cli", "mcp", "--db", str(db), *options]
    server = StdioServerParameters(command=sys.executable, args=argv, cwd=str(ROOT), env={**os.environ, "PYTHONPATH": str(ROOT)})
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        return tools, [await client.call_tool(name, arguments) for name, arguments in calls]


def test_a_client_asks_beside_a_running_writer_and_cannot_write(tmp_path: Path):
    pytest.importorskip("mcp")
    with RobotMemory.open(tmp_path / "home.db", clock=ManualClock(100 * S)) as writer:
        HandHome(writer).put(1, "mug", "counter", 1 * S, color="red")
        writer.flush()
        calls = [("find", {"query": "red mug"}), ("find", {"querry": 1}), ("correct", {"object": 1, "label": "cup"})]
        tools, (found, mistake, refused) = asyncio.run(session(tmp_path / "home.db", calls))
    assert {t.name for t in tools} == set(offered(False)) == set(TOOLS) - {"correct", "undo", "forget"}
    assert all(t.annotations.read_only_hint and t.input_schema == TOOLS[t.name].schema for t in tools)
    assert not found.is_error and json.loads(found.content[0].text) == found.structured_content
    assert found.structured_content["place"] == "on the counter in the kitchen" and found.structured_content["evidence"]
    assert mistake.is_error and "did you mean 'query'" in mistake.content[0].text
    assert refused.is_error and "--write" in refused.content[0].text


def test_with_write_a_client_corrects(tmp_path: Path):
    pytest.importorskip("mcp")
    with RobotMemory.open(tmp_path / "home.db", clock=ManualClock(100 * S)) as writer:
        HandHome(writer).put(1, "mug", "counter", 1 * S, color="red")
    calls = [("correct", {"object": "mug", "place": "on the desk", "by": "Anna"}), ("find", {"query": "mug"})]
    tools, (told, found) = asyncio.run(session(tmp_path / "home.db", calls, "--write"))
    assert {t.name for t in tools} == set(TOOLS) and not told.is_error
    assert found.structured_content["place"] == "on the desk in the study" and found.structured_content["told"]["by"] == "Anna"
    with RobotMemory.open(tmp_path / "home.db", read_only=True) as reader:
        assert reader.find("mug").place == "on the desk in the study"


def test_refusals_are_answers_and_not_crashes(furnished: HandHome):
    assert answer(furnished.memory, "forget", {"object": 1}, write=False)[1]
    assert answer(furnished.memory, "nonsense", {}, write=True)[0]["error"].startswith("there is no tool")
    assert furnished.memory.find(1).found
