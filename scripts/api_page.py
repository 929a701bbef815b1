"""Writes docs/api.md: the public names of `robomem`, with signatures and docstrings, read from the code itself."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import robomem
from robomem.memory.answering import Answer
from robomem.memory.corrections import Correction, Told

ROOT = Path(__file__).resolve().parents[1]
GROUPS = {  # of RobotMemory's verbs; a test holds it to the class
    "Opening": ("open", "flush", "close", "read_only", "now_ns"),
    "Taking in": ("observe", "rejected", "correct_map", "add_episode", "add_lesson"),
    "Asking": (
        *("find", "where_was", "what_is_in", "changes", "objects", "predict", "episodes", "lessons", "graph", "similar"),
        *("matching", "holders", "place_words", "evidence_of", "asks_for_several", "context"),
    ),
    "What people say": ("correct", "undo_correction", "told", "told_place"),
    "Forgetting and keeping": ("would_forget", "forget", "consolidate", "backup", "verify", "health"),
    "Tiers and the world behind it": ("tell", "tiers", "world"),
}
VALUES = ("RgbdFrame", "Intrinsics", "Detections", "Recall", "ObjectView", "Event", "Episode", "PlaceProbability")
HEAD = """# The Python interface

Written by `make docs` from the code itself; a test holds it to it. These are the names of `import robomem`; times are integer
nanoseconds, lengths metres in the map frame. Messages of errors say what was expected; every error of robomem is a
`RobomemError`. For language models and other processes see [the tools](tools.md), for ROS 2 [the nodes](nodes.md).

```python
from robomem import RobotMemory, ask

with RobotMemory.open("home.db", read_only=True) as memory:  # beside a running writer, too
    print(ask(memory, "where is the mug?").text)
```
"""


def signature(name: str, function: Any) -> str:
    """ "find(query: str | int, at_ns: int | None = None) -> Recall", as written."""
    found = inspect.signature(function)
    kept = [p for p in found.parameters.values() if p.name not in ("self", "cls")]
    told = [f"{p.name}: {p.annotation}" + ("" if p.default is p.empty else f" = {p.default!r}") for p in kept]
    return f"{name}({', '.join(told)})" + (f" -> {found.return_annotation}" if found.return_annotation not in (None, "None") else "")


def described(text: str | None) -> str:
    """A docstring: its first paragraph, and what follows as it is written."""
    first, _, rest = inspect.cleandoc(text or "").partition("\n\n")
    return " ".join(first.split()) + (f"\n\n```text\n{rest.strip()}\n```" if rest.strip() else "")


def verb(name: str) -> str:
    """One method or property of RobotMemory."""
    found = inspect.getattr_static(robomem.RobotMemory, name)
    if isinstance(found, property):
        return f"#### `memory.{name}`\n\n{described(found.__doc__)}\n"
    function = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
    owner = "RobotMemory" if isinstance(found, classmethod) else "memory"
    return f"#### `{owner}.{signature(name, function)}`\n\n{described(function.__doc__)}\n"


def value(kind: type) -> str:
    """One dataclass: its fields as written, and its docstring."""
    fields = [f"{f.name}: {f.type}" for f in dataclasses.fields(kind) if f.init]
    return f"### `{kind.__name__}`\n\n`{', '.join(fields)}`\n\n{described(kind.__doc__)}\n"


def page() -> str:
    """The whole page."""
    out = [HEAD, f"## `{signature('robomem.ask', robomem.ask)}`\n\n{described(robomem.ask.__doc__)}\n", value(Answer), "## `RobotMemory`\n"]
    out.append(described(robomem.RobotMemory.__doc__) + "\n")
    for title, names in GROUPS.items():
        out += [f"### {title}\n", *(verb(name) for name in names)]
    out.append("## Values\n")
    out += [value(kind) for kind in (*(getattr(robomem, name) for name in VALUES), Correction, Told)]
    out.append(
        f"### `RobomemConfig`\n\n{described(robomem.RobomemConfig.__doc__)}\n\nEvery setting with its default: `config/robomem.yaml`.\n"
    )
    return "\n".join(out)


if __name__ == "__main__":
    (ROOT / "docs" / "api.md").write_text(page(), encoding="utf-8")
