"""Bags as frames: the kitchen's bag gives the folder's graph; bad bags say what they lack; bad messages are counted and left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcap", reason="pip install 'robomem[ros]'")
pytest.importorskip("rosbags", reason="pip install 'robomem[ros]'")

from robomem.cli import main
from robomem.errors import InvalidInputError
from robomem.geometry import pose2d
from robomem.memory.robot_memory import RobotMemory
from robomem.nodes.bag_messages import SensorMessages
from robomem.nodes.bag_sequence import BagOptions, BagSequence
from tests.fakes.bags import Change, pictures, write
from tests.fakes.table_scene import item
from tests.fakes.table_scene import kitchen as kitchen_with_mug

KNOWN = {  # every reason under which a message may be counted
    *("invalid_input", "wrong_encoding", "wrong_length", "step_does_not_fit", "absurd_size", "not_finite", "not_a_unit_quaternion"),
    *(
        "bad_intrinsics",
        "bad_stamp",
        "clock_set_back",
        "no_camera_info",
        "unknown_frame",
        "not_connected",
        "no_extrapolation",
        "bad_frames",
    ),
    *("stamp_goes_back", "stamp_repeats", "rgb_without_partner", "depth_without_partner", "detections_without_partner"),
}


@pytest.fixture(scope="module")
def frames() -> list:
    return pictures()


def replayed(source: Path, out: Path, *more: str) -> dict:
    assert main(["replay", str(source), "--out", str(out), "--no-recording", *more]) == 0
    return json.loads((out / "summary.json").read_text())


def test_the_kitchens_bag_gives_the_kitchens_graph(kitchen: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the packaged detector needs onnxruntime: pip install 'robomem[perception]'")
    assert main(["convert", str(kitchen), str(tmp_path / "k.mcap"), "--limit", "20"]) == 0
    a = replayed(kitchen, tmp_path / "a", "--limit", "20")
    b = replayed(tmp_path / "k.mcap", tmp_path / "b")
    assert b["n"] == 20 and not b["rejected"] and len(a["objects"]) >= 3
    for left, right in zip(a["objects"], b["objects"], strict=True):
        assert {k: left[k] for k in ("id", "label", "sightings", "color")} == {k: right[k] for k in ("id", "label", "sightings", "color")}
        assert np.linalg.norm(np.subtract(left["position_map"], right["position_map"])) <= 1e-3
        assert abs(left["existence"] - right["existence"]) <= 2e-3
    assert [x["answer"] for x in a["answers"]] == [x["answer"] for x in b["answers"]]


@pytest.mark.parametrize("compressed", [False, True])
def test_frames_come_back_to_the_bit(frames: list, tmp_path: Path, compressed: bool) -> None:
    bag = BagSequence(write(tmp_path / "b.mcap", frames, compressed=compressed))
    got = list(bag)
    assert len(bag) == len(got) == len(frames) and not bag.rejected
    for (frame, said), true in zip(got, frames, strict=True):
        assert said is None and frame.stamp_ns == true.stamp_ns and frame.camera == "head_optical"
        assert np.array_equal(frame.rgb, true.rgb)
        millimetres = np.rint(true.depth_m * 1000).astype(np.uint16)
        assert np.array_equal(frame.depth_m, millimetres.astype(np.float32) / np.float32(1000))
        assert np.abs(frame.T_map_camera - true.T_map_camera).max() < 1e-12 and frame.intrinsics == true.intrinsics


@pytest.mark.parametrize(
    ("leave_out", "options", "words"),
    [
        (("/depth/image",), {}, "holds no depth on /depth/image; say --depth TOPIC with one of /rgb/image"),
        (("/depth/image", "/rgb/image"), {}, r"no rgb on /rgb/image; no topic in it is sensor_msgs/msg/Image"),
        (("/tf", "/tf_static"), {}, "holds no /tf; record it too"),
        (("/camera_info",), {}, "holds no camera_info"),
        ((), {"rgb": "/left/image"}, "say --rgb TOPIC with one of /depth/image, /rgb/image"),
        ((), {"camera_info": "/tf"}, "/tf is tf2_msgs/msg/TFMessage; camera_info must be sensor_msgs/msg/CameraInfo"),
        ((), {"detections": "/yolo"}, "holds no detections on /yolo"),
    ],
)
def test_a_bag_that_lacks_something_says_what(frames: list, tmp_path: Path, leave_out: tuple[str, ...], options: dict, words: str) -> None:
    path = write(tmp_path / "b.mcap", frames[:2], leave_out=leave_out)
    with pytest.raises(InvalidInputError, match=words):
        BagSequence(path, BagOptions(**options))


def drop(topic: str, *which: int) -> Change:
    return lambda t, i, m: None if t == topic and i in which else m


def cut(topic: str, *which: int) -> Change:
    return lambda t, i, m: m[: len(m) // 2] if t == topic and i in which else m


def swapped(topic: str, old: bytes, new: bytes, *which: int) -> Change:
    return lambda t, i, m: m.replace(old, new) if t == topic and i in which else m


@pytest.mark.parametrize(
    ("change", "left", "reasons"),
    [
        (drop("/depth/image", 2), 5, set()),  # one colour image without depth: nothing is wrong with the bag
        (drop("/tf", 0), 5, {"no_extrapolation"}),
        (drop("/tf", 5), 5, {"no_extrapolation"}),
        (drop("/tf", 2, 3), 6, set()),  # interpolated
        (drop("/camera_info", 0, 1), 6, set()),  # the images wait for the first
        (drop("/camera_info", *range(6)), 0, {"no_camera_info"}),
        (drop("/tf", *range(6)), 0, {"unknown_frame"}),
        (cut("/rgb/image", 1, 4), 4, {"invalid_input"}),
        (cut("/tf", 0), 5, {"invalid_input", "no_extrapolation"}),
        (swapped("/rgb/image", b"rgb8", b"yuv8", 3), 5, {"wrong_encoding"}),
        (swapped("/tf", b"head_optical", b"head_optimal", *range(6)), 0, {"unknown_frame"}),
    ],
)
def test_a_bad_message_costs_its_image_only(frames: list, tmp_path: Path, change: Change, left: int, reasons: set[str]) -> None:
    bag = BagSequence(write(tmp_path / "b.mcap", frames, change))
    assert len(list(bag)) == left
    assert set(bag.rejected) == reasons
    assert len(bag.rejections) == len(reasons)
    assert len(list(bag)) == left and set(bag.rejected) == reasons  # a second reading is like the first


def test_the_command_says_it_in_one_line(frames: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "b.mcap", frames, drop("/tf", *range(6)))
    assert main(["replay", str(path), "--out", str(tmp_path / "out"), "--no-recording"]) == 2
    err = capsys.readouterr().err
    assert "none of the 6 frames could be used" in err and "is its publisher running?" in err and "Traceback" not in err


def test_a_cut_bag_replays_what_is_there(frames: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robomem.nodes.bag.CHUNK", 150_000)
    path = write(tmp_path / "b.mcap", frames)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    bag = BagSequence(path)
    got = list(bag)
    assert 1 <= len(got) < 6 and bag.rejected["truncated_bag"] == 1
    assert [f.stamp_ns for f, _ in got] == [f.stamp_ns for f in frames[: len(got)]]


def test_mutated_messages_never_crash_the_reader(frames: list, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rejected, used = 0, 0

    def mutate(topic: str, _i: int, message: bytes) -> bytes:
        out = bytearray(message)
        for _ in range(int(rng.integers(0, 3))):  # none, one or two bytes, mostly where the fields are
            out[int(rng.integers(min(len(out), 200)))] = int(rng.integers(256))
        return bytes(out[: int(rng.integers(len(out) + 1))]) if rng.random() < 0.1 else bytes(out)

    for k in range(60):
        bag = BagSequence(write(tmp_path / f"{k}.mcap", frames[:3], mutate))
        for frame, _ in bag:
            used += 1
            assert np.isfinite(frame.T_map_camera).all() and frame.rgb.shape[:2] == frame.depth_m.shape
        rejected += sum(bag.rejected.values())
        assert set(bag.rejected) <= KNOWN, set(bag.rejected) - KNOWN
    assert used > 20 and rejected > 60


def test_a_jump_of_the_map_moves_what_the_replay_remembers(tmp_path: Path) -> None:
    """Odometry is right, the localiser 0.6 m off until it notices: one mug in the end, where it stands, under its first id."""
    pytest.importorskip("rclpy")
    from tests.fakes.ros_camera import seen

    world, make = kitchen_with_mug(item("mug", 1.9, 0.2)), SensorMessages("head_optical")
    shots, wrong = pictures(world, 24), pose2d(0.6, 0.0, 0.0)

    def localised(topic: str, i: int, message: bytes) -> bytes:
        f = shots[i]
        links = (("map", "odom", wrong if i < 12 else np.eye(4)), ("odom", "head_optical", f.T_map_camera))
        return make.tf(f.stamp_ns, *links) if topic == "/tf" else message

    bag, first, jumps = BagSequence(write(tmp_path / "b.mcap", shots, localised)), set(), 0
    with RobotMemory.open(":memory:") as memory:
        for i, (frame, _) in enumerate(bag):
            for correction in bag.corrections():
                memory.correct_map(correction)
                jumps += 1
            memory.observe(frame, seen(world, shots[i]))
            if i == 11:
                first = {v.id for v in memory.objects() if v.label == "mug"}
        mugs = [v for v in memory.objects() if v.label == "mug" and v.status == "confirmed"]
    assert jumps == 1 and len(mugs) == 1 and {mugs[0].id} == first
    assert np.linalg.norm(mugs[0].position - (1.9, 0.2, 0.80)) < 0.05


def picture(change: Callable[[bytes], bytes]) -> Change:
    return lambda t, i, m: change(m) if t == "/rgb/image" and i == 2 else m


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.replace(b"\x89PNG", b"\x89PIG"), "damaged_image"),
        (lambda m: m.replace(b"IHDR\0\0\0\xa0", b"IHDR\x7f\xff\xff\xff"), "absurd_size"),
        (lambda m: m.replace(b"IDAT", b"IDOT"), "damaged_image"),
    ],
)
def test_a_damaged_picture_is_counted(frames: list, tmp_path: Path, change: Callable[[bytes], bytes], reason: str) -> None:
    bag = BagSequence(write(tmp_path / "b.mcap", frames, picture(change), compressed=True))
    assert len(list(bag)) == 5 and set(bag.rejected) <= {reason, "damaged_image"} and sum(bag.rejected.values()) == 1
