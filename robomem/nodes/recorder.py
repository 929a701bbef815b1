"""The recorder node: the sensors' topics into a bag, serialised as received; types and QoS are those of who publishes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before rclpy loads
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from robomem.errors import InvalidInputError
from robomem.nodes.bag_recorder import BagRecorder
from robomem.nodes.msgdef import definition, message_class

SENSORS = ("rgb/image", "depth/image", "camera_info", "detections", "/tf", "/tf_static", "/clock")
DEPTH = 50  # messages a subscription holds until they are taken
LOOK_S = 0.2  # how often it is looked whether a wanted topic is there
PARAMETERS = (
    Parameter("path", "", "file to write (.mcap), must not exist; empty: robomem_DATE.mcap in the working folder"),
    Parameter("topics", list(SENSORS), "what to record; relative names are the node's namespace's"),
    Parameter("compression", "lz4", "none, lz4 (quick) or zstd (small)"),
    Parameter("queue_mb", 256, "most that waits for the disk, MB; what does not fit is dropped and counted", 1, 16384),
    Parameter("progress_s", 5.0, "period of the progress line, s", 0.5, 3600.0),
)


class RecorderNode(RobomemNode):
    """Records while active; the file is finished when the node is cleaned up or stopped (SIGINT)."""

    def __init__(self) -> None:
        super().__init__("recorder", PARAMETERS)
        self._bag: BagRecorder | None = None
        self._held: dict[str, Any] = {}
        self._beats: list[Any] = []

    def open(self) -> None:
        """Begin the file and look for the topics."""
        path = self.param("path") or time.strftime("robomem_%Y%m%d_%H%M%S.mcap")
        self._bag = BagRecorder(path, self.param("compression"), self.param("queue_mb") * 10**6)
        self._path = path
        self._wanted = dict.fromkeys(self.resolve_topic_name(t) for t in self.param("topics") if t)
        self._beats = [self.every(LOOK_S, self._look), self.every(self.param("progress_s"), self._tell)]

    def close(self) -> None:
        """Stop listening and finish the file."""
        if self._bag is None:
            return
        for s in self._held.values():
            self.destroy_subscription(s)
        for t in self._beats:
            self.destroy_timer(t)
        self._bag.close()
        self._tell()
        self._held, self._beats, self._bag = {}, [], None

    def _look(self) -> None:
        """Subscribe to what is wanted and published by now."""
        for topic in [t for t in self._wanted if t not in self._held]:
            offers = self.get_publishers_info_by_topic(topic)
            if offers:
                try:
                    self._subscribe(topic, offers)
                except InvalidInputError as error:
                    del self._wanted[topic]
                    self.reject("unknown_type", f"{topic} is not recorded: {error}")

    def _subscribe(self, topic: str, offers: Sequence[Any]) -> None:
        assert self._bag is not None
        msgtype = offers[0].topic_type
        kind = message_class(msgtype)
        reliable = all(o.qos_profile.reliability == ReliabilityPolicy.RELIABLE for o in offers)
        latched = all(o.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offers)
        self._bag.add_topic(topic, msgtype, definition(kind), latched, reliable)
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        self._held[topic] = self.create_subscription(kind, topic, partial(self._take, topic), profile, raw=True)

    def _take(self, topic: str, data: Any, info: Any) -> None:
        if self._bag is None or self._state_machine.current_state[1] != "active":
            return
        now = self.get_clock().now().nanoseconds
        if not self._bag.put(topic, now, int(info["source_timestamp"]), bytes(data)):
            reason = "write_failed" if self._bag.error else "queue_full"
            self.reject(reason, f"recorder: {self._bag.error or 'the disk is too slow'}; messages are dropped")

    def _tell(self) -> None:
        assert self._bag is not None
        dropped = sum(self._bag.dropped.values())
        missing = [t for t in self._wanted if t not in self._held]
        self.told = {"messages": str(self._bag.messages), "megabytes": f"{self._bag.size / 1e6:.1f}", "dropped": str(dropped)}
        line = f"{self._path}: {self._bag.messages} messages of {len(self._held)} topics, {self._bag.size / 1e6:.1f} MB, {dropped} dropped"
        self.get_logger().info(line + (f"; nobody publishes {', '.join(missing)}" if missing else ""))


def record(path: str, topics: Sequence[str], compression: str, sim_time: bool) -> int:
    """`robomem record`: record until SIGINT. Returns the exit status.

    Raises:
        InvalidInputError: the file exists.
    """
    if path and Path(path).exists():
        raise InvalidInputError(f"bag: {path} exists; a recording never overwrites one")
    values = {"autostart": True, "path": path, "compression": compression, "use_sim_time": sim_time}
    if topics:
        values["topics"] = list(topics)
    return spin(RecorderNode, ["--ros-args", *(w for k, v in values.items() for w in ("-p", f"{k}:={json.dumps(v)}"))])


def main() -> int:
    """Entry point of the node."""
    return spin(RecorderNode)


if __name__ == "__main__":
    raise SystemExit(main())
