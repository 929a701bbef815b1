"""A language model looks things up in memory before it names goals: it reads, it never writes, and it cannot go on for ever."""

from __future__ import annotations

import json
from functools import partial

import pytest

from robomem.clock import ManualClock
from robomem.config import PlanningConfig
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tools import call
from robomem.planning import lookups
from robomem.planning.goals import ParsedInstruction
from robomem.planning.llm import Interpreter
from robomem.remote import ChatClient, RemoteLimits
from tests.fakes.chat_server import Endpoint, chat_server, completion
from tests.memory.hand_home import HandHome, S

GOALS = completion(json.dumps({"goals": [{"predicate": "on", "subject": {"label": "mug", "id": 1}, "target": {"label": "desk"}}]}))
VAGUE = "find the flux capacitor"


def ask(tool: str, **arguments: object) -> bytes:
    return completion(json.dumps({"goals": [], "lookups": [{"tool": tool, "arguments": arguments}]}))


@pytest.fixture
def memory():
    with RobotMemory.open(":memory:", clock=ManualClock(100 * S)) as memory:
        HandHome(memory).put(1, "mug", "counter", 1 * S)
        yield memory


def understood(server: Endpoint, memory: RobotMemory) -> ParsedInstruction:
    client = ChatClient(server.url, "m", RemoteLimits(timeout_s=5.0, attempts=1))
    reader = Interpreter(PlanningConfig(), memory.objects, client=client, lookup=partial(call, memory))
    return reader.understand(VAGUE)


def test_it_looks_up_and_then_answers(memory: RobotMemory):
    with chat_server(ask("find", query="mug"), GOALS) as server:
        parsed = understood(server, memory)
    assert (parsed.source, str(parsed.goals[0]), parsed.goals[0].subject.id) == ("llm", "on(mug, desk)", 1)
    first, second = server.requests
    assert all(name in first["messages"][0]["content"] for name in lookups.READING)
    assert '"place": "on the counter in the kitchen"' in second["messages"][-1]["content"]
    assert first["response_format"]["json_schema"]["schema"]["properties"]["lookups"]["maxItems"] == lookups.MAX_PER_ROUND


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (ask("forget", object="mug"), "there is no tool 'forget' here"),
        (ask("correct", object=1, label="cup"), "there is no tool"),
        (ask("find", query="mug", k=999), "expected 1 to 20"),
        (ask("find", querry="mug"), "did you mean"),
    ],
)
def test_what_it_may_not_do_is_told_and_not_done(memory: RobotMemory, request_: bytes, told: str):
    with chat_server(request_, GOALS) as server:
        understood(server, memory)
    assert told in server.requests[1]["messages"][-1]["content"] and memory.find("mug").id == 1


def test_one_that_only_asks_is_stopped(memory: RobotMemory):
    with chat_server(ask("find", query="mug")) as server:
        parsed = understood(server, memory)
    assert parsed.source == "grammar" and "did not help" in parsed.notes[-1]
    assert len(server.requests) == lookups.MAX_ROUNDS + 1


def test_one_that_needs_nothing_answers_at_once(memory: RobotMemory):
    with chat_server(GOALS) as server:
        understood(server, memory)
    assert len(server.requests) == 1
