"""Same thing, same number? HOTA, IDF1, and whose id stands at the new place after a move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.moved_objects.scores_match import CUTOFF_M, NEAR_M, Look, distances, families, points

EVERY = 4  # images: HOTA and IDF1 are computed on every fourth, neighbours say the same


@dataclass
class Tracks:
    """HOTA (trackeval) and IDF1 (motmetrics) on 3-D similarity `max(0, 1 - d / 1 m)`, 0 for labels of different families.

    Estimates about things that are not asked for are left out, as the ignore regions of the image benchmarks are.
    """

    truth: list[list[str]] = field(default_factory=list)
    ids: list[list[int]] = field(default_factory=list)
    apart: list[NDArray[np.float64]] = field(default_factory=list)  # m, inf for labels that do not go together
    _images: int = 0

    def add(self, view: Look) -> None:
        """Take one image in."""
        self._images += 1
        if self._images % EVERY:
            return
        kept = [b for j, b in enumerate(view.believed) if j not in view.ignored]
        d = distances(points(view.truth), points(kept))
        d = np.where(families([s.label for s in view.truth], [b.label for b in kept]), d, np.inf)
        self.truth.append([s.thing for s in view.truth])
        self.ids.append([b.id for b in kept])
        self.apart.append(d)

    def result(self) -> dict[str, float]:
        """HOTA and its two sides, IDF1; NaN on an empty stream."""
        if not any(self.truth):
            return {"hota": np.nan, "det_a": np.nan, "ass_a": np.nan, "idf1": np.nan}
        return {**self._hota(), "idf1": self._idf1()}

    def _hota(self) -> dict[str, float]:
        from trackeval.metrics import HOTA

        names = {n: k for k, n in enumerate(sorted({n for row in self.truth for n in row}))}
        tracks = {i: k for k, i in enumerate(sorted({i for row in self.ids for i in row}))}
        data = {
            "num_gt_dets": sum(map(len, self.truth)),
            "num_tracker_dets": sum(map(len, self.ids)),
            "num_gt_ids": len(names),
            "num_tracker_ids": len(tracks),
            "num_timesteps": len(self.truth),
            "gt_ids": [np.array([names[n] for n in row], int) for row in self.truth],
            "tracker_ids": [np.array([tracks[i] for i in row], int) for row in self.ids],
            "similarity_scores": [np.maximum(0.0, 1.0 - d / CUTOFF_M) for d in self.apart],
        }
        found = HOTA.eval_sequence.__wrapped__(HOTA(), data) if hasattr(HOTA.eval_sequence, "__wrapped__") else HOTA().eval_sequence(data)
        return {key: float(np.mean(found[name])) for key, name in (("hota", "HOTA"), ("det_a", "DetA"), ("ass_a", "AssA"))}

    def _idf1(self) -> float:
        import motmetrics

        book = motmetrics.MOTAccumulator(auto_id=True)
        numbers = {n: k for k, n in enumerate(sorted({n for row in self.truth for n in row}))}
        for names, ids, d in zip(self.truth, self.ids, self.apart, strict=True):
            book.update([numbers[n] for n in names], ids, np.where(d <= NEAR_M, d, np.nan))
        return float(motmetrics.metrics.create().compute(book, metrics=["idf1"])["idf1"].iloc[0])


@dataclass
class AfterMoves:
    """Identity after a move, judged when the new stay ends (or the stream does).

    A *claim* is an id at a thing's place that stood for some thing in another stay before: the memory says "this is that one again".
    Right if it was that thing, or one of the same label and colour: such twins nobody can tell apart.
    Precision = right claims / claims; recall = right claims / things seen again after a move.
    """

    right: int = 0
    right_moved: int = 0
    claims: int = 0
    again: int = 0
    cases: list[dict[str, Any]] = field(default_factory=list)
    _last: Look | None = None
    _open: dict[str, tuple[int, int]] = field(default_factory=dict)  # thing -> (nth stay, id that stands for it)
    _owner: dict[int, str] = field(default_factory=dict)  # id -> thing it stood for in a stay that is over
    _began: dict[str, dict[int, str]] = field(default_factory=dict)  # thing -> owners as they were when its stay was first matched

    def add(self, view: Look) -> None:
        """Take one image in."""
        self._last = view
        now = {s.thing: s for s in view.truth}
        for thing, (nth, _) in list(self._open.items()):
            if thing not in now or now[thing].nth != nth:
                self._close(thing, view)
        for thing, stay in now.items():
            held = view.about.get(thing)
            if held is None:
                continue
            if thing not in self._open:
                self._began[thing] = {**self._owner, **{i: t for t, (_, i) in self._open.items() if t != thing}}
            self._open[thing] = (stay.nth, held.id)

    def _close(self, thing: str, view: Look) -> None:
        nth, held = self._open.pop(thing)
        owner = self._began.pop(thing, {}).get(held)
        looks = {name: view.known.stays[name][0].looks for name in {thing, owner or thing}}
        right = owner is not None and looks[owner] == looks[thing]
        if owner is not None:
            self.claims += 1
            self.right += right
            self.right_moved += right and nth > 0
        self.again += nth > 0
        if nth > 0 or (owner is not None and not right):
            self.cases.append({"thing": thing, "stay": nth, "id": held, "was": owner, "right": right, "until_ns": view.stamp_ns})
        self._owner[held] = thing

    def result(self) -> dict[str, Any]:
        """Counts; closes what is open."""
        if self._last is not None:
            for thing in list(self._open):
                self._close(thing, self._last)
        return {"right": self.right, "right_moved": self.right_moved, "claims": self.claims, "again": self.again, "cases": self.cases}
