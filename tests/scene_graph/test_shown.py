"""Only what changed is shown anew."""

from __future__ import annotations

import numpy as np

from robomem.belief.labels import LabelBelief
from robomem.belief.states import StateBelief
from robomem.belief.track import Track, TrackTable
from robomem.ontology import default_ontology
from robomem.scene_graph.shown import Shown


def _track(table: TrackTable, i: int) -> Track:
    track = Track(i, table.claim(), "object", LabelBelief(default_ontology()), 0, 0, 0, status="confirmed")
    track.labels.update("mug", 0.8)
    table.mean[track.row], table.size[track.row], table.odds[track.row] = (1.0, 2.0, 0.8), 0.1, 4.0
    table.cov[track.row] = np.eye(3) * 1e-4
    return track


def test_a_track_is_shown_once_and_again_when_anything_of_it_changed() -> None:
    table, shown = TrackTable(10, capacity=8), Shown()
    mug = _track(table, 7)
    assert shown.differing([mug], table) == [mug]
    assert shown.differing([mug], table) == []
    changes = {
        "jitter": (lambda: table.mean[mug.row].__iadd__(0.001), False),
        "a centimetre": (lambda: table.mean[mug.row].__iadd__(0.01), True),
        "slow drift adds up": (lambda: [table.mean[mug.row].__iadd__(0.002) for _ in range(4)], True),
        "doubt": (lambda: table.odds.__setitem__(mug.row, 1.0), True),
        "status": (lambda: setattr(mug, "status", "occluded"), True),
        "another view": (lambda: setattr(mug, "support", 9), True),
        "state": (lambda: mug.states.update(open=StateBelief({"true": 0.9, "false": 0.1}, "true", 0)), True),
        "nothing": (lambda: None, False),
    }
    for name, (change, seen) in changes.items():
        change()
        assert (shown.differing([mug], table) == [mug]) is seen, name


def test_a_row_that_went_to_another_track_is_shown() -> None:
    table, shown = TrackTable(10, capacity=1), Shown()
    first = _track(table, 1)
    shown.differing([first], table)
    table.release(first.row)
    second = _track(table, 2)
    assert second.row == first.row
    assert shown.differing([second], table) == [second]
    more = [_track(table, i) for i in range(3, 12)]  # the table grows, the book with it
    assert shown.differing([second, *more], table) == more
