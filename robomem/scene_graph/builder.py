"""The builder: what the tracker changed becomes nodes, relations, stays and events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.belief.carried import TAKEN
from robomem.belief.changes import Changes
from robomem.belief.correction import MapCorrection
from robomem.belief.roster import Roster
from robomem.belief.tracker import Tracker
from robomem.config import GraphConfig
from robomem.ids import IdAllocator
from robomem.ontology import Ontology
from robomem.scene_graph.events import EventLog
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.nearness import Nearness
from robomem.scene_graph.relations import supports
from robomem.scene_graph.shown import Shown
from robomem.types import Event, ObjectView

HOLDER_REACH_M = 0.6  # furniture further from a thing's particles than this cannot hold it
FURNITURE_GROWS_M = 1.0  # a box that grows by new views shifts its centre by less than this; beyond, it was moved


class GraphBuilder:
    """Keeps one scene graph in step with one tracker."""

    def __init__(self, graph: SceneGraph, tracker: Tracker, ids: IdAllocator, config: GraphConfig, ontology: Ontology) -> None:
        self.graph, self.tracker, self.config, self.ontology = graph, tracker, config, ontology
        self._log = EventLog(ids)
        self._shown = Shown()
        self._ids = ids
        self._furniture: tuple[list[int], NDArray[np.int64]] = [], np.zeros(0, np.int64)
        self._made_of: tuple[Roster, int, int] | None = None  # which tracks and nodes that was
        self.nearness = Nearness(graph, tracker)
        self.building = ids.next()
        self.robot = ids.next()
        origin = np.zeros(3)
        graph.put(Node(self.building, "building", "home", origin, origin))
        graph.put(Node(self.robot, "agent", "robot", origin, np.array([0.5, 0.5, 1.3])))

    def furniture(self) -> list[ObjectView]:
        """Confirmed furniture as believed now."""
        views = (self.tracker.view(n.id) for n in self.graph.nodes("furniture"))
        return [v for v in views if v is not None]

    def furniture_near(self, points: NDArray[np.floating], reach_m: float) -> list[ObjectView]:
        """Confirmed furniture of which some part is within `reach_m` on the ground of the rectangle around Float[k, 2 or 3] points (m).

        Cost: one view for each piece there, not for each piece of the home.
        """
        ids, rows = self._furniture_rows()
        if not ids or len(points) == 0:
            return []
        mean, half = self.tracker.table.mean[rows, :2], np.linalg.norm(self.tracker.table.size[rows, :2], axis=1) / 2 + reach_m
        low, high = np.min(points, axis=0)[:2] - half[:, None], np.max(points, axis=0)[:2] + half[:, None]
        near = ((mean >= low) & (mean <= high)).all(axis=1)
        views = (self.tracker.view(ids[k]) for k in np.flatnonzero(near).tolist())
        return [v for v in views if v is not None]

    def _furniture_rows(self) -> tuple[list[int], NDArray[np.int64]]:
        """Ids of all confirmed furniture and their rows of the track table; looked up anew when a piece or a track came or went."""
        tracks = self.tracker.tracks
        made_of = (tracks, tracks.version, self.graph.layer_revision["furniture"])
        if self._made_of is None or self._made_of[0] is not tracks or self._made_of[1:] != made_of[1:]:
            known = [t for n in self.graph.nodes("furniture") if (t := tracks.get(n.id)) is not None]
            self._made_of = made_of
            self._furniture = [t.id for t in known], np.array([t.row for t in known], np.int64)
        return self._furniture

    def cloud(self, object_id: int) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
        """Position particles Float32[P, 3] (map frame, m) of a thing and their weights Float64[P], sum one; None for what has none."""
        track = self.tracker.tracks.get(object_id)
        return None if track is None else self._cloud(track.row)

    def _cloud(self, row: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        weights = np.exp(self.tracker.table.log_weights[row].astype(np.float64))
        return self.tracker.table.positions[row], weights / weights.sum()

    def update(self, stamp_ns: int, changes: Changes, evidence: dict[int, tuple[int, ...]]) -> tuple[Event, ...]:
        """Fold one frame's changes into the graph and return the events.

        Args:
            evidence: object id -> observation ids of this frame.
        """
        for kept, absorbed in changes.merged:
            self._merge(stamp_ns, kept, absorbed, evidence.get(kept, ()))
        for i in changes.confirmed:
            self._appear(stamp_ns, i, evidence.get(i, ()))
        for source, part in changes.split:
            self._split(stamp_ns, source, part, evidence.get(part, ()))
        for i, before, after in changes.moved:
            self._move(stamp_ns, i, before, after, evidence.get(i, ()), changes.arrived.get(i, stamp_ns))
        takers = dict(changes.carried)
        for i in changes.gone:
            self._go(stamp_ns, i, evidence.get(i, ()), takers.pop(i, None))
        for i, agent in takers.items():
            self._carry(stamp_ns, i, agent, evidence.get(i, ()))
        for i in changes.returned:
            self._appear(stamp_ns, i, evidence.get(i, ()), again=True)
        for i, name, old, new in changes.states:
            self._state(stamp_ns, i, name, old, new, evidence.get(i, ()))
        self._refresh_touched(stamp_ns, changes, evidence)
        self.nearness.update(stamp_ns, changes.touched | set(changes.gone))
        return self._log.collect()

    def held(self, stamp_ns: int, object_id: int, holding: bool) -> tuple[Event, ...]:
        """The robot took the object, or let go of it where it is believed to be."""
        view = self.tracker.view(object_id)
        if view is None or self.graph.node(view.id) is None:
            return ()
        before = {"position": view.position.round(4).tolist(), "place": self.graph.describe(view.id)}
        if holding:
            self.graph.end(view.id, stamp_ns)
            self.graph.end_stay(view.id, stamp_ns)
            self.graph.relate(view.id, "held_by", self.robot, 1.0, stamp_ns)
            after: dict[str, Any] = {"held_by": "robot"}
            self._log.add(stamp_ns, "relation_changed", view.id, before, after, (), view.existence, view.label)
        else:
            self.graph.end(view.id, stamp_ns, ("held_by",))
            self._place(stamp_ns, view)
            self._log.add(stamp_ns, "moved", view.id, {"held_by": "robot"}, self._where(view), (), view.existence, view.label)
        return self._log.collect()

    def _place(self, stamp_ns: int, view: ObjectView) -> None:
        self.graph.begin_stay(view.id, stamp_ns, view.position)
        track = self.tracker.tracks.get(view.id)
        if track is not None:
            track.anchor = view.position.copy()
        self._refresh(stamp_ns, view.id, self._furniture_at(view), ())

    def map_corrected(self, stamp_ns: int, correction: MapCorrection) -> tuple[Event, ...]:
        """The home as a whole stands elsewhere in the map; the event says where, so that memory moves the past alike."""
        self._log.add(stamp_ns, "map_corrected", self.building, {}, correction.to_json(), (), 1.0, "home")
        return self._log.collect()

    # -- one change each ---------------------------------------------------------------------------------------------

    def _where(self, view: ObjectView) -> dict[str, Any]:
        up = self.graph.parent(view.id)
        return {"position": view.position.round(4).tolist(), "place": self.graph.describe(view.id), "place_id": up[0] if up else None}

    def _appear(self, stamp_ns: int, i: int, evidence: tuple[int, ...], again: bool = False) -> None:
        view = self.tracker.view(i)
        if view is None:
            return
        self._put(view, stamp_ns)
        self.graph.end(view.id, stamp_ns, ("held_by",))
        self.graph.begin_stay(view.id, stamp_ns if again else view.first_seen_ns, view.position)
        self._attach(stamp_ns, view, self._furniture_at(view), evidence, quiet=True)
        before = {"again": True} if again else {}
        since = {} if again else {"since_ns": view.first_seen_ns}
        self._log.add(stamp_ns, "appeared", view.id, before, self._where(view) | since, evidence, view.existence, view.label)

    def _move(
        self,
        stamp_ns: int,
        i: int,
        before: NDArray[np.float64],
        after: NDArray[np.float64],
        evidence: tuple[int, ...],
        since_ns: int | None = None,
    ) -> None:
        view = self.tracker.view(i)
        if view is None:
            return
        old = {"position": np.round(before, 4).tolist(), **self._last_place(view.id)}
        self.graph.end(view.id, stamp_ns)
        self._put(view, stamp_ns)
        self.graph.begin_stay(view.id, stamp_ns, after)
        self._attach(stamp_ns, view, self._furniture_at(view), evidence, quiet=True)
        since = {} if since_ns is None or since_ns >= stamp_ns else {"since_ns": since_ns}
        self._log.add(stamp_ns, "moved", view.id, old, self._where(view) | since, evidence, view.existence, view.label)

    def _furniture_at(self, view: ObjectView) -> list[ObjectView]:
        return self.furniture_near(self.tracker.particles(view.id), HOLDER_REACH_M)

    def _last_place(self, i: int) -> dict[str, Any]:
        held = [r for r in self.graph.relations_of(i) if r.predicate in ("on", "inside")]
        if not held:
            return {}
        last = max(held, key=lambda r: (r.to_ns is None, r.to_ns or 0, r.from_ns))
        return {"place": self.graph.describe(i, at_ns=last.from_ns), "place_id": last.object}

    def _go(self, stamp_ns: int, i: int, evidence: tuple[int, ...], agent: int | None) -> None:
        view = self.tracker.view(i)
        if view is None or self.graph.node(i) is None:
            return
        before, after = self._where(view), {}
        self.graph.gone(i, stamp_ns)
        if agent is not None:  # softly: someone was within reach
            self.graph.relate(i, "held_by", agent, TAKEN, stamp_ns)
            after = self._taker(agent) | {"probability": TAKEN}
        self._log.add(stamp_ns, "removed", i, before, after, evidence, view.existence, view.label)

    def _carry(self, stamp_ns: int, i: int, agent: int, evidence: tuple[int, ...]) -> None:
        """Seen in someone's hand: it has no place until it lies still."""
        view = self.tracker.view(i)
        if view is None or self.graph.node(i) is None:
            return
        before = self._where(view)
        self.graph.end(i, stamp_ns)
        self.graph.end_stay(i, stamp_ns)
        self.graph.relate(i, "held_by", agent, 1.0, stamp_ns)
        self._log.add(stamp_ns, "relation_changed", i, before, self._taker(agent), evidence, view.existence, view.label)

    def _taker(self, agent: int) -> dict[str, Any]:
        view = self.tracker.view(agent)
        return {"held_by": view.label if view is not None else "person", "agent_id": agent}

    def _split(self, stamp_ns: int, source: int, part: int, evidence: tuple[int, ...]) -> None:
        view = self.tracker.view(source)
        if view is not None and self.graph.node(source) is not None:
            self._log.add(stamp_ns, "split", source, {"id": source}, {"id": part}, evidence, view.existence, view.label)

    def _state(self, stamp_ns: int, i: int, name: str, old: str, new: str, evidence: tuple[int, ...]) -> None:
        view = self.tracker.view(i)
        if view is not None and self.graph.node(i) is not None:
            self._log.add(stamp_ns, "state_changed", i, {name: old}, {name: new}, evidence, view.existence, view.label)

    def _merge(self, stamp_ns: int, kept: int, absorbed: int, evidence: tuple[int, ...]) -> None:
        known = self.graph.node(absorbed)
        self.graph.alias(absorbed, kept, stamp_ns)
        if known is not None:
            self._log.add(stamp_ns, "merged", kept, {"id": absorbed}, {"id": kept}, evidence, 1.0, known.label)

    # -- refreshing --------------------------------------------------------------------------------------------------

    def _refresh_touched(self, stamp_ns: int, changes: Changes, evidence: dict[int, tuple[int, ...]]) -> None:
        """Bring the nodes of touched tracks up to date, those whose belief differs from what the graph shows of them.

        Most of what is in view was seen a frame ago and has not changed: it costs one comparison. A piece of furniture that changed
        may hold what stands on it otherwise, so then all are refreshed.
        """
        tracks = [t for t in (self.tracker.tracks.get(i) for i in sorted(changes.touched)) if t is not None]
        changed = self._shown.differing(tracks, self.tracker.table)
        moved = {*changes.confirmed, *changes.gone, *changes.returned, *(i for i, _, _ in changes.moved), *(i for i, _ in changes.merged)}
        if any(t.kind == "furniture" for t in changed) or any(self._is_furniture(i) for i in moved):
            changed = tracks
        known = {t.id for t in changed}
        changed += [t for t in tracks if t.id not in known and t.id in changes.released]
        if not changed:
            return
        furniture = self.furniture_near(self.tracker.table.mean[[t.row for t in changed]], HOLDER_REACH_M)
        for t in changed:
            self._refresh(stamp_ns, t.id, furniture, evidence.get(t.id, ()))

    def _is_furniture(self, i: int) -> bool:
        node = self.graph.node(i)
        return node is not None and node.layer == "furniture"

    def _put(self, view: ObjectView, stamp_ns: int) -> None:
        old = self.graph.node(view.id)
        attributes = {
            "existence": round(view.existence, 4),
            "status": view.status,
            "color": view.color,
            "states": {k: v[0] for k, v in view.states.items()},
            "support": view.support,
        }
        start = old.from_ns if old is not None else view.first_seen_ns
        end = stamp_ns if view.status in ("missing", "removed") else None
        layer = {"furniture": "furniture", "agent": "agent"}.get(view.kind, "object")
        if old is not None and end is not None:
            end = old.to_ns if old.to_ns is not None else end
        self.graph.put(Node(view.id, layer, view.label, view.position, view.size, view.yaw_rad, attributes, start, end))

    def _refresh(self, stamp_ns: int, i: int, furniture: list[ObjectView], evidence: tuple[int, ...]) -> None:
        """Bring one known node up to date: attributes, its holder, and a move that happened within the gate."""
        view = self.tracker.view(i)
        if view is None or self.graph.node(view.id) is None:
            return
        self._put(view, stamp_ns)
        track = self.tracker.tracks[view.id]
        if view.status == "missing" and view.id not in self.tracker.carried:
            self.graph.end(view.id, stamp_ns, ("held_by",))  # who took it has left: it may be anywhere
        if view.status not in ("confirmed", "occluded") or view.kind == "agent":
            return
        if view.id in self.tracker.carried:
            return
        up = self.graph.parent(view.id)
        if up is not None and up[1] == "held_by":  # put down by who had it
            self._move(stamp_ns, view.id, track.anchor.copy(), view.position, evidence)
            self.tracker.rates.watched(view.label, 0.0, moves=1)
            track.anchor = view.position.copy()
            return
        limit = FURNITURE_GROWS_M if view.kind == "furniture" else max(self.config.moved_m, 0.7 * float(np.max(view.size)))
        if float(np.linalg.norm(view.position - track.anchor)) > limit:
            self._move(stamp_ns, view.id, track.anchor.copy(), view.position, evidence)
            self.tracker.rates.watched(view.label, 0.0, moves=1)
            track.anchor = view.position.copy()
            return
        if view.kind == "furniture":
            track.anchor = view.position.copy()
        self.graph.refine_stay(view.id, view.position)
        if view.kind == "object":
            self._attach(stamp_ns, view, furniture, evidence, quiet=False)

    def _attach(self, stamp_ns: int, view: ObjectView, furniture: list[ObjectView], evidence: tuple[int, ...], quiet: bool) -> None:
        """Say what holds an object, with hysteresis: a new holder must be likely and the old one unlikely."""
        if view.kind != "object":
            return
        track = self.tracker.tracks[view.id]
        cloud, weights = self._cloud(track.row)
        found = supports(cloud, weights, float(view.size[2]), [f for f in furniture if f.id != view.id], self.ontology)
        old = self.graph.parent(view.id)
        by_holder = {(s.holder, s.predicate): s.probability for s in found}
        if old is not None and old[1] in ("on", "inside") and by_holder.get(old, 0.0) > 0.3:
            self.graph.relate(view.id, old[1], old[0], by_holder[old], stamp_ns)
            return
        if not found or found[0].probability < 0.5:
            if old is not None and old[1] in ("on", "inside"):
                self.graph.end(view.id, stamp_ns, ("on", "inside"))
            return
        best = found[0]
        before = self.graph.describe(view.id)
        self.graph.end(view.id, stamp_ns, ("on", "inside", "part_of", "held_by"))
        start = stamp_ns if old is not None else max(view.first_seen_ns, self._stay_start(view.id, stamp_ns))
        self.graph.relate(view.id, best.predicate, best.holder, best.probability, start)
        if old is not None and not quiet and old[1] in ("on", "inside") and old[0] != best.holder:
            self._log.add(
                stamp_ns,
                "relation_changed",
                view.id,
                {"place": before, "place_id": old[0]},
                self._where(view),
                evidence,
                view.existence,
                view.label,
            )

    def _stay_start(self, i: int, default: int) -> int:
        stays = self.graph.stays.get(i)
        return stays[-1].from_ns if stays else default
