"""The rivals: what each of them keeps of what was seen, and which of it it finds again. Written from the descriptions, not from code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.week.rivals_base import SAME_M, FloorPlan, Rival, Sight, Tuning
from robomem.memory.embedding import Embedder
from robomem.perception.frame import RgbdFrame


class SightingLog(Rival):
    """Every sighting in a list, looked through by class, colour and time: the strong baseline."""

    def __init__(self, floor: FloorPlan, tuning: Tuning) -> None:
        super().__init__(floor, "last-sighting log", tuning)
        self._log: list[Sight] = []

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """Append."""
        self._log += rows

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """A scan."""
        return [
            r
            for r in self._log
            if label in ("", r.label) and low_ns <= r.stamp_ns <= high_ns and (not color or not r.color or r.color == color)
        ]


class LastSeenMap(Rival):
    """One row per class and colour: where it was seen last (most scene-graph memories)."""

    def __init__(self, floor: FloorPlan, tuning: Tuning) -> None:
        super().__init__(floor, "last-seen map", tuning, history=False, keeps_deeds=False)
        self._map: dict[tuple[str, str], Sight] = {}

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """The newest wins."""
        for r in rows:
            self._map[r.label, r.color] = r

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """What the map holds now, whatever the time asked about."""
        found = [r for (name, c), r in self._map.items() if label in ("", name) and (not color or color == c)]
        return sorted(found, key=lambda r: r.stamp_ns)


class GraphNow(Rival):
    """Nodes by class and place: a sighting within half a metre updates a node, any other makes a new one; no past, nothing removed."""

    def __init__(self, floor: FloorPlan, tuning: Tuning) -> None:
        super().__init__(floor, "graph without history", tuning, history=False, keeps_deeds=False)
        self._nodes: dict[str, list[Sight]] = {}

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """Associate by class and distance."""
        for r in rows:
            nodes = self._nodes.setdefault(r.label, [])
            near = [k for k, n in enumerate(nodes) if float(np.linalg.norm(n.position - r.position)) < SAME_M and r.color in ("", n.color)]
            if near:
                nodes[near[0]] = r
            else:
                nodes.append(r)

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """The nodes."""
        found = [r for name, nodes in self._nodes.items() for r in nodes if label in ("", name) and (not color or color == r.color)]
        return sorted(found, key=lambda r: r.stamp_ns)


class WordLog(Rival):
    """A text log with word search: a line a sighting; the lines that share the most words with the query, the newest `k` of them."""

    def __init__(self, floor: FloorPlan, tuning: Tuning, k: int = 50) -> None:
        super().__init__(floor, "log with word search", tuning)
        self._lines: list[tuple[frozenset[str], Sight]] = []
        self._k = k

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """One line each: colour, class, furniture, room."""
        for r in rows:
            at = self.floor.piece(r.position)
            place = f"on the {at.label} in the {at.room}" if at is not None else ""
            self._lines.append((frozenset(f"{r.color} {r.label} {place}".split()), r))

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """Ranked by shared words; ties by time."""
        within = [(words, r) for words, r in self._lines if low_ns <= r.stamp_ns <= high_ns]
        wanted = frozenset(f"{color} {label}".split())
        if not wanted:
            return [r for _, r in within]
        ranks = [len(wanted & words) for words, _ in within]
        best = max(ranks, default=0)
        found = [r for rank, (_, r) in zip(ranks, within, strict=True) if rank == best] if best else []
        return found[-self._k :]


class Captions(Rival):
    """ReMEmbR-style (Anwar et al. 2024): a caption per image with pose and time in a vector index; the `k` nearest captions are read.

    In the paper a language model reads them. Here the reader is exact: it finds the thing in a caption if the caption names it, with the
    position at which it was seen (the paper has the robot's), and abstains if none of the `k` names it.
    """

    def __init__(self, floor: FloorPlan, tuning: Tuning, embedder: Embedder, k: int = 20) -> None:
        super().__init__(floor, "captions in a vector index", tuning)
        self._embedder, self._k = embedder, k
        self._captions: list[tuple[int, list[Sight]]] = []
        self._texts: list[str] = []
        self.vectors: dict[str, NDArray[np.float32]] = {}

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """One caption per image that shows anything."""
        if rows:
            names = sorted({f"a {r.color} {r.label}".replace("  ", " ") for r in rows})
            self._captions.append((rows[0].stamp_ns, list(rows)))
            self._texts.append(f"I see {', '.join(names)} in the {self.floor.room(rows[0].position) or 'home'}.")

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """Of the captions within the time, the `k` most similar; of an open question the `k` newest."""
        within = [i for i, (t, _) in enumerate(self._captions) if low_ns <= t <= high_ns]
        if label and within:
            query = self._vectors([f"Where is the {color} {label}?".replace("  ", " ")])[0]
            likeness = self._vectors([self._texts[i] for i in within]) @ query
            order = np.lexsort((-np.array(within), -likeness))[: self._k]
            within = sorted(within[int(j)] for j in order)
        else:
            within = within[-self._k :]
        return [
            r for i in within for r in self._captions[i][1] if label in ("", r.label) and (not color or not r.color or r.color == color)
        ]

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        fresh = sorted({t for t in texts if t not in self.vectors})
        for at in range(0, len(fresh), 64):
            self.vectors.update(zip(fresh[at : at + 64], self._embedder.embed(fresh[at : at + 64]), strict=True))
        return np.array([self.vectors[t] for t in texts])


# Chosen on home 100 by `python -m benchmarks.week.tune --seeds 100 --only rivals`.
MAKERS: dict[str, Callable[[FloorPlan], Rival]] = {
    "last-sighting log": lambda floor: SightingLog(floor, Tuning(min_hits=3, recent_h=8.0)),
    "last-seen map": lambda floor: LastSeenMap(floor, Tuning(min_hits=1, recent_h=8.0, past=False)),
    "graph without history": lambda floor: GraphNow(floor, Tuning(min_hits=1, recent_h=8.0)),
    "log with word search": lambda floor: WordLog(floor, Tuning(min_hits=3, recent_h=8.0), k=100),
}


def captions(floor: FloorPlan, embedder: Embedder) -> Rival:
    """The one that needs an embedder."""
    return Captions(floor, Tuning(min_hits=1), embedder, k=80)
