"""Images of a home, rendered before they are needed: so that a camera process can publish them in real time and nothing else costs time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message
from robomem_msgs.msg import DetectionMasks

from robomem.evaluation.household import Household
from robomem.evaluation.registry import Say
from robomem.nodes.conversions import detections_from_msg, detections_to_msg
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.planning.survey import Surveyor
from robomem.types import Detections

BEFORE_NS = 50 * 60 * 1_000_000_000  # the home was explored up to 50 minutes ago, as a robot that is switched on again finds it
RECORDED_HZ = 10.0
START = "start.db"
ARRAYS = ("rgb", "depth", "poses", "found", "ends", "camera")


@dataclass(frozen=True)
class Sequence:
    """What a camera saw, image by image; arrays may be memory-mapped.

    Attributes:
        rgb: UInt8[n, h, w, 3].  depth: Float32[n, h, w] m.  poses: Float64[n, 4, 4] T_map_camera.
        found: UInt8[bytes] the detector's messages, one behind the other; `ends`: Int64[n] where each ends.
        camera: Float64[6] fx, fy, cx, cy, width, height.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    poses: NDArray[np.float64]
    found: NDArray[np.uint8]
    ends: NDArray[np.int64]
    camera: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def intrinsics(self) -> Intrinsics:
        """Of the camera."""
        fx, fy, cx, cy, width, height = self.camera.tolist()
        return Intrinsics(fx, fy, cx, cy, int(width), int(height))

    def message(self, k: int) -> DetectionMasks:
        """What the detector said of image k."""
        begin = int(self.ends[k - 1]) if k else 0
        return deserialize_message(self.found[begin : int(self.ends[k])].tobytes(), DetectionMasks)

    def frame(self, k: int, stamp_ns: int) -> tuple[RgbdFrame, Detections]:
        """Image k as the pipeline without ROS takes it."""
        rgb, depth = np.array(self.rgb[k]), np.array(self.depth[k])
        return RgbdFrame(stamp_ns, rgb, depth, self.intrinsics, np.array(self.poses[k]), "head"), detections_from_msg(self.message(k))

    def save(self, folder: Path) -> None:
        """One .npy file per array."""
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))

    @staticmethod
    def load(folder: Path) -> Sequence:
        """What `save` wrote, not read before it is used."""
        return Sequence(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS})


class Camcorder:
    """Keeps frames in memory until there are enough."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.frames: list[RgbdFrame] = []
        self._said: list[bytes] = []

    @property
    def full(self) -> bool:
        """True when there are enough."""
        return len(self.frames) >= self.wanted

    def take(self, frame: RgbdFrame, found: Detections) -> None:
        """One image more."""
        if not self.full:
            self.frames.append(frame)
            k = frame.intrinsics
            self._said.append(serialize_message(detections_to_msg(found, k.width, k.height)))

    def sequence(self) -> Sequence:
        """All of it."""
        k = self.frames[0].intrinsics
        return Sequence(
            np.stack([f.rgb for f in self.frames]),
            np.stack([f.depth_m for f in self.frames]),
            np.stack([f.T_map_camera for f in self.frames]),
            np.frombuffer(b"".join(self._said), np.uint8),
            np.cumsum([len(s) for s in self._said]),
            np.array([k.fx, k.fy, k.cx, k.cy, k.width, k.height], float),
        )


def record(folder: Path, seed: int, frames: int, quick: bool, say: Say) -> dict[str, Any]:
    """Explore a simulated home, keep its memory as START, then film a patrol through it at 10 Hz.

    Returns: what the memory holds at the start.
    """
    from robomem_sim.robot import SimRobot

    home = Household(seed, folder / "explored.db", start_ns=time.time_ns() - BEFORE_NS)
    corder = Camcorder(frames)
    try:
        if quick:
            Surveyor(home.world, home.robot).explore(max_s=40.0)
        else:
            home.explore()
        home.memory.backup(folder / START)
        held = {
            "objects_in_home": len(home.truth()["objects"]),
            "tracks": len(home.memory.objects()),
            "confirmed": sum(v.status == "confirmed" for v in home.memory.objects()),
            "nodes": len(home.memory.graph().all_nodes()),
            "explored_ns": home.clock.now_ns(),
        }
        say(f"home {seed}: {held['objects_in_home']} objects, {held['confirmed']} things confirmed after {home.frames} images")

        def show(frame: RgbdFrame, found: Detections) -> None:
            home.memory.observe(frame, found)  # the patrol goes where the memory has not looked yet
            corder.take(frame, found)

        robot = SimRobot(home.sim, seed, show, home.clock, frame_hz=RECORDED_HZ)
        robot.put_at(home.true_pose())
        while not corder.full:
            since = home.clock.now_ns()
            Surveyor(home.world, robot, stop=lambda: corder.full).inspect(since_ns=since, max_s=60.0)
            robot.look_around()
        robot.shut_down()
    finally:
        home.close()
    corder.sequence().save(folder)
    return held
