"""Bars beside each other: a picture comes out, and nothing to draw is refused."""

from pathlib import Path

import pytest

from robomem.errors import InvalidInputError
from robomem.viewer.bars import draw_bars


def test_draws_every_panel(tmp_path: Path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    bars = [("ours", 0.8, (0.7, 0.9)), ("theirs", 0.5, (0.4, 0.6))]
    one = imread(draw_bars(tmp_path / "one.png", {"a": bars}, "rate", "title", marked=("ours",)))
    five = imread(draw_bars(tmp_path / "five.png", dict.fromkeys("abcde", bars), "rate", "title", marked=("ours",)))
    assert five.shape[0] > 1.5 * one.shape[0] and five.shape[1] > 2 * one.shape[1] and one.min() < 0.5


def test_nothing_to_draw(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="at least one panel"):
        draw_bars(tmp_path / "none.png", {}, "rate", "title")
