"""What one stage hands to the next: frozen, checked once, arrays inside.

Times are integer nanoseconds (`stamp_ns`), lengths metres, frames in the name or the docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError

Status = Literal["tentative", "confirmed", "occluded", "missing", "removed", "held"]
Verdict = Literal["found", "ambiguous", "moved_since_seen", "unknown"]
EventKind = Literal["appeared", "moved", "removed", "state_changed", "relation_changed", "merged", "split", "map_corrected"]

MAX_LABEL_CHARS = 80


def clean_label(text: str) -> str:
    """A label as robomem stores it: lower case, single spaces, no control or direction characters, at most 80 characters.

    Labels come from detectors, captions and messages: they are data from the world, never trusted text.
    """
    text = str(text)
    return _cleaned_again(text) if len(text) <= MAX_LABEL_CHARS else _cleaned(text)


def _cleaned(text: str) -> str:
    kept = "".join(c if c.isprintable() else " " for c in text.replace("_", " "))
    return " ".join(kept.lower().split())[:MAX_LABEL_CHARS]


_cleaned_again = lru_cache(maxsize=4096)(_cleaned)  # a detector says the same few words ten times a second


def _array(value: Any, dtype: Any, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """`value` as a read-only array; a -1 in `shape` accepts any length."""
    out = np.asarray(value, dtype=dtype)
    fits = out.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, out.shape, strict=True))
    if not fits:
        raise InvalidInputError(f"{name}: expected shape {shape} (-1 = any), got {out.shape}")
    if np.issubdtype(out.dtype, np.floating) and not np.isfinite(out).all():
        raise InvalidInputError(f"{name}: holds NaN or infinity; drop those rows before you pass them")
    out = out.view()
    out.flags.writeable = False
    return out


@dataclass(frozen=True)
class Detections:
    """What a detector said about one image: n parallel rows.

    Attributes:
        labels: n strings.
        scores: Float32[n] in 0..1.
        boxes_xyxy: Float32[n, 4] pixels (left, top, right, bottom).
        masks: Bool[n, h, w] or None.
        embeddings: Float32[n, d] appearance vectors or None.
        states: n dicts name -> value ("open": "true"), empty where unknown.
    """

    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    boxes_xyxy: NDArray[np.float32]
    masks: NDArray[np.bool_] | None = None
    embeddings: NDArray[np.float32] | None = None
    states: tuple[Mapping[str, str], ...] | None = None

    def __post_init__(self) -> None:
        labels = tuple(clean_label(label) for label in self.labels)
        n = len(labels)
        put = object.__setattr__
        put(self, "labels", labels)
        put(self, "scores", _array(self.scores, np.float32, (n,), "Detections.scores"))
        boxes = np.asarray(self.boxes_xyxy, np.float32)
        put(self, "boxes_xyxy", _array(boxes.reshape(0, 4) if boxes.size == 0 else boxes, np.float32, (n, 4), "Detections.boxes_xyxy"))
        if n and not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise InvalidInputError("Detections.scores: expected values in 0..1")
        if n and not (self.boxes_xyxy[:, 2:] >= self.boxes_xyxy[:, :2]).all():
            raise InvalidInputError("Detections.boxes_xyxy: expected left <= right and top <= bottom in every row")
        if self.masks is not None:
            put(self, "masks", _array(self.masks, np.bool_, (n, -1, -1), "Detections.masks"))
        if self.embeddings is not None:
            put(self, "embeddings", _array(self.embeddings, np.float32, (n, -1), "Detections.embeddings"))
        if self.states is not None and len(self.states) != n:
            raise InvalidInputError(f"Detections.states: expected {n} dicts, got {len(self.states)}")

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def empty() -> Detections:
        """A detector ran and named nothing (not the same as None: no detector ran)."""
        return Detections((), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))


@dataclass(frozen=True)
class Observations:
    """Detections lifted into the map frame by depth: n parallel rows of one frame.

    Attributes:
        stamp_ns: time of the frame.
        labels: n strings; "" for a class-agnostic segment.
        scores: Float32[n] detector confidence, 0..1.
        positions: Float32[n, 3] box centre, map frame, m.
        covariances: Float32[n, 3, 3] of the centre, map frame, m^2.
        sizes: Float32[n, 3] extent along the box's own x, y (yaw) and up, m.
        yaws: Float32[n] rad about +z.
        embeddings: Float32[n, d] unit-norm appearance vectors (d may be 0).
        colors: n colour names ("red"), "" where none stands out.
        pixels: Int32[n] own pixels with valid depth.
        truncated: Bool[n] mask touches the image border, or only part of the object can have been seen.
        boxes_xyxy: Float32[n, 4] pixels.
        points: n arrays Float32[k_i, 3], the cleaned surface points, map frame, m.
        states: n dicts name -> value.
    """

    stamp_ns: int
    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    positions: NDArray[np.float32]
    covariances: NDArray[np.float32]
    sizes: NDArray[np.float32]
    yaws: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    colors: tuple[str, ...]
    pixels: NDArray[np.int32]
    truncated: NDArray[np.bool_]
    boxes_xyxy: NDArray[np.float32]
    points: tuple[NDArray[np.float32], ...]
    states: tuple[Mapping[str, str], ...]

    def __post_init__(self) -> None:
        n = len(self.labels)
        put = object.__setattr__
        for name, dtype, shape in (
            ("scores", np.float32, (n,)),
            ("positions", np.float32, (n, 3)),
            ("covariances", np.float32, (n, 3, 3)),
            ("sizes", np.float32, (n, 3)),
            ("yaws", np.float32, (n,)),
            ("embeddings", np.float32, (n, -1)),
            ("pixels", np.int32, (n,)),
            ("truncated", np.bool_, (n,)),
            ("boxes_xyxy", np.float32, (n, 4)),
        ):
            put(self, name, _array(getattr(self, name), dtype, shape, f"Observations.{name}"))
        for name in ("colors", "points", "states"):
            if len(getattr(self, name)) != n:
                raise InvalidInputError(f"Observations.{name}: expected {n} rows, got {len(getattr(self, name))}")

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def empty(stamp_ns: int, embedding_dim: int = 0) -> Observations:
        """No observation at `stamp_ns`."""
        f, none = np.float32, np.zeros(0, np.float32)
        return Observations(
            stamp_ns, (), none, np.zeros((0, 3), f), np.zeros((0, 3, 3), f), np.zeros((0, 3), f), none, np.zeros((0, embedding_dim), f), (),
            np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros((0, 4), f), (), (),
        )  # fmt: skip


@dataclass(frozen=True)
class ObjectView:
    """One object as memory believes it to be (a copy: changing belief does not change it).

    Attributes:
        position: Float64[3] box centre, map frame, m.  size: Float64[3] m.  yaw_rad: rad about +z.
        covariance: Float64[3, 3] of the position, m^2.
        existence: probability that it still is there, 0..1.
        states: name -> (most likely value, probability).
        support: independent sightings.
        place: id of the graph node that holds it (furniture, else room), or None.
        color: its colour name, "" if none stands out.
        kind: "object", "furniture" or "agent".
        seen_from: Float64[3] where the camera was at its last sighting (map frame, m), None if that is not on record.
    """

    id: int
    label: str
    label_probs: Mapping[str, float]
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    yaw_rad: float
    existence: float
    status: Status
    states: Mapping[str, tuple[str, float]]
    first_seen_ns: int
    last_seen_ns: int
    support: int
    place: int | None = None
    covariance: NDArray[np.float64] = field(default_factory=lambda: np.eye(3) * 1e-4)
    color: str = ""
    kind: str = "object"
    embedding: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    seen_from: NDArray[np.float64] | None = None

    @property
    def spread_m(self) -> float:
        """Root of the covariance trace, m: how far off the position may be."""
        return float(np.sqrt(max(0.0, float(np.trace(self.covariance)))))


@dataclass(frozen=True)
class Event:
    """Something that changed, and the evidence for it.

    Attributes:
        before, after: what changed, as plain JSON values (position [x, y, z] in m, place id, state, relation).
        evidence: observation ids.
        belief: the object's existence probability then.
    """

    id: int
    stamp_ns: int
    kind: EventKind
    object_id: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    evidence: tuple[int, ...] = ()
    belief: float = 1.0
    label: str = ""


@dataclass(frozen=True)
class Candidate:
    """One possible answer of a recall."""

    id: int
    label: str
    position: NDArray[np.float64]
    score: float
    p_still_there: float
    place: str = ""
    color: str = ""


@dataclass(frozen=True)
class Recall:
    """The answer contract of every question about where something is (or was).

    Attributes:
        verdict: "found", "ambiguous" (see candidates, question), "moved_since_seen", "unknown" (abstains).
        position: Float64[3] map frame, m, or None when unknown.
        radius90_m: radius that holds the object with 90 % probability, given that it is there.
        p_still_there: probability that it is there at the time asked about.
        place: words ("on the counter in the kitchen").
        narrowed_by: what narrowed the search ("label", "colour", "room", "time").
        evidence: observation ids behind the answer.
        needs: what memory would need to answer, when it abstains.
    """

    verdict: Verdict
    id: int | None = None
    label: str = ""
    position: NDArray[np.float64] | None = None
    radius90_m: float = float("nan")
    p_still_there: float = 0.0
    last_seen_ns: int | None = None
    place: str = ""
    place_id: int | None = None
    candidates: tuple[Candidate, ...] = ()
    question: str = ""
    evidence: tuple[int, ...] = ()
    narrowed_by: tuple[str, ...] = ()
    needs: str = ""
    asked_ns: int = 0

    @property
    def found(self) -> bool:
        """True if the answer names one object."""
        return self.verdict in ("found", "moved_since_seen")


@dataclass(frozen=True)
class PlaceProbability:
    """How likely an object is in or at one place.

    Attributes:
        place_id: graph id of the furniture (or room) node.
        position: Float64[3] where to look, map frame, m.
        container: True if it can be closed and would have to be opened to look inside.
        looked_ns: when the robot last had a clear look at the place, or None.
    """

    place_id: int
    label: str
    room: str
    position: NDArray[np.float64]
    probability: float
    relation: str = "on"
    container: bool = False
    is_open: bool = False
    looked_ns: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Episode:
    """A task from its sentence to its end.

    Attributes:
        steps: one dict per step {"skill", "args", "ok", "reason", "stamp_ns", "duration_s"}.
        outcome: "done", "failed" or "abandoned".
    """

    id: int
    instruction: str
    start_ns: int
    end_ns: int
    outcome: str
    summary: str
    steps: tuple[Mapping[str, Any], ...] = ()
    cost: Mapping[str, float] = field(default_factory=dict)
