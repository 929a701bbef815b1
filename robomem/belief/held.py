"""Held: a thing in the robot's gripper rides on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.belief.existence import Evidence
from robomem.belief.particles import weighted_mean_cov
from robomem.belief.reidentify import absorb, same_thing_score
from robomem.belief.track import Track

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

AT_HAND_M = 0.2


def set_held(tracker: Tracker, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> None:
    """The object rides on the gripper at `T_map_gripper` (Float64[4, 4]), or, with None, was let go where it is.

    Raises:
        KeyError: no such object.
    """
    track, table = tracker.tracks[tracker.resolve(object_id)], tracker.table
    r = track.row
    if T_map_gripper is None:
        track.status = "confirmed"
        table.odds[r] = 2.5
        spread = 0.04
    else:
        track.status = "held"
        table.mean[r] = np.asarray(T_map_gripper, float)[:3, 3]
        table.odds[r] = 4.0
        spread = 0.02
    tracker.carried.pop(track.id, None)
    track.last_evidence_ns = tracker.stamp_ns
    track.evidence = Evidence()
    table.positions[r] = (table.mean[r] + spread * tracker.noise.normal(table.positions[r].shape)).astype(np.float32)
    table.log_weights[r] = -np.log(table.particles)
    _, table.cov[r] = weighted_mean_cov(table.positions[r], table.log_weights[r])
    if T_map_gripper is None:
        _absorb_at_hand(tracker, track)


def _absorb_at_hand(tracker: Tracker, released: Track) -> None:
    """What was seen in the hand's way just before it let go is the thing itself, not a second one."""
    here = tracker.table.mean[released.row]
    for other in [t for t in tracker.tracks.values() if t.status == "tentative" and t.kind == released.kind]:
        if float(np.linalg.norm(tracker.table.mean[other.row] - here)) < AT_HAND_M and same_thing_score(tracker, released, other) > -1.0:
            absorb(tracker, released, other, take_place=True)
