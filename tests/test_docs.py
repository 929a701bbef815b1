"""The shape of the source: documented, annotated, small pieces, no shortcuts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from statistics import median

import pytest

from tests.source import LIBRARY, ROOT, all_imports, modules

MAY_PRINT = ("robomem.cli",)
FORBIDDEN_CALLS = {"print", "eval", "exec", "exit", "quit", "breakpoint"}
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "shelve", "marshal"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|placeholder|dummy|NotImplementedError)\b")
# Paths of one machine and ways around its network must not reach others.
ROOTS, NETWORKS = ("work", "root", "opt", "home"), ("localhost", r"127\.", r"10\.", r"192\.168\.")  # in parts: this file is looked at too
MACHINE = re.compile(rf"/({'|'.join(ROOTS)})/\w|/tmp/{'te'}am|https?:/{{2}}({'|'.join(NETWORKS)})")
TEXT = (".py", ".md", ".toml", ".cfg", ".yaml", ".yml", ".xml", ".txt", ".lock", ".in", "")


def functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """(dotted name, node) of functions and methods, not of functions inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{owner}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{owner}{node.name}.")


def public() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function whose dotted name has no part that starts with an underscore."""
    found = [(f"{module}.{name}", node) for module, (_, tree) in modules().items() for name, node in functions(tree)]
    return [(name, node) for name, node in found if not any(part.startswith("_") for part in name.split("."))]


def is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Compiled by numba, which infers types itself; the docstring has the shapes."""
    return any("njit" in ast.unparse(d) or "jit(" in ast.unparse(d) or "vectorize" in ast.unparse(d) for d in node.decorator_list)


def annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    named = [a for i, a in enumerate(args) if not (i == 0 and a.arg in ("self", "cls"))]
    return node.returns is not None and all(a.annotation is not None for a in named)


def overrides_documented(name: str, node: ast.AST) -> bool:
    """Properties' setters and overloads repeat what the first says."""
    decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
    return any(d.endswith(".setter") or d.endswith("overload") for d in decorators)


def test_public_functions_have_docstrings() -> None:
    rows = [(name, ast.get_docstring(node) is not None or overrides_documented(name, node)) for name, node in public()]
    bare = [name for name, ok in rows if not ok]
    assert len(bare) <= 0.05 * len(rows), bare


def test_public_functions_have_annotations() -> None:
    rows = [(name, is_kernel(node) or annotated(node)) for name, node in public()]
    bare = [name for name, ok in rows if not ok]
    assert len(bare) <= 0.05 * len(rows), bare


def test_every_file_says_what_it_is() -> None:
    assert [name for name, (_, tree) in modules().items() if tree.body and ast.get_docstring(tree) is None] == []


def test_public_classes_have_docstrings() -> None:
    bare = [
        f"{module}.{node.name}"
        for module, (_, tree) in modules().items()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and ast.get_docstring(node) is None
    ]
    assert bare == []


def lines_of(path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_files_are_one_idea_each() -> None:
    sizes = {name: lines_of(path) for name, (path, _) in modules().items() if path.name != "__init__.py"}
    assert {name: n for name, n in sizes.items() if n > 400} == {}
    assert median(sizes.values()) <= 200


def test_functions_are_short() -> None:
    sizes = {
        f"{module}.{name}": (node.end_lineno or 0) - node.lineno + 1
        for module, (_, tree) in modules().items()
        for name, node in functions(tree)
    }
    assert {name: n for name, n in sizes.items() if n > 60} == {}
    long = {name: n for name, n in sizes.items() if n > 40}
    assert len(long) <= 0.05 * len(sizes), long


def test_no_prints_evals_or_exits_in_the_library() -> None:
    found = [
        f"{module}:{node.lineno} {node.func.id}"
        for module, (_, tree) in modules().items()
        if module not in MAY_PRINT
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS
    ]
    assert found == []


def test_no_pickles() -> None:
    found = [f"{module}:{line} {target}" for module, target, line in all_imports() if target.split(".")[0] in FORBIDDEN_IMPORTS]
    found += [
        f"{module}:{node.lineno} allow_pickle"
        for module, (_, tree) in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"
    ]
    assert found == []


def test_no_broad_excepts() -> None:
    """Except to clean up and raise again."""
    found = [
        f"{module}:{node.lineno}"
        for module, (_, tree) in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and ast.unparse(node.body[-1]) != "raise"
    ]
    assert found == []


def test_no_global_random_state_and_no_wall_clock_in_the_stages() -> None:
    found = []
    for module, (_, tree) in modules().items():
        if module.split(".")[1:2] and module.split(".")[1] in ("perception", "belief", "scene_graph", "memory", "skills"):
            for node in ast.walk(tree):
                text = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if re.fullmatch(
                    r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence|PCG64)\w+|random\.\w+|time\.time(_ns)?|datetime\.(now|utcnow)",
                    text,
                ):
                    found.append(f"{module}:{node.lineno} {text}")
    assert found == []


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {m.group(0)}"
        for path, _ in modules().values()
        for m in UNFINISHED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def tracked() -> list:
    """Text files of the repository, without what tools and runs leave."""
    skip = {".git", ".venv", "out", "build", "dist", "__pycache__", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    return [
        p
        for p in ROOT.rglob("*")
        if p.is_file()
        and p.suffix in TEXT
        and p.stat().st_size < 1_000_000
        and not any(part in skip or part.endswith(".egg-info") for part in p.relative_to(ROOT).parts)
    ]


def test_no_paths_of_one_machine() -> None:
    found = []
    for path in tracked():
        if path.name not in ("test_docs.py", ".git"):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}: {m.group(0)}" for m in MACHINE.finditer(text)]
    assert [
        f
        for f in found
        if ("127." not in f and "localhost" not in f) or not f.startswith(("tests/", "README", "robomem/remote", "robomem/planning"))
    ] == []


def test_weights_stay_small_and_have_a_card() -> None:
    folders = [p for p in (LIBRARY / "weights").iterdir() if p.is_dir() and not p.name.startswith("__")]
    assert sum(f.stat().st_size for f in (LIBRARY / "weights").rglob("*") if f.is_file()) <= 24e6
    bare = [f.name for f in folders if not any(f.glob("*.md"))]
    assert bare == []


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_the_usual_pages_are_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 200


def test_contributing_fits_one_screen() -> None:
    assert lines_of(ROOT / "CONTRIBUTING.md") <= 50
