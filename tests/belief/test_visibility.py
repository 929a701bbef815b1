"""What one depth image says of many tracks: thin things, surfaces, samples."""

from __future__ import annotations

import numpy as np
import pytest

from robomem.belief.track import SAMPLES, TrackTable
from robomem.belief.visibility import Viewer, sample_surfaces, surface_samples
from robomem.config import BeliefConfig
from tests.fakes.table_scene import item, kitchen, view

BOOK = item("book", 1.8, 0.2, height=0.03, width=0.16)
EYE, TABLE = (0.9, 0.1, 1.35), (2.0, 0.0, 0.8)


def table_with_a_book(spread_z_m: float, seed: int = 0) -> TrackTable:
    """One row: a book on the table whose particles differ in height, its top as seen from above."""
    rng = np.random.default_rng(seed)
    table = TrackTable(100, capacity=4)
    row = table.claim()
    table.mean[row], table.size[row] = (1.8, 0.2, 0.765), (0.16, 0.16, 0.03)
    table.positions[row] = table.mean[row] + rng.normal(0, (0.005, 0.005, spread_z_m), (100, 3))
    top = np.column_stack([rng.uniform(-0.06, 0.06, (SAMPLES, 2)), np.full(SAMPLES, 0.014)])
    table.shape[row] = top
    return table


def _empty(there: bool, spread: bool) -> float:
    table = table_with_a_book(0.03)
    frame = view(kitchen(BOOK) if there else kitchen(), EYE, TABLE, 1.0)
    seen = Viewer(frame, BeliefConfig(), 0.0025).look(table, np.array([0]), np.array([spread]))
    return float(seen.empty[0])


def test_a_thing_does_not_sink_into_the_table_it_was_taken_from() -> None:
    """Half of the cloud lies a little lower, where the bare table top would pass for the book: those particles are no excuse."""
    assert _empty(there=False, spread=False) > 0.95
    assert _empty(there=False, spread=True) < 0.9  # a cloud scattered over places keeps its heights
    assert _empty(there=True, spread=False) < 0.5  # only what floats above it is refuted


def tray_of_which_most_is_bottom(rim: int) -> TrackTable:
    """A tray 4 cm high whose bottom is just above the table: all samples but `rim` lie on that."""
    table = table_with_a_book(0.005)
    table.mean[0], table.size[0] = (1.8, 0.2, 0.77), (0.3, 0.3, 0.04)
    table.positions[0] += np.float32(0.005) * np.array([0, 0, 1], np.float32)
    heights = np.where(np.arange(SAMPLES) < rim, 0.018, -0.018)
    table.shape[0] = np.column_stack([table.shape[0][:, :2], heights])
    return table


@pytest.mark.parametrize(("rim", "empty", "told"), [(6, 1.0, True), (0, 0.0, False)])
def test_the_bottom_of_a_tray_says_neither_yes_nor_no(rim: int, empty: float, told: bool) -> None:
    """Of a tray that was taken away four fifths of the samples looked as before, a centimetre above the bare table: it stayed for days."""
    seen = Viewer(view(kitchen(), EYE, TABLE, 1.0), BeliefConfig(), 0.0025).look(
        tray_of_which_most_is_bottom(rim), np.array([0]), np.array([False])
    )
    assert abs(float(seen.empty[0]) - empty) < 0.1 and bool(seen.decisive[0]) == told
    assert float(seen.visible[0]) > 0.9  # in plain sight for the detector, whose silence counts


@pytest.mark.parametrize("n", [0, 1, 5, 24, 3000])
def test_samples_lie_on_the_surface_from_low_to_high(n: int) -> None:
    rng = np.random.default_rng(n)
    points = rng.uniform(-0.05, 0.05, (n, 3)).astype(np.float32) + np.float32(1.0)
    samples = surface_samples(points, np.ones(3), np.full(3, 0.1))
    assert samples.shape == (SAMPLES, 3)
    if n == 0:
        assert (samples == 0).all()
        return
    away = np.linalg.norm(samples[:, None] - (points - 1.0), axis=2).min(axis=1)
    assert away.max() < 1e-5
    assert (np.diff(samples[:, 2]) > -0.001).all()  # ordered to a hundred-and-twentieth of the height
    if n == 3000:
        assert samples[:, 2].min() > -0.026  # the foot is left out
        assert samples[0, 2] < -0.02 and samples[-1, 2] > 0.045


def test_samples_of_many_surfaces_are_those_of_each() -> None:
    rng = np.random.default_rng(1)
    clouds = [rng.normal(c, 0.04, (k, 3)).astype(np.float32) for c, k in ((0.0, 50), (2.0, 7), (5.0, 400))]
    centers, sizes = np.array([[0.0] * 3, [2.0] * 3, [5.0] * 3]), np.full((3, 3), 0.1)
    out = np.zeros((6, SAMPLES, 3), np.float32)
    sample_surfaces(np.concatenate(clouds), np.cumsum([0, *map(len, clouds)]), centers, sizes, np.array([5, 0, 2]), out)
    for row, cloud, center, size in zip((5, 0, 2), clouds, centers, sizes, strict=True):
        assert (out[row] == surface_samples(cloud, center, size)).all()
    assert (out[[1, 3, 4]] == 0).all()
