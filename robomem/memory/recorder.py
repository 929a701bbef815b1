"""The recorder: what one frame changed in the world becomes rows. The only path by which observations reach the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from robomem.clock import NS_PER_S, SystemClock
from robomem.errors import InvalidInputError
from robomem.memory.corrections import Correction, Doubt
from robomem.memory.place_memory import PlaceMemory
from robomem.memory.records import PlaceWords
from robomem.memory.remap import Remapper
from robomem.memory.short_term import ShortTermMemory
from robomem.memory.spatial import GONE, Sighting, SpatialHistory
from robomem.memory.store import Store
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.world_model import FrameResult
from robomem.types import Event, ObjectView

GRAPH_EVERY_S = 2.0  # rooms, places and relation probabilities are written this often; what an event names, at once
GLIMPSE_EVERY_S = 60.0  # place memory takes in a thing that stays where it is this often
SNAPSHOT_EVERY_S = 60.0
SNAPSHOT_AFTER_NEWS_S = 10.0  # sooner when something appeared or merged: a crash must not give it a second id
SAME_TIME_NS = 3600 * NS_PER_S  # stamps nearer than this to the wall clock are wall-clock stamps
P_STEP = 0.05  # a relation whose probability changed by less is not rewritten


class Recorder:
    """Writes frames. Holds no truth of its own but what was written last, to write only what changed."""

    def __init__(self, store: Store, history: SpatialHistory, short_term: ShortTermMemory, remapper: Remapper) -> None:
        self._store, self._history, self._short_term, self.remapper = store, history, short_term, remapper
        self.place_memory = PlaceMemory(every_s=GLIMPSE_EVERY_S)
        self.corrections: dict[int, Correction] = store.corrections()
        self._doubt = Doubt()
        self._lost_groups = store.lost_groups
        self._nodes: dict[int, tuple[Any, ...]] = {}
        self._relations: dict[tuple[int, str, int, int], tuple[Any, ...]] = {}
        self._graph_ns = self._snapshot_ns = -(1 << 62)
        self._news = False
        self._held = {view.id for view, _ in store.objects().values() if view.status == "held"}
        self._roomless: list[tuple[Event, int | None, int | None]] = []

    def commit(self, result: FrameResult, views: Sequence[ObjectView], graph: SceneGraph) -> None:
        """Write one frame.

        Args:
            views: the objects of `result.changed`.
            graph: for places in words and for nodes and relations.
        """
        stamp = result.stamp_ns
        if self._store.lost_groups != self._lost_groups:  # nodes and relations that were told may not be on record: tell all again
            self._lost_groups = self._store.lost_groups
            self._nodes, self._relations, self._graph_ns, self._news = {}, {}, -(1 << 62), True
        if not self._store.get_meta("time"):
            near = abs(SystemClock().now_ns() - stamp) < SAME_TIME_NS
            self._store.put_meta("time", "wall" if near else "recorded")
        for event in result.events:
            if event.kind == "map_corrected":
                self._follow(event)
        self._put_events([e for e in result.events if e.kind != "map_corrected"], graph)
        for kept, absorbed in result.merged:  # no event tells of one that was never confirmed; its sightings count all the same
            if self._store.resolve(absorbed) != self._store.resolve(kept):
                self._merge(kept, absorbed, stamp)
        seen: dict[int, list[int]] = {}
        for observation, thing in zip(result.observation_ids.tolist(), result.object_ids.tolist(), strict=True):
            seen.setdefault(thing, []).append(observation)
        moved = {e.object_id for e in result.events if e.kind == "moved" or "held_by" in e.after}
        moved |= {v.id for v in views if (v.status == "held") != (v.id in self._held)}
        self._held = {*(self._held - {v.id for v in views}), *(v.id for v in views if v.status == "held")}
        since = {e.object_id: int(e.after["since_ns"]) for e in result.events if e.kind == "moved" and "since_ns" in e.after}
        sightings = [self._sighting(view, graph, view.id in moved, seen.get(view.id, [])) for view in views if view.status != "tentative"]
        sightings = [replace(s, since_ns=since.get(s.view.id)) for s in sightings]
        self._history.update(sightings, stamp)
        self._store.put_objects((s.view, s.place) for s in sightings)
        self._store.put_observations(result.observations, result.observation_ids, result.object_ids)
        for s in sightings:
            if s.seen and s.view.status in ("confirmed", "held"):
                self._short_term.pin(s.view.id, s.view.status == "held")
                self._short_term.update(s.view)
                self.place_memory.see(s.view.id, s.view.label, s.place.place_id, stamp, s.view.embedding)
        self._store.put_meta("last_stamp_ns", str(stamp))
        if abs(stamp - self._graph_ns) >= GRAPH_EVERY_S * NS_PER_S:  # abs: the clock may have been set back
            self.sync_graph(graph, stamp)
        elif result.events:
            self._put_graph([n for e in result.events if (n := graph.node(e.object_id))], graph, stamp)

    def _sighting(self, view: ObjectView, graph: SceneGraph, moved: bool, observations: list[int]) -> Sighting:
        place = self._history.last_place(view.id) if view.status in GONE else place_of(view, graph)
        said = self.corrections.get(view.id)
        if said is not None and said.position is not None and (why := self._doubt.weigh(said, view, place, moved, bool(observations))):
            self._store.end_correction(said, view.last_seen_ns, why)
            said = self.corrections[view.id] = replace(said, position=None, place=None)
        if said is None:
            return Sighting(view, place, moved, bool(observations), tuple(observations))
        if said.position is not None:  # what is seen elsewhere is not believed yet: no sighting of this stay
            return Sighting(said.apply(view), said.locate(place), False, False)
        return Sighting(said.apply(view), place, moved, bool(observations), tuple(observations))

    def _put_events(self, events: Sequence[Event], graph: SceneGraph) -> None:
        rows = []
        for event in events:
            left = self._history.last_place(event.object_id).room_id
            rows.append((event, left, None if event.kind == "removed" else graph.room_of(event.object_id)))
            self._news |= event.kind in ("appeared", "merged")
        for event in events:  # after all of them: who is merged has left the old place then
            if event.kind == "merged" and isinstance(absorbed := event.before.get("id"), int):
                self._merge(event.object_id, absorbed, event.stamp_ns)
        if rows:
            self._store.put_events(rows)
            self._roomless += [row for row in rows if row[1] is None and row[2] is None]

    def _refresh_places(self, graph: SceneGraph) -> None:
        """Rooms are found after the things in them: tell objects and events that had none, or another one, where they are."""
        moved = [
            (view, place)
            for view, was in self._store.objects().values()
            if view.status not in GONE and graph.node(view.id) and not self.told_place(view.id) and (place := place_of(view, graph)) != was
        ]
        if moved:
            self._store.put_objects(moved)
            self._history.rename([(view.id, place) for view, place in moved])
        found = [(event, None, room) for event, _, _ in self._roomless if (room := graph.room_of(event.object_id)) is not None]
        if found:
            self._store.put_events(found)
            done = {event.id for event, _, _ in found}
            self._roomless = [row for row in self._roomless if row[0].id not in done]

    def _follow(self, event: Event) -> None:
        """The map was corrected: rows, caches and what a user said move with it, once."""
        if self.remapper.known(event):
            return
        self.remapper.apply(event)
        self.corrections = self._store.corrections()
        self._history.reload()
        for unit in self._short_term.units():
            if unit.id in self._store.objects():
                self._short_term.move(unit.id, self._store.objects()[unit.id][0].position)
        self._graph_ns, self._news = -(1 << 62), True  # nodes and snapshot follow at once

    def _merge(self, kept: int, absorbed: int, stamp_ns: int) -> None:
        if absorbed != kept:
            self._store.merge(absorbed, kept, stamp_ns)
            if self.corrections.keys() & {absorbed, kept}:
                self.corrections = self._store.corrections()
            self._short_term.discard(absorbed)
            self.place_memory.forget(absorbed)
            if self._history.knows(absorbed):  # of what was never confirmed there is no stay: nothing moved to the kept one's name
                self._history.reload()

    def correct(self, correction: Correction) -> None:
        """Keep what a person says of an object; it is applied to every row from now on.

        Raises:
            InvalidInputError: no such object, nothing to correct, or a position that is not three finite numbers.
        """
        said, p = correction, correction.position
        if said.object_id not in self._store.objects():
            raise InvalidInputError(f"correct: there is no object {said.object_id}; objects() lists what is known")
        if (said.label is None and p is None) or (p is not None and (p.shape != (3,) or not np.isfinite(p).all())):
            raise InvalidInputError("correct: expected a label, a position of three finite numbers in metres, or both")
        old = self.corrections.get(said.object_id)
        if old is not None and said.label is None:  # a second word on the place leaves what was said of the label,
            said = replace(said, label=old.label)
        elif old is not None and p is None:  # and the other way round
            said = replace(said, position=old.position, place=old.place, spread_m=old.spread_m)
        self._store.put_correction(said)
        self.corrections[said.object_id] = said
        self._doubt.forget(said.object_id)

    def taken_back(self, object_id: int) -> None:
        """What was said of an object was withdrawn from the store: what holds of it now is read again."""
        self.corrections.pop(object_id, None)
        self.corrections |= {i: c for i, c in self._store.corrections().items() if i == object_id}
        self._doubt.forget(object_id)
        self._history.reload()

    def corrected(self, view: ObjectView) -> ObjectView:
        """An object with what people said of it."""
        said = self.corrections.get(view.id)
        return view if said is None else said.apply(view)

    def told_place(self, object_id: int) -> Correction | None:
        """What a person said of where an object is, while that holds."""
        said = self.corrections.get(object_id)
        return said if said is not None and said.position is not None else None

    def forget(self, ids: Iterable[int]) -> None:
        """Drop everything kept in memory of these objects."""
        gone = set(ids)
        self.corrections = {i: c for i, c in self.corrections.items() if i not in gone}
        self._nodes = {i: told for i, told in self._nodes.items() if i not in gone}
        self._relations = {k: v for k, v in self._relations.items() if k[0] not in gone and k[2] not in gone}
        self._roomless = [row for row in self._roomless if row[0].object_id not in gone]
        self._held -= gone
        self._history.reload()
        for i in gone:
            self._short_term.pin(i, False)
            self._short_term.discard(i)
            self.place_memory.forget(i)

    # -- graph and snapshot

    def sync_graph(self, graph: SceneGraph, stamp_ns: int) -> None:
        """Write every node and relation that changed, and take out the nodes that are no more."""
        self._graph_ns = stamp_ns
        nodes = graph.all_nodes()
        vanished = self._nodes.keys() - {n.id for n in nodes}
        if vanished:
            self._store.drop_nodes(sorted(vanished))
            for i in vanished:
                del self._nodes[i]
            self._relations = {k: v for k, v in self._relations.items() if k[0] not in vanished and k[2] not in vanished}
        self._put_graph(nodes, graph, stamp_ns)
        self._refresh_places(graph)

    def _put_graph(self, nodes: Sequence[Node], graph: SceneGraph, stamp_ns: int) -> None:
        fresh = []
        for n in nodes:
            told = (n.label, n.to_ns, n.from_ns, n.layer, *(round(float(v), 2) for v in n.position), n.attributes.get("status"))
            if self._nodes.get(n.id) != told:
                self._nodes[n.id] = told
                fresh.append(n)
        links = []
        for n in nodes:
            for r in graph.relations_of(n.id):
                key = (r.subject, r.predicate, r.object, r.from_ns)
                old = self._relations.get(key)
                if old is None or old[0] != r.to_ns or abs(old[1] - r.probability) >= P_STEP:
                    self._relations[key] = (r.to_ns, r.probability)
                    links.append(r)
        if fresh or links:
            self._store.put_graph(fresh, links, stamp_ns)

    def snapshot_due(self, stamp_ns: int) -> bool:
        """True when the world model's snapshot should be written again."""
        wait = SNAPSHOT_AFTER_NEWS_S if self._news else SNAPSHOT_EVERY_S
        return abs(stamp_ns - self._snapshot_ns) >= wait * NS_PER_S

    def snapshot_written(self, stamp_ns: int) -> None:
        """Note that it was."""
        self._snapshot_ns, self._news = stamp_ns, False


def place_of(view: ObjectView, graph: SceneGraph) -> PlaceWords:
    """Where the graph has an object now."""
    room = graph.room_of(view.id)
    node = graph.node(room) if room is not None else None
    holder = graph.parent(view.id)
    words = graph.describe(view.id)
    if node is not None:
        words = words.removesuffix(f"in the {node.label}").rstrip()
    return PlaceWords(holder[0] if holder else view.place, words, room, node.label if node else "")
