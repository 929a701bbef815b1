"""`robomem demo`: one story from an unknown home to a brought mug, told as it happens, left as summary, memory, recording and pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from robomem.errors import MissingDependencyError
from robomem.evaluation import story as tale
from robomem.evaluation.replay import fresh_database
from robomem.evaluation.report import table, write_json
from robomem.memory.answer import ask
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import Detections
from robomem.viewer.figures import draw_comparison, draw_map
from robomem.viewer.recording import Recording

if TYPE_CHECKING:
    from robomem.evaluation.remote_household import RemoteHousehold

QUESTIONS = (
    "where is the mug?",
    "where was the mug at the start?",
    "what changed in the {room}?",
    "where is the {book}?",
    "where is the hammer?",
)
NOTE_EVERY_S = 5.0  # wall seconds between progress lines that only say "still at it"
Say = Callable[[str], None]


class _Teller:
    """Progress with the wall clock in front; chatter is thinned, headlines are not."""

    def __init__(self, say: Say) -> None:
        self._say, self._start, self._last = say, time.monotonic(), -1e9

    def head(self, text: str) -> None:
        self._say(f"[{time.monotonic() - self._start:5.0f} s] {text}")
        self._last = time.monotonic()

    def chat(self, text: str) -> None:
        if time.monotonic() - self._last > NOTE_EVERY_S:
            self.head("  " + text)


class _Witness:
    """Feeds the recording and remembers the robot's path."""

    def __init__(self, recording: Recording | None) -> None:
        self.recording, self.path = recording, []

    def __call__(self, frame: RgbdFrame, detections: Detections, result: FrameResult, world: WorldModel) -> None:
        self.path.append(frame.T_map_camera[:2, 3].copy())
        if self.recording is not None:
            self.recording.frame(frame, detections, result, world)


ONE_HOME = """
One home says little: in some a twin's first look is by chance the right one. Ten homes: robomem bench demo --seeds 0-9 (results/demo.png).
"""
LAST_WORDS = """{one}
What it remembers can be asked:
    robomem ask "where is the mug?" --db {database}
    robomem ask "what changed today?" --db {database}
    robomem ask "did the mug move?" --db {database}"""


def run_demo(seed: int, quick: bool, out: Path, say: Say, in_process: bool = False) -> int:
    """Run the demo and write its files to `out` (see the module). Exit status 0 if the mug was brought.

    Args:
        in_process: everything in this process, without ROS 2; else simulator, world model, memory and planner are processes of their own
            (the twins, which only compare, run in this one either way).
    """
    teller = _Teller(say)
    out.mkdir(parents=True, exist_ok=True)
    wire = not in_process and _ros_is_here(say)
    recording = None if wire else _recording(out, say)
    witness = _Witness(recording)
    teller.head(f"building home {seed}" + (", four processes over ROS 2" if wire else ""))
    home = _remote(seed, out, teller) if wire else None
    told: tale.Story | None = None
    try:
        told = _stage(seed, quick, out, witness, teller, home)
        teller.head(f'the order: "{tale.ORDER}"')
        path = home.path if home is not None else witness.path
        path_from = len(path)
        arm = tale.run_arm(told, "memory", say=teller.head)
        answers = _answers(told, teller)
        told.home.memory.flush()
        _draw(told, out, np.array(path[path_from:]))
        for name in () if quick else tale.ARMS[1:]:
            teller.head(f"the same task by a twin that remembers {'only rooms and furniture' if name == 'map only' else 'nothing'}")
            tale.run_arm(told, name, say=teller.chat)
        rows = [a.row() for a in told.arms]
        say(table(rows))
        twins = draw_twins(out, rows)
        summary = _summary(told, seed, answers, teller)
        write_json(summary, out / "summary.json")
        teller.head(f"see {out}/map.png, {'twins.png, ' if twins else ''}recording.rrd, memory.db, summary.json")
        say(LAST_WORDS.format(database=out / "memory.db", one="" if quick else ONE_HOME))
        return 0 if arm.ok else 1
    finally:
        if recording is not None:
            recording.close()
        last = home if told is None else told.home
        if last is not None:
            last.close()


def draw_twins(out: Path, rows: Sequence[dict[str, Any]]) -> bool:
    """The comparison with the twins, if there were any; one of an earlier run is not left beside a memory that it is not of."""
    (out / "twins.png").unlink(missing_ok=True)
    if len(rows) > 1:
        draw_comparison(out / "twins.png", rows)
    return len(rows) > 1


def _recording(out: Path, say: Say) -> Recording | None:
    try:
        return Recording(out / "recording.rrd")
    except MissingDependencyError as error:
        say(str(error))
        return None


def _ros_is_here(say: Say) -> bool:
    from robomem.nodes.environment import ros_missing

    missing = ros_missing()
    if missing:
        say(f"{' and '.join(missing)} cannot be imported (`make setup` installs it): everything runs in this one process")
    return not missing


def _remote(seed: int, out: Path, teller: _Teller) -> RemoteHousehold:
    from robomem.evaluation.remote_household import RemoteHousehold

    return RemoteHousehold(seed, fresh_database(out).resolve(), out / "logs", (out / "recording.rrd").resolve(), say=teller.head)


def _stage(seed: int, quick: bool, out: Path, witness: _Witness, teller: _Teller, home: RemoteHousehold | None) -> tale.Story:
    database = fresh_database(out) if home is None else home.database
    return tale.stage(seed, database, witness, rounds=1 if quick else tale.ROUNDS, say=_by_weight(teller), home=home)


def _by_weight(teller: _Teller) -> Say:
    """Headlines of the stage are told; the surveyor's lines are chatter."""
    return lambda text: teller.chat(text) if text.startswith(("looked at", "explored ")) and "driven" not in text else teller.head(text)


def _answers(told: tale.Story, teller: _Teller) -> list[dict[str, Any]]:
    rows = []
    for template in QUESTIONS:
        question = template.format(room="kitchen", book=_one_of(told, "book"))
        with told.home.reader() as memory:
            answer = ask(memory, question)
        teller.head(f"? {question}")
        teller.head(f"  {answer.text}")
        rows.append({"question": question, "answer": answer.text, "evidence": list(answer.evidence)})
    return rows


def _one_of(told: tale.Story, label: str) -> str:
    """Words that mean one thing: "blue book" where there are several books and one blue one, else the label."""
    colors = [c.color for c in told.home.memory.find(label).candidates]
    alone = [color for color in colors if color and colors.count(color) == 1]
    return f"{alone[0]} {label}" if len(colors) > 1 and alone else label


def _draw(told: tale.Story, out: Path, path: np.ndarray) -> None:
    world = told.home.model()
    labels = world.rooms.map.labels if world.rooms.map is not None else None
    draw_map(
        out / "map.png",
        world.graph,
        world.objects(),
        world.grid,
        focus_id=told.mug_id,
        trajectory=path,
        room_labels=labels,
        title="What the robot remembers, and where the mug has been",
    )


def _summary(told: tale.Story, seed: int, answers: list[dict[str, Any]], teller: _Teller) -> dict[str, Any]:
    memory = told.home.memory
    full = next(a for a in told.arms if a.name == "memory")
    known = [v for v in memory.objects() if v.status in ("confirmed", "occluded", "held")]
    out: dict[str, Any] = {
        "seed": seed,
        "n": 1,
        "done": full.ok,
        "order": tale.ORDER,
        "task": full.report.to_json(),
        "twins": [a.row() for a in told.arms],
        "answers": answers,
        "mug": {"id": told.mug_id, "true_stations": told.stations},
        "known": {
            "objects": sum(v.kind == "object" for v in known),
            "furniture": sum(v.kind == "furniture" for v in known),
            "rooms": sorted(n.label for n in memory.graph().nodes("room")),
        },
        "frames": told.home.frames,
        "wall_s": round(time.monotonic() - teller._start, 1),
    }
    for name in tale.ARMS[1:]:
        if any(a.name == name for a in told.arms):
            out[f"speedup_over_{name.replace(' ', '_')}"] = round(tale.speedup(told.arms, name), 3)
    return out
