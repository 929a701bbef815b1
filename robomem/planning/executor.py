"""The executor: sentence -> goals -> plan over beliefs -> critic -> skill -> outcome, back into memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from robomem.config import PlanningConfig, RobomemConfig
from robomem.errors import PlanningError
from robomem.ontology import Ontology, default_ontology
from robomem.planning.beliefs import Beliefs, MemoryLike
from robomem.planning.goals import Goal, ParsedInstruction
from robomem.planning.llm import Interpreter
from robomem.planning.pursue import Pursuit
from robomem.planning.report import TaskReport
from robomem.planning.safety import SafetyGate, load_rules
from robomem.planning.session import NeedAnswer, Session, TaskStopped
from robomem.skills.skill import RobotBody
from robomem.types import Episode

ASK_BELOW = 0.6  # parser confidence under which its question is asked before anything moves


class Executor:
    """Carries out tasks for one robot with one memory.

    Args:
        memory: a RobotMemory (or anything with its verbs).
        body: what the robot can do.
        config: settings; the planning section counts.
        ontology: class priors.
        rng: kept for policies that draw; the present ones are deterministic.
        on_progress: called with one line per step worth telling.
        interpreter: sentence -> goals; made from the configuration by default.
    """

    def __init__(
        self,
        memory: MemoryLike,
        body: RobotBody,
        config: RobomemConfig | PlanningConfig | None = None,
        ontology: Ontology | None = None,
        rng: np.random.Generator | None = None,
        on_progress: Callable[[str], None] | None = None,
        interpreter: Interpreter | None = None,
    ) -> None:
        config = config or PlanningConfig()
        self.config = config.planning if isinstance(config, RobomemConfig) else config
        self.body, self.ontology = body, ontology or default_ontology()
        self.beliefs = Beliefs(memory, self.ontology)
        self.gate = SafetyGate(load_rules(self.config.safety_file or None), self.ontology)
        self.rng = rng or np.random.default_rng(0)
        self._on_progress = on_progress
        self._cancel = threading.Event()
        self._interpreter = interpreter or Interpreter(
            self.config, self._known_things, self.beliefs.rooms, self.ontology, None, self.beliefs.remembered, self.beliefs.lookup()
        )

    def _known_things(self) -> list:
        return [v for v in self.beliefs.views() if v.status not in ("tentative", "removed")]

    def cancel(self) -> None:
        """Stop the running task before its next skill (any thread)."""
        self._cancel.set()

    def run(self, instruction: str | Goal | Sequence[Goal]) -> TaskReport:
        """Carry out a sentence, or goals. Never raises for what the world or the person does: the report says how it ended."""
        self._cancel.clear()
        session = Session(self.body, self.beliefs, self.config, self.gate, self._cancel, self._on_progress)
        text = instruction if isinstance(instruction, str) else "; ".join(str(g) for g in _as_goals(instruction))
        pursuit = Pursuit(session)
        goals: tuple[Goal, ...] = ()
        reason = question = ""
        reached: list[bool] = []
        try:
            goals = self._understand(session, instruction)
            for goal in goals:
                session.say(f"goal: {goal}")
                self.beliefs.tell("subgoal_began", self.body.now_ns(), str(goal))
                pursuit.achieve(goal)
                self.beliefs.tell("subgoal_done", self.body.now_ns(), str(goal), "done")
                reached.append(True)
        except NeedAnswer as ask:
            reason, question = f"I have to ask: {ask}", str(ask)
        except (TaskStopped, PlanningError) as stop:
            reason = str(stop)
        if reason:
            self.beliefs.tell("subgoal_done", self.body.now_ns(), "", reason)
        pursuit.tidy()
        reached += [False] * (len(goals) - len(reached))
        return self._finish(session, text, goals, reached, reason, question, pursuit)

    def _understand(self, session: Session, instruction: str | Goal | Sequence[Goal]) -> tuple[Goal, ...]:
        if not isinstance(instruction, str):
            return _as_goals(instruction)
        parsed: ParsedInstruction = self._interpreter.understand(instruction)
        for note in parsed.notes:
            session.note(note)
        if parsed.question and parsed.confidence < ASK_BELOW and self.config.on_ambiguous == "ask":
            raise NeedAnswer(parsed.question)
        return parsed.goals

    def _finish(
        self, session: Session, text: str, goals: tuple[Goal, ...], reached: list[bool], reason: str, question: str, pursuit: Pursuit
    ) -> TaskReport:
        books, end = session.books, self.body.now_ns()
        report = TaskReport(
            ok=bool(goals) and all(reached),
            reason=reason,
            instruction=text,
            start_ns=books.start_ns,
            end_ns=end,
            distance_m=books.distance_m,
            glances=books.glances,
            replans=books.replans,
            searches=books.searches,
            expected_cost_s=books.expected_cost_s,
            search_cost_s=books.search_cost_s,
            question=question,
            goals=tuple((str(g), done) for g, done in zip(goals, reached, strict=True)),
            object_ids=tuple(pursuit.things),
            steps=tuple(books.steps),
            ledger=tuple(session.ledger.to_json()),
            events=tuple(self.beliefs.memory.changes(since_ns=books.start_ns)),
            notes=tuple(books.notes),
        )
        outcome = "done" if report.ok else "abandoned" if reason == "cancelled" or question else "failed"
        cost = {
            "duration_s": report.duration_s,
            "distance_m": report.distance_m,
            "glances": float(report.glances),
            "replans": float(report.replans),
        }
        self.beliefs.memory.add_episode(Episode(0, text, books.start_ns, end, outcome, report.summary(), report.steps, cost))
        session.say(report.summary())
        return report


def _as_goals(instruction: str | Goal | Sequence[Goal]) -> tuple[Goal, ...]:
    if isinstance(instruction, Goal):
        return (instruction,)
    goals = tuple(instruction)
    if not goals or not all(isinstance(g, Goal) for g in goals):
        raise PlanningError(f"executor: expected a sentence or goals, got {instruction!r:.80}")
    return goals  # type: ignore[return-value]
