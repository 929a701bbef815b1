"""What a person tells the command line, what is said back, and the list of what was told: `robomem tell`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robomem.errors import InvalidInputError
from robomem.memory import tool_args, wording
from robomem.memory.answer import ask, vocabulary
from robomem.memory.corrections import Correction, Told
from robomem.memory.maintenance import open_store
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.telling import read_statement, read_undo
from robomem.memory.tools import call, told_of_query

Say = Callable[[str], None]


def tell(statement: str, undo: str | None, listed: bool, db: Path, source: str, say: Say) -> int:
    """Take in one statement, or take one back, or list what was told. Exit status 0.

    Args:
        undo: the thing whose last word is taken back, "" for the last word of all; None: what the statement says.

    Raises:
        InvalidInputError: it says nothing that can be told, or nothing that was said stands.
        StoreError: no such memory, or somebody else is writing it.
    """
    if (bool(statement) + (undo is not None) + listed) != 1:
        raise InvalidInputError("tell: give a statement ('the mug is in the drawer'), or --undo [THING], or --list")
    open_store(db).close()  # there must be a memory to correct: none is made
    if listed:
        with RobotMemory.open(db, read_only=True) as memory:
            for line in told_lines(memory):
                say(line)
        return 0
    with RobotMemory.open(db) as memory:
        taken_back = undo if undo is not None else read_undo(statement)
        if taken_back is not None:
            _undo(memory, taken_back, source, say)
            return 0
        said = read_statement(statement, vocabulary(memory).is_class)
        told = {"object": said.what, "place": said.place or None, "label": said.label or None, "by": source, "said": statement[:400]}
        row = call(memory, "correct", told)["corrected"]
    say(f"noted: the {row['label']} (#{row['id']}) is {row['place'] or 'at ' + str(row['position'])}")
    say(f"(robomem tell --undo '#{row['id']}' --db {db} takes it back)")
    return 0


def _undo(memory: RobotMemory, thing: str, source: str, say: Say) -> None:
    ident = told_of_query(memory, tool_args.subject(thing)) if thing else None
    said, view = memory.undo_correction(ident, source)
    say(f"withdrawn: {_words(said)} ({said.source}, {wording.ago(said.stamp_ns, memory.now_ns())})")
    say(ask(memory, f"where is #{view.id}").text)


def told_lines(memory: RobotMemory) -> list[str]:
    """One line for each thing that was told, oldest first."""
    return [_line(memory, told) for told in memory.told()] or ["nobody has told this memory anything"]


def _line(memory: RobotMemory, told: Told) -> str:
    c = told.correction
    state = told.ended.split(";")[0] or "stands"
    if told.ended and not told.withdrawn and told.ended_ns is not None:
        state = f"its place holds no more: {told.ended} ({wording.ago(told.ended_ns, memory.now_ns())})"
    return f"#{c.object_id}: {_words(c)} ({c.source}, {wording.ago(c.stamp_ns, memory.now_ns())}): {state}"


def _words(c: Correction) -> str:
    if c.said:
        return f"'{c.said}'"
    label = f"it is a {c.label}" if c.label else ""
    place = "" if c.position is None else f"it is {wording.spot(c.place.words if c.place else '', c.position.tolist())}"
    return " and ".join(filter(None, (label, place)))
