"""The planner node: carries out sentences over memory, world and the robot's actions; one task at a time, the newest wins."""

from __future__ import annotations

import threading
from typing import Any, cast

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from robomem_msgs.action import ExecuteTask

from robomem.config import of_environment
from robomem.errors import RobomemError
from robomem.nodes.bodies import PARAMETERS as PARTS
from robomem.nodes.bodies import make_body
from robomem.nodes.remote_memory import Caller, RemoteMemory
from robomem.nodes.ros_body import RosBody
from robomem.nodes.tf_listener import listen
from robomem.nodes.wire import dumps, pack
from robomem.planning.beliefs import WorldLike
from robomem.planning.executor import Executor
from robomem.planning.report import TaskReport
from robomem.planning.survey import carry_out, survey_order
from robomem.planning.warm_up import warm_up

MAX_WORDS = 2000  # characters of an instruction
PARAMETERS = (
    Parameter("map_frame", "map", "frame of every position"),
    Parameter("base_frame", "base_link", "frame of the base"),
    Parameter("radius_m", 0.28, "of the base, m", 0.05, 2.0),
    Parameter("reach_m", 0.8, "horizontal reach of the arm from the base's centre, m", 0.0, 3.0),
    Parameter("camera_height_m", 1.35, "of the camera above the floor, m", 0.1, 3.0),
    Parameter("base", "action", "action: our DriveBase; nav2: nav2_msgs/NavigateToPose"),
    Parameter("head", "action", "action: our LookAt; trajectory: control_msgs/FollowJointTrajectory on pan and tilt; turn: the base turns"),
    Parameter("hand", "action", "action: our ManipulateObject; gripper: control_msgs/GripperCommand; none: it only looks and finds"),
    Parameter("drive_action", "drive_base", "name of the base's action (nav2: navigate_to_pose)"),
    Parameter("safety_file", "", "safety rules (YAML); empty: the packaged ones"),
)


class PlannerNode(RobomemNode):
    """Offers the action `execute_task`; "explore the home" and "patrol the home" are tasks too."""

    threads = 6

    def __init__(self) -> None:
        super().__init__("planner", (*PARAMETERS, *PARTS))
        self._server: ActionServer | None = None
        self._turn = threading.Lock()
        self._newest: Any = None
        self._executor_of_task: Executor | None = None
        self._stop = threading.Event()
        self.body: RosBody | None = None

    def open(self) -> None:
        """Find memory, world and body by name. What a first task would compile is had here, not while somebody waits for it."""
        warm_up()
        self._group, self._calls = ReentrantCallbackGroup(), ReentrantCallbackGroup()
        self._caller = Caller(self, self._calls)
        self._transforms = listen(self, self.reject, group=MutuallyExclusiveCallbackGroup())
        self.memory = RemoteMemory(self._caller, lambda: self.body.now_ns() if self.body is not None else 0)
        self.body = make_body(self, self.param, self._transforms, self.memory.world.wait_for)
        self._server = ActionServer(
            self,
            ExecuteTask,
            "execute_task",
            self._execute,
            callback_group=self._group,
            goal_callback=self._may,
            handle_accepted_callback=self._accepted,
            cancel_callback=self._cancel,
        )

    def close(self) -> None:
        """End the running task and let go."""
        self._halt()
        if self._server is not None:
            self._server.destroy()
            self._transforms.close()
            self.memory.world.close()
            self._caller.close()
        if self.body is not None:
            self.body.shut_down()
        self._server = self.body = None

    # -- which task --------------------------------------------------------------------------------------------------

    def _may(self, goal: Any) -> GoalResponse:
        text = goal.instruction.strip()
        if self._state_machine.current_state[1] != "active" or not text or len(text) > MAX_WORDS:
            self.reject("bad_goal", "planner: a task needs an active planner and between 1 and 2000 characters of words")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accepted(self, handle: Any) -> None:
        self._newest = handle
        self._halt()
        handle.execute()

    def _cancel(self, handle: Any) -> CancelResponse:
        if handle is self._newest:
            self._halt()
        return CancelResponse.ACCEPT

    def _halt(self) -> None:
        self._stop.set()
        if self._executor_of_task is not None:
            self._executor_of_task.cancel()
        if self.body is not None:
            self.body.stop()

    def _execute(self, handle: Any) -> Any:
        while not self._turn.acquire(timeout=0.05):
            if self._newest is not handle or handle.is_cancel_requested:
                break
        else:
            try:
                if self._newest is handle and not handle.is_cancel_requested:
                    return self._finish(handle, self._carry_out(handle))
            finally:
                self._turn.release()
        return self._finish(handle, TaskReport(False, "cancelled", handle.request.instruction, 0, 0))

    # -- one task ----------------------------------------------------------------------------------------------------

    def _carry_out(self, handle: Any) -> TaskReport:
        assert self.body is not None
        request, count = handle.request, iter(range(1, 2**31))
        self._stop.clear()
        self.body.go()

        def say(text: str) -> None:
            assert self.body is not None
            handle.publish_feedback(ExecuteTask.Feedback(step=next(count), stamp_ns=self.body.now_ns(), text=text))

        try:
            order = survey_order(request.instruction)
            if order is not None:
                return carry_out(order, cast(WorldLike, self.memory.world), self.body, say, self._stop.is_set, self.memory.add_episode)
            planning = of_environment().planning
            planning = type(planning)(
                **{**vars(planning), "on_ambiguous": "ask" if request.ask else "best", "safety_file": self.param("safety_file")}
            )
            self._executor_of_task = Executor(self.memory, self.body, planning, on_progress=say)
            return self._executor_of_task.run(request.instruction)
        except RobomemError as error:
            self.reject("task_failed", str(error))
            now = self.body.now_ns()
            return TaskReport(False, str(error), request.instruction, now, now)
        finally:
            self._executor_of_task = None

    def _finish(self, handle: Any, report: TaskReport) -> Any:
        stopped = report.reason == "cancelled"
        reason = "pre-empted by a newer task" if stopped and self._newest is not handle else report.reason
        result = ExecuteTask.Result(ok=report.ok, reason=reason, question=report.question, summary=report.summary())
        result.duration_s, result.distance_m = float(report.duration_s), float(report.distance_m)
        result.glances, result.replans = report.glances, report.replans
        result.object_ids, result.report = pack(report.object_ids, "i8"), dumps(report.to_json())
        if report.ok:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return result


def main() -> int:
    """Entry point of the node."""
    return spin(PlannerNode)


if __name__ == "__main__":
    raise SystemExit(main())
