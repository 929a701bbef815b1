"""What people say of things: the verbs of RobotMemory that take it in, and give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robomem.memory.corrections import Correction
from robomem.memory.keeping import Keeping
from robomem.memory.spatial import Sighting, SpatialHistory
from robomem.memory.telling import read_place
from robomem.types import MAX_LABEL_CHARS, ObjectView

if TYPE_CHECKING:
    from robomem.memory.questions import Questions
    from robomem.memory.recorder import Recorder
    from robomem.memory.store import Located
    from robomem.ontology import Ontology


class ToldVerbs(Keeping):
    """What RobotMemory does with a person's word."""

    if TYPE_CHECKING:
        ontology: Ontology
        _recorder: Recorder
        _history: SpatialHistory
        _questions: Questions

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
            self._recorder.correct(Correction(ident, name, at, self.now_ns(), *extra, source[:MAX_LABEL_CHARS], said[:400]))
            row = self._refresh(self.store.objects()[ident])
            self.store.put_objects([row])
            if at is not None:
                self._history.update([Sighting(*row, moved=True, seen=False)], self.now_ns())
            return row[0]

    def told_place(self, object_id: int) -> Correction | None:
        """What a person said of where an object is, while that holds; None where it is known by being seen."""
        with self._guard:
            if self.store.read_only:
                said = self.store.corrections().get(object_id)
                return said if said is not None and said.position is not None else None
            return self._recorder.told_place(object_id)
