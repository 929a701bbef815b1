"""A memory node over time: its disk is full and it says so, answers on and recovers; and what happened becomes facts by itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

import rclpy  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from robomem_msgs import srv  # noqa: E402

from robomem.nodes.memory import MemoryNode  # noqa: E402
from tests.fakes.ros_camera import ros_up  # noqa: E402
from tests.memory.hand_home import H, HandHome  # noqa: E402


def ask(node: MemoryNode, verb: str, request: Any, response: Any) -> Any:
    return node._guarded(getattr(node, verb))(request, response)


def tell(node: MemoryNode, text: str) -> Any:
    request = srv.AddEpisode.Request(instruction=text, outcome="done", summary="x" * 15_000, start_ns=1, end_ns=2)
    return ask(node, "add_episode", request, srv.AddEpisode.Response())


def test_a_full_disk_degrades_and_recovers(tmp_path: Path) -> None:
    ros_up()
    node = MemoryNode()
    node.set_parameters([Parameter("database", value=str(tmp_path / "m.db"))])
    node.trigger_configure()
    assert node.hub is not None and tell(node, "first").ok and node._trouble == ""
    database = node.hub.store.database
    database.execute("PRAGMA max_page_count = 1")  # what there is already stays: SQLite itself now says that the disk is full
    refused = [tell(node, f"more {i}") for i in range(3)]
    assert not refused[-1].ok and "free some space" in refused[-1].reason
    assert node._trouble.startswith("DEGRADED: ")
    got = ask(node, "episodes", srv.Episodes.Request(), srv.Episodes.Response())
    assert got.ok and len(got.ids) == 1 + sum(r.ok for r in refused)  # it answers on, and only what was acknowledged is there
    database.execute("PRAGMA max_page_count = 100000")
    assert tell(node, "last").ok and node._trouble == ""
    node.close()
    node.destroy_node()


def test_what_happened_becomes_facts_without_anybody_asking(tmp_path: Path) -> None:
    ros_up()
    node = MemoryNode()
    node.set_parameters([Parameter("database", value=str(tmp_path / "m.db")), Parameter("consolidate_every_s", value=0.1)])
    node.trigger_configure()
    assert node.hub is not None
    home, now = HandHome(node.hub), time.time_ns()
    for k in range(8, 0, -1):
        home.put(1, "mug", "counter" if k % 3 else "desk", now - 6 * k * H, moved=k < 8)
    end = time.monotonic() + 20
    while not node.hub.semantic.current() and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
    assert any("the mug (#1) is usually on the counter in the kitchen" in x.text for x in node.hub.semantic.current())
    node.close()
    assert node._nights is None and not node.counts
    node.destroy_node()
