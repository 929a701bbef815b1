"""The door of the store: what is refused, and how clearly; one writer; migrations."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robomem.clock import ManualClock
from robomem.errors import ConfigError, StoreError, StoreLockedError
from robomem.memory import records, table
from robomem.memory.corrections import Correction, told_row
from robomem.memory.database import APPLICATION_ID, Database
from robomem.memory.integrity import verify
from robomem.memory.records import PlaceWords
from robomem.memory.schema import MIGRATIONS, SCHEMA_VERSION, check_ours, migrate
from robomem.memory.sqlite_store import SqliteStore
from robomem.types import Episode, Event, ObjectView

ENGINES = ("apsw", "sqlite3")


def store(path: Path | str, **options) -> SqliteStore:
    return SqliteStore(str(path), ManualClock(1_000), **options)


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as c:
        c.execute("CREATE TABLE theirs (x)")


def newer(path: Path) -> None:
    with sqlite3.connect(path) as c:
        c.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        c.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        c.execute("CREATE TABLE meta (x)")


REFUSED = [
    ("a folder", lambda p: p.mkdir(), "is a folder"),
    ("a text file", lambda p: p.write_text("hello, I am not a database"), "is not an SQLite database"),
    ("a truncated one", lambda p: p.write_bytes(b"SQLite format 3\x00" + b"\x00" * 50), "beyond what can be repaired.*restore --copy"),
    ("of another application", foreign, "another application"),
    ("of a newer robomem", newer, "upgrade robomem"),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("make", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_memory_is_refused_and_left_alone(tmp_path: Path, engine: str, make, message: str):
    path = tmp_path / "home.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=message):
        store(path, engine=engine)
    assert (path.read_bytes() if path.is_file() else b"") == before
    with pytest.raises(StoreError):
        store(path, engine=engine, read_only=True)
    assert list(tmp_path.iterdir()) == [path]  # no lock and no log beside what was refused
    with pytest.raises(StoreError):
        store(path, engine=engine)  # the lock was given back: the same error again, not a lock error


@pytest.mark.parametrize(("path", "message"), [("none/home.db", "folder"), (":memory:", "read-only")])
def test_reading_or_making_where_nothing_can_be(tmp_path: Path, path: str, message: str):
    with pytest.raises(StoreError, match=message):
        store(path if path == ":memory:" else tmp_path / path, read_only=path == ":memory:")


def test_reading_what_is_not_there_makes_nothing(tmp_path: Path):
    with pytest.raises(StoreError, match="no such database"):
        store(tmp_path / "home.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_writer_is_told_who_has_it(tmp_path: Path, engine: str):
    first = store(tmp_path / "home.db", engine=engine)
    with pytest.raises(StoreLockedError, match="one writer at a time"):
        store(tmp_path / "home.db", engine=engine)
    reader = store(tmp_path / "home.db", read_only=True, engine=engine)
    reader.close()
    first.close()
    store(tmp_path / "home.db", engine=engine).close()


def test_a_second_writer_in_another_process(tmp_path: Path):
    path = tmp_path / "home.db"
    code = (
        "import sys; from robomem.clock import SystemClock; from robomem.errors import StoreLockedError\n"
        "from robomem.memory.sqlite_store import SqliteStore\n"
        "try:\n    SqliteStore(sys.argv[1], SystemClock())\nexcept StoreLockedError as e:\n    sys.exit(7)"
    )
    held = store(path)
    root = str(Path(__file__).parents[2])
    assert subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, timeout=60, check=False).returncode == 7
    held.close()


def test_a_reader_cannot_write(tmp_path: Path):
    store(tmp_path / "home.db").close()
    reader = store(tmp_path / "home.db", read_only=True)
    with pytest.raises(StoreError, match="read-only"):
        reader.put_meta("x", "1")
    reader.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_migrations_are_numbered_and_each_whole_or_undone(tmp_path: Path, engine: str):
    path = str(tmp_path / "home.db")
    db = Database(path, engine=engine)
    assert migrate(db, check_ours(db)) == SCHEMA_VERSION
    next_one = ("ALTER TABLE objects ADD COLUMN weight REAL",)
    broken = ("CREATE TABLE half_done (x)", "THIS IS NOT SQL")
    with pytest.raises(StoreError):
        migrate(db, SCHEMA_VERSION, (*MIGRATIONS, next_one, broken))
    assert db.execute("PRAGMA user_version")[0][0] == SCHEMA_VERSION + 1  # the good step stays, the broken one is undone
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half_done'")[0][0] == 0
    assert migrate(db, SCHEMA_VERSION + 1, (*MIGRATIONS, next_one, ("CREATE TABLE more (x)",))) == SCHEMA_VERSION + 2
    db.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_durability_settings_and_health(tmp_path: Path, engine: str):
    s = store(tmp_path / "home.db", engine=engine)
    names = ("journal_mode", "synchronous", "secure_delete", "application_id")
    pragma = {name: s.database.execute(f"PRAGMA {name}")[0][0] for name in names}
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "application_id": APPLICATION_ID}
    health = s.health()
    assert health["engine"] == engine and health["rows"]["objects"] == 0 and not health["fault"]
    old = tuple(int(p) for p in health["sqlite"].split(".")) <= (3, 51, 2)
    assert bool(health["warnings"]) is old
    s.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_backup_is_a_database_of_its_own(tmp_path: Path, engine: str):
    s = store(tmp_path / "home.db", engine=engine)
    s.put_meta("note", "kept")
    s.backup(str(tmp_path / "copy.db"))
    with pytest.raises(StoreError, match="open database itself"):
        s.backup(str(tmp_path / "home.db"))
    s.close()
    copy = store(tmp_path / "copy.db", engine=engine)
    assert copy.get_meta("note") == "kept"
    copy.close()
    assert not [p for p in tmp_path.iterdir() if "partial" in p.name]


def sealed_rows(db: Database, names: set[str]) -> int:
    """One row in each of the tables a file of that version has, as its code wrote them."""
    view = ObjectView(7, "mug", {"mug": 1.0}, np.ones(3), np.ones(3), 0.0, 0.9, "confirmed", {}, 1, 2, 3)
    place = PlaceWords(9, "on the desk", 8, "study")
    rows = {
        "meta": [("epoch_ns", "0"), ("map_id", "ab"), ("next_id", "1000"), ("embedder_id", "")],
        "objects": [records.object_row(view, place)],
        "events": [records.event_row(Event(20, 5, "moved", 7, {}, {}, (), 0.9, "mug"), 8, None)],
        "episodes": [records.episode_row(Episode(30, "bring the mug", 1, 2, "done", "fine"))],
        "corrections": [(7, "teacup", 1.0, 2.0, 3.0, 99)],
        "told": [told_row(Correction(7, "teacup", np.array([1.0, 2.0, 3.0]), 99, said="it is there"))],
    }
    kept = {t.name: [t.seal(row) for row in rows[t.name]] for t in table.SEALED if t.name in rows and t.name in names}
    if "told" in kept:
        del kept["corrections"]  # the version that has `told` writes nothing else
    for name, sealed in kept.items():
        db.executemany(next(t for t in table.SEALED if t.name == name).insert, sealed)
    return sum(map(len, kept.values()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_a_file_of_every_earlier_version_is_read_and_migrated(tmp_path: Path, version: int, engine: str):
    path = tmp_path / "home.db"
    db = Database(str(path), engine=engine)
    db.execute("PRAGMA journal_mode = WAL")
    migrate(db, check_ours(db), MIGRATIONS[:version])
    n = sealed_rows(db, {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")})
    db.close()
    for options in ({"read_only": True}, {}, {"read_only": True}):  # a reader before any writer, the writer, a reader after
        s = store(path, engine=engine, **options)
        assert s.objects()[7][1].words == "on the desk in the study" and s.episodes()[0].id == 30 and s.events(0, 99)[0].object_id == 7
        said = s.corrections()[7]
        assert (said.label, said.position.tolist(), said.stamp_ns) == ("teacup", [1.0, 2.0, 3.0], 99)
        report = verify(s)
        assert report.ok and report.rows >= n and s.bad_rows == 0
        s.close()
    s = store(path, engine=engine)
    assert s.health()["schema_version"] == SCHEMA_VERSION
    s.put_correction(replace(said, stamp_ns=100, label="cup"))
    assert s.corrections()[7].label == "cup" and s.count(table.CORRECTIONS) == 0
    s.close()


def test_the_engine_can_be_named_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ROBOMEM_SQLITE", "sqlite3")
    s = store(tmp_path / "home.db")
    assert s.health()["engine"] == "sqlite3"
    s.close()
    monkeypatch.setenv("ROBOMEM_SQLITE", "oracle")
    with pytest.raises(ConfigError, match="ROBOMEM_SQLITE"):
        store(tmp_path / "home.db")
