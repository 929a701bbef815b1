"""The scene graph on the wire: what changed since the last message, and the mirror that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from robomem_msgs.msg import GraphDelta

from robomem.nodes.wire import FAR_M, WireError, dumps, loads, or_minus_one, pack, rows, set_stamp, unpack, words
from robomem.scene_graph.graph import HOLDS, LAYERS, Node, Relation, SceneGraph, Stay

PREDICATES = (*HOLDS, "near", "connects")
P_STEP = 0.02  # a relation whose probability changed by less is not sent again


class GraphDiff:
    """Remembers what was told of a graph and tells the rest.

    Attributes:
        seq: of the newest message.
    """

    def __init__(self, frame: str = "map", session: int = 0) -> None:
        self.frame, self.session, self.seq = frame, session, 0
        self._nodes: dict[int, tuple[Any, ...]] = {}
        self._relations: dict[tuple[int, str, int, int], tuple[Any, ...]] = {}
        self._stays: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._aliases: dict[int, int] = {}
        self._texts: dict[int, tuple[Node, str]] = {}
        self._of: tuple[SceneGraph | None, int] = (None, 0)  # the graph, and its revision that was told

    def delta(self, graph: SceneGraph, stamp_ns: int) -> GraphDelta | None:
        """What changed since the last call, None if nothing did."""
        msg = self._changes(graph)
        if not (len(msg.node_ids) or len(msg.subjects) or len(msg.stay_nodes) or len(msg.removed) or len(msg.merged_from)):
            return None
        msg.from_seq, msg.to_seq = self.seq, self.seq + 1
        self.seq += 1
        return self._stamped(msg, stamp_ns)

    def whole(self, graph: SceneGraph, stamp_ns: int) -> GraphDelta:
        """The whole graph at the present number; what deltas are told against does not change."""
        msg, nodes = GraphDelta(), graph.all_nodes()
        merged = sorted(graph.aliases.items())
        msg.merged_from, msg.merged_into = pack([a for a, _ in merged], "i8"), pack([b for _, b in merged], "i8")
        self._put_nodes(msg, nodes)
        _put_relations(msg, [r for n in nodes for r in graph.relations_of(n.id)])
        _put_stays(msg, [(n.id, s) for n in nodes for s in graph.stays.get(n.id, ())])
        msg.from_seq = msg.to_seq = self.seq
        return self._stamped(msg, stamp_ns)

    def _stamped(self, msg: Any, stamp_ns: int) -> GraphDelta:
        msg.session, msg.header.frame_id = self.session, self.frame
        set_stamp(msg.header.stamp, stamp_ns)
        return msg

    def _changes(self, graph: SceneGraph) -> GraphDelta:
        msg = GraphDelta()
        nodes, relations, stays, gone = [], [], [], []
        same = self._of[0] is graph
        changed = graph.changed_since(self._of[1]) if same else sorted({*self._nodes, *(n.id for n in graph.all_nodes())})
        self._of = (graph, graph.revision)
        for i in changed:
            n = None if i in graph.aliases else graph.node(i)
            if n is None:
                if self._nodes.pop(i, None) is not None:
                    gone.append(i)
                self._texts.pop(i, None)
                continue
            told = (n.layer, n.label, n.from_ns, n.to_ns, *np.round([*n.position, *n.size], 3).tolist(), self._text(n))
            if self._nodes.get(i) != told:
                self._nodes[i] = told
                nodes.append(n)
            relations += [r for r in graph.relations_of(i) if self._is_news(r)]
            for s in graph.stays.get(i, ()):
                said = (s.to_ns, *np.round(s.position, 3).tolist())
                if self._stays.get((i, s.from_ns)) != said:
                    self._stays[i, s.from_ns] = said
                    stays.append((i, s))
        if gone:
            away = set(gone)
            self._relations = {k: v for k, v in self._relations.items() if k[0] not in away}
            self._stays = {k: v for k, v in self._stays.items() if k[0] not in away}
        merged = [(a, b) for a, b in sorted(graph.aliases.items()) if self._aliases.get(a) != b] if changed else []
        self._aliases.update(merged)
        msg.removed = pack([i for i in gone if i not in graph.aliases], "i8")
        msg.merged_from, msg.merged_into = pack([a for a, _ in merged], "i8"), pack([b for _, b in merged], "i8")
        self._put_nodes(msg, nodes)
        _put_relations(msg, relations)
        _put_stays(msg, stays)
        return msg

    def _is_news(self, r: Relation) -> bool:
        key = (r.subject, r.predicate, r.object, r.from_ns)
        old = self._relations.get(key)
        if old is not None and old[0] == r.to_ns and abs(old[1] - r.probability) < P_STEP:
            return False
        self._relations[key] = (r.to_ns, r.probability)
        return True

    def _text(self, n: Node) -> str:
        """A node's attributes as JSON, written once."""
        kept = self._texts.get(n.id)
        if kept is None or kept[0] is not n:
            kept = self._texts[n.id] = (n, dumps(n.attributes))
        return kept[1]

    def _put_nodes(self, msg: Any, nodes: list[Node]) -> None:
        msg.node_ids, msg.node_layers = pack([n.id for n in nodes], "i8"), [n.layer for n in nodes]
        msg.node_labels, msg.node_attributes = [n.label for n in nodes], [self._text(n) for n in nodes]
        msg.node_positions, msg.node_sizes = pack([n.position for n in nodes], "f8"), pack([n.size for n in nodes], "f8")
        msg.node_yaws, msg.node_from_ns = pack([n.yaw_rad for n in nodes], "f8"), pack([n.from_ns for n in nodes], "i8")
        msg.node_to_ns = pack(or_minus_one(n.to_ns for n in nodes), "i8")


def _put_stays(msg: Any, stays: list[tuple[int, Stay]]) -> None:
    msg.stay_nodes, msg.stay_from_ns = pack([i for i, _ in stays], "i8"), pack([s.from_ns for _, s in stays], "i8")
    msg.stay_to_ns, msg.stay_positions = pack(or_minus_one(s.to_ns for _, s in stays), "i8"), pack([s.position for _, s in stays], "f8")


def _put_relations(msg: Any, relations: list[Relation]) -> None:
    msg.subjects, msg.objects = pack([r.subject for r in relations], "i8"), pack([r.object for r in relations], "i8")
    msg.predicates, msg.probabilities = [r.predicate for r in relations], pack([r.probability for r in relations], "f8")
    msg.relation_from_ns = pack([r.from_ns for r in relations], "i8")
    msg.relation_to_ns = pack(or_minus_one(r.to_ns for r in relations), "i8")


class GraphMirror:
    """A graph that follows another process's by its deltas.

    Attributes:
        graph: as of `seq` of `session`.
    """

    def __init__(self) -> None:
        self.graph, self.session, self.seq = SceneGraph(), -1, -1

    def follows(self, msg: Any) -> bool:
        """True if the delta continues what the mirror has; else a snapshot is needed."""
        return msg.session == self.session and msg.from_seq == self.seq

    def reset(self, msg: Any) -> None:
        """Begin anew from a whole graph.

        Raises:
            WireError: rows that do not fit.
        """
        fresh = SceneGraph()
        apply_delta(fresh, msg)
        self.graph, self.session, self.seq = fresh, int(msg.session), int(msg.to_seq)

    def apply(self, msg: Any) -> None:
        """Follow one delta; one that is known already changes nothing.

        Raises:
            WireError: "gap" if messages are missing in between, or rows that do not fit.
        """
        if msg.session == self.session and msg.to_seq <= self.seq:
            return
        if not self.follows(msg):
            raise WireError("gap", f"graph delta {msg.from_seq}->{msg.to_seq} of session {msg.session} does not follow {self.seq}")
        apply_delta(self.graph, msg)
        self.seq = int(msg.to_seq)


def apply_delta(graph: SceneGraph, msg: Any) -> None:
    """Put a delta's rows into a graph.

    Raises:
        WireError: rows that do not fit; the graph is as it was.
    """
    n, m, k = len(msg.node_ids), len(msg.subjects), len(msg.stay_nodes)
    rows("nodes", n, layers=msg.node_layers, labels=msg.node_labels, attributes=msg.node_attributes, yaws=msg.node_yaws)
    rows("nodes", n, from_ns=msg.node_from_ns, to_ns=msg.node_to_ns)
    rows("relations", m, predicates=msg.predicates, objects=msg.objects, probabilities=msg.probabilities)
    rows("relations", m, from_ns=msg.relation_from_ns, to_ns=msg.relation_to_ns)
    rows("stays", k, from_ns=msg.stay_from_ns, to_ns=msg.stay_to_ns)
    rows("merged", len(msg.merged_from), into=msg.merged_into)
    positions = unpack(msg.node_positions, "f8", (n, 3), "node_positions", FAR_M)
    sizes = unpack(msg.node_sizes, "f8", (n, 3), "node_sizes", FAR_M, 0)
    spots = unpack(msg.stay_positions, "f8", (k, 3), "stay_positions", FAR_M)
    unpack(msg.node_yaws, "f8", (n,), "node_yaws", 1e4)
    unpack(msg.probabilities, "f8", (m,), "probabilities", 1, 0)
    words("node_layers", msg.node_layers, LAYERS)
    words("node_labels", msg.node_labels)
    words("predicates", msg.predicates, PREDICATES)
    if any(len(a) and min(a) <= 0 for a in (msg.node_ids, msg.subjects, msg.objects, msg.stay_nodes)):
        raise WireError("bad_id", "graph: ids are above zero")
    _no_ring(graph.aliases, msg.merged_from, msg.merged_into)
    attributes = [loads(text, "node_attributes") for text in msg.node_attributes]
    for a, b in zip(msg.merged_from, msg.merged_into, strict=True):
        aliases = graph.aliases  # what is said of the merged node comes as rows of the one that lives on
        graph.forget({int(a)})
        graph.aliases = aliases | {int(a): int(b)}
    for i in range(n):
        graph.put(
            Node(
                int(msg.node_ids[i]),
                msg.node_layers[i],
                msg.node_labels[i],
                positions[i].copy(),
                sizes[i].astype(float),
                float(msg.node_yaws[i]),
                attributes[i],
                int(msg.node_from_ns[i]),
                _open(msg.node_to_ns[i]),
            )
        )
    for i in range(m):
        graph.set_relation(
            Relation(
                int(msg.subjects[i]),
                msg.predicates[i],
                int(msg.objects[i]),
                float(msg.probabilities[i]),
                int(msg.relation_from_ns[i]),
                _open(msg.relation_to_ns[i]),
            )
        )
    for i in range(k):
        graph.set_stay(int(msg.stay_nodes[i]), Stay(int(msg.stay_from_ns[i]), _open(msg.stay_to_ns[i]), spots[i].copy()))
    if len(msg.removed):
        graph.forget({int(i) for i in msg.removed})


def _no_ring(known: Mapping[int, int], merged_from: Sequence[int], merged_into: Sequence[int]) -> None:
    """Raises: WireError if following the aliases would not end."""
    aliases = dict(known)
    for a, b in zip(merged_from, merged_into, strict=True):
        aliases[int(a)] = end = int(b)
        for _ in range(len(aliases)):
            if end == int(a):
                raise WireError("alias_ring", f"graph: {a} is merged into {b}, which is merged into {a}")
            if end not in aliases:
                break
            end = aliases[end]


def _open(to_ns: int) -> int | None:
    return None if to_ns < 0 else int(to_ns)
