"""The last word before any motion: whitelist, arguments checked against memory, envelope; read from safety.yaml, changed by no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from robomem.errors import ConfigError, SafetyError
from robomem.ontology import Ontology, default_ontology
from robomem.skills.envelope import Envelope
from robomem.types import ObjectView

SKILLS = ("follow", "look_at", "pick", "place", "open", "close")


@dataclass(frozen=True)
class SafetyRules:
    """What safety.yaml says.

    Attributes:
        skills: names that may run at all.
        irreversible: skills that need a record with support >= min_support from perception behind them.
        never_grasp: labels that are never grasped.
    """

    skills: tuple[str, ...] = SKILLS
    irreversible: tuple[str, ...] = ()
    min_support: int = 2
    never_grasp: tuple[str, ...] = ("person", "cat", "dog", "robot")
    envelope: Envelope = field(default_factory=Envelope)


def load_rules(path: str | Path | None = None) -> SafetyRules:
    """Rules from a YAML file; without a path the packaged ones.

    Raises:
        ConfigError: unreadable, unknown keys, or values of the wrong type.
    """
    import yaml

    where = str(path or "safety.yaml")
    try:
        text = Path(path).read_text("utf-8") if path else resources.files("robomem").joinpath("data/safety.yaml").read_text("utf-8")
        raw = yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{where}: cannot read the safety rules: {error}; without them nothing moves") from error
    return _rules(raw, where)


def _rules(raw: Any, where: str) -> SafetyRules:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {type(raw).__name__}")
    unknown = set(raw) - {"skills", "irreversible", "min_support", "never_grasp", "envelope"}
    if unknown:
        raise ConfigError(
            f"{where}: unknown key '{sorted(map(str, unknown))[0]}'; expected skills, irreversible, min_support, never_grasp, envelope"
        )
    lists = {k: raw.get(k, getattr(SafetyRules(), k)) for k in ("skills", "irreversible", "never_grasp")}
    for key, value in lists.items():
        if not isinstance(value, list | tuple) or not all(isinstance(x, str) for x in value):
            raise ConfigError(f"{where}: {key}: expected a list of names, got {value!r:.60}")
    strange = set(lists["skills"]) - set(SKILLS)
    if strange:
        raise ConfigError(f"{where}: skills: '{sorted(strange)[0]}' does not exist; known skills: {', '.join(SKILLS)}")
    support = raw.get("min_support", 2)
    if type(support) is not int or support < 1:
        raise ConfigError(f"{where}: min_support: expected an integer >= 1, got {support!r}")
    if not isinstance(raw.get("envelope", {}), Mapping):
        raise ConfigError(f"{where}: envelope: expected a mapping")
    return SafetyRules(
        tuple(lists["skills"]),
        tuple(lists["irreversible"]),
        support,
        tuple(lists["never_grasp"]),
        Envelope.from_mapping(raw.get("envelope", {})),
    )


class SafetyGate:
    """Checks one step against the rules and what memory says about its argument."""

    def __init__(self, rules: SafetyRules | None = None, ontology: Ontology | None = None) -> None:
        self.rules, self._ontology = rules or load_rules(), ontology or default_ontology()

    def check(self, skill: str, view: ObjectView | None = None) -> None:
        """Let `skill` on the remembered thing `view` pass, or refuse.

        Raises:
            SafetyError: not on the whitelist, a person or animal, not graspable, nothing that opens, gone, hot, or a record that may
                inform but not license.
        """
        if skill not in self.rules.skills:
            raise SafetyError(f"safety: skill '{skill[:40]}' is not allowed; allowed are {', '.join(self.rules.skills)}")
        if skill in ("follow", "look_at"):
            return
        if view is None:
            raise SafetyError(f"safety: {skill} needs a thing that memory knows; none was given")
        if view.status == "removed":
            raise SafetyError(f"safety: the {view.label} ({view.id}) is no longer there; search it first")
        if skill in self.rules.irreversible and view.support < self.rules.min_support:
            raise SafetyError(
                f"safety: {skill} needs a thing seen {self.rules.min_support} times, "
                f"the {view.label} ({view.id}) was seen {view.support} times"
            )
        {"pick": self._pick, "open": self._openable, "close": self._openable, "place": self._place}[skill](view)

    def check_label(self, label: str) -> None:
        """Whether things of this kind may be grasped at all, before any is looked for.

        Raises:
            SafetyError: people, animals, furniture and what the rules or the ontology exclude.
        """
        label = self._ontology.canonical(label)
        prior = self._ontology.prior(label)
        if prior.kind != "object" or label in self.rules.never_grasp:
            raise SafetyError(f"safety: a {label} is nothing I may pick up")
        if self._ontology.known(label) and not prior.graspable:
            raise SafetyError(f"safety: a {label} is not graspable")

    def _pick(self, view: ObjectView) -> None:
        if view.kind != "object":
            raise SafetyError(f"safety: a {view.label} is nothing I may pick up")
        self.check_label(view.label)
        if view.states.get("temperature", ("", 0.0))[0] == "hot":
            raise SafetyError(f"safety: the {view.label} ({view.id}) is hot; let it cool first")

    def _openable(self, view: ObjectView) -> None:
        if not (self._ontology.prior(view.label).openable or "open" in view.states):
            raise SafetyError(f"safety: a {view.label} has no door or drawer that I know of")

    def _place(self, view: ObjectView) -> None:
        prior = self._ontology.prior(view.label)
        if view.kind == "agent" or not (prior.surface or prior.container or view.kind == "furniture"):
            raise SafetyError(f"safety: a {view.label} is nothing to put things on; name a piece of furniture")
