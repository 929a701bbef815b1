"""docs/nodes.md says what the nodes are: written anew from them it is the same page, and it names every endpoint they make."""

from __future__ import annotations

import re
import runpy

import pytest

from robomem.nodes.environment import ros_missing
from robomem.nodes.supervisor import read_config
from tests.source import ROOT

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)

PAGE = ROOT / "docs" / "nodes.md"
MADE = re.compile(r"""(?:create_publisher|create_subscription|create_service|make)\((\w+), "([^"]+)"(.*)$""", re.M)
QUALITY = re.compile(r"qos\.(\w+)")


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(ROOT / "scripts" / "nodes_page.py"))


def test_the_page_is_what_the_nodes_say(script: dict) -> None:
    assert PAGE.read_text(encoding="utf-8") == script["page"](), "run `make docs` and look at the difference"


def test_everything_that_a_robot_s_file_sets_is_on_the_page() -> None:
    """The planner's parts (base, head, hand) had no row."""
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M))
    for path in (ROOT / "config" / "robots").glob("*.yaml"):
        for spec in read_config(str(path)):
            assert set(spec.parameters) <= rows, (path.name, set(spec.parameters) - rows)


@pytest.mark.parametrize("node", ["world_model", "detector"])
def test_every_endpoint_that_a_node_makes_is_a_row_with_its_quality_of_service(script: dict, node: str) -> None:
    source = (ROOT / "robomem" / "nodes" / f"{node}.py").read_text(encoding="utf-8")
    rows = {name: (kind, q) for _, name, kind, q, _ in script["ROWS"][node]}
    made = MADE.findall(source)
    assert made
    for kind, name, rest in made:
        quality = "".join(QUALITY.findall(rest)).lower()
        assert name in rows, f"{name} is on no row of {node}"
        assert rows[name][0].endswith(f"/{kind}") and rows[name][1] == quality, (name, rows[name], kind, quality)


def test_every_service_of_the_memory_is_named(script: dict) -> None:
    from robomem.nodes import memory, world_services

    told = " ".join(row[1] for row in (*script["ROWS"]["memory"], *script["ROWS"]["world_model"]))
    for name in (*memory.VERBS, *memory.INNER, *world_services.OFFERED):
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        assert f"~/{snake}" in told, snake


def test_the_words_for_quality_of_service_are_the_profiles(script: dict) -> None:
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    from robomem.nodes import qos

    for name, words in script["QOS"].items():
        profile = getattr(qos, name.upper(), None)
        if profile is not None:
            assert words.startswith("reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best effort"), name
            assert f"keep the last {profile.depth}" in words
            assert name == "tf" or ("transient local" in words) == (profile.durability == DurabilityPolicy.TRANSIENT_LOCAL)
