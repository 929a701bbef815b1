"""Skills: the whitelist and the physical envelope around a body."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import SafetyError
from robomem.skills.envelope import Envelope, GuardedBody
from robomem.skills.skill import RobotBody, Skill, SkillRegistry, SkillResult


class Body:
    """A body that records what it was asked to do."""

    radius_m, reach_m, camera_height_m = 0.28, 0.85, 1.35

    def __init__(self) -> None:
        self.done: list[str] = []

    def pose(self) -> tuple[float, float, float]:
        return 1.0, 1.0, 0.0

    def now_ns(self) -> int:
        return 7

    def holding(self) -> bool:
        return False

    def _do(self, name: str) -> SkillResult:
        self.done.append(name)
        return SkillResult(True, duration_s=1.0)

    def follow(self, path_xy, final_yaw) -> SkillResult:
        return self._do("follow")

    def look_at(self, p_map) -> SkillResult:
        return self._do("look_at")

    def pick(self, p_map, size_m) -> SkillResult:
        return self._do("pick")

    def place(self, p_map) -> SkillResult:
        return self._do("place")

    def open(self, p_map) -> SkillResult:
        return self._do("open")

    def close(self, p_map) -> SkillResult:
        return self._do("close")


NEAR, SMALL = np.array([1.5, 1.0, 0.8]), np.array([0.1, 0.1, 0.1])
INSIDE = Envelope(workspace_m=(0.0, 0.0, 10.0, 8.0))


def test_a_body_and_its_guard_speak_the_protocol() -> None:
    body = Body()
    assert isinstance(body, RobotBody) and isinstance(GuardedBody(body, INSIDE), RobotBody)


def test_only_registered_skills_with_their_own_arguments_run() -> None:
    body = Body()
    skills = SkillRegistry.of(body)
    assert skills.names() == ("close", "follow", "look_at", "open", "pick", "place")
    assert skills.run("pick", p_map=NEAR, size_m=SMALL).ok and body.done == ["pick"]
    for name, arguments, text in (
        ("fly", {}, "'fly' is not allowed"),
        ("pick", {"p_map": NEAR}, r"takes \(p_map, size_m\)"),
        ("open", {"p_map": NEAR, "force": 9}, "takes"),
    ):
        with pytest.raises(SafetyError, match=text):
            skills.run(name, **arguments)
    with pytest.raises(ValueError, match="already registered"):
        skills.register(Skill("pick", (), body.now_ns))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("skill", "arguments", "text"),
    [
        ("follow", (np.array([[1.0, 1.0], [11.0, 1.0]]), None), "leaves the workspace"),
        ("follow", (np.array([[1.0, np.nan]]), None), "must be finite"),
        ("follow", (np.zeros((0, 2)), None), "must be finite"),
        ("follow", (np.tile([[1.0, 1.0], [9.0, 1.0]], (12, 1)), None), "exceeds max_path_m"),
        ("look_at", (np.array([1.0, np.inf, 0.0]),), "three finite numbers"),
        ("pick", (np.array([3.0, 1.0, 0.8]), SMALL), "drive nearer first"),
        ("pick", (np.array([1.5, 1.0, 2.5]), SMALL), "hand height 2.50 m"),
        ("pick", (NEAR, np.array([0.9, 0.9, 0.1])), "wider than max_grasp_m"),
        ("pick", (NEAR, np.array([np.nan, 0.1, 0.1])), "three finite lengths"),
        ("place", (np.array([1.5, 1.0, 0.0]),), "hand height 0.00 m"),
        ("open", (np.array([1.5, 9.0, 0.8]),), "exceeds max_reach_m"),
        ("close", (np.array([1.5, 1.0]),), "three finite numbers"),
    ],
)
def test_beyond_the_envelope_nothing_moves(skill: str, arguments, text: str) -> None:
    body = Body()
    with pytest.raises(SafetyError, match=text):
        getattr(GuardedBody(body, INSIDE), skill)(*arguments)
    assert not body.done


@pytest.mark.parametrize(
    ("skill", "arguments"),
    [
        ("follow", (np.array([[1.0, 1.0], [3.0, 1.0]]), 0.5)),
        ("look_at", (NEAR,)),
        ("pick", (NEAR, SMALL)),
        ("place", (NEAR,)),
        ("open", (NEAR,)),
        ("close", (NEAR,)),
    ],
)
def test_within_it_the_body_acts(skill: str, arguments) -> None:
    body = Body()
    assert getattr(GuardedBody(body, INSIDE), skill)(*arguments).ok and body.done == [skill]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3))
def test_a_hand_goal_is_finite_and_near_or_refused(p) -> None:
    try:
        q = INSIDE.check_hand(p, (1.0, 1.0))
    except SafetyError:
        return
    assert np.isfinite(q).all() and np.hypot(q[0] - 1, q[1] - 1) <= INSIDE.max_reach_m + 1e-9 and 0.02 <= q[2] <= 1.9
