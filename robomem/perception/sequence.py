"""A recorded RGB-D folder as frames in the map frame (z up, floor at z = 0)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.geometry import Float, inverse, is_rigid, transform
from robomem.perception import registration, upright
from robomem.perception.frame import RgbdFrame

INVALID_MM = 65535  # what Kinect recorders write where they measured nothing
NS = 1_000_000_000
NAME = re.compile(r"frame-(\d+)\.(?:color\.(?:jpg|jpeg|png)|depth\.png|pose\.txt)$")


class RgbdSequence:
    """Frames of a folder `frame-000000.{color.jpg|png, depth.png, pose.txt}` + `camera-intrinsics.txt`.

    Depth is 16-bit millimetres, poses are 4x4 camera-to-world (m), intrinsics 3x3 (pixels). A frame that cannot be read is left out and
    counted in `rejected` by reason (of the latest iteration); iteration goes on.

    Attributes:
        T_map_world: Float64[4, 4] from the recording's own world frame to the map frame (z up, floor at 0 where the depth shows one).
        registration: how depth was moved onto the colour pixels.
        rejected: how many frames were left out, by reason.
        rejections: (frame index, full message), the newest iteration's.
    """

    def __init__(self, folder: str | Path, camera: str = "camera", up: str = "auto", fps: float = 30.0, align: bool = True) -> None:
        """Open a folder and work out which way is up.

        Args:
            folder: the recording.
            camera: name used in frames and errors.
            up: world axis that points up: "x", "-x", "y", "-y", "z", "-z"; "auto" asks how the camera was held and which way the
                tables and floors it saw are facing, since handheld recordings often start tilted.
            fps: of the numbering: stamp = index / fps.
            align: look whether depth lies on the colour pixels, and move it there if not (raw Kinect recordings: up to 45 pixels off).

        Raises:
            InvalidInputError: no such folder, no frames, unreadable intrinsics, an unknown axis.
        """
        self.folder, self.camera, self.fps = Path(folder), camera, float(fps)
        if not self.folder.is_dir():
            raise InvalidInputError(
                f"{camera}: no recording at {folder}; expected a folder of frame-000000.color.jpg, .depth.png and .pose.txt"
            )
        found = (NAME.match(p.name) for p in self.folder.iterdir())
        self.indices = sorted({int(m.group(1)) for m in found if m})
        if not self.indices:
            raise InvalidInputError(f"{camera}: {folder} holds no frame-000000.color.jpg; is it an RGB-D recording?")
        if not self.fps > 0:
            raise InvalidInputError(f"{camera}: fps must be positive, got {fps}")
        self.K = self._read_matrix(self.folder / "camera-intrinsics.txt", (3, 3))
        self.rejected: Counter[str] = Counter()
        self.rejections: list[tuple[int, str]] = []
        self.T_map_world = self._orient(up)
        self.registration = self._align() if align else registration.Registration()

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[RgbdFrame]:
        self.rejected, self.rejections = Counter(), []
        for index in self.indices:
            try:
                yield self.read(index)
            except InvalidInputError as error:
                self.rejected[_reason(str(error))] += 1
                self.rejections.append((index, str(error)))

    def read(self, index: int) -> RgbdFrame:
        """One frame by its number.

        Raises:
            InvalidInputError: a file is missing or truncated, sizes disagree, or the pose is not a finite rigid transform.
        """
        T_world_camera = self._read_pose(index)
        rgb, depth = self._read_color(index), self._read_depth(index)
        if depth.shape != rgb.shape[:2]:
            raise InvalidInputError(
                f"{self.camera}: size mismatch in frame {index}: depth is {depth.shape} but rgb is {rgb.shape[:2]}; record registered depth"
            )
        k = self.registration.intrinsics(self.K, depth.shape[1], depth.shape[0])
        T_map_camera = self.T_map_world @ T_world_camera
        if self.registration.needed:
            depth = self.registration.apply(depth, self.K)
            T_map_camera = T_map_camera @ self.registration.T_depth_color(self.K)
        return RgbdFrame(round(index * NS / self.fps), rgb, depth, k, T_map_camera, self.camera)

    def to_world(self, p_map: ArrayLike) -> Float:
        """Points Float64[..., 3] of the map frame (m) in the recording's own world frame."""
        return transform(inverse(self.T_map_world), p_map)

    def to_map(self, p_world: ArrayLike) -> Float:
        """Points Float64[..., 3] of the recording's own world frame (m) in the map frame."""
        return transform(self.T_map_world, p_world)

    def _path(self, index: int, *endings: str) -> Path:
        """The first file of a frame that exists; the first name when none does (its reader reports it)."""
        paths = [self.folder / f"frame-{index:06d}.{ending}" for ending in endings]
        return next((p for p in paths if p.exists()), paths[0])

    def _read_matrix(self, path: Path, shape: tuple[int, int]) -> Float:
        try:
            values = np.array(path.read_text("utf-8").split(), np.float64)
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{self.camera}: unreadable {path.name}: {error}") from error
        if values.size != shape[0] * shape[1]:
            raise InvalidInputError(f"{self.camera}: {path.name} is truncated: expected {shape[0]}x{shape[1]} numbers, got {values.size}")
        return values.reshape(shape)

    def _read_pose(self, index: int) -> Float:
        T = self._read_matrix(self._path(index, "pose.txt"), (4, 4))
        if not np.isfinite(T).all():
            raise InvalidInputError(f"{self.camera}: pose of frame {index} holds NaN or infinity (tracking was lost)")
        # Recorders print a few digits: pull a nearly rigid rotation back to the nearest exact one (polar decomposition).
        u, s, vt = np.linalg.svd(T[:3, :3])
        if np.abs(s - 1).max() < 0.02 and np.linalg.det(u @ vt) > 0:
            T[:3, :3] = u @ vt
        if not is_rigid(T):
            raise InvalidInputError(f"{self.camera}: pose of frame {index} is not a rigid transform; poses must be 4x4 camera-to-world")
        return T

    def _align(self, samples: int = 12) -> registration.Registration:
        """Measure the registration on a few frames that can be read."""
        pairs = []
        for index in self.indices[:: max(1, len(self.indices) // samples)]:
            try:
                rgb, depth = self._read_color(index), self._read_depth(index)
            except InvalidInputError:
                continue
            if depth.shape == rgb.shape[:2] and (not pairs or depth.shape == pairs[0][1].shape):
                pairs.append((rgb, depth))
        return registration.estimate(pairs, self.K)

    def _read_color(self, index: int) -> NDArray[np.uint8]:
        return self._read_image(self._path(index, "color.jpg", "color.jpeg", "color.png"), "RGB").astype(np.uint8)

    def _read_depth(self, index: int) -> NDArray[np.float32]:
        path = self._path(index, "depth.png")
        raw = self._read_image(path, None)
        if raw.ndim != 2 or raw.dtype.kind not in "iu":
            raise InvalidInputError(f"{self.camera}: {path.name} is not a 16-bit one-channel image; depth must be PNG in millimetres")
        return np.where(raw < INVALID_MM, raw, 0).astype(np.float32) / np.float32(1000.0)

    def _read_image(self, path: Path, mode: str | None) -> NDArray[np.int64]:
        try:
            from PIL import Image
        except ImportError as error:
            raise MissingDependencyError("RgbdSequence needs Pillow: pip install 'robomem[perception]'") from error
        try:
            with Image.open(path) as image:
                return np.asarray(image.convert(mode) if mode else image)
        except FileNotFoundError as error:
            raise InvalidInputError(f"{self.camera}: missing {path.name}") from error
        except (OSError, SyntaxError, ValueError) as error:  # PIL reports damage in a PNG header as SyntaxError
            raise InvalidInputError(f"{self.camera}: unreadable {path.name}: {error}") from error

    def _orient(self, up: str, samples: int = 16) -> Float:
        """`T_map_world` Float64[4, 4] from the poses, and (for "auto") from the surfaces in up to `samples` frames."""
        if up != "auto" and up not in upright.AXES:
            raise InvalidInputError(f"{self.camera}: up must be 'auto' or one of {', '.join(upright.AXES)}, got {up!r}")
        poses = self._good_poses()
        if not poses:
            raise InvalidInputError(f"{self.camera}: no readable pose in {self.folder.name}; cannot tell which way is up")
        clouds = self._clouds(list(poses)[:: max(1, len(poses) // samples)])
        if up == "auto":
            held = upright.held_up(list(poses.values()))
            normals = [upright.normals(points) @ poses[i][:3, :3].T for i, points in clouds.items()]
            axis = upright.level(held, np.concatenate(normals) if normals else np.zeros((0, 3)))
            axis = upright.nearest_axis(held) if axis is held else axis  # no level surface in view: the axis it was meant to be
        else:
            axis = np.array(upright.AXES[up], float)
        T = upright.rotation_to_z(axis)
        heights = [upright.heights_of(T @ poses[i], points) for i, points in clouds.items()]
        floor = upright.lowest_level(np.concatenate(heights)) if heights else None
        T[2, 3] = 0.0 if floor is None else -floor
        return T

    def _good_poses(self) -> dict[int, Float]:
        """The readable poses; the others are counted when their frames are read."""
        poses = {}
        for index in self.indices:
            try:
                poses[index] = self._read_pose(index)
            except InvalidInputError:
                continue
        return poses

    def _clouds(self, indices: list[int]) -> dict[int, Float]:
        """Coarse clouds (camera frame, m) of the readable frames among `indices`."""
        clouds = {}
        for index in indices:
            try:
                clouds[index] = upright.cloud(self._read_depth(index), self.K)
            except InvalidInputError:
                continue
        return clouds


def _reason(message: str) -> str:
    """The short reason under which a rejected frame is counted; the first word found decides."""
    reasons = (
        ("unreadable", "unreadable file"),
        ("missing", "missing file"),
        ("is truncated", "truncated file"),
        ("size mismatch", "size mismatch"),
        ("less than", "no depth"),
        ("16-bit", "not a depth image"),
        ("holds NaN", "pose with NaN"),
        ("pose of frame", "pose not rigid"),
    )
    return next((reason for word, reason in reasons if word in message), "invalid")
