"""Tiers side by side: wall time near the slowest, a stuck tier skipped and reported, order kept, failures contained."""

import threading
import time

import pytest

from robomem.errors import InvalidInputError
from robomem.memory import tiers as module
from robomem.memory.tiers import Ask, Item, Moment, Tiers, overlap


class Slow:
    """A tier that takes its time."""

    def __init__(self, name: str, takes_s: float = 0.0, budget_s: float = 5.0) -> None:
        self.name, self.budget_s, self._takes_s = name, budget_s, takes_s
        self.told: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.asked = 0

    def update(self, event: Moment) -> None:
        if event.text == "bad":
            raise ValueError("cannot take this")
        self.told.append(event.text)

    def retrieve(self, query: Ask) -> list[Item]:
        self.asked += 1
        self.gate.wait(10.0)
        time.sleep(self._takes_s)
        if query.text == "bad":
            raise KeyError("no such thing")
        return [Item(f"{self.name} {i}") for i in range(9)]


def test_wall_time_is_near_the_slowest_and_not_the_sum():
    tiers = Tiers([Slow(f"tier {i}", 0.3 + 0.1 * (i == 5)) for i in range(6)])
    start = time.monotonic()
    found = tiers.retrieve(Ask(k=2))
    took = time.monotonic() - start
    assert list(found.items) == [f"tier {i}" for i in range(6)] and found.skipped == {}
    assert 0.4 <= took < 1.0, took  # the sum is 1.9 s; a loaded machine may add half a second
    assert found.lines()[:2] == ["tier 0: tier 0 0", "tier 0: tier 0 1"] and max(found.seconds.values()) <= took


def test_a_stuck_tier_is_skipped_and_reported_and_comes_back():
    stuck, well = Slow("stuck", budget_s=0.15), Slow("well")
    tiers = Tiers([stuck, well])
    stuck.gate.clear()
    first = tiers.retrieve(Ask())
    assert first.skipped == {"stuck": "no answer within 0.15 s"} and len(first.items["well"]) == 5
    start = time.monotonic()
    second = tiers.retrieve(Ask())
    assert time.monotonic() - start < 0.15 and second.skipped["stuck"].startswith("stuck for") and stuck.asked == 1
    assert not tiers.settle(0.5)
    stuck.gate.set()
    for _ in range(500):
        if "stuck" in tiers.retrieve(Ask()).items:
            break
        time.sleep(0.01)
    else:
        pytest.fail("the tier answers again, but is not asked")


def test_a_stuck_tier_does_not_keep_the_process_alive():
    stuck = Slow("stuck", budget_s=0.05)
    stuck.gate.clear()
    Tiers([stuck]).retrieve(Ask())
    assert all(t.daemon for t in threading.enumerate() if t.name == "tier stuck")
    stuck.gate.set()


def test_updates_keep_their_order_and_one_that_fails_is_counted():
    one, two = Slow("one"), Slow("two")
    tiers = Tiers([one, two])
    for word in ("a", "bad", "b", "c"):
        tiers.update(Moment("step", 0, word))
    assert tiers.settle() and one.told == two.told == ["a", "b", "c"]
    assert tiers.failed == {"one: ValueError: cannot take this": 1, "two: ValueError: cannot take this": 1}
    assert tiers.retrieve(Ask("bad")).skipped["one"] == "failed: KeyError: 'no such thing'"
    assert list(tiers.retrieve(Ask(), only=["two"]).items) == ["two"]


def test_a_full_backlog_drops_and_counts(monkeypatch):
    monkeypatch.setattr(module, "BACKLOG", 3)
    stuck = Slow("stuck", budget_s=0.05)
    stuck.gate.clear()
    tiers = Tiers([stuck])
    tiers.retrieve(Ask())
    for i in range(10):
        tiers.update(Moment("step", 0, str(i)))
    assert tiers.dropped == {"stuck": 7}
    stuck.gate.set()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tiers([Slow("a"), Slow("a")]), "name of its own"),
        (lambda: Tiers([Slow("a", budget_s=0.0)]), "above 0"),
        (lambda: Tiers([Slow("a")]).retrieve(Ask(), only=["b"]), "no tier 'b'"),
    ],
)
def test_refused(call, message: str):
    with pytest.raises(InvalidInputError, match=message):
        call()


@pytest.mark.parametrize(
    ("query", "text", "share"),
    [("Red mugs", "the red mug", 1.0), ("red mug", "a mug", 0.5), ("on it", "on it", 0.0), ("glass", "glass", 1.0)],
)
def test_overlap(query: str, text: str, share: float):
    assert overlap(query, text) == share
