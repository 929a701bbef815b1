"""Map scores on maps whose score is known."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.evaluation.metrics import TrueObject, score_map
from robomem.ontology import default_ontology
from robomem.types import ObjectView

ONTOLOGY = default_ontology()


def true(name: str, label: str, x: float, kind: str = "object", size: float = 0.1) -> TrueObject:
    return TrueObject(name, label, np.array([x, 0.0, 0.5]), np.full(3, size), 0.0, kind)


def track(i: int, label: str, x: float, kind: str = "object", size: float = 0.1, status: str = "confirmed") -> ObjectView:
    return ObjectView(i, label, {label: 1.0}, np.array([x, 0.0, 0.5]), np.full(3, size), 0.0, 0.9, status, {}, 0, 0, 3, kind=kind)  # type: ignore[arg-type]


TRUTH = [true("mug 1", "mug", 0.0), true("apple 1", "apple", 2.0), true("desk 1", "desk", 5.0, "furniture", 1.0)]
GOOD = [track(1, "mug", 0.03), track(2, "apple", 2.02), track(3, "desk", 5.1, "furniture", 1.0)]


@pytest.mark.parametrize(
    ("tracks", "recall", "ghosts", "double"),
    [
        (GOOD, 1.0, 0, 0),
        (GOOD[:2], 2 / 3, 0, 0),
        ([*GOOD, track(4, "mug", 3.0)], 1.0, 1, 0),
        ([*GOOD, track(4, "mug", -0.05)], 1.0, 0, 1),
        ([*GOOD, track(4, "mug", 3.0, status="tentative")], 1.0, 0, 0),
        ([track(1, "cup", 0.0), *GOOD[1:]], 2 / 3, 1, 0),
        ([track(1, "mug", 0.2), *GOOD[1:]], 2 / 3, 0, 0),
        ([*GOOD[:2], track(3, "desk", 5.8, "furniture", 1.0)], 2 / 3, 0, 0),
        ([], 0.0, 0, 0),
    ],
    ids=[
        "perfect",
        "desk missing",
        "ghost",
        "two ids",
        "tentative does not count",
        "wrong label",
        "too far",
        "furniture by overlap",
        "nothing",
    ],
)
def test_scores(tracks: list[ObjectView], recall: float, ghosts: int, double: int) -> None:
    score = score_map(tracks, TRUTH, TRUTH, ONTOLOGY)
    assert score.recall == pytest.approx(recall)
    assert (len(score.ghosts), score.double_ids) == (ghosts, double)


def test_two_true_things_of_a_label_side_by_side_are_no_double_id() -> None:
    truth = [true("cup 1", "cup", 0.0), true("cup 2", "cup", 0.12)]
    score = score_map([track(1, "cup", 0.0), track(2, "cup", 0.12)], truth, truth, ONTOLOGY)
    assert score.recall == 1.0 and score.double_ids == 0


def test_a_thing_barely_seen_is_no_ghost() -> None:
    score = score_map([track(1, "mug", 0.0)], [], [true("mug 1", "mug", 0.0)], ONTOLOGY)
    assert score.ghosts == () and score.recall == 1.0


def test_truth_rows_are_read() -> None:
    row = {"name": "mug 1", "label": "mug", "position": [1, 2, 3], "size": [0.1, 0.1, 0.1], "yaw": 0.5, "kind": "object"}
    assert TrueObject.of(row).yaw_rad == 0.5
