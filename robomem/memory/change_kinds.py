"""Kinds of change as people ask for them ("what vanished", "anything new in the kitchen"), and which events are of which kind.

Of a room or a piece of furniture the kinds are relative: what moved from the kitchen to the study vanished from the kitchen and is new in
the study.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from robomem.clock import NS_PER_S
from robomem.errors import InvalidInputError
from robomem.memory.records import Stay
from robomem.memory.store import Store
from robomem.types import Event

NEW_PLACE_NS = 3600 * NS_PER_S  # whoever sees a place for the first time has seen all that stands there within this
KINDS = ("appeared", "removed", "moved", "returned", "state_changed")


@dataclass(frozen=True)
class Area:
    """Where changes are asked about: a room by its name, or pieces of furniture by their ids; the whole home where both are empty."""

    room: str = ""
    holders: frozenset[int] = frozenset()

    @property
    def whole(self) -> bool:
        """True if it is the whole home."""
        return not self.room and not self.holders

    def touched(self, store: Store, e: Event) -> bool:
        """True if the thing was in it, or is now."""
        return self.left(store, e) or self.reached(store, e)

    def left(self, store: Store, e: Event) -> bool:
        """True if the thing was in it before."""
        return self._holds(store, e.before, _stay_before(store, e))

    def reached(self, store: Store, e: Event) -> bool:
        """True if the thing was in it afterwards."""
        return self._holds(store, e.after, None)

    def _holds(self, store: Store, told: Any, stay: Stay | None) -> bool:
        """Is a side of an event in it; by the history where the event does not say."""
        words, place_id = str(told.get("place") or ""), told.get("place_id")
        if stay is not None and not words:
            words, place_id = stay.place.words, stay.place.place_id
        holder = store.resolve(place_id) if isinstance(place_id, int) else None
        if self.holders:
            return holder in self.holders
        row = store.objects().get(holder) if holder is not None else None  # a room may have got its name after the event
        return bool(self.room) and (words.endswith(f"in the {self.room}") or (row is not None and row[1].room == self.room))


EVERYWHERE = Area()


def of_kinds(store: Store, e: Event, kinds: Collection[str], area: Area = EVERYWHERE) -> bool:
    """True if an event is of one of the kinds, as seen from an area."""
    return any(_TESTS[kind](store, e, area) for kind in kinds)


def of_kind(store: Store, events: Iterable[Event], kind: str, area: Area = EVERYWHERE) -> list[Event]:
    """The events of one kind.

    Raises:
        InvalidInputError: no such kind.
    """
    if kind not in KINDS:
        raise InvalidInputError(f"changes: there is no kind '{kind}'; expected one of {', '.join(KINDS)}")
    return [e for e in events if of_kinds(store, e, (kind,), area)]


def again(e: Event) -> bool:
    """It was seen again after it had been missed."""
    return e.kind == "appeared" and bool(e.before.get("again"))


def place_new(store: Store, e: Event) -> bool:
    """It "appeared" because the robot had not been there before: what holds it was itself seen no hour earlier, or is not known."""
    if e.kind != "appeared" or again(e):
        return False
    holder = e.after.get("place_id")
    row = store.objects().get(store.resolve(holder)) if isinstance(holder, int) else None
    return row is None or _began_ns(e) - row[0].first_seen_ns < NEW_PLACE_NS


def taken(e: Event) -> bool:
    """Somebody who is not the robot took it."""
    return e.after.get("held_by", "robot") != "robot"


def moved_back(store: Store, e: Event) -> bool:
    """It moved to where it had been before it was where it left."""
    if e.kind != "moved":
        return False
    here, stays = e.after.get("place_id"), [s for s in store.stays(e.object_id) if s.from_ns < _began_ns(e) and not s.place.carried]
    if not isinstance(here, int) or len(stays) < 2:
        return False
    earlier = {store.resolve(s.place.place_id) for s in stays[:-1] if s.place.place_id is not None}
    return store.resolve(here) in earlier and stays[-1].place.place_id != here


def _began_ns(e: Event) -> int:
    since = e.after.get("since_ns")
    return min(since, e.stamp_ns) if isinstance(since, int) else e.stamp_ns


def _stay_before(store: Store, e: Event) -> Stay | None:
    return next((s for s in reversed(store.stays(e.object_id)) if s.from_ns < _began_ns(e) and s.to_ns is not None), None)


def _moved(e: Event) -> bool:
    return e.kind in ("moved", "relation_changed")


def _appeared(store: Store, e: Event, area: Area) -> bool:
    arrived = _moved(e) and not area.whole and area.reached(store, e) and not area.left(store, e)
    return (e.kind == "appeared" and not again(e)) or arrived


def _removed(store: Store, e: Event, area: Area) -> bool:
    left = _moved(e) and not area.whole and area.left(store, e) and not area.reached(store, e)
    return e.kind == "removed" or left or taken(e)


_TESTS = {
    "appeared": _appeared,
    "removed": _removed,
    "moved": lambda store, e, area: _moved(e),
    "returned": lambda store, e, area: (again(e) or moved_back(store, e)) and (area.whole or area.reached(store, e)),
    "state_changed": lambda store, e, area: e.kind == "state_changed",
}
