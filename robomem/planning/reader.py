"""A reading position in a sentence, and what has been understood up to there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from robomem.planning.goals import Description, Goal
from robomem.planning.vocabulary import Vocabulary


@dataclass
class Reader:
    """A position in the token list, what has been understood so far, and how sure we still are."""

    tokens: list[str]
    vocabulary: Vocabulary
    at: int = 0
    confidence: float = 1.0
    goals: list[Goal] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last_things: tuple[Description, ...] = ()
    last_target: Description | None = None
    last_verb: str = ""  # a transport verb that a further thing and aim may share
    last_opened: Description | None = None  # what "it" means after "close" or "look inside"

    def peek(self, ahead: int = 0) -> str:
        i = self.at + ahead
        return self.tokens[i] if i < len(self.tokens) else ""

    def longest(self, table: Iterable[str], most: int = 4) -> str:
        """The longest entry of `table` that starts here ("" if none); does not advance."""
        for n in range(min(most, len(self.tokens) - self.at), 0, -1):
            phrase = " ".join(self.tokens[self.at : self.at + n])
            if phrase in table:
                return phrase
        return ""

    def accept(self, table: Iterable[str], most: int = 4) -> str:
        """Like `longest`, and steps over it."""
        phrase = self.longest(table, most)
        self.at += len(phrase.split())
        return phrase

    def doubt(self, factor: float, note: str = "", question: str = "") -> None:
        self.confidence *= factor
        if note:
            self.notes.append(note)
        if question:
            self.questions.append(question)
