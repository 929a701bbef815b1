"""The scores of the moved-object benchmark: known values, and each definition on a script of a few images."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from benchmarks.moved_objects import summary
from benchmarks.moved_objects.floor import Oracle
from benchmarks.moved_objects.interface import RelationClaim
from benchmarks.moved_objects.scores import score_stream
from benchmarks.moved_objects.scores_match import gospa
from benchmarks.moved_objects.scores_truth import Knowledge
from tests.fakes.moved_script import HERE, THERE, Parrot, says, step, true

FAR = (5.0, 3.0, 1.0)


# -- GOSPA -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "estimates", "value", "parts"),
    [
        ([], [], 0.0, (0, 0, 0)),
        ([[0, 0, 0]], [], np.sqrt(0.5), (0, 0.5, 0)),
        ([], [[0, 0, 0], [1, 0, 0]], 1.0, (0, 0, 1.0)),
        ([[0, 0, 0]], [[0.3, 0.4, 0]], 0.5, (0.25, 0, 0)),
        ([[0, 0, 0]], [[3, 0, 0]], 1.0, (0, 0.5, 0.5)),  # beyond c it is one missed and one false
        ([[0, 0, 0], [1, 0, 0]], [[0.9, 0, 0], [0.1, 0, 0], [9, 9, 9]], np.sqrt(0.52), (0.02, 0, 0.5)),
    ],
)
def test_gospa_of_known_sets(truth: list, estimates: list, value: float, parts: tuple[float, float, float]) -> None:
    got = gospa(np.array(truth, float).reshape(-1, 3), np.array(estimates, float).reshape(-1, 3))
    assert got.value == pytest.approx(value)
    assert (got.localisation, got.missed, got.false) == pytest.approx(parts)


def test_gospa_is_stone_soups() -> None:
    pytest.importorskip("stonesoup")
    from stonesoup.metricgenerator.ospametric import GOSPAMetric
    from stonesoup.types.state import State

    rng = np.random.default_rng(0)
    theirs = GOSPAMetric(p=2.0, c=1.0)
    for n, m in ((3, 5), (8, 8), (12, 4), (1, 1)):
        truth, estimates = rng.uniform(0, 2, (n, 3)), rng.uniform(0, 2, (m, 3))
        now = datetime(2026, 1, 1)
        sets = [[State(row.reshape(3, 1), timestamp=now) for row in rows] for rows in (estimates, truth)]
        found, _ = theirs.compute_gospa_metric(*sets)
        got = gospa(truth, estimates)
        assert got.value == pytest.approx(found.value["distance"])
        assert got.missed + got.false == pytest.approx(found.value["missed"] + found.value["false"])


def test_labels_of_other_families_are_no_match_and_unasked_things_take_one_estimate_each() -> None:
    truth, estimates = np.zeros((1, 3)), np.array([[0.1, 0, 0], [0.2, 0, 0]])
    assert gospa(truth, estimates, np.array([[False, True]])).pairs == ((0, 1),)
    unasked = gospa(truth, estimates, unasked=np.array([True]))
    assert (unasked.missed, unasked.false) == pytest.approx((0.0, 0.5))  # the second one is one too many
    assert gospa(truth, estimates[:0], unasked=np.array([True])).value == 0.0
    assert gospa(truth, np.array([[0.7, 0, 0]]), unasked=np.array([True])).false == pytest.approx(0.5)  # too far to be about it


# -- what could be known ---------------------------------------------------------------------------------------------


def follow(*steps: object) -> Knowledge:
    known = Knowledge()
    for s in steps:
        known.update(s)  # type: ignore[arg-type]
    return known


def test_a_thing_is_asked_for_after_three_clear_images_and_unasked_after_it_left() -> None:
    here = [step(k, true("mug 1", HERE)) for k in range(3)]
    assert follow(*here[:2]).scored() == [] and len(follow(*here[:2]).unasked()) == 1
    assert [s.thing for s in follow(*here).scored()] == ["mug 1"] and follow(*here).unasked() == []
    left = [*here, step(3, true("mug 1", THERE, clear=False))]
    assert follow(*left).scored() == []
    assert sorted(tuple(s.position) for s in follow(*left).unasked()) == sorted([HERE, THERE])
    seen_empty = [step(4 + k, true("mug 1", THERE, clear=False), empty={"mug 1": True}) for k in range(3)]
    assert [tuple(s.position) for s in follow(*left, *seen_empty[:2]).unasked()] == [HERE, THERE]
    assert [tuple(s.position) for s in follow(*left, *seen_empty).unasked()] == [THERE]
    seen_there = [step(4 + k, true("mug 1", THERE)) for k in range(3)]
    assert follow(*left, *seen_there).unasked() == []  # it is known elsewhere: its old place is known to be empty


def test_a_carried_thing_is_in_nobodys_place() -> None:
    known = follow(*(step(k, true("mug 1", HERE)) for k in range(3)), step(4, true("mug 1", THERE, relation="held_by", parent="person 1")))
    assert known.scored() == [] and [tuple(s.position) for s in known.unasked()] == [HERE, THERE]


# -- one memory on a script ------------------------------------------------------------------------------------------


def score(steps: list, script: list, claims: tuple = ()) -> dict:
    return score_stream(steps, {"x": Parrot(script, claims)})["x"]


def test_the_oracle_is_the_floor_of_every_score() -> None:
    steps = [step(k, true("mug 1", HERE), true("book 1", FAR)) for k in range(6)]
    steps += [step(1000 + k, true("mug 1", THERE), true("book 1", FAR, present=False), empty={"book 1": True}) for k in range(6)]
    got = score_stream(steps, {"x": Oracle()})["x"]
    figures = {name: f([got]) for name, f in summary.FIGURES.items()}
    assert figures["gospa"] == figures["staleness_s"] == figures["false_removals_per_10k"] == figures["ece"] == 0.0
    assert figures["hota"] == figures["idf1"] == figures["identity_precision"] == figures["identity_recall"] == figures["change_f1"] == 1.0


def test_a_false_removal_is_a_lost_id_at_a_thing_that_is_there() -> None:
    steps = [step(k, true("mug 1", HERE)) for k in range(8)]
    kept, lost, renamed, merged = [says(1, "mug", HERE)], [], [says(1, "book", HERE)], [says(2, "mug", HERE)]
    for second, false in ((lost, 1), (renamed, 0), (merged, 0), (kept, 0), ([says(1, "mug", HERE, 0.3)], 1)):
        assert score(steps, [kept] * 5 + [second])["removals"]["false"] == false
    assert score(steps, [kept])["removals"]["object_frames"] == 6  # from the third clear image on
    assert score(steps, [kept, kept, kept, kept, lost, kept, lost])["removals"]["false"] == 2


@pytest.mark.parametrize(
    ("script", "frames", "noticed"),
    [
        ([[says(1, "mug", HERE)]] * 6 + [[]], 2, True),
        ([[says(1, "mug", HERE)]], 6, False),
        ([[says(1, "mug", HERE)]] * 4 + [[says(1, "mug", THERE)]], 0, True),
    ],
)
def test_notice_frames_count_clear_views_of_the_empty_place(script: list, frames: int, noticed: bool) -> None:
    steps = [step(k, true("mug 1", HERE)) for k in range(4)]
    gone = true("mug 1", HERE, present=False)
    steps += [step(4, gone)] + [step(5 + k, gone, empty={"mug 1": True}) for k in range(6)]
    (row,) = score(steps, script)["notices"]["rows"]
    assert (row["frames"], row["noticed"], row["height"]) == (frames, noticed, "8 cm")


def test_a_look_alike_that_is_there_is_no_claim_on_the_place_it_took() -> None:
    steps = [step(k, true("mug 1", HERE), true("mug 2", THERE)) for k in range(4)]
    steps += [step(4 + k, true("mug 1", HERE, present=False), true("mug 2", HERE), empty={"mug 1": True}) for k in range(6)]
    said = [[says(1, "mug", HERE), says(2, "mug", THERE)]] * 4 + [[says(2, "mug", HERE)]]
    assert score(steps, said)["notices"]["rows"][0]["noticed"]


def test_staleness_runs_from_when_the_fact_could_be_known() -> None:
    gone = true("mug 1", HERE, present=False)
    steps = [step(k, true("mug 1", HERE)) for k in range(3)] + [step(3 + k, gone, empty={"mug 1": True}) for k in range(5)]
    for_ever = score(steps, [[says(1, "mug", HERE)]])["stale"]
    # Asked in image 2 (agrees) and, after three empty views, in images 5, 6, 7: 0, 1 and 2 s old.
    assert (for_ever["n"], for_ever["seconds"]) == (4, pytest.approx(3.0))
    assert score(steps, [[says(1, "mug", HERE)]] * 5 + [[]])["stale"]["seconds"] == 0.0


@pytest.mark.parametrize(
    ("ids", "right", "claims", "again"),
    [((1, 2, 1, 2), 0, 2, 2), ((1, 2, 2, 1), 2, 2, 2), ((1, 2, 3, 4), 0, 0, 2), ((1, 2, 2, 3), 1, 1, 2)],
)
def test_identity_after_a_swap(ids: tuple[int, int, int, int], right: int, claims: int, again: int) -> None:
    """Two mugs change places: the ids of the first two numbers stood here and there before, those of the last two after."""
    red, blue = {"color": "red"}, {"color": "blue"}
    steps = [step(k, true("mug 1", HERE, **red), true("mug 2", THERE, **blue)) for k in range(5)]
    steps += [step(5 + k, true("mug 1", THERE, **red), true("mug 2", HERE, **blue)) for k in range(5)]
    script = [[says(ids[0], "mug", HERE), says(ids[1], "mug", THERE)]] * 5 + [[says(ids[2], "mug", HERE), says(ids[3], "mug", THERE)]]
    moves = score(steps, script)["moves"]
    assert (moves["right"], moves["claims"], moves["again"]) == (right, claims, again)


def test_nobody_is_asked_to_tell_twins_apart() -> None:
    steps = [step(k, true("mug 1", HERE), true("mug 2", THERE)) for k in range(5)]
    steps += [step(5 + k, true("mug 1", THERE), true("mug 2", HERE)) for k in range(5)]
    moves = score(steps, [[says(1, "mug", HERE), says(2, "mug", THERE)]])["moves"]
    assert (moves["right"], moves["claims"]) == (2, 2)


def test_hota_and_idf1_fall_with_a_switched_id() -> None:
    steps = [step(k, true("mug 1", HERE)) for k in range(43)]
    one = score(steps, [[says(1, "mug", HERE)]])["tracks"]
    two = score(steps, [[says(1, "mug", HERE)]] * 22 + [[says(2, "mug", HERE)]])["tracks"]
    off = score(steps, [[says(1, "mug", (2.0, 0.2, 1.0))]])["tracks"]
    assert one["hota"] == one["idf1"] == pytest.approx(1.0)
    assert (
        two["idf1"] == pytest.approx(0.5, abs=0.06) and two["det_a"] == pytest.approx(1.0) and two["ass_a"] == pytest.approx(0.5, abs=0.06)
    )
    assert off["hota"] == pytest.approx(16 / 19, abs=1e-6) and off["idf1"] == 1.0  # similarity 0.8 passes 16 of 19 thresholds


def test_existence_is_held_against_the_truth_itself() -> None:
    steps = [step(k, true("mug 1", HERE, clear=False)) for k in range(40)]  # never in clear view: it is there all the same
    said = [[says(1, "mug", HERE, 0.8), says(2, "mug", HERE, 0.6), says(3, "book", FAR, 0.04)]]
    got = score(steps, said)
    assert summary.ece([got]) == pytest.approx((0.2 + 0.6) / 2) and summary.brier([got]) == pytest.approx((0.04 + 0.36) / 2)
    curve = summary.risk_coverage([got])
    assert curve == {"coverage": [0.5, 1.0], "risk": [0.0, 0.5]}


def test_relations_over_known_pairs() -> None:
    table = true("dining table 1", (2.0, 0.0, 0.4), kind="furniture", size=(1.4, 0.8, 0.75))
    steps = [step(k, true("mug 1", HERE, parent="dining table 1"), table) for k in range(18)]
    said = [says(1, "mug", HERE), says(2, "dining table", (2.1, 0.1, 0.4), kind="furniture"), says(3, "desk", FAR, kind="furniture")]
    for claims, f1 in (
        ((RelationClaim(1, "on", 2),), 1.0),
        ((RelationClaim(1, "inside", 2),), 0.0),
        ((RelationClaim(1, "on", 3),), 0.0),
        ((RelationClaim(1, "on", 2, 0.4),), 0.0),
        ((RelationClaim(1, "on", 2), RelationClaim(1, "on", 3)), 2 / 3),
        ((), 0.0),
    ):
        assert summary.f1_of("relations")([score(steps, [said], claims)]) == pytest.approx(f1)


def test_changes_over_robot_time_and_query_time() -> None:
    """Three tours; the mug is gone on the third, the book never moves."""
    book = true("book 1", FAR)
    steps = [step(1000 * tour + k, true("mug 1", HERE), book) for tour in range(2) for k in range(4)]
    steps += [step(2000 + k, true("mug 1", HERE, present=False), book, empty={"mug 1": True}) for k in range(4)]
    both = [says(1, "mug", HERE), says(2, "book", FAR)]
    right, blind = score(steps, [both] * 8 + [both[1:]]), score(steps, [both])
    flicker = score(steps, [both] * 4 + [both[:1]] * 4 + [both[1:]])
    assert [right["past"][k] for k in ("tp", "fp", "fn")] == [2, 0, 0]
    assert [blind["past"][k] for k in ("tp", "fp", "fn")] == [0, 0, 2]
    assert [flicker["past"][k] for k in ("tp", "fp", "fn")] == [2, 2, 0]  # the book that went and came back did not


def test_people_in_clear_view() -> None:
    steps = [step(k, true("person 1", (2.0, 0.1 * k, 0.9), kind="agent")) for k in range(6)]
    script = [[says(7 if k < 3 else 8, "person", (2.0, 0.1 * k + 0.2, 0.9), kind="agent")] for k in range(5)] + [[]]
    people = score(steps, script)["people"]
    assert people["errors"] == pytest.approx([0.2] * 5) and (people["missed"], people["breaks"]) == (1, 1)


# -- summaries -------------------------------------------------------------------------------------------------------


def test_quantiles_of_notices_count_what_was_cut_off() -> None:
    assert summary.survival_quantile([1, 2, 3, 4], [True] * 4, 0.5) == 2
    assert summary.survival_quantile([1, 2, 3, 4], [True] * 4, 0.95) == 4
    assert summary.survival_quantile([1, 1, 5, 5], [False, False, True, True], 0.5) == 5  # the two that were cut off early say little
    assert summary.survival_quantile([9, 9, 1], [False, False, True], 0.5) == np.inf
    assert np.isnan(summary.survival_quantile([], [], 0.5))


def test_exact_poisson_intervals() -> None:
    assert summary.poisson_interval(0, 1.418) == [0.0, pytest.approx(3.689 / 1.418, abs=1e-3)]
    assert summary.poisson_interval(10, 1.0) == pytest.approx([4.7954, 18.3904], abs=1e-3)


def test_intervals_draw_homes_and_may_be_open() -> None:
    rows = [{"set": {"gospa": v}} for v in (1.0, 2.0, 3.0)]
    low, high = summary.interval(rows, summary.FIGURES["gospa"], 200)
    assert low is not None and high is not None and 1.0 <= low < 2.0 < high <= 3.0
    notices = [{"notices": {"rows": [{"frames": 3, "noticed": k > 0, "height": "8 cm"}]}} for k in range(2)]
    assert summary.interval(notices, summary.notice(0.5), 200) == [3.0, None]
    assert summary.ratio_interval(rows, rows, summary.FIGURES["gospa"], 50) == [1.0, 1.0]
