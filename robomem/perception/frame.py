"""RgbdFrame and Intrinsics: the door through which every image enters, checked here and trusted after."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robomem.clock import whole_ns
from robomem.errors import InvalidInputError
from robomem.geometry import is_rigid

MIN_VALID_SHARE = 0.02  # below this a depth image says nothing about anything


def clean_depth(depth_m: NDArray[np.floating]) -> tuple[NDArray[np.float32], int]:
    """A copy Float32[h, w] in which what is no measurement (NaN, infinity, zero and below) is 0, never "far"; and how many are one."""
    from robomem.perception.kernels_image import measured  # here: `import robomem` does without the compiler

    out, kept = measured(np.ascontiguousarray(depth_m, np.float32).ravel())
    return out.reshape(depth_m.shape), int(kept)


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera: focal lengths and principal point in pixels, image size in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        ok = np.isfinite([self.fx, self.fy, self.cx, self.cy]).all() and self.fx > 0 and self.fy > 0
        if not ok or not (0 < self.width <= 16384 and 0 < self.height <= 16384):
            raise InvalidInputError(f"intrinsics: expected finite fx, fy > 0 and a size in 1..16384, got {self!r}")

    def scaled(self, factor: float) -> Intrinsics:
        """The camera of an image resized by `factor`."""
        w, h = round(self.width * factor), round(self.height * factor)
        return Intrinsics(self.fx * factor, self.fy * factor, self.cx * factor, self.cy * factor, w, h)


@dataclass(frozen=True)
class RgbdFrame:
    """One registered RGB-D image with its camera pose.

    Attributes:
        stamp_ns: capture time, ns.
        rgb: UInt8[h, w, 3].
        depth_m: Float32[h, w] m along the optical axis; 0 = no measurement (NaN and inf are turned into 0 here, never "far").
        intrinsics: of both images.
        T_map_camera: Float64[4, 4], optical axes (x right, y down, z forward) in the map frame (z up).
        camera: who sent it; named in every error.

    Raises:
        InvalidInputError: shapes that disagree, a pose that is not rigid, a stamp that is negative or no integer, or no valid depth at all.
    """

    stamp_ns: int
    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    intrinsics: Intrinsics
    T_map_camera: NDArray[np.float64]
    camera: str = "camera"
    _valid: int = field(init=False, repr=False, compare=False)  # pixels with a depth, counted while cleaning: counting anew costs as much

    def __post_init__(self) -> None:
        who = self.camera
        rgb, depth, k = np.asarray(self.rgb), np.asarray(self.depth_m), self.intrinsics
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise InvalidInputError(f"{who}: rgb must be uint8 [h, w, 3], got {rgb.dtype} {rgb.shape}; convert the encoding to rgb8")
        if depth.shape != rgb.shape[:2]:
            raise InvalidInputError(
                f"{who}: depth is {depth.shape} but rgb is {rgb.shape[:2]}; publish registered depth or set depth_registration:=true"
            )
        if (k.height, k.width) != depth.shape:
            raise InvalidInputError(
                f"{who}: intrinsics are for {(k.height, k.width)} but the image is {depth.shape}; use Intrinsics.scaled()"
            )
        if not np.issubdtype(depth.dtype, np.floating):
            raise InvalidInputError(f"{who}: depth must be float metres, got {depth.dtype}; divide 16-bit millimetres by 1000")
        if not is_rigid(self.T_map_camera):
            raise InvalidInputError(f"{who}: T_map_camera must be a finite rigid 4x4 transform; is the localiser running?")
        stamp_ns = whole_ns(self.stamp_ns, f"{who}: stamp_ns")
        if stamp_ns < 0:
            raise InvalidInputError(f"{who}: stamp_ns must be >= 0, got {self.stamp_ns}")
        clean, valid = clean_depth(depth)
        if valid < MIN_VALID_SHARE * clean.size:
            raise InvalidInputError(
                f"{who}: less than {MIN_VALID_SHARE:.0%} of the depth image is a measurement "
                "(NaN, 0 and inf are none); check the depth stream"
            )
        put = object.__setattr__
        put(self, "stamp_ns", stamp_ns)
        put(self, "rgb", rgb)
        put(self, "depth_m", clean)
        put(self, "T_map_camera", np.asarray(self.T_map_camera, np.float64))
        put(self, "_valid", valid)

    @property
    def valid_share(self) -> float:
        """Share of pixels with a depth measurement, 0..1."""
        return float(self._valid) / self.depth_m.size
