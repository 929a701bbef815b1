"""Brings other processes' lifecycle nodes up, and listens whether they are alive."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from robomem.nodes.environment import prepare_ros_environment

prepare_ros_environment()

import rclpy  # noqa: E402  the environment comes first
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from lifecycle_msgs.msg import State, Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.signals import SignalHandlerOptions  # noqa: E402

ASK_AGAIN_S = 1.0


class LifecycleClient:
    """Asks nodes by name; use `spin` to let answers and heartbeats in."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("robomem_up", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.heard_s: dict[str, float] = {}
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 50)

    def _hear(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            self.heard_s[status.name.lstrip("/")] = time.monotonic()

    def spin(self, seconds: float) -> None:
        """Let callbacks run."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def configure(self, alive: Mapping[str, Callable[[], bool]], seconds: float) -> None:
        """Configure these nodes side by side, each once it can be asked; who is not done in time, or died, is left to `bring_up`."""
        clients = {name: self._node.create_client(ChangeState, f"{name}/change_state") for name in alive}
        request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
        asked: dict[str, Any] = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            asked |= {name: c.call_async(request) for name, c in clients.items() if name not in asked and c.service_is_ready()}
            if all((name in asked and asked[name].done()) or not lives() for name, lives in alive.items()):
                break
            self.spin(0.02)
        for client in clients.values():
            self._node.destroy_client(client)

    def bring_up(self, name: str, seconds: float, alive: Callable[[], bool]) -> bool:
        """Configure and activate one node; False if it did not get there in time, or died."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and alive():
            state = self._state(name)
            if state == State.PRIMARY_STATE_ACTIVE:
                return True
            step = {
                State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_CONFIGURE,
                State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_ACTIVATE,
            }
            if state in step:
                self._ask(ChangeState, f"{name}/change_state", ChangeState.Request(transition=Transition(id=step[state])), 10.0)
        return False

    def _state(self, name: str) -> int | None:
        answer = self._ask(GetState, f"{name}/get_state", GetState.Request(), ASK_AGAIN_S)
        return None if answer is None else int(answer.current_state.id)

    def _ask(self, kind: type, service: str, request: Any, seconds: float) -> Any:
        client = self._node.create_client(kind, service)
        end = time.monotonic() + seconds
        try:
            while not client.service_is_ready():
                if time.monotonic() > end:
                    return None
                self.spin(0.05)
            future = client.call_async(request)
            while not future.done():
                if time.monotonic() > end:
                    return None
                self.spin(0.02)
            return future.result()
        finally:
            self._node.destroy_client(client)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)
