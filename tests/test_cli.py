"""The command line: what it says when it is used wrongly, and that it says it without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from robomem.cli import DEMO_DB, main
from robomem.memory.robot_memory import RobotMemory


def test_no_command_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "demo" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("robomem ")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["replay", "no/such/folder"], "no recording at"),
        (["replay", "no/such/folder", "--limit", "-3"], "--limit: expected at least 1 frame, got -3"),
        (["replay", "no/such/folder", "--limit", "0"], "--limit: expected at least 1 frame, got 0"),
        (["convert", "no/such/folder", "x.mcap", "--limit", "0"], "--limit: expected at least 1 frame, got 0"),
        (["bench", "nonsense"], "no benchmark 'nonsense'"),
        (["bench", "map", "--seeds", "x"], "--seeds"),
        (["ask", "where is the mug?", "--db", "no/such.db"], "no/such.db"),
    ],
)
def test_mistakes_are_told_in_one_line(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert words in err and "Traceback" not in err and err.startswith(f"robomem {argv[0]}: ")


def test_a_foreign_file_is_not_a_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "letter.db"
    path.write_text("dear diary " * 100)
    assert main(["ask", "where is the mug?", "--db", str(path)]) == 2
    assert "letter.db" in capsys.readouterr().err
    assert path.read_text().startswith("dear diary")


@pytest.mark.parametrize("argv", [["ask", "where is the mug?"], ["tell", "the mug is on the desk"], ["memory", "verify", "--repair"]])
def test_no_file_is_made_where_there_is_no_memory(argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*argv, "--db", str(tmp_path / "nope.db")]) == 2
    assert "no such database" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_bench_list_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "list"]) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {"demo", "frame", "map", "replay"} <= told.keys() and "CPU of one frame" in told["frame"]  # each says what it measures


def test_what_only_reads_knows_where_the_demos_memory_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROBOMEM_DB", raising=False)
    for reads in (["ask", "where is the mug?"], ["memory", "stats"], ["memory", "stats", "--json"]):
        assert main(reads) == 2
        assert f"no memory to ask: {DEMO_DB} is not there yet; `make demo` leaves one, or give --db FILE" in capsys.readouterr().err
    (tmp_path / DEMO_DB).parent.mkdir(parents=True)
    RobotMemory.open(tmp_path / DEMO_DB).close()
    assert main(["memory", "stats"]) == 0 and main(["ask", "where is the mug?"]) == 0
    assert "I do not know" in capsys.readouterr().out
    monkeypatch.setenv("ROBOMEM_DB", str(tmp_path / "other.db"))
    assert main(["memory", "stats"]) == 2 and "other.db" in capsys.readouterr().err
    for writes in (["tell", "the mug is on the desk"], ["memory", "verify", "--repair"]):
        with pytest.raises(SystemExit):
            main(writes)  # what may write is told where


def test_a_question_needs_no_quotes_and_one_that_is_not_understood_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = str(tmp_path / "home.db")
    RobotMemory.open(db).close()
    assert main(["ask", "where", "is", "the", "mug", "--db", db]) == 0
    unquoted = capsys.readouterr().out
    assert main(["ask", "where is the mug", "--db", db]) == 0
    assert capsys.readouterr().out == unquoted and "mug" in unquoted
    for form in ([], ["--json"]):
        assert main(["ask", "colourless green ideas sleep furiously", "--db", db, *form]) == 2
        assert "I do not understand" in capsys.readouterr().out
