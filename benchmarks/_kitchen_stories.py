"""Stories told with the recorded kitchen and the real detector: a cup is taken and put back; the map was wrong and is corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._kitchen_cup import Place, free_spot, own_pixels, place_in_view, put_back, take_out
from benchmarks._kitchen_plants import rigid, with_holes
from robomem.belief.correction import MapCorrection
from robomem.config import RobomemConfig
from robomem.geometry import inverse
from robomem.ids import IdAllocator
from robomem.perception.detectors import CocoDetector
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.world_model import WorldModel
from robomem.types import Detections, ObjectView

TAKEN_FROM = 300  # frame number of the recording from which on the cup is gone
BACK_FROM = 400  # and from which on it stands elsewhere
RECOGNISED_M = 0.15
PRESENT = ("confirmed", "occluded")
TWIN_M = 0.3


@dataclass(frozen=True)
class Recording:
    """Frames with the recording's own numbers and what the detector says of each image."""

    numbers: Sequence[int]
    frames: Sequence[RgbdFrame]
    said: Sequence[Detections]
    detector: CocoDetector


def new_world(seed: int = 0) -> WorldModel:
    """A world model with default settings."""
    return WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(seed))


def cup_story(
    tape: Recording, cup_map: NDArray[np.float64], others: Sequence[NDArray[np.float64]], holes: float, seed: int
) -> dict[str, Any]:
    """The cup nearest to Float64[3] is gone from TAKEN_FROM on and stands elsewhere on the table from BACK_FROM on."""
    world, rng = new_world(seed), np.random.default_rng(seed)
    first = next(i for i, n in enumerate(tape.numbers) if n >= TAKEN_FROM)
    again = next(i for i, n in enumerate(tape.numbers) if n >= BACK_FROM)
    removed: list[tuple[int, int, str]] = []
    for i in range(first):
        world.step(with_holes(tape.frames[i], holes, rng), tape.said[i])
    cup = min((v for v in world.objects() if v.label in ("cup", "mug") and v.status in PRESENT), key=lambda v: _apart(v, cup_map))
    place = Place.of(tape.frames[first - 6 : first : 2], cup.position[None])
    spot, seen = free_spot(tape.frames[again:], place, others)
    source = max((f for f in tape.frames[first - 10 : first + 10] if place_in_view(f, place, 0.95)), key=lambda f: _pixels(f, place))
    out: dict[str, Any] = {"cup_id": cup.id, "frames_in_view_after": 0, "frames_in_view_back": len(seen), "notice_frames": None}
    out |= {"back_frames": None, "same_id": False}
    shown = 0
    for i in range(first, len(tape.frames)):
        frame = take_out(tape.frames[i], place, rng)
        if i >= again:
            frame = put_back(frame, source, place, spot)
        in_view = place_in_view(frame, place)
        out["frames_in_view_after"] += in_view
        result = world.step(with_holes(frame, holes, rng), tape.detector.detect(frame.rgb))
        shown += i >= again and i - again in seen
        for e in result.events:
            if e.kind == "removed" and e.object_id != cup.id:
                removed.append((tape.numbers[i], e.object_id, e.label))
            elif e.kind == "removed" and out["notice_frames"] is None:
                out["notice_frames"] = out["frames_in_view_after"]
        now = world.object(cup.id)
        if (
            i >= again
            and out["back_frames"] is None
            and now is not None
            and now.status in PRESENT
            and _apart(now, spot.middle) < RECOGNISED_M
        ):
            out["back_frames"] = shown
    there = [v for v in world.objects() if v.status in PRESENT and v.label in ("cup", "mug") and _apart(v, spot.middle) < RECOGNISED_M]
    out["same_id"] = [v.id for v in there] == [cup.id]
    return out | {"ids_at_new_place": [v.id for v in there], "others_reported_gone": [f"{label} {i} at {n}" for n, i, label in removed]}


def _pixels(frame: RgbdFrame, place: Place) -> int:
    return int(np.count_nonzero(own_pixels(frame, place)))


def _apart(view: ObjectView, point: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(view.position - point))


def correction_story(tape: Recording, shift_m: float, turn_deg: float, closing_frame: int, seed: int) -> dict[str, Any]:
    """The localiser drifts by `shift_m` and `turn_deg` until `closing_frame`, then knows: where are the things one frame later?

    Truth is the same recording without drift through the same model. Errors are over things confirmed in both, by label and nearest.
    """
    close = next(i for i, n in enumerate(tape.numbers) if n >= closing_frame)
    centre = np.mean([f.T_map_camera[:3, 3] for f in tape.frames], axis=0)
    about = np.eye(4)
    about[:2, 3] = centre[:2]
    whole = about @ rigid(np.radians(turn_deg), (shift_m * 0.8, -shift_m * 0.6)) @ inverse(about)
    correction_full = MapCorrection(whole, 0, tape.frames[close - 1].stamp_ns)

    def drifted(frame: RgbdFrame) -> RgbdFrame:
        T = correction_full.at(frame.stamp_ns)
        return frame if T is None else replace(frame, T_map_camera=T @ frame.T_map_camera)

    right, wrong = new_world(seed), new_world(seed)
    for i in range(close):
        right.step(tape.frames[i], tape.said[i])
        wrong.step(drifted(tape.frames[i]), tape.said[i])
    before = _errors(wrong, right)
    wrong.correct_map(MapCorrection(inverse(whole), 0, tape.frames[close - 1].stamp_ns))
    for world in (right, wrong):
        world.step(tape.frames[close], tape.said[close])
    after, twins = _errors(wrong, right), _twins(wrong) - _twins(right)
    for i in range(close + 1, len(tape.frames)):
        for world in (right, wrong):
            world.step(tape.frames[i], tape.said[i])
    end = _errors(wrong, right)
    return {
        "shift_m": shift_m,
        "turn_deg": turn_deg,
        "things": after["things"],
        "error_before_m": before["median_m"],
        "error_before_max_m": before["max_m"],
        "error_after_1_frame_m": after["median_m"],
        "error_after_1_frame_max_m": after["max_m"],
        "error_at_end_m": end["median_m"],
        "twins_after_1_frame": twins,
        "twins_at_end": _twins(wrong) - _twins(right),
        "things_only_in_one": after["unmatched"],
    }


def _present(world: WorldModel) -> list[ObjectView]:
    return [v for v in world.objects() if v.status in PRESENT]


def _errors(wrong: WorldModel, right: WorldModel) -> dict[str, Any]:
    from scipy.optimize import linear_sum_assignment

    a, b = _present(wrong), _present(right)
    cost = np.array([[_apart(x, y.position) if x.label == y.label else 1e3 for y in b] for x in a]).reshape(len(a), len(b))
    pairs = [cost[i, j] for i, j in zip(*linear_sum_assignment(cost), strict=True) if cost[i, j] < 1e3]
    return {
        "things": len(pairs),
        "median_m": round(float(np.median(pairs)), 4) if pairs else None,
        "max_m": round(float(np.max(pairs)), 4) if pairs else None,
        "unmatched": len(a) + len(b) - 2 * len(pairs),
    }


def _twins(world: WorldModel) -> int:
    """Pairs of confirmed things of one label nearer to each other than TWIN_M or half their size."""
    views = _present(world)
    return sum(
        a.label == b.label and _apart(a, b.position) < max(TWIN_M, 0.5 * float(a.size.max()))
        for k, a in enumerate(views)
        for b in views[k + 1 :]
    )
