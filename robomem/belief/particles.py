"""Particle kernels: float32, one thread, noise from a pool drawn once.

`parallel=True` costs a 15 ms floor per call on a busy two-core machine, so nothing here uses it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
POOL_SIZE = 1 << 16
TELLING = 1.2  # what is behind a sample must be this many margins away before its absence shows in the depth
LOG_FLOOR = -60.0  # no particle's weight is ever less than exp of this
FLOOR, HALF = np.float32(LOG_FLOOR), np.float32(0.5)
FAST = {"reassoc", "contract", "nsz", "arcp"}  # sums may be reordered; infinities keep their meaning


class NoisePool:
    """Standard normals drawn once, read from random offsets.

    Drawing dominates a small particle filter. A pool of 65,536 read at uniformly random offsets has the moments and the
    Kolmogorov-Smirnov distance of fresh draws, and draws of one call are distinct (tests/belief/test_particles.py).
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pool = rng.standard_normal(POOL_SIZE).astype(np.float32)

    def normal(self, shape: tuple[int, ...]) -> F32:
        """Float32[shape] of standard normals."""
        n = int(np.prod(shape))
        if n > POOL_SIZE // 2:
            return self._rng.standard_normal(shape).astype(np.float32)
        start = int(self._rng.integers(0, POOL_SIZE - n))
        return self._pool[start : start + n].reshape(shape).copy()

    def diffuse(self, positions: F32, rows: NDArray[np.int64], sigma: float) -> None:
        """Add normals of standard deviation `sigma` (m) to the clouds Float32[N, P, 3] at `rows`, in place.

        Each cloud reads the pool at an offset of its own: two clouds may share draws, one cloud's particles never do.
        """
        n = positions.shape[1] * positions.shape[2]
        diffuse_clouds(positions, rows, self._pool, self._rng.integers(0, POOL_SIZE - n, len(rows)), np.float32(sigma))


@njit(cache=True)
def diffuse_clouds(positions: F32, rows: NDArray[np.int64], pool: F32, offsets: NDArray[np.int64], sigma: np.float32) -> None:
    # pragma: no cover - compiled
    """x += sigma * pool[offset ...] for the clouds Float32[N, P, 3] at `rows` (m), in place."""
    for i in range(rows.shape[0]):
        cloud, at = positions[rows[i]], offsets[i]
        for p in range(cloud.shape[0]):
            for a in range(3):
                cloud[p, a] += sigma * pool[at]
                at += 1


@njit(cache=True)
def normalise_log_weights(log_weights: F32) -> F32:  # pragma: no cover - compiled
    """Log-weights Float32[P] shifted so that their exponentials sum to one; uniform if none is finite."""
    top = -np.inf
    for value in log_weights:
        if value > top:
            top = value
    out = np.empty_like(log_weights)
    if not math.isfinite(top):
        out[:] = -math.log(log_weights.shape[0])
        return out
    total = 0.0
    for value in log_weights:
        total += math.exp(value - top)
    shift = top + math.log(total)
    for i in range(log_weights.shape[0]):
        out[i] = max(log_weights[i] - shift, LOG_FLOOR)
    return out


@njit(cache=True)
def weigh_position(particles: F32, log_weights: F32, z: F32, precision: F32) -> F32:  # pragma: no cover - compiled
    """log w' = log w - 1/2 (x - z)^T R^-1 (x - z), normalised.

    Args:
        particles: Float32[P, 3] map frame, m.  log_weights: Float32[P].
        z: Float32[3] observed centre, m.  precision: Float32[3, 3] R^-1, 1/m^2.
    """
    out = log_weights.copy()
    for i in range(particles.shape[0]):
        dx, dy, dz = particles[i, 0] - z[0], particles[i, 1] - z[1], particles[i, 2] - z[2]
        q = (
            dx * (precision[0, 0] * dx + precision[0, 1] * dy + precision[0, 2] * dz)
            + dy * (precision[1, 0] * dx + precision[1, 1] * dy + precision[1, 2] * dz)
            + dz * (precision[2, 0] * dx + precision[2, 1] * dy + precision[2, 2] * dz)
        )
        out[i] -= 0.5 * q
    return normalise_log_weights(out)


@njit(cache=True)
def effective_sample_size(log_weights: F32) -> float:  # pragma: no cover - compiled
    """1 / sum w^2 of normalised log-weights."""
    total = 0.0
    for value in log_weights:
        w = math.exp(value)
        total += w * w
    return 1.0 / total if total > 0 else 0.0


@njit(cache=True)
def systematic_resample(log_weights: F32, u: float) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """Indices Int64[P] by systematic resampling with one uniform `u` in [0, 1): counts differ from P w by less than one."""
    n = log_weights.shape[0]
    out = np.empty(n, np.int64)
    cumulative = math.exp(log_weights[0])
    i = 0
    for k in range(n):
        position = (k + u) / n
        while cumulative < position and i < n - 1:
            i += 1
            cumulative += math.exp(log_weights[i])
        out[k] = i
    return out


@njit(cache=True)
def weighted_mean_cov(particles: F32, log_weights: F32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # pragma: no cover - compiled
    """Mean Float64[3] (m) and covariance Float64[3, 3] (m^2) of a weighted cloud."""
    mean = np.zeros(3)
    cov = np.zeros((3, 3))
    total = 0.0
    for i in range(particles.shape[0]):
        w = math.exp(log_weights[i])
        total += w
        for a in range(3):
            mean[a] += w * particles[i, a]
    mean /= max(total, 1e-30)
    for i in range(particles.shape[0]):
        w = math.exp(log_weights[i]) / max(total, 1e-30)
        for a in range(3):
            for b in range(3):
                cov[a, b] += w * (particles[i, a] - mean[a]) * (particles[i, b] - mean[b])
    return mean, cov


@njit(cache=True)
def observe_clouds(
    positions: F32,
    log_weights: F32,
    rows: NDArray[np.int64],
    z: NDArray[np.float64],
    cov: NDArray[np.float64],
    inflate: NDArray[np.float64],
    fresh: F32,
    uniforms: NDArray[np.float64],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    resample_below: float = 0.5,
) -> None:  # pragma: no cover - compiled
    """Fold one position measurement into each of n clouds, in place: reset a share, weigh, resample if starved, mean and covariance.

    A share of each cloud is drawn from the observation itself (sensor resetting, Lenser and Veloso 2000): a thing nudged within the
    gate is followed, instead of starving the filter. Resampling is systematic, when the effective sample size is under a share of P.

    Args:
        positions: Float32[N, P, 3] of all tracks, m.  log_weights: Float32[N, P].  rows: Int64[n] which to treat.
        z: Float64[n, 3] observed centres, m.  cov: Float64[n, 3, 3] their covariances, m^2.
        inflate: Float64[n] factor on the covariance when weighing (frames of one viewpoint share their error).
        fresh: Float32[n, k, 3] standard normals for the k particles drawn anew.  uniforms: Float64[n] in [0, 1).
        mean, spread: Float64[N, 3] and Float64[N, 3, 3], written at `rows`.
        resample_below: share of P under which the effective sample size starts a resampling; above 1 always.
    """
    count, k = positions.shape[1], fresh.shape[1]
    w = np.empty(count)
    root = np.empty((3, 3))
    for i in range(rows.shape[0]):
        cloud, logs = positions[rows[i]], log_weights[rows[i]]
        _reset_lightest(cloud, logs, z[i], _cholesky3(cov[i], root), fresh[i], k)
        _weigh(cloud, logs, z[i].astype(np.float32), _inverse3(cov[i], inflate[i]))
        square = _shift(logs, np.float32(_log_sum(logs, w)), w)
        if square * count * resample_below > 1.0:
            _resample(cloud, w, uniforms[i])
            logs[:] = -math.log(count)
            w[:] = 1.0 / count
        _moments(cloud, w, mean[rows[i]], spread[rows[i]])


@njit(cache=True)
def _reset_lightest(
    cloud: F32, logs: F32, z: NDArray[np.float64], root: NDArray[np.float64], fresh: F32, k: int
) -> None:  # pragma: no cover - compiled
    """Draw the k lightest particles (all, if there are no more) anew from N(z, root root^T); the first of equals goes first."""
    k = min(k, cloud.shape[0])
    if k == 0:
        return
    lightest, n = np.empty(k, np.int64), 0
    for p in range(cloud.shape[0]):  # one pass with a short sorted list: few particles are lighter than the k lightest before them
        if n == k and logs[p] >= logs[lightest[k - 1]]:
            continue
        n = min(n + 1, k)
        at = n - 1
        while at > 0 and logs[p] < logs[lightest[at - 1]]:
            lightest[at] = lightest[at - 1]
            at -= 1
        lightest[at] = p
    light = -math.log(cloud.shape[0]) - 1.5
    for q in range(k):
        for a in range(3):
            value = z[a]
            for b in range(a + 1):
                value += root[a, b] * fresh[q, b]
            cloud[lightest[q], a] = value
        logs[lightest[q]] = light


@njit(cache=True)
def _log_sum(logs: F32, w: NDArray[np.float64]) -> float:  # pragma: no cover - compiled
    """log sum exp(logs) with the normalised weights left in `w`; if none is finite all become equal."""
    top = logs[0]
    for value in logs:
        top = max(top, value)
    if not math.isfinite(top):
        logs[:] = 0.0
        w[:] = 1.0 / len(w)
        return math.log(len(w))
    total = 0.0
    for p in range(logs.shape[0]):
        w[p] = math.exp(logs[p] - top)  # float32: half the time of a double's
        total += w[p]
    w /= total
    return top + math.log(total)


@njit(cache=True)
def _cholesky3(cov: NDArray[np.float64], root: NDArray[np.float64]) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """Lower root of cov + 1e-6 I (3 x 3)."""
    root[:] = 0.0
    root[0, 0] = math.sqrt(max(cov[0, 0] + 1e-6, 1e-12))
    root[1, 0], root[2, 0] = cov[1, 0] / root[0, 0], cov[2, 0] / root[0, 0]
    root[1, 1] = math.sqrt(max(cov[1, 1] + 1e-6 - root[1, 0] ** 2, 1e-12))
    root[2, 1] = (cov[2, 1] - root[2, 0] * root[1, 0]) / root[1, 1]
    root[2, 2] = math.sqrt(max(cov[2, 2] + 1e-6 - root[2, 0] ** 2 - root[2, 1] ** 2, 1e-12))
    return root


@njit(cache=True, fastmath=FAST)
def _weigh(cloud: F32, logs: F32, z: F32, precision: tuple[np.float32, ...]) -> None:  # pragma: no cover - compiled
    """log w -= 1/2 (x - z)^T R^-1 (x - z), in place, not normalised."""
    xx, xy, xz, yy, yz, zz = precision
    for p in range(logs.shape[0]):
        dx, dy, dz = cloud[p, 0] - z[0], cloud[p, 1] - z[1], cloud[p, 2] - z[2]
        logs[p] -= HALF * (dx * (xx * dx + xy * dy + xz * dz) + dy * (xy * dx + yy * dy + yz * dz) + dz * (xz * dx + yz * dy + zz * dz))


@njit(cache=True, fastmath=FAST)
def _shift(logs: F32, by: np.float32, w: NDArray[np.float64]) -> float:  # pragma: no cover - compiled
    """Subtract `by` from log-weights in place, none falling under the floor; the sum of squares of the weights `w`."""
    square = 0.0
    for p in range(logs.shape[0]):
        value = logs[p] - by
        logs[p] = value if value > FLOOR else FLOOR
        square += w[p] * w[p]
    return square


@njit(cache=True)
def _inverse3(
    cov: NDArray[np.float64], factor: float
) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]:  # pragma: no cover - compiled
    """xx, xy, xz, yy, yz, zz of (factor cov)^-1, cov symmetric 3 x 3."""
    a, b, c, d, e, f = cov[0, 0], cov[0, 1], cov[0, 2], cov[1, 1], cov[1, 2], cov[2, 2]
    xx, xy, xz = d * f - e * e, c * e - b * f, b * e - c * d
    scale = 1.0 / (factor * (a * xx + b * xy + c * xz))
    yy, yz, zz = (a * f - c * c) * scale, (b * c - a * e) * scale, (a * d - b * b) * scale
    return np.float32(xx * scale), np.float32(xy * scale), np.float32(xz * scale), np.float32(yy), np.float32(yz), np.float32(zz)


@njit(cache=True)
def _resample(cloud: F32, w: NDArray[np.float64], u: float) -> None:  # pragma: no cover - compiled
    """Systematic resampling of a cloud with normalised weights, in place: particle i gets round-off of P w_i copies."""
    n = cloud.shape[0]
    old = cloud.copy()
    # Each particle marks the slot its copies begin at; of particles with no copies the next one's mark wins. A running maximum then
    # fills the slots: no branch depends on the weights, which costs a processor more than the arithmetic.
    begins = np.zeros(n + 1, np.int64)
    cumulative = 0.0
    for i in range(n - 1):
        cumulative += w[i]
        begins[min(max(math.ceil(cumulative * n - u), 0), n)] = i + 1
    source = 0
    for k in range(n):
        source = max(source, begins[k])
        cloud[k, 0], cloud[k, 1], cloud[k, 2] = old[source, 0], old[source, 1], old[source, 2]


@njit(cache=True, fastmath=FAST)
def _moments(
    cloud: F32, w: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    """Mean and covariance of a cloud with normalised weights, written in place."""
    x = y = z = 0.0
    for p in range(cloud.shape[0]):
        x, y, z = x + w[p] * cloud[p, 0], y + w[p] * cloud[p, 1], z + w[p] * cloud[p, 2]
    mean[0], mean[1], mean[2] = x, y, z
    xx = xy = xz = yy = yz = zz = 0.0
    for p in range(cloud.shape[0]):
        dx, dy, dz = cloud[p, 0] - x, cloud[p, 1] - y, cloud[p, 2] - z
        xx, xy, xz = xx + w[p] * dx * dx, xy + w[p] * dx * dy, xz + w[p] * dx * dz
        yy, yz, zz = yy + w[p] * dy * dy, yz + w[p] * dy * dz, zz + w[p] * dz * dz
    spread[0, 0], spread[1, 1], spread[2, 2] = xx, yy, zz
    spread[0, 1] = spread[1, 0] = xy
    spread[0, 2] = spread[2, 0] = xz
    spread[1, 2] = spread[2, 1] = yz


@njit(cache=True)
def look_through(
    particles: F32, shape: F32, above: F32, R: F32, t: F32, intrinsics: F32, depth: F32, margin: float, thickness: float, stride: int
) -> F32:  # pragma: no cover - compiled
    """What the depth image says of one track: per particle the share of its surface samples that are seen empty, supported, occluded.

    A sample is *seen empty* if the measured depth is beyond it by more than `margin`, *occluded* if something is nearer than the
    object's own thickness allows, *supported* between; the rest (outside the image, behind the camera, no measurement) is unseen. It is
    *mute* where depth cannot be expected to tell: with the thing gone, the ray would meet what it stood on less than `margin` (and a
    fifth) behind it. The bottom of a tray is a centimetre above the table; only its rim can be missed.

    Args:
        particles: Float32[P, 3] box centres, map frame, m.  shape: Float32[S, 3] surface samples relative to the centre, m.
        above: Float32[S] height of each sample over what the thing stands on, m; inf where nothing is.
        R, t: rotation Float32[3, 3] and translation Float32[3] of `T_camera_map`.  intrinsics: Float32[4] fx, fy, cx, cy.
        depth: Float32[h, w] m, 0 = no measurement.  margin, thickness: m.  stride: use every stride-th sample.

    Returns:
        Float32[P, 5] shares (empty, supported, occluded, mute and supported, mute and empty); they sum to at most one.
    """
    h, w = depth.shape
    out = np.zeros((particles.shape[0], 5), np.float32)
    used = (shape.shape[0] + stride - 1) // stride
    camera_z = -(R[0, 2] * t[0] + R[1, 2] * t[1] + R[2, 2] * t[2])
    for p in range(particles.shape[0]):
        for s in range(0, shape.shape[0], stride):
            x, y, z = particles[p, 0] + shape[s, 0], particles[p, 1] + shape[s, 1], particles[p, 2] + shape[s, 2]
            cz = R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2]
            if cz < 0.15:
                continue
            u = intrinsics[0] * (R[0, 0] * x + R[0, 1] * y + R[0, 2] * z + t[0]) / cz + intrinsics[2]
            v = intrinsics[1] * (R[1, 0] * x + R[1, 1] * y + R[1, 2] * z + t[1]) / cz + intrinsics[3]
            if u < 0 or v < 0 or u >= w or v >= h:
                continue
            d = depth[int(v), int(u)]
            if d <= 0:
                continue
            if d < cz - margin - thickness:
                out[p, 2] += 1
                continue
            mute = cz * above[s] < TELLING * margin * (camera_z - z)  # the ray sinks by `above` within cz * above / (camera_z - z)
            if d > cz + margin:
                out[p, 4 if mute else 0] += 1
            else:
                out[p, 3 if mute else 1] += 1
        for k in range(5):
            out[p, k] /= used
    return out
