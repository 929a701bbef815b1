"""The door for images: pairs them, waits for their transforms, checks them, and tells when the map jumps or nothing comes."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from robomem.belief.correction import MapCorrection
from robomem.errors import InvalidInputError
from robomem.geometry import Float
from robomem.nodes.conversions import camera_intrinsics, detections_from_msg, image_depth, image_rgb
from robomem.nodes.map_jumps import Frames, MapJumps, MapWatch
from robomem.nodes.sync import Freshness, Pair, PairSync, Waiting
from robomem.nodes.wire import NS, WireError, stamp_of
from robomem.perception.frame import MIN_VALID_SHARE, Intrinsics, RgbdFrame
from robomem.perception.health import FrozenWatch, PoseGate
from robomem.types import Detections


class ImageDoor:
    """Takes messages of one camera and gives frames.

    Args:
        param: the node's parameters by name.
        counts: what was dropped or rejected, by reason.
        reject: told (reason, message) of what is not let in.
    """

    def __init__(self, param: Callable[[str], Any], counts: Counter[str], reject: Callable[[str, str], None]) -> None:
        self._camera = param("camera_frame")
        self._counts, self._reject = counts, reject
        self._sync = PairSync(int(param("slop_s") * NS), param("wait_for_detections"), dropped=counts)
        self._waiting = Waiting(param("tf_patience_s"), counts)
        jumps = MapJumps(param("jump_m"), math.radians(param("jump_deg")))
        self._watch = MapWatch(Frames(param("map_frame"), param("odom_frame"), self._camera), jumps, round(param("anchor_s") * NS))
        self._frozen, self._gate, self._fresh = FrozenWatch(), PoseGate(), Freshness(time.monotonic())
        self._intrinsics: Intrinsics | None = None
        self._info: tuple[float, ...] = ()

    # -- messages ----------------------------------------------------------------------------------------------------

    def info(self, msg: Any) -> None:
        """A camera_info."""
        if self._intrinsics is not None and self._info == (msg.width, msg.height, *msg.k):
            return  # a driver sends the same one with every image
        try:
            self._intrinsics = camera_intrinsics(msg)
            self._info = (msg.width, msg.height, *msg.k)
        except WireError as error:
            self._reject(error.reason, str(error))

    def take(self, stream: str, msg: Any, now_s: float) -> None:
        """One message of "rgb", "depth" or "detections"."""
        overtaken = self._sync.overtaken
        try:
            pair = self._sync.add(stream, stamp_of(msg.header, stream), msg)
        except WireError as error:
            self._reject(error.reason, str(error))
            return
        if self._sync.overtaken > overtaken:
            self._counts["without_partner"] += self._sync.overtaken - overtaken
        if pair is not None:
            self._waiting.put(pair, now_s)
            self._fresh.heard(now_s)

    @property
    def held(self) -> int:
        """Messages that wait for a partner, and pairs that wait for a transform; bounded."""
        return self._sync.held + len(self._waiting)

    def next(self, tf: Any, now_s: float) -> tuple[RgbdFrame, Detections | None] | None:
        """The newest image whose transform is known, checked; None while there is none."""
        if self._intrinsics is None:
            if len(self._waiting):
                for _ in range(len(self._waiting)):
                    self._reject("no_camera_info", "world_model: images come but no camera_info; is its topic remapped?")
                self._waiting.clear()
            return None
        taken = self._waiting.take(now_s, lambda pair: self._watch.pose(tf, pair.rgb.header, pair.stamp_ns), self._reject)
        if taken is None:
            return None
        try:
            return self._open(*taken, self._intrinsics)
        except (WireError, InvalidInputError) as error:
            self._reject(getattr(error, "reason", "invalid_input"), str(error))
            return None

    def trouble(self, now_s: float) -> str:
        """What is wrong with the stream as a whole, "" if nothing is."""
        return self._fresh.trouble(now_s)

    # -- the map -----------------------------------------------------------------------------------------------------

    def correction(self, tf: Any) -> MapCorrection | None:
        """What the newest `map -> odom` says, if it jumped: to be asked after every transform."""
        before = self._watch.count
        found = self._watch.correction(tf)
        if self._watch.count > before:
            self._counts["map_jumps"] += 1
            self._gate.reset()
        return found

    # -- one image ---------------------------------------------------------------------------------------------------

    def _open(self, pair: Pair, T: Float, k: Intrinsics) -> tuple[RgbdFrame, Detections | None]:
        where, depth_where = pair.rgb.header.frame_id, pair.depth.header.frame_id
        if not self._camera and depth_where != where:
            raise WireError("not_registered", f"depth is in frame {depth_where!r}, colour in {where!r}; publish registered depth")
        rgb, depth = image_rgb(pair.rgb), image_depth(pair.depth)
        if depth.shape != rgb.shape[:2] or depth.shape != (k.height, k.width):
            raise WireError("sizes_differ", f"depth {depth.shape}, colour {rgb.shape[:2]} and camera_info {(k.height, k.width)} differ")
        if np.count_nonzero(depth > 0) < MIN_VALID_SHARE * depth.size:
            raise WireError("no_depth", "depth image: next to nothing is a measurement (NaN, 0 and inf are none); check the depth stream")
        found = None
        if pair.detections is not None:
            found = detections_from_msg(pair.detections)
            if len(found) and (pair.detections.height, pair.detections.width) != depth.shape:
                raise WireError("sizes_differ", f"detections are of another image than {depth.shape}; run the detector on this very image")
        frame = RgbdFrame(pair.stamp_ns, rgb, depth, k, np.asarray(T, np.float64), where)
        if self._frozen.frozen(frame):
            raise WireError("frozen_frame", f"{where}: the same image again under a new stamp, though the camera moved")
        if self._gate.outlier(frame):
            raise WireError("pose_outlier", f"{where}: tf puts the camera where it cannot have got to since the last image")
        self._watch.saw(pair.stamp_ns)
        return frame, found
