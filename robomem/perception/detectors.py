"""Detectors: what names things in an image. The protocol, the packaged COCO network, and a door for open-vocabulary models."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.perception import centernet
from robomem.types import Detections


@runtime_checkable
class Detector(Protocol):
    """Anything that names things in an image."""

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Name what is in UInt8[h, w, 3]; boxes (and masks) in its pixels."""
        ...


class CocoDetector:
    """MobileNetV3-CenterNet, 80 COCO classes, packaged: no network, about 80 ms of one CPU thread per image. Boxes, no masks."""

    def __init__(
        self,
        threshold: float = 0.3,
        thresholds: Mapping[str, float] | None = None,
        same_iou: float = 0.55,
        other_iou: float = 0.75,
        weights: Path = centernet.WEIGHTS,
    ) -> None:
        """Open the network.

        Args:
            threshold: score below which nothing is returned, 0..1.
            thresholds: per class name, instead of `threshold`.
            same_iou: boxes of one class that overlap more are one thing.
            other_iou: boxes of two classes that overlap more are one thing under its better name.
            weights: model file.

        Raises:
            InvalidInputError: weights missing or damaged, a threshold for a class the network does not know.
            MissingDependencyError: onnxruntime is not installed.
        """
        unknown = sorted(set(thresholds or {}) - set(centernet.COCO_CLASSES))
        if unknown:
            raise InvalidInputError(f"CocoDetector: unknown classes {unknown} in thresholds; COCO names are words like 'cup' or 'tv'")
        self._thresholds = np.full(len(centernet.COCO_CLASSES), threshold, np.float32)
        for name, value in (thresholds or {}).items():
            self._thresholds[centernet.COCO_CLASSES.index(name)] = value
        self._overlaps = (same_iou, other_iou)
        self._session = centernet.open_session(centernet.read_weights(weights))

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Name what is in the image.

        Args:
            rgb: UInt8[h, w, 3].

        Returns:
            Detections with boxes clipped to the image, best first; no masks, no embeddings.

        Raises:
            InvalidInputError: not an 8-bit colour image.
        """
        check_rgb(rgb, "CocoDetector")
        from PIL import Image

        side = centernet.INPUT_PIXELS
        # Bilinear, as the network was trained; PIL's filter also averages when it shrinks, unlike a plain 2x2 tap.
        square = np.asarray(Image.fromarray(rgb).resize((side, side), Image.Resampling.BILINEAR), np.float32)
        heatmap, wh = self._session.run(["heatmap", "wh"], {"images": square[None]})
        classes, scores, boxes = centernet.decode(heatmap[0], wh[0], self._thresholds)
        keep = centernet.suppress(classes, boxes, *self._overlaps)
        height, width = rgb.shape[:2]
        boxes = boxes[keep] * np.array([width / side, height / side] * 2, np.float32)
        return from_rows([centernet.COCO_CLASSES[classes[i]] for i in keep], scores[keep], boxes, width, height)


class OpenVocabularyDetector:
    """Zero-shot object detection by a local transformers model (OWL-ViT, OWLv2, Grounding DINO): names what you ask for."""

    def __init__(self, path: str | Path, labels: Sequence[str], threshold: float = 0.2) -> None:
        """Load the model.

        Args:
            path: folder of a saved model (config.json, weights, processor); nothing is ever downloaded.
            labels: what to look for, plain words.
            threshold: score below which nothing is returned, 0..1.

        Raises:
            InvalidInputError: the folder is not a saved model, or no labels are given.
            MissingDependencyError: transformers is not installed.
        """
        folder = Path(path)
        self._labels = [str(label).strip() for label in labels if str(label).strip()]
        if not self._labels:
            raise InvalidInputError("OpenVocabularyDetector: no labels to look for; pass words like ['mug', 'tea towel']")
        if not (folder / "config.json").is_file():
            raise InvalidInputError(
                f"OpenVocabularyDetector: no config.json in {folder}; pass the folder of a model saved with save_pretrained()"
            )
        self._threshold = threshold
        try:
            transformers = importlib.import_module("transformers")
        except ImportError as error:
            raise MissingDependencyError(
                "OpenVocabularyDetector needs transformers and torch: pip install 'robomem[perception]' transformers torch"
            ) from error
        try:
            self._pipeline = transformers.pipeline("zero-shot-object-detection", model=str(folder), local_files_only=True)
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            raise InvalidInputError(f"OpenVocabularyDetector: transformers cannot open {folder}: {error}") from error

    def detect(self, rgb: NDArray[np.uint8]) -> Detections:
        """Look for the labels in UInt8[h, w, 3].

        Raises:
            InvalidInputError: not an 8-bit colour image, or the model's reply is not what transformers documents.
        """
        check_rgb(rgb, "OpenVocabularyDetector")
        from PIL import Image

        rows = self._pipeline(Image.fromarray(rgb), candidate_labels=self._labels, threshold=self._threshold)
        return from_pipeline(rows, rgb.shape[1], rgb.shape[0])


def from_pipeline(rows: Sequence[Mapping[str, Any]], width: int, height: int) -> Detections:
    """Detections from the rows of a transformers object-detection pipeline: {"score", "label", "box": {"xmin", "ymin", "xmax", "ymax"}}.

    Raises:
        InvalidInputError: a row without these fields.
    """
    try:
        boxes = [[float(row["box"][side]) for side in ("xmin", "ymin", "xmax", "ymax")] for row in rows]
        scores = [float(row["score"]) for row in rows]
        labels = [str(row["label"]).rstrip(". ") for row in rows]  # Grounding DINO ends its phrases with a full stop
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"open-vocabulary detector: a row is not {{score, label, box{{xmin, ymin, xmax, ymax}}}}: {error!r}"
        ) from error
    return from_rows(labels, np.asarray(scores, np.float32), np.asarray(boxes, np.float32).reshape(-1, 4), width, height)


def from_rows(labels: Sequence[str], scores: NDArray[np.float32], boxes: NDArray[np.float32], width: int, height: int) -> Detections:
    """Detections with boxes clipped to an image of `width` x `height` pixels; rows that are not finite or lie outside are dropped."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    good = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    boxes = np.clip(np.nan_to_num(boxes), 0, np.array([width, height, width, height], np.float32))
    good &= (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
    names = tuple(label for label, ok in zip(labels, good, strict=True) if ok)
    return Detections(names, np.clip(np.asarray(scores, np.float32)[good], 0, 1), boxes[good])


def check_rgb(rgb: NDArray[np.uint8], who: str) -> None:
    """Raise InvalidInputError unless `rgb` is UInt8[h, w, 3]."""
    array = np.asarray(rgb)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise InvalidInputError(f"{who}: expected uint8 [h, w, 3], got {array.dtype} {array.shape}; convert the image to rgb8")
