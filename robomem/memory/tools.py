"""The verbs of memory as tools: one set of names, texts and JSON schemas for language models, MCP clients, services and people.

A tool says when to use it and when not; its arguments are bounded; its answer is plain JSON after the answer contract (verdict,
position and its 90 % radius, P(still there), age of the evidence, ids behind it, the one question, what would be needed). "Unknown" is
an answer: nothing is guessed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robomem.errors import InvalidInputError, StoreError
from robomem.memory import tool_answers as said
from robomem.memory import tool_args as args
from robomem.memory.change_kinds import KINDS
from robomem.memory.query import clean_words
from robomem.memory.robot_memory import RobotMemory

Arguments = dict[str, Any]
TIME = "ISO 8601 ('2026-11-26T14:05') or words ('yesterday at 14:05', '10 minutes ago', 'this morning')"


@dataclass(frozen=True)
class Tool:
    """One verb.

    Attributes:
        schema: JSON Schema of the arguments.
        writes: it changes what is remembered.
        destroys: what it changes cannot be brought back.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    run: Callable[[RobotMemory, Arguments], dict[str, Any]]
    writes: bool = False
    destroys: bool = False


def call(memory: RobotMemory, name: str, arguments: object) -> dict[str, Any]:
    """Run one tool on a memory.

    Raises:
        InvalidInputError: no such tool, or arguments that do not fit; the message says what would.
        StoreError: a writing tool on a memory that is open read-only.
    """
    tool = TOOLS.get(name)
    if tool is None:
        near = difflib.get_close_matches(str(name), TOOLS, 1)
        raise InvalidInputError(f"there is no tool '{str(name)[:40]}'; {f'did you mean {near[0]!r}?' if near else ', '.join(TOOLS)}")
    given = args.check(arguments, tool.schema, name)
    if tool.writes and memory.read_only:
        raise StoreError(f"{name}: this memory is open read-only; '{name}' changes it and was refused")
    return {**tool.run(memory, given), "now": said.iso(memory.now_ns(), memory.config.memory.timezone)}


def what_to_forget(memory: RobotMemory, query: str | int, all_matching: bool) -> tuple[str | None, int | None]:
    """(label, id), one of them None: what `RobotMemory.forget` is to be given.

    Raises:
        InvalidInputError: nothing fits, or several things do and only one was meant.
    """
    recall = memory.find(query)
    if recall.id is None and recall.verdict != "ambiguous":
        raise InvalidInputError(f"forget: nothing here is {query!r}; {recall.needs}")
    if all_matching:
        label = recall.label or (recall.candidates[0].label if recall.candidates else "")
        return label, None
    if recall.verdict == "ambiguous":
        raise InvalidInputError(f"forget: {query!r} fits several ({recall.question}); give an id, or all_matching: true")
    return None, recall.id


# -- running ---------------------------------------------------------------------------------------------------------


def _time(memory: RobotMemory, given: Arguments, key: str, name: str, end: bool = True, future: bool = False) -> int | None:
    if key not in given:
        return None
    return args.moment(given[key], f"{name}.{key}", memory.now_ns(), memory.config.memory.timezone, end, future)


def _known_room(memory: RobotMemory, given: Arguments, name: str) -> str | None:
    room, rooms = given.get("room"), set(memory.store.room_names().values())
    if room is not None and clean_words(room) not in rooms:
        raise InvalidInputError(f"{name}.room: I know no room called {room[:40]!r}; I know {', '.join(sorted(rooms)) or 'none yet'}")
    return room


def _find(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    recall = memory.find(args.subject(given["query"]), _time(memory, given, "at", "find", future=True), given.get("k", 5))
    told = memory.told_place(recall.id) if recall.id is not None and "at" not in given else None
    by = None if told is None else {"by": said.clean_text(told.source), "said": said.clean_text(told.said, said.MAX_PROSE)}
    return {**said.recall_json(memory, recall), "told": by}


def _where_was(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    at = _time(memory, given, "at", "where_was")
    assert at is not None  # the schema requires it
    return said.recall_json(memory, memory.where_was(args.subject(given["query"]), at, given.get("k", 5)))


def _what_is_in(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    place, at = args.subject(given["place"], "place"), _time(memory, given, "at", "what_is_in")
    holders, rooms = memory.holders(place)
    if not holders and not rooms:
        return {"verdict": "unknown", "objects": [], "left_off": 0, "needs": f"a place called {said.clean_text(place)}: none is known"}
    views = [v for v in memory.what_is_in(place, at) if v.kind != "agent" and v.id not in holders]
    return {"verdict": "found", **_cut("objects", [said.object_json(memory, v) for v in views], given), "needs": ""}


def _changes(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    since, until = _time(memory, given, "since", "changes", end=False) or 0, _time(memory, given, "until", "changes")
    room = _known_room(memory, given, "changes")
    events = memory.changes(since, until, room, given.get("label"), given.get("kind"))
    return _cut("changes", [said.event_json(memory, e) for e in events[-given.get("limit", 20) :]], given, len(events), 20)


def _episodes(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    return {"episodes": [said.episode_json(memory, e) for e in memory.episodes(given.get("query"), given.get("k", 5))]}


def _lessons(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    return {"lessons": [said.lesson_json(memory, x) for x in memory.lessons(given.get("query"), given.get("k", 5))]}


def _predict(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    places = memory.predict(args.subject(given["query"]), _time(memory, given, "at", "predict", future=True))[: given.get("k", 5)]
    rest = max(0.0, 1.0 - sum(p.probability for p in places))
    return {"places": [said.place_json(memory, p) for p in places], "p_elsewhere": said.number(rest)}


def _objects(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    at, room = _time(memory, given, "at", "objects"), _known_room(memory, given, "objects")
    what = f"all {given.get('label', 'things')}" + (f" in the {room}" if room else "")
    label = memory.ontology.canonical(given["label"]) if "label" in given else None
    views = [v for v in memory.matching(what, at) if v.status not in ("tentative", "removed") and v.kind != "agent"]
    kept = [v for v in views if label is None or memory.ontology.canonical(v.label) == label]
    return _cut("objects", [said.object_json(memory, v) for v in kept], given)


def _similar(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    like, near = args.subject(given["like"], "like"), given.get("near")
    span = _time(memory, given, "since", "similar", end=False) or 0, _time(memory, given, "until", "similar")
    place = None if near is None else args.subject(near, "near")
    found = memory.similar(like, place, given.get("radius_m"), *span, k=given.get("k", 5), others=given.get("others", True))
    return {"sightings": [said.sighting_json(memory, likeness, seen) for likeness, seen in found]}


def _correct(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    query = args.subject(given["object"], "object")
    recall = memory.find(query)
    if recall.verdict == "ambiguous":
        raise InvalidInputError(f"correct: {query!r} fits several ({recall.question}); give an id")
    if recall.id is None:
        raise InvalidInputError(f"correct: nothing here is {query!r}; I would need {recall.needs}")
    place, position = given.get("place"), given.get("position")
    if place is not None and position is not None:
        raise InvalidInputError("correct: give a place in words or a position, not both")
    at = None if position is None else np.array(position, np.float64)
    view = memory.correct(recall.id, given.get("label"), at, place, given.get("by", "user"), given.get("said", ""))
    memory.flush()
    return {"corrected": said.object_json(memory, view)}


def _undo(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    ident = None if "object" not in given else told_of_query(memory, args.subject(given["object"], "object"))
    said_of, view = memory.undo_correction(ident, given.get("by", "user"))
    memory.flush()
    return {"withdrawn": said.told_json(memory, said_of), "object": said.object_json(memory, view)}


def told_of_query(memory: RobotMemory, query: str | int) -> int:
    """The object of a query of which something stands that was said.

    Raises:
        InvalidInputError: there is none, or several are.
    """
    recall = memory.find(query)
    ids = [recall.id] if recall.verdict != "ambiguous" else [c.id for c in recall.candidates]
    if recall.id is None:
        raise InvalidInputError(f"undo: nothing here is {query!r}; {recall.needs}")
    told = [i for i in ids if i is not None and any(not t.withdrawn for t in memory.told(i))]
    if len(told) != 1:
        more = f"; of several ({', '.join(f'#{i}' for i in told)}) something does: give an id" if told else ""
        raise InvalidInputError(f"undo: nothing that was said of {query!r} stands{more}")
    return told[0]


def _forget(memory: RobotMemory, given: Arguments) -> dict[str, Any]:
    label, ident = what_to_forget(memory, args.subject(given["object"], "object"), given.get("all_matching", False))
    done = memory.forget(label=label, id=ident)
    return {"forgotten": list(done.ids), "rows": {name: n for name, n in sorted(done.rows.items()) if n}}


def _cut(name: str, rows: list[dict[str, Any]], given: Arguments, total: int | None = None, most: int = 50) -> dict[str, Any]:
    kept = rows[: given.get("limit", most)]
    return {name: kept, "left_off": (len(rows) if total is None else total) - len(kept)}


# -- texts and schemas -----------------------------------------------------------------------------------------------


def _schema(required: str = "", **properties: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**out, "required": required.split()} if required else out


def _words(description: str, most: int = args.MAX_WORDS) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": most, "description": description}


def _thing(description: str) -> dict[str, Any]:
    top = 10**args.DIGITS - 1
    text = {"minLength": 1, "maxLength": args.MAX_QUERY_CHARS, "minimum": 1, "maximum": top}
    return {"type": ["string", "integer"], **text, "description": description}


def _upto(name: str, most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default, "description": f"at most this many {name}"}


QUERY = _thing("words ('red mug', 'cups in the kitchen') or an object's id from an earlier answer (12 or '#12')")
K = _upto("candidates", args.MAX_K, 5)
LIMIT = _upto("rows", args.MAX_ROWS, 50)
AT = _words(f"another time than now: {TIME}", args.MAX_TIME_CHARS)
AT_OR_LATER = _words(f"another time than now, later ones too ('in 2 hours'): {TIME}", args.MAX_TIME_CHARS)

_ALL = (
    Tool(
        "find",
        "Where one thing is now, with how sure that is. Use it for 'where is X' and before acting on X. "
        "The verdict is 'found', 'moved_since_seen' (probably not there any more: then call 'predict'), 'ambiguous' (ask the person the "
        "question given, or pick a candidate's id) or 'unknown' (say so; 'needs' tells what is missing). "
        "Do not use it for the past ('where_was'), for what a place holds ('what_is_in') or to list things ('objects').",
        _schema("query", query=QUERY, at=AT_OR_LATER, k=K),
        _find,
    ),
    Tool(
        "where_was",
        "Where one thing was at a past time, from the history and never from the present. Use it for 'where was X yesterday'. "
        "Do not use it for now or later ('find', 'predict'), nor to learn what happened in between ('changes').",
        _schema("query at", query=QUERY, at=_words(f"the past time asked about: {TIME}", args.MAX_TIME_CHARS), k=K),
        _where_was,
    ),
    Tool(
        "what_is_in",
        "The things on or in a piece of furniture or a room, now or at a past time. Use it for 'what is on the table'. "
        "An empty list means that none is known there, not that there is none. Do not use it to find one thing ('find').",
        _schema(
            "place", place=_thing("a piece of furniture or a room: words ('the counter in the kitchen') or its id"), at=AT, limit=LIMIT
        ),
        _what_is_in,
    ),
    Tool(
        "changes",
        "What was noticed to change: things that appeared, moved, were taken away or changed state, oldest first; when there are too many, "
        "the newest are kept. Use it for 'what changed since this morning', and with a kind for 'did anything vanish'. "
        "Do not use it for where a thing is now ('find').",
        _schema(
            since=_words(f"from when on: {TIME}", args.MAX_TIME_CHARS),
            until=_words(f"until when: {TIME}", args.MAX_TIME_CHARS),
            room=_words("only what left, reached or happened in this room"),
            label=_words("only things of this kind ('mug')"),
            kind={
                "type": "string",
                "enum": list(KINDS),
                "maxLength": args.MAX_WORDS,
                "description": "only changes of this kind; appeared: new (in the room); removed: vanished (from the room) or taken; moved; "
                "returned: seen again after it was missed, or put back where it had been; state_changed: opened, shut, switched",
            },
            limit=_upto("changes", args.MAX_ROWS, 20),
        ),
        _changes,
    ),
    Tool(
        "episodes",
        "Tasks the robot did: instruction, steps, outcome, when. Use it for 'what did you do' and to see how a like task went. "
        "Do not use it for what happened to things ('changes').",
        _schema(query=_words("words of the task; without them the newest", args.MAX_QUERY_CHARS), k=_upto("episodes", args.MAX_K, 5)),
        _episodes,
    ),
    Tool(
        "lessons",
        "What was learned or told as general facts, with who says so and how often it was confirmed. Use it for habits and preferences "
        "('what usually', 'what should I know of'). Do not use it for one thing's place ('find').",
        _schema(
            query=_words("words of the fact; without them the best supported", args.MAX_QUERY_CHARS), k=_upto("lessons", args.MAX_K, 5)
        ),
        _lessons,
    ),
    Tool(
        "predict",
        "Where a thing may be, best first, with probabilities; the rest is elsewhere. Use it when 'find' says 'moved_since_seen' or "
        "'unknown', for a time to come, or to order a search. Do not use it when 'find' says 'found': it is a guess, that is a sighting.",
        _schema("query", query=_thing("words, an id, or a kind of thing never seen (then common sense speaks)"), at=AT_OR_LATER, k=K),
        _predict,
    ),
    Tool(
        "objects",
        "Everything known, by id, of one kind or in one room where asked for, now or at a past time. Use it to list or count. "
        "Do not use it to find one thing ('find') or as a first call in a large home: narrow it by room or label.",
        _schema(label=_words("only things of this kind ('mug')"), room=_words("only those in this room"), at=AT, limit=LIMIT),
        _objects,
    ),
    Tool(
        "similar",
        "Sightings that looked like a known thing, likest first, with where and when each was and which object it is taken for. Use it for "
        "'is there another one like it' and 'what like it was near the sink this morning'. A likeness is not an identity: act on what "
        "'find' says of the object. Do not use it to find a thing by name or colour ('find') or to list a kind ('objects').",
        _schema(
            "like",
            like=_thing("the thing whose look is meant: words or an id"),
            near=_thing("only near this piece of furniture or in this room: words or an id"),
            radius_m={"type": "number", "minimum": 0.1, "maximum": 100.0, "description": "how near, in metres"},
            since=_words(f"from when on: {TIME}", args.MAX_TIME_CHARS),
            until=_words(f"until when: {TIME}", args.MAX_TIME_CHARS),
            others={"type": "boolean", "default": True, "description": "leave out sightings of the thing itself"},
            k=_upto("sightings", args.MAX_K, 5),
        ),
        _similar,
    ),
    Tool(
        "correct",
        "A person says where a thing is or what it is, and memory believes it until strong evidence speaks against it. Use it only for "
        "what a person said in this conversation. Do not use it for your own guesses, nor for anything read in a label or an answer.",
        _schema(
            "object",
            object=_thing("what is corrected: words or an id"),
            place=_words("where it is, in words ('in the drawer', 'on the desk in the study')"),
            position={
                "type": "array",
                "items": {"type": "number", "minimum": -args.MAX_COORDINATE_M, "maximum": args.MAX_COORDINATE_M},
                "minItems": 3,
                "maxItems": 3,
                "description": "where it is: [x, y, z] in metres, map frame",
            },
            label=_words("what it is ('teapot')"),
            by=_words("who says so (default 'user')"),
            said=_words("the person's own words", said.MAX_PROSE),
        ),
        _correct,
        writes=True,
    ),
    Tool(
        "undo",
        "Take back the newest thing a person said of an object with 'correct': what was believed before it holds again. Use it when a "
        "person says that they were wrong. Do not use it to erase a thing ('forget'), nor where another place is right ('correct').",
        _schema(
            object=_thing("of which object: words or an id; without it the last thing that was said at all"),
            by=_words("who takes it back (default 'user')"),
        ),
        _undo,
        writes=True,
    ),
    Tool(
        "forget",
        "Erase a thing and everything that quotes it, for good. Use it only when a person asks for it. Do not use it for a thing that "
        "moved or broke, nor to correct a mistake ('correct').",
        _schema(
            "object",
            object=_thing("what is forgotten: words or an id"),
            all_matching={"type": "boolean", "default": False, "description": "all of its kind; else words that fit several are refused"},
        ),
        _forget,
        writes=True,
        destroys=True,
    ),
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
