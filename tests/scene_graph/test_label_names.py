"""Names for the class numbers of a spark_dsg file: the file's own where it has any, else a label map beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from robomem.cli import main
from robomem.errors import InvalidInputError
from robomem.scene_graph.graph_files import read_graph
from robomem.scene_graph.label_names import read_labels
from tests.scene_graph.test_interchange import HYDRA, needs_hydra

NAMES = {5: "couch", 16: "coffee table"}


@pytest.mark.parametrize(
    "text",
    ["{5: couch, 16: coffee_table}", '{"5": "couch", "16": "Coffee Table"}', "[{label: 5, name: couch}, {label: 16, name: coffee table}]",
     "total_semantic_labels: 20\nlabel_names:\n- {label: 5, name: couch}\n- {label: 16, name: coffee table}\n"],
)  # fmt: skip
def test_label_maps(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text(text)
    assert read_labels(tmp_path / "labels.yaml") == NAMES


@pytest.mark.parametrize("text", ["", "couch", "[]", "{}", "{five: couch}", "{5: ''}", "[5, 16]", "a: [b", "\x00"])
def test_what_is_no_label_map_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(InvalidInputError, match=r"labels\.yaml: .*expected YAML or JSON: \{5: couch"):
        read_labels(tmp_path / "labels.yaml")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_labels(tmp_path / "none.yaml")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
MERGES = "a0: &a0 {1: x, 2: y}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 9))


@pytest.mark.parametrize(
    ("text", "why"),
    [(BOMB + "label_names: [{label: 5, name: *a8}]", "aliases"), (MERGES + "label_names: *a8", "aliases"),
     ("{5: [couch, bed]}", "no plain word"), ("{5: {name: couch}}", "no plain word"), ("{5: null}", "no plain word")],
)  # fmt: skip
def test_a_name_is_a_plain_word(text: str, why: str, tmp_path: Path) -> None:
    """A few hundred bytes of aliases of aliases ran for a minute."""
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(InvalidInputError, match=why):
        read_labels(tmp_path / "labels.yaml")


@needs_hydra
def test_the_command_takes_a_label_map_and_says_which_classes_have_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("spark_dsg")
    (tmp_path / "labels.yaml").write_text("{5: couch, 16: table}")
    assert main(["graph", "import", str(HYDRA), "--db", str(tmp_path / "bare.db")]) == 0
    assert "no names for the classes 5, 11, 16; --labels FILE gives them" in capsys.readouterr().out
    assert main(["graph", "import", str(HYDRA), "--db", str(tmp_path / "home.db"), "--labels", str(tmp_path / "labels.yaml")]) == 0
    assert "no names for the classes 11;" in capsys.readouterr().out
    assert main(["ask", "how many couches are there", "--db", str(tmp_path / "home.db")]) == 0
    assert capsys.readouterr().out.startswith("3: ")
    assert main(["graph", "show", str(HYDRA), "--labels", str(tmp_path / "labels.yaml")]) == 0
    assert "table 5692549928996306968" in capsys.readouterr().out


@needs_hydra
def test_names_that_the_file_gives_its_nodes_are_used(tmp_path: Path) -> None:
    """Hydra calls its nodes by their symbols ("O(12)"); whoever calls them by what they are is taken at his word."""
    dsg = pytest.importorskip("spark_dsg")
    theirs = dsg.DynamicSceneGraph.load(str(HYDRA))
    theirs.get_node(5692549928996306944).attributes.name = "reading chair"
    theirs.save(str(tmp_path / "named.json"), False)
    graph = read_graph(tmp_path / "named.json")
    assert sorted({n.label for n in graph.nodes("object")}) == ["class 11", "class 16", "class 5", "reading chair"]
    assert [n.label for n in graph.nodes("room")] == ["room"]
