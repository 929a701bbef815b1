"""Looks: is what stands here still the thing that stood here? A change of look, told apart from a change of light.

Two cups of one label swapped by someone fill each other's place: depth sees both, the detector names both, and only the look tells. Each
sighting adds log P(look | another thing) - log P(look | this thing) to a sum that is never below zero (Page's CUSUM, 1954); beyond a limit
the place has a new tenant: a new track takes it over, and the old one is missing, to be found where its look turns up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robomem.belief.changes import Changes
from robomem.belief.existence import Evidence, ViewCell, log_odds, view_cell
from robomem.belief.identity import adopt, find_twin_elsewhere
from robomem.belief.labels import LabelBelief
from robomem.belief.track import AWAY, KNOWN_LOOK, Track
from robomem.perception.appearance import UNLIKE, colors_agree
from robomem.types import Observations

if TYPE_CHECKING:
    from robomem.belief.tracker import Tracker

STEP_CAP = 1.6  # nats of one sighting
CELL_CAP = 3.2  # nats of one viewpoint: a shadow or a hand is there in every frame of it
CELL_CAP_UNLIKE = 4.6  # the same where neither explains the look: then one viewpoint is enough
CUT_OFF = 0.5  # share of such a sighting that counts where the thing is cut off by the image's edge; other cut off looks say nothing
OTHER_PATTERN = 0.6  # 1 - cosine from which two things of like colour are told apart
LIMIT = 4.0  # nats from which the thing is another one
REPEAT = 0.4
LEAST_SIGHTINGS = 4
LIGHT_SHARE, LIGHT_LEAST = 0.5, 3  # so much of what is in view looks other than before: it is the light that changed
STEADY_LEAST, STEADY_SHARE, STEADY_APART = 8.0, 0.04, 0.2  # what was one colour in so many sightings is not its neighbour by chance
FLOOR = 0.06  # mean deviation of a look that is assumed at least: another side of one thing is no other thing


class LookSpread:
    """How far a sighting's look strays from its own thing's mean, whatever embedding is in use: 1 - cosine ~ Exp(mean), learned."""

    def __init__(self) -> None:
        self.mean, self.count = 0.05, 30.0

    def learn(self, deviation: float) -> None:
        """One matched sighting; a stranger's is cut to four times the mean, so that swaps teach little."""
        self.count = min(self.count + 1.0, 500.0)
        self.mean += (min(deviation, 4.0 * self.mean) - self.mean) / self.count

    def evidence(self, deviation: float) -> float:
        """log P(deviation | another thing: uniform) - log P(deviation | the same: Exp(1.5 mean)), nats."""
        mean = max(1.5 * self.mean, FLOOR)
        return math.log(mean) + deviation / mean


@dataclass
class Doubt:
    """What speaks against the thing being the one it is taken for, since it began to."""

    agreed_ns: int  # when it last looked like itself
    first_ns: int
    nats: float = 0.0
    sightings: int = 0
    cells: dict[ViewCell, float] = field(default_factory=dict)
    embedding: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    colors: dict[str, float] = field(default_factory=dict)


def _deviations(tracker: Tracker, pairs: list[tuple[Track, int]], obs: Observations) -> list[float]:
    """1 - cosine of each track's look and that of its sighting; negative where one of them has none."""
    out = np.full(len(pairs), -1.0)
    known, has = tracker.table.gallery.look_up([track for track, _ in pairs], obs.embeddings.shape[1])
    if has.any():
        seen = obs.embeddings[[j for _, j in pairs]]
        out[has] = np.maximum(1.0 - np.einsum("kd,kd->k", known[has], seen[has], dtype=np.float64), 0.0)
    return out.tolist()


class Judgement(NamedTuple):
    """Of one sighting: nats for "another thing", and whether no light and no other side explains its look."""

    nats: float
    unlike: bool = False


def _judge(track: Track, theirs: str, by_look: float, deviation: float) -> Judgement:
    """By look (`by_look` nats for a deviation, which is negative where there is none) and, where both have one, by colour name."""
    score, ours, unlike = by_look, track.color(), False
    if ours and theirs:
        alike = ours == theirs or colors_agree(ours, theirs)
        score += -0.8 if ours == theirs else -0.4 if alike else 0.8
        unlike = not alike and deviation > UNLIKE
        if alike and deviation < OTHER_PATTERN and not (ours != theirs and deviation > STEADY_APART and _steady(track, ours)):
            score = min(score, 0.0)  # another side of it, or more shade
    return Judgement(min(max(score, -STEP_CAP), STEP_CAP), unlike)


def _steady(track: Track, color: str) -> bool:
    """True if nearly all sightings of a thing gave it this colour name: shade does not turn it into the neighbouring one."""
    total = sum(track.colors.values())
    return total >= STEADY_LEAST and total - track.colors[color] <= STEADY_SHARE * total


def _established(track: Track) -> bool:
    """True if a track's look can be contradicted."""
    return track.kind != "agent" and (track.embedding_weight >= KNOWN_LOOK or sum(track.colors.values()) >= KNOWN_LOOK)


def strangers(tracker: Tracker, pairs: list[tuple[Track, int]], obs: Observations) -> dict[int, Judgement]:
    """The sightings whose look can be judged, by track id; empty where the light changed for all."""
    judged = [pair for pair in pairs if _established(pair[0])]
    colors, cut_off = obs.colors, obs.truncated.tolist()
    said: list[Judgement] = []
    for (track, j), deviation in zip(judged, _deviations(tracker, judged, obs), strict=True):
        by_look = 0.0
        if deviation >= 0.0:
            by_look = tracker.spread.evidence(deviation)
            tracker.spread.learn(deviation)
        said.append(_judge(track, colors[j], by_look, deviation))
    odd = sum([s.nats > 0.0 for s in said])
    if odd >= LIGHT_LEAST and odd > LIGHT_SHARE * len(said):
        return {}
    out: dict[int, Judgement] = {}
    for (track, j), s in zip(judged, said, strict=True):
        if track.kind == "object" and (s.unlike or not cut_off[j]):
            out[track.id] = Judgement(CUT_OFF * s.nats, True) if cut_off[j] else s
    return out


def doubts(tracker: Tracker, pairs: list[tuple[Track, int]], obs: Observations, camera: NDArray[np.float64]) -> set[int]:
    """Weigh one frame's sightings; returns the ids of the tracks whose sighting looks like another thing."""
    odd, nothing = strangers(tracker, pairs, obs), Judgement(0.0)
    return {
        track.id
        for track, j in pairs
        if (said := odd.get(track.id, nothing)).nats > 0.0 or track.doubt is not None
        if doubt(tracker, track, obs, j, said, camera)
    }


def doubt(tracker: Tracker, track: Track, obs: Observations, j: int, said: Judgement, camera: NDArray[np.float64]) -> bool:
    """Add what one sighting says. Returns True if it looks like another thing: its look is not learned."""
    score = said.nats
    if track.doubt is None:
        if score <= 0.0 or track.status != "confirmed":
            return False
        track.doubt = Doubt(track.last_seen_ns, obs.stamp_ns)
    d, config = track.doubt, tracker.config
    cell = view_cell(camera, track.anchor, config.view_cell_m, config.view_cell_rad)
    used = d.cells.get(cell, 0.0)
    step = score if cell not in d.cells else REPEAT * score
    cap = CELL_CAP_UNLIKE if said.unlike else CELL_CAP
    step = min(step, max(cap - used, 0.0)) if step > 0 else step
    d.cells[cell] = max(used + step, 0.0)
    d.nats += step
    if d.nats <= 0.0:
        track.doubt = None
        return False
    if score <= 0.0:
        return False
    d.sightings += 1
    d.colors[obs.colors[j]] = d.colors.get(obs.colors[j], 0.0) + 1.0
    if d.embedding.shape == obs.embeddings[j].shape:
        mean = d.embedding * (d.sightings - 1) + obs.embeddings[j]
        d.embedding = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    else:
        d.embedding = obs.embeddings[j].astype(np.float32)
    return True


def replaced(tracker: Tracker, old: Track, changes: Changes) -> None:
    """If doubt has gone too far: a new track has the place, and the old one is missing since it last looked like itself."""
    d = old.doubt
    if d is None or d.nats < LIMIT or d.sightings < LEAST_SIGHTINGS or old.status != "confirmed":
        return
    new = _tenant(tracker, old, d)
    changes.object_ids[changes.object_ids == old.id] = new.id
    changes.touched |= {old.id, new.id}
    old.status, old.doubt, old.evidence, old.last_seen_ns = "missing", None, Evidence(), d.agreed_ns
    tracker.table.odds[old.row] = log_odds(0.3)
    tracker.rates.watched(old.labels.best(), 0.0, moves=1)
    changes.gone.append(old.id)
    known = tracker.old_track(new, among=AWAY, without=old.id)
    if known is not None:
        adopt(tracker, known, new, changes)
        new = known
    else:
        changes.confirmed.append(new.id)
    find_twin_elsewhere(tracker, old, changes, without=new.id)


def _tenant(tracker: Tracker, old: Track, d: Doubt) -> Track:
    labels = LabelBelief(tracker.ontology)
    labels.load_json(old.labels.to_json())
    new = Track(tracker.new_id(), tracker.table.claim(), old.kind, labels, d.first_ns, old.last_seen_ns, old.last_evidence_ns)
    tracker.tracks[new.id] = new
    tracker.table.copy_row(old.row, new.row)
    new.status, new.confirmed_once, new.evidence = "confirmed", True, old.evidence
    new.support, new.hits = len(d.cells), d.sightings
    new.embedding, new.embedding_weight = d.embedding, float(d.sightings)
    new.take_colors(d.colors, anew=True)
    new.size_weight, new.anchor, new.last_camera = old.size_weight, tracker.table.mean[new.row].copy(), old.last_camera
    return new
