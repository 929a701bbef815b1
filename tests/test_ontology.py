"""The packaged home model: readable, consistent, and forgiving about words."""

from __future__ import annotations

import pytest

from robomem.errors import ConfigError
from robomem.ontology import default_ontology, load_ontology


@pytest.mark.parametrize(
    ("word", "canonical"),
    [
        ("couch", "sofa"),
        ("Couches", "sofa"),
        ("mugs", "mug"),
        ("scissors", "scissors"),
        ("shelves", "shelf"),
        ("glasses", "glasses"),
        ("keys", "keys"),
        ("boxes", "box"),
        ("dishes", "dishes"),
        ("dining_table", "dining table"),
        ("refrigerator", "fridge"),
        ("people", "person"),
        ("TV", "tv"),
        ("hammer", "hammer"),
        ("zyzzyva", "zyzzyva"),
        ("", ""),
    ],
)
def test_canonical(word: str, canonical: str) -> None:
    assert default_ontology().canonical(word) == canonical


def test_synonyms_lead_to_classes() -> None:
    ontology = default_ontology()
    assert {s for s in ontology.synonyms.values() if s not in ontology.classes} == set()


def test_groups_and_places_name_classes() -> None:
    ontology = default_ontology()
    named = {label for group in ontology.groups for label in group} | {place for prior in ontology.classes.values() for place in prior.at}
    named |= {label for room in ontology.rooms.values() for label in room}
    assert {label for label in named if not ontology.known(label)} == set()


def test_priors_make_sense() -> None:
    for name, prior in default_ontology().classes.items():
        assert prior.kind in ("object", "furniture", "agent"), name
        assert 0.0 < prior.size_m < 4.0 and prior.moves_every_h > 0, name
        assert all(weight >= 0 for weight in prior.at.values()), name
        assert not prior.openable or prior.container, name


def test_an_unknown_class_gets_a_cautious_prior() -> None:
    prior = default_ontology().prior("zyzzyva")
    assert prior.kind == "object" and not prior.graspable and not default_ontology().known("zyzzyva")


@pytest.mark.parametrize(
    ("a", "b", "expected"), [("mug", "mug", True), ("mug", "cup", True), ("mugs", "cups", True), ("mug", "sofa", False)]
)
def test_related(a: str, b: str, expected: bool) -> None:
    assert default_ontology().related(a, b) is expected
    assert default_ontology().related(b, a) is expected


@pytest.mark.parametrize("text", ["classes: [1, 2]", "synonyms: {}", "classes: {mug: {colour: red}}", "{", "- a"])
def test_a_broken_file_is_refused_by_name(tmp_path, text: str) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"home\.yaml: not an ontology file"):
        load_ontology(path)


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError):
        load_ontology(tmp_path / "none.yaml")
