"""The place reader: what it weighs, and that the network trained with torch is the one that runs in NumPy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from robomem.policy.place_reading import NAMES, PlaceReader

EYE = np.eye(4, dtype=np.float32)
SHARP = 2.0


def by_hand() -> PlaceReader:
    """Keys are the records themselves; a question names its chunk in the first four numbers and its record in the last four."""
    zero = {f"{name}.bias": np.zeros(8 if name in ("ask", "queries") else 4, np.float32) for name in NAMES}
    ask = {f"{name}.weight": SHARP * np.eye(8, dtype=np.float32) for name in ("ask", "queries")}
    return PlaceReader({"embed.weight": EYE, "chunk_key.weight": EYE, "record_key.weight": EYE, **ask, **zero})


FRAMES = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], np.float32)  # room, room, spot, spot
CHUNKS = [np.array([0, 1]), np.array([2, 3])]


@pytest.mark.parametrize(
    ("room", "spot", "k", "heaviest"),
    [([1, 0, 0, 0], [0, 0, 0, 1], 1, 1), ([0, 1, 0, 0], [0, 0, 1, 0], 1, 2), ([0, 1, 0, 0], [0, 0, 1, 0], 2, 2)],
)
def test_the_chunk_first_then_the_record_in_it(room: list[int], spot: list[int], k: int, heaviest: int) -> None:
    weights = by_hand().read(FRAMES, CHUNKS, np.array([room + spot], np.float32), k)[0]
    assert weights.argmax() == heaviest and weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert (np.count_nonzero(weights[[0, 1]]) == 0) == (heaviest == 2 and k == 1)


def test_nothing_held_weighs_nothing() -> None:
    assert by_hand().read(FRAMES, [], np.ones((3, 8), np.float32), 2).tolist() == np.zeros((3, 4)).tolist()


@pytest.mark.parametrize("k", [1, 3, 99])
def test_the_network_and_its_numpy_form_agree(k: int) -> None:
    torch = pytest.importorskip("torch")
    from robomem.policy.place_reader import PlaceReaderNet

    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    net = PlaceReaderNet(6, 5, hidden=16, width=8)
    frames, questions = (rng.standard_normal(s).astype(np.float32) for s in ((20, 6), (7, 5)))
    chunks = [np.arange(0, 8), np.arange(8, 11), np.arange(11, 12), np.arange(12, 20)]
    padded = np.array([[*c, *[-1] * (8 - len(c))] for c in chunks])
    weights = net(*(torch.from_numpy(v[None]) for v in (frames, questions, padded)), k).detach().numpy()[0]  # [Q, C, n]
    theirs = np.zeros((7, 20))
    for c, chunk in enumerate(chunks):
        theirs[:, chunk] = weights[:, c, : len(chunk)]
    ours = PlaceReader({name: v.detach().numpy() for name, v in net.state_dict().items()}).read(frames, chunks, questions, k)
    assert np.abs(ours - theirs).max() < 1e-5


def test_training_finds_the_record_that_is_asked_for() -> None:
    pytest.importorskip("torch")
    from robomem.policy.place_reader import Lesson, train

    chunks = np.arange(16).reshape(1, 4, 4)
    frames = np.concatenate([np.eye(4)[np.arange(16) // 4], np.eye(4)[np.arange(16) % 4]], axis=1).astype(np.float32)[None]
    lesson = Lesson(frames, frames.copy(), chunks, np.eye(16, dtype=bool)[None])  # the question is the record's own description
    weights, losses = train(lambda step: lesson, 150, 1, seed=0)
    again, _ = train(lambda step: lesson, 3, 1, seed=0)
    assert losses[0] > 2.0 and losses[-1] < 0.1
    assert np.array_equal(again["embed.weight"], train(lambda step: lesson, 3, 1, seed=0)[0]["embed.weight"])
    read = PlaceReader(weights).read(frames[0], list(chunks[0]), frames[0], 1)
    assert read.argmax(axis=1).tolist() == list(range(16))


def test_reading_needs_no_torch() -> None:
    code = "import sys, robomem.policy.place_reading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
