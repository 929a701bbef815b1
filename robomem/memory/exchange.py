"""A memory's scene graph to other systems, and theirs as a memory that answers questions: `robomem graph export | import | show`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from robomem.errors import InvalidInputError
from robomem.memory.recorder import place_of
from robomem.memory.records import PlaceWords
from robomem.memory.records import Stay as StoredStay
from robomem.memory.robot_memory import RobotMemory
from robomem.scene_graph.graph import Node, SceneGraph
from robomem.scene_graph.graph_files import read_graph, write_graph
from robomem.scene_graph.interchange import rooms_to_objects
from robomem.scene_graph.spark_graph import FOREIGN, UNNAMED
from robomem.types import ObjectView, Status

MAX_ID = 1 << 53  # a larger number is none to a page's script, and the store's word index needs three bits beside it
SQLITE = b"SQLite format 3"
STATUSES: tuple[Status, ...] = ("tentative", "confirmed", "occluded", "missing", "removed", "held")


def export_graph(db: Path, form: str, out: Path, say: Callable[[str], None]) -> None:
    """Write the scene graph of a memory to a file; see `write_graph` for the forms.

    Raises:
        StoreError: no such memory.  InvalidInputError: an unknown form.
    """
    graph = graph_of(db)
    write_graph(graph, out, form)
    say(f"{out}: {count(graph)}")


def import_graph(source: Path, db: Path, say: Callable[[str], None], labels: Mapping[int, str] | None = None) -> None:
    """Make a new memory of a scene graph: things, places, rooms and history, but no images, sightings or events.

    It answers questions at once. A robot that goes on with it keeps these rows as history and must see the things again to believe in them.

    Args:
        labels: semantic label -> name, for a spark_dsg file that has no label space.

    Raises:
        InvalidInputError: the file is no scene graph, or `db` exists.
    """
    if db.exists():
        raise InvalidInputError(f"{db}: exists; an import makes a new memory, give another path")
    graph = renumbered(read_graph(source, labels))
    db.parent.mkdir(parents=True, exist_ok=True)
    newest = max((n.to_ns or n.from_ns for n in graph.all_nodes()), default=0)
    with RobotMemory.open(db) as memory:
        store = memory.store
        store.lease_ids(max((*(n.id for n in graph.all_nodes()), *graph.aliases, 0)) + 1)
        store.put_graph(graph.all_nodes(), graph.all_relations(), newest)
        views = {n.id: view_of(n, graph) for n in graph.all_nodes() if n.layer in ("furniture", "object")}
        places = {i: place_of(v, graph) for i, v in views.items()}
        store.put_objects((v, places[i]) for i, v in views.items())
        stays = [_stay(store.lease_ids(1), v, places[i], graph, k) for i, v in views.items() for k in range(len(graph.stays[i]))]
        store.put_stays(stays)
        for absorbed, kept in graph.aliases.items():
            store.merge(absorbed, kept, newest)
        store.put_meta("last_stamp_ns", str(newest))
    say(f"{db}: {count(graph)}")
    _tell_unnamed(graph, say)


def show_graph(source: Path, say: Callable[[str], None], labels: Mapping[int, str] | None = None) -> None:
    """Say what is in a scene graph file or a memory: counts, and the things of each room; `labels` as for `import_graph`."""
    graph = graph_of(source) if _is_database(source) else read_graph(source, labels)
    say(f"{source}: {count(graph)}")
    for room, things in rooms_to_objects(graph).items():
        words = [f"{row['label']} {row['id']}" for row in things]
        say(f"  {room}: {', '.join(words) or 'nothing'}")
    _tell_unnamed(graph, say)


def _tell_unnamed(graph: SceneGraph, say: Callable[[str], None]) -> None:
    """Which classes have a number and no name, and how to give them one."""
    start = UNNAMED.format("")
    numbers = sorted({int(n.label.removeprefix(start)) for n in graph.nodes("object") if re.fullmatch(rf"{start}\d+", n.label)})
    if numbers:
        classes = ", ".join(map(str, numbers))
        say(f"the file has no names for the classes {classes}; --labels FILE gives them ({{5: couch, ...}} as YAML or JSON)")


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def graph_of(db: Path) -> SceneGraph:
    """The scene graph as a memory's rows have it."""
    with RobotMemory.open(db, read_only=True) as memory:
        return memory.graph()


def renumbered(graph: SceneGraph) -> SceneGraph:
    """The graph with ids that a store can go on from: symbols of another system are kept beside small ids of our own."""
    known = {n.id for n in graph.all_nodes()} | set(graph.aliases)
    large = sorted(i for i in known if i > MAX_ID)
    if not large:
        return graph
    first = max((i for i in known if i <= MAX_ID), default=0) + 1
    new = {i: first + k for k, i in enumerate(large)} | {i: i for i in known if i <= MAX_ID}
    out = SceneGraph()
    for n in graph.all_nodes():
        beside = {FOREIGN: {**n.attributes[FOREIGN], "symbol": n.id}} if n.id > MAX_ID and FOREIGN in n.attributes else {}
        out.put(replace(n, id=new[n.id], attributes={**n.attributes, **beside}))
        out.stays[new[n.id]] = list(graph.stays.get(n.id, ()))
    for r in graph.all_relations():
        if r.subject in new and r.object in new:
            out.add_relation(replace(r, subject=new[r.subject], object=new[r.object]))
    out.aliases = {new[a]: new[b] for a, b in graph.aliases.items() if b in new}
    return out


def count(graph: SceneGraph) -> str:
    """ "1 building, 3 rooms, ...; 71 relations"."""
    layers = [n.layer for n in graph.nodes()]
    numbers = [(layers.count(name), name) for name in dict.fromkeys(layers)]
    words = [f"{k} {name}{'' if k == 1 or name == 'furniture' else 's'}" for k, name in numbers]
    return f"{', '.join(words) or 'nothing'}; {len(graph.relations())} relations"


def view_of(n: Node, graph: SceneGraph) -> ObjectView:
    """A node as the object it stands for."""
    told = n.attributes
    status: Status = "confirmed" if n.to_ns is None else "removed"
    for known in STATUSES:
        if known == told.get("status"):
            status = known
    existence = told.get("existence", 1.0 if n.to_ns is None else 0.0)
    states = {str(k): (str(v), 1.0) for k, v in told.get("states", {}).items()} if isinstance(told.get("states"), dict) else {}
    up = graph.parent(n.id)
    stays = graph.stays.get(n.id, [])
    last = max([n.to_ns or n.from_ns, *(s.from_ns for s in stays)])
    support = told.get("support", 1)
    return ObjectView(
        n.id,
        n.label,
        {n.label: 1.0},
        n.position,
        n.size,
        float(n.yaw_rad),
        float(np.clip(existence, 0.0, 1.0)) if isinstance(existence, (int, float)) else 1.0,
        status,
        states,
        n.from_ns,
        last,
        support if isinstance(support, int) else 1,
        up[0] if up else None,
        color=told["color"] if isinstance(told.get("color"), str) else "",
        kind=n.layer,
    )


def _stay(stay_id: int, view: ObjectView, place: PlaceWords, graph: SceneGraph, k: int) -> StoredStay:
    s = graph.stays[view.id][k]
    if s.to_ns is not None:
        words = graph.describe(view.id, s.from_ns)
        up, room = graph.parent(view.id, s.from_ns), graph.room_of(view.id, s.from_ns)
        node = graph.node(room) if room is not None else None
        name = node.label if node is not None else ""
        place = PlaceWords(up[0] if up else None, words.removesuffix(f"in the {name}").rstrip() if name else words, room, name)
    seen = s.to_ns if s.to_ns is not None else max(s.from_ns, view.last_seen_ns)
    return StoredStay(stay_id, view.id, s.from_ns, seen, s.to_ns, s.position, view.spread_m, place, max(view.existence, 0.5))
