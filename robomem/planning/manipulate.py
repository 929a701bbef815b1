"""Picking and setting down with closed eyes avoided: approach, look, act, look again, and try differently when it fails."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import pose2d
from robomem.planning import paths
from robomem.planning.navigate import Navigator
from robomem.planning.session import Session
from robomem.planning.spots import free_spots, inside_spots
from robomem.skills.skill import OUT_OF_REACH, SkillResult
from robomem.types import ObjectView

NOT_THERE = "it is not there any more"
PLACE_TRIES = 5
JUST_NOW_NS = 3_000_000_000
FRESH_NS = 20_000_000_000  # a sighting older than this is looked at again before the hand goes there
PROVEN_M = (0.5, 2.2)  # ground distance to a thing within which a remembered viewpoint is worth going to
COMFORT_M = 0.08  # stand this much nearer than the arm could reach at most


@dataclass
class Attempted:
    """What was tried in vain for one thing or place."""

    stands: list[NDArray[np.float64]] = field(default_factory=list)
    spots: list[NDArray[np.float64]] = field(default_factory=list)


class Manipulator:
    """Hand work of one task."""

    def __init__(self, session: Session, navigator: Navigator) -> None:
        self.session, self.nav = session, navigator

    def see(self, view: ObjectView) -> bool:
        """Go to where the thing should be in sight and look; False (and noted) if it is not there."""
        session = self.session
        began = session.body.now_ns()
        if view.status == "confirmed" and view.last_seen_ns > max(session.books.start_ns, began - JUST_NOW_NS):
            return True  # the search has ended with it in sight: whoever reaches for it looks once more from there
        driven = self._to_where_it_was_seen_from(view, began)
        if not driven.ok:
            driven = self.nav.view(view.position, until=lambda: self._settled(view.id, began))
        if not driven.ok:
            return False
        looked: list[NDArray[np.float64]] = []
        for _ in range(2):
            if self._seen(view.id, began):
                return True
            now = session.beliefs.view(view.id)
            if now is None or now.status in ("missing", "removed"):
                break
            since = session.glance(view.position)
            looked.append(np.array(session.body.pose()[:2]))
            if self._seen(view.id, since):
                return True
            # A second look from elsewhere: what hides it, or fools the detector, here need not do so there.
            if not self.nav.view(view.position, avoid=looked).ok:
                break
        session.missed[view.id] = session.body.now_ns()
        return False

    def _to_where_it_was_seen_from(self, view: ObjectView, began_ns: int) -> SkillResult:
        """Drive to where memory has seen it from: a shelf board that hides it from the nearest free spot need not hide it from there."""
        eye = view.seen_from
        if eye is None or not PROVEN_M[0] <= float(np.hypot(*(eye - view.position)[:2])) <= PROVEN_M[1]:
            return SkillResult(False, "never seen from near")
        yaw = float(np.arctan2(*(view.position - eye)[1::-1]))
        return self.nav.drive(eye[:2], yaw, lambda: self._settled(view.id, began_ns), tolerance_m=0.3)

    def _seen(self, thing: int, since_ns: int) -> bool:
        view = self.session.beliefs.view(thing)
        return view is not None and view.last_seen_ns >= since_ns and view.status not in ("missing", "removed")

    def _settled(self, thing: int, since_ns: int) -> bool:
        """Nothing more to drive for: it shows, or its empty place does."""
        view = self.session.beliefs.view(thing)
        return view is None or view.status in ("missing", "removed") or self._seen(thing, since_ns)

    def pick(self, thing: int) -> SkillResult:
        """Grasp a thing; after a failure look again, re-estimate and retry."""
        session, tried = self.session, Attempted()
        result = SkillResult(False, NOT_THERE)
        for attempt in range(session.config.pick_retries + 1):
            view = session.beliefs.view(thing)
            if view is None or view.status in ("missing", "removed"):
                session.missed[thing] = session.body.now_ns()
                return SkillResult(False, NOT_THERE)
            stood = self._within_reach(view.position, tried)
            if not stood.ok:
                return result if attempt else stood
            since = session.glance(view.position)
            view = session.beliefs.view(thing) or view
            fresh = view.last_seen_ns >= since - (0 if attempt else FRESH_NS)
            if not fresh:
                session.missed[thing] = session.body.now_ns()
                return SkillResult(False, NOT_THERE)
            result = session.call("pick", view, p_map=view.position, size_m=view.size)
            if result.ok and session.body.holding():
                session.held = thing
                session.carry()
                return result
            session.say(f"grasp failed ({result.reason or 'the fingers closed on nothing'}); looking again")
            if result.reason == OUT_OF_REACH:
                tried.stands.append(np.array(session.body.pose()[:2]))
            if result.reason.startswith("refused"):
                return result
        return SkillResult(False, result.reason or "the fingers closed on nothing")

    def _within_reach(self, target: NDArray[np.float64], tried: Attempted) -> SkillResult:
        """Stand where the hand reaches a point, elsewhere than where it was tried in vain."""
        here = np.array(self.session.body.pose()[:2])
        near = np.hypot(*(here - target[:2])) <= self.session.body.reach_m - COMFORT_M
        if near and all(np.hypot(*(here - s)) > 0.2 for s in tried.stands):
            return SkillResult(True)
        for reach in (self.session.body.reach_m - COMFORT_M, self.session.body.reach_m):
            stood = self.nav.reach(target, reach, avoid=tried.stands)
            if stood.ok or stood.reason != "no place to stand within reach":
                return stood
        return SkillResult(False, "no place to stand within reach")

    def place(self, furniture: ObjectView, relation: str) -> SkillResult:
        """Set down what is held on (or in) a piece of furniture, on a spot that memory believes free; another spot when it is taken."""
        session, tried = self.session, Attempted()
        result = SkillResult(False, f"no free spot {'in' if relation == 'inside' else 'on'} the {furniture.label}")
        for _ in range(PLACE_TRIES):
            spot = self._spot(furniture, relation, tried)
            if spot is None:
                return result
            stood = self._within_reach(spot, tried)
            if not stood.ok:
                tried.spots.append(spot)
                result = stood
                continue
            result = session.call("place", furniture, p_map=spot)
            if result.ok and not session.body.holding():
                self._let_go(spot)
                return result
            session.say(f"could not set it down there ({result.reason}); trying another spot")
            tried.spots.append(spot)
            if result.reason.startswith("refused"):
                return result
            session.glance(spot)
        return result

    def _size(self) -> NDArray[np.float64]:
        view = self.session.beliefs.view(self.session.held) if self.session.held is not None else None
        return view.size if view is not None else np.full(3, 0.12)

    def _spot(self, furniture: ObjectView, relation: str, tried: Attempted) -> NDArray[np.float64] | None:
        """The best free spot that the hand can reach from somewhere."""
        session = self.session
        resting = [v for v in session.beliefs.resting_on(furniture) if v.id != session.held]
        here = np.array(session.body.pose()[:2])
        if relation == "inside":
            spots = inside_spots(furniture, resting, self._size(), here, tried.spots)
        else:
            spots = free_spots(furniture, resting, self._size(), here, tried.spots)
        reach = session.body.reach_m - COMFORT_M
        field, body, grid = self.nav.field(), session.body, session.beliefs.world.grid
        for spot in spots[:: max(1, len(spots) // 40)]:
            if (
                np.hypot(*(here - spot[:2])) <= reach
                or paths.standing_point(grid, spot, reach, body.radius_m, here, travel=field, avoid_xy=tried.stands) is not None
            ):
                return spot
        return None

    def _let_go(self, spot: NDArray[np.float64]) -> None:
        """Tell memory where the thing was set down, and look at it there."""
        session, thing = self.session, self.session.held
        session.held = None
        if thing is not None:
            view = session.beliefs.view(thing)
            half = float(view.size[2]) / 2 if view is not None else 0.05
            rest = np.asarray(pose2d(float(spot[0]), float(spot[1]), 0.0, float(spot[2]) + half), np.float64)
            session.beliefs.world.set_held(thing, rest)
            session.beliefs.world.set_held(thing, None)
        session.glance(spot)
