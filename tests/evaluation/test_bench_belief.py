"""The belief benchmark: a short piece of a real stream through every memory, and the report over scripted ones."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import belief
from benchmarks.moved_objects import ablation, plots, tune
from benchmarks.moved_objects.floor import FLOOR, Oracle
from benchmarks.moved_objects.ours import RobomemMemory
from benchmarks.moved_objects.scores import score_stream
from robomem.belief.tracker import Tracker
from tests.fakes.moved_script import HERE, THERE, Parrot, S, frame, named, says, step, true

pytest.importorskip("trackeval")
pytest.importorskip("motmetrics")
CONTRACT = {
    "gospa_ratio", "hota", "idf1", "identity_precision", "false_removals_per_10k", "object_frames", "notice_frames_median",
    "notice_frames_p95", "staleness_ratio", "ece", "relation_f1", "change_f1", "rivals", "factors",
}  # fmt: skip


def scripted() -> dict[str, Any]:
    """Two tours; the mug is taken away between them. Ours notices, a rival does not."""
    steps = [step(k, true("mug 1", HERE), true("book 1", THERE)) for k in range(8)]
    steps += [step(2000 + k, true("mug 1", HERE, present=False), true("book 1", THERE), empty={"mug 1": True}) for k in range(8)]
    both = [says(1, "mug", HERE), says(2, "book", THERE)]
    memories = {belief.OURS: Parrot([both] * 11 + [both[1:]]), "last seen": Parrot([both]), FLOOR: Oracle()}
    arms = {ablation.arm_name(a): Parrot([both] * (11 if a["depth"] else 13) + [both[1:]]) for a in ablation.arms()}
    return score_stream(steps, memories | arms)


def test_the_report_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    result = scripted()
    figures = belief.report({name: {0: r, 1: r} for name, r in result.items()}, 20)
    assert figures.keys() >= CONTRACT and figures["best_rival"] == "last seen" and figures["floor"]["gospa"] == 0.0
    assert 0 < figures["gospa_ratio"] < 1 and figures["notice_frames_median"] == 4 and figures["change_f1"] == 1.0
    assert figures["rivals"]["last seen"]["notice_frames_median"] is None and figures["false_removals_per_10k"] == 0.0
    effects = figures["factors"]["effects"]
    assert effects["notice_frames_median"]["depth"] == -2.0 and effects["notice_frames_median"]["particles"] == 0.0
    assert len(figures["factors"]["arms"]) == 16
    text = belief.shown(figures)
    assert "last seen (n=2)" in text and "GOSPA ratio to the best rival (last seen)" in text and "Ablation" in text
    rows = {belief.OURS: figures["robomem"], **figures["rivals"], FLOOR: figures["floor"]}
    assert plots.draw(tmp_path / "belief.png", rows, FLOOR).stat().st_size > 20_000


def test_every_memory_lives_through_a_piece_of_a_real_home() -> None:
    steps = list(islice(belief.stream(100, quick=True), 12))
    results = score_stream(steps, belief.memories(stone_soup=False, factors=False))
    assert results[FLOOR]["set"]["gospa"] == 0.0 and results[FLOOR]["set"]["known_things"] > 0
    for name, result in results.items():
        assert result["set"]["images"] == 12 and np.isfinite(result["set"]["gospa"]), name
    again = score_stream(steps, {belief.OURS: RobomemMemory()})[belief.OURS]
    assert {k: v for k, v in again.items() if "ms" not in k and "cpu" not in k} == {
        k: v for k, v in results[belief.OURS].items() if "ms" not in k and "cpu" not in k
    }


def test_ours_answers_for_now_and_for_the_past() -> None:
    memory = RobomemMemory()
    for k in range(12):
        memory.add(named(k, ("mug", HERE)), frame(k, [HERE]))
    for k in range(12, 24):
        memory.add(named(k), frame(k))
    assert memory.where("cup", 24 * S) == [] and [b.label for b in memory.where("mug", 5 * S)] == ["mug"]
    assert all(b.existence < 0.5 for b in memory.where("mug", 24 * S))


@pytest.mark.parametrize("arm", [dict.fromkeys(ablation.FACTORS, True) | {f: False} for f in ablation.FACTORS])
def test_an_arm_lacks_its_part_and_works(arm: dict[str, bool]) -> None:
    memory = ablation.make_arm(arm)
    for k in range(10):
        memory.add(named(k, ("mug", HERE)), frame(k, [HERE]))
    (mug,) = memory.where("mug", 10 * S)
    assert mug.existence > 0.5 and np.linalg.norm(mug.position - HERE) < 0.02
    row = memory.world.tracker.tracks[mug.id].row
    before = memory.world.tracker.table.odds[row]
    for k in range(10, 13):
        memory.add(None, frame(k, [HERE], hidden=True))  # behind a hand, and no detector: only a constant p_D could count that
        memory.add(named(k), frame(k, [HERE], hidden=True))
    fell = memory.world.tracker.table.odds[row] < before - 0.5
    assert fell != arm["depth"]
    assert (type(memory.world.tracker) is Tracker) == (not arm["appearance"])


def test_tuning_finds_the_best_of_a_grid() -> None:
    recording = [step(k, true("mug 1", HERE)) for k in range(6)]  # nobody names the mug: whatever is set, it is missed
    best, value = tune.tune("last seen", [recording])
    assert value == pytest.approx(4 / 6 * np.sqrt(0.5)) and best.keys() == tune.rivals.GRIDS["last seen"].keys()
