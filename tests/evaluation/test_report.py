"""Figures: seeds, intervals, tables, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robomem.errors import InvalidInputError
from robomem.evaluation.report import bootstrap_ci, parse_seeds, table, wilson_ci, write_json


@pytest.mark.parametrize(("text", "seeds"), [("0-3", [0, 1, 2, 3]), ("7", [7]), ("0-1,5", [0, 1, 5])])
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a-b", "3-1", "1-"])
def test_bad_seeds(text: str) -> None:
    if text == "1-":
        assert parse_seeds(text) == [1]
        return
    with pytest.raises(InvalidInputError, match="--seeds"):
        parse_seeds(text)


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for k in range(100):
        low, high = bootstrap_ci(rng.normal(1.0, 1.0, 30).tolist(), seed=k)
        covered += low <= 1.0 <= high
    assert covered >= 86


def test_wilson_is_honest_at_ten_of_ten() -> None:
    low, high = wilson_ci(10, 10)
    assert 0.7 < low < 0.75 and high == 1.0
    assert wilson_ci(0, 0) == [0.0, 1.0]


def test_no_values_no_interval() -> None:
    assert all(np.isnan(v) for v in bootstrap_ci([]))


def test_table_aligns_and_survives_no_rows() -> None:
    text = table([{"name": "a", "x": 1.23456}, {"name": "longer", "x": 20}])
    assert "longer" in text and "1.23" in text and len({len(line) for line in text.splitlines()[:2]}) == 1
    assert table([]) == "(no rows)"


def test_json_is_one_line_and_a_file(tmp_path: Path) -> None:
    line = write_json({"a": np.float32(0.5), "b": np.arange(3), "c": Path("x")}, tmp_path / "deep" / "r.json")
    assert "\n" not in line and json.loads(line) == {"a": 0.5, "b": [0, 1, 2], "c": "x"}
    assert json.loads((tmp_path / "deep" / "r.json").read_text()) == json.loads(line)


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    figures = {"ci": bootstrap_ci([]), "deep": [{"x": np.array([1.0, np.inf])}], "y": np.float32("nan"), "z": -float("inf"), "w": "NaN"}
    line = write_json(figures, tmp_path / "r.json")
    told = {"ci": [None, None], "deep": [{"x": [1.0, None]}], "y": None, "z": None, "w": "NaN"}
    for text in (line, (tmp_path / "r.json").read_text()):
        assert json.loads(text, parse_constant=pytest.fail) == told
