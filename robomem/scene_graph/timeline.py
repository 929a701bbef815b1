"""What was believed then about when: the graph as the robot knew it at one time, about another time, folded from its events.

`SceneGraph.at(t)` says what is known today about t. Here a second time says up to when the robot had been told (robot time against query
time, as Khronos evaluates its maps: Schmid et al. 2024): a move that was noticed later is not known yet, two things that were found to be
one later are still two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.scene_graph.graph import Node, Relation, SceneGraph, Stay
from robomem.types import Event

WITHOUT_EVENTS = ("building", "room", "place")  # layers that are cut from the map: only their intervals are on record


@dataclass
class Life:
    """One object as its events up to some time tell it."""

    label: str
    stays: list[Stay] = field(default_factory=list)
    holders: list[Relation] = field(default_factory=list)  # as the events say: the graph's own rows are finer where it still has them
    belief: float = 1.0
    states: dict[str, Any] = field(default_factory=dict)

    def close(self, stamp_ns: int) -> None:
        """It is no longer where it was."""
        if self.stays and self.stays[-1].to_ns is None:
            self.stays[-1] = replace(self.stays[-1], to_ns=stamp_ns)
        if self.holders and self.holders[-1].to_ns is None:
            self.holders[-1] = replace(self.holders[-1], to_ns=stamp_ns)


def graph_at(graph: SceneGraph, events: Iterable[Event], known_ns: int, at_ns: int | None = None) -> SceneGraph:
    """What the robot believed at `known_ns` about `at_ns`: nodes, stays and relations that held then by all it had been told.

    Things come from the fold of the events up to `known_ns`. Rooms, places and relations come from the graph's intervals, of which what
    began later is left out and what ended later is still open.

    Args:
        graph: as it is today.
        events: of any order; those after `known_ns` are left out.
        known_ns: robot time.
        at_ns: query time; later than `known_ns` asks what was expected to last, which is what held at `known_ns`.

    Returns:
        A graph of its own. Positions of things are those of their events (refined ones between events are not on record).
    """
    at_ns = known_ns if at_ns is None else min(at_ns, known_ns)
    lives, aliases = fold(graph, events, known_ns)
    out = SceneGraph()
    for n in graph.all_nodes():
        drawn = n.layer in WITHOUT_EVENTS or (n.layer == "agent" and n.id not in lives)
        if drawn and n.from_ns <= at_ns and (n.to_ns is None or n.to_ns > at_ns):
            out.put(replace(n, to_ns=None))
    for i, life in lives.items():
        stay = next((s for s in reversed(life.stays) if s.from_ns <= at_ns and (s.to_ns is None or at_ns < s.to_ns)), None)
        if stay is not None:
            out.put(_node(graph, i, life, stay))
            out.stays[i] = list(life.stays)
    for r in _rows(graph, lives, known_ns):
        if r.holds_at(at_ns) and out.node(r.subject) is not None and out.node(r.object) is not None:
            out.add_relation(replace(r, to_ns=None))
    _rooms_of_old(graph, out)
    out.aliases = {a: b for a, b in aliases.items() if out.node(a) is None}
    return out


def fold(graph: SceneGraph, events: Iterable[Event], known_ns: int) -> tuple[dict[int, Life], dict[int, int]]:
    """Object id -> its life, and absorbed id -> kept id, by the events up to `known_ns`."""
    lives: dict[int, Life] = {}
    aliases: dict[int, int] = {}
    for e in sorted((e for e in events if e.stamp_ns <= known_ns), key=lambda e: (e.stamp_ns, e.id)):
        if e.kind == "map_corrected":
            continue
        life = lives.setdefault(e.object_id, Life(e.label))
        life.label, life.belief = e.label or life.label, e.belief
        if e.kind in ("appeared", "moved"):
            life.close(e.stamp_ns)
            _settle(graph, e, life)
        elif e.kind == "removed":
            life.close(e.stamp_ns)
            life.belief = 0.0
        elif e.kind == "relation_changed":
            _hand_over(graph, e, life)
        elif e.kind == "state_changed":
            life.states |= e.after
        elif e.kind == "merged" and isinstance(e.before.get("id"), int) and e.before["id"] != e.object_id:
            aliases[e.before["id"]] = e.object_id
            _absorb(life, lives.pop(e.before["id"], None))
    return {i: life for i, life in lives.items() if life.stays}, aliases


def _absorb(life: Life, other: Life | None) -> None:
    """What was known under the absorbed id before the kept one began is the kept one's past."""
    start = life.stays[0].from_ns if life.stays else None
    for s in reversed(other.stays if other is not None else []):
        if start is None or s.from_ns < start:
            life.stays.insert(0, s if start is None else replace(s, to_ns=start if s.to_ns is None else min(s.to_ns, start)))


def _settle(graph: SceneGraph, e: Event, life: Life) -> None:
    """It stands at the event's position from its time on (at its first appearance: since it was first seen)."""
    position = _position(e.after)
    if position is None:
        return
    since = e.after.get("since_ns", e.stamp_ns)
    start = since if isinstance(since, int) and not life.stays else e.stamp_ns
    life.stays.append(Stay(start, None, position))
    holder = e.after.get("place_id")
    if isinstance(holder, int):
        life.holders.append(Relation(e.object_id, _predicate(graph, e, holder), holder, 1.0, start))


def _hand_over(graph: SceneGraph, e: Event, life: Life) -> None:
    """Another holder: a hand takes it off its place, another surface leaves it there."""
    holder = e.after.get("place_id")
    if "held_by" in e.after:
        life.close(e.stamp_ns)
        agents = [n.id for n in graph.all_nodes() if n.layer == "agent" and n.label == e.after["held_by"]]
        holder = e.after.get("agent_id", min(agents, default=None))
        position = _position(e.before)
        if position is not None:  # believed where the hand is; what the events know is where it was taken
            life.stays.append(Stay(e.stamp_ns, None, position))
        if isinstance(holder, int):
            life.holders.append(Relation(e.object_id, "held_by", holder, 1.0, e.stamp_ns))
    elif isinstance(holder, int):
        if life.holders and life.holders[-1].to_ns is None:
            life.holders[-1] = replace(life.holders[-1], to_ns=e.stamp_ns)
        life.holders.append(Relation(e.object_id, _predicate(graph, e, holder), holder, 1.0, e.stamp_ns))


def _predicate(graph: SceneGraph, e: Event, holder: int) -> str:
    node = graph.node(holder)
    if node is not None and node.layer in WITHOUT_EVENTS:
        return "part_of"
    return "inside" if str(e.after.get("place", "")).startswith("in the ") else "on"


def _position(told: Any) -> NDArray[np.float64] | None:
    p = np.asarray(told.get("position", ()), float)
    return p if p.shape == (3,) and np.isfinite(p).all() else None


def _node(graph: SceneGraph, i: int, life: Life, stay: Stay) -> Node:
    """The object then: where and what by its events, size and layer by what is known of it today."""
    today = graph.node(i)
    attributes: dict[str, Any] = {"existence": life.belief, "states": dict(life.states)}
    first = life.stays[0].from_ns
    if today is None:
        return Node(i, "object", life.label, stay.position, np.zeros(3), 0.0, attributes, first)
    return Node(i, today.layer, life.label, stay.position, today.size, today.yaw_rad, attributes, first)


def _rows(graph: SceneGraph, lives: dict[int, Life], known_ns: int) -> list[Relation]:
    """Relations as known then: the graph's rows, and for ids that were merged away since what their events say."""
    rows = []
    for r in graph.all_relations():
        if r.from_ns <= known_ns:
            rows.append(r if r.to_ns is None or r.to_ns <= known_ns else replace(r, to_ns=None))
    return rows + [r for i, life in lives.items() if i in graph.aliases for r in life.holders]  # merged away since


def _rooms_of_old(graph: SceneGraph, out: SceneGraph) -> None:
    """Furniture was in its room before the room was told apart from others, if the room was known then."""
    for n in out.nodes("furniture"):
        if not any(r.predicate == "part_of" for r in out.relations(n.id)):
            first = min((r for r in graph.relations_of(n.id) if r.predicate == "part_of"), key=lambda r: r.from_ns, default=None)
            if first is not None and out.node(first.object) is not None:
                out.add_relation(replace(first, to_ns=None))
