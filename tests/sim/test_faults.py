"""Faults, drift and keyed randomness: the right rates, bounds, and the same draw for the same key."""

import numpy as np
import pytest

from robomem.errors import ConfigError
from robomem_sim.drift import Drift, DriftModel
from robomem_sim.faults import Faults
from robomem_sim.keyed import keyed_generator, keyed_normal, keyed_uniform


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_fault_rates(rate):
    faults = Faults(grasp_failure=rate, open_failure=1 - rate, seed=1)
    assert np.mean([faults.grasp_slips() for _ in range(2000)]) == pytest.approx(rate, abs=0.04)
    assert np.mean([faults.door_sticks() for _ in range(2000)]) == pytest.approx(1 - rate, abs=0.04)


def test_faults_repeat_with_their_seed():
    a, b, c = (
        [Faults(0.5, seed=s).grasp_slips() for _ in range(1)] + [f.grasp_slips() for f in [Faults(0.5, seed=s)] for _ in range(40)]
        for s in (1, 1, 2)
    )
    assert a == b and b != c


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_fault_rate_is_a_probability(value):
    with pytest.raises(ConfigError, match=r"Faults.grasp_failure: expected a probability in 0..1"):
        Faults(grasp_failure=value)


def test_drift_spreads_as_modelled_and_stays_in_bounds():
    model = DriftModel()
    drift, seen = Drift(np.random.default_rng(0), model), []
    for _ in range(20_000):
        drift.step(1.0)
        seen.append(drift.offset)
    seen = np.array(seen)
    assert np.abs(seen[:, :2]).max() <= model.bound_m and np.abs(seen[:, 2]).max() <= model.bound_rad
    assert seen[:, 0].std() == pytest.approx(model.sigma_m, rel=0.15) and abs(seen.mean(axis=0)).max() < 0.002
    assert np.corrcoef(seen[:-25, 0], seen[25:, 0])[0, 1] == pytest.approx(np.exp(-1), abs=0.1)


def test_believed_yaw_is_wrapped():
    drift = Drift(np.random.default_rng(0))
    drift.offset = np.array([0.0, 0.0, 0.01])
    assert drift.believed(np.array([1.0, 2.0, np.pi - 0.005]))[2] == pytest.approx(-np.pi + 0.005)


def test_keyed_numbers_depend_on_the_key_alone():
    u = np.array([keyed_uniform("mug", k) for k in range(4000)])
    z = np.array([keyed_normal("mug", k) for k in range(4000)])
    assert ((u > 0) & (u < 1)).all() and u.mean() == pytest.approx(0.5, abs=0.02) and len(set(u)) == 4000
    assert z.mean() == pytest.approx(0, abs=0.05) and z.std() == pytest.approx(1, abs=0.04)
    assert keyed_uniform("a", 1) == keyed_uniform("a", 1) != keyed_uniform("a", 2)
    assert keyed_generator("x").random() == keyed_generator("x").random()
