"""The nouns a sentence may use in one home, and what they are called in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from robomem.ontology import Ontology, default_ontology


@dataclass(frozen=True)
class Vocabulary:
    """The nouns of one home: class names, synonyms, room names and whatever memory has labels for."""

    ontology: Ontology
    known: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()

    @staticmethod
    def build(ontology: Ontology | None = None, known: Iterable[str] = (), rooms: Iterable[str] = ()) -> Vocabulary:
        """Vocabulary of a home in which the labels `known` and the rooms `rooms` have been seen."""
        onto = ontology or default_ontology()
        return Vocabulary(onto, frozenset(onto.canonical(k) for k in known if k), frozenset(onto.rooms) | frozenset(r for r in rooms if r))

    def nouns(self) -> frozenset[str]:
        """Every word (or words) that names a class or a room."""
        return frozenset(self.ontology.classes) | frozenset(self.ontology.synonyms) | self.known | self.rooms

    def noun(self, words: str) -> str | None:
        """The canonical class or room name of `words`, or None."""
        if words in self.rooms:
            return words
        name = self.ontology.canonical(words)
        return name if name in self.ontology.classes or name in self.known else None

    def plural(self, words: str) -> bool:
        """True if `words` is a plural form of a class."""
        return words not in self.nouns() and self.noun(words) is not None and words.endswith("s")
