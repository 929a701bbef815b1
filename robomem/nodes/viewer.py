"""The viewer node: camera, detections, beliefs, graph and events from the topics into rerun, a window or a file. It only listens."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from robomem_msgs.msg import DetectionMasks, TrackedObjects
from robomem_msgs.srv import Changes
from sensor_msgs.msg import CameraInfo, Image

from robomem.errors import InvalidInputError
from robomem.nodes import qos
from robomem.nodes.conversions import camera_intrinsics, detections_from_msg, events_from_msg, image_depth, image_rgb, objects_from_msg
from robomem.nodes.graph_follower import GraphFollower
from robomem.nodes.sync import Pair, PairSync, Waiting
from robomem.nodes.tf_listener import listen
from robomem.nodes.wire import NS, WireError, stamp_of, to_ns
from robomem.perception.frame import RgbdFrame
from robomem.viewer.recording import Recording

PARAMETERS = (
    Parameter("save", "", "a rerun file (.rrd) to write; empty: none"),
    Parameter("viewer", "", "address of a running rerun viewer, spawn to start one, empty for none"),
    Parameter("map_frame", "map", "frame of every position"),
    Parameter("camera_frame", "", "optical frame; empty: the image header's"),
    Parameter("slop_s", 0.02, "most time between colour and depth of a pair, s", 0.0, 0.5),
    Parameter("tf_patience_s", 0.5, "how long an image waits for its transform, s", 0.0, 5.0),
    Parameter("image_s", 0.2, "least time between two images that are shown, s", 0.0, 60.0),
    Parameter("belief_s", 0.5, "period at which boxes and graph are shown, s", 0.05, 60.0),
    Parameter("past_s", 600.0, "events of so long before are shown to who joins late, s", 0.0, 1e7),
)


class ViewerNode(RobomemNode):
    """Shows rgb/image, depth/image, detections, objects, graph/delta, graph/snapshot and the memory's changes."""

    def __init__(self) -> None:
        super().__init__("viewer", PARAMETERS)
        self._recording: Recording | None = None
        self._held: list[Any] = []
        self._beats: list[Any] = []
        self._tf: Any = None
        self._graph: GraphFollower | None = None

    def open(self) -> None:
        """Listen, and begin the recording."""
        path, viewer = self.param("save") or None, self.param("viewer")
        budget = {} if path else {"every": 1, "budget_mb": float("inf")}  # a window forgets by itself, a file must stay small
        self._recording = Recording(path, viewer=viewer, **budget)
        self._sync = PairSync(int(self.param("slop_s") * NS), False)
        self._intrinsics: Any = None
        self._waiting = Waiting(self.param("tf_patience_s"), self.counts)
        self._objects: Any = None
        self._shown_ns = self._image_ns = 0
        self._event_ns, self._event_ids = -1, set()
        self._asking: Any = None
        make = self.create_subscription
        self._held = [
            make(Image, "rgb/image", lambda m: self._take("rgb", m), qos.SENSOR),
            make(Image, "depth/image", lambda m: self._take("depth", m), qos.SENSOR),
            make(DetectionMasks, "detections", self._detections, qos.OBJECTS),
            make(CameraInfo, "camera_info", self._camera_info, qos.SENSOR),
            make(TrackedObjects, "objects", self._take_objects, qos.OBJECTS),
        ]
        self._tf = listen(self, self.reject, self._work)
        self._graph = GraphFollower(self, self.reject)
        self._changes = self.create_client(Changes, "memory/changes")
        self._beats = [self.every(self.param("belief_s"), self._show_belief), self.every(1.0, self._ask_changes)]

    def close(self) -> None:
        """Stop listening and finish the file."""
        if self._recording is None:
            return
        for s in self._held:
            self.destroy_subscription(s)
        for t in self._beats:
            self.destroy_timer(t)
        for part in (self._tf, self._graph):
            if part is not None:
                part.close()
        if self._beats:
            self.destroy_client(self._changes)
        self._recording.close()
        self._recording, self._held, self._beats, self._tf, self._graph = None, [], [], None, None

    def _camera_info(self, msg: Any) -> None:
        try:
            self._intrinsics = camera_intrinsics(msg)
        except WireError as error:
            self.reject(error.reason, str(error))

    def _detections(self, msg: Any) -> None:
        """Shown as they come: a live detector answers after the image."""
        try:
            found = detections_from_msg(msg)
        except WireError as error:
            self.reject(error.reason, str(error))
            return
        if self._recording is not None:
            self._recording.detections(to_ns(msg.header.stamp), found)

    def _take(self, stream: str, msg: Any) -> None:
        try:
            stamp = stamp_of(msg.header, stream)
        except WireError as error:
            self.reject(error.reason, str(error))
            return
        if stream == "rgb" and 0 <= stamp - self._image_ns < self.param("image_s") * NS:
            return
        if stamp < self._image_ns - NS:  # the clock was set back: another bag, another run
            self._sync.clear()
            self._image_ns = 0
        pair = self._sync.add(stream, stamp, msg)
        if pair is not None:
            self._image_ns = pair.stamp_ns
            self._waiting.put(pair, time.monotonic())
            self._work()

    def _work(self) -> None:
        """Show the newest image whose transform is known."""
        if self._intrinsics is None or self._recording is None:
            return
        taken = self._waiting.take(time.monotonic(), self._pose, self.reject)
        if taken is None:
            return
        pair, T = taken
        try:
            rgb, depth = image_rgb(pair.rgb), image_depth(pair.depth)
            frame = RgbdFrame(pair.stamp_ns, rgb, depth, self._intrinsics, np.asarray(T, np.float64), pair.rgb.header.frame_id)
        except (WireError, InvalidInputError) as error:
            self.reject(getattr(error, "reason", "invalid_input"), str(error))
            return
        self._recording.camera(frame, None)

    def _pose(self, pair: Pair) -> Any:
        return self._tf.lookup(self.param("map_frame"), self.param("camera_frame") or pair.rgb.header.frame_id, pair.stamp_ns)

    def _take_objects(self, msg: Any) -> None:
        self._objects = msg

    def _show_belief(self) -> None:
        """Boxes and graph, if there is news; who joined after the last image has them from the snapshot."""
        assert self._graph is not None and self._recording is not None
        newest = max((m for m in (self._objects, self._graph.objects) if m is not None), key=lambda m: to_ns(m.header.stamp), default=None)
        if newest is None or to_ns(newest.header.stamp) == self._shown_ns:
            return
        self._shown_ns = to_ns(newest.header.stamp)
        try:
            views = objects_from_msg(newest)
        except WireError as error:
            self.reject(error.reason, str(error))
            return
        self._recording.belief(self._shown_ns, views, self._graph.graph)
        self.told = {"objects": str(len(views)), "graph_nodes": str(len(self._graph.graph.all_nodes())), "graph_seq": str(self._graph.seq)}

    def _ask_changes(self) -> None:
        if self._asking is not None or not self._shown_ns or not self._changes.service_is_ready():
            return
        if self._event_ns < 0:
            self._event_ns = max(self._shown_ns - int(self.param("past_s") * NS), 0)
        self._asking = self._changes.call_async(Changes.Request(since_ns=self._event_ns))
        self._asking.add_done_callback(self._take_changes)

    def _take_changes(self, future: Any) -> None:
        answer, self._asking = future.result(), None
        if answer is None or not answer.ok or self._recording is None:
            return
        try:
            news = [e for e in events_from_msg(answer.events) if e.id not in self._event_ids]
        except WireError as error:
            self.reject(error.reason, str(error))
            return
        self._recording.events(news)
        if news:
            self._event_ns = max(e.stamp_ns for e in news)  # asked for again with its own time: others of that time may follow
            self._event_ids = {e.id for e in news}


def view(save: str, connect: str) -> int:
    """`robomem view`: show until SIGINT. Returns the exit status.

    Raises:
        InvalidInputError: no display for a window, and neither file nor address given.
    """
    viewer = connect or ("" if save else "spawn")
    if viewer == "spawn" and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InvalidInputError("no display for a window here; --save FILE.rrd writes a file, --connect ADDRESS shows it elsewhere")
    values = {"autostart": True, "save": save, "viewer": viewer}
    return spin(ViewerNode, ["--ros-args", *(w for k, v in values.items() for w in ("-p", f"{k}:={json.dumps(v)}"))])


def main() -> int:
    """Entry point of the node."""
    return spin(ViewerNode)


if __name__ == "__main__":
    raise SystemExit(main())
