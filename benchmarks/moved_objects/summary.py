"""From counts per home to figures with 95 % intervals: bootstrap over homes, exact Poisson for rare removals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.moved_objects.scores_change import height_bin

Home = Mapping[str, Any]  # what `Scorer.result` gives of one memory on one home
HEIGHTS = ("3 cm", "8 cm", "20 cm")
assert {height_bin(h) for h in (0.03, 0.08, 0.2)} == set(HEIGHTS)


def mean_of(part: str, key: str) -> Callable[[Sequence[Home]], float]:
    """Mean over homes of one number."""

    def figure(homes: Sequence[Home]) -> float:
        values = [h[part][key] for h in homes if np.isfinite(h[part][key])]
        return float(np.mean(values)) if values else float("nan")

    return figure


def share_of(part: str, up: str, down: str) -> Callable[[Sequence[Home]], float]:
    """Sum over homes of one count by the sum of another."""

    def figure(homes: Sequence[Home]) -> float:
        below = sum(h[part][down] for h in homes)
        return sum(h[part][up] for h in homes) / below if below else float("nan")

    return figure


def f1_of(part: str) -> Callable[[Sequence[Home]], float]:
    """F1 of the pooled counts; NaN if there was nothing to find and nothing was claimed."""

    def figure(homes: Sequence[Home]) -> float:
        tp, fp, fn = (sum(h[part][k] for h in homes) for k in ("tp", "fp", "fn"))
        return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else float("nan")

    return figure


def survival_quantile(frames: Sequence[int], noticed: Sequence[bool], q: float) -> float:
    """The number of frames within which a share q is noticed; inf if so many never are.

    By Kaplan and Meier (1958): what was cut off counts for as long as it was watched.
    """
    n, done = np.asarray(frames, int), np.asarray(noticed, bool)
    left = 1.0
    for k in np.unique(n[done]):
        at_risk = int((n >= k).sum())
        left *= 1 - int((done & (n == k)).sum()) / at_risk
        if left <= 1 - q + 1e-12:
            return float(k)
    return float("inf") if len(n) else float("nan")


def notice(q: float, height: str | None = None) -> Callable[[Sequence[Home]], float]:
    """Quantile of the notice frames, of one height or all."""

    def figure(homes: Sequence[Home]) -> float:
        rows = [r for h in homes for r in h["notices"]["rows"] if height is None or r["height"] == height]
        return survival_quantile([r["frames"] for r in rows], [r["noticed"] for r in rows], q)

    return figure


def removals(homes: Sequence[Home]) -> float:
    """False removals per 10,000 object-in-clear-view frames."""
    frames = sum(h["removals"]["object_frames"] for h in homes)
    return 1e4 * sum(h["removals"]["false"] for h in homes) / frames if frames else float("nan")


def poisson_interval(events: int, exposure: float) -> list[float]:
    """Exact 95 % interval of a rate (Garwood 1936): from chi-square quantiles; the unit of `exposure` is the rate's denominator."""
    from scipy.stats import chi2

    if exposure <= 0:
        return [0.0, float("inf")]
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return [round(float(low) / exposure, 4), round(float(chi2.ppf(0.975, 2 * events + 2)) / 2 / exposure, 4)]


def _calibration(homes: Sequence[Home]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.sum([h["calibration"][k] for h in homes], axis=0) for k in ("count", "said", "right"))  # type: ignore[return-value]


def ece(homes: Sequence[Home]) -> float:
    """Expected calibration error of existence over ten bins: sum of |said - right| by all."""
    count, said, right = (a.reshape(10, -1).sum(axis=1) for a in _calibration(homes))
    return float(np.abs(said - right).sum() / count.sum()) if count.sum() else float("nan")


def brier(homes: Sequence[Home]) -> float:
    """Brier score of existence."""
    count = sum(sum(h["calibration"]["count"]) for h in homes)
    return sum(h["calibration"]["brier"] for h in homes) / count if count else float("nan")


def risk_coverage(homes: Sequence[Home]) -> dict[str, list[float]]:
    """Share of wrong ones among the surest things that are believed, as more are answered: points from the surest bin down."""
    count, _, right = (a[::-1][: len(a) // 2] for a in _calibration(homes))
    total, answered = max(float(count.sum()), 1.0), np.cumsum(count)
    keep = count > 0
    risk = 1 - np.cumsum(right)[keep] / answered[keep]
    return {"coverage": np.round(answered[keep] / total, 4).tolist(), "risk": np.round(risk, 4).tolist()}


def people_error(homes: Sequence[Home]) -> float:
    """Median position error of people in clear view, m."""
    errors = [e for h in homes for e in h["people"]["errors"]]
    return float(np.median(errors)) if errors else float("nan")


FIGURES: Mapping[str, Callable[[Sequence[Home]], float]] = {
    "gospa": mean_of("set", "gospa"),
    "gospa_localisation": mean_of("set", "localisation"),
    "gospa_missed": mean_of("set", "missed"),
    "gospa_false": mean_of("set", "false"),
    "hota": mean_of("tracks", "hota"),
    "det_a": mean_of("tracks", "det_a"),
    "ass_a": mean_of("tracks", "ass_a"),
    "idf1": mean_of("tracks", "idf1"),
    "identity_precision": share_of("moves", "right", "claims"),
    "identity_recall": share_of("moves", "right_moved", "again"),
    "false_removals_per_10k": removals,
    "notice_frames_median": notice(0.5),
    "notice_frames_p95": notice(0.95),
    "staleness_s": share_of("stale", "seconds", "n"),
    "ece": ece,
    "brier": brier,
    "relation_f1": f1_of("relations"),
    "change_f1": f1_of("past"),
    "people_error_m": people_error,
}


def summarise(homes: Sequence[Home], resamples: int) -> dict[str, Any]:
    """Every figure of one memory with its interval, and the counts behind it."""
    events, frames = (sum(h["removals"][k] for h in homes) for k in ("false", "object_frames"))
    out: dict[str, Any] = {"homes": len(homes), "images": int(sum(h["set"]["images"] for h in homes))}
    for name, figure in FIGURES.items():
        out[name] = clean(figure(homes))
        if name != "false_removals_per_10k":
            out[f"{name}_ci"] = interval(homes, figure, resamples)
    out |= {"false_removals": events, "object_frames": frames, "false_removals_per_10k_ci": poisson_interval(events, frames / 1e4)}
    out["notice_by_height"] = {
        h: {
            "n": sum(r["height"] == h for home in homes for r in home["notices"]["rows"]),
            "median": clean(notice(0.5, h)(homes)),
            "median_ci": interval(homes, notice(0.5, h), resamples),
            "p95": clean(notice(0.95, h)(homes)),
        }
        for h in HEIGHTS
    }
    out["claims"], out["seen_again"] = (sum(h["moves"][k] for h in homes) for k in ("claims", "again"))
    out["track_breaks"] = sum(h["people"]["breaks"] for h in homes)
    out["people_frames"] = sum(len(h["people"]["errors"]) + h["people"]["missed"] for h in homes)
    out["people_missed"] = sum(h["people"]["missed"] for h in homes)
    out["risk_coverage"] = risk_coverage(homes)
    out["ms_per_image"] = round(float(np.mean([h["ms_per_image"] for h in homes])), 2)
    return out


def interval(homes: Sequence[Home], figure: Callable[[Sequence[Home]], float], resamples: int) -> list[float | None]:
    """95 % percentile bootstrap over homes; None for an end that is not finite."""
    rng, n = np.random.default_rng(0), len(homes)
    draws = [figure([homes[k] for k in rng.integers(0, n, n)]) for _ in range(resamples)]
    return _ends(draws)


def ratio_interval(
    ours: Sequence[Home], other: Sequence[Home], figure: Callable[[Sequence[Home]], float], resamples: int
) -> list[float | None]:
    """The same of the ratio ours / other, the homes drawn together."""
    rng, n = np.random.default_rng(0), min(len(ours), len(other))
    draws = []
    for _ in range(resamples):
        pick = rng.integers(0, n, n)
        below = figure([other[k] for k in pick])
        draws.append(figure([ours[k] for k in pick]) / below if below else float("nan"))
    return _ends(draws)


def _ends(draws: Sequence[float]) -> list[float | None]:
    ordered = np.sort(np.array([d for d in draws if not np.isnan(d)]))
    if not len(ordered):
        return [None, None]
    picks = [ordered[int(np.floor(q * (len(ordered) - 1) + 0.5))] for q in (0.025, 0.975)]  # no interpolation: some may be infinite
    return [clean(float(p)) for p in picks]


def clean(value: float) -> float | None:
    """Four decimals; None for what is not finite (never reached, or nothing to measure)."""
    return round(float(value), 4) if np.isfinite(value) else None
