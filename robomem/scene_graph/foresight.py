"""Foresight: where a thing is now or will be, from how long its kind stays, this home's habits, its stays, common sense and every look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from robomem.belief.tracker import Tracker
from robomem.clock import NS_PER_S
from robomem.ontology import Ontology
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.habits import Habits, Place
from robomem.scene_graph.whereabouts import Whereabouts
from robomem.types import ObjectView, PlaceProbability

NOTE_S = 60.0  # a thing in view is noted this often; habits have slots of ten minutes


class Foresight:
    """Feeds the habits with what is seen and answers for any time.

    Habits weigh the more the more days something was seen on that bears on the question (`Habits.usual`): on the first day the answers are
    those of stays, survival and common sense alone.
    """

    def __init__(self, tracker: Tracker, graph: SceneGraph, whereabouts: Whereabouts, ontology: Ontology, habits: Habits) -> None:
        self.tracker, self.graph, self.whereabouts, self.ontology, self.habits = tracker, graph, whereabouts, ontology, habits
        self._noted_ns: dict[int, int] = {}

    def note(self, stamp_ns: int, seen: Iterable[int], changed: Iterable[int]) -> None:
        """Tell the habits where things are that this frame shows; those that just changed at once, the others now and then."""
        at_once = set(changed)
        for i in sorted({self.tracker.resolve(i) for i in seen if i >= 0}):
            if i not in at_once and 0 <= stamp_ns - self._noted_ns.get(i, -(10**18)) < NOTE_S * NS_PER_S:
                continue
            track = self.tracker.tracks.get(i)
            place = self._place(i) if track is not None and track.kind == "object" and track.status == "confirmed" else None
            if place is not None:
                self.habits.saw(i, place, stamp_ns)
                self._noted_ns[i] = stamp_ns

    def _place(self, object_id: int) -> Place | None:
        """What holds an object, else the room on whose floor it is; None in the gripper or in no known room."""
        up = self.graph.parent(object_id)
        if up is not None and up[1] in ("on", "inside"):
            return up
        room = self.graph.room_of(object_id) if up is None or up[1] == "part_of" else None
        return (room, "on") if room is not None else None

    def forget(self, ids: Iterable[int]) -> None:
        """Remove things and places without a trace."""
        gone = set(ids)
        self.habits.forget(gone)
        self._noted_ns = {i: ns for i, ns in self._noted_ns.items() if i not in gone}

    # -- answers -----------------------------------------------------------------------------------------------------

    def belief(self, query: int | str, at_ns: int, now_ns: int, furniture: list[ObjectView]) -> list[PlaceProbability]:
        """Where an object (id) or a kind of object (label) may be at `at_ns`; sums to at most one, the rest is "elsewhere".

        Args:
            now_ns: until when the robot has looked.
        """
        if isinstance(query, str):
            return self.whereabouts.distribution(self.ontology.canonical(query), None, at_ns, furniture)
        view = self.tracker.view(query)
        if view is None:
            return []
        if view.status in ("missing", "removed"):
            habit, weight = self.habits.usual(view.id, now_ns, max(at_ns, now_ns), self.whereabouts.gone_ns.get(view.id, view.last_seen_ns))
            return self._elsewhere(view, at_ns, furniture, habit, weight)
        habit, weight = self.habits.usual(view.id, now_ns, max(at_ns, now_ns))
        stays = self.tracker.rates.survival(view.label, self.ontology.prior(view.label).moves_every_h, at_ns - view.last_seen_ns)
        place = self._place(view.id)
        if place is None or self.habits.last(view.id) is None or self.habits.last(view.id)[0] != place:  # type: ignore[index]
            habit, weight = {}, 0.0  # in the gripper, or put down a moment ago: habits of another place say nothing
        elif weight:
            stays = (1.0 - weight) * stays + weight * habit.pop(place, 0.0)
        here = view.existence * stays
        rows = self._elsewhere(view, at_ns, furniture, habit, weight)
        return [self._here(view, here), *(replace(r, probability=r.probability * (1 - here)) for r in rows)]

    def _elsewhere(
        self, view: ObjectView, at_ns: int, furniture: list[ObjectView], habit: dict[Place, float], weight: float
    ) -> list[PlaceProbability]:
        total = sum(habit.values())
        usual = {place: weight * p / total for place, p in habit.items()} if total > 0 else {}
        return self.whereabouts.distribution(view.label, view.id, at_ns, furniture, usual)

    def _here(self, view: ObjectView, probability: float) -> PlaceProbability:
        up = self.graph.parent(view.id)
        holder = self.graph.node(up[0]) if up else None
        room = self.graph.room_of(view.id)
        name = self.graph.node(room) if room is not None else None
        return PlaceProbability(
            holder.id if holder else view.id,
            holder.label if holder else view.label,
            name.label if name else "",
            view.position,
            probability,
            up[1] if up and up[1] in ("on", "inside") else "on",
            False,
            False,
            view.last_seen_ns,
            "last seen there",
        )
