"""What the ROS benchmark needs of the machine: child processes, their CPU, whether anything of them is left; and an ear on the wire."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from robomem.nodes.environment import child_environment, prepare_ros_environment

prepare_ros_environment()

import rclpy  # noqa: E402  the environment comes first
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.signals import SignalHandlerOptions  # noqa: E402

from robomem.errors import RobomemError  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
NS = 1_000_000_000


def start(module: str, log: Path, **arguments: object) -> subprocess.Popen[bytes]:
    """A module of ours as a process; what it prints is appended to a file."""
    words = [w for name, value in arguments.items() if value is not None for w in (f"--{name}", str(value))]
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=child_environment(),
        )


def finish(process: subprocess.Popen[bytes], seconds: float, log: Path) -> None:
    """Wait for a child.

    Raises:
        RobomemError: it failed, or did not end; with the end of its log.
    """
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        status = -9
    if status:
        raise RobomemError(f"bench ros: a child ended with status {status}; the end of its log:\n{log.read_text(errors='replace')[-1500:]}")


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on (proc(5): field 3 is index 0)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, all threads, user and system."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def left_of(pids: set[int]) -> list[int]:
    """Processes that are one of these, or of their group or session (a node begins its own, and its children are in it)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended while we looked
                _, _, group, session = _stat(int(entry.name))[:4]
                if {int(entry.name), int(group), int(session)} & pids:
                    found.append(int(entry.name))
    return found


def stamp_of(raw: bytes) -> int:
    """The header's stamp, ns, of a serialized message that begins with one."""
    sec, nanosec = struct.unpack_from("<iI" if raw[1] & 1 else ">iI", raw, 4)  # after the encapsulation: CDR, little or big endian
    return sec * NS + nanosec


class Ear:
    """A node of its own, in a thread of its own. Use as a context manager."""

    def __init__(self, name: str = "bench_ear") -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()

    def hear(self, kind: Any, topic: str, profile: Any, callback: Callable[[Any], None], raw: bool = False) -> Any:
        """Subscribe; the subscription."""
        return self.node.create_subscription(kind, topic, callback, profile, raw=raw)

    def ask(self, client: Any, request: Any, seconds: float) -> Any:
        """A service's answer, None if none came in time."""
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _f: done.set())
        if not done.wait(seconds):
            client.remove_pending_request(future)
            return None
        return future.result()

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._executor.shutdown(timeout_sec=2.0)
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        self._thread.join(2.0)


def until(true: Callable[[], bool], seconds: float, every_s: float = 0.01) -> bool:
    """Wait until something holds; False if it did not in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True
