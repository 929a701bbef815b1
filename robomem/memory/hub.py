"""The one writer when the world model runs in another process: takes its batches, keeps its snapshots, tells it what to forget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem.memory.forgetting import Forgotten, Region
from robomem.memory.robot_memory import RobotMemory
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import ObjectView


class MemoryHub(RobotMemory):
    """A RobotMemory whose world lives elsewhere: every verb answers from the store. Open it like a RobotMemory."""

    _editing = False

    @property
    def world(self) -> WorldModel | None:
        """None: the live world is another process's (while something is forgotten, the stored one)."""
        return self._live.get() if self._editing else None

    def _seen_world(self) -> WorldModel | None:
        """None: the stored world may be a minute behind the rows."""
        return None

    def warm_up(self) -> None:
        """Load what the first question would load: half a second that nobody should wait for."""
        with self._guard:
            self._similarity("thing", "object")

    def lease_ids(self, n: int) -> int:
        """The first of `n` ids that nobody else will ever have."""
        with self._guard:
            return self.store.lease_ids(n)

    def absorb(self, result: FrameResult, views: Sequence[ObjectView], graph: SceneGraph, batch: str) -> None:
        """Write one frame that another process has folded in; events are on disk when this returns.

        Args:
            views: the objects of `result.changed`.  graph: as of that frame.
            batch: the batch's name, kept with it (see `last_batch`).
        """
        with self._guard:
            self._commit(result, views, graph)
            self.store.put_meta("last_batch", batch)
            if result.events:
                self.store.flush()

    @property
    def last_batch(self) -> str:
        """Name of the newest batch on record, "" if there is none."""
        return self.store.get_meta("last_batch")

    def resume(self) -> tuple[Mapping[str, NDArray[Any]], dict[str, Any]]:
        """What the world model starts from: its last snapshot's arrays (none yet: empty) and the learned move rates.

        Objects on record that are newer than the snapshot are marked missing: they must be seen again.
        """
        with self._guard:
            try:
                world = self._live.get()
                arrays = world.snapshot() if self._live.caught_up else self.store.world()
            finally:
                self._live.model = None
            return arrays, self._rates.to_json()

    def knows_map(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """False if a snapshot is of a corrected map whose correction has not come here yet: rows and snapshot would disagree.

        Raises:
            InvalidInputError: no snapshot of ours.
        """
        try:
            corrected = int(json.loads(bytes(np.asarray(arrays["meta"], np.uint8))).get("corrected", 0))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"world snapshot: does not fit the format: {error}") from None
        with self._guard:
            return corrected <= self._recorder.remapper.newest()

    def keep_world(self, arrays: Mapping[str, NDArray[Any]], move_rates: str, stamp_ns: int, graph: SceneGraph) -> None:
        """Keep the world model's state for its next start.

        Raises:
            InvalidInputError: arrays of objects, which could carry code.
        """
        if any(np.asarray(a).dtype.hasobject for a in arrays.values()):
            raise InvalidInputError("world snapshot: holds arrays of objects; only plain numbers are kept")
        with self._guard:
            self._recorder.sync_graph(graph, stamp_ns)
            self.store.put_world(arrays)
            self.store.put_meta("move_rates", move_rates)
            self._recorder.snapshot_written(stamp_ns)
            self.store.flush()

    def forget(self, label: str | None = None, id: int | None = None, region: Region | None = None) -> Forgotten:
        """As RobotMemory.forget, from the stored world too; tell the process that owns the live world about `ids` of the answer."""
        with self._guard:
            self._editing = True
            try:
                return super().forget(label, id, region)
            finally:
                self._editing, self._live.model = False, None
