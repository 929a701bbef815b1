"""Masks or boxes and depth to observations: where things are put, how sure, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robomem.config import PerceptionConfig
from robomem.errors import InvalidInputError
from robomem.geometry import box_iou
from robomem.perception.frame import RgbdFrame
from robomem.perception.lifting import Lifter
from robomem.types import Detections
from tests.perception.scenes import QVGA, TABLE_Z, VGA, Scene, Solid, box_of, on_table

THINGS = {  # kind, size (m), the largest median and single error of the centre allowed (m)
    "mug": ("cylinder", (0.08, 0.08, 0.10), 0.015, 0.04),
    "can": ("cylinder", (0.066, 0.066, 0.12), 0.015, 0.04),
    "bottle": ("cylinder", (0.07, 0.07, 0.25), 0.015, 0.04),
    "apple": ("sphere", (0.08, 0.08, 0.08), 0.015, 0.04),
    "ball": ("sphere", (0.2, 0.2, 0.2), 0.025, 0.05),
    "bowl": ("cylinder", (0.17, 0.17, 0.07), 0.025, 0.05),
    "box": ("box", (0.2, 0.07, 0.3), 0.025, 0.08),
    "book": ("box", (0.24, 0.17, 0.03), 0.02, 0.06),
    "phone": ("box", (0.15, 0.07, 0.02), 0.02, 0.05),
    "microwave": ("box", (0.45, 0.32, 0.27), 0.09, 0.17),
}  # of the last and the box above some views show one face and no top: how deep it is behind that face cannot be known
EYES = [(d * np.cos(a), d * np.sin(a), z) for d, z in ((1.0, 1.35), (1.6, 1.1), (2.3, 1.35)) for a in np.arange(4) * np.pi / 2 + 0.3]


def one(mask, label="cup", with_mask=True):
    return Detections((label,), np.array([0.9]), [box_of(mask)], mask[None] if with_mask else None)


@pytest.mark.parametrize("with_mask", [True, False], ids=["mask", "box"])
@pytest.mark.parametrize("name", THINGS)
def test_centre_from_any_side(name, with_mask):
    """One view shows half of a thing, but its whole is wanted: errors of the true box centre over 12 views with Kinect-like noise."""
    kind, size, median, worst = THINGS[name]
    thing, lifter, errors = on_table(kind, size, yaw=0.4), Lifter(), []
    for seed, eye in enumerate(EYES):
        frame, ids = Scene((thing,)).render(eye, (0, 0, 0.8), sigma=0.002, seed=seed)
        if np.count_nonzero(ids == 0) >= 40:
            seen = lifter.lift(frame, one(ids == 0, name, with_mask))
            assert len(seen) == 1, lifter.rejected
            errors.append(np.linalg.norm(seen.positions[0] - thing.center))
    assert np.median(errors) < median
    assert max(errors) < worst


def test_covariance_covers_the_error():
    """Mean normalised squared error of 3-D points is 3 where covariances are honest; far above, the filter would be overconfident."""
    errors = []
    for name in ("mug", "bottle", "apple", "book", "ball"):
        kind, size, _, _ = THINGS[name]
        for seed, eye in enumerate(EYES):
            frame, ids = Scene((on_table(kind, size),)).render(eye, (0, 0, 0.8), sigma=0.0025, seed=seed)
            seen = Lifter().lift(frame, one(ids == 0, name)) if np.count_nonzero(ids == 0) > 60 else ()
            for i in range(len(seen)):
                e = seen.positions[i] - on_table(kind, size).center
                errors.append(e @ np.linalg.solve(seen.covariances[i].astype(float), e))
    assert 0.2 < np.mean(errors) < 4.0


def test_noise_along_the_ray_grows_with_distance():
    spread = []
    for d in (1.0, 2.0, 3.0):
        frame, ids = Scene((on_table("cylinder", (0.15, 0.15, 0.3)),)).render((d, 0, 1.2), (0, 0, 0.9), VGA)
        c = Lifter().lift(frame, one(ids == 0)).covariances[0]
        assert (np.linalg.eigvalsh(c) > 0).all()
        assert c[0, 0] > c[1, 1]  # seen along x
        spread.append(c[0, 0])
    assert spread == sorted(spread)


def test_size_and_yaw_of_a_box():
    thing = on_table("box", (0.45, 0.32, 0.27), yaw=0.5)
    frame, ids = Scene((thing,)).render((1.2, -0.9, 1.6), (0, 0, 0.85), VGA, sigma=0.002)
    seen = Lifter().lift(frame, one(ids == 0, "microwave"))
    assert box_iou(seen.positions[0], seen.sizes[0], float(seen.yaws[0]), thing.center, thing.size, thing.yaw) > 0.75


def test_a_bare_box_leaves_table_and_wall_behind():
    """The box of a cup on a table before a wall holds more table and wall than cup."""
    cup, wall = on_table("cylinder", (0.09, 0.09, 0.11)), Solid("box", (-0.6, 0.0, 1.2), (0.05, 4.0, 2.4))
    frame, ids = Scene((cup, wall)).render((1.4, 0.2, 1.3), (0, 0, 0.8), VGA, sigma=0.002)
    box = box_of(ids == 0) + np.array([-8, -8, 8, 8], np.float32)
    seen = Lifter().lift(frame, Detections(("cup",), [0.9], [box]))
    assert np.linalg.norm(seen.positions[0] - cup.center) < 0.02
    assert seen.sizes[0] == pytest.approx(cup.size, abs=0.03)
    assert seen.points[0][:, 2].min() > TABLE_Z
    assert seen.points[0][:, 0].min() > -0.1


def test_a_table_keeps_its_top():
    frame, ids = Scene(()).render((2.2, 0.2, 1.5), (0, 0, 0.6), sigma=0.002)
    seen = Lifter().lift(frame, one(ids == 0, "dining table", with_mask=False))
    assert seen.positions[0][2] == pytest.approx(TABLE_Z - 0.02, abs=0.06)
    assert seen.sizes[0][:2].max() > 1.2


def test_furniture_seen_from_the_front_alone_gets_its_depth():
    fridge = Solid("box", (0.0, 0.0, 0.9), (0.7, 0.7, 1.8))
    frame, ids = Scene((fridge,), table=None).render((2.5, 0.0, 1.2), (0, 0, 0.9), sigma=0.002)
    iou = {}
    for label in ("refrigerator", "painting"):
        seen = Lifter().lift(frame, one(ids == 0, label))
        iou[label] = box_iou(seen.positions[0], seen.sizes[0], float(seen.yaws[0]), fridge.center, fridge.size, 0.0)
    assert iou["refrigerator"] > 0.5  # enough to match (0.3)
    assert iou["painting"] < 0.2  # not every flat front has a body


def test_occluded_and_cut_things_are_called_truncated():
    cup, screen = on_table("cylinder", (0.09, 0.09, 0.11)), on_table("box", (0.02, 0.08, 0.2), xy=(0.3, 0.06))
    free, ids = Scene((cup,)).render((1.3, 0, 1.1), (0, 0, 0.8), VGA)
    whole = Lifter().lift(free, one(ids == 0))
    assert not whole.truncated[0]
    half, ids = Scene((cup, screen)).render((1.3, 0, 1.1), (0, 0, 0.8), VGA)
    hidden = Lifter().lift(half, one(ids == 0))
    assert hidden.truncated[0]
    border, ids = Scene((cup,)).render((1.3, 0, 1.1), (0, 0.75, 0.8), VGA)
    assert np.count_nonzero(ids == 0) > 100
    cut = Lifter().lift(border, one(ids == 0))
    assert cut.truncated[0]
    assert np.trace(cut.covariances[0]) > 2 * np.trace(whole.covariances[0])


@pytest.fixture(scope="module")
def view():
    frame, ids = Scene((on_table("cylinder", (0.09, 0.09, 0.11)),)).render((1.3, 0, 1.2), (0, 0, 0.8))
    return frame, ids == 0


def changed(frame, depth):
    return RgbdFrame(frame.stamp_ns, frame.rgb, depth.astype(np.float32), frame.intrinsics, frame.T_map_camera)


@pytest.mark.parametrize(
    ("reason", "mask_change", "depth_change", "score"),
    [
        ("empty mask", lambda m: m & False, lambda d, m: d, 0.9),
        ("no depth", lambda m: m, lambda d, m: np.where(m, 0, d), 0.9),
        ("too far", lambda m: m, lambda d, m: np.where(m, 7.0, d), 0.9),
        ("too few pixels", lambda m: m & (np.cumsum(m).reshape(m.shape) <= 20), lambda d, m: d, 0.9),
        ("low score", lambda m: m, lambda d, m: d, 0.1),
    ],
)
def test_rows_that_cannot_be_placed_are_counted(view, reason, mask_change, depth_change, score):
    frame, mask = view
    lifter = Lifter()
    masks = np.stack([mask_change(mask), mask])
    both = Detections(("cup", "cup"), [score, 0.9], [box_of(mask)] * 2, masks)
    seen = lifter.lift(changed(frame, depth_change(frame.depth_m, mask)) if reason in ("no depth", "too far") else frame, both)
    assert lifter.rejected[reason] >= 1
    assert len(seen) == (0 if reason in ("no depth", "too far") else 1)


def test_a_box_off_the_image_is_counted(view):
    lifter = Lifter()
    assert len(lifter.lift(view[0], Detections(("cup",), [0.9], [[400, 10, 420, 30]]))) == 0
    assert lifter.rejected == {"too few pixels": 1}


def test_masks_of_another_size_are_an_error(view):
    with pytest.raises(InvalidInputError, match="resize the masks"):
        Lifter().lift(view[0], Detections(("cup",), [0.9], [[0, 0, 9, 9]], np.ones((1, 48, 64), bool)))


def test_nothing_gives_nothing(view):
    seen = Lifter().lift(view[0], Detections.empty())
    assert len(seen) == 0
    assert seen.stamp_ns == view[0].stamp_ns


def test_given_embeddings_and_states_pass_through(view):
    frame, mask = view
    d = Detections(("cup",), [0.9], [box_of(mask)], mask[None], np.array([[0.6, 0.8]]), ({"filled": "true"},))
    seen = Lifter().lift(frame, d)
    assert seen.embeddings.tolist() == [pytest.approx([0.6, 0.8])]
    assert seen.states == ({"filled": "true"},)
    own = Lifter().lift(frame, one(mask))
    assert np.linalg.norm(own.embeddings[0]) == pytest.approx(1, abs=1e-5)
    assert own.colors == ("red",)


def test_lifting_is_repeatable(view):
    frame, mask = view
    a, b = (Lifter(PerceptionConfig()).lift(frame, one(mask)) for _ in range(2))
    assert a.positions.tobytes() == b.positions.tobytes()
    assert a.embeddings.tobytes() == b.embeddings.tobytes()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.6), st.booleans())
def test_no_depth_image_breaks_the_lifter(view, seed, holes, with_mask):
    """Holes, wild values and masks of noise: rows or counted rejections, and everything finite."""
    frame, mask = view
    rng = np.random.default_rng(seed)
    depth = frame.depth_m * rng.choice([1.0, 0.0, 3.0, 0.3], frame.depth_m.shape, p=[0.9 - holes, holes, 0.05, 0.05])
    masks = np.stack([mask, rng.random(mask.shape) < 0.02])
    lifter = Lifter()
    d = Detections(("cup", "chair"), [0.9, 0.9], [box_of(m) for m in masks], masks if with_mask else None)
    seen = lifter.lift(changed(frame, depth), d)
    assert len(seen) + sum(lifter.rejected.values()) == 2
    assert (seen.sizes > 0).all()


def test_camera_change_is_noticed(view):
    """The ray tables are kept between frames of one camera only."""
    frame, mask = view
    lifter = Lifter()
    lifter.lift(frame, one(mask))
    big, ids = Scene((on_table("cylinder", (0.09, 0.09, 0.11)),)).render((1.3, 0, 1.2), (0, 0, 0.8), VGA)
    assert frame.intrinsics == QVGA
    assert np.linalg.norm(lifter.lift(big, one(ids == 0)).positions[0] - (0, 0, TABLE_Z + 0.055)) < 0.02
