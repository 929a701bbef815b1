"""A table whose every row carries a CRC32 of itself, so that a flipped bit is never read back as a fact."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from robomem.memory.database import Row

BLOBS = frozenset(("covariance", "embedding", "data"))  # the columns that hold bytes, in any table


@dataclass(frozen=True)
class Table:
    """Name and columns (without `crc`, the last one) and the statements made from them.

    Attributes:
        key: the columns that name one row; they lead `columns`.
        kinds: what each column holds, for a table of which thousands of rows a second are written: at least two texts, and bytes at the
            end. Such rows are summed as packed numbers, in a third of the time; rows that were summed as text before are sound too.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: tuple[type, ...] = ()
    insert: str = field(init=False)
    select: str = field(init=False)
    delete: str = field(init=False)
    _bytes: list[bool] = field(init=False)
    _blobs: tuple[int, ...] = field(init=False)
    _start: int = field(init=False)
    packed_start: int = field(init=False)
    _packed_crc: Callable[[Row], int] = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        names = ", ".join(self.columns)
        put(self, "_bytes", [name in BLOBS for name in self.columns])
        put(self, "_blobs", tuple(i for i, name in enumerate(self.columns) if name in BLOBS))
        put(self, "_start", zlib.crc32(self.name.encode()))
        put(self, "packed_start", zlib.crc32(f"{self.name}, packed".encode()))
        put(self, "_packed_crc", _packed_crc(self.packed_start, self.kinds) if self.kinds else None)
        put(self, "insert", f"INSERT OR REPLACE INTO {self.name} ({names}, crc) VALUES ({', '.join('?' * (len(self.columns) + 1))})")
        put(self, "select", f"SELECT {names}, crc FROM {self.name}")
        put(self, "delete", f"DELETE FROM {self.name} WHERE {' AND '.join(f'{name} IS ?' for name in self.key)}")

    def insert_rows(self, n: int) -> str:
        """`insert` of n rows with one statement, whose arguments are their values one after the other: a fifth faster."""
        head, one = self.insert.split("VALUES ")
        return f"{head}VALUES {', '.join([one] * n)}"

    def seal(self, values: Row) -> Row:
        """`values` (in column order, SQLite's own types) with their CRC32 at the end, ready for `insert`.

        SQLite gives -0.0 back as 0.0, which has another checksum.
        """
        if 0.0 in values:
            values = tuple(0.0 if type(v) is float and v == 0.0 else v for v in values)
        return (*values, self.crc(values))

    def crc(self, values: Row) -> int:
        """CRC32 of a row, as its kinds say; as text where they say nothing, or something else."""
        return self._packed_crc(values) if self.kinds and tuple(map(type, values)) == self.kinds else self._text_crc(values)

    def _text_crc(self, values: Row) -> int:
        """`repr` of int, float, str and None is exact and the same after a round trip; blobs are summed as they are."""
        crc, told = self._start, list(values)
        for i in self._blobs:
            if isinstance(told[i], bytes):
                crc = zlib.crc32(told[i], crc)
                told[i] = len(told[i])
        return zlib.crc32(repr(told).encode("utf-8", "surrogatepass"), crc)

    def sound(self, row: Row) -> bool:
        """True if a row as selected still is the row as sealed.

        The sum alone takes the number 0 and a blob of no bytes for the same, and one flipped bit makes one of the other.
        """
        values = row[:-1]
        if self.kinds and tuple(map(type, values)) == self.kinds and row[-1] == self._packed_crc(values):
            return True
        return row[-1] == self._text_crc(values) and [type(value) is bytes for value in values] == self._bytes

    def key_of(self, row: Row) -> Row:
        """The key values of a row."""
        return row[: len(self.key)]


def _packed_crc(start: int, kinds: tuple[type, ...]) -> Callable[[Row], int]:
    """The CRC32 of rows of these kinds: of the bytes at the end, then of the numbers and the lengths, then of the texts."""
    numbers = [i for i, kind in enumerate(kinds) if kind in (int, float)]
    texts = [i for i, kind in enumerate(kinds) if kind is str]
    layout = struct.Struct("<" + "".join("q" if kinds[i] is int else "d" for i in numbers) + "q" * (len(texts) + 1))
    numbers_of, texts_of = itemgetter(*numbers), itemgetter(*texts)

    def crc(values: Row) -> int:
        told = texts_of(values)
        head = layout.pack(*numbers_of(values), *map(len, told), len(values[-1]))
        return zlib.crc32(head + "".join(told).encode("utf-8", "surrogatepass"), zlib.crc32(values[-1], start))

    return crc


def _columns(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


META = Table("meta", ("key",), ("key", "value"))
OBJECTS = Table(
    "objects",
    ("id",),
    _columns(
        "id label label_probs x y z covariance sx sy sz yaw existence status states first_ns last_ns support color kind embedding "
        "place_id place room_id room"
    ),
)
HISTORY = Table(
    "history",
    ("id",),
    _columns(
        "id object_id from_ns seen_ns to_ns x y z spread place_id place room_id room existence sightings first_observation last_observation"
    ),
)
OBSERVATIONS = Table(
    "observations",
    ("id",),
    _columns("id object_id stamp_ns label score x y z sx sy sz yaw color pixels embedding"),
    (int, int, int, str, *(float,) * 8, str, int, bytes),
)
EVENTS = Table("events", ("id",), _columns("id stamp_ns kind object_id label before after evidence belief room_from room_to"))
RELATIONS = Table(
    "relations", ("subject", "predicate", "object", "from_ns"), _columns("subject predicate object from_ns to_ns probability recorded_ns")
)
NODES = Table("nodes", ("id", "from_ns"), _columns("id from_ns to_ns layer label x y z sx sy sz yaw attributes recorded_ns"))
EPISODES = Table("episodes", ("id",), _columns("id instruction start_ns end_ns outcome summary steps cost"))
LESSONS = Table("lessons", ("id", "version"), _columns("id version text source support stamp_ns removed"))
CORRECTIONS = Table("corrections", ("object_id",), _columns("object_id label x y z stamp_ns"))
TOLD = Table(
    "told",
    ("object_id", "stamp_ns"),
    _columns("object_id stamp_ns label x y z spread place_id place room_id room source said ended_ns ended"),
)
WORLD_STATE = Table("world_state", ("name", "part"), _columns("name part data"))
ALIASES = Table("aliases", ("id",), _columns("id target stamp_ns"))

SEALED = (META, OBJECTS, HISTORY, OBSERVATIONS, EVENTS, RELATIONS, NODES, EPISODES, LESSONS, CORRECTIONS, TOLD, WORLD_STATE, ALIASES)
