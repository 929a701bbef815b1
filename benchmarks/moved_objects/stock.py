"""What stands in a benchmark home: few surfaces that people use, and small things on them, look-alikes among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from robomem_sim.assets import USUAL_COLORS, object_model
from robomem_sim.fast_stage import FastStage
from robomem_sim.furniture import Surface
from robomem_sim.home import FurnitureItem, Home, ObjectItem, Spot
from robomem_sim.household import generate_home
from robomem_sim.world import World

HUBS = ("counter", "dining table", "desk", "coffee table", "tv stand")  # worked at, looked at on every tour
OTHERS = ("nightstand", "sofa", "bed", "shelf", "dresser", "cabinet")  # things turn up there now and then
CONTAINERS = ("dresser", "cabinet", "fridge")
BANDS_M = (0.055, 0.13)  # heights below the first count as 3 cm things, below the second as 8 cm, above as 20 cm
_COLORED = ("cup", "bowl", "bottle", "vase", "book", "plate")  # pairs of two colours are drawn from these
_SAME = ("can", "book", "cup", "bottle")  # pairs of one colour from these
_LOW = ("phone", "remote", "plate", "banana", "keyboard", "pan", "book", "tray")
_MIDDLE = ("mug", "apple", "orange", "clock", "can", "shoe", "bowl", "toy duck")
_HIGH = ("kettle", "laptop", "teddy bear", "plant", "box", "pot", "vase", "lamp")
HUB_COUNT = 3
_USED_M = 0.5  # people keep to this far from the middle of a surface
_GAP_M = 0.03  # between neighbours, where there is room


@dataclass(frozen=True)
class Place:
    """A surface of a piece of furniture."""

    piece: FurnitureItem
    surface: Surface


@dataclass(frozen=True)
class Stocked:
    """A home ready for its days.

    Attributes:
        hubs: surfaces looked at on every tour.  others: open surfaces looked at now and then.  containers: shut places, one per surface.
        pairs: names of look-alikes, (a, b, same colour).
    """

    home: Home
    hubs: tuple[Place, ...]
    others: tuple[Place, ...]
    containers: tuple[Place, ...]
    pairs: tuple[tuple[str, str, bool], ...]


def band(height_m: float) -> int:
    """Index of a thing's height among 3, 8 and 20 cm."""
    return int(np.searchsorted(BANDS_M, height_m))


def stock_home(seed: int, count: int, rng: np.random.Generator) -> Stocked:
    """The generated home of a seed, emptied, with `count` small things of this benchmark (not placed yet)."""
    home = generate_home(seed)
    hubs = _hubs(home, rng)
    others = tuple(
        Place(f, s) for f in home.furniture for s in f.model.surfaces if f.label in OTHERS and not s.closed and 0.3 < s.center[2] < 1.15
    )
    closed = [Place(f, s) for f in home.furniture for s in f.model.surfaces if f.label in CONTAINERS and s.closed and s.center[2] < 1.1]
    wanted, pairs = _things(count, rng)
    start = Spot(hubs[0].piece.name, hubs[0].surface.center)
    items = tuple(ObjectItem(name, label, color, start, 0.0) for name, label, color in wanted)
    return Stocked(replace(home, objects=items, habits={}), hubs, others, tuple(closed), pairs)


def _hubs(home: Home, rng: np.random.Generator) -> tuple[Place, ...]:
    """Open surfaces in different rooms where there are enough, the larger the likelier."""
    options = [Place(f, s) for f in home.furniture for s in f.model.surfaces if f.label in HUBS and not s.closed]
    weight = np.array([p.surface.size[0] * p.surface.size[1] for p in options]) ** 2
    order = [options[int(i)] for i in rng.choice(len(options), len(options), replace=False, p=weight / weight.sum())]
    chosen: list[Place] = []
    for most in (1, 2):
        for place in order:
            in_room = sum(p.piece.room == place.piece.room for p in chosen)
            if len(chosen) < HUB_COUNT and place not in chosen and in_room < most:
                chosen.append(place)
    return tuple(chosen)


def _things(count: int, rng: np.random.Generator) -> tuple[list[tuple[str, str, str]], tuple[tuple[str, str, bool], ...]]:
    """(name, label, colour) of each thing, and the look-alikes among them."""
    things: list[tuple[str, str, str]] = []
    pairs: list[tuple[str, str, bool]] = []

    def add(label: str, color: str) -> str:
        name = f"{label} {1 + sum(t[1] == label for t in things)}"
        things.append((name, label, color))
        return name

    different = [str(x) for x in rng.choice(_COLORED, 2, replace=False)]
    for label in different:
        a, b = (str(c) for c in rng.permutation(USUAL_COLORS[label])[:2])
        pairs.append((add(label, a), add(label, b), False))
    label = str(rng.choice([x for x in _SAME if x not in different]))
    color = str(rng.choice(USUAL_COLORS[label]))
    pairs.append((add(label, color), add(label, color), True))
    while len(things) < count:  # the height that is rarest so far
        heights = np.bincount([band(object_model(t[1]).size[2]) for t in things], minlength=3)
        pool = (_LOW, _MIDDLE, _HIGH)[int(np.argmin(heights))]
        label = str(rng.choice([x for x in pool if all(t[1] != x for t in things)] or list(pool)))
        add(label, str(rng.choice(USUAL_COLORS[label])))
    return things, tuple(pairs)


def open_world(stocked: Stocked, rng: np.random.Generator) -> World:
    """A world drawn by the fast sensor in which every thing stands on a hub."""
    world = World(stocked.home, stage=FastStage)
    for name in world.object_names:
        world.take_out(name)
    order = sorted(world.object_names, key=lambda n: -float(np.prod(world.model(n).size[:2])))  # the large first
    for k, name in enumerate(order):
        hubs = [stocked.hubs[(k + i) % len(stocked.hubs)] for i in range(len(stocked.hubs))]
        put_on(world, name, [*hubs, *stocked.others], rng)
    return world


def put_on(world: World, name: str, places: Sequence[Place], rng: np.random.Generator) -> bool:
    """Stand a thing on a free spot of the first place that has one; False (and nothing changed) if none has."""
    return any(_put(world, name, place, rng) for place in places)


def _put(world: World, name: str, place: Place, rng: np.random.Generator) -> bool:
    size, surface = world.model(name).size, place.surface
    if surface.headroom_m < size[2] + 0.02:
        return False
    others = [world.box(o) for o in world.object_names if o != name and (world.support(o) or ("", ""))[0] == place.piece.name]
    for attempt in range(60):
        turn = float(rng.uniform(-np.pi, np.pi)) if attempt % 2 else float(rng.choice([0.0, np.pi / 2, np.pi]) + rng.uniform(-0.2, 0.2))
        c, s = abs(np.cos(turn)), abs(np.sin(turn))
        room = (np.array(surface.size) - (c * size[0] + s * size[1], s * size[0] + c * size[1])) / 2
        if (room < 0).any():
            continue
        x, y = np.array(surface.center[:2]) + np.minimum(room, _USED_M) * rng.uniform(-1, 1, 2)
        here = place.piece.to_map((float(x), float(y), surface.center[2]))
        gap = _GAP_M if attempt < 40 else -0.05
        if any(
            np.hypot(*(box[0] - here)[:2]) < (box[1][:2].max() + size[:2].max()) / 2 + gap
            for box in others
            if abs(box[0][2] - box[1][2] / 2 - here[2]) < 0.1
        ):
            continue
        if world.put_down(name, place.piece.name, (float(x), float(y), surface.center[2]), place.piece.yaw_rad + turn) is None:
            return True
    return False
