"""What every memory of `robomem bench recall` is fed and asked: images and deeds in, structured questions out, one neutral reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robomem.perception.frame import RgbdFrame
from robomem.types import Episode, Observations

# meaning -> category of the report
CATEGORIES = {
    "where_is": "where is", "where_was": "where was", "when_last": "when last", "when_last_at": "when last", "what_changed": "what changed",
    "what_changed_room": "what changed", "moved": "what changed", "how_many": "how many", "how_many_room": "how many",
    "what_is_on": "how many", "which_state": "which state", "was_state": "which state", "did_do": "what did you do",
    "did_task": "what did you do", "usually": "what usually", "usually_at": "what usually", "will_be": "what usually",
    "ever_seen": "never seen",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A piece of furniture.

    Attributes:
        label: its class.  room: its room where several are of that class.  position: Float64[3] the middle of its top, m.
        called: what people call it, "" if nothing tells it apart.
    """

    label: str
    room: str = ""
    position: NDArray[np.float64] | None = None
    called: str = ""


@dataclass(frozen=True)
class Query:
    """A question without its wording.

    Attributes:
        meaning: a key of CATEGORIES.
        color: "" where the label is enough.
        from_ns, to_ns: the time asked about; equal for a point in time, both `asked_ns` for now.
        hours: (from, to) of the day, for "usually in the morning".
    """

    meaning: str
    asked_ns: int
    from_ns: int
    to_ns: int
    label: str = ""
    color: str = ""
    room: str = ""
    place: Place | None = None
    hours: tuple[float, float] = (0.0, 24.0)


@dataclass(frozen=True)
class Reply:
    """What a memory says. `abstains`: it says that it cannot know; then nothing else counts.

    Attributes:
        position: Float64[3] m.  place, room: class of the furniture, name of the room.
        stamp_ns: a time.  labels: classes, one per thing.  yes: of yes-or-no questions.  state: "open" or "shut".
        tasks: instructions of what the robot did.
        confidence: 0..1, for the order in which answers would be withheld.
    """

    abstains: bool = False
    position: NDArray[np.float64] | None = None
    place: str = ""
    stamp_ns: int | None = None
    count: int | None = None
    labels: tuple[str, ...] = ()
    yes: bool | None = None
    state: str = ""
    tasks: tuple[str, ...] = ()
    confidence: float = 1.0


ABSTAINED = Reply(abstains=True, confidence=0.0)


@dataclass(frozen=True)
class Truth:
    """What could be known. `answerable` False: the right reply is to abstain, `why` says what makes it so.

    Attributes:
        stamps: (from, to): every time in between is right.
        must, may: labels that a list has to name, and others that it may name.
        absent_ok: "none" is as right as abstaining.
    """

    answerable: bool
    why: str = ""
    position: NDArray[np.float64] | None = None
    place: Place | None = None
    stamps: tuple[int, int] | None = None
    count: int | None = None
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    yes: bool | None = None
    state: str = ""
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question, what fills the slots of its wording, and its true answer (for the scorer only)."""

    query: Query
    slots: Mapping[str, str] = field(default_factory=dict)
    truth: Truth = field(default_factory=lambda: Truth(False))

    @property
    def category(self) -> str:
        """Of the report."""
        return CATEGORIES[self.query.meaning]


class Memory(Protocol):
    """The neutral adapter."""

    name: str

    def add(self, detections: Observations, frame: RgbdFrame) -> None:
        """One image: what the detector said of it, lifted to 3-D, its depth and camera pose."""
        ...

    def did(self, episode: Episode) -> None:
        """What the robot did."""
        ...

    def answer(self, question: Query) -> Reply:
        """Reply to one question, asked now."""
        ...
