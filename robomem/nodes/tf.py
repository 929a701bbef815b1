"""A small transform buffer: interpolation, static transforms, and an error instead of extrapolation."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from robomem.clock import ClockWatch
from robomem.errors import RobomemError
from robomem.geometry import Float, between, inverse

LATE_NS = 1_000_000_000
MAX_LINKS = 2000
MAX_DEPTH = 64  # links between two frames; more is a loop


class TransformError(RobomemError):
    """A transform that is not known at the time asked for; `reason` is one word for a counter."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class _Link:
    """How a child frame stood in its parent, in time order: stamps ns and Float64[4, 4]."""

    parent: str
    static: bool
    clock: ClockWatch = field(default_factory=ClockWatch)
    stamps: list[int] = field(default_factory=list)
    poses: list[Float] = field(default_factory=list)


class Transforms(Protocol):
    """Who knows where frames are: our buffer, or tf2's."""

    def lookup(self, target: str, source: str, stamp_ns: int) -> Float:
        """T_target_source Float64[4, 4] at a time.  Raises: TransformError."""
        ...

    def newest(self, child: str) -> tuple[str, int, Float] | None:
        """Parent, stamp and pose of a link's newest transform, None if there is none."""
        ...


class TransformBuffer:
    """Transforms of the last seconds.

    Args:
        keep_s: how far back a lookup may go.
        limit: most transforms kept per link.
    """

    def __init__(self, keep_s: float = 10.0, limit: int = 5000) -> None:
        self._keep_ns, self._limit = int(keep_s * 1e9), limit
        self._links: dict[str, _Link] = {}
        self._lock = threading.RLock()  # filled by one thread, asked by another

    def put(self, parent: str, child: str, stamp_ns: int, T: Float, static: bool = False) -> None:
        """How `child` stands in `parent` (Float64[4, 4]) at a time. A clock that was set back clears the link.

        Raises:
            TransformError: a frame that would be its own parent, more frames than any robot has, a transform over a second late.
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        if not parent or not child or parent == child:
            raise TransformError("bad_frames", f"tf: {parent!r} -> {child!r} is no link")
        with self._lock:
            self._put(parent, child, stamp_ns, T, static)

    def _put(self, parent: str, child: str, stamp_ns: int, T: Float, static: bool) -> None:
        link = self._links.get(child)
        if link is None and len(self._links) >= MAX_LINKS:
            raise TransformError("too_many_frames", f"tf: {child[:80]!r} would be frame {MAX_LINKS + 1}; does a publisher make up names?")
        if link is None or link.parent != parent or link.static != static or static:
            link = self._links[child] = _Link(parent, static)
        if not static:
            known = link.clock.judge(stamp_ns)
            if known == "set_back":
                link.stamps, link.poses = [], []  # what was before means nothing now
            elif known == "late" and link.stamps and stamp_ns < link.stamps[-1] - LATE_NS:
                raise TransformError("stamp_goes_back", f"tf: {parent} -> {child} is {(link.stamps[-1] - stamp_ns) / 1e9:.1f} s late")
        i = bisect_left(link.stamps, stamp_ns)
        if i < len(link.stamps) and link.stamps[i] == stamp_ns:
            link.poses[i] = T
            return
        link.stamps.insert(i, stamp_ns)
        link.poses.insert(i, T)
        oldest = link.stamps[-1] - self._keep_ns
        drop = max(bisect_left(link.stamps, oldest), len(link.stamps) - self._limit)
        if drop > 0:
            del link.stamps[:drop], link.poses[:drop]

    def lookup(self, target: str, source: str, stamp_ns: int) -> Float:
        """T_target_source Float64[4, 4] at a time.

        Raises:
            TransformError: "unknown_frame", "not_connected", "no_extrapolation" (too new or too old).
        """
        with self._lock:
            return self._lookup(target.lstrip("/"), source.lstrip("/"), stamp_ns)

    def _lookup(self, target: str, source: str, stamp_ns: int) -> Float:
        up_target, up_source = self._chain(target), self._chain(source)
        common = next((f for f in up_source if f in up_target), None)
        if common is None:
            known = set(self._links) | {link.parent for link in self._links.values()}
            missing = [f for f in (target, source) if f not in known]
            if missing:
                raise TransformError("unknown_frame", f"tf: nothing was ever said of frame {missing[0]!r}; is its publisher running?")
            raise TransformError("not_connected", f"tf: {target!r} and {source!r} are not in one tree")
        return inverse(self._to(up_target, common, stamp_ns)) @ self._to(up_source, common, stamp_ns)

    def latest(self, target: str, source: str) -> tuple[int, Float]:
        """The newest time (ns; 0 if nothing between them moves) at which two frames are connected, and T_target_source then.

        Raises:
            TransformError: as `lookup`.
        """
        with self._lock:
            up_target, up_source = self._chain(target.lstrip("/")), self._chain(source.lstrip("/"))
            between = set(up_target) ^ set(up_source)  # what both pass through does not lie between them
            moving = [link.stamps[-1] for f in between if (link := self._links.get(f)) is not None and not link.static]
            stamp_ns = min(moving, default=0)
            return stamp_ns, self._lookup(up_target[0], up_source[0], stamp_ns)

    def newest(self, child: str) -> tuple[str, int, Float] | None:
        """Parent, stamp and pose of a link's newest transform, None if there is none."""
        with self._lock:
            link = self._links.get(child.lstrip("/"))
            return (link.parent, link.stamps[-1], link.poses[-1]) if link is not None and link.stamps else None

    def _chain(self, frame: str) -> list[str]:
        out = [frame]
        while frame in self._links and len(out) < MAX_DEPTH:
            frame = self._links[frame].parent
            out.append(frame)
        return out

    def _to(self, chain: list[str], top: str, stamp_ns: int) -> Float:
        out = np.eye(4)
        for frame in chain[: chain.index(top)]:
            out = self._at(frame, stamp_ns) @ out
        return out

    def _at(self, child: str, stamp_ns: int) -> Float:
        link = self._links[child]
        if link.static:
            return link.poses[-1]
        stamps = link.stamps
        if not stamps or not stamps[0] <= stamp_ns <= stamps[-1]:
            late = (stamp_ns - stamps[-1]) / 1e9 if stamps else float("nan")
            raise TransformError("no_extrapolation", f"tf: {link.parent} -> {child} is not known {late:+.3f} s from its newest transform")
        i = bisect_left(stamps, stamp_ns)
        if stamps[i] == stamp_ns:
            return link.poses[i]
        share = (stamp_ns - stamps[i - 1]) / (stamps[i] - stamps[i - 1])
        return between(link.poses[i - 1], link.poses[i], share)
