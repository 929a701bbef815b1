"""`robomem up`: starts nodes as processes, brings them to active in order, listens to their hearts, restarts what dies, stops all of it.

For machines without `ros2 launch` (the pip wheels of ROS 2 carry none); on a robot the launch files do the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from robomem.errors import ConfigError
from robomem.nodes.environment import SUPERVISED, child_environment

UP_S = 60.0  # a node has this long to get from its process to active: two seconds, but a first start that compiles on a slow machine
SILENT_S = 3.0  # a node that says nothing on /diagnostics for this long is dead, though its process lives
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 60.0  # after which a restart is no longer one of a row
PATIENCE = ((signal.SIGINT, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))


@dataclass(frozen=True)
class NodeSpec:
    """One node: a Python module with a `main`, its parameters and remappings."""

    name: str
    module: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remap: Mapping[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        """What is run."""
        words = [sys.executable, "-m", self.module, "--ros-args", "-r", f"__node:={self.name}"]
        for key, value in self.parameters.items():
            words += ["-p", f"{key}:={yaml.safe_dump(value, default_flow_style=True).strip().removesuffix('...').strip()}"]
        for key, value in self.remap.items():
            words += ["-r", f"{key}:={value}"]
        return words


def read_config(path: str | Path) -> list[NodeSpec]:
    """The nodes of a YAML file, in the order in which they are brought up.

    Raises:
        ConfigError: no such file, or not what it must hold; names the line's key.
    """
    try:
        data = yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    rows = data.get("nodes") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{path}: expected a list under 'nodes', each with name and module")
    out = []
    for k, row in enumerate(rows):
        extra = set(row) - {"name", "module", "parameters", "remap"} if isinstance(row, dict) else {"no mapping"}
        if extra or not isinstance(row.get("name"), str) or not isinstance(row.get("module"), str):
            raise ConfigError(f"{path}: nodes[{k}]: expected name and module (parameters and remap too, if you like), got {row!r:.120}")
        out.append(NodeSpec(row["name"], row["module"], row.get("parameters") or {}, row.get("remap") or {}))
    if len({s.name for s in out}) < len(out):
        raise ConfigError(f"{path}: two nodes have one name")
    return out


@dataclass
class _Running:
    spec: NodeSpec
    process: subprocess.Popen[bytes]
    began_s: float
    row: int = 0  # restarts without a steady time in between


class Supervisor:
    """Runs nodes until told to stop.

    Args:
        specs: in the order of bringing up.  logs: folder; each node's output is appended to NAME.log.
        say: told what happens, one line each.
    """

    def __init__(self, specs: Sequence[NodeSpec], logs: Path, say: Callable[[str], None] = lambda _t: None) -> None:
        from robomem.nodes.lifecycle_client import LifecycleClient

        self._specs, self._logs, self._say = list(specs), logs, say
        self._running: dict[str, _Running] = {}
        self._client = LifecycleClient()
        self.restarts: dict[str, int] = {}

    def start(self) -> None:
        """Start every node, configure them side by side (each loads and compiles for seconds), and bring them to active in order.

        Raises:
            ConfigError: one did not get there; all are stopped again, and its log's end is in the message.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        for spec in self._specs:
            self._running[spec.name] = _Running(spec, self._launch(spec), time.monotonic())
        self._client.configure({name: lambda p=r.process: p.poll() is None for name, r in self._running.items()}, UP_S)
        for spec in self._specs:
            if not self._bring_up(spec.name):
                tail = (self._logs / f"{spec.name}.log").read_text(errors="replace")[-1500:]
                self.stop()
                raise ConfigError(f"up: {spec.name} did not become active in {UP_S:g} s; the end of its log:\n{tail}")
        self._say(f"{len(self._specs)} nodes active after {time.monotonic() - began:.1f} s; logs in {self._logs}")

    def _launch(self, spec: NodeSpec) -> subprocess.Popen[bytes]:
        with (self._logs / f"{spec.name}.log").open("ab") as log:
            return subprocess.Popen(
                spec.command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=child_environment({SUPERVISED: str(os.getpid())}),
                start_new_session=True,  # Ctrl-C reaches us, and we tell them, in order
            )

    def _bring_up(self, name: str) -> bool:
        running = self._running[name]
        ok = self._client.bring_up(name, UP_S, lambda: running.process.poll() is None)
        if ok:
            self._client.heard_s[name] = time.monotonic()
        return ok

    def watch(self, seconds: float) -> None:
        """Listen for a while; what died or fell silent is started again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._client.spin(min(0.2, max(0.0, end - time.monotonic())))
            for name, running in list(self._running.items()):
                died = running.process.poll()
                silent = time.monotonic() - self._client.heard_s.get(name, running.began_s)
                if died is not None or silent > SILENT_S:
                    self._say(f"{name} {'ended with status ' + str(died) if died is not None else f'was silent for {silent:.1f} s'}")
                    self._restart(name)

    def _restart(self, name: str) -> None:
        running = self._running[name]
        _end([running.process], PATIENCE[-1:])
        row = 0 if time.monotonic() - running.began_s > STEADY_S else running.row + 1
        wait = BACKOFF_S[min(row, len(BACKOFF_S) - 1)]
        self._say(f"{name} is started again in {wait:g} s")
        self._client.spin(wait)
        self._running[name] = _Running(running.spec, self._launch(running.spec), time.monotonic(), row)
        self.restarts[name] = self.restarts.get(name, 0) + 1
        self._say(f"{name} is {'active again' if self._bring_up(name) else 'not up yet'}")
        now = time.monotonic()
        self._client.heard_s = dict.fromkeys(self._client.heard_s, now)  # nobody was listened to meanwhile

    def pids(self) -> dict[str, int]:
        """Process ids by node."""
        return {name: r.process.pid for name, r in self._running.items()}

    def stop(self) -> None:
        """Stop every node, last first: SIGINT, then SIGTERM, then SIGKILL; safe to call twice."""
        for name in reversed(list(self._running)):
            _end([self._running.pop(name).process], PATIENCE)
        if self._client is not None:
            self._client.close()
            self._client = None  # type: ignore[assignment]


def _end(processes: Sequence[subprocess.Popen[bytes]], patience: Sequence[tuple[signal.Signals, float]]) -> None:
    for sign, seconds in patience:
        for p in processes:
            if p.poll() is None:
                try:
                    os.killpg(p.pid, sign)
                except ProcessLookupError:
                    continue
        end = time.monotonic() + seconds
        while any(p.poll() is None for p in processes):
            if time.monotonic() > end:
                break
            time.sleep(0.02)
        else:
            return


def up(config: str | Path, logs: Path, say: Callable[[str], None]) -> int:
    """`robomem up`: run until SIGINT or SIGTERM. Returns the exit status."""
    supervisor = Supervisor(read_config(config), logs, say)
    told = []
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda s, _f: told.append(s))
    try:
        supervisor.start()
        while not told:
            supervisor.watch(0.5)
        say("stopping")
    finally:
        supervisor.stop()
    return 0
