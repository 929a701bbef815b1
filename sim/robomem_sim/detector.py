"""NoisyDetector: turns a perfect segmentation into what a real detector would say, with correlated misses, confusions and false alarms.

Everything random is keyed by the seed, the object's own name and the viewpoint, never by a simulator id or by the order of drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robomem.geometry import box_corners, inverse, transform, yaw_matrix
from robomem.perception.frame import Intrinsics
from robomem.types import Detections
from robomem_sim.camera import Image
from robomem_sim.detector_model import DetectorModel, load_detector_model
from robomem_sim.keyed import keyed_generator, keyed_normal, normal_cdf
from robomem_sim.meshes import hull_area
from robomem_sim.world import OPEN_ENOUGH, World

_ERODE_FROM_PX = 150


@dataclass(frozen=True)
class Sight:
    """Truth about one entity in one image (for the detector and the evaluator).

    Attributes:
        pixels: own pixels.
        visible: share of its outline in the image that nothing covers, 0..1.
        distance_m: from the camera to the box centre.
    """

    name: str
    pixels: int
    visible: float
    distance_m: float


@dataclass(frozen=True)
class _Row:
    label: str
    score: float
    box: tuple[float, float, float, float]
    mask: NDArray[np.bool_]
    states: dict[str, str]


class NoisyDetector:
    """A detector with the faults of a model.

    Args:
        model: the model, or a YAML path, or None for the pinned default.
    """

    def __init__(self, model: DetectorModel | str | Path | None = None, seed: int = 0) -> None:
        self.model = model if isinstance(model, DetectorModel) else load_detector_model(model)
        self._seed = seed

    def detect(
        self,
        world: World,
        image: Image,
        T_map_camera: NDArray[np.float64],
        intrinsics: Intrinsics,
        stamp_ns: int,
        seen: Sequence[tuple[Sight, tuple[slice, slice]]] | None = None,
    ) -> Detections:
        """Detections of one image, ordered by box. `T_map_camera` is the true pose. Cost: about 5 ms.

        Args:
            seen: `sights` of this image, if the caller has them already.
        """
        rows: list[_Row] = []
        for sight, where in sights(world, image, T_map_camera, intrinsics) if seen is None else seen:
            row = self._see(world, image, sight, where, T_map_camera, stamp_ns)
            if row is not None:
                rows.append(row)
        rows += self._false_alarms(image, T_map_camera, stamp_ns)
        if not rows:
            return Detections.empty()
        rows.sort(key=lambda r: (r.box, r.label))
        return Detections(
            tuple(r.label for r in rows),
            np.array([r.score for r in rows], np.float32),
            np.array([r.box for r in rows], np.float32),
            np.stack([r.mask for r in rows]),
            None,
            tuple(r.states for r in rows),
        )

    def _see(
        self, world: World, image: Image, sight: Sight, where: tuple[slice, slice], T_map_camera: NDArray[np.float64], stamp_ns: int
    ) -> _Row | None:
        m, name = self.model, sight.name
        chance = m.recall(sight.pixels, sight.visible)
        cell = self._cell(world.box(name)[0], T_map_camera)
        if chance <= 0 or self._correlated("miss", name, cell, stamp_ns) >= chance:
            return None
        index = world.names.index(name)
        local = image.entity[where] == index
        if m.erosion_px and sight.pixels >= _ERODE_FROM_PX:
            smaller = ndimage.binary_erosion(local, iterations=m.erosion_px, border_value=1)
            local = smaller if smaller.any() else local
        mask = np.zeros(image.entity.shape, bool)
        mask[where] = local
        label, wrong = self._name(world.label(name), name, cell, stamp_ns)
        score = (
            m.mean_low
            + (m.mean_high - m.mean_low) * chance
            - m.wrong_label * wrong
            + m.score_noise * keyed_normal(self._seed, "score", name, stamp_ns)
        )
        return _Row(
            label,
            float(np.clip(score, 0.05, 0.99)),
            self._jitter(where, name, stamp_ns, mask.shape),
            mask,
            self._states(world, sight, cell, stamp_ns),
        )

    def _correlated(self, what: str, name: str, cell: tuple[int, ...], stamp_ns: int) -> float:
        """A uniform number that is alike for one object, more so from one viewpoint.

        u = Phi(sqrt(a) z_object + sqrt(b) z_viewpoint + sqrt(1 - a - b) z_frame): a Gaussian copula, so P(u < p) = p.
        """
        a, b = self.model.object_share, self.model.viewpoint_share
        z = (
            np.sqrt(a) * keyed_normal(self._seed, what, name)
            + np.sqrt(b) * keyed_normal(self._seed, what, name, cell)
            + np.sqrt(max(0.0, 1 - a - b)) * keyed_normal(self._seed, what, name, stamp_ns)
        )
        return normal_cdf(float(z))

    def _cell(self, center: NDArray[np.float64], T_map_camera: NDArray[np.float64]) -> tuple[int, ...]:
        return tuple(int(v) for v in np.floor((T_map_camera[:2, 3] - center[:2]) / self.model.cell_m))

    def _name(self, label: str, name: str, cell: tuple[int, ...], stamp_ns: int) -> tuple[str, bool]:
        row = self.model.confusion.get(label, {})
        u, passed = self._correlated("name", name, cell, stamp_ns), 0.0
        for other, chance in row.items():
            passed += chance
            if u < passed:
                return other, True
        return label, False

    def _jitter(self, where: tuple[slice, slice], name: str, stamp_ns: int, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
        rng = keyed_generator(self._seed, "box", name, stamp_ns)
        (top, bottom), (left, right) = ((s.start, s.stop) for s in where)
        wide, tall = right - left, bottom - top
        sigma = self.model.jitter_px + self.model.jitter_share * np.array([wide, tall, wide, tall])
        box = np.array([left, top, right, bottom]) + rng.standard_normal(4) * sigma
        box = np.clip(box, 0, [shape[1], shape[0]] * 2)
        return float(min(box[0], box[2])), float(min(box[1], box[3])), float(max(box[0], box[2])), float(max(box[1], box[3]))

    def _states(self, world: World, sight: Sight, cell: tuple[int, ...], stamp_ns: int) -> dict[str, str]:
        fraction = world.open_fraction(sight.name)
        if fraction is None or sight.pixels < self.model.state_min_pixels:
            return {}
        flip = self._correlated("state", sight.name, cell, stamp_ns) < self.model.state_error
        return {"open": "true" if (fraction > OPEN_ENOUGH) != flip else "false"}

    def _false_alarms(self, image: Image, T_map_camera: NDArray[np.float64], stamp_ns: int) -> list[_Row]:
        m = self.model
        rng = keyed_generator(self._seed, "false alarm", stamp_ns)
        out = []
        for _ in range(int(rng.poisson(m.fp_per_frame))):
            h, w = image.depth_m.shape
            v, u = int(rng.integers(h)), int(rng.integers(w))
            ry, rx = rng.uniform(*m.fp_radius_px, 2)
            label, score = str(rng.choice(m.fp_labels)), float(rng.uniform(*m.fp_score))
            gy, gx = np.ogrid[:h, :w]
            depth = image.depth_m[v, u]
            mask = (((gy - v) / ry) ** 2 + ((gx - u) / rx) ** 2 <= 1) & (np.abs(image.depth_m - depth) < 0.15) & (image.depth_m > 0)
            if depth > 0 and mask.sum() >= m.pixels_min:
                rows, cols = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
                out.append(_Row(label, score, (float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1)), mask, {}))
        return out


def sights(
    world: World, image: Image, T_map_camera: NDArray[np.float64], intrinsics: Intrinsics
) -> list[tuple[Sight, tuple[slice, slice]]]:
    """What is truly in an image: one (Sight, box) per entity with at least one pixel, in the order of `World.names`."""
    counts = np.bincount(image.entity.ravel() + 2, minlength=len(world.names) + 2)[2:]
    boxes = ndimage.find_objects(np.maximum(image.entity + 1, 0))
    T_camera_map = inverse(T_map_camera)
    out = []
    for index in np.nonzero(counts)[0]:
        name = world.names[int(index)]
        center = world.box(name)[0]
        outline = _outline_area(world, name, T_camera_map, intrinsics)
        visible = 1.0 if outline <= 0 else min(1.0, float(counts[index]) / outline)
        out.append((Sight(name, int(counts[index]), visible, float(np.linalg.norm(center - T_map_camera[:3, 3]))), boxes[int(index)]))
    return out


def _outline_area(world: World, name: str, T_camera_map: NDArray[np.float64], k: Intrinsics) -> float:
    """Pixels of the image that an entity's outline would cover if nothing were in front of it; 0 if it surrounds the camera."""
    center, size, yaw = world.box(name)
    if name in world.object_names:
        model = world.model(name)
        points, fill = model.outline @ yaw_matrix(yaw).T + center, model.fill
    else:
        points, fill = box_corners(center, size, yaw), 0.6  # furniture and people: legs, gaps between arms
    p = transform(T_camera_map, points)
    if p[:, 2].min() < 0.05:
        return 0.0
    pixels = np.clip(p[:, :2] / p[:, 2:] * (k.fx, k.fy) + (k.cx, k.cy), 0, (k.width, k.height))
    return hull_area(pixels) * fill
