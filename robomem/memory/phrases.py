"""Noun phrases of a question: which words name a thing, which a place or a room, and which only hold the sentence together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robomem.memory.query import COLOR_SPELLINGS, COLORS

AT = ("on", "in", "inside", "at", "by", "from", "off", "near", "under", "beside", "onto", "into", "within", "to", "of", "across", "around")
BESIDE = ("on", "in", "inside", "at", "by", "from", "near", "under", "beside", "onto", "into", "within")  # before a place
DETERMINERS = frozenset("the a an my your our his her their some any that this these those all every no".split())
# Words that are no name of a thing in a question: what holds a sentence together, and what questions are made of.
_GLUE = """
i me mine you yours we us it its he him she they them who whom whose somebody someone anybody anyone nobody people everyone what
which where whereabouts when why how whether if is are was were be been being am do does did done doing have has had having will
would shall should can could may might must not never ever yet already still just only even also too again else then so and or but
as than because there here somewhere anywhere everywhere elsewhere now today lately recently please thanks hey hi ok okay robot
kindly maybe perhaps really actually exactly currently presently probably likely possibly usually normally typically generally
mostly often always sometimes rarely ordinarily commonly regularly habitually properly right left about up down out over back
together around more less most many much few lot lots total number count altogether overall times time times' day days week night
moment while point once twice last latest first next previous recent since ago before after until during between earlier later
sooner long soon tell say said know think thought guess suppose remember recall wonder wondering ask asked help show find found
look looking search searching see saw seen sees spot spotted notice noticed sight sighted sighting glimpse catch caught view eyes
set lay laid lying sit sits sitting stand stands standing rest resting kept keep keeps keeping put puts place placed store stored
leave leaves leaving belong belongs live lives go goes going gone went come comes came turn turns turned turning end ends ended
tend tends shows showed appear appeared disappear disappeared vanish vanished move moves moved moving movement shift shifted
change changes changed changing swap swapped touch touched take takes took taken carry carries carried bring brings brought fetch
fetched get gets got getting deliver delivered drop dropped hand handed grab grabbed lose lost missing miss misplace misplaced
need needs want wants like expect expected predict pick picked run ran walk happen happened happening own owns possess contain
contains hold holds held stay stays stayed wander wandered work works worked spend spent make made give gave given list check
confirm mean use used add added new different differently difference differences same anything something nothing everything thing
things object objects item items stuff contents inventory open opened opening close closed closing shut ajar locked unlocked
switched on off running state status condition location position whereabout spots room rooms house home apartment flat household
places property building premises usual normal regular typical general common habit habits chance chances odds bet best good
likeliest task tasks job jobs chore chores activity activities patrol patrols patrolled round rounds log logs errand errands busy
one ones kind kinds sort sorts sure certain trouble lets let's i'm i've i'd i'll you've you'd you'll we've it's he's don't doesn't
didn't can't couldn't wouldn't won't isn't aren't wasn't haven't hasn't hadn't oh well um mind happens way ways far for with seem
seems seemed telling thinking sworn swear manage managed current allow possible able try trying tried hoping hope wish reckon
figure figured idea clue hint information info details detail question answer rundown summary overview report update breakdown
heard hear per regarding concerning rearranged rearrange relocated relocate reorganised reorganized displaced altered shuffled
summarise summarize summary compared compare busy describe actions action duties duty shifts holding piece
disturbed disturb travelled traveled travel switch wander longer default bringing fetching delivering transport transported recall give
came away missed mess messing messed meddling meddled fiddling fiddled tampering tampered ordinary quantity delivery record
numbers collection
return returned returns stolen stole reappear reappeared reappears arrive arrived arrives
""".split()
GLUE = frozenset(_GLUE)
_CONTRACTED = re.compile(r"\b(what|where|when|who|how|which|that|there|here|it|everything|anything|something)'(s|d|re|ve|ll)\b")
_IDIOMS = re.compile(
    r"\b(?:(?:set|lay|laid|clapped|clap) eyes on|(?:put|lay|get) my hands on|"
    r"(?:get|got|catch|caught) (?:a )?(?:hold|sight|glimpse) of|c[oa]me across|(?:run|ran|bump|bumped) into|"
    r"(?:had|have|has|took|take) a look at)\b"
)
_TAG = re.compile(
    r",\s*(?:is|was|are|were|has|have|had|does|do|did|will|would|can|could)(?:n't| not)? (?:it|they|he|she|you)(?: not)?\s*[?!.]*\s*$"
)
_ON_TOP = re.compile(r"\b(?:on top of|cluttering up|cluttering)\b")
_ON_RECORD = re.compile(r"\bon record\b")
_OWNED = re.compile(r"\b([a-z]+)'s (place|spot|home|position|location|usual|regular|normal|whereabouts|count)\b")  # "the mug's usual place"
_FULL = {"s": "is", "d": "did", "re": "are", "ve": "have", "ll": "will"}


@dataclass(frozen=True)
class Phrase:
    """Some words of a sentence that name something.

    Attributes:
        words: without articles.  before: the preposition in front, "" for none.  start, end: token numbers.
        room: it is the name of a room.  known: it ends in a class that somebody knows.
    """

    words: str
    before: str
    start: int
    end: int
    room: bool = False
    known: bool = False
    determiner: str = ""


def spelled_out(sentence: str) -> str:
    """ "where's", "when'd" in full, and turns of phrase whose preposition leads to no place ("set eyes on") in one word."""
    full = _CONTRACTED.sub(lambda found: f"{found[1]} {_FULL[found[2]]}", _TAG.sub("", sentence.replace("’", "'")))
    full = _ON_RECORD.sub("", _ON_TOP.sub("on", full))
    return _IDIOMS.sub("seen", _OWNED.sub(r"\1 \2", full))


def tokens(sentence: str) -> list[str]:
    """Words and object ids."""
    return re.findall(r"#?[^\W_]+(?:['-][^\W_]+)*", sentence)


def phrases(words: Sequence[str], rooms: Sequence[str], is_class: Callable[[str], bool]) -> list[Phrase]:
    """The phrases of a sentence, in order.

    Args:
        rooms: names of rooms.
        is_class: does anybody know a class of this name (singular or plural)?
    """
    out: list[Phrase] = []
    i = 0
    while i < len(words):
        room = next((n for n in (3, 2, 1) if " ".join(words[i : i + n]) in rooms and i + n <= len(words)), 0)
        if room:
            end = i + room
            end += _known_length(words, end, is_class)
            found = _phrase(words, i, i + room, room=True)
            if end > i + room:  # "on the kitchen counter": the counter in the kitchen
                out.append(Phrase(" ".join(words[i + room : end]), found.before, i, end, False, True, found.determiner))
                found = Phrase(found.words, "in", end, end, room=True)
            out.append(found)
            i = end
            continue
        if words[i + 1 : i + 2] == ["room"] and _is_name(words, i):  # "the guest room": a room, if one that nobody knows
            out.append(_phrase(words, i, i + 2, room=True))
            i += 2
            continue
        end = _noun_end(words, i, rooms, is_class)
        if end > i:
            known = any(is_class(" ".join(words[k:end])) for k in range(i, end))
            out.append(_phrase(words, i, end, known=known))
            i = end
        else:
            i += 1
    return out


def _noun_end(words: Sequence[str], i: int, rooms: Sequence[str], is_class: Callable[[str], bool]) -> int:
    """Where a noun phrase that begins at `i` ends; `i` if none does."""
    if words[i].startswith("#"):
        return i + 1
    end, last_known = i, i
    while end < len(words) and (_is_name(words, end) or _known_length(words, end, is_class)):
        if end > i and any(" ".join(words[end : end + n]) in rooms for n in (1, 2, 3)):
            break
        length = _known_length(words, end, is_class)
        end += max(1, length)
        last_known = end if length else last_known
    return last_known if last_known > i else end  # what follows a known noun is a verb nobody thought of


def _known_length(words: Sequence[str], i: int, is_class: Callable[[str], bool]) -> int:
    """How many words from here on are a class; a word of the glue ("can", "watch") only after an article or a colour."""
    for n in (3, 2, 1):
        name = " ".join(words[i : i + n])
        if i + n <= len(words) and is_class(name):
            led = i > 0 and (words[i - 1] in DETERMINERS or words[i - 1] in COLORS or words[i - 1] in COLOR_SPELLINGS)
            if n > 1 or words[i] not in GLUE or led:
                return n
    return 0


def _is_name(words: Sequence[str], i: int) -> bool:
    word = words[i]
    if word in ("one", "ones"):
        return i > 0 and words[i - 1] in COLORS
    return word not in GLUE and word not in DETERMINERS and word not in AT and (len(word) > 1 or word.isdecimal())


def _phrase(words: Sequence[str], start: int, end: int, room: bool = False, known: bool = False) -> Phrase:
    k = start - 1
    while k >= 0 and words[k] in DETERMINERS:
        k -= 1
    before = words[k] if k >= 0 and words[k] in AT else ""
    determiner = words[start - 1] if start > 0 and words[start - 1] in DETERMINERS else ""
    return Phrase(" ".join(words[start:end]), before, start, end, room, known, determiner)
