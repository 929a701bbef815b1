"""What people say about objects ("the mug is in the drawer", "that is a teacup"): what it changes, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robomem.clock import NS_PER_S
from robomem.memory.database import Row
from robomem.memory.records import PlaceWords
from robomem.types import ObjectView

ELSEWHERE_SIGHTINGS, ELSEWHERE_S = 5, 1.0  # so often, and over so long, a thing must be seen elsewhere before a person was wrong
NEAR_M = 0.5  # a sighting this near to the place that was told confirms it
SURE = 0.9  # P(exists) of a track whose sightings speak against a person
P_TOLD = 0.95  # P(it is where a person says it is): people misremember too
OTHERWISE = "said otherwise later"  # why a place holds no more that a later word has taken the place of
WITHDRAWN = "withdrawn by "
LAST_NS = (1 << 63) - 1  # what the file can hold


@dataclass(frozen=True)
class Correction:
    """What a person said about an object: the label stays; the place holds until strong evidence speaks against it (see Recorder).

    Attributes:
        position: Float64[3] m, map frame; None where nothing is (or no more is) held of the place.
        place: the same in words; None: only coordinates were given.
        spread_m: how exactly the place was told.
        source, said: who said it, and the words.
    """

    object_id: int
    label: str | None
    position: NDArray[np.float64] | None
    stamp_ns: int
    place: PlaceWords | None = None
    spread_m: float = 0.1
    source: str = "user"
    said: str = ""

    def apply(self, view: ObjectView) -> ObjectView:
        """The object as corrected."""
        if self.label is not None:
            view = replace(view, label=self.label, label_probs={self.label: 1.0})
        if self.position is not None and view.status != "held":
            place = self.place.place_id if self.place else None
            spread = np.eye(3) * self.spread_m**2
            view = replace(view, position=self.position, covariance=spread, status="confirmed", existence=P_TOLD, place=place)
            view = replace(view, last_seen_ns=self.stamp_ns)
        return view

    def locate(self, place: PlaceWords) -> PlaceWords:
        """The place in words as corrected."""
        return place if self.position is None else self.place or PlaceWords()


class Doubt:
    """Weighs what is seen against what was said of a place: one look may be a mistake, many over some time are none.

    A detector that errs once errs again in the next image, so sightings elsewhere must be many and spread over time. That the tracker
    itself saw the thing move, or that the robot holds it, is enough at once.
    """

    def __init__(self) -> None:
        self._elsewhere: dict[int, tuple[int, int]] = {}  # id -> (sightings, stamp of the first)

    def weigh(self, said: Correction, view: ObjectView, place: PlaceWords, moved: bool, seen: bool) -> str:
        """Why the place that was told holds no more, "" while it does."""
        if view.status == "held":
            return self._over(view.id, "the robot took it")
        if said.position is None or not (seen or moved) or view.last_seen_ns <= said.stamp_ns:
            return ""
        same = said.place is not None and said.place.place_id is not None and place.place_id == said.place.place_id
        if same or float(np.linalg.norm(view.position - said.position)) <= NEAR_M:
            return self._over(view.id, "seen there")
        if moved:
            return self._over(view.id, "seen to move elsewhere")
        count, first = self._elsewhere.get(view.id, (0, view.last_seen_ns))
        self._elsewhere[view.id] = (count + 1, first)
        if count + 1 >= ELSEWHERE_SIGHTINGS and view.last_seen_ns - first >= ELSEWHERE_S * NS_PER_S and view.existence >= SURE:
            return self._over(view.id, f"seen elsewhere {count + 1} times")
        return ""

    def forget(self, object_id: int) -> None:
        """Begin anew: something else was said."""
        self._elsewhere.pop(object_id, None)

    def _over(self, object_id: int, why: str) -> str:
        self.forget(object_id)
        return why


def told_row(c: Correction, ended_ns: int | None = None, ended: str = "") -> Row:
    """The row of one correction; `ended`: when and why its place was given up."""
    p = c.position
    x, y, z = (None, None, None) if p is None else (float(v) for v in p)
    place = c.place
    where = (None, None, None, None) if place is None else (place.place_id, place.holder, place.room_id, place.room)
    return (c.object_id, c.stamp_ns, c.label, x, y, z, float(c.spread_m), *where, c.source, c.said, ended_ns, ended)


def told_of(row: Row) -> Correction:
    """What a told row still holds of: without the place where that was given up."""
    thing, stamp, label, x, y, z, spread, place_id, holder, room_id, room, source, said, ended_ns = row[:14]
    stands = x is not None and ended_ns is None
    place = PlaceWords(place_id, holder, room_id, room) if stands and holder is not None else None
    return Correction(thing, label, np.array((x, y, z), np.float64) if stands else None, stamp, place, spread, source, said)


@dataclass(frozen=True)
class Told:
    """One thing that was said, with when and why its place was given up or all of it taken back ("" while it stands)."""

    correction: Correction
    ended_ns: int | None
    ended: str

    @property
    def withdrawn(self) -> bool:
        """True if it was taken back."""
        return self.ended.startswith(WITHDRAWN)


def told_as(row: Row) -> Told:
    """A told row with all it ever said, whether it holds or not."""
    place = None if row[8] is None else PlaceWords(*row[7:11])
    at = None if row[3] is None else np.array(row[3:6], np.float64)
    return Told(Correction(int(row[0]), row[2], at, int(row[1]), place, row[6], row[11], row[12]), row[13], row[14])


def is_withdrawn(row: Row) -> bool:
    """True if what this told row says was taken back."""
    return str(row[14]).startswith(WITHDRAWN)


@dataclass(frozen=True)
class Withdrawal:
    """The newest standing word on an object taken back, as told rows.

    Attributes:
        told: the row as it was.
        put: the rows that are written for it, without their checksums.
    """

    told: Row
    put: tuple[Row, ...]


def withdraw(rows: Sequence[Row], source: str, now_ns: int) -> Withdrawal | None:
    """What is to be done to the told rows of one object (by stamp) so that its newest word no longer holds; None if none stands.

    It stays on record as it was said, with who took it back. The word before holds again as far as nothing but this one had ended it.
    """
    standing = [row for row in rows if not is_withdrawn(row)]
    if not standing:
        return None
    told = standing[-1]
    why = f"{WITHDRAWN}{source}" + (f"; before: {told[14]}" if told[14] else "")
    return Withdrawal(told, ((*told[:13], now_ns, why), *released(standing[:-1], told)))


def released(rows: Sequence[Row], told: Row) -> list[Row]:
    """The rows among `rows` whose place nothing but the word `told` had ended, as they stand without it."""
    out: list[Row] = []
    for before in rows:
        if before[13] == told[1] and before[14] == OTHERWISE:
            copied = before[3:6] == told[3:6]  # a word on the label alone repeats the place, and what became of it
            ended = (told[13], told[14]) if copied else (before[13], before[14]) if told[13] is not None else (None, "")
            out.append((*before[:13], *ended))
    return out


def of_one_thing(own: Sequence[Row], others: Sequence[Row], kept: int) -> list[Row]:
    """The told rows of two objects that turn out to be one, `kept`: all of them, no two with one stamp, and the newest word holds.

    As when one was told after the other: the newest leaves what was said of the label or the place where it says nothing of it.
    """
    tagged = sorted(((int(r[1]), n, r) for n, rows in enumerate((others, own)) for r in rows), key=lambda t: t[:2])
    stamps = [stamp for stamp, _, _ in tagged]
    for i in range(1, len(stamps)):
        stamps[i] = max(stamps[i], stamps[i - 1] + 1)
    for i in range(len(stamps) - 1, -1, -1):  # the last nanosecond of the file is the end
        stamps[i] = min(stamps[i], stamps[i + 1] - 1 if i + 1 < len(stamps) else LAST_NS)
    renamed = {(n, old): new for (old, n, _), new in zip(tagged, stamps, strict=True)}
    rows: list[Row] = []
    for (_, n, r), stamp in zip(tagged, stamps, strict=True):
        rows.append((kept, stamp, *r[2:13], renamed.get((n, r[13]), r[13]) if r[14] == OTHERWISE else r[13], r[14]))
    standing = [r for r in rows if not is_withdrawn(r)]
    if len(standing) < 2:
        return rows
    last, places = standing[-1], [r for r in standing[:-1] if r[3] is not None and r[13] is None]
    label = next((r[2] for r in reversed(standing) if r[2]), None)
    place = places[-1][3:11] if places and last[3] is None else last[3:11]
    new = {last[1]: (*last[:2], label, *place, *last[11:]), **{r[1]: (*r[:13], last[1], OTHERWISE) for r in places}}
    return [new.get(r[1], r) for r in rows]


def correction_of(row: Row) -> Correction:
    """A correction as schema version 1 kept it."""
    thing, label, x, y, z, stamp = row[:6]
    return Correction(thing, label, None if x is None else np.array((x, y, z), np.float64), stamp)
