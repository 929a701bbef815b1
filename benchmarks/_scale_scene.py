"""A home of any size for timing: stations of a hundred things on four tables, seen at 640x480 and lifted once, outside the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import Float, box_corners, inverse, look_at, transform
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.perception.lifting import Lifter
from robomem.types import Detections, Observations

CAMERA = Intrinsics(457.0, 457.0, 319.5, 239.5, 640, 480)
LABELS = ("mug", "bowl", "apple", "bottle", "book", "plate", "vase", "remote control")
TABLE_M = 0.75
STATION_M = 12.0  # apart: beyond the range in which another station's things are looked at
VIEWS = 8  # frames per lap around one station
RECALL = 0.9


@dataclass(frozen=True)
class _Box:
    label: str
    center: NDArray[np.float64]
    size: NDArray[np.float64]
    color: tuple[int, int, int]


class Station:
    """Frames and observations of `things` small things on tables, which can stand anywhere on a lattice of stations."""

    def __init__(self, things: int, rng: np.random.Generator, views: int = VIEWS) -> None:
        self.things = things
        boxes = _boxes(things, rng)
        lifter = Lifter()
        self.frames: list[RgbdFrame] = []
        self.seen: list[Observations] = []
        for angle in np.linspace(-0.35, 0.35, views):
            eye = (-2.35 * np.cos(angle), 2.35 * np.sin(angle), 2.3)
            frame, detections = _render(boxes, look_at(eye, (0.0, 0.0, 0.7)), rng)
            self.frames.append(frame)
            self.seen.append(lifter.lift(frame, detections))

    def visit(self, place: int, stamp_ns: int, turns: int, rng: np.random.Generator) -> Iterator[tuple[RgbdFrame, Observations]]:
        """`turns` frames of the station as it stands at lattice point `place`, 1/15 s apart, each thing named with RECALL."""
        side = 10  # a square: maps have a greatest length
        shift = np.array([place % side, place // side, 0.0]) * STATION_M
        for k in range(turns):
            frame, seen = self.frames[_there_and_back(k, len(self.frames))], self.seen[_there_and_back(k, len(self.seen))]
            T = frame.T_map_camera.copy()
            T[:3, 3] += shift
            stamp_ns += 1_000_000_000 // 15
            named = np.flatnonzero(rng.random(len(seen)) < RECALL)
            yield replace(frame, stamp_ns=stamp_ns, T_map_camera=T), _shifted(seen, named, shift, stamp_ns)


def _there_and_back(k: int, n: int) -> int:
    """0 1 2 .. n-1 .. 2 1 0 1 2: a camera that sways."""
    k %= 2 * n - 2
    return k if k < n else 2 * n - 2 - k


def _shifted(seen: Observations, rows: NDArray[np.intp], shift: NDArray[np.float64], stamp_ns: int) -> Observations:
    pick = [int(i) for i in rows]
    move = shift.astype(np.float32)
    return Observations(
        stamp_ns,
        tuple(seen.labels[i] for i in pick),
        seen.scores[pick],
        seen.positions[pick] + move,
        seen.covariances[pick],
        seen.sizes[pick],
        seen.yaws[pick],
        seen.embeddings[pick],
        tuple(seen.colors[i] for i in pick),
        seen.pixels[pick],
        seen.truncated[pick],
        seen.boxes_xyxy[pick],
        tuple(seen.points[i] + move for i in pick),
        tuple(seen.states[i] for i in pick),
    )


def _boxes(things: int, rng: np.random.Generator) -> list[_Box]:
    tables = [(x, y) for x in (-0.52, 0.52) for y in (-0.85, 0.85)]
    boxes = [
        _Box("dining table", np.array([x, y, TABLE_M / 2]), np.array([0.95, 1.6, TABLE_M]), (120, 90 + 20 * i, 60))
        for i, (x, y) in enumerate(tables)
    ]
    for k in range(things):
        x0, y0 = tables[k % 4]
        cell = k // 4
        x, y = x0 - 0.38 + 0.19 * (cell % 5), y0 - 0.68 + 0.34 * (cell // 5)
        height, width = rng.uniform(0.05, 0.13), rng.uniform(0.06, 0.10)
        color = tuple(int(v) for v in rng.integers(20, 236, 3))
        center = np.array([x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.05, 0.05), TABLE_M + height / 2])
        boxes.append(_Box(LABELS[(k * 7 + k // 8) % len(LABELS)], center, np.array([width, width, height]), color))  # type: ignore[arg-type]
    return boxes


def _render(boxes: list[_Box], T_map_camera: Float, rng: np.random.Generator) -> tuple[RgbdFrame, Detections]:
    """Depth, colour and true masks by casting the rays of each box's own window."""
    k = CAMERA
    v, u = np.mgrid[: k.height, : k.width]
    rays = np.stack([(u - k.cx) / k.fx, (v - k.cy) / k.fy, np.ones(u.shape)], axis=-1) @ T_map_camera[:3, :3].T
    rays = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    eye = T_map_camera[:3, 3]
    depth = np.where(rays[..., 2] < 0, -eye[2] / rays[..., 2], np.inf)
    owner = np.full(depth.shape, -1)
    for index, box in enumerate(boxes):
        corners = transform(inverse(T_map_camera), box_corners(box.center, box.size, 0.0))
        px = corners[:, :2] / corners[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)
        left, top = np.maximum(np.floor(px.min(axis=0)).astype(int), 0)
        right, bottom = np.minimum(np.ceil(px.max(axis=0)).astype(int) + 1, (k.width, k.height))
        window = (slice(top, bottom), slice(left, right))
        a = (box.center - box.size / 2 - eye) / rays[window]
        b = (box.center + box.size / 2 - eye) / rays[window]
        enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
        closer = (enter < leave) & (enter > 0.05) & (enter < depth[window])
        depth[window] = np.where(closer, enter, depth[window])
        owner[window] = np.where(closer, index, owner[window])
    depth = np.where(depth < 6.0, depth + 0.0025 * depth**2 * rng.standard_normal(depth.shape), 0.0).astype(np.float32)
    colors = np.array([*(b.color for b in boxes), (90, 90, 90)], np.uint8)
    rgb = colors[owner]
    masks = np.array([owner == i for i in range(len(boxes))])
    shown = np.flatnonzero(masks.reshape(len(boxes), -1).sum(axis=1) >= 60)
    edges = [np.nonzero(masks[i]) for i in shown]
    rectangles = np.array([(c.min(), r.min(), c.max() + 1, r.max() + 1) for r, c in edges], np.float32)
    detections = Detections(tuple(boxes[i].label for i in shown), np.full(len(shown), 0.8, np.float32), rectangles, masks[shown])
    return RgbdFrame(0, rgb, depth, k, T_map_camera), detections
