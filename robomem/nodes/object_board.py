"""All objects as of the newest image, made anew only where something changed: what is looked at has a few of them, a home has a hundred."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from robomem.belief.motion import unseen_minutes
from robomem.nodes.object_rows import ObjectRow, object_row
from robomem.scene_graph.world_model import WorldModel
from robomem.types import ObjectView

HOT = ("mean", "cov", "size", "yaw", "odds")  # arrays of the track table that a view shows


class ObjectBoard:
    """Follows one world model and gives what `WorldModel.objects` gives, for a tenth of the time; also as rows for the wire."""

    def __init__(self) -> None:
        self._views: dict[int, ObjectView] = {}
        self._rows: dict[int, ObjectRow] = {}
        self._cold: dict[int, tuple[Any, ...]] = {}
        self._hot: dict[str, np.ndarray] = {}
        self._revision = -1

    def views(self, world: WorldModel, changed: Collection[int]) -> list[ObjectView]:
        """Every track, oldest id first.

        Args:
            changed: ids of which something is new that neither the table, nor status, label or sightings show (states, colours).
        """
        self.update(world, changed)
        return [self._views[i] for i in sorted(self._views)]

    def rows(self) -> list[ObjectRow]:
        """Every track as of the last `update`, oldest id first."""
        return [self._rows[i] for i in sorted(self._rows)]

    def rows_of(self, ids: Collection[int]) -> list[ObjectRow]:
        """Those of some ids that are tracks, in the order given."""
        return [self._rows[i] for i in ids if i in self._rows]

    def update(self, world: WorldModel, changed: Collection[int]) -> None:
        """Make anew what changed; see `views`."""
        tracks, moved = world.tracker.tracks, self._moved(world).tolist()
        related = {*changed, *world.graph.changed_since(self._revision)}  # who holds it shows in its place
        self._revision, now_ns = world.graph.revision, world.tracker.stamp_ns
        for i in self._views.keys() - tracks.keys():
            del self._views[i], self._cold[i], self._rows[i]
        for i, t in tracks.items():
            unseen = unseen_minutes(now_ns - t.last_seen_ns)
            cold = (t.row, t.status, t.kind, t.last_seen_ns, t.support, t.hits, unseen)
            if moved[t.row] or i in related or self._cold.get(i) != cold:
                view = world.object(i)
                assert view is not None
                self._views[i], self._rows[i], self._cold[i] = view, object_row(view), cold

    def _moved(self, world: WorldModel) -> np.ndarray:
        """Bool[capacity]: rows of the table that are not as they were."""
        table = world.tracker.table
        moved = np.zeros(table.capacity, bool)
        for name in HOT:
            now, was = getattr(table, name), self._hot.get(name)
            if was is None or was.shape != now.shape:
                moved[:] = True
            else:
                moved |= (now != was).reshape(len(now), -1).any(axis=1)
            self._hot[name] = now.copy()
        return moved
