"""The recall benchmark: what is scored as what, what could be known, the frozen paraphrases, and a short piece of a real week."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace as Rows

import numpy as np
import pytest

from benchmarks import recall
from benchmarks.week import rivals_emem, times, wordings
from benchmarks.week.asking import questions
from benchmarks.week.days import EPOCH_NS, Ask, HomeWeek, Settings
from benchmarks.week.interface import ABSTAINED, CATEGORIES, Place, Query, Question, Reply, Truth
from benchmarks.week.knowledge import WeekKnowledge
from benchmarks.week.rivals import GraphNow, LastSeenMap, SightingLog, WordLog
from benchmarks.week.rivals_base import FloorPlan, Rival, Sight, Tuning
from benchmarks.week.routine_home import make_plan
from benchmarks.week.run import PLAIN, HomeResult, live
from benchmarks.week.scoring import ABSTAINS, RIGHT, WRONG, Scored, score
from robomem.evaluation.registry import BenchArgs
from robomem.types import Episode
from robomem_sim.household import generate_home

S = 1_000_000_000
HERE, THERE = np.array([1.0, 1.0, 0.9]), np.array([3.0, 1.0, 0.9])
TINY = Settings(days=1, patrols=(8.0,), errands=(), asked=(21.7,), images=3, viewpoints=1, headings=4)
DESK = Place("desk", "", HERE)


def query(meaning: str, **more: object) -> Query:
    return Query(meaning, 100 * S, 100 * S, 100 * S, "mug", **more)  # type: ignore[arg-type]


SCORES = [
    ("where_is", Truth(True, position=HERE), Reply(position=HERE + 0.1), RIGHT),
    ("where_is", Truth(True, position=HERE), Reply(position=THERE), WRONG),
    ("where_is", Truth(True, position=HERE), ABSTAINED, ABSTAINS),
    ("where_is", Truth(False, "gone"), ABSTAINED, RIGHT),
    ("where_is", Truth(False, "gone"), Reply(position=HERE), WRONG),
    ("when_last", Truth(True, stamps=(10 * S, 20 * S)), Reply(stamp_ns=79 * S), RIGHT),
    ("when_last", Truth(True, stamps=(10 * S, 20 * S)), Reply(stamp_ns=81 * S), WRONG),
    ("how_many", Truth(True, count=2), Reply(count=2), RIGHT),
    ("how_many", Truth(False, count=0), Reply(count=0), RIGHT),
    ("moved", Truth(True, yes=False), Reply(yes=True), WRONG),
    ("which_state", Truth(True, state="open"), Reply(state="open"), RIGHT),
    ("did_do", Truth(True, tasks=("a", "b")), Reply(tasks=("b", "a")), RIGHT),
    ("did_do", Truth(True, tasks=("a", "b")), Reply(tasks=("a",)), WRONG),
    ("usually", Truth(True, place=DESK), Reply(place="desk", position=HERE), RIGHT),
    ("usually", Truth(True, place=DESK), Reply(place="desk", position=THERE), WRONG),
    ("what_is_on", Truth(True, must=("mug", "book"), may=("can",)), Reply(labels=("book", "can", "mug")), RIGHT),
    ("what_is_on", Truth(True, must=("mug", "book")), Reply(labels=("book",)), WRONG),
    ("what_is_on", Truth(True, must=("mug", "mug")), Reply(labels=("mug",)), WRONG),
    ("what_changed", Truth(True, must=("mug", "mug")), Reply(labels=("mug", "fridge")), RIGHT),  # doors are not asked for
    ("what_changed", Truth(True), Reply(labels=("mug",)), WRONG),
    ("what_is_on", Truth(True, must=("mug",)), Reply(labels=("cup",)), RIGHT),  # a detector's word for it
    ("what_is_on", Truth(True, must=("phone",)), Reply(labels=("remote",)), WRONG),
    ("ever_seen", Truth(False, yes=False), Reply(yes=False), RIGHT),
    ("ever_seen", Truth(False, yes=False), Reply(yes=True), WRONG),
]


@pytest.mark.parametrize(("meaning", "truth", "reply", "verdict"), SCORES)
def test_scores(meaning: str, truth: Truth, reply: Reply, verdict: str) -> None:
    assert score(query(meaning), truth, reply).verdict == verdict


def test_the_paraphrases_are_as_they_were_written_and_split_once() -> None:
    path = Path(wordings.__file__).with_name("paraphrases.json")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == PARAPHRASES
    for meaning in CATEGORIES:
        halves = [set(wordings.templates(half)[meaning]) for half in ("development", "test")]
        assert [len(h) for h in halves] == [15, 15] and not halves[0] & halves[1]


PARAPHRASES = "6723a54439d2336d4eefb64a877b6aa3f613cf3378299cf15cfaaf4210f48bab"


def test_doors_and_switches_get_templates_of_their_own() -> None:
    slots = {"thing": "fridge", "label": "mug"}
    doors = {wordings.paraphrase(Question(query("which_state"), slots), "development", k) for k in range(30)}
    lamps = {wordings.paraphrase(Question(query("which_state"), {**slots, "switched": "yes"}), "development", k) for k in range(30)}
    assert doors and lamps and not doors & lamps and "Is the fridge open?" in doors


def test_times_are_said_as_they_are_meant() -> None:
    now, rng = EPOCH_NS + 60 * 3600 * S, np.random.default_rng(0)  # Wednesday noon
    for _ in range(40):
        at = EPOCH_NS + int(rng.integers(0, 58 * 3600)) * S
        said = times.point(at, now, rng)
        assert abs(said.to_ns - at) <= 1800 * S and said.words
    assert times.part(1, "morning", now).words == "yesterday morning"
    assert times.part(2, "evening", now).words == "on Monday evening"


def rivals() -> list[Rival]:
    floor = FloorPlan(generate_home(100))
    return [kind(floor, Tuning(min_hits=1)) for kind in (SightingLog, LastSeenMap, GraphNow, WordLog)]


def test_what_each_rival_keeps() -> None:
    """A mug here at 10 s, there at 50 s: who knows where it was, who answers for what nobody saw?"""
    said = {}
    for rival in rivals():
        for stamp, where in ((10, HERE), (50, THERE)):
            rival.keep([Sight("mug", "red", where, stamp * S)], Rows(stamp_ns=stamp * S))  # type: ignore[arg-type]
        past = rival.answer(Query("where_was", 100 * S, 20 * S, 20 * S, "mug"))
        never = rival.answer(Query("where_is", 100 * S, 100 * S, 100 * S, "hammer"))
        now = rival.answer(query("where_is"))
        assert now.position == pytest.approx(THERE) and never.abstains
        said[rival.name] = (past.position is not None and bool(np.allclose(past.position, HERE)), rival.answer(query("how_many")).count)
    assert said["last-sighting log"] == (True, 1) and said["log with word search"] == (True, 1)
    assert said["last-seen map"] == (False, 1) and said["graph without history"] == (False, 1)


def test_the_plan_is_lived_from_records_or_habits_and_is_the_same_again() -> None:
    plan = make_plan(100, None, 2)
    assert len(plan.home.objects) >= 12 and plan.deeds == make_plan(100, None, 2).deeds
    assert all(a.at_s <= b.at_s for a, b in zip(plan.deeds, plan.deeds[1:], strict=False))


def test_the_benchmark_runs_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of one home, every rival, the report, the plot; what was said is looked at where it was wrong."""
    lived: list[HomeResult] = []
    monkeypatch.setattr(recall, "QUICK", TINY)
    monkeypatch.setattr(recall, "live", lambda *args, **more: lived.append(live(*args, **more)) or lived[-1])
    figures = recall.run(BenchArgs([100], tmp_path / "none", tmp_path / "recall.json", True, lambda line: None))
    first = lived[0]
    assert len(first.questions) >= 15 and {q.query.meaning for q in first.questions} >= {"where_is", "when_last", "did_do", "how_many"}
    assert all(len(rows) == len(first.questions) for rows in first.scored.values())
    assert first.counts["images"] > 50 and first.counts["observations"] > 100 and len(first.find_ms) > 10
    assert figures["correct"] >= 0.4 and figures["embedder_ms"]["median"] > 0, first.said[PLAIN]
    assert figures.keys() >= {
        "correct", "false_recall", "abstain_correct", "position_error_m_median", "time_error_s_median", "find_p95_ms",
        "by_category", "rivals", "paraphrased", "n", "seeds",
    }  # fmt: skip
    assert set(figures["rivals"]) >= {"last-sighting log", "last-seen map", "graph without history", "captions in a vector index"}
    assert {n for n in figures["rivals"] if "emem" in n} == (
        {"emem 0.3.0, default", "emem 0.3.0, best"} if rivals_emem.installed() else set()
    )
    assert (tmp_path / "recall.png").stat().st_size > 5000


def test_nobody_is_asked_what_nobody_could_know() -> None:
    """Whatever is asked of a place was seen there in three clear images."""
    week, known, asked = HomeWeek(100, None, TINY), WeekKnowledge(), 0
    for step in week.stream():
        if isinstance(step, Ask):
            for q in questions(week.plan, known, step.stamp_ns, np.random.default_rng(3)):
                if q.query.meaning == "where_is" and q.truth.answerable:
                    asked += 1
                    names = [o.name for o in week.plan.home.objects if o.label == q.query.label]
                    assert any(
                        (k := known.known(n)) is not None and k.clear >= 3 and np.allclose(k.position, q.truth.position) for n in names
                    )
        elif isinstance(step, Episode):
            known.done.append(step)
        else:
            known.update(step)
    assert asked >= 1


def test_risk_against_coverage_takes_the_surest_first() -> None:
    rows = [(Truth(True), Scored(RIGHT, True, 0.9)), (Truth(True), Scored(WRONG, True, 0.2)), (Truth(False), Scored(RIGHT, False, 0.0))]
    x, y = recall.risk_coverage(rows)
    assert x == pytest.approx([1 / 3, 2 / 3]) and y == pytest.approx([0.0, 0.5])


def test_what_will_be_is_what_its_people_plan():
    from benchmarks.week.routine_home import Move, Plan
    from benchmarks.week.subjects import Subjects

    whole = make_plan(3, None)
    name = next(d.name for d in whole.deeds if isinstance(d, Move))
    moves = [d for d in whole.deeds if isinstance(d, Move) and d.name == name]
    first, second = moves[:2]
    known = WeekKnowledge()
    known.places.current[name] = Rows(parent="desk 9")  # type: ignore[assignment]
    subjects = Subjects(Plan(whole.home, whole.start, whole.deeds, whole.surfaces, whole.containers), known, EPOCH_NS)
    at = [EPOCH_NS + round(1e9 * t) for t in (first.at_s - 1, first.at_s + 1, second.at_s + 1)]
    expected = ["desk 9", *(m.places[0].piece.name if m.places else "" for m in (first, second))]
    assert [subjects.planned(name, t) for t in at] == expected
