"""The walks of `bench place`: a robot goes from room to room, looks at spots, things change, and much later it is asked.

Symbolic frames of the Spatially-Aware Transformer's tasks, made anew from the idea: what a frame holds is a noisy look, the believed
place, the spot in it and its age. Each walk draws new looks, so a reader cannot learn the things by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE, SPOTS, LABELS = 4, 8, 64  # rooms of a square home, spots in each, kinds of things
LOOK, NOISE = 24, 0.4  # numbers of a look, and the length of its noise beside one
CHANGES = 0.3  # share of a room's spots that hold something else when the robot is back
LONG_AGO = 0.5  # a room is long ago if its last visit ended before this share of the walk
STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # north, east, south, west
KINDS = ("at", "north", "east", "south", "west", "between", "beside", "when", "look")
TASKS = {
    "what was there": ("at",),
    "when there last": ("when",),
    "relations": ("north", "east", "south", "west", "between", "beside"),
    "where was this": ("look",),
}


@dataclass(frozen=True, eq=False)  # equal is the same: a walk is a key of what was remembered of it
class Walk:
    """One walk of T frames.

    Attributes:
        room, visit, spot, label: Int[T], the truth.
        believed: Int[T] the room that the robot took it for.
        looks: Float32[T, LOOK].  kinds: Float32[LABELS, LOOK] how each kind of thing looks without noise.
    """

    room: NDArray[np.int64]
    visit: NDArray[np.int64]
    spot: NDArray[np.int64]
    label: NDArray[np.int64]
    believed: NDArray[np.int64]
    looks: NDArray[np.float32]
    kinds: NDArray[np.float32]

    def frames(self) -> NDArray[np.float32]:
        """Float32[T, FRAME] what a reader is given of each: look, place code, spot code, age code."""
        return np.concatenate([self.looks, PLACE[self.believed], SPOT[self.spot], _age(len(self.room))], axis=1)


@dataclass(frozen=True)
class Asked:
    """Q questions about one walk.

    Attributes:
        vectors: Float32[Q, QUESTION].  kind: Int[Q] index into KINDS.
        room, spot: Int[Q] what is meant by them (-1: not asked about); only truth and the plain filter read it.
        keys: Int[Q, T] what each frame would answer: its label, its visit or its believed room.
        answer: Int[Q] the true one.  long_ago: Bool[Q].
    """

    vectors: NDArray[np.float32]
    kind: NDArray[np.int64]
    room: NDArray[np.int64]
    spot: NDArray[np.int64]
    keys: NDArray[np.int64]
    answer: NDArray[np.int64]
    long_ago: NDArray[np.bool_]


def _waves(x: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Float32[n, 2 * count] cosines and sines of a turn and its multiples."""
    turns = 2 * np.pi * x[:, None] * np.arange(1, count + 1)
    return np.concatenate([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)


def _age(n: int) -> NDArray[np.float32]:
    """Float32[n, 8] of frames 0 (oldest) to n - 1."""
    age = np.arange(n)[::-1].astype(np.float64)
    log = np.log1p(age) / np.log1p(n)
    return np.column_stack([np.cos(np.pi * log[:, None] * np.arange(1, 7)), age / n, np.exp(-age / 32)]).astype(np.float32)


_X, _Y = np.divmod(np.arange(SIDE * SIDE), SIDE)
PLACE = np.concatenate([_waves(_X / (2 * SIDE), 4), _waves(_Y / (2 * SIDE), 4)], axis=1)  # [rooms, 16] by where the room is
SPOT = _waves(np.arange(SPOTS) / SPOTS, 4)  # [spots, 8] by the direction of the spot in its room
FRAME = LOOK + PLACE.shape[1] + SPOT.shape[1] + 8
QUESTION = LOOK + 2 * PLACE.shape[1] + SPOT.shape[1] + len(KINDS)


def neighbour(room: int, step: int) -> int:
    """The room one step to the north, east, south or west; -1 outside."""
    x, y = room // SIDE + STEPS[step][0], room % SIDE + STEPS[step][1]
    return x * SIDE + y if 0 <= x < SIDE and 0 <= y < SIDE else -1


NEIGHBOURS = [[n for step in range(4) if (n := neighbour(room, step)) >= 0] for room in range(SIDE * SIDE)]


def walk(rng: np.random.Generator, frames: int, dwell: int, wrong: float = 0.0, changes: float = CHANGES) -> Walk:
    """A walk of `frames` frames, `dwell` of them a visit on average; a share `wrong` is taken for a neighbouring room."""
    holds = rng.integers(0, LABELS, (SIDE * SIDE, SPOTS))
    rooms, visits, spots, labels = [], [], [], []
    here, visit = int(rng.integers(SIDE * SIDE)), 0
    while len(rooms) < frames:
        holds[here] = np.where(rng.random(SPOTS) < changes, rng.integers(0, LABELS, SPOTS), holds[here])
        stay = int(rng.integers(max(1, dwell // 2), dwell + dwell // 2 + 1))
        looked = np.resize(rng.permutation(SPOTS), stay)
        rooms += [here] * stay
        visits += [visit] * stay
        spots += looked.tolist()
        labels += holds[here][looked].tolist()
        here, visit = int(rng.choice(NEIGHBOURS[here])), visit + 1
    room, seen, spot, label = (np.array(v[:frames]) for v in (rooms, visits, spots, labels))
    mistaken = rng.random(frames) < wrong
    believed = np.array([rng.choice(NEIGHBOURS[r]) if m else r for r, m in zip(room.tolist(), mistaken, strict=True)])
    kinds = _unit(rng.standard_normal((LABELS, LOOK)))
    return Walk(room, seen, spot, label, believed, _noisy(rng, kinds[label]), kinds)


def ask(rng: np.random.Generator, w: Walk, count: int) -> Asked:
    """Questions of all kinds alike, half of those about rooms on rooms of long ago; what was never seen is not asked."""
    last = {int(r): int(np.flatnonzero(w.room == r)[-1]) for r in np.unique(w.room)}
    old = [r for r, t in last.items() if t < LONG_AGO * len(w.room)]
    rows = []
    while len(rows) < count:
        kind = KINDS[(len(rows) + int(rng.integers(len(KINDS)))) % len(KINDS)]
        room = int(rng.choice(old if old and rng.random() < 0.5 else list(last)))
        row = _look(rng, w) if kind == "look" else _one(rng, w, kind, room)
        if row is not None:
            rows.append((*row, room in old and kind != "look"))
    vectors, kinds, rooms, spots, keys, answers, ago = zip(*rows, strict=True)
    return Asked(np.stack(vectors), *(np.array(v) for v in (kinds, rooms, spots)), np.stack(keys), np.array(answers), np.array(ago))


def ask_about(w: Walk, frames: NDArray[np.int64]) -> Asked:
    """What was at the spots of some frames; of long ago or not does not count here."""
    vectors = np.stack([_question("at", PLACE[w.room[t]], spot=SPOT[w.spot[t]]) for t in frames])
    keys = np.broadcast_to(w.label, (len(frames), len(w.label)))
    return Asked(vectors, np.zeros(len(frames), int), w.room[frames], w.spot[frames], keys, w.label[frames], np.zeros(len(frames), bool))


_Row = tuple[NDArray[np.float32], int, int, int, NDArray[np.int64], int]


def _look(rng: np.random.Generator, w: Walk) -> _Row:
    """Where was a thing that looks like this?"""
    label = int(rng.choice(w.label))
    found = int(np.flatnonzero(w.label == label)[-1])
    return _question("look", look=_noisy(rng, w.kinds[label][None])[0]), KINDS.index("look"), -1, -1, w.believed, int(w.room[found])


def _one(rng: np.random.Generator, w: Walk, kind: str, room: int) -> _Row | None:
    """A question whose answer lies in `room`; None if the home has no room to ask it from."""
    inside = np.flatnonzero(w.room == room)
    if kind == "when":
        return _question(kind, PLACE[room]), KINDS.index(kind), room, -1, w.visit, int(w.visit[inside[-1]])
    spot = int(rng.choice(w.spot[inside]))
    a, b, named = room, -1, spot
    if kind in KINDS[1:5]:
        a = neighbour(room, (KINDS.index(kind) + 1) % 4)  # one step back
    elif kind == "between":
        step = int(rng.integers(2))
        a, b = neighbour(room, step), neighbour(room, step + 2)
    elif kind == "beside":
        named = (spot - 1) % SPOTS
    if a < 0 or (kind == "between" and b < 0):
        return None
    right = inside[w.spot[inside] == spot][-1]
    vector = _question(kind, PLACE[a], PLACE[b] if b >= 0 else None, SPOT[named])
    return vector, KINDS.index(kind), room, spot, w.label, int(w.label[right])


def _question(
    kind: str,
    a: NDArray[np.float32] | None = None,
    b: NDArray[np.float32] | None = None,
    spot: NDArray[np.float32] | None = None,
    look: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    parts = ((look, LOOK), (a, PLACE.shape[1]), (b, PLACE.shape[1]), (spot, SPOT.shape[1]))
    named = np.eye(len(KINDS), dtype=np.float32)[KINDS.index(kind)]
    return np.concatenate([*(np.zeros(n, np.float32) if v is None else v for v, n in parts), named])


def _unit(v: NDArray[np.float64]) -> NDArray[np.float32]:
    return (v / np.linalg.norm(v, axis=-1, keepdims=True)).astype(np.float32)


def _noisy(rng: np.random.Generator, v: NDArray[np.float32]) -> NDArray[np.float32]:
    return _unit(v + NOISE * rng.standard_normal(v.shape) / np.sqrt(LOOK))
