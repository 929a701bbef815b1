"""What stages hand to each other is valid once it exists."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.geometry import look_at
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.types import MAX_LABEL_CHARS, Detections, ObjectView, Observations, Recall, clean_label

BOX = np.array([[1.0, 2.0, 3.0, 4.0]])


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Mug", "mug"),
        ("  dining_table ", "dining table"),
        ("a\tb\nc", "a b c"),
        ("\u202eevil\u202c", "evil"),
        ("x\x00y", "x y"),
        ("", ""),
        (7, "7"),
        ("É", "é"),
    ],
)
def test_clean_label(text: str, label: str) -> None:
    assert clean_label(text) == label


@given(st.text(max_size=300))
def test_labels_are_short_printable_and_stable(text: str) -> None:
    label = clean_label(text)
    assert len(label) <= MAX_LABEL_CHARS and label.isprintable() and "  " not in label
    assert clean_label(label).strip() == label.strip()


def detections(**changes) -> Detections:
    given = {"labels": ("mug",), "scores": np.array([0.5]), "boxes_xyxy": BOX}
    return Detections(**{**given, **changes})


def test_detections_are_read_only_float32_copies_of_nothing() -> None:
    d = detections(masks=np.ones((1, 4, 5), bool), embeddings=np.ones((1, 8)), states=({"open": "true"},))
    assert len(d) == 1 and d.scores.dtype == d.boxes_xyxy.dtype == d.embeddings.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        d.scores[0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        d.labels = ()  # type: ignore[misc]


def test_the_caller_s_array_stays_writable() -> None:
    scores = np.array([0.5], np.float32)
    detections(scores=scores)
    scores[0] = 0.1


def test_empty_detections() -> None:
    d = Detections.empty()
    assert len(d) == 0 and d.boxes_xyxy.shape == (0, 4) and d.masks is None
    assert len(Detections((), [], [])) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.array([0.5, 0.5])}, r"Detections\.scores: expected shape \(1,\)"),
        ({"scores": np.array([1.5])}, r"scores: expected values in 0\.\.1"),
        ({"scores": np.array([np.nan])}, "scores: holds NaN"),
        ({"boxes_xyxy": np.zeros((1, 5))}, r"boxes_xyxy: expected shape \(1, 4\)"),
        ({"boxes_xyxy": np.array([[3.0, 2.0, 1.0, 4.0]])}, "left <= right"),
        ({"boxes_xyxy": np.array([[1.0, 2.0, np.inf, 4.0]])}, "NaN or infinity"),
        ({"masks": np.ones((2, 4, 5), bool)}, r"masks: expected shape \(1, -1, -1\)"),
        ({"masks": np.ones((4, 5), bool)}, "masks: expected shape"),
        ({"embeddings": np.ones(8)}, "embeddings: expected shape"),
        ({"states": ({}, {})}, "states: expected 1 dicts, got 2"),
    ],
)
def test_bad_detections_are_refused(changes, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        detections(**changes)


def observations(**changes) -> Observations:
    given = {
        "stamp_ns": 1,
        "labels": ("mug",),
        "scores": [0.9],
        "positions": [[1, 2, 3]],
        "covariances": [np.eye(3)],
        "sizes": [[0.1] * 3],
        "yaws": [0.0],
        "embeddings": np.zeros((1, 4)),
        "colors": ("red",),
        "pixels": [50],
        "truncated": [False],
        "boxes_xyxy": BOX,
        "points": (np.zeros((9, 3)),),
        "states": ({},),
    }
    return Observations(**{**given, **changes})


def test_observations() -> None:
    o = observations()
    assert len(o) == 1 and o.positions.dtype == np.float32 and o.pixels.dtype == np.int32
    assert len(Observations.empty(5, 16)) == 0 and Observations.empty(5, 16).embeddings.shape == (0, 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [[1, 2]]}, r"positions: expected shape \(1, 3\)"),
        ({"positions": [[1, 2, np.nan]]}, "positions: holds NaN"),
        ({"covariances": [np.eye(2)]}, "covariances: expected shape"),
        ({"colors": ()}, "colors: expected 1 rows, got 0"),
        ({"points": ()}, "points: expected 1 rows"),
        ({"yaws": [0.0, 1.0]}, "yaws: expected shape"),
    ],
)
def test_bad_observations_are_refused(changes, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        observations(**changes)


def test_spread_is_the_root_of_the_trace() -> None:
    view = ObjectView(1, "mug", {}, np.zeros(3), np.ones(3), 0.0, 1.0, "confirmed", {}, 0, 0, 1, covariance=np.diag([0.01, 0.02, 0.06]))
    assert view.spread_m == pytest.approx(0.3)


@pytest.mark.parametrize(("verdict", "found"), [("found", True), ("moved_since_seen", True), ("ambiguous", False), ("unknown", False)])
def test_recall_found(verdict, found: bool) -> None:
    assert Recall(verdict).found is found


INTRINSICS = Intrinsics(50, 50, 20, 15, 40, 30)
POSE = look_at((0, 0, 1), (1, 0, 1))


def frame(**changes) -> RgbdFrame:
    given = {
        "stamp_ns": 1,
        "rgb": np.zeros((30, 40, 3), np.uint8),
        "depth_m": np.ones((30, 40), np.float32),
        "intrinsics": INTRINSICS,
        "T_map_camera": POSE,
    }
    return RgbdFrame(**{**given, **changes})


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0])
def test_depth_that_is_no_measurement_becomes_zero(value: float) -> None:
    depth = np.full((30, 40), 2.0, np.float64)
    depth[:15] = value
    f = frame(depth_m=depth)
    assert f.depth_m.dtype == np.float32 and (f.depth_m[:15] == 0).all() and (f.depth_m[15:] == 2).all()
    assert f.valid_share == 0.5
    assert np.array_equal(depth[15:], np.full((15, 40), 2.0))  # the caller's array is left alone


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rgb": np.zeros((30, 40, 3), np.float32)}, "rgb must be uint8"),
        ({"rgb": np.zeros((30, 40), np.uint8)}, "rgb must be uint8"),
        ({"depth_m": np.ones((15, 20), np.float32)}, "publish registered depth"),
        ({"depth_m": np.ones((30, 40), np.uint16)}, "divide 16-bit millimetres by 1000"),
        ({"depth_m": np.full((30, 40), np.nan)}, "less than 2% of the depth image"),
        ({"depth_m": np.zeros((30, 40))}, "less than 2%"),
        ({"intrinsics": Intrinsics(50, 50, 20, 15, 80, 60)}, r"use Intrinsics\.scaled"),
        ({"T_map_camera": np.full((4, 4), np.nan)}, "rigid 4x4"),
        ({"T_map_camera": np.eye(3)}, "rigid 4x4"),
        ({"stamp_ns": -1}, "stamp_ns must be >= 0"),
    ],
)
def test_bad_frames_are_refused_by_name(changes, message: str) -> None:
    with pytest.raises(InvalidInputError, match=f"front: .*{message}"):
        frame(camera="front", **changes)


@pytest.mark.parametrize(
    "values", [(0, 50, 1, 1, 4, 4), (50, -1, 1, 1, 4, 4), (50, 50, np.nan, 1, 4, 4), (50, 50, 1, 1, 0, 4), (50, 50, 1, 1, 4, 99999)]
)
def test_bad_intrinsics_are_refused(values) -> None:
    with pytest.raises(InvalidInputError, match="intrinsics: expected finite"):
        Intrinsics(*values)


def test_scaled_intrinsics_see_the_same() -> None:
    half = INTRINSICS.scaled(0.5)
    assert (half.width, half.height, half.fx, half.cx) == (20, 15, 25, 10)
