"""Consolidation, off the hot path: what changed goes to its task's episode, what recurs becomes facts, finished days become summaries.

Raw events are never touched: they stay until their own budget takes them. Each of the three steps reads first and then writes all it has in
one transaction, so a crash leaves it done or not begun, and doing it again changes nothing: a fact is known by what it is about.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import combinations
from typing import Protocol

from robomem.clock import NS_PER_S
from robomem.memory.records import Lesson
from robomem.memory.store import Store
from robomem.types import Event

SOURCE = "consolidation"
CHANGES = "Changes then:"  # begins what an episode's summary was given here
TOLD = ("moved", "appeared", "removed")
NEWEST_EPISODES = 50  # older ones were done by an earlier run
MAX_CHANGES = 12  # told of one episode or day
BURST_NS = 600 * NS_PER_S  # moves nearer in time than this belong together
MAX_BURST = 12  # a burst of more things is a clean-up or a move: it says nothing about pairs
MIN_SUPPORT, MIN_SHARE = 3, 0.5
SLICE_NS, TURN_S = 86_400 * NS_PER_S, 0.001  # of events read at once, and the pause after it
HISTORY_DAYS = 60  # looked back for facts; day summaries older than this go


class Books(Store, Protocol):
    """A store that can write several rows as one."""

    def together(self) -> AbstractContextManager[None]:
        """Everything put inside is one transaction."""
        ...


@dataclass(frozen=True)
class Draft:
    """A fact that should hold: `source` says what it is about (by ids, never by words) and is the same in every run."""

    source: str
    text: str
    support: int


@dataclass(frozen=True)
class Consolidated:
    """How many episodes, facts and day summaries a run wrote."""

    episodes: int = 0
    facts: int = 0
    days: int = 0


class Consolidator:
    """Runs the three steps on a store.

    Args:
        take_ids: as many new ids.
        zone: where the days of the home begin.
    """

    def __init__(self, store: Books, take_ids: Callable[[int], Sequence[int]], zone: tzinfo) -> None:
        self._store, self._take_ids, self._zone = store, take_ids, zone

    def run(self, now_ns: int) -> Consolidated:
        """All three; may run in any thread, at task end, at night, or both."""
        return Consolidated(self.episodes(), self.facts(now_ns), self.days(now_ns))

    def episodes(self) -> int:
        """What changed while a task ran is added to its episode."""
        rows = []
        for episode in self._store.episodes(newest=NEWEST_EPISODES):
            events = [e for e in self._store.events(episode.start_ns, episode.end_ns) if e.kind in TOLD]
            if events and CHANGES not in episode.summary:
                rows.append(replace(episode, summary=f"{episode.summary} {CHANGES} {_told(events)}".strip()))
        with self._store.together():
            held = {e.id: e for e in self._store.episodes(ids=[r.id for r in rows])}
            rows = [r for r in rows if r.id in held and CHANGES not in held[r.id].summary]  # forgotten, or done, meanwhile
            for row in rows:
                self._store.put_episode(row, 1 << 62)
        return len(rows)

    def facts(self, now_ns: int) -> int:
        """Where each thing usually is (most of the time), and what is moved together (mostly); both at least `MIN_SUPPORT` times."""
        since = now_ns - HISTORY_DAYS * 86_400 * NS_PER_S
        drafts = [*self._usual_places(since), *self._moved_together(since, now_ns)]
        return self._write(drafts, now_ns, lambda source: source.startswith((f"{SOURCE} place", f"{SOURCE} pair")))

    def days(self, now_ns: int) -> int:
        """One summary per room and finished day with changes; those of more than `HISTORY_DAYS` ago are dropped."""
        today = datetime.fromtimestamp(now_ns / NS_PER_S, self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        oldest = today - timedelta(days=HISTORY_DAYS)
        drafts = []
        done = {lesson.source for lesson in self._store.lesson_versions()}
        rooms = [(room, name) for room, name in sorted(self._store.room_names().items()) if name]
        for k in range(HISTORY_DAYS, 0, -1):
            begin, end = today - timedelta(days=k), today - timedelta(days=k - 1)
            day = f"{begin:%Y-%m-%d}"
            for room, name in rooms:
                source = f"{SOURCE} day {day} room #{room}"
                part = [e for e in self._events(_ns(begin), _ns(end) - 1, name) if e.kind in TOLD] if source not in done else []
                if part:
                    drafts.append(Draft(source, f"On {day} in the {name} {len(part)} changes: {_told(part)}"[:2000], len(part)))
        return self._write(drafts, now_ns, lambda source: source.startswith(f"{SOURCE} day") and source < f"{SOURCE} day {oldest:%Y-%m-%d}")

    def _events(self, from_ns: int, to_ns: int, room: str = "") -> Iterator[Event]:
        """In time order, a day's at a time: reading holds the store, and between two days others have their turn."""
        for at in range(from_ns, to_ns + 1, SLICE_NS):
            yield from self._store.events(at, min(at + SLICE_NS - 1, to_ns), room=room)
            time.sleep(TURN_S)

    def _usual_places(self, since_ns: int) -> Iterator[Draft]:
        labels = {i: view.label for i, (view, _) in self._store.objects().items() if view.kind == "object"}
        places: dict[int, Counter[str]] = defaultdict(Counter)
        spent: dict[int, Counter[str]] = defaultdict(Counter)  # ns
        for stay in self._store.stays():
            if stay.seen_ns >= since_ns and stay.object_id in labels and stay.place.words:
                places[stay.object_id][stay.place.words] += 1
                spent[stay.object_id][stay.place.words] += max(stay.seen_ns, stay.to_ns or 0) - max(stay.from_ns, since_ns)
        for i, counts in sorted(places.items()):
            where, longest = spent[i].most_common(1)[0]
            n, total = counts[where], counts.total()
            if n >= MIN_SUPPORT and longest >= MIN_SHARE * spent[i].total():
                yield Draft(f"{SOURCE} place of #{i}", f"the {labels[i]} (#{i}) is usually {where}: {n} of {total} stays", n)

    def _moved_together(self, since_ns: int, now_ns: int) -> Iterator[Draft]:
        labels: dict[int, str] = {}
        alone: Counter[int] = Counter()
        pairs: Counter[tuple[int, int]] = Counter()
        for burst in _bursts(e for e in self._events(since_ns, now_ns) if e.kind == "moved"):
            things = {self._store.resolve(e.object_id): e.label for e in burst}
            labels |= things
            alone.update(things.keys())
            if len(things) <= MAX_BURST:
                pairs.update(combinations(sorted(things), 2))
        for (a, b), n in sorted(pairs.items()):
            if n >= MIN_SUPPORT and n >= MIN_SHARE * max(alone[a], alone[b]):
                text = f"the {labels[a]} (#{a}) and the {labels[b]} (#{b}) are usually moved together: {n} times"
                yield Draft(f"{SOURCE} pair #{a} #{b}", text, n)

    def _write(self, drafts: Sequence[Draft], now_ns: int, ours: Callable[[str], bool]) -> int:
        """Bring the lessons to what the drafts say, in one transaction: new ones, changed ones, and out with what no longer holds.

        What a person changed or removed is left alone, for its newest version is not ours.
        """
        ids = iter(self._take_ids(len(drafts)))  # leased now: a lease commits, and the transaction below must not be cut in two
        wanted = {d.source: d for d in drafts}
        written = 0
        with self._store.together():
            newest, about = _newest(self._store.lesson_versions())
            for draft in drafts:
                old = newest.get(about.get(draft.source, 0))
                if old is None:
                    self._store.put_lesson(Lesson(next(ids), 1, draft.text, draft.source, draft.support, now_ns))
                elif old.source == draft.source and (old.removed or (old.text, old.support) != (draft.text, draft.support)):
                    self._store.put_lesson(Lesson(old.id, old.version + 1, draft.text, draft.source, draft.support, now_ns))
                else:
                    continue
                written += 1
            for source, lesson_id in about.items():
                old = newest[lesson_id]
                if ours(source) and source not in wanted and old.source == source and not old.removed:
                    self._store.put_lesson(replace(old, version=old.version + 1, stamp_ns=now_ns, removed=True))
        return written


def _newest(versions: Iterable[Lesson]) -> tuple[dict[int, Lesson], dict[str, int]]:
    """(id -> newest version, source of ours -> id), also where the newest version is another's."""
    newest: dict[int, Lesson] = {}
    about: dict[str, int] = {}
    for lesson in versions:  # by id and version
        newest[lesson.id] = lesson
        if lesson.source.startswith(f"{SOURCE} "):
            about[lesson.source] = lesson.id
    return newest, about


def _bursts(events: Iterable[Event]) -> Iterator[list[Event]]:
    burst: list[Event] = []
    for event in events:  # in time order
        if burst and event.stamp_ns - burst[-1].stamp_ns > BURST_NS:
            yield burst
            burst = []
        burst.append(event)
    if burst:
        yield burst


def _told(events: Sequence[Event]) -> str:
    """ "the mug (#3) moved twice, last to the desk; the book (#5) appeared", the most changed first."""
    by_thing: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_thing[event.object_id].append(event)
    ranked = sorted(by_thing.items(), key=lambda item: (-len(item[1]), item[0]))
    parts = []
    for i, changes in ranked[:MAX_CHANGES]:
        last, n = changes[-1], len(changes)
        where = str(last.after.get("place") or last.before.get("place") or "")
        words = f"{last.kind}{f', {n} changes in all' if n > 1 else ''}{f', last known {where}' if where else ''}"
        parts.append(f"the {last.label or 'thing'} (#{i}) {words}")
    more = len(ranked) - MAX_CHANGES
    return "; ".join(parts) + (f"; and {more} others" if more > 0 else "")


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * NS_PER_S
