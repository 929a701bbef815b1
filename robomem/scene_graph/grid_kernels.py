"""The compiled inner loops of the grid: depth to evidence, shortest distances, floods and lines of sight.

Plain arrays in and out, no state; `occupancy`, `rooms`, `places` and `planning.paths` give them meaning.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Heights (m) are cut into slabs so that a ray under a table top never erases the top. Every edge is a multiple of
# HEIGHT_STEP. The last obstacle slab and the one above it count as wall evidence; nothing above 1.9 m is used, or
# the lintel of a doorway (2.0 m) would close it.
EDGES = (0.10, 0.35, 0.60, 0.85, 1.05, 1.25, 1.60, 1.90)
SLABS = len(EDGES) - 1
OBSTACLE_SLABS = 6  # 0.10 .. 1.60 m: what a robot can hit
FIRST_TALL_SLAB = 5  # 1.25 .. 1.90 m: walls and very tall furniture
HEIGHT_STEP = 0.05
SLAB_OF_HEIGHT = (np.searchsorted(EDGES, (np.arange(38) + 0.5) * HEIGHT_STEP) - 1).astype(np.int8)  # -1 below the first

UNKNOWN, FREE, OCCUPIED = 0, 1, 2
NEAR_M = 2.5  # evidence from nearer than this counts double
HIT_NEAR, HIT_FAR, HIT_LONE, MISS_NEAR, MISS_FAR = 12, 6, 3, 4, 2  # log-odds in steps of about 0.1
LOG_MIN, LOG_MAX, LOG_OCCUPIED = -30, 40, 10
NO_LOW_CM = 255
SEEN_MAX, SEEN_FREE = 20, 2
NEVER_M = np.float32(99.0)
PASS_BELOW_M = 0.35  # a ray this low over a cell is evidence that one may stand there; higher, it may have passed over a bed


@njit(cache=True)
def depth_sigma(z: float) -> float:
    """Standard deviation (m) of a structured-light depth at range z, with a little for pose noise."""
    return 0.002 + 0.002 * z * z


@njit(cache=True)
def frame_bounds(depth, stride, fx, fy, cx, cy, T, max_z) -> tuple[float, float, float, float]:
    """Map-frame extent (x0, y0, x1, y1) of the camera and of all its rays cut at max_z."""
    x0 = x1 = T[0, 3]
    y0 = y1 = T[1, 3]
    for v in range(0, depth.shape[0], stride):
        b = (v - cy) / fy
        for u in range(0, depth.shape[1], stride):
            z = min(depth[v, u], max_z)
            if z <= 0.0:
                continue
            a = (u - cx) / fx
            x = T[0, 3] + z * (T[0, 0] * a + T[0, 1] * b + T[0, 2])
            y = T[1, 3] + z * (T[1, 0] * a + T[1, 1] * b + T[1, 2])
            x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    return x0, y0, x1, y1


@njit(cache=True)
def count_endpoints(depth, stride, fx, fy, cx, cy, T, max_z, x0, y0, cell, lut, hits, floor, near, low_cm, high_cm) -> None:
    """Count surface points per (slab, cell) and floor points per cell of a window; keep the nearest range and the heights they span."""
    for u in range(0, depth.shape[1], stride):
        a = (u - cx) / fx
        px, py, pz, before = 0.0, 0.0, 0.0, False
        for v in range(0, depth.shape[0], stride):
            z = depth[v, u]
            if z <= 0.0 or z > max_z:
                before = False
                continue
            b = (v - cy) / fy
            # push surfaces into what they bound: a wall face on a cell border otherwise fattens the wall and narrows doorways
            push = z + 0.01 + 0.5 * depth_sigma(z)
            x = T[0, 3] + push * (T[0, 0] * a + T[0, 1] * b + T[0, 2])
            y = T[1, 3] + push * (T[1, 0] * a + T[1, 1] * b + T[1, 2])
            height = T[2, 3] + z * (T[2, 0] * a + T[2, 1] * b + T[2, 2])
            n = 1
            if before and abs(height - pz) < 0.06:  # a table top or floor seen flat: fill in between the image rows
                gap = np.sqrt((x - px) ** 2 + (y - py) ** 2)
                n = int(gap / (0.7 * cell)) + 1 if gap < 0.25 else 1
            for k in range(n):
                at = k / n
                _count_point(x + (px - x) * at, y + (py - y) * at, height, z, x0, y0, cell, lut, hits, floor, near, low_cm, high_cm)
            px, py, pz, before = x, y, height, True


@njit(cache=True)
def _count_point(x, y, height, z, x0, y0, cell, lut, hits, floor, near, low_cm, high_cm) -> None:
    """Add one surface point to its cell; in between floor and obstacle it says nothing."""
    sigma = depth_sigma(z)
    # far floor wobbles by noise and by half a degree of pitch: the obstacle threshold rises with range
    low = max(0.10, 0.02 + 3.0 * sigma + 0.012 * z)
    if height < -low or (height >= 0.06 + sigma and height < low) or height >= 1.90:
        return
    i, j = int((y - y0) / cell), int((x - x0) / cell)
    if height < low:
        floor[i, j] += 1
        return
    s, cm = lut[int(height / HEIGHT_STEP)], int(height * 100)
    hits[s, i, j] += 1
    low_cm[s, i, j], high_cm[s, i, j] = min(int(low_cm[s, i, j]), cm), max(int(high_cm[s, i, j]), cm)
    near[i, j] = min(near[i, j], np.float32(z))


@njit(cache=True)
def carve(depth, du, dv, u_first, v_first, fx, fy, cx, cy, T, max_z, x0, y0, cell, lut, log, low_cm, high_cm, passed, low_pass) -> None:
    """Mark the (slab, cell) pairs that a subset of rays went through: 1 far from the camera, 2 near it.

    A ray just above or under something thin (a table top) does not speak against it: only heights where surface was seen count.
    """
    for v in range(v_first, depth.shape[0], dv):
        b = (v - cy) / fy
        for u in range(u_first, depth.shape[1], du):
            z = min(depth[v, u], max_z)
            z_end = z - 0.05 - 2.0 * depth_sigma(z)
            if z_end <= 0.1:
                continue
            a = (u - cx) / fx
            dx = T[0, 0] * a + T[0, 1] * b + T[0, 2]
            dy = T[1, 0] * a + T[1, 1] * b + T[1, 2]
            dz = T[2, 0] * a + T[2, 1] * b + T[2, 2]
            step = cell / max(np.sqrt(dx * dx + dy * dy), 0.2)
            t = step
            while t < z_end:
                height = T[2, 3] + t * dz
                if height < 0.10:
                    break
                if height < 1.90:
                    i = int((T[1, 3] + t * dy - y0) / cell)
                    j = int((T[0, 3] + t * dx - x0) / cell)
                    weight = 2 if t < NEAR_M else 1
                    s = lut[int(height / HEIGHT_STEP)]
                    cm = int(height * 100)
                    beside = log[s, i, j] > 0 and (cm < low_cm[s, i, j] or cm > high_cm[s, i, j])
                    if passed[s, i, j] < weight and not beside:
                        passed[s, i, j] = weight
                    if height < PASS_BELOW_M:
                        low_pass[i, j] = 1
                t += step


@njit(cache=True)
def fold_in(hits, floor, near, passed, low_pass, now_s, log, low_cm, high_cm, seen, nearest, first_hit, last_hit, transient, state) -> None:
    """Fold one frame's window of evidence into the map's layers and refresh the state there."""
    for i in range(state.shape[0]):
        for j in range(state.shape[1]):
            was = state[i, j] == OCCUPIED
            top, any_hit = -128, False
            for s in range(SLABS):
                value = int(log[s, i, j])
                far = near[i, j] >= NEAR_M
                if hits[s, i, j] >= 2 or (hits[s, i, j] == 1 and far):  # near by, a lone point is a flying pixel at a depth edge
                    gain = (HIT_FAR if hits[s, i, j] >= 2 else HIT_LONE) if far else HIT_NEAR
                    if value < -MISS_NEAR:  # known empty until now: on probation, see `OccupancyGrid.expire`
                        transient[i, j] |= 1 << s
                    value = min(max(value, -2) + gain, LOG_MAX)
                    any_hit = True
                elif passed[s, i, j] > 0 and hits[s, i, j] == 0:
                    value = max(value - (MISS_NEAR if passed[s, i, j] == 2 else MISS_FAR), LOG_MIN)
                log[s, i, j] = value
                if value <= 0:
                    low_cm[s, i, j], high_cm[s, i, j] = NO_LOW_CM, 0
                if s < OBSTACLE_SLABS:
                    top = max(top, value)
            if any_hit:
                if not was:
                    first_hit[i, j] = now_s
                last_hit[i, j] = now_s
                nearest[i, j] = min(nearest[i, j], near[i, j])
            if floor[i, j] > 0 or low_pass[i, j] > 0:
                seen[i, j] = min(int(seen[i, j]) + (2 if floor[i, j] > 0 else 0) + (1 if low_pass[i, j] > 0 else 0), SEEN_MAX)
            state[i, j] = OCCUPIED if top >= LOG_OCCUPIED else (FREE if seen[i, j] >= SEEN_FREE else UNKNOWN)


@njit(cache=True)
def shortest(cost, sources, goal_i, goal_j, cell) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Least cost from sources Int64[n, 2] over an 8-connected grid; A* when a goal is given, Dijkstra with goal_i = -1.

    cost: Float32[rows, cols] price per metre (>= 1), inf = closed. Sources are entered even where closed.
    Returns Float32[rows, cols] cost so far (inf = not reached) and Int32[rows, cols] flat parent (-1 = source).
    """
    rows, cols = cost.shape
    dist = np.full((rows, cols), np.inf, np.float32)
    parent = np.full((rows, cols), -1, np.int32)
    done = np.zeros((rows, cols), np.bool_)
    heap = [(np.float32(0.0), np.int64(-1))]
    heap.pop()
    for k in range(sources.shape[0]):
        dist[sources[k, 0], sources[k, 1]] = 0.0
        heapq.heappush(heap, (np.float32(0.0), np.int64(sources[k, 0] * cols + sources[k, 1])))
    while len(heap) > 0:
        _, flat = heapq.heappop(heap)
        i, j = flat // cols, flat % cols
        if done[i, j]:
            continue
        done[i, j] = True
        if i == goal_i and j == goal_j:
            break
        here = cost[i, j] if np.isfinite(cost[i, j]) else np.float32(1.0)
        for di in range(-1, 2):
            for dj in range(-1, 2):
                a, b = i + di, j + dj
                if (di == 0 and dj == 0) or a < 0 or b < 0 or a >= rows or b >= cols or done[a, b] or not np.isfinite(cost[a, b]):
                    continue
                length = cell * (1.41421356 if di != 0 and dj != 0 else 1.0)
                new = np.float32(dist[i, j] + 0.5 * length * (here + cost[a, b]))
                if new < dist[a, b]:
                    dist[a, b], parent[a, b] = new, flat
                    guess = 0.0 if goal_i < 0 else cell * np.sqrt((a - goal_i) ** 2 + (b - goal_j) ** 2)
                    heapq.heappush(heap, (np.float32(new + guess), np.int64(a * cols + b)))
    return dist, parent


@njit(cache=True)
def flood(labels, height, inside) -> None:
    """Grow labels Int32[rows, cols] (0 = none) over `inside`, highest `height` first: boundaries fall on the saddles."""
    rows, cols = labels.shape
    order = np.int64(0)
    heap = [(np.float32(0.0), order, np.int64(0))]
    heap.pop()
    for i in range(rows):
        for j in range(cols):
            if labels[i, j] > 0:
                heapq.heappush(heap, (np.float32(-height[i, j]), order, np.int64(i * cols + j)))
                order += 1
    while len(heap) > 0:
        _, _, flat = heapq.heappop(heap)
        i, j = flat // cols, flat % cols
        for k in range(4):
            a, b = i + (1, -1, 0, 0)[k], j + (0, 0, 1, -1)[k]
            if 0 <= a < rows and 0 <= b < cols and labels[a, b] == 0 and inside[a, b]:
                labels[a, b] = labels[i, j]
                heapq.heappush(heap, (np.float32(-height[a, b]), order, np.int64(a * cols + b)))
                order += 1


@njit(cache=True)
def least_along(field, i0, j0, i1, j1) -> np.float32:
    """Smallest value of a field Float32[rows, cols] along the straight line between two (fractional) cells; -1 off the grid."""
    n = int(2.0 * max(abs(i1 - i0), abs(j1 - j0))) + 1
    least = np.float32(np.inf)
    for k in range(n + 1):
        i, j = int(np.floor(i0 + (i1 - i0) * k / n + 0.5)), int(np.floor(j0 + (j1 - j0) * k / n + 0.5))
        if i < 0 or j < 0 or i >= field.shape[0] or j >= field.shape[1]:
            return np.float32(-1.0)
        least = min(least, field[i, j])
    return least


@njit(cache=True)
def unknown_in_sight(state, i0, j0, cell, reach_m) -> float:
    """Unknown area (m^2) within reach of a cell and not behind occupied cells, by 90 rays over the floor."""
    area = 0.0
    for k in range(90):
        angle = 2.0 * np.pi * k / 90
        r = cell
        while r < reach_m:
            i, j = int(np.floor(i0 + np.sin(angle) * r / cell + 0.5)), int(np.floor(j0 + np.cos(angle) * r / cell + 0.5))
            known = UNKNOWN if i < 0 or j < 0 or i >= state.shape[0] or j >= state.shape[1] else state[i, j]
            if known == OCCUPIED:
                break
            if known == UNKNOWN:
                area += r * cell * 2.0 * np.pi / 90
            r += cell
    return area


@njit(cache=True)
def sees(log, cells, eye_z, target_i, target_j, target_z, cell, skip, skip_tall, lut) -> NDArray[np.bool_]:
    """Which cells Int64[n, 2] see a point: Bool[n]. The last `skip` m (`skip_tall` for wall evidence) before it are not looked at."""
    out = np.zeros(cells.shape[0], np.bool_)
    rows, cols = log.shape[1], log.shape[2]
    for k in range(cells.shape[0]):
        di, dj = target_i - cells[k, 0], target_j - cells[k, 1]
        length = cell * np.sqrt(di * di + dj * dj)
        n = int(length / (0.5 * cell)) + 1
        clear = True
        for q in range(1, n):
            left = length * (1.0 - q / n)
            if left <= min(skip, skip_tall):
                break
            i, j = int(np.floor(cells[k, 0] + di * q / n + 0.5)), int(np.floor(cells[k, 1] + dj * q / n + 0.5))
            height = eye_z + (target_z - eye_z) * q / n
            if i < 0 or j < 0 or i >= rows or j >= cols or height < 0.10 or height >= 1.90:
                continue
            blocked = left > skip and log[lut[int(height / HEIGHT_STEP)], i, j] >= LOG_OCCUPIED
            if left > skip_tall and (log[FIRST_TALL_SLAB, i, j] >= LOG_OCCUPIED or log[FIRST_TALL_SLAB + 1, i, j] >= LOG_OCCUPIED):
                blocked = True  # a wall hides what is behind it at every height, also where its foot was never seen
            if blocked:
                clear = False
                break
        out[k] = clear
    return out
