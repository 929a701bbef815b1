"""Questions about the present, the past and the future, all answered through one recall path from the store's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from robomem.clock import NS_PER_S, whole_ns
from robomem.config import MemoryConfig
from robomem.memory import query as queries
from robomem.memory import wording
from robomem.memory.embedding import LabelSimilarity
from robomem.memory.query import Query
from robomem.memory.recall import LIKELY, Recaller, Trace
from robomem.memory.records import PlaceWords
from robomem.memory.spatial import GONE, SpatialHistory, present_trace
from robomem.memory.store import Located, Store
from robomem.ontology import Ontology
from robomem.scene_graph.graph import Node, Relation, SceneGraph, Stay
from robomem.scene_graph.habits import Habits
from robomem.scene_graph.timeline import graph_at
from robomem.scene_graph.world_model import WorldModel
from robomem.types import ObjectView, PlaceProbability, Recall

EVIDENCE = 5  # observation ids per answer


class Questions:
    """Reads a store.

    Args:
        history: for the last place of what is gone.
        refresh: the newest view of an object (the live world's), or the stored one.
        hours: mean hours between moves of a label.
        embedded: similarity of an unknown word to a label, 0 below its threshold.
        now_ns: what time it is.
    """

    def __init__(
        self,
        store: Store,
        history: SpatialHistory,
        ontology: Ontology,
        config: MemoryConfig,
        refresh: Callable[[Located], Located],
        hours: Callable[[str], float],
        embedded: LabelSimilarity,
        now_ns: Callable[[], int],
    ) -> None:
        self._store, self._history, self._ontology = store, history, ontology
        self._refresh, self._hours, self._embedded, self._now_ns = refresh, hours, embedded, now_ns
        self._recaller = Recaller(ontology, config.abstain_below, self._similar)

    def parse(self, text: str | int) -> Query:
        """The query in words of this home.

        Raises:
            InvalidInputError: nothing is asked for.
        """
        labels = {view.label for view, _ in self._store.objects().values()}
        query = queries.parse(text, self._ontology, labels, set(self._store.room_names().values()))
        return query if query.id is None else replace(query, id=self._store.resolve(query.id))

    def present(self) -> list[Located]:
        """Every object ever confirmed, as believed now, by id."""
        return [self._refresh(row) for _, row in sorted(self._store.objects().items())]

    def find(self, text: str | int, at_ns: int, k: int) -> Recall:
        """Where it is (or will be) at `at_ns`, not before now."""
        query = self.parse(text)
        traces = [present_trace(view, place, at_ns, self._hours(view.label)) for view, place in self._present_of(query)]
        return self._recaller.answer(query, traces, at_ns, k, self._evidence)

    def _present_of(self, query: Query) -> list[Located]:
        """`present`, narrowed to the kind that is asked for where any of that very kind is on record: the live views are what costs."""
        rows = sorted(self._store.objects().items())
        if query.id is not None:
            return [self._refresh(row) for i, row in rows if i == query.id]
        named = [self._refresh(row) for _, row in rows if query.label and self._ontology.canonical(row[0].label) == query.label]
        same = bool(named) and all(self._ontology.canonical(view.label) == query.label for view, _ in named)
        return named if same else self.present()

    def where_was(self, text: str | int, at_ns: int, k: int) -> Recall:
        """Where it was at `at_ns`, by the history and never by the present."""
        query = self.parse(text)
        traces = self._history.traces_at(self._store.objects().values(), at_ns, self._hours)
        recall = self._recaller.answer(query, traces, at_ns, k, self._evidence)
        if recall.verdict != "unknown":
            return recall
        later = [view for view, _ in self._store.objects().values() if view.label == query.label or view.id == query.id]
        if not later or recall.candidates:
            return recall
        first = min(later, key=lambda view: view.first_seen_ns)
        wait = (first.first_seen_ns - at_ns) / NS_PER_S
        needs = f"a sighting of {query.text} by then: the first was {wording.duration(wait)} later"
        return replace(recall, needs=needs) if wait > 0 else recall

    def matching(self, text: str, at_ns: int, past: bool) -> list[ObjectView]:
        """Every object that fits, its existence as of `at_ns`; loose matches are none."""
        rows = self.present()
        traces = (
            self._history.traces_at(rows, at_ns, self._hours)
            if past
            else [present_trace(view, place, at_ns, self._hours(view.label)) for view, place in rows]
        )
        views = {view.id: view for view, _ in rows}
        found = self._recaller.matches(self.parse(text), traces)
        return [replace(views[t.id], position=t.position, existence=0.0 if t.gone else t.p_there) for t in found]

    def _evidence(self, trace: Trace) -> tuple[int, ...]:
        return tuple(o.id for o in self._store.observations_of(trace.id, *trace.seen, EVIDENCE))

    def _similar(self, word: str, label: str) -> float:
        """A word nobody knows: half a match if they share a word ("stuffed bear", "teddy bear"), else what the embedder says."""
        shared = {self._store.objects()[i][0].label for i, _ in self._store.search_words(word, "object", 100) if i in self._store.objects()}
        if label in shared:
            return 0.5
        self._embedded.warm([word, *{view.label for view, _ in self._store.objects().values()}])
        return self._embedded(word, label)

    # -- places

    def holders(self, place: str | int) -> tuple[set[int], set[int]]:
        """(ids of furniture, ids of rooms) that a place means: an id, "the kitchen", "the counter in the kitchen"."""
        rooms = self._store.room_names()
        if isinstance(place, int):
            ident = self._store.resolve(place)
            return (set(), {ident}) if ident in rooms else ({ident}, set())
        words = " ".join(w for w in queries.clean_words(place).split() if w not in queries.FILLERS)
        named = {i for i, name in rooms.items() if name == words}
        if named:
            return set(), named
        query = self.parse(place)
        if query.id is not None:
            return self.holders(query.id)
        if self._other_kind(words):
            return set(), set()
        found = {
            view.id
            for view, at in self.present()
            if query.label
            and self._is_called(view.label, query.label)
            and (not query.room or at.room == query.room)
            and view.status not in GONE
        }
        return found, set()

    def _other_kind(self, words: str) -> bool:
        """ "pool table", "ironing board": a kind of furniture that nobody knows, however its last word may sound."""
        head = queries.before_place(words)
        if len(head) < 2 or queries.is_plain(head[:-1], self._ontology):
            return False
        labels = {view.label for view, _ in self._store.objects().values()}
        return not any(" ".join(head[k:]) in labels or self._ontology.known(" ".join(head[k:])) for k in range(len(head) - 1))

    def _is_called(self, label: str, word: str) -> bool:
        return self._ontology.canonical(label) == word or queries.match_label(word, label)

    def what_is_in(self, place: str | int, at_ns: int | None) -> list[ObjectView]:
        """Objects on, in or (for a room) anywhere inside a place, now or at a past time, by id."""
        holders, rooms = self.holders(place)
        rows = self._now() if at_ns is None else self._then(at_ns)
        return [view for view, at in rows if at.place_id in holders or (at.room_id in rooms and view.id not in rooms)]

    def _now(self) -> list[Located]:
        """What is not known to be gone, its existence aged to now as it is everywhere else."""
        rows, now = [row for row in self.present() if row[0].status not in GONE], self._now_ns()
        traces = [present_trace(view, place, now, self._hours(view.label)) for view, place in rows]
        return [(replace(view, existence=t.p_there), place) for (view, place), t in zip(rows, traces, strict=True)]

    def _then(self, at_ns: int) -> list[Located]:
        rows = self._store.objects()
        out = []
        for t in self._history.traces_at(rows.values(), at_ns, self._hours):
            if t.p_there >= LIKELY and not t.gone:
                view = replace(
                    rows[t.id][0],
                    position=t.position,
                    existence=t.p_there,
                    status="confirmed",
                    last_seen_ns=t.last_seen_ns,
                    place=t.place.place_id,
                    covariance=np.eye(3) * t.covariance_max / 3,
                    support=t.support,
                )
                out.append((view, t.place))
        return out

    def objects(self, at_ns: int | None) -> list[ObjectView]:
        """What existed at a past time (likelier than not), or every stored object as believed now."""
        return [view for view, _ in (self.present() if at_ns is None else self._then(at_ns))]

    def predict(self, text: str | int, at_ns: int) -> list[PlaceProbability]:
        """Places by what the store alone knows (no live world): the last by P(still there), the rest by earlier stays, all by habits."""
        if (meant := self.meant(text, at_ns)) is None:
            return []
        recall, stays = self.find(meant, at_ns, 1), self._store.stays(meant)
        if not stays:
            return []
        last, gone = stays[-1], self._gone(meant)
        usual, weight = self._usual(meant, at_ns, last.to_ns if gone else None)
        here = 0.0 if recall.verdict == "moved_since_seen" and gone else recall.p_still_there
        if not gone and weight:
            here = (1 - weight) * here + weight * usual.pop(last.place.place_id or 0, 0.0)
        counts = Counter(stay.place.place_id for stay in stays[:-1] if stay.place.place_id is not None and not stay.place.carried)
        total = sum(counts.values()) + 1  # one stay's worth stays with places never seen: the rest is "elsewhere"
        rest, mass = (weight if usual else 0.0), sum(usual.values()) or 1.0
        rows = [_place_row(last.place, last.position, here, "last seen there")] if here > 0 else []
        for place_id, n in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
            p, habit = (1 - rest) * n / total, rest * usual.get(place_id, 0.0) / mass
            stay = next(s for s in reversed(stays) if s.place.place_id == place_id)
            why = "usual at this time" if habit > p else f"seen there {n} times before"
            rows.append(_place_row(stay.place, stay.position, (1 - here) * (p + habit), why))
        return rows

    def _usual(self, object_id: int, at_ns: int, gone_ns: int | None) -> tuple[dict[int, float], float]:
        """By place id what the habits of the last snapshot say of a time, and how much that counts."""
        arrays, habits = self._store.world("habits_"), Habits()
        if not arrays:
            return {}, 0.0
        habits.restore({name.removeprefix("habits_"): array for name, array in arrays.items()})
        found, weight = habits.usual(object_id, habits.newest_ns, max(at_ns, habits.newest_ns), gone_ns)
        out: dict[int, float] = {}
        for (holder, _), p in found.items():
            out[holder] = out.get(holder, 0.0) + p
        return out, weight

    def meant(self, query: str | int, at_ns: int) -> int | None:
        """The object a prediction is about: the one recalled, but not one of a merely related kind (a cup, asked for a mug)."""
        found = self.find(query, at_ns, 1).id
        label = self.parse(query).label
        if found is None or isinstance(query, int) or not label:
            return found
        have, want = (self._ontology.canonical(name) for name in (self._store.objects()[found][0].label, label))
        return found if have == want or have.endswith(f" {want}") else None

    def _gone(self, object_id: int) -> bool:
        return self._store.objects()[object_id][0].status in GONE


def graph_of(store: Store, world: WorldModel | None, at_ns: int | None, known_ns: int | None) -> SceneGraph:
    """The scene graph of a live world (None: of the rows) now, at a past time, or as it was known at `known_ns`."""
    at_ns = None if at_ns is None else whole_ns(at_ns, "at_ns")
    graph = graph_from_rows(store) if world is None else world.graph
    if known_ns is not None:
        known_ns = whole_ns(known_ns, "known_ns")
        return graph_at(graph, store.events(0, known_ns), known_ns, at_ns)
    return graph if at_ns is None else graph.at(at_ns)


def graph_from_rows(store: Store) -> SceneGraph:
    """The scene graph as the store's rows have it, for readers without a live world."""
    graph = SceneGraph()
    nodes, relations = store.graph_rows()
    for n in nodes:
        graph.put(
            Node(
                n["id"],
                n["layer"],
                n["label"],
                np.array(n["position"]),
                np.array(n["size"]),
                n["yaw_rad"],
                n["attributes"],
                n["from_ns"],
                n["to_ns"],
            )
        )
    for r in relations:
        graph.add_relation(Relation(**r))
    for stay in store.stays():
        if graph.node(stay.object_id) is not None:
            graph.stays[stay.object_id].append(Stay(stay.from_ns, stay.to_ns, stay.position))
    return graph


def _place_row(place: PlaceWords, position: np.ndarray, probability: float, why: str) -> PlaceProbability:
    name = place.holder.removeprefix("on the ").removeprefix("in the ")
    relation = "inside" if place.holder.startswith("in ") else "on"
    return PlaceProbability(place.place_id or place.room_id or 0, name or place.room, place.room, position, probability, relation, why=why)
