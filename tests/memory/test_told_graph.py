"""A graph that is taken away holds what people told, with who said it; the belief behind it does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robomem.cli import main
from robomem.memory.answer import ask
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.told_graph import ToldGraph, with_told
from robomem.scene_graph.graph_files import read_graph
from tests.memory.hand_home import HandHome, S


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A memory in which Anna said that the mug is on the desk, and Ben that the book is an atlas."""
    path = tmp_path / "home.db"
    with RobotMemory.open(path) as memory:
        home = HandHome(memory)
        home.put(1, "mug", "counter", 1 * S, color="red")
        home.put(4, "book", "shelf", 1 * S)
        memory.correct(1, place="on the desk", source="Anna", said="the mug is on the desk")
        memory.correct(4, label="atlas", source="Ben")
    return path


@pytest.mark.parametrize(("form", "suffix"), [("json", ".json"), ("networkx", ".json"), ("graphml", ".graphml"), ("spark_dsg", ".json")])
def test_every_form_holds_it_with_its_provenance(db: Path, tmp_path: Path, form: str, suffix: str) -> None:
    if form == "spark_dsg":
        pytest.importorskip("spark_dsg")
    out = tmp_path / f"graph{suffix}"
    assert main(["graph", "export", "--db", str(db), "--format", form, "--out", str(out)]) == 0
    graph = read_graph(out)
    mug, atlas = graph.node(1), graph.node(4)
    assert mug is not None and atlas is not None
    assert graph.describe(1) == "on the desk in the study" and mug.position == pytest.approx((7.0, 1.0, 1.2))
    told = mug.attributes["told"]
    assert (told["by"], told["said"], told["place"]) == ("Anna", "the mug is on the desk", "on the desk in the study")
    assert (atlas.label, atlas.attributes["seen_as"], atlas.attributes["told"]["by"]) == ("atlas", "book", "Ben")
    assert graph.describe(4) == "on the shelf in the study"


def test_the_rooms_form_too(db: Path, tmp_path: Path) -> None:
    out = tmp_path / "rooms.json"
    assert main(["graph", "export", "--db", str(db), "--format", "rooms", "--out", str(out)]) == 0
    rooms = {name.split()[0]: {row["label"]: row for row in rows} for name, rows in json.loads(out.read_text())["rooms"].items()}
    assert rooms["study"]["mug"]["told"]["by"] == "Anna" and "mug" not in rooms["kitchen"] and "atlas" in rooms["study"]


def test_the_past_and_the_live_belief_are_as_they_were(db: Path) -> None:
    with RobotMemory.open(db, read_only=True) as memory:
        graph, stamp = memory.graph(), memory.told(1)[0].correction.stamp_ns
        assert [r.to_ns for r in graph.relations_of(1) if r.object == 10_011] == [stamp]  # it was on the counter until it was said
        assert [s.to_ns for s in graph.stays[1]] == [stamp, None]
        assert memory.graph(at_ns=2 * S).describe(1) == "on the counter in the kitchen"
    with RobotMemory.open(db) as memory:
        memory.undo_correction(1)
        memory.undo_correction(4)
        memory.flush()
        with RobotMemory.open(db, read_only=True) as reader:
            untold = reader.graph()
    node = untold.node(1)
    assert node is not None and "told" not in node.attributes and untold.describe(1) == "on the counter in the kitchen"


def test_in_and_on_are_told_apart_for_what_was_told(db: Path) -> None:
    with RobotMemory.open(db) as memory:
        memory.correct(1, place="in the desk")
    with RobotMemory.open(db, read_only=True) as memory:
        assert "mug" in ask(memory, "what is in the desk").text and "mug" not in ask(memory, "what is on the desk").text


def test_told_coordinates_are_a_place_without_a_holder(furnished: HandHome) -> None:
    furnished.graph.relate(1, "on", furnished.ids["counter"], 0.97, 1 * S)
    memory = furnished.memory
    memory.correct(1, position=np.array([4.0, 2.0, 0.1]), source="Anna")
    graph = with_told(furnished.graph, memory.store.corrections())
    node = graph.node(1)
    assert node is not None and node.position.tolist() == [4.0, 2.0, 0.1] and graph.parent(1) is None
    assert furnished.graph.parent(1) == (furnished.ids["counter"], "on")  # what was passed is as it was


def test_it_is_made_once_for_one_state_of_graph_and_words(furnished: HandHome) -> None:
    furnished.memory.correct(1, place="on the desk")
    said, told, graph = furnished.memory.store.corrections(), ToldGraph(), furnished.graph
    first = told.of(graph, said)
    assert told.of(graph, said) is first and first.describe(1) == "on the desk in the study"
    furnished.put(5, "can", "shelf", 50 * S)
    assert told.of(graph, said) is not first and told.of(graph, said).node(5) is not None
    assert told.of(graph, {}) is graph  # nothing that was told: the graph itself


def test_a_list_rests_on_no_sighting_of_what_was_told(furnished: HandHome) -> None:
    furnished.memory.correct(1, place="on the desk")
    answer = ask(furnished.memory, "what is on the desk")
    assert {v.id for v in answer.objects} == {1, 3} and list(answer.evidence) == furnished.observations[3]
