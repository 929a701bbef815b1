"""From a sentence to goals by a small grammar: tokens -> verb frames -> noun phrases -> predicates, grounded in the labels memory knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import replace

from robomem.errors import PlanningError
from robomem.ontology import Ontology
from robomem.planning import lexicon as lx
from robomem.planning.goals import HERE, ROOM, SURFACE, Description, Goal, ParsedInstruction
from robomem.planning.reader import Reader
from robomem.planning.vocabulary import Vocabulary

MAX_CHARS = 400
MAX_GOALS = 12
_TOKEN = re.compile(r"[a-z0-9][a-z0-9'\-]*|[,;.:!?]")


def parse(
    sentence: str, known_labels: Iterable[str] = (), rooms: Iterable[str] = (), ontology: Ontology | None = None
) -> ParsedInstruction:
    """The goals of an English instruction, in the order in which they shall become true.

    Args:
        sentence: at most 400 characters ("bring two apples from the fridge to the kitchen table, then close the fridge").
        known_labels: labels that memory holds; generic nouns ("the table") and misspellings are matched to them.
        rooms: room names that memory holds, beside those of the ontology.

    Raises:
        PlanningError: not an instruction; says what was understood and gives examples.
    """
    vocabulary = Vocabulary.build(ontology, known_labels, rooms)
    reader = Reader(_tokens(sentence), vocabulary)
    if reader.peek() not in lx.QUESTIONS and reader.tokens[-1:] == ["?"]:
        reader.tokens.pop()  # "could you bring me the cup?" is an order, politely put
    while _skip_connectors(reader):
        _clause(reader)
        if len(reader.goals) > MAX_GOALS:
            raise PlanningError(f"instruction: more than {MAX_GOALS} goals in one sentence; give them one after another")
    if not reader.goals:
        raise _nonsense(reader, sentence)
    _ask_generic(reader)
    goals = _without_implied(reader.goals)
    question = reader.questions[0] if reader.questions else ""
    return ParsedInstruction(tuple(goals), round(reader.confidence, 3), question, "grammar", tuple(reader.notes))


def _tokens(sentence: str) -> list[str]:
    if not isinstance(sentence, str) or not sentence.strip():
        raise PlanningError(f"instruction: expected a sentence, got nothing; try for example '{lx.EXAMPLES[0]}'")
    if len(sentence) > MAX_CHARS:
        raise PlanningError(f"instruction: expected at most {MAX_CHARS} characters, got {len(sentence)}; say it shorter")
    text: str = "".join(c if c.isprintable() else " " for c in sentence.lower().replace("\u2019", "'"))
    text = f" {' '.join(_TOKEN.findall(text))} "
    changed = True
    while changed:  # politeness in front may be stacked: "hey robot, could you please ..."
        changed = False
        for opening in lx.OPENINGS:
            for lead in (f" {opening} ", f" , {opening} "):
                if text.startswith(lead):
                    text, changed = text[len(lead) - 1 :], True
        for filler in lx.FILLERS:
            if f" {filler} " in text:
                text, changed = text.replace(f" {filler} ", " "), True
    return [str(word) for word in text.split()]


def _skip_connectors(reader: Reader) -> bool:
    """Step over "and", "then", commas; True while words are left."""
    while reader.peek() in lx.CONNECTORS:
        reader.at += 1
    return reader.at < len(reader.tokens)


def _nonsense(reader: Reader, sentence: str, here: str = "") -> PlanningError:
    understood = "; ".join(str(g) for g in reader.goals) or "nothing"
    things = sorted({reader.vocabulary.noun(w) or "" for w in reader.tokens} - {""})
    also = f" (words I know in it: {', '.join(things)})" if things and not reader.goals else ""
    at = f" at '{here}'" if here else ""
    return PlanningError(
        f"instruction: expected a verb such as bring, put, open or find{at}, got {sentence.strip()[:80]!r}; understood {understood}{also}. "
        f"Try '{lx.EXAMPLES[0]}' or '{lx.EXAMPLES[4]}'"
    )


def _clause(reader: Reader) -> None:
    """One verb with its frame, appended to the goals."""
    if reader.peek() in lx.QUESTIONS or reader.tokens[-1] == "?":
        raise PlanningError(
            f"instruction: '{' '.join(reader.tokens)[:80]}' is a question; ask memory (robomem ask \"...\") "
            f"or give an instruction such as '{lx.EXAMPLES[4]}'"
        )
    verb = reader.accept(lx.VERBS)
    if not verb and reader.last_verb and _thing_follows(reader):
        verb = reader.last_verb  # "put the mug on the desk and the book on the sofa"
    if not verb:
        raise _nonsense(reader, " ".join(reader.tokens), reader.peek())
    frame = lx.VERBS[verb]
    reader.last_verb = verb if frame in ("place", "bring") else ""
    to_me = frame in ("bring", "pick") and reader.peek() in ("me", "us")
    reader.at += to_me
    if frame == "go" and reader.peek() in ("here", "back", "home", "") and not reader.longest(lx.PREPOSITIONS):
        while reader.accept(("here", "back", "home", "to me")):
            pass
        reader.goals.append(Goal("at", Description(HERE)))
        return
    things: list[Description] = []
    if frame == "inspect" and reader.peek() in ("", *lx.CONNECTORS) and reader.last_opened:
        things = [reader.last_opened]  # "open the fridge and look inside"
    elif not (reader.longest(lx.PREPOSITIONS) and frame in ("go", "find", "inspect", "look")):
        things = _things(reader, openable=frame in ("open", "close", "inspect"))
    phrases = _phrases(reader)
    if verb in ("search", "check", "look") and not things and phrases and phrases[0][0] == "in":
        frame = "inspect"
    if not things:
        if not phrases:
            raise _nonsense(reader, " ".join(reader.tokens), verb)
        things, phrases = [phrases[0][1]], phrases[1:]
    _emit(reader, frame, things, phrases, to_me)


def _things(reader: Reader, openable: bool = False) -> list[Description]:
    """Noun phrases joined by "and" or commas, as long as no new verb starts."""
    if openable and reader.peek() == "it" and reader.last_opened:
        reader.at += 1
        return [reader.last_opened]
    things = list(_noun_phrase(reader))
    if not reader.longest(lx.PREPOSITIONS):
        reader.accept(("up", "down", "back", "away", "out", "over"), 1)
    while reader.peek() in ("and", ",", "or"):
        start = reader.at
        while reader.peek() in ("and", ",", "or"):
            reader.at += 1
        if reader.longest(lx.VERBS) or not _thing_follows(reader):
            reader.at = start
            break
        things += _noun_phrase(reader)
    return things


def _thing_follows(reader: Reader) -> bool:
    """True if what comes next can begin a noun phrase: a determiner, number, colour or known noun (an unknown word may well be a verb)."""
    word = reader.peek()
    known = any(reader.vocabulary.noun(" ".join(reader.tokens[reader.at : reader.at + n])) for n in range(1, 4))
    return word in lx.DEFINITE | lx.INDEFINITE | lx.ADJECTIVES or word in lx.NUMBERS or word.isdigit() or bool(_color(word)) or known


def _phrases(reader: Reader) -> list[tuple[str, Description]]:
    """Prepositional phrases that follow: [(on | in | to | from | at | near | under, thing)]."""
    out: list[tuple[str, Description]] = []
    while True:
        reader.accept(lx.RELATIVE, 2)
        if reader.peek() in ("there", "here") and not reader.longest(lx.PREPOSITIONS):
            word = reader.accept(("there", "here"))
            out.append(("to", reader.last_target if word == "there" and reader.last_target else Description(HERE)))
            continue
        word = reader.accept(lx.PREPOSITIONS)
        if not word:
            reader.accept(("up", "down", "away", "back", "over"), 1)
            return out
        if lx.PREPOSITIONS[word] in ("near", "under"):
            raise PlanningError(f"instruction: '{word}' is no place I can aim at; say on or in which furniture, for example 'on the desk'")
        if reader.accept(("me", "us", "here")):
            out.append(("to", Description(HERE)))
        else:
            out.append((lx.PREPOSITIONS[word], _noun_phrase(reader)[0]))


def _noun_phrase(reader: Reader) -> tuple[Description, ...]:
    """[determiner] [number] [colour, adjective]* noun, or a pronoun."""
    follows = reader.peek(1)
    stops = (
        follows == ""
        or follows in lx.CONNECTORS
        or follows in lx.PREPOSITIONS
        or follows in ("up", "down", "back", "away", "over", "there", "here")
    )
    if reader.peek() in lx.PRONOUNS and stops:
        word = reader.accept(lx.PRONOUNS)
        if not reader.last_things:
            raise PlanningError(f"instruction: '{word}' refers to nothing yet; name the thing")
        return reader.last_things
    count, every, definite, color = 1, False, True, ""
    counted = False
    while True:
        word = reader.peek()
        if word in lx.NUMBERS or word.isdigit():
            count, counted, definite = (lx.NUMBERS[word] if word in lx.NUMBERS else int(word)), True, definite and word == "both"
        elif word in lx.DEFINITE:
            every = every or word in lx.EVERY
        elif word in lx.INDEFINITE:
            definite = False
        elif _color(word) and _noun_follows(reader):
            color = _color(word)
        elif not (word in lx.ADJECTIVES and _noun_follows(reader)) and not (word == "of" and (counted or every)):
            break
        reader.at += 1
    label, plural = _noun(reader)
    if plural and not counted:
        every = True
    if counted and not 1 <= count <= 20:
        raise PlanningError(f"instruction: expected a count in 1..20, got {count}; ask for fewer at a time")
    return (Description(label, color=color, count=count, every=every and not counted, definite=definite),)


def _color(word: str) -> str:
    for suffix in lx.COLOR_SUFFIXES:
        word = word.removesuffix(suffix)
    return lx.COLORS.get(word, "")


def _noun_follows(reader: Reader) -> bool:
    """True if another noun-like word comes after this one ("the orange cup" as against "the orange")."""
    word = reader.peek(1)
    return (
        bool(word) and word not in lx.CONNECTORS and word not in lx.PREPOSITIONS and word not in ("up", "down", "back", "away", "over", "?")
    )


def _noun(reader: Reader) -> tuple[str, bool]:
    """(canonical noun, plural?) that starts here; unknown words are taken up to the next preposition or connector."""
    vocabulary = reader.vocabulary
    for n in range(min(4, len(reader.tokens) - reader.at), 0, -1):
        words = " ".join(reader.tokens[reader.at : reader.at + n])
        name = vocabulary.noun(words)
        if name is not None:
            reader.at += n
            return _generic(reader, name), vocabulary.plural(words)
    words_list: list[str] = []
    while (
        (word := reader.peek())
        and word not in lx.CONNECTORS
        and not reader.longest(lx.PREPOSITIONS)
        and word != "?"
        and len(words_list) < 4
    ):
        if words_list and word in ("up", "down", "there", "here", "that", "which", "away", "back"):
            break
        words_list.append(word)
        reader.at += 1
    if not words_list:
        raise _nonsense(reader, " ".join(reader.tokens), reader.peek() or "the end")
    return _unknown(reader, " ".join(words_list))


def _generic(reader: Reader, name: str) -> str:
    """ "table" in a home whose only table is the dining table means that one; with several the person is asked."""
    known = reader.vocabulary.known
    if not known or name in known or name in reader.vocabulary.rooms:
        return name
    kinds = _kinds(reader, name)
    if len(kinds) == 1:
        reader.notes.append(f"'{name}' taken as the {kinds[0]}")
        return kinds[0]
    return name


def _kinds(reader: Reader, name: str) -> list[str]:
    return sorted(k for k in reader.vocabulary.known if k.endswith(f" {name}"))


def _without_implied(goals: list[Goal]) -> list[Goal]:
    """ "take the apples and put them on the desk": holding them first is how, not what (and one hand holds one apple)."""
    moved = {(a.subject.label, a.subject.color) for a in goals if a.target is not None}
    return [g for g in goals if not (g.predicate == "held" and (g.subject.label, g.subject.color) in moved)]


def _ask_generic(reader: Reader) -> None:
    """ "the table" without a room, where memory knows several kinds of table: one question."""
    known = reader.vocabulary.known
    for thing in (d for g in reader.goals for d in (g.subject, g.target) if d is not None and not d.room and d.label not in known):
        kinds = _kinds(reader, thing.label)
        if len(kinds) > 1:
            reader.doubt(0.5, question=f"Which {thing.label}: the {', the '.join(kinds[:-1])} or the {kinds[-1]}?")


def _unknown(reader: Reader, words: str) -> tuple[str, bool]:
    vocabulary = reader.vocabulary
    generic = {"table top": "table", "surface": SURFACE, "room": ROOM, "place": SURFACE}.get(words)
    if generic:
        return generic, False
    near = difflib.get_close_matches(words, sorted(vocabulary.nouns()), n=1, cutoff=0.8)
    if near:
        name = vocabulary.noun(near[0]) or near[0]
        reader.doubt(0.8, note=f"'{words}' taken as '{name}'")
        return _generic(reader, name), False
    # An open vocabulary: memory may know a label that the ontology does not, but a person should hear that we are guessing.
    reader.doubt(0.5, note=f"'{words}' is no word I know", question=f"I do not know what '{words}' is; what else is it called?")
    return words, False


def _is_room(reader: Reader, thing: Description) -> bool:
    return thing.label in reader.vocabulary.rooms or thing.label == ROOM


def _located(reader: Reader, thing: Description, phrases: list[tuple[str, Description]]) -> Description:
    """`thing` narrowed by where it is said to be ("from the shelf in the study")."""
    for _, place in phrases:
        if place.label == HERE:
            continue
        thing = (
            replace(thing, room=place.label)
            if _is_room(reader, place)
            else replace(thing, where=place.label, room=place.room or thing.room)
        )
    return thing


def _emit(reader: Reader, frame: str, things: list[Description], phrases: list[tuple[str, Description]], to_me: bool) -> None:
    """Goals of one clause."""
    if frame == "pick" and any(p == "to" for p, _ in phrases):
        frame = "bring"
    if frame in ("place", "bring"):
        _emit_transport(reader, frame, things, phrases, to_me)
        return
    things = [_located(reader, t, phrases) for t in things]
    predicate = {"pick": "held", "open": "open", "close": "closed", "find": "found", "look": "found", "inspect": "inspected", "go": "at"}[
        frame
    ]
    for thing in things:
        wanted = "inspected" if predicate == "found" and reader.vocabulary.ontology.prior(thing.label).openable else predicate
        if _is_room(reader, thing):
            if predicate not in ("at", "found", "inspected"):
                raise PlanningError(f"instruction: a room is nothing to {frame}; name a thing in the {thing.label}")
            wanted, thing = ("at" if predicate == "at" else "inspected"), replace(thing, room=thing.label, label=ROOM)
        if wanted in ("open", "closed", "inspected"):
            reader.last_opened = thing
        reader.goals.append(Goal(wanted, thing))  # type: ignore[arg-type]
    if to_me:
        reader.goals.append(Goal("at", Description(HERE)))
    reader.last_things = tuple(things)


def _emit_transport(reader: Reader, frame: str, things: list[Description], phrases: list[tuple[str, Description]], to_me: bool) -> None:
    target, rest = _destination(reader, phrases)
    things = [_located(reader, t, rest) for t in things]
    reader.last_things = tuple(things)
    if to_me or (target is not None and target.label == HERE) or (frame == "bring" and target is None):
        reader.goals += [Goal("held", t) for t in things] + [Goal("at", Description(HERE))]
        return
    relation = "on"
    if target is None:
        target = Description(SURFACE, definite=False)
    elif _is_room(reader, target):
        target = Description(SURFACE, room=target.label, definite=False)
    else:
        relation = _relation(reader, phrases, target)
    reader.last_target = reader.last_opened = target
    reader.goals += [Goal("inside" if relation == "inside" else "on", t, target) for t in things]


def _destination(reader: Reader, phrases: list[tuple[str, Description]]) -> tuple[Description | None, list[tuple[str, Description]]]:
    """Which phrase is the aim ("to" wins, else the last piece of furniture, else a room) and which ones say where things are now."""
    aims = [i for i, (p, _) in enumerate(phrases) if p == "to"]
    rooms_after = [i for i, (p, d) in enumerate(phrases) if p in ("on", "in", "at") and not _is_room(reader, d)]
    rooms_only = [i for i, (p, d) in enumerate(phrases) if p in ("on", "in", "at")]
    chosen = (aims or rooms_after or rooms_only)[-1:] if phrases else []
    if not chosen:
        return None, phrases
    i = chosen[0]
    target, rest = phrases[i][1], phrases[:i]
    for _, place in phrases[i + 1 :]:  # "on the table in the kitchen"
        target = _located(reader, target, [("in", place)]) if _is_room(reader, place) else target
    return target, rest


def _relation(reader: Reader, phrases: list[tuple[str, Description]], target: Description) -> str:
    said = next((p for p, d in reversed(phrases) if d.label == target.label), "to")
    prior = reader.vocabulary.ontology.prior(target.label)
    if said == "in" and (prior.container or not prior.surface):
        return "inside"
    return "inside" if said in ("to", "at") and prior.container and not prior.surface else "on"
