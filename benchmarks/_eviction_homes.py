"""Traces of homes for `robomem bench eviction`: which thing a person uses next, while a robot on patrol writes what it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks._eviction_traces import Op, Trace
from benchmarks._routines_data import STEPS, Home, load

SEES = 0.8  # share of the things in a room that one visit sees
EVERY = 3  # steps of ten minutes between two rooms of the patrol
DAYS = 12  # simulated days of a generated home
USES_PER_STEP = 1.2


def routine_traces(folder: Path, quick: bool) -> list[Trace]:
    """One trace per recorded household: a thing is asked for when its person is about to move it; only the patrol sees where to."""
    homes = load(folder)
    return [_routine(home, k, 4 if quick else len(home.places)) for k, home in enumerate(homes[:1] if quick else homes)]


def _routine(home: Home, seed: int, days: int) -> Trace:
    rng = np.random.default_rng(seed)
    ops: list[Op] = []
    for day in range(days):
        rooms = [_room_of(home.places[day, step], home.things) for step in range(STEPS)]
        names = sorted({int(r) for step in rooms for r in step} - {-1})
        for step in range(int(home.first[day]) + 1, STEPS):
            before, now = home.places[day, step - 1, home.things], home.places[day, step, home.things]
            moved = np.flatnonzero((before != now) & (before >= 0) & (now >= 0))
            ops += [Op(True, int(i), int(before[i]), None, seed * 1000 + day) for i in rng.permutation(moved)]
            if step % EVERY == 0:
                room = names[(step // EVERY) % len(names)]
                ops += _patrol(rng, np.flatnonzero(rooms[step] == room), now, seed * 1000 + day)
    return Trace(ops, len({op.place for op in ops}))


def _room_of(parents: np.ndarray, things: np.ndarray) -> np.ndarray:
    """The root above each thing: parents form a tree whose roots have none."""
    at = parents[things].astype(np.int64)
    for _ in range(8):
        up = np.where(at >= 0, parents[at], -1)
        at = np.where(up >= 0, up, at)
    return at


def simulated_trace(seed: int, quick: bool) -> Trace:
    """A generated home of the simulator: its own habits say where a thing is put; each thing has a share of use and an hour of its own."""
    from robomem_sim.household import generate_home

    home = generate_home(seed)
    rng = np.random.default_rng((seed, 71))
    names = [o.name for o in home.objects]
    pieces = {f.name: i for i, f in enumerate(home.furniture)}
    room_of = {i: home.piece(name).room for name, i in pieces.items()}
    place = np.array([pieces[o.spot.furniture] for o in home.objects])
    share, hour = rng.lognormal(0.0, 1.0, len(names)), rng.uniform(6.0, 24.0, len(names))
    rooms = sorted(set(room_of.values()))
    ops: list[Op] = []
    for day in range(3 if quick else DAYS):
        for step in range(STEPS):
            now = 6.0 + step / 6.0
            weight = share * (0.1 + np.exp(-0.5 * ((now - hour) / 1.5) ** 2))
            for thing in rng.choice(len(names), size=int(rng.poisson(USES_PER_STEP)), p=weight / weight.sum()):
                ops.append(Op(True, int(thing), int(place[thing]), None, seed))
                spots = home.habits.get(names[thing], ())
                if spots:
                    p = np.array([s.weight for s in spots])
                    place[thing] = pieces[spots[int(rng.choice(len(spots), p=p / p.sum()))].furniture]
            if step % EVERY == 0:
                room = rooms[(day * STEPS + step) // EVERY % len(rooms)]
                here = np.flatnonzero([room_of[int(p)] == room for p in place])
                ops += _patrol(rng, here, place, seed)
    return Trace(ops, len(pieces))


def _patrol(rng: np.random.Generator, here: np.ndarray, place: np.ndarray, unit: int) -> list[Op]:
    seen = rng.permutation(here[rng.random(len(here)) < SEES])
    return [Op(False, int(i), int(place[i]), None, unit) for i in seen]
