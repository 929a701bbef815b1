"""Error texts under snapshot: a changed message is a change users see. ROBOMEM_UPDATE_SNAPSHOTS=1 writes the file anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.config import RobomemConfig, from_mapping
from robomem.errors import RobomemError
from robomem.geometry import look_at, matrix_from_quaternion
from robomem.perception.frame import Intrinsics, RgbdFrame
from robomem.types import Detections

FILE = Path(__file__).parent / "snapshots" / "errors.txt"
K = Intrinsics(525.0, 525.0, 319.5, 239.5, 640, 480)
RGB, DEPTH = np.zeros((480, 640, 3), np.uint8), np.ones((480, 640), np.float32)


def frame(rgb=RGB, depth=DEPTH, k=K, T=None, stamp_ns: int = 0) -> RgbdFrame:
    return RgbdFrame(stamp_ns, rgb, depth, k, np.eye(4) if T is None else T, "front_camera")


def detect(labels=("cup",), scores=(0.5,), boxes=((0, 0, 9, 9),), **more) -> Detections:
    return Detections(labels, np.array(scores), np.array(boxes, float), **more)


RAISES: dict[str, Callable[[], object]] = {
    "frame: depth of another shape": lambda: frame(depth=np.ones((240, 320), np.float32)),
    "frame: depth in millimetres": lambda: frame(depth=np.ones((480, 640), np.uint16)),
    "frame: depth all NaN": lambda: frame(depth=np.full((480, 640), np.nan, np.float32)),
    "frame: grey image": lambda: frame(rgb=np.zeros((480, 640), np.uint8)),
    "frame: float image": lambda: frame(rgb=np.zeros((480, 640, 3))),
    "frame: intrinsics of another size": lambda: frame(k=K.scaled(0.5)),
    "frame: pose with NaN": lambda: frame(T=np.full((4, 4), np.nan)),
    "frame: negative stamp": lambda: frame(stamp_ns=-5),
    "frame: stamp in seconds": lambda: frame(stamp_ns=1.5),  # pyright: ignore[reportArgumentType]
    "intrinsics: no focal length": lambda: Intrinsics(0.0, 525.0, 319.5, 239.5, 640, 480),
    "detections: a score too many": lambda: detect(scores=(0.5, 0.6)),
    "detections: score above one": lambda: detect(scores=(1.2,)),
    "detections: box inside out": lambda: detect(boxes=((9, 0, 0, 9),)),
    "detections: box with NaN": lambda: detect(boxes=((0, 0, np.nan, 9),)),
    "detections: one mask for two rows": lambda: detect(("a", "b"), (0.5, 0.5), ((0, 0, 1, 1),) * 2, masks=np.ones((1, 4, 4), bool)),
    "detections: states missing": lambda: detect(states=()),
    "config: misspelt key": lambda: from_mapping(RobomemConfig, {"belief": {"particels": 5}}),
    "config: key like no other": lambda: from_mapping(RobomemConfig, {"zzz": 5}),
    "config: word for a number": lambda: from_mapping(RobomemConfig, {"seed": "seven"}),
    "config: list for a section": lambda: from_mapping(RobomemConfig, {"memory": []}),
    "clock: back in time": lambda: ManualClock().advance(-1.0),
    "geometry: quaternion of length two": lambda: matrix_from_quaternion((2, 0, 0, 0)),
    "geometry: straight up": lambda: look_at((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
}


def message(call: Callable[[], object]) -> str:
    try:
        call()
    except (RobomemError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def render() -> str:
    return "".join(f"{name}\n    {message(call)}\n" for name, call in RAISES.items())


def test_error_texts_are_as_reviewed() -> None:
    if os.environ.get("ROBOMEM_UPDATE_SNAPSHOTS"):
        FILE.write_text(render(), encoding="utf-8")
    assert render() == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RAISES)
def test_errors_say_who_and_what(name: str) -> None:
    text = message(RAISES[name])
    assert text != "no error" and len(text) > 40
    assert any(
        word in text
        for word in ("expected", "must", "got", "did you mean", "known keys", "needs", "less than", "only move", "holds", "is (")
    )
