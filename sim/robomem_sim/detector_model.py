"""DetectorModel: the numbers of the noisy detector, read from YAML and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from robomem.errors import ConfigError


@dataclass(frozen=True)
class DetectorModel:
    """How a detector fails; the fields are explained in detector_model.yaml."""

    best: float
    pixels_min: float
    pixels_half: float
    pixels_slope: float
    visible_half: float
    visible_slope: float
    object_share: float
    viewpoint_share: float
    cell_m: float
    confusion: Mapping[str, Mapping[str, float]]
    mean_low: float
    mean_high: float
    score_noise: float
    wrong_label: float
    fp_per_frame: float
    fp_score: tuple[float, float]
    fp_radius_px: tuple[float, float]
    fp_labels: tuple[str, ...]
    erosion_px: int
    jitter_px: float
    jitter_share: float
    state_min_pixels: float
    state_error: float

    def recall(self, pixels: float, visible: float) -> float:
        """Probability of detecting something that shows `pixels` of its own, a share `visible` of its outline."""
        if pixels < self.pixels_min:
            return 0.0
        by_size = 1.0 / (1.0 + (self.pixels_half / pixels) ** self.pixels_slope)
        by_view = 1.0 / (1.0 + np.exp(-self.visible_slope * (visible - self.visible_half)))
        return float(self.best * by_size * by_view)


def load_detector_model(path: str | Path | None = None) -> DetectorModel:
    """Read a detector model; without a path the pinned default.

    Raises:
        ConfigError: the file cannot be read, lacks a section or value, or a probability is out of range.
    """
    import yaml

    who = str(path or "detector_model.yaml")
    try:
        text = Path(path).read_text("utf-8") if path else resources.files("robomem_sim").joinpath("detector_model.yaml").read_text("utf-8")
        raw: dict[str, Any] = yaml.safe_load(text)
        recall, link, score, wrong, mask, box, state = (
            raw[k] for k in ("recall", "correlation", "score", "false_positives", "mask", "box", "state")
        )
        model = DetectorModel(
            **{k: float(recall[k]) for k in ("best", "pixels_min", "pixels_half", "pixels_slope", "visible_half", "visible_slope")},
            object_share=float(link["object"]),
            viewpoint_share=float(link["viewpoint"]),
            cell_m=float(link["cell_m"]),
            confusion={str(a): {str(b): float(p) for b, p in row.items()} for a, row in raw["confusion"].items()},
            mean_low=float(score["mean_low"]),
            mean_high=float(score["mean_high"]),
            score_noise=float(score["noise"]),
            wrong_label=float(score["wrong_label"]),
            fp_per_frame=float(wrong["per_frame"]),
            fp_score=(float(wrong["score_low"]), float(wrong["score_high"])),
            fp_radius_px=(float(wrong["radius_px"][0]), float(wrong["radius_px"][1])),
            fp_labels=tuple(str(x) for x in wrong["labels"]),
            erosion_px=int(mask["erosion_px"]),
            jitter_px=float(box["jitter_px"]),
            jitter_share=float(box["jitter_share"]),
            state_min_pixels=float(state["min_pixels"]),
            state_error=float(state["error"]),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ConfigError(f"{who}: not a detector model: {type(error).__name__}: {error}; compare config/detector_model.yaml") from error
    _check(model, who)
    return model


def _check(model: DetectorModel, who: str) -> None:
    if not 0 < model.best <= 1 or not 0 <= model.state_error < 0.5:
        raise ConfigError(f"{who}: expected 0 < recall.best <= 1 and 0 <= state.error < 0.5, got {model.best} and {model.state_error}")
    if model.object_share < 0 or model.viewpoint_share < 0 or model.object_share + model.viewpoint_share > 1:
        raise ConfigError(
            f"{who}: correlation.object + correlation.viewpoint must lie in 0..1, got {model.object_share} + {model.viewpoint_share}"
        )
    for label, row in model.confusion.items():
        if any(p < 0 for p in row.values()) or sum(row.values()) > 1:
            raise ConfigError(f"{who}: confusion of {label!r} must be probabilities that sum to at most 1, got {dict(row)}")
