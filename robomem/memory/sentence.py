"""What a question in English means: cue words decide the meaning, noun phrases fill it, time words date it. No model is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robomem.clock import NS_PER_S
from robomem.memory import cues, phrases, timewords
from robomem.memory.phrases import Phrase
from robomem.memory.query import ANYTHING, COLOR_SPELLINGS, COLORS, clean_words
from robomem.memory.timewords import When


@dataclass(frozen=True)
class Vocabulary:
    """What the home's words are.

    Attributes:
        rooms: names of rooms.  is_class: is this a class, singular or plural?  is_furniture: of the kind that things stand on or in?
    """

    rooms: Sequence[str]
    is_class: Callable[[str], bool]
    is_furniture: Callable[[str], bool]


@dataclass(frozen=True)
class Reading:
    """A question as understood.

    Attributes:
        meaning: a key of `answer.REPLIES`.
        what: the thing asked about, with its room if one is said.  place: the furniture or room.  how: the preposition before it.
        room: a room that narrows the question.
        when: a time, past or (of "will be") to come.  hours: a part of any day, hours.  asked: a state that is named ("open", "on").
        kinds: of changes, those asked for (see change_kinds.py); none: all.  turned: of state changes, (state, value) if one is named.
    """

    meaning: str
    what: str = ""
    place: str = ""
    how: str = ""
    room: str = ""
    when: When | None = None
    hours: tuple[int, int] | None = None
    asked: str = ""
    kinds: tuple[str, ...] = ()
    turned: tuple[str, str] = ("", "")


def read(sentence: str, now_ns: int, timezone: str, vocabulary: Vocabulary) -> Reading | None:
    """The meaning of a sentence; None if it is no question that memory can read."""
    text = re.sub(r"[?!.,;]+(?=\s|$)", " ", phrases.spelled_out(clean_words(sentence)))
    text = " ".join(text.split())
    asks_ahead = re.search(cues.FUTURE, text) and not re.search(cues.PAST, text)
    to_come = timewords.ahead(text, now_ns, timezone) if asks_ahead else None
    when = None if to_come else timewords.resolve(text, now_ns, timezone)
    part = timewords.any_day(text) if when is None and to_come is None else None
    rest = to_come.rest if to_come else when.rest if when else part[2] if part else text
    words = phrases.tokens(rest)
    found = phrases.phrases(words, vocabulary.rooms, vocabulary.is_class)
    q = _Parts(" ".join(words), found, vocabulary, when or to_come, part[1] if part else None)
    return next((reading for rule in _RULES if (reading := rule(q)) is not None), None)


class _Parts:
    """A sentence taken apart."""

    def __init__(
        self, text: str, found: Sequence[Phrase], vocabulary: Vocabulary, when: When | None, hours: tuple[int, int] | None
    ) -> None:
        self.text, self.when, self.hours, self._vocabulary = text, when, hours, vocabulary
        self.room = next((p for p in found if p.room), None)
        things = [p for p in found if not p.room]
        self.things = things
        places = [p for p in things if p.before in phrases.BESIDE]
        free = [p for p in things if p not in places]
        known = [p for p in free if p.known] or [p for p in free if p.determiner] or free
        self.thing = known[0] if known else None
        self.place = next((p for p in places if p.known), places[0] if places else None)
        if self.thing is None and len(places) > 1:  # "any movement of the mug on the desk"
            self.thing, self.place = places[0], places[1]
        if self.place is None and len(known) > 1 and self.is_furniture(self.thing) and self.says("(?:on|in|inside) (?:it|there)"):
            self.place, self.thing = known[0], known[1]  # "when did the table last have the mug on it"

    def says(self, pattern: str) -> bool:
        """True if the sentence has such words."""
        return re.search(rf"\b(?:{pattern})\b", self.text) is not None

    @property
    def color(self) -> str:
        """The colour of things that are not named: "red things", "anything red"."""
        named = re.search(r"\b(?:(\w+) (?:things?|objects?|items?|stuff|ones?)|(?:any|some|every)thing (\w+))\b", self.text)
        word = (named[1] or named[2]) if named else ""
        return COLOR_SPELLINGS.get(word, word) if COLOR_SPELLINGS.get(word, word) in COLORS else ""

    @property
    def subject(self) -> str:
        """The thing asked about, with a place or room that narrows it; a place alone where nothing else is named."""
        main = self.thing or self.place
        if main is None:
            return ""
        lead = "" if main.determiner not in ("all", "every") else "all "
        text = lead + main.words
        if main is self.thing and self.place is not None and self.place.before and self.place.start > main.start:
            text += f" {self.place.before} the {self.place.words}"
        return text + (f" in the {self.room.words}" if self.room is not None else "")

    @property
    def bare(self) -> str:
        """The thing without what narrows it."""
        main = self.thing or self.place
        return main.words if main is not None else ""

    @property
    def spot(self) -> str:
        """The furniture (with its room) or room that is named as a place."""
        main = self.place or self.thing
        if main is None:
            return self.room.words if self.room is not None else ""
        return main.words + (f" in the {self.room.words}" if self.room is not None and self.room.start >= main.end else "")

    @property
    def how(self) -> str:
        """The preposition before the place."""
        main = self.place or (None if self.thing else self.room)
        return main.before if main is not None else ""

    def is_furniture(self, phrase: Phrase | None) -> bool:
        """True if a phrase names what things stand on."""
        return phrase is not None and self._vocabulary.is_furniture(phrase.words)


# -- cues


def _will_be(q: _Parts) -> Reading | None:
    to_come = q.when is not None and q.when.to_come
    if not (q.thing or q.place) or q.says(cues.MANY) or not (to_come or (q.says("will|going to be|predict") and q.when is None)):
        return None
    if q.says("usually|normally|typically|generally|mostly|habitually|ordinary day") and not (to_come and q.says(r"will|tomorrow|tonight")):
        return None
    return Reading("will_be", q.subject, when=q.when)


def _how_many(q: _Parts) -> Reading | None:
    if not q.says(cues.MANY):
        return None
    if q.thing is None and q.place is not None and q.place.before == "of":
        return Reading("how_many", q.subject, when=q.when)
    return Reading("how_many", q.subject, when=q.when) if q.thing is not None else None


def _rooms(q: _Parts) -> Reading | None:
    asked = q.says(cues.ROOMS) and q.when is None and not q.says(r"patrol\w*|visit\w*|clean\w*|go|went")
    return Reading("rooms") if asked and q.thing is None and q.place is None else None


def _did_task(q: _Parts) -> Reading | None:
    if q.thing is None or not q.says(r"you|(?:was|were|been|get|got) (?:\w+ ){0,4}(?:delivered|fetched|brought)") or not q.says(cues.DEEDS):
        return None
    if q.says(cues.NO_DEED) and not q.says("where it"):
        return None
    if q.says("get|got|take|took|taken|hand") and not q.says(cues.GOT):
        return None
    return Reading("did_task", q.bare, when=q.when)


def _did_do(q: _Parts) -> Reading | None:
    if q.says(r"ever|see|seen|saw|notice\w*|spot\w*|chang\w*|put|leave") or not (
        q.says(cues.DOING) or (q.says(cues.SURVEYS) and q.says("you|robot"))
    ):
        return None
    return Reading("did_do", when=q.when) if q.thing is None or not q.thing.known or q.thing.words == "robot" else None


def _when_turned(q: _Parts) -> Reading | None:
    """ "When was the fridge opened", "how long has the lamp been on", "was the fridge opened today": the change, not the state."""
    if q.thing is None or not q.thing.known or q.says("you|see|saw|seen|where|what is|which"):
        return None
    named = [turn for cue, turn in cues.TURNS.items() if q.says(cue)]
    span = q.when is not None and q.when.to_ns - q.when.from_ns > 60 * NS_PER_S and q.says("opened|(?:did|has) .* open")
    if len(named) != 1 or not (q.says(cues.TURNED_WHEN) or span):
        return None
    return Reading("turned", q.subject, when=q.when, turned=named[0])


def _since(q: _Parts) -> Reading | None:
    if q.thing is None or not q.says(cues.SINCE) or q.says(cues.NOT_SINCE):
        return None
    target = q.place if q.place is not q.thing else None
    target = target or next((p for p in q.things if p.before == "to" and p is not q.thing), None) or q.room
    return Reading("since", q.bare, target.words if target is not None else "", "on" if target is not q.room else "in")


def _when_last(q: _Parts) -> Reading | None:
    if q.thing is None and (q.place is None or not q.says(r"sighting|glimpse|view|sign|last look\w*")):
        return None
    if (
        not q.says(cues.LAST)
        or (q.says("where|whereabouts") and not q.says(r"when(?! (?:i|it|it's|we|they|nobody) )"))
        or q.says(cues.MANY)
    ):
        return None
    if q.when is not None and not q.says("when|how long|last|what time"):
        return None
    spot = q.place is not None and q.place is not q.thing and q.thing is not None
    if spot or (q.room is not None and q.room.before in ("in", "inside", "at")):
        return Reading("when_last_at", q.bare, q.spot if spot else q.room.words if q.room else "", q.how)
    return Reading("when_last", q.subject)


def _usually(q: _Parts) -> Reading | None:
    if (
        not (q.thing or q.place)
        or not (q.says(cues.USUAL) or (q.hours is not None and q.says("where|which|what")))
        or q.says(cues.EVER_STRONG)
    ):
        return None
    if q.when is not None and not q.says(cues.USUAL_STRONG):
        return None
    if q.says("how|open|closed|shut|why") and not q.says("where|place|spot|usual"):
        return None
    return Reading("usually", q.bare if q.thing else q.spot, when=q.when, hours=q.hours)


def _state(q: _Parts) -> Reading | None:
    main = q.thing or q.place
    if main is None or q.says(rf"carried|wander\w*|{cues.CHANGE_STRONG}") or q.says("where|when|how long"):
        return None
    named = next((name for name, cue in cues.STATES.items() if q.says(cue)), "")
    if named == "on" and ((q.place is not None and q.thing is None) or q.says("what is on|what things|anything on|is there")):
        return None
    if named == "on" and q.says("what|which") and not q.says(r"on or off|off or on|turned|switched|running|stat\w+"):
        return None  # "what is the mug on"
    if (
        named == "on"
        and q.place is not None
        and q.place.before in ("on", "off")
        and not q.says(r"(?:turned|switched|on|off) (?:on|off|or)")
    ):
        return None
    asks = named or (q.says(cues.STATE_WORD) and not q.says("how long|how many"))
    return Reading("state", q.subject, when=q.when, asked=named) if asks else None


def _changes(q: _Parts) -> Reading | None:
    thing, at = q.thing, q.place
    if thing is not None and thing.before in ("to", "off") and q.is_furniture(thing):  # "what came back to the desk"
        thing, at = None, at or thing
    if thing is not None and not _is_anything(thing.words) and (thing.known or not q.says(cues.WHAT_CHANGED)):
        return None
    if q.says(cues.STAYED):
        return None
    cued = q.says(f"{cues.CHANGE}|{cues.BACK}|{cues.NO_THING}") and q.says(
        r"what|which|anything|something|everything|nothing|things?|stuff|any|anyone|anybody|somebody|someone|changes?|is|has|have|did|list|"
        r"report|tell|differences"
    )
    strong = cues.CHANGE_STRONG + r"|new|gone|missing|disappear\w*|vanish\w*|differ\w*|" + cues.BACK
    if (
        not cued
        or q.says(r"where (?:is|are|was|were) (?!it was)|how many")
        or (at is not None and not q.says(strong))
        or (q.says(cues.BACK) and q.says("you"))
    ):
        return None
    kinds = _kinds(q)
    if q.when is None and at is not None and not kinds and not q.says(cues.CHANGE_STRONG):
        return None
    who = q.says("who") or (thing is not None and not thing.known and q.says("did"))
    place, room = at.words if at else "", q.room.words if q.room else ""
    before = at.before if at else q.room.before if q.room else ""
    how = before if before in ("to", "into", "onto", "from", "off") else ""
    turned = _turned(q) if "state_changed" in kinds else ("", "")
    return Reading("changes", place=place, room=room, how=how, when=q.when, asked="who" if who else "", kinds=kinds, turned=turned)


def _turned(q: _Parts) -> tuple[str, str]:
    """The state change that is named, empty for any: "was anything opened", "what was switched off"."""
    named = [row for cue, row in cues.TURNED.items() if q.says(cue)]
    return named[0] if len(named) == 1 else ("", "")


def _kinds(q: _Parts) -> tuple[str, ...]:
    """The kinds of change that are asked for; none where any will do."""
    if q.says(cues.ANY_KIND):
        return ()
    rest = re.sub(rf"\b(?:{cues.BACK})\b", " ", q.text)
    named = [kind for kind, cue in cues.KINDS.items() if re.search(rf"\b(?:{cue})\b", rest)]
    return tuple([*named, "returned"] if q.says(cues.BACK) else named)


def _moved(q: _Parts) -> Reading | None:
    if (q.thing is None and q.place is None) or (q.says("where|whereabouts|which room|what room|when") and not q.says("where it was")):
        return None
    if q.says(cues.TIMES) and q.says(cues.MOVED_STRONG):
        return Reading("moved", q.bare, when=q.when, asked="times")
    if not q.says(cues.CHANGE) or q.says("what is|how many") or (q.when is None and not q.says(cues.MOVED_STRONG)):
        return None
    if (q.says(cues.EVER_STRONG) and not q.says(cues.MOVED_STRONG)) or (q.says("what|which") and not q.says(cues.MOVED_STRONG)):
        return None
    return Reading("moved", q.bare, when=q.when, asked="who" if q.says("who") else "")


def _is_at(q: _Parts) -> Reading | None:
    if q.thing is None or not q.thing.known or q.thing.determiner in ("a", "an", "any") or not re.match(r"(?:is|was|are|were) ", q.text):
        return None
    spot = q.place if q.place is not q.thing else None
    if (spot is None and q.room is None) or q.says("where|when|which|what|there"):
        return None
    return Reading("is_at", q.bare, q.spot if spot is not None else q.room.words if q.room else "", q.how or "in", when=q.when)


def _contents(q: _Parts) -> Reading | None:
    main = q.place or (q.room if q.thing is None or _is_anything(q.thing.words) else None) or (q.thing if q.is_furniture(q.thing) else None)
    if (
        main is None
        or not q.says(cues.CONTENT)
        or q.says("where|whereabouts")
        or (q.thing is not None and main is not q.thing and not _free(q))
    ):
        return None
    if main is q.thing and not q.says(r"on it|in it|inside|on|in|empty|clear|full|bare|occupied|have|has|hold|holds|contain\w*|contents?"):
        return None
    spot = q.spot if main is not q.room else q.room.words if q.room else ""
    how = "" if main is q.thing else main.before
    how = how or ("in" if q.says("in it|inside|contents?|contain\\w*") else "on")
    return Reading("contents", q.color, place=spot, how=how, when=q.when)


def _free(q: _Parts) -> bool:
    """True if what is named beside the place is no thing that is looked for."""
    return q.thing is None or not q.thing.known or _is_anything(q.thing.words)


def _ever(q: _Parts) -> Reading | None:
    if not (q.thing or q.place) or q.says("where|whereabouts|when|(?:which|what) room|location|position"):
        return None
    indefinite = (
        q.thing is not None
        and q.thing.determiner in ("a", "an", "any")
        and (q.says("seen|see|saw|have|has|noticed|is|was|are|find|found") or q.text.startswith("any "))
    )
    asked = "ever" if q.says(cues.EVER_STRONG) else ""
    return Reading("seen", q.subject, when=q.when, asked=asked) if q.says(cues.EVER) or indefinite else None


def _back(q: _Parts) -> Reading | None:
    """ "Has the mug come back?" is answered by where it is."""
    if q.thing is None or not q.thing.known or q.when is not None or not q.says(cues.BACK) or q.says("you|when|where|how"):
        return None
    return Reading("where_is", q.subject)


def _where(q: _Parts) -> Reading | None:
    if not (q.thing or q.place) or not q.says(cues.WHERE + "|is|was"):
        return None
    if not q.says(cues.WHERE) and not (q.when is not None and q.thing is not None):
        return None
    if q.says("(?:has|have|had) .* been") and q.when is None and q.says("where"):
        return Reading("where_been", q.subject)
    past = q.says(r"was|were|had|did (?:i|you|we|they|he|she) (?:put|leave|see|have|place|keep|last)|would .* have (?:found|been)")
    if q.when is not None or (past and q.says(r"where (?:was|were)|where did (?:i|you|we) (?:put|leave|see)")):
        return Reading("where_was", q.subject, when=q.when)
    if q.says(r"(?:have|did) you (?:\w+ )?(?:seen|see|notice\w*|find|found|spot\w*)") and not q.says("where|whereabouts"):
        return Reading("seen", q.subject)
    return Reading("where_is", q.subject)


def _is_anything(words: str) -> bool:
    return words in ANYTHING


_RULES: tuple[Callable[[_Parts], Reading | None], ...] = (
    _will_be, _rooms, _how_many, _did_task, _did_do,
    _when_turned, _since, _when_last, _usually, _state, _changes, _contents, _moved, _is_at, _back, _ever, _where,
)  # fmt: skip
