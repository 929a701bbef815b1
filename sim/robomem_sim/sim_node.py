"""The simulator as a robot's drivers: clock, tf, camera, detections, base and arm actions; and a stage for evaluators."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from robomem_msgs.action import DriveBase, LookAt, ManipulateObject
from robomem_msgs.msg import DetectionMasks, TrackedObjects
from robomem_msgs.srv import SimControl
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from robomem.clock import ManualClock
from robomem.errors import RobomemError
from robomem.geometry import inverse, pose2d
from robomem.nodes import qos
from robomem.nodes.conversions import detections_to_msg, image_to_msg, info_to_msg
from robomem.nodes.tf_listener import transform_msg
from robomem.nodes.wire import FAR_M, WireError, dumps, loads, set_stamp, to_ns, unpack
from robomem.perception.frame import RgbdFrame
from robomem.skills.skill import SkillResult
from robomem.types import Detections

OPTICAL = "head_optical"
MAX_POINTS = 10_000  # of a path
RESEND_S, GIVE_UP_S = (
    1.5,
    40.0,
)  # in lockstep: an image not seen to be folded in is sent again; a world model that was killed is back by then
PARAMETERS = (
    Parameter("seed", 0, "of home, people and noise", 0, 2**31 - 1),
    Parameter("id_salt", 0, "changes every simulator id and nothing else", 0, 2**31 - 1),
    Parameter("start_ns", 1_767_600_000_000_000_000, "the clock's first reading, ns"),
    Parameter("lockstep", False, "wait after every image until the world model has folded it in: same seed, same story"),
    Parameter("idle", True, "let time pass at its own pace while no act runs"),
)


class SimNode(RobomemNode):
    """Publishes /clock, /tf, rgb/image, depth/image, camera_info, detections; offers drive_base, look_at, manipulate_object, ~/control."""

    threads = 6

    def __init__(self) -> None:
        super().__init__("sim", PARAMETERS)
        self._turn = threading.RLock()
        self._stop = threading.Event()
        self._folded = threading.Condition()
        self._folded_ns = self._frame_ns = -1
        self._held: list[Any] = []
        self._waited_s = 0.0
        self._world: Any = None
        self._beat_idle: Any = None

    def open(self) -> None:
        """Build the home and offer the robot."""
        from robomem_sim.household import generate_home
        from robomem_sim.robot import SimRobot
        from robomem_sim.world import World

        seed, group = int(self.param("seed")), ReentrantCallbackGroup()
        self._home = generate_home(seed)
        self._world = World(self._home, id_salt=int(self.param("id_salt")))
        self._sim_time = ManualClock(int(self.param("start_ns")))
        self.robot = SimRobot(self._world, seed, self._show, self._sim_time)
        self._lockstep = bool(self.param("lockstep"))
        self.robot.on_tick, self.robot.stopped = self._step, self._stop.is_set
        self._odom = inverse(pose2d(*self.robot.true_pose()))  # odometry counts from where it was switched on
        make = self.create_publisher
        self._clock_out, self._tf_out = make(Clock, "/clock", qos.CLOCK), make(TFMessage, "/tf", qos.TF)
        self._rgb, self._depth = make(Image, "rgb/image", qos.SENSOR), make(Image, "depth/image", qos.SENSOR)
        self._info, self._found = make(CameraInfo, "camera_info", qos.SENSOR), make(DetectionMasks, "detections", qos.OBJECTS)
        self._publishers = [self._clock_out, self._tf_out, self._rgb, self._depth, self._info, self._found]
        self._heard = self.create_subscription(TrackedObjects, "objects", self._hear, qos.OBJECTS, callback_group=ReentrantCallbackGroup())
        self._control = self.create_service(SimControl, "~/control", self._stage, callback_group=group)
        offered: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
            (DriveBase, "drive_base", self._drive),
            (LookAt, "look_at", self._look),
            (ManipulateObject, "manipulate_object", self._manipulate),
        )
        self._held = [
            ActionServer(
                self, kind, name, self._acting(kind, act), callback_group=group, goal_callback=self._may, cancel_callback=self._cancel
            )
            for kind, name, act in offered
        ]
        self._beat_idle = self.every(0.1, self._idle)

    def close(self) -> None:
        """Take the home down."""
        if self._world is None or self._beat_idle is None:
            return
        self._stop.set()
        with self._turn:
            for server in self._held:
                server.destroy()
            self.destroy_timer(self._beat_idle)
            self.destroy_subscription(self._heard)
            self.destroy_service(self._control)
            for p in self._publishers:
                self.destroy_publisher(p)
            self._held = []
            self.robot.shut_down()
            self._world.close()
            self._world = None

    # -- what the sensors say ------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """After every step of time; in lockstep nobody looks between two images."""
        if not self._lockstep:
            self._tick()

    def _tick(self) -> None:
        """Clock and transforms of this moment."""
        now = self._sim_time.now_ns()
        clock = Clock()
        set_stamp(clock.clock, now)
        self._clock_out.publish(clock)
        T_odom_base = self._odom @ pose2d(*self.robot.true_pose())
        T_map_base = pose2d(*self.robot.pose())
        self._tf_out.publish(
            TFMessage(
                transforms=[
                    transform_msg("map", "odom", now, T_map_base @ inverse(T_odom_base)),
                    transform_msg("odom", "base_link", now, T_odom_base),
                    transform_msg("base_link", OPTICAL, now, self.robot.camera_in_base()),
                ]
            )
        )

    def _show(self, frame: RgbdFrame, found: Detections) -> None:
        """One image with all that belongs to it; in lockstep until it is folded in."""
        info = info_to_msg(frame.intrinsics)
        said = detections_to_msg(found, frame.intrinsics.width, frame.intrinsics.height)
        rgb, depth = image_to_msg(frame.rgb, "rgb8"), image_to_msg(frame.depth_m, "32FC1")
        for msg in (info, said, rgb, depth):
            msg.header.frame_id = OPTICAL
            set_stamp(msg.header.stamp, frame.stamp_ns)
        self._frame_ns = frame.stamp_ns
        began = time.monotonic()
        end = time.monotonic() + GIVE_UP_S
        while True:
            self._tick()
            self._info.publish(info)
            self._found.publish(said)
            self._depth.publish(depth)
            self._rgb.publish(rgb)
            if not self._lockstep or self._stop.is_set():
                return
            with self._folded:
                if self._folded.wait_for(lambda: self._folded_ns >= frame.stamp_ns, RESEND_S):
                    self._waited_s += time.monotonic() - began
                    self.told = {"images": str(self.robot.frames), "waited_for_the_world_model_s": f"{self._waited_s:.1f}"}
                    return
            if time.monotonic() > end:
                self.reject("image_not_folded_in", "sim: no world model folds the images in; the story goes on without it")
                return

    def _hear(self, msg: Any) -> None:
        with self._folded:
            self._folded_ns = max(self._folded_ns, to_ns(msg.header.stamp))
            self._folded.notify_all()

    def _idle(self) -> None:
        """While no act runs: time at its own pace, or only a reminder of where everything is, for who joins late."""
        if self._state_machine.current_state[1] != "active" or not self._turn.acquire(blocking=False):
            return
        try:
            if self._world is not None and self.param("idle"):
                self.robot.wait(0.1)
            elif self._world is not None:
                self._tick()
        finally:
            self._turn.release()

    # -- what the robot does -------------------------------------------------------------------------------------------

    def _may(self, _goal: Any) -> GoalResponse:
        return GoalResponse.ACCEPT if self._state_machine.current_state[1] == "active" else GoalResponse.REJECT

    def _cancel(self, _handle: Any) -> CancelResponse:
        self._stop.set()
        return CancelResponse.ACCEPT

    def _acting(self, kind: Any, act: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """One act at a time; a goal that makes no sense is aborted with the reason."""

        def execute(handle: Any) -> Any:
            with self._turn:
                self._stop.clear()
                try:
                    result = act(handle)
                except RobomemError as error:
                    self.reject(getattr(error, "reason", "bad_goal"), str(error))
                    result = kind.Result(ok=False, reason=str(error))
                result.stamp_ns, result.frame_ns = self._sim_time.now_ns(), max(self._frame_ns, 0)
                self._tick()
            if result.ok:
                handle.succeed()
            elif handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
            return result

        return execute

    def _drive(self, handle: Any) -> Any:
        goal = handle.request
        path = unpack(goal.path, "f8", (-1, 2), "drive_base.path", FAR_M)
        if len(path) > MAX_POINTS:
            raise WireError("absurd_size", f"drive_base.path: {len(path)} points, at most {MAX_POINTS}")
        unpack([goal.final_yaw], "f8", (1,), "drive_base.final_yaw", 1e4)
        end = path[-1] if len(path) else None
        beat = [time.monotonic()]

        def tick() -> None:
            self._step()
            if end is not None and time.monotonic() - beat[0] > 0.2:
                beat[0] = time.monotonic()
                handle.publish_feedback(DriveBase.Feedback(distance_left_m=float(np.hypot(*(end - self.robot.pose()[:2])))))

        self.robot.on_tick = tick
        try:
            r = self.robot.follow(path, float(goal.final_yaw) if goal.turn else None)
        finally:
            self.robot.on_tick = self._step
        result = DriveBase.Result(ok=r.ok, reason=r.reason, distance_m=float(r.distance_m))
        result.contact = [float(v) for v in r.data.get("at", ())]
        return result

    def _look(self, handle: Any) -> Any:
        r = self.robot.look_at(unpack(handle.request.point, "f8", (3,), "look_at.point", FAR_M))
        return LookAt.Result(ok=r.ok, reason=r.reason)

    def _manipulate(self, handle: Any) -> Any:
        goal = handle.request
        p = unpack(goal.position, "f8", (3,), "manipulate_object.position", FAR_M)
        if len(goal.size):
            unpack(goal.size, "f8", (3,), "manipulate_object.size", FAR_M, 0)
        acts: dict[str, Callable[[], SkillResult]] = {
            "pick": lambda: self.robot.pick(p),
            "place": lambda: self.robot.place(p),
            "open": lambda: self.robot.open(p),
            "close": lambda: self.robot.close(p),
        }
        if goal.act not in acts:
            raise WireError("bad_goal", f"manipulate_object: no act {goal.act!r}; expected one of {', '.join(acts)}")
        handle.publish_feedback(ManipulateObject.Feedback(phase="approach"))
        r = acts[goal.act]()
        return ManipulateObject.Result(ok=r.ok, reason=r.reason, holding=self.robot.holding())

    # -- the stage: evaluators only ------------------------------------------------------------------------------------

    def _stage(self, request: Any, response: Any) -> Any:
        try:
            arguments = loads(request.arguments, "control.arguments")
            verb = getattr(self, f"_do_{request.command}", None)
            if verb is None:
                raise WireError("bad_command", f"control: no command {request.command!r}")
            with self._turn:
                response.result, response.ok = dumps(verb(**arguments) or {}), True
        except (RobomemError, TypeError, KeyError, ValueError) as error:
            response.ok, response.reason = False, str(error)
        return response

    def _do_pass_time(self, until_ns: int) -> None:
        """Nobody watches until a time."""
        now = self._sim_time.now_ns()
        if until_ns > now:
            self._sim_time.advance((until_ns - now) / 1e9)
        self._tick()

    def _do_move(self, object: str, furniture: str, local: list[float]) -> None:
        self._world.move_object(object, furniture, np.array(local, float))

    def _do_carry(self, object: str, furniture: str, local: list[float]) -> None:
        """A person comes and carries an object; `wait` lets it happen."""
        from robomem_sim.home import Spot
        from robomem_sim.people import Person

        person = self._world.people[0] if self._world.people else Person(self._world)
        person.schedule_move(object, Spot(furniture, np.array(local, float)), self._sim_time.now_ns())

    def _do_wait(self, until_ns: int) -> dict[str, Any]:
        """Stand and watch until a time."""
        left = (until_ns - self._sim_time.now_ns()) / 1e9
        if left > 0:
            self.robot.wait(left)
        return {"busy": any(p.busy for p in self._world.people), "frame_ns": self._frame_ns}

    def _do_truth(self) -> dict[str, Any]:
        return self._world.truth()

    def _do_pose(self) -> dict[str, Any]:
        return {"true_pose": list(self.robot.true_pose()), "now_ns": self._sim_time.now_ns()}


def main() -> int:
    """Entry point of the node."""
    return spin(SimNode)


if __name__ == "__main__":
    raise SystemExit(main())
