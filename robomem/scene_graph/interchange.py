"""Interchange: the graph as JSON (nodes and relations, and room -> objects) and as NetworkX."""

from __future__ import annotations

from typing import Any

import numpy as np

from robomem.errors import InvalidInputError
from robomem.scene_graph.graph import LAYERS, Node, Relation, SceneGraph, Stay

FORMAT = "robomem-scene-graph/1"


def to_json(graph: SceneGraph) -> dict[str, Any]:
    """Everything in the graph, past intervals too, as plain JSON values; lengths in m, times in ns."""
    return {
        "format": FORMAT,
        "nodes": [
            {
                "id": n.id,
                "layer": n.layer,
                "label": n.label,
                "position": n.position.tolist(),
                "size": n.size.tolist(),
                "yaw_rad": n.yaw_rad,
                "attributes": n.attributes,
                "from_ns": n.from_ns,
                "to_ns": n.to_ns,
            }
            for n in graph.all_nodes()
        ],
        "relations": [[r.subject, r.predicate, r.object, round(r.probability, 4), r.from_ns, r.to_ns] for r in graph.all_relations()],
        "stays": [[i, s.from_ns, s.to_ns, s.position.tolist()] for i in sorted(graph.stays) for s in graph.stays[i]],
        "aliases": [[a, b] for a, b in sorted(graph.aliases.items())],
        "rooms": rooms_to_objects(graph),
    }


def rooms_to_objects(graph: SceneGraph) -> dict[str, list[dict[str, Any]]]:
    """Room name -> its things now: the form users of other systems ask for."""
    out: dict[str, list[dict[str, Any]]] = {f"{n.label} {n.id}": [] for n in graph.nodes("room")}
    for layer in ("furniture", "object"):
        for n in graph.nodes(layer):
            room = graph.room_of(n.id)
            name = graph.node(room) if room is not None else None
            key = f"{name.label} {name.id}" if name else "unknown"
            out.setdefault(key, []).append(
                {"id": n.id, "label": n.label, "position": np.round(n.position, 3).tolist(), "where": graph.describe(n.id)}
            )
    return out


def from_json(data: dict[str, Any]) -> SceneGraph:
    """A graph from `to_json`'s values.

    Raises:
        InvalidInputError: another format, or rows that do not fit it.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InvalidInputError(f"scene graph: expected a JSON object with format '{FORMAT}'")
    graph = SceneGraph()
    try:
        for row in data["nodes"]:
            if row["layer"] not in LAYERS:
                raise InvalidInputError(f"scene graph: unknown layer '{row['layer']}'; expected one of {', '.join(LAYERS)}")
            graph.put(
                Node(
                    int(row["id"]),
                    row["layer"],
                    str(row["label"]),
                    np.array(row["position"], float),
                    np.array(row["size"], float),
                    float(row["yaw_rad"]),
                    dict(row["attributes"]),
                    int(row["from_ns"]),
                    row["to_ns"],
                )
            )
        for i, start, end, position in data["stays"]:
            graph.stays[int(i)].append(Stay(int(start), end, np.array(position, float)))
        for subject, predicate, target, probability, start, end in data["relations"]:
            graph.add_relation(Relation(int(subject), str(predicate), int(target), float(probability), int(start), end))
        graph.aliases = {int(a): int(b) for a, b in data["aliases"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"scene graph: a row does not fit the format: {error}") from error
    return graph


def to_networkx(graph: SceneGraph) -> Any:
    """networkx.MultiDiGraph of what holds now: node attributes layer, label, position (m), size (m); edge key = predicate."""
    import networkx as nx

    out = nx.MultiDiGraph()
    for n in graph.nodes():
        out.add_node(
            n.id,
            layer=n.layer,
            label=n.label,
            position=n.position.tolist(),
            size=n.size.tolist(),
            yaw_rad=n.yaw_rad,
            **{k: v for k, v in n.attributes.items() if k not in ("layer", "label", "position", "size", "yaw_rad")},
        )
    for r in graph.relations():
        if r.subject in out and r.object in out:
            out.add_edge(r.subject, r.object, key=r.predicate, probability=r.probability, from_ns=r.from_ns)
    return out
