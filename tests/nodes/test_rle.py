"""Run-length masks: what goes in comes out, inside the box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.nodes import rle


@given(st.integers(0, 2**31), st.floats(-5, 40), st.floats(-5, 30), st.floats(0, 45), st.floats(0, 35), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_mask_comes_back_inside_its_box(seed: int, x: float, y: float, w: float, h: float, share: float) -> None:
    mask = np.random.default_rng(seed).random((30, 40)) < share
    box = np.array([x, y, x + w, y + h], np.float32)
    x0, y0, x1, y1 = rle.window(box, 40, 30)
    expected = np.zeros_like(mask)
    expected[y0:y1, x0:x1] = mask[y0:y1, x0:x1]
    assert (rle.decode(rle.encode(mask, box), box, 40, 30) == expected).all()


@pytest.mark.parametrize("runs", [[], [5], [100, 1], [2**32 - 1, 2**32 - 1]])
def test_runs_that_do_not_fill_the_box_are_refused(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="box holds 100"):
        rle.decode(np.array(runs, np.uint32), np.array([0, 0, 10, 10], np.float32), 40, 30)


@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.002, 0.3, 1.0]))
def test_over_its_own_extent_no_pixel_of_a_mask_is_lost(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((30, 40)) < share
    window = rle.extent(mask)
    assert (rle.decode(rle.encode(mask, window), window, 40, 30) == mask).all()
