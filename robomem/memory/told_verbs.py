"""What people say of things: the verbs of RobotMemory that take it in, and give it back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError, StoreError
from robomem.memory import table
from robomem.memory.corrections import Correction, Told, is_withdrawn, told_as, told_of, withdraw
from robomem.memory.database import Row
from robomem.memory.keeping import Keeping
from robomem.memory.questions import graph_from_rows
from robomem.memory.recorder import place_of
from robomem.memory.spatial import GONE, Sighting, SpatialHistory
from robomem.memory.telling import read_place
from robomem.types import MAX_LABEL_CHARS, ObjectView

if TYPE_CHECKING:
    from robomem.memory.live_world import LiveWorld
    from robomem.memory.questions import Questions
    from robomem.memory.recorder import Recorder
    from robomem.memory.store import Located
    from robomem.ontology import Ontology
    from robomem.scene_graph.world_model import WorldModel

LAST_NS = (1 << 63) - 1  # what the file can hold


class ToldVerbs(Keeping):
    """What RobotMemory does with a person's word."""

    if TYPE_CHECKING:
        ontology: Ontology
        _live: LiveWorld
        _recorder: Recorder
        _history: SpatialHistory
        _questions: Questions

        @property
        def world(self) -> WorldModel | None: ...
        def now_ns(self) -> int: ...
        def _refresh(self, row: Located) -> Located: ...

    def correct(
        self,
        object_id: int,
        label: str | None = None,
        position: NDArray[np.float64] | None = None,
        place: str | int | None = None,
        source: str = "user",
        said: str = "",
    ) -> ObjectView:
        """A person says what something is, or where: in coordinates (Float64[3], m, map frame) or in words ("in the drawer").

        A label holds for good. A place holds until the thing is seen there, seen elsewhere often enough (see corrections.Doubt), or taken.
        Who said it, in which words and what became of it stays on record.

        Raises:
            InvalidInputError: no such object or place, nothing to correct, or a position that is not three finite numbers.
        """
        with self._guard:
            ident, name = self.store.resolve(object_id), self.ontology.canonical(label) if label is not None else None
            where = read_place(place, self.store, self._questions) if place is not None else None
            at = where.position if where else None if position is None else np.asarray(position, np.float64)
            extra = (where.place, where.spread_m) if where else (None, 0.1)
            stamp = self._told_ns(ident)
            self._recorder.correct(Correction(ident, name, at, stamp, *extra, source[:MAX_LABEL_CHARS], said[:400]))
            row = self._refresh(self.store.objects()[ident])
            self.store.put_objects([row])
            if at is not None:
                self._history.update([Sighting(*row, moved=True, seen=False)], stamp)
            return row[0]

    def _told_ns(self, object_id: int) -> int:
        """Now, or just after the last word on this object: in a recording time may stand still, and no word may overwrite another."""
        stamps = [int(row[1]) for row in self._told_rows(object_id)]
        return min(max(self.now_ns(), *(stamp + 1 for stamp in stamps), 0), LAST_NS)

    def _told_rows(self, object_id: int | None = None) -> list[Row]:
        if table.TOLD not in self.store.sealed():  # a reader of a file from before there was such a table
            return []
        if object_id is None:
            return self.store.rows(table.TOLD, "ORDER BY stamp_ns, object_id")
        if object_id not in self.store.objects():  # whoever asks may have made the id up: it may not even fit the file
            return []
        return self.store.rows(table.TOLD, "WHERE object_id = ? ORDER BY stamp_ns", (object_id,))

    def undo_correction(self, object_id: int | None = None, source: str = "user") -> tuple[Correction, ObjectView]:
        """Take back the newest word on an object (of all objects, without an id): what was believed before it holds again.

        An earlier word that it replaced holds again, too. What was said and who took it back stays on record (`told`).

        Returns:
            What was taken back, and the object as it is believed now.

        Raises:
            InvalidInputError: nothing that was said of it stands.
            StoreError: read-only.
        """
        with self._guard:
            if self.store.read_only:
                raise StoreError(f"{self.store.path}: is open read-only; open it for writing to take a word back")
            ident = None if object_id is None else self.store.resolve(object_id)
            standing = [row for row in self._told_rows(ident) if not is_withdrawn(row)]
            if not standing:
                raise InvalidInputError(f"undo: nothing that was said of {'anything' if ident is None else f'#{ident}'} stands")
            ident = int(standing[-1][0])
            done = withdraw(self._told_rows(ident), source[:MAX_LABEL_CHARS], self.now_ns())
            assert done is not None  # one stands
            said = replace(told_of((*done.told[:13], None, "")), stamp_ns=int(done.told[1]))
            self.store.flush()  # what is held back must be a row before rows are changed
            # Without a snapshot there is no world to ask: a new one would take everything on record for lost.
            world = self.world if self._live.model is not None or self.store.world("meta") else None
            with self.store.together():
                self.store.remove(table.TOLD, "WHERE object_id = ? AND stamp_ns = ?", done.drop)
                self.store.put(table.TOLD, list(done.put))
                if said.position is not None:
                    self._reopen(ident, said, world)
            self._recorder.taken_back(ident)
            self.store.put_objects([self._as_seen(ident, world)])
            row = self._refresh(self.store.objects()[ident])
            self.store.put_objects([row])
            self.store.flush()
            return said, row[0]

    def _reopen(self, ident: int, said: Correction, world: WorldModel | None) -> None:
        """The stay that only the word had begun was none; the one before goes on, unless the thing has been missed since."""
        stays = self.store.stays(ident)
        at = np.asarray(said.position, float)
        own = [s for s in stays if not s.last_observation and s.seen_ns >= said.stamp_ns and np.allclose(s.position, at, atol=0.01)]
        told = own[0] if own else None
        if told is None:
            return
        self.store.remove(table.HISTORY, "WHERE id = ?", (told.id,))
        live = world.object(ident) if world is not None else None
        before = [s for s in stays if s.from_ns <= told.from_ns and s.id != told.id]
        gone = live is not None and live.status in GONE
        if before and before[-1].to_ns == told.from_ns and stays[-1] is told and not gone:
            self.store.put_stays([replace(before[-1], to_ns=None)])

    def _as_seen(self, ident: int, world: WorldModel | None) -> Located:
        """An object without what people said: as the live world has it, else by its node and its last stay."""
        live = world.object(ident) if world is not None else None
        if live is not None and world is not None:
            return live, self._history.last_place(ident) if live.status in GONE else place_of(live, world.graph)
        view, place = self.store.objects()[ident]
        graph, stays = graph_from_rows(self.store), self.store.stays(ident)
        node = graph.node(ident)
        if node is not None:
            view = replace(view, label=node.label, label_probs={node.label: 1.0}, position=node.position, last_seen_ns=node.from_ns)
            view = replace(view, covariance=np.eye(3) * 1e-4, existence=float(node.attributes.get("existence", 1.0)))
            place = place_of(view, graph)
        if stays:
            last = stays[-1]
            place, spread = last.place, np.eye(3) * last.spread_m**2 / 3
            view = replace(view, position=last.position, covariance=spread, last_seen_ns=last.seen_ns, existence=last.existence)
        gone = stays[-1].to_ns is not None if stays else node is not None and node.to_ns is not None
        view = replace(view, place=place.place_id, status="removed", existence=0.05) if gone else replace(view, place=place.place_id)
        return view, place

    def told(self, object_id: int | None = None) -> list[Told]:
        """Everything people said of an object (of all, without an id), oldest first, with what became of it."""
        with self._guard:
            ident = None if object_id is None else self.store.resolve(object_id)
            return [told_as(row) for row in self._told_rows(ident)]

    def told_place(self, object_id: int) -> Correction | None:
        """What a person said of where an object is, while that holds; None where it is known by being seen."""
        with self._guard:
            if self.store.read_only:
                said = self.store.corrections().get(object_id)
                return said if said is not None and said.position is not None else None
            return self._recorder.told_place(object_id)
