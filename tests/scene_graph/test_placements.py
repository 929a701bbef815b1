"""The counted placements: what the file says, how it is made, and what it makes of a home that is not known yet."""

from __future__ import annotations

import runpy

import pytest

from robomem.ontology import default_ontology
from robomem.scene_graph.placements import counted_furniture, placements, usual_places
from tests.source import ROOT

HOME = [(1, "desk"), (2, "counter"), (3, "bed"), (4, "cabinet"), (5, "nightstand"), (6, "desk")]


def test_the_file_speaks_the_ontologys_words_and_holds_probabilities() -> None:
    ontology = default_ontology()
    assert len(placements()) > 40 and all(ontology.canonical(label) == label for label in placements())
    assert all(ontology.known(place) for place in counted_furniture())
    assert all(0 < p <= 1 for row in placements().values() for p in row.values())


@pytest.mark.parametrize("label", ["mug", "book", "keyboard", "never heard of"])
def test_shares_sum_to_one_and_no_piece_is_ruled_out(label: str) -> None:
    share = usual_places(label, HOME, default_ontology(), 0.12)
    assert sum(share.values()) == pytest.approx(1.0) and all(p > 0.002 for p in share.values()) and share[1] == share[6]
    assert usual_places(label, [], default_ontology(), 0.12) == {}


def test_counts_move_common_sense_but_not_what_was_never_counted() -> None:
    ontology = default_ontology()
    at = ontology.prior("book").at
    total = sum(at.get(place, 0.0) + 0.12 for _, place in HOME)
    share = usual_places("book", HOME, ontology, 0.12)
    assert share[1] > (at["desk"] + 0.12) / total  # a desk holds a book in 47 of 100 counted rooms
    assert share[4] == pytest.approx(0.12 / total)  # cabinets were never counted
    assert usual_places("keyboard", HOME, ontology, 0.12)[1] == pytest.approx(9.12 / (2 * 9.12 + 4 * 0.12))


def test_a_thing_that_only_the_counts_know_is_looked_for_where_they_say() -> None:
    share = usual_places("pencil", HOME, default_ontology(), 0.12)
    assert share[1] > 2 * share[2] and share[1] > 2 * share[3]


def test_the_script_renames_selects_and_rounds() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "placements.py"), run_name="scripts.placements")
    rows = {
        "TVStand": {"RemoteControl": {"count": 7, "p": 0.18421}, "Window": {"p": 0.5}},
        "SideTable": {"TennisRacket": {"p": 0.0073}, "Mug": {"p": 0.0001}},
        "GarbageCan": {"Mug": {"p": 0.9}},
    }
    table = made["table"](rows)
    assert table == {"remote": {"tv stand": 0.184}, "tennis racket": {"nightstand": 0.007}}
    assert "  remote: {tv stand: 0.184}\n" in made["render"](table) and "Apache License" in made["HEAD"]
