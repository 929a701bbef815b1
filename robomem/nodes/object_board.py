"""All objects as of the newest image, made anew only where something changed: what is looked at has a few of them, a home has a hundred."""

from __future__ import annotations

from collections.abc import Collection
from operator import is_
from typing import Any

import numpy as np

from robomem.belief.motion import unseen_minutes
from robomem.scene_graph.graph import Relation
from robomem.scene_graph.world_model import WorldModel
from robomem.types import ObjectView

HOT = ("mean", "cov", "size", "yaw", "odds")  # arrays of the track table that a view shows


class ObjectBoard:
    """Follows one world model and gives what `WorldModel.objects` gives, for a fifth of the time."""

    def __init__(self) -> None:
        self._views: dict[int, ObjectView] = {}
        self._cold: dict[int, tuple[Any, ...]] = {}
        self._relations: dict[int, list[Relation]] = {}
        self._hot: dict[str, np.ndarray] = {}

    def views(self, world: WorldModel, changed: Collection[int]) -> list[ObjectView]:
        """Every track, oldest id first.

        Args:
            changed: ids of which something is new that neither the table, nor status, label or sightings show (states, colours).
        """
        tracks, moved = world.tracker.tracks, self._moved(world)
        for i in self._views.keys() - tracks.keys():
            del self._views[i], self._cold[i], self._relations[i]
        out = []
        for i in sorted(tracks):
            t = tracks[i]
            unseen = unseen_minutes(world.tracker.stamp_ns - t.last_seen_ns)
            cold = (t.row, t.status, t.kind, t.last_seen_ns, t.support, t.hits, unseen)
            held_by = world.graph.relations_of(i)
            old = self._relations.get(i)
            same = old is not None and len(old) == len(held_by) and all(map(is_, old, held_by))  # relations are replaced, not changed
            if not same or moved[t.row] or i in changed or self._cold[i] != cold:
                view = world.object(i)
                assert view is not None
                self._views[i], self._cold[i], self._relations[i] = view, cold, held_by
            out.append(self._views[i])
        return out

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
