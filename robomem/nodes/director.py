"""A client of the whole stack for programs that are no nodes: gives tasks, asks memory, watches the robot."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from robomem.nodes.environment import prepare_ros_environment

prepare_ros_environment()

import rclpy  # noqa: E402  the environment comes first
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.executors import ExternalShutdownException  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.signals import SignalHandlerOptions  # noqa: E402
from robomem_msgs.action import ExecuteTask  # noqa: E402
from robomem_msgs.srv import SimControl  # noqa: E402

from robomem.errors import RobomemError  # noqa: E402
from robomem.nodes.actions import ActionCaller  # noqa: E402
from robomem.nodes.remote_memory import Caller, RemoteMemory  # noqa: E402
from robomem.nodes.ros_body import ActionBase, ActionHand, ActionHead, RosBody  # noqa: E402
from robomem.nodes.steady_executor import SteadyExecutor  # noqa: E402
from robomem.nodes.tf_listener import listen  # noqa: E402
from robomem.planning.report import TaskReport  # noqa: E402

TASK_LIMIT_S = 3600.0
CONTROL_S = 120.0


class Director:
    """Gives tasks to the planner and asks the memory; has an executor thread of its own. Use as a context manager.

    Attributes:
        memory: every verb, over services.
        body: the robot's actions, for who stages a story.
    """

    def __init__(self, name: str = "robomem_director") -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, context=self._context)
        group = ReentrantCallbackGroup()
        self._executor = SteadyExecutor(4, context=self._context)
        self._executor.add_node(self.node)
        self._caller = Caller(self.node, group)
        self._tf = listen(self.node, lambda _r, _m: None)
        self._tasks = ActionCaller(self.node, ExecuteTask, "execute_task", stall_s=120.0)
        self.memory = RemoteMemory(self._caller, self._now_ns)
        parts = (ActionBase(self.node), ActionHead(self.node), ActionHand(self.node))
        self.body = RosBody(parts, self._tf, lambda: self.node.get_clock().now().nanoseconds, self.memory.world.wait_for)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):  # the context went first: that is the end, not a fault
            self._executor.spin()

    def _now_ns(self) -> int:
        return self.body.now_ns()

    def use_clock(self, now_ns: Callable[[], int]) -> None:
        """Tell the time by something else than the wall (a simulator's acts)."""
        self.body._clock_ns = now_ns

    def do(self, instruction: str, say: Callable[[str], None] = lambda _t: None, ask: bool = False) -> TaskReport:
        """Give the planner a task and wait for its end.

        Raises:
            RobomemError: no planner took it, or it was lost on the way.
        """
        outcome = self._tasks.run(ExecuteTask.Goal(instruction=instruction, ask=ask), TASK_LIMIT_S, lambda f: say(f.text))
        if outcome.result is None or not outcome.result.report:
            raise RobomemError(f"task {instruction!r}: {outcome.status}; is the planner running and active?")
        return TaskReport.from_json(json.loads(outcome.result.report))

    def cancel(self) -> None:
        """Stop the running task (any thread)."""
        self._tasks.stop()

    def control(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The simulator's stage; evaluators only.

        Raises:
            RobomemError: it refused.
        """
        request = SimControl.Request(command=command, arguments=json.dumps(arguments, default=np.ndarray.tolist))
        answer = self._caller.call(SimControl, "sim/control", request, CONTROL_S, CONTROL_S)
        if not answer.ok:
            raise RobomemError(f"sim control {command}: {answer.reason}")
        return json.loads(answer.result or "{}")

    def base_xy(self) -> np.ndarray:
        """Float64[2] where the robot believes to be, m."""
        return np.array(self.body.pose()[:2])

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=2.0)
        self.memory.world.close()
        self._tf.close()
        self._caller.close()
        self.body.shut_down()
        self._tasks.close()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        self._thread.join(2.0)

    def __enter__(self) -> Director:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
