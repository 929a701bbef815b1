"""Particle kernels against their definitions, fresh draws and filterpy."""

from __future__ import annotations

import numpy as np
from filterpy.monte_carlo import systematic_resample as filterpy_resample
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from robomem.belief.particles import (
    NoisePool,
    effective_sample_size,
    look_through,
    normalise_log_weights,
    observe_clouds,
    systematic_resample,
    weigh_position,
    weighted_mean_cov,
)

weights = hnp.arrays(np.float32, st.integers(2, 80), elements=st.floats(-40, 10, width=32))


@given(weights)
def test_normalised_weights_sum_to_one(log_weights: np.ndarray) -> None:
    assert np.isclose(np.exp(normalise_log_weights(log_weights).astype(float)).sum(), 1.0, atol=1e-4)


def test_a_hopeless_cloud_becomes_uniform() -> None:
    out = normalise_log_weights(np.full(4, -np.inf, np.float32))
    assert np.allclose(np.exp(out), 0.25)


@settings(max_examples=60)
@given(weights, st.floats(0, 0.999))
def test_systematic_counts_differ_from_expectation_by_less_than_one(log_weights: np.ndarray, u: float) -> None:
    log_weights = normalise_log_weights(log_weights)
    w = np.exp(log_weights.astype(float))
    counts = np.bincount(systematic_resample(log_weights, u), minlength=len(w))
    assert (np.abs(counts - len(w) * w / w.sum()) < 1 + 1e-2).all()


def test_resampling_agrees_with_filterpy_on_the_counts() -> None:
    rng = np.random.default_rng(3)
    w = rng.dirichlet(np.ones(200))
    ours = np.bincount(systematic_resample(np.log(w).astype(np.float32), 0.5), minlength=200)
    theirs = np.bincount(filterpy_resample(w), minlength=200)
    assert np.abs(ours - theirs).max() <= 1


def test_effective_sample_size_of_known_weights() -> None:
    assert np.isclose(effective_sample_size(np.log(np.full(50, 0.02)).astype(np.float32)), 50, rtol=1e-3)
    assert np.isclose(effective_sample_size(normalise_log_weights(np.array([0, -60, -60], np.float32))), 1, rtol=1e-3)


def test_the_pool_is_as_normal_as_fresh_draws() -> None:
    pool = NoisePool(np.random.default_rng(0))
    drawn = np.concatenate([pool.normal((100, 3)).ravel() for _ in range(60)])
    assert stats.kstest(drawn, "norm").statistic < 0.02
    assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.03
    assert len(np.unique(pool.normal((1000,)))) > 990
    assert pool.normal((40_000,)).shape == (40_000,)


def test_the_pool_moves_clouds_as_fresh_draws_would() -> None:
    """Moments, distance from the normal law, and no memory: what moved a particle says nothing of what moves it next."""
    pool, steps = NoisePool(np.random.default_rng(5)), 60
    moves = np.zeros((steps, 6, 300, 3), np.float32)
    for t in range(steps):
        pool.diffuse(moves[t], np.array([0, 2, 3, 5]), 1.0)
    assert (moves[:, [1, 4]] == 0).all()
    moved = moves[:, [0, 2, 3, 5]].astype(float)
    flat = moved.ravel()
    assert abs(flat.mean()) < 0.01 and abs(flat.std() - 1) < 0.01 and abs(stats.skew(flat)) < 0.05 and abs(stats.kurtosis(flat)) < 0.1
    assert stats.kstest(flat, "norm").statistic < 0.01
    for lag in (1, 2, 5):
        assert abs(np.mean(moved[lag:] * moved[:-lag])) < 0.015
    assert abs(np.mean(moved[:, :, 1:] * moved[:, :, :-1])) < 0.02


def test_a_filter_with_the_pool_errs_as_one_with_fresh_draws() -> None:
    """Error and its size against the filter's own covariance (NEES), 150 things over 25 steps on the same measurements."""
    from benchmarks.particles import pool_filters

    out = pool_filters([0], 150)
    assert abs(out["rmse_m_ratio"] - 1) < 0.04
    assert abs(out["nees_ratio"] - 1) < 0.2


def test_weighing_is_the_gaussian_likelihood() -> None:
    rng = np.random.default_rng(1)
    cloud = rng.normal(0, 0.1, (300, 3)).astype(np.float32)
    cov = np.diag([0.01, 0.02, 0.005])
    z = np.array([0.05, 0.0, -0.02], np.float32)
    ours = weigh_position(cloud, np.zeros(300, np.float32), z, np.linalg.inv(cov).astype(np.float32))
    expected = stats.multivariate_normal(z, cov).logpdf(cloud)
    expected -= np.log(np.exp(expected).sum())
    assert np.allclose(ours, expected, atol=1e-2)


def test_posterior_mean_matches_kalman_on_a_linear_problem() -> None:
    rng = np.random.default_rng(2)
    prior_var, r = 0.04, 0.01
    cloud = rng.normal(0, np.sqrt(prior_var), (20_000, 3)).astype(np.float32)
    z = np.array([0.2, -0.1, 0.1], np.float32)
    mean, cov = weighted_mean_cov(cloud, weigh_position(cloud, np.zeros(len(cloud), np.float32), z, (np.eye(3) / r).astype(np.float32)))
    gain = prior_var / (prior_var + r)
    assert np.allclose(mean, gain * z, atol=0.01)
    assert np.allclose(np.diag(cov), (1 - gain) * prior_var, rtol=0.15)


def _look(depth: float, z: float = 2.0, margin: float = 0.05, thickness: float = 0.1, above: float = np.inf) -> tuple[float, ...]:
    image = np.full((20, 20), depth, np.float32)
    k = np.array([20, 20, 10, 10], np.float32)
    eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    high = np.array([above], np.float32)
    share = look_through(np.array([[0, 0, z]], np.float32), np.zeros((1, 3), np.float32), high, eye, zero, k, image, margin, thickness, 1)
    return tuple(share[0].tolist())


def test_what_a_depth_says_of_a_point_at_two_metres() -> None:
    table = {3.0: (1, 0, 0, 0, 0), 2.03: (0, 1, 0, 0, 0), 1.9: (0, 1, 0, 0, 0), 1.5: (0, 0, 1, 0, 0), 0.0: (0, 0, 0, 0, 0)}
    for depth, expected in table.items():
        assert _look(depth) == expected, depth
    assert _look(3.0, z=-1.0) == (0, 0, 0, 0, 0)


def test_a_point_close_above_what_it_lies_on_says_nothing() -> None:
    """Looking down from 2 m: with a thing gone whose top is 3 cm up, the depth is 3 cm longer; within a margin of 5 cm both look alike."""
    down = np.diag([1, -1, -1]).astype(np.float32)  # camera z points at the floor
    t = np.array([0, 0, 2.0], np.float32)
    k, image = np.array([20, 20, 10, 10], np.float32), np.full((20, 20), 2.0, np.float32)
    for height, expected in ((0.03, (0, 0, 0, 1, 0)), (0.07, (1, 0, 0, 0, 0))):
        top = np.array([[0, 0, height]], np.float32)
        share = look_through(top, np.zeros((1, 3), np.float32), np.array([height], np.float32), down, t, k, image, 0.05, 0.1, 1)
        assert tuple(share[0].tolist()) == expected


def test_many_clouds_at_once_are_each_treated_as_one_alone() -> None:
    """The batched step against its parts, with the same draws: reset of the lightest, weighing, resampling, mean and covariance."""
    rng = np.random.default_rng(4)
    n, count, k = 5, 60, 5
    positions = rng.normal(0, 0.05, (8, count, 3)).astype(np.float32)
    log_weights = np.array([normalise_log_weights(rng.normal(0, 1, count).astype(np.float32)) for _ in range(8)])
    rows, z = np.array([6, 0, 3, 7, 2]), rng.normal(0, 0.05, (n, 3))
    cov = np.diag([4e-4, 9e-4, 1e-4]) * np.array([1.0, 200.0, 1.0, 200.0, 1.0])[:, None, None]  # vague ones leave the cloud as it is
    inflate = np.array([1.0, 6.0, 1.0, 6.0, 1.0])
    log_weights[[0, 7]] = -np.log(count)
    fresh, uniforms = rng.standard_normal((n, k, 3)).astype(np.float32), rng.random(n)
    mean, spread = np.zeros((8, 3)), np.zeros((8, 3, 3))
    got_positions, got_weights = positions.copy(), log_weights.copy()
    observe_clouds(got_positions, got_weights, rows, z, cov, inflate, fresh, uniforms, mean, spread)
    resampled = 0
    for i, r in enumerate(rows):
        cloud, w = positions[r].copy(), log_weights[r].copy()
        order = np.argsort(w, kind="stable")[:k]
        cloud[order] = z[i] + fresh[i] @ np.linalg.cholesky(cov[i] + np.eye(3) * 1e-6).T
        w[order] = -np.log(count) - 1.5
        w = weigh_position(cloud, normalise_log_weights(w), z[i].astype(np.float32), np.linalg.inv(cov[i] * inflate[i]).astype(np.float32))
        if effective_sample_size(w) < count / 2:
            cloud, w = cloud[systematic_resample(w, uniforms[i])], np.full(count, -np.log(count), np.float32)
            resampled += 1
        assert np.allclose(got_positions[r], cloud, atol=1e-6) and np.allclose(got_weights[r], w, atol=1e-4)
        expected = weighted_mean_cov(cloud, w)
        assert np.allclose(mean[r], expected[0], atol=1e-6) and np.allclose(spread[r], expected[1], atol=1e-7)
    assert 0 < resampled < n
    untouched = np.setdiff1d(np.arange(8), rows)
    assert (got_positions[untouched] == positions[untouched]).all() and (mean[untouched] == 0).all()
