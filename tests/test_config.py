"""Configuration: the YAML file equals the code, overrides are checked, mistakes are named."""

from __future__ import annotations

import dataclasses
import runpy

import pytest
import yaml

from robomem.config import BeliefConfig, RobomemConfig, from_mapping, load, of_environment
from robomem.errors import ConfigError
from robomem.memory.robot_memory import RobotMemory
from tests.source import ROOT

FILE = ROOT / "config" / "robomem.yaml"


def test_the_file_is_the_code_s_defaults() -> None:
    """After a change to config.py run `make config`."""
    assert yaml.safe_load(FILE.read_text(encoding="utf-8")) == dataclasses.asdict(RobomemConfig())
    assert load(FILE) == RobomemConfig()


def test_the_file_carries_the_code_s_comments() -> None:
    render = runpy.run_path(str(ROOT / "scripts" / "config.py"), run_name="scripts.config")["render"]
    assert FILE.read_text(encoding="utf-8") == render()


def test_nothing_given_is_the_defaults(tmp_path) -> None:
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    assert load() == load(tmp_path / "empty.yaml") == RobomemConfig()


def test_overrides_leave_the_rest(tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 7\nbelief: {particles: 250, gate_m: 1}\n", encoding="utf-8")
    config = load(tmp_path / "mine.yaml")
    assert config.seed == 7
    assert config.belief == dataclasses.replace(BeliefConfig(), particles=250, gate_m=1.0)
    assert isinstance(config.belief.gate_m, float)


def test_a_file_that_the_environment_names_is_what_a_memory_opens_with(tmp_path, monkeypatch) -> None:
    assert of_environment() == RobomemConfig()
    (tmp_path / "mine.yaml").write_text("memory: {timezone: Asia/Tokyo}\n", encoding="utf-8")
    monkeypatch.setenv("ROBOMEM_CONFIG", str(tmp_path / "mine.yaml"))
    with RobotMemory.open(":memory:") as memory:
        assert memory.config.memory.timezone == "Asia/Tokyo"
    monkeypatch.setenv("ROBOMEM_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        RobotMemory.open(":memory:")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sede": 1}, "unknown key 'sede'; did you mean 'seed'?"),
        ({"belief": {"particle": 5}}, r"config\.belief: unknown key 'particle'; did you mean 'particles'\?"),
        ({"zzz": 1}, "unknown key 'zzz'; known keys: seed, perception"),
        ({"seed": "7"}, "config.seed: expected int, got '7'"),
        ({"seed": True}, "config.seed: expected int, got True"),
        ({"belief": {"gate_m": True}}, "expected float, got True"),
        ({"belief": [1]}, "config.belief: expected a mapping, got list"),
        ([1], "config: expected a mapping, got list"),
    ],
)
def test_mistakes_are_named(values, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(RobomemConfig, values)


@pytest.mark.parametrize("text", ["{", "a: b: c", "\t- x"])
def test_a_file_that_is_not_yaml(tmp_path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.yaml: cannot read the configuration"):
        load(tmp_path / "bad.yaml")


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


def test_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RobomemConfig().seed = 3  # type: ignore[misc]
