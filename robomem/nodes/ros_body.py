"""A robot body behind ROS 2 actions: the base, the head and the hand are parts that can be exchanged; the pose comes from tf."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from robomem_msgs.action import DriveBase, LookAt, ManipulateObject

from robomem.geometry import Float
from robomem.nodes.actions import ActionCaller, Outcome
from robomem.nodes.tf import TransformError, Transforms
from robomem.nodes.wire import pack
from robomem.skills.skill import SkillResult

SETTLE_S = 2.0  # wall time that tf and images may lag behind an action's end


class Base(Protocol):
    """What drives."""

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None) -> SkillResult: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class Head(Protocol):
    """What looks."""

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class Hand(Protocol):
    """What grasps; `act` is "pick", "place", "open" or "close"."""

    def act(self, act: str, p_map: NDArray[np.float64], size_m: NDArray[np.float64] | None) -> SkillResult: ...
    def holding(self) -> bool: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


def result_of(outcome: Outcome, **data: Any) -> SkillResult:
    """A SkillResult from one of our own actions' outcomes."""
    r = outcome.result
    if r is None or not hasattr(r, "reason"):
        return SkillResult(outcome.ok, "" if outcome.ok else outcome.status, data=data)
    stamps = {"stamp_ns": int(r.stamp_ns), "frame_ns": int(r.frame_ns)}
    ok = outcome.ok and bool(r.ok)
    reason = "" if ok else r.reason or outcome.status
    return SkillResult(ok, reason, 0.0, float(getattr(r, "distance_m", 0.0)), {**data, **stamps})


class ActionBase:
    """Drives by our DriveBase action."""

    def __init__(self, node: Any, name: str = "drive_base", halt: threading.Event | None = None) -> None:
        self._caller = ActionCaller(node, DriveBase, name, halt=halt)

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None) -> SkillResult:
        """Drive along Float64[k, 2] (m, map)."""
        goal = DriveBase.Goal(path=pack(np.asarray(path_xy, float), "f8"), turn=final_yaw is not None, final_yaw=float(final_yaw or 0.0))
        outcome = self._caller.run(goal)
        contact = list(getattr(outcome.result, "contact", ()))
        return result_of(outcome, **({"at": [float(v) for v in contact]} if len(contact) == 2 else {}))

    def stop(self) -> None:
        """Stand still."""
        self._caller.stop()

    def close(self) -> None:
        """Give the client back."""
        self._caller.close()


class ActionHead:
    """Looks by our LookAt action."""

    def __init__(self, node: Any, name: str = "look_at", halt: threading.Event | None = None) -> None:
        self._caller = ActionCaller(node, LookAt, name, halt=halt)

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        """One glance at Float64[3] (m, map)."""
        return result_of(self._caller.run(LookAt.Goal(point=pack(np.asarray(p_map, float), "f8"))))

    def stop(self) -> None:
        """Look no further."""
        self._caller.stop()

    def close(self) -> None:
        """Give the client back."""
        self._caller.close()


class ActionHand:
    """Grasps by our ManipulateObject action."""

    def __init__(self, node: Any, name: str = "manipulate_object", halt: threading.Event | None = None) -> None:
        self._caller = ActionCaller(node, ManipulateObject, name, halt=halt)
        self._holding = False

    def act(self, act: str, p_map: NDArray[np.float64], size_m: NDArray[np.float64] | None) -> SkillResult:
        """One act at Float64[3] (m, map)."""
        goal = ManipulateObject.Goal(act=act, object_id=-1, position=pack(np.asarray(p_map, float), "f8"))
        if size_m is not None:
            goal.size = pack(np.asarray(size_m, float), "f8")
        outcome = self._caller.run(goal)
        if outcome.result is not None:
            self._holding = bool(outcome.result.holding)
        return result_of(outcome)

    def holding(self) -> bool:
        """What the gripper felt at the end of the last act."""
        return self._holding

    def stop(self) -> None:
        """Let the hand be."""
        self._caller.stop()

    def close(self) -> None:
        """Give the client back."""
        self._caller.close()


class RosBody:
    """Implements planning's RobotBody.

    Args:
        parts: base, head and hand.
        tf: filled elsewhere.
        clock_ns: the node's clock.
        seen: waits until an image of a stamp is folded into the world, for some seconds; False if it was not.
        frames: names of the map and of the base.
        radius_m, reach_m, camera_height_m: see RobotBody.
        halt: shared with the parts: set by `stop`, it ends their goals and lets none begin.
    """

    def __init__(
        self,
        parts: tuple[Base, Head, Hand],
        tf: Transforms,
        clock_ns: Callable[[], int],
        seen: Callable[[int, float], bool],
        frames: tuple[str, str] = ("map", "base_link"),
        radius_m: float = 0.28,
        reach_m: float = 0.8,
        camera_height_m: float = 1.35,
        halt: threading.Event | None = None,
    ) -> None:
        self._base, self._head, self._hand = parts
        self._tf, self._clock_ns, self._seen = tf, clock_ns, seen
        self._map, self._frame = frames
        self.radius_m, self.reach_m, self.camera_height_m = radius_m, reach_m, camera_height_m
        self._ended_ns = 0
        self._stopping = halt or threading.Event()

    def now_ns(self) -> int:
        """The robot's clock; never before the end of its last act."""
        return max(self._clock_ns(), self._ended_ns)

    def pose(self) -> tuple[float, float, float]:
        """Believed x, y (m) and yaw (rad), as new as the last act's end.

        Raises:
            TransformError: tf does not connect map and base.
        """
        end = time.monotonic() + SETTLE_S
        while True:
            newest = self._tf.newest(self._frame)
            try:
                if newest is not None and (newest[1] >= self._ended_ns or time.monotonic() > end):
                    T: Float = self._tf.lookup(self._map, self._frame, newest[1])
                    return float(T[0, 3]), float(T[1, 3]), float(np.arctan2(T[1, 0], T[0, 0]))
                if newest is None and time.monotonic() > end:
                    raise TransformError("unknown_frame", f"tf: nothing says where {self._frame!r} is; is the robot's localiser running?")
            except TransformError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.005)

    def _do(self, act: Callable[[], SkillResult]) -> SkillResult:
        """One act, unless the body was told to stop; then wait until the world has seen what it showed: nobody plans on an old picture."""
        if self._stopping.is_set():
            return SkillResult(False, "cancelled")
        start_ns = self.now_ns()
        result = act()
        ended, frame_ns = int(result.data.get("stamp_ns", 0)), int(result.data.get("frame_ns", 0))
        self._ended_ns = max(self._ended_ns, ended)
        if frame_ns and not self._stopping.is_set():
            self._seen(frame_ns, SETTLE_S)
        if self._stopping.is_set():
            result = SkillResult(False, "cancelled", result.duration_s, result.distance_m, result.data)
        plain = {k: v for k, v in result.data.items() if k not in ("stamp_ns", "frame_ns")}
        return SkillResult(result.ok, result.reason, (self.now_ns() - start_ns) / 1e9, result.distance_m, plain)

    def stop(self) -> None:
        """End what runs now (any thread); nothing moves again before `go`."""
        self._stopping.set()
        for part in (self._base, self._head, self._hand):
            part.stop()

    def go(self) -> None:
        """After a stop: acts are allowed again."""
        self._stopping.clear()

    def shut_down(self) -> None:
        """Give the clients back."""
        for part in (self._base, self._head, self._hand):
            part.close()

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None = None) -> SkillResult:
        """Drive."""
        return self._do(lambda: self._base.follow(path_xy, final_yaw))

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        """One glance."""
        return self._do(lambda: self._head.look_at(p_map))

    def _act(self, act: str, p_map: NDArray[np.float64], size_m: NDArray[np.float64] | None = None) -> SkillResult:
        return self._do(lambda: self._hand.act(act, p_map, size_m))

    def pick(self, p_map: NDArray[np.float64], size_m: NDArray[np.float64]) -> SkillResult:
        """Grasp."""
        return self._act("pick", p_map, size_m)

    def place(self, p_map: NDArray[np.float64]) -> SkillResult:
        """Set down."""
        return self._act("place", p_map)

    def open(self, p_map: NDArray[np.float64]) -> SkillResult:
        """Open a door or drawer."""
        return self._act("open", p_map)

    def close(self, p_map: NDArray[np.float64]) -> SkillResult:
        """Close a door or drawer."""
        return self._act("close", p_map)

    def holding(self) -> bool:
        """Gripper feedback."""
        return self._hand.holding()
