"""Questions with true answers, drawn from what the robot could know at the moment of asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from benchmarks.week import asking_lists, asking_past
from benchmarks.week.interface import CATEGORIES, Question
from benchmarks.week.knowledge import WeekKnowledge
from benchmarks.week.routine_home import Plan
from benchmarks.week.subjects import Subjects

Maker = Callable[[Subjects, np.random.Generator], Iterator[Question]]
MAKERS: dict[str, tuple[Maker, Maker]] = {  # meaning -> (answerable, not)
    "where_is": (asking_past.where_is, asking_past.where_is_not),
    "where_was": (asking_past.where_was, asking_past.where_was_not),
    "when_last": (asking_past.when_last, asking_past.when_last_not),
    "when_last_at": (asking_past.when_last_at, asking_past.when_last_at_not),
    "what_changed": (asking_lists.what_changed, asking_lists.none),
    "what_changed_room": (asking_lists.what_changed_room, asking_lists.none),
    "moved": (asking_lists.moved, asking_lists.moved_not),
    "how_many": (asking_lists.how_many, asking_lists.how_many_not),
    "how_many_room": (asking_lists.how_many_room, asking_lists.none),
    "what_is_on": (asking_lists.what_is_on, asking_lists.what_is_on_not),
    "which_state": (asking_past.which_state, asking_past.which_state_not),
    "was_state": (asking_past.was_state, asking_past.was_state_not),
    "did_do": (asking_lists.did_do, asking_lists.did_do_not),
    "did_task": (asking_lists.did_task, asking_lists.did_task_not),
    "usually": (asking_past.usually, asking_past.usually_not),
    "usually_at": (asking_past.usually_at, asking_past.usually_at_not),
    "will_be": (asking_past.will_be, asking_past.will_be_not),
    "ever_seen": (asking_lists.ever_seen, asking_lists.ever_seen_not),
}
TWICE = ("where_is", "where_was")  # asked for two things each time
P_UNANSWERABLE = 0.25

assert MAKERS.keys() == CATEGORIES.keys()


def questions(plan: Plan, known: WeekKnowledge, asked_ns: int, rng: np.random.Generator) -> list[Question]:
    """The questions of one moment: of every meaning one or two, a quarter of them such that nobody could know the answer."""
    subjects, out = Subjects(plan, known, asked_ns), []
    for meaning, (answerable, unanswerable) in MAKERS.items():
        for _ in range(2 if meaning in TWICE else 1):
            first, second = (unanswerable, answerable) if rng.random() < P_UNANSWERABLE else (answerable, unanswerable)
            made = list(islice(first(subjects, rng), 1)) or (list(islice(second(subjects, rng), 1)) if first is unanswerable else [])
            out += [q for q in made if not any(q.query == o.query for o in out)]
    return out


def tally(asked: Sequence[Question]) -> dict[str, int]:
    """How many questions of each category, and how many of them nobody could answer."""
    out = {category: sum(q.category == category for q in asked) for category in dict.fromkeys(CATEGORIES.values())}
    return out | {"unanswerable": sum(not q.truth.answerable for q in asked)}
