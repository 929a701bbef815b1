"""What is taken for granted about household classes before anything is seen: kinds, sizes, how often they move, where they tend to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from robomem.errors import ConfigError
from robomem.types import clean_label

MAX_REMEMBERED = 20_000  # words and pairs of words whose answer is kept


@dataclass(frozen=True)
class ClassPrior:
    """Prior knowledge of one class.

    Attributes:
        size_m: usual largest extent, m.
        moves_every_h: mean hours between moves by people.
        at: weight per furniture class it tends to be on or in.
    """

    kind: str = "object"
    surface: bool = False
    container: bool = False
    openable: bool = False
    graspable: bool = False
    size_m: float = 0.25
    moves_every_h: float = 48.0
    at: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ontology:
    """Class priors, synonyms, confusable groups and room names."""

    classes: Mapping[str, ClassPrior]
    synonyms: Mapping[str, str]
    groups: tuple[frozenset[str], ...]
    rooms: Mapping[str, Mapping[str, float]]
    _canonical: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)  # asked many times a frame
    _related: dict[tuple[str, str], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def canonical(self, label: str) -> str:
        """The name this home model uses for a word: "couch" -> "sofa", plural folded, unknown words unchanged."""
        known = self._canonical.get(label)
        if known is None:
            if len(self._canonical) >= MAX_REMEMBERED:  # labels are data from the world: a flood of new words must not stay
                self._canonical.clear()
            known = self._canonical[label] = self._fold(label)
        return known

    def _fold(self, label: str) -> str:
        word = clean_label(label)
        for form in (word, *_singulars(word)):
            if form in self.synonyms:
                return self.synonyms[form]
            if form in self.classes:
                return form
        return word

    def prior(self, label: str) -> ClassPrior:
        """Prior of a class; a cautious default for one never heard of."""
        return self.classes.get(self.canonical(label), _DEFAULT)

    def related(self, a: str, b: str) -> bool:
        """True if the two labels are the same or easily taken for each other."""
        known = self._related.get((a, b))
        if known is None:
            if len(self._related) >= MAX_REMEMBERED:
                self._related.clear()
            one, other = self.canonical(a), self.canonical(b)
            known = self._related[a, b] = one == other or any(one in group and other in group for group in self.groups)
        return known

    def known(self, label: str) -> bool:
        """True if the word (or a synonym) names a class of the home model."""
        return self.canonical(label) in self.classes


_DEFAULT = ClassPrior()


def _singulars(word: str) -> tuple[str, ...]:
    """Plausible singular forms of a plural noun."""
    irregular = {"knives": "knife", "shelves": "shelf", "people": "person", "glasses": "glasses", "scissors": "scissors"}
    if word in irregular:
        return (irregular[word],)
    if word.endswith("ies"):
        return (word[:-3] + "y", word[:-1])
    if word.endswith("es"):
        return (word[:-1], word[:-2])
    return (word[:-1],) if word.endswith("s") and not word.endswith("ss") else ()


def load_ontology(path: str | Path | None = None) -> Ontology:
    """Read an ontology file (YAML); without a path the packaged one.

    Raises:
        ConfigError: the file cannot be read or a class has unknown fields.
    """
    import yaml

    try:
        text = Path(path).read_text("utf-8") if path else resources.files("robomem").joinpath("data/ontology.yaml").read_text("utf-8")
        raw: dict[str, Any] = yaml.safe_load(text)
        classes = {clean_label(name): ClassPrior(**fields) for name, fields in raw["classes"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path or 'ontology.yaml'}: not an ontology file: {error}") from error
    groups = tuple(frozenset(clean_label(x) for x in group) for group in raw.get("related", []))
    return Ontology(classes, dict(raw.get("synonyms", {})), groups, raw.get("rooms", {}))


@lru_cache(maxsize=1)
def default_ontology() -> Ontology:
    """The packaged ontology, read once."""
    return load_ontology()
