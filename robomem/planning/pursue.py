"""Pursuing one goal: locate the thing, plan, let the critic look, act, and plan again when the world differs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from robomem.errors import PlanningError, SafetyError
from robomem.planning import critic
from robomem.planning.beliefs import above
from robomem.planning.domain import Action
from robomem.planning.goals import HERE, ROOM, SURFACE, Description, Goal
from robomem.planning.manipulate import NOT_THERE, Manipulator
from robomem.planning.navigate import Navigator
from robomem.planning.problem import Problem, build, id_of
from robomem.planning.seek import Seeker, close_container, explore_until, glance_points, open_container
from robomem.planning.session import NeedAnswer, Session, TaskStopped
from robomem.skills.skill import SkillResult
from robomem.types import ObjectView

STILL_THERE = 0.3  # P(still there) below which the remembered place is only one of the places to look at
FAIL_TWICE = 2


class Pursuit:
    """The goals of one task, one after the other."""

    def __init__(self, session: Session) -> None:
        self.session, self.nav = session, Navigator(session)
        self.hand = Manipulator(session, self.nav)
        self.things: list[int] = []
        self._failures: dict[str, int] = {}
        self._found: set[int] = set()
        self._inspected: set[str] = set()
        self._oriented = False

    def achieve(self, goal: Goal) -> None:
        """Make a goal true, for as many things as it names.

        Raises:
            TaskStopped: it cannot be done, with the reason in words.  NeedAnswer: a person must choose.  PlanningError: no plan.
        """
        if not self._oriented:
            self.nav.orient()
            self._oriented = True
        if goal.predicate == "at":
            self._go(goal.subject)
            return
        if goal.subject.label == ROOM:
            self._inspect_room(goal)
            return
        if goal.predicate in ("on", "inside", "held"):
            try:
                self.session.gate.check_label(goal.subject.label)
            except SafetyError as refusal:
                raise TaskStopped(str(refusal)) from refusal
        done: list[int] = []
        total = len(self.session.beliefs.matching(goal.subject)) if goal.subject.every else goal.subject.count
        for k in range(max(1, total)):
            try:
                done.append(self._one(goal, done))
            except TaskStopped as stop:
                raise TaskStopped(str(stop) if total <= 1 else f"{k} of {total} done, then: {stop}") from stop
        self.things += done

    def tidy(self) -> None:
        """Shut what this task opened and could not shut yet, as far as that is possible."""
        for container in sorted(self.session.opened):
            view = self.session.beliefs.view(container)
            try:
                if view is not None:
                    close_container(self.session, self.nav, view)
            except TaskStopped:
                self.session.note(f"the {view.label if view else 'container'} ({container}) was left open")
                return

    # -- one thing ---------------------------------------------------------------------------------------------------

    def _one(self, goal: Goal, without: Collection[int]) -> int:
        subject, words = goal.subject, goal.subject.one()
        while True:
            self.session.check()
            target = self._target(goal)
            thing = self._furniture(subject) if goal.predicate in ("open", "closed", "inspected") else self._locate(subject, without, words)
            subject = Description(thing.label, id=thing.id)  # from now on this very thing, wherever it goes
            if goal.predicate == "found" and self._is_found(thing):
                return thing.id
            if goal.predicate == "open":
                self.session.opened.discard(thing.id)  # it shall stay open
                self.session.keep_open.add(thing.id)
            problem = build(self.session, goal, thing, target)
            if self._state(problem) >= problem.goal:
                if self._confirmed(goal, thing):
                    return thing.id
                self.session.books.replans += 1
                continue
            plan = problem.solve(self.session)
            self.session.say("plan: " + ", ".join(str(a) for a in plan.actions))
            if self._execute(plan.actions, goal, thing, target):
                return thing.id
            self.session.books.replans += 1

    def _confirmed(self, goal: Goal, thing: ObjectView) -> bool:
        """Memory says it is so already; memory may be out of date, so nothing is called done that this task has not seen."""
        session = self.session
        if goal.predicate in ("held", "found", "inspected") or thing.last_seen_ns > session.books.start_ns:
            return True
        holder = session.beliefs.holder(thing) if thing.kind == "object" else None
        if holder is not None and session.beliefs.inside(thing, holder) and not session.beliefs.is_open(holder):
            session.note(f"the {thing.label} is remembered inside the shut {holder.label}; that was not checked")
            return True
        session.say(f"memory says so already; going to look at the {thing.label}")
        seen = self.hand.see(thing)
        if not seen and thing.kind == "furniture":
            session.note(f"the {thing.label} could not be seen; its state is taken from memory")
            return True
        if not seen and thing.id not in session.missed:
            raise TaskStopped(f"memory says so, but I cannot get to where the {thing.label} should be to check")
        return seen

    def _is_found(self, thing: ObjectView) -> bool:
        return thing.id in self._found or thing.last_seen_ns > self.session.books.start_ns

    def _state(self, problem: Problem) -> frozenset:
        extra = {("found", t) for t in problem.things if id_of(t) in self._found} | {("inspected", p) for p in self._inspected}
        return problem.state | extra

    def _execute(self, actions: Sequence[Action], goal: Goal, thing: ObjectView, target: ObjectView | None) -> bool:
        """Run a plan under the critic; True if all of it went well, False if a new plan is needed."""
        session = self.session
        entries: list[int] = []
        for action in actions:
            entries.append(session.ledger.add(action.name, action.arguments, entries[-1:], str(goal)))
        for k, action in enumerate(actions):
            now = session.beliefs.view(thing.id) or thing
            problem = build(session, goal, now, session.beliefs.view(target.id) if target is not None else None)
            verdict = critic.review(actions[k:], self._state(problem), problem.goal, first=k == 0)
            if verdict.done:
                for entry in entries[k:]:
                    session.ledger.mark(entry, "invalid", session.body.now_ns(), verdict.reason)
                return True
            if not verdict.ok or session.repeats(str(action)):
                reason = verdict.reason or "the same step in the same state again"
                session.say(f"plan dropped before {action}: {reason}")
                session.ledger.mark(entries[k], "invalid", session.body.now_ns(), reason)
                return False
            session.ledger.mark(entries[k], "doing", session.body.now_ns())
            stood_at = session.at
            result = self._perform(action, actions[k + 1] if k + 1 < len(actions) else None)
            if action.name != "go_to" and result.ok:
                session.at = stood_at  # fine positioning for the hand does not leave the place
            session.ledger.mark(entries[k], "done" if result.ok else "failed", session.body.now_ns(), result.reason)
            if not result.ok:
                self._failed(action, result.reason)
                return False
        return self._holds(goal, thing, target)

    def _failed(self, action: Action, reason: str) -> None:
        """Learn from a failed step: a vanished thing is searched, anything else that fails twice is not chosen again."""
        self.session.say(f"{action} failed: {reason}")
        if reason == NOT_THERE:
            return
        key = f"{action.name} {action.arguments[-1]}"
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] >= FAIL_TWICE or reason.startswith("refused"):
            self.session.barred.add(key)
            self.session.note(f"{action}: {reason}")

    def _holds(self, goal: Goal, thing: ObjectView, target: ObjectView | None) -> bool:
        """What memory says after the last step; only a clear contradiction (seen elsewhere) counts against the skills' word."""
        view = self.session.beliefs.view(thing.id)
        if goal.predicate not in ("on", "inside") or target is None or view is None or view.status in ("missing", "removed"):
            return True
        furniture = self.session.beliefs.view(target.id) or target
        if above(furniture, view.position, 0.25):
            return True
        self.session.say(f"the {view.label} is not where it was put; trying again")
        return False

    # -- the steps ---------------------------------------------------------------------------------------------------

    def _perform(self, action: Action, then: Action | None) -> SkillResult:
        session = self.session
        session.say(str(action))
        if action.name == "go_to":
            return self._go_to(action.arguments[1], then)
        view = session.beliefs.view(id_of(action.arguments[0]))
        if action.name == "pick":
            return self.hand.pick(id_of(action.arguments[0]))
        if action.name == "place":
            place = action.arguments[1]
            furniture = session.beliefs.view(id_of(place))
            assert furniture is not None
            return self.hand.place(furniture, "inside" if place.endswith("/in") else "on")
        if view is None:
            return SkillResult(False, NOT_THERE)
        if action.name == "look_at":
            seen = self.hand.see(view)
            self._found |= {view.id} if seen else set()
            return SkillResult(seen, "" if seen else NOT_THERE)
        if action.name == "inspect":
            return self._inspect(action.arguments[0], view)
        if action.name == "close":
            session.keep_open.discard(view.id)
        worked = open_container(session, self.nav, view) if action.name == "open" else close_container(session, self.nav, view)
        tried = session.books.steps[-1]["reason"] if session.books.steps else ""  # no step at all: no way to stand before it
        return SkillResult(worked, "" if worked else str(tried or "could not get there"))

    def _go_to(self, place: str, then: Action | None) -> SkillResult:
        """Drive to a place, in the way the next step needs it."""
        session = self.session
        if then is not None and then.name in ("pick", "look_at"):
            view = session.beliefs.view(id_of(then.arguments[0]))
            if view is None or not self.hand.see(view):
                return SkillResult(False, NOT_THERE if view is None or view.id in session.missed else "no way there on the map")
            session.at = place
            return SkillResult(True)
        furniture = session.beliefs.view(id_of(place))
        if furniture is None:
            return SkillResult(False, NOT_THERE)
        radius = float(max(0.4, max(furniture.size[:2]) / 2))
        driven = self.nav.view(furniture.position, target_radius_m=radius) if then is None or then.name == "inspect" else SkillResult(True)
        if driven.ok:
            session.at = place  # opening, shutting and setting down choose their own standing point
        return driven

    def _inspect(self, place: str, view: ObjectView) -> SkillResult:
        radius = float(max(0.4, max(view.size[:2]) / 2))
        driven = self.nav.view(view.position, target_radius_m=radius)
        if not driven.ok:
            return driven
        for point in glance_points(view.position, view):
            self.session.glance(point)
        if place.endswith("/in"):
            self.session.beliefs.world.note_searched(view.id, self.session.body.now_ns())
        self._inspected.add(place)
        self.session.at = place
        return SkillResult(True)

    # -- what the words mean -----------------------------------------------------------------------------------------

    def _locate(self, what: Description, without: Collection[int], words: Description | None = None) -> ObjectView:
        """The thing meant, where memory believes it; searched for (by `words`) if memory does not know or not believe it any more."""
        session = self.session
        found = session.beliefs.resolve(what, without, session.config.on_ambiguous == "ask")
        if found.question:
            raise NeedAnswer(found.question)
        session.note(found.note if found.view is not None else "")
        view = found.view
        if view is not None:
            if view.id == session.held:
                return view
            if found.there and session.missed.get(view.id, -1) < view.last_seen_ns and found.p_still_there >= STILL_THERE:
                return view
        if view is None and session.body.holding() and session.held is None:
            session.note("the hand is full of something memory does not know; it is put down first")
        sought = Seeker(session, self.nav, self._looks(words or what, view), view.id if view is not None else None, without).run()
        if sought.view is None:
            raise TaskStopped(sought.reason)
        if view is not None and sought.view.id != view.id:
            session.note(f"took the {sought.view.label} ({sought.view.id}) for the one that was {view.id}; memory did not recognise it")
        return sought.view

    def _looks(self, words: Description, view: ObjectView | None) -> Description:
        """What to look for: the person's words. A colour only memory knows is no criterion: from afar a red mug may look brown."""
        return replace(words.one(), id=None, label=words.label or (view.label if view else ""))

    def _target(self, goal: Goal) -> ObjectView | None:
        if goal.target is None:
            return None
        try:
            return self._furniture(goal.target)
        except TaskStopped:
            if goal.target.label == SURFACE:
                raise
            known = self.session.beliefs.matching(goal.target)
            if known:
                raise TaskStopped(f"I can put things on furniture only, not on a {known[0].label}") from None
            raise

    def _furniture(self, what: Description) -> ObjectView:
        """The furniture meant, nearest first where several fit; unknown ground is explored for it if there is none."""
        session = self.session
        fits = [f for f in session.beliefs.furniture(what) if not self._barred(f)]
        if not fits and not session.beliefs.furniture(what):
            session.say(f"I know no {what.words()} yet")
            explore_until(session, self.nav, lambda: bool(session.beliefs.furniture(what)))
            fits = session.beliefs.furniture(what)
        if not fits:
            why = "; ".join(n for n in session.books.notes if n) if session.beliefs.furniture(what) else "I never saw one"
            raise TaskStopped(f"no {what.words()} that I can use: {why}")
        here = np.array(session.body.pose()[:2])
        if len(fits) > 1 and what.id is None:
            session.note(f"{len(fits)} things fit '{what.words()}'; took the nearest")
        return min(fits, key=lambda f: (float(np.hypot(*(f.position[:2] - here))), f.id))

    def _barred(self, furniture: ObjectView) -> bool:
        return any(b.startswith(("place ", "open ")) and id_of(b) == furniture.id for b in self.session.barred if b.count("#") == 1)

    def _go(self, where: Description) -> None:
        """Drive to a person's "here", a room, a piece of furniture or a thing."""
        session = self.session
        if where.label == HERE:
            result = self.nav.drive(session.home[:2], session.home[2], tolerance_m=0.4)
        elif where.label == ROOM:
            result = self._go_room(where.room)
        else:
            fits = session.beliefs.furniture(where) if session.beliefs.ontology.prior(where.label).kind == "furniture" else []
            view = min(fits, key=lambda f: f.id) if fits else self._locate(where, ())
            result = self.nav.view(view.position, target_radius_m=float(max(0.4, max(view.size[:2]) / 2)))
        if not result.ok:
            raise TaskStopped(f"cannot get to the {where.words()}: {result.reason}")

    def _go_room(self, room: str) -> SkillResult:
        rooms = [n for n in self.session.beliefs.memory.graph().nodes(layer="room") if n.label == room]
        if not rooms:
            raise TaskStopped(f"I know no {room}; the rooms I know: {', '.join(self.session.beliefs.rooms()) or 'none'}")
        here = np.array(self.session.body.pose()[:2])
        node = min(rooms, key=lambda n: (float(np.hypot(*(n.position[:2] - here))), n.id))
        return self.nav.drive(node.position[:2], tolerance_m=1.5)

    def _inspect_room(self, goal: Goal) -> None:
        """Look over every piece of furniture of a room, the next nearest first."""
        session, room = self.session, goal.subject.room
        left = [f for f in session.beliefs.furniture() if session.beliefs.room_of(f.id) == room]
        if not left:
            result = self._go_room(room)
            if not result.ok:
                raise TaskStopped(f"cannot get to the {room}: {result.reason}")
        while left:
            here = np.array(session.body.pose()[:2])
            view = min(left, key=lambda f: (float(np.hypot(*(f.position[:2] - here))), f.id))
            left.remove(view)
            try:
                self._one(Goal("inspected", Description(view.label, id=view.id)), ())
            except PlanningError as error:
                session.note(f"the {view.label} ({view.id}) could not be inspected: {error}")
