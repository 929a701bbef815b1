"""What an answer is, and what a question is answered from: the parts that all replies of `ask` share."""

from __future__ import annotations

from dataclasses import dataclass

from robomem.memory.records import Stay
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.sentence import Reading
from robomem.memory.timewords import When
from robomem.types import Episode, Event, ObjectView, PlaceProbability, Recall


@dataclass(frozen=True)
class Answer:
    """What memory says.

    Attributes:
        recall: the answer contract, where the question is about one thing's place.
        evidence: ids of the observations (and of the observations behind the events) it rests on.
        objects, events, episodes, places: what was counted, listed, reported or expected, best first.
        others: so many of the events, at their end, are of other kinds than were asked for ("did anything vanish").
        understood: False if the sentence is no question memory can read.
        known: False if memory says that it does not know.
        meaning: what was asked (a key of `answer.REPLIES`).
        parts: where several things were asked about, the answer for each; the fields above are the first's, or all of theirs together.
        yes: of yes-or-no questions.  stamp_ns: of questions for a time.  state: the value asked for ("true" of "open").
        confidence: 0..1, where memory can tell.
    """

    text: str
    recall: Recall | None = None
    evidence: tuple[int, ...] = ()
    objects: tuple[ObjectView, ...] = ()
    events: tuple[Event, ...] = ()
    understood: bool = True
    known: bool = True
    meaning: str = ""
    episodes: tuple[Episode, ...] = ()
    places: tuple[PlaceProbability, ...] = ()
    yes: bool | None = None
    stamp_ns: int | None = None
    state: str = ""
    confidence: float = 1.0
    others: int = 0
    parts: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question being answered: the memory, the time it is asked at, what it says."""

    memory: RobotMemory
    now_ns: int
    reading: Reading

    @property
    def when(self) -> When | None:
        """The time it asks about, None for now."""
        return self.reading.when

    def color(self, recall: Recall) -> str:
        """Colour name of the thing that was recalled."""
        return next((c.color for c in recall.candidates if c.id == recall.id), "")

    def stays(self, recall: Recall) -> list[Stay]:
        """Every stay of the thing that was recalled, in time order."""
        return self.memory.store.stays(recall.id) if recall.id is not None else []

    def clock(self, stamp_ns: int) -> str:
        """A time of day, with the day if it is not today."""
        from datetime import datetime

        from robomem.clock import NS_PER_S
        from robomem.memory.timewords import zone

        there = zone(self.memory.config.memory.timezone)
        at, now = (datetime.fromtimestamp(t / NS_PER_S, there) for t in (stamp_ns, self.now_ns))
        return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%A %H:%M}"
