"""`robomem up`: real nodes to active, a killed one comes back, a silent one is noticed, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from robomem.errors import ConfigError
from robomem.nodes.environment import prepare_ros_environment, ros_missing
from robomem.nodes.supervisor import NodeSpec, Supervisor, read_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a list under 'nodes'"),
        ("nodes: 3", "expected a list under 'nodes'"),
        ("nodes: [{name: a}]", r"nodes\[0\]"),
        ("nodes: [{name: a, module: m, colour: red}]", r"nodes\[0\]"),
        ("nodes: [{name: a, module: m}, {name: a, module: m}]", "one name"),
        ("nodes: [", "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "up.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_config(path)


def test_the_shipped_configuration_is_one() -> None:
    specs = read_config(ROOT / "config" / "up_camera.yaml")
    assert [s.name for s in specs] == ["memory", "world_model"]
    command = NodeSpec("n", "m", {"a": True, "b": "x y", "c": 2.5}, {"rgb/image": "/camera/rgb"}).command()
    assert command[2:] == [
        "m",
        "--ros-args",
        "-r",
        "__node:=n",
        "-p",
        "a:=true",
        "-p",
        "b:=x y",
        "-p",
        "c:=2.5",
        "-r",
        "rgb/image:=/camera/rgb",
    ]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(bool(ros_missing()), reason=f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them")
def test_nodes_come_up_come_back_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(101 + os.getpid() % 100))
    prepare_ros_environment(local_only=True)
    specs = [
        NodeSpec("memory", "robomem.nodes.memory", {"database": str(tmp_path / "m.db")}),
        NodeSpec("world_model", "robomem.nodes.world_model"),
    ]
    said: list[str] = []
    supervisor = Supervisor(specs, tmp_path / "logs", said.append)
    try:
        began = time.monotonic()
        supervisor.start()
        assert time.monotonic() - began < 20  # asked: 10 s on a machine with nothing else to do
        first = supervisor.pids()
        os.kill(first["memory"], signal.SIGKILL)
        supervisor.watch(2.0)
        assert supervisor.restarts == {"memory": 1} and supervisor.pids()["memory"] != first["memory"]
        os.kill(supervisor.pids()["world_model"], signal.SIGSTOP)  # its process lives, its heart does not beat
        supervisor.watch(6.0)
        assert supervisor.restarts.get("world_model") == 1 and any("silent" in line for line in said)
        last = supervisor.pids()
    finally:
        supervisor.stop()
    assert all(gone(pid) for pid in {*first.values(), *last.values()})


@pytest.mark.skipif(bool(ros_missing()), reason=f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them")
def test_a_node_that_cannot_start_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(101 + os.getpid() % 100))
    prepare_ros_environment(local_only=True)
    supervisor = Supervisor([NodeSpec("nobody", "robomem.nodes.no_such_module")], tmp_path / "logs")
    with pytest.raises(ConfigError, match=r"No module named robomem\.nodes\.no_such_module"):
        supervisor.start()
