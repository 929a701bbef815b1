"""`robomem bench particles`: our particle kernels against filterpy's loop and Stone Soup on the same inputs in one process."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks._particle_engines import STEP_M, Ours, Problem, Step, filterpy_loop, stone_soup
from robomem.belief.particles import NoisePool
from robomem.evaluation.registry import BenchArgs
from robomem.evaluation.report import bootstrap_ci, table

SIZES = ((20, 500), (100, 500), (1000, 100))
CONSISTENCY = (400, 100, 40)  # things, particles, steps of one comparison of pool and fresh draws


def run(args: BenchArgs) -> dict[str, Any]:
    """Milliseconds of CPU a step and engine, ratios with intervals over repetitions, and what the noise pool does to the filter."""
    rounds = 5 if args.quick else 25
    sizes = SIZES[1:2] if args.quick else SIZES
    rows, figures = [], {}
    for things, particles in sizes:
        row = compare(things, particles, rounds)
        rows.append({"things": things, "particles": particles, **row})
        for rival in ("filterpy", "stonesoup"):
            figures[f"vs_{rival}_{things}x{particles}"] = row[f"vs_{rival}"]
            figures[f"vs_{rival}_{things}x{particles}_ci"] = row[f"vs_{rival}_ci"]
        args.say(table([{k: v for k, v in rows[-1].items() if not k.endswith("_ci")}]))
    pool = pool_draws(np.random.default_rng(0), 60 if args.quick else 400)
    seeds = list(args.seeds) or list(range(2 if args.quick else 20))
    filters = pool_filters(seeds, 100 if args.quick else CONSISTENCY[0])
    args.say(table([pool]))
    args.say(table([{k: v for k, v in filters.items() if not k.endswith("_ci")}]))
    return {
        "n": rounds,
        "seeds": f"0; noise pool {seeds[0]}-{seeds[-1]}",
        "clock": "process time, one thread, engines in turn within each round; every engine resamples at every step",
        "load_average": [round(v, 1) for v in os.getloadavg()],
        **figures,
        "rows": rows,
        "noise_pool": {**pool, **filters},
    }


def compare(things: int, particles: int, rounds: int) -> dict[str, Any]:
    """Every engine steps through the same measurements in turn; a round's ratio compares steps milliseconds apart."""
    problem = Problem.make(things, particles, rounds + 1, np.random.default_rng(0))
    engines: dict[str, Step] = {
        "robomem": Ours(problem, np.random.default_rng(1)),
        "filterpy": filterpy_loop(problem, np.random.default_rng(2)),
        "stonesoup": stone_soup(problem, 3),
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    errors: dict[str, list[float]] = {name: [] for name in engines}
    for t in range(rounds + 1):
        for name, step in engines.items():
            start = time.process_time()
            means = step(problem.z[t])
            spent = 1000 * (time.process_time() - start)
            if t:  # the first step compiles and imports
                times[name].append(spent)
                errors[name].append(float(np.sqrt(np.mean((means - problem.truth[t]) ** 2))))
    out: dict[str, Any] = {}
    for name in engines:
        out[f"{name}_ms"] = round(float(np.median(times[name])), 3)
        out[f"{name}_ms_ci"] = bootstrap_ci(times[name], lambda v: float(np.median(v)))
    for rival in ("filterpy", "stonesoup"):
        ratio = np.array(times[rival]) / np.array(times["robomem"])
        out[f"vs_{rival}"] = round(float(np.median(ratio)), 1)
        out[f"vs_{rival}_ci"] = bootstrap_ci(ratio.tolist(), lambda v: float(np.median(v)))
    return out | {f"{name}_rmse_m": round(float(np.mean(errors[name])), 5) for name in engines}


def pool_draws(rng: np.random.Generator, steps: int, particles: int = 500, clouds: int = 8) -> dict[str, Any]:
    """Moments, Kolmogorov-Smirnov distance and correlation over lags of the steps one cloud's particles are moved by.

    Draws of a pool repeat, so a p-value of independence would be of the wrong question: distances and correlations are given beside
    those of as many fresh draws.
    """
    return {"draws": steps * particles * clouds * 3} | {
        f"{name}_{key}": value
        for name, fresh in (("pool", False), ("fresh", True))
        for key, value in _draw_figures(rng, steps, particles, clouds, fresh).items()
    }


def _draw_figures(rng: np.random.Generator, steps: int, particles: int, clouds: int, fresh: bool) -> dict[str, float]:
    pool, rows = NoisePool(rng), np.arange(clouds)
    moves = np.zeros((steps, clouds, particles, 3), np.float32)
    for t in range(steps):
        if fresh:
            moves[t] = rng.standard_normal(moves[t].shape, np.float32)
        else:
            pool.diffuse(moves[t], rows, 1.0)
    flat = moves.astype(np.float64).ravel()
    series = moves.astype(np.float64).transpose(1, 2, 3, 0).reshape(-1, steps)
    lags = [float(np.mean(series[:, lag:] * series[:, :-lag])) for lag in range(1, 6)]
    neighbours = float(np.mean(moves[:, :, 1:].astype(np.float64) * moves[:, :, :-1]))
    return {
        "mean": round(float(flat.mean()), 5),
        "std": round(float(flat.std()), 5),
        "skewness": round(float(stats.skew(flat)), 4),
        "excess_kurtosis": round(float(stats.kurtosis(flat)), 4),
        "ks": round(float(stats.kstest(flat[:: max(1, len(flat) // 200_000)], "norm").statistic), 5),
        "largest_lag_correlation": round(max(lags, key=abs), 5),
        "neighbour_correlation": round(neighbours, 5),
    }


def pool_filters(seeds: list[int], things: int) -> dict[str, Any]:
    """Root mean square error and NEES (3 for an honest filter in 3-D) with the pool and with fresh draws, on the same measurements."""
    kinds = {"pool": False, "fresh": True}
    rmse: dict[str, list[float]] = {k: [] for k in kinds}
    nees: dict[str, list[float]] = {k: [] for k in kinds}
    for seed in seeds:
        problem = Problem.make(things, CONSISTENCY[1], CONSISTENCY[2], np.random.default_rng(seed))
        for kind, fresh in kinds.items():
            error, consistency = _run_filter(Ours(problem, np.random.default_rng(1000 + seed), fresh, 0.5), problem)
            rmse[kind].append(error)
            nees[kind].append(consistency)
    out: dict[str, Any] = {"filter_runs": len(seeds) * things, "steps_each": CONSISTENCY[2]}
    for name, values in (("rmse_m", rmse), ("nees", nees)):
        for kind in kinds:
            out[f"{kind}_{name}"] = round(float(np.mean(values[kind])), 5)
        ratio = (np.array(values["pool"]) / np.array(values["fresh"])).tolist()
        out[f"{name}_ratio"] = round(float(np.mean(ratio)), 4)
        out[f"{name}_ratio_ci"] = bootstrap_ci(ratio)
    return out


def _run_filter(engine: Ours, problem: Problem) -> tuple[float, float]:
    squares: list[float] = []
    consistency: list[float] = []
    for t, z in enumerate(problem.z):
        error: NDArray[np.float64] = engine(z) - problem.truth[t]
        if t < 10:  # the start is the same for both
            continue
        squares.append(float(np.mean(np.sum(error**2, axis=1))))
        consistency.append(
            float(np.mean(np.einsum("na,na->n", error, np.linalg.solve(engine.cov + np.eye(3) * STEP_M**4, error[..., None])[..., 0])))
        )
    return float(np.sqrt(np.mean(squares))), float(np.mean(consistency))
