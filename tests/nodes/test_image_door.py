"""The door for images, fault by fault: what is let in, what is not and why, and that the next good image is let in again."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem.geometry import inverse, look_at, pose2d  # noqa: E402
from robomem.nodes.conversions import detections_to_msg, info_to_msg  # noqa: E402
from robomem.nodes.image_door import ImageDoor  # noqa: E402
from robomem.nodes.tf import TransformBuffer, TransformError  # noqa: E402
from robomem.nodes.wire import pack, set_stamp  # noqa: E402
from robomem.nodes.world_model import PARAMETERS  # noqa: E402
from tests.fakes.plane_world import SMALL  # noqa: E402
from tests.fakes.ros_camera import OPTICAL, S, image, seen  # noqa: E402
from tests.fakes.table_scene import item, kitchen  # noqa: E402

DEFAULTS = {p.name: p.default for p in PARAMETERS}


class Gate:
    """A door, a transform buffer, and a camera that walks by a table."""

    def __init__(self, **parameters) -> None:
        self.counts: Counter[str] = Counter()
        self.why: list[str] = []
        self.door = ImageDoor({**DEFAULTS, **parameters}.__getitem__, self.counts, self._reject)
        self.tf, self.world = TransformBuffer(), kitchen(item("mug", 1.9, 0.2))
        self.door.info(info_to_msg(SMALL))
        self.t, self.k, self.map = 100_000.0, 0, np.eye(4)

    def _reject(self, reason: str, message: str) -> None:
        self.counts[reason] += 1
        self.why.append(message)

    def messages(self, step_s: float = 0.1) -> dict:
        """The next image's messages and its pose; nothing is sent."""
        self.t += step_s
        self.k += 1
        stamp = round(self.t * S)
        frame = self.world.render(look_at((0.8, 0.9 - 0.05 * self.k, 1.35), (2.0, 0.0, 0.75)), stamp, SMALL)
        found = detections_to_msg(seen(self.world, frame), SMALL.width, SMALL.height)
        set_stamp(found.header.stamp, stamp)
        return {
            "rgb": image(frame.rgb, "rgb8", stamp),
            "depth": image(frame.depth_m, "32FC1", stamp),
            "detections": found,
            "pose": (stamp, frame.T_map_camera),
        }

    def say(self, pose: tuple[int, np.ndarray]) -> None:
        """The transforms of an image."""
        stamp, T_odom_camera = pose
        for parent, child, T in (("map", "odom", self.map), ("odom", OPTICAL, T_odom_camera)):
            try:
                self.tf.put(parent, child, stamp, T)
            except TransformError as error:
                assert error.reason == "stamp_goes_back"

    def send(self, m: dict, tf: bool = True) -> object:
        """What the door gives for them."""
        if tf:
            self.say(m["pose"])
        for stream in ("detections", "depth", "rgb"):
            self.door.take(stream, m[stream], self.t)
        return self.door.next(self.tf, self.t)

    def good(self, n: int = 1) -> list:
        return [self.send(self.messages()) for _ in range(n)]


def stamped(m: dict, **changes) -> dict:
    for stream in ("rgb", "depth", "detections"):
        for name, value in changes.items():
            setattr(m[stream].header.stamp, name, value)
    return m


def of(m: dict, stream: str, **changes) -> dict:
    for name, value in changes.items():
        setattr(m[stream], name, value)
    return m


def floats(msg, value: float, share: float = 1.0) -> dict:
    """The depth's bytes with a share of them replaced."""
    depth = np.frombuffer(bytes(msg["depth"].data), np.float32).copy()
    depth[np.random.default_rng(0).random(depth.size) < share] = value
    return of(msg, "depth", data=pack(depth.view(np.uint8), "u1"))


def other_frame(m: dict) -> dict:
    m["depth"].header.frame_id = "depth_optical"
    return m


def moon(m: dict) -> dict:
    m["depth"].header.frame_id = m["rgb"].header.frame_id = "moon"
    return m


BAD = {
    "wrong colour encoding": (lambda m: of(m, "rgb", encoding="yuv422"), "wrong_encoding"),
    "wrong depth encoding": (lambda m: of(m, "depth", encoding="rgb8"), "wrong_encoding"),
    "no encoding": (lambda m: of(m, "rgb", encoding=""), "wrong_encoding"),
    "step too small": (lambda m: of(m, "rgb", step=3), "step_does_not_fit"),
    "step too large": (lambda m: of(m, "depth", step=2**31), "wrong_length"),
    "no bytes": (lambda m: of(m, "rgb", data=pack([], "u1")), "wrong_length"),
    "huge": (lambda m: of(m, "rgb", width=2**31, height=2**31), "absurd_size"),
    "empty": (lambda m: of(m, "depth", width=0, height=0), "absurd_size"),
    "all NaN": (lambda m: floats(m, np.nan), "no_depth"),
    "all inf": (lambda m: floats(m, np.inf), "no_depth"),
    "all negative": (lambda m: floats(m, -1.0), "no_depth"),
    "unregistered depth": (other_frame, "not_registered"),
    "detections of a larger image": (lambda m: of(m, "detections", width=640, height=480), "sizes_differ"),
    "scores beyond one": (lambda m: of(m, "detections", scores=pack(np.full(len(m["detections"].labels), 7.0), "f4")), "bad_detections"),
    "scores NaN": (lambda m: of(m, "detections", scores=pack(np.full(len(m["detections"].labels), np.nan), "f4")), "not_finite"),
    "runs cut": (lambda m: of(m, "detections", runs=m["detections"].runs[:-1]), "wrong_length"),
    "stamp unset": (lambda m: stamped(m, sec=0, nanosec=0), "bad_stamp"),
    "stamp negative": (lambda m: stamped(m, sec=-5), "bad_stamp"),
    "stamp of too many ns": (lambda m: stamped(m, nanosec=2**31), "bad_stamp"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_turned_away_with_its_reason_and_the_next_is_let_in(name: str) -> None:
    make, reason = BAD[name]
    gate = Gate()
    assert all(gate.good(2))
    assert gate.send(make(gate.messages())) is None
    assert gate.counts[reason] >= 1 and set(gate.counts) == {reason}
    frame, found = gate.good()[0]
    assert frame.valid_share > 0.5 and "mug" in found.labels


def test_an_unknown_frame_is_waited_for_and_then_named() -> None:
    gate = Gate(odom_frame="")
    gate.good(2)
    assert gate.send(moon(gate.messages())) is None and not gate.counts
    assert gate.door.next(gate.tf, gate.t + 0.6) is None
    assert gate.counts == {"unknown_frame": 1} and "moon" in gate.why[0]
    assert all(gate.good(2))


@pytest.mark.parametrize(("info", "reason"), [(None, "no_camera_info"), ((640, 480), "sizes_differ")])
def test_camera_info_must_be_there_and_fit(info, reason: str) -> None:
    gate = Gate()
    if info is None:
        gate.door = ImageDoor(DEFAULTS.__getitem__, gate.counts, gate._reject)
    else:
        wide = info_to_msg(SMALL)
        wide.width, wide.height = info
        gate.door.info(wide)
    assert gate.good(3) == [None] * 3 and gate.counts == {reason: 3}
    gate.door.info(info_to_msg(SMALL))
    assert all(gate.good(2))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_third_of_the_depth_may_be_missing(share: float) -> None:
    gate = Gate()
    whole = gate.good()[0][0].valid_share
    frame, _ = gate.send(floats(gate.messages(), np.nan, share))
    assert np.isfinite(frame.depth_m).all() and abs(frame.valid_share / whole - (1 - share)) < 0.05 and not gate.counts


def test_duplicates_count_once_and_late_ones_are_dropped() -> None:
    gate = Gate()
    first, second, third = gate.messages(), gate.messages(), gate.messages()
    assert gate.send(first) is not None
    assert gate.send(first, tf=False) is None and gate.counts == {"stamp_repeats": 3}
    assert gate.send(third) is not None and gate.send(second) is None
    assert gate.counts == {"stamp_repeats": 3, "stamp_goes_back": 3}


def test_a_frozen_image_is_noticed_when_the_camera_moves_and_only_then() -> None:
    gate = Gate()
    assert gate.good()[0] is not None
    m = gate.messages()
    assert gate.send(m) is not None
    for _ in range(5):
        after = gate.messages()
        for stream in ("rgb", "depth"):
            after[stream].data = m[stream].data
        assert gate.send(after) is None
    assert gate.counts == {"frozen_frame": 5}
    assert gate.good()[0] is not None
    still = gate.messages()
    assert gate.send(still) is not None
    for _ in range(5):  # at rest, the same image again is no fault
        gate.t += 0.1
        stamp = round(gate.t * S)
        for stream in ("rgb", "depth", "detections"):
            set_stamp(still[stream].header.stamp, stamp)
        assert gate.send({**still, "pose": (stamp, still["pose"][1])}) is not None
    assert gate.counts == {"frozen_frame": 5}


@pytest.mark.parametrize("jump_s", [-10.0, 3600.0, -3600.0])
def test_after_a_clock_jump_images_are_let_in_within_two_seconds(jump_s: float) -> None:
    gate = Gate()
    gate.good(20)
    gate.t += jump_s
    got = gate.good(20)  # two seconds
    first = next(i for i, g in enumerate(got) if g is not None)
    assert first <= 5 and all(g is not None for g in got[first:])
    assert gate.counts["clock_set_back"] == (jump_s < 0)


def test_one_image_from_the_future_does_not_shut_out_the_present() -> None:
    gate = Gate()
    gate.good(5)
    gate.t += 3600.0
    gate.good()
    gate.t -= 3600.0
    assert sum(g is not None for g in gate.good(10)) >= 7


def test_a_gap_in_the_transforms_drops_what_waited_too_long_and_ends_with_it() -> None:
    gate = Gate()
    gate.good(3)
    for _ in range(15):
        assert gate.send(gate.messages(), tf=False) is None
    assert gate.counts["no_extrapolation"] >= 8
    assert all(gate.good(3))


def test_transforms_that_always_come_after_the_next_image_starve_nobody() -> None:
    """Found when checking the door: with one place to wait, every image was replaced before its own transform came."""
    gate = Gate()
    gate.good(2)
    late: list = []
    got = 0
    for _ in range(20):
        m = gate.messages()
        late.append(m["pose"])
        if len(late) > 3:
            gate.say(late.pop(0))  # 0.3 s behind
        got += gate.send(m, tf=False) is not None
    assert got >= 15


def test_a_burst_is_answered_with_its_newest_image() -> None:
    gate = Gate()
    gate.good(2)
    burst = [gate.messages(0.01) for _ in range(40)]
    for m in burst:
        for stream in ("detections", "depth", "rgb"):
            gate.door.take(stream, m[stream], gate.t)
    for m in burst:
        gate.say(m["pose"])
    frame, _ = gate.door.next(gate.tf, gate.t)
    assert frame.stamp_ns == burst[-1]["pose"][0] and gate.door.next(gate.tf, gate.t) is None
    assert gate.counts == {"newer_image_won": 39}


def test_no_camera_at_all_and_a_camera_that_stops_are_told_within_two_periods() -> None:
    gate = Gate()
    start = gate.door._fresh._last_s
    assert gate.door.trouble(start + 0.1) == "" and "camera" in gate.door.trouble(start + 1.0)
    gate.t = start
    gate.good(10)
    assert gate.door.trouble(gate.t + 0.14) == "" and gate.door.trouble(gate.t + 0.2).startswith("stale")
    gate.t += 30.0
    assert gate.good()[0] is not None and gate.door.trouble(gate.t + 0.05) == ""


def test_a_jump_of_the_map_is_a_correction_of_what_was_seen_since_the_start() -> None:
    gate = Gate()
    assert gate.door.correction(gate.tf) is None
    first = gate.good()[0][0].stamp_ns
    gate.good(5)
    assert gate.door.correction(gate.tf) is None
    gate.map = pose2d(0.4, -0.3, 0.35)
    m = gate.messages()
    gate.say(m["pose"])
    correction = gate.door.correction(gate.tf)
    assert correction is not None and np.allclose(correction.T_new_old, gate.map) and correction.since_ns == first
    assert gate.door.correction(gate.tf) is None and gate.counts == {"map_jumps": 1}
    frame, _ = gate.send(m, tf=False)
    assert np.allclose(frame.T_map_camera, gate.map @ m["pose"][1])


def test_an_image_between_the_transforms_around_a_jump_is_in_the_new_map() -> None:
    gate = Gate()
    gate.good(2)
    gate.door.correction(gate.tf)
    between, after = gate.messages(), gate.messages()
    stamp, T = between["pose"]
    gate.map = pose2d(0.4, -0.3, 0.35)
    gate.tf.put("odom", OPTICAL, stamp, T)
    gate.say(after["pose"])
    assert gate.door.correction(gate.tf) is not None
    frame, _ = gate.send(between, tf=False)
    assert frame.stamp_ns == stamp and np.allclose(frame.T_map_camera, gate.map @ T, atol=1e-6)


@pytest.mark.parametrize(("anchor_s", "age_s"), [(0.0, 100.0), (60.0, 60.0), (600.0, 100.0)])
def test_how_far_back_a_jump_reaches_is_a_parameter(anchor_s: float, age_s: float) -> None:
    gate = Gate(anchor_s=anchor_s)
    gate.good()
    for _ in itertools.repeat(None, 100):
        gate.messages(1.0)
    gate.good()
    gate.door.correction(gate.tf)
    gate.map = pose2d(0.4, -0.3, 0.35)
    m = gate.messages(0.0)
    gate.t += 0.1
    gate.say((round(gate.t * S), m["pose"][1]))
    correction = gate.door.correction(gate.tf)
    assert correction is not None and correction.since_ns / S == pytest.approx(gate.t - age_s, abs=0.3)
    assert np.allclose(correction.T_new_old @ inverse(gate.map), np.eye(4), atol=1e-9)
