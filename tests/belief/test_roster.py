"""The roster and the gallery say of the tracks what a walk through all of them would."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from robomem.belief.gallery import Gallery
from robomem.belief.labels import LabelBelief
from robomem.belief.roster import Roster
from robomem.belief.track import AWAY, Track, TrackTable
from robomem.ontology import default_ontology
from robomem.types import Status


def _track(i: int, row: int, kind: str = "object", status: Status = "confirmed") -> Track:
    return Track(i, row, kind, LabelBelief(default_ontology()), 0, 0, 0, status=status)


def test_statuses_are_found_whoever_wrote_them() -> None:
    rng, roster = np.random.default_rng(0), Roster()
    statuses: tuple[Status, ...] = ("tentative", "confirmed", "occluded", "missing", "removed", "held")
    for i in range(30):
        roster[i] = _track(i, i, status=statuses[int(rng.integers(6))])
    for _ in range(200):
        i = int(rng.integers(30))
        if i in roster and rng.random() < 0.05:
            del roster[i]
        elif i in roster:
            roster[i].status = statuses[int(rng.integers(6))]
        for among in (AWAY, ("missing",), ("confirmed", "occluded")):
            assert roster.with_status(among) == [t for t in roster.values() if t.status in among]


def test_a_track_that_was_let_go_is_in_no_book() -> None:
    roster = Roster()
    gone = roster[1] = _track(1, 0, status="missing")
    assert roster.pop(1) is gone and roster.pop(1, None) is None
    gone.status = "removed"
    assert roster.with_status(AWAY) == [] and roster.in_rows(np.array([0])) == []


def test_rows_tell_their_tracks_by_id_also_when_reused() -> None:
    roster = Roster()
    for i, row in ((7, 3), (5, 70), (6, 1)):
        roster[i] = _track(i, row)
    assert [t.id for t in roster.in_rows(np.array([1, 2, 3, 70, 4000]))] == [5, 6, 7]
    del roster[5]
    roster[9] = _track(9, 70)
    assert [t.id for t in roster.in_rows(np.array([70, 3]))] == [7, 9]


@pytest.mark.parametrize("kind", ["agent", "furniture"])
def test_kinds_are_kept_apart(kind: str) -> None:
    roster = Roster()
    roster[1], roster[2] = _track(1, 0, kind), _track(2, 1)
    assert [t.id for t in roster.of_kind(kind)] == [1]
    del roster[1]
    assert roster.of_kind(kind) == []


def test_the_gallery_follows_every_new_vector() -> None:
    gallery, table = Gallery(), TrackTable(10)
    tracks = [_track(i, table.claim()) for i in range(5)]
    for k, dim in enumerate((4, 4, 6, 4)):
        tracks[k].embedding = np.full(4, float(k + 1), np.float32)
        vectors, has = gallery.look_up(tracks, dim)
        assert has.tolist() == [dim == 4 and i <= k for i in range(5)]
        assert vectors.shape == (5, dim) and (vectors[~has] == 0).all()
        assert all((vectors[i] == tracks[i].embedding).all() for i in np.flatnonzero(has))


@pytest.mark.parametrize("way", [lambda r: r.update({}), lambda r: r.clear(), lambda r: r.setdefault(1), lambda r: r.popitem()])
def test_tracks_do_not_come_and_go_past_the_books(way: Callable[[Roster], object]) -> None:
    roster = Roster()
    roster[1] = _track(1, 0)
    with pytest.raises(TypeError, match="del and pop"):
        way(roster)
    with pytest.raises(TypeError, match="del and pop"):
        roster |= {}
    assert list(roster) == [1]


def test_the_look_of_a_forgotten_track_is_forgotten() -> None:
    table = TrackTable(4)
    track = _track(1, table.claim())
    track.embedding = np.full(4, 0.5, np.float32)
    known, has = table.gallery.look_up([track], 4)
    assert has.tolist() == [True] and known.sum() == 2.0
    table.release(track.row)
    assert not table.gallery._vectors.any() and table.gallery._copied[track.row] is None
