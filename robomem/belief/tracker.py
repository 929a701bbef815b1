"""The tracker: one frame's observations and depth image against everything believed to exist.

A labelled multi-Bernoulli filter (Reuter et al. 2014) with particles for position, whose detection probability is read off the
depth image. The idea of filtering a scene graph so comes from "Time is on my sight: scene graph filtering for dynamic environment
perception in an LLM-driven robot".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robomem.belief import agents, carried, held, identity, looks, motion, split, update
from robomem.belief.association import assign, cost_matrix
from robomem.belief.carried import Trails
from robomem.belief.changes import Changes
from robomem.belief.existence import MoveRates, probability
from robomem.belief.labels import LabelBelief
from robomem.belief.looks import LookSpread
from robomem.belief.particles import NoisePool
from robomem.belief.reidentify import best_old_track
from robomem.belief.roster import Roster
from robomem.belief.states import Accuracy
from robomem.belief.track import AWAY, HERE, Track, TrackTable
from robomem.belief.visibility import Viewer
from robomem.clock import NS_PER_S
from robomem.config import BeliefConfig, PerceptionConfig
from robomem.ontology import Ontology
from robomem.perception.frame import RgbdFrame
from robomem.types import ObjectView, Observations, Status

FURNITURE_M = 0.6  # an unnamed thing wider than this is treated as furniture
NEAR_IMAGE_M = 0.35  # what is this far out of the image may be gated from it
MERGE_EVERY = 8  # frames between searches for twins
AGAINST = 1.2  # log-odds of evidence, not of age, without which nothing counts as gone: two silences, or one look through its place
SEEN_AGAIN = 3  # sightings from which a newcomer counts as a thing that is there
RECHECK_HITS = (8, 16, 32)  # sightings after which a young track is held against what is missing once more
_EYE = np.eye(3)
RETURN_EXISTENCE = 0.8  # existence at which a newcomer may be taken for something that is known to be gone


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
        self.new_id, self._rng = new_id, rng
        self.noise = NoisePool(rng)
        self.table = TrackTable(config.particles)
        self.tracks = Roster()
        self.aliases: dict[int, int] = {}
        self.rates = MoveRates()
        self.accuracy = Accuracy()
        self.spread = LookSpread()
        self.trails = Trails()
        self.carried: dict[int, int] = {}  # object -> the agent that has it in hand
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
        states = {name: belief.report(name, self.stamp_ns) for name, belief in track.states.items()}
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
            self.table.cov[r] + _EYE * motion.wander(self.stamp_ns - track.last_seen_ns),
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
        agents.end_unseen(self, changes)
        near = self._near(viewer)
        self._predict(near, dt_s)
        carried.follow(self, dt_s)
        kinds = self._kinds(obs)
        names = {label: self.ontology.canonical(label) if label else "" for label in set(obs.labels)}
        obs = update.relabel(obs, [names[label] for label in obs.labels])
        pairs = assign(cost_matrix(near, self.table, obs, kinds, self.config.gate_m))
        taken = {j for _, j in pairs}
        matched = {near[i].id: j for i, j in pairs}
        self._hits([(near[i], j) for i, j in pairs], obs, viewer, changes)
        silent = [t for t in near if t.id not in matched and t.id in self.tracks and t.status != "held" and t.id not in self.carried]
        for track, learned in zip(silent, update.misses(self, silent, viewer, ran), strict=True):
            if learned and track.id in self.tracks:
                self._doubt(track, changes)
        for j in range(len(obs)):
            if j not in taken and len(self.tracks) < self.config.max_tracks:
                self._birth(obs, j, kinds[j], viewer, changes, matched)
        if self._frames % MERGE_EVERY == 0:
            identity.merge_twins(self, near, changes)
            self.home_yaw = identity.learn_direction(self)
        carried.step(self, changes)
        return changes

    def _viewer(self, frame: RgbdFrame) -> Viewer:
        return Viewer(frame, self.config, self.perception.sigma_z_at_1m)

    def old_track(self, track: Track, among: tuple[str, ...], born_after: int | None = None, without: int | None = None) -> Track | None:
        """The known thing that `track` most convincingly is, or None; see `best_old_track`."""
        return best_old_track(self, track, among, born_after, without)

    def _near(self, viewer: Viewer) -> list[Track]:
        """Tracks that can be in the image or gated from it, by id; agents wherever they are."""
        near = self.tracks.in_rows(viewer.in_view(self.table.mean, self.table.size, NEAR_IMAGE_M, self.perception.max_range_m))
        walking = self.tracks.of_kind("agent")
        if walking:
            near = sorted([*(t for t in near if t.kind != "agent"), *walking], key=lambda t: t.id)
        return [t for t in near if t.status != "removed"]

    def _predict(self, tracks: list[Track], dt_s: float) -> None:
        still = [t.row for t in tracks if t.kind == "object" and t.status in HERE]
        if still:
            self.noise.diffuse(self.table.positions, np.array(still, np.int64), motion.STATIC_DIFFUSION_M)
        for t in tracks:
            if t.kind == "agent":
                agents.predict(self, t, dt_s)
        update.age(self, [t for t in tracks if t.kind != "agent" and t.confirmed_once and t.status != "held"])

    def _kinds(self, obs: Observations) -> list[str]:
        """Of each observation what its label says, else, by its width, furniture or object."""
        told = {label: self.ontology.prior(label).kind for label in set(obs.labels) if label and self.ontology.known(label)}
        wide = (obs.sizes[:, :2].max(axis=1).astype(np.float64) > FURNITURE_M).tolist() if len(obs) else ()
        return [told.get(label) or ("furniture" if broad else "object") for label, broad in zip(obs.labels, wide, strict=True)]

    # -- evidence ----------------------------------------------------------------------------------------------------

    def _hits(self, pairs: list[tuple[Track, int]], obs: Observations, viewer: Viewer, changes: Changes) -> None:
        if not pairs:
            return
        strange = looks.doubts(self, pairs, obs, viewer.camera)
        before: list[tuple[Status, int]] = [(track.status, track.support) for track, _ in pairs]
        for states in update.hits(self, pairs, obs, viewer.camera, strange=strange):
            changes.states += states
        matched, people = {track.id: j for track, j in pairs}, bool(self.trails.paths)
        for (track, j), (was, support) in zip(pairs, before, strict=True):
            if track.id not in self.tracks:
                continue  # adopted a moment ago by the thing that it is
            changes.object_ids[j] = track.id
            changes.touched.add(track.id)
            if track.source is not None and was == "tentative":
                split.seen_apart(self, track, j, matched, obs, track.support == support)
            track.aloft = people and carried.aloft(self, track, viewer)
            self._after_hit(track, was, changes)
            if was == "tentative" and track.source is not None and track.id in changes.confirmed:
                split.settle(self, track, obs, matched, changes)
            if track.id in strange:
                looks.replaced(self, track, changes)

    def _after_hit(self, track: Track, was: Status, changes: Changes) -> None:
        """What a sighting decides: confirmation, return, whether it is something lost."""
        if was == "held":
            track.status = "held"
            return
        if track.aloft and not self._taken(track):
            return  # what is in somebody's hand has no place yet
        if track.hits == SEEN_AGAIN and track.kind == "object" and not track.confirmed_once:
            identity.doubt_elsewhere(self, track)
        if track.status != "confirmed":
            self.promote(track, changes)
        if was == "missing" and track.status == "confirmed":
            changes.returned.append(track.id)
            if track.kind != "agent":
                self.rates.watched(track.labels.best(), 0.0, moves=-1)  # it had not been moved after all
        elif track.hits in RECHECK_HITS and track.status == "confirmed" and track.id in self.tracks:
            identity.recheck(self, track, changes)

    def _doubt(self, track: Track, changes: Changes) -> None:
        """What a silence or a look through its place decides: missing, removed, forgotten."""
        changes.touched.add(track.id)
        r = self.existence(track)
        if not track.confirmed_once:
            if r < 0.12:
                self.drop_clutter(track, changes)
            return
        if track.status in ("confirmed", "occluded") and r < self.config.missing_existence and track.against >= AGAINST:
            track.status = "missing"
            changes.gone.append(track.id)
            if track.kind != "agent":
                self.rates.watched(track.labels.best(), 0.0, moves=1)
            identity.find_twin_elsewhere(self, track, changes)
        if track.status == "missing" and r < self.config.remove_existence:
            track.status = "removed"

    def _taken(self, track: Track) -> bool:
        """In somebody's hand: is it, or was it a moment ago, something that is known to have been taken?"""
        if track.confirmed_once:
            return track.id in self.carried
        old = self.old_track(track, among=("missing",)) if track.hits >= SEEN_AGAIN else None
        return old is not None and old.id in self.carried

    def promote(self, track: Track, changes: Changes) -> None:
        """Tentative to confirmed; a newcomer is first held against what is missing.

        One that fits something known to be gone needs less: that the lost thing turns up is likelier than a first sighting.
        """
        old = None
        if track.status == "tentative" and (track.hits >= 3 or track.support >= 2) and self.existence(track) >= RETURN_EXISTENCE:
            old = self.old_track(track, among=AWAY)
        seen = track.support >= self.config.confirm_support or track.hits >= 5
        if old is None and (self.existence(track) < self.config.confirm_existence or not seen):
            return
        if track.kind == "agent" and track.status == "tentative":
            old = agents.known_again(self, track)
        if track.status == "tentative" and not track.confirmed_once:
            track.confirmed_once, track.status = True, "confirmed"
            track.anchor = self.table.mean[track.row].copy()
            if old is not None:
                identity.adopt(self, old, track, changes)
            else:
                changes.confirmed.append(track.id)
        elif track.status in ("missing", "removed", "occluded"):
            track.status = "confirmed"

    def _birth(self, obs: Observations, j: int, kind: str, viewer: Viewer, changes: Changes, matched: dict[int, int]) -> None:
        if obs.labels[j] == "" and kind == "furniture":
            return  # an unnamed plane or wall patch is not a thing
        row = self.table.claim()
        track = Track(self.new_id(), row, kind, LabelBelief(self.ontology), obs.stamp_ns, obs.stamp_ns, obs.stamp_ns, support=0, hits=0)
        self.tracks[track.id] = track
        update.initialise(self, track, obs, j, viewer.camera)
        # Something like it is known to be gone: that it turns up elsewhere is far likelier than a first sighting out of nothing.
        if self.old_track(track, among=AWAY) is not None:
            self.table.odds[row] += 1.2
        split.born_inside(self, track, j, matched, obs)
        changes.object_ids[j] = track.id
        changes.touched.add(track.id)

    # -- bookkeeping -------------------------------------------------------------------------------------------------

    def remove_alias_source(self, track: Track, into: int) -> None:
        """Delete a track whose id lives on as an alias of `into`."""
        self.aliases[track.id] = into
        del self.tracks[track.id]
        self.table.release(track.row)

    def drop_clutter(self, track: Track, changes: Changes) -> None:
        """Drop a track that never was confirmed: clutter."""
        changes.dropped.append(track.id)
        changes.touched.discard(track.id)
        changes.object_ids[changes.object_ids == track.id] = -1
        del self.tracks[track.id]
        self.table.release(track.row)

    # -- what others know better -------------------------------------------------------------------------------------

    def set_held(self, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> None:
        """The object rides on the gripper at `T_map_gripper` (Float64[4, 4]), or, with None, was let go where it is.

        Raises:
            KeyError: no such object.
        """
        held.set_held(self, object_id, T_map_gripper)

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
