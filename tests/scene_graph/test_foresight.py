"""Foresight in a rendered home: habits, survival and common sense answer for any time; on the first day habits have no say."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from robomem.config import RobomemConfig
from robomem.errors import InvalidInputError
from robomem.ids import IdAllocator
from robomem.scene_graph.habit_ring import DAY_SLOTS, SLOT_NS
from robomem.scene_graph.world_model import WorldModel
from robomem.types import PlaceProbability
from tests.fakes.small_home import COUNTER, DESK, S, SmallHome, thing

H = 3600 * S
DAY = 24 * H
DAYS = 20
ON_COUNTER = thing("mug", 2.8, 0.6, 0.9)


def furniture(home: SmallHome, label: str) -> int:
    return next(f.id for f in home.world.furniture() if f.label == label)


@lru_cache(maxsize=1)
def _seven_o_clock() -> dict[str, np.ndarray]:
    """Snapshot of a world that was shown around at seven in the morning: the mug is on the counter."""
    home = SmallHome(ON_COUNTER)
    home.t = DAYS * 86400 + 7 * 3600.0
    home.tour()
    home.around(COUNTER)
    return home.world.snapshot()


def lived(days: int) -> SmallHome:
    """Seven in the morning, the mug on the counter; on the `days` days before it stood on the desk from nine to six."""
    home = SmallHome(ON_COUNTER)
    home.world.restore(_seven_o_clock())
    home.t = home.world.stamp_ns / S
    habits, mug = home.world.foresight.habits, home.one("mug")
    counter, desk = (furniture(home, label) for label in ("counter", "desk"))
    for day in range(DAYS - days, DAYS):
        for slot in range(36, 144):
            habits.saw(mug, (desk if 54 <= slot < 108 else counter, "on"), (day * DAY_SLOTS + slot) * SLOT_NS)
    return home


def at(home: SmallHome, hours: float) -> dict[str, float]:
    """Probability by furniture, on top of it, so many hours from now."""
    rows = home.world.location_belief(home.one("mug"), home.world.stamp_ns + round(hours * H))
    return by_label(rows)


def by_label(rows: list[PlaceProbability]) -> dict[str, float]:
    assert 0 < sum(r.probability for r in rows) <= 1 + 1e-9 and all(r.probability >= 0 for r in rows)
    out: dict[str, float] = {}
    for r in rows:
        if r.relation == "on":
            out[r.label] = out.get(r.label, 0.0) + r.probability
    return out


@pytest.fixture(scope="module")
def usual() -> SmallHome:
    return lived(12)


def test_what_is_seen_reaches_the_habits(usual: SmallHome) -> None:
    mug = usual.one("mug")
    place, stamp_ns = usual.world.foresight.habits.last(mug) or ((0, ""), 0)
    assert place == (furniture(usual, "counter"), "on") and stamp_ns // SLOT_NS == DAYS * DAY_SLOTS + 42
    assert usual.world.foresight.habits.last(furniture(usual, "desk")) is None  # furniture has no habits


@pytest.mark.parametrize(
    ("hours", "place"), [(0.0, "counter"), (0.5, "counter"), (5.0, "desk"), (8.0, "desk"), (13.0, "counter"), (29.0, "desk")]
)
def test_a_daily_habit_is_where_it_will_be(usual: SmallHome, hours: float, place: str) -> None:
    p = at(usual, hours)
    assert max(p, key=lambda label: p[label]) == place and p[place] > 0.5


def test_rooms_follow_from_the_places(usual: SmallHome) -> None:
    usual.world.refresh_rooms()
    rows = usual.world.location_belief(usual.one("mug"), usual.world.stamp_ns + 5 * H)
    kitchen = sum(r.probability for r in rows if r.room == "kitchen")
    assert kitchen < 0.5 < sum(r.probability for r in rows if r.room not in ("kitchen", ""))


def test_the_more_days_the_more_habits_count() -> None:
    share = []
    for days in (0, 1, 3, 12):
        home = lived(days)
        share.append(at(home, 5.0)["desk"])
        if days == 0:
            before = home.world.location_belief(home.one("mug"), home.world.stamp_ns + 5 * H)
            home.world.foresight.habits.clear()
            after = home.world.location_belief(home.one("mug"), home.world.stamp_ns + 5 * H)
            assert [(r.place_id, r.relation, r.probability) for r in before] == [(r.place_id, r.relation, r.probability) for r in after]
    assert share == sorted(share) and share[0] < 0.25 and share[-1] > 0.6


def test_of_a_missing_thing_habits_know_where_it_goes_and_looks_count_against_it() -> None:
    home, first_day = lived(12), lived(0)
    for h in (home, first_day):
        mug = h.one("mug")
        h.t += 3 * 3600.0
        h.things.clear()
        h.around(COUNTER)
        view = h.world.object(mug)
        assert view is not None and view.status in ("missing", "removed")
    sure, plain = (by_label(h.world.location_belief(mug, h.world.stamp_ns)) for h in (home, first_day))
    assert sure["desk"] > 0.5 and sure["desk"] / (1 - sure["desk"]) > 3 * plain["desk"] / (1 - plain["desk"])
    evening = by_label(home.world.location_belief(mug, home.world.stamp_ns + 9 * H))
    assert evening["counter"] > evening["desk"]  # it comes back, though it is gone now
    home.around(DESK, frames=10)
    looked = by_label(home.world.location_belief(mug, home.world.stamp_ns))["desk"]
    assert looked / (1 - looked) < 0.3 * sure["desk"] / (1 - sure["desk"])


def test_a_snapshot_gives_the_same_answers(usual: SmallHome) -> None:
    twin = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(9))
    arrays = usual.world.snapshot()
    twin.restore(arrays)
    for hours in (0, 1, 5, 30):
        a, b = (w.location_belief(usual.one("mug"), usual.world.stamp_ns + hours * H) for w in (usual.world, twin))
        assert [(r.place_id, r.relation, r.probability, r.why) for r in a] == [(r.place_id, r.relation, r.probability, r.why) for r in b]
    assert sum(a.nbytes for name, a in arrays.items() if name.startswith("habits_")) < 20_000
    with pytest.raises(InvalidInputError, match="habits"):
        WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(9)).restore({**arrays, "habits_times": np.zeros(1, np.int64)})
    old = {name: a for name, a in arrays.items() if not name.startswith("habits_")}
    twin = WorldModel(RobomemConfig(), IdAllocator(), np.random.default_rng(9))
    twin.restore(old)  # one written before there were habits
    assert usual.one("mug") not in twin.foresight.habits


def test_the_floor_of_a_room_is_a_place() -> None:
    home = lived(0)
    mug, room = home.one("mug"), home.world.graph.nodes("room")[0]
    for day in range(DAYS - 10, DAYS):
        for slot in range(36, 144):
            place = (room.id if slot >= 54 else furniture(home, "counter"), "on")
            home.world.foresight.habits.saw(mug, place, (day * DAY_SLOTS + slot) * SLOT_NS)
    rows = home.world.location_belief(mug, home.world.stamp_ns + 5 * H)
    best = max(rows, key=lambda r: r.probability)
    assert (best.place_id, best.why) == (room.id, "usual at this time") and best.probability > 0.5


def test_held_merged_forgotten_and_set_back() -> None:
    home = lived(12)
    world, mug, habits = home.world, home.one("mug"), home.world.foresight.habits
    habits.saw(987, (furniture(home, "bed"), "on"), world.stamp_ns)
    habits.merge(mug, 987)
    assert 987 not in habits and at(home, 5.0)["desk"] > 0.5
    world.set_clock(world.stamp_ns - 2 * H)
    assert (habits.last(mug) or ((0, ""), 0))[1] <= world.stamp_ns and at(home, 7.0)["desk"] > 0.5
    world.set_held(mug, np.eye(4))
    rows = world.location_belief(mug, world.stamp_ns + 5 * H)
    assert "usual at this time" not in {r.why for r in rows}  # what is in the gripper follows nobody's habits
    world.forget([furniture(home, "desk")])
    assert all(
        place[0] != furniture_id for furniture_id in [r.place_id for r in rows if r.label == "desk"] for place in habits._ring.places
    )
    world.forget_looks()
    assert mug not in habits
