"""Colour names people would use, and vectors that recognise a thing again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robomem.perception import appearance

RNG = np.random.default_rng(0)


def pixels(rgb, n=300, light=1.0, noise=6.0):
    return np.clip(np.array(rgb) * light + RNG.normal(size=(n, 3)) * noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((200, 30, 30), "red"),
        ((240, 130, 20), "orange"),
        ((240, 220, 30), "yellow"),
        ((40, 160, 50), "green"),
        ((20, 70, 30), "green"),
        ((30, 60, 200), "blue"),
        ((120, 180, 230), "blue"),
        ((15, 25, 90), "blue"),
        ((120, 40, 160), "purple"),
        ((245, 150, 190), "pink"),
        ((230, 60, 150), "pink"),
        ((110, 70, 35), "brown"),
        ((150, 110, 70), "brown"),
        ((15, 15, 15), "black"),
        ((235, 235, 235), "white"),
        ((225, 215, 195), "white"),
        ((120, 120, 120), "grey"),
    ],
)
def test_names(rgb, name):
    assert appearance.color_name(appearance.lab_from_rgb(pixels(rgb))) == name


@pytest.mark.parametrize(("rgb", "name"), [((200, 30, 30), "red"), ((40, 160, 50), "green"), ((40, 70, 210), "blue")])
@pytest.mark.parametrize("light", [0.6, 0.8, 1.15])
def test_names_survive_shade(rgb, name, light):
    assert appearance.color_name(appearance.lab_from_rgb(pixels(rgb, light=light))) == name


def test_mixed_and_empty_have_no_name():
    third = np.concatenate([pixels((200, 30, 30)), pixels((40, 160, 50)), pixels((40, 70, 210))])
    assert appearance.color_name(appearance.lab_from_rgb(third)) == ""
    assert appearance.color_name(np.zeros((0, 3), np.float32)) == ""


def test_lab_of_known_colours():
    """Values of the sRGB primaries from the CIE definitions."""
    lab = appearance.lab_from_rgb(np.array([[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], np.uint8))
    want = [[100, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [0, 0, 0]]
    assert np.abs(lab - want).max() < 0.2


def vector(rgb, light=1.0, size=(0.1, 0.1, 0.1)):
    image = pixels(rgb, 400, light).reshape(20, 20, 3)
    mask = np.ones((20, 20), bool)
    lab = appearance.lab_from_rgb(appearance.sample(image, mask))
    return appearance.embedding(lab, appearance.edge_histogram(image, mask), np.array(size, np.float32))


@pytest.mark.parametrize("other", [(40, 160, 50), (40, 70, 210), (230, 230, 230), (20, 20, 20)])
def test_the_same_thing_is_nearer_than_another(other):
    red, again, else_ = vector((200, 30, 30)), vector((200, 30, 30), light=0.75), vector(other)
    assert red @ again > 0.9
    assert red @ again > red @ else_ + 0.15


def test_size_counts_too():
    small, same, large = vector((200, 30, 30)), vector((200, 30, 30), size=(0.11, 0.1, 0.09)), vector((200, 30, 30), size=(1.0, 0.8, 0.9))
    assert small @ same > small @ large + 0.02


@given(arrays(np.uint8, (30, 3)), st.floats(0.0, 5.0))
def test_every_vector_is_finite_and_of_unit_length(rgb, extent):
    v = appearance.embedding(appearance.lab_from_rgb(rgb), np.zeros(appearance.EDGE_BINS + 1, np.float32), np.full(3, extent, np.float32))
    assert v.shape == (appearance.EMBEDDING_DIM,)
    assert np.linalg.norm(v) == pytest.approx(1, abs=1e-4)


def test_stripes_show_in_the_edges():
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::4], stripes[:, 1::4] = 255, 255
    mask = np.ones((40, 40), bool)
    edges = appearance.edge_histogram(stripes, mask)
    turned = appearance.edge_histogram(stripes.transpose(1, 0, 2).copy(), mask)
    assert edges[0] > 0.9  # gradients along x
    assert turned[appearance.EDGE_BINS // 2] > 0.9
    assert edges[-1] > 0.5
    assert not appearance.edge_histogram(stripes[:2, :2], mask[:2, :2]).any()
