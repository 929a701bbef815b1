"""From "the red mugs on the counter in the kitchen" to label, colour, place, number."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from robomem.errors import InvalidInputError
from robomem.ontology import Ontology

COLORS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "beige", "black", "white", "grey")
COLOR_SPELLINGS = {
    "gray": "grey",
    "violet": "purple",
    "turquoise": "cyan",
    "teal": "cyan",
    "magenta": "pink",
    "golden": "yellow",
    "tan": "beige",
    "dark": "",
    "light": "",
    "bright": "",
}
# What a camera under lamp light may call one or the other; used only where no object has the very colour.
NEAR_COLORS = tuple(
    frozenset(pair.split())
    for pair in (
        "red orange",
        "red pink",
        "red brown",
        "orange brown",
        "orange yellow",
        "yellow beige",
        "beige white",
        "beige brown",
        "green cyan",
        "cyan blue",
        "blue purple",
        "purple pink",
        "black grey",
        "grey white",
        "black brown",
    )
)
PREPOSITIONS = ("in", "inside", "into", "on", "onto", "at", "from", "near", "by", "under", "beside", "within", "off")
FILLERS = frozenset(
    (
        "the",
        "a",
        "an",
        "my",
        "your",
        "our",
        "his",
        "her",
        "their",
        "some",
        "any",
        "that",
        "this",
        "these",
        "those",
        "of",
        "all",
        "every",
        "other",
        "one",
        "please",
        "there",
        "is",
        "are",
        "was",
        "were",
        "and",
        "big",
        "small",
        "little",
        "large",
        "old",
        "new",
    )
)
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "both": 2}
ANYTHING = frozenset(["thing", "things", "object", "objects", "item", "items", "everything", "anything", "something", "stuff", "ones"])
DESCRIBING = frozenset(
    "wooden wood glass metal plastic leather marble round square long short tall low high wide narrow main left right empty full".split()
)
MAX_QUERY_CHARS = 400


@dataclass(frozen=True)
class Query:
    """What is asked for.

    Attributes:
        label: canonical class, "" for anything, or the words as said where nobody knows them.
        known: the label is a class of the home model or a label memory has seen.
        holder: furniture it is said to be on or in, canonical.
        plural: more than one is asked for.
        id: an object named by its id ("#12").
    """

    text: str
    label: str = ""
    known: bool = False
    color: str = ""
    room: str = ""
    holder: str = ""
    plural: bool = False
    count: int | None = None
    id: int | None = None


def parse(text: str | int, ontology: Ontology, labels: Collection[str] = (), rooms: Collection[str] = ()) -> Query:
    """Read a noun phrase.

    Args:
        text: words, or an object id.
        labels: labels that memory has seen, beside the classes of the ontology.
        rooms: room names that memory has, beside those of the ontology.

    Raises:
        InvalidInputError: nothing is asked for.
    """
    if isinstance(text, int):
        return Query(f"#{text}", id=int(text))
    words = re.findall(r"#?[^\W_]+(?:['-][^\W_]+)*", clean_words(text))
    if not words:
        raise InvalidInputError(f"query: expected words such as 'red mug' or 'cups in the kitchen', got {str(text)[:40]!r}")
    ident = _ident(words)
    if ident is not None:
        return Query(" ".join(words), id=ident)
    head, room, holder = _places(words, ontology, {*ontology.rooms, *rooms})
    if head and COLOR_SPELLINGS.get(head[-1], head[-1]) in COLORS and not ontology.known(head[-1]):
        head = [*head, "things"]  # "how many red ones": an orange is a thing, red is none
    colors = [c for c in (COLOR_SPELLINGS.get(w, w) for w in head[:-1]) if c in COLORS]
    count = next((NUMBERS[w] if w in NUMBERS else int(w) for w in head if w in NUMBERS or _is_number(w)), None)
    skip = FILLERS | set(COLORS) | set(COLOR_SPELLINGS) | set(NUMBERS)
    kept = [w for w in head[:-1] if w not in skip and not _is_number(w)] + [w for w in head[-1:] if w not in FILLERS]
    if not kept and not colors and not room and not holder:
        raise InvalidInputError(
            f"query: '{' '.join(words)[:40]}' names no thing, colour or place; ask for 'red mug' or 'cups in the kitchen'"
        )
    label, known, plural = _label(kept, ontology, set(labels))
    plural = plural or (count or 0) > 1 or "all" in head or "every" in head
    return Query(" ".join(words), label, known, colors[-1] if colors else "", room, holder, plural, count)


def clean_words(text: str) -> str:
    """Lower case, single spaces, no control characters, at most 400 of them."""
    kept = "".join(c if c.isprintable() else " " for c in str(text)[:MAX_QUERY_CHARS])
    return " ".join(kept.lower().split())


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) <= 18  # what an int64 holds


def _ident(words: list[str]) -> int | None:
    for i, word in enumerate(words):
        if word.startswith("#") and _is_number(word[1:]):
            return int(word[1:])
        if word in ("object", "id") and i + 1 < len(words) and _is_number(words[i + 1]):
            return int(words[i + 1])
    return None


def _places(words: list[str], ontology: Ontology, rooms: set[str]) -> tuple[list[str], str, str]:
    """(words before the first place phrase, room, holder)."""
    cuts = [i for i, w in enumerate(words) if w in PREPOSITIONS]
    if not cuts:
        return words, "", ""
    room = holder = ""
    for start, end in zip(cuts, [*cuts[1:], len(words)], strict=True):
        phrase = [w for w in words[start + 1 : end] if w not in FILLERS]
        name = " ".join(phrase)
        if not phrase:
            continue
        found = next((" ".join(phrase[i:]) for i in range(len(phrase)) if " ".join(phrase[i:]) in rooms), None)
        if found:
            room = found
            before = ontology.canonical(" ".join(phrase).removesuffix(found).strip())
            holder = before if before in ontology.classes else holder  # "in the kitchen cabinet" is handled below, "counter kitchen" here
            continue
        known = next((ontology.canonical(" ".join(phrase[i:])) for i in range(len(phrase)) if ontology.known(" ".join(phrase[i:]))), "")
        lead = next((r for r in sorted(rooms, key=len, reverse=True) if name.startswith(r + " ")), "")
        holder, room = known or holder, room or (lead if known else "")
        if not known:  # a place nobody has heard of must narrow the answer to nothing, not be overlooked
            holder, room = (name, room) if words[start] in ("on", "onto", "under", "off") else (holder, name)
    return words[: cuts[0]], room, holder


def _label(words: list[str], ontology: Ontology, labels: set[str]) -> tuple[str, bool, bool]:
    """(canonical label, known, plural) of a noun phrase; its longest known ending is the noun."""
    if not words or words[-1] in ANYTHING:
        return "", True, bool(words) and words[-1] not in ("thing", "object", "item")
    for i in range(len(words)):
        phrase = " ".join(words[i:])
        for form, plural in forms(phrase, ontology):
            if form in labels or form in ontology.classes or form in ontology.synonyms:
                return ontology.canonical(form), True, plural
    return " ".join(words), False, False


def forms(phrase: str, ontology: Ontology) -> list[tuple[str, bool]]:
    """The phrase itself, then its plausible singulars, each with whether it was a plural."""
    forms = [(phrase, False)]
    folded = ontology.canonical(phrase)
    if folded != phrase:
        forms.append((folded, (phrase.endswith("s") and phrase not in ontology.synonyms) or phrase == "people"))
    if phrase.endswith("s") and not phrase.endswith("ss"):
        forms += [(phrase[:-1], True)] + ([(phrase[:-2], True)] if phrase.endswith("es") else [])
    return forms


def before_place(words: str) -> list[str]:
    """The words of a noun phrase before what says where it is ("pool table" of "pool table in the study"), fillers left out."""
    out: list[str] = []
    for word in words.split():
        if word in PREPOSITIONS:
            break
        if word not in FILLERS:
            out.append(word)
    return out


def is_plain(words: Collection[str], ontology: Ontology) -> bool:
    """True if words only describe (colours, numbers, materials and shapes, rooms) and make no other kind of thing."""
    plain = {*COLORS, *COLOR_SPELLINGS, *NUMBERS, *DESCRIBING, *(w for room in ontology.rooms for w in room.split())}
    return all(w in plain or _is_number(w) for w in words)


def near_color(a: str, b: str) -> bool:
    """True if two different colour names are easily taken for each other."""
    return frozenset((a, b)) in NEAR_COLORS


def match_label(words: str, label: str) -> bool:
    """True if `label` is the noun `words` with something before it ("table" -> "dining table")."""
    return bool(words) and label.endswith(" " + words)
