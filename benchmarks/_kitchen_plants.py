"""Things planted in recorded frames: patches of real surfaces, phantoms in the air, boxes that stand on a surface and are taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.belief import update
from robomem.belief.labels import LabelBelief
from robomem.belief.track import Track
from robomem.belief.tracker import Tracker
from robomem.config import BeliefConfig, PerceptionConfig
from robomem.geometry import Float, inverse, transform
from robomem.ids import IdAllocator
from robomem.ontology import default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.perception.lifting import Lifter
from robomem.types import Detections, Observations

PATCH_PX = 14  # half the side of the patch a planted thing's surface is cut from
APART_M = 0.16  # planted things stand at least this far from each other
RANGE_M = (0.6, 3.6)
GONE = ("missing", "removed")
RECALL = 0.9
BOXES = {0.03: (0.18, 0.13), 0.08: (0.09, 0.09), 0.20: (0.08, 0.08)}  # height -> footprint, m: a book, a mug, a bottle
BOX_LABELS = {0.03: "book", 0.08: "mug", 0.20: "bottle"}
VISIBLE_SHARE = 0.7
BORDER_PX = 4
SEEN_THROUGH_M = 0.2
LEVEL_M = 0.03  # a spot whose heights spread more is no level surface
TRIES = 8  # spots looked at in each frame
LEAST_VIEWS = 8  # frames in which a box's place must be visible before it is taken away, and again after


def new_tracker(seed: int, max_tracks: int = 4000) -> Tracker:
    """A tracker with default settings."""
    config = BeliefConfig(max_tracks=max_tracks)
    return Tracker(config, PerceptionConfig(), IdAllocator().next, np.random.default_rng(seed), default_ontology())


def with_holes(frame: RgbdFrame, share: float, rng: np.random.Generator) -> RgbdFrame:
    """The frame with a share of its depth pixels set to "no measurement"."""
    if share <= 0:
        return frame
    return replace(frame, depth_m=np.where(rng.random(frame.depth_m.shape) < share, 0.0, frame.depth_m).astype(np.float32))


def cloud_of(frame: RgbdFrame, rows: slice, cols: slice) -> NDArray[np.float64]:
    """Points Float64[k, 3] (map frame, m) of a window's valid depths."""
    k = frame.intrinsics
    depth = frame.depth_m[rows, cols]
    v, u = np.nonzero(depth)
    z = depth[v, u].astype(float)
    camera = np.column_stack([(u + cols.start - k.cx) / k.fx * z, (v + rows.start - k.cy) / k.fy * z, z])
    return np.asarray(transform(frame.T_map_camera, camera))


def patches(frames: Sequence[RgbdFrame], rng: np.random.Generator, at_share: tuple[float, float] | None) -> list[NDArray[np.float64]]:
    """Surface patches Float64[k, 3] (m), one from a random pixel of each of some frames; with `at_share` moved along their rays.

    Args:
        at_share: (low, high) share of the ray at which a phantom floats; None leaves the patch where it is.
    """
    out: list[NDArray[np.float64]] = []
    centres = np.zeros((0, 3))
    for frame in frames:
        for _ in range(12):
            v, u = int(rng.integers(PATCH_PX, 480 - PATCH_PX)), int(rng.integers(PATCH_PX, 640 - PATCH_PX))
            window = frame.depth_m[v - PATCH_PX : v + PATCH_PX, u - PATCH_PX : u + PATCH_PX]
            middle = float(frame.depth_m[v, u])
            if not RANGE_M[0] < middle < RANGE_M[1] or np.count_nonzero(window) < 0.9 * window.size:
                continue
            points = cloud_of(frame, slice(v - PATCH_PX, v + PATCH_PX), slice(u - PATCH_PX, u + PATCH_PX))
            eye = frame.T_map_camera[:3, 3]
            points = points[np.abs(np.linalg.norm(points - eye, axis=1) - middle) < 0.25]
            if at_share is not None:
                points = eye + (points - eye) * rng.uniform(*at_share)
            if len(points) < 100:
                continue
            centre = points.mean(axis=0)
            if len(centres) and np.linalg.norm(centres - centre, axis=1).min() < APART_M:
                continue
            centres = np.vstack([centres, centre])
            out.append(points)
    return out


def disputed(frames: Sequence[RgbdFrame], points: NDArray[np.float64]) -> bool:
    """True if more frames see through a patch by SEEN_THROUGH_M than measure it: a stray depth of some frames, not a surface."""
    some = points[:: max(1, len(points) // 25)]
    there = through = 0
    for frame in frames:
        k, camera = frame.intrinsics, np.asarray(transform(inverse(frame.T_map_camera), some))
        if camera[:, 2].min() < 0.3:
            continue
        px = (camera[:, :2] / camera[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)).astype(int)
        if (px < 0).any() or (px[:, 0] >= k.width).any() or (px[:, 1] >= k.height).any():
            continue
        depth = frame.depth_m[px[:, 1], px[:, 0]]
        beyond = (depth - camera[:, 2])[depth > 0]
        if len(beyond) > 5:
            middle = float(np.median(beyond))
            there += abs(middle) < 0.1
            through += middle > SEEN_THROUGH_M
    return through > there


def plant(tracker: Tracker, points: NDArray[np.float64], label: str) -> int:
    """Make the tracker believe firmly in a thing whose surface is Float64[k, 3] (m); returns its id."""
    low, high = points.min(axis=0), points.max(axis=0)
    obs = Observations(
        0,
        (label,),
        np.array([0.8], np.float32),
        ((low + high) / 2)[None],
        np.eye(3)[None] * 2e-4,
        np.maximum(high - low, 0.02)[None],
        np.zeros(1),
        np.zeros((1, 0)),
        ("",),
        np.array([500]),
        np.zeros(1, bool),
        np.zeros((1, 4)),
        (points[:: max(1, len(points) // 200)].astype(np.float32),),
        ({},),
    )
    track = Track(tracker.new_id(), tracker.table.claim(), "object", LabelBelief(tracker.ontology), 0, 0, 0, support=5, hits=8)
    tracker.tracks[track.id] = track
    update.initialise(tracker, track, obs, 0, np.array([0.0, 0.0, 50.0]))  # from nowhere: no viewpoint of the recording is used up
    track.status, track.confirmed_once = "confirmed", True
    tracker.table.odds[track.row] = 4.0
    return track.id


def stay_or_go(
    frames: Sequence[RgbdFrame], things: Sequence[NDArray[np.float64]], detector_runs: bool, holes: float, seed: int
) -> dict[str, Any]:
    """Plant things, play all frames with a detector that names none of them (or does not run), count which were reported gone."""
    tracker, rng = new_tracker(seed), np.random.default_rng(seed)
    ids = [plant(tracker, points, f"thing {k}") for k, points in enumerate(things)]
    gone: set[int] = set()
    for frame in frames:
        seen = with_holes(frame, holes, rng)
        changes = tracker.step(seen, Observations.empty(frame.stamp_ns) if detector_runs else None)
        gone |= set(changes.gone)
    return {"planted": len(ids), "removed": len(gone & set(ids)), "which": [k for k, i in enumerate(ids) if i in gone]}


# -- boxes on surfaces -----------------------------------------------------------------------------------------------------


@dataclass
class Box:
    """A box that stands on a real surface until it is taken away."""

    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    label: str
    visible: list[int] = field(default_factory=list)  # places in the list of frames
    taken_at: int = -1
    object_id: int = -1
    needed: int | None = None
    lost_before: bool = False


def box_depth(frame: RgbdFrame, box: Box) -> tuple[slice, slice, NDArray[np.float32], bool] | None:
    """Depth (m) a box would show in the window it covers, 0 where it is not; whether it is wholly in the image. None out of view."""
    half, k = box.size / 2, frame.intrinsics
    corners = box.centre + np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    camera = np.asarray(transform(inverse(frame.T_map_camera), corners))
    if camera[:, 2].min() < 0.2:
        return None
    px = camera[:, :2] / camera[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)
    corner = np.floor(px.min(axis=0)).astype(int), np.ceil(px.max(axis=0)).astype(int) + 1
    (left, top), (right, bottom) = np.maximum(corner[0], 0), np.minimum(corner[1], (k.width, k.height))
    if left >= right or top >= bottom:
        return None
    v, u = np.mgrid[top:bottom, left:right]
    rays = np.stack([(u - k.cx) / k.fx, (v - k.cy) / k.fy, np.ones(u.shape)], axis=-1) @ frame.T_map_camera[:3, :3].T
    rays = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    eye = frame.T_map_camera[:3, 3]
    a, b = (box.centre - half - eye) / rays, (box.centre + half - eye) / rays
    enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
    whole = bool((corner[0] > BORDER_PX).all() and (corner[1] < (k.width - BORDER_PX, k.height - BORDER_PX)).all())
    return slice(top, bottom), slice(left, right), np.where((enter < leave) & (enter > 0.2), enter, 0.0).astype(np.float32), whole


def shows(frame: RgbdFrame, box: Box) -> bool:
    """True if the box's place is in clear view: most of its outline has a measurement that does not end in front of it."""
    if float(np.linalg.norm(box.centre - frame.T_map_camera[:3, 3])) > RANGE_M[1]:
        return False
    drawn = box_depth(frame, box)
    if drawn is None or not drawn[3]:
        return False
    own = drawn[2] > 0
    real = frame.depth_m[drawn[0], drawn[1]]
    clear = own & (real > drawn[2] - 0.03)
    return np.count_nonzero(own) >= 150 and np.count_nonzero(clear) >= VISIBLE_SHARE * np.count_nonzero(own)


def draw(frame: RgbdFrame, boxes: Sequence[Box], rng: np.random.Generator) -> tuple[RgbdFrame, Detections]:
    """The frame with boxes in depth and colour, and what a detector with true masks says of those in clear view."""
    depth, rgb = frame.depth_m.copy(), frame.rgb.copy()
    labels, masks = [], []
    for box in boxes:
        drawn = box_depth(frame, box)
        if drawn is None:
            continue
        rows, cols, own, _ = drawn
        noisy = own + 0.0025 * own**2 * rng.standard_normal(own.shape).astype(np.float32)
        real = depth[rows, cols]
        wins = (own > 0) & ((real <= 0) | (own < real))
        depth[rows, cols] = np.where(wins, noisy, real)
        rgb[rows, cols][wins] = (60, 90, 200)
        if shows(frame, box) and rng.random() < RECALL:
            mask = np.zeros(depth.shape, bool)
            mask[rows, cols] = wins
            labels.append(box.label)
            masks.append(mask)
    seen = replace(frame, depth_m=depth, rgb=rgb)
    if not labels:
        return seen, Detections.empty()
    corners = [(c.min(), r.min(), c.max() + 1, r.max() + 1) for r, c in (np.nonzero(m) for m in masks)]
    return seen, Detections(tuple(labels), np.full(len(labels), 0.8, np.float32), np.array(corners, np.float32), np.array(masks))


def supports(frames: Sequence[RgbdFrame], height: float, rng: np.random.Generator, most: int) -> list[Box]:
    """Boxes of one height on level free spots of real surfaces, apart from each other and visible often enough."""
    out: list[Box] = []
    footprint = BOXES[height]
    for frame in frames:
        points = cloud_of(frame, slice(60, 440), slice(40, 600))[::7]
        points = points[(points[:, 2] > 0.5) & (points[:, 2] < 1.3)]
        for _ in range(TRIES):
            if len(out) >= most or len(points) == 0:
                break
            spot = points[rng.integers(len(points))]
            if any(np.linalg.norm(b.centre[:2] - spot[:2]) < 0.3 for b in out):
                continue
            near = points[(np.abs(points[:, :2] - spot[:2]) < np.array(footprint) / 2 + 0.03).all(axis=1)]
            if len(near) < 40 or np.ptp(np.percentile(near[:, 2], (3, 97))) > LEVEL_M:
                continue
            top = float(np.median(near[:, 2]))
            box = Box(np.array([spot[0], spot[1], top + height / 2]), np.array([*footprint, height]), BOX_LABELS[height])
            box.visible = [i for i, f in enumerate(frames) if shows(f, box)]
            if len(box.visible) >= 2 * LEAST_VIEWS:
                box.taken_at = box.visible[len(box.visible) // 2]
                out.append(box)
    return out


def take_away(frames: Sequence[RgbdFrame], boxes: list[Box], holes: float, seed: int) -> dict[str, Any]:
    """Boxes stand in the recording until half of their visible frames are over; when is each reported gone?"""
    tracker, rng, lifter = new_tracker(seed), np.random.default_rng(seed), Lifter()
    for box in boxes:
        box.object_id, box.needed, box.lost_before = -1, None, False
    for i, frame in enumerate(frames):
        there = [b for b in boxes if i < b.taken_at]
        seen, said = draw(frame, there, rng)
        seen = with_holes(seen, holes, rng)
        changes = tracker.step(seen, lifter.lift(seen, said))
        for box in boxes:
            if box.object_id < 0 and i < box.taken_at:
                box.object_id = _nearest(tracker, box)
            gone = box.object_id >= 0 and tracker.resolve(box.object_id) in changes.gone
            if gone and i < box.taken_at:
                box.lost_before = True
            elif gone and box.needed is None:
                box.needed = sum(box.taken_at <= v <= i for v in box.visible)
    known = [b for b in boxes if b.object_id >= 0]
    needed = sorted(b.needed for b in known if b.needed is not None)
    return {
        "boxes": len(boxes),
        "known": len(known),
        "noticed": len(needed),
        "noticed_share": round(len(needed) / max(len(known), 1), 3),
        "frames_median": float(np.median(needed)) if needed else None,
        "frames_p95": float(np.percentile(needed, 95)) if needed else None,
        "lost_while_there": sum(b.lost_before for b in known),
    }


def _nearest(tracker: Tracker, box: Box) -> int:
    """Id of the confirmed track on the box, -1 for none."""
    near: list[tuple[float, int]] = [
        (float(np.linalg.norm(tracker.table.mean[t.row] - box.centre)), t.id) for t in tracker.tracks.values() if t.status == "confirmed"
    ]
    best = min(near, default=(np.inf, -1))
    return best[1] if best[0] < 0.1 else -1


def rigid(yaw_rad: float, shift: tuple[float, float]) -> Float:
    """Float64[4, 4]: turn about +z, then shift on the ground (m)."""
    T = np.eye(4)
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    T[:2, :2], T[:2, 3] = [[c, -s], [s, c]], shift
    return T
