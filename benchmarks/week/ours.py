"""robomem behind the neutral adapter: images into `RobotMemory.observe`, questions in words into `ask`, its answer into a reply."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.week.interface import ABSTAINED, Query, Question, Reply
from robomem.clock import ManualClock
from robomem.config import RobomemConfig
from robomem.memory.answer import Answer, ask
from robomem.memory.robot_memory import RobotMemory
from robomem.perception.frame import RgbdFrame
from robomem.types import Episode, Observations

IGNORED = ("person", "robot")  # nobody asks for them


class RobomemMemory:
    """robomem as one installs it.

    Args:
        path: of the database.
    """

    name = "robomem"

    def __init__(self, path: str = ":memory:", seed: int = 0, config: RobomemConfig | None = None) -> None:
        self.clock = ManualClock(0)
        self.memory = RobotMemory.open(path, config=config, clock=self.clock, seed=seed)

    def add(self, detections: Observations, frame: RgbdFrame) -> None:
        """One image."""
        self.clock.set(frame.stamp_ns)
        self.memory.observe(frame, detections)

    def did(self, episode: Episode) -> None:
        """What the robot did, as an episode."""
        self.memory.add_episode(episode)

    def answer(self, question: Query) -> Reply:
        """Questions reach robomem in words: see `reply`."""
        raise TypeError(f"robomem is asked in words, got {question.meaning}")

    def reply(self, question: Question, words: str) -> tuple[Reply, Answer]:
        """The answer to a sentence, and what it says of the query."""
        self.clock.set(question.query.asked_ns)
        answer = ask(self.memory, words)
        return read_reply(question.query, answer), answer

    def close(self) -> None:
        """Close the memory."""
        self.memory.close()


def read_reply(query: Query, answer: Answer) -> Reply:
    """An Answer as the neutral reply to a query. An answer to another question than was asked is scored as what it says."""
    if not answer.understood or not answer.known:
        return ABSTAINED
    return _READERS[query.meaning](answer)


def _spot(a: Answer) -> Reply:
    r = a.recall
    if r is None or r.verdict != "found" or r.position is None:
        return ABSTAINED
    return Reply(position=r.position, place=r.place, confidence=r.p_still_there)


def _stamp(a: Answer) -> Reply:
    return (
        ABSTAINED
        if a.stamp_ns is None
        else Reply(stamp_ns=a.stamp_ns, tasks=tuple(e.instruction for e in a.episodes), confidence=a.confidence)
    )


def _changes(a: Answer) -> Reply:
    if a.meaning != "changes":
        return ABSTAINED
    return Reply(labels=tuple(sorted(e.label for e in a.events if e.label not in IGNORED)), confidence=a.confidence)


def _count(a: Answer) -> Reply:
    return Reply(count=len(a.objects), confidence=a.confidence) if a.meaning == "how_many" else ABSTAINED


def _contents(a: Answer) -> Reply:
    return Reply(labels=tuple(sorted(v.label for v in a.objects)), confidence=a.confidence) if a.meaning == "contents" else ABSTAINED


def _yes(a: Answer) -> Reply:
    return ABSTAINED if a.yes is None else Reply(yes=a.yes, confidence=a.confidence)


def _state(a: Answer) -> Reply:
    return Reply(state={"true": "open", "false": "shut"}.get(a.state, a.state), confidence=a.confidence) if a.state else ABSTAINED


def _tasks(a: Answer) -> Reply:
    return Reply(tasks=tuple(sorted({e.instruction for e in a.episodes}))) if a.meaning == "did_do" else ABSTAINED


def _place(a: Answer) -> Reply:
    if not a.places:
        return ABSTAINED
    return Reply(position=a.places[0].position, place=a.places[0].label, confidence=a.places[0].probability)


_READERS: dict[str, Callable[[Answer], Reply]] = {
    "where_is": _spot, "where_was": _spot, "when_last": _stamp, "when_last_at": _stamp, "what_changed": _changes,
    "what_changed_room": _changes, "moved": _yes, "how_many": _count, "how_many_room": _count, "what_is_on": _contents,
    "which_state": _state, "was_state": _state, "did_do": _tasks, "did_task": _stamp, "usually": _place, "usually_at": _place,
    "will_be": _place, "ever_seen": _yes,
}  # fmt: skip
