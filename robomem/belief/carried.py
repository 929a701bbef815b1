"""Carried: someone takes a thing along. It is not destroyed and not anywhere in particular: it is with who took it, more likely than not.

A thing found gone from where someone was within reach since it was last seen rides on that person, softly: most of its particles do, its
existence stays as it was. A thing seen to move along with someone is in a hand, and has no place until it lies still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.belief.changes import Changes
from robomem.belief.existence import log_odds
from robomem.belief.track import Track
from robomem.clock import NS_PER_S

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker
    from robomem.belief.visibility import Viewer

REACH_M = 0.9  # from a person's middle on the ground
LETS_GO_M = 1.3
TAKEN = 0.6  # P(who was within reach has it), of a thing found gone
HAND_SIGMA_M = (0.3, 0.3, 0.25)
LATELY_S = 120.0  # what was last seen longer ago may have been taken by anybody
TRAIL_S, TRAIL_STEP_S = 30.0, 0.3  # how long and how finely it is kept where someone went
STILL_M, STILL_S = 0.06, 1.0  # a thing that stays within this for so long lies
OUT_OF_HAND_S = 1.0  # a thing in a hand that is not seen for longer is no longer followed
LIFTED_M = 0.20  # from where it stood
RING = np.array([(np.cos(a), np.sin(a)) for a in np.radians(np.arange(-75, 76, 30))])  # where a surface is looked for: before the thing
NEARLY_M, SHOWN = 0.05, 4  # so near the foot's height, along the ray, and in so many of them
EDGE_M = 0.05  # a thing's middle may be so far off what it stands on, whose box is not exact
RESTS_M = 0.10  # between a thing's foot and the top of what it stands on


class Trails:
    """Where people went lately, and since when which thing near them has lain still."""

    def __init__(self) -> None:
        self.paths: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}
        self.rests: dict[int, tuple[int, NDArray[np.float64]]] = {}

    def note(self, agent: int, stamp_ns: int, xy: NDArray[np.float64]) -> None:
        """An agent was seen at `xy` Float64[2] (m)."""
        path = self.paths.setdefault(agent, [])
        if not path or stamp_ns - path[-1][0] >= TRAIL_STEP_S * NS_PER_S:
            path.append((stamp_ns, xy.copy()))

    def prune(self, stamp_ns: int, objects: dict[int, Track]) -> None:
        """Forget what is older than TRAIL_S or of things that are no more."""
        oldest = stamp_ns - TRAIL_S * NS_PER_S
        self.paths = {i: kept for i, path in self.paths.items() if (kept := [p for p in path if oldest <= p[0] <= stamp_ns])}
        self.rests = {i: rest for i, rest in self.rests.items() if i in objects}

    def nearest(self, xy: NDArray[np.float64], since_ns: int) -> tuple[float, int]:
        """(ground distance in m, agent) of who came nearest to `xy` since a time; (inf, -1) if nobody was seen."""
        rows = [(float(np.hypot(*(at - xy))), i) for i, path in self.paths.items() for stamp, at in path if stamp >= since_ns]
        return min(rows, default=(np.inf, -1))

    def moving(self, object_id: int, stamp_ns: int, at: NDArray[np.float64]) -> bool:
        """True unless it has been within STILL_M of one point (Float64[3], m) for STILL_S."""
        since, rest = self.rests.get(object_id, (stamp_ns, at))
        if object_id not in self.rests or float(np.linalg.norm(at - rest)) > STILL_M:
            since, rest = stamp_ns, at.copy()
        self.rests[object_id] = (since, rest)
        return stamp_ns - since < STILL_S * NS_PER_S


def aloft(tracker: Tracker, track: Track, viewer: Viewer) -> bool:
    """True if a thing is within reach of a person who was seen just now and stands on nothing: it is in a hand, likely.

    It stands on something if its foot is on or in a known thing, or if the depth image shows a surface around it at the foot's height
    (of furniture seen in part, the box ends too soon).
    """
    if track.kind != "object" or not tracker.trails.paths:
        return False
    at, size, _ = track.table_box(tracker.table)
    foot = float(at[2] - size[2] / 2)
    if foot < RESTS_M or tracker.trails.nearest(at[:2], tracker.stamp_ns - NS_PER_S)[0] > REACH_M or _rests(tracker, track, foot):
        return False
    ahead = viewer.camera[:2] - at[:2]  # towards the camera: behind the thing may be who holds it
    ahead = (float(max(size[:2])) / 2 + EDGE_M) * ahead / max(float(np.hypot(*ahead)), 1e-6)
    ring = np.column_stack([at[:2] + RING @ np.array([ahead, [-ahead[1], ahead[0]]]), np.full(len(RING), foot)])
    return int((np.abs(viewer.beyond(ring)) < NEARLY_M).sum()) < SHOWN


def _rests(tracker: Tracker, track: Track, foot: float) -> bool:
    """Is there anything under the foot (height in m) of a thing, or around it?"""
    table, at = tracker.table, tracker.table.mean[track.row]
    others = [t.row for t in tracker.tracks.values() if t is not track and t.kind != "agent" and t.hits > 1 and not t.aloft]
    if not others:
        return False
    mean, half, yaw = table.mean[others], table.size[others] / 2, table.yaw[others]
    d = at[:2] - mean[:, :2]
    along = np.abs(np.cos(yaw) * d[:, 0] + np.sin(yaw) * d[:, 1]), np.abs(-np.sin(yaw) * d[:, 0] + np.cos(yaw) * d[:, 1])
    over = (along[0] < half[:, 0] + EDGE_M) & (along[1] < half[:, 1] + EDGE_M)
    within = (foot < mean[:, 2] + half[:, 2] + RESTS_M) & (foot > mean[:, 2] - half[:, 2] - RESTS_M)
    return bool((over & within).any())


def follow(tracker: Tracker, dt_s: float) -> None:
    """Predict: what is seen in a hand goes on with its carrier, so that the next sighting finds it."""
    for i, agent in tracker.carried.items():
        track, carrier = tracker.tracks.get(i), tracker.tracks.get(agent)
        if track is None or carrier is None or track.status not in ("confirmed", "occluded"):
            continue
        step = carrier.velocity * min(dt_s, 1.0)
        tracker.table.mean[track.row] += step
        table, r = tracker.table, track.row
        table.positions[r] += step.astype(np.float32) + np.float32(0.15 * min(dt_s, 1.0)) * tracker.noise.normal(table.positions[r].shape)


def step(tracker: Tracker, changes: Changes) -> None:
    """After a frame: who may have what, what rides along, what was put down."""
    people = [t for t in tracker.tracks.of_kind("agent") if t.confirmed_once and t.status != "removed"]
    if not people and not tracker.carried:
        return
    trails, table, now = tracker.trails, tracker.table, tracker.stamp_ns
    for person in people:
        if person.last_seen_ns == now:
            trails.note(person.id, now, table.mean[person.row][:2])
    trails.prune(now, tracker.tracks)
    for i in (*changes.returned, *(i for i, _, _ in changes.moved)):
        if i not in tracker.tracks or not tracker.tracks[i].aloft:
            tracker.carried.pop(i, None)  # seen where it lies
    for i in changes.gone:
        track = tracker.tracks.get(i)
        if track is not None and track.kind == "object" and now - track.last_seen_ns < LATELY_S * NS_PER_S:
            distance, agent = trails.nearest(track.anchor[:2], track.last_seen_ns - NS_PER_S)
            if distance < REACH_M and agent in tracker.tracks:
                track.status = "missing"
                _take(tracker, track, agent, changes)
                table.odds[track.row] = max(table.odds[track.row], log_odds(tracker.config.missing_existence))
    if people:
        for i in sorted(set(changes.object_ids.tolist())):
            track = tracker.tracks.get(i)
            if track is not None and track.kind == "object" and (track.status == "confirmed" or (track.aloft and track.confirmed_once)):
                _in_hand(tracker, track, changes)
    for track in [t for t in tracker.tracks.values() if t.aloft and not t.confirmed_once]:
        if now - track.last_seen_ns > OUT_OF_HAND_S * NS_PER_S:
            tracker.drop_clutter(track, changes)  # it never was anywhere
    _ride(tracker, changes)


def _take(tracker: Tracker, track: Track, agent: int, changes: Changes) -> None:
    tracker.carried[track.id] = agent
    changes.carried.append((track.id, agent))
    changes.touched.add(track.id)


def _in_hand(tracker: Tracker, track: Track, changes: Changes) -> None:
    """A thing that is seen: does it move with someone, or lie?"""
    at = tracker.table.mean[track.row]
    distance, agent = tracker.trails.nearest(at[:2], tracker.stamp_ns - NS_PER_S)
    if distance > LETS_GO_M and track.id not in tracker.carried:
        tracker.trails.rests.pop(track.id, None)
        return
    moving = tracker.trails.moving(track.id, tracker.stamp_ns, at)
    if track.id in tracker.carried:
        if not (moving or track.aloft) or distance > LETS_GO_M:
            del tracker.carried[track.id]
            changes.touched.add(track.id)
            changes.released.append(track.id)
    elif (moving or track.aloft) and distance < REACH_M and float(np.linalg.norm(at - track.anchor)) > LIFTED_M:
        _take(tracker, track, agent, changes)


def _ride(tracker: Tracker, changes: Changes) -> None:
    """Particles of what was taken unseen go with who took it; when that one has left, it may be anywhere again."""
    table = tracker.table
    for i, agent in list(tracker.carried.items()):
        track, carrier = tracker.tracks.get(i), tracker.tracks.get(agent)
        if track is None or track.status in ("held", "removed"):
            del tracker.carried[i]
        elif carrier is None or carrier.status == "removed":
            del tracker.carried[i]
            changes.touched.add(i)
            changes.released.append(i)
        elif track.status != "missing" and tracker.stamp_ns - track.last_seen_ns > OUT_OF_HAND_S * NS_PER_S:
            track.status = "missing"  # hidden in the hand, or put down out of reach of its track: known again where it turns up
            table.odds[track.row] = min(table.odds[track.row], log_odds(tracker.config.missing_existence))
            changes.touched.add(i)
        elif track.status == "missing":
            n = round(TAKEN * table.particles)
            hand = table.mean[carrier.row] * (1, 1, 0) + (0, 0, 1.0)
            table.positions[track.row][:n] = hand + tracker.noise.normal((n, 3)) * np.array(HAND_SIGMA_M, np.float32)
            table.log_weights[track.row] = -np.log(table.particles)
