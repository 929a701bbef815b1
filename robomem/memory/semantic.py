"""Semantic memory: lessons and told facts. Every change is a new version with its source and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from robomem.errors import InvalidInputError
from robomem.memory.records import Lesson
from robomem.memory.store import Store

MAX_CHARS = 2000


class SemanticMemory:
    """Lessons in a store. Links and updates go by id, never by rank in a search result."""

    def __init__(self, store: Store, new_id: Callable[[], int]) -> None:
        self._store, self._new_id = store, new_id

    def add(self, text: str, source: str, stamp_ns: int) -> Lesson:
        """Remember a lesson; the very same text only gains support.

        Raises:
            InvalidInputError: no text or no source.
        """
        text, source = _checked(text), source.strip()
        if not source:
            raise InvalidInputError("lesson: a source is needed (who says so: 'user', 'task 12'), got nothing")
        for lesson in self.current():
            if lesson.text == text:
                return self._put(replace(lesson, version=lesson.version + 1, support=lesson.support + 1, stamp_ns=stamp_ns))
        return self._put(Lesson(self._new_id(), 1, text, source, 1, stamp_ns))

    def update(self, lesson_id: int, text: str, source: str, stamp_ns: int) -> Lesson:
        """Say it differently; the old version is kept.

        Raises:
            InvalidInputError: no such lesson, or no text.
        """
        old = self._newest(lesson_id)
        return self._put(Lesson(old.id, old.version + 1, _checked(text), source, 1, stamp_ns))

    def remove(self, lesson_id: int, source: str, stamp_ns: int) -> None:
        """Take a lesson out of every answer; `undo` brings it back.

        Raises:
            InvalidInputError: no such lesson.
        """
        old = self._newest(lesson_id)
        self._put(replace(old, version=old.version + 1, source=source, stamp_ns=stamp_ns, removed=True))

    def undo(self, lesson_id: int) -> Lesson | None:
        """Take back the last change and return what holds now; None if it was the lesson's first version.

        Raises:
            InvalidInputError: no such lesson.
        """
        self._store.drop_lesson_version(lesson_id, self._newest(lesson_id).version)
        left = self._store.lesson_versions(lesson_id)
        return left[-1] if left else None

    def history(self, lesson_id: int) -> list[Lesson]:
        """Every version of a lesson, oldest first."""
        return self._store.lesson_versions(lesson_id)

    def current(self) -> list[Lesson]:
        """The lessons that hold, by id."""
        newest = {lesson.id: lesson for lesson in self._store.lesson_versions()}
        return [lesson for lesson in newest.values() if not lesson.removed]

    def find(self, query: str | None, k: int) -> list[Lesson]:
        """The `k` best lessons by words, better supported first among equals; without a query the best supported."""
        lessons = {lesson.id: lesson for lesson in self.current()}
        if not query:
            return sorted(lessons.values(), key=lambda lesson: (-lesson.support, -lesson.stamp_ns))[:k]
        ranks = dict(self._store.search_words(query, "lesson", 8 * k))
        return sorted((lessons[i] for i in ranks if i in lessons), key=lambda lesson: (-ranks[lesson.id], -lesson.support))[:k]

    def _newest(self, lesson_id: int) -> Lesson:
        versions = self._store.lesson_versions(lesson_id)
        if not versions:
            raise InvalidInputError(f"lesson {lesson_id}: there is none with this id; lessons() lists them")
        return versions[-1]

    def _put(self, lesson: Lesson) -> Lesson:
        self._store.put_lesson(lesson)
        return lesson


def _checked(text: str) -> str:
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not clean or len(clean) > MAX_CHARS:
        raise InvalidInputError(f"lesson: expected 1 to {MAX_CHARS} characters of text, got {len(clean)}")
    return clean
