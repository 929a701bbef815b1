"""Pictures: written, not blank, in the colours that say what they must, and the same twice."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from PIL import Image

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.viewer import figures
from robomem.viewer.colors import FOCUS, ROOMS, STATUS, WALL, rgb
from robomem.viewer.figures import _stations, draw_comparison, draw_map
from robomem.viewer.labels import LabelPlacer, _shared
from tests.viewer.scene import FURNITURE, HISTORY, OBJECTS, HandGraph, HandGrid

WAY = np.column_stack([np.linspace(1, 8, 60), 2.0 + 0.5 * np.sin(np.linspace(0, 9, 60))])


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def share_of(image: np.ndarray, color: str, tolerance: int = 6) -> float:
    return float((np.abs(image.astype(int) - rgb(color)).max(axis=2) <= tolerance).mean())


@pytest.fixture(scope="module")
def full_map(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "deep" / "map.png"
    return draw_map(path, HandGraph(), FURNITURE + OBJECTS, HandGrid(), focus_id=20, trajectory=WAY, title="What the robot remembers")


def test_map_is_a_picture_with_content(full_map) -> None:
    image = pixels(full_map)
    assert image.shape[1] > 1200 and image.shape[0] > 500
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 300


@pytest.mark.parametrize(
    ("what", "color", "least"),
    [
        ("walls", WALL, 0.01),
        ("first room", ROOMS[0], 0.1),
        ("second room", ROOMS[1], 0.1),
        ("focus", FOCUS, 2e-4),
        ("missing things", STATUS["missing"], 1e-5),
        ("removed things", STATUS["removed"], 1e-5),
    ],
)
def test_map_shows(full_map, what: str, color: str, least: float) -> None:
    assert share_of(pixels(full_map), color) > least, what


def test_map_is_deterministic(full_map, tmp_path) -> None:
    again = draw_map(
        tmp_path / "again.png", HandGraph(), FURNITURE + OBJECTS, HandGrid(), focus_id=20, trajectory=WAY, title="What the robot remembers"
    )
    assert np.array_equal(pixels(full_map), pixels(again))


def test_history_may_be_passed_or_read_from_the_graph(tmp_path) -> None:
    given = draw_map(tmp_path / "a.png", HandGraph(), OBJECTS, HandGrid(), history=HISTORY, focus_id=20)
    read = draw_map(tmp_path / "b.png", HandGraph(), OBJECTS, HandGrid(), focus_id=20)
    assert np.array_equal(pixels(given), pixels(read))


def test_less_sure_is_fainter(tmp_path) -> None:
    from tests.viewer.scene import view

    def dark(existence: float) -> float:
        path = draw_map(tmp_path / f"{existence}.png", HandGraph({}), [view(1, "x", (1.0, 1.0, 0.5), existence=existence)], HandGrid())
        return share_of(pixels(path), STATUS["confirmed"], 40)

    assert dark(1.0) > dark(0.2)


def test_rooms_are_painted_by_their_labels_when_given(tmp_path) -> None:
    grid = HandGrid()
    labels = np.full(grid.free.shape, 3, np.int32)
    image = pixels(draw_map(tmp_path / "rooms.png", HandGraph({}), [], grid, room_labels=labels))
    assert share_of(image, ROOMS[2]) > 0.3 and share_of(image, ROOMS[0]) < 0.01


def test_an_empty_memory_is_still_a_map(tmp_path) -> None:
    grid = HandGrid()
    grid.free = grid.occupied = grid.tall = np.zeros((0, 0), bool)
    image = pixels(draw_map(tmp_path / "empty.png", type("G", (), {"nodes": lambda self, layer=None: [], "stays": {}})(), [], grid))
    assert image.size


def test_comparison_bars_are_as_long_as_their_values(tmp_path) -> None:
    rows = [
        {"name": "remembers", "time_s": 40.0, "distance_m": 12.0, "glances": 3},
        {"name": "map only", "time_s": 90.0, "distance_m": 30.0, "glances": 11},
        {"name": "nothing", "time_s": 200.0, "distance_m": 80.0, "glances": 30, "done": False},
    ]
    image = pixels(draw_comparison(tmp_path / "twins.png", rows))
    green = (np.abs(image.astype(int) - rgb(STATUS["confirmed"])).max(axis=2) <= 6).any(axis=0).sum()
    grey = (np.abs(image.astype(int) - rgb("#9aa5b1")).max(axis=2) <= 6).any(axis=0).sum()
    assert 0 < green < grey


def test_comparison_needs_a_run(tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="at least one run"):
        draw_comparison(tmp_path / "none.png", [])


def test_one_run_is_no_comparison(tmp_path: Path) -> None:
    """`demo --quick` runs no twins: it drew one bar, and left the picture of an earlier demo beside its memory."""
    from robomem.evaluation.demo import draw_twins

    rows = [{"name": name, "time_s": 60.0, "distance_m": 10.0, "glances": 5, "done": True} for name in ("memory", "nothing")]
    assert draw_twins(tmp_path, rows) and (tmp_path / "twins.png").stat().st_size > 5000
    assert not draw_twins(tmp_path, rows[:1]) and not (tmp_path / "twins.png").exists()


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'robomem\[viewer\]'"):
        draw_comparison(tmp_path / "x.png", [{"name": "a", "time_s": 1, "distance_m": 1, "glances": 1}])


def test_labels_of_a_crowd_do_not_overlap() -> None:
    figure = figures._figure(8, 6)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 8)
    axes.set_ylim(0, 6)
    placer = LabelPlacer(axes, (0, 8, 0, 6))
    for i in range(20):
        placer.place((4 + 0.15 * (i % 5), 3 + 0.15 * (i // 5)), f"thing {i}", "black")
    boxes = placer._taken
    assert sum(_shared(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :]) < 20.0  # of some 20,000 square pixels of text


def test_curves_show_every_name_in_its_colour(tmp_path) -> None:
    from matplotlib.image import imread

    from robomem.viewer.curves import COLORS, draw_curves

    path = draw_curves(
        tmp_path / "c.png", {"a": {"one": ([1, 2], [0, 1]), "two": ([1, 2], [1, 0])}, "b": {"two": ([1], [1])}}, "x", "y", "t"
    )
    pixels = (imread(path)[..., :3] * 255).round().astype(int).reshape(-1, 3)
    for color in COLORS[:2]:
        assert (pixels == [int(color[k : k + 2], 16) for k in (1, 3, 5)]).all(axis=1).sum() > 100
    with pytest.raises(InvalidInputError, match="at least one panel"):
        draw_curves(tmp_path / "d.png", {}, "x", "y", "t")


def test_where_it_was_more_than_once_is_one_station() -> None:
    shelf, desk = np.array([0.0, 0.0]), np.array([3.0, 1.0])
    assert _stations([shelf, desk, shelf + 0.1, desk, shelf + 1.0]) == {0: [0, 2], 1: [1, 3], 4: [4]}
