"""The live world model of a writing memory: made or restored when first needed, kept in the store as snapshots."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import replace

import numpy as np

from robomem.belief.correction import MapCorrection
from robomem.clock import NS_PER_S, ClockWatch
from robomem.config import RobomemConfig
from robomem.errors import InvalidInputError
from robomem.ids import IdAllocator
from robomem.memory.recorder import Recorder
from robomem.memory.spatial import GONE
from robomem.memory.sqlite_store import SqliteStore
from robomem.ontology import Ontology
from robomem.perception.frame import RgbdFrame
from robomem.perception.health import FrozenWatch
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import Detections, Observations

LOG = logging.getLogger("robomem.memory")


class LiveWorld:
    """Makes, restores, snapshots.

    Args:
        seed: of the world's random generator.
    """

    def __init__(
        self, store: SqliteStore, recorder: Recorder, config: RobomemConfig, ids: IdAllocator, seed: int, ontology: Ontology
    ) -> None:
        self._store, self._recorder, self._config, self._ids, self._ontology = store, recorder, config, ids, ontology
        self._seed = seed
        self._on_record = frozenset(store.objects())
        self.model: WorldModel | None = None
        self.caught_up = 0  # corrections of the map that the restored snapshot had not seen

    def get(self) -> WorldModel:
        """The world model, restored from the last snapshot when first asked for."""
        if self.model is None:
            self.model = WorldModel(self._config, self._ids, np.random.default_rng(self._seed), self._ontology)
            arrays = self._store.world()
            if arrays:
                self.model.restore(arrays)
            self.caught_up = self._recorder.remapper.catch_up(self.model)
            self._mark_lost(self.model)
        return self.model

    def as_saved(self) -> WorldModel | None:
        """The live world, else the last snapshot by itself: for a reader, too: no ids taken, no rows written. None: neither."""
        arrays = {} if self.model is not None else self._store.world()
        if not arrays:
            return self.model
        world = WorldModel(self._config, IdAllocator(), np.random.default_rng(self._seed), self._ontology)
        world.restore(arrays)
        self._recorder.remapper.catch_up(world)
        return world

    def _mark_lost(self, world: WorldModel) -> None:
        """Objects newer than the snapshot (a crash came between) are on record but not in the world: they must be seen again."""
        lost = [
            (view, place)
            for view, place in self._store.objects().values()
            if view.id in self._on_record
            and view.id not in world.tracker.tracks
            and view.status not in GONE
            and view.last_seen_ns > world.stamp_ns
            and self._recorder.told_place(view.id) is None  # a person's word needs no sighting
        ]
        if lost:
            LOG.warning("%d objects on record are newer than the last snapshot and must be seen again", len(lost))
            self._store.put_objects([(replace(view, status="missing"), place) for view, place in lost])

    def correct_map(self, correction: MapCorrection) -> None:
        """Move world and rows by a correction of the map; durable when this returns.

        Raises:
            StoreError: read-only.
        """
        self._store.begin()
        world = self.get()
        world.correct_map(correction)
        events, moved = world.unwritten()
        found, none = Observations.empty(world.stamp_ns), np.zeros(0, np.int64)
        result = FrameResult(world.stamp_ns, events, found, none, none, moved, {})
        self._recorder.commit(result, [v for i in moved if (v := world.object(i)) is not None], world.graph)
        world.written()
        self.save()
        self._store.flush()

    def save(self) -> None:
        """Write graph, snapshot and learned rates."""
        world = self.model
        if world is not None and world.stamp_ns:
            self._recorder.sync_graph(world.graph, world.stamp_ns)
            self._store.put_world(world.snapshot())
            self._store.put_meta("move_rates", json.dumps(world.tracker.rates.to_json()))
            self._recorder.snapshot_written(world.stamp_ns)

    def save_if_due(self) -> None:
        """Write a snapshot now and then, sooner when something new appeared."""
        if self.model is not None and self._recorder.snapshot_due(self.model.stamp_ns):
            self.save()


class FrameDoor:
    """Turns away frames that time or shape forbids, and counts why."""

    def __init__(self, newest_ns: int) -> None:
        self.rejected: Counter[str] = Counter()
        self.newest_ns = newest_ns
        self._clock = ClockWatch()
        self._clock.newest_ns = newest_ns
        self._stamps: dict[str, int] = {}
        self._frozen: dict[str, FrozenWatch] = {}

    def admits(self, frame: RgbdFrame) -> bool:
        """False for a stamp that repeats (same camera) or goes back, and for an image that repeats while the camera moves.

        Several in a row that go back by more than a second mean that the clock was set back: then `set_back` is true and they are let in.
        """
        self.set_back, reason = False, ""
        said = self._clock.judge(frame.stamp_ns)
        if frame.stamp_ns == self._stamps.get(frame.camera):
            reason = "stamp_repeats"
        elif said == "set_back":
            self.set_back = True
            self.rejected["clock_set_back"] += 1
        elif frame.stamp_ns < self.newest_ns:
            reason = "stamp_goes_back"
        if not reason and self._frozen.setdefault(frame.camera, FrozenWatch()).frozen(frame):
            reason = "frozen_frame"
        if not reason:
            return True
        self.rejected[reason] += 1
        if self.rejected[reason] == 1:
            LOG.warning(
                "%s: frame at %.3f s rejected: %s; the newest is at %.3f s. Further ones are counted in RobotMemory.rejected",
                frame.camera,
                frame.stamp_ns / NS_PER_S,
                reason,
                self.newest_ns / NS_PER_S,
            )
        return False

    def passed(self, frame: RgbdFrame) -> None:
        """Note a frame that was taken in."""
        self._stamps[frame.camera] = self.newest_ns = frame.stamp_ns


def check_masks(frame: RgbdFrame, detections: Detections | Observations | None) -> None:
    """Detections must be of this very image.

    Raises:
        InvalidInputError: masks of another shape.
    """
    if (
        isinstance(detections, Detections)
        and detections.masks is not None
        and len(detections)
        and detections.masks.shape[1:] != frame.depth_m.shape
    ):
        raise InvalidInputError(
            f"{frame.camera}: masks are {detections.masks.shape[1:]} but the image is {frame.depth_m.shape}; "
            "run the detector on this very frame"
        )


def nothing_changed(stamp_ns: int) -> FrameResult:
    """The result of a frame that was turned away."""
    none = np.zeros(0, np.int64)
    return FrameResult(stamp_ns, (), Observations.empty(stamp_ns), none, none, (), {})
