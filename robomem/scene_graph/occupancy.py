"""OccupancyGrid: where a robot can stand, where it cannot, and what nobody has seen, from depth images.

A cell keeps log-odds in seven height slabs instead of one number, so that a ray that passes under a table top does not erase
the table, and walls (seen above 1.25 m) can be told from furniture.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph import grid_kernels as kernels
from robomem.scene_graph.grid_ops import distance
from robomem.scene_graph.grid_tiles import never_seen, pack_tiles, unpack_tiles

LOG = logging.getLogger("robomem.scene_graph")
WORLD_M = 1e6  # no robot's map reaches further from its origin; beyond, a cell's number would lose its meaning
State = Literal["free", "occupied", "unknown"]
_STATES: tuple[State, ...] = ("unknown", "free", "occupied")
_SLAB_LAYERS = ("log", "low_cm", "high_cm")  # evidence, and between which heights surface was seen, per slab
_FILL = {"nearest": kernels.NEVER_M, "low_cm": kernels.NO_LOW_CM}
_LAYERS = {
    "log": np.int8,
    "low_cm": np.uint8,
    "high_cm": np.uint8,
    "seen": np.int8,
    "nearest": np.float32,
    "first_hit": np.float32,
    "last_hit": np.float32,
    "transient": np.uint8,
    "state": np.uint8,
}

_READ = ("log", "seen", "nearest", "state")  # what whoever plans reads; the rest is for whoever goes on seeing


class OccupancyGrid:
    """A 2-D map of a floor at z = 0 that grows as it is seen.

    Rows run along y, columns along x; cell [i, j] covers origin + cell_m * ([j, j+1], [i, i+1]).

    Args:
        cell_m: cell size, m.
        max_range_m: depth beyond makes no obstacle (noise grows with range) and carves no free space.
        max_side_m: a camera so far off that the map would be longer than this is refused with an error.
        forget_s: something briefly seen in known empty space (a person walking by) is dropped after this long unseen.
        max_m2: the area (of the rectangle around all that was seen) beyond which the map does not grow; 1 m^2 takes 14 kB at 5 cm.

    Attributes:
        refused: why frames were not taken into the map, counted.
    """

    def __init__(
        self, cell_m: float = 0.05, max_range_m: float = 4.5, max_side_m: float = 150.0, forget_s: float = 30.0, max_m2: float = 6400.0
    ) -> None:
        if not 0.01 <= cell_m <= 0.5:
            raise InvalidInputError(f"occupancy grid: cell_m must be in 0.01..0.5 m, got {cell_m}")
        self.cell_m, self.max_range_m, self.forget_s = float(cell_m), float(max_range_m), float(forget_s)
        self.max_side_m, self.max_m2 = float(max_side_m), float(max_m2)
        self.refused: Counter[str] = Counter()
        self._refused_in_row = 0
        self.origin: tuple[float, float] = (0.0, 0.0)
        self.updates = 0
        self.version = 0  # rises with whatever changes a cell or its place: what was made of one version holds for it
        self._start_ns: int | None = None
        self._now_s = 0.0
        self._expired_s = 0.0
        self._marked: NDArray[np.bool_] | None = np.zeros((0, 0), np.bool_)  # square metres written to; None: any may have been
        self._layers: dict[str, NDArray[Any]] = {
            name: np.zeros((kernels.SLABS, 0, 0) if name in _SLAB_LAYERS else (0, 0), dtype) for name, dtype in _LAYERS.items()
        }

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self._layers["state"].shape
        return rows, cols

    @property
    def free(self) -> NDArray[np.bool_]:
        """Bool[rows, cols]: floor seen or rays passed low over it, and nothing stands there."""
        return self._layers["state"] == kernels.FREE

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """Bool[rows, cols]: something between 0.10 and 1.60 m above the floor, or over it like a table top."""
        return self._layers["state"] == kernels.OCCUPIED

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Bool[rows, cols]: never seen well enough to say."""
        return self._layers["state"] == kernels.UNKNOWN

    @property
    def tall(self) -> NDArray[np.bool_]:
        """Bool[rows, cols]: something reaches 1.25 m or higher: walls, and furniture as high as a wall cabinet."""
        return np.any(self._layers["log"][kernels.FIRST_TALL_SLAB :] >= kernels.LOG_OCCUPIED, axis=0)

    @property
    def slabs(self) -> NDArray[np.int8]:
        """Int8[7, rows, cols] log-odds (steps of 0.1) per height slab; read only."""
        view = self._layers["log"].view()
        view.flags.writeable = False
        return view

    @property
    def nearest_view_m(self) -> NDArray[np.float32]:
        """Float32[rows, cols]: the least depth (m) at which a surface in the cell was ever seen; 99 = never."""
        return self._layers["nearest"]

    def to_cell(self, xy: ArrayLike) -> NDArray[np.int64]:
        """Int64[..., 2] (row, column) of points Float[..., 2] (m, map frame); may lie off the grid."""
        p = (np.asarray(xy, np.float64)[..., :2] - self.origin) / self.cell_m
        return np.floor(p[..., ::-1] + 1e-9).astype(np.int64)

    def to_xy(self, ij: ArrayLike) -> NDArray[np.float64]:
        """Float64[..., 2] centre (m, map frame) of cells Int[..., 2] (row, column)."""
        return (np.asarray(ij, np.float64)[..., ::-1] + 0.5) * self.cell_m + self.origin

    def contains(self, ij: ArrayLike) -> NDArray[np.bool_]:
        """Bool[...]: which cells (row, column) lie on the grid."""
        cells = np.asarray(ij)
        return np.asarray(((cells >= 0) & (cells < self.shape)).all(axis=-1))

    def state(self, x: float, y: float) -> State:
        """What is known of a point (m, map frame); off the grid is unknown."""
        cell = self.to_cell((x, y))
        return _STATES[int(self._layers["state"][cell[0], cell[1]])] if self.contains(cell) else "unknown"

    def admit(self, frame: RgbdFrame) -> None:
        """Refuse a frame whose camera stands so far from the map that the pose must be wrong; nothing is changed then.

        Where most frames are is right: a map that began at a wild pose starts over after more frames elsewhere than it was made of.

        Raises:
            InvalidInputError: the map would exceed `max_side_m`, or the pose is no place at all.
        """
        x, y = float(frame.T_map_camera[0, 3]), float(frame.T_map_camera[1, 3])
        if not (abs(x) <= WORLD_M and abs(y) <= WORLD_M):
            self.refused["no_place"] += 1
            raise InvalidInputError(f"{frame.camera}: frame at ({x:.3g}, {y:.3g}) m; is the pose in the map frame and in metres?")
        length = self._side_with((x, y, x, y))
        if length <= self.max_side_m:
            return
        if self._refused_in_row >= self.updates:
            LOG.warning("%s: the map of the floor starts over at (%.0f, %.0f) m: most frames are there", frame.camera, x, y)
            self.refused["started_over"] += 1
            self.clear()
            return
        self._refused_in_row += 1
        self.refused["too_far"] += 1
        raise InvalidInputError(
            f"{frame.camera}: frame at ({x:.0f}, {y:.0f}) m would make the map {length:.0f} m long, "
            f"limit {self.max_side_m:.0f} m; is the pose in the map frame and in metres?"
        )

    def update(self, frame: RgbdFrame, ignore: NDArray[np.bool_] | None = None) -> bool:
        """Fold one depth image in.

        Args:
            frame: depth and pose in the map frame.
            ignore: Bool[h, w] pixels to leave out, e.g. masks of people.

        Returns:
            False if the map would exceed its area: nothing is changed, `refused["map_full"]` counts it.

        Raises:
            InvalidInputError: see `admit`.

        Cost: about 2 ms at 320x240 and little more at 640x480, since pixels are subsampled to some 160 columns.
        """
        self.admit(frame)
        k, T = frame.intrinsics, np.ascontiguousarray(frame.T_map_camera)
        depth = np.where(ignore, np.float32(0), frame.depth_m) if ignore is not None else frame.depth_m
        camera = (float(k.fx), float(k.fy), float(k.cx), float(k.cy), T, self.max_range_m)
        stride = max(1, round(k.width / 160))
        bounds = kernels.frame_bounds(depth, stride, *camera)
        if not self._grow(bounds, frame.camera):
            return False
        window, corner = self._window(bounds)
        rows, cols = window[0].stop - window[0].start, window[1].stop - window[1].start
        hits, floor = np.zeros((kernels.SLABS, rows, cols), np.uint16), np.zeros((rows, cols), np.uint16)
        near = np.full((rows, cols), kernels.NEVER_M)
        place = (corner[0], corner[1], self.cell_m, kernels.SLAB_OF_HEIGHT)
        log, low_cm, high_cm = (self._layers[name][(..., *window)] for name in _SLAB_LAYERS)
        kernels.count_endpoints(depth, stride, *camera, *place, hits, floor, near, low_cm, high_cm)
        passed, low_pass = np.zeros((kernels.SLABS, rows, cols), np.uint8), np.zeros((rows, cols), np.uint8)
        du, dv = 2 * stride, 3 * stride  # rays for free space; the offsets differ from frame to frame to fill the gaps between columns
        first = ((self.updates * stride) % du, (self.updates * stride) % dv)
        kernels.carve(depth, du, dv, *first, *camera, *place, log, low_cm, high_cm, passed, low_pass)
        self._tick(frame.stamp_ns)
        layers = [self._layers[name][(..., *window)] for name in _LAYERS]
        kernels.fold_in(hits, floor, near, passed, low_pass, np.float32(self._now_s), *layers)
        self._mark(window)
        self.updates += 1
        self._refused_in_row = 0
        if self._now_s - self._expired_s >= 5.0:
            self.expire(frame.stamp_ns)
        return True

    def mark_free(self, xy: ArrayLike, radius_m: float) -> None:
        """Note that a robot stands at xy (m): unknown cells of its disc are free. Cells held for occupied stay so.

        A place that the map may not grow to is counted in `refused`.
        """
        x, y = (float(v) for v in np.asarray(xy, float)[:2])
        bounds = (x - radius_m, y - radius_m, x + radius_m, y + radius_m)
        if not (abs(x) <= WORLD_M and abs(y) <= WORLD_M) or not self._grow(bounds, "robot footprint"):
            return
        window, _ = self._window(bounds)
        self._mark(window)
        state, seen = self._layers["state"][window], self._layers["seen"][window]
        rows, cols = np.mgrid[window]
        centres = self.to_xy(np.stack([rows, cols], axis=-1))
        disc = (np.hypot(centres[..., 0] - x, centres[..., 1] - y) <= radius_m) & (state == kernels.UNKNOWN)
        state[disc], seen[disc] = kernels.FREE, kernels.SEEN_FREE

    def expire(self, now_ns: int) -> int:
        """Drop what was seen only briefly in space known to be empty and not since; returns the number of cells freed."""
        self._tick(now_ns)
        self._expired_s = self._now_s
        log, transient, state = self._layers["log"], self._layers["transient"], self._layers["state"]
        at = np.argwhere(transient)  # few cells of many: nothing else is looked at
        last, first = (self._layers[name][at[:, 0], at[:, 1]] for name in ("last_hit", "first_hit"))
        due = self._now_s - last > self.forget_s
        brief = at[due & (last - first < self.forget_s / 3)]
        i, j = brief[:, 0], brief[:, 1]
        for s in range(kernels.SLABS):
            hit = (transient[i, j] >> s) & 1 == 1
            log[s, i[hit], j[hit]] = -kernels.MISS_NEAR
        transient[at[due, 0], at[due, 1]] = 0
        empty = log[: kernels.OBSTACLE_SLABS, i, j].max(axis=0, initial=-128) < kernels.LOG_OCCUPIED
        gone = (state[i, j] == kernels.OCCUPIED) & empty
        i, j = i[gone], j[gone]
        state[i, j] = np.where(self._layers["seen"][i, j] >= kernels.SEEN_FREE, kernels.FREE, kernels.UNKNOWN)
        self.version += 1
        return len(i)

    # -- what a corrected map needs

    @property
    def start_ns(self) -> int:
        """Stamp of the first frame, 0 before it."""
        return self._start_ns or 0

    def hit_ns(self) -> NDArray[np.int64]:
        """Int64[rows, cols]: when a surface was last measured in each cell (meaningless where `touched` is False)."""
        return self.start_ns + (self._layers["last_hit"].astype(np.float64) * 1e9).astype(np.int64)

    def touched(self) -> NDArray[np.bool_]:
        """Bool[rows, cols]: cells in which a surface above the floor was measured."""
        return np.asarray((self._layers["log"] > 0).any(axis=0))

    def crop(self) -> bool:
        """Give back rows and columns at the border that nothing was ever seen of, by whole metres; False for an empty map."""
        known = (self._layers["log"] != 0).any(axis=0) | (self._layers["seen"] != 0) | (self._layers["state"] != 0)
        if not known.any():
            return False
        step = round(1.0 / self.cell_m)
        spans = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
        (r0, r1), (c0, c1) = ((int(v[0]) // step * step, -(-(int(v[-1]) + 1) // step) * step) for v in spans)
        origin = (self.origin[0] + c0 * self.cell_m, self.origin[1] + r0 * self.cell_m)
        self.rebase(origin, lambda layer, _: layer[..., r0:r1, c0:c1].copy())
        return True

    def clear(self) -> None:
        """Forget every cell; the clock and the counters go on."""
        self.updates = 0
        self._refused_in_row = 0
        self.rebase((0.0, 0.0), lambda layer, _: layer[..., :0, :0].copy())

    def rebase(self, origin: tuple[float, float], moved: Callable[[NDArray[Any], Any], NDArray[Any]]) -> None:
        """Replace every layer by `moved(layer, value of an unseen cell)` under a new origin (m)."""
        self._layers = {name: moved(layer, _FILL.get(name, 0)) for name, layer in self._layers.items()}
        self.origin, self._marked = origin, None
        self.version += 1

    def set_clock(self, stamp_ns: int) -> None:
        """The clock was set: the grid's own seconds go on from where they are."""
        if self._start_ns is not None:
            self._start_ns = int(stamp_ns) - round(self._now_s * 1e9)

    def snapshot(self, to_read: bool = False) -> dict[str, NDArray[Any]]:
        """Everything needed to go on later, as arrays of plain dtypes: the square metres of which something is known.

        Args:
            to_read: only the layers that a planner reads, a third of the bytes; a grid of it does not go on seeing.
        """
        side = round(1.0 / self.cell_m)
        part = to_read and self._marked is not None  # else all layers have to be looked at: then all are told
        out = pack_tiles({n: self._layers[n] for n in _READ} if part else self._layers, _FILL, side, self._marked)
        if self._marked is None:  # all was looked at: not again the next time
            self._marked = np.zeros([-(-n // side) for n in self.shape], np.bool_)
            self._marked[tuple(out["tiles"].T)] = True
        limits = (self.max_range_m, self.max_side_m, self.forget_s, self._now_s, self._expired_s, self.max_m2)
        out["frame"] = np.array([self.cell_m, *self.origin, *limits])
        out["counters"] = np.array([self.updates, -1 if self._start_ns is None else self._start_ns], np.int64)
        return out

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> OccupancyGrid:
        """The grid of a `snapshot()`.

        Raises:
            InvalidInputError: arrays are missing or their shapes disagree.
        """
        to_read = "tiles" in arrays and not any(name in arrays for name in set(_LAYERS) - set(_READ))
        missing = [name for name in (*(_READ if to_read else _LAYERS), "frame", "counters") if name not in arrays]
        try:  # snapshots of before hold the layers whole
            wanted = {n: _LAYERS[n] for n in (_READ if to_read else _LAYERS)}
            layers = unpack_tiles(arrays, wanted, _FILL) if "tiles" in arrays else {n: np.array(arrays[n], d) for n, d in wanted.items()}
        except (KeyError, ValueError) as error:
            raise InvalidInputError(f"occupancy grid: not a snapshot: {error}; was it written by robomem?") from None
        if to_read:
            layers |= never_seen(layers["log"].shape, {n: d for n, d in _LAYERS.items() if n not in _READ}, _FILL, _SLAB_LAYERS)
        shapes = {layer.shape[-2:] for layer in layers.values()}
        if missing or len(shapes) != 1 or any(layers[name].shape[:1] != (kernels.SLABS,) for name in _SLAB_LAYERS):
            raise InvalidInputError(
                f"occupancy grid: not a snapshot: missing {missing}, layer shapes {sorted(shapes)}; was it written by robomem?"
            )
        frame, counters = np.asarray(arrays["frame"], float), np.asarray(arrays["counters"], np.int64)
        grid = cls(*(float(frame[i]) for i in (0, 3, 4, 5, *range(8, len(frame)))))  # snapshots of before have no ninth
        grid.origin = (float(frame[1]), float(frame[2]))
        grid._now_s, grid._expired_s = float(frame[6]), float(frame[7])
        grid.updates, grid._start_ns = int(counters[0]), None if counters[1] < 0 else int(counters[1])
        grid._layers, grid._marked = layers, None
        return grid

    def _tick(self, stamp_ns: int) -> None:
        """Advance the grid's own seconds (float32 layers would not hold absolute nanoseconds); a stamp that goes back stands still."""
        if self._start_ns is None:
            self._start_ns = int(stamp_ns)
        self._now_s = max(self._now_s, (int(stamp_ns) - self._start_ns) * 1e-9)

    def _mark(self, window: tuple[slice, slice]) -> None:
        self.version += 1
        if self._marked is not None:
            side = round(1.0 / self.cell_m)
            rows, cols = (slice(max(s.start, 0) // side, -(-s.stop // side)) for s in window)
            self._marked[rows, cols] = True

    def _window(self, bounds: tuple[float, float, float, float]) -> tuple[tuple[slice, slice], tuple[float, float]]:
        """Slices of the cells that cover bounds plus one cell around, and the corner (x, y) of the first."""
        low, high = self.to_cell(bounds[:2]) - 1, self.to_cell(bounds[2:]) + 2
        corner = self.to_xy(low) - self.cell_m / 2
        return (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))), (float(corner[0]), float(corner[1]))

    def _side_with(self, bounds: tuple[float, float, float, float]) -> float:
        """Length (m) of the longer side if the map also held bounds (m)."""
        rows, cols = self.shape
        if rows == 0:
            return max(bounds[2] - bounds[0], bounds[3] - bounds[1])
        low, high = self.to_cell(bounds[:2]), self.to_cell(bounds[2:])
        size = np.maximum(high + 1, (rows, cols)) - np.minimum(low, 0)
        return float(size.max()) * self.cell_m

    def _grow(self, bounds: tuple[float, float, float, float], who: str) -> bool:
        """Make the layers cover bounds (m) plus two cells, in steps of a metre; False (and as before) if that is more than it may hold."""
        rows, cols = self.shape
        origin = self.origin if rows else (float(np.floor(bounds[0])), float(np.floor(bounds[1])))
        step = round(1.0 / self.cell_m)
        low = np.floor((np.array(bounds[1::-1]) - origin[::-1]) / self.cell_m + 1e-9).astype(np.int64) - 2
        high = np.floor((np.array(bounds[:1:-1]) - origin[::-1]) / self.cell_m + 1e-9).astype(np.int64) + 3
        before = [max(0, -(int(v) // step)) * step for v in np.minimum(low, 0)]
        after = [max(0, -((n - int(v)) // step)) * step for v, n in zip(high, (rows, cols), strict=True)]
        if not (any(before) or any(after)):
            return True
        new = (rows + before[0] + after[0], cols + before[1] + after[1])
        if not self.fits(new):
            if not self.refused["map_full"]:
                LOG.warning(
                    "%s: with (%.0f, %.0f) m the map of the floor would be %.0f x %.0f m, limit %.0f m^2 and %.0f m; what lies there "
                    "is not mapped (graph.grid_max_m2, graph.grid_max_side_m). Further ones are counted",
                    *(who, bounds[0], bounds[1], new[1] * self.cell_m, new[0] * self.cell_m, self.max_m2, self.max_side_m),
                )
            self.refused["map_full"] += 1
            return False
        pad = ((before[0], after[0]), (before[1], after[1]))
        for name, layer in self._layers.items():
            self._layers[name] = np.pad(layer, ((0, 0), *pad) if name in _SLAB_LAYERS else pad, constant_values=_FILL.get(name, 0))
        if self._marked is not None:
            self._marked = np.pad(self._marked, [(a // step, b // step) for a, b in pad])
        self.origin = (origin[0] - before[1] * self.cell_m, origin[1] - before[0] * self.cell_m)
        return True

    def fits(self, shape: tuple[int, int]) -> bool:
        """True if a map of so many rows and columns is within the limits of side and area."""
        return max(shape) * self.cell_m <= self.max_side_m and shape[0] * shape[1] * self.cell_m**2 <= self.max_m2


def clearance(grid: OccupancyGrid) -> NDArray[np.float32]:
    """Float32[rows, cols]: distance (m) from each cell's centre to the edge of the nearest occupied cell; 0 in it."""
    return np.maximum(distance(grid.occupied, grid.cell_m) - np.float32(grid.cell_m / 2), np.float32(0.0))
