"""A language model may look things up before it names goals: with the tools of memory that only read, a few, and answered as data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from robomem.errors import InvalidInputError, RobomemError
from robomem.memory.tool_answers import UNTRUSTED
from robomem.memory.tools import TOOLS
from robomem.planning.context import clean_text, fenced
from robomem.planning.goals import goal_schema

Lookup = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]  # (tool, arguments) -> its answer; may raise a RobomemError
MAX_ROUNDS = 2  # replies that ask before one must answer
MAX_PER_ROUND = 4
MAX_ANSWER = 6000  # characters of the answers of one round
READING = {name: tool for name, tool in TOOLS.items() if not tool.writes}


def offer() -> str:
    """What the role says about them."""
    texts = [{"tool": t.name, "description": t.description, "arguments": t.schema} for t in READING.values()]
    return (
        f' Before you answer you may look things up, at most {MAX_ROUNDS} times: reply {{"goals": [], "lookups": [{{"tool": ..., '
        f'"arguments": {{...}}}}]}} with at most {MAX_PER_ROUND} of these tools: {json.dumps(texts)}. {UNTRUSTED}'
    )


def schema() -> dict[str, Any]:
    """JSON schema of a reply that may ask first."""
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": ["tool", "arguments"],
        "properties": {"tool": {"enum": list(READING)}, "arguments": {"type": "object"}},
    }
    goals = goal_schema()["properties"]["goals"] | {"minItems": 0}
    properties = {"goals": goals, "lookups": {"type": "array", "maxItems": MAX_PER_ROUND, "items": one}}
    return {"type": "object", "additionalProperties": False, "required": ["goals"], "properties": properties}


def asked(text: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The look-ups a reply asks for; none if it asks for none or is no such reply (then it is read as an answer)."""
    try:
        raw = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return []
    rows = raw.get("lookups") if isinstance(raw, dict) and not raw.get("goals") else None
    if not isinstance(rows, list):
        return []
    return [(str(r.get("tool")), r.get("arguments") or {}) for r in rows[:MAX_PER_ROUND] if isinstance(r, dict)]


def answered(calls: Sequence[tuple[str, Mapping[str, Any]]], lookup: Lookup) -> str:
    """What memory says to them, as fenced data; a tool that writes is refused whatever the model was told."""
    answers = []
    for name, arguments in calls:
        try:
            if name not in READING:
                raise InvalidInputError(f"there is no tool '{name[:40]}' here; there are {', '.join(READING)}")
            answers.append({"tool": name, "answer": lookup(name, arguments)})
        except RobomemError as error:
            answers.append({"tool": clean_text(name), "error": clean_text(error, 300)})
    return f"{fenced({'answers': answers}, MAX_ANSWER)}\nNow reply with the goals."
