"""What the robot of a simulated week could know: places, sightings, doors and its own deeds, the same for every memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.moved_objects.interface import Step
from benchmarks.moved_objects.scores_truth import Knowledge, Stay
from robomem.types import Episode

GLIMPSE_PX = 8  # whoever has fewer pixels of a thing in the image cannot have seen it
DOOR_PX, DOOR_CLEAR, DOOR_M = 1500, 0.6, 2.5
FRESH_NS = 12 * 3_600_000_000_000  # what was not in clear view for so long (behind a door, mostly) is not asked about as known now
IN_FRONT = np.cos(np.radians(55))


@dataclass
class Sightings:
    """When a thing was in an image: at all (at least GLIMPSE_PX own pixels), and in clear view."""

    glimpsed: list[int] = field(default_factory=list)
    clear: list[int] = field(default_factory=list)


@dataclass
class WeekKnowledge:
    """Follows one stream.

    Attributes:
        places: `Knowledge` of the moved-object benchmark: known after three clear images, known empty after three.
        sightings: by name of the thing.  doors: by name of the furniture, (stamp, open) of images that show its front well.
        door_changes: by name of the furniture, stamps of images before which its door moved unseen or seen.
        done: what the robot did.
    """

    places: Knowledge = field(default_factory=Knowledge)
    sightings: dict[str, Sightings] = field(default_factory=lambda: defaultdict(Sightings))
    doors: dict[str, list[tuple[int, bool]]] = field(default_factory=lambda: defaultdict(list))
    open_now: dict[str, bool] = field(default_factory=dict)
    door_changes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    done: list[Episode] = field(default_factory=list)
    first_ns: int = 0
    stamp_ns: int = 0
    _seen_px: dict[tuple[str, int], int] = field(default_factory=dict)

    def update(self, step: Step) -> None:
        """Fold one image in."""
        now = self.stamp_ns = step.frame.stamp_ns
        self.first_ns = self.first_ns or now
        self.places.update(step)
        eye = step.frame.T_map_camera[:3, 3]
        for thing in step.truth:
            if thing.kind == "object" and thing.present and thing.pixels >= GLIMPSE_PX:
                self.sightings[thing.name].glimpsed.append(now)
                if thing.clear:
                    self.sightings[thing.name].clear.append(now)
            if thing.is_open is None:
                continue
            if self.open_now.get(thing.name, thing.is_open) != thing.is_open:
                self.door_changes[thing.name].append(now)
            self.open_now[thing.name] = thing.is_open
            ahead = (eye - thing.position)[:2]
            front = float(ahead @ [np.cos(thing.yaw), np.sin(thing.yaw)]) > IN_FRONT * float(np.linalg.norm(ahead))
            if front and thing.pixels >= DOOR_PX and thing.visible >= DOOR_CLEAR and thing.distance_m <= DOOR_M:
                self.doors[thing.name].append((now, thing.is_open))

    # -- questions ---------------------------------------------------------------------------------------------------

    def stays(self, name: str) -> list[Stay]:
        """Every stay of a thing, in time order."""
        return self.places.stays.get(name, [])

    def known(self, name: str) -> Stay | None:
        """The stay at which a thing is known to be now, None if that cannot be known: it was never seen well, or not for FRESH_NS."""
        now = self.places.current.get(name)
        fresh = now is not None and now.known_ns is not None and self.stamp_ns - now.last_clear_ns <= FRESH_NS
        return now if fresh else None

    def gone(self, name: str) -> Stay | None:
        """The stay that a thing is known to have left, if it has not been seen (not a glimpse) anywhere since; None otherwise."""
        old = self.places.last_left(name)
        if old is None or old.absent_ns is None or self.known(name) is not None or old.known_ns is None:
            return None
        return old if self.last_glimpse(name) <= (old.left_ns or 0) else None

    def last_glimpse(self, name: str, until_ns: int | None = None) -> int:
        """The last image with any of it up to a time, -1 for none."""
        stamps = self.sightings[name].glimpsed
        k = len(stamps) if until_ns is None else bisect_right(stamps, until_ns)
        return stamps[k - 1] if k else -1

    def at(self, name: str, at_ns: int) -> Stay | None:
        """The stay during which a thing was seen both before and after a time (or at which it is known to be still)."""
        for s in self.stays(name):
            if s.known_ns is not None and s.known_ns <= at_ns <= s.last_clear_ns:
                return s
        return None

    def away(self, name: str) -> Iterator[tuple[int, int]]:
        """Times (from, to) at which a thing is known to have been at none of its places."""
        stays = self.stays(name)
        for k, s in enumerate(stays):
            following = stays[k + 1] if k + 1 < len(stays) else None
            if s.known_ns is not None and s.absent_ns is not None:
                end = following.from_ns if following is not None else self.stamp_ns
                began = self._previous_image(end) if following is not None else end
                if s.absent_ns < began and not any(s.absent_ns < g < began for g in self.sightings[name].glimpsed):
                    yield s.absent_ns, began

    def _previous_image(self, stamp_ns: int) -> int:
        return stamp_ns - 1_000_000_000

    def door(self, name: str) -> tuple[bool, int] | None:
        """(is it open, when that was last seen) of furniture whose door has not moved since it was last seen well, three times."""
        seen = self.doors.get(name, [])
        changed = max(self.door_changes.get(name, [0]), default=0)
        since = [(t, o) for t, o in seen if t >= changed]
        return (since[-1][1], since[-1][0]) if len(since) >= 3 else None

    def door_at(self, name: str, at_ns: int) -> bool | None:
        """Was it open at a time: known if it was seen well before and after, alike, and did not move in between."""
        seen = self.doors.get(name, [])
        before = [(t, o) for t, o in seen if t <= at_ns]
        after = [(t, o) for t, o in seen if t >= at_ns]
        if len(before) < 3 or len(after) < 3 or before[-1][1] != after[0][1]:
            return None
        moved = any(before[-3][0] < c <= after[2][0] for c in self.door_changes.get(name, []))
        return None if moved else before[-1][1]
