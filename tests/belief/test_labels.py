"""The label of a thing: votes of sightings, a wrong first word, and what is easily confused."""

import pytest

from robomem.belief.labels import LabelBelief
from robomem.ontology import default_ontology


def heard(*words: str, weight: float = 1.0) -> LabelBelief:
    belief = LabelBelief(default_ontology())
    for word in words:
        belief.update(word, 0.8, weight)
    return belief


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (("pan", "pan", "pot", "pot", "pot"), "pot"),
        (("mug", "cup", "cup"), "cup"),
        (("vase", "bottle", "bottle"), "bottle"),
        (("mug", "mug", "cup"), "mug"),
        (("clock", "shoe", "shoe"), "shoe"),
    ],
)
def test_the_first_word_is_one_vote(words: tuple[str, ...], label: str):
    assert heard(*words).best() == label


def test_order_does_not_matter():
    first, second = heard("pan", "pot", "pan", "pot"), heard("pot", "pan", "pot", "pan")
    assert first.probabilities() == pytest.approx(second.probabilities()) == {"pan": 0.5, "pot": 0.5}


def test_what_is_long_known_is_overturned_by_six_sightings_not_by_three():
    long_known = ["phone"] * 50
    assert heard(*long_known, *["book"] * 2).best() == "phone"
    assert heard(*["mug"] * 50, *["cup"] * 5).best() == "mug" and heard(*["mug"] * 50, *["cup"] * 7).best() == "cup"


def test_a_snapshot_says_the_same_and_an_old_one_is_read():
    belief, again, old = heard("pan", "pot", "pan"), heard(), heard()
    again.load_json(belief.to_json())
    assert again.probabilities() == belief.probabilities()
    again.update("bowl", 0.8)
    belief.update("bowl", 0.8)
    assert again.probabilities() == belief.probabilities()
    old.load_json({"log": {"pan": 0.0}, "stranger": -12.0})
    old.update("pot", 0.8)
    assert old.best() == "pan"
