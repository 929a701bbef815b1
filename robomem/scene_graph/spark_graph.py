"""The graph as a spark_dsg.DynamicSceneGraph (what Hydra and Khronos write) and back.

What spark_dsg has a field for goes there; what it has none for (existence, history, relations) goes into metadata under "robomem". It
keeps one undirected edge per pair of nodes, so the relations of a pair share the edge's metadata. What is gone is no node there (a reader
of another system would take it for present): it is kept in the graph's own metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.geometry import yaw_matrix
from robomem.scene_graph import interchange as plain
from robomem.scene_graph.graph import Node, Relation, SceneGraph

FORMAT = "robomem-spark-dsg/1"
KEY, FOREIGN = "robomem", "spark_dsg"  # our entry in their metadata, and theirs in our node's attributes
AGENTS = ord("a")  # partition of the layer that agents share with objects
LAYER = {"building": (5, 0), "room": (4, 0), "place": (3, 0), "furniture": (2, 0), "object": (2, 0), "agent": (2, AGENTS)}
LETTER = {"building": "B", "room": "R", "place": "p", "furniture": "O", "object": "O", "agent": "a"}
LAYER_OF_CLASS = {
    "AgentNodeAttributes": "agent",
    "PlaceNodeAttributes": "place",
    "Place2dNodeAttributes": "place",
    "TraversabilityNodeAttributes": "place",
    "RoomNodeAttributes": "room",
    "ObjectNodeAttributes": "object",
    "KhronosObjectAttributes": "object",
}
LAYER_OF_KEY = {2: "object", 3: "place", 4: "room", 5: "building"}
UNNAMED = "class {}"  # a semantic label without a label space
SYMBOL = re.compile(r"^.?\(?\d+\)?$|^$")
SYMBOL_BITS = 56  # a node symbol is a letter and a number of so many bits
AS_FLOAT32 = 1e-5  # boxes are float32 there: closer than this (relative), our exact numbers still hold


def spark() -> Any:
    """The spark_dsg module.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import spark_dsg
    except ImportError as error:
        raise MissingDependencyError("spark_dsg is not installed; pip install 'robomem[interchange]'") from error
    return spark_dsg


# -- ours -> theirs ----------------------------------------------------------------------------------------------------


def to_spark_dsg(graph: SceneGraph) -> Any:
    """A spark_dsg.DynamicSceneGraph; nodes that came from one keep symbol, layer, labels, box and edge weights.

    Raises:
        MissingDependencyError: spark_dsg is not installed.
    """
    dsg = spark()
    out = dsg.DynamicSceneGraph()
    present = graph.nodes()
    symbols = _symbols(dsg, present)
    number, space = _label_space(present)
    for n in present:
        theirs = n.attributes.get(FOREIGN, {})
        layer, partition = theirs.get("layer", LAYER[n.layer])
        if not out.has_layer(layer, partition):
            out.add_layer(layer, partition)
        out.add_node(dsg.LayerKey(layer, partition), symbols[n.id], _attributes(dsg, n, number, _history(graph, n.id, symbols)))
    for pair, rows in _pairs(graph, symbols).items():
        info = dsg.EdgeAttributes()
        info.metadata.set({KEY: {"relations": [plain.relation_row(r) for r in rows]}})
        weight = _weight(graph, pair[0], symbols[pair[1]])
        if weight is not None:
            info.weight, info.weighted = weight, True
        out.insert_edge(symbols[pair[0]], symbols[pair[1]], info)
    if space:
        out.set_labelspace(dsg.Labelspace(space), LAYER["object"][0])
    gone = [n for n in graph.all_nodes() if n.to_ns is not None]
    past = [{**plain.node_row(n), **_history(graph, n.id, symbols)} for n in gone]
    out.metadata.add({KEY: {"format": FORMAT, "gone": past, "aliases": sorted(graph.aliases.items())}})
    return out


def _symbols(dsg: Any, nodes: list[Node]) -> dict[int, Any]:
    """A free symbol for each node: one that came with a symbol, as its id or beside it, keeps it."""
    told = {n.id: int(n.attributes.get(FOREIGN, {}).get("symbol", n.id if n.id >> SYMBOL_BITS else 0)) for n in nodes}
    taken = {value for value in told.values() if value}
    out: dict[int, Any] = {}
    for n in nodes:
        free = (ord(c) << SYMBOL_BITS | n.id for c in (LETTER[n.layer], *"uvwxyzUVWXYZ"))
        value = told[n.id] or next(v for v in free if v not in taken)  # more letters than layers: one is always free
        taken.add(value)
        out[n.id] = dsg.NodeSymbol(value)
    return out


def _label_space(nodes: list[Node]) -> tuple[dict[str, int], dict[int, str]]:
    """Semantic label of each class of ours, and the name of each label: numbers that another system gave are kept."""
    things = [n for n in nodes if n.layer in ("object", "furniture")]
    told = {int(n.attributes[FOREIGN].get("semantic_label", 0)): n.label for n in things if FOREIGN in n.attributes}
    space = {i: label for i, label in told.items() if label != UNNAMED.format(i)}
    number: dict[str, int] = {}
    for label in sorted({n.label for n in things if FOREIGN not in n.attributes}):
        number[label] = next(i for i in count() if i not in told and i not in space)
        space[number[label]] = label
    return number, space


def _history(graph: SceneGraph, i: int, symbols: Mapping[int, Any]) -> dict[str, Any]:
    """Stays, and the relations that no edge can carry: past ones, to itself, and to what is not there."""
    rows = [r for r in graph.relations_of(i) if not _is_edge(r, symbols)]
    return {"stays": [plain.stay_row(s) for s in graph.stays.get(i, ())], "relations": [plain.relation_row(r) for r in rows]}


def _is_edge(r: Relation, symbols: Mapping[int, Any]) -> bool:
    return r.to_ns is None and r.subject != r.object and r.subject in symbols and r.object in symbols


def _pairs(graph: SceneGraph, symbols: Mapping[int, Any]) -> dict[tuple[int, int], list[Relation]]:
    out: dict[tuple[int, int], list[Relation]] = {}
    for r in graph.relations():
        if _is_edge(r, symbols):
            out.setdefault((min(r.subject, r.object), max(r.subject, r.object)), []).append(r)
    return out


def _weight(graph: SceneGraph, a: int, other: Any) -> float | None:
    node = graph.node(a)
    value = node.attributes.get(FOREIGN, {}).get("weights", {}).get(str(other.value)) if node is not None else None
    return None if value is None else float(value)


def _attributes(dsg: Any, n: Node, number: Mapping[str, int], history: dict[str, Any]) -> Any:
    theirs: dict[str, Any] = n.attributes.get(FOREIGN, {})
    names = {"agent": "Agent", "place": "Place", "room": "Room", "building": "Semantic"}
    out = getattr(dsg, f"{names.get(n.layer, 'Object')}NodeAttributes")()
    out.position = n.position
    out.is_active = bool(theirs.get("is_active", True))
    out.last_update_time_ns = int(theirs.get("last_update_time_ns", max(n.from_ns, 0)))
    if n.layer == "agent":
        half = n.yaw_rad / 2
        out.world_R_body = dsg.Quaternion(*theirs.get("rotation", (float(np.cos(half)), 0.0, 0.0, float(np.sin(half)))))
        out.timestamp = timedelta(microseconds=max(n.from_ns, 0) // 1000)
        out.external_key = int(theirs.get("external_key", 0))
    else:
        out.name = theirs.get("name", n.label)
        out.semantic_label = int(theirs.get("semantic_label", number.get(n.label, 0)))
        out.color = np.array(theirs.get("color", (127, 127, 127)), np.uint8)
        out.bounding_box = _box(dsg, n, theirs.get("box"))
    if n.layer == "place":
        out.distance = float(theirs.get("distance", n.attributes.get("clearance_m", 0.0)))
    own = {k: v for k, v in n.attributes.items() if k != FOREIGN}
    row = {**plain.node_row(n), "attributes": own, "foreign": bool(theirs), **history}
    out.metadata.set({**theirs.get("metadata", {}), KEY: row})
    return out


def _box(dsg: Any, n: Node, told: dict[str, Any] | None) -> Any:
    if told is not None:
        R = np.array(told["rotation"], np.float32)
        return dsg.BoundingBox(
            getattr(dsg.BoundingBoxType, told["type"]), n.size.astype(np.float32), np.array(told["center"], np.float32), R
        )
    if not n.size.any():
        return dsg.BoundingBox()
    kind = dsg.BoundingBoxType.RAABB if n.yaw_rad else dsg.BoundingBoxType.AABB
    return dsg.BoundingBox(kind, n.size.astype(np.float32), n.position.astype(np.float32), yaw_matrix(n.yaw_rad).astype(np.float32))


# -- theirs -> ours ----------------------------------------------------------------------------------------------------


def from_spark_dsg(dsg_graph: Any, labels: Mapping[int, str] | None = None) -> SceneGraph:
    """A graph from a spark_dsg.DynamicSceneGraph, ours or another's.

    Of another's, ids are the symbols' 64-bit values; same-layer edges become `connects` (places, rooms, agents) or `near` (objects), edges
    between layers `part_of`; what we have no field for is kept in the node's attributes under "spark_dsg".

    Args:
        labels: semantic label -> name, where the file itself has no label space.

    Raises:
        InvalidInputError: metadata under "robomem" that is none of ours, positions that are not finite.
    """
    out = SceneGraph()
    known: dict[int, int] = {}  # symbol -> our id
    try:
        top = dsg_graph.metadata.get().get(KEY, {})
        nodes = [*dsg_graph.nodes]
        for node in nodes:
            _take_node(out, node, known, _names(dsg_graph, node, labels or {}))
        for edge in dsg_graph.edges:
            _take_edge(out, dsg_graph, edge, known)
        for row in top.get("gone", ()):
            out.put(plain.node_from_row(row))
            _take_history(out, int(row["id"]), row)
        out.aliases = plain.aliases_from_rows(top.get("aliases", []))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InvalidInputError(f"spark_dsg graph: does not fit: {type(error).__name__}: {error}") from error
    return out


def _names(dsg_graph: Any, node: Any, labels: Mapping[int, str]) -> Mapping[int, str]:
    space = dsg_graph.get_labelspace(node.layer.layer, node.layer.partition)
    return {**labels, **(space.labels_to_names if space else {})}


def _take_node(out: SceneGraph, node: Any, known: dict[int, int], names: Mapping[int, str]) -> None:
    attributes, symbol = node.attributes, int(node.id.value)
    metadata = dict(attributes.metadata.get())
    ours = metadata.pop(KEY, None)
    if ours is not None:
        if int(ours["id"]) in known.values():
            raise ValueError(f"two nodes say that they are our node {ours['id']}")
        n = plain.node_from_row({**ours, "position": attributes.position.tolist(), "label": getattr(attributes, "name", ours["label"])})
        box = getattr(attributes, "bounding_box", None)
        if box is not None and box.is_valid() and not np.allclose(box.dimensions, n.size, rtol=AS_FLOAT32, atol=AS_FLOAT32):
            n = Node(n.id, n.layer, n.label, n.position, np.array(box.dimensions, float), n.yaw_rad, n.attributes, n.from_ns)
        if ours.get("foreign"):
            n.attributes[FOREIGN] = _foreign(node, metadata) | ({} if symbol == n.id else {"symbol": symbol})
            n = Node(n.id, n.layer, ours["label"], n.position, n.size, n.yaw_rad, n.attributes, n.from_ns)
        _take_history(out, n.id, ours)
    else:
        n = _foreign_node(node, symbol, metadata, names)
    known[symbol] = n.id
    out.put(n)


def _take_history(out: SceneGraph, i: int, row: Mapping[str, Any]) -> None:
    for stay in row["stays"]:
        out.stays[i].append(plain.stay_from_row(stay))
    for relation in row["relations"]:
        out.add_relation(plain.relation_from_row(relation))


def _foreign_node(node: Any, symbol: int, metadata: dict[str, Any], names: Mapping[int, str]) -> Node:
    attributes = node.attributes
    layer = LAYER_OF_CLASS.get(type(attributes).__name__) or LAYER_OF_KEY.get(node.layer.layer)
    if layer is None:
        layer = "place"  # segments, meshes' places: a point of the map that carries nothing
    size, yaw, from_ns = [0.0, 0.0, 0.0], 0.0, 0
    label = {"agent": "robot"}.get(layer, layer)
    if layer == "agent":
        q = attributes.world_R_body
        yaw = float(np.arctan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y**2 + q.z**2)))
        from_ns = attributes.timestamp // timedelta(microseconds=1) * 1000
    elif layer == "object":
        label = names.get(int(attributes.semantic_label), "") or _own_name(attributes) or UNNAMED.format(attributes.semantic_label)
    elif layer == "room":
        label = names.get(int(attributes.semantic_label), "") or _own_name(attributes) or "room"
    box = getattr(attributes, "bounding_box", None)
    if box is not None and box.is_valid():
        R = box.world_R_center
        size, yaw = box.dimensions.tolist(), float(np.arctan2(R[1, 0], R[0, 0]))
    fields = {"id": symbol, "layer": layer, "label": label, "position": attributes.position.tolist(), "size": size, "yaw_rad": yaw}
    return plain.node_from_row({**fields, "attributes": {FOREIGN: _foreign(node, metadata)}, "from_ns": from_ns, "to_ns": None})


def _own_name(attributes: Any) -> str:
    """What a node is called, in words; "O(12)" is its symbol and says nothing."""
    name = str(getattr(attributes, "name", "")).strip()
    return "" if SYMBOL.match(name) else name


def _foreign(node: Any, metadata: dict[str, Any]) -> dict[str, Any]:
    """What spark_dsg says of a node beyond our fields, as plain values."""
    a = node.attributes
    out: dict[str, Any] = {"layer": [int(node.layer.layer), int(node.layer.partition)], "class": type(a).__name__}
    out |= {"is_active": bool(a.is_active), "last_update_time_ns": int(a.last_update_time_ns)}
    if metadata:
        out["metadata"] = metadata
    if hasattr(a, "world_R_body"):
        q = a.world_R_body
        out |= {"rotation": [float(q.w), float(q.x), float(q.y), float(q.z)], "external_key": int(a.external_key)}
    if hasattr(a, "semantic_label"):
        out |= {"name": a.name, "semantic_label": int(a.semantic_label), "color": [int(c) for c in a.color]}
        if a.bounding_box.is_valid():
            box = a.bounding_box
            rotation = np.asarray(box.world_R_center).tolist()
            out["box"] = {"type": box.type.name, "center": np.asarray(box.world_P_center).tolist(), "rotation": rotation}
    if hasattr(a, "distance"):
        out["distance"] = float(a.distance)
    return out


def _take_edge(out: SceneGraph, dsg_graph: Any, edge: Any, known: Mapping[int, int]) -> None:
    ours = edge.info.metadata.get().get(KEY)
    a, b = known[int(edge.source)], known[int(edge.target)]
    if edge.info.weighted:
        for one, other in ((a, edge.target), (b, edge.source)):
            node = out.node(one)
            if node is not None and FOREIGN in node.attributes:
                node.attributes[FOREIGN].setdefault("weights", {})[str(int(other))] = float(edge.info.weight)
    if ours is not None:
        for row in ours["relations"]:
            out.add_relation(plain.relation_from_row(row))
        return
    first, second = out.node(a), out.node(b)
    if first is None or second is None:
        raise ValueError(f"an edge between {a} and {b}, which are no nodes")
    height = [dsg_graph.get_node(i).layer.layer for i in (edge.source, edge.target)]
    since = max(first.from_ns, second.from_ns)
    if height[0] != height[1]:
        child, parent = (a, b) if height[0] < height[1] else (b, a)
        out.add_relation(Relation(child, "part_of", parent, 1.0, since))
    else:
        predicate = "near" if "object" in (first.layer, second.layer) else "connects"
        out.add_relation(Relation(a, predicate, b, 1.0, since))
