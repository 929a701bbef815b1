"""Frame health: faults that a single image does not show."""

from __future__ import annotations

import zlib

import numpy as np

from robomem.geometry import Float, inverse
from robomem.perception.frame import RgbdFrame

MOVED_M, MOVED_RAD = 0.03, 0.035
EVERY = 4  # pixels compared: every fourth of every fourth row


class FrozenWatch:
    """Notices a camera that repeats one image under new stamps while it is being moved.

    A camera at rest in front of a still scene may well send the same image twice: that is no fault, and does no harm.
    """

    def __init__(self) -> None:
        self._sum: int | None = None
        self._T: Float = np.eye(4)

    def frozen(self, frame: RgbdFrame) -> bool:
        """True if this image is pixel for pixel the one before, though the camera has moved since that one was new."""
        depth, rgb = (np.ascontiguousarray(a[::EVERY, ::EVERY]) for a in (frame.depth_m, frame.rgb))
        total = zlib.crc32(rgb.data, zlib.crc32(depth.data))
        if total != self._sum:
            self._sum, self._T = total, frame.T_map_camera
            return False
        step = inverse(self._T) @ frame.T_map_camera
        turn = float(np.arccos(np.clip((np.trace(step[:3, :3]) - 1) / 2, -1.0, 1.0)))
        return bool(np.linalg.norm(step[:3, 3]) > MOVED_M or turn > MOVED_RAD)


class PoseGate:
    """Notices a pose that no robot can have reached since the last image: one wild transform must not stretch the map to where nobody was.

    Poses that go on agreeing with each other are believed after a few images: then the robot was carried, or localised anew.

    Args:
        speed_mps: faster than any robot in a building.  slack_m: what a pose may be off on top.  patience: so many in a row are believed.
        gap_s: after a longer time without images a robot may have been carried anywhere, but one image alone does not say so.
    """

    def __init__(self, speed_mps: float = 5.0, slack_m: float = 2.0, patience: int = 3, gap_s: float = 5.0) -> None:
        self._speed_mps, self._slack_m, self._patience, self._gap_s = speed_mps, slack_m, patience, gap_s
        self._last: tuple[int, Float] | None = None
        self._odd: list[tuple[int, Float]] = []

    def reset(self) -> None:
        """The map was corrected: the next pose is believed."""
        self._last, self._odd = None, []

    def outlier(self, frame: RgbdFrame) -> bool:
        """True if this image should not be folded in."""
        here = (frame.stamp_ns, frame.T_map_camera[:3, 3].copy())
        if self._last is None or self._near(self._last, here):
            self._last, self._odd = here, []
            return False
        self._odd = [*self._odd, here] if self._odd and self._near(self._odd[-1], here) else [here]
        if len(self._odd) < self._patience:
            return True
        self._last, self._odd = here, []
        return False

    def _near(self, before: tuple[int, Float], now: tuple[int, Float]) -> bool:
        passed_s = (now[0] - before[0]) / 1e9
        if passed_s < 0:
            return True  # the clock was set back: nothing is known of the time between
        return bool(np.linalg.norm(now[1] - before[1]) <= self._slack_m + self._speed_mps * min(passed_s, self._gap_s))
