"""`robomem replay FOLDER|BAG`: a recorded RGB-D sequence becomes a memory, a map, a recording and answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robomem.belief.correction import MapCorrection
from robomem.errors import InvalidInputError
from robomem.evaluation.report import table, write_json
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.nodes.bag_sequence import BagOptions, BagSequence
from robomem.perception.detectors import CocoDetector, Detector
from robomem.perception.frame import RgbdFrame
from robomem.perception.sequence import RgbdSequence
from robomem.types import Detections, ObjectView
from robomem.viewer.figures import draw_map
from robomem.viewer.recording import Recording

PRESENT = ("confirmed", "occluded", "held")
Say = Callable[[str], None]


@dataclass
class Pace:
    """Wall time spent where, seconds."""

    detect_s: float = 0.0
    memory_s: float = 0.0
    record_s: float = 0.0
    frames: int = 0
    ever_confirmed: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)


class Source(Protocol):
    """What is replayed: frames with what a detector said of them when they were recorded (None: none did)."""

    @property
    def rejected(self) -> Counter[str]:
        """How many frames or messages were left out, by reason."""
        ...

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[RgbdFrame, Detections | None]]: ...
    def corrections(self) -> Sequence[MapCorrection]:
        """Corrections of the map to be followed before the frame that was given last; each is told once."""
        ...

    def to_world(self, p_map: Any) -> Any:
        """Points Float64[..., 3] of the map frame (m) in the recording's own world frame."""
        ...


class FolderSource:
    """A recorded folder, to which no detector has said anything yet."""

    def __init__(self, folder: Path) -> None:
        self._sequence = RgbdSequence(folder)
        self.to_world = self._sequence.to_world

    @property
    def rejected(self) -> Counter[str]:
        """How many frames were left out, by reason."""
        return self._sequence.rejected

    def __len__(self) -> int:
        return len(self._sequence)

    def corrections(self) -> Sequence[MapCorrection]:
        """None: the poses of a recorded folder were made with the whole recording at hand."""
        return ()

    def __iter__(self) -> Iterator[tuple[RgbdFrame, Detections | None]]:
        return ((frame, None) for frame in self._sequence)


def open_source(path: Path, options: BagOptions | None = None) -> Source:
    """A bag (an .mcap, or a folder of them as `ros2 bag record` leaves it), or else an RGB-D folder.

    Raises:
        InvalidInputError: neither.
    """
    if path.is_file() or (path.is_dir() and next(path.glob("*.mcap"), None) is not None):
        return BagSequence(path, options)
    return FolderSource(path)


def run_replay(
    folder: Path,
    out: Path,
    questions: Sequence[str],
    limit: int,
    record: bool,
    say: Say,
    options: BagOptions | None = None,
    force: bool = False,
) -> int:
    """Replay a folder or a bag and write memory.db, map.png, recording.rrd and summary.json to `out`.

    Args:
        limit: only the first so many frames, 0 = all.
        force: replace the memory that an earlier run left in `out`.

    Raises:
        InvalidInputError: no recording there, none of its frames can be used, or a memory is in `out` already.
    """
    sequence = open_source(folder, options)
    if (out / "memory.db").exists() and not force:
        raise InvalidInputError(f"{out / 'memory.db'}: exists; --force replaces it, --out FOLDER writes beside it")
    detector = CocoDetector()
    out.mkdir(parents=True, exist_ok=True)
    database = fresh_database(out)
    say(f"replaying {_total(sequence, limit)} frames of {folder}")
    with RobotMemory.open(database) as memory:
        recording = Recording(out / "recording.rrd") if record else None
        try:
            pace = _feed(memory, sequence, detector, recording, limit, say)
        finally:
            if recording is not None:
                recording.close()
        if pace.frames == 0:
            first = "; ".join(getattr(sequence, "rejections", [])[:1])
            raise InvalidInputError(
                f"replay: none of the {len(sequence)} frames could be used: {dict(sequence.rejected)}{'; ' + first if first else ''}"
            )
        assert memory.world is not None
        memory.world.refresh_rooms()
        figures = _figures(memory, sequence, pace)
        draw_map(out / "map.png", memory.graph(), memory.objects(), memory.world.grid, title=f"{folder.name}: what the memory holds")
        say(table(figures["objects"], ("id", "label", "position", "spread_m", "existence", "sightings")))
        if sequence.rejected:
            say(f"frames rejected: {dict(sequence.rejected)}")
        for question in questions or _default_questions(figures["objects"]):
            answer = ask(memory, question)
            figures.setdefault("answers", []).append({"question": question, "answer": answer.text})
            say(f"> {question}\n  {answer.text}")
        memory.flush()
    say(
        f"{pace.frames} frames, {figures['fps']:.1f} frames a second with the detector, {figures['fps_without_detector']:.1f} without; "
        f"see {out}/map.png, {'recording.rrd, ' if record else ''}memory.db"
    )
    say(write_json(figures, out / "summary.json"))
    return 0


def fresh_database(out: Path) -> Path:
    """Path of a database that does not exist yet: an earlier run's files are removed, since a replay starts from nothing."""
    database = out / "memory.db"
    for path in out.glob("memory.db*"):
        path.unlink()
    return database


def _total(sequence: Source, limit: int) -> int:
    return min(len(sequence), limit) if limit else len(sequence)


def _feed(memory: RobotMemory, sequence: Source, detector: Detector, recording: Recording | None, limit: int, say: Say) -> Pace:
    pace = Pace()
    total = _total(sequence, limit)
    for frame, said in sequence:
        t0 = time.perf_counter()
        detections = detector.detect(frame.rgb) if said is None else said
        t1 = time.perf_counter()
        for correction in sequence.corrections():
            memory.correct_map(correction)
        result = memory.observe(frame, detections)
        t2 = time.perf_counter()
        if recording is not None:
            recording.frame(frame, detections, result, memory.world)
        pace.detect_s += t1 - t0
        pace.memory_s += t2 - t1
        pace.record_s += time.perf_counter() - t2
        pace.frames += 1
        for e in result.events:
            pace.ever_confirmed |= {e.object_id} if e.kind == "appeared" else set()
            pace.removed |= {e.object_id} if e.kind == "removed" else set()
        if pace.frames % 20 == 0 or pace.frames == total:
            known = [v for v in memory.objects() if v.status in PRESENT]
            say(f"  frame {pace.frames}/{total}: {len(known)} objects known")
        if pace.frames == total:
            break
    return pace


def _figures(memory: RobotMemory, sequence: Source, pace: Pace) -> dict[str, Any]:
    assert memory.world is not None
    known = [v for v in memory.objects() if v.status in PRESENT]
    return {
        "n": pace.frames,
        "seeds": "none (recorded data)",
        "frame": "positions in the recording's own world frame (a bag's: the map's), m; position_map: z up",
        "removed_share": len(pace.removed) / max(len(pace.ever_confirmed), 1),
        "fps": pace.frames / max(pace.detect_s + pace.memory_s, 1e-9),
        "fps_without_detector": pace.frames / max(pace.memory_s, 1e-9),
        "detect_ms": 1000 * pace.detect_s / pace.frames,
        "record_ms": 1000 * pace.record_s / pace.frames,
        "confirmed": len(known),
        "rejected": dict(sequence.rejected),
        "objects": [_row(v, sequence) for v in known],
    }


def _row(view: ObjectView, sequence: Source) -> dict[str, Any]:
    return {
        "id": view.id,
        "label": view.label,
        "position": np.round(sequence.to_world(view.position), 3).tolist(),
        "position_map": np.round(view.position, 3).tolist(),
        "spread_m": round(view.spread_m, 3),
        "existence": round(view.existence, 3),
        "sightings": view.support,
        "color": view.color,
    }


def _default_questions(objects: Sequence[dict[str, Any]]) -> list[str]:
    labels = sorted({str(o["label"]) for o in objects}, key=lambda label: (label != "cup", label))
    plural = {"bench": "benches", "couch": "couches", "person": "people"}
    return [f"where are the {plural.get(label, label + 's')}?" for label in labels[:3]]
