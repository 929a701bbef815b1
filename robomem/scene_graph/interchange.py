"""Interchange: the graph as JSON (everything, or room -> objects) and as NetworkX, both ways.

`spark_graph` speaks spark_dsg, `graph_files` reads and writes files of every form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.scene_graph.graph import LAYERS, Node, Relation, SceneGraph, Stay

FORMAT = "robomem-scene-graph/1"
NETWORKX_FORMAT = "robomem-networkx/1"
MAX_ID = (1 << 63) - 1  # ids are int64 in the store and on the wire
_NODE_ROW = ("id", "layer", "label", "position", "size", "yaw_rad", "attributes", "from_ns", "to_ns")
_NODE_FIELDS = ("id", "layer", "label", "position", "size", "yaw_rad", "from_ns", "attributes")


def to_json(graph: SceneGraph) -> dict[str, Any]:
    """Everything in the graph, past intervals too, as plain JSON values; lengths in m, times in ns."""
    return {
        "format": FORMAT,
        "nodes": [node_row(n) for n in graph.all_nodes()],
        "relations": [relation_row(r) for r in graph.all_relations()],
        "stays": [[i, *stay_row(s)] for i in sorted(graph.stays) for s in graph.stays[i]],
        "aliases": [[a, b] for a, b in sorted(graph.aliases.items())],
        "rooms": rooms_to_objects(graph),
    }


def rooms_to_objects(graph: SceneGraph) -> dict[str, list[dict[str, Any]]]:
    """Room name and id -> its furniture and objects now: the form users of other systems ask for. Things in no room: "unknown"."""
    out: dict[str, list[dict[str, Any]]] = {f"{n.label} {n.id}": [] for n in graph.nodes("room")}
    for layer in ("furniture", "object"):
        for n in graph.nodes(layer):
            room = graph.room_of(n.id)
            name = graph.node(room) if room is not None else None
            key = f"{name.label} {name.id}" if name else "unknown"
            row: dict[str, Any] = {"id": n.id, "label": n.label, "layer": layer, "position": np.round(n.position, 3).tolist()}
            row |= {"size": np.round(n.size, 3).tolist(), "yaw_rad": round(float(n.yaw_rad), 3), "where": graph.describe(n.id)}
            row |= {name: n.attributes[name] for name in ("existence", "status", "color", "states", "told") if n.attributes.get(name)}
            out.setdefault(key, []).append(row)
    return out


def node_row(n: Node) -> dict[str, Any]:
    """One node as plain values."""
    return {
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


def relation_row(r: Relation) -> list[Any]:
    """[subject, predicate, object, probability, from_ns, to_ns]."""
    return [r.subject, r.predicate, r.object, round(r.probability, 4), r.from_ns, r.to_ns]


def stay_row(s: Stay) -> list[Any]:
    """[from_ns, to_ns, position]."""
    return [s.from_ns, s.to_ns, s.position.tolist()]


def from_json(data: dict[str, Any]) -> SceneGraph:
    """A graph from `to_json`'s values.

    Raises:
        InvalidInputError: another format, or rows that do not fit it.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InvalidInputError(f"scene graph: expected a JSON object with format '{FORMAT}'")
    graph = SceneGraph()
    for k, row in enumerate(_rows(data, "nodes"), 1):
        with _named("node", k, f" (id {str(row['id'])[:40]})" if isinstance(row, dict) and "id" in row else ""):
            node = node_from_row(row)
            if graph.node(node.id) is not None:
                raise ValueError("another node before it has the same id")
            graph.put(node)
    for k, row in enumerate(_rows(data, "stays"), 1):
        with _named("stay", k):
            i, *stay = _columns(row, ("object", "from_ns", "to_ns", "position"))
            graph.stays[node_id(i)].append(stay_from_row(stay))
    for k, row in enumerate(_rows(data, "relations"), 1):
        with _named("relation", k):
            graph.add_relation(relation_from_row(row))
    try:
        graph.aliases = aliases_from_rows(_rows(data, "aliases"))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"scene graph: 'aliases' do not fit: {error}") from error
    return graph


def without_strays(graph: SceneGraph) -> dict[str, Any]:
    """`to_json` without relations and stays of what is no node: a relation that ended may speak of something that was never confirmed."""
    known, data = _known(graph), to_json(graph)
    data["relations"] = [row for row in data["relations"] if row[0] in known and row[2] in known]
    data["stays"] = [row for row in data["stays"] if row[0] in known]
    return data


def refuse_strays(graph: SceneGraph, data: Mapping[str, Any]) -> None:
    """Raises: InvalidInputError: a relation or a stay in the rows of a graph speaks of a node that is not there."""
    known = _known(graph)
    for k, (subject, predicate, target, *_) in enumerate(data["relations"], 1):
        for end, word in ((subject, "from"), (target, "to")):
            if end not in known:
                raise InvalidInputError(
                    f"scene graph: relation {k} ({subject} {predicate} {target}) is {word} node {end}, which is not there"
                )
    for k, row in enumerate(data["stays"], 1):
        if row[0] not in known:
            raise InvalidInputError(f"scene graph: stay {k} is of node {row[0]}, which is not there")


def _known(graph: SceneGraph) -> set[int]:
    return {n.id for n in graph.all_nodes()} | set(graph.aliases)


def _rows(data: Mapping[str, Any], name: str) -> list[Any]:
    if not isinstance(data.get(name), list):
        raise InvalidInputError(f"scene graph: expected a list '{name}', got {str(data.get(name, 'none'))[:40]}")
    return data[name]


def _columns(row: Any, names: Sequence[str]) -> list[Any]:
    if not isinstance(row, (list, tuple)) or len(row) != len(names):
        raise ValueError(f"expected [{', '.join(names)}], got {str(row)[:60]}")
    return list(row)


@contextmanager
def _named(what: str, number: int, ident: str = "") -> Iterator[None]:
    """Which row of a file it is that does not fit, by its number (from 1) and its id."""
    try:
        yield
    except InvalidInputError as error:
        raise InvalidInputError(f"scene graph: {what} {number}{ident}: {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"scene graph: {what} {number}{ident} does not fit: {error}") from error


def node_from_row(row: dict[str, Any]) -> Node:
    """The node of `node_row`.

    Raises:
        InvalidInputError: an unknown layer.
        TypeError, ValueError: a field is missing or of another kind.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"expected an object with {', '.join(_NODE_ROW)}; got {str(row)[:60]}")
    missing = [f"'{name}'" for name in _NODE_ROW if name not in row]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing[:3])}")
    if not isinstance(row["attributes"], Mapping):
        raise ValueError(f"'attributes': expected an object, got {str(row['attributes'])[:40]}")
    if row["layer"] not in LAYERS:
        raise InvalidInputError(f"unknown layer {str(row['layer'])[:40]!r}; expected one of {', '.join(LAYERS)}")
    return Node(
        node_id(row["id"]),
        row["layer"],
        str(row["label"]),
        _three(row["position"]),
        _three(row["size"]),
        _number(row["yaw_rad"], "yaw_rad"),
        dict(row["attributes"]),
        _whole(row["from_ns"]),
        _until(row["to_ns"]),
    )


def relation_from_row(row: list[Any]) -> Relation:
    """The relation of `relation_row`.  Raises: TypeError, ValueError."""
    names = ("subject", "predicate", "object", "probability", "from_ns", "to_ns")
    subject, predicate, target, probability, start, end = _columns(row, names)
    p = _number(probability, "probability")
    if not 0.0 <= p <= 1.0 + 1e-9:
        raise ValueError(f"{subject} {predicate} {target}: probability is {probability}")
    return Relation(node_id(subject), str(predicate), node_id(target), p, _whole(start), _until(end))


def stay_from_row(row: list[Any]) -> Stay:
    """The stay of `stay_row`.  Raises: TypeError, ValueError."""
    start, end, position = _columns(row, ("from_ns", "to_ns", "position"))
    return Stay(_whole(start), _until(end), _three(position))


def aliases_from_rows(rows: list[list[int]]) -> dict[int, int]:
    """Absorbed id -> id it goes by.

    Raises:
        ValueError: aliases that go round in a circle: following them would never end.
    """
    pairs = [_columns(row, ("absorbed id", "kept id")) for row in rows]
    aliases = {node_id(a): node_id(b) for a, b in pairs}
    for start in aliases:
        at, steps = start, 0
        while at in aliases and steps <= len(aliases):
            at, steps = aliases[at], steps + 1
        if steps > len(aliases):
            raise ValueError(f"alias {start} leads in a circle")
    return aliases


def _whole(value: Any) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float, np.integer, np.floating))
        or not np.isfinite(value)
        or int(value) != value
        or not -MAX_ID <= value <= MAX_ID
    ):
        raise ValueError(f"expected a whole number of 64 bits, got {str(value)[:40]!r}")
    return int(value)


def node_id(value: Any) -> int:
    """An id as a whole number.  Raises: TypeError, ValueError: it is none, negative, or of more than 63 bits."""
    if _whole(value) < 0:
        raise ValueError(f"node id {value} is negative")
    return int(value)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not np.isfinite(value):
        raise ValueError(f"'{name}': expected a finite number, got {str(value)[:40]!r}")
    return float(value)


def _until(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _three(value: Any) -> NDArray[np.float64]:
    try:
        out = np.array(value, float)
    except (TypeError, ValueError):
        out = np.empty(0)
    if out.shape != (3,) or not np.isfinite(out).all():
        raise ValueError(f"expected three finite numbers (m), got {str(value)[:60]}")
    return out


# -- NetworkX ------------------------------------------------------------------------------------------------------------


def to_networkx(graph: SceneGraph) -> Any:
    """networkx.MultiDiGraph of what holds now; edge key = predicate, with probability and from_ns.

    Node attributes: layer, label, position (m), size (m), yaw_rad, from_ns, and the node's own (one whose name is taken: in `attributes`).
    """
    import networkx as nx

    out = nx.MultiDiGraph(format=NETWORKX_FORMAT)
    for n in graph.nodes():
        own = {k: v for k, v in n.attributes.items() if k not in _NODE_FIELDS}
        if len(own) < len(n.attributes):
            own["attributes"] = {k: v for k, v in n.attributes.items() if k in _NODE_FIELDS}
        fields = {"layer": n.layer, "label": n.label, "position": n.position.tolist(), "size": n.size.tolist(), "yaw_rad": n.yaw_rad}
        out.add_node(n.id, **fields, from_ns=n.from_ns, **own)
    for r in graph.relations():
        if r.subject in out and r.object in out:
            out.add_edge(r.subject, r.object, key=r.predicate, probability=r.probability, from_ns=r.from_ns)
    return out


def from_networkx(graph: Any) -> SceneGraph:
    """The graph of a networkx directed graph with `to_networkx`'s attributes.

    Nodes are whole numbers with `layer` and `position`; `label` (default: the layer), `size`, `yaw_rad`, `from_ns` may be missing, the rest
    becomes the node's attributes. An edge's predicate is its key if that is a word, else its attribute `predicate`.

    Raises:
        InvalidInputError: not a directed graph, or attributes that do not fit.
    """
    if not (hasattr(graph, "is_directed") and graph.is_directed()):
        raise InvalidInputError("scene graph: expected a networkx.MultiDiGraph; an undirected graph does not say who is on whom")
    out = SceneGraph()
    for k, (i, told) in enumerate(graph.nodes(data=True), 1):
        with _named("node", k, f" (id {str(i)[:40]})"):
            if "layer" not in told or "position" not in told:
                raise ValueError("it has no layer or no position (or there is no such node, and an edge names it)")
            plain = {"label": str(told["layer"]), "size": [0.0, 0.0, 0.0], "yaw_rad": 0.0, "from_ns": 0, "to_ns": None}
            plain |= {k: told[k] for k in _NODE_FIELDS[1:] if k in told}
            plain["attributes"] = {k: v for k, v in told.items() if k not in _NODE_FIELDS} | dict(told.get("attributes", {}))
            out.put(node_from_row({"id": i, **plain}))
    edges = graph.edges(keys=True, data=True) if graph.is_multigraph() else ((a, b, None, d) for a, b, d in graph.edges(data=True))
    for k, (a, b, key, told) in enumerate(edges, 1):
        with _named("edge", k, f" ({a} -> {b})"):
            predicate = told.get("predicate", key)
            if not isinstance(predicate, str) or not predicate:
                raise ValueError("it has no predicate: give it as the edge's key or attribute")
            out.add_relation(relation_from_row([a, predicate, b, told.get("probability", 1.0), told.get("from_ns", 0), None]))
    return out
