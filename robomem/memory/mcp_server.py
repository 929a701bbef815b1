"""The verbs of memory as a Model Context Protocol server over stdin and stdout: `robomem mcp --db FILE [--write]`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from robomem.errors import MissingDependencyError, RobomemError
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tool_answers import UNTRUSTED
from robomem.memory.tools import TOOLS, Tool, call

INSTRUCTIONS = (
    "The memory of a robot: what is where in its home, how sure that is, since when, what changed, what it did and learned. "
    "Name things by the ids of earlier answers. 'unknown' and 'ambiguous' are answers: pass them on, do not guess. " + UNTRUSTED
)


def offered(write: bool) -> dict[str, Tool]:
    """The tools a client may call."""
    return {name: tool for name, tool in TOOLS.items() if write or not tool.writes}


def answer(memory: RobotMemory, name: str, arguments: Mapping[str, Any], write: bool) -> tuple[dict[str, Any], bool]:
    """(plain JSON, True if it is a refusal that tells the client why)."""
    if name in TOOLS and name not in offered(write):
        return {"error": f"{name}: this server is read-only; start it with --write to let a client change what is remembered"}, True
    try:
        return call(memory, name, arguments), False
    except RobomemError as error:
        return {"error": str(error)}, True


def build(memory: RobotMemory, write: bool, version: str = "") -> Any:
    """An `mcp.server.Server` that offers the tools on an open memory.

    Raises:
        MissingDependencyError: the package `mcp` (2.0 or newer) is not installed.
    """
    if find_spec("mcp") is None:
        raise MissingDependencyError("mcp: the package 'mcp' is not installed; pip install 'robomem[mcp]'")
    from mcp import types

    try:
        from mcp.server.lowlevel import Server

        async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
            return types.ListToolsResult(tools=[_described(tool, types) for tool in offered(write).values()])

        async def call_tool(_context: Any, params: Any) -> types.CallToolResult:
            # In a thread: a long read must not keep the client's next message or its cancellation waiting.
            told, refused = await asyncio.to_thread(answer, memory, params.name, params.arguments or {}, write)
            text = types.TextContent(type="text", text=json.dumps(told, ensure_ascii=True))
            return types.CallToolResult(content=[text], structured_content=told, is_error=refused)

        return Server("robomem", version=version, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool)
    except (ImportError, TypeError) as error:  # mcp 1.x has other names for the same things
        raise MissingDependencyError(f"mcp: version 2.0 or newer is needed ({error}); pip install -U 'robomem[mcp]'") from error


def _described(tool: Tool, types: Any) -> Any:
    hints = types.ToolAnnotations(
        read_only_hint=not tool.writes, destructive_hint=tool.destroys, idempotent_hint=tool.writes, open_world_hint=False
    )
    return types.Tool(name=tool.name, description=tool.description, input_schema=dict(tool.schema), annotations=hints)


def serve(db: Path, write: bool, version: str = "") -> int:
    """Serve one database until the client closes stdin.

    Read-only the file is opened with `mode=ro`, beside a running writer too; with `write` this process is the one writer.

    Raises:
        StoreError: no such memory, or somebody else is writing it.
        MissingDependencyError: the package `mcp` is not installed.
    """
    with RobotMemory.open(db, read_only=not write) as memory:
        server = build(memory, write, version)
        asyncio.run(_over_stdio(server))
    return 0


async def _over_stdio(server: Any) -> None:
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
