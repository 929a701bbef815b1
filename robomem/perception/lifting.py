"""Detections plus depth to observations in the map frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.config import PerceptionConfig
from robomem.errors import InvalidInputError
from robomem.ontology import Ontology, default_ontology
from robomem.perception import appearance, cloud, foreground, kernels_image, shape
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.perception.kernels import quantile
from robomem.types import Detections, Observations

MIN_CLEAN_POINTS = 8
LARGEST_M = 6.0  # a larger "thing" is a mask over several
OCCLUDED_SHARE = 0.2  # of the outline; beyond it the thing counts as partly hidden


@dataclass(frozen=True)
class _Own:
    """The pixels of one thing: window, Bool mask there, count at full resolution, pixels eroded per side, the surface beneath if seen."""

    window: foreground.Window
    mask: NDArray[np.bool_]
    pixels: int
    trimmed_px: float
    truncated: bool
    support_m: float | None = None


@dataclass(frozen=True)
class _Row:
    """One lifted detection."""

    place: int  # its row in the detections
    own: _Own
    points: NDArray[np.float64]
    shape: shape.Shape
    covariance: NDArray[np.floating]
    embedding: NDArray[np.float32]
    color: str


class _Rejected(Exception):
    """Why a row was left out; never leaves this file."""


class Lifter:
    """Lifts the detections of one frame.

    Attributes:
        rejected: rows left out so far, by reason: "low score", "empty mask", "no depth", "too few pixels", "too far", "shape".
    """

    def __init__(self, config: PerceptionConfig | None = None, ontology: Ontology | None = None) -> None:
        """Settings, and the ontology that tells furniture from small things."""
        self.config = config or PerceptionConfig()
        self.rejected: Counter[str] = Counter()
        self._ontology = ontology or default_ontology()
        self._rays: tuple[Intrinsics, NDArray[np.float32], NDArray[np.float32]] | None = None

    def lift(self, frame: RgbdFrame, detections: Detections) -> Observations:
        """Place each detection in the map frame; rows that cannot be placed are counted in `rejected`.

        Args:
            frame: RGB-D image with pose.
            detections: masks Bool[n, h, w] if there are any, else boxes (then own pixels are found by depth).

        Returns:
            Observations, in the order of the detections.

        Raises:
            InvalidInputError: masks of another size than the frame.
        """
        if detections.masks is not None and len(detections) and detections.masks.shape[1:] != frame.depth_m.shape:
            raise InvalidInputError(
                f"{frame.camera}: masks are {detections.masks.shape[1:]} but the image is {frame.depth_m.shape}; "
                "resize the masks to the frame"
            )
        rows = []
        for i in range(len(detections)):
            try:
                rows.append(self._lift_one(frame, detections, i))
            except _Rejected as why:
                self.rejected[str(why)] += 1
        return _pack(frame, detections, rows)

    def _lift_one(self, frame: RgbdFrame, detections: Detections, i: int) -> _Row:
        if detections.scores[i] < self.config.min_score:
            raise _Rejected("low score")
        if detections.masks is not None:
            own = self._own_from_mask(frame, detections.masks[i])
        else:
            own = self._own_from_box(frame, detections.boxes_xyxy[i])
        if own.pixels < self.config.min_pixels:
            raise _Rejected("too few pixels")
        points = self._deproject(frame, own)
        spread = float(np.linalg.norm(np.ptp(points, axis=0)))
        points = cloud.clean(points, max(self.config.voxel_m, spread / 22)) if spread > 4 * self.config.voxel_m else points
        if len(points) < MIN_CLEAN_POINTS:
            raise _Rejected("too few pixels")
        z = float(quantile(own.window.depth[own.mask], 0.5))
        furniture = self._ontology.prior(detections.labels[i]).kind == "furniture"
        pixel_m = z / frame.intrinsics.fx
        view = shape.View(
            frame.T_map_camera[:3, 3],
            pixel_m,
            pixel_m * own.window.stride,
            self.config.sigma_z_at_1m * z * z,
            own.trimmed_px,
            furniture,
            own.support_m,
        )
        fitted = shape.fit(points, view)
        if not np.isfinite(fitted.center).all() or fitted.size.max() > LARGEST_M:
            raise _Rejected("shape")
        rgb = frame.rgb[own.window.rows, own.window.cols][:: own.window.stride, :: own.window.stride]
        lab = appearance.lab_from_rgb(appearance.sample(rgb, own.mask))
        if detections.embeddings is not None:
            vector = detections.embeddings[i]
        else:
            vector = appearance.embedding(lab, appearance.edge_histogram(rgb, own.mask), fitted.size.astype(np.float32))
        return _Row(i, own, points, fitted, shape.covariance(fitted, view, own.truncated), vector, appearance.color_name(lab))

    def _window(self, frame: RgbdFrame, top: int, left: int, bottom: int, right: int, stride: int) -> foreground.Window:
        rows, cols = slice(top, bottom), slice(left, right)
        depth = frame.depth_m[rows, cols][::stride, ::stride]
        x, y = self._ray_tables(frame.intrinsics)
        R, t = frame.T_map_camera[:3, :3], frame.T_map_camera[:3, 3]
        slope = x[cols][::stride][None, :] * R[2, 0] + y[rows][::stride][:, None] * R[2, 1] + R[2, 2]
        return foreground.Window(rows, cols, depth, (slope * depth + t[2]).astype(np.float32), stride)

    def _own_from_mask(self, frame: RgbdFrame, mask: NDArray[np.bool_]) -> _Own:
        bounds = foreground.mask_bounds(mask)
        if bounds is None:
            raise _Rejected("empty mask")
        height, width = mask.shape
        top, left, bottom, right = bounds
        cut = top == 0 or left == 0 or bottom == height or right == width
        top, left, bottom, right = max(0, top - 2), max(0, left - 2), min(height, bottom + 2), min(width, right + 2)
        crop = mask[top:bottom, left:right]
        stride = foreground.stride_for(int(np.count_nonzero(crop)))
        window = self._window(frame, top, left, bottom, right, stride)
        seen = crop[::stride, ::stride]
        near = np.where(window.depth <= self.config.max_range_m, window.depth, 0.0)
        pixels = self._check_depth(window.depth[seen], near[seen])
        own = foreground.from_mask(seen, near, self.config.sigma_z_at_1m)
        hidden = kernels_image.occluded_share(seen, window.depth, self._step(near[own])) > OCCLUDED_SHARE
        trimmed = stride * (1.0 if np.count_nonzero(own) < np.count_nonzero(seen & (near > 0)) else 0.0)
        return _Own(window, own, pixels * stride * stride, trimmed, cut or hidden)

    def _own_from_box(self, frame: RgbdFrame, box: NDArray[np.float32]) -> _Own:
        height, width = frame.depth_m.shape
        left, top = (max(0, int(v)) for v in np.floor(box[:2]))
        right, bottom = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
        if right - left < 2 or bottom - top < 2:
            raise _Rejected("too few pixels")
        cut = top <= 1 or left <= 1 or bottom >= height - 1 or right >= width - 1
        stride = foreground.stride_for((bottom - top) * (right - left) // 2)
        ring_y, ring_x = (max(4, int(foreground.RING_SHARE * n)) // stride * stride + stride for n in (bottom - top, right - left))
        y0, x0 = max(0, top - ring_y), max(0, left - ring_x)
        window = self._window(frame, y0, x0, min(height, bottom + ring_y), min(width, right + ring_x), stride)
        inner = ((top - y0) // stride, (left - x0) // stride, -(-(bottom - y0) // stride), -(-(right - x0) // stride))
        near = np.where(window.depth <= self.config.max_range_m, window.depth, np.float32(0.0))
        seen = (slice(inner[0], inner[2]), slice(inner[1], inner[3]))
        self._check_depth(window.depth[seen], near[seen])
        window = foreground.Window(window.rows, window.cols, near, window.height, stride)
        own, level = foreground.from_box(window, inner, stride / frame.intrinsics.fx, self.config.sigma_z_at_1m)
        hidden = kernels_image.occluded_share(own, near, self._step(near[own])) > OCCLUDED_SHARE
        return _Own(window, own, int(np.count_nonzero(own)) * stride * stride, 0.0, cut or hidden, level)

    def _check_depth(self, depths: NDArray[np.float32], near: NDArray[np.float32]) -> int:
        """Count the usable depths, or say why there are none."""
        usable = int(np.count_nonzero(near))
        if usable == 0:
            raise _Rejected("too far" if np.count_nonzero(depths) else "no depth")
        return usable

    def _step(self, depths: NDArray[np.float32]) -> float:
        """Depth step (m) at which something else is in front: beyond noise, and beyond the table edge at a thing's foot."""
        middle = float(quantile(depths, 0.5)) if depths.size else 1.0
        return max(0.08, 5 * self.config.sigma_z_at_1m * middle * middle)

    def _ray_tables(self, k: Intrinsics) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """x / z per column and y / z per row, kept while the camera stays the same."""
        if self._rays is None or self._rays[0] != k:
            x = ((np.arange(k.width) - k.cx) / k.fx).astype(np.float32)
            self._rays = (k, x, ((np.arange(k.height) - k.cy) / k.fy).astype(np.float32))
        return self._rays[1], self._rays[2]

    def _deproject(self, frame: RgbdFrame, own: _Own) -> NDArray[np.float64]:
        """Own pixels as points Float64[n, 3], map frame, m."""
        x, y = self._ray_tables(frame.intrinsics)
        w = own.window
        return kernels_image.deproject(own.mask, w.depth, x[w.cols][:: w.stride], y[w.rows][:: w.stride], frame.T_map_camera)


def _pack(frame: RgbdFrame, detections: Detections, rows: list[_Row]) -> Observations:
    """Rows as parallel arrays."""
    if not rows:
        given = detections.embeddings
        return Observations.empty(frame.stamp_ns, appearance.EMBEDDING_DIM if given is None else given.shape[1])
    places = [row.place for row in rows]
    states = detections.states or tuple({} for _ in range(len(detections)))
    return Observations(
        frame.stamp_ns,
        tuple(detections.labels[i] for i in places),
        detections.scores[places],
        np.array([row.shape.center for row in rows], np.float32),
        np.array([row.covariance for row in rows], np.float32),
        np.array([row.shape.size for row in rows], np.float32),
        np.array([row.shape.yaw_rad for row in rows], np.float32),
        np.array([row.embedding for row in rows], np.float32),
        tuple(row.color for row in rows),
        np.array([row.own.pixels for row in rows], np.int32),
        np.array([row.own.truncated for row in rows]),
        detections.boxes_xyxy[places],
        tuple(row.points.astype(np.float32) for row in rows),
        tuple(states[i] for i in places),
    )
