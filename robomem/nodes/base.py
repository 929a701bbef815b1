"""What all our nodes share: declared and ranged parameters, counters on /diagnostics, life cycle, a clean end."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from robomem.nodes.environment import die_with_supervisor, prepare_ros_environment

prepare_ros_environment()

import rclpy  # noqa: E402  the environment comes first
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue  # noqa: E402
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor  # noqa: E402
from rclpy.clock import Clock, ClockType  # noqa: E402
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn  # noqa: E402

from robomem.nodes.steady_executor import SteadyExecutor  # noqa: E402

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
DIAGNOSTICS_S = 1.0
TURN_S = 1.0  # of the EventsExecutor: without a time limit the wheels' one never wakes


@dataclass(frozen=True)
class Parameter:
    """A parameter of a node: its default decides its type; `low` and `high` bound a number."""

    name: str
    default: Any
    about: str
    low: float | None = None
    high: float | None = None


class RobomemNode(LifecycleNode):
    """A lifecycle node with a table of parameters.

    Args:
        name: of the node.
        parameters: all it has.

    Attributes:
        counts: what was rejected, dropped or failed, by reason; shown on /diagnostics.
    """

    threads = 1  # a node that waits for others inside a callback needs more
    busy = False  # a node of one thread with many callbacks a second: see `_executor`; it may hold no raw subscription

    def __init__(self, name: str, parameters: Sequence[Parameter]) -> None:
        super().__init__(name)
        self.counts: Counter[str] = Counter()
        self.told: dict[str, str] = {}
        self._trouble = ""
        for p in (*parameters, Parameter("autostart", False, "configure and activate at start, without a supervisor")):
            self.declare_parameter(p.name, p.default, _descriptor(p))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 5)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._heart = self.every(DIAGNOSTICS_S, self._beat)

    def every(self, seconds: float, callback: Callable[[], None]) -> Any:
        """A timer on the wall's own pace, whatever simulated time does."""
        return self.create_timer(seconds, callback, clock=self._steady)

    def param(self, name: str) -> Any:
        """Value of a parameter."""
        return self.get_parameter(name).value

    def reject(self, reason: str, message: str) -> None:
        """Count what was not taken, and say why the first time."""
        self.counts[reason] += 1
        if self.counts[reason] == 1:
            self.get_logger().warning(f"{message} (counted as {reason!r} on /diagnostics from now on)")

    def notice(self, trouble: str) -> None:
        """What is wrong right now with what should come in ("" = nothing): told at once when it changes, not with the next beat."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._beat()

    def _beat(self) -> None:
        status = DiagnosticStatus(name=self.get_fully_qualified_name(), hardware_id="robomem", level=DiagnosticStatus.OK, message="ok")
        if self.counts:
            status.level, status.message = DiagnosticStatus.WARN, "some input was rejected or dropped; see the counters"
        if self._trouble:
            status.level, status.message = DiagnosticStatus.STALE, self._trouble
        values = {**{k: str(v) for k, v in sorted(self.counts.copy().items())}, **self.told}  # other threads count too
        status.values = [KeyValue(key=k, value=v) for k, v in values.items()]
        msg = DiagnosticArray(status=[status])
        msg.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(msg)

    # -- life cycle: nodes say what to open and close ------------------------------------------------------------------

    def open(self) -> None:
        """Take what the node needs; an exception of ours leaves the node unconfigured."""

    def close(self) -> None:
        """Give it back; safe to call twice."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """unconfigured -> inactive."""
        from robomem.errors import RobomemError

        try:
            self.open()
        except RobomemError as error:
            self.get_logger().error(str(error))
            self.close()
            return FAILURE
        self.get_logger().info("configured")  # a process's first line costs a tenth of a second: not in service
        return super().on_configure(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """inactive -> unconfigured."""
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """-> finalized."""
        self.close()
        return super().on_shutdown(state)


def _descriptor(p: Parameter) -> ParameterDescriptor:
    out = ParameterDescriptor(name=p.name, description=p.about)
    if p.low is not None and p.high is not None:
        if isinstance(p.default, float):
            out.floating_point_range = [FloatingPointRange(from_value=float(p.low), to_value=float(p.high), step=0.0)]
        else:
            out.integer_range = [IntegerRange(from_value=int(p.low), to_value=int(p.high), step=1)]
    return out


def _executor(node: RobomemNode) -> tuple[Any, Callable[[], None]]:
    """The node's executor, and what runs it for a while.

    A busy node has the one that is told what is ready instead of asking every entity each time (4 ms of CPU an image less), where this
    ROS 2 has it (Kilted on). It is young: it fails on raw subscriptions, and needs a time limit to wake; so only who gains has it.
    """
    if node.busy and find_spec("rclpy.experimental") is not None:
        from rclpy.experimental import EventsExecutor

        executor = EventsExecutor()
        return executor, lambda: executor.spin_once(timeout_sec=TURN_S)
    executor = SingleThreadedExecutor() if node.threads == 1 else SteadyExecutor(node.threads)
    return executor, executor.spin


def spin(node_class: type[RobomemNode], arguments: Sequence[str] | None = None) -> int:
    """Run one node until SIGINT or SIGTERM; what it holds is closed either way. Returns the exit status.

    Args:
        node_class: the node.
        arguments: "--ros-args ..." and so on; None: the command line's.
    """
    die_with_supervisor()
    rclpy.init(args=sys.argv if arguments is None else list(arguments))
    node = node_class()  # type: ignore[call-arg]
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    executor, turn = _executor(node)
    executor.add_node(node)
    try:
        if node.param("autostart"):
            if node.trigger_configure() != SUCCESS:
                return 1  # it said why; nobody else will bring it up
            node.trigger_activate()
        while rclpy.ok():
            turn()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
