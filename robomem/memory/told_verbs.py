"""What people say of things: the verbs of RobotMemory that take it in, and give it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError, StoreError
from robomem.memory import table
from robomem.memory.corrections import LAST_NS, Correction, Told, is_withdrawn, released, told_as, told_of, withdraw
from robomem.memory.database import Row
from robomem.memory.keeping import Keeping
from robomem.memory.questions import graph_from_rows
from robomem.memory.recorder import place_of
from robomem.memory.records import PlaceWords, Stay
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
            if where is not None and where.place.place_id == ident:
                raise InvalidInputError(f"correct: #{ident} cannot be in or on itself; name another place")
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
            said = _as_said(done.told)
            self.store.flush()  # what is held back must be a row before rows are changed
            world = self._seen_world()
            with self.store.together():
                self.store.put(table.TOLD, list(done.put))
                row = self._unsay(ident, [said], world)
            return said, row[0]

    def _seen_world(self) -> WorldModel | None:
        """The world that knows what was seen, not restored for good: whoever only asks is answered from the rows before and after."""
        return self._live.as_saved()

    def _unsay(self, ident: int, words: Sequence[Correction], world: WorldModel | None) -> Located:
        """Words on an object, newest first, that hold no more by the told rows: stays, caches and the object's row follow."""
        places = [said for said in words if said.position is not None]
        for said in places:
            self._reopen(ident, said, world)
        self._recorder.taken_back(ident)
        view, place = self._as_seen(ident, places, world)
        said = self._recorder.corrections.get(ident)
        row = (view, place) if said is None else (said.apply(view), said.locate(place))
        self.store.put_objects([row])
        stays = self.store.stays(ident)
        if stays and stays[-1].to_ns is None and _told_at(stays[-1], places):  # told of where it was: its stay was but moved a little
            self.store.put_stays([replace(stays[-1], position=row[0].position, spread_m=row[0].spread_m, place=row[1])])
            self._history.reload()
        return self._refresh(row)

    def _untell(self, gone: Sequence[Row]) -> None:
        """Told rows of objects that stay were erased, since they name what is forgotten: what held by them holds no more."""
        for ident in dict.fromkeys(int(row[0]) for row in gone if row[0] in self.store.objects()):
            mine = [row for row in reversed(gone) if row[0] == ident and not is_withdrawn(row)]
            for row in mine:
                self.store.put(table.TOLD, released(self._told_rows(ident), row))
            held = self._recorder.corrections.get(ident)
            if held is not None and any(row[1] == held.stamp_ns for row in mine):
                self._unsay(ident, [_as_said(row) for row in mine], self._seen_world())

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

    def _as_seen(self, ident: int, words: Sequence[Correction], world: WorldModel | None) -> Located:
        """An object without what people said (the places of `words`): as the live world has it, else by its node and its last stay."""
        live = world.object(ident) if world is not None else None
        stays = self.store.stays(ident)
        if live is not None and world is not None:
            place = self._history.last_place(ident) if live.status in GONE else place_of(live, world.graph)
            return _as_recorded(live, place, stays[-1] if stays else None, world), place
        view, place = self.store.objects()[ident]
        graph = graph_from_rows(self.store)
        node = graph.node(ident)
        if node is not None:
            view = replace(view, label=node.label, label_probs={node.label: 1.0}, position=node.position, last_seen_ns=node.from_ns)
            view = replace(view, covariance=np.eye(3) * 1e-4, existence=float(node.attributes.get("existence", 1.0)))
            place = place_of(view, graph)
        if stays and not (node is not None and _told_at(stays[-1], words)):
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


def _as_said(row: Row) -> Correction:
    """A told row as it was said, whatever became of it."""
    return told_of((*row[:13], None, ""))


def _told_at(stay: Stay, words: Sequence[Correction]) -> bool:
    """True if a stay is where one of these words put it."""
    return any(said.position is not None and np.allclose(stay.position, said.position, atol=0.01) for said in words)


def _as_recorded(live: ObjectView, place: PlaceWords, last: Stay | None, world: WorldModel) -> ObjectView:
    """A live view as the recorder wrote it when the thing was last seen: who asks ages it to the time asked about, and only once."""
    if live.status in GONE:  # its row was written at the last look, not when it was last seen
        return replace(live, place=place.place_id)
    tracker = world.tracker
    view = replace(live, covariance=tracker.table.cov[tracker.tracks[tracker.resolve(live.id)].row].copy())
    if live.status == "occluded" and last is not None and last.seen_ns == live.last_seen_ns:
        view = replace(view, status="confirmed", existence=last.existence)
    return view
