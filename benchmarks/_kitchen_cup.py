"""A cup taken out of recorded frames, and put back elsewhere: its pixels become the table's, or its own seen from where it now stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robomem.geometry import inverse, transform
from robomem.perception.frame import RgbdFrame

RADIUS_M = 0.075  # a cup with its handle
HEIGHT_M = 0.13
RING_M = 0.16  # table pixels within this of the cup give plane and colour
SLACK_M = 0.02
DEPTH_NOISE = 0.0025  # sigma at 1 m, m


@dataclass(frozen=True)
class Place:
    """Where a cup stands: Float64[3] the middle of its foot (map frame, m), on a level table top."""

    foot: NDArray[np.float64]

    @staticmethod
    def of(frames: Sequence[RgbdFrame], sightings: NDArray[np.float64]) -> Place:
        """Below the median of lifted sightings Float64[n, 3] (m), on the table top that the frames show around it."""
        around = np.median(sightings, axis=0)
        cloud = np.concatenate([_near_cloud(f, around) for f in frames])
        ring = cloud[np.linalg.norm(cloud[:, :2] - around[:2], axis=1) > 0.1]
        top = float(np.median(ring[np.abs(ring[:, 2] - np.median(ring[:, 2])) < 0.03][:, 2]))
        return Place(np.array([around[0], around[1], top]))

    @property
    def middle(self) -> NDArray[np.float64]:
        """Float64[3] centre of a cup of usual height standing there, m."""
        return self.foot + np.array([0.0, 0.0, 0.045])


def _near_cloud(frame: RgbdFrame, around: NDArray[np.float64]) -> NDArray[np.float64]:
    points = _points(frame)
    near = (frame.depth_m > 0) & (np.linalg.norm(points - around, axis=-1) < 0.25)
    return points[near]


def _rays(frame: RgbdFrame) -> NDArray[np.float64]:
    k = frame.intrinsics
    v, u = np.mgrid[: k.height, : k.width]
    return np.stack([(u - k.cx) / k.fx, (v - k.cy) / k.fy, np.ones(u.shape)], axis=-1) @ frame.T_map_camera[:3, :3].T


def _points(frame: RgbdFrame) -> NDArray[np.float64]:
    """Float64[h, w, 3] map frame, m; where depth is 0 the camera's own place."""
    return frame.T_map_camera[:3, 3] + _rays(frame) * frame.depth_m[..., None]


def place_in_view(frame: RgbdFrame, place: Place, share: float = 0.7) -> bool:
    """True if the place is in clear view: most of a cup standing there would be in the image, measured and not hidden."""
    k = frame.intrinsics
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack([0.035 * np.cos(angle), 0.035 * np.sin(angle), np.zeros(12)])
    samples = np.concatenate([place.foot + ring + (0, 0, z) for z in (0.03, 0.06, 0.09)])
    camera = np.asarray(transform(inverse(frame.T_map_camera), samples))
    if camera[:, 2].min() < 0.3:
        return False
    px = (camera[:, :2] / camera[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)).astype(int)
    if (px < 8).any() or (px[:, 0] >= k.width - 8).any() or (px[:, 1] >= k.height - 8).any():
        return False
    depth = frame.depth_m[px[:, 1], px[:, 0]]
    return float(np.mean((depth > 0) & (depth > camera[:, 2] - 0.12))) >= share


def silhouette(frame: RgbdFrame, place: Place) -> NDArray[np.bool_]:
    """Bool[h, w]: pixels whose ray meets the upright cylinder around a cup, those left out in which something nearer stands."""
    rays, eye = _rays(frame), frame.T_map_camera[:3, 3]
    d, o = rays[..., :2], eye[:2] - place.foot[:2]
    a, b, c = np.sum(d * d, axis=-1), np.sum(d * o, axis=-1), float(o @ o) - RADIUS_M**2
    root = b * b - a * c
    with np.errstate(invalid="ignore", divide="ignore"):
        enter, leave = (-b - np.sqrt(root)) / a, (-b + np.sqrt(root)) / a
        to_top = (place.foot[2] + HEIGHT_M - eye[2]) / rays[..., 2]
        to_foot = (place.foot[2] - eye[2]) / rays[..., 2]
    enter, leave = (
        np.maximum(enter, np.where(rays[..., 2] < 0, to_top, 0.0)),
        np.minimum(leave, np.where(rays[..., 2] < 0, to_foot, np.inf)),
    )
    hit = (root > 0) & (enter < leave) & (enter > 0.2)
    nearer = (frame.depth_m > 0) & (frame.depth_m < enter - 0.03)
    return hit & ~nearer


def own_pixels(frame: RgbdFrame, place: Place) -> NDArray[np.bool_]:
    """Bool[h, w]: pixels of the cup itself: in the cylinder and above the table, holes between them closed."""
    outline = silhouette(frame, place)
    points = _points(frame)
    inside = np.linalg.norm(points[..., :2] - place.foot[:2], axis=-1) < RADIUS_M + SLACK_M
    body = outline & (frame.depth_m > 0) & inside & (points[..., 2] > place.foot[2] + 0.006)
    body = ndimage.binary_closing(body, iterations=3) & outline
    return np.asarray(ndimage.binary_fill_holes(body), bool)


def take_out(frame: RgbdFrame, place: Place, rng: np.random.Generator) -> RgbdFrame:
    """The frame without the cup: plane depth and the nearest table pixel's colour where it and its shadow of missing depth were."""
    outline = silhouette(frame, place)
    if not outline.any():
        return frame
    points = _points(frame)
    away = np.linalg.norm(points[..., :2] - place.foot[:2], axis=-1)
    gap = ndimage.binary_dilation(own_pixels(frame, place), iterations=5)
    fill = (outline & (gap | (frame.depth_m == 0))) | gap
    rays, eye = _rays(frame), frame.T_map_camera[:3, 3]
    with np.errstate(divide="ignore"):
        plane = (place.foot[2] - eye[2]) / rays[..., 2]
    fill &= (rays[..., 2] < 0) & (plane > 0.2) & ((frame.depth_m == 0) | (frame.depth_m < plane + 0.05) | gap)
    table = (frame.depth_m > 0) & (np.abs(points[..., 2] - place.foot[2]) < 0.02) & (away < RING_M) & ~fill
    if not table.any():
        return frame
    depth, rgb = frame.depth_m.copy(), frame.rgb.copy()
    noise = 1 + DEPTH_NOISE * plane * rng.standard_normal(plane.shape)
    depth[fill] = (plane * noise)[fill]
    nearest = ndimage.distance_transform_edt(~table, return_distances=False, return_indices=True)
    rgb[fill] = frame.rgb[nearest[0], nearest[1]][fill]
    return replace(frame, depth_m=depth, rgb=rgb)


def put_back(frame: RgbdFrame, source: RgbdFrame, place: Place, spot: Place) -> RgbdFrame:
    """The frame with the cup of `source` (standing at `place` there) standing at `spot`, turned so that the same side faces the camera."""
    own = ndimage.binary_closing(own_pixels(source, place), iterations=8) & silhouette(source, place)
    v, u = np.nonzero(own)
    depth = source.depth_m.copy()
    bad = own & ((depth == 0) | (np.linalg.norm(_points(source)[..., :2] - place.foot[:2], axis=-1) > RADIUS_M + SLACK_M))
    good = own & ~bad
    near = ndimage.distance_transform_edt(~good, return_distances=False, return_indices=True)
    depth = depth[near[0], near[1]]
    eye = source.T_map_camera[:3, 3]
    points = eye + _rays(source)[v, u] * depth[v, u][:, None]
    a, b = eye[:2] - place.foot[:2], frame.T_map_camera[:2, 3] - spot.foot[:2]
    turn = np.arctan2(b[1], b[0]) - np.arctan2(a[1], a[0])
    c, s = np.cos(turn), np.sin(turn)
    moved = spot.foot + (points - place.foot) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    return _splat(frame, moved, source.rgb[v, u])


def _splat(frame: RgbdFrame, points: NDArray[np.float64], colors: NDArray[np.uint8]) -> RgbdFrame:
    """Points Float64[n, 3] (map frame, m) with their colours drawn into a frame, far to near, holes between them closed."""
    k = frame.intrinsics
    camera = np.asarray(transform(inverse(frame.T_map_camera), points))
    ahead = camera[:, 2] > 0.2
    camera, colors = camera[ahead], colors[ahead]
    px = np.rint(camera[:, :2] / camera[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy)).astype(int)
    inside = (px[:, 0] >= 0) & (px[:, 1] >= 0) & (px[:, 0] < k.width) & (px[:, 1] < k.height)
    px, z, colors = px[inside], camera[inside, 2], colors[inside]
    if len(px) == 0:
        return frame
    order = np.argsort(-z, kind="stable")
    depth, rgb = np.zeros(frame.depth_m.shape, np.float32), np.zeros_like(frame.rgb)
    depth[px[order, 1], px[order, 0]] = z[order]
    rgb[px[order, 1], px[order, 0]] = colors[order]
    drawn = depth > 0
    closed = ndimage.binary_closing(drawn, iterations=2)
    near = ndimage.distance_transform_edt(~drawn, return_distances=False, return_indices=True)
    depth, rgb = depth[near[0], near[1]], rgb[near[0], near[1]]
    wins = closed & ((frame.depth_m == 0) | (depth < frame.depth_m + 0.01))
    return replace(
        frame,
        depth_m=np.where(wins, depth, frame.depth_m).astype(np.float32),
        rgb=np.where(wins[..., None], rgb, frame.rgb).astype(np.uint8),
    )


def free_spot(frames: Sequence[RgbdFrame], place: Place, taken: Sequence[NDArray[np.float64]]) -> tuple[Place, list[int]]:
    """A free place on the same table, seen often and from near, and in which of the frames (places in the list)."""
    best: tuple[float, Place, list[int]] | None = None
    clouds = [_points(f)[4::6, 4::6][f.depth_m[4::6, 4::6] > 0] for f in frames]
    cloud = np.concatenate(clouds)
    cloud = cloud[np.abs(cloud[:, 2] - place.foot[2]) < 0.3]
    for x in np.arange(-1.0, 1.01, 0.06):
        for y in np.arange(-1.0, 1.01, 0.06):
            foot = place.foot + np.array([x, y, 0.0])
            if min(float(np.linalg.norm(foot[:2] - t[:2])) for t in (place.foot, *taken)) < 0.3:
                continue
            near = cloud[np.linalg.norm(cloud[:, :2] - foot[:2], axis=1) < 0.1]
            if len(near) < 60 or np.abs(np.percentile(near[:, 2], (2, 98)) - foot[2]).max() > 0.02:
                continue
            seen = [i for i, f in enumerate(frames) if place_in_view(f, Place(foot))]
            score = sum(1.0 / float(np.sum((frames[i].T_map_camera[:3, 3] - foot) ** 2)) for i in seen)
            if best is None or score > best[0]:
                best = (score, Place(foot), seen)
    if best is None:
        return place, []
    return best[1], best[2]
