"""Whereabouts: where something not in sight may be, from this home's history, common sense and every look that did not show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from robomem.belief.particles import look_through
from robomem.belief.tracker import Tracker
from robomem.geometry import inverse, yaw_matrix
from robomem.ontology import Ontology
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.graph import SceneGraph, Stay
from robomem.scene_graph.placements import usual_places
from robomem.types import ObjectView, PlaceProbability

TALL_M = 1.1  # open furniture higher than this has levels
SPOTS = 16  # points per surface whose last clear look is remembered
CLEAR_RANGE_M = 3.2  # a small thing further away may go unnoticed
CLEAR_RECALL = 0.8  # P(a small thing in a spot clearly looked at is noticed); misses of one viewpoint are correlated
TALL_RECALL = 0.6  # the same between the boards of a shelf
STAY_REACH_M = 0.35  # a stay this near to a piece of furniture was on it, if the graph had no relation for it
NEAR_SPOTS = 3  # of a surface, the spots whose looks count for a place where the thing stood before
ELSEWHERE = 0.08  # prior weight of "nowhere I know"
PRIOR_STAYS = 0.7  # how many observed stays the common-sense prior is worth
LEFT = 0.2  # who takes a thing from somewhere seldom puts it back on the same piece of furniture
ANYWHERE = 0.12  # weight of a surface that common sense does not name
POINT, NOTHING_UNDER = np.zeros((1, 3), np.float32), np.full(1, np.inf, np.float32)  # a spot as the shape of a thing: itself


@dataclass
class Surface:
    """Spots (Float64[SPOTS, 3], m) of one piece of furniture, and when each was last clearly seen (Int64[SPOTS] ns, -1 never)."""

    spots: NDArray[np.float64]
    seen_ns: NDArray[np.int64] = field(default_factory=lambda: np.full(SPOTS, -1, np.int64))
    inside_ns: int = -1
    size: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))


class Whereabouts:
    """Remembers looks at surfaces and turns them into place probabilities."""

    def __init__(self, tracker: Tracker, graph: SceneGraph, ontology: Ontology) -> None:
        self.tracker, self.graph, self.ontology = tracker, graph, ontology
        self.surfaces: dict[int, Surface] = {}
        self.gone_ns: dict[int, int] = {}  # object -> when its place was found empty

    def look(self, frame: RgbdFrame, furniture: list[ObjectView]) -> None:
        """Note which spots of which surfaces this frame shows clearly."""
        T = inverse(frame.T_map_camera)
        R, t = T[:3, :3].astype(np.float32), T[:3, 3].astype(np.float32)
        k = frame.intrinsics
        k32 = np.array([k.fx, k.fy, k.cx, k.cy], np.float32)
        eye = frame.T_map_camera[:3, 3]
        for f in furniture:
            if float(np.linalg.norm(f.position[:2] - eye[:2])) > CLEAR_RANGE_M + float(np.linalg.norm(f.size[:2])) / 2:
                continue
            if not self.ontology.prior(f.label).surface:
                continue
            surface = self._surface(f)
            spots = surface.spots.astype(np.float32)
            shares = look_through(spots, POINT, NOTHING_UNDER, R, t, k32, frame.depth_m, 0.05, 0.0, 1)
            near = np.linalg.norm(surface.spots - eye, axis=1) < CLEAR_RANGE_M
            clear = near & (shares[:, 0] + shares[:, 1] > 0.5)
            surface.seen_ns[clear] = frame.stamp_ns

    def _surface(self, f: ObjectView) -> Surface:
        known = self.surfaces.get(f.id)
        if known is not None and np.abs(known.size - f.size).max() < 0.10:
            return known
        surface = Surface(self._spots(f), size=f.size.copy())
        if known is not None:
            surface.seen_ns, surface.inside_ns = known.seen_ns, known.inside_ns
        self.surfaces[f.id] = surface
        return surface

    def _spots(self, f: ObjectView) -> NDArray[np.float64]:
        """Even spots just above what was seen as the top of each column of voxels; box top where there are none."""
        u = np.linspace(-0.38, 0.38, 4)
        grid = np.array([[a, b] for a in u for b in u]) * f.size[:2]
        xy = f.position[:2] + grid @ yaw_matrix(f.yaw_rad)[:2, :2].T
        prior = self.ontology.prior(f.label)
        if prior.surface and not prior.container and f.size[2] > TALL_M:  # shelves: things stand at every height, not only on top
            levels = f.position[2] + f.size[2] * (np.arange(SPOTS) % 4 * 0.25 - 0.25)
            return np.column_stack([xy, levels + 0.03])
        top = np.full(SPOTS, f.position[2] + f.size[2] / 2)
        track = self.tracker.tracks.get(f.id)
        if track is not None and track.body is not None and len(track.body.keys) > 20:
            voxels = track.body.points()
            for i in range(SPOTS):
                close = np.abs(voxels[:, :2] - xy[i]).max(axis=1) < 0.12
                if close.any():
                    top[i] = voxels[close, 2].max()
        return np.column_stack([xy, top + 0.05])

    def note_searched(self, place_id: int, stamp_ns: int) -> None:
        """The robot looked into (an opened) place and saw all of it."""
        surface = self.surfaces.get(self.graph.resolve(place_id))
        if surface is not None:
            surface.inside_ns = stamp_ns

    def looked_ns(self, place_id: int) -> int | None:
        """When most of a surface was last seen clearly, None if never."""
        surface = self.surfaces.get(place_id)
        if surface is None:
            return None
        stamp = int(np.median(surface.seen_ns))
        return stamp if stamp >= 0 else None

    # -- probabilities -----------------------------------------------------------------------------------------------

    def distribution(
        self,
        label: str,
        object_id: int | None,
        stamp_ns: int,
        furniture: list[ObjectView],
        usual: Mapping[tuple[int, str], float] = MappingProxyType({}),
    ) -> list[PlaceProbability]:
        """Where a thing of this label (this object, if known) is if it is not where it was last seen; sums to less than one.

        weight(place) = stays seen there + PRIOR_STAYS * (common sense and counted placements), times the chance that it
        escaped every look at the place.

        Args:
            stamp_ns: when; of a time to come, looks until now say the less the longer its kind has to move meanwhile.
            usual: (holder, relation) -> what habits say of this time; their sum, at most 1, is how much they count beside the rest.
        """
        rows: list[PlaceProbability] = []
        left_over, others = dict(usual), 1.0 - sum(usual.values())
        ahead = self.tracker.rates.survival(label, self.ontology.prior(label).moves_every_h, stamp_ns - self.tracker.stamp_ns)
        stays, left = self._stays(object_id, furniture)
        prior = self.ontology.prior(label)
        sense = usual_places(label, ((f.id, f.label) for f in furniture), self.ontology, ANYWHERE)
        count = sum(n for n, _ in stays.values())
        for f in furniture:
            p = self.ontology.prior(f.label)
            if not (p.surface or p.container):
                continue
            shares = [("on", 0.5 if p.container else 1.0)] if p.surface else []
            shares += [("inside", 0.5 if p.surface else 1.0)] if p.container else []
            for relation, share in shares:
                seen, spot = stays.get((f.id, relation), (0.0, None))
                weight = (seen + PRIOR_STAYS * share * sense[f.id]) / (count + PRIOR_STAYS)
                why = f"seen there {seen:g} times before" if seen else "usual for its kind" if prior.at.get(f.label) else "any surface"
                escaped = 1.0 - ahead * (1.0 - self._escaped(f, relation, object_id, label, stamp_ns, spot))
                habit = left_over.pop((f.id, relation), 0.0)
                weight = others * weight * (LEFT if (f.id, relation) == left else 1.0) + habit
                rows.append(self._row(f, relation, weight * escaped, "usual at this time" if 2 * habit > weight else why, spot))
        rows += [row for place, p in left_over.items() if (row := self._other_row(place, p)) is not None]
        mass = sum(r.probability for r in rows) + ELSEWHERE
        scaled = [r for r in rows if r.probability > 0]
        scaled.sort(key=lambda r: (-r.probability, r.place_id, r.relation))
        return [replace(r, probability=r.probability / mass) for r in scaled]

    def _other_row(self, place: tuple[int, str], probability: float) -> PlaceProbability | None:
        """A place that is no furniture to search: the floor of a room, another thing."""
        node = self.graph.node(place[0])
        if node is None or node.to_ns is not None:
            return None
        room = self.graph.node(self.graph.room_of(node.id) or -1)
        return PlaceProbability(
            node.id, node.label, room.label if room else "", node.position, probability, place[1], why="usual at this time"
        )

    def _row(self, f: ObjectView, relation: str, probability: float, why: str, spot: NDArray[np.float64] | None) -> PlaceProbability:
        room = self.graph.room_of(f.id)
        name = self.graph.node(room) if room is not None else None
        open_state = f.states.get("open", ("false", 1.0))[0] == "true"
        surface = self.surfaces.get(f.id)
        height = float(np.median(surface.spots[:, 2])) if surface is not None else float(f.position[2] + f.size[2] / 2)
        middle = np.array([f.position[0], f.position[1], height if relation == "on" else f.position[2]])
        position = middle if spot is None or relation == "inside" else spot.copy()
        return PlaceProbability(
            f.id,
            f.label,
            name.label if name else "",
            position,
            probability,
            relation,
            relation == "inside" and self.ontology.prior(f.label).openable,
            open_state,
            self.looked_ns(f.id),
            why,
        )

    def _stays(
        self, object_id: int | None, furniture: list[ObjectView]
    ) -> tuple[dict[tuple[int, str], tuple[float, NDArray[np.float64]]], tuple[int, str] | None]:
        """What history says of an object's places, its present stay left out.

        Returns:
            (holder, relation) -> how often it was seen to stay there and where exactly the last time (Float64[3], m);
            the place that it was last taken from, if it is missing now.
        """
        out: dict[tuple[int, str], tuple[float, NDArray[np.float64]]] = {}
        last = None
        for stay in self.graph.stays.get(object_id, []) if object_id is not None else ():
            if stay.to_ns is None:
                continue
            last = self._place_of(object_id, stay, furniture) or last
            if last is not None:
                out[last] = (out.get(last, (0.0, stay.position))[0] + 1.0, stay.position)
        track = self.tracker.tracks.get(object_id) if object_id is not None else None
        gone = track is not None and track.status in ("missing", "removed")
        return out, last if gone else None

    def _place_of(self, object_id: int | None, stay: Stay, furniture: list[ObjectView]) -> tuple[int, str] | None:
        """(holder, relation) of a past stay: the relation that held longest meanwhile, else the furniture it stood at."""
        best: tuple[int, str] | None = None
        longest = 0
        for r in self.graph.relations_of(object_id) if object_id is not None else ():
            if r.predicate in ("on", "inside") and stay.to_ns is not None:
                shared = min(r.to_ns if r.to_ns is not None else stay.to_ns, stay.to_ns) - max(r.from_ns, stay.from_ns)
                if shared > longest:
                    best, longest = (r.object, r.predicate), shared
        if best is not None and any(f.id == best[0] for f in furniture):
            return best
        near = [(_beside(f, stay.position), f.id) for f in furniture if self.ontology.prior(f.label).surface]
        beside = min(near, default=(np.inf, -1))
        return (beside[1], "on") if beside[0] <= STAY_REACH_M else best

    def _escaped(
        self, f: ObjectView, relation: str, object_id: int | None, label: str, stamp_ns: int, spot: NDArray[np.float64] | None = None
    ) -> float:
        """P(no look so far would have shown it | it is there now).

        A look before the thing arrived says nothing. Of an object found gone, the move happened some time between its last
        sighting and that look, so an earlier look counts by the share of that span before it; of one only known by label, by
        how rarely its kind moves.
        """
        surface = self.surfaces.get(f.id)
        if surface is None:
            return 1.0
        stamps = surface.seen_ns if relation == "on" else np.array([surface.inside_ns])
        seen = stamps >= 0
        if not seen.any():
            return 1.0
        track = self.tracker.tracks.get(object_id) if object_id is not None else None
        if track is not None:
            start = track.last_seen_ns
            end = max(self.gone_ns.get(track.id, stamp_ns), start + 1)
            present = np.clip((stamps - start) / (end - start), 0.0, 1.0)
        else:
            rate = self.tracker.rates.rate_per_h(label, self.ontology.prior(label).moves_every_h)
            present = np.exp(-rate * np.maximum(stamp_ns - stamps, 0) / 3.6e12)
        recall = TALL_RECALL if relation == "on" and f.size[2] > TALL_M else CLEAR_RECALL
        return float(np.mean(1.0 - recall * np.where(seen, present, 0.0)))


def _beside(f: ObjectView, point: NDArray[np.float64]) -> float:
    """Ground distance (m) of a point to a piece of furniture's box; infinite if it is not at a height that the furniture could hold."""
    half = f.size / 2
    if not f.position[2] - half[2] - 0.05 <= point[2] <= f.position[2] + half[2] + 0.3:
        return float("inf")
    local = (point[:2] - f.position[:2]) @ yaw_matrix(f.yaw_rad)[:2, :2]
    return float(np.linalg.norm(np.maximum(np.abs(local) - half[:2], 0.0)))
