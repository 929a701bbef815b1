"""What a person tells in words ("no, the mug is in the drawer", "#12 is a teapot"), taken apart; and where such words mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.memory import query, table
from robomem.memory.questions import Questions
from robomem.memory.records import PlaceWords
from robomem.memory.sqlite_store import SqliteStore

INSIDE = ("in", "inside", "into", "within")
MIN_SPREAD_M = 0.1
_LEAD = re.compile(r"^(?:no|well|actually|please|sorry|robot|remember|note|now|that)\b[\s,]*")
_PLACE = re.compile(
    r"^(?P<what>.+?) (?:is|are|was|were|lies?|stands?|sits?|went|moved|belongs) (?:now |back |put |moved |left |to )*"
    r"(?P<place>(?:in|inside|into|within|on|onto|at|under|by|near) .+)$"
)
_LABEL = re.compile(r"^(?P<what>.+?) (?:is|are) (?:really |actually )*(?P<lead>(?:called |named |an? )*)(?P<label>[^,]+)$")


_UNDO = re.compile(
    r"^(?:undo|take back|withdraw|scratch|forget|cancel|revert)"
    r"(?: (?:it|that|this|what i (?:just )?(?:said|told you)|the last one|my last word))?"
    r"(?: (?:of|about|on|for))?(?P<what> .+)?$"
)
_TAKE_BACK = re.compile(r"^(?:i )?take (?:it|that|this) back$|^never mind$|^i was wrong$")
_WRONG_ABOUT = re.compile(r"^i was wrong about (?P<what>.+)$")


@dataclass(frozen=True)
class Statement:
    """One thing told: of `what`, where it is (`place`, words with their preposition) or what it is (`label`)."""

    what: str
    place: str = ""
    label: str = ""


@dataclass(frozen=True)
class ToldPlace:
    """A place said in words: Float64[3] m, map frame, how exactly that says it, and the place's own words."""

    position: NDArray[np.float64]
    spread_m: float
    place: PlaceWords


def read_statement(sentence: str, is_class: Callable[[str], bool]) -> Statement:
    """A sentence of the form "THING is PLACE" or "THING is a LABEL".

    Args:
        is_class: is this a class that is known? Only such a word names a thing without "a" or "called" before it: "the mug is gone",
            "the fridge is open" and "the cup is mine" give nothing a new name.

    Raises:
        InvalidInputError: it has neither form.
    """
    words = re.sub(r"[.!,;]+(?=\s|$)", " ", query.clean_words(sentence))
    for _ in range(4):
        words = _LEAD.sub("", " ".join(words.split()))
    if not words.endswith("?"):
        if found := _PLACE.match(words):
            return Statement(found["what"], place=found["place"])
        found = _LABEL.match(words)
        if found and found["label"].split()[0] not in ("not", "no", "never") and (found["lead"] or is_class(found["label"])):
            return Statement(found["what"], label=found["label"])
    raise InvalidInputError(
        f"tell: {words[:60]!r} says neither where a thing is nor what it is; say 'the mug is in the drawer' or '#12 is a teapot' "
        "(what is gone, open or somebody's I cannot be told)"
    )


def read_undo(sentence: str) -> str | None:
    """The thing whose last word is taken back ("undo the mug"), "" for the last word of all ("undo"); None: nothing is taken back."""
    words = re.sub(r"[.!,;]+(?=\s|$)", " ", query.clean_words(sentence))
    for _ in range(4):
        words = _LEAD.sub("", " ".join(words.split()))
    if _TAKE_BACK.match(words):
        return ""
    found = _UNDO.match(words) or _WRONG_ABOUT.match(words)
    if found is None or (words.startswith("forget") and " what i " not in words):  # to forget a thing is another matter
        return None
    return (found["what"] or "").strip()


def read_place(words: str | int, store: SqliteStore, questions: Questions) -> ToldPlace:
    """Where "in the drawer", "on the counter in the kitchen" or "the study" is; an id names one piece of furniture or room.

    Raises:
        InvalidInputError: no such place is known, or several are.
    """
    text = words if isinstance(words, int) else query.clean_words(words)
    lead = re.match(rf"^({'|'.join(query.PREPOSITIONS)})\s+(.+)$", text) if isinstance(text, str) else None
    how, name = (lead[1], lead[2]) if lead else ("", text)
    holders, rooms = questions.holders(name)
    found = sorted(holders or rooms)
    if not found:
        known = sorted({v.label for v, _ in store.objects().values() if v.kind == "furniture"} | set(store.room_names().values()))
        raise InvalidInputError(f"place: I know no place called '{name}'; I know {', '.join(known[:12]) or 'none yet'}")
    if len(found) > 1:
        raise InvalidInputError(f"place: '{name}' may be {' or '.join(f'#{i}' for i in found[:6])}; give one of these ids")
    return _in_room(found[0], store) if rooms else _at_furniture(found[0], how in INSIDE, store)


def _at_furniture(ident: int, inside: bool, store: SqliteStore) -> ToldPlace:
    view, at = store.objects()[ident]
    position = view.position + np.array([0.0, 0.0, 0.0 if inside else view.size[2] / 2])
    spread = max(MIN_SPREAD_M, float(np.max(view.size[:2])) / 4)  # uniform over the board: its longer side / sqrt(12), about
    words = f"{'in' if inside else 'on'} the {view.label}"
    return ToldPlace(position, spread, PlaceWords(ident, words, at.room_id, at.room))


def _in_room(ident: int, store: SqliteStore) -> ToldPlace:
    rows = store.rows(table.NODES, "WHERE id = ? ORDER BY from_ns DESC LIMIT 1", (ident,))
    name = store.room_names().get(ident, "room")
    if not rows:
        raise InvalidInputError(f"place: where the {name} is was lost; name a piece of furniture in it")
    position, size = np.array(rows[0][5:8], float), np.array(rows[0][8:11], float)
    return ToldPlace(position, max(MIN_SPREAD_M, float(np.max(size[:2])) / 4), PlaceWords(None, "", ident, name))
