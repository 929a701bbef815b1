"""The README's quickstart runs and says what the README says."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import robomem
from robomem.evaluation.registry import available
from robomem.memory.robot_memory import RobotMemory
from tests.memory.hand_home import HandHome, S

ROOT = Path(__file__).resolve().parents[1]


def test_the_ten_lines_print_an_answer_and_an_abstention() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.S)
    assert found is not None
    done = subprocess.run([sys.executable, "-c", found.group(1)], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("found [1.") and "unknown" in done.stdout


def test_asking_from_python_prints_answers(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "ask(memory" in block)
    with RobotMemory.open(tmp_path / "memory.db") as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S, color="red")
        home.put(1, "mug", "desk", 20 * S, moved=True, color="red")
    done = subprocess.run(
        [sys.executable, "-c", code.replace("out/demo/memory.db", str(tmp_path / "memory.db"))],
        capture_output=True, text=True, cwd=ROOT, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The red mug (#1) is on the desk") and "a sighting of a hammer" in done.stdout
    assert done.stdout.splitlines()[-1] == "found on the desk in the study ['mug']"


def test_the_api_page_is_what_the_code_says() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "api_page.py"))
    assert (ROOT / "docs" / "api.md").read_text("utf-8") == script["page"](), "run `make docs` and look at the difference"
    listed = {name for names in script["GROUPS"].values() for name in names}
    assert listed == {name for name in dir(RobotMemory) if not name.startswith("_")}  # no verb is left off the page
    offered = {*script["VALUES"], "RobotMemory", "RobomemConfig", "RobomemError", "ask"}
    assert offered == set(robomem.__all__)


def test_every_bench_says_which_data_it_needs() -> None:
    page = (ROOT / "docs" / "data.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*)\|", page.partition("## rgbd_kitchen")[0], re.M))))
    assert named == set(available())


def test_every_file_the_readme_and_the_pages_name_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
