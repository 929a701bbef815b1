"""A bag as a sequence of frames: colour, depth, camera_info, tf and detections paired as the live node pairs them. Needs no ROS."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from robomem.belief.correction import MapCorrection
from robomem.errors import InvalidInputError
from robomem.geometry import Float
from robomem.nodes.bag import BagMessage, BagReader
from robomem.nodes.conversions import camera_intrinsics, detections_from_msg, image_depth, image_rgb, rigid
from robomem.nodes.map_jumps import Frames, MapJumps, MapWatch
from robomem.nodes.pictures import compressed_depth, compressed_rgb
from robomem.nodes.sync import Pair, PairSync
from robomem.nodes.tf import TransformBuffer, TransformError
from robomem.nodes.wire import NS, WireError, stamp_of, to_ns
from robomem.perception.frame import RgbdFrame
from robomem.types import Detections

HELD = 64  # images that may wait for depth, detections or tf; more than the live node's, since nothing is late in a file
COMPRESSED = "sensor_msgs/msg/CompressedImage"
TYPES = {
    "rgb": ("sensor_msgs/msg/Image", COMPRESSED),
    "depth": ("sensor_msgs/msg/Image", COMPRESSED),
    "camera_info": ("sensor_msgs/msg/CameraInfo",),
    "detections": ("robomem_msgs/msg/DetectionMasks",),
}


@dataclass(frozen=True)
class BagOptions:
    """Names in the bag, and how its messages are paired.

    Attributes:
        rgb, depth, camera_info, detections: topics.
        map_frame: frame of every position.  camera_frame: optical frame; empty: the colour image's own.
        odom_frame: odometry's frame below the map; jumps of it are corrections of the map; empty: never look.
        jump_m, jump_deg, anchor_s: as the world model's parameters of these names.
        slop_s: most time between colour and depth of a pair, s.  patience_s: how long an image waits for its transform, s.
    """

    rgb: str = "/rgb/image"
    depth: str = "/depth/image"
    camera_info: str = "/camera_info"
    detections: str = "/detections"
    map_frame: str = "map"
    camera_frame: str = ""
    slop_s: float = 0.02
    patience_s: float = 2.0
    odom_frame: str = "odom"
    jump_m: float = 0.15
    jump_deg: float = 5.0
    anchor_s: float = 600.0


class BagSequence:
    """Frames of a bag with what a detector said of them (None where the bag holds no detections).

    A message that cannot be used is left out and counted in `rejected` by reason (of the latest iteration); iteration goes on.

    Raises:
        InvalidInputError: no bag, or a topic that is needed is not in it; the message names those that would fit.
    """

    def __init__(self, path: str | Path, options: BagOptions | None = None) -> None:
        self.path, self.options = Path(path), options or BagOptions()
        self._bag = BagReader(path)
        o = self.options
        self.has_detections = o.detections in self._bag.topics
        needed = [role for role in TYPES if role != "detections" or self.has_detections or o.detections != BagOptions.detections]
        self._roles = {getattr(o, role): role for role in needed}
        for topic, role in self._roles.items():
            self._check(topic, role)
        if not {"/tf", "/tf_static"} & self._bag.topics.keys():
            raise InvalidInputError(f"bag: {path} holds no /tf; record it too, poses come from there")
        self.rejected: Counter[str] = Counter()
        self.rejections: list[str] = []
        self._corrections: list[MapCorrection] = []

    def __len__(self) -> int:
        return self._bag.counts[self.options.rgb]

    def __iter__(self) -> Iterator[tuple[RgbdFrame, Detections | None]]:
        self.rejected, self.rejections, self._corrections = Counter(), [], []
        self._sync = PairSync(int(self.options.slop_s * NS), self.has_detections, HELD)
        self._tf, self._intrinsics = TransformBuffer(keep_s=30.0), None
        self._waiting: deque[tuple[Pair, int]] = deque()
        o = self.options
        jumps = MapJumps(o.jump_m, math.radians(o.jump_deg))
        self._watch = MapWatch(Frames(o.map_frame, o.odom_frame, o.camera_frame), jumps, round(o.anchor_s * NS))
        now_ns = 0
        for message in self._bag:
            now_ns = message.log_ns
            self._take(message)
            yield from self._ready(now_ns)
        yield from self._ready(now_ns + int(2 * self.options.patience_s * NS))
        self.rejected.update(self._sync.dropped)
        self.rejected.update(self._bag.damage)

    def corrections(self) -> list[MapCorrection]:
        """Corrections of the map that are to be followed before the frame that was given last; each is told once."""
        out, self._corrections = self._corrections, []
        return out

    def to_world(self, p_map: ArrayLike) -> Float:
        """Points Float64[..., 3]: a bag has no other frame than the map's."""
        return np.asarray(p_map, np.float64)

    def _check(self, topic: str, role: str) -> None:
        topics = self._bag.topics
        fits = sorted(t for t, kind in topics.items() if kind in TYPES[role])
        if topic not in topics:
            raise InvalidInputError(
                f"bag: {self.path} holds no {role} on {topic}; "
                + (f"say --{role.replace('_', '-')} TOPIC with one of {', '.join(fits)}" if fits else f"no topic in it is {TYPES[role][0]}")
            )
        if topics[topic] not in TYPES[role]:
            raise InvalidInputError(f"bag: {topic} is {topics[topic]}; {role} must be {' or '.join(TYPES[role])}")

    def _take(self, message: BagMessage) -> None:
        role = self._roles.get(message.topic)
        try:
            if role is not None:
                msg = self._bag.decode(message)
                if role == "camera_info":
                    self._intrinsics = camera_intrinsics(msg)
                    return
                pair = self._sync.add(role, stamp_of(msg.header, message.topic), msg)
                if pair is not None:
                    self._waiting.append((pair, message.log_ns))
            elif message.topic in ("/tf", "/tf_static"):
                for t in self._bag.decode(message).transforms:
                    T = rigid(t.transform.translation, t.transform.rotation, f"tf {t.header.frame_id} -> {t.child_frame_id}")
                    self._tf.put(t.header.frame_id, t.child_frame_id, to_ns(t.header.stamp), T, message.topic == "/tf_static")
                correction = self._watch.correction(self._tf)
                self._corrections += [correction] if correction is not None else []
        except (WireError, TransformError, InvalidInputError) as error:
            self._reject(error)

    def _ready(self, now_ns: int) -> Iterator[tuple[RgbdFrame, Detections | None]]:
        """Pairs whose transform is known, in order; one that waited too long is given up."""
        while self._waiting:
            pair, since_ns = self._waiting[0]
            try:
                found = self._frame(pair)
            except (TransformError, WireError, InvalidInputError) as error:
                may_come = isinstance(error, TransformError) or getattr(error, "reason", "") == "no_camera_info"
                if may_come and now_ns - since_ns <= self.options.patience_s * NS and len(self._waiting) < HELD:
                    return
                self._waiting.popleft()
                self._reject(error)
                continue
            self._waiting.popleft()
            self._watch.saw(found[0].stamp_ns)
            yield found

    def _frame(self, pair: Pair) -> tuple[RgbdFrame, Detections | None]:
        if self._intrinsics is None:
            raise WireError("no_camera_info", f"bag: no camera_info on {self.options.camera_info} before the images")
        frame_id = self.options.camera_frame or pair.rgb.header.frame_id
        T = self._watch.pose(self._tf, pair.rgb.header, pair.stamp_ns)
        rgb = compressed_rgb(pair.rgb) if hasattr(pair.rgb, "format") else image_rgb(pair.rgb)
        depth = compressed_depth(pair.depth) if hasattr(pair.depth, "format") else image_depth(pair.depth)
        frame = RgbdFrame(pair.stamp_ns, rgb, depth, self._intrinsics, np.asarray(T, np.float64), frame_id)
        return frame, None if pair.detections is None else detections_from_msg(pair.detections)

    def _reject(self, error: Any) -> None:
        reason = getattr(error, "reason", "invalid_input")
        self.rejected[reason] += 1
        if self.rejected[reason] == 1:
            self.rejections.append(str(error))
