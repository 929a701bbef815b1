"""The tracker: one frame's observations and depth image against everything believed to exist.

A labelled multi-Bernoulli filter (Reuter et al. 2014) with particles for position, whose detection probability is read off the
depth image. The idea of filtering a scene graph so comes from "Time is on my sight: scene graph filtering for dynamic environment
perception in an LLM-driven robot".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robomem.belief import motion, update
from robomem.belief.association import assign, cost_matrix
from robomem.belief.existence import MoveRates, probability
from robomem.belief.extended import common_yaw
from robomem.belief.labels import LabelBelief
from robomem.belief.particles import NoisePool, weighted_mean_cov
from robomem.belief.reidentify import absorb, best_old_track, duplicate_pairs, same_thing_score
from robomem.belief.track import Track, TrackTable
from robomem.belief.visibility import Viewer
from robomem.clock import NS_PER_S
from robomem.config import BeliefConfig, PerceptionConfig
from robomem.ontology import Ontology
from robomem.perception.frame import RgbdFrame
from robomem.types import ObjectView, Observations, Status

FURNITURE_M = 0.6  # an unnamed thing wider than this is treated as furniture
MERGE_EVERY = 8  # frames between searches for twins
AGENT_FORGET_S = 20.0
AT_HAND_M = 0.2
RECHECK_HITS = (8, 16, 32)  # sightings after which a young track is held against what is missing once more
RETURN_EXISTENCE = 0.8  # existence at which a newcomer may be taken for something that is known to be gone


@dataclass
class Changes:
    """What one frame did to the tracks (ids).

    Attributes:
        object_ids: Int64[n] the track of each observation, -1 for none.
        moved: (id, position before, position after), m.
        merged: (kept id, absorbed id).
        states: (id, name, before, after).
    """

    object_ids: NDArray[np.int64]
    touched: set[int] = field(default_factory=set)
    confirmed: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    moved: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)
    merged: list[tuple[int, int]] = field(default_factory=list)
    states: list[tuple[int, str, str, str]] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)


class Tracker:
    """Objects as labelled Bernoulli particle tracks.

    Args:
        config, perception: filter and sensor settings.
        new_id: hands out object ids, never the same twice.
        rng: the only source of randomness.
        ontology: class priors and confusable labels.
    """

    def __init__(
        self, config: BeliefConfig, perception: PerceptionConfig, new_id: Callable[[], int], rng: np.random.Generator, ontology: Ontology
    ) -> None:
        self.config, self.perception, self.ontology = config, perception, ontology
        self._new_id, self._rng = new_id, rng
        self.noise = NoisePool(rng)
        self.table = TrackTable(config.particles)
        self.tracks: dict[int, Track] = {}
        self.aliases: dict[int, int] = {}
        self.rates = MoveRates()
        self.home_yaw: float | None = None  # rad: the direction that this home's furniture shares
        self.stamp_ns = 0
        self._frames = 0

    # -- questions ---------------------------------------------------------------------------------------------------

    def resolve(self, object_id: int) -> int:
        """The id an id now goes by: merges leave aliases."""
        while object_id in self.aliases:
            object_id = self.aliases[object_id]
        return object_id

    def particles(self, object_id: int) -> NDArray[np.float32]:
        """Float32[P, 3] position particles of one track (map frame, m)."""
        return self.table.positions[self.tracks[self.resolve(object_id)].row]

    def existence(self, track: Track) -> float:
        """r of a track, as of its last evidence."""
        return probability(float(self.table.odds[track.row]))

    def view(self, object_id: int) -> ObjectView | None:
        """A copy of what is believed of one object, None for an unknown id."""
        track = self.tracks.get(self.resolve(object_id))
        if track is None:
            return None
        r = track.row
        states = {name: max(p.items(), key=lambda kv: kv[1]) for name, p in track.states.items()}
        return ObjectView(
            track.id,
            track.labels.best(),
            dict(track.labels.probabilities()),
            self.table.mean[r].copy(),
            self.table.size[r].copy(),
            float(self.table.yaw[r]),
            self.existence(track),
            track.status,
            states,
            track.first_seen_ns,
            track.last_seen_ns,
            track.support,
            None,
            self.table.cov[r] + np.eye(3) * motion.wander(self.stamp_ns - track.last_seen_ns),
            track.color(),
            track.kind,
            track.embedding,
            None if track.last_camera is None else track.last_camera.copy(),
        )

    def views(self) -> list[ObjectView]:
        """All tracks, oldest id first."""
        return [view for view in (self.view(i) for i in sorted(self.tracks)) if view is not None]

    # -- one frame ---------------------------------------------------------------------------------------------------

    def step(self, frame: RgbdFrame, observations: Observations | None) -> Changes:
        """Predict, look, associate, update, give birth, merge. `observations=None`: no detector ran, depth still speaks."""
        dt_s = max(0.0, (frame.stamp_ns - self.stamp_ns) / NS_PER_S) if self._frames else 0.0
        self.stamp_ns = frame.stamp_ns
        self._frames += 1
        ran = observations is not None
        obs = observations if observations is not None else Observations.empty(frame.stamp_ns)
        changes = Changes(np.full(len(obs), -1, np.int64))
        viewer = self._viewer(frame)
        near = self._near(viewer)
        self._predict(near, dt_s)
        kinds = [self._kind(obs, j) for j in range(len(obs))]
        labels = [self.ontology.canonical(label) if label else "" for label in obs.labels]
        obs = update.relabel(obs, labels)
        pairs = assign(cost_matrix(near, self.table, obs, kinds, self.config.gate_m))
        taken = {j for _, j in pairs}
        self._hits([(near[i], j) for i, j in pairs], obs, viewer, dt_s, changes)
        matched = {near[i].id for i, _ in pairs}
        silent = [t for t in near if t.id not in matched and t.id in self.tracks and t.status != "held"]
        for track, learned in zip(silent, update.misses(self, silent, viewer, ran), strict=True):
            if learned and track.id in self.tracks:
                self._doubt(track, changes)
        for j in range(len(obs)):
            if j not in taken and len(self.tracks) < self.config.max_tracks:
                self._birth(obs, j, kinds[j], viewer, changes)
        if self._frames % MERGE_EVERY == 0:
            self._merge_twins(near, changes)
            self._learn_direction()
        self._drop_old(changes)
        return changes

    def _viewer(self, frame: RgbdFrame) -> Viewer:
        return Viewer(frame, self.config, self.perception.sigma_z_at_1m)

    def _old_track(self, track: Track, among: tuple[str, ...], born_after: int | None = None) -> Track | None:
        """The known thing that `track` most convincingly is, or None."""
        return best_old_track(self, track, among, born_after)

    def _near(self, viewer: Viewer) -> list[Track]:
        """Tracks that can be in the image or gated from it, by id."""
        tracks = [self.tracks[i] for i in sorted(self.tracks)]
        if not tracks:
            return []
        rows = np.array([t.row for t in tracks])
        radii = np.linalg.norm(self.table.size[rows], axis=1) / 2 + 0.35
        inside = viewer.in_view(self.table.mean[rows], radii, self.perception.max_range_m)
        return [t for t, yes in zip(tracks, inside, strict=True) if (yes or t.kind == "agent") and t.status != "removed"]

    def _predict(self, tracks: list[Track], dt_s: float) -> None:
        still = [t.row for t in tracks if t.kind == "object" and t.status in ("tentative", "confirmed", "occluded")]
        if still:
            self.noise.diffuse(self.table.positions, np.array(still, np.int64), motion.STATIC_DIFFUSION_M)
        for t in tracks:
            if t.kind == "agent":
                motion.walk(self.table.positions[t.row], t.velocity, dt_s, self.noise)
                self.table.mean[t.row] = self.table.positions[t.row].mean(axis=0)
        update.age(self, [t for t in tracks if t.kind != "agent" and t.confirmed_once and t.status != "held"])

    def _kind(self, obs: Observations, j: int) -> str:
        label = obs.labels[j]
        if label and self.ontology.known(label):
            return self.ontology.prior(label).kind
        return "furniture" if float(np.max(obs.sizes[j][:2])) > FURNITURE_M else "object"

    # -- evidence ----------------------------------------------------------------------------------------------------

    def _hits(self, pairs: list[tuple[Track, int]], obs: Observations, viewer: Viewer, dt_s: float, changes: Changes) -> None:
        if not pairs:
            return
        before: list[tuple[Track, Status, NDArray[np.float64] | None]] = [
            (track, track.status, self.table.mean[track.row].copy() if track.kind == "agent" else None) for track, _ in pairs
        ]
        for states in update.hits(self, pairs, obs, viewer.camera):
            changes.states += states
        for (track, was, stood), (_, j) in zip(before, pairs, strict=True):
            changes.object_ids[j] = track.id
            changes.touched.add(track.id)
            self._after_hit(track, was, stood, dt_s, changes)

    def _after_hit(self, track: Track, was: Status, stood: NDArray[np.float64] | None, dt_s: float, changes: Changes) -> None:
        """What a sighting decides: confirmation, return, whether it is something lost; `stood` is where an agent was before."""
        if stood is not None:
            track.velocity = motion.velocity_update(track.velocity, self.table.mean[track.row] - stood, dt_s)
        if was == "held":
            track.status = "held"
            return
        self._promote(track, changes)
        if was == "missing" and track.status == "confirmed":
            changes.returned.append(track.id)
        elif track.hits in RECHECK_HITS and track.status == "confirmed" and track.id in self.tracks:
            self._recheck(track, changes)

    def _doubt(self, track: Track, changes: Changes) -> None:
        """What a silence or a look through its place decides: missing, removed, forgotten."""
        changes.touched.add(track.id)
        r = self.existence(track)
        if not track.confirmed_once:
            if r < 0.12:
                self._forget(track, changes)
            return
        if track.status in ("confirmed", "occluded") and r < self.config.missing_existence:
            track.status = "missing"
            changes.gone.append(track.id)
            self._find_twin_elsewhere(track, changes)
        if track.status == "missing" and r < self.config.remove_existence:
            track.status = "removed"

    def _promote(self, track: Track, changes: Changes) -> None:
        """Tentative to confirmed; a newcomer is first held against what is missing.

        One that fits something known to be gone needs less: that the lost thing turns up is likelier than a first sighting.
        """
        old = None
        if track.status == "tentative" and track.hits >= 3 and self.existence(track) >= RETURN_EXISTENCE:
            old = self._old_track(track, among=("missing", "removed"))
        seen = track.support >= self.config.confirm_support or track.hits >= 5
        if old is None and (self.existence(track) < self.config.confirm_existence or not seen):
            return
        if track.status == "tentative" and not track.confirmed_once:
            track.confirmed_once, track.status = True, "confirmed"
            track.anchor = self.table.mean[track.row].copy()
            if old is not None:
                self._adopt(old, track, changes)
            else:
                changes.confirmed.append(track.id)
        elif track.status in ("missing", "removed", "occluded"):
            track.status = "confirmed"

    def _birth(self, obs: Observations, j: int, kind: str, viewer: Viewer, changes: Changes) -> None:
        if obs.labels[j] == "" and kind == "furniture":
            return  # an unnamed plane or wall patch is not a thing
        row = self.table.claim()
        track = Track(self._new_id(), row, kind, LabelBelief(self.ontology), obs.stamp_ns, obs.stamp_ns, obs.stamp_ns, support=0, hits=0)
        self.tracks[track.id] = track
        update.initialise(self, track, obs, j, viewer.camera)
        # Something like it is known to be gone: that it turns up elsewhere is far likelier than a first sighting out of nothing.
        if self._old_track(track, among=("missing", "removed")) is not None:
            self.table.odds[row] += 1.2
        changes.object_ids[j] = track.id
        changes.touched.add(track.id)

    # -- identity ----------------------------------------------------------------------------------------------------

    def _adopt(self, old: Track, new: Track, changes: Changes) -> None:
        """The old id takes over the newcomer's place: one thing that moved, not two."""
        before = old.anchor.copy()
        absorb(self, old, new, take_place=True)
        changes.object_ids[changes.object_ids == new.id] = old.id
        changes.moved.append((old.id, before, self.table.mean[old.row].copy()))
        changes.merged.append((old.id, new.id))
        changes.touched.discard(new.id)
        changes.touched.add(old.id)
        self.rates.watched(old.labels.best(), (self.stamp_ns - old.first_seen_ns) / NS_PER_S / 3600, moves=1)

    def _recheck(self, track: Track, changes: Changes) -> None:
        """A colour seen from afar deceives: what looked unlike anything lost when it was new is held against it again from near."""
        old = self._old_track(track, among=("missing", "removed"))
        if old is not None and old.last_seen_ns <= track.first_seen_ns:
            self._adopt(old, track, changes)

    def _find_twin_elsewhere(self, gone: Track, changes: Changes) -> None:
        """A thing that is gone from here may be the newcomer that was confirmed elsewhere since."""
        new = self._old_track(gone, among=("confirmed", "occluded"), born_after=gone.last_seen_ns)
        if new is not None:
            changes.gone.remove(gone.id)
            self._adopt(gone, new, changes)

    def _merge_twins(self, near: list[Track], changes: Changes) -> None:
        alive = [t for t in near if t.id in self.tracks and t.status in ("confirmed", "occluded", "tentative")]
        for keep, twin in duplicate_pairs(self, alive):
            if keep.id not in self.tracks or twin.id not in self.tracks:
                continue
            absorb(self, keep, twin, take_place=False)
            changes.object_ids[changes.object_ids == twin.id] = keep.id
            if twin.confirmed_once:
                changes.merged.append((keep.id, twin.id))
            changes.touched.discard(twin.id)
            changes.touched.add(keep.id)
            self._promote(keep, changes)

    def _learn_direction(self) -> None:
        bodies = [
            t for t in self.tracks.values() if t.kind == "furniture" and t.body is not None and t.body.frames >= 6 and t.confirmed_once
        ]
        yaws = np.array([self.table.yaw[t.row] for t in bodies])
        # Long pieces say most about direction: a square one fits at any angle about as well.
        weights = np.array([abs(float(self.table.size[t.row, 0] - self.table.size[t.row, 1])) for t in bodies])
        self.home_yaw = common_yaw(yaws, weights)

    def remove_alias_source(self, track: Track, into: int) -> None:
        """Delete a track whose id lives on as an alias of `into`."""
        self.aliases[track.id] = into
        del self.tracks[track.id]
        self.table.release(track.row)

    def _forget(self, track: Track, changes: Changes) -> None:
        """Drop a track that never was confirmed: clutter."""
        changes.dropped.append(track.id)
        changes.touched.discard(track.id)
        changes.object_ids[changes.object_ids == track.id] = -1
        del self.tracks[track.id]
        self.table.release(track.row)

    def _drop_old(self, changes: Changes) -> None:
        for t in [t for t in self.tracks.values() if t.kind == "agent" and t.status != "held"]:
            if self.stamp_ns - t.last_seen_ns > AGENT_FORGET_S * NS_PER_S:
                if t.confirmed_once and t.status != "removed":
                    t.status = "removed"
                    changes.gone.append(t.id)
                    changes.touched.add(t.id)
                elif not t.confirmed_once:
                    self._forget(t, changes)

    # -- what others know better -------------------------------------------------------------------------------------

    def set_held(self, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> None:
        """The object rides on the gripper at `T_map_gripper` (Float64[4, 4]), or, with None, was let go where it is.

        Raises:
            KeyError: no such object.
        """
        track = self.tracks[self.resolve(object_id)]
        r = track.row
        if T_map_gripper is None:
            track.status = "confirmed"
            self.table.odds[r] = 2.5
            spread = 0.04
        else:
            track.status = "held"
            self.table.mean[r] = np.asarray(T_map_gripper, float)[:3, 3]
            self.table.odds[r] = 4.0
            spread = 0.02
        track.last_evidence_ns = self.stamp_ns
        track.evidence = type(track.evidence)()
        self.table.positions[r] = (self.table.mean[r] + spread * self.noise.normal(self.table.positions[r].shape)).astype(np.float32)
        self.table.log_weights[r] = -np.log(self.config.particles)
        _, self.table.cov[r] = weighted_mean_cov(self.table.positions[r], self.table.log_weights[r])
        if T_map_gripper is None:
            self._absorb_at_hand(track)

    def _absorb_at_hand(self, released: Track) -> None:
        """What was seen in the hand's way just before it let go is the thing itself, not a second one."""
        here = self.table.mean[released.row]
        for other in [t for t in self.tracks.values() if t.status == "tentative" and t.kind == released.kind]:
            if float(np.linalg.norm(self.table.mean[other.row] - here)) < AT_HAND_M and same_thing_score(self, released, other) > -1.0:
                absorb(self, released, other, take_place=True)

    def scatter(self, object_id: int, points: NDArray[np.floating]) -> None:
        """Let a missing object's particles stand where it could be now (Float[P, 3], m); its last place stays in history."""
        track = self.tracks[self.resolve(object_id)]
        self.table.positions[track.row] = np.asarray(points, np.float32)
        self.table.log_weights[track.row] = -np.log(self.config.particles)

    def forget(self, ids: list[int]) -> None:
        """Drop tracks without a trace."""
        for object_id in ids:
            track = self.tracks.pop(self.resolve(object_id), None)
            if track is not None:
                self.table.release(track.row)
        gone = set(ids)
        self.aliases = {a: b for a, b in self.aliases.items() if a not in gone and b not in gone}

    def status_counts(self) -> dict[Status, int]:
        """How many tracks have each status."""
        return dict(Counter(t.status for t in self.tracks.values()))
