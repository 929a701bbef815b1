"""Stocking a furnished home: which objects stand where, and the other places where people tend to put them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robomem.ontology import default_ontology
from robomem_sim.assets import USUAL_COLORS, object_model
from robomem_sim.furniture import Surface
from robomem_sim.home import FurnitureItem, ObjectItem, Spot

REACH_M = 0.78  # horizontal distance (m) within which somebody must be able to stand
_GAP = 0.04  # m between neighbours
_EDGE = 0.015

# label -> (fewest, most) instances; placed from the largest to the smallest.
_AMOUNTS: tuple[tuple[str, int, int], ...] = (
    ("tv", 1, 1),
    ("microwave", 1, 1),
    ("pillow", 2, 2),
    ("tray", 0, 1),
    ("keyboard", 1, 1),
    ("lamp", 1, 2),
    ("laptop", 1, 1),
    ("plant", 1, 2),
    ("teddy bear", 1, 1),
    ("pan", 1, 1),
    ("box", 1, 2),
    ("pot", 1, 1),
    ("kettle", 1, 1),
    ("vase", 1, 2),
    ("mug", 1, 1),
    ("book", 4, 5),
    ("bowl", 2, 2),
    ("plate", 1, 2),
    ("bottle", 2, 3),
    ("cup", 0, 2),
    ("can", 1, 2),
    ("apple", 2, 2),
    ("orange", 1, 2),
    ("banana", 1, 1),
    ("ball", 1, 1),
    ("toy duck", 1, 1),
    ("clock", 1, 1),
    ("remote", 1, 1),
    ("phone", 1, 1),
    ("shoe", 0, 1),
)
_HIDDEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("fridge", ("bottle", "can", "apple")),
    ("cabinet", ("bowl", "pot", "box")),
    ("dresser", ("book",)),
)
_HABITUAL = ("mug", "cup", "book", "bottle", "phone", "remote", "apple", "bowl", "toy duck", "laptop", "teddy bear", "ball")
_FACING_FRONT = {"tv", "microwave", "laptop", "keyboard", "clock"}
_ALIGNED = {"book", "box", "tray", "pillow"}
_HABIT_PLACES = ("counter", "shelf", "desk", "coffee table", "nightstand", "tv stand", "dresser", "cabinet", "bed", "sofa", "dining table")


class Stock:
    """Places objects one after the other on the surfaces of a home.

    Args:
        standing: per room, Float64[k, 2] where the robot can stand.
    """

    def __init__(self, furniture: tuple[FurnitureItem, ...], standing: Mapping[str, NDArray[np.float64]], rng: np.random.Generator) -> None:
        self._furniture, self._standing, self._rng = furniture, standing, rng
        self._taken: dict[str, list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]] = {f.name: [] for f in furniture}
        self._ontology = default_ontology()

    def fill(self) -> tuple[ObjectItem, ...]:
        """The objects of the home; a label that found no place is left out."""
        out: list[ObjectItem] = []
        hidden = {label: box for box, labels in _HIDDEN for label in labels}
        for label, low, high in _AMOUNTS:
            colors = self._rng.permutation(USUAL_COLORS[label])
            for k in range(int(self._rng.integers(low, high + 1))):
                name = f"{label} {k + 1}"
                last = k > 0 or (low == 1 and label in ("pot", "can"))
                spot = self._find(name, label, hidden[label] if last and label in hidden else None) or self._find(name, label)
                if spot is not None:
                    out.append(ObjectItem(name, label, str(colors[k % len(colors)]), spot[0], spot[1]))
                    if last:
                        hidden.pop(label, None)
        return tuple(out)

    def habits(self, objects: tuple[ObjectItem, ...]) -> dict[str, tuple[Spot, ...]]:
        """For the first object of each often-moved class: its present place and two or three in other rooms, weights summing to one.

        Drawn evenly over the home's surfaces: habits are this household's own; common sense does not know them, memory can learn them.
        """
        out = {}
        for item in objects:
            if item.label not in _HABITUAL or not item.name.endswith(" 1"):
                continue
            spots, rooms = [item.spot], {self._piece(item.spot.furniture).room}
            for _ in range(int(self._rng.integers(2, 4))):
                found = self._find(item.name, item.label, avoid=rooms, even=True)
                if found is not None:
                    spots.append(found[0])
                    rooms.add(self._piece(found[0].furniture).room)
            shares = np.sort(self._rng.dirichlet(np.full(len(spots), 3.0)))[::-1]
            out[item.name] = tuple(replace(s, weight=float(w)) for s, w in zip(spots, shares, strict=True))
        return out

    def _piece(self, name: str) -> FurnitureItem:
        return next(f for f in self._furniture if f.name == name)

    def _find(
        self, name: str, label: str, inside: str | None = None, avoid: set[str] | None = None, even: bool = False
    ) -> tuple[Spot, float] | None:
        """A free reachable spot and yaw: in a closed piece of class `inside`, else on something, in a room not in `avoid`."""
        prior = self._ontology.prior(label).at
        options = [
            (f, s)
            for f in self._furniture
            for s in f.model.surfaces
            if s.closed == (inside is not None)
            and f.label in ((inside,) if inside else _HABIT_PLACES if even else prior)
            and f.room not in (avoid or ())
        ]
        if not options:
            return None
        weights = np.array([(1.0 if even else prior.get(f.label, 0.4)) / sum(o[0] is f for o in options) for f, _ in options])
        for _ in range(40):
            item, surface = options[int(self._rng.choice(len(options), p=weights / weights.sum()))]
            found = self._try(name, label, item, surface)
            if found is not None:
                return found
        return None

    def _try(self, name: str, label: str, item: FurnitureItem, surface: Surface) -> tuple[Spot, float] | None:
        size = object_model(label).size
        turn = self._turn(label)
        c, s = abs(np.cos(turn)), abs(np.sin(turn))
        half = np.array([c * size[0] + s * size[1], s * size[0] + c * size[1]]) / 2
        room = np.array(surface.size) / 2 - half - _EDGE
        if surface.headroom_m < size[2] + 0.03 or (room < 0).any():
            return None
        xy = np.array(surface.center[:2]) + room * (0.0 if label == "tv" else self._rng.uniform(-1, 1, 2))
        local = (float(xy[0]), float(xy[1]), surface.center[2])
        low = np.array([*(xy - half), local[2]])
        high = np.array([*(xy + half), local[2] + size[2]])
        others = [box for box in self._taken[item.name] if box[0] != name]
        if any((low < top + _GAP).all() and (bottom < high + _GAP).all() for _, bottom, top in others):
            return None
        if not self._reachable(item, local):
            return None
        self._taken[item.name].append((name, low, high))
        return Spot(item.name, local), float(item.yaw_rad + turn)

    def _turn(self, label: str) -> float:
        if label in _FACING_FRONT:
            return float(self._rng.uniform(-0.15, 0.15)) * (label not in ("tv", "microwave"))
        if label in _ALIGNED:
            return float(self._rng.choice((0.0, np.pi / 2)) + self._rng.uniform(-0.2, 0.2))
        return float(self._rng.uniform(-np.pi, np.pi))

    def _reachable(self, item: FurnitureItem, local: tuple[float, float, float]) -> bool:
        away = self._standing[item.room] - item.to_map(local)[:2]
        return bool((np.hypot(away[:, 0], away[:, 1]) < REACH_M).any())
