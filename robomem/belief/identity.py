"""Identity over time: who takes over whose id when a thing moved, was seen double, or stands in another's place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from robomem.belief.changes import Changes
from robomem.belief.existence import log_odds
from robomem.belief.extended import common_yaw
from robomem.belief.reidentify import absorb, duplicate_pairs, same_thing_score
from robomem.belief.track import AWAY, HERE, KNOWN_LOOK, Track
from robomem.clock import NS_PER_S
from robomem.perception.appearance import unlike

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

UNSEEN_S = 60.0  # what was in view a moment ago has not been moved
LOOK_ALIKE = 1.0  # nats of likeness from which a newcomer casts doubt on a thing out of sight
DISPLACED_S = 3.0  # two things side by side are both seen within this
ANOTHER = 0.2  # P(the home has another one that looks the same and was not seen before)


def adopt(tracker: Tracker, old: Track, new: Track, changes: Changes) -> None:
    """The old id takes over the newcomer's place: one thing that moved, not two."""
    before, changes.arrived[old.id] = old.anchor.copy(), new.first_seen_ns
    absorb(tracker, old, new, take_place=True)
    changes.object_ids[changes.object_ids == new.id] = old.id
    changes.moved.append((old.id, before, tracker.table.mean[old.row].copy()))
    changes.merged.append((old.id, new.id))
    changes.touched.discard(new.id)
    changes.touched.add(old.id)


def recheck(tracker: Tracker, track: Track, changes: Changes) -> None:
    """A colour seen from afar deceives: what looked unlike anything lost when it was new is held against it again from near."""
    old = tracker.old_track(track, among=AWAY)
    if old is not None and old.last_seen_ns <= track.first_seen_ns:
        adopt(tracker, old, track, changes)


def find_twin_elsewhere(tracker: Tracker, gone: Track, changes: Changes, without: int | None = None) -> None:
    """A thing that is gone from here may be the newcomer that was confirmed elsewhere since."""
    new = tracker.old_track(gone, among=("confirmed", "occluded"), born_after=gone.last_seen_ns, without=without)
    if new is not None:
        changes.gone.remove(gone.id)
        if new.id in changes.confirmed:
            changes.confirmed.remove(new.id)
        adopt(tracker, gone, new, changes)


def doubt_elsewhere(tracker: Tracker, new: Track) -> None:
    """Something was seen for the third time that is just like a thing out of sight: that one has probably been moved here.

    It is not certain enough to take over the id, which waits for a look at the old place; but the old place is believed less:
    odds of "the same" = exp(likeness) P(moved since it was last seen) / P(the home has another one), r' = r / (1 + odds). Seen again
    where it stood it was another one, and has back what that took.
    """
    best: tuple[float, Track] | None = None
    for old in tracker.tracks.values():
        unseen = new.first_seen_ns - old.last_seen_ns
        if old is new or old.status not in ("confirmed", "occluded") or old.kind != "object" or unseen < UNSEEN_S * NS_PER_S:
            continue
        likeness = same_thing_score(tracker, new, old)
        if likeness < LOOK_ALIKE:
            continue
        label = old.labels.best()
        moved = 1.0 - tracker.rates.survival(label, tracker.ontology.prior(label).moves_every_h, unseen)
        odds = math.exp(likeness) * moved / ANOTHER
        if best is None or odds > best[0]:
            best = (odds, old)
    if best is not None:
        odds, old = best
        before = float(tracker.table.odds[old.row])
        tracker.table.odds[old.row] = log_odds(tracker.existence(old) / (1.0 + odds))
        old.lent += before - float(tracker.table.odds[old.row])


def merge_twins(tracker: Tracker, near: list[Track], changes: Changes) -> None:
    """Fold the younger of two tracks that are one thing into the older."""
    alive = [t for t in near if t.id in tracker.tracks and t.status in HERE]
    for keep, twin in duplicate_pairs(tracker, alive):
        if any(t.id not in tracker.tracks or t.status not in HERE for t in (keep, twin)):
            continue  # folded into another, or displaced by one, a moment ago
        if _look_unlike(keep, twin):
            displace(tracker, keep, twin, changes)
            continue
        absorb(tracker, keep, twin, take_place=False)
        changes.object_ids[changes.object_ids == twin.id] = keep.id
        if twin.confirmed_once:
            changes.merged.append((keep.id, twin.id))
        changes.touched.discard(twin.id)
        changes.touched.add(keep.id)
        tracker.promote(keep, changes)


def _look_unlike(a: Track, b: Track) -> bool:
    """True for two small things that were both seen well and look too different to be one."""
    seen = a.confirmed_once and b.confirmed_once and min(a.embedding_weight, b.embedding_weight) >= KNOWN_LOOK
    return seen and a.kind == "object" and unlike(a.embedding, a.color(), b.embedding, b.color())


def displace(tracker: Tracker, a: Track, b: Track, changes: Changes) -> None:
    """Two things that are not one claim one place: the one seen there last has it, the other was taken away."""
    old, new = (a, b) if a.last_seen_ns < b.last_seen_ns else (b, a)
    if new.last_seen_ns - old.last_seen_ns < DISPLACED_S * NS_PER_S or old.id in tracker.carried:
        return
    tracker.table.odds[old.row] = min(float(tracker.table.odds[old.row]), log_odds(0.3))
    old.status = "missing"
    tracker.rates.watched(old.labels.best(), 0.0, moves=1)
    changes.gone.append(old.id)
    changes.touched.add(old.id)
    find_twin_elsewhere(tracker, old, changes, without=new.id)


def learn_direction(tracker: Tracker) -> float | None:
    """The direction (rad) that this home's furniture shares, None if it does not."""
    bodies = [t for t in tracker.tracks.of_kind("furniture") if t.body is not None and t.body.frames >= 6 and t.confirmed_once]
    yaws = np.array([tracker.table.yaw[t.row] for t in bodies])
    # Long pieces say most about direction: a square one fits at any angle about as well.
    weights = np.array([abs(float(tracker.table.size[t.row, 0] - tracker.table.size[t.row, 1])) for t in bodies])
    return common_yaw(yaws, weights)
