"""Writes config/robomem.yaml: every default of robomem/config.py with the comment beside it (`make config`)."""

import ast
import dataclasses
import json
from pathlib import Path

from robomem import config

ROOT = Path(__file__).resolve().parents[1]
HEADER = """# Every setting of robomem at its default, written by `make config` from robomem/config.py; a test holds the two equal.
# Copy the lines you change into a file of your own and name it in ROBOMEM_CONFIG: commands and nodes read it (Python: config.load).
# What is left out keeps its default, an unknown key is an error.
# The unit is in the name: _m metres, _s seconds, _ns nanoseconds, _rad radians. Scores, existences and probabilities are 0 to 1.
"""


def comments() -> dict[tuple[str, str], str]:
    """(class, field) -> the comment on its line."""
    source = Path(config.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    out = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.end_lineno:
                    rest = lines[item.end_lineno - 1][item.end_col_offset :].strip()
                    out[node.name, item.target.id] = rest.lstrip("# ")
    return out


def render() -> str:
    """The file's text."""
    notes, out = comments(), [HEADER]

    def line(cls: str, name: str, value: object, indent: str) -> str:
        note = notes.get((cls, name), "")
        return f"{indent}{name}: {json.dumps(value)}" + (f"  # {note}" if note else "")

    tree = config.RobomemConfig()
    for field in dataclasses.fields(tree):
        value = getattr(tree, field.name)
        if not dataclasses.is_dataclass(value):
            out.append(line("RobomemConfig", field.name, value, ""))
            continue
        out.append(f"\n# {type(value).__doc__}\n{field.name}:")
        out.extend(line(type(value).__name__, item.name, getattr(value, item.name), "  ") for item in dataclasses.fields(value))
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    (ROOT / "config" / "robomem.yaml").write_text(render(), encoding="utf-8")
