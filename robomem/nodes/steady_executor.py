"""rclpy's executor of several threads, for nodes that give back clients, servers and subscriptions while it spins."""

from __future__ import annotations

import time
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor, TimeoutException
from rclpy.impl.implementation_singleton import rclpy_implementation

GIVE_UP_S = 5.0  # what fails for so long, one time after the other, is no race
ANEW_S = 1.0  # a failure this long after the last one is another one
PAUSE_S = 0.001  # whoever is giving something back is let finish


class SteadyExecutor(MultiThreadedExecutor):
    """Spins on when something was destroyed between being collected and being waited for.

    rclpy (9.1.2) collects a node's entities first and adds them to the wait set after; one that another thread destroys between the two
    raises, and ends the thread that spins, and with it the node: rarely on an idle machine, often on a busy one. Here it is collected anew,
    and what is destroyed once it is ready, before its data is taken, counts as not ready.
    """

    _began_s = _last_s = float("-inf")  # of a row of failures

    def wait_for_ready_callbacks(self, *args: Any, **kwargs: Any) -> Any:
        """As rclpy's; a destroyed entity counts as a turn in which nothing was ready."""
        try:
            found = super().wait_for_ready_callbacks(*args, **kwargs)
        except (InvalidHandle, rclpy_implementation.RCLError) as error:
            self._cb_iter = None  # it ended with the error
            now = time.monotonic()
            self._began_s = now if now - self._last_s > ANEW_S else self._began_s
            self._last_s = now
            if now - self._began_s > GIVE_UP_S:
                raise
            time.sleep(PAUSE_S)
            raise TimeoutException from error
        self._last_s = float("-inf")
        return found

    def _take_waitable(self, waitable: Any) -> Any:
        """As rclpy's; None, which its handlers take for nothing to do, for what its node does not list any more."""
        try:
            return super()._take_waitable(waitable)
        except (InvalidHandle, rclpy_implementation.RCLError):
            end = time.monotonic() + ANEW_S  # it is destroyed a moment before its node forgets it
            while any(waitable in node.waitables for node in self.get_nodes()):
                if time.monotonic() > end:
                    raise
                time.sleep(PAUSE_S)
            return None
