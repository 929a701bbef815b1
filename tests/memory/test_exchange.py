"""A scene graph file becomes a memory that answers, and a memory's graph becomes a file: `robomem graph`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robomem.cli import main
from robomem.memory.exchange import renumbered
from robomem.memory.robot_memory import RobotMemory
from robomem.scene_graph.graph_files import read_graph, write_graph
from robomem.scene_graph.spark_graph import to_spark_dsg
from tests.scene_graph.test_interchange import HYDRA, canonical, home, needs_hydra

S = 1_000_000_000


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """The memory made of the home's graph by the command."""
    write_graph(home(), tmp_path / "home.json", "json")
    assert main(["graph", "import", str(tmp_path / "home.json"), "--db", str(tmp_path / "new" / "home.db")]) == 0
    return tmp_path / "new" / "home.db"


def test_an_imported_graph_answers_questions(db: Path) -> None:
    with RobotMemory.open(db, read_only=True) as memory:
        found = memory.find("red mug")
        assert (found.verdict, found.id) == ("found", 6) and found.position is not None and found.position.tolist() == [4.0, 0.1, 1.0]
        assert memory.place_words(6) == "on the counter in the kitchen"
        assert memory.where_was("mug", at_ns=20).place == "on the desk in the kitchen"
        assert [v.label for v in memory.what_is_in("kitchen") if v.kind == "object"] == ["mug"]
        assert memory.objects(at_ns=20) and memory.store.resolve(12) == 6


def test_ids_of_an_imported_graph_are_never_given_again(db: Path) -> None:
    with RobotMemory.open(db) as memory:
        assert memory.store.lease_ids(1) > 12


@pytest.mark.parametrize("form", ["json", "rooms", "networkx", "graphml", "spark_dsg"])
def test_export_of_each_form(db: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    if form == "spark_dsg":
        pytest.importorskip("spark_dsg")
    out = tmp_path / f"out.{'graphml' if form == 'graphml' else 'json'}"
    assert main(["graph", "export", "--db", str(db), "--format", form, "--out", str(out)]) == 0
    assert "1 room" in capsys.readouterr().out
    if form == "rooms":
        things = {row["label"] for row in json.loads(out.read_text())["rooms"]["kitchen 2"]}
        assert things == {"counter", "desk", "mug"}
        return
    now_only = form in ("networkx", "graphml")
    back, want = canonical(read_graph(out), now_only), canonical(home(), now_only)
    back.pop("aliases", None), want.pop("aliases", None)  # a memory keeps merged ids in a table of its own
    assert back == want


def test_show_tells_of_files_and_databases(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    told = []
    for source in (db, db.parent.parent / "home.json"):
        assert main(["graph", "show", str(source)]) == 0
        told.append(capsys.readouterr().out.split(": ", 1)[1])
    assert told[0] == told[1] and "kitchen 2: counter 4, desk 5, mug 6" in told[0]


@needs_hydra
def test_a_graph_of_hydra_keeps_its_symbols_through_a_memory(tmp_path: Path) -> None:
    pytest.importorskip("spark_dsg")
    db = tmp_path / "hydra.db"
    assert main(["graph", "import", str(HYDRA), "--db", str(db)]) == 0
    with RobotMemory.open(db, read_only=True) as memory:
        graph = memory.graph()
        assert max(n.id for n in graph.all_nodes()) < 1000 and len(memory.find("class 11").candidates) == 2
        back = to_spark_dsg(graph)
    symbols = {int(n["id"]) for n in json.loads(HYDRA.read_text())["nodes"]}
    assert {n.id.value for n in back.nodes} == symbols and back.num_edges() == 742
    direct = to_spark_dsg(read_graph(HYDRA))  # a name of its own: spark_dsg's iterators do not keep their graph alive
    weights = [sorted((e.info.weight, e.info.weighted) for e in g.edges) for g in (back, direct)]
    assert weights[0] == weights[1]
    assert renumbered(graph) is graph  # small ids stay


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["import", "none.json", "--db", "x.db"], "none.json: cannot be read"),
        (["show", "none.json"], "none.json: cannot be read"),
        (["export", "--db", "none.db", "--out", "x.json"], "none.db"),
    ],
)
def test_mistakes_are_told_in_one_line(
    argv: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["graph", *argv]) == 2
    err = capsys.readouterr().err
    assert err.startswith("robomem graph: ") and words in err and not (tmp_path / "x.db").exists()


def test_an_import_never_writes_into_a_memory_that_is_there(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = db.read_bytes()
    assert main(["graph", "import", str(db.parent.parent / "home.json"), "--db", str(db)]) == 2
    assert "exists" in capsys.readouterr().err and db.read_bytes() == before
