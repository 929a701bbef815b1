"""A survey is a task like any other: it is remembered, with what it cost, so that the robot can say what it did."""

from __future__ import annotations

from typing import cast

import pytest

from robomem.planning.beliefs import WorldLike
from robomem.planning.survey import carry_out, survey_order
from robomem.skills.skill import RobotBody
from robomem.types import Episode, ObjectView
from tests.fakes.grid_home import GridHome, GridMemory, GridRobot


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("explore the home", "explore"),
        ("please patrol the whole house", "patrol"),
        ("look around everywhere", "patrol"),
        ("bring the mug", None),
    ],
)
def test_orders(said: str, order: str | None) -> None:
    assert survey_order(said) == order


class Bare(GridMemory):
    """A home without a surface to look at: a patrol of it is over at once."""

    def furniture(self) -> list[ObjectView]:
        return []

    def refresh_rooms(self) -> None:
        pass


@pytest.mark.parametrize(("stopped", "outcome"), [(False, "done"), (True, "abandoned")])
def test_a_survey_is_an_episode(stopped: bool, outcome: str) -> None:
    home = GridHome()
    memory = Bare(home)
    robot = GridRobot(home, memory)
    kept: list[Episode] = []
    stop = (lambda: True) if stopped else None
    report = carry_out("patrol", cast(WorldLike, memory), cast(RobotBody, robot), stop=stop, remember=kept.append)
    assert [(e.instruction, e.outcome, e.start_ns, e.end_ns) for e in kept] == [
        ("patrol the home", outcome, report.start_ns, report.end_ns)
    ]
    assert kept[0].cost["glances"] == report.glances and kept[0].summary.startswith("patrol the home: ")
