"""Several things asked about at once ("where are the mug and the plate", "is it on the desk or the shelf"): one sentence for each.

The sentence is cut where phrases of one sort are joined by "and", "or" or commas, and where one question follows another; what each part
means is read as ever (see sentence.py). A thing that is joined to another in a way that cannot be taken apart is named, not overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from robomem.memory import phrases
from robomem.memory.phrases import BESIDE, DETERMINERS, Phrase
from robomem.memory.query import COLOR_SPELLINGS, COLORS, clean_words
from robomem.memory.sentence import Vocabulary

MOST = 6  # things in one answer
_TOKEN = re.compile(r"#?[^\W_]+(?:['-][^\W_]+)*")
_JOINED = re.compile(
    rf"^\s*(?:[,;]?\s*(?:and|or|as well as|and also|nor)\b|[,&])\s*(?:(?:{'|'.join(BESIDE)})\s+)?(?:(?:{'|'.join(DETERMINERS)})\s+)*$"
)
_WORD = re.compile(r"\b(?:and|or|as well as|nor)\b|&")
_ASKS = r"where|what|when|which|who|how|is|are|was|were|did|does|do|has|have|had|can|could|will|list|tell"
_CLAUSE = re.compile(rf"\s*(?:[?!.;]+\s+(?:and\s+)?|,?\s+(?:and|or)\s+(?:also\s+)?|,\s+)(?=(?:{_ASKS})\b)")
_AFTER_AND = re.compile(rf"[,;]?\s*\b(?:and|or|as well as|nor)\s+(?:(?:{'|'.join(DETERMINERS)})\s+)*$")
# asks for no thing by name, and can stand alone at the head of a sentence: "did anything vanish, and where is the mug"
_BARE = re.compile(
    r"\b(?:any|some)thing\b|\bwhat (?:(?:has|have|is|was|did) )?(?:you )?(?:do|did|changed|moved|vanished|disappeared|happened|new)\b"
)
_QUESTION = re.compile(rf"(?:(?:please|hey|robot|hi|ok|and|so|well)[ ,]+)*(?:{_ASKS})\b")
_ALTERNATIVE = re.compile(rf"\bor (?:also )?(?:{_ASKS})\b")
_IT = re.compile(r"\b(?:it|they|them)\b")
_BOTH = re.compile(r"\b(?:both|either)\s+$")


@dataclass(frozen=True)
class Split:
    """Sentences, one for each thing or question.

    Attributes:
        left_out: what was joined to them but is in none (they end before it).  either: they are joined by "or".
    """

    sentences: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    either: bool = False


def split(sentence: str, vocabulary: Vocabulary) -> Split:
    """The sentence for each thing that is asked about; the sentence as it is where it is about one."""
    text = _listed(phrases.spelled_out(clean_words(sentence)), vocabulary)
    clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
    if not _ALTERNATIVE.search(text):  # "has it moved, or is it where it was" is one question
        clauses = _with_names(clauses, vocabulary)
    own = [_names_something(clause, vocabulary) or _BARE.search(clause) is not None for clause in clauses]
    if len(clauses) > 1 and all(own):
        parts = [_apart(clause, vocabulary) for clause in clauses]
    else:
        parts = [_apart(text, vocabulary)]
    found = [s for part in parts for s in part.sentences]
    left = [words for part in parts for words in part.left_out]
    if len(found) == 1:
        return Split((found[0] if left else sentence,), tuple(left))
    either = any(part.either for part in parts) and len(parts) == 1
    return Split(tuple(found[:MOST]), (*left, *found[MOST:]), either)


def _listed(text: str, vocabulary: Vocabulary) -> str:
    """Commas between the names of things as the "and" or "or" that they stand for: "the phone, laptop or box"."""
    joint = "or" if re.search(r"\bor\b", text) and not re.search(r"\band\b", text) else "and"
    articles = rf"(?:(?:{'|'.join(DETERMINERS)}) )*"
    out, done = "", 0
    for found in re.finditer(r"[,;] *(?=[\w#])", text):
        before, after = phrases.tokens(text[: found.start()])[-2:], phrases.tokens(re.sub(f"^{articles}", "", text[found.end() :]))[:2]
        names = [[*before[-1:]], before], [[*after[:1]], after]
        if all(any(words and vocabulary.is_class(" ".join(words)) for words in side) for side in names):
            out, done = f"{out}{text[done : found.start()]} {joint} ", found.end()
    return out + text[done:]


def _with_names(clauses: list[str], vocabulary: Vocabulary) -> list[str]:
    """The clauses with the thing of the first in place of an "it" of a later one: "where is the mug now and where will it be"."""
    first = clauses[0] if clauses and _QUESTION.match(clauses[0].strip()) else ""
    found = phrases.phrases(phrases.tokens(first), vocabulary.rooms, vocabulary.is_class)
    thing = next((p.words for p in found if p.known and p.before not in BESIDE), "")
    if not thing or _IT.search(first):
        return clauses
    return [clauses[0], *(c if _about(c, vocabulary) else _IT.sub(f"the {thing}", c, count=1) for c in clauses[1:])]


def _about(clause: str, vocabulary: Vocabulary) -> bool:
    found = phrases.phrases(phrases.tokens(clause), vocabulary.rooms, vocabulary.is_class)
    return any(p.known and p.before not in BESIDE for p in found)


def _names_something(clause: str, vocabulary: Vocabulary) -> bool:
    """True if it can stand alone: it asks, and its subject is no "it" of the clause before."""
    if re.search(rf"\b(?:{_ASKS})\b", clause) is None:
        return False
    found = phrases.phrases(phrases.tokens(clause), vocabulary.rooms, vocabulary.is_class)
    pronoun = _IT.search(clause) is not None
    return any((p.known and p.before not in BESIDE) or (not pronoun and (p.known or p.room)) for p in found)


@dataclass(frozen=True)
class _Place:
    """A phrase and where in the text it is: with its preposition from `lead`, with its articles from `start`, from `word` to `end`."""

    phrase: Phrase
    lead: int
    start: int
    word: int
    end: int


def _apart(text: str, vocabulary: Vocabulary) -> Split:
    spans = [m.span() for m in _TOKEN.finditer(text)]
    words = phrases.tokens(text)
    found = phrases.phrases(words, vocabulary.rooms, vocabulary.is_class)
    placed = [_placed(p, words, spans) for p in found if p.end > p.start]  # the room of "the kitchen counter" has no words of its own
    run = _run(text, placed, vocabulary)
    rest = _left_out(text, placed, run if len(run) > 1 else ())
    left = tuple(words for words, _ in rest)
    if len(run) < 2:
        return Split((text[: rest[0][1]].strip() if rest else text,), left)
    own = any(p.phrase.before in BESIDE for p in run[1:])  # "on the desk or in the drawer": each has its preposition
    first = run[0].lead if own else run[0].start
    before, after = _BOTH.sub("", text[:first]), text[run[-1].end :]
    noun = _noun(run[-1].phrase)
    parts = [text[p.lead if own else p.start : p.end] + (f" {noun}" if _only_color(p.phrase) else "") for p in run]
    joints = "".join(text[a.end : b.start] for a, b in pairwise(run))
    return Split(tuple(f"{before}{part}{after}" for part in parts), left, re.search(r"\b(?:or|nor)\b", joints) is not None)


def _placed(p: Phrase, words: Sequence[str], spans: Sequence[tuple[int, int]]) -> _Place:
    k = p.start
    while k > 0 and words[k - 1] in DETERMINERS:
        k -= 1
    lead = k - 1 if k > 0 and words[k - 1] in BESIDE else k
    return _Place(p, spans[lead][0], spans[k][0], spans[p.start][0], spans[p.end - 1][1])


def _run(text: str, placed: Sequence[_Place], vocabulary: Vocabulary) -> list[_Place]:
    """The longest run of phrases of one sort that are joined, at least one of the joints a word."""
    best: list[_Place] = []
    for i in range(len(placed)):
        run = [placed[i]]
        for nxt in placed[i + 1 :]:
            if not _JOINED.match(text[run[-1].end : nxt.word]) or not _of_one_sort(run[0], nxt, vocabulary):
                break
            run.append(nxt)
        joints = "".join(text[a.end : b.start] for a, b in pairwise(run))
        # "the black and white cup" is one, "the black or white cup" is not
        mixed = _only_color(run[0].phrase) and not run[-1].phrase.determiner and re.search(r"\bor\b", joints) is None
        if mixed or _only_color(run[-1].phrase) or not _WORD.search(joints):
            continue
        best = run if len(run) > len(best) else best
    return best


def _of_one_sort(a: _Place, b: _Place, vocabulary: Vocabulary) -> bool:
    one, other = a.phrase, b.phrase
    if one.before in BESIDE and other.before in BESIDE:  # "on the desk or in the kitchen"
        return all(p.room or (_is_thing(p) and vocabulary.is_furniture(p.words)) for p in (one, other))
    if one.room or other.room:
        return one.room and other.room
    if not (_is_thing(one) and _is_thing(other)):
        return False
    if one.before in BESIDE:  # a place: what is joined to it without a preposition must be one that things stand on
        return vocabulary.is_furniture(one.words) and vocabulary.is_furniture(other.words)
    return other.before not in BESIDE


def _is_thing(p: Phrase) -> bool:
    return p.known or p.words.startswith("#") or p.determiner not in ("", "that", "this") or _only_color(p)


def _only_color(p: Phrase) -> bool:
    return not p.room and all(COLOR_SPELLINGS.get(w, w) in COLORS for w in p.words.split()) and not p.known


def _noun(p: Phrase) -> str:
    return " ".join(w for w in p.words.split() if COLOR_SPELLINGS.get(w, w) not in COLORS)


def _left_out(text: str, placed: Sequence[_Place], run: Sequence[_Place]) -> list[tuple[str, int]]:
    """Known things that an "and" or "or" joins to one before them, but of another sort or too far off, and where that joint is."""
    known = [p for p in placed if p.phrase.known or p.phrase.room]
    rest = [p for p in known[1:] if p not in run and p.phrase.known]
    joints = [(p.phrase.words, _AFTER_AND.search(text[: p.word])) for p in rest]
    return [(words, joint.start()) for words, joint in joints if joint is not None]
