"""What can be asked about: things that words tell apart, furniture with a name of its own, and words for what was never there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from benchmarks.moved_objects.scores_truth import Stay
from benchmarks.week.days import EPOCH_NS
from benchmarks.week.interface import Place, Query
from benchmarks.week.knowledge import WeekKnowledge
from benchmarks.week.routine_home import Move, Plan, called
from robomem.clock import NS_PER_S
from robomem_sim.assets import USUAL_COLORS
from robomem_sim.home import FurnitureItem, ObjectItem

T = TypeVar("T")
# Never in any of these homes: classes of the home model and words it does not know.
NEVER: tuple[str, ...] = (
    "scissors", "umbrella", "hammer", "violin", "passport", "toothbrush", "backpack", "printer", "hair dryer", "wallet", "guitar", "candle",
    "suitcase", "camera", "screwdriver", "bicycle helmet", "sewing machine", "knife", "fork", "spoon", "wine glass",
)  # fmt: skip
SWITCHED = ("lamp", "tv", "microwave", "oven")  # nothing that the robot sees tells whether these are on


class Subjects:
    """The home at one moment of asking."""

    def __init__(self, plan: Plan, known: WeekKnowledge, asked_ns: int) -> None:
        self.plan, self.known, self.asked_ns = plan, known, asked_ns
        self.items = {o.name: o for o in plan.home.objects}
        self.labels = sorted({o.label for o in plan.home.objects})
        self.pieces = {f.name: f for f in plan.home.furniture}
        self.tops = {p.piece.name: p.piece.to_map(p.surface.center) for p in plan.surfaces}

    def things(self, rng: np.random.Generator) -> Iterator[ObjectItem]:
        """All things in a random order."""
        return iter(shuffle(list(self.items.values()), rng))

    def words(self, item: ObjectItem) -> tuple[str, str]:
        """(noun phrase, colour that is needed): "mug", "", or "blue cup", "blue" where there are several of a kind."""
        twins = [o for o in self.items.values() if o.label == item.label]
        return (item.label, "") if len(twins) == 1 else (f"{item.color} {item.label}", item.color)

    def never(self, rng: np.random.Generator) -> list[str]:
        """Words for things that were never in this home, one in three a class that the detector knows."""
        absent = [x for x in USUAL_COLORS if x not in self.labels and x not in ("tv", "microwave")]
        rows = shuffle(list(NEVER), rng)
        return ([*shuffle(absent, rng)[:1], *rows] if rng.random() < 1 / 3 else rows)[:3]

    def named(self, rng: np.random.Generator) -> list[tuple[FurnitureItem, str]]:
        """Furniture with a name of its own that anything is ever put on."""
        pairs = [(self.pieces[n], called(self.pieces[n], self.plan.home)) for n in self.tops]
        return shuffle([(f, words) for f, words in pairs if words], rng)

    def place(self, name: str) -> Place | None:
        """A piece of furniture as an answer names it."""
        f = self.pieces.get(name)
        if f is None:
            return None
        words = called(f, self.plan.home)
        return Place(f.label, words.removeprefix(f"{f.label} in the ") if " in the " in words else "", self.tops.get(name, f.center), words)

    def query(self, meaning: str, **changes: Any) -> Query:
        """A query of this moment."""
        span = {"from_ns": self.asked_ns, "to_ns": self.asked_ns, **changes}
        return Query(meaning, self.asked_ns, **span)

    # -- of one thing

    def undecided(self, name: str) -> bool:
        """True while it cannot be known where a thing is or that it is gone: it may not be counted or listed."""
        if self.known.known(name) is not None or self.known.gone(name) is not None:
            return False
        return bool(self.known.stays(name)) or name in self.known.places.adrift

    def settled(self, name: str) -> Stay | None:
        """The stay at which a thing is known to be, and it truly is still there."""
        return self.known.known(name)

    def planned(self, name: str, at_ns: int) -> str:
        """The piece of furniture that its people will have a thing on or in at a time to come, "" for none; errands left out."""
        low, high = ((t - EPOCH_NS) / NS_PER_S for t in (self.asked_ns, at_ns))
        moves = [d for d in self.plan.deeds if isinstance(d, Move) and d.name == name and low < d.at_s <= high]
        if moves:
            return moves[-1].places[0].piece.name if moves[-1].places else ""
        now = self.known.places.current.get(name)
        return now.parent if now is not None else ""

    def lived(self, name: str) -> list[Stay]:
        """Stays that could be known at some time."""
        return [s for s in self.known.stays(name) if s.known_ns is not None]

    def piece_label(self, name: str) -> str:
        """Class of a piece of furniture."""
        return self.pieces[name].label if name in self.pieces else ""


def shuffle(rows: Sequence[T], rng: np.random.Generator) -> list[T]:
    """A copy in a random order."""
    return [rows[int(i)] for i in rng.permutation(len(rows))]
