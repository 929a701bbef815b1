"""The routines benchmark: what it reads, what it refuses, how it scores, and the whole of it on a small home made here."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import _routines_data as data
from benchmarks import _routines_rules as rules
from benchmarks import routines
from robomem.cli import main
from robomem.errors import InvalidInputError
from robomem.evaluation.registry import BenchArgs

NODES = [
    {"id": 1, "class": "kitchen", "category": "Rooms", "static": False},
    {"id": 2, "class": "cupboard", "category": "Furniture", "static": True},
    {"id": 3, "class": "table", "category": "Furniture", "static": True},
    {"id": 4, "class": "mug", "category": "placable_objects", "static": False},
    {"id": 5, "class": "plate", "category": "placable_objects", "static": False},
]
START = [-1, 0, 0, 1, 1]  # mug (3) and plate (4) in the cupboard (1)
BREAKFAST = [[370, START], [480, {"3": 2}], [560, {"3": 1}], [1490, {"4": 2}]]


def write(folder: Path, days: dict[str, Any], name: str = "household1", **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    raw = {"minutes_per_step": 10, "start_min": 360, "end_min": 1440, "nodes": NODES, "days": days, **changes}
    (folder / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(raw).encode()))
    return folder


def test_a_home_is_read_as_it_is_written(tmp_path: Path) -> None:
    (home,) = data.load(write(tmp_path / "d", {"000": BREAKFAST, "003": [[360, START]]}))
    assert home.things.tolist() == [3, 4] and home.first.tolist() == [1, 0] and home.places.shape == (2, 109, 5)
    mug = home.places[0, :, 3]
    assert mug[0] == -1 and (mug[1:12] == 1).all() and (mug[12:20] == 2).all() and (mug[20:] == 1).all()
    assert (home.places[0, 1:, 4] == 1).all()  # what comes after midnight is left out
    assert home.moved(slice(0, 1)).tolist() == [3] and home.moved(slice(1, 2)).tolist() == []


@pytest.mark.parametrize(
    ("days", "changes", "words"),
    [
        ({"000": [[300, START]]}, {}, "minute 300 is before 360"),
        ({"000": [[360, [9, 9, 9, 9, 9]]]}, {}, "a parent is no node"),
        ({"000": [[360, START], [370, {"77": 1}]]}, {}, "not a household"),
        ({"000": [[360, START[:3]]]}, {}, "not a household"),
        ({"000": [[360, START]]}, {"minutes_per_step": 5}, "steps of 5 min"),
        ({"000": [[360, START]]}, {"nodes": [{"class": "x"}]}, "not a household"),
        ({}, {}, "not a household"),
    ],
)
def test_a_broken_file_is_told_by_name(tmp_path: Path, days: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as told:
        data.load(write(tmp_path / "d", days, **changes))
    assert "household1.json.gz" in str(told.value)


def test_what_is_no_gzip_or_no_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "household1.json.gz").write_bytes(b"{}")
    assert main(["bench", "routines", "--data", str(tmp_path)]) == 2
    assert "not a household of routines" in capsys.readouterr().err
    assert main(["bench", "routines", "--data", str(tmp_path / "none")]) == 2
    assert "no household*.json.gz" in capsys.readouterr().err


def test_a_test_folder_of_another_home_is_refused(tmp_path: Path) -> None:
    (one,) = data.load(write(tmp_path / "a", {"000": BREAKFAST}))
    (two,) = data.load(write(tmp_path / "b", {"000": BREAKFAST}, nodes=[{**n, "id": n["id"] + 100} for n in NODES]))
    assert data.joined(one, one).places.shape[0] == 2
    with pytest.raises(InvalidInputError, match="other nodes"):
        data.joined(one, two)


def test_the_kernel_floor_counts_the_same_hour_at_the_same_place() -> None:
    past = np.full((3, data.STEPS), 1, np.int16)
    past[:2, 12:30] = 2  # on two of three days it goes to 2 at 8:00
    assert rules.kernel(past, 6, 12, here=1) == pytest.approx({1: 0.25, 2: 0.75}, abs=0.2)
    assert rules.kernel(past, 6, 12, here=9) == {9: 1.0}  # never there before: it stays
    by_time = rules.kernel(past, 6, 12, here=9, same_place=False)
    assert max(by_time, key=lambda p: by_time[p]) == 2 and by_time[9] < 1e-3
    assert rules.kernel(past[:0], 6, 12, here=1) == {1: 1.0}


def test_scores() -> None:
    answers = rules.Answers([], [])
    answers.add({1: 0.7, 2: 0.3}, here=1, true=1)
    answers.add({1: 0.6, 2: 0.4}, here=1, true=2)
    answers.add({2: 0.9, 1: 0.1}, here=1, true=2)
    answers.add({}, here=1, true=1)
    assert answers.right == [True, False, True, False] and answers.still == [0.7, 0.6, 0.1, 0.0]
    got = rules.score(answers.right, answers.still, [True, False, False, True])
    assert got == pytest.approx({"top1": 0.5, "moved_top1": 0.5, "brier": (0.09 + 0.36 + 0.01 + 1.0) / 4})
    assert np.isnan(rules.score([True], [1.0], [True])["moved_top1"])


def test_calibration_error_is_the_gap_by_bins() -> None:
    assert rules.calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert rules.calibration_error([0.95] * 4 + [0.05] * 4, [True, True, False, False] * 2) == pytest.approx(0.45)
    assert rules.calibration_error([1.0, 1.0], [True, True]) == 0.0


def test_intervals_draw_whole_days() -> None:
    days = np.repeat(np.arange(6), 50)
    right = np.repeat([True, False, True, False, True, False], 50)
    wide = rules.intervals(right, right.astype(float), right, days)["top1"]
    narrow = rules.intervals(right, right.astype(float), right, np.arange(300))["top1"]
    assert wide[1] - wide[0] > 0.5 > 0.2 > narrow[1] - narrow[0] and wide[0] < 0.5 < wide[1]


def test_end_to_end_on_a_small_home(tmp_path: Path) -> None:
    """Breakfast at eight every day: the habit and its end are known on the last day; the plate, which never moves, is not asked about."""
    folder = write(tmp_path / "d", {f"{k:03d}": BREAKFAST for k in range(10)})
    lines: list[str] = []
    out = tmp_path / "routines.json"
    figures = routines.run(BenchArgs([], folder, out, False, lines.append))
    assert figures["questions"] == 2 * (17 + 14)  # one mover, two test days, 7:00 to 23:00 and to 20:00
    assert {"top1_1h", "top1_4h", "moved_top1_1h", "moved_top1_4h", "brier_1h", "brier_4h", "ece"} <= figures.keys()
    assert figures["floors"]["it stays"]["moved_top1_1h"] == 0.0 and figures["moved_share_1h"] == pytest.approx(4 / 34, abs=1e-4)
    assert (
        figures["top1_1h"] >= figures["floors"]["it stays"]["top1_1h"] and figures["brier_1h"] < figures["floors"]["it stays"]["brier_1h"]
    )
    assert figures["all_things"]["top1_1h"] >= figures["top1_1h"]
    lived = [row["days"] for row in figures["by_days_lived_1h"]]
    assert lived == list(range(1, 10)) and out.with_suffix(".png").stat().st_size > 5000
    assert "test" in lines[0] and "it stays" in lines[-1]


def test_a_test_folder_is_asked_about_whole(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", {f"{k:03d}": BREAKFAST for k in range(4)})
    test = write(tmp_path / "t", {"007": [[360, START]], "008": BREAKFAST})
    figures = routines.run(BenchArgs([], folder, None, False, lambda _: None, test))
    assert figures["test"] == "--test" and figures["questions"] == 2 * (17 + 14)
    again = routines.run(BenchArgs([], folder, None, False, lambda _: None, test))
    assert again == figures


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "routines"


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded routines are not here")
def test_one_real_home_beats_its_floors() -> None:
    figures = routines.run(BenchArgs([], REAL, None, True, lambda _: None))
    for key in ("top1_1h", "top1_4h", "moved_top1_1h", "moved_top1_4h"):
        assert figures[key] > figures["floors"]["kernel"][key] and figures[key] > figures["floors"]["it stays"][key]
    for key in ("brier_1h", "brier_4h"):
        assert figures[key] < min(floor[key] for floor in figures["floors"].values())
    assert figures["ece"] < 0.04
