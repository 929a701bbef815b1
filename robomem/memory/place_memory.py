"""Place memory (Spatially-Aware Transformer): one queue of observations per place under one budget, read in two stages (HCAM)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.memory.eviction import NOWHERE, Context, Eviction, Fifo, K, Lifo, Ranking, Usage, VisitedPlace
from robomem.memory.shelf import Shelf
from robomem.memory.tiers import Ask, Item, Moment, overlap

Split = Literal["equal", "borrow", "fair"]
Strategy = Literal["FIFO", "LIFO", "MVFO", "LVFO"]
Chunks = Literal["place", "time"]
SHARPNESS = 8.0  # softmax temperature is 1 / this: cosines differ by tenths, and a plain softmax over them is nearly flat


@dataclass(frozen=True)
class Glimpse:
    """One observation: what was seen where and when, and its vector Float32[d] of length one."""

    id: int
    label: str
    place: Hashable
    stamp_ns: int
    vector: NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """What a two-stage read brought up.

    Attributes:
        vector: Float32[d] the records, weighted.
        glimpses, weights: the records of the chosen chunks, heaviest first, and their weights (they sum to one).
        chunks: how many chunks there were to choose from.
    """

    vector: NDArray[np.float32]
    glimpses: tuple[Glimpse, ...]
    weights: tuple[float, ...]
    chunks: int


class _LongestQueue(Ranking):
    """The oldest (or newest) record of the place that has most of them goes."""

    def __init__(self, newest: bool) -> None:
        self._newest = newest

    def victim(self, store: Mapping[K, Usage], context: Context = NOWHERE) -> K | None:
        held = Counter(usage.place for usage in store.values())
        free = (key for key in store if key not in context.pinned)
        age = -1 if self._newest else 1
        return min(free, key=lambda key: (-held[store[key].place], age * store[key].added), default=None)


class PlaceMemory:
    """At most `rows` observations of all places together.

    Args:
        split: "fair" lets a place take what others leave unused and give it back when they need it: the oldest record of the longest queue
            goes. "equal" gives each known place the same share, used or not. "borrow" takes and never gives back: one queue in truth, and
            what was seen long ago goes first, whatever place it is of (`robomem bench place` shows what that costs).
        strategy: which record goes: the oldest or newest of its queue ("equal", "fair": of a place's own, "borrow": of all), or with
            "borrow" the oldest of the most or least visited place.
        chunk: records of one place (or, to compare, of consecutive time) that share one summary key.
        every_s: an object that stays is taken in once in this time only.

    Raises:
        InvalidInputError: a budget or chunk below one, or a strategy over places although every place has its own share.
    """

    def __init__(self, rows: int = 512, split: Split = "fair", strategy: Strategy = "FIFO", chunk: int = 16, every_s: float = 0.0) -> None:
        if chunk < 1:
            raise InvalidInputError(f"place memory: a chunk has at least one record, got {chunk}")
        if split != "borrow" and strategy not in ("FIFO", "LIFO"):
            raise InvalidInputError(f"place memory: {strategy} chooses among places, but split='{split}' gives each its own share")
        policies: dict[Strategy, Eviction] = {"FIFO": Fifo(), "LIFO": Lifo(), "MVFO": VisitedPlace(True), "LVFO": VisitedPlace(False)}
        self._shelf: Shelf[int, Glimpse] = Shelf(rows, _LongestQueue(strategy == "LIFO") if split == "fair" else policies[strategy])
        self._split, self._newest_goes, self._chunk = split, strategy == "LIFO", chunk
        self._places: dict[Hashable, list[int]] = {}  # keys of each queue, oldest first
        self._every_ns = round(every_s * 1e9)
        self._last: dict[int, tuple[Hashable, int]] = {}  # object -> place and time of its newest record
        self._here: Hashable = None
        self._next = 0

    def __len__(self) -> int:
        return len(self._shelf)

    def __iter__(self) -> Iterator[Glimpse]:
        """Oldest first."""
        return (g for key in list(self._shelf) if (g := self._shelf.peek(key)) is not None)

    def counts(self) -> dict[Hashable, int]:
        """Records of each place."""
        self._drop_evicted()
        return {place: len(keys) for place, keys in self._places.items()}

    def see(self, object_id: int, label: str, place: Hashable, stamp_ns: int, vector: NDArray[np.floating]) -> None:
        """Take in an object as seen, where it has an appearance (Float[d]) and a place."""
        if place is not None and np.size(vector) and np.any(vector):
            self.add(Glimpse(object_id, label, place, stamp_ns, _unit(vector)))

    def add(self, glimpse: Glimpse) -> None:
        """Take in one observation; coming from another place counts as a visit."""
        if glimpse.place != self._here:
            self._here = glimpse.place
            self._shelf.visit(glimpse.place)
        place, stamp = self._last.get(glimpse.id, (None, 0))
        if place == glimpse.place and 0 <= glimpse.stamp_ns - stamp < self._every_ns:
            return
        self._last[glimpse.id] = (glimpse.place, glimpse.stamp_ns)
        self._places.setdefault(glimpse.place, [])
        if self._split == "equal":
            self._make_room(glimpse.place)
        key, self._next = self._next, self._next + 1
        if self._shelf.put(key, glimpse, glimpse.vector.nbytes, glimpse.place):
            self._places[glimpse.place].append(key)

    def forget(self, object_id: int) -> None:
        """Drop every record of one object."""
        self._last.pop(object_id, None)
        for key in list(self._shelf):
            found = self._shelf.peek(key)
            if found is not None and found.id == object_id:
                self._shelf.discard(key)

    def chunks(self, kind: Chunks = "place") -> list[list[Glimpse]]:
        """The records in chunks of at most `chunk`, each of one place only, or of consecutive time."""
        self._drop_evicted()
        queues: list[Sequence[int]] = list(self._places.values()) if kind == "place" else [list(self._shelf)]
        records = [[g for key in keys if (g := self._shelf.peek(key)) is not None] for keys in queues]
        return [queue[i : i + self._chunk] for queue in records for i in range(0, len(queue), self._chunk)]

    def read(self, vector: NDArray[np.floating], k: int = 4, kind: Chunks = "place", place: Hashable = None) -> Reading:
        """Two-stage attention (HCAM, Lampinen et al. 2021), not trained: keys are means, all projections the identity.

        Trained projections did not earn a place here: where the place asked about is known, filtering by it answers better than any
        attention over all places (docs/place_memory.md).

        Args:
            vector: Float[d] what is looked for.
            k: chunks attended to.
            place: only what was seen there.
        """
        query = _unit(vector)
        chunks = [[g for g in c if place is None or g.place == place] for c in self.chunks(kind)]
        chunks = [c for c in chunks if c and c[0].vector.shape == query.shape]
        if not chunks:
            return Reading(np.zeros_like(query), (), (), 0)
        keys = np.stack([np.mean([g.vector for g in c], axis=0) for c in chunks])  # [chunks, d] summary of each
        relevance = keys @ query
        top = np.argsort(-relevance, kind="stable")[:k]
        share = _softmax(relevance[top])  # [k] softmax over the chosen chunks
        found, weights = [], []
        for part, i in zip(share, top, strict=True):
            inside = np.stack([g.vector for g in chunks[i]])  # [n, d]
            found += chunks[i]
            weights += (part * _softmax(inside @ query)).tolist()
        order = np.argsort(-np.array(weights), kind="stable")
        out = np.einsum("n,nd->d", np.array(weights), np.stack([g.vector for g in found])).astype(np.float32)
        return Reading(out, tuple(found[i] for i in order), tuple(weights[i] for i in order), len(chunks))

    def _make_room(self, place: Hashable) -> None:
        """Every queue within rows // places, the one that gets a record with one to spare."""
        self._drop_evicted()
        share = max(1, self._shelf.rows // len(self._places))
        for name, keys in self._places.items():
            while len(keys) > share - (name == place):
                self._shelf.discard(keys.pop() if self._newest_goes else keys.pop(0))

    def _drop_evicted(self) -> None:
        for keys in self._places.values():
            keys[:] = [key for key in keys if key in self._shelf]


class PlaceTier:
    """Place memory behind the tier protocol: by appearance (two-stage read, of one place where one is named), else by place and words."""

    name, budget_s = "place", 0.1

    def __init__(self, memory: PlaceMemory | None = None) -> None:
        self.memory = memory or PlaceMemory()

    def update(self, event: Moment) -> None:
        """Take in what was seen, or forget an object."""
        if event.kind == "seen" and event.vector is not None:
            self.memory.see(event.id, event.text, event.place, event.stamp_ns, event.vector)
        elif event.kind == "forget":
            self.memory.forget(event.id)

    def retrieve(self, query: Ask) -> list[Item]:
        """One item per object, the best record of each."""
        if query.vector is not None:
            reading = self.memory.read(query.vector, place=query.place)
            pairs = list(zip(reading.glimpses, reading.weights, strict=True))
        else:
            fits = [(g, overlap(query.text, g.label) + (query.place is not None and g.place == query.place)) for g in self.memory]
            pairs = sorted(((g, score) for g, score in fits if score > 0), key=lambda p: (-p[1], -p[0].stamp_ns))
        best: dict[int, Item] = {}
        for glimpse, score in pairs:
            text = f"{glimpse.label} #{glimpse.id} seen at #{glimpse.place}"
            best.setdefault(glimpse.id, Item(text, float(score), (glimpse.id,), glimpse.stamp_ns))
        return list(best.values())[: query.k]


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    v = np.asarray(vector, np.float32).ravel()
    return v / max(float(np.linalg.norm(v)), 1e-9)


def _softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    e = np.exp(SHARPNESS * (scores - scores.max()))
    return e / e.sum()
