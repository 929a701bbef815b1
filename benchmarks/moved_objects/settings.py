"""Detector settings drawn per home, around and beyond the pinned defaults: nobody may tune a memory to one detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robomem_sim.detector_model import DetectorModel, load_detector_model

# field -> (lowest, highest); the defaults lie inside. Sources of the ranges are in the README of this folder.
RANGES: dict[str, tuple[float, float]] = {
    "best": (0.88, 0.98),
    "pixels_half": (45.0, 110.0),
    "visible_half": (0.20, 0.40),
    "object_share": (0.05, 0.20),
    "viewpoint_share": (0.40, 0.75),
    "fp_per_frame": (0.02, 0.15),
    "jitter_px": (0.5, 1.5),
    "jitter_share": (0.005, 0.025),
    "score_noise": (0.04, 0.10),
    "state_error": (0.01, 0.06),
}
CONFUSION = (0.5, 2.5)  # factor on every row of the confusion matrix
EROSION_PX = (0, 2)


def detector_model(seed: int) -> DetectorModel:
    """The detector of a home."""
    rng = np.random.default_rng([0xDE7, seed])
    base = load_detector_model()
    drawn = {name: float(rng.uniform(low, high)) for name, (low, high) in RANGES.items()}
    factor = float(rng.uniform(*CONFUSION))
    confusion = {label: {other: p * factor for other, p in row.items()} for label, row in base.confusion.items()}
    return replace(base, **drawn, confusion=confusion, erosion_px=int(rng.integers(EROSION_PX[0], EROSION_PX[1] + 1)))
