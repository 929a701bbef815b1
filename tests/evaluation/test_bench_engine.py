"""The benchmarks of the belief's engine in their quick forms, and the image surgery that the kitchen's stories rest on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import _kitchen_cup as cup
from benchmarks import _kitchen_plants as plants
from benchmarks import kitchen, particles, scale
from robomem.evaluation.registry import BenchArgs
from robomem.perception.sequence import RgbdSequence
from tests.perception.kitchen import KITCHEN, needs_kitchen

QUICK = BenchArgs([], None, None, True, lambda _line: None)


def test_particles_quick() -> None:
    pytest.importorskip("stonesoup")
    figures = particles.run(QUICK)
    assert figures["vs_filterpy_100x500"] > 10 and figures["vs_stonesoup_100x500"] > 60  # half and less of what a quiet machine shows
    row = figures["rows"][0]
    assert abs(row["robomem_rmse_m"] - row["filterpy_rmse_m"]) < 0.001  # the same filter, only faster
    assert abs(row["robomem_rmse_m"] - row["stonesoup_rmse_m"]) < 0.001
    assert abs(figures["noise_pool"]["rmse_m_ratio"] - 1) < 0.05


def test_scale_quick() -> None:
    figures = scale.run(QUICK)
    row = next(r for r in figures["rows"] if r["known_asked"] == 100)
    assert row["known"] >= 100 and row["matched_a_frame"] > 85
    assert 0 < figures["ms_100_in_view"] < 60


@needs_kitchen
def test_kitchen_quick() -> None:
    figures = kitchen.run(replace(QUICK, data=KITCHEN))
    assert figures["surfaces"] > 40 and figures["removed_surfaces"] == 0
    assert figures["removed_phantoms"] > 0.85  # a quarter of the frames: some phantoms are seen once or twice


@pytest.fixture(scope="module")
def scene():
    """A frame with the cup in clear view, where the cup stands, and a free place on the table."""
    sequence = RgbdSequence(KITCHEN)
    frame = sequence.read(360)
    near = sequence.to_map(json.loads((KITCHEN / "objects.json").read_text("utf-8"))["objects"][1]["position"])
    points = cup._points(frame)[(frame.depth_m > 0)]
    body = points[(np.linalg.norm(points[:, :2] - near[:2], axis=1) < 0.2) & (points[:, 2] > 0.74) & (points[:, 2] < 0.82)]
    place = cup.Place.of([frame], (np.percentile(body, 5, axis=0) + np.percentile(body, 95, axis=0))[None] / 2)
    return frame, place, cup.free_spot([frame], place, [])[0]


def _standing(frame, place: cup.Place) -> int:
    """Pixels whose depth shows something standing at a place."""
    points = cup._points(frame)
    near = np.linalg.norm(points[..., :2] - place.foot[:2], axis=-1) < 0.06
    return int(np.count_nonzero(near & (frame.depth_m > 0) & (points[..., 2] > place.foot[2] + 0.025)))


@needs_kitchen
def test_a_cup_is_taken_out_of_the_image_and_put_back_elsewhere(scene) -> None:
    frame, place, spot = scene
    assert _standing(frame, place) > 400 and _standing(frame, spot) == 0
    empty = cup.take_out(frame, place, np.random.default_rng(0))
    assert _standing(empty, place) == 0
    changed = (empty.depth_m != frame.depth_m) | (empty.rgb != frame.rgb).any(axis=-1)
    assert 0.002 < changed.mean() < 0.03  # nothing but the cup
    back = cup.put_back(empty, frame, place, spot)
    assert _standing(back, place) == 0
    eye = frame.T_map_camera[:3, 3]
    nearer = float(np.sum((eye - place.foot) ** 2) / np.sum((eye - spot.foot) ** 2))  # so many more pixels does it cover there
    assert 0.4 < _standing(back, spot) / (_standing(frame, place) * nearer) < 1.6
    far = np.linalg.norm(cup._points(frame)[..., :2] - spot.foot[:2], axis=-1) > 1.0
    assert (back.rgb[far] == empty.rgb[far]).mean() > 0.99


@needs_kitchen
def test_a_drawn_box_hides_what_is_behind_it_and_is_hidden_by_what_is_before_it(scene) -> None:
    frame, _, spot = scene
    box = plants.Box(spot.foot + np.array([0, 0, 0.1]), np.array([0.08, 0.08, 0.20]), "bottle")
    assert plants.shows(frame, box)
    drawn, _ = plants.draw(frame, [box], np.random.default_rng(0))
    window = plants.box_depth(frame, box)
    assert window is not None
    rows, cols, own, whole = window
    hit = own > 0
    assert whole and np.abs(drawn.depth_m[rows, cols][hit] - own[hit]).max() < 0.03
    wall = replace(frame, depth_m=np.full_like(frame.depth_m, 0.4))
    assert not plants.shows(wall, box)
    assert (plants.draw(wall, [box], np.random.default_rng(0))[0].depth_m == wall.depth_m).all()
