"""One action server as a skill sees it: a goal goes out, and exactly one outcome comes back, whatever the server does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

Status = Literal["succeeded", "rejected", "aborted", "cancelled", "preempted", "stalled", "no server", "server died"]
_BY_CODE: dict[int, Status] = {
    GoalStatus.STATUS_SUCCEEDED: "succeeded",
    GoalStatus.STATUS_ABORTED: "aborted",
    GoalStatus.STATUS_CANCELED: "preempted",  # we did not cancel it, or we would not be waiting: somebody else's goal took its place
}
OnFeedback = Callable[[Any], "bool | None"]
GONE_S = 4.0  # a server not seen for this long is dead (the shared-memory profile notices a death after three)
CANCEL_S = 3.0  # how long a server may take to stop what it was told to stop


@dataclass(frozen=True)
class Outcome:
    """How a goal ended; `result` is the server's, None if there is none."""

    status: Status
    result: Any = None

    @property
    def ok(self) -> bool:
        """True if the server says that it was done."""
        return self.status == "succeeded"


class _Client(ActionClient):
    """rclpy's client (9.1.2) is seen by a spinning executor before it has its lock, and the executor ends with an AttributeError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)


class ActionCaller:
    """Runs goals of one action, one at a time; the node's executor must spin in another thread.

    Args:
        node: whose executor spins elsewhere.
        kind: the action's type.
        name: of the action.
        stall_s: without acceptance, feedback that tells of progress, or result for this long the goal is given up.
        find_s: how long a server may be missing at the start.
        halt: while it is set no goal begins and none goes on; several callers may share it. A `stop` ends only the goal that runs.
    """

    def __init__(
        self, node: Any, kind: Any, name: str, stall_s: float = 30.0, find_s: float = 10.0, halt: threading.Event | None = None
    ) -> None:
        self.name, self._stall_s, self._find_s = name, stall_s, find_s
        # A group of its own: feedback comes one after the other, in order, and whoever waits for it waits in another group.
        self._client = _Client(node, kind, name, callback_group=MutuallyExclusiveCallbackGroup())
        self._stop, self._halt = threading.Event(), halt or threading.Event()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the running goal (any thread); nothing happens if none runs."""
        self._stop.set()

    def close(self) -> None:
        """Give the client back."""
        self._client.destroy()

    def run(self, goal: Any, limit_s: float = 600.0, on_feedback: OnFeedback | None = None) -> Outcome:
        """Send a goal and wait for its end; late answers to a goal that was given up are ignored, and it is cancelled.

        Args:
            goal: of the action's type.
            limit_s: most wall time.
            on_feedback: sees every feedback; False says that nothing moves, which counts as silence.
        """
        with self._lock:
            self._stop.clear()
            if self._halt.is_set():
                return Outcome("cancelled")
            if not self._client.wait_for_server(timeout_sec=self._find_s):
                return Outcome("no server")
            return _Run(self._client, (self._stop, self._halt), self._stall_s, on_feedback).run(goal, limit_s)


class _Run:
    """One goal."""

    def __init__(self, client: ActionClient, stops: tuple[threading.Event, ...], stall_s: float, on_feedback: OnFeedback | None) -> None:
        self._client, self._stops, self._stall_s, self._on_feedback = client, stops, stall_s, on_feedback
        self._news = threading.Event()
        self._heard_s = self._seen_s = time.monotonic()
        self._given_up = False
        self._handle: Any = None
        self._result: Any = None

    def run(self, goal: Any, limit_s: float) -> Outcome:
        sent = self._client.send_goal_async(goal, feedback_callback=self._feedback)
        sent.add_done_callback(self._accepted)
        end = time.monotonic() + limit_s
        if (why := self._wait(sent.done, end)) is not None:
            return self._give_up(why)
        self._handle = sent.result()
        if self._handle is None or not self._handle.accepted:
            return Outcome("rejected")
        self._result = self._handle.get_result_async()
        self._result.add_done_callback(self._tell)
        if (why := self._wait(self._result.done, end)) is not None:
            return self._give_up(why)
        return self._outcome()

    def _outcome(self) -> Outcome:
        answer = self._result.result()
        if answer is None:
            return Outcome("server died")
        return Outcome(_BY_CODE.get(int(answer.status), "aborted"), answer.result)

    def _wait(self, done: Callable[[], bool], end: float) -> Status | None:
        """None once done, else why not to wait any longer."""
        while not done():
            self._news.wait(0.05)
            self._news.clear()
            now = time.monotonic()
            if any(stop.is_set() for stop in self._stops):
                return "cancelled"
            if self._client.server_is_ready():
                self._seen_s = now
            elif now - self._seen_s > GONE_S:
                return "server died"
            if now > end or now - self._heard_s > self._stall_s:
                return "stalled"
        return None

    def _give_up(self, why: Status) -> Outcome:
        """Cancel what runs and wait a little, so that no next goal meets a moving robot; who stops in time still says how far it came."""
        self._given_up = True
        if self._handle is None or why == "server died":
            return Outcome(why)
        self._handle.cancel_goal_async()
        if self._result is not None:
            end = time.monotonic() + CANCEL_S
            while not self._result.done() and time.monotonic() < end:
                self._news.wait(0.05)
                self._news.clear()
            if self._result.done():
                return Outcome(why, getattr(self._result.result(), "result", None))
        return Outcome(why)

    def _tell(self, _future: Any) -> None:
        self._heard_s = time.monotonic()
        self._news.set()

    def _accepted(self, future: Any) -> None:
        handle = future.result()
        if self._given_up and handle is not None and handle.accepted:
            handle.cancel_goal_async()  # accepted too late: nobody waits for it any more
        self._tell(future)

    def _feedback(self, msg: Any) -> None:
        moves = self._on_feedback(msg.feedback) if self._on_feedback is not None and not self._given_up else True
        if moves is not False:
            self._heard_s = time.monotonic()
