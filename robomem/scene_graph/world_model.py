"""The world model: perception, belief and scene graph of one robot in one process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robomem.belief.changes import Changes
from robomem.belief.correction import MapCorrection
from robomem.belief.states import StateBelief
from robomem.belief.tracker import Tracker
from robomem.clock import NS_PER_S
from robomem.config import RobomemConfig
from robomem.errors import InvalidInputError
from robomem.ids import IdAllocator
from robomem.ontology import Ontology, default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.perception.lifting import Lifter
from robomem.scene_graph.builder import GraphBuilder
from robomem.scene_graph.foresight import Foresight
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.habits import Habits
from robomem.scene_graph.map_correction import correct
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.room_layer import RoomLayer
from robomem.scene_graph.whereabouts import CLEAR_RANGE_M, Surface, Whereabouts
from robomem.types import Detections, Event, ObjectView, Observations, PlaceProbability

ROOMS_EVERY_S = 6.0
SCATTER_EVERY_S = 4.0
SCATTER_SHARE = 0.7  # of a missing object's particles go to likely places; the rest stay where it was last seen


def _people(detections: Detections | None) -> NDArray[np.bool_] | None:
    """Pixels of people: they are no walls."""
    if detections is None or detections.masks is None or "person" not in detections.labels:
        return None
    return np.asarray(detections.masks[[label == "person" for label in detections.labels]].any(axis=0), np.bool_)


@dataclass(frozen=True)
class FrameResult:
    """What one frame changed.

    Attributes:
        object_ids: Int64[n] the object of each observation, -1 for none.
        changed: ids whose stored row is out of date.
        stage_ms: CPU milliseconds per stage.
        merged: (kept id, absorbed id) of tracks that were found to be one, those never confirmed too.
    """

    stamp_ns: int
    events: tuple[Event, ...]
    observations: Observations
    observation_ids: NDArray[np.int64]
    object_ids: NDArray[np.int64]
    changed: tuple[int, ...]
    stage_ms: Mapping[str, float]
    merged: tuple[tuple[int, int], ...] = ()


class WorldModel:
    """What is where, how sure, since when, kept current frame by frame.

    Args:
        config: all settings.  ids: object, node, event and observation ids.  rng: the only source of randomness.
        tracker: the belief's class, for comparisons of its parts.
    """

    def __init__(
        self,
        config: RobomemConfig,
        ids: IdAllocator,
        rng: np.random.Generator,
        ontology: Ontology | None = None,
        tracker: type[Tracker] = Tracker,
    ) -> None:
        self.config, self.ids = config, ids
        self.ontology = ontology or default_ontology()
        self.lifter = Lifter(config.perception)
        self.tracker = tracker(config.belief, config.perception, ids.next, rng, self.ontology)
        self.graph = SceneGraph()
        self.grid = OccupancyGrid(config.graph.grid_m, max_side_m=config.graph.grid_max_side_m, max_m2=config.graph.grid_max_m2)
        self.builder = GraphBuilder(self.graph, self.tracker, ids, config.graph, self.ontology)
        self.rooms = RoomLayer(self.graph, self.grid, ids, config.graph, self.ontology, self.builder.building, self.builder.cloud)
        self.whereabouts = Whereabouts(self.tracker, self.graph, self.ontology)
        self.foresight = Foresight(self.tracker, self.graph, self.whereabouts, self.ontology, Habits())
        self.stamp_ns = 0
        self._rng = rng
        self._rooms_ns = -(10**18)
        self._pending: tuple[Event, ...] = ()
        self._scattered_ns: dict[int, int] = {}  # missing thing -> when its particles were last drawn
        self._shifted: set[int] = set()  # objects that a correction of the map moved since the last frame
        self.corrected = 0  # id of the newest "map_corrected" event that this world has followed

    # -- one frame ---------------------------------------------------------------------------------------------------

    def step(self, frame: RgbdFrame, detections: Detections | None) -> FrameResult:
        """Fold one frame in. `None`: no detector ran; `Detections.empty()`: it ran and named nothing.

        Raises:
            InvalidInputError: the stamp is older than the last frame's, or the camera is where no map reaches; nothing is changed then.
        """
        self._admit(frame)
        start = time.process_time()
        lifted = self.lifter.lift(frame, detections) if detections is not None else None
        lifting_ms = 1000 * (time.process_time() - start)
        result = self._fold(frame, lifted, _people(detections))
        return replace(result, stage_ms={"perception": lifting_ms, **result.stage_ms})

    def step_lifted(self, frame: RgbdFrame, lifted: Observations | None, people: NDArray[np.bool_] | None = None) -> FrameResult:
        """Fold one frame in whose detections are observations in the map frame already (`None`: no detector ran).

        Args:
            people: Bool[h, w] pixels of people, who are no walls; None if there are none.

        Raises:
            InvalidInputError: as `step`.
        """
        self._admit(frame)
        return self._fold(frame, lifted, people)

    def _fold(self, frame: RgbdFrame, lifted: Observations | None, people: NDArray[np.bool_] | None) -> FrameResult:
        marks = [("start", time.process_time())]
        changes = self.tracker.step(frame, lifted)
        marks.append(("belief", time.process_time()))
        self.stamp_ns = frame.stamp_ns
        obs = lifted if lifted is not None else Observations.empty(frame.stamp_ns)
        observation_ids = np.array(self.ids.take(len(obs)), np.int64)
        evidence: dict[int, tuple[int, ...]] = {}
        for obs_id, object_id in zip(observation_ids.tolist(), changes.object_ids.tolist(), strict=True):
            evidence[object_id] = (*evidence.get(object_id, ()), obs_id)
        self.grid.update(frame, people)
        self.whereabouts.look(frame, self.builder.furniture_near(frame.T_map_camera[None, :3, 3], CLEAR_RANGE_M))
        marks.append(("grid", time.process_time()))
        for i in (*changes.gone, *(a for a, _, _ in changes.moved)):
            self.whereabouts.gone_ns[i] = frame.stamp_ns
        events, self._pending = self._pending + self.builder.update(frame.stamp_ns, changes, evidence), ()
        self._keep_rooms(frame.stamp_ns, events)
        for kept, absorbed in changes.merged:
            self.foresight.habits.merge(kept, absorbed)
        self.foresight.note(frame.stamp_ns, changes.object_ids.tolist(), (e.object_id for e in events))
        self._reinvigorate(changes)
        marks.append(("graph", time.process_time()))
        stage_ms = {name: 1000 * (t - marks[k][1]) for k, (name, t) in enumerate(marks[1:])}
        return FrameResult(
            frame.stamp_ns, events, obs, observation_ids, changes.object_ids, self._changed(changes), stage_ms, tuple(changes.merged)
        )

    def _admit(self, frame: RgbdFrame) -> None:
        if frame.stamp_ns < self.stamp_ns:
            raise InvalidInputError(
                f"{frame.camera}: stamp {frame.stamp_ns} is {(self.stamp_ns - frame.stamp_ns) / NS_PER_S:.3f} s older than the "
                "last frame; sort the stream, or open a new memory if the clock was reset"
            )
        self.grid.admit(frame)

    def _changed(self, changes: Changes) -> tuple[int, ...]:
        ids = changes.touched | set(changes.gone) | {i for i, _, _ in changes.moved} | self._shifted
        self._shifted = set()
        return tuple(sorted(i for i in ids if i in self.tracker.tracks))

    def _keep_rooms(self, stamp_ns: int, events: tuple[Event, ...]) -> None:
        if stamp_ns - self._rooms_ns > ROOMS_EVERY_S * NS_PER_S:
            self._rooms_ns = stamp_ns
            self.rooms.update(stamp_ns)
            return
        for e in events:
            node = self.graph.node(e.object_id)
            if e.kind in ("appeared", "moved") and node is not None:
                self.rooms.attach(node.id, node.position, stamp_ns)

    def refresh_rooms(self) -> None:
        """Segment and name the rooms and rebuild the places now (it is done every few seconds of itself)."""
        self.rooms.update(self.stamp_ns)
        self.rooms.update_places(self.stamp_ns)

    # -- questions ---------------------------------------------------------------------------------------------------

    def objects(self) -> list[ObjectView]:
        """Every track, furniture, agents and removed ones too; `place` is filled from the graph."""
        return [self._placed(v) for v in self.tracker.views()]

    def object(self, object_id: int) -> ObjectView | None:
        """One track by id or alias."""
        view = self.tracker.view(object_id)
        return self._placed(view) if view is not None else None

    def _placed(self, view: ObjectView) -> ObjectView:
        up = self.graph.parent(view.id)
        if up is not None:
            object.__setattr__(view, "place", up[0])  # the view was made for us a moment ago; nobody else holds it
        return view

    def furniture(self) -> list[ObjectView]:
        """Confirmed furniture as believed now."""
        return self.builder.furniture()

    @property
    def surfaces(self) -> Mapping[int, Surface]:
        """Spots of every piece of furniture that things stand on, and when each was last seen."""
        return self.whereabouts.surfaces

    def location_belief(self, query: int | str, stamp_ns: int) -> list[PlaceProbability]:
        """Where an object (id) or a kind of object (label) may be at `stamp_ns`; sums to at most one, the rest is "elsewhere"."""
        return self.foresight.belief(query, stamp_ns, self.stamp_ns, self.builder.furniture())

    # -- what others know better -------------------------------------------------------------------------------------

    def set_held(self, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> tuple[Event, ...]:
        """The gripper took the object (its pose, Float64[4, 4]) or, with None, let it go where it was last held."""
        track = self.tracker.tracks[self.tracker.resolve(object_id)]
        was = track.status == "held"
        self.tracker.set_held(object_id, T_map_gripper)
        if was == (T_map_gripper is not None):
            return ()
        events = self.builder.held(self.stamp_ns, track.id, T_map_gripper is not None)
        self._keep_rooms(self.stamp_ns, events)
        self._pending += events  # they reach the store with the next frame
        return events

    def correct_map(self, correction: MapCorrection, stamp_ns: int | None = None) -> tuple[Event, ...]:
        """The localiser corrected itself (`map -> odom` jumped): everything that hangs on the wrong poses moves, past and present.

        Ids, relations, existence and looks stay: the next frame sees every thing where it now is. The "map_corrected" event tells memory.

        Args:
            stamp_ns: when; the newest frame's stamp if not given.
        """
        events = self.builder.map_corrected(self.stamp_ns if stamp_ns is None else stamp_ns, correction)
        self.follow_map(correction, events[-1].id)
        self._pending += events  # they reach the store with the next frame
        return events

    def unwritten(self) -> tuple[tuple[Event, ...], tuple[int, ...]]:
        """Events that would reach the store with the next frame, and the ids they concern: who writes them sooner calls `written`."""
        return self._pending, tuple(sorted({*self._shifted, *(e.object_id for e in self._pending)} & self.tracker.tracks.keys()))

    def written(self) -> None:
        """What `unwritten` said is in the store."""
        self._pending, self._shifted = (), set()

    def follow_map(self, correction: MapCorrection, event_id: int) -> None:
        """Move by a correction that is on record already (a snapshot older than it was restored)."""
        self._shifted |= correct(self, correction)
        self.corrected = event_id

    def set_clock(self, stamp_ns: int) -> None:
        """The robot's clock was set back: what was believed to be seen later was seen by now. History keeps the stamps it has."""
        self.stamp_ns = self.tracker.stamp_ns = stamp_ns
        for t in self.tracker.tracks.values():
            t.first_seen_ns, t.last_seen_ns = min(t.first_seen_ns, stamp_ns), min(t.last_seen_ns, stamp_ns)
            t.last_evidence_ns = min(t.last_evidence_ns, stamp_ns)
            for belief in t.states.values():
                belief.stamp_ns = min(belief.stamp_ns, stamp_ns)
        for surface in self.surfaces.values():
            surface.seen_ns, surface.inside_ns = np.minimum(surface.seen_ns, stamp_ns), min(surface.inside_ns, stamp_ns)
        self.whereabouts.gone_ns = {i: min(ns, stamp_ns) for i, ns in self.whereabouts.gone_ns.items()}
        self.foresight.habits.set_clock(stamp_ns)
        self.grid.set_clock(stamp_ns)
        self._rooms_ns = min(self._rooms_ns, stamp_ns)
        self._scattered_ns = {i: min(ns, stamp_ns) for i, ns in self._scattered_ns.items()}

    def note_searched(self, place_id: int, stamp_ns: int) -> None:
        """The inside of a place was looked at and seen."""
        self.whereabouts.note_searched(place_id, stamp_ns)

    def note_state(self, object_id: int, name: str, value: str) -> None:
        """A state the robot knows because it made it so ("open", "true")."""
        track = self.tracker.tracks.get(self.tracker.resolve(object_id))
        if track is not None:
            track.states.setdefault(name, StateBelief.first(name, value, self.stamp_ns)).know(value, self.stamp_ns)

    def forget(self, ids: list[int]) -> None:
        """Remove tracks and nodes without a trace."""
        self.tracker.forget(ids)
        self.graph.forget(set(ids))
        self.foresight.forget(ids)
        for i in ids:
            self.whereabouts.surfaces.pop(i, None)
            self.whereabouts.gone_ns.pop(i, None)
            self._scattered_ns.pop(i, None)

    def forget_looks(self) -> None:
        """Forget when which surface was looked at, what was searched, how often what moves and habits: only the map stays."""
        self.foresight.habits.clear()
        self.whereabouts.surfaces.clear()
        self.whereabouts.gone_ns.clear()
        self.tracker.rates.load_json({})

    def _reinvigorate(self, changes: Changes) -> None:
        """Scatter what just went missing; and what is still missing anew now and then, since looks meanwhile speak against some places.

        Cost: of what has been missing for a while, one thing a frame, each at most every SCATTER_EVERY_S.
        """
        for i in dict.fromkeys((*changes.gone, *changes.released)):
            self._scatter(i)
        since = self._scattered_ns
        due = min((i for i in self.whereabouts.gone_ns if self._is_lost(i)), key=lambda i: (since.get(i, 0), i), default=None)
        if due is not None and self.stamp_ns - since.get(due, 0) >= SCATTER_EVERY_S * NS_PER_S:
            self._scatter(due)

    def _is_lost(self, object_id: int) -> bool:
        track = self.tracker.tracks.get(object_id)
        return track is not None and track.kind == "object" and track.status in ("missing", "removed")

    def _scatter(self, object_id: int) -> None:
        """Draw a share of a missing object's particles over the places where it could be now."""
        if not self._is_lost(object_id) or object_id in self.tracker.carried:
            return
        self._scattered_ns[object_id] = self.stamp_ns
        track = self.tracker.tracks[object_id]
        rows = self.location_belief(object_id, self.stamp_ns)
        weights = np.array([r.probability for r in rows])
        if weights.sum() <= 0:
            return
        table = self.tracker.table
        n = round(SCATTER_SHARE * table.particles)
        cloud = table.positions[track.row].copy()  # the others stay where it was last seen
        pick = self._rng.choice(len(rows), n, p=weights / weights.sum())
        for k, i in enumerate(pick):
            surface = self.whereabouts.surfaces.get(rows[i].place_id)
            spot = surface.spots[self._rng.integers(len(surface.spots))] if surface is not None else rows[i].position
            cloud[k] = spot + self._rng.normal(0, 0.04, 3) * (1, 1, 0.2)
        self.tracker.scatter(object_id, cloud)

    # -- durability --------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to go on after a restart, as plain arrays."""
        from robomem.scene_graph.snapshot import pack

        return pack(self)

    def restore(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Become what a snapshot says."""
        from robomem.scene_graph.snapshot import unpack

        unpack(self, arrays)
