"""Depth that was recorded beside the colour image, not on it: measuring the misfit and moving depth onto the colour pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from robomem.geometry import Float
from robomem.perception.frame import Intrinsics

EDGE_STEP_M = 0.10  # depth steps that make an outline in the colour image, too
FAR_M = 3.0
POINTS_PER_FRAME = 400
CONVINCING = 0.45  # mean gradient under the outlines, in standard deviations of the image's gradient
GAIN = 0.30  # by which a misfit must beat "already registered"


@dataclass(frozen=True)
class Registration:
    """Where a depth pixel lands in the colour image: u_c = cx + scale (u - cx) + disparity / z + shift_u, and v_c alike without disparity.

    Attributes:
        scale: focal length of colour over that of depth.
        disparity_px_m: baseline times the colour focal length, pixel m.
        shift_u, shift_v: pixels.
        score, score_before: edge agreement with and without it.
    """

    scale: float = 1.0
    disparity_px_m: float = 0.0
    shift_u: float = 0.0
    shift_v: float = 0.0
    score: float = 0.0
    score_before: float = 0.0

    @property
    def needed(self) -> bool:
        """True unless depth already lies on the colour pixels."""
        return (self.scale, self.disparity_px_m, self.shift_u, self.shift_v) != (1.0, 0.0, 0.0, 0.0)

    def intrinsics(self, K: Float, width: int, height: int) -> Intrinsics:
        """The colour camera, from the depth camera's Float64[3, 3]."""
        return Intrinsics(K[0, 0] * self.scale, K[1, 1] * self.scale, K[0, 2] + self.shift_u, K[1, 2] + self.shift_v, width, height)

    def T_depth_color(self, K: Float) -> Float:
        """Float64[4, 4] pose of the colour camera in the depth camera's optical frame, m."""
        T = np.eye(4)
        T[0, 3] = -self.disparity_px_m / (K[0, 0] * self.scale)
        return T

    def apply(self, depth: NDArray[np.float32], K: Float) -> NDArray[np.float32]:
        """Depth Float32[h, w] on the colour pixels; the nearest surface wins, 0 where none lands."""
        return _warp(depth, float(K[0, 2]), float(K[1, 2]), self.scale, self.disparity_px_m, self.shift_u, self.shift_v)


@njit(cache=True)
def _warp(depth: NDArray[np.float32], cx: float, cy: float, scale: float, disparity: float, du: float, dv: float) -> NDArray[np.float32]:
    """Forward warp with a z-buffer; where pixels spread (scale > 1) each covers its rounded footprint."""
    rows, cols = depth.shape
    out = np.zeros((rows, cols), np.float32)
    reach = 0.5 * max(scale, 1.0)
    for v in range(rows):
        y = cy + scale * (v - cy) + dv
        v0, v1 = int(np.ceil(y - reach)), int(np.ceil(y + reach))
        for u in range(cols):
            z = depth[v, u]
            if z <= 0:
                continue
            x = cx + scale * (u - cx) + disparity / z + du
            u0, u1 = int(np.ceil(x - reach)), int(np.ceil(x + reach))
            for i in range(max(v0, 0), min(v1, rows)):
                for j in range(max(u0, 0), min(u1, cols)):
                    if out[i, j] == 0 or z < out[i, j]:
                        out[i, j] = z
    return out


def outline(
    depth: NDArray[np.float32], step_m: float = EDGE_STEP_M, far_m: float = FAR_M
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Pixels on the near side of a depth step: columns, rows, depths (m), evenly thinned to POINTS_PER_FRAME."""
    edge = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        a = depth if axis == 0 else depth.T
        e = edge if axis == 0 else edge.T
        step = np.where((a[1:] > 0) & (a[:-1] > 0), a[1:] - a[:-1], 0)
        e[1:] |= step < -step_m
        e[:-1] |= step > step_m
    v, u = np.nonzero(edge & (depth < far_m))
    every = max(1, len(v) // POINTS_PER_FRAME)
    return u[::every], v[::every], depth[v[::every], u[::every]]


def gradient(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Smoothed strength of brightness edges Float32[h, w], zero mean and unit variance; clipped, so that no poster outshouts an outline."""
    from scipy.ndimage import gaussian_filter, sobel

    grey = gaussian_filter(rgb.mean(axis=2, dtype=np.float32), 1.0)
    strength = np.hypot(sobel(grey, 0), sobel(grey, 1))
    strength = gaussian_filter(np.minimum(strength, np.percentile(strength[::4, ::4], 95)), 1.5)
    return ((strength - strength.mean()) / max(float(strength.std()), 1e-6)).astype(np.float32)


def estimate(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]], K: Float) -> Registration:
    """Measure how depth sits on colour by where depth outlines meet brightness edges, coarse to fine; identity unless clearly better.

    Args:
        pairs: (rgb UInt8[h, w, 3], depth Float32[h, w] m) of a dozen varied frames, one size.
        K: Float64[3, 3] of the depth camera, pixels.

    Cost: one to two seconds for 12 frames of 640x480.
    """
    outlines = [outline(depth) for _, depth in pairs]
    if sum(len(u) for u, _, _ in outlines) < 300:
        return Registration()  # too little to see a misfit by
    u, v, z = (np.concatenate([o[i] for o in outlines]).astype(np.float32) for i in range(3))
    which = np.repeat(np.arange(len(outlines)), [len(o[0]) for o in outlines])
    stack = np.stack([gradient(rgb) for rgb, _ in pairs])
    du, dv, iz = u - np.float32(K[0, 2]), v - np.float32(K[1, 2]), 1 / z

    def score(scale: float, disparity: float, shift_u: float, shift_v: float) -> float:
        x = np.rint(du * scale + (disparity * iz + (K[0, 2] + shift_u))).astype(np.intp)
        y = np.rint(dv * scale + (K[1, 2] + shift_v)).astype(np.intp)
        inside = (x >= 0) & (x < stack.shape[2]) & (y >= 0) & (y < stack.shape[1])
        return float(stack[which[inside], y[inside], x[inside]].sum()) / len(x)

    unit = stack.shape[2] / 640.0
    before = score(1.0, 0.0, 0.0, 0.0)
    coarse = (
        (s, 0.0, a, b) for s in np.arange(0.84, 1.17, 0.02) for a in np.arange(-16, 17, 4) * unit for b in np.arange(-12, 13, 4) * unit
    )
    best = max(coarse, key=lambda g: score(*g))
    for fine in (1.0, 0.4):  # the baseline's disparity and a constant shift are told apart only by depth: search them together
        grid = (
            (best[0] + s, best[1] + d, best[2] + a, best[3] + b)
            for s in fine * np.array([-0.01, 0.0, 0.01])
            for d in fine * unit * np.array([-14.0, -7.0, 0, 7.0, 14.0])
            for a in fine * unit * np.array([-8, -4, -2, 0, 2, 4, 8])
            for b in fine * unit * np.array([-2.0, 0.0, 2.0])
        )
        best = max(grid, key=lambda g: score(*g))
    after = score(*best)
    if after < CONVINCING or after < before + GAIN:
        return Registration(score=before, score_before=before)
    return Registration(*(float(x) for x in best), score=after, score_before=before)
