"""One home's week: every memory is shown the same images and asked the same questions; what they say is scored at once."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.week import rivals, rivals_emem
from benchmarks.week.asking import questions
from benchmarks.week.days import Ask, HomeWeek, Settings
from benchmarks.week.interface import Memory, Question
from benchmarks.week.knowledge import WeekKnowledge
from benchmarks.week.ours import RobomemMemory
from benchmarks.week.rivals_base import FloorPlan
from benchmarks.week.scoring import Scored, score
from benchmarks.week.wordings import canonical, paraphrase, shuffled
from robomem.config import RobomemConfig
from robomem.memory.embedding import Embedder
from robomem.types import Episode, Observations

PLAIN, REWORDED = "robomem", "robomem, paraphrased"


@dataclass
class HomeResult:
    """What one home gave.

    Attributes:
        questions: all that were asked, in order.  scored: memory -> one verdict per question.
        said: robomem's sentences to both wordings, for whoever looks at the mistakes: (words, answer).
        find_ms: CPU time of `find` by label.  counts: images, observations, events, episodes, and so on.
    """

    seed: int
    questions: list[Question] = field(default_factory=list)
    scored: dict[str, list[Scored]] = field(default_factory=dict)
    said: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    find_ms: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def live(
    seed: int,
    routines: Path | None,
    settings: Settings | None = None,
    half: str = "test",
    embedder: Embedder | None = None,
    config: RobomemConfig | None = None,
    with_rivals: bool = True,
) -> HomeResult:
    """Live through the week of a home.

    Args:
        routines: folder of recorded routines, or None (then all habits are generated).
        half: of the paraphrases.
        embedder: for the rivals that need one; None leaves them out.
    """
    week = HomeWeek(seed, routines, settings)
    result, known = HomeResult(seed), WeekKnowledge()
    rng = np.random.default_rng([0xA5C, seed])
    with tempfile.TemporaryDirectory() as folder:
        ours = RobomemMemory(str(Path(folder) / "home.db"), seed, config)
        others = list(_others(week, embedder, Path(folder))) if with_rivals else []
        for step in week.stream():
            if isinstance(step, Ask):
                asked = questions(week.plan, known, step.stamp_ns, rng)
                _ask_all(result, asked, ours, others, half)
                result.find_ms += _find_times(ours, sorted({o.label for o in week.plan.home.objects}))
            elif isinstance(step, Episode):
                known.done.append(step)
                for memory in (ours, *others):
                    memory.did(step)
            else:
                known.update(step)
                result.counts["images"] = result.counts.get("images", 0) + 1
                for memory in (ours, *others):
                    memory.add(step.detections or Observations.empty(step.frame.stamp_ns), step.frame)
        result.counts |= _counts(ours, week)
        ours.close()
        for memory in others:
            getattr(memory, "close", lambda: None)()
    return result


def _others(week: HomeWeek, embedder: Embedder | None, folder: Path) -> Iterator[Memory]:
    floor = FloorPlan(week.plan.home)
    for make in rivals.MAKERS.values():
        yield make(floor)
    if embedder is not None:
        yield rivals.captions(floor, embedder)
        for k, setting in enumerate((rivals_emem.DEFAULT, rivals_emem.BEST) if rivals_emem.installed() else ()):
            (folder / f"emem{k}").mkdir()
            yield rivals_emem.Emem(floor, embedder, folder / f"emem{k}", setting)


def _ask_all(result: HomeResult, asked: Sequence[Question], ours: RobomemMemory, others: Sequence[Memory], half: str) -> None:
    order = shuffled(len(result.questions) + len(asked), result.seed)  # which paraphrase each question gets
    for question in asked:
        k = len(result.questions)
        result.questions.append(question)
        for name, words in ((PLAIN, canonical(question)), (REWORDED, paraphrase(question, half, order[k]))):
            reply, answer = ours.reply(question, words)
            result.scored.setdefault(name, []).append(score(question.query, question.truth, reply))
            result.said.setdefault(name, []).append((words, answer.text))
        for memory in others:
            reply = memory.answer(question.query)
            result.scored.setdefault(memory.name, []).append(score(question.query, question.truth, reply))


def _find_times(ours: RobomemMemory, labels: Sequence[str]) -> list[float]:
    out = []
    for label in labels:
        start = time.process_time()
        ours.memory.find(label)
        out.append(1000 * (time.process_time() - start))
    return out


def _counts(ours: RobomemMemory, week: HomeWeek) -> dict[str, int]:
    ours.memory.flush()
    rows: dict[str, Any] = ours.memory.health()["rows"]
    kinds = Counter(e.kind for e in ours.memory.changes())
    return {
        "observations": int(rows["observations"]),
        "events": int(rows["events"]),
        "stays": int(rows["history"]),
        "episodes": int(rows["episodes"]),
        "things": len(week.plan.home.objects),
        "deeds_of_people": len(week.plan.deeds),
        "moves_noticed": kinds["moved"],
    }
