"""Rivals that follow a rule: last seen, three misses, clear depth, voxels seen through. Written from their descriptions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.rivals_base import RANGE_M, Camera, Item, ItemMap, Seen
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations

CLEAR_SHARE = 0.7  # of an item's samples that must be seen through before an image counts as a clear view of nothing


class LastSeen(ItemMap):
    """Last-seen map, as in KARMA (Wang et al. 2024) and most scene-graph memories: a thing is where it was last seen, for ever."""

    name = "last seen"


class ThreeMisses(ItemMap):
    """Any-three-misses deletion: what should be in the image and is not detected three times in a row is deleted.

    Args:
        occlusion: expect nothing of a thing with something in front of it (by depth).
    """

    name = "3 misses"
    MISSES = 3

    def __init__(self, gate_m: float = 0.3, min_hits: int = 2, blend: float = 1.0, occlusion: bool = True) -> None:
        super().__init__(gate_m, min_hits, blend)
        self.occlusion = occlusion

    def _unseen(self, items: list[Item], view: Seen, healthy: bool, detector_ran: bool) -> None:
        if not detector_ran:
            return
        for k, item in enumerate(items):
            if item.kind == "object" and view.in_view[k] and not (self.occlusion and view.occluded[k] > 0.3):
                item.misses += 1
                if item.misses >= self.MISSES:
                    self._drop(item)


class ClearDepth(ItemMap):
    """Clear-depth rule: absent after so many healthy images, without a sighting between, that show clear space where it stood.

    Args:
        frames: images it takes.  margin_m: how far beyond a sample the measured depth must be.
    """

    name = "clear depth"

    def __init__(self, gate_m: float = 0.3, min_hits: int = 2, blend: float = 1.0, frames: int = 3, margin_m: float = 0.05) -> None:
        super().__init__(gate_m, min_hits, blend)
        self.frames, self.margin_m = frames, margin_m

    def _margin(self) -> float:
        return self.margin_m

    def _unseen(self, items: list[Item], view: Seen, healthy: bool, detector_ran: bool) -> None:
        if not healthy:
            return
        for k, item in enumerate(items):
            if item.kind != "object" or not view.in_view[k]:
                continue
            if view.empty[k] >= CLEAR_SHARE:
                item.misses += 1
                if item.misses >= self.frames:
                    self._drop(item)
            elif view.supported[k] >= CLEAR_SHARE:
                item.misses = 0


class SeenThrough(ItemMap):
    """Voxel removal by seen-through, as in DynaMem (Liu et al. 2024): voxels that a newer depth image looks through are taken out.

    A thing lives while enough of the voxels its sightings put in are left.

    Args:
        voxel_m: edge.  margin_m: how far beyond a voxel the depth must be.  share: of its voxels that must be left.
    """

    name = "voxels seen through"

    def __init__(
        self, gate_m: float = 0.3, min_hits: int = 2, blend: float = 1.0, voxel_m: float = 0.03, margin_m: float = 0.05, share: float = 0.3
    ) -> None:
        super().__init__(gate_m, min_hits, blend)
        self.voxel_m, self.margin_m, self.share = voxel_m, margin_m, share
        self._voxels: dict[int, NDArray[np.int64]] = {}  # item -> its voxels, Int64[k, 3]
        self._had: dict[int, int] = {}

    def _hit(self, item: Item, obs: Observations, j: int) -> None:
        super()._hit(item, obs, j)
        self._put(item, obs, j)

    def _born(self, obs: Observations, j: int, kind: str) -> Item:
        item = super()._born(obs, j, kind)
        self._put(item, obs, j)
        return item

    def _put(self, item: Item, obs: Observations, j: int) -> None:
        if item.kind != "object":
            return
        cloud = obs.points[j] if len(obs.points[j]) else obs.positions[j][None]
        new = np.unique(np.floor(np.asarray(cloud, float) / self.voxel_m).astype(np.int64), axis=0)
        old = self._voxels.get(item.id, np.zeros((0, 3), np.int64))
        near = np.linalg.norm((old + 0.5) * self.voxel_m - item.position, axis=1) < 0.1 + float(np.max(item.size))
        self._voxels[item.id] = np.unique(np.concatenate([old[near], new]), axis=0)
        self._had[item.id] = len(self._voxels[item.id])

    def _after(self, frame: RgbdFrame, camera: Camera) -> None:
        ids = [i for i in self._voxels if i in self.items and self.items[i].last_ns < frame.stamp_ns]
        if ids and camera.healthy:
            cells = np.concatenate([self._voxels[i] for i in ids])
            z, d, inside = camera.measure((cells.astype(np.float64) + 0.5) * self.voxel_m)
            through = inside & (d > z + self.margin_m) & (z < RANGE_M)
            start = 0
            for i in ids:
                n = len(self._voxels[i])
                self._voxels[i] = self._voxels[i][~through[start : start + n]]
                start += n
                if len(self._voxels[i]) <= self.share * self._had[i]:
                    self._drop(self.items[i])

    def _drop(self, item: Item) -> None:
        super()._drop(item)
        self._voxels.pop(item.id, None)
