"""The detector node: the packaged COCO network on the colour image, for a robot that has no detector of its own."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.nodes.base import Parameter, RobomemNode, spin  # isort: skip  sets the ROS environment before the messages load
from robomem_msgs.msg import DetectionMasks
from sensor_msgs.msg import Image

from robomem.errors import ConfigError, InvalidInputError
from robomem.nodes import qos
from robomem.nodes.conversions import detections_to_msg, image_rgb
from robomem.nodes.wire import WireError
from robomem.perception.detectors import CocoDetector
from robomem.types import Detections

PARAMETERS = (
    Parameter("threshold", 0.3, "score below which nothing is named", 0.01, 1.0),
    Parameter(
        "turn_deg",
        0,
        "clockwise turn that sets the picture upright: 0, 90, 180 or 270 (Stretch's head camera lies on its side: 90)",
        0,
        270,
    ),
    Parameter("most_hz", 10.0, "images looked at per second at most", 0.1, 60.0),
)


class DetectorNode(RobomemNode):
    """Answers rgb/image on detections, with the image's own header; of images that come faster than it looks, the newest wins."""

    def __init__(self) -> None:
        super().__init__("detector", PARAMETERS)
        self._heard: Any = None
        self._out: Any = None
        self._last_s = 0.0

    def open(self) -> None:
        """Load the network and listen."""
        turn = int(self.param("turn_deg"))
        if turn % 90:
            raise ConfigError(f"detector: turn_deg = {turn}; expected 0, 90, 180 or 270")
        self._turns = turn // 90
        self._detector = CocoDetector(threshold=float(self.param("threshold")))
        self._out = self.create_publisher(DetectionMasks, "detections", qos.OBJECTS)
        self._heard = self.create_subscription(Image, "rgb/image", self._look, qos.NEWEST)

    def close(self) -> None:
        """Stop listening."""
        if self._heard is not None:
            self.destroy_subscription(self._heard)
            self.destroy_publisher(self._out)
        self._heard = self._out = None

    def _look(self, msg: Any) -> None:
        if self._state_machine.current_state[1] != "active" or time.monotonic() - self._last_s < 0.98 / self.param("most_hz"):
            return
        self._last_s = time.monotonic()
        try:
            rgb = image_rgb(msg)
            upright = np.ascontiguousarray(np.rot90(rgb, -self._turns))
            found = turned_back(self._detector.detect(upright), self._turns, rgb)
        except (WireError, InvalidInputError) as error:
            self.reject(getattr(error, "reason", "invalid_input"), str(error))
            return
        out = detections_to_msg(found, rgb.shape[1], rgb.shape[0])
        out.header = msg.header
        self._out.publish(out)
        self.told = {"named": str(len(found.labels)), "look_ms": f"{1000 * (time.monotonic() - self._last_s):.0f}"}


def turned_back(found: Detections, turns: int, rgb: NDArray[np.uint8]) -> Detections:
    """Boxes found in a picture that was turned clockwise by quarter `turns`, in the pixels of the picture UInt8[h, w, 3] as it came."""
    x0, y0, x1, y1 = found.boxes_xyxy.T
    height, width = rgb.shape[:2]
    boxes = {
        0: (x0, y0, x1, y1),
        1: (y0, height - x1, y1, height - x0),
        2: (width - x1, height - y1, width - x0, height - y0),
        3: (width - y1, x0, width - y0, x1),
    }[turns % 4]
    return Detections(found.labels, found.scores, np.stack(boxes, axis=1).astype(np.float32))


def main() -> int:
    """Entry point of the node."""
    return spin(DetectorNode)


if __name__ == "__main__":
    raise SystemExit(main())
