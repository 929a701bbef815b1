"""rclpy's executor of several threads, for nodes that give back clients, servers and subscriptions while it spins."""

from __future__ import annotations

from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor, TimeoutException
from rclpy.impl.implementation_singleton import rclpy_implementation

MOST_IN_A_ROW = 100  # what fails that often is no race


class SteadyExecutor(MultiThreadedExecutor):
    """Spins on when something was destroyed between being collected and being waited for.

    rclpy (9.1.2) collects a node's entities first and adds them to the wait set after; one that another thread destroys between the two
    raises, and ends the thread that spins, and with it the node: rarely on an idle machine, often on a busy one. Here it is collected anew.
    """

    _failed = 0

    def wait_for_ready_callbacks(self, *args: Any, **kwargs: Any) -> Any:
        """As rclpy's; a destroyed entity counts as a turn in which nothing was ready."""
        try:
            found = super().wait_for_ready_callbacks(*args, **kwargs)
        except (InvalidHandle, rclpy_implementation.RCLError) as error:
            self._cb_iter = None  # it ended with the error
            self._failed += 1
            if self._failed >= MOST_IN_A_ROW:
                raise
            raise TimeoutException from error
        self._failed = 0
        return found
