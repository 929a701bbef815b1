"""The words of objects, episodes and lessons in the SQLite store: FTS5, stemmed, ranked by BM25."""

from __future__ import annotations

import re
from abc import abstractmethod

from robomem.memory.sqlite_core import SqliteCore
from robomem.memory.store import WordKind

WORD_CODES: dict[WordKind, int] = {"object": 0, "episode": 1, "lesson": 2}  # rowid in `words` is id * 8 + code
# "the wedding" must not find every text with a "the" in it.
SAYS_NOTHING = frozenset(
    "a an and are at be did do does for from has have i in is it its me my "
    "of on one or our please that the there this to was we were what when where with you your".split()
)


class WordRows(SqliteCore):
    """Rows of the word index."""

    @abstractmethod
    def settle(self) -> None:
        """Have everything that is held back in its rows."""

    def _put_words(self, ident: int, kind: WordKind, text: str) -> None:
        """Index `text` under a record; an empty text takes the record out of the index."""
        rowid = ident * 8 + WORD_CODES[kind]
        self.begin()
        self.database.execute("DELETE FROM words WHERE rowid = ?", (rowid,))
        if text.strip():
            self.database.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (rowid, text))

    def search_words(self, text: str, kind: WordKind, k: int) -> list[tuple[int, float]]:
        """(id, rank >= 0, best first) of records of one kind that hold any telling word of `text` (stemmed; BM25)."""
        words = [word for word in re.findall(r"\w+", text.lower()) if word not in SAYS_NOTHING][:64]
        if not words:
            return []
        query = " OR ".join(f'"{word}"' for word in words)  # quoted: no word can be taken for FTS5 syntax
        with self._guard:
            self.settle()
            sql = "SELECT rowid / 8, -rank FROM words WHERE words MATCH ? AND rowid % 8 = ? ORDER BY rank, rowid LIMIT ?"
            found = self.database.execute(sql, (query, WORD_CODES[kind], k))
        return [(ident, max(0.0, rank)) for ident, rank in found]

    def drop_words(self, ident: int, kind: WordKind) -> None:
        """Take a record out of the word index."""
        with self._guard:
            self._put_words(ident, kind, "")
