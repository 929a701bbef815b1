"""Spatial knowledge graph (RoboMemory): the map's relations and what was told beside them, read and changed by neighbourhood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from robomem.memory.tiers import Ask, Item, Moment, overlap
from robomem.scene_graph.graph import SceneGraph

TOP_VERTICES, HOPS = 3, 2
MAX_TOLD = 2000  # told facts; further ones are refused
Fact = tuple[int, str, int]  # subject id, predicate, object id
Map = tuple[Mapping[int, str], Iterable[Fact]]  # label of every node, and the relations among them


@dataclass(frozen=True)
class Edit:
    """One typed change that a resolver (a model, a person) asks for.

    Attributes:
        op: "add" or "delete" the fact, or "modify" it to hold of `to` instead of `object`.
        label: with "add" and an unknown `object`: the label of the vertex to make.
    """

    op: Literal["add", "delete", "modify"]
    subject: int
    predicate: str
    object: int
    to: int = 0
    label: str = ""


@dataclass(frozen=True)
class Neighbourhood:
    """The vertices a question is about with their distance in hops, and the facts among them."""

    hops: Mapping[int, int]
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Applied:
    """What became of edits: done, and refused with the reason."""

    done: tuple[Edit, ...]
    refused: tuple[tuple[Edit, str], ...]


class KnowledgeGraph:
    """Vertices with labels; facts of the map, which only the map changes, and told facts, which edits change."""

    def __init__(self) -> None:
        self.labels: dict[int, str] = {}
        self._map: set[Fact] = set()
        self._told: dict[Fact, str] = {}  # fact -> source
        self._made: set[int] = set()

    @property
    def facts(self) -> set[Fact]:
        """Everything that holds."""
        return self._map | self._told.keys()

    def source(self, fact: Fact) -> str:
        """Who says so: "map", or the source that was given; "" for what does not hold."""
        return "map" if fact in self._map else self._told.get(fact, "")

    def follow(self, labels: Mapping[int, str], facts: Iterable[Fact]) -> None:
        """Take over the map as it is now; told facts about what is gone go with it."""
        self.labels = {**{i: self.labels[i] for i in self._made}, **labels}
        self._map = set(facts)
        self._told = {f: s for f, s in self._told.items() if f[0] in self.labels and f[2] in self.labels}
        self._prune()

    def retrieve(self, text: str, n: int = TOP_VERTICES, hops: int = HOPS) -> Neighbourhood:
        """The `n` vertices whose labels fit the words best, and everything within `hops` relations of them. O(vertices + facts)."""
        near: dict[int, set[int]] = defaultdict(set)
        facts = self.facts
        for subject, _, thing in facts:
            near[subject].add(thing)
            near[thing].add(subject)
        # A label that the words name whole ("coffee table" before "table") is meant more than one they share a word with.
        score = {i: overlap(label, text) + 0.5 * overlap(text, label) for i, label in self.labels.items() if overlap(text, label) > 0}
        found = dict.fromkeys(sorted(score, key=lambda i: (-score[i], i))[:n], 0)
        edge = list(found)
        for hop in range(1, hops + 1):
            edge = sorted({j for i in edge for j in near[i] if j not in found})
            found.update(dict.fromkeys(edge, hop))
        return Neighbourhood(found, tuple(sorted(f for f in facts if f[0] in found and f[2] in found)))

    def apply(self, edits: Iterable[Edit], scope: Neighbourhood, source: str) -> Applied:
        """Carry out what stays within `scope`; the rest is refused, each with its reason. Vertices left without any fact are pruned."""
        done, refused = [], []
        for edit in edits:
            reason = self._change(edit, scope, source)
            done += [] if reason else [edit]
            refused += [(edit, reason)] if reason else []
        self._prune()
        return Applied(tuple(done), tuple(refused))

    def forget(self, ids: Iterable[int]) -> None:
        """Drop vertices and every fact about them."""
        gone = set(ids)
        self.labels = {i: label for i, label in self.labels.items() if i not in gone}
        self._map = {f for f in self._map if not gone & {f[0], f[2]}}
        self._told = {f: s for f, s in self._told.items() if not gone & {f[0], f[2]}}
        self._made -= gone

    def _change(self, edit: Edit, scope: Neighbourhood, source: str) -> str:
        fact = (edit.subject, edit.predicate, edit.object)
        new = edit.op == "add" and edit.object not in self.labels
        ends = [edit.subject, *([] if new else [edit.object]), *([edit.to] if edit.op == "modify" else [])]
        outside = [i for i in ends if i not in scope.hops]
        if outside:
            return f"vertex {outside[0]} is outside the retrieved neighbourhood"
        if edit.op != "add" and fact in self._map:
            return "a fact of the map: only what is seen, or a correction, changes it"
        if edit.op != "add" and fact not in self._told:
            return "no such fact"
        if edit.op != "delete" and len(self._told) >= MAX_TOLD:
            return f"{MAX_TOLD} told facts are the budget"
        if new and not edit.label:
            return f"vertex {edit.object} is unknown and no label is given to make it"
        if edit.op == "add":
            if new:
                self.labels[edit.object] = edit.label
                self._made.add(edit.object)
            self._told.setdefault(fact, source)
            return ""
        del self._told[fact]
        if edit.op == "modify":
            self._told[(edit.subject, edit.predicate, edit.to)] = source
        return ""

    def _prune(self) -> None:
        linked = {i for subject, _, thing in self.facts for i in (subject, thing)}
        self.labels = {i: label for i, label in self.labels.items() if i in linked}
        self._made &= linked


def map_of(graph: SceneGraph) -> Map:
    """What a scene graph says now, copied: the graph may change while a tier reads."""
    labels = {n.id: n.label for n in graph.nodes()}
    return labels, [(r.subject, r.predicate, r.object) for r in graph.relations() if r.subject in labels and r.object in labels]


class SpatialTier:
    """The knowledge graph over the map, which is read anew for every question."""

    name, budget_s = "spatial", 0.5

    def __init__(self, read_map: Callable[[], Map]) -> None:
        self._read_map = read_map
        self.knowledge = KnowledgeGraph()
        self.refused: list[tuple[Edit, str]] = []

    def update(self, event: Moment) -> None:
        """Edits: data {"edits": sequence of Edit, "source": who}, within the neighbourhood of `text`; or forget an object."""
        if event.kind == "forget":
            named = {i for i, label in self.knowledge.labels.items() if event.text and label == event.text}
            self.knowledge.forget({event.id, *named})
            self.refused.clear()
        if event.kind == "edit":
            self._follow()
            scope = self.knowledge.retrieve(event.text)
            applied = self.knowledge.apply(event.data["edits"], scope, str(event.data.get("source", "")))
            self.refused = [*self.refused, *applied.refused][-100:]

    def retrieve(self, query: Ask) -> list[Item]:
        """Facts of the neighbourhood in words, nearest first."""
        self._follow()
        found = self.knowledge.retrieve(query.text)
        name = self.knowledge.labels
        ranked = sorted(found.facts, key=lambda f: (found.hops[f[0]] + found.hops[f[2]], f))
        return [
            Item(f"{name[s]} #{s} {p.replace('_', ' ')} {name[o]} #{o}", 1.0 / (1 + found.hops[s] + found.hops[o]), (s, o))
            for s, p, o in ranked[: query.k]
        ]

    def _follow(self) -> None:
        self.knowledge.follow(*self._read_map())
