"""Tables, numbered migrations, and the checks that keep a foreign or newer database out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from robomem.errors import StoreError
from robomem.memory.database import APPLICATION_ID, Database

NEXT_PACK = "next_pack"  # the note of the id that the next pack gets
BOXES = "CREATE VIRTUAL TABLE pack_boxes USING rtree (id, x0, x1, y0, y1, z0, z1, t0, t1)"
# One entry per schema version, applied in order, each in its own transaction. Never edit one that was released: add the next.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER)",
        """CREATE TABLE objects (id INTEGER PRIMARY KEY, label TEXT, label_probs TEXT, x REAL, y REAL, z REAL, covariance BLOB,
        sx REAL, sy REAL, sz REAL, yaw REAL, existence REAL, status TEXT, states TEXT, first_ns INTEGER, last_ns INTEGER, support INTEGER,
        color TEXT, kind TEXT, embedding BLOB, place_id INTEGER, place TEXT, room_id INTEGER, room TEXT, crc INTEGER)""",
        # One row per stay: where an object was, from the first to the last sighting there (seen_ns), and by when it was gone (to_ns).
        """CREATE TABLE history (id INTEGER PRIMARY KEY, object_id INTEGER, from_ns INTEGER, seen_ns INTEGER, to_ns INTEGER,
        x REAL, y REAL, z REAL, spread REAL, place_id INTEGER, place TEXT, room_id INTEGER, room TEXT, existence REAL, sightings INTEGER,
        first_observation INTEGER, last_observation INTEGER, crc INTEGER)""",
        "CREATE INDEX history_of_object ON history (object_id, from_ns)",
        """CREATE TABLE observations (id INTEGER PRIMARY KEY, object_id INTEGER, stamp_ns INTEGER, label TEXT, score REAL,
        x REAL, y REAL, z REAL, sx REAL, sy REAL, sz REAL, yaw REAL, color TEXT, pixels INTEGER, embedding BLOB, crc INTEGER)""",
        "CREATE INDEX observations_of_object ON observations (object_id, stamp_ns)",
        "CREATE VIRTUAL TABLE observation_boxes USING rtree (id, x0, x1, y0, y1, z0, z1, t0, t1)",
        """CREATE TABLE events (id INTEGER PRIMARY KEY, stamp_ns INTEGER, kind TEXT, object_id INTEGER, label TEXT, before TEXT, after TEXT,
        evidence TEXT, belief REAL, room_from INTEGER, room_to INTEGER, crc INTEGER)""",
        "CREATE INDEX events_in_time ON events (stamp_ns)",
        # Bi-temporal: from_ns/to_ns say when it held in the world, recorded_ns when memory was told.
        """CREATE TABLE relations (subject INTEGER, predicate TEXT, object INTEGER, from_ns INTEGER, to_ns INTEGER, probability REAL,
        recorded_ns INTEGER, crc INTEGER, PRIMARY KEY (subject, predicate, object, from_ns))""",
        """CREATE TABLE nodes (id INTEGER, from_ns INTEGER, to_ns INTEGER, layer TEXT, label TEXT, x REAL, y REAL, z REAL,
        sx REAL, sy REAL, sz REAL, yaw REAL, attributes TEXT, recorded_ns INTEGER, crc INTEGER, PRIMARY KEY (id, from_ns))""",
        """CREATE TABLE episodes (id INTEGER PRIMARY KEY, instruction TEXT, start_ns INTEGER, end_ns INTEGER, outcome TEXT, summary TEXT,
        steps TEXT, cost TEXT, crc INTEGER)""",
        """CREATE TABLE lessons (id INTEGER, version INTEGER, text TEXT, source TEXT, support INTEGER, stamp_ns INTEGER, removed INTEGER,
        crc INTEGER, PRIMARY KEY (id, version))""",
        "CREATE TABLE corrections (object_id INTEGER PRIMARY KEY, label TEXT, x REAL, y REAL, z REAL, stamp_ns INTEGER, crc INTEGER)",
        "CREATE TABLE world_state (name TEXT, part INTEGER, data BLOB, crc INTEGER, PRIMARY KEY (name, part))",
        "CREATE TABLE aliases (id INTEGER PRIMARY KEY, target INTEGER, stamp_ns INTEGER, crc INTEGER)",
        # No crc here: a quarantined row is kept as the text of what was read.
        "CREATE TABLE quarantine (id INTEGER PRIMARY KEY, source TEXT, reason TEXT, content TEXT, stamp_ns INTEGER)",
        "CREATE VIRTUAL TABLE words USING fts5 (body, tokenize = 'porter unicode61')",
    ),
    (
        # Everything people said about objects, with who said it and what became of it; version 1's `corrections` is read, not written.
        """CREATE TABLE told (object_id INTEGER, stamp_ns INTEGER, label TEXT, x REAL, y REAL, z REAL, spread REAL, place_id INTEGER,
        place TEXT, room_id INTEGER, room TEXT, source TEXT, said TEXT, ended_ns INTEGER, ended TEXT, crc INTEGER,
        PRIMARY KEY (object_id, stamp_ns))""",
    ),
    (
        # Observations for questions of where and when (robomem/memory/packs.py): all with an id up to `last`, and above that of the block
        # before, are in its packs, or in none. They are derived from the rows: packed again as soon as a writer commits.
        "CREATE TABLE blocks (last INTEGER PRIMARY KEY, packed INTEGER NOT NULL)",
        "CREATE INDEX blocks_to_pack ON blocks (last) WHERE packed = 0",
        "CREATE TABLE packs (id INTEGER PRIMARY KEY, block INTEGER NOT NULL, dim INTEGER NOT NULL, data BLOB NOT NULL)",
        "CREATE INDEX packs_of_block ON packs (block)",
        BOXES,
        # No pack outlives a change of what it holds, whoever makes it; INSERT OR REPLACE fires the first of these.
        """CREATE TRIGGER observation_put AFTER INSERT ON observations WHEN new.id <= (SELECT max(last) FROM blocks) BEGIN
        UPDATE blocks SET packed = 0 WHERE last = (SELECT min(last) FROM blocks WHERE last >= new.id) AND packed; END""",
        """CREATE TRIGGER observation_changed AFTER UPDATE OF id, stamp_ns, x, y, z, embedding ON observations BEGIN
        UPDATE blocks SET packed = 0 WHERE last IN ((SELECT min(last) FROM blocks WHERE last >= old.id),
        (SELECT min(last) FROM blocks WHERE last >= new.id)) AND packed; END""",
        """CREATE TRIGGER observation_gone AFTER DELETE ON observations BEGIN
        UPDATE blocks SET packed = 0 WHERE last = (SELECT min(last) FROM blocks WHERE last >= old.id) AND packed; END""",
        """CREATE TRIGGER block_unpacked AFTER UPDATE ON blocks WHEN old.packed AND NOT new.packed BEGIN
        DELETE FROM pack_boxes WHERE id IN (SELECT id FROM packs WHERE block = old.last);
        DELETE FROM packs WHERE block = old.last; END""",
        "DROP TABLE observation_boxes",
    ),
    # Asked of every row that came, it took a fifth of the time of writing one; who inserts below the last block now says so (Packer.put).
    ("DROP TRIGGER observation_put",),
)

SCHEMA_VERSION = len(MIGRATIONS)


def check_ours(database: Database) -> int:
    """The schema version of an open database; 0 for an empty one.

    Raises:
        StoreError: a foreign application's database, or one written by a newer robomem.
    """
    path = database.path
    application, version = database.execute("PRAGMA application_id")[0][0], database.execute("PRAGMA user_version")[0][0]
    if application != APPLICATION_ID:
        if database.execute("SELECT count(*) FROM sqlite_master")[0][0] or application:
            raise StoreError(
                f"{path}: is a database of another application (application_id {application:#x}, robomem's is "
                f"{APPLICATION_ID:#x}); nothing was changed; give another path"
            )
        if database.read_only:
            raise StoreError(f"{path}: is an empty database; nothing was ever remembered in it")
        return 0
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path}: has schema version {version}, this robomem knows up to {SCHEMA_VERSION}; upgrade robomem")
    return version


def check_file(path: str, engine: str | None) -> None:
    """`check_ours` of a file as it stands, before it is opened for good: a lock and SQLite's log would stay beside a file that is refused.

    Raises:
        StoreError: no SQLite file, a damaged, a foreign or a newer one.
    """
    file, log = Path(path), Path(f"{path}-wal")

    def logged() -> bool:
        return log.exists() and log.stat().st_size > 0

    if not file.exists() or (file.is_file() and file.stat().st_size == 0) or logged():
        return  # what a log holds is not in the file yet: only an ordinary reader sees it whole
    try:
        with closing(Database(path, read_only=True, engine=engine, frozen=True)) as database:
            check_ours(database)
    except StoreError:
        if not logged():  # else a writer has begun meanwhile, and this was half of what it wrote
            raise


def migrate(database: Database, version: int, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Bring a database from `version` to the newest of `migrations` and return that; each step is whole or undone.

    Raises:
        StoreError: a step failed; the database stays at the version before it.
    """
    for number, statements in enumerate(migrations[version:], version + 1):
        database.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {number}")
        except StoreError:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
    return max(version, len(migrations))


def renew_boxes(database: Database) -> None:
    """Make the R*Tree of the packs anew, within the open transaction: its nodes keep where deleted ones were.

    Where it cannot be read, the packs go with it.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        kept = database.execute("SELECT id, x0, x1, y0, y1, z0, z1, t0, t1 FROM pack_boxes")
    except StoreError:
        kept = []
    database.execute("DROP TABLE pack_boxes")
    database.execute(BOXES)
    database.executemany("INSERT INTO pack_boxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", kept)
    if not kept:
        database.execute("UPDATE blocks SET packed = 0 WHERE packed")
