"""Messages <-> core types. Only this file knows that ROS quaternions are xyzw and ours wxyz; everything that enters is checked here."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.geometry import matrix_from_quaternion, quaternion_from_matrix
from robomem.nodes import rle
from robomem.nodes.object_rows import UPPER, object_row, rows_to_msg
from robomem.nodes.wire import FAR_M, WireError, dumps, loads, pack, rows, stamps_and_ids, states_of, told_of, unpack, words
from robomem.perception.frame import Intrinsics, clean_depth
from robomem.types import Detections, Event, EventKind, ObjectView, Observations, Status

if TYPE_CHECKING:  # messages are read by their fields, and a bag's have the same: classes are loaded only where one is made
    from robomem_msgs.msg import DetectionMasks, Events, ObservationRows, TrackedObjects
    from sensor_msgs.msg import CameraInfo, Image

MAX_PIXELS = 4096 * 4096
MAX_DETECTIONS = 4096
MAX_MASK_PIXELS = 2**27  # of all masks of one message: an eighth of a gigabyte, a tenth of a second
UNIT_TOLERANCE = 1e-2
STATUSES, EVENT_KINDS, KINDS = get_args(Status), get_args(EventKind), ("object", "furniture", "agent")
FORWARD, BACKWARD = slice(0, 3), slice(2, None, -1)  # slices: picking channels by a list of indices costs four times as much
RGB = {"rgb8": (3, FORWARD), "bgr8": (3, BACKWARD), "rgba8": (4, FORWARD), "bgra8": (4, BACKWARD), "mono8": (1, FORWARD)}
DEPTH = {"16UC1": ("u2", 1000.0), "mono16": ("u2", 1000.0), "32FC1": ("f4", 1.0)}  # type, counts per metre


# -- sensors ---------------------------------------------------------------------------------------------------------


def _pixels(msg: Any, bytes_per_pixel: int) -> NDArray[np.uint8]:
    """The image's bytes UInt8[height, width * bytes_per_pixel], row padding removed."""
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    if not 0 < height * width <= MAX_PIXELS:
        raise WireError("absurd_size", f"image: {width}x{height} pixels")
    if step < width * bytes_per_pixel:
        raise WireError("step_does_not_fit", f"image: step {step} is less than {width} x {bytes_per_pixel} bytes")
    data = np.frombuffer(msg.data, np.uint8)
    if data.size != step * height:
        raise WireError("wrong_length", f"image: {data.size} bytes, expected step {step} x {height} rows")
    return data.reshape(height, step)[:, : width * bytes_per_pixel]


def image_rgb(msg: Any) -> NDArray[np.uint8]:
    """sensor_msgs/Image -> UInt8[h, w, 3].

    Raises:
        WireError: another encoding, or bytes that are no such image.
    """
    if msg.encoding not in RGB:
        raise WireError("wrong_encoding", f"colour image: encoding {msg.encoding!r}; expected one of {sorted(RGB)}")
    channels, order = RGB[msg.encoding]
    pixels = _pixels(msg, channels).reshape(msg.height, msg.width, channels)
    return np.ascontiguousarray(pixels[:, :, order]) if channels > 1 else np.repeat(pixels, 3, axis=2)


def image_depth(msg: Any) -> NDArray[np.float32]:
    """sensor_msgs/Image -> Float32[h, w] m, 0 = no measurement.

    Raises:
        WireError: another encoding, or bytes that are no such image.
    """
    if msg.encoding not in DEPTH:
        raise WireError("wrong_encoding", f"depth image: encoding {msg.encoding!r}; expected one of {sorted(DEPTH)}")
    code, per_m = DEPTH[msg.encoding]
    dtype = np.dtype(code).newbyteorder(">" if msg.is_bigendian else "<")
    raw = np.ascontiguousarray(_pixels(msg, dtype.itemsize)).view(dtype)
    depth = raw.astype(np.float32, copy=False)
    return clean_depth(depth if per_m == 1 else depth / np.float32(per_m))[0]  # divided, not multiplied: the nearest float of so many mm


def image_to_msg(array: NDArray[Any], encoding: str) -> Image:
    """UInt8[h, w, 3] ("rgb8"), UInt16[h, w] mm ("16UC1") or Float32[h, w] m ("32FC1") -> sensor_msgs/Image (the caller sets the header)."""
    from sensor_msgs.msg import Image

    array = np.ascontiguousarray(array)
    msg = Image(height=array.shape[0], width=array.shape[1], encoding=encoding, step=array.strides[0])
    msg.data = pack(np.frombuffer(array.tobytes(), np.uint8), "u1")
    return msg


def info_to_msg(k: Intrinsics) -> CameraInfo:
    """Intrinsics -> sensor_msgs/CameraInfo (the caller sets the header)."""
    from sensor_msgs.msg import CameraInfo

    msg = CameraInfo(height=k.height, width=k.width, distortion_model="plumb_bob", d=[0.0] * 5)
    msg.k = [k.fx, 0.0, k.cx, 0.0, k.fy, k.cy, 0.0, 0.0, 1.0]
    msg.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    msg.p = [k.fx, 0.0, k.cx, 0.0, 0.0, k.fy, k.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg


def camera_intrinsics(msg: Any) -> Intrinsics:
    """sensor_msgs/CameraInfo -> Intrinsics.

    Raises:
        WireError: no pinhole camera.
    """
    k = unpack(msg.k, "f8", (3, 3), "camera_info.k")
    side = max(int(msg.width), int(msg.height))
    if not all(0.02 * side < f < 100.0 * side for f in (k[0, 0], k[1, 1])) or np.abs(k[:2, 2]).max() > 2 * side:
        raise WireError("bad_intrinsics", f"camera_info.k: no camera of {msg.width}x{msg.height} has these: {k.ravel().tolist()}")
    try:
        return Intrinsics(float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), int(msg.width), int(msg.height))
    except InvalidInputError as error:
        raise WireError("bad_intrinsics", str(error)) from None


def rigid(translation: Any, rotation: Any, name: str = "transform") -> NDArray[np.float64]:
    """geometry_msgs Vector3 or Point and Quaternion -> Float64[4, 4].

    Raises:
        WireError: NaN, infinity, or a quaternion that is not of unit length.
    """
    t = (translation.x, translation.y, translation.z)
    q = (rotation.w, rotation.x, rotation.y, rotation.z)
    if not all(map(math.isfinite, t + q)):
        raise WireError("not_finite", f"{name}: holds NaN or infinity")
    if max(map(abs, t)) > FAR_M:
        raise WireError("absurd_size", f"{name}: {max(map(abs, t)):.3g} m")
    length = math.hypot(*q)
    if abs(length - 1.0) > UNIT_TOLERANCE:
        raise WireError("not_a_unit_quaternion", f"{name}: quaternion of length {length:.3f}")
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = matrix_from_quaternion(q), t
    return out


def put_rigid(T: NDArray[np.floating], translation: Any, rotation: Any) -> None:
    """Float64[4, 4] -> geometry_msgs Vector3 or Point and Quaternion, in place."""
    translation.x, translation.y, translation.z = (float(v) for v in T[:3, 3])
    w, x, y, z = quaternion_from_matrix(T[:3, :3])
    rotation.x, rotation.y, rotation.z, rotation.w = float(x), float(y), float(z), float(w)


def detections_to_msg(found: Detections, width: int, height: int) -> DetectionMasks:
    """Detections -> message (the caller sets the header)."""
    from robomem_msgs.msg import DetectionMasks

    msg = DetectionMasks(width=width, height=height, labels=list(found.labels))
    msg.scores, msg.boxes = pack(found.scores, "f4"), pack(found.boxes_xyxy, "f4")
    windows = [rle.extent(m) for m in found.masks] if found.masks is not None else []
    runs = [rle.encode(m, w) for m, w in zip(found.masks, windows, strict=True)] if found.masks is not None else []
    msg.windows = pack(windows, "u4")
    msg.run_counts = pack([len(r) for r in runs] if runs else np.zeros(len(found)), "u4")
    msg.runs = pack(np.concatenate(runs) if runs else [], "u4")
    if found.embeddings is not None:
        msg.embedding_size, msg.embeddings = int(found.embeddings.shape[1]), pack(found.embeddings, "f4")
    msg.states = [dumps(s) for s in found.states] if found.states is not None else []
    return msg


def detections_from_msg(msg: Any) -> Detections:
    """Message -> Detections.

    Raises:
        WireError: lengths, masks or values that do not fit.
    """
    n, width, height = len(msg.labels), int(msg.width), int(msg.height)
    if n > MAX_DETECTIONS or not 0 < width * height <= MAX_PIXELS or n * width * height > MAX_MASK_PIXELS:
        raise WireError("absurd_size", f"detections: {n} rows for an image of {width}x{height}")
    rows("detections", n, scores=msg.scores, run_counts=msg.run_counts)
    boxes = unpack(msg.boxes, "f4", (n, 4), "detections.boxes")
    if n and np.abs(boxes).max() > MAX_PIXELS:
        raise WireError("absurd_size", "detections.boxes: far outside any image")
    windows = unpack(msg.windows, "u4", (n, 4), "detections.windows") if len(msg.windows) else boxes
    masks = _masks(msg, windows, width, height) if n and len(msg.runs) else None
    d = int(msg.embedding_size)
    embeddings = unpack(msg.embeddings, "f4", (n, d), "detections.embeddings") if d and n else None
    if len(msg.states) not in (0, n):
        raise WireError("wrong_length", f"detections.states: {len(msg.states)} rows, expected {n}")
    states = tuple({str(k): str(v) for k, v in loads(s, "detections.states").items()} for s in msg.states) if msg.states else None
    try:
        return Detections(tuple(msg.labels), unpack(msg.scores, "f4", (n,), "detections.scores"), boxes, masks, embeddings, states)
    except InvalidInputError as error:
        raise WireError("bad_detections", str(error)) from None


def _masks(msg: Any, boxes: NDArray[Any], width: int, height: int) -> NDArray[np.bool_]:
    counts, runs = unpack(msg.run_counts, "u4", (len(boxes),), "run_counts"), np.asarray(msg.runs, np.uint32)
    if int(counts.astype(np.uint64).sum()) != runs.size:
        raise WireError("wrong_length", f"detections.runs: {runs.size} entries, run_counts say {int(counts.sum())}")
    out = np.zeros((len(boxes), height, width), bool)
    ends = np.cumsum(counts.astype(np.int64))
    for i, (end, count) in enumerate(zip(ends, counts, strict=True)):
        if count == 0:
            x0, y0, x1, y1 = rle.window(boxes[i], width, height)
            out[i, y0:y1, x0:x1] = True
            continue
        try:
            rle.decode(runs[end - count : end], boxes[i], width, height, out[i])
        except ValueError as error:
            raise WireError("bad_mask", f"detections row {i}: {error}") from None
    return out


# -- what memory knows -----------------------------------------------------------------------------------------------


def objects_to_msg(views: Sequence[ObjectView], stamp_ns: int, frame: str, seq: int) -> TrackedObjects:
    """Views -> message."""
    return rows_to_msg([object_row(v) for v in views], stamp_ns, frame, seq)


def objects_from_msg(msg: Any) -> list[ObjectView]:
    """Message -> views (label probabilities beyond the likeliest and appearance do not travel).

    Raises:
        WireError: rows that do not fit or values that cannot be.
    """
    n = len(msg.ids)
    names = ("labels", "kinds", "statuses", "colors", "states", "label_probabilities", "yaws", "existences")
    rows("objects", n, **{k: getattr(msg, k) for k in (*names, "first_seen_ns", "last_seen_ns", "supports", "places")})
    p = unpack(msg.positions, "f8", (n, 3), "objects.positions", FAR_M)
    size = unpack(msg.sizes, "f8", (n, 3), "objects.sizes", FAR_M, 0)
    upper = unpack(msg.covariances, "f8", (n, 6), "objects.covariances", FAR_M**2)
    yaws = unpack(msg.yaws, "f8", (n,), "objects.yaws", 1e4)
    likely = unpack(msg.label_probabilities, "f8", (n,), "objects.label_probabilities", 1, 0)
    stamps_and_ids("objects", msg.ids, msg.first_seen_ns, msg.last_seen_ns)
    words("objects.statuses", msg.statuses, STATUSES)
    words("objects.kinds", msg.kinds, KINDS)
    words("objects.labels", msg.labels)
    words("objects.colors", msg.colors)
    seen_from = np.asarray(msg.seen_from, float)
    if seen_from.size != 3 * n:
        raise WireError("wrong_length", f"objects.seen_from: {seen_from.size} numbers for {n} rows")
    seen_from = seen_from.reshape(n, 3)
    existence = unpack(msg.existences, "f8", (n,), "objects.existences", 1, 0)
    out = []
    for i in range(n):
        covariance = np.zeros((3, 3))
        covariance[UPPER] = upper[i]
        covariance = covariance + np.triu(covariance, 1).T
        states = states_of(msg.states[i])
        eye = seen_from[i] if np.isfinite(seen_from[i]).all() else None
        out.append(
            ObjectView(
                int(msg.ids[i]),
                msg.labels[i],
                {msg.labels[i]: float(likely[i])},
                p[i].copy(),
                size[i].astype(float),
                float(yaws[i]),
                float(existence[i]),
                msg.statuses[i],
                states,
                int(msg.first_seen_ns[i]),
                int(msg.last_seen_ns[i]),
                int(msg.supports[i]),
                None if msg.places[i] < 0 else int(msg.places[i]),
                covariance,
                msg.colors[i],
                msg.kinds[i],
                seen_from=eye,
            )
        )
    return out


def events_to_msg(events: Sequence[Event]) -> Events:
    """Events -> message."""
    from robomem_msgs.msg import Events

    msg = Events(kinds=[e.kind for e in events], labels=[e.label for e in events])
    msg.ids, msg.stamps_ns = pack([e.id for e in events], "i8"), pack([e.stamp_ns for e in events], "i8")
    msg.object_ids, msg.beliefs = pack([e.object_id for e in events], "i8"), pack([e.belief for e in events], "f8")
    msg.before, msg.after = [dumps(e.before) for e in events], [dumps(e.after) for e in events]
    msg.evidence_counts = pack([len(e.evidence) for e in events], "u4")
    msg.evidence = pack([i for e in events for i in e.evidence], "i8")
    return msg


def events_from_msg(msg: Any) -> list[Event]:
    """Message -> events.

    Raises:
        WireError: rows that do not fit.
    """
    n = len(msg.ids)
    names = ("stamps_ns", "kinds", "object_ids", "labels", "beliefs", "before", "after", "evidence_counts")
    rows("events", n, **{k: getattr(msg, k) for k in names})
    stamps_and_ids("events", msg.ids, msg.stamps_ns)
    words("events.kinds", msg.kinds, EVENT_KINDS)
    words("events.labels", msg.labels)
    beliefs = unpack(msg.beliefs, "f8", (n,), "events.beliefs", 1, 0)
    ends = np.cumsum(np.asarray(msg.evidence_counts, np.int64))
    if (int(ends[-1]) if n else 0) != len(msg.evidence):
        raise WireError("wrong_length", "events.evidence: does not hold what evidence_counts say")
    out = []
    for i in range(n):
        evidence = tuple(int(v) for v in msg.evidence[int(ends[i]) - int(msg.evidence_counts[i]) : int(ends[i])])
        before, after = told_of(msg.before[i], "events.before"), told_of(msg.after[i], "events.after")
        kind: Any = msg.kinds[i]
        out.append(
            Event(
                int(msg.ids[i]),
                int(msg.stamps_ns[i]),
                kind,
                int(msg.object_ids[i]),
                before,
                after,
                evidence,
                float(beliefs[i]),
                msg.labels[i],
            )
        )
    return out


def observations_to_msg(found: Observations, ids: NDArray[np.int64], object_ids: NDArray[np.int64]) -> ObservationRows:
    """Observations of one image -> message, without their surface points."""
    from robomem_msgs.msg import ObservationRows

    msg = ObservationRows(stamp_ns=int(found.stamp_ns), labels=list(found.labels), colors=list(found.colors))
    msg.ids, msg.object_ids = pack(ids, "i8"), pack(object_ids, "i8")
    for name in ("scores", "positions", "covariances", "sizes", "yaws", "embeddings"):
        setattr(msg, name, pack(getattr(found, name), "f4"))
    msg.pixels, msg.truncated, msg.boxes = pack(found.pixels, "i4"), pack(found.truncated, "u1"), pack(found.boxes_xyxy, "f4")
    msg.embedding_size = int(found.embeddings.shape[1]) if found.embeddings.ndim == 2 else 0
    msg.states = [json.dumps(dict(s)) if s else "" for s in found.states]
    return msg


def observations_from_msg(msg: Any) -> tuple[Observations, NDArray[np.int64], NDArray[np.int64]]:
    """Message -> observations, their ids and the objects they belong to (Int64[n] each).

    Raises:
        WireError: rows that do not fit.
    """
    n, d = len(msg.ids), int(msg.embedding_size)
    rows("observations", n, object_ids=msg.object_ids, labels=msg.labels, colors=msg.colors, states=msg.states)
    stamps_and_ids("observations", msg.ids, [msg.stamp_ns])
    words("observations.labels", msg.labels)
    words("observations.colors", msg.colors)

    def floats(name: str, *shape: int) -> NDArray[np.float32]:
        most = 1.0 if name == "scores" else FAR_M**2 if name == "covariances" else FAR_M
        return unpack(getattr(msg, name), "f4", (n, *shape), f"observations.{name}", most, 0 if name in ("scores", "sizes") else None)

    found = Observations(
        int(msg.stamp_ns),
        tuple(msg.labels),
        floats("scores"),
        floats("positions", 3),
        floats("covariances", 3, 3),
        floats("sizes", 3),
        floats("yaws"),
        floats("embeddings", d),
        tuple(msg.colors),
        unpack(msg.pixels, "i4", (n,), "observations.pixels"),
        unpack(msg.truncated, "u1", (n,), "observations.truncated").astype(bool),
        floats("boxes", 4),
        tuple(np.zeros((0, 3), np.float32) for _ in range(n)),
        tuple({k: str(v) for k, v in loads(s, "observations.states").items()} for s in msg.states),
    )
    return found, unpack(msg.ids, "i8", (n,), "observations.ids"), unpack(msg.object_ids, "i8", (n,), "observations.object_ids")
