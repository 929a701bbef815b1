"""The packaged network: finding and checking its weights, and reading boxes off its heatmap."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError, MissingDependencyError

WEIGHTS = Path(__file__).parents[1] / "weights" / "centernet_mb3_coco" / "model.onnx"
WEIGHTS_SHA256 = "aeba351d7820cdcc4b32cec238073d1af078e134ec4320a96850a2e84e782c43"
INPUT_PIXELS = 512  # the whole image is squeezed into this square
STRIDE = 4  # heatmap cells per input pixel: 512 -> 128

COCO_CLASSES: tuple[str, ...] = (
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
)


def read_weights(path: Path = WEIGHTS, sha256: str = WEIGHTS_SHA256) -> bytes:
    """The model file, checked against its checksum.

    Raises:
        InvalidInputError: the file is missing, unreadable, or not the one this release was tested with.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"detector weights: cannot read {path}: {error.strerror}; reinstall robomem, or make them with "
            "make_weights.py beside the model card"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InvalidInputError(
            f"detector weights: {path.name} has sha256 {found[:12]}..., expected {sha256[:12]}...; the file is damaged "
            "or replaced: reinstall robomem"
        )
    return data


def open_session(weights: bytes) -> Any:
    """An ONNX Runtime session on one CPU thread.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("CocoDetector needs onnxruntime: pip install 'robomem[perception]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a robot has better uses for its other cores
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def decode(
    heatmap: NDArray[np.float32], wh: NDArray[np.float32], thresholds: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Peaks of the heatmap that are the largest of their 3x3 neighbourhood, as boxes (Zhou et al. 2019, "Objects as points", eq. 4).

    Args:
        heatmap: Float32[rows, cols, classes] in 0..1.
        wh: Float32[rows, cols, 4] distances from a cell to the left, top, right and bottom of its box, input pixels.
        thresholds: Float32[classes].

    Returns:
        Class indices Int[n], scores Float32[n] falling, boxes Float32[n, 4] in units of the input square (0..512).
    """
    ys, xs, classes = np.nonzero(heatmap > thresholds)
    padded = np.pad(heatmap, ((1, 1), (1, 1), (0, 0)), constant_values=-1.0)
    scores = heatmap[ys, xs, classes]
    peak = np.ones(len(ys), bool)
    for dy in range(3):  # only the few candidates look at their neighbours: 1.3 M cells would cost 15 ms
        for dx in range(3):
            peak &= padded[ys + dy, xs + dx, classes] <= scores
    ys, xs, classes, scores = ys[peak], xs[peak], classes[peak], scores[peak]
    order = np.lexsort((classes, xs, ys, -scores))
    ys, xs, classes, scores = ys[order], xs[order], classes[order], scores[order]
    sides = np.maximum(wh[ys, xs], 0.0)
    centres = np.stack([xs, ys, xs, ys], axis=1).astype(np.float32) * STRIDE
    return classes, scores, centres + sides * np.array([-1, -1, 1, 1], np.float32)


def iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box Float32[4] with Float32[n, 4], pixels."""
    corner = np.maximum(box[:2], others[:, :2])
    shared = np.clip(np.minimum(box[2:], others[:, 2:]) - corner, 0, None).prod(axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared
    return shared / np.maximum(union, 1e-9)


def suppress(classes: NDArray[np.intp], boxes: NDArray[np.float32], same_iou: float, other_iou: float) -> list[int]:
    """Rows (sorted by falling score) to keep when one thing was named twice: as one class, or as two (the same box as chair and couch).

    Two classes need much more overlap than one, since a cup does stand in front of a bottle.
    """
    kept: list[int] = []
    for i in range(len(boxes)):
        overlap = iou(boxes[i], boxes[kept])
        limit = np.where(classes[kept] == classes[i], same_iou, other_iou)
        if not (overlap > limit).any():
            kept.append(i)
    return kept
