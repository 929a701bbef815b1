"""Scene graphs in files: which form a file has, and reading and writing each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from robomem.errors import InvalidInputError
from robomem.scene_graph import interchange
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.spark_graph import from_spark_dsg, spark, to_spark_dsg

FORMATS = ("json", "rooms", "networkx", "graphml", "spark_dsg")
SPARK_SUFFIXES = (".json", ".sparkdsg", ".bson")
MAX_BYTES = 256 << 20
ROOMS_FORMAT = "robomem-rooms/1"
UNDIRECTED = "is an undirected graph, which does not say who is on whom"
_AS_JSON = "json:"  # GraphML knows scalars only: everything else is a string that begins so


def write_graph(graph: SceneGraph, path: str | Path, form: str) -> None:
    """Write a graph; the file appears whole or not at all.

    Args:
        form: "json" (everything), "rooms" (room -> objects now), "networkx" (node-link JSON), "graphml" (both: what holds now), "spark_dsg"
            (by suffix: .json, .sparkdsg).

    Raises:
        InvalidInputError: another form, a suffix that spark_dsg does not know, or a path that cannot be written.
        MissingDependencyError: spark_dsg is not installed.
    """
    target = Path(path)
    if form not in FORMATS:
        raise InvalidInputError(f"{target}: unknown form {form!r}; expected one of {', '.join(FORMATS)}")
    if form == "spark_dsg" and target.suffix not in SPARK_SUFFIXES:
        raise InvalidInputError(f"{target}: spark_dsg files end in {', '.join(SPARK_SUFFIXES)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            half = Path(folder) / f"graph{target.suffix}"
            _write(graph, half, form)
            half.replace(target)
    except OSError as error:
        raise InvalidInputError(f"{target}: cannot be written: {error.strerror or error}") from error
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{target}: the graph holds a value that this form has no word for: {error}") from error


def _write(graph: SceneGraph, path: Path, form: str) -> None:
    if form == "spark_dsg":
        to_spark_dsg(graph).save(str(path), False)
    elif form == "graphml":
        import networkx as nx

        nx.write_graphml(_scalars(interchange.to_networkx(graph)), path)
    else:
        path.write_text(json.dumps(_plain(graph, form), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(graph: SceneGraph, form: str) -> dict[str, Any]:
    if form == "rooms":
        return {"format": ROOMS_FORMAT, "rooms": interchange.rooms_to_objects(graph)}
    if form == "networkx":
        return _node_link(interchange.to_networkx(graph))
    return interchange.without_strays(graph)


def read_graph(path: str | Path, labels: Mapping[int, str] | None = None, max_bytes: int = MAX_BYTES) -> SceneGraph:
    """The graph in a file of any form but "rooms"; which one is read off its content.

    Args:
        labels: semantic label -> name, for spark_dsg files that have no label space.
        max_bytes: a larger file is refused before it is read.

    Raises:
        InvalidInputError: no file, too large, broken, or of another kind; the message says what was expected.
        MissingDependencyError: a spark_dsg file, and spark_dsg is not installed.
    """
    source = Path(path)
    try:
        size = source.stat().st_size
        if not source.is_file():
            raise InvalidInputError(f"{source}: is no file")
        if size > max_bytes:
            raise InvalidInputError(f"{source}: {size / 2**20:.0f} MB; scene graphs up to {max_bytes / 2**20:.0f} MB are read")
        raw = source.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{source}: cannot be read: {error.strerror or error}") from error
    try:
        return _parse(raw, source, labels)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: {error}") from error


def _parse(raw: bytes, source: Path, labels: Mapping[int, str] | None) -> SceneGraph:
    if raw.startswith(b"SQLite format 3"):
        raise InvalidInputError("is a robomem database, not a scene graph file; give it as --db")
    if b"SPARK_DSG" in raw[:16] or source.suffix in (".sparkdsg", ".bson"):
        return from_spark_dsg(_load_spark(source, {}), labels)
    start = raw[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return _parse_graphml(raw)
    if not start.startswith(b"{"):
        raise InvalidInputError("is no scene graph; expected JSON of robomem, networkx or spark_dsg, GraphML, or a .sparkdsg file")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise InvalidInputError(f"is broken JSON: {str(error)[:120]}") from error
    if data.get("format") == ROOMS_FORMAT:
        raise InvalidInputError("lists the objects by room, which is for others to read; the form 'json' holds the whole graph")
    if "nodes" in data and ("layer_keys" in data or "layer_ids" in data):
        return from_spark_dsg(_load_spark(source, data), labels)
    if "nodes" in data and "multigraph" in data:
        return _parse_node_link(data)
    graph = interchange.from_json(data)
    interchange.refuse_strays(graph, data)
    return graph


def _load_spark(source: Path, data: dict[str, Any]) -> Any:
    try:
        graph = spark().DynamicSceneGraph.load(str(source))
        for row in data["nodes"] if data else ():  # an older encoding has the time of an agent's pose beside its attributes: lost by load
            if isinstance(row.get("timestamp"), int) and graph.has_node(row["id"]):
                graph.get_node(row["id"]).attributes.timestamp = timedelta(microseconds=row["timestamp"] // 1000)
    except (RuntimeError, ValueError, IndexError, TypeError, AttributeError, KeyError, OverflowError, MemoryError) as error:
        raise InvalidInputError(f"spark_dsg cannot read it: {str(error)[:160]}") from error
    return graph


def _node_link(graph: Any) -> dict[str, Any]:
    """networkx's own node-link form, written out here since the name of its edge list differs between its versions."""
    nodes = [{"id": i, **told} for i, told in graph.nodes(data=True)]
    edges = [{"source": a, "target": b, "key": key, **told} for a, b, key, told in graph.edges(keys=True, data=True)]
    return {"directed": True, "multigraph": True, "graph": dict(graph.graph), "nodes": nodes, "edges": edges}


def _parse_node_link(data: dict[str, Any]) -> SceneGraph:
    import networkx as nx

    if not data.get("directed"):
        raise InvalidInputError(UNDIRECTED)
    graph = nx.MultiDiGraph()
    links = data.get("links", data.get("edges"))  # networkx before 3.4 says links
    if not isinstance(data["nodes"], list) or not isinstance(links, list):
        raise InvalidInputError("is no node-link graph: expected lists 'nodes' and 'edges'")
    for k, row in enumerate(data["nodes"], 1):
        i = _id_of(row, "id", f"node {k}")
        if i in graph:
            raise InvalidInputError(f"is no node-link graph: node {k} (id {i}): another node before it has the same id")
        graph.add_node(i, **{str(name): v for name, v in row.items() if name != "id"})
    for k, row in enumerate(links, 1):
        ends = [_id_of(row, end, f"edge {k}") for end in ("source", "target")]
        for i in ends:
            if i not in graph:
                raise InvalidInputError(f"is no node-link graph: edge {k} ({ends[0]} -> {ends[1]}): there is no node {i}")
        key, told = row.get("key"), {name: v for name, v in row.items() if name not in ("source", "target", "key")}
        graph.add_edge(*ends, key=key if isinstance(key, str) else None, **told)
    return interchange.from_networkx(graph)


def _id_of(row: Any, name: str, which: str) -> int:
    """An id in a row of a node-link file.  Raises: InvalidInputError: it is none."""
    if not isinstance(row, dict) or name not in row:
        raise InvalidInputError(f"is no node-link graph: {which} has no '{name}'")
    try:
        return interchange.node_id(row[name])
    except ValueError as error:
        raise InvalidInputError(f"is no node-link graph: '{name}' of {which}: {error}") from error


def _parse_graphml(raw: bytes) -> SceneGraph:
    import networkx as nx

    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise InvalidInputError("is GraphML with a document type of its own, which is not read (entities can grow without end)")
    try:
        found = _values(nx.parse_graphml(raw.decode("utf-8"), node_type=int))
    except (SyntaxError, KeyError, TypeError, ValueError, AttributeError, RecursionError, nx.NetworkXError) as error:
        raise InvalidInputError(f"is broken GraphML: {type(error).__name__}: {str(error)[:120]}") from error
    if found is None:
        raise InvalidInputError(UNDIRECTED)
    return interchange.from_networkx(found)


def _scalars(graph: Any) -> Any:
    """A networkx graph with attributes that GraphML can hold; the predicate as an attribute, since readers make up keys."""
    import networkx as nx

    out = nx.MultiDiGraph()
    for i, told in graph.nodes(data=True):
        odd = {k: v for k, v in told.items() if not k.isidentifier()}  # XML has no word for some characters
        rest = {"attributes": {**told.get("attributes", {}), **odd}} if odd else {}
        out.add_node(i, **{k: _scalar(v) for k, v in ({**told, **rest}).items() if k not in odd})
    for a, b, key, told in graph.edges(keys=True, data=True):
        out.add_edge(a, b, predicate=_scalar(key), **{k: _scalar(v) for k, v in told.items()})
    return out


def _scalar(value: Any) -> Any:
    if isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 1 << 31):
        return value  # GraphML's int has 32 bits in other readers
    if isinstance(value, str) and value.isprintable() and value == value.strip() and not value.startswith(_AS_JSON) and value:
        return value
    return _AS_JSON + json.dumps(value, allow_nan=False)


def _values(graph: Any) -> Any:
    """The graph that `_scalars` was given; None for an undirected one."""
    import networkx as nx

    if not graph.is_directed():
        return None
    out = nx.MultiDiGraph()
    for i, told in graph.nodes(data=True):
        out.add_node(i, **{k: _value(v) for k, v in told.items()})
    for a, b, told in graph.edges(data=True):
        plain = {k: _value(v) for k, v in told.items() if k != "id"}
        out.add_edge(a, b, key=plain.get("predicate"), **plain)
    return out


def _value(value: Any) -> Any:
    return json.loads(value[len(_AS_JSON) :]) if isinstance(value, str) and value.startswith(_AS_JSON) else value
