"""The scene graph: layered nodes, relations and stays with validity intervals, and the graph at any past time."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS = ("building", "room", "place", "furniture", "object", "agent")
IN_GRIPPER, WITH = "in the robot's gripper", "with the "  # how the words of a place begin for what is carried
HOLDS = ("on", "inside", "held_by", "part_of")  # predicates that say where something is


@dataclass(frozen=True)
class Node:
    """One thing or region. `to_ns` is None while it is there; position and size in m, map frame."""

    id: int
    layer: str
    label: str
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    yaw_rad: float = 0.0
    attributes: dict[str, Any] = field(default_factory=dict)
    from_ns: int = 0
    to_ns: int | None = None


@dataclass(frozen=True)
class Relation:
    """`subject predicate object` with its probability, valid in [from_ns, to_ns)."""

    subject: int
    predicate: str
    object: int
    probability: float
    from_ns: int
    to_ns: int | None = None

    def holds_at(self, at_ns: int | None) -> bool:
        """True if it holds at `at_ns` (None: now)."""
        if at_ns is None:
            return self.to_ns is None
        return self.from_ns <= at_ns and (self.to_ns is None or at_ns < self.to_ns)


@dataclass(frozen=True)
class Stay:
    """One uninterrupted time at one position (Float64[3], m)."""

    from_ns: int
    to_ns: int | None
    position: NDArray[np.float64]


class SceneGraph:
    """Nodes, relations, stays and merge aliases. Parallel relations between one pair are normal."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node] = {}
        self._of_layer: dict[str, set[int]] = defaultdict(set)
        self._relations: dict[int, list[Relation]] = defaultdict(list)  # by subject
        self._members: dict[int, set[int]] = defaultdict(set)  # object -> subjects
        self.stays: dict[int, list[Stay]] = defaultdict(list)
        self.aliases: dict[int, int] = {}
        self.revision = 0  # grows with every change
        self.layer_revision: dict[str, int] = defaultdict(int)  # grows with every node of a layer that comes or goes
        self._changes: dict[int, int] = {}  # node -> revision of its newest change, the newest last

    # -- reading -----------------------------------------------------------------------------------------------------

    def resolve(self, node_id: int) -> int:
        """The id a merged id now goes by."""
        while node_id in self.aliases:
            node_id = self.aliases[node_id]
        return node_id

    def node(self, node_id: int) -> Node | None:
        """A node by id or alias, present or past."""
        return self._nodes.get(self.resolve(node_id))

    def nodes(self, layer: str | None = None, at_ns: int | None = None) -> list[Node]:
        """Nodes by id that exist now (or did at `at_ns`), of one layer or all."""
        pool = self._nodes if layer is None else self._of_layer.get(layer, ())
        nodes = (self._nodes[i] for i in sorted(pool))
        return [n for n in nodes if (n.to_ns is None if at_ns is None else self._present(n, at_ns))]

    def all_nodes(self) -> list[Node]:
        """Every node ever, by id."""
        return [self._nodes[i] for i in sorted(self._nodes)]

    def changed_since(self, revision: int) -> list[int]:
        """Ids of nodes that changed after a revision (themselves, their relations or stays; also those that are no more). O(changes)."""
        out = []
        for i in reversed(self._changes):
            if self._changes[i] <= revision:
                break
            out.append(i)
        return sorted(out)

    def _present(self, n: Node, at_ns: int) -> bool:
        stays = self.stays.get(n.id)
        if not stays:
            return n.from_ns <= at_ns and (n.to_ns is None or at_ns < n.to_ns)
        return any(s.from_ns <= at_ns and (s.to_ns is None or at_ns < s.to_ns) for s in stays)

    def position_at(self, node_id: int, at_ns: int) -> NDArray[np.float64] | None:
        """Where a node was at `at_ns` (Float64[3], m), None if it was not there."""
        node_id = self.resolve(node_id)
        for stay in reversed(self.stays.get(node_id, [])):
            if stay.from_ns <= at_ns and (stay.to_ns is None or at_ns < stay.to_ns):
                return stay.position
        n = self._nodes.get(node_id)
        return n.position if n is not None and not self.stays.get(node_id) and self._present(n, at_ns) else None

    def relations(
        self, subject: int | None = None, predicate: str | None = None, object: int | None = None, at_ns: int | None = None
    ) -> list[Relation]:
        """Relations that hold now (or at `at_ns`) and match what is given."""
        if subject is not None:
            pool: Iterable[Relation] = self._relations.get(self.resolve(subject), ())
        elif object is not None:
            members = self._members.get(self.resolve(object), set())
            pool = (r for s in sorted(members) for r in self._relations.get(s, ()))
        else:
            pool = (r for s in sorted(self._relations) for r in self._relations[s])
        target = self.resolve(object) if object is not None else None
        return [
            r
            for r in pool
            if r.holds_at(at_ns) and (predicate is None or r.predicate == predicate) and (target is None or r.object == target)
        ]

    def relations_of(self, subject: int) -> list[Relation]:
        """Every relation a subject ever had, past ones too."""
        return list(self._relations.get(self.resolve(subject), ()))

    def all_relations(self) -> list[Relation]:
        """Every relation ever, past ones too."""
        return [r for s in sorted(self._relations) for r in self._relations[s]]

    def parent(self, node_id: int, at_ns: int | None = None) -> tuple[int, str] | None:
        """(node, predicate) that most likely holds this node, None if nothing does."""
        best = max(
            (r for r in self.relations(subject=node_id, at_ns=at_ns) if r.predicate in HOLDS),
            key=lambda r: (r.predicate != "part_of", r.probability, -r.object),
            default=None,
        )
        return (best.object, best.predicate) if best else None

    def room_of(self, node_id: int, at_ns: int | None = None) -> int | None:
        """Id of the room a node is in, through whatever holds it."""
        for _ in range(8):
            n = self.node(node_id)
            if n is None:
                return None
            if n.layer == "room":
                return n.id
            up = self.parent(node_id, at_ns)
            if up is None and at_ns is not None and n.layer in ("furniture", "place"):
                up = self.parent(node_id)  # rooms stand still: one that was told apart only later was there before
            if up is None:
                return None
            node_id = up[0]
        return None

    def describe(self, node_id: int, at_ns: int | None = None) -> str:
        """Where it is, in words: "on the counter in the kitchen"."""
        words = []
        up = self.parent(node_id, at_ns)
        room = self.room_of(node_id, at_ns)
        if up is not None:
            holder = self.node(up[0])
            if holder is not None and holder.layer in ("furniture", "object"):
                words.append(f"{'in' if up[1] == 'inside' else 'on'} the {holder.label}")
            elif up[1] == "held_by":
                words.append(IN_GRIPPER if holder is None or holder.label == "robot" else f"{WITH}{holder.label}")
        place = self.node(room) if room is not None else None
        if place is not None:
            words.append(f"in the {place.label}")
        return " ".join(words)

    def at(self, stamp_ns: int) -> SceneGraph:
        """The graph as it was believed to be at a past time: nodes, places and relations that held then."""
        out = SceneGraph()
        out.aliases = dict(self.aliases)
        for n in self.nodes(at_ns=stamp_ns):
            where = self.position_at(n.id, stamp_ns)
            out.put(dataclasses.replace(n, position=n.position if where is None else where, to_ns=None))
        for r in self.all_relations():
            if r.holds_at(stamp_ns) and r.subject in out._nodes and r.object in out._nodes:
                out.relate(r.subject, r.predicate, r.object, r.probability, r.from_ns)
        return out

    # -- writing -----------------------------------------------------------------------------------------------------

    def touch(self, node_id: int) -> None:
        """Note that something of a node changed: for who writes to `stays` directly."""
        self.revision += 1
        self._changes.pop(node_id, None)
        self._changes[node_id] = self.revision

    def put(self, node: Node) -> None:
        """Add a node or replace the one with its id."""
        old = self._nodes.get(node.id)
        if old is None or old.layer != node.layer:
            self._drop(node.id)
            self._of_layer[node.layer].add(node.id)
        if old is None or old.layer != node.layer or old.to_ns != node.to_ns:
            self.layer_revision[node.layer] += 1
        self._nodes[node.id] = node
        self.touch(node.id)

    def _drop(self, node_id: int) -> None:
        node = self._nodes.pop(node_id, None)
        if node is not None:
            self._of_layer[node.layer].discard(node_id)
            self.layer_revision[node.layer] += 1

    def relate(self, subject: int, predicate: str, object: int, probability: float, from_ns: int) -> None:
        """Open a relation, or refresh its probability if it already holds."""
        rows = self._relations[subject]
        for i, r in enumerate(rows):
            if r.to_ns is None and r.predicate == predicate and r.object == object:
                rows[i] = Relation(r.subject, r.predicate, r.object, probability, r.from_ns)
                self.touch(subject)
                return
        self.add_relation(Relation(subject, predicate, object, probability, from_ns))

    def add_relation(self, relation: Relation) -> None:
        """Append a relation as it is, past or present."""
        self._relations[relation.subject].append(relation)
        self._members[relation.object].add(relation.subject)
        self.touch(relation.subject)

    def set_relation(self, relation: Relation) -> None:
        """Add a relation as it is, or replace the one that began at the same time between the same two."""
        rows = self._relations[relation.subject]
        for i, r in enumerate(rows):
            if (r.predicate, r.object, r.from_ns) == (relation.predicate, relation.object, relation.from_ns):
                rows[i] = relation
                self.touch(relation.subject)
                return
        self.add_relation(relation)

    def set_stay(self, node_id: int, stay: Stay) -> None:
        """Add a stay as it is, or replace the one that began at the same time; they stay in time order."""
        self.stays[node_id] = sorted([s for s in self.stays[node_id] if s.from_ns != stay.from_ns] + [stay], key=lambda s: s.from_ns)
        self.touch(node_id)

    def end(
        self, subject: int, stamp_ns: int, predicates: tuple[str, ...] | None = None, keep: int | None = None, only: int | None = None
    ) -> None:
        """Close the open relations of a subject (of these predicates, except to `keep`, or just the one to `only`)."""
        rows = self._relations.get(subject, [])
        for i, r in enumerate(rows):
            if r.to_ns is not None or r.object == keep or (only is not None and r.object != only):
                continue
            if predicates is None or r.predicate in predicates:
                rows[i] = dataclasses.replace(r, to_ns=stamp_ns)
                self.touch(subject)

    def begin_stay(self, node_id: int, stamp_ns: int, position: NDArray[np.float64]) -> None:
        """The node stands at `position` (m) from now on; a stay still open ends."""
        self.end_stay(node_id, stamp_ns)
        self.stays[node_id].append(Stay(stamp_ns, None, np.asarray(position, float).copy()))
        self._set_to(node_id, None)
        self.touch(node_id)

    def refine_stay(self, node_id: int, position: NDArray[np.float64]) -> None:
        """A better estimate (m) of where the present stay is."""
        stays = self.stays.get(node_id)
        if stays and stays[-1].to_ns is None:
            stays[-1] = dataclasses.replace(stays[-1], position=np.asarray(position, float).copy())
            self.touch(node_id)

    def end_stay(self, node_id: int, stamp_ns: int) -> None:
        """The node is no longer where it stood."""
        stays = self.stays.get(node_id)
        if stays and stays[-1].to_ns is None:
            stays[-1] = dataclasses.replace(stays[-1], to_ns=stamp_ns)
            self.touch(node_id)

    def gone(self, node_id: int, stamp_ns: int) -> None:
        """End a node's stay, relations and presence."""
        self.end_stay(node_id, stamp_ns)
        self.end(node_id, stamp_ns)
        self._set_to(node_id, stamp_ns)

    def _set_to(self, node_id: int, to_ns: int | None) -> None:
        n = self._nodes.get(node_id)
        if n is not None and n.to_ns != to_ns:
            self._nodes[node_id] = dataclasses.replace(n, to_ns=to_ns)
            self.layer_revision[n.layer] += 1
            self.touch(node_id)

    def alias(self, absorbed: int, into: int, stamp_ns: int) -> None:
        """`absorbed` is the same as `into` from now on; what it held is held by `into`."""
        for r in self.relations(object=absorbed):
            self.end(r.subject, stamp_ns, (r.predicate,), only=absorbed)
            if r.subject != into:
                self.relate(r.subject, r.predicate, into, r.probability, stamp_ns)
        self._drop(absorbed)
        self._relations.pop(absorbed, None)
        self.stays.pop(absorbed, None)
        self.aliases[absorbed] = into
        self.touch(absorbed)

    def forget(self, ids: set[int]) -> None:
        """Remove nodes, their relations, stays and aliases without a trace."""
        for i in ids:
            self._drop(i)
            self._relations.pop(i, None)
            self._members.pop(i, None)
            self.stays.pop(i, None)
            self.touch(i)
        for s in list(self._relations):
            kept = [r for r in self._relations[s] if r.object not in ids]
            if len(kept) < len(self._relations[s]):
                self._relations[s] = kept
                self.touch(s)
        self.aliases = {a: b for a, b in self.aliases.items() if a not in ids and b not in ids}

    # -- interchange -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `interchange.to_json`."""
        from robomem.scene_graph.interchange import to_json

        return to_json(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> SceneGraph:
        """A graph from `to_json`'s values."""
        from robomem.scene_graph.interchange import from_json

        return from_json(data)

    def to_networkx(self) -> Any:
        """A networkx.MultiDiGraph of what holds now, layer and attributes on the nodes, predicate as edge key."""
        from robomem.scene_graph.interchange import to_networkx

        return to_networkx(self)
