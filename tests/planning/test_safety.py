"""The safety gate: what passes and what is refused, from a file that no model writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robomem.errors import ConfigError, SafetyError
from robomem.planning.safety import SafetyGate, load_rules
from robomem.types import ObjectView

GATE = SafetyGate()


def view(label: str, kind: str = "object", **more) -> ObjectView:
    return ObjectView(
        5,
        label,
        {label: 1.0},
        np.zeros(3),
        np.ones(3) * 0.1,
        0.0,
        0.9,
        more.pop("status", "confirmed"),
        more.pop("states", {}),
        0,
        0,
        more.pop("support", 3),
        kind=kind,
    )


@pytest.mark.parametrize(
    ("skill", "thing"),
    [
        ("follow", None),
        ("look_at", None),
        ("pick", view("mug")),
        ("pick", view("flux capacitor")),
        ("open", view("fridge", "furniture")),
        ("close", view("cabinet", "furniture")),
        ("open", view("odd box", states={"open": ("false", 0.9)})),
        ("place", view("desk", "furniture")),
    ],
)
def test_passes(skill: str, thing) -> None:
    GATE.check(skill, thing)


@pytest.mark.parametrize(
    ("skill", "thing", "text"),
    [
        ("shell", None, "'shell' is not allowed; allowed are follow"),
        ("pick", None, "needs a thing that memory knows"),
        ("pick", view("person", "agent"), "a person is nothing I may pick up"),
        ("pick", view("cat"), "a cat is nothing I may pick up"),
        ("pick", view("sofa", "furniture"), "a sofa is nothing I may pick up"),
        ("pick", view("tv"), "a tv is nothing I may pick up"),
        ("pick", view("mug", status="removed"), "no longer there; search it first"),
        ("pick", view("mug", states={"temperature": ("hot", 0.9)}), "is hot; let it cool"),
        ("open", view("sofa", "furniture"), "no door or drawer"),
        ("place", view("person", "agent"), "nothing to put things on"),
        ("place", view("apple"), "nothing to put things on"),
    ],
)
def test_refused(skill: str, thing, text: str) -> None:
    with pytest.raises(SafetyError, match=text):
        GATE.check(skill, thing)


def test_a_single_sighting_may_inform_but_not_license_what_cannot_be_undone() -> None:
    gate = SafetyGate(replace(load_rules(), irreversible=("pick",)))
    with pytest.raises(SafetyError, match="seen 2 times"):
        gate.check("pick", view("mug", support=1))
    gate.check("pick", view("mug", support=2))


def test_the_packaged_rules_and_the_config_file_are_the_same_text() -> None:
    root = Path(__file__).parents[2]
    assert (root / "config/safety.yaml").read_text() == (root / "robomem/data/safety.yaml").read_text()
    assert load_rules() == load_rules(root / "config/safety.yaml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a", "expected a mapping"),
        ("skils: []", "unknown key 'skils'"),
        ("skills: pick", "expected a list of names"),
        ("skills: [teleport]", "'teleport' does not exist"),
        ("min_support: 0", "integer >= 1"),
        ("min_support: yes", "integer >= 1"),
        ("envelope: 5", "envelope: expected a mapping"),
        ("envelope: {max_speed: 1}", "unknown key 'max_speed'"),
        ("envelope: {max_speed_mps: fast}", "expected numbers"),
        ("envelope: {max_speed_mps: -1}", "finite positive"),
        ("envelope: {max_speed_mps: .inf}", "finite positive"),
        ("envelope: {workspace_m: [0, 0, -1, 1]}", "min < max"),
        ("skills: [", "cannot read the safety rules"),
    ],
)
def test_broken_rules_stop_everything(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "safety.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        load_rules(path)


def test_missing_rules_stop_everything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing moves"):
        load_rules(tmp_path / "none.yaml")
