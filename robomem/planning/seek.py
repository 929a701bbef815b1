"""Looking for a thing: places by probability over cost, every glance folded in; unknown ground when that promises more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robomem.planning import paths
from robomem.planning.exploration import Explorer
from robomem.planning.goals import Description
from robomem.planning.navigate import NO_WAY, Navigator
from robomem.planning.search import Choice, PlaceKey, SearchBelief, choose, key_of
from robomem.planning.session import Session
from robomem.skills.skill import SkillResult
from robomem.types import ObjectView, PlaceProbability

HINT = 8.0  # how much more a place weighs that the person named
LONG_M = 1.5  # furniture longer than this needs more than one glance
TALL_M = 1.1  # furniture higher than this is looked at in two halves
NEAR_RATIO = 0.02
WORTH_A_DRIVE = 0.4  # existence from which a single sighting is looked at from near
SAME_GLANCE_M = 0.35  # one image holds both


@dataclass(frozen=True)
class Sought:
    """Result of a search: the thing, or why not."""

    view: ObjectView | None
    reason: str = ""


class Seeker:
    """One search for one thing.

    Args:
        what: the description.  known: its id if memory has one.  without: ids that do not count.
    """

    def __init__(
        self, session: Session, navigator: Navigator, what: Description, known: int | None = None, without: Collection[int] = ()
    ) -> None:
        self.session, self.nav, self.what, self.known = session, navigator, what, known
        self.without = tuple(without)
        self.belief = SearchBelief()
        self.explorer = Explorer(radius_m=session.body.radius_m)
        self.start_ns = session.body.now_ns()
        self._stands: dict[PlaceKey, tuple[float, float, float]] = {}
        self._from: dict[
            tuple[float, ...], NDArray[np.float32]
        ] = {}  # travel fields of stands: a field does not age much within one search
        self._looked_from: dict[PlaceKey, list[NDArray[np.float64]]] = {}  # a second look from the same stand misses what the first missed
        self._doubted: set[int] = set()  # seen once, looked at again
        self._other_color: set[int] = set()  # right kind, wrong colour, looked at from near
        self._explored_cells = -1  # free cells when nothing was left to explore

    def run(self) -> Sought:
        """Look until it is found, or until looking further is not worth it."""
        session, began = self.session, self.session.seconds()
        session.books.searches += 1
        session.say(f"searching for the {self.what.words()}")
        first = True
        self._count_the_look_that_missed_it()
        try:
            while True:
                session.check()
                if (view := self.seen()) is not None:
                    session.say(f"found the {view.label} ({view.id})")
                    return Sought(view)
                places = self._places()
                field = self.nav.field()
                choice = self._choose(places, field)
                if first:
                    session.books.expected_cost_s += choice.expected_cost_s
                    first = False
                if self._explore_first(places, choice, field):
                    continue
                if choice.index is None:
                    return Sought(
                        None,
                        f"could not find the {self.what.words()}: {choice.reason}; "
                        f"looked at {len(self.belief.glances)} places in {session.seconds() - began:.0f} s",
                    )
                self._look(places[choice.index], float(self.belief.weigh(places)[choice.index]))
        finally:
            session.books.search_cost_s += session.seconds() - began

    def _count_the_look_that_missed_it(self) -> None:
        """Who has just stood before the place and found it empty has looked there once already."""
        view = self.session.beliefs.view(self.known) if self.known is not None else None
        if view is None or self.session.missed.get(view.id, -1) < view.last_seen_ns:
            return
        here = np.array(self.session.body.pose()[:2])
        for place in self._places():
            if place.relation == "on" and np.linalg.norm(place.position - view.position) < SAME_GLANCE_M:
                self._looked_from.setdefault(key_of(place), []).append(here)
                self.belief.missed(key_of(place), self.session.config.glance_detects)

    def seen(self) -> ObjectView | None:
        """The thing, if it has been seen since this search began; a tentative sighting is looked at once more."""
        view = self._just_seen(self.start_ns + 1) or self._closer_look()
        if view is None or (self.session.missed.get(view.id, -1) >= view.last_seen_ns):
            return None
        if view.status == "tentative":
            return self._look_again(view)
        return view

    def _look_again(self, view: ObjectView) -> ObjectView | None:
        """One sighting is not enough: a glance from here, then one from near; every such thing once."""
        if view.id in self._doubted:
            return None
        self._doubted.add(view.id)
        for near in (False, True):
            if near and (view.existence < WORTH_A_DRIVE or not self.nav.view(view.position, reach_m=(0.5, 1.4)).ok):
                return None
            again = self._just_seen(self.session.glance(view.position))
            if again is not None and (again.status != "tentative" or again.support >= 2):
                return again
        return None

    def _closer_look(self) -> ObjectView | None:
        """Colours deceive from afar: something new of the right kind but another colour than named is looked at from near, once."""
        session = self.session
        plain = replace(self.what, color="")
        without = (*self.without, *self._other_color)
        view = session.beliefs.just_seen(plain, self.start_ns + 1, without, -1, session.standing) if self.what.color else None
        if view is None:
            return None
        self._other_color.add(view.id)
        session.say(f"the {view.color} {view.label} ({view.id}) may be {self.what.color} from near")
        if not self.nav.view(view.position, reach_m=(0.5, 1.3)).ok:
            return None
        return self._just_seen(session.glance(view.position))

    def _just_seen(self, since_ns: int) -> ObjectView | None:
        return self.session.beliefs.just_seen(self.what, since_ns, self.without, self.known, self.session.standing)

    def _noticed(self) -> bool:
        view = self._just_seen(self.start_ns + 1)
        return view is not None and view.status != "tentative" and self.session.missed.get(view.id, -1) < view.last_seen_ns

    def _places(self) -> list[PlaceProbability]:
        """Where memory thinks it may be, what the person said folded in."""
        memory = self.session.beliefs.memory
        rows = memory.predict(self.known) if self.known is not None else []
        rows = rows or memory.predict(f"{self.what.color} {self.what.label}".strip())
        hinted = [HINT if self._hinted(r) else 1.0 for r in rows]
        total = sum(r.probability * h for r, h in zip(rows, hinted, strict=True)) + max(0.0, 1.0 - sum(r.probability for r in rows))
        return [replace(r, probability=r.probability * h / total) for r, h in zip(rows, hinted, strict=True)] if total > 0 else []

    def _hinted(self, row: PlaceProbability) -> bool:
        ontology = self.session.beliefs.ontology
        return (
            bool(self.what.room or self.what.where)
            and (not self.what.room or row.room == self.what.room)
            and (not self.what.where or ontology.canonical(row.label) == ontology.canonical(self.what.where))
        )

    def _choose(self, places: list[PlaceProbability], field: NDArray[np.float32]) -> Choice:
        config, body = self.session.config, self.session.body
        p = self.belief.weigh(places)
        stands: list[tuple[float, float, float] | None] = []
        for i, place in enumerate(places):
            worth = p[i] > 0 and not (place.container and not place.is_open and body.holding())
            stands.append(self._stand(place, field) if worth else None)

        def travel(i: int, j: int) -> float:
            to, start = stands[j], stands[i] if i >= 0 else None
            if to is None:
                return float("inf")
            if start is not None and start not in self._from:
                self._from[start] = self.nav.field(start[:2])
            return self.nav.metres(field if start is None else self._from[start], to[:2]) / config.drive_mps

        look = [self._look_s(r) for r in places]
        detects = [self.belief.detection(key_of(r), config.glance_detects) for r in places]
        return choose(p, detects, look, travel, config.find_value_s)

    def _stand(self, place: PlaceProbability, field: NDArray[np.float32]) -> tuple[float, float, float] | None:
        """A pose that sees the place, remembered as long as one can still get there."""
        key = key_of(place)
        old = self._stands.get(key)
        if old is not None and np.isfinite(self.nav.metres(field, old[:2])):
            return old
        view, radius, before = self.session.beliefs.view(place.place_id), self._radius(place), self._looked_from.get(key, [])
        facing = into(view) if view is not None else None
        pose = self.nav.viewpoint(place.position, avoid=before, target_radius_m=radius, travel=field, facing=facing)
        if pose is None and before:
            pose = self.nav.viewpoint(place.position, target_radius_m=radius, travel=field, facing=facing)
        if pose is not None:
            self._stands[key] = pose
        return pose

    def _radius(self, place: PlaceProbability) -> float:
        view = self.session.beliefs.view(place.place_id)
        return 0.4 if view is None else float(max(0.4, min(view.size[:2]) / 2 + 0.1))

    def _look_s(self, place: PlaceProbability) -> float:
        """Expected seconds of a look, measured: half a glance to stop and turn there, then half a glance for each point looked at."""
        config, view = self.session.config, self.session.beliefs.view(place.place_id)
        opening = config.open_s if place.container and not place.is_open else 0.0
        return config.glance_s * (1 + len(glance_points(place.position, view))) / 2 + opening

    def _look(self, place: PlaceProbability, p: float) -> None:
        """Go and look at (or into) one place; what is not seen there becomes less likely there."""
        session = self.session
        where = f"{'in' if place.relation == 'inside' else 'on'} the {place.label}" + (f" in the {place.room}" if place.room else "")
        session.say(f"looking {where} ({p:.0%}{', ' + place.why if place.why else ''})")
        view = session.beliefs.view(place.place_id)
        shut = place.container and not place.is_open
        if shut:
            if view is None or not open_container(session, self.nav, view):
                self.belief.bar(key_of(place))
                return
            self.belief.opened.add(place.place_id)
        else:
            stand = self._stand(place, self.nav.field())
            driven = self.nav.drive(stand[:2], stand[2], self._noticed) if stand is not None else SkillResult(False, NO_WAY)
            if not driven.ok:
                self.belief.bar(key_of(place))
                return
            if driven.reason == "noticed":
                return
        if not self._glance_over(place, view):
            self._looked_from.setdefault(key_of(place), []).append(np.array(session.body.pose()[:2]))
            self._stands.pop(key_of(place), None)
            self.belief.missed(key_of(place), self.belief.detection(key_of(place), session.config.glance_detects))
            if place.relation == "inside":
                session.beliefs.world.note_searched(place.place_id, session.body.now_ns())
            if shut and view is not None:
                close_container(session, self.nav, view)

    def _glance_over(self, place: PlaceProbability, view: ObjectView | None) -> bool:
        """One glance, or several along a long piece of furniture; True as soon as the thing shows."""
        for target in glance_points(place.position, view):
            self.session.glance(target)
            if self._noticed():
                return True
        return self.seen() is not None

    # -- unknown ground ----------------------------------------------------------------------------------------------

    def _explore_first(self, places: list[PlaceProbability], choice: Choice, field: NDArray[np.float32]) -> bool:
        """Explore if unknown ground promises more per second than the best known place (or there is none); True if it moved on."""
        grid, config = self.session.beliefs.world.grid, self.session.config
        cells = int(grid.free.sum())
        if abs(cells - self._explored_cells) * grid.cell_m**2 < 0.5:
            return False  # nothing was left, and the map has hardly changed since
        goal = self.explorer.next_goal(grid, self.session.body.pose())
        if goal is None:
            self._explored_cells = cells
            return False
        unknown = 2.0 * sum(f.unknown_m2 for f in paths.frontiers(grid, goal.xy, self.session.body.radius_m, travel=field))
        share = unknown / (unknown + float(grid.free.sum()) * grid.cell_m**2)
        if choice.index is not None:
            known = self.belief.weigh(places)[choice.index] * (1.0 - share) * config.glance_detects
            stand = self._stand(places[choice.index], field)
            cost = (self.nav.metres(field, stand[:2]) if stand else 0.0) / config.drive_mps + config.glance_s
            beyond = (share * min(1.0, 2.0 * goal.gain / max(unknown, 1e-6)) + (1.0 - share) * NEAR_RATIO) * config.glance_detects
            if known / cost >= beyond / (goal.travel_m / config.drive_mps + config.glance_s):
                return False
        self.session.say(f"exploring ({share:.0%} of what I can reach is unknown)")
        driven = self.nav.drive(goal.xy, goal.yaw, self._noticed)
        if not driven.ok:
            self.explorer.failed(goal)
        elif driven.reason != "noticed":
            self.session.glance(np.array([*(goal.xy + 1.6 * np.array([np.cos(goal.yaw), np.sin(goal.yaw)])), 0.6]))
        return True


def glance_points(position: NDArray[np.float64], view: ObjectView | None) -> list[NDArray[np.float64]]:
    """Points Float64[3] to look at so that a whole surface is seen: `position` first, then along its longer side, nearest first."""
    position = np.asarray(position, float)
    if view is None:
        return [position]
    axis = int(np.argmax(view.size[:2]))
    n = max(1, int(np.ceil(view.size[axis] / LONG_M)))
    along = np.array([np.cos(view.yaw_rad + axis * np.pi / 2), np.sin(view.yaw_rad + axis * np.pi / 2)]) * view.size[axis]
    ground = [view.position[:2] + along * ((k + 0.5) / n - 0.5) for k in range(n)]
    base, heights = float(view.position[2] - view.size[2] / 2), [float(position[2])]
    if view.size[2] > TALL_M:  # one image does not hold a shelf from top to bottom
        heights = [base + share * float(view.size[2]) for share in (0.9, 0.4)]
    points = sorted((np.array([*xy, z]) for xy in ground for z in heights), key=lambda p: float(np.linalg.norm(p - position)))
    return points if np.linalg.norm(points[0] - position) < SAME_GLANCE_M else [position, *points]


def into(view: ObjectView) -> NDArray[np.float64] | None:
    """Unit vector Float64[2] across the boards of a shelf (its shorter side); None for what one sees well from all around."""
    if view.size[2] <= TALL_M:
        return None
    angle = view.yaw_rad + (0.0 if view.size[0] < view.size[1] else np.pi / 2)
    return np.array([np.cos(angle), np.sin(angle)])


def open_container(session: Session, nav: Navigator, view: ObjectView) -> bool:
    """Go to a container and open it; remembers that it has to be shut again."""
    if not _at_door(session, nav, view):
        return False
    result = session.call("open", view, p_map=view.position)
    if result.ok:
        session.opened |= {view.id} - session.keep_open
        session.beliefs.world.note_state(view.id, "open", "true")
    return result.ok


def close_container(session: Session, nav: Navigator, view: ObjectView) -> bool:
    """Go to a container and shut it."""
    if not _at_door(session, nav, view):
        return False
    result = session.call("close", view, p_map=view.position)
    if result.ok:
        session.opened.discard(view.id)
        session.beliefs.world.note_state(view.id, "open", "false")
    return result.ok


def _at_door(session: Session, nav: Navigator, view: ObjectView) -> bool:
    here = np.array(session.body.pose()[:2])
    if np.hypot(*(here - view.position[:2])) <= session.body.reach_m:
        return True
    return nav.reach(view.position, reach_m=session.body.reach_m + 0.15, target_radius_m=float(max(0.4, max(view.size[:2]) / 2))).ok


def explore_until(session: Session, nav: Navigator, done: Callable[[], bool]) -> bool:
    """Drive to frontiers until `done` says so (True) or nothing reachable is left unknown (False)."""
    explorer = Explorer(radius_m=session.body.radius_m)
    while not done():
        session.check()
        goal = explorer.next_goal(session.beliefs.world.grid, session.body.pose())
        if goal is None:
            return False
        driven = nav.drive(goal.xy, goal.yaw, done)
        if not driven.ok:
            explorer.failed(goal)
    return True
