"""SimRobot: a mobile manipulator that acts on believed poses, in simulated time, and shows its camera to a sink while it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.clock import NS_PER_S, ManualClock
from robomem.geometry import inverse, look_at, pose2d, transform, wrap_angle
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.skills.skill import SkillResult
from robomem.types import Detections
from robomem_sim.arm import REACH_M, Arm
from robomem_sim.camera import DepthNoise, head_intrinsics, render
from robomem_sim.detector import NoisyDetector, Sight, sights
from robomem_sim.drift import Drift
from robomem_sim.faults import Faults
from robomem_sim.freespace import nearest_point
from robomem_sim.manipulation import Hand
from robomem_sim.world import World

SPEED_MPS, TURN_RPS = 0.5, 1.2
BODY_RADIUS_M, RADIUS_M, PERSON_RADIUS_M = 0.26, 0.28, 0.25  # the bumper, and what is announced: 2 cm more
CAMERA_HEIGHT_M, TILT_RAD = 1.35, float(np.radians(25))
PAN_LIMIT_RAD, TILT_LIMITS_RAD = float(np.radians(60)), (float(np.radians(-20)), float(np.radians(65)))
_SCAN_RAD, _SCAN_PERIOD_S = float(np.radians(35)), 7.0
_TICK_S = 0.1
_PATIENCE_S = 3.0  # how long it waits for a person to step aside
_CARRY = (0.36, 0.0, 0.70)  # where the hand rides, base frame, m: below the camera's view when it looks ahead

FrameSink = Callable[[RgbdFrame, Detections], None]
TruthSink = Callable[[int, Sequence[Sight]], None]


class SimRobot:
    """Implements `robomem.skills.skill.RobotBody` in a World.

    Args:
        seed: of drift, depth noise and detector.
        on_frame: receives every RgbdFrame with its Detections.
        clock: moves on as the robot acts; share it with the memory.
        frame_hz: camera rate; 0 shows only the frames of glances.
        on_truth: evaluator only: (stamp_ns, what was truly in that image) per frame.

    Attributes:
        on_tick: called after every step of simulated time.
        stopped: asked at every step of a drive; True ends it with "cancelled".
    """

    reach_m = REACH_M
    radius_m = RADIUS_M
    camera_height_m = CAMERA_HEIGHT_M

    def __init__(
        self,
        world: World,
        seed: int,
        on_frame: FrameSink,
        clock: ManualClock,
        frame_hz: float = 2.0,
        *,
        faults: Faults | None = None,
        detector: NoisyDetector | None = None,
        on_truth: TruthSink | None = None,
    ) -> None:
        self._world, self._on_frame, self._clock, self._on_truth = world, on_frame, clock, on_truth
        self.intrinsics: Intrinsics = head_intrinsics()
        self._detector = detector or NoisyDetector(seed=seed)
        self._noise, self._noise_rng = DepthNoise(), np.random.default_rng([seed, 1])
        self._drift = Drift(np.random.default_rng([seed, 2]))
        self._hand = Hand(world, Arm(), faults or Faults())
        self._true = np.array(world.home.start, float)
        self._pan, self._tilt = 0.0, TILT_RAD
        self._period_ns = round(NS_PER_S / frame_hz) if frame_hz > 0 else 0
        self._next_frame_ns = clock.now_ns()
        self.frames = 0
        self.on_tick: Callable[[], None] = lambda: None
        self.stopped: Callable[[], bool] = lambda: False

    # -- RobotBody -----------------------------------------------------------------------------------------------
    def pose(self) -> tuple[float, float, float]:
        """Believed (x, y, yaw): m, m, rad."""
        x, y, yaw = self._drift.believed(self._true)
        return float(x), float(y), float(yaw)

    def now_ns(self) -> int:
        """Simulated time."""
        return self._clock.now_ns()

    def holding(self) -> bool:
        """True while something is between the fingers."""
        return self._hand.held is not None

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None = None) -> SkillResult:
        """Drive along believed points Float64[k, 2] at 0.5 m/s, then turn to `final_yaw` (rad).

        Fails with "blocked" (data: "at" = believed point of contact) at furniture, walls, and people who do not step aside within 3 s.
        """
        start_ns, moved, waited = self.now_ns(), 0.0, 0.0
        path = np.asarray(path_xy, float).reshape(-1, 2)
        length = float(np.linalg.norm(np.diff(np.vstack([self.pose()[:2], path]), axis=0), axis=1).sum()) if len(path) else 0.0
        limit_s = 4.0 * length / SPEED_MPS + 4.0 * len(path) + 30.0
        for k, goal in enumerate(path):
            close = 0.02 if k == len(path) - 1 else 0.06
            while (gap := goal - self.pose()[:2]) is not None and np.hypot(*gap) > close:
                self._scan()
                error = self._turn_towards(float(np.arctan2(gap[1], gap[0])))
                pace = max(0.0, float(np.cos(error))) if abs(error) < 0.6 else 0.0
                step = gap / np.hypot(*gap) * min(float(np.hypot(*gap)), SPEED_MPS * _TICK_S * pace)
                contact = self._contact(self._true[:2] + step)
                if contact is None:
                    self._true[:2] += step
                    moved += float(np.hypot(*step))
                else:
                    waited += _TICK_S
                    if not contact[1] or waited > _PATIENCE_S:
                        return self._result(False, "blocked", start_ns, moved, {"at": [float(v) for v in contact[0]]})
                self._advance(_TICK_S)
                if self.stopped():
                    return self._result(False, "cancelled", start_ns, moved)
                if (self.now_ns() - start_ns) / NS_PER_S > limit_s:
                    return self._result(False, "blocked", start_ns, moved)
        self._pan = 0.0
        if final_yaw is not None:
            self._face(final_yaw)
        return self._result(True, "", start_ns, moved)

    def look_at(self, p_map: ArrayLike) -> SkillResult:
        """Turn the head (and the base, beyond 60 degrees) to a believed point and take 3 frames over 1.2 s."""
        start_ns = self.now_ns()
        self._aim(np.asarray(p_map, float))
        self._glance(3)
        return self._result(True, "", start_ns)

    def look_around(self, stops: int = 8) -> SkillResult:
        """Turn once on the spot and take a frame at each of `stops` headings."""
        start_ns, heading = self.now_ns(), self.pose()[2]
        self._pan, self._tilt = 0.0, TILT_RAD
        for k in range(stops):
            self._glance(1)
            self._face(heading + (k + 1) * 2 * np.pi / stops)
        return self._result(True, "", start_ns)

    def pick(self, p_map: ArrayLike, size_m: ArrayLike | None = None) -> SkillResult:
        """Close the fingers around what is believed to be at a point (box centre). 6 s.

        Fails: "hand is full", "out of reach", "nothing between the fingers", "too big for the gripper", "slipped".
        """
        return self._manipulate(p_map, 6.0, lambda p, believed: self._hand.pick(p, believed, self._carry_pose()))

    def place(self, p_map: ArrayLike) -> SkillResult:
        """Set what is held down on the surface under a believed point (the point may be on it or up to 0.4 m above). 5 s.

        Fails: "nothing in the hand", "out of reach", "no surface", "no room above", "surface is taken".
        """
        return self._manipulate(p_map, 5.0, self._hand.place)

    def open(self, p_map: ArrayLike) -> SkillResult:
        """Open the nearest door or drawer within 0.4 m of a believed point and 1 m of the robot. 4 s.

        Fails: "nothing to open", "out of reach", "stuck".
        """
        return self._manipulate(p_map, 4.0, lambda p, believed: self._hand.set_open(p, self._true[:2], 1.0))

    def close(self, p_map: ArrayLike) -> SkillResult:
        """Shut what `open` opens. 4 s."""
        return self._manipulate(p_map, 4.0, lambda p, believed: self._hand.set_open(p, self._true[:2], 0.0))

    def wait(self, seconds: float) -> SkillResult:
        """Stand still while time passes, the camera looking ahead."""
        start_ns = self.now_ns()
        self._pan, self._tilt = 0.0, TILT_RAD
        self._advance(seconds)
        return self._result(True, "", start_ns)

    # -- evaluator only ------------------------------------------------------------------------------------------
    def true_pose(self) -> tuple[float, float, float]:
        """Where the robot truly is. Evaluator only."""
        return float(self._true[0]), float(self._true[1]), float(self._true[2])

    def put_at(self, true_pose: tuple[float, float, float]) -> None:
        """Stand somewhere else (m, m, rad) at once: how an evaluator starts twins alike. Evaluator only."""
        self._true[:] = true_pose

    def shut_down(self) -> None:
        """Free the arm's solver."""
        self._hand.arm.close()

    # -- motion --------------------------------------------------------------------------------------------------
    def _manipulate(self, p_map: ArrayLike, seconds: float, act: Callable[[NDArray[np.float64], NDArray[np.float64]], str]) -> SkillResult:
        """Face the point, let time pass, then `act(true point, point in the base frame)` -> reason of failure or ""."""
        start_ns = self.now_ns()
        believed_point = np.asarray(p_map, float)
        self._aim(believed_point)
        self._advance(seconds, frames=False)
        in_base = transform(inverse(pose2d(*self.pose())), believed_point)
        reason = act(transform(pose2d(*self.true_pose()), in_base), in_base)
        self._carry()
        self._glance(1)
        return self._result(reason == "", reason, start_ns)

    def _result(self, ok: bool, reason: str, start_ns: int, distance_m: float = 0.0, data: dict[str, object] | None = None) -> SkillResult:
        return SkillResult(ok, reason, (self.now_ns() - start_ns) / NS_PER_S, distance_m, data or {})

    def _scan(self) -> None:
        phase = (self.now_ns() / NS_PER_S) % _SCAN_PERIOD_S / _SCAN_PERIOD_S
        self._pan, self._tilt = _SCAN_RAD * float(np.sin(2 * np.pi * phase)), TILT_RAD

    def _turn_towards(self, yaw: float) -> float:
        """Turn the base for one tick; returns the heading error (rad) that is left."""
        error = float(wrap_angle(yaw - self.pose()[2]))
        turn = float(np.clip(error, -TURN_RPS * _TICK_S, TURN_RPS * _TICK_S))
        self._true[2] = float(wrap_angle(self._true[2] + turn))
        return error - turn

    def _face(self, yaw: float) -> None:
        for _ in range(int(2 * np.pi / (TURN_RPS * _TICK_S)) + 2):
            left = self._turn_towards(yaw)
            self._advance(_TICK_S)
            if abs(left) < 0.01:
                return

    def _aim(self, p: NDArray[np.float64]) -> None:
        x, y, yaw = self.pose()
        bearing = float(np.arctan2(p[1] - y, p[0] - x))
        self._pan = 0.0
        if abs(float(wrap_angle(bearing - yaw))) > PAN_LIMIT_RAD:
            self._face(bearing)
        x, y, yaw = self.pose()
        self._pan = float(np.clip(wrap_angle(bearing - yaw), -PAN_LIMIT_RAD, PAN_LIMIT_RAD))
        self._tilt = float(np.clip(np.arctan2(CAMERA_HEIGHT_M - p[2], np.hypot(p[0] - x, p[1] - y)), *TILT_LIMITS_RAD))

    def _contact(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool] | None:
        """(believed point of contact, is it a person) if the base would press against something at a true (x, y)."""
        world, away = self._world, xy - self._true[:2]
        for person, _ in world.persons().values():
            gap = person - xy
            if np.hypot(*gap) < BODY_RADIUS_M + PERSON_RADIUS_M and gap @ away > 0:
                return person + self._drift.offset[:2], True
        distances = world.distances_to_obstacles(np.stack([xy, self._true[:2]]))
        near = np.nonzero((distances[0] < BODY_RADIUS_M) & (distances[0] < distances[1]))[0]
        if len(near) == 0:
            return None
        touched = nearest_point(xy, world.obstacles[near[int(np.argmin(distances[0][near]))]])
        return touched + self._drift.offset[:2], False

    # -- time and camera -----------------------------------------------------------------------------------------
    def _advance(self, seconds: float, frames: bool = True) -> None:
        """Let simulated time pass in ticks: people walk, the localiser drifts, the camera takes its frames."""
        left = seconds
        while left > 1e-9:
            dt = min(_TICK_S, left)
            left -= dt
            self._clock.advance(dt)
            self._drift.step(dt)
            self._world.advance_people(self.now_ns(), self._true[:2])
            self._carry()
            self.on_tick()
            if frames and self._period_ns and self.now_ns() >= self._next_frame_ns:
                self._capture()

    def _glance(self, frames: int) -> None:
        self._advance(0.2, frames=False)
        for k in range(frames):
            self._advance(0.4 if k else 0.2, frames=False)
            self._capture()

    def camera_in_base(self) -> NDArray[np.float64]:
        """T_base_camera Float64[4, 4], optical axes, as head and neck report it."""
        eye = np.array([0.0, 0.0, CAMERA_HEIGHT_M])
        ahead = np.array([np.cos(self._pan) * np.cos(self._tilt), np.sin(self._pan) * np.cos(self._tilt), -np.sin(self._tilt)])
        return look_at(eye, eye + ahead)

    def _capture(self) -> None:
        camera, stamp_ns = self.camera_in_base(), self.now_ns()
        T_true = pose2d(*self.true_pose()) @ camera
        image = render(self._world, T_true, self.intrinsics)
        detections = self._detector.detect(self._world, image, T_true, self.intrinsics, stamp_ns)
        depth = self._noise.apply(image.depth_m, self._noise_rng)
        self._next_frame_ns = stamp_ns + self._period_ns
        if self._on_truth is not None:
            self._on_truth(stamp_ns, [sight for sight, _ in sights(self._world, image, T_true, self.intrinsics)])
        if np.count_nonzero(depth) < 0.05 * depth.size:
            return  # nothing within range: a driver would not publish such a frame
        self.frames += 1
        self._on_frame(RgbdFrame(stamp_ns, image.rgb, depth, self.intrinsics, pose2d(*self.pose()) @ camera, "head"), detections)

    def _carry_pose(self) -> tuple[NDArray[np.float64], float]:
        return transform(pose2d(*self.true_pose()), _CARRY), float(self._true[2])

    def _carry(self) -> None:
        if self._hand.held is not None:
            center, yaw = self._carry_pose()
            self._world.carry(self._hand.held, "robot", center, yaw)
