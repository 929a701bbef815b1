"""The recording: a file with every layer on one timeline, bounded in size, and a clear error without rerun."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("rerun")

from robomem.errors import MissingDependencyError
from robomem.types import Detections
from robomem.viewer.recording import Recording
from tests.viewer.scene import DETECTIONS, EVENTS, START, S, frame, world

ENTITIES = {
    "/map/camera",
    "/map/camera/image",
    "/map/camera/image/rgb",
    "/map/camera/image/depth",
    "/map/camera/image/detections",
    "/map/object",
    "/map/furniture",
    "/map/agent",
    "/map/particles",
    "/map/graph/relations",
    "/map/graph/nodes",
    "/map/occupied",
    "/map/robot/path",
    "/events",
}


def result(events=()) -> SimpleNamespace:
    return SimpleNamespace(events=events, stage_ms={})


def entities(path) -> dict[str, int]:
    """Entity path -> rows, read back from the file."""
    from rerun.chunk import RrdReader

    counts: dict[str, int] = {}
    for chunk in RrdReader(path).stream():
        counts[str(chunk.entity_path)] = counts.get(str(chunk.entity_path), 0) + chunk.num_rows
    return counts


def record(path, n: int, **options) -> None:
    scene = world()
    with Recording(path, **options) as recording:
        for i in range(n):
            recording.frame(frame(START + i * S, i), DETECTIONS if i % 2 else Detections.empty(), result(EVENTS if i == 3 else ()), scene)
        recording.note(START + n * S, "task done")


def test_every_layer_is_in_the_file(tmp_path) -> None:
    record(tmp_path / "deep" / "run.rrd", 6)
    assert entities(tmp_path / "deep" / "run.rrd").keys() >= ENTITIES


def test_heavy_layers_thin_out_and_light_ones_do_not(tmp_path) -> None:
    record(tmp_path / "run.rrd", 120, every=1, budget_mb=1.0)
    counts = entities(tmp_path / "run.rrd")
    assert counts["/map/camera"] == 120
    assert 4 <= counts["/map/camera/image/rgb"] < 60
    assert (tmp_path / "run.rrd").stat().st_size < 2.0e6


def test_no_detector_and_no_objects(tmp_path) -> None:
    scene = world()
    scene.objects = list
    with Recording(tmp_path / "run.rrd") as recording:
        recording.frame(frame(), None, result(), scene)
    assert "/map/camera/image/detections" not in entities(tmp_path / "run.rrd")


def test_closing_twice_is_harmless(tmp_path) -> None:
    recording = Recording(tmp_path / "run.rrd")
    recording.close()
    recording.close()


def test_without_rerun_the_error_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingDependencyError, match=r"rerun-sdk.*pip install 'robomem\[viewer\]'"):
        Recording(tmp_path / "run.rrd")
    assert not (tmp_path / "run.rrd").exists()
