"""What the people of a simulated home do in a week: recorded routines moved into its furniture, habits where the records say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import _routines_data as recorded
from benchmarks._routines_data import STEPS
from benchmarks.moved_objects.stock import Place
from robomem_sim.assets import USUAL_COLORS
from robomem_sim.home import FurnitureItem, Home, ObjectItem, Spot
from robomem_sim.household import generate_home

DAYS, THINGS = 7, 24
# Things of the records -> the class of the simulator that stands for them.
STANDS_FOR = {
    "mug": "mug", "coffee_cup": "cup", "drinking_glass": "cup", "plate": "plate", "bowl": "bowl", "cookingpot": "pot", "sauce_pan": "pan",
    "remote_control": "remote", "headset": "phone", "book": "book", "note_pad": "book", "notebook": "book", "food_apple": "apple",
    "oil": "bottle", "wine": "bottle", "milk": "bottle", "tea": "can", "coffee": "can", "food_jam": "can", "bag": "box", "groceries": "box",
    "laundry_detergent": "box", "chessboard": "tray", "cutting_board": "tray", "shoes": "shoe", "keyboard": "keyboard", "radio": "clock",
}  # fmt: skip
# Receptacles of the records -> (class of furniture, room or "", inside).
STOWED = {
    "table": ("dining table", "", False), "table 2": ("coffee table", "", False), "dining_room": ("dining table", "", False),
    "kitchen_counter": ("counter", "", False), "coffe_maker": ("counter", "", False), "stove": ("counter", "", False),
    "sink": ("sink", "", False), "dishwasher": ("sink", "", False), "washing_machine": ("sink", "", False),
    "sofa": ("sofa", "", False), "tvstand": ("tv stand", "", False), "desk": ("desk", "", False), "home_office": ("desk", "", False),
    "bookshelf": ("shelf", "living room", False), "shoe_rack": ("shelf", "children's room", False), "bench": ("shelf", "study", False),
    "dresser": ("dresser", "bedroom", False), "bedroom": ("nightstand", "bedroom", False), "bathroom_cabinet": ("dresser", "bedroom", True),
    "bathroom_counter": ("dresser", "bedroom", False), "bathroom": ("dresser", "bedroom", False), "shower": ("dresser", "bedroom", False),
    "cupboard": ("cabinet", "kitchen", True), "kitchen_cabinet": ("cabinet", "kitchen", False), "fridge": ("fridge", "", True),
}  # fmt: skip
_OUT = ("outside", "trashcan", "trashbag")
# What a home has beside the recorded things, and where such a thing is by day and by night: (class, by day, in the evening).
_HABITS = (
    ("laptop", "desk", "coffee table"), ("teddy bear", "sofa", "bed"), ("vase", "dining table", "dining table"),
    ("phone", "counter", "nightstand"), ("kettle", "counter", "counter"), ("toy duck", "coffee table", "shelf"),
    ("clock", "tv stand", "tv stand"), ("plant", "dresser", "dresser"), ("banana", "dining table", "counter"),
    ("lamp", "desk", "desk"), ("orange", "counter", "dining table"), ("bowl", "dining table", "sink"), ("remote", "tv stand", "sofa"),
    ("ball", "sofa", "shelf"),
)  # fmt: skip
_KEEPS = 0.85  # share of days on which a generated habit is kept
_LEFT_OPEN = 0.3  # share of uses after which a door is left open
MORNING_H, EVENING_H = 7.0, 18.5  # about when generated habits move things


@dataclass(frozen=True)
class Move:
    """Somebody puts a thing on the first of these places with room; no places: takes it out of the home."""

    at_s: float
    name: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Door:
    """Somebody opens (or shuts) a piece of furniture."""

    at_s: float
    piece: str
    open: bool


@dataclass(frozen=True)
class Plan:
    """A home and what happens in it.

    Attributes:
        start: places of each thing at the beginning, none = it comes later.
        deeds: moves and doors in time order, s after the first midnight.
        surfaces: open places that anything is ever put on.  containers: one place per piece that can be shut.
    """

    home: Home
    start: Mapping[str, tuple[Place, ...]]
    deeds: tuple[Move | Door, ...]
    surfaces: tuple[Place, ...]
    containers: tuple[Place, ...]


def make_plan(seed: int, folder: Path | None, days: int = DAYS) -> Plan:
    """The week of a home; without recorded routines every thing has a generated habit."""
    home, rng = generate_home(seed), np.random.default_rng([0x3EE7, seed])
    homes = recorded.load(folder) if folder is not None and folder.is_dir() else []
    household = homes[seed % len(homes)] if homes else None
    known = _Furniture(home, rng)
    things, moves = _lived(household, known, rng, days) if household is not None else ([], [])
    taken = [label for _, label, _ in things]
    for label, by_day, evening in _HABITS:
        if len(things) < THINGS and (label not in taken or household is None):
            name = f"{label} {1 + taken.count(label)}"
            things.append((name, label, _color(label, [c for _, x, c in things if x == label])))
            taken.append(label)
            moves += _habit(name, known.places(by_day, "", False), known.places(evening, "", False), rng, days)
    first = known.places("counter", "", False)[0]
    items = tuple(ObjectItem(n, x, c, Spot(first.piece.name, first.surface.center), 0.0) for n, x, c in things)
    moves.sort(key=lambda m: (m.at_s, m.name))
    start = {n: next((m.places for m in moves if m.name == n), ()) for n, _, _ in things}
    deeds = _without_repeats([m for m in moves if m.at_s > 0], start)
    doors = _doors([m for m in deeds if isinstance(m, Move)], known, rng, days)
    used = {next(p.piece.name for p in m.places if not p.surface.closed) for m in moves if m.places}
    surfaces = tuple(p for p in known.open if p.piece.name in used)
    return Plan(
        replace(home, objects=items, habits={}),
        start,
        tuple(sorted([*deeds, *doors], key=lambda d: d.at_s)),
        surfaces,
        tuple(known.containers),
    )


class _Furniture:
    """The surfaces of a home by class."""

    def __init__(self, home: Home, rng: np.random.Generator) -> None:
        self._all = [Place(f, s) for f in home.furniture for s in f.model.surfaces if f.label != "chair"]
        self.open: list[Place] = []
        for f in home.furniture:  # one height of each piece, so that a tour need not look at every board of a shelf
            boards = [p for p in self._all if p.piece is f and not p.surface.closed and 0.3 < p.surface.center[2] < 1.15]
            if boards:
                self.open.append(max(boards, key=lambda p: (p.surface.center[2] < 1.02, p.surface.center[2])))
        closed = {p.piece.name: p for p in self._all if p.surface.closed and 0.3 < p.surface.center[2] < 1.1}
        self.containers = [p for p in closed.values() if p.piece.label in ("fridge", "cabinet", "dresser")]

    def places(self, label: str, room: str, inside: bool) -> tuple[Place, ...]:
        """Places of a class, those inside first if `inside`; anything open nearby stands in for a class that the home has not."""
        pool = [*(self.containers if inside else []), *self.open]
        fits = [p for p in pool if p.piece.label == label and room in ("", p.piece.room)]
        spare = [p for p in self.open if p.piece.label in ("counter", "dining table", "coffee table") and p not in fits]
        return (*fits, *spare) if fits else tuple(spare or self.open)


def _lived(
    household: recorded.Home, known: _Furniture, rng: np.random.Generator, days: int
) -> tuple[list[tuple[str, str, str]], list[Move]]:
    """The recorded things of a household that the simulator has a shape for, and where their people put them."""
    classes = [c for _, c in household.nodes]
    nth = {i: classes[: i + 1].count(c) for i, c in enumerate(classes)}
    chosen: list[tuple[int, str, str, str]] = []
    moved = household.moved(slice(0, len(household.places))).tolist()
    for i in sorted(household.things.tolist(), key=lambda i: i not in moved):
        label = STANDS_FOR.get(classes[i], "")
        colors = [c for _, _, x, c in chosen if x == label]
        if label and len(colors) < min(2, len(USUAL_COLORS[label])):
            chosen.append((i, f"{label} {1 + len(colors)}", label, _color(label, colors)))
    chosen = chosen[: THINGS - 6]
    first = int(rng.integers(0, max(1, len(household.places) - days + 1)))
    moves = []
    for k, day in enumerate(household.places[first : first + days]):
        for i, name, _, _ in chosen:
            moves += _day_of(k, day, i, name, classes, nth, set(household.things.tolist()), known, rng)
    return [(name, label, color) for _, name, label, color in chosen], moves


def _day_of(
    k: int,
    day: np.ndarray,
    i: int,
    name: str,
    classes: Sequence[str],
    nth: Mapping[int, int],
    things: set[int],
    known: _Furniture,
    rng: np.random.Generator,
) -> Iterator[Move]:
    before = None
    for step in range(STEPS):
        root = int(day[step, i])
        for _ in range(6):  # a spoon in a bowl on a table is on the table
            if root in things:
                root = int(day[step, root])
        if root < 0 or root == before:
            continue
        began, before = before is None, root
        at_s = 86400.0 * k + 60.0 * (360 + 10 * step) + float(rng.uniform(0.0, 540.0))
        where = classes[root]
        if where in _OUT:
            yield Move(at_s, name, ())
            continue
        spec = STOWED.get(f"{where} {nth[root]}") or STOWED.get(where)
        if spec is not None:
            yield Move(0.0 if began and k == 0 else at_s, name, known.places(*spec))


def _habit(name: str, by_day: tuple[Place, ...], evening: tuple[Place, ...], rng: np.random.Generator, days: int) -> list[Move]:
    """A thing with a place by day and one in the evening, kept on most days."""
    moves = [Move(0.0, name, evening)]
    same = by_day[0].piece.name == evening[0].piece.name
    for day in range(days):
        for hour, places in ((MORNING_H, by_day), (EVENING_H, evening)):
            if not same and rng.random() < _KEEPS:
                moves.append(Move(86400.0 * day + 3600.0 * (hour + float(rng.normal(0.0, 0.4))), name, places))
    return moves


def _without_repeats(moves: Sequence[Move], start: Mapping[str, tuple[Place, ...]]) -> list[Move]:
    """Nobody lifts a thing to put it down on the same piece of furniture."""
    last = {n: p[0] if p else None for n, p in start.items()}
    out = []
    for m in moves:
        aim = m.places[0] if m.places else None
        if aim != last[m.name]:
            out.append(m)
            last[m.name] = aim
    return out


def _doors(moves: Sequence[Move], known: _Furniture, rng: np.random.Generator, days: int) -> list[Door]:
    """Whoever puts something away shuts the door behind it, or forgets to; then somebody shuts it hours later."""
    doors = []
    uses = [(m.at_s, m.places[0].piece) for m in moves if m.places and m.places[0].surface.closed]
    uses += [
        (86400.0 * day + 3600.0 * float(rng.uniform(7.0, 21.0)), p.piece)
        for day in range(days)
        for p in known.containers
        if rng.random() < 0.6
    ]
    for at_s, piece in uses:
        if rng.random() < _LEFT_OPEN:
            doors += [Door(at_s, piece.name, True), Door(at_s + 3600.0 * float(rng.uniform(1.5, 9.0)), piece.name, False)]
    return doors


def _color(label: str, taken: Sequence[str]) -> str:
    return next((c for c in USUAL_COLORS[label] if c not in taken), USUAL_COLORS[label][0])


ALIKE = ("bedroom", "children's room")  # rooms that their furniture does not tell apart


def called(piece: FurnitureItem, home: Home) -> str:
    """What people call a piece of furniture: its class, and its room where there are several; "" if that does not tell it apart."""
    same = [f for f in home.furniture if f.label == piece.label]
    if len(same) == 1:
        return piece.label
    rooms = ALIKE if piece.room in ALIKE else (piece.room,)
    return f"{piece.label} in the {rooms[0]}" if sum(f.room in rooms for f in same) == 1 else ""


def told_apart(home: Home) -> list[str]:
    """Names of rooms that furniture tells: those that may be asked about."""
    return [r.name for r in home.rooms if r.name not in ALIKE]
