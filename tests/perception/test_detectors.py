"""The packaged network, its weights and decoding, and the door for open-vocabulary models."""

from __future__ import annotations

import hashlib
import importlib
import re
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.ontology import default_ontology
from robomem.perception import centernet
from robomem.perception.detectors import CocoDetector, Detector, OpenVocabularyDetector, from_pipeline, from_rows
from tests.perception.kitchen import KITCHEN, MODELS, needs_kitchen, needs_models

THRESHOLDS = np.full(80, 0.3, np.float32)


def heat(*peaks):
    """A heatmap with (row, col, class, score) peaks and boxes of 10, 20, 30, 40 pixels left, up, right, down."""
    h = np.zeros((128, 128, 80), np.float32)
    for y, x, c, score in peaks:
        h[y, x, c] = score
    return h, np.tile(np.array([10, 20, 30, 40], np.float32), (128, 128, 1))


@pytest.mark.parametrize(
    ("peaks", "classes"),
    [
        ([], []),
        ([(10, 20, 41, 0.9)], [41]),
        ([(10, 20, 41, 0.2)], []),  # under the threshold
        ([(10, 20, 41, 0.5), (10, 21, 41, 0.9)], [41]),  # neighbours: the larger
        ([(10, 20, 41, 0.5), (10, 22, 41, 0.9)], [41, 41]),  # not neighbours
        ([(10, 20, 41, 0.5), (10, 20, 56, 0.9)], [56, 41]),  # two classes in one cell: both, best first
        ([(0, 0, 0, 0.5), (127, 127, 1, 0.6)], [1, 0]),  # corners
    ],
)
def test_decode_peaks(peaks, classes):
    found, scores, boxes = centernet.decode(*heat(*peaks), THRESHOLDS)
    assert found.tolist() == classes
    assert (np.diff(scores) <= 0).all()
    assert boxes.shape == (len(classes), 4)


def test_decode_box_is_where_the_model_card_says():
    _, _, boxes = centernet.decode(*heat((10, 20, 41, 0.9)), THRESHOLDS)
    assert boxes.tolist() == [[80 - 10, 40 - 20, 80 + 30, 40 + 40]]


A, NEAR_A, FAR = [0, 0, 100, 100], [5, 0, 105, 100], [200, 200, 300, 300]


@pytest.mark.parametrize(
    ("classes", "boxes", "kept"),
    [
        ([1, 1], [A, NEAR_A], [0]),  # one thing twice
        ([1, 2], [A, NEAR_A], [0]),  # chair and couch: the better name
        ([1, 2], [A, [40, 0, 140, 100]], [0, 1]),  # two things beside each other
        ([1, 1], [A, FAR], [0, 1]),
        ([], np.zeros((0, 4)), []),
    ],
)
def test_suppress(classes, boxes, kept):
    assert centernet.suppress(np.array(classes, np.intp), np.array(boxes, np.float32).reshape(-1, 4), 0.55, 0.75) == kept


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 90), st.floats(1, 50), st.floats(1, 50)), min_size=1, max_size=12))
def test_iou_is_symmetric_and_bounded(rows):
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in rows], np.float32)
    table = np.stack([centernet.iou(b, boxes) for b in boxes])
    assert np.allclose(table, table.T, atol=1e-5)
    assert np.allclose(np.diag(table), 1, atol=1e-4)
    assert ((table >= 0) & (table <= 1 + 1e-5)).all()


def test_weights_are_the_ones_on_the_card():
    card = (centernet.WEIGHTS.parent / "README.md").read_text("utf-8")
    assert centernet.WEIGHTS_SHA256 in card
    assert hashlib.sha256(centernet.read_weights()).hexdigest() == centernet.WEIGHTS_SHA256
    assert (centernet.WEIGHTS.parent / "LICENSE").read_text("utf-8").startswith("MIT License")


@pytest.mark.parametrize(("content", "words"), [(None, "cannot read"), (b"", "sha256"), (b"half a model", "sha256")])
def test_missing_or_damaged_weights_are_refused(tmp_path, content, words):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=words) as error:
        CocoDetector(weights=path)
    assert "reinstall robomem" in str(error.value)


@pytest.fixture(scope="module")
def detector():
    return CocoDetector()


def test_every_class_is_a_plain_word(detector):
    assert isinstance(detector, Detector)
    assert len(set(centernet.COCO_CLASSES)) == 80
    assert default_ontology().canonical("couch") == "sofa"
    assert all(re.fullmatch(r"[a-z ]+", name) for name in centernet.COCO_CLASSES)


@pytest.mark.parametrize("image", [np.zeros((240, 320), np.uint8), np.zeros((240, 320, 3), np.float32), np.zeros((0, 0, 3), np.uint8)])
def test_what_is_not_an_image_is_refused(detector, image):
    with pytest.raises(InvalidInputError, match="rgb8"):
        detector.detect(image)


def test_nothing_in_a_blank_image(detector):
    assert len(detector.detect(np.full((240, 320, 3), 128, np.uint8))) == 0


def test_unknown_class_in_thresholds():
    with pytest.raises(InvalidInputError, match="teacup"):
        CocoDetector(thresholds={"teacup": 0.5})


@needs_kitchen
def test_a_real_cup_is_found_and_a_threshold_hides_it(detector):
    from PIL import Image

    rgb = np.asarray(Image.open(KITCHEN / "frame-000000.color.jpg").convert("RGB"))
    found = detector.detect(rgb)
    assert "cup" in found.labels
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy[:, 2] <= 640).all()
    assert "cup" not in CocoDetector(thresholds={"cup": 0.99}).detect(rgb).labels


@needs_kitchen
@needs_models
def test_half_precision_weights_say_what_the_float32_model_says():
    import onnxruntime
    from PIL import Image

    rgb = Image.open(KITCHEN / "frame-000000.color.jpg").convert("RGB").resize((512, 512))
    x = {"images": np.asarray(rgb, np.float32)[None]}
    full = onnxruntime.InferenceSession(str(MODELS / "centernet_mb3_coco.onnx")).run(["heatmap", "wh"], x)
    half = centernet.open_session(centernet.read_weights()).run(["heatmap", "wh"], x)
    for a, b in zip(full, half, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


ROW = {"score": 0.8, "label": "tea towel.", "box": {"xmin": 10, "ymin": 20, "xmax": 60, "ymax": 50}}


def test_pipeline_rows_become_detections():
    d = from_pipeline([ROW, {**ROW, "label": "mug", "box": {"xmin": -5, "ymin": -5, "xmax": 900, "ymax": 900}}], 640, 480)
    assert d.labels == ("tea towel", "mug")
    assert d.boxes_xyxy.tolist() == [[10, 20, 60, 50], [0, 0, 640, 480]]
    assert len(from_pipeline([], 640, 480)) == 0


@pytest.mark.parametrize("row", [{}, {"score": 1.0}, {**ROW, "box": None}, {**ROW, "score": "high"}, None])
def test_pipeline_rows_of_another_shape_are_refused(row):
    with pytest.raises(InvalidInputError, match="xmin"):
        from_pipeline([row], 640, 480)


def test_rows_outside_the_image_or_not_finite_are_dropped():
    boxes = np.array([[0, 0, 10, 10], [700, 0, 800, 10], [0, 0, np.nan, 10], [5, 5, 5, 5]], np.float32)
    assert from_rows("abcd", np.ones(4, np.float32), boxes, 640, 480).labels == ("a",)


@pytest.mark.parametrize(("labels", "words"), [([], "no labels"), (["  "], "no labels"), (["mug"], "config.json")])
def test_open_vocabulary_says_what_is_missing(tmp_path, labels, words):
    with pytest.raises(InvalidInputError, match=words):
        OpenVocabularyDetector(tmp_path, labels)


def test_open_vocabulary_without_transformers(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}", "utf-8")
    real = importlib.import_module

    def absent(name, *rest):
        if name == "transformers":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingDependencyError, match=re.escape("robomem[perception]")):
        OpenVocabularyDetector(tmp_path, ["mug"])


def test_open_vocabulary_asks_the_local_model_only(tmp_path, monkeypatch):
    """The calls that reach transformers, with its documented pipeline in a fake's hands."""
    (tmp_path / "config.json").write_text("{}", "utf-8")
    asked = []

    def pipeline(task, **options):
        asked.append((task, options))
        return lambda image, candidate_labels, threshold: [{**ROW, "label": candidate_labels[0]}]

    monkeypatch.setattr(importlib, "import_module", lambda name: types.SimpleNamespace(pipeline=pipeline))
    d = OpenVocabularyDetector(tmp_path, ["mug ", ""]).detect(np.zeros((48, 64, 3), np.uint8))
    assert d.labels == ("mug",)
    assert asked[0][0] == "zero-shot-object-detection"
    assert asked[0][1]["local_files_only"] is True


def test_open_vocabulary_names_a_model_that_does_not_open(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}", "utf-8")

    def pipeline(task, **options):
        raise OSError("no weights")

    monkeypatch.setattr(importlib, "import_module", lambda name: types.SimpleNamespace(pipeline=pipeline))
    with pytest.raises(InvalidInputError, match="no weights"):
        OpenVocabularyDetector(tmp_path, ["mug"])
