"""Pairing by stamp: the newest wins, buffers are bounded, repeats and steps back are counted."""

from __future__ import annotations

import pytest

from robomem.nodes.sync import PairSync

MS = 1_000_000


def test_three_streams_make_one_pair_in_any_order() -> None:
    sync = PairSync(20 * MS, wait_for_detections=True)
    assert sync.add("depth", 1000 * MS, "d") is None and sync.add("rgb", 1005 * MS, "c") is None
    pair = sync.add("detections", 1005 * MS, "f")
    assert pair is not None and (pair.stamp_ns, pair.rgb, pair.depth, pair.detections) == (1005 * MS, "c", "d", "f")


def test_the_newest_complete_pair_wins_and_older_ones_are_gone() -> None:
    sync = PairSync(MS, wait_for_detections=False)
    for t in (1, 2, 3):
        sync.add("rgb", t * 100 * MS, t)
    assert sync.add("depth", 300 * MS, "d3").rgb == 3
    assert sync.add("depth", 200 * MS, "d2") is None and sync.dropped["stamp_goes_back"] == 1


@pytest.mark.parametrize("stream", ["rgb", "depth", "detections"])
def test_a_stream_without_partner_stays_bounded(stream: str) -> None:
    sync = PairSync(MS, wait_for_detections=True, capacity=4)
    for k in range(100):
        assert sync.add(stream, k * 10 * MS, k) is None
    assert sync.dropped[f"{stream}_without_partner"] == 96


def test_a_repeated_stamp_is_counted_and_a_new_clock_begins_anew() -> None:
    sync = PairSync(MS, wait_for_detections=False)
    sync.add("rgb", 500 * MS, "a")
    assert sync.add("rgb", 500 * MS, "b") is None and sync.dropped["stamp_repeats"] == 1
    sync.add("depth", 500 * MS, "d")
    sync.clear()
    sync.add("rgb", 5 * MS, "a")
    assert sync.add("depth", 5 * MS, "d") is not None
