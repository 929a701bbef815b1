"""A corrected map: the localiser found out that it was wrong, and what hangs on the poses of that time moves with them.

Everything remembered hangs on the moment of its last sighting: where the robot then believed to be decides where in the map it was put.
So a correction is a transform and a span of time. What was last seen before the span was placed under a right pose and stays; what was
last seen within it moves, wholly or by the share of the error that had built up by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from robomem.errors import InvalidInputError
from robomem.geometry import Float, between, is_rigid, transform, wrap_angle, yaw_of

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

MAX_SHIFT_M = 1000.0  # beyond, it is another map and no correction of this one


@dataclass(frozen=True)
class MapCorrection:
    """Where in the corrected map that lies which was placed in the old one.

    Attributes:
        T_new_old: Float64[4, 4]: p_new = T_new_old p_old.
        since_ns: what was last seen before this stays where it is.
        full_ns: what was last seen at this time or later moves wholly; between the two by the share of time, as a drift grows.
            Equal to `since_ns` for an error that was there all along.

    Raises:
        InvalidInputError: no finite rigid transform, one of more than a kilometre, or a span that ends before it begins.
    """

    T_new_old: Float
    since_ns: int = 0
    full_ns: int = 0

    def __post_init__(self) -> None:
        T = np.asarray(self.T_new_old, float)
        if T.shape != (4, 4) or not is_rigid(T) or float(np.abs(T[:3, 3]).max()) > MAX_SHIFT_M:
            raise InvalidInputError("map correction: expected a finite rigid 4x4 transform of less than a kilometre")
        object.__setattr__(self, "T_new_old", T)
        object.__setattr__(self, "full_ns", max(int(self.full_ns), int(self.since_ns)))

    @property
    def shift_m(self) -> float:
        """How far the map's origin moves, m."""
        return float(np.linalg.norm(self.T_new_old[:3, 3]))

    @property
    def yaw_rad(self) -> float:
        """How far the map turns about +z, rad."""
        return yaw_of(self.T_new_old)

    def share(self, seen_ns: int) -> float:
        """How much of the error what was last seen at `seen_ns` carries, 0..1."""
        if seen_ns < self.since_ns:
            return 0.0
        if seen_ns >= self.full_ns:
            return 1.0
        return (seen_ns - self.since_ns) / (self.full_ns - self.since_ns)

    def at(self, seen_ns: int) -> Float | None:
        """T_new_old Float64[4, 4] for what was last seen at `seen_ns`; None if it stays."""
        share = self.share(seen_ns)
        if share <= 0.0:
            return None
        return self.T_new_old if share >= 1.0 else between(np.eye(4), self.T_new_old, share)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the "map_corrected" event carries them."""
        return {
            "T_new_old": self.T_new_old.tolist(),
            "since_ns": int(self.since_ns),
            "full_ns": int(self.full_ns),
            "shift_m": round(self.shift_m, 4),
            "turn_deg": round(float(np.degrees(self.yaw_rad)), 3),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> MapCorrection:
        """Inverse of `to_json`.

        Raises:
            InvalidInputError: no correction.
        """
        try:
            return cls(np.array(values["T_new_old"], float), int(values["since_ns"]), int(values["full_ns"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidInputError(f"map correction: does not fit the format: {error}") from None


def move_tracks(tracker: Tracker, correction: MapCorrection) -> list[int]:
    """Move every track that hangs on a wrong pose: particles, box, shape, voxels, anchor, viewpoints. Returns their ids."""
    moved = []
    for i in sorted(tracker.tracks):
        track = tracker.tracks[i]
        # What is in the hand is where the hand is now; its last sighting may be long ago.
        T = correction.at(max(track.last_seen_ns, correction.full_ns) if track.status == "held" else track.last_seen_ns)
        if T is None:
            continue
        moved.append(i)
        table, r, R, yaw = tracker.table, track.row, T[:3, :3], yaw_of(T)
        table.positions[r] = transform(T, table.positions[r])
        table.mean[r], table.cov[r] = transform(T, table.mean[r]), R @ table.cov[r] @ R.T
        table.shape[r] = table.shape[r] @ R.T.astype(np.float32)
        table.yaw[r] = float(wrap_angle(table.yaw[r] + yaw))
        track.anchor, track.velocity = np.asarray(transform(T, track.anchor), np.float64), R @ track.velocity
        if track.last_camera is not None:
            track.last_camera = np.asarray(transform(T, track.last_camera), np.float64)
        track.walker = None  # made anew from the mean and velocity that were just moved
        if track.body is not None:
            track.body.T_map_voxels = T @ track.body.T_map_voxels
        track.evidence.turn(yaw, tracker.config.view_cell_rad)
    if moved and tracker.home_yaw is not None and correction.share(tracker.stamp_ns) >= 1.0:
        tracker.home_yaw = (tracker.home_yaw + correction.yaw_rad) % (np.pi / 2)
    return moved
