"""Questions in English, answered from memory with evidence; what is not understood is said so, never guessed at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from robomem.errors import InvalidInputError
from robomem.memory import query as queries
from robomem.memory import replies_deeds, replies_habits, replies_what, replies_where
from robomem.memory.answering import Answer, Asked
from robomem.memory.query import clean_words
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.sentence import Vocabulary, read

EXAMPLES = (
    "where is the mug",
    "where was the mug at the start",
    "what changed in the kitchen since this morning",
    "what is on the table",
    "how many cups are there",
    "when did you last see the keys",
    "did the mug move since yesterday",
    "is the fridge open",
    "what did you do this morning",
    "where is the mug usually in the evening",
    "where will the mug be tomorrow morning",
)
REPLIES: dict[str, Callable[[Asked], Answer]] = {
    "where_is": replies_where.where_is,
    "is_at": replies_where.is_at,
    "where_was": replies_where.where_was,
    "where_been": replies_where.where_been,
    "when_last": replies_where.when_last,
    "when_last_at": replies_where.when_last_at,
    "seen": replies_where.seen,
    "changes": replies_what.changed,
    "contents": replies_what.contents,
    "rooms": replies_what.rooms,
    "how_many": replies_what.how_many,
    "moved": replies_deeds.moved,
    "state": replies_deeds.state,
    "did_do": replies_deeds.did_do,
    "did_task": replies_deeds.did_task,
    "usually": replies_habits.usually,
    "will_be": replies_habits.will_be,
}

__all__ = ["REPLIES", "Answer", "ask"]


def ask(memory: RobotMemory, sentence: str) -> Answer:
    """Answer an English question about the home, its past and its habits, or about what the robot did (see EXAMPLES)."""
    now = memory.now_ns()
    reading = read(sentence, now, memory.config.memory.timezone, vocabulary(memory))
    if reading is not None:
        try:
            return replace(REPLIES[reading.meaning](Asked(memory, now, reading)), meaning=reading.meaning)
        except InvalidInputError:  # a question about nothing ("where is the")
            pass
    said = clean_words(sentence)[:60]
    return Answer(f"I do not understand '{said}'; try {', '.join(repr(e) for e in EXAMPLES)}.", understood=False, known=False)


def vocabulary(memory: RobotMemory) -> Vocabulary:
    """The words of a home: its rooms, and every class that it or the home model knows."""
    ontology = memory.ontology
    labels = {view.label for view, _ in memory.store.objects().values()}

    def classes(words: str) -> list[str]:
        return [f for f, _ in queries.forms(words, ontology) if f in labels or f in ontology.classes or f in ontology.synonyms]

    def is_furniture(words: str) -> bool:
        named = classes(words) or classes(words.split()[-1])
        return any(ontology.prior(name).kind == "furniture" for name in named)

    rooms = sorted({*ontology.rooms, *memory.store.room_names().values()} - {"room"})  # what a room without a name is called is no name
    return Vocabulary(rooms, lambda words: bool(classes(words)), is_furniture)
