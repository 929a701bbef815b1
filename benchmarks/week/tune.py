"""`python -m benchmarks.week.tune --seeds 100,101`: the rivals' parameters and robomem's threshold, on homes that are not reported.

Rivals: every setting of the grids below is shown the same weeks; the best by correct minus false recall is taken over into `rivals.py`.
robomem: `MemoryConfig.abstain_below` is swept on copies of its memory at every moment of asking; taken is the value with the best of
the same difference, the lower of equals.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.week.asking import questions
from benchmarks.week.days import Ask, HomeWeek
from benchmarks.week.interface import Memory, Question, Truth
from benchmarks.week.knowledge import WeekKnowledge
from benchmarks.week.ours import RobomemMemory
from benchmarks.week.rivals import Captions, GraphNow, LastSeenMap, SightingLog, WordLog
from benchmarks.week.rivals_base import FloorPlan, Tuning
from benchmarks.week.rivals_emem import Emem, EmemSetting
from benchmarks.week.scoring import Scored, rates, score
from benchmarks.week.wordings import canonical
from robomem.config import RobomemConfig
from robomem.evaluation.report import parse_seeds, table
from robomem.memory.embedding import MiniLmEmbedder
from robomem.types import Episode, Observations

ABSTAIN = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9)
Rows = list[tuple[Truth, Scored]]


def settings(floor: FloorPlan, embedder: MiniLmEmbedder, folder: Path) -> Iterator[tuple[str, Memory]]:
    """Every rival at every setting of its grid."""
    for hits, recent, past in product((1, 3, 8), (2.0, 8.0, 24.0), (True, False)):
        tuning = Tuning(hits, recent_h=recent, past=past)
        key = f"min_hits={hits}, recent_h={recent:g}, past={past}"
        if past:
            yield f"last-sighting log: {key}", SightingLog(floor, tuning)
            for k in (20, 100):
                yield f"log with word search: {key}, k={k}", WordLog(floor, tuning, k)
        if hits == 1:
            yield f"last-seen map: {key}", LastSeenMap(floor, tuning)
            yield f"graph without history: {key}", GraphNow(floor, tuning)
    shared: dict[str, np.ndarray] = {}
    for k in (5, 20, 80):
        captions = Captions(floor, Tuning(1), embedder, k)
        captions.vectors = shared
        yield f"captions in a vector index: k={k}", captions
    for results, recency, halflife in ((10, 0.0, 3600.0), (1, 1.0, 3600.0), (1, 1.0, 86400.0), (3, 1.0, 86400.0)):
        own = folder / f"emem{results}_{recency}_{halflife}"
        own.mkdir()
        setting = EmemSetting("emem", results, recency, halflife)
        yield f"emem 0.3.0: results={results}, recency={recency:g}, halflife_s={halflife:g}", Emem(floor, embedder, own, setting)


def tune_rivals(seeds: list[int], routines: Path, say: Callable[[str], None]) -> None:
    """Print the settings of each rival, best first."""
    rows: dict[str, Rows] = defaultdict(list)
    embedder = MiniLmEmbedder()
    for seed in seeds:
        week, known, rng = HomeWeek(seed, routines), WeekKnowledge(), np.random.default_rng([0xA5C, seed])
        with tempfile.TemporaryDirectory() as folder:
            memories = dict(settings(FloorPlan(week.plan.home), embedder, Path(folder)))
            for step in week.stream():
                if isinstance(step, Ask):
                    for q in questions(week.plan, known, step.stamp_ns, rng):
                        for name, memory in memories.items():
                            rows[name].append((q.truth, score(q.query, q.truth, memory.answer(q.query))))
                elif isinstance(step, Episode):
                    known.done.append(step)
                    for memory in memories.values():
                        memory.did(step)
                else:
                    known.update(step)
                    for memory in memories.values():
                        memory.add(step.detections or Observations.empty(step.frame.stamp_ns), step.frame)
            for memory in memories.values():
                getattr(memory, "close", lambda: None)()
    say(table(sorted(({"setting": n, **_shares(r)} for n, r in rows.items()), key=lambda r: (r["setting"].split(":")[0], -r["net"]))))


def _shares(rows: Rows) -> dict[str, float]:
    share = {key: hits / max(1, n) for key, (hits, n) in rates(rows).items()}
    return {"net": share["correct"] - share["false_recall"], **share}


def tune_threshold(seeds: list[int], routines: Path, say: Callable[[str], None]) -> None:
    """Print what each threshold gives."""
    rows: dict[float, Rows] = defaultdict(list)
    for seed in seeds:
        week, known, rng = HomeWeek(seed, routines), WeekKnowledge(), np.random.default_rng([0xA5C, seed])
        with tempfile.TemporaryDirectory() as folder:
            ours = RobomemMemory(str(Path(folder) / "home.db"), seed)
            for step in week.stream():
                if isinstance(step, Ask):
                    asked = questions(week.plan, known, step.stamp_ns, rng)
                    copy = Path(folder) / f"{step.stamp_ns}.db"
                    ours.memory.flush()
                    ours.memory.backup(copy)
                    for below in ABSTAIN:
                        rows[below] += _at_threshold(copy, seed, below, asked)
                    copy.unlink()
                elif isinstance(step, Episode):
                    known.done.append(step)
                    ours.did(step)
                else:
                    known.update(step)
                    ours.add(step.detections or Observations.empty(step.frame.stamp_ns), step.frame)
            ours.close()
    say(table([{"abstain_below": below, **_shares(r)} for below, r in rows.items()]))


def _at_threshold(copy: Path, seed: int, below: float, asked: list[Question]) -> Rows:
    config = RobomemConfig()
    config = dataclasses.replace(config, memory=dataclasses.replace(config.memory, abstain_below=below))
    memory = RobomemMemory(str(copy), seed, config)
    out = [(q.truth, score(q.query, q.truth, memory.reply(q, canonical(q))[0])) for q in asked]
    memory.close()
    return out


def main() -> int:
    """Run both, or one (`--only rivals|threshold`)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100,101")
    parser.add_argument("--data", type=Path, default=Path("data/routines"), help="folder of recorded routines")
    parser.add_argument("--only", choices=("rivals", "threshold"))
    args = parser.parse_args()
    seeds = parse_seeds(args.seeds)

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")

    if args.only != "threshold":
        tune_rivals(seeds, args.data, say)
    if args.only != "rivals":
        tune_threshold(seeds, args.data, say)
    return 0


if __name__ == "__main__":
    sys.exit(main())
