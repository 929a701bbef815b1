"""`robomem memory ...`: statistics, verification, verified copies that go both ways, forgetting, and exports that read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robomem.cli import main
from robomem.clock import ManualClock
from robomem.memory.robot_memory import RobotMemory
from robomem.types import Episode
from tests.memory.hand_home import HandHome, S


@pytest.fixture
def db(tmp_path: Path, clock: ManualClock) -> Path:
    with RobotMemory.open(tmp_path / "home.db", clock=clock) as memory:
        memory.store.lease_ids(200_000)
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S, color="red")
        home.put(2, "cup", "desk", 2 * S)
        home.put(1, "mug", "desk", 20 * S, moved=True, color="red")
        memory.add_episode(Episode(0, "bring the cup", 0, 1, "done", "fine", ({"skill": "pick"},), {"s": 1.5}))
        memory.correct(2, place="on the shelf", source="Anna", said="the cup is on the shelf")
    return tmp_path / "home.db"


def damage(db: Path) -> None:
    with RobotMemory.open(db) as memory:
        memory.store.write("UPDATE episodes SET outcome = 'failed'")


def run(*argv: object) -> int:
    return main(["memory", *map(str, argv)])


def test_stats(db: Path, capsys: pytest.CaptureFixture[str]):
    assert run("stats", "--db", db, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"]["objects"] == 6 and told["engine"] in ("apsw", "sqlite3") and told["usage"]["observations"]["max"] == 200_000
    assert told["observed"]["to"] == "1970-01-01T00:00:20+00:00" and told["bytes_per_row"] > 0
    assert run("stats", "--db", db) == 0 and "SQLite" in capsys.readouterr().out


def test_verify_tells_and_repairs(db: Path, capsys: pytest.CaptureFixture[str]):
    assert run("verify", "--db", db) == 0 and "all sound" in capsys.readouterr().out
    damage(db)
    before = db.read_bytes()
    assert run("verify", "--db", db) == 1 and "checksum differs" in capsys.readouterr().out
    assert db.read_bytes() == before  # a look changes nothing
    assert run("verify", "--db", db, "--repair") == 1
    assert run("verify", "--db", db) == 0


def test_a_file_cut_short_names_the_backup_as_the_way_out(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "cut"
    folder.mkdir()
    short = folder / "home.db"
    for repair in ([], ["--repair"]):
        short.write_bytes(db.read_bytes()[:20_000])
        assert run("verify", "--db", short, *repair) == 2
        said = capsys.readouterr().err
        assert "beyond what can be repaired" in said and f"restore --copy BACKUP --db {short} --force" in said and "verify()" not in said
        assert list(folder.iterdir()) == [short] and short.stat().st_size == 20_000
    assert run("restore", "--copy", db, "--db", short, "--force") == 0
    assert run("verify", "--db", short) == 0


def test_backup_and_restore_bring_everything_back(db: Path, clock: ManualClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    copy = tmp_path / "copy.db"
    with RobotMemory.open(db, clock=clock):  # beside a writer
        assert run("backup", "--db", db, "--out", copy) == 0
    assert run("backup", "--db", db, "--out", copy) == 2 and "--force" in capsys.readouterr().err
    with RobotMemory.open(db, clock=clock) as memory:
        memory.forget(label="mug")
    assert run("restore", "--copy", copy, "--db", db) == 2
    with RobotMemory.open(db, clock=clock):
        assert run("restore", "--copy", copy, "--db", db, "--force") == 2  # not under a writer
    assert run("restore", "--copy", copy, "--db", db, "--force") == 0
    with RobotMemory.open(db, clock=clock, read_only=True) as memory:
        assert memory.find("mug").place == "on the desk in the study" and memory.told_place(2) is not None
    assert sorted(p.name for p in tmp_path.iterdir() if "new" in p.name or "partial" in p.name) == []


def test_a_damaged_copy_is_not_restored(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    copy = tmp_path / "copy.db"
    assert run("backup", "--db", db, "--out", copy) == 0
    damage(copy)
    whole = db.read_bytes()
    assert run("restore", "--copy", copy, "--db", db, "--force") == 2 and "damaged" in capsys.readouterr().err
    assert db.read_bytes() == whole
    damage(db)
    assert run("backup", "--db", db, "--out", copy, "--force") == 2  # nor is a damaged database copied over a good copy


def test_consolidate(db: Path, capsys: pytest.CaptureFixture[str]):
    with RobotMemory.open(db) as memory:
        memory.add_episode(Episode(0, "tidy up", 19 * S, 21 * S, "done", "all done."))
    assert run("consolidate", "--db", db) == 0 and "1 episodes" in capsys.readouterr().out
    with RobotMemory.open(db, read_only=True) as memory:
        assert "Changes then: the mug (#1) moved" in memory.episodes("tidy")[0].summary
    assert run("consolidate", "--db", db) == 0 and "0 episodes, 0 facts, 0 day" in capsys.readouterr().out


def test_forget(db: Path, capsys: pytest.CaptureFixture[str]):
    assert run("forget", "--db", db) == 2 and run("forget", "passport", "--db", db) == 2
    assert run("forget", "red mug", "--db", db) == 0 and "forgotten: #1" in capsys.readouterr().out
    with RobotMemory.open(db, read_only=True) as memory:
        assert memory.find(1).verdict == "unknown" and memory.find("cup").id == 2


@pytest.mark.parametrize("what", [["red mug"], ["cup", "--all-matching"], ["--region", "0", "0", "5", "5"]])
def test_a_dry_run_says_what_would_go_and_changes_nothing(what: list[str], db: Path, capsys: pytest.CaptureFixture[str]):
    before = db.read_bytes()
    assert run("forget", *what, "--dry-run", "--db", db) == 0
    said = capsys.readouterr().out
    assert db.read_bytes() == before and "nothing was changed" in said
    assert run("forget", *what, "--db", db) == 0
    done = capsys.readouterr().out
    told = dict(row.split()[:2] for row in said.splitlines()[1:-1])
    assert told == dict(row.split()[:2] for row in done.splitlines()[1:]) and int(told["observations"]) > 0  # the very rows that went then
    gone = done.splitlines()[0].removeprefix("forgotten: ").split(", ")
    assert all(f"({i})" in said for i in gone) and said.startswith("would be forgotten: the ")


def test_a_dry_run_goes_beside_a_running_writer(db: Path, capsys: pytest.CaptureFixture[str]):
    with RobotMemory.open(db):
        assert run("forget", "red mug", "--dry-run", "--db", db) == 0
        assert "would be forgotten: the red mug (#1) on the desk" in capsys.readouterr().out
        assert run("forget", "red mug", "--db", db) == 2


def test_json_lines_read_back(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert run("export", "--db", db, "--out", out, "--format", "jsonl") == 0
    rows = {p.stem: [json.loads(line) for line in p.read_text("utf-8").splitlines()] for p in out.iterdir()}
    assert {"objects", "observations", "events", "history", "episodes", "told"} <= rows.keys() and "meta" not in rows
    assert [r["label"] for r in rows["observations"]] == ["mug", "cup", "mug"] and rows["observations"][0]["embedding"] == [0.0] * 4
    assert len(rows["objects"][0]["covariance"]) == 9 and rows["episodes"][0]["steps"] == [{"skill": "pick"}]
    assert rows["told"][0]["source"] == "Anna" and rows["told"][0]["x"] == 8.0
    assert run("export", "--db", db, "--out", out, "--format", "jsonl", "--kinds", "told") == 2 and "--force" in capsys.readouterr().err
    assert run("export", "--db", db, "--out", out, "--format", "jsonl", "--kinds", "told", "--force") == 0
    assert run("export", "--db", db, "--out", out, "--format", "jsonl", "--kinds", "ghosts") == 2


def test_parquet_reads_back(db: Path, tmp_path: Path):
    pq = pytest.importorskip("pyarrow.parquet")
    assert run("export", "--db", db, "--out", tmp_path / "out") == 0
    events = pq.read_table(tmp_path / "out" / "events.parquet")
    assert events["kind"].to_pylist() == ["appeared", "appeared", "moved"] and str(events.schema.field("stamp_ns").type) == "int64"
    objects = pq.read_table(tmp_path / "out" / "objects.parquet").to_pylist()
    assert objects[0]["label"] == "mug" and objects[0]["x"] == 7.0 and len(objects[0]["covariance"]) == 9
    assert pq.read_table(tmp_path / "out" / "lessons.parquet").num_rows == 0


def test_a_damaged_row_is_left_out_of_an_export_and_told(db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    damage(db)
    assert run("export", "--db", db, "--out", tmp_path / "out", "--format", "jsonl") == 0
    assert "1 damaged rows were left out" in capsys.readouterr().out and (tmp_path / "out" / "episodes.jsonl").read_text() == ""
