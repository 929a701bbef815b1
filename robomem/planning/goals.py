"""Goals: what shall be true in the end, as typed predicates over descriptions of things, never over raw text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from robomem.errors import PlanningError
from robomem.types import clean_label

Predicate = Literal["on", "inside", "open", "closed", "held", "at", "found", "inspected"]
PREDICATES: tuple[str, ...] = get_args(Predicate)
BINARY = frozenset({"on", "inside"})

HERE = "here"  # where the robot stood when the sentence was said: "bring me ..."
SURFACE = "surface"  # any furniture that things can stand on
ROOM = "room"  # a target that is a whole room
MAX_COUNT = 20


@dataclass(frozen=True)
class Description:
    """One thing (or several alike) as a person speaks of it.

    Attributes:
        label: class name ("mug"), or HERE, SURFACE, ROOM.
        color: colour name or "".
        room: room name it is said to be in, or "".
        where: class name of the furniture it is said to be on or in, or "".
        count: how many; with `every` all that memory knows.
        definite: "the mug" (one particular) as against "a mug" (any).
        id: graph id once it is resolved; wins over all words.
    """

    label: str
    color: str = ""
    room: str = ""
    where: str = ""
    count: int = 1
    every: bool = False
    definite: bool = True
    id: int | None = None

    def __post_init__(self) -> None:
        for name in ("label", "color", "room", "where"):
            object.__setattr__(self, name, clean_label(getattr(self, name)))
        if not self.label and self.id is None:
            raise PlanningError("goal: a thing needs a label or an id; name what you mean, for example 'the mug'")
        if not 1 <= self.count <= MAX_COUNT:
            raise PlanningError(f"goal: expected a count in 1..{MAX_COUNT}, got {self.count}; ask for fewer at a time")

    def words(self) -> str:
        """The description in English, as a recall query understands it ("red mug in the kitchen")."""
        head = " ".join(w for w in (self.color, self.label if self.label != SURFACE else "surface") if w)
        tail = f" in the {self.room}" if self.room and self.label != ROOM else ""
        return (self.room if self.label == ROOM else head) + tail

    def one(self) -> Description:
        """The same, but a single one."""
        return replace(self, count=1, every=False)


@dataclass(frozen=True)
class Goal:
    """One predicate that shall become true: `on(mug, dining table)`.

    Attributes:
        target: second argument of "on" and "inside"; None for all others.

    Raises:
        PlanningError: an unknown predicate, a missing or a superfluous target, or a person as something to be carried.
    """

    predicate: Predicate
    subject: Description
    target: Description | None = None

    def __post_init__(self) -> None:
        if self.predicate not in PREDICATES:
            raise PlanningError(f"goal: unknown predicate '{self.predicate}'; expected one of {', '.join(PREDICATES)}")
        if (self.predicate in BINARY) != (self.target is not None):
            need = "needs" if self.predicate in BINARY else "takes no"
            raise PlanningError(f"goal: '{self.predicate}' {need} target; got {self.target and self.target.words()!r}")
        if self.predicate in BINARY | {"held"} and self.subject.label in ("person", "cat", "dog", HERE, ROOM, SURFACE):
            raise PlanningError(f"goal: '{self.subject.words()}' is nothing that I carry; name an object")

    def __str__(self) -> str:
        names = [d.words() + (f" x{d.count}" if d.count > 1 else "") for d in (self.subject, self.target) if d is not None]
        return f"{self.predicate}({', '.join(names)})"


@dataclass(frozen=True)
class ParsedInstruction:
    """What a sentence was understood to mean.

    Attributes:
        goals: in the order in which they shall become true.
        confidence: 0..1; below about 0.6 the question should be asked first.
        question: the one thing to ask the person, or "".
        source: "grammar" or "llm".
        notes: what was assumed on the way (a spelling mended, the LLM not reached).
    """

    goals: tuple[Goal, ...]
    confidence: float = 1.0
    question: str = ""
    source: str = "grammar"
    notes: tuple[str, ...] = ()


def _thing(raw: Any, where: str) -> Description:
    if not isinstance(raw, Mapping):
        raise PlanningError(f"{where}: expected an object with 'label', got {type(raw).__name__}")
    allowed: dict[str, type] = {
        "label": str,
        "color": str,
        "room": str,
        "where": str,
        "count": int,
        "every": bool,
        "definite": bool,
        "id": int,
    }
    values: dict[str, Any] = {"label": ""}
    for key, value in raw.items():
        if key not in allowed:
            raise PlanningError(f"{where}: unknown key '{key}'; expected {', '.join(allowed)}")
        if value is None:
            continue
        if type(value) is not allowed[key]:
            raise PlanningError(f"{where}.{key}: expected {allowed[key].__name__}, got {value!r:.60}")
        values[key] = value
    return Description(**values)


def goal_from_json(raw: Any, where: str = "goal") -> Goal:
    """A goal from plain JSON values (an LLM's reply, a file): every key and type is checked, nothing is evaluated.

    Raises:
        PlanningError: anything that is not exactly a goal.
    """
    if not isinstance(raw, Mapping) or not {"predicate", "subject"} <= set(raw) <= {"predicate", "subject", "target"}:
        raise PlanningError(
            f"{where}: expected keys predicate, subject and perhaps target, got {sorted(raw) if isinstance(raw, Mapping) else raw!r:.60}"
        )
    target = raw.get("target")
    return Goal(raw["predicate"], _thing(raw["subject"], f"{where}.subject"), None if target is None else _thing(target, f"{where}.target"))


def goal_schema() -> dict[str, Any]:
    """JSON schema of a reply `{"goals": [...]}` for endpoints that can be held to one."""
    thing = {
        "type": "object",
        "additionalProperties": False,
        "required": ["label"],
        "properties": {
            "label": {"type": "string"},
            "color": {"type": "string"},
            "room": {"type": "string"},
            "where": {"type": "string"},
            "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
            "every": {"type": "boolean"},
            "id": {"type": "integer"},
        },
    }
    goal = {
        "type": "object",
        "additionalProperties": False,
        "required": ["predicate", "subject"],
        "properties": {"predicate": {"enum": list(PREDICATES)}, "subject": thing, "target": {"anyOf": [thing, {"type": "null"}]}},
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["goals"],
        "properties": {"goals": {"type": "array", "minItems": 1, "maxItems": 12, "items": goal}},
    }
