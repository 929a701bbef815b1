"""Questions in English, answered from memory with evidence; what is not understood is said so, never guessed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from robomem.errors import InvalidInputError
from robomem.memory import query as queries
from robomem.memory import replies_changes, replies_deeds, replies_habits, replies_what, replies_where, wording
from robomem.memory.answering import Answer, Asked
from robomem.memory.query import clean_words
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.sentence import Reading, Vocabulary, read
from robomem.memory.several import split

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
    "since": replies_where.since,
    "when_last": replies_where.when_last,
    "when_last_at": replies_where.when_last_at,
    "seen": replies_where.seen,
    "changes": replies_changes.changed,
    "contents": replies_what.contents,
    "rooms": replies_what.rooms,
    "how_many": replies_what.how_many,
    "moved": replies_deeds.moved,
    "state": replies_deeds.state,
    "turned": replies_deeds.turned,
    "did_do": replies_deeds.did_do,
    "did_task": replies_deeds.did_task,
    "usually": replies_habits.usually,
    "will_be": replies_habits.will_be,
}

OF_A_TIME = ("changes", "contents", "how_many", "is_at", "moved", "state", "turned")  # the others say themselves what they do not know

__all__ = ["REPLIES", "Answer", "ask"]


def ask(memory: RobotMemory, sentence: str) -> Answer:
    """Answer an English question about the home, its past and its habits, or about what the robot did (see EXAMPLES).

    Of several things asked about at once each is answered for, in `Answer.parts`.
    """
    words = vocabulary(memory)
    each = split(sentence, words)
    if len(each.sentences) > 1:
        readings = [_read(memory, part, words) for part in each.sentences]
        parts = [_answer(memory, reading) for reading in readings]
        understood = [(part, r.what) for part, r in zip(parts, readings, strict=True) if part is not None and r is not None]
        if parts[0] is not None and understood:
            rest = [s.strip(" ?") for s, part in zip(each.sentences, parts, strict=True) if part is None]
            told, whats = [part for part, _ in understood], [what for _, what in understood]
            return _left_out(_together(told, whats, each.either), [*rest, *each.left_out])
    reading = (_read(memory, next(iter(each.sentences), sentence), words) if each.left_out else None) or _read(memory, sentence, words)
    answer = _answer(memory, reading)
    if answer is not None and reading is not None:
        named = f"{reading.what} {reading.place} {reading.room}".split()
        return _left_out(answer, [w for w in each.left_out if not set(w.split()) <= set(named)])
    said = clean_words(sentence)[:60]
    return Answer(f"I do not understand '{said}'; try {', '.join(repr(e) for e in EXAMPLES)}.", understood=False, known=False)


def _read(memory: RobotMemory, sentence: str, words: Vocabulary) -> Reading | None:
    return read(sentence, memory.now_ns(), memory.config.memory.timezone, words)


def _answer(memory: RobotMemory, reading: Reading | None) -> Answer | None:
    """The answer to a reading; None where there is none, or it is a question about nothing ("where is the")."""
    if reading is None:
        return None
    try:
        asked = Asked(memory, memory.now_ns(), reading)
        answer = _too_early(asked) if reading.meaning in OF_A_TIME else None
        return replace(answer or REPLIES[reading.meaning](asked), meaning=reading.meaning)
    except InvalidInputError:
        return None


def _together(parts: Sequence[Answer], whats: Sequence[str], either: bool) -> Answer:
    """The answers to several questions in one; of "is it here or there" the one that is so is enough, of "here and there" it is not."""
    first = parts[0]
    so = [part for part in parts if part.yes]
    if (
        so
        and either
        and len(parts) > 1
        and all(part.meaning == "is_at" for part in parts)
        and len({part.recall.id for part in parts if part.recall}) == 1
    ):
        return replace(so[0], parts=tuple(parts))
    numbered = len(set(whats)) > 1 and any(part.meaning == "how_many" for part in parts)
    texts = [f"{what[:1].upper()}{what[1:]}: {part.text}" if numbered else part.text for part, what in zip(parts, whats, strict=True)]
    yes = {part.yes for part in parts}
    not_both = not either and all(part.meaning == "is_at" for part in parts)
    return replace(
        first,
        text=" ".join(dict.fromkeys(texts)),
        evidence=tuple(dict.fromkeys(i for part in parts for i in part.evidence)),
        objects=tuple({v.id: v for part in parts for v in part.objects}.values()),
        events=tuple(
            {(e.id, e.object_id, e.stamp_ns): e for part in parts for e in part.events[: len(part.events) - part.others]}.values()
        ),
        others=0,
        episodes=tuple({e.id: e for part in parts for e in part.episodes}.values()),
        known=any(part.known for part in parts),
        yes=yes.pop() if len(yes) == 1 else (False if not_both and None not in yes else None),
        confidence=min(part.confidence for part in parts),
        parts=tuple(parts),
    )


def _left_out(answer: Answer, words: Sequence[str]) -> Answer:
    """Say what was asked about, too, and is not answered."""
    if not words:
        return answer
    return replace(answer, text=f"{answer.text} (Not answered: {', '.join(words)}; ask for it by itself.)")


def _too_early(q: Asked) -> Answer | None:
    """The answer about a time that was over before memory began, None if it was not: "nothing changed" would claim to know."""
    when, store = q.when, q.memory.store
    if when is None or when.first or when.before or when.to_come:
        return None
    seen = [view.first_seen_ns for view, _ in store.objects().values()]
    begins = min([*seen, *(e.start_ns for e in store.episodes())], default=q.now_ns)
    if when.to_ns >= begins:
        return None
    return Answer(f"I know nothing of {when.said}: my memory begins {wording.ago(begins, q.now_ns)} ({q.clock(begins)}).", known=False)


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
