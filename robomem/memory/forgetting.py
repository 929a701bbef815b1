"""Forgetting: rows, history, observations, words, summaries and the world's own state; then a search that proves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from robomem.errors import StoreError
from robomem.memory import table
from robomem.memory.corrections import is_withdrawn
from robomem.memory.database import Row
from robomem.memory.records import PlaceWords
from robomem.memory.sqlite_store import SqliteStore
from robomem.scene_graph.world_model import WorldModel
from robomem.types import ObjectView

TRACES = (
    ("objects", "id"),
    ("history", "object_id"),
    ("observations", "object_id"),
    ("events", "object_id"),
    ("nodes", "id"),
    ("relations", "subject"),
    ("relations", "object"),
    ("corrections", "object_id"),
    ("told", "object_id"),
    ("told", "place_id"),
    ("told", "room_id"),
    ("aliases", "id"),
    ("aliases", "target"),
)
Region = tuple[float, float, float, float]  # x_min, y_min, x_max, y_max, m, map frame


@dataclass(frozen=True)
class Forgotten:
    """What went: object ids, and rows per table."""

    ids: tuple[int, ...]
    rows: dict[str, int]


class Eraser:
    """Removes things from a store without a trace. What is held back must be a row before rows are removed: flush first.

    Args:
        dry: only count what would go; the store may be open read-only.

    Attributes:
        untold: told rows of objects that stay, as they were before they went or lost their place: what held by them is to be undone.
    """

    def __init__(self, store: SqliteStore, dry: bool = False) -> None:
        self._store, self._dry = store, dry
        self.untold: list[Row] = []
        self._counted: dict[str, set[int]] = {}  # dry: rows by table, for one may be hit twice

    def erase(self, label: str | None, object_id: int, region: Region | None, world: WorldModel | None) -> Forgotten:
        """Remove what a label, else a region, else an id names, from the store and from the live world (snapshot and seal come after)."""
        rows: dict[str, int] = {}
        if region is not None:
            ids, part = self.erase_region(region)
            rows.update(part.rows)
        else:
            ids = self.ids_of_label(label) if label is not None else [object_id]
        if world is not None:
            ids = sorted({*ids, *(view.id for view in world.objects() if _falls(view, label, region))})
        done = self.erase_objects(ids, label)
        if world is not None and not self._dry:
            world.forget(list(done.ids))
            rates = world.tracker.rates
            rates.load_json({known: row for known, row in rates.to_json().items() if known != label})
        if self._dry:  # what a region hit is counted once
            return Forgotten(done.ids, {**rows, **done.rows})
        return Forgotten(done.ids, {t: rows.get(t, 0) + done.rows.get(t, 0) for t in {*rows, *done.rows}})

    def ids_of_label(self, label: str) -> list[int]:
        """Objects called `label`, by what they are or mostly were taken for, and those only observations or events still name."""
        views = [view for view, _ in self._store.objects().values()]
        named = {view.id for view in views if view.label == label}
        return sorted(
            named
            | {
                row[0]
                for row in self._store.query("SELECT DISTINCT object_id FROM events WHERE label = ?", (label,))
                if row[0] not in self._store.objects()
            }
        )

    def erase_objects(self, ids: Sequence[int], label: str | None = None) -> Forgotten:
        """Remove objects, with every alias of theirs, and whatever quotes them (or the whole word `label`)."""
        s = self._store
        everything = sorted(set(ids) | {old for i in ids for old in s.aliases_of(i)})
        words = {label} if label else self._last_of_their_label(everything)
        counts: dict[str, int] = {}
        for i in everything:
            self._erase_rows(i, counts)
        for word in words:
            self._delete(table.OBSERVATIONS, "label = ?", (word,), counts)
            self._delete(table.EVENTS, "label = ?", (word,), counts)
        self._erase_quotes(set(everything), words, counts)
        if self._dry:
            return Forgotten(tuple(everything), counts)
        if words:
            self._erase_mentions(set(everything), words)
        s.forget_cached(everything)
        return Forgotten(tuple(everything), counts)

    def erase_region(self, region: Region) -> tuple[list[int], Forgotten]:
        """Remove what was seen inside a region; returns (objects that are there now, for `erase_objects`; what else went).

        An object that only passed through keeps its other stays.
        """
        x0, y0, x1, y1 = region
        inside = "x BETWEEN ? AND ? AND y BETWEEN ? AND ?"
        box = (x0, x1, y0, y1)
        there = [view.id for view, _ in self._store.objects().values() if x0 <= view.position[0] <= x1 and y0 <= view.position[1] <= y1]
        counts: dict[str, int] = {}
        for t in (table.OBSERVATIONS, table.HISTORY):
            self._delete(t, inside, box, counts)
        hit = [row[0] for row in self._store.rows(table.EVENTS) if _position_inside(row[5], region) or _position_inside(row[6], region)]
        for i in hit:
            self._delete(table.EVENTS, "id = ?", (i,), counts)
        return there, Forgotten(tuple(there), counts)

    def seal(self, ids: Iterable[int], label: str | None) -> None:
        """Rewrite the word index, empty the log, and search for what should be gone.

        Raises:
            StoreError: something is left; it names where.
        """
        self._store.scrub()
        left = self.traces_left(ids, label)
        if left:
            raise StoreError(f"{self._store.path}: forgetting left rows in {', '.join(left)}; run verify() and try again")

    def traces_left(self, ids: Iterable[int], label: str | None) -> list[str]:
        """Names of the tables that still hold any of these objects or the label; empty if all is gone."""
        s, left = self._store, set()
        wanted = sorted(set(ids))
        for name, column in TRACES:
            if any(s.query(f"SELECT 1 FROM {name} WHERE {column} = ? LIMIT 1", (i,)) for i in wanted):
                left.add(name)
        if label:
            for name in ("objects", "observations", "events", "nodes"):
                if s.query(f"SELECT 1 FROM {name} WHERE label = ? LIMIT 1", (label,)):
                    left.add(name)
            if any(_says(body, {label}) for (body,) in s.query("SELECT body FROM words WHERE rowid % 8 > 0")):
                left.add("words")
            if any(_says(_told_text(row), {label}) for row in s.query(table.TOLD.select)):
                left.add("told")
        return sorted(left)

    def _erase_rows(self, i: int, counts: dict[str, int]) -> None:
        for t, where in (
            (table.OBJECTS, "id = ?"),
            (table.HISTORY, "object_id = ?"),
            (table.OBSERVATIONS, "object_id = ?"),
            (table.EVENTS, "object_id = ?"),
            (table.NODES, "id = ?"),
            (table.CORRECTIONS, "object_id = ?"),
            (table.TOLD, "object_id = ?"),
        ):
            self._delete(t, where, (i,), counts)
        self._delete(table.RELATIONS, "subject = ? OR object = ?", (i, i), counts)
        self._delete(table.ALIASES, "id = ? OR target = ?", (i, i), counts)

    def _erase_mentions(self, gone: set[int], words: set[str]) -> None:
        """Take the words out of rows of other things: what they were also taken for, and that they stood on it."""
        s, changed = self._store, []
        for view, place in s.objects().values():
            probs = {label: p for label, p in view.label_probs.items() if not _says(label, words)}
            bare = _without(place, words)
            if view.id not in gone and (len(probs) != len(view.label_probs) or bare != place):
                changed.append((replace(view, label_probs=probs), bare))
        s.put_objects(changed)
        s.put_stays(replace(y, place=bare) for y in s.stays() if y.object_id not in gone and (bare := _without(y.place, words)) != y.place)
        for ident, content in s.query("SELECT id, content FROM quarantine"):
            if _says(str(content), words):
                s.write("DELETE FROM quarantine WHERE id = ?", (ident,))

    def _delete(self, t: table.Table, where: str, args: Sequence[object], counts: dict[str, int]) -> None:
        if self._dry:
            found = self._counted.setdefault(t.name, set())
            found.update(row[0] for row in self._store.query(f"SELECT rowid FROM {t.name} WHERE {where}", args))
            counts[t.name] = len(found)
            return
        if t is table.OBSERVATIONS:
            gone = [row[0] for row in self._store.query(f"SELECT id FROM observations WHERE {where}", args)]
            self._store.delete_observations(gone)
            counts[t.name] = counts.get(t.name, 0) + len(gone)
            return
        counts[t.name] = counts.get(t.name, 0) + self._store.query(f"SELECT count(*) FROM {t.name} WHERE {where}", args)[0][0]
        self._store.remove(t, f"WHERE {where}", args)

    def _last_of_their_label(self, ids: Sequence[int]) -> set[str]:
        """Labels that no other object has: with the last of its kind, the word goes from the summaries."""
        views = [view for view, _ in self._store.objects().values()]
        others = {view.label for view in views if view.id not in ids}
        return {view.label for view in views if view.id in ids} - others

    def _erase_quotes(self, ids: set[int], words: set[str], counts: dict[str, int]) -> None:
        """Take out events, episodes and lessons that quote an id or one of the words."""
        s = self._store
        for row in s.rows(table.EVENTS):
            if ids & _numbers(json.loads(row[5])) or ids & _numbers(json.loads(row[6])) or _says(f"{row[5]} {row[6]}", words):
                self._delete(table.EVENTS, "id = ?", (row[0],), counts)
        for e in s.episodes():
            if ids & _numbers(list(e.steps)) or _says(f"{e.instruction} {e.summary} {json.dumps(list(e.steps))}", words):
                self._delete(table.EPISODES, "id = ?", (e.id,), counts)
                if not self._dry:
                    s.drop_words(e.id, "episode")
        self._erase_told(ids, words, counts)
        for lesson in s.lesson_versions():
            if _says(lesson.text, words) or any(f"#{i}" in re.findall(r"#\d+", lesson.text) for i in ids):
                self._delete(table.LESSONS, "id = ?", (lesson.id,), counts)
                if not self._dry:
                    s.drop_words(lesson.id, "lesson")

    def _erase_told(self, ids: set[int], words: set[str], counts: dict[str, int]) -> None:
        """Take out what people said in these words or of a place that goes; a label that was told with such a place stays."""
        for row in self._store.rows(table.TOLD) if table.TOLD in self._store.sealed() else []:
            if row[0] in ids or not (ids & {row[7], row[9]} or _says(_told_text(row), words)):
                continue
            self.untold.append(row)
            bare: Row = (*row[:3], None, None, None, row[6], None, None, None, None, *row[11:13])
            bare = (*bare, *row[13:15]) if is_withdrawn(row) else (*bare, None, "")
            self._delete(table.TOLD, "object_id = ? AND stamp_ns = ?", row[:2], counts)
            if row[2] and not self._dry and not _says(_told_text((*bare, 0)), words):
                self._store.put(table.TOLD, [bare])


def _falls(view: ObjectView, label: str | None, region: Region | None) -> bool:
    """True if a tracked object (tentative ones too) is among what is to be forgotten by label or region."""
    if region is not None:
        x, y = view.position[:2]
        return bool(region[0] <= x <= region[2] and region[1] <= y <= region[3])
    return label is not None and view.label == label


def _told_text(row: Row) -> str:
    """Every word of a told row: label, place, room, who said it, what was said, and what became of it."""
    return " ".join(str(value) for value in row[2:-1] if isinstance(value, str))


def _without(place: PlaceWords, words: set[str]) -> PlaceWords:
    return PlaceWords(None, "", place.room_id, place.room) if _says(place.holder, words) else place


def _says(text: str, words: set[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}(?:e?s)?\b", text, re.IGNORECASE) for word in words)


def _numbers(value: object) -> set[int]:
    """Integers anywhere in plain JSON values under a key that names an id."""
    if isinstance(value, dict):
        own = {v for k, v in value.items() if isinstance(v, int) and str(k).split("_")[-1] in ("id", "object", "target", "place")}
        return own.union(*(_numbers(v) for v in value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*(_numbers(v) for v in value))
    return set()


def _position_inside(text: str, region: Region) -> bool:
    position = json.loads(text).get("position")
    return bool(position) and region[0] <= position[0] <= region[2] and region[1] <= position[1] <= region[3]
