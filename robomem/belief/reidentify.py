"""Identity: is the newcomer the thing that went missing, and are two tracks one thing?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.belief import update
from robomem.belief.association import similarity
from robomem.belief.split import undecided
from robomem.belief.track import Track, TrackTable
from robomem.geometry import box_iou, footprint, overlap_area
from robomem.perception.appearance import colors_agree

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

Box = tuple[NDArray[np.float64], NDArray[np.float64], float]
FRAGMENT = 0.35  # share of the smaller footprint inside the other from which two tracks of one label are one thing
SHARED, SHARED_UNRELATED = 0.25, 0.6  # intersection over union from which two boxes are one thing's, of related names and of any
SAME_SPOT_M = 0.15  # what stands this near to where the lost thing stood is asked first whether it is the lost thing under another name
RENAMED = 0.5  # probability of one thing behind two related names, "mug" and "cup", on the same spot
RENAMED_ELSEWHERE = 0.25  # the same anywhere else: it takes the same colour and a look that is very much alike
CONVINCING = 0.5  # nats in favour of "the same thing" over "another one of its kind"


def same_thing_score(tracker: Tracker, a: Track, b: Track) -> float:
    """Log evidence (nats) that two tracks are one thing, from label, colour, appearance and size; -inf if impossible."""
    if a.kind != b.kind or a.kind == "agent":
        return -math.inf
    pa, pb = a.labels.probabilities(), b.labels.probabilities()
    shared = sum(p * pb.get(label, 0.0) for label, p in pa.items())
    if tracker.ontology.related(a.labels.best(), b.labels.best()):
        # A detector's wrong name is bound to the thing and the view: many frames of it are one witness, not many.
        near = float(np.linalg.norm(tracker.table.mean[a.row] - b.anchor)) < SAME_SPOT_M
        shared = max(shared, RENAMED if near else RENAMED_ELSEWHERE)
    if shared < 0.2:
        return -math.inf
    score = math.log(shared) + 0.6
    ca, cb = a.color(), b.color()
    if ca and cb:
        score += 0.8 if ca == cb else 0.0 if colors_agree(ca, cb) else -1.5
    if a.embedding.size and a.embedding.shape == b.embedding.shape:
        score += 3.0 * (similarity(a.embedding, b.embedding) - 0.8)
    sa, sb = (float(np.max(tracker.table.size[t.row])) for t in (a, b))
    return score - 1.5 * max(0.0, abs(math.log(max(sa, 0.01) / max(sb, 0.01))) - 0.3)


def best_old_track(
    tracker: Tracker, track: Track, among: tuple[str, ...], born_after: int | None = None, without: int | None = None
) -> Track | None:
    """The track with one of the statuses `among`, but for the id `without`, that `track` most convincingly is, or None.

    Furniture is never re-identified over a distance: two equal chairs are two chairs. How likely a move is enters through the
    class's move interval: what is moved once in years needs better evidence.
    """
    if track.kind != "object":
        return None
    interval = tracker.ontology.prior(track.labels.best()).moves_every_h
    threshold = CONVINCING + 0.25 * max(0.0, math.log(interval / 48.0))
    best: tuple[float, Track] | None = None
    for other in tracker.tracks.with_status(among):
        if not other.confirmed_once or other is track or other.id == without:
            continue
        if born_after is not None and other.first_seen_ns <= born_after:
            continue
        score = same_thing_score(tracker, track, other)
        if score > threshold and (best is None or score > best[0]):
            best = (score, other)
    return best[1] if best else None


def absorb(tracker: Tracker, keep: Track, twin: Track, take_place: bool) -> None:
    """Fold `twin` into `keep`, whose id lives on; with `take_place` the twin's position is the newer truth."""
    table = tracker.table
    if take_place:
        table.copy_row(twin.row, keep.row)
        keep.status, keep.evidence, keep.body, keep.anchor = "confirmed", twin.evidence, twin.body, twin.anchor.copy()
        keep.aloft, keep.lent = twin.aloft, 0.0
        keep.states.update(twin.states)
    elif keep.body is not None and twin.body is not None:
        keep.body.merge(twin.body)
        if len(keep.body.keys) >= 8:
            update.fit_body(tracker, keep)
    elif twin.support > keep.support:
        table.copy_row(twin.row, keep.row)
    table.odds[keep.row] = max(table.odds[keep.row], table.odds[twin.row])
    keep.take_colors(twin.colors)
    if twin.embedding.size:
        keep.note_embedding(twin.embedding, twin.embedding_weight)
    keep.support += twin.support
    keep.hits += twin.hits
    keep.confirmed_once = keep.confirmed_once or twin.confirmed_once
    keep.first_seen_ns = min(keep.first_seen_ns, twin.first_seen_ns)
    if twin.last_seen_ns >= keep.last_seen_ns:
        keep.last_seen_ns, keep.last_camera = twin.last_seen_ns, twin.last_camera
    keep.last_evidence_ns = max(keep.last_evidence_ns, twin.last_evidence_ns)
    tracker.remove_alias_source(twin, keep.id)


def duplicate_pairs(tracker: Tracker, tracks: list[Track]) -> Iterator[tuple[Track, Track]]:
    """Pairs (older, younger) that stand in one place and could bear one name: two views of one thing."""
    table = tracker.table
    for i, j in _close_pairs(table, tracks):
        a, b = tracks[i], tracks[j]
        if a.id not in tracker.tracks or b.id not in tracker.tracks or undecided(a, b):
            continue  # merged a moment ago, or not yet known to be one
        pa, pb = a.table_box(table), b.table_box(table)
        apart = float(np.linalg.norm(pa[0] - pb[0]))
        names = a.labels.best(), b.labels.best()
        related = tracker.ontology.related(*names)
        small = a.kind == "object" and apart < 0.35 * float(max(pa[1].max(), pb[1].max()))
        same = (related and small) or _overlap(pa, pb, SHARED if related else SHARED_UNRELATED)
        # Two things of one name do not stand inside each other: a fragment seen from one side belongs to the whole.
        if same or (names[0] == names[1] and _shared_floor(pa, pb) > FRAGMENT):
            yield (a, b) if (a.confirmed_once, -a.first_seen_ns, -a.id) >= (b.confirmed_once, -b.first_seen_ns, -b.id) else (b, a)


def _overlap(a: Box, b: Box, limit: float) -> bool:
    """True if the intersection of two boxes is more than `limit` of their union. It is never more than the smaller of the larger."""
    volumes = float(np.prod(a[1])), float(np.prod(b[1]))
    return min(volumes) > (limit - 1e-6) * max(volumes) and box_iou(*a, *b) > limit


def _close_pairs(table: TrackTable, tracks: list[Track]) -> list[tuple[int, int]]:
    """Index pairs (i < j) of one kind, people left out, whose boxes could touch."""
    rows = np.array([t.row for t in tracks], np.int64)
    kind = np.array([t.kind for t in tracks])
    mean, reach = table.mean[rows], np.linalg.norm(table.size[rows], axis=1)
    apart = np.linalg.norm(mean[:, None] - mean[None], axis=2)
    close = (apart <= 0.5 * (reach[:, None] + reach)) & (kind[:, None] == kind) & (kind != "agent")
    i, j = np.nonzero(np.triu(close, 1))
    return list(zip(i.tolist(), j.tolist(), strict=True))


def _shared_floor(a: tuple[np.ndarray, np.ndarray, float], b: tuple[np.ndarray, np.ndarray, float]) -> float:
    """Share of the smaller footprint that lies in the other, 0 for boxes at different heights."""
    if abs(float(a[0][2] - b[0][2])) > (float(a[1][2]) + float(b[1][2])) / 2:
        return 0.0
    smaller = max(min(float(np.prod(a[1][:2])), float(np.prod(b[1][:2]))), 1e-6)
    return overlap_area(footprint(*a), footprint(*b)) / smaller
