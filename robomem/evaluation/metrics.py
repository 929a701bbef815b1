"""Maps against the truth: recall by label and distance, ghosts, double ids. Definitions as in the belief design page.

Truth comes from a simulator's evaluator-only record or from annotations; nothing here is ever seen by the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from robomem.geometry import box_iou
from robomem.ontology import Ontology
from robomem.types import ObjectView

GHOST_M = 0.5  # a confirmed track further than this from any true object of its label is a ghost
FURNITURE_IOU = 0.3
PRESENT = ("confirmed", "occluded", "held")


@dataclass(frozen=True)
class TrueObject:
    """One true thing: box centre and size (m, map frame), yaw (rad); `kind` "object" or "furniture"."""

    name: str
    label: str
    position: np.ndarray
    size: np.ndarray
    yaw_rad: float = 0.0
    kind: str = "object"

    @staticmethod
    def of(row: Mapping[str, Any]) -> TrueObject:
        """From one row of a simulator's truth."""
        return TrueObject(
            str(row["name"]),
            str(row["label"]),
            np.array(row["position"], float),
            np.array(row["size"], float),
            float(row.get("yaw", row.get("yaw_rad", 0.0))),
            str(row.get("kind", "object")),
        )


@dataclass(frozen=True)
class MapScore:
    """How a map compares.

    Attributes:
        recall: share of true things with a confirmed track of the right label near enough (small: box centre, furniture: IoU).
        errors_m: centre error of each matched small object.
        ghosts: confirmed tracks far from any true object of their label.
        double_ids: true objects with a second track that would also do.
        missed: names of true things not in the map.
    """

    recall: float
    errors_m: tuple[float, ...]
    ghosts: tuple[int, ...]
    double_ids: int
    missed: tuple[str, ...]
    n: int


def score_map(
    tracks: Sequence[ObjectView], truth: Sequence[TrueObject], everything: Sequence[TrueObject], ontology: Ontology, within_m: float = 0.10
) -> MapScore:
    """Score a map.

    Args:
        tracks: what is believed.
        truth: what had to be found (was in clear view long enough).
        everything: all that exists: a track of a thing barely seen is no ghost.
        within_m: centre error allowed for small objects, m.
    """
    known = [t for t in tracks if t.status in PRESENT and t.kind != "agent"]
    cost = np.full((len(truth), len(known)), 1e6)
    for i, true in enumerate(truth):
        for j, track in enumerate(known):
            error = _error(true, track, ontology, within_m)
            if error is not None:
                cost[i, j] = error
    rows, columns = linear_sum_assignment(cost) if len(truth) and len(known) else (np.array([], int), np.array([], int))
    matched = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if cost[i, j] < 1e5}
    errors = tuple(float(np.linalg.norm(truth[i].position - known[j].position)) for i, j in matched.items() if truth[i].kind == "object")
    ghosts = tuple(t.id for t in known if not _explained(t, everything, ontology))
    double = sum(_double(true, known, everything, ontology) for true in everything)
    missed = tuple(t.name for i, t in enumerate(truth) if i not in matched)
    return MapScore(len(matched) / len(truth) if truth else 1.0, errors, ghosts, double, missed, len(truth))


def _same(true: TrueObject, track: ObjectView, ontology: Ontology) -> bool:
    return ontology.canonical(true.label) == ontology.canonical(track.label)


def _error(true: TrueObject, track: ObjectView, ontology: Ontology, within_m: float) -> float | None:
    if not _same(true, track, ontology):
        return None
    if true.kind == "furniture":
        iou = box_iou(true.position, true.size, true.yaw_rad, track.position, track.size, track.yaw_rad)
        return 1.0 - iou if iou >= FURNITURE_IOU else None
    error = float(np.linalg.norm(true.position - track.position))
    return error if error <= within_m else None


def _explained(track: ObjectView, everything: Sequence[TrueObject], ontology: Ontology) -> bool:
    """True if a true object of the label is near: for furniture, whose centre shifts as it is seen, its box counts."""
    for true in everything:
        if not _same(true, track, ontology):
            continue
        reach = GHOST_M if true.kind == "object" else GHOST_M + float(np.max(true.size[:2])) / 2
        if float(np.linalg.norm(true.position - track.position)) <= reach:
            return True
    return False


def _double(true: TrueObject, known: Sequence[ObjectView], everything: Sequence[TrueObject], ontology: Ontology) -> int:
    """1 if more tracks of its label claim the place of `true` than there are true objects of the label there."""
    reach = max(0.15, float(np.max(true.size[:2])) * 0.4)
    tracks = [t for t in known if _same(true, t, ontology) and float(np.linalg.norm(t.position - true.position)) < reach]
    real = [o for o in everything if o.label == true.label and float(np.linalg.norm(o.position - true.position)) < 2 * reach]
    return int(len(tracks) > len(real))
