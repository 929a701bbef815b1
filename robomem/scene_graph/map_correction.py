"""What a corrected map does to the world above the belief: nodes, stays, surfaces, the occupancy grid and the cut into rooms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robomem.belief.correction import MapCorrection, move_tracks
from robomem.geometry import Float, inverse, transform, wrap_angle, yaw_of
from robomem.scene_graph.graph import Stay
from robomem.scene_graph.occupancy import OccupancyGrid

if TYPE_CHECKING:
    from robomem.scene_graph.world_model import WorldModel

BANDS = 4  # the grid's cells follow a growing error in this many steps


def correct(world: WorldModel, correction: MapCorrection) -> set[int]:
    """Move everything of a world that hangs on the wrong poses; the ids of the tracks that moved."""
    moved = set(move_tracks(world.tracker, correction))
    whole = correction.share(world.grid.start_ns) >= 1.0
    _move_nodes(world, correction, whole)
    for key, surface in world.surfaces.items():
        T = correction.at(_seen_ns(world, key))
        if T is not None:
            surface.spots = np.asarray(transform(T, surface.spots), np.float64)
    if whole and world.rooms.map is not None:
        old = world.rooms.map
        window = Window.around(old.labels.shape, old.origin, old.cell_m, correction.T_new_old)
        doors = [(a, b, transform(correction.T_new_old, (*xy, 0.0))[:2]) for a, b, xy in old.doors]
        labels = window.resample(old.labels, old.origin, correction.T_new_old, 0)
        world.rooms.map = replace(old, labels=labels, origin=window.origin, doors=doors)
    move_grid(world.grid, correction, whole)
    return moved


def _seen_ns(world: WorldModel, object_id: int) -> int:
    track = world.tracker.tracks.get(object_id)
    return track.last_seen_ns if track is not None else -1


def _move_nodes(world: WorldModel, correction: MapCorrection, whole: bool) -> None:
    graph, fixed = world.graph, (world.builder.building, world.builder.robot)
    for n in graph.all_nodes():
        if n.id in fixed:
            continue
        track = world.tracker.tracks.get(n.id)
        if track is not None:
            T = correction.at(track.last_seen_ns)
        elif n.layer in ("room", "place"):  # they are where the floor is
            T = correction.T_new_old if whole else None
        else:
            T = correction.at(n.to_ns if n.to_ns is not None else world.stamp_ns)
        if T is not None:
            position = transform(T, n.position)
            graph.put(replace(n, position=position, yaw_rad=float(wrap_angle(n.yaw_rad + yaw_of(T))) if n.layer != "room" else n.yaw_rad))
        if n.id in graph.stays:
            seen_ns = track.last_seen_ns if track is not None else None
            graph.stays[n.id] = [_moved_stay(s, correction, seen_ns) for s in graph.stays[n.id]]
            graph.touch(n.id)


def _moved_stay(stay: Stay, correction: MapCorrection, seen_ns: int | None) -> Stay:
    """A stay hangs on its last sighting: the track's own while it lasts, at the latest its end."""
    if stay.to_ns is None:
        anchor = stay.from_ns if seen_ns is None else seen_ns
    else:
        anchor = stay.to_ns if seen_ns is None else min(stay.to_ns, max(seen_ns, stay.from_ns))
    T = correction.at(anchor)
    return stay if T is None else replace(stay, position=transform(T, stay.position))


class Window:
    """A raster's new frame after a rigid motion: cells on whole multiples of their size from the old origin."""

    def __init__(self, origin: tuple[float, float], shape: tuple[int, int], cell_m: float) -> None:
        self.origin, self.shape, self.cell_m = origin, shape, cell_m

    @classmethod
    def around(cls, shape: tuple[int, ...], origin: tuple[float, float], cell_m: float, T: Float, keep: bool = False) -> Window:
        """The window that holds a moved raster (with `keep` also the unmoved one)."""
        rows, cols = shape[-2:]
        corners = np.array([[x, y, 0.0] for x in (0, cols) for y in (0, rows)]) * cell_m + (*origin, 0.0)
        moved = transform(T, corners)[:, :2]
        points = np.vstack([moved, corners[:, :2]]) if keep else moved
        step = round(1.0 / cell_m) * cell_m  # the grid grows by whole metres of its own cells
        low = [origin[i] + math.floor((float(points[:, i].min()) - origin[i]) / step + 1e-6) * step for i in (0, 1)]
        size = [math.ceil((float(points[:, i].max()) - low[i]) / step - 1e-6) * round(step / cell_m) for i in (0, 1)]
        return cls((float(low[0]), float(low[1])), (max(size[1], 1), max(size[0], 1)), cell_m)

    def sources(self, origin: tuple[float, float], T: Float, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """For every cell the old cell (Int64[rows, cols, 2] row, column) that its centre came from, and whether there is one."""
        rows, cols = np.mgrid[: self.shape[0], : self.shape[1]]
        centres = np.stack([(cols + 0.5) * self.cell_m + self.origin[0], (rows + 0.5) * self.cell_m + self.origin[1]], -1)
        back = inverse(planar(T))
        old = centres @ back[:2, :2].T + back[:2, 3]
        ij = np.floor((old - origin) / self.cell_m + 1e-9)[..., ::-1].astype(np.int64)
        inside = np.asarray(((ij >= 0) & (ij < shape)).all(-1))
        return np.where(inside[..., None], ij, 0), inside

    def resample(self, layer: NDArray[Any], origin: tuple[float, float], T: Float, fill: Any) -> NDArray[Any]:
        """A layer [..., rows, cols] in this window after moving by T, nearest cell; `fill` where nothing came from."""
        ij, inside = self.sources(origin, T, (layer.shape[-2], layer.shape[-1]))
        out = layer[..., ij[..., 0], ij[..., 1]]
        out[..., ~inside] = fill
        return out


def planar(T: Float) -> Float:
    """The part of a transform that a floor plan can follow: x, y and yaw."""
    out, yaw = np.eye(4), yaw_of(T)
    out[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    out[:2, 3] = T[:2, 3]
    return out


def move_grid(grid: OccupancyGrid, correction: MapCorrection, whole: bool) -> None:
    """Move the map of the floor: all of it, or the cells in which something was hit since the poses went wrong.

    Free space keeps no time, so under a partial correction it stays until it is looked at again. Where the old part and the moved part
    lie too far apart for one map, it starts over: `OccupancyGrid.refused["torn_apart"]`.
    """
    if not grid.crop():  # or turning there and back would leave a larger map every time
        return
    if whole:
        window = Window.around(grid.shape, grid.origin, grid.cell_m, correction.T_new_old)
        grid.rebase(window.origin, lambda layer, fill: window.resample(layer, grid.origin, correction.T_new_old, fill))
        return
    share = np.array([correction.share(s) for s in grid.hit_ns().ravel().tolist()]).reshape(grid.shape)
    share[~grid.touched()] = 0.0
    band = np.ceil(share * BANDS).astype(int)
    if not band.any():
        return
    window = Window.around(grid.shape, grid.origin, grid.cell_m, correction.T_new_old, keep=True)
    if not grid.fits(window.shape):
        grid.refused["torn_apart"] += 1
        grid.clear()
        return
    old = grid.origin
    span = correction.full_ns - correction.since_ns
    transforms = [correction.at(correction.since_ns + round(b / BANDS * span)) for b in range(BANDS + 1)]

    def moved(layer: NDArray[Any], fill: Any) -> NDArray[Any]:
        stays = layer.copy()
        stays[..., band > 0] = fill
        out = window.resample(stays, old, np.eye(4), fill)
        for b in np.unique(band[band > 0]).tolist():
            T = transforms[b] if transforms[b] is not None else np.eye(4)
            there = window.resample(band == b, old, T, False)
            out[..., there] = window.resample(layer, old, T, fill)[..., there]
        return out

    grid.rebase(window.origin, moved)
