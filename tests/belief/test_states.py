"""States: noisy looks, hysteresis, viewpoints that repeat themselves, drift while nobody looks, a confusion rate learned at home."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.belief.states import CEILING, CELL_CAP, MAX_CELLS, MAX_VALUES, Accuracy, StateBelief, attribute, look_at_states

H = 3_600_000_000_000
S = 1_000_000_000


def cell(k: int) -> tuple[int, int, int]:
    return (k, 0, 0)


def told(*values: str, name: str = "open", one_view: bool = False, accuracy: float = 0.85) -> StateBelief:
    """Looks ten seconds apart, each from a viewpoint of its own or all from one."""
    belief = StateBelief.first(name, values[0], 0)
    for k, value in enumerate(values):
        belief.look(name, value, accuracy, k * 10 * S, cell(0 if one_view else k))
    return belief


looks = st.lists(
    st.tuples(st.sampled_from(["true", "false", "ajar", "stuck"]), st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=40
)


@given(looks, st.sampled_from(["open", "drawer 2.open", "sliced", "colour of the light"]), st.floats(0, 1000))
def test_probabilities_stay_probabilities_at_any_time(rows: list[tuple[str, int, int]], name: str, hours: float) -> None:
    belief = StateBelief.first(name, rows[0][0], 0)
    for k, (value, view, accuracy) in enumerate(rows):
        belief.look(name, value, 0.6 + 0.1 * accuracy, k * S, cell(view))
        now = belief.at(name, k * S + round(hours * H))
        assert all(0 <= p <= 1 for p in now.values()) and math.isclose(sum(now.values()), 1.0, abs_tol=1e-9)
    assert len(belief.spoken) <= MAX_CELLS and len(belief.values) <= MAX_VALUES


def test_two_looks_are_bayes() -> None:
    belief = told("true", "true")
    odds = (0.85 / 0.15) ** 2
    assert belief.values["true"] == pytest.approx(min(odds / (1 + odds), CEILING), abs=2e-3)
    assert belief.report("open", 0) == ("true", pytest.approx(belief.values["true"]))


def test_one_wrong_frame_is_no_event_and_three_right_ones_are() -> None:
    belief = told("false", "false", "false")
    changes = [belief.look("open", "true", 0.85, 40 * S + k, cell(10 + k)) for k in range(3)]
    assert changes[0] is None and ("false", "true") in changes
    assert belief.report("open", 41 * S)[0] == "true"


def test_flicker_reports_nothing() -> None:
    belief = told("false", "false", "false")
    assert all(belief.look("open", "true" if k % 2 else "false", 0.85, 40 * S + k, cell(k)) is None for k in range(20))


def test_frames_of_one_viewpoint_saturate() -> None:
    many, one = told(*["true"] * 50, name="lid", one_view=True, accuracy=0.6), told("true", name="lid", accuracy=0.6)
    said = sum(used for _, used in many.spoken.values())
    assert said <= CELL_CAP + 1e-9 and many.values["true"] > one.values["true"]


def test_a_robot_that_stands_still_sees_the_door_open() -> None:
    belief = told(*["false"] * 20, one_view=True)
    changed = [belief.look("open", "true", 0.85, 300 * S + k, cell(0)) for k in range(8)]
    assert sum(c == ("false", "true") for c in changed) == 1


@pytest.mark.parametrize(
    ("name", "hours", "value"), [("open", 0.1, "true"), ("open", 24, "false"), ("sliced", 1000, "true"), ("front door.open", 24, "false")]
)
def test_what_nobody_looks_at_drifts_back_to_what_is_usual(name: str, hours: float, value: str) -> None:
    belief = told("true", "true", "true", name=name)
    assert belief.report(name, 20 * S + round(hours * H))[0] == value
    assert belief.settled == "true"  # drift is no event


def test_drift_in_one_step_is_drift_in_many() -> None:
    a, b = told("true", "true"), told("true", "true")
    for k in range(1, 9):
        b.values, b.stamp_ns = b.at("open", 10 * S + k * H // 4), 10 * S + k * H // 4
    assert b.values["true"] == pytest.approx(a.at("open", 10 * S + 2 * H)["true"])


def test_what_the_robot_did_it_knows() -> None:
    belief = told("false", "false")
    belief.know("true", 30 * S)
    assert belief.report("open", 30 * S) == ("true", 0.97)
    assert belief.look("open", "true", 0.85, 31 * S, cell(0)) is None


@pytest.mark.parametrize("true_accuracy", [0.65, 0.95])
def test_the_confusion_rate_of_this_detector_is_learned(true_accuracy: float) -> None:
    rng, accuracy = np.random.default_rng(4), Accuracy()
    beliefs: dict[str, StateBelief] = {}
    for k in range(600):
        value = "true" if rng.random() < true_accuracy else "false"
        look_at_states(beliefs, {"on": value}, accuracy, k * S, cell(int(rng.integers(0, 1000))))
    assert abs(accuracy.of("on") - true_accuracy) < 0.1 and accuracy.of("open") == 0.85
    copy = Accuracy()
    copy.load_json(accuracy.to_json())
    assert copy.of("lamp 2.on") == accuracy.of("on")


def test_parts_have_beliefs_of_their_own() -> None:
    beliefs: dict[str, StateBelief] = {}
    for k in range(3):
        look_at_states(beliefs, {"drawer 1.open": "true", "drawer 2.open": "false"}, Accuracy(), k * S, cell(k))
    assert [beliefs[f"drawer {i}.open"].report("drawer 1.open", 3 * S)[0] for i in (1, 2)] == ["true", "false"]
    assert attribute("drawer 1.open") == attribute("open") == "open"


def test_a_snapshot_goes_on_where_it_was_and_older_ones_are_read() -> None:
    belief = told("true", "false", "true")
    twin = StateBelief.from_json(belief.to_json(), 0)
    assert twin.at("open", 5 * H) == belief.at("open", 5 * H) and twin.settled == belief.settled
    old = StateBelief.from_json({"false": 0.2, "true": 0.8}, 7)
    assert (old.settled, old.stamp_ns) == ("true", 7)
