"""What planning asks of memory, and how memory's answers become things, holders and symbolic states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import yaw_matrix
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.tiers import Moment, MomentKind, TierAnswers
from robomem.memory.tools import call
from robomem.ontology import Ontology, default_ontology
from robomem.perception.appearance import colors_agree
from robomem.planning.goals import SURFACE, Description
from robomem.planning.lookups import Lookup
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.whereabouts import Surface
from robomem.types import Candidate, Episode, Event, ObjectView, PlaceProbability, Recall

GONE = ("missing", "removed")
SURE_THERE = 0.5  # existence below which a remembered place is only one of the places to look at


class WorldLike(Protocol):
    """The part of the world model that planning reads and writes."""

    grid: OccupancyGrid

    def objects(self) -> list[ObjectView]: ...
    def object(self, object_id: int) -> ObjectView | None: ...
    def set_held(self, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> Any: ...
    def note_searched(self, place_id: int, stamp_ns: int) -> None: ...
    def note_state(self, object_id: int, name: str, value: str) -> None: ...
    def furniture(self) -> list[ObjectView]: ...
    @property
    def surfaces(self) -> Mapping[int, Surface]: ...
    def refresh_rooms(self) -> None: ...


class MemoryLike(Protocol):
    """The verbs of memory that planning uses; RobotMemory has them all."""

    @property
    def world(self) -> Any: ...
    def find(self, query: str) -> Recall: ...
    def predict(self, query: str | int) -> list[PlaceProbability]: ...
    def objects(self) -> list[ObjectView]: ...
    def graph(self) -> Any: ...
    def changes(self, since_ns: int = 0) -> list[Event]: ...
    def add_episode(self, episode: Episode) -> Any: ...


@runtime_checkable
class Tiered(Protocol):
    """A memory whose tiers can be asked and told at once (RobotMemory; not one reached over ROS)."""

    def context(self, query: str, k: int = 5) -> TierAnswers: ...
    def tell(self, event: Moment) -> None: ...


@dataclass(frozen=True)
class Resolution:
    """Which remembered thing a description means.

    Attributes:
        view: the thing, or None when memory does not know it.
        there: False if memory knows it but not where it is now.
        question: set when the person should choose among the candidates.
    """

    view: ObjectView | None
    there: bool = False
    question: str = ""
    candidates: tuple[Candidate, ...] = ()
    note: str = ""
    p_still_there: float = 1.0


def above(view: ObjectView, xy: NDArray[np.float64], margin_m: float = 0.0) -> bool:
    """True if the point (m, map) lies over the footprint of a piece of furniture, grown by `margin_m`."""
    local = (np.asarray(xy, float)[:2] - view.position[:2]) @ yaw_matrix(view.yaw_rad)[:2, :2]
    return bool((np.abs(local) <= view.size[:2] / 2 + margin_m).all())


class Beliefs:
    """Questions to memory in the terms of planning."""

    def __init__(self, memory: MemoryLike, ontology: Ontology | None = None) -> None:
        self.memory, self.ontology = memory, ontology or default_ontology()

    @property
    def world(self) -> WorldLike:
        """The live world model."""
        return self.memory.world

    def tell(self, kind: MomentKind, stamp_ns: int, text: str, outcome: str = "") -> None:
        """Tell the tiers of memory what is being done, where it has tiers."""
        if isinstance(self.memory, Tiered):
            self.memory.tell(Moment(kind, stamp_ns, text, outcome))

    def remembered(self, sentence: str) -> list[str]:
        """What the tiers say to a sentence, one line per item, where memory has tiers."""
        return self.memory.context(sentence, k=3).lines() if isinstance(self.memory, Tiered) else []

    def lookup(self) -> Lookup | None:
        """The reading tools of memory for a language model; None for a memory reached over ROS, which answers verb by verb."""
        return partial(call, self.memory) if isinstance(self.memory, RobotMemory) else None

    def views(self) -> list[ObjectView]:
        """Everything tracked, removed things too."""
        return list(self.world.objects())

    def view(self, thing: int) -> ObjectView | None:
        """One thing by id."""
        return self.world.object(thing)

    def rooms(self) -> list[str]:
        """Names of the rooms memory knows, sorted."""
        return sorted({n.label for n in self.memory.graph().nodes(layer="room")})

    def room_of(self, thing: int) -> str:
        """Name of the room a thing or a piece of furniture is in, or ""."""
        graph = self.memory.graph()
        room = graph.room_of(thing)
        node = graph.node(room) if room is not None else None
        return node.label if node is not None else ""

    def same_label(self, view: ObjectView, label: str) -> bool:
        """True if `view` is a `label`: the class itself, or a kind of it ("dining table" is a "table")."""
        have, want = self.ontology.canonical(view.label), self.ontology.canonical(label)
        return have == want or have.endswith(f" {want}")

    def fits(self, view: ObjectView, what: Description) -> bool:
        """True if a remembered thing is what the words describe, as far as memory can tell."""
        if what.id is not None:
            return view.id == what.id
        if not self.same_label(view, what.label) or (what.color and view.color and not colors_agree(view.color, what.color)):
            return False
        if what.room and self.room_of(view.id) not in ("", what.room):
            return False
        holder = self.holder(view)
        return not (what.where and holder is not None and not self.same_label(holder, what.where))

    def matching(self, what: Description, without: Collection[int] = ()) -> list[ObjectView]:
        """Things that fit the words and are believed to exist, surest first."""
        found = [
            v
            for v in self.views()
            if v.id not in without and v.kind != "agent" and v.status not in GONE and v.status != "tentative" and self.fits(v, what)
        ]
        return sorted(found, key=lambda v: (-v.existence, v.id))

    def just_seen(
        self, what: Description, since_ns: int, without: Collection[int] = (), prefer: int | None = None, others: Collection[int] = ()
    ) -> ObjectView | None:
        """The thing described, if it was seen at or after `since_ns`; where it was said to be no longer matters.

        Args:
            what: the words.
            since_ns: sightings before do not count.
            without: ids that do not count.
            prefer: the id it had: then that one, if it was seen.
            others: ids known to stand elsewhere all along: a second mug is not the one that was meant, while an id that was lost when the
                search began may well be the same thing, not recognised in a new place.
        """
        loose = Description(what.label, color=what.color)
        fresh = [
            v
            for v in self.views()
            if v.last_seen_ns >= since_ns and v.status not in (*GONE, "held") and v.id not in without and v.kind == "object"
        ]
        known = [v for v in fresh if v.id == prefer]
        if known:
            return known[0]
        fits = [v for v in fresh if self.fits(v, loose) and (prefer is None or v.id not in others)]
        return min(fits, key=lambda v: (v.status == "tentative", -v.existence, v.id), default=None)

    def resolve(self, what: Description, without: Collection[int] = (), ask: bool = True) -> Resolution:
        """Which thing the words mean, through memory's one recall path."""
        if what.id is not None:
            view = self.view(what.id)  # already resolved: only its status counts from here on
            return Resolution(view, view is not None and self.believed_there(view))
        if not what.definite or what.count > 1 or what.every or without:
            fits = self.matching(what, without)
            if fits:
                return Resolution(fits[0], self.believed_there(fits[0]))
            return self._known_once(what, without)
        recall = self.memory.find(what.words())
        if recall.verdict == "ambiguous":
            return self._ambiguous(what, recall, ask)
        if recall.id is None:
            return Resolution(None, note=recall.needs)
        view = self.view(recall.id)
        if view is None or view.id in without:
            return Resolution(None)
        return Resolution(view, recall.verdict == "found" and self.believed_there(view), p_still_there=recall.p_still_there)

    def _known_once(self, what: Description, without: Collection[int]) -> Resolution:
        """A thing memory has lost sight of, if there was one."""
        lost = [v for v in self.views() if v.status == "missing" and v.id not in without and self.fits(v, what)]
        return Resolution(lost[0] if lost else None, False)

    def _ambiguous(self, what: Description, recall: Recall, ask: bool) -> Resolution:
        """Several candidates: those the words exclude go first; a single one left is the answer, else the person is asked."""
        views = {c.id: self.view(c.id) for c in recall.candidates}
        fits = [c for c in recall.candidates if (v := views[c.id]) is not None and v.status != "removed" and self.fits(v, what)]
        left = fits or [c for c in recall.candidates if views[c.id] is not None]
        if not left:
            return Resolution(None, note=recall.needs)
        best = max(left, key=lambda c: (c.score, -c.id))
        if (len(fits) > 1 and ask) or (not fits and ask):
            return Resolution(None, question=recall.question or f"Which {what.words()} do you mean?", candidates=tuple(left))
        view = views[best.id]
        assert view is not None
        return Resolution(
            view, self.believed_there(view), note="" if len(fits) == 1 else f"several fit '{what.words()}'; took the likeliest"
        )

    def believed_there(self, view: ObjectView) -> bool:
        """True if memory still thinks the thing is where it was last seen."""
        return view.status not in GONE and view.existence >= SURE_THERE

    def furniture(self, what: Description | None = None) -> list[ObjectView]:
        """Furniture that fits the words (all of it without words), surest first."""
        found = [v for v in self.views() if v.kind == "furniture" and v.status not in GONE and v.status != "tentative"]
        if what is None:
            return found
        if what.label == SURFACE:
            found = [v for v in found if self.ontology.prior(v.label).surface and self.ontology.canonical(v.label) != "chair"]
            return [v for v in found if not what.room or self.room_of(v.id) == what.room]
        return sorted((v for v in found if self.fits(v, what)), key=lambda v: (-v.existence, v.id))

    def holder(self, view: ObjectView) -> ObjectView | None:
        """The furniture a thing is on or in, as memory's graph says; else what lies under it."""
        held_by = self.view(view.place) if view.place is not None else None
        if held_by is not None and held_by.kind == "furniture":
            return held_by
        under = [f for f in self.furniture() if f.id != view.id and above(f, view.position) and view.position[2] > 0.1]
        return min(under, key=lambda f: abs(f.position[2] + f.size[2] / 2 - view.position[2]), default=None)

    def inside(self, view: ObjectView, holder: ObjectView) -> bool:
        """True if the thing is in its holder rather than on it: the graph's word, else its height below the top."""
        parent = self.memory.graph().parent(view.id)
        if parent is not None and parent[0] == holder.id:
            return parent[1] == "inside"
        prior = self.ontology.prior(holder.label)
        top = holder.position[2] + holder.size[2] / 2
        return prior.container and bool(view.position[2] < top - 0.05)

    def is_open(self, view: ObjectView) -> bool:
        """What memory believes of a door or drawer (shut, if it never saw it open)."""
        return view.states.get("open", ("false", 1.0))[0] == "true"

    def resting_on(self, furniture: ObjectView) -> list[ObjectView]:
        """Things believed on or over a piece of furniture."""
        return [v for v in self.views() if v.kind == "object" and v.status not in (*GONE, "held") and above(furniture, v.position, 0.05)]


def labels_of(views: Iterable[ObjectView]) -> Sequence[str]:
    """Labels for grounding a sentence: of what is believed to exist."""
    return sorted({v.label for v in views if v.status not in ("tentative", "removed")})
