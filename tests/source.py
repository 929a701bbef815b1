"""What the tests about the source itself share: every file parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "robomem"
SIM = ROOT / "sim" / "robomem_sim"


@lru_cache(maxsize=1)
def modules() -> dict[str, tuple[Path, ast.Module]]:
    """Dotted name -> (file, syntax tree) of robomem and robomem_sim; scripts that lie beside weights are not modules."""
    out = {}
    for base in (LIBRARY, SIM):
        for path in sorted(base.rglob("*.py")):
            parts = (base.name, *path.relative_to(base).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if "weights" not in parts:
                out[name] = (path, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return out


def imports(name: str, tree: ast.Module, is_package: bool) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, line) of everything a module imports, inside functions too; `from a import b` gives a.b."""
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def all_imports() -> Iterator[tuple[str, str, int]]:
    """(importing module, imported dotted name, line) over the whole source."""
    for name, (path, tree) in modules().items():
        for target, line in imports(name, tree, path.name == "__init__.py"):
            yield name, target, line
