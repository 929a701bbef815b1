"""The scene graph with what people said in it: for who reads or takes away the graph as what memory believes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from robomem.memory.corrections import P_TOLD, Correction
from robomem.scene_graph.graph import HOLDS, Node, SceneGraph, Stay

KEY = "told"  # a node's attribute: by whom, in which words, when; where a place was told also how exactly (see docs/interchange.md)


class ToldGraph:
    """`with_told` that does its work once for one state of graph and words: whoever plans asks for the graph again and again."""

    def __init__(self) -> None:
        self._graph: SceneGraph | None = None
        self._revision = -1
        self._said: tuple[Correction, ...] = ()
        self._made: SceneGraph | None = None

    def of(self, graph: SceneGraph, said: Mapping[int, Correction]) -> SceneGraph:
        """The graph with what was said; the same one as before where neither has changed."""
        words = tuple(said.values())
        same = len(words) == len(self._said) and all(a is b for a, b in zip(words, self._said, strict=True))
        if self._made is None or graph is not self._graph or graph.revision != self._revision or not same:
            self._graph, self._revision, self._said = graph, graph.revision, words
            self._made = with_told(graph, said)
        return self._made


def with_told(graph: SceneGraph, said: Mapping[int, Correction]) -> SceneGraph:
    """The graph as it is now with the labels and places that people told; the graph itself where nothing told stands.

    A corrected node keeps the label that it was seen as ("seen_as"), and says who told what under "told". The graph that is passed stays
    as it is: the belief behind it knows nothing of what people say.

    Args:
        said: what stands, by object (see Recorder.corrections).
    """
    standing = {i: c for i, c in said.items() if (c.label is not None or c.position is not None) and graph.node(i) is not None}
    if not standing:
        return graph
    out = _copied(graph)
    for correction in standing.values():
        _correct(out, correction)
    return out


def _copied(graph: SceneGraph) -> SceneGraph:
    out = SceneGraph()
    for node in graph.all_nodes():
        out.put(node)
    for relation in graph.all_relations():
        out.add_relation(relation)
    for i, stays in graph.stays.items():
        out.stays[i] = list(stays)
    out.aliases = dict(graph.aliases)
    return out


def _correct(out: SceneGraph, c: Correction) -> None:
    node = out.node(c.object_id)
    assert node is not None  # only what is in the graph is corrected
    node = dataclasses.replace(node, attributes={**node.attributes, KEY: _provenance(c)})
    if c.label is not None and c.label != node.label:
        node = dataclasses.replace(node, label=c.label, attributes={**node.attributes, "seen_as": node.label})
    if c.position is not None and node.attributes.get("status") != "held":
        _place(out, node, c)
    else:
        out.put(node)


def _provenance(c: Correction) -> dict[str, object]:
    told: dict[str, object] = {"by": c.source, "said": c.said, "at_ns": c.stamp_ns}
    if c.label is not None:
        told["label"] = c.label
    if c.position is not None:
        told |= {"place": c.place.words if c.place is not None else "", "spread_m": round(c.spread_m, 3)}
    return told


def _place(out: SceneGraph, node: Node, c: Correction) -> None:
    """Put a node where a person says that it is: its relations and its stay of before end when that was said."""
    assert c.position is not None
    attributes = {**node.attributes, "status": "confirmed", "existence": P_TOLD}
    out.put(dataclasses.replace(node, position=c.position, attributes=attributes, to_ns=None))
    out.end(node.id, c.stamp_ns, HOLDS)
    if c.place is not None and c.place.place_id is not None and out.node(c.place.place_id) is not None:
        predicate = "inside" if c.place.holder.startswith("in ") else "on"
        out.relate(node.id, predicate, out.resolve(c.place.place_id), P_TOLD, c.stamp_ns)
    elif c.place is not None and c.place.room_id is not None and out.node(c.place.room_id) is not None:
        out.relate(node.id, "part_of", out.resolve(c.place.room_id), P_TOLD, c.stamp_ns)
    last = out.stays[node.id][-1] if out.stays[node.id] else None
    if last is None or last.to_ns is not None or last.from_ns < c.stamp_ns:
        out.end_stay(node.id, c.stamp_ns)
        out.stays[node.id].append(Stay(c.stamp_ns, None, c.position))
