"""A small 2.5-D home of boxes, a NumPy ray-caster that turns a camera pose into an RgbdFrame, and a robot to drive through it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robomem.geometry import look_at
from robomem.perception.frame import Intrinsics, RgbdFrame

CAMERA_M = 1.35
SMALL = Intrinsics(114.0, 114.0, 79.5, 59.5, 160, 120)  # 70 degrees across, as the simulator's, at half its resolution
MEDIUM = Intrinsics(228.5, 228.5, 159.5, 119.5, 320, 240)
LARGE = Intrinsics(457.0, 457.0, 319.5, 239.5, 640, 480)


@dataclass(frozen=True)
class Box:
    """An axis-aligned box: two corners (m, map frame) and what it is."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    label: str = "wall"


def wall(x0: float, y0: float, x1: float, y1: float, thickness: float = 0.1, height: float = 2.4) -> Box:
    """A wall along an axis between two points of its centre line."""
    t = thickness / 2
    return Box((min(x0, x1) - t, min(y0, y1) - t, 0.0), (max(x0, x1) + t, max(y0, y1) + t, height))


def table(x: float, y: float, width: float, depth: float, height: float = 0.75, label: str = "dining table") -> list[Box]:
    """A top and four legs centred at (x, y): one can see under it."""
    w, d = width / 2, depth / 2
    feet = [(x + sx * (w - 0.03), y + sy * (d - 0.03)) for sx in (-1, 1) for sy in (-1, 1)]
    legs = [Box((a - 0.03, b - 0.03, 0.0), (a + 0.03, b + 0.03, height - 0.04), label) for a, b in feet]
    return [Box((x - w, y - d, height - 0.04), (x + w, y + d, height), label), *legs]


def block(x: float, y: float, width: float, depth: float, height: float, label: str) -> Box:
    """A solid piece of furniture centred at (x, y)."""
    return Box((x - width / 2, y - depth / 2, 0.0), (x + width / 2, y + depth / 2, height), label)


def paint(label: str) -> tuple[int, int, int]:
    """The colour of all things of one label, wherever they are in the list of boxes: a thing that moves looks as it did."""
    i = zlib.crc32(label.encode()) % 997
    return 90 + 40 * i % 160, 60 + 73 * i % 180, 80 + 31 * i % 150


@dataclass
class PlaneWorld:
    """Boxes on a floor at z = 0; `boxes` may be edited between frames (a person is a box that moves)."""

    boxes: list[Box]
    range_m: float = 6.0
    noise: float = 0.0  # depth noise sigma at 1 m, m; grows with z^2
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def render(self, T_map_camera: NDArray[np.float64], stamp_ns: int = 0, intrinsics: Intrinsics = SMALL) -> RgbdFrame:
        """The RGB-D image from a pose (Float64[4, 4], optical axes)."""
        k = intrinsics
        v, u = np.mgrid[: k.height, : k.width]
        rays = np.stack([(u - k.cx) / k.fx, (v - k.cy) / k.fy, np.ones(u.shape)]).reshape(3, -1)
        d = (T_map_camera[:3, :3] @ rays).astype(np.float32)
        d = np.where(np.abs(d) < 1e-6, np.float32(1e-6), d)
        eye = T_map_camera[:3, 3].astype(np.float32)
        with np.errstate(over="ignore"):
            depth = np.where(d[2] < 0, -eye[2] / d[2], np.float32(np.inf))
        hit = np.zeros(depth.shape, np.int32)
        for index, box in enumerate(self.boxes, start=1):
            a = (np.array(box.low, np.float32)[:, None] - eye[:, None]) / d
            b = (np.array(box.high, np.float32)[:, None] - eye[:, None]) / d
            enter, leave = np.minimum(a, b).max(axis=0), np.maximum(a, b).min(axis=0)
            closer = (enter < leave) & (enter > 0.05) & (enter < depth)
            depth[closer], hit[closer] = enter[closer], index
        depth = depth + self.noise * depth**2 * self.rng.standard_normal(depth.shape, np.float32) if self.noise else depth
        depth = np.where(depth < self.range_m, depth, 0.0).astype(np.float32).reshape(k.height, k.width)
        shade = np.array([paint(box.label) for box in (Box((0, 0, 0), (0, 0, 0), "floor"), *self.boxes)], np.uint8)
        return RgbdFrame(stamp_ns, shade[hit].reshape(k.height, k.width, 3), depth, k, T_map_camera)

    def solid(self, xy: NDArray[np.float64], low: float = 0.10, high: float = 1.6) -> NDArray[np.bool_]:
        """Bool[...]: which points Float64[..., 2] have a box over them between two heights (truth for the tests)."""
        out = np.zeros(xy.shape[:-1], bool)
        for b in self.boxes:
            if b.low[2] < high and b.high[2] > low:
                out |= (xy[..., 0] >= b.low[0]) & (xy[..., 0] <= b.high[0]) & (xy[..., 1] >= b.low[1]) & (xy[..., 1] <= b.high[1])
        return out

    def clearance(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64[...]: distance (m) from points Float64[..., 2] to the nearest box a robot can hit."""
        out = np.full(xy.shape[:-1], np.inf)
        for b in self.boxes:
            if b.low[2] < 1.6 and b.high[2] > 0.10:
                away = np.maximum(np.maximum(np.array(b.low[:2]) - xy, xy - np.array(b.high[:2])), 0.0)
                out = np.minimum(out, np.linalg.norm(away, axis=-1))
        return out

    def reachable(self, points: NDArray[np.float64], start: tuple[float, float], radius_m: float) -> NDArray[np.bool_]:
        """Bool[rows, cols]: true standing points of a regular lattice Float64[rows, cols, 2] that connect to start."""
        open_ = self.clearance(points) >= radius_m
        labels, _ = ndimage.label(open_)
        nearest = np.argmin(np.linalg.norm(points - np.array(start), axis=-1))
        return open_ & (labels == labels.flat[nearest])


def head_pose(x: float, y: float, yaw: float, pan: float = 0.0, tilt: float = 0.44) -> NDArray[np.float64]:
    """`T_map_camera` of a head camera above (x, y), looking `tilt` rad down and `pan` rad left of the base's yaw."""
    a = yaw + pan
    return look_at((x, y, CAMERA_M), (x + np.cos(a), y + np.sin(a), CAMERA_M - np.tan(tilt)))


def home_2x2(door_m: float = 0.9, furnished: bool = True) -> PlaneWorld:
    """Four rooms of about 5 x 4 m around a cross of walls, each opening on two others, with furniture."""
    d = door_m / 2
    walls = [wall(0, 0, 10, 0), wall(0, 8, 10, 8), wall(0, 0, 0, 8), wall(10, 0, 10, 8)]
    walls += [wall(5, 0, 5, 2 - d), wall(5, 2 + d, 5, 6 - d), wall(5, 6 + d, 5, 8)]  # doors at (5, 2) and (5, 6)
    walls += [wall(0, 4, 2.5 - d, 4), wall(2.5 + d, 4, 7.5 - d, 4), wall(7.5 + d, 4, 10, 4)]  # doors at (2.5, 4) and (7.5, 4)
    if not furnished:
        return PlaneWorld(walls)
    things = [
        *table(2.2, 1.7, 1.6, 0.9),
        block(0.4, 2.6, 0.6, 2.0, 0.9, "counter"),
        block(0.4, 0.5, 0.65, 0.65, 1.75, "fridge"),
        block(7.5, 0.5, 1.9, 0.8, 0.8, "sofa"),
        *table(7.6, 1.7, 1.0, 0.5, 0.42, "coffee table"),
        block(9.7, 2.2, 0.4, 1.4, 0.5, "tv stand"),
        block(1.1, 6.9, 2.0, 1.5, 0.5, "bed"),
        block(0.35, 5.7, 0.45, 0.45, 0.5, "nightstand"),
        block(3.6, 7.7, 1.0, 0.45, 0.9, "dresser"),
        *table(8.0, 7.5, 1.4, 0.7, 0.74, "desk"),
        block(9.75, 5.5, 0.35, 1.0, 1.8, "shelf"),
        block(8.0, 6.8, 0.45, 0.45, 0.9, "chair"),
    ]
    return PlaneWorld(walls + things)


@dataclass
class PlaneRobot:
    """Drives on the pose it believes and feeds each frame to `sink`; truth lags behind belief by a slow drift of `drift_m`, `drift_rad`."""

    world: PlaneWorld
    sink: object  # anything with update(frame)
    x: float
    y: float
    yaw: float = 0.0
    stamp_ns: int = 0
    travelled_m: float = 0.0
    least_clearance_m: float = np.inf  # of the true pose
    intrinsics: Intrinsics = SMALL
    drift_m: float = 0.0
    drift_rad: float = 0.0

    @property
    def pose(self) -> tuple[float, float, float]:
        """Believed x, y, yaw (m, rad)."""
        return self.x, self.y, self.yaw

    def true_pose(self) -> tuple[float, float, float]:
        """Where it really is: belief plus an error that swings over some ten metres of driving."""
        s = self.travelled_m
        return (
            self.x + self.drift_m * np.sin(0.7 * s),
            self.y + self.drift_m * np.cos(0.5 * s) - self.drift_m,
            self.yaw + self.drift_rad * np.sin(0.9 * s + 1.0),
        )

    def frame(self, pan: float = 0.0, tilt: float = 0.44) -> None:
        """Capture one frame, half a second after the last."""
        self.stamp_ns += 500_000_000
        seen = self.world.render(head_pose(*self.true_pose(), pan, tilt), self.stamp_ns, self.intrinsics)
        self.sink.update(replace(seen, T_map_camera=head_pose(*self.pose, pan, tilt)))  # type: ignore[attr-defined]

    def look_around(self) -> None:
        """Eight frames around."""
        for k in range(8):
            self.frame(pan=k * np.pi / 4)

    def follow(self, path: NDArray[np.float64], final_yaw: float | None = None, step_m: float = 0.25) -> None:
        """Drive along Float64[k, 2], a frame every step, the head swaying from side to side."""
        for a, b in pairwise(path):
            length = float(np.linalg.norm(b - a))
            if length > 1e-6:
                self.yaw = float(np.arctan2(b[1] - a[1], b[0] - a[0]))
            n = max(1, int(np.ceil(length / step_m)))
            for q in range(1, n + 1):
                self.x, self.y = (float(v) for v in a + (b - a) * q / n)
                self.travelled_m += length / n
                self.least_clearance_m = min(self.least_clearance_m, float(self.world.clearance(np.array(self.true_pose()[:2]))))
                self.frame(pan=0.6 * np.sin(0.8 * self.stamp_ns * 1e-9))
        if final_yaw is not None:
            self.yaw = final_yaw
            self.frame()
