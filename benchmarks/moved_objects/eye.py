"""Eye: one image of a world, what a detector says of it lifted to 3-D, and the truth about it for the scorer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.interface import Step, TrueEvent, TrueThing
from robomem.geometry import look_at, pose2d
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.perception.lifting import Lifter
from robomem_sim.bodies import BodySpec, shape_specs
from robomem_sim.camera import FAR_M, DepthNoise, Image, head_intrinsics, render
from robomem_sim.detector import NoisyDetector, Sight, sights
from robomem_sim.detector_model import DetectorModel
from robomem_sim.fast_stage import FastStage
from robomem_sim.robot import CAMERA_HEIGHT_M
from robomem_sim.world import OPEN_ENOUGH, World

CLEAR_PIXELS, CLEAR_SHARE, CLEAR_M = 150, 0.7, 4.0
MOVED_M = 0.05  # further than this from where it was seen, it has left that place
_BEYOND_M = 0.005
_NEAR_M, _LARGEST_M = 0.1, 0.3  # the camera's reach; half the diagonal of the largest thing


class Eye:
    """The camera and the detector of a home.

    Args:
        seed: of depth noise and detector.

    Attributes:
        seen_at: name -> Float64[3] where it last rested in clear view, and its yaw.
    """

    def __init__(self, world: World, model: DetectorModel, seed: int) -> None:
        self.world = world
        self.intrinsics = head_intrinsics()
        self._detector = NoisyDetector(model, seed)
        self._noise, self._rng = DepthNoise(), np.random.default_rng([0xE7E, seed])
        self._lifter = Lifter()
        self.seen_at: dict[str, tuple[NDArray[np.float64], float]] = {}
        self._ghosts: dict[str, _Ghost] = {}

    def look(
        self,
        true_base: NDArray[np.float64],
        believed_base: NDArray[np.float64],
        target: NDArray[np.float64],
        stamp_ns: int,
        events: tuple[TrueEvent, ...],
    ) -> Step:
        """One image towards a point.

        Args:
            true_base, believed_base: Float64[3] x, y (m), yaw (rad) of the robot as it is and as its localiser says.
            target: Float64[3] map point, m.
        """
        T_true_base = pose2d(*true_base)
        T_true = look_at([*true_base[:2], CAMERA_HEIGHT_M], target)
        T_believed = pose2d(*believed_base) @ np.linalg.inv(T_true_base) @ T_true
        image = render(self.world, T_true, self.intrinsics)
        views = sights(self.world, image, T_true, self.intrinsics)
        detections = self._detector.detect(self.world, image, T_true, self.intrinsics, stamp_ns, views)
        # Depth drivers publish whole millimetres; so a recording of 16-bit integers loses nothing.
        depth = np.round(self._noise.apply(image.depth_m, self._rng) * 1000.0).astype(np.uint16) / np.float32(1000.0)
        frame = RgbdFrame(stamp_ns, image.rgb, depth, self.intrinsics, T_believed, "head")
        seen = {sight.name: sight for sight, _ in views}
        truth = tuple(self._thing(name, seen.get(name), T_true) for name in self.world.names)
        empty = self._empty(truth, image, T_true)
        for thing in truth:
            if thing.kind == "object" and thing.clear and thing.relation != "held_by":
                self.seen_at[thing.name] = (thing.position, thing.yaw)
        return Step(frame, self._lifter.lift(frame, detections), truth, events, empty)

    def _thing(self, name: str, sight: Sight | None, T_map_camera: NDArray[np.float64]) -> TrueThing:
        world = self.world
        center, size, yaw = world.box(name)
        pixels, visible = (sight.pixels, sight.visible) if sight else (0, 0.0)
        away = float(np.linalg.norm(center - T_map_camera[:3, 3]))
        opened = world.open_fraction(name)
        is_open = None if opened is None else opened > OPEN_ENOUGH
        if name in world.furniture_names:
            return TrueThing(
                name, world.label(name), "furniture", center, size, yaw, "", "on", True, pixels, visible, away, is_open=is_open
            )
        if name not in world.object_names:
            here = name in world.persons()
            return TrueThing(name, "person", "agent", center, size, yaw, "", "on", here, pixels, visible, away if here else np.inf)
        color = world.color(name)
        if world.is_out(name):
            return TrueThing(name, world.label(name), "object", center, size, yaw, "", "on", False, color=color)
        holder, support = world.holder(name), world.support(name)
        parent, relation = (holder, "held_by") if holder else support or ("", "on")
        return TrueThing(name, world.label(name), "object", center, size, yaw, parent, relation, True, pixels, visible, away, color=color)

    def _empty(self, truth: tuple[TrueThing, ...], image: Image, T_map_camera: NDArray[np.float64]) -> dict[str, bool]:
        """Name -> is the place it left in clear view, for all that are not where they were last seen."""
        out = {}
        for thing in truth:
            if thing.name in self.seen_at:
                place, yaw = self.seen_at[thing.name]
                if not thing.present or float(np.linalg.norm(thing.position - place)) > MOVED_M:
                    out[thing.name] = self._place_is_clear(thing.name, place, yaw, image, T_map_camera)
        return out

    def _place_is_clear(self, name: str, place: NDArray[np.float64], yaw: float, image: Image, T_map_camera: NDArray[np.float64]) -> bool:
        """The thing is drawn alone where it was; what of that outline does the scene's depth pass through or beyond?"""
        k, p = self.intrinsics, T_map_camera[:3, :3].T @ (place - T_map_camera[:3, 3])
        if p[2] < _NEAR_M or float(np.linalg.norm(p)) > CLEAR_M:
            return False
        u, v, reach = k.fx * p[0] / p[2] + k.cx, k.fy * p[1] / p[2] + k.cy, k.fx * _LARGEST_M / p[2]
        if not (-reach < u < k.width + reach and -reach < v < k.height + reach):
            return False
        if name not in self._ghosts:
            self._ghosts[name] = _Ghost(shape_specs(name, list(self.world.model(name).parts), "white"))
        depth = self._ghosts[name].depth(place, yaw, T_map_camera, k)
        mine = depth > 0
        pixels = int(mine.sum())
        if pixels < CLEAR_PIXELS:
            return False
        scene = image.depth_m[mine]
        through = (scene == 0) | (scene >= depth[mine] - _BEYOND_M)
        return bool(through.mean() >= CLEAR_SHARE)


class _Ghost:
    """A thing drawn alone."""

    def __init__(self, specs: list[BodySpec]) -> None:
        self._stage = FastStage(specs)
        self._at: tuple[float, ...] = ()

    def depth(self, place: NDArray[np.float64], yaw: float, T_map_camera: NDArray[np.float64], k: Intrinsics) -> NDArray[np.float32]:
        """Float32[h, w] m, 0 where it is not, if its box centre were at `place`."""
        if self._at != (at := (*place.tolist(), yaw)):
            for i in range(len(self._stage.specs)):
                self._stage.pose(i, place, yaw)
            self._at = at
        return self._stage.draw(T_map_camera, k, FAR_M)[1]
