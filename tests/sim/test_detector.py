"""The noisy detector's statistics: recall by pixels and occlusion, correlated misses, confusions, and a model that is checked."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.errors import ConfigError
from robomem.geometry import look_at
from robomem.ontology import default_ontology
from robomem_sim.camera import head_intrinsics, render
from robomem_sim.detector import NoisyDetector, sights
from robomem_sim.detector_model import load_detector_model
from robomem_sim.household import generate_home
from robomem_sim.world import World

MODEL = load_detector_model()
CONFIG = Path(__file__).parents[2] / "config" / "detector_model.yaml"
TEXT = CONFIG.read_text("utf-8")


@pytest.fixture(scope="module")
def scene():
    """A view of the mug, straight on."""
    world = World(generate_home(0))
    mug = world.box("mug 1")[0]
    stand = world.floor.centers(world.floor.main_part(0.33))
    away = np.hypot(*(stand - mug[:2]).T)
    eye = np.array([*stand[np.argmin(np.abs(away - 1.3))], 1.35])
    T = look_at(eye, mug)
    k = head_intrinsics()
    yield world, T, k, render(world, T, k)
    world.close()


def test_packaged_model_is_the_one_in_config():
    assert load_detector_model(CONFIG) == MODEL


@given(pixels=st.floats(0, 5e4), more=st.floats(0, 5e4), visible=st.floats(0, 1), wider=st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_recall_rises_with_pixels_and_with_the_visible_share(pixels, more, visible, wider):
    here = MODEL.recall(pixels, visible)
    assert 0 <= here <= MODEL.best
    assert MODEL.recall(pixels + more, visible) >= here - 1e-12
    assert MODEL.recall(pixels, max(visible, wider)) >= here - 1e-12


@pytest.mark.parametrize(
    "pixels, visible, low, high",
    [(10, 1.0, 0, 0), (60, 1.0, 0.45, 0.5), (150, 1.0, 0.8, 0.9), (1000, 1.0, 0.95, 0.97), (1000, 0.25, 0.45, 0.5), (1000, 0.05, 0, 0.15)],
)
def test_recall_at_known_points(pixels, visible, low, high):
    assert low <= MODEL.recall(pixels, visible) <= high


def draws(detector: NoisyDetector, what: str, cells: int, frames: int) -> np.ndarray:
    """Float64[objects, cells, frames] of the copula's uniforms."""
    return np.array(
        [[[detector._correlated(what, f"thing {o}", (c, 0), f) for f in range(frames)] for c in range(cells)] for o in range(60)]
    )


def test_misses_have_the_right_rate_and_are_alike_in_near_identical_views():
    u = draws(NoisyDetector(seed=3), "miss", cells=6, frames=6)
    for p in (0.2, 0.5, 0.9):
        assert (u < p).mean() == pytest.approx(p, abs=0.06)
    missed = (u >= 0.8).astype(float)  # recall 0.8
    rate = missed.mean()
    same_view = (missed[:, :, 0] * missed[:, :, 1]).mean() / rate
    other_view = (missed[:, 0] * missed[:, 1]).mean() / rate
    assert same_view > 0.5 > 0.42 > other_view > 0.5 * rate  # a miss foretells the next one only from the same place


def test_detections_name_what_is_there(scene):
    world, T, k, image = scene
    labels = [NoisyDetector(seed=s).detect(world, image, T, k, 0).labels for s in range(30)]
    assert sum("mug" in found for found in labels) >= 22
    true = {world.label(s.name) for s, _ in sights(world, image, T, k)}
    said = {label for found in labels for label in found}
    allowed = true | {other for label in true for other in MODEL.confusion.get(label, {})} | set(MODEL.fp_labels)
    assert "mug" in true and said <= allowed and all(default_ontology().known(label) for label in said)


def test_masks_are_eroded_parts_of_the_truth_and_rows_are_ordered_by_box(scene):
    world, T, k, image = scene
    for seed in range(5):
        found = NoisyDetector(seed=seed).detect(world, image, T, k, 0)
        assert found.masks.shape == (len(found), 240, 320) and found.embeddings is None and len(found.states) == len(found)
        boxes = [tuple(b) for b in found.boxes_xyxy.tolist()]
        assert boxes == sorted(boxes)
        for label, mask in zip(found.labels, found.masks, strict=True):
            if label == "mug":
                own = image.entity == world.names.index("mug 1")
                assert 0.5 * own.sum() < mask.sum() < own.sum() and not (mask & ~own).any()


def test_confusions_happen_as_often_as_the_model_says():
    detector, said = NoisyDetector(seed=1), []
    for i in range(3000):
        said.append(detector._name("mug", f"mug {i}", (0, 0), 0)[0])
    assert said.count("cup") / len(said) == pytest.approx(MODEL.confusion["mug"]["cup"], abs=0.015)
    assert set(said) == {"mug", "cup"} and detector._name("sofa", "sofa 1", (0, 0), 0) == ("sofa", False)


def test_false_alarms_are_rare_and_lie_on_surfaces(scene):
    _, T, _, image = scene
    detector = NoisyDetector(seed=2)
    rows = [detector._false_alarms(image, T, stamp) for stamp in range(1500)]
    assert 0.5 * MODEL.fp_per_frame < np.mean([len(r) for r in rows]) <= 1.3 * MODEL.fp_per_frame
    for row in (r for found in rows for r in found):
        assert (image.depth_m[row.mask] > 0).all() and row.label in MODEL.fp_labels and MODEL.fp_score[0] <= row.score <= MODEL.fp_score[1]


def test_open_doors_are_told_when_seen_well():
    world, k = World(generate_home(0)), head_intrinsics()
    fridge = world.home.piece("fridge 1")
    T = look_at([*fridge.to_map((1.6, 0, 0))[:2], 1.35], fridge.center)
    for fraction, word in ((0.0, "false"), (1.0, "true")):
        world.set_open("fridge 1", fraction)
        image = render(world, T, k)
        said = []
        for seed in range(20):
            found = NoisyDetector(seed=seed).detect(world, image, T, k, 0)
            said += [s["open"] for label, s in zip(found.labels, found.states, strict=True) if label == "fridge"]
        assert said.count(word) >= 0.8 * len(said) and len(said) >= 15
    world.close()


def test_a_covered_object_shows_a_small_share(scene):
    world, T, k, image = scene
    sight = {s.name: s for s, _ in sights(world, image, T, k)}["mug 1"]
    assert (
        sight.visible > 0.85 and sight.pixels > 200 and sight.distance_m == pytest.approx(np.linalg.norm(world.box("mug 1")[0] - T[:3, 3]))
    )
    hidden = type(image)(
        image.rgb,
        image.depth_m,
        np.where((image.entity == world.names.index("mug 1")) & (np.indices(image.entity.shape)[1] % 2 == 0), -2, image.entity),
    )
    assert {s.name: s for s, _ in sights(world, hidden, T, k)}["mug 1"].visible == pytest.approx(sight.visible / 2, rel=0.15)


def test_same_seed_same_detections(scene):
    world, T, k, image = scene
    a, b = (NoisyDetector(seed=4).detect(world, image, T, k, 7) for _ in range(2))
    assert a.labels == b.labels and a.scores.tobytes() == b.scores.tobytes() and a.boxes_xyxy.tobytes() == b.boxes_xyxy.tobytes()


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda raw: raw.pop("recall"), "KeyError: 'recall'"),
        (lambda raw: raw["recall"].update(best=1.4), "0 < recall.best <= 1"),
        (lambda raw: raw["correlation"].update(object=0.8), "correlation.object \\+ correlation.viewpoint"),
        (lambda raw: raw["confusion"]["mug"].update(cup=1.2), "confusion of 'mug'"),
        (lambda raw: raw["box"].update(jitter_px="wide"), "ValueError"),
    ],
)
def test_a_bad_model_is_refused(tmp_path, change, text):
    raw = yaml.safe_load(TEXT)
    change(raw)
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError, match=text):
        load_detector_model(tmp_path / "m.yaml")


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a detector model"):
        load_detector_model(tmp_path / "absent.yaml")
