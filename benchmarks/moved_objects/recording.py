"""A stream on disk: recorded once, then the same bytes for every memory that is measured on it.

One zip of `.npy` arrays and JSON per recording (numpy's own npz layout, no pickle). Depth is kept in whole millimetres, which loses
nothing: the stream is made of whole millimetres.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.interface import Days, Step, TrueEvent, TrueThing
from robomem.errors import InvalidInputError
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.types import Observations

_CHUNK = 24  # images per array: what is in memory at a time
_LEVEL = 1  # of compression: noise hardly compresses, and reading is done often
_ROWS = ("scores", "positions", "covariances", "sizes", "yaws", "embeddings", "pixels", "truncated", "boxes_xyxy")


def record(days: Days, path: str | Path) -> Path:
    """Write a stream to a file; about 55 MB for 490 images, 3 s on top of making them. Returns the path."""
    path = Path(path)
    count, first = 0, None
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for chunk in _chunks(days.steps()):
            first = first or chunk[0].frame
            _write_chunk(archive, count, chunk)
            count += 1
        if first is None:
            raise InvalidInputError("record: the stream has no images; nothing to write")
        k = first.intrinsics
        head = {"seed": days.seed, "chunks": count, "camera": first.camera, "intrinsics": [k.fx, k.fy, k.cx, k.cy, k.width, k.height]}
        archive.writestr("head.json", json.dumps(head))
    return path


@dataclass(frozen=True)
class Recorded:
    """A recorded stream; satisfies `Days`. `steps` may be called any number of times.

    Args:
        path: written by `record`.

    Raises:
        InvalidInputError: the file is no such recording.
    """

    path: str | Path

    def __post_init__(self) -> None:
        if not zipfile.is_zipfile(self.path):
            raise InvalidInputError(f"Recorded: {self.path} is not a recording; write one with record(days, path)")

    @property
    def seed(self) -> int:
        """The seed of the stream."""
        with zipfile.ZipFile(self.path) as archive:
            return int(json.loads(archive.read("head.json"))["seed"])

    def steps(self) -> Iterator[Step]:
        """The days, image by image; about 2 ms each."""
        with zipfile.ZipFile(self.path) as archive:
            head = json.loads(archive.read("head.json"))
            fx, fy, cx, cy, width, height = head["intrinsics"]
            k = Intrinsics(fx, fy, cx, cy, int(width), int(height))
            for number in range(head["chunks"]):
                yield from _read_chunk(archive, number, k, head["camera"])


def _chunks(steps: Iterator[Step]) -> Iterator[list[Step]]:
    chunk: list[Step] = []
    for step in steps:
        chunk.append(step)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write_chunk(archive: zipfile.ZipFile, number: int, steps: Sequence[Step]) -> None:
    frames = [s.frame for s in steps]
    found = [s.detections for s in steps if s.detections is not None]
    arrays: dict[str, NDArray[Any]] = {
        "stamp_ns": np.array([f.stamp_ns for f in frames], np.int64),
        "T_map_camera": np.array([f.T_map_camera for f in frames]),
        "depth_mm": np.round(np.array([f.depth_m for f in frames]) * 1000.0).astype(np.uint16),
        "rgb": np.array([f.rgb for f in frames]),
    }
    for name in _ROWS if found else ():
        arrays[f"obs_{name}"] = np.concatenate([getattr(o, name) for o in found])
    points = [p for o in found for p in o.points]
    arrays["obs_points"] = np.concatenate([*points, np.zeros((0, 3), np.float32)])
    arrays["obs_point_counts"] = np.array([len(p) for p in points], np.int64)
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
        archive.writestr(f"{number:04d}/{name}.npy", buffer.getvalue())
    archive.writestr(f"{number:04d}/steps.json", json.dumps([_plain(s) for s in steps]))


def _read_chunk(archive: zipfile.ZipFile, number: int, k: Intrinsics, camera: str) -> Iterator[Step]:
    def array(name: str) -> NDArray[Any]:
        return np.lib.format.read_array(io.BytesIO(archive.read(f"{number:04d}/{name}.npy")), allow_pickle=False)

    plain = json.loads(archive.read(f"{number:04d}/steps.json"))
    stamps, poses, rgb = array("stamp_ns"), array("T_map_camera"), array("rgb")
    depth = array("depth_mm") / np.float32(1000.0)
    rows = {name: array(f"obs_{name}") for name in _ROWS} if any(p["labels"] is not None for p in plain) else {}
    points = np.split(array("obs_points"), np.cumsum(array("obs_point_counts"))[:-1])
    at = 0
    for i, p in enumerate(plain):
        frame = RgbdFrame(int(stamps[i]), rgb[i], depth[i], k, poses[i], camera)
        observations = None
        if p["labels"] is not None:
            n = len(p["labels"])
            here = {name: values[at : at + n] for name, values in rows.items()}
            observations = Observations(
                int(stamps[i]),
                tuple(p["labels"]),
                colors=tuple(p["colors"]),
                points=tuple(points[at : at + n]),
                states=tuple(p["states"]),
                **here,
            )
            at += n
        truth = tuple(TrueThing(**_vectors(t, "position", "size")) for t in p["truth"])
        events = tuple(TrueEvent(**_vectors(e, "before", "after")) for e in p["events"])
        yield Step(frame, observations, truth, events, p["empty_view"])


def _plain(step: Step) -> dict[str, Any]:
    """Everything of a step that is not an image, as JSON values; floats come back exactly."""
    o = step.detections
    return {
        "labels": None if o is None else o.labels,
        "colors": None if o is None else o.colors,
        "states": None if o is None else [dict(s) for s in o.states],
        "truth": [_row(t) for t in step.truth],
        "events": [_row(e) for e in step.events],
        "empty_view": dict(step.empty_view),
    }


def _row(thing: TrueThing | TrueEvent) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(thing).items()}


def _vectors(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: np.array(v, float) if k in names and v is not None else v for k, v in row.items()}
