"""Split: one track that is fed by two clearly separate sightings in one frame, again and again, was two things all along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from robomem.belief import update
from robomem.belief.changes import Changes
from robomem.belief.track import Track
from robomem.geometry import distance_to_box
from robomem.types import Observations

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

APART = 0.75  # centre distance over the sum of both mean half widths, from which two sightings are clearly separate
INSIDE_M = 0.03  # how far outside a track's box the centre of a part of it may be
TWO = 3.0  # frames in which both were seen apart (one viewpoint's repeats count REPEAT) that make them two
REPEAT = 0.3


def separate(obs: Observations, a: int, b: int) -> bool:
    """True if two sightings of one frame stand clearly beside each other (or one well above the other)."""
    gap = obs.positions[a].astype(float) - obs.positions[b].astype(float)
    reach = (float(obs.sizes[a][:2].mean()) + float(obs.sizes[b][:2].mean())) / 2
    tall = (float(obs.sizes[a][2]) + float(obs.sizes[b][2])) / 2
    return float(np.hypot(gap[0], gap[1])) > APART * reach or abs(float(gap[2])) > tall


def born_inside(tracker: Tracker, young: Track, j: int, matched: dict[int, int], obs: Observations) -> None:
    """Note at birth which track the newcomer came out of: one whose box holds its centre while it is itself seen beside it.

    Args:
        matched: track id -> its observation in this frame.
    """
    if young.kind != "object":
        return
    best: tuple[float, int] | None = None
    for i, k in matched.items():
        other = tracker.tracks.get(i)
        if other is None or other.kind != "object" or not other.confirmed_once:
            continue
        out = float(distance_to_box(obs.positions[j].astype(float), *other.table_box(tracker.table)))
        nearer = out <= INSIDE_M and (best is None or out < best[0]) and separate(obs, j, k)
        if nearer and tracker.ontology.related(other.labels.best(), young.labels.best()):
            best = (out, i)
    if best is not None:
        young.source, young.apart = best[1], 1.0


def seen_apart(tracker: Tracker, young: Track, j: int, matched: dict[int, int], obs: Observations, repeat: bool) -> None:
    """One more frame that shows a young track, by observation `j`: count it if its source was seen beside it."""
    k = matched.get(tracker.resolve(young.source)) if young.source is not None else None
    if k is not None and k != j and separate(obs, j, k):
        young.apart += REPEAT if repeat else 1.0


def undecided(a: Track, b: Track) -> bool:
    """True while it is open whether the one is a part of the other, and for good once they are known to be two: no merging."""
    young, old = (a, b) if a.source == b.id else (b, a)
    return young.source == old.id and (young.status == "tentative" or young.apart >= TWO)


def settle(tracker: Tracker, young: Track, obs: Observations, matched: dict[int, int], changes: Changes) -> None:
    """A young track was confirmed: if its source is another thing, that one shrinks to what is seen of it, and the split is told."""
    source = tracker.tracks.get(tracker.resolve(young.source)) if young.source is not None else None
    if source is None or source is young or young.apart < TWO or source.status != "confirmed":
        young.source = None
        return
    k = matched.get(source.id)
    if k is not None:
        update.resize(tracker, source, obs, k)
    changes.split.append((source.id, young.id))
    changes.touched.add(source.id)
