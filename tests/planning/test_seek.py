"""What a search takes for looked at, what a look is expected to cost, and when nothing needs to be looked at again."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from robomem.config import PlanningConfig
from robomem.planning.goals import Description
from robomem.planning.manipulate import JUST_NOW_NS, Manipulator
from robomem.planning.search import key_of
from robomem.planning.seek import Seeker
from robomem.types import ObjectView, PlaceProbability

NOW = 100_000_000_000
MUG, COUNTER, SHELF = 7, 1, 2


def view(thing: int, label: str, position, size, **more) -> ObjectView:
    base = {
        "status": "confirmed",
        "existence": 0.9,
        "states": {},
        "first_seen_ns": 0,
        "last_seen_ns": NOW // 2,
        "support": 5,
        "place": None,
    }
    return ObjectView(thing, label, {label: 1.0}, np.array(position, float), np.array(size, float), 0.0, **{**base, "place": None, **more})


class Memory:
    """Believes a lost mug on the shelf, or back on the counter where it was."""

    rows = (
        PlaceProbability(COUNTER, "counter", "kitchen", np.array([1.0, 0.0, 0.95]), 0.2, "on", why="seen there 2 times before"),
        PlaceProbability(COUNTER, "counter", "kitchen", np.array([1.0, 0.0, 0.5]), 0.1, "inside", True),
        PlaceProbability(SHELF, "shelf", "study", np.array([6.0, 3.0, 0.8]), 0.6, "on", why="seen there 3 times before"),
    )

    def predict(self, query: str | int) -> list[PlaceProbability]:
        return list(self.rows)


def session(mug: ObjectView, missed: dict[int, int]) -> SimpleNamespace:
    views = {
        MUG: mug,
        COUNTER: view(COUNTER, "counter", (1.2, 0.0, 0.45), (2.4, 0.6, 0.9)),
        SHELF: view(SHELF, "shelf", (6, 3, 0.9), (0.8, 0.3, 1.8)),
    }
    beliefs = SimpleNamespace(memory=Memory(), view=views.get, ontology=None)
    body = SimpleNamespace(now_ns=lambda: NOW, pose=lambda: (0.4, -0.8, 0.0), radius_m=0.28)
    return SimpleNamespace(
        beliefs=beliefs, body=body, missed=missed, config=PlanningConfig(), books=SimpleNamespace(start_ns=NOW - 10_000_000_000)
    )


def seeker(mug: ObjectView, missed: dict[int, int]) -> Seeker:
    found = Seeker(session(mug, missed), SimpleNamespace(), Description("mug"), known=MUG)
    found._count_the_look_that_missed_it()
    return found


LOST = view(MUG, "mug", (1.05, 0.02, 0.95), (0.08, 0.08, 0.1), status="missing", existence=0.1)


def test_the_place_found_empty_counts_as_looked_at_and_no_other() -> None:
    search = seeker(LOST, {MUG: NOW - 1_000_000_000})
    rows = Memory.rows
    assert set(search.belief.kept) == {key_of(rows[0])}
    assert search.belief.kept[key_of(rows[0])] == pytest.approx(1 - PlanningConfig().glance_detects)
    assert search.belief.weigh(rows)[0] < 0.05 < search.belief.weigh(rows)[1]  # its inside was not seen
    assert len(search._looked_from[key_of(rows[0])]) == 1  # the next look there is from elsewhere


@pytest.mark.parametrize(
    ("mug", "missed"),
    [
        (LOST, {}),  # nobody looked
        (replace(LOST, last_seen_ns=NOW), {MUG: NOW - 1}),  # seen again since
        (replace(LOST, position=np.array([1.05, 0.9, 0.95])), {MUG: NOW}),  # it stood elsewhere on that piece
    ],
)
def test_what_was_not_looked_at_does_not_count(mug: ObjectView, missed: dict[int, int]) -> None:
    assert not seeker(mug, missed).belief.kept


def test_a_look_costs_by_the_points_it_must_aim_at() -> None:
    search, glance = seeker(LOST, {}), PlanningConfig().glance_s
    costs = [search._look_s(row) for row in Memory.rows]
    assert costs[0] == pytest.approx(glance * 2)  # the spot where it stood, then both halves of a long counter
    assert costs[1] > PlanningConfig().open_s
    assert costs[2] > glance  # a shelf does not fit one image


@pytest.mark.parametrize(
    ("status", "age_ns", "expected"),
    [("confirmed", JUST_NOW_NS // 2, True), ("tentative", JUST_NOW_NS // 2, None), ("confirmed", 2 * JUST_NOW_NS, None)],
)
def test_what_is_in_sight_needs_no_drive_to_be_seen(status: str, age_ns: int, expected: bool | None) -> None:
    drives: list[object] = []

    def drive(*_a: object, **_k: object) -> SimpleNamespace:
        drives.append(1)
        return SimpleNamespace(ok=False)

    hand = Manipulator(session(LOST, {}), SimpleNamespace(view=drive, drive=drive))
    seen = hand.see(view(MUG, "mug", (1, 0, 0.95), (0.08, 0.08, 0.1), status=status, last_seen_ns=NOW - age_ns))
    assert (seen, bool(drives)) == ((True, False) if expected else (False, True))
