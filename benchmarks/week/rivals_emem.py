"""The installed emem 0.3.0 behind the adapter, at its default and with its recency weight: SQLite rows, HNSW over label vectors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.week.interface import Query, Reply
from benchmarks.week.rivals_base import FloorPlan, Rival, Sight, Tuning, canonical
from robomem.clock import NS_PER_S
from robomem.memory.embedding import Embedder
from robomem.perception.frame import RgbdFrame


@dataclass(frozen=True)
class EmemSetting:
    """Its own parameters: `results` looked at per question, `recency` the multiplier of its recency term, `halflife_s` of that."""

    name: str
    results: int = 10
    recency: float = 0.0
    halflife_s: float = 3600.0


DEFAULT = EmemSetting("emem 0.3.0, default")
BEST = EmemSetting("emem 0.3.0, best", results=3, recency=1.0, halflife_s=86400.0)  # of those tried by `benchmarks.week.tune`


def installed() -> bool:
    """emem comes with the extra `rivals`; without it the benchmark runs, and says that it is left out."""
    return find_spec("emem") is not None


class Emem(Rival):
    """emem fed with a row per detection ("red mug") and the vector of that text.

    Args:
        folder: where its database and index go.
    """

    def __init__(self, floor: FloorPlan, embedder: Embedder, folder: Path, setting: EmemSetting) -> None:
        super().__init__(floor, setting.name, Tuning(min_hits=1), keeps_deeds=False)
        from emem import SpatioTemporalMemory, SpatioTemporalMemoryConfig  # type: ignore[import-not-found]

        logging.getLogger("emem").setLevel(logging.ERROR)
        self._embedder, self._setting, self._now_s = embedder, setting, 0.0
        self._vectors: dict[str, NDArray[np.float32]] = {}
        config = SpatioTemporalMemoryConfig(
            db_path=str(folder / "emem.db"),
            hnsw_path=str(folder / "emem.bin"),
            recency_weight=setting.recency,
            recency_halflife=setting.halflife_s,
        )
        self._memory: Any = SpatioTemporalMemory(config.db_path, config=config, get_current_time=lambda: self._now_s)

    def keep(self, rows: Sequence[Sight], frame: RgbdFrame) -> None:
        """A row per detection."""
        self._now_s = frame.stamp_ns / NS_PER_S
        for r in rows:
            text = f"{r.color} {r.label}".strip()
            p = [float(v) for v in r.position]
            self._memory.add(text, p[0], p[1], p[2], timestamp=self._now_s, embedding=self._vector(text), layer_name="detections")

    def rows(self, label: str, color: str, low_ns: int, high_ns: int) -> list[Sight]:
        """What its search finds for the words, within the time if one is asked about."""
        self._now_s = high_ns / NS_PER_S
        text = f"{color} {label}".strip() or "thing"
        span = None if low_ns == 0 and not self._past else (low_ns / NS_PER_S, high_ns / NS_PER_S)
        self._memory._ensure_flushed()
        try:
            found = self._memory.store.semantic_search_by_vector(
                self._vector(text), n_results=self._setting.results, time_range=span, reference_time=self._now_s
            )
        except RuntimeError:  # its HNSW index, after rows were taken out of it: "ef or M is too small"
            self.failed += 1
            return []
        rows = [
            Sight(canonical(str(o.text)), "", np.asarray(o.coordinates, float), round(o.timestamp * NS_PER_S))
            for o in found
            if hasattr(o, "timestamp") and hasattr(o, "text")
        ]
        return sorted(rows, key=lambda r: r.stamp_ns)

    _past = False
    failed = 0  # searches that its index could not answer

    def answer(self, question: Query) -> Reply:
        """Its verbs know no state, no deeds and no habits; the rest is answered from what its search returns."""
        self._past = question.to_ns < question.asked_ns
        return super().answer(question)

    def spot(self, rows: Sequence[Sight], asked_ns: int) -> Reply | None:
        """As its `locate`: the centroid of what was found."""
        if not rows:
            return None
        p = np.mean([r.position for r in rows], axis=0)
        place = self.floor.piece(p)
        return Reply(position=p, place=place.label if place else "", stamp_ns=rows[-1].stamp_ns)

    def close(self) -> None:
        """Close its files."""
        self._memory.close()

    def _vector(self, text: str) -> NDArray[np.float32]:
        if text not in self._vectors:
            self._vectors[text] = self._embedder.embed([text])[0]
        return self._vectors[text]
