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
    rf"^\s*(?:,?\s*(?:and|or|as well as|and also|nor)\b|[,&])\s*(?:(?:{'|'.join(BESIDE)})\s+)?(?:(?:{'|'.join(DETERMINERS)})\s+)*$"
)
_WORD = re.compile(r"\b(?:and|or|as well as|nor)\b|&")
_ASKS = r"where|what|when|which|who|how|is|are|was|were|did|does|do|has|have|had|can|could|will|list|tell"
_CLAUSE = re.compile(rf"\s*(?:[?!.;]+\s+(?:and\s+)?|,?\s+(?:and|or)\s+(?:also\s+)?|,\s+)(?=(?:{_ASKS})\b)")
_AFTER_AND = re.compile(rf",?\s*\b(?:and|or|as well as|nor)\s+(?:(?:{'|'.join(DETERMINERS)})\s+)*$")
# asks for no thing by name, and can stand alone at the head of a sentence: "did anything vanish, and where is the mug"
_BARE = re.compile(
    r"\b(?:any|some)thing\b|\bwhat (?:(?:has|have|is|was|did) )?(?:you )?(?:do|did|changed|moved|vanished|disappeared|happened|new)\b"
)
_BOTH = re.compile(r"\b(?:both|either)\s+$")


@dataclass(frozen=True)
class Split:
    """Sentences, one for each thing or question; and the words of what was joined to them but is in none (they end before it)."""

    sentences: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def split(sentence: str, vocabulary: Vocabulary) -> Split:
    """The sentence for each thing that is asked about; the sentence as it is where it is about one."""
    text = phrases.spelled_out(clean_words(sentence))
    clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
    first = clauses[0] if clauses else ""
    bare = _BARE.search(first) is not None
    own = [_names_something(clause, vocabulary) for clause in clauses]
    if len(clauses) > 1 and all(own[1:]) and (own[0] or bare):
        parts = [_apart(clause, vocabulary) for clause in clauses]
    else:
        parts = [_apart(text, vocabulary)]
    found = [s for part in parts for s in part.sentences]
    left = [words for part in parts for words in part.left_out]
    if len(found) == 1:
        return Split((found[0] if left else sentence,), tuple(left))
    return Split(tuple(found[:MOST]), (*left, *found[MOST:]))


def _names_something(clause: str, vocabulary: Vocabulary) -> bool:
    """True if it can stand alone: it asks, and its subject is no "it" of the clause before."""
    if re.search(rf"\b(?:{_ASKS})\b", clause) is None:
        return False
    found = phrases.phrases(phrases.tokens(clause), vocabulary.rooms, vocabulary.is_class)
    pronoun = re.search(r"\b(?:it|they|them)\b", clause) is not None
    return any((p.known and p.before not in BESIDE) or (not pronoun and (p.known or p.room)) for p in found)


@dataclass(frozen=True)
class _Place:
    """A phrase and where in the text it is: with its preposition from `lead`, with its articles from `start`, to `end`."""

    phrase: Phrase
    lead: int
    start: int
    end: int


def _apart(text: str, vocabulary: Vocabulary) -> Split:
    spans = [m.span() for m in _TOKEN.finditer(text)]
    words = phrases.tokens(text)
    placed = [_placed(p, words, spans) for p in phrases.phrases(words, vocabulary.rooms, vocabulary.is_class)]
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
    return Split(tuple(f"{before}{part}{after}" for part in parts), left)


def _placed(p: Phrase, words: Sequence[str], spans: Sequence[tuple[int, int]]) -> _Place:
    k = p.start
    while k > 0 and words[k - 1] in DETERMINERS:
        k -= 1
    lead = k - 1 if k > 0 and words[k - 1] in BESIDE else k
    return _Place(p, spans[lead][0], spans[k][0], spans[p.end - 1][1])


def _run(text: str, placed: Sequence[_Place], vocabulary: Vocabulary) -> list[_Place]:
    """The longest run of phrases of one sort that are joined, at least one of the joints a word."""
    best: list[_Place] = []
    for i in range(len(placed)):
        run = [placed[i]]
        for nxt in placed[i + 1 :]:
            if not _JOINED.match(text[run[-1].end : nxt.end - len(nxt.phrase.words)]) or not _of_one_sort(run[0], nxt, vocabulary):
                break
            run.append(nxt)
        joints = "".join(text[a.end : b.start] for a, b in pairwise(run))
        mixed = _only_color(run[0].phrase) and not run[-1].phrase.determiner  # "the black and white cup" is one
        if mixed or _only_color(run[-1].phrase) or not _WORD.search(joints):
            continue
        best = run if len(run) > len(best) else best
    return best


def _of_one_sort(a: _Place, b: _Place, vocabulary: Vocabulary) -> bool:
    one, other = a.phrase, b.phrase
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
    joints = [(p.phrase.words, _AFTER_AND.search(text[: p.end - len(p.phrase.words)])) for p in rest]
    return [(words, joint.start()) for words, joint in joints if joint is not None]
