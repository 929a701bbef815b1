"""The eviction benchmark's own arithmetic: looks, futures, scores, and a task whose four classes have four best policies."""

import numpy as np
import pytest

from benchmarks._eviction_play import AllAlike, Played, identity_share, learn_map, outcome_matrix, play
from benchmarks._eviction_traces import MADE_UP, Op, Trace
from benchmarks.eviction import _regret, _regret_ci
from robomem.memory.eviction import Belady, Lru

INF = float("inf")


def test_looks_costs_and_futures_of_a_trace():
    ops = [Op(True, 1, 5), Op(False, 1, 6), Op(False, 1, 6), Op(True, 1, 5), Op(True, 2, 6)]
    trace = Trace(ops, places=9)
    assert trace.later == [3.0, 3.0, 3.0, INF, INF]
    assert trace.looks[0] == 5.0  # of nine places, none known: five on average
    assert (trace.looks[3], trace.first[3]) == (2.0, (6,))  # seen at 6 most, so it is looked for there first
    assert trace.cost[3] == pytest.approx((1 * 2 + 2 * 1) / 3)
    assert set(Trace(ops, searched=False).cost) == {1.0}


@pytest.mark.parametrize(
    ("ops", "hit", "looks"),
    [
        ([Op(False, 1, 5), Op(True, 1, 5)], [1.0], [1.0]),  # known and there
        ([Op(False, 1, 5), Op(True, 1, 6)], [1.0], [1.0 + (1 + 1) / 2]),  # known, gone: one place left of two, and no look twice
        ([Op(True, 1, 5), Op(True, 1, 5)], [0.0, 1.0], [1.5, 1.0]),  # found, then remembered
    ],
)
def test_playing(ops: list[Op], hit: list[float], looks: list[float]):
    played: Played = play(Trace(ops, places=2), Lru(), rows=3)
    assert (played.hit.tolist(), played.looks.tolist()) == (hit, looks)


@pytest.mark.parametrize("name", MADE_UP)
def test_belady_is_a_bound_on_every_made_up_trace(name: str):
    trace = MADE_UP[name](np.random.default_rng(100), 300)
    assert len(trace.ops) == 300 and all(op.ask for op in trace.ops)
    best = play(trace, Belady(), 10).hit.sum()
    assert max(play(trace, policy, 10).hit.sum() for policy in (Lru(), AllAlike())) <= best


def test_each_class_has_its_own_best_policy_and_ama_finds_it():
    truth = outcome_matrix(np.random.default_rng(100), 40)
    assert all(max(row, key=lambda p: row[p]) == task for task, row in truth.items())
    found, outcome = learn_map(100, 400)
    assert identity_share([found]) == 1.0 and outcome > 0.7
    assert identity_share([{"FIFO": "FIFO", "LIFO": "MVFO"}]) == 0.5


def test_regret_is_a_share_of_the_best_fixed_policy():
    names = ("FIFO, keep position", "FIFO, re-queue", "LFU", "W-TinyLFU", "MVFO", "LVFO", "expected utility")
    policies = {name: {"late": 0.1} for name in names} | {"LRU": {"late": 0.8}, "AMA": {"late": 0.76}, "AMA, bandit": {"late": 0.88}}
    assert _regret(policies) == {"AMA": 0.05, "AMA, bandit": -0.1}
    unit = np.repeat([0, 1], 50)
    ci = _regret_ci(policies, {"LRU": (np.ones(100), unit), "AMA": (np.tile([1.0, 0.0], 50), unit)})
    assert ci == [0.5, 0.5]
