"""Interchange: every form there and back, another system's real file, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem.errors import InvalidInputError
from robomem.scene_graph.graph import LAYERS, Node, Relation, SceneGraph, Stay
from robomem.scene_graph.graph_files import read_graph, write_graph
from robomem.scene_graph.interchange import from_networkx, rooms_to_objects
from robomem.scene_graph.spark_graph import from_spark_dsg, to_spark_dsg

HYDRA = next((p / "shared" / "data" / "scene_graphs" / "apartment_dsg.json" for p in Path(__file__).resolve().parents
              if (p / "shared" / "data" / "scene_graphs").is_dir()), Path("apartment_dsg.json"))  # fmt: skip
needs_hydra = pytest.mark.skipif(not HYDRA.is_file(), reason="the data folder is not here")
PREDICATES = ("on", "inside", "near", "part_of", "held_by", "connects")
P = np.array


def home() -> SceneGraph:
    """A mug on and near the counter of the kitchen that was on the desk before; a plate that is gone; one merged id."""
    g = SceneGraph()
    for i, layer, label in ((1, "building", "home"), (2, "room", "kitchen"), (4, "furniture", "counter"), (5, "furniture", "desk")):
        g.put(Node(i, layer, label, P([i, 0.5, 0.0]), P([1.0, 2.0, 0.9]), 0.3 if layer == "furniture" else 0.0))
    g.put(Node(3, "agent", "robot", P([0.0, 1.0, 0.0]), P([0.5, 0.5, 1.3]), 1.2, {}, 7_000))
    g.put(Node(8, "place", "place", P([0.5, 1.0, 0.0]), np.zeros(3), 0.0, {"clearance_m": 0.7}))
    g.put(Node(9, "place", "place", P([0.9, 1.0, 0.0]), np.zeros(3)))
    told = {"existence": 0.93, "status": "confirmed", "states": {"clean": "true"}, "color": "red", "support": 7}
    g.put(Node(6, "object", "mug", P([4.0, 0.1, 1.0]), P([0.1, 0.1, 0.12]), 0.0, told, 10))
    g.put(Node(7, "object", "plate", P([4.2, 0.1, 1.0]), P([0.2, 0.2, 0.02]), 0.0, {"existence": 0.01}, 10))
    for a, predicate, b, p, start, end in (
        *(
            (2, "part_of", 1, 1.0, 0, None),
            (4, "part_of", 2, 1.0, 0, None),
            (5, "part_of", 2, 1.0, 0, None),
            (8, "connects", 9, 1.0, 0, None),
        ),
        *((6, "on", 5, 0.9, 10, 50), (6, "on", 4, 0.95, 50, None), (6, "near", 4, 0.6, 50, None), (4, "near", 6, 0.6, 50, None)),
        (7, "on", 4, 0.9, 10, None),
    ):
        g.add_relation(Relation(a, predicate, b, p, start, end))
    g.stays[6] = [Stay(10, 50, P([5.0, 0.0, 1.0])), Stay(50, None, P([4.0, 0.1, 1.0]))]
    g.stays[7] = [Stay(10, None, P([4.2, 0.1, 1.0]))]
    g.gone(7, 90)
    g.aliases[12] = 6
    return g


def canonical(graph: SceneGraph, present_only: bool = False) -> dict[str, Any]:
    """The graph as sorted rows; floats as they are."""
    data = json.loads(json.dumps(graph.to_json()))
    if present_only:
        here = {n.id for n in graph.nodes()}
        nodes = [r for r in data["nodes"] if r["id"] in here]
        links = {(r[0], r[1], r[2]): r for r in data["relations"] if r[5] is None and r[0] in here and r[2] in here}
        return {"nodes": nodes, "relations": [links[k] for k in sorted(links)]}
    return {k: sorted(json.dumps(row, sort_keys=True) for row in v) for k, v in data.items() if isinstance(v, list)}


WORDS = st.text(max_size=6)
LENGTH = st.floats(0, 1e4, allow_subnormal=False)
POINT = st.tuples(*[st.floats(-1e5, 1e5, allow_subnormal=False)] * 3).map(np.array)
PLAIN = st.recursive(st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(-1e9, 1e9) | WORDS,
                     lambda v: st.lists(v, max_size=2) | st.dictionaries(WORDS, v, max_size=2), max_leaves=4)  # fmt: skip
TIMES = st.integers(0, 2**61)


@st.composite
def graphs(draw: st.DrawFn) -> SceneGraph:
    """Any graph: parallel relations, loops, relations to what is gone, open and closed stays, merged ids."""
    g = SceneGraph()
    ids = draw(st.lists(st.integers(1, 2**50), min_size=1, max_size=6, unique=True))
    for i in ids:
        attributes = draw(st.dictionaries(WORDS | st.sampled_from(["id", "size", "attributes"]), PLAIN, max_size=2))
        size = P(draw(st.tuples(LENGTH, LENGTH, LENGTH)))
        yaw, start, end = draw(st.floats(-3.2, 3.2)), draw(TIMES), draw(st.none() | TIMES)
        g.put(Node(i, draw(st.sampled_from(LAYERS)), draw(WORDS), draw(POINT), size, yaw, attributes, start, end))
        g.stays[i] = [Stay(draw(TIMES), draw(st.none() | TIMES), draw(POINT)) for _ in range(draw(st.integers(0, 2)))]
    one = st.sampled_from(ids)
    for a, b, predicate, start in draw(st.lists(st.tuples(one, one, st.sampled_from(PREDICATES), TIMES), max_size=8)):
        g.add_relation(Relation(a, predicate, b, draw(st.integers(0, 100)) / 100, start, draw(st.none() | TIMES)))
    g.aliases = {2**51 + k: draw(one) for k in range(draw(st.integers(0, 2)))}
    return g


# -- there and back ----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_any_graph_survives_spark_dsg(graph: SceneGraph) -> None:
    pytest.importorskip("spark_dsg")
    assert canonical(from_spark_dsg(to_spark_dsg(graph))) == canonical(graph)


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_what_holds_now_survives_networkx(graph: SceneGraph) -> None:
    assert canonical(from_networkx(graph.to_networkx())) == canonical(from_networkx(from_networkx(graph.to_networkx()).to_networkx()))
    assert canonical(from_networkx(graph.to_networkx()), True) == {**canonical(graph, True)}


@settings(max_examples=50, deadline=None)
@given(graphs(), st.sampled_from(["graphml", "networkx", "json"]))
def test_any_graph_survives_files(tmp_path_factory: pytest.TempPathFactory, graph: SceneGraph, form: str) -> None:
    path = tmp_path_factory.mktemp("graphs") / f"graph.{'graphml' if form == 'graphml' else 'json'}"
    write_graph(graph, path, form)
    back = read_graph(path)
    assert canonical(back, form != "json") == canonical(graph, form != "json")


@pytest.mark.parametrize("suffix", [".json", ".sparkdsg"])
def test_a_home_survives_a_spark_dsg_file(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("spark_dsg")
    path = tmp_path / f"home{suffix}"
    write_graph(home(), path, "spark_dsg")
    back = read_graph(path)
    assert canonical(back) == canonical(home())
    assert back.describe(6) == "on the counter in the kitchen" and back.describe(6, 20) == "on the desk in the kitchen"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing half-written is left


def test_what_another_system_sees_of_ours() -> None:
    dsg = pytest.importorskip("spark_dsg")
    out = to_spark_dsg(home())
    names = {n.attributes.name: n for n in out.nodes if hasattr(n.attributes, "name")}
    assert "plate" not in names  # what is gone is no node there
    mug, counter = names["mug"], names["counter"]
    assert str(mug.id) == "O(6)" and mug.layer.layer == 2 and np.allclose(mug.attributes.bounding_box.dimensions, (0.1, 0.1, 0.12))
    assert out.get_labelspace(2, 0).labels_to_names[mug.attributes.semantic_label] == "mug"
    told = out.get_edge(mug.id, counter.id).info.metadata.get()["robomem"]["relations"]
    assert sorted(r[:3] for r in told) == [[4, "near", 6], [6, "near", 4], [6, "on", 4]]  # three relations, one edge
    assert mug.attributes.metadata.get()["robomem"]["attributes"]["existence"] == 0.93
    R = counter.attributes.bounding_box.world_R_center
    assert np.arctan2(R[1, 0], R[0, 0]) == pytest.approx(0.3) and counter.attributes.bounding_box.type == dsg.BoundingBoxType.RAABB
    robot = out.get_node(dsg.NodeSymbol("a", 3))
    turn = 2 * np.arctan2(robot.attributes.world_R_body.z, robot.attributes.world_R_body.w)
    assert robot.layer.partition == ord("a") and turn == pytest.approx(1.2)


def test_what_another_system_changed_is_taken() -> None:
    dsg = pytest.importorskip("spark_dsg")
    out = to_spark_dsg(home())
    mug = out.get_node(dsg.NodeSymbol("O", 6))
    mug.attributes.position, mug.attributes.name = P([1.0, 2.0, 3.0]), "cup"
    mug.attributes.bounding_box = dsg.BoundingBox(P([0.2, 0.2, 0.2], np.float32), P([1.0, 2.0, 3.0], np.float32))
    node = from_spark_dsg(out).node(6)
    assert node is not None and node.label == "cup" and node.position.tolist() == [1.0, 2.0, 3.0] and np.allclose(node.size, 0.2)


# -- the real file -----------------------------------------------------------------------------------------------------


def facts(graph: Any) -> tuple[dict[int, Any], dict[tuple[int, ...], Any]]:
    """What must survive of a spark_dsg graph: per node and per edge."""
    nodes = {}
    for n in graph.nodes:
        a = n.attributes
        row: list[Any] = [str(n.layer), type(a).__name__, a.position.tolist(), a.is_active, a.last_update_time_ns]
        if hasattr(a, "world_R_body"):
            row += [a.world_R_body.w, a.world_R_body.x, a.world_R_body.y, a.world_R_body.z, a.timestamp, a.external_key]
        else:
            box = a.bounding_box
            row += [a.name, a.semantic_label, list(a.color), box.type, box.is_valid()]
            row += [box.dimensions.tolist(), box.world_P_center.tolist(), box.world_R_center.tolist()] if box.is_valid() else []
        nodes[n.id.value] = [*row, getattr(a, "distance", None)]
    return nodes, {tuple(sorted((e.source, e.target))): (e.info.weight, e.info.weighted) for e in graph.edges}


@needs_hydra
def test_a_graph_of_hydra_becomes_ours(tmp_path: Path) -> None:
    pytest.importorskip("spark_dsg")
    graph = read_graph(HYDRA, {5: "couch"})
    layers = [n.layer for n in graph.nodes()]
    assert {name: layers.count(name) for name in set(layers)} == {"object": 7, "place": 185, "room": 1, "building": 1, "agent": 102}
    couch = graph.node(5692549928996306944)
    assert couch is not None and couch.label == "couch" and np.allclose(couch.size, (1.0182, 1.01833, 0.975479), atol=1e-4)
    first = graph.node(ord("a") << 56)
    assert first is not None and first.position.tolist() == [-16.04391, -2.61944, 2.461393] and first.from_ns == 3_647_910_000
    assert first.yaw_rad == pytest.approx(-0.0928727, abs=1e-6)
    in_room = [n for n in graph.nodes("object") if graph.room_of(n.id) == ord("R") << 56]
    assert len(in_room) == 3 and len(graph.relations(predicate="connects")) == 497
    assert sum(len(v) for v in rooms_to_objects(graph).values()) == 7


@needs_hydra
def test_theirs_to_ours_to_theirs_keeps_symbols_poses_boxes_labels_edges() -> None:
    dsg = pytest.importorskip("spark_dsg")
    theirs = dsg.DynamicSceneGraph.load(str(HYDRA))
    ours = from_spark_dsg(theirs)
    back = to_spark_dsg(ours)
    assert facts(back) == facts(theirs)
    assert canonical(from_spark_dsg(back)) == canonical(ours)


@needs_hydra
def test_a_label_space_comes_back() -> None:
    pytest.importorskip("spark_dsg")
    back = to_spark_dsg(read_graph(HYDRA, {5: "couch", 16: "table"}))
    assert back.get_labelspace(2, 0).labels_to_names == {5: "couch", 16: "table"}
    assert {n.label for n in from_spark_dsg(back).nodes("object")} == {"couch", "table", "class 11"}


# -- what is refused ---------------------------------------------------------------------------------------------------

GOOD = json.dumps(home().to_json())


def changed(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1).encode()


def linked(nodes: list[Any], edges: list[Any] | None = None) -> bytes:
    return json.dumps({"multigraph": True, "directed": True, "nodes": nodes, "edges": edges or []}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no scene graph"),
        (b"\x00\xff" * 50, "is no scene graph"),
        (b"dear diary", "is no scene graph"),
        (b"[1, 2]", "is no scene graph"),
        (b"SQLite format 3\x00 and so on", "give it as --db"),
        (GOOD[:300].encode(), "broken JSON"),
        (b'{"a":' * 100_000, "broken JSON"),
        (b'{"a": "\xff"}', "broken JSON"),
        (b"{}", "expected a JSON object with format"),
        (b'{"format": "robomem-rooms/1", "rooms": {}}', "by room"),
        (changed('"position": [1.0, 0.5, 0.0]', '"position": [NaN, 0.5, 0.0]'), "finite"),
        (changed('"position": [1.0, 0.5, 0.0]', '"position": [1.0, 0.5]'), "finite"),
        (changed('"layer": "building"', '"layer": "cellar"'), "unknown layer"),
        (changed('"id": 1,', '"id": 1e300,'), "64 bits"),
        (changed('"id": 1,', '"id": -1,'), "negative"),
        (changed('"id": 1,', '"id": true,'), "64 bits"),
        (changed('"aliases": [[12, 6]]', '"aliases": [[12, 6], [6, 12]]'), "circle"),
        (changed("0.95, 50, null]", "7.5, 50, null]"), "probability"),
        (changed('"attributes": {}', '"attributes": 3'), "does not fit"),
        (b'{"multigraph": true, "directed": false, "nodes": [], "edges": []}', "undirected"),
        (b'{"multigraph": true, "directed": true, "nodes": [{"id": 1}], "edges": []}', "layer"),
        (b'{"multigraph": true, "directed": true, "nodes": 3, "edges": []}', "node-link"),
        (changed('"id": 2,', '"id": 1,'), r"node 2 \(id 1\) does not fit: another node before it has the same id"),
        (changed('"id": 1, ', ""), r"node 1 does not fit: it has no 'id'"),
        (changed('"id": 1,', '"id": "one",'), r"node 1 \(id one\) does not fit: expected a whole number of 64 bits, got 'one'"),
        (changed('"nodes": [', '"nodes": ["mug", '), "node 1 does not fit: expected an object with id, layer"),
        (changed('[2, "part_of", 1,', '[2, "part_of", 99,'), r"relation 1 \(2 part_of 99\) is to node 99, which is not there"),
        (changed('[2, "part_of", 1,', '[98, "part_of", 1,'), r"relation \d+ \(98 part_of 1\) is from node 98, which is not there"),
        (changed('[2, "part_of", 1,', '[2, "part_of",'), r"relation 1 does not fit: expected \[subject, predicate"),
        (
            changed("0.95, 50, null]", '"sure", 50, null]'),
            r"relation \d+ does not fit: 'probability': expected a finite number, got 'sure'",
        ),
        (changed('"stays": [[6,', '"stays": [[66,'), "stay 1 is of node 66, which is not there"),
        (changed('"stays": [', '"stays": ["x", '), r"stay 1 does not fit: expected \[object, from_ns"),
        (changed('"aliases": [[12, 6]]', '"aliases": [[12]]'), r"'aliases' do not fit: expected \[absorbed id, kept id\]"),
        (changed('"relations": [', '"relations": 3, "others": ['), "expected a list 'relations', got 3"),
        (linked([{"id": 1}, {"id": 1}]), r"node 2 \(id 1\): another node before it has the same id"),
        (linked(["x"]), "node 1 has no 'id'"),
        (linked([{"id": "x"}]), "'id' of node 1: expected a whole number"),
        (linked([{"id": 1}], [{"source": 1, "target": 7}]), r"edge 1 \(1 -> 7\): there is no node 7"),
        (linked([{"id": 1}], [{"source": 1}]), "edge 1 has no 'target'"),
        (b"<graphml", "broken GraphML"),
        (b"<html></html>", "broken GraphML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><graphml/>', "document type"),
    ],
)
def test_a_file_that_is_no_graph_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "home.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=words) as caught:
        read_graph(path)
    said = str(caught.value)
    assert said.startswith(str(path)) and len(said) < 500
    assert not any(leak in said for leak in ("KeyError", "TypeError", "ValueError", "unpack", "indices"))


def test_a_relation_that_ended_with_what_was_never_a_node_is_not_exported(tmp_path: Path) -> None:
    graph = home()
    graph.add_relation(Relation(6, "on", 1406, 1.0, 10, 20))
    write_graph(graph, tmp_path / "home.json", "json")
    assert canonical(read_graph(tmp_path / "home.json")) == canonical(home())


def test_no_file_a_folder_and_a_huge_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InvalidInputError, match=r"cannot be read|is no file"):
            read_graph(path)
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)  # sparse: nothing is written, and nothing may be read
    with pytest.raises(InvalidInputError, match="1024 MB; scene graphs up to 256 MB"):
        read_graph(path)


@pytest.mark.parametrize(
    ("name", "form", "words"), [("a.json", "yaml", "unknown form"), ("a.txt", "spark_dsg", "end in"), ("f/a.json", "json", "written")]
)
def test_what_cannot_be_written(tmp_path: Path, name: str, form: str, words: str) -> None:
    (tmp_path / "f").write_text("a file where a folder should be")
    with pytest.raises(InvalidInputError, match=words):
        write_graph(home(), tmp_path / name, form)


@needs_hydra
@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_spark_dsg_file_is_read_or_refused_never_worse(tmp_path: Path, seed: int) -> None:
    dsg = pytest.importorskip("spark_dsg")
    rng = np.random.default_rng(seed)
    path = tmp_path / "damaged.sparkdsg"
    dsg.DynamicSceneGraph.load(str(HYDRA)).save(str(path), False)
    whole = path.read_bytes()
    refused = 0
    for k in range(10):
        data = bytearray(whole[: rng.integers(1, len(whole))] if k % 2 else whole)
        for i in rng.integers(0, len(data), 20):
            data[i] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_graph(path)
        except InvalidInputError:
            refused += 1
    assert refused >= 5  # a file cut short is always noticed


@pytest.mark.parametrize("change", [{"attributes": {"type": "Foo"}}, {"id": "x"}, {"attributes": 3}])
def test_a_spark_dsg_json_with_a_wrong_node_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    pytest.importorskip("spark_dsg")
    path = tmp_path / "home.json"
    write_graph(home(), path, "spark_dsg")
    data = json.loads(path.read_text())
    data["nodes"][0] |= change
    path.write_text(json.dumps(data))
    with pytest.raises(InvalidInputError, match="spark_dsg"):
        read_graph(path)


def test_metadata_of_ours_that_is_none_is_refused() -> None:
    dsg = pytest.importorskip("spark_dsg")
    out = to_spark_dsg(home())
    out.get_node(dsg.NodeSymbol("O", 6)).attributes.metadata.set({"robomem": {"id": "six"}})
    with pytest.raises(InvalidInputError, match="does not fit"):
        from_spark_dsg(out)


def test_things_by_room() -> None:
    rooms = rooms_to_objects(home())
    assert list(rooms) == ["kitchen 2"]
    mug = next(row for row in rooms["kitchen 2"] if row["label"] == "mug")
    assert mug["where"] == "on the counter in the kitchen" and mug["existence"] == 0.93 and mug["states"] == {"clean": "true"}
