"""The real kitchen through detector and lifter: what is named lands where it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from robomem.perception.detectors import CocoDetector
from robomem.perception.lifting import Lifter
from robomem.perception.segmentation import segment
from robomem.perception.sequence import RgbdSequence
from tests.perception.kitchen import KITCHEN, needs_kitchen

pytestmark = needs_kitchen
EVERY = 3  # of the 100 frames: enough to see every object


@pytest.fixture(scope="module")
def sequence():
    return RgbdSequence(KITCHEN)


@pytest.fixture(scope="module")
def sightings(sequence):
    """label -> Float[n, 3] lifted positions, map frame."""
    detector, lifter, found = CocoDetector(), Lifter(), {}
    for index in sequence.indices[::EVERY]:
        frame = sequence.read(index)
        seen = lifter.lift(frame, detector.detect(frame.rgb))
        for label, position in zip(seen.labels, seen.positions, strict=True):
            found.setdefault(label, []).append(position)
    assert not set(lifter.rejected) - {"no depth", "too few pixels", "too far"}
    return {label: np.array(rows) for label, rows in found.items()}


def annotated():
    return json.loads((KITCHEN / "objects.json").read_text("utf-8"))["objects"] if KITCHEN.is_dir() else []


@pytest.mark.parametrize("item", annotated(), ids=lambda o: f"{o['label']} at {o['position']}")
def test_annotated_object_is_seen_where_it_is(sequence, sightings, item):
    """Within the annotated tolerance and 2 cm more, for raw sightings of every third frame.

    The 2 cm are for the second cup: its annotation lies 11 cm behind the ring that the depth images alone show (and 4 cm too low, in the
    table top), since it was made from depth that was not registered to colour.
    """
    truth = sequence.to_map(item["position"])
    near = sightings[item["label"]][np.linalg.norm(sightings[item["label"]] - truth, axis=1) < max(0.3, item["tolerance_m"])]
    assert len(near) >= 2
    assert np.linalg.norm(np.median(near, axis=0) - truth) < item["tolerance_m"] + 0.02


def test_the_two_cups_are_tight(sequence, sightings):
    """Spread of single sightings around each cup: a few centimetres, from every viewpoint."""
    for cup in (o for o in annotated() if o["label"] == "cup"):
        d = sightings["cup"] - sequence.to_map(cup["position"])
        near = d[np.linalg.norm(d, axis=1) < 0.3]
        assert np.median(np.linalg.norm(near - np.median(near, axis=0), axis=1)) < 0.03


def test_both_cups_stand_on_the_table(sequence, sightings):
    on = np.abs(sightings["cup"][:, 2] - 0.75) < 0.06
    assert on.mean() > 0.9


def test_segments_of_a_real_frame_lift(sequence):
    frame = sequence.read(sequence.indices[56])
    seen = Lifter().lift(frame, segment(frame))
    assert 3 <= len(seen) <= 20
    cup = sequence.to_map(annotated()[0]["position"])
    assert np.linalg.norm(seen.positions - cup, axis=1).min() < 0.15
