"""The floor: an oracle that says exactly what could be known. It shows that the scores can be met; it is no rival."""

from __future__ import annotations

from benchmarks.moved_objects.interface import Believed, RelationClaim
from benchmarks.moved_objects.scores_truth import Knowledge, Stay
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations

FLOOR = "oracle (floor)"


class Oracle:
    """Reads the scorer's own knowledge, which `score_stream` hands to it."""

    name = FLOOR

    def __init__(self) -> None:
        self.known = Knowledge()
        self._ids: dict[str, int] = {}

    def add(self, detections: Observations | None, frame: RgbdFrame) -> None:
        """Sees nothing: it knows."""

    def objects(self, t_ns: int) -> list[Believed]:
        """Every stay that could be known to hold at `t_ns`."""
        rows = [s for stays in self.known.stays.values() for s in stays if self._held(s, t_ns)]
        return [Believed(self._id(s.thing), s.label, s.position, 1.0, s.kind) for s in rows]

    def where(self, label: str, t_ns: int) -> list[Believed]:
        """Those of one label."""
        return [b for b in self.objects(t_ns) if b.label == label]

    def relations(self, t_ns: int) -> list[RelationClaim]:
        """True holders of what is known."""
        rows = [s for s in self.known.current.values() if s.parent and self._held(s, t_ns)]
        return [RelationClaim(self._id(s.thing), s.relation, self._id(s.parent)) for s in rows]

    def _held(self, stay: Stay, t_ns: int) -> bool:
        if t_ns >= self.known.stamp_ns:
            return stay.known_ns is not None and stay.left_ns is None
        return bool(self.known.state_at(stay, t_ns))

    def _id(self, thing: str) -> int:
        return self._ids.setdefault(thing, len(self._ids) + 1)
