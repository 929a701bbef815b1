"""`robomem bench NAME` and `robomem eval NAME`: finds the module, runs it, prints a table and, last, one JSON line."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robomem.errors import InvalidInputError
from robomem.evaluation.report import parse_seeds, write_json

Say = Callable[[str], None]


@dataclass(frozen=True)
class BenchArgs:
    """What the command line asked for.

    Attributes:
        seeds: homes; empty = the benchmark's own default.
        data: folder of recorded data, or None.
        out: file the JSON is written to (plots go beside it), or None.
        quick: a small form for CI.
        say: prints a line.
        test: folder of data to test on, or None: a part of `data` is.
    """

    seeds: Sequence[int]
    data: Path | None
    out: Path | None
    quick: bool
    say: Say
    test: Path | None = None


def benchmarks_folder() -> Path:
    """Where the benchmark modules are: the source checkout.

    Raises:
        InvalidInputError: robomem was installed without its sources.
    """
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    if not folder.is_dir():
        raise InvalidInputError("bench: the benchmarks come with the source checkout; clone the repository and run `make setup` there")
    return folder


def available() -> list[str]:
    """Names of the benchmarks, sorted."""
    return sorted(p.stem for p in benchmarks_folder().glob("*.py") if not p.stem.startswith("_"))


def about(name: str) -> str:
    """What a benchmark measures: the first line of its docstring, without the command; nothing is imported for it."""
    text = ast.get_docstring(ast.parse((benchmarks_folder() / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].partition("`: ")[2] if text else ""


def run_named(
    command: str, name: str, seeds: str, data: Path | None, out: Path | None, quick: bool, say: Say, test: Path | None = None
) -> int:
    """Run one. Exit status 0 whether or not a target is met.

    Raises:
        InvalidInputError: no such benchmark, or seeds that are none.
    """
    names = available()
    if name == "list":
        say("\n".join(f"{each:<13} {about(each)}" for each in names))
        return 0
    if name not in names:
        raise InvalidInputError(f"{command}: no benchmark '{name}'; there are {', '.join(names)}")
    root = str(benchmarks_folder().parent)
    if root not in sys.path:
        sys.path.insert(0, root)  # the benchmarks are modules of the checkout; worker processes import them by name
    module = importlib.import_module(f"benchmarks.{name}")
    args = BenchArgs(parse_seeds(seeds) if seeds else [], data, out, quick, say, test)
    figures: Mapping[str, Any] = module.run(args)
    asked = f"robomem {command} {name}" + (f" --seeds {seeds}" if seeds else "") + (" --quick" if quick else "")
    asked += "".join(f" --{name} {folder}" for name, folder in (("data", data), ("test", test)) if folder is not None)
    say(write_json({"command": asked, **figures}, out))
    return 0
